// The networks of the book in plain JavaScript: the ResNet-TCN, its branch of features, the trees.
// A sequence is one array, sample by sample, the channels of a sample side by side; the window of a
// convolution is then one stretch of it, and an output is a dot product with it.
"use strict";
globalThis.Live ??= {};
Live.network = (() => {
  const CLASSES = ["N", "S", "V", "F"], SAMPLES = 180;

  async function inflate(base64) {
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(inflated).arrayBuffer());
  }

  // A function that takes arrays out of bytes, one after the other. Of an array come the first
  // bytes of all numbers, then the second ones, and so on.
  function reader(bytes) {
    let at = 0;
    return (Kind, n) => {
      const size = Kind.BYTES_PER_ELEMENT, whole = new Uint8Array(n * size);
      for (let b = 0; b < size; b++) {
        for (let i = 0; i < n; i++) whole[i * size + b] = bytes[at++];
      }
      return new Kind(whole.buffer);
    };
  }

  // Layers by name: weights (outputs, window), biases (outputs,); a window is taps * inputs long.
  const KINDS = { int8: Int8Array, int16: Int16Array };
  async function unpackLayers({ layers, data }) {
    const take = reader(await inflate(data)), found = {};
    for (const [name, precision, outputs, taps, inputs] of layers) {
      const window = taps * inputs, biases = take(Float32Array, outputs);
      let weights;
      if (precision === "float32") {
        weights = take(Float32Array, outputs * window);
      } else {
        const scales = take(Float32Array, outputs);
        const steps = take(KINDS[precision], outputs * window);
        weights = new Float32Array(steps.length);
        for (let i = 0; i < steps.length; i++) weights[i] = steps[i] * scales[Math.floor(i / window)];
      }
      found[name] = { weights, biases, outputs, window };
    }
    return found;
  }

  // The definition: y[t][o] = bias[o] + sum over i of weight[o][i] x[t * step + i], plus the edge's
  // y[t][o] if there is one, and nothing below zero with relu.
  function convolve(x, step, rows, layer, { relu = true, edge = null } = {}) {
    const { weights, biases, outputs, window } = layer, y = new Float32Array(rows * outputs);
    for (let t = 0; t < rows; t++) {
      for (let o = 0; o < outputs; o++) {
        const from = t * step, row = o * window;
        let sum = biases[o] + (edge ? edge[t * outputs + o] : 0);
        for (let i = 0; i < window; i++) sum += weights[row + i] * x[from + i];
        y[t * outputs + o] = relu && sum < 0 ? 0 : sum;
      }
    }
    return y;
  }

  // The same by the kernel, which keeps all weights in its memory, transposed: (window, outputs).
  function accelerate(layers) {
    const round = (n) => Math.ceil(n / 8) * 8, sizes = Object.values(layers);
    const room = ({ outputs, window }) => round(outputs) * (window + 1);
    const X = round(sizes.reduce((sum, layer) => sum + room(layer), 16));
    const ROOM = 2 ** 14, EDGE = X + ROOM, Y = EDGE + ROOM;
    const { memory, convolve: run } = Live.kernel.instantiate(Y + ROOM);
    const places = new Map();
    let at = 16;
    for (const layer of sizes) {
      const { window } = layer, outputs = round(layer.outputs);
      const weights = at, biases = at + outputs * window;
      for (let o = 0; o < layer.outputs; o++) {
        for (let i = 0; i < window; i++) {
          memory[weights + i * outputs + o] = layer.weights[o * window + i];
        }
      }
      memory.set(layer.biases, biases);
      places.set(layer, { weights, biases, outputs });
      at = biases + outputs;
    }
    return (x, step, rows, layer, { relu = true, edge = null } = {}) => {
      memory.set(x, X);
      if (edge) memory.set(edge, EDGE);
      run(X, step, layer.window, places.get(layer), edge ? EDGE : 0, relu, Y, rows);
      return memory.slice(Y, Y + rows * layer.outputs);
    };
  }

  // Zeros before and after a sequence, so that a window of three is centred.
  function pad(x, channels, samples) {
    const y = new Float32Array(x.length + 2 * samples * channels);
    y.set(x, samples * channels);
    return y;
  }

  // The ResNet, (180,) -> (45 * 64,). The Inception stem's four kernels are one of width 5 on two
  // channels: the beat, and the largest of each sample and its neighbours.
  function resnet(beat, layers, conv) {
    const both = new Float32Array(2 * SAMPLES);
    for (let t = 0; t < SAMPLES; t++) {
      both[2 * t] = beat[t];
      const before = beat[Math.max(t - 1, 0)], after = beat[Math.min(t + 1, SAMPLES - 1)];
      both[2 * t + 1] = Math.max(before, beat[t], after);
    }
    let x = conv(pad(both, 2, 2), 2, SAMPLES, layers.stem), samples = SAMPLES, channels = 32;
    for (let i = 0; layers[`resnet.${i}.conv1`]; i++) {
      const first = layers[`resnet.${i}.conv1`], second = layers[`resnet.${i}.conv2`];
      const aside = layers[`resnet.${i}.edge`], stride = aside ? 2 : 1, outputs = first.outputs;
      const rows = Math.ceil(samples / stride);
      const h = conv(pad(x, channels, 1), stride * channels, rows, first);
      const edge = aside ? conv(x, stride * channels, rows, aside, { relu: false }) : x;
      x = conv(pad(h, outputs, 1), outputs, rows, second, { edge });
      [samples, channels] = [rows, outputs];
    }
    return x;
  }

  // The TCN's last step, (180,) -> (256,), and nothing that it does not need: block i needs its
  // input at every 2^i-th sample back from the end, where its dilated filters are plain ones.
  // 181 -> 175 -> 85 -> 79 -> 37 -> 31 -> 13 -> 7 -> 1 samples.
  function tcn(beat, layers, conv) {
    let x = new Float32Array(SAMPLES + 1), samples = SAMPLES + 1, channels = 1;
    x.set(beat, 1); // a zero stands before the first sample
    for (let i = 0; layers[`tcn.${i}.conv1`]; i++) {
      const first = layers[`tcn.${i}.conv1`], second = layers[`tcn.${i}.conv2`];
      const stride = layers[`tcn.${i + 1}.conv1`] ? 2 : 1, outputs = first.outputs;
      const rows = samples - 6, kept = Math.floor((rows - 7) / stride) + 1;
      const from = x.subarray(12 * channels), aside = layers[`tcn.${i}.edge`];
      const edge = conv(from, stride * channels, kept, aside, { relu: false });
      const h = conv(x, channels, rows, first);
      const inner = conv(h, stride * outputs, kept, second); // a ReLU before the edge is added
      x = inner.map((v, k) => Math.max(v + edge[k], 0));
      [samples, channels] = [kept, outputs];
    }
    const squeezed = conv(x, 0, 1, layers["se.reduce"]);
    const gates = conv(squeezed, 0, 1, layers["se.expand"], { relu: false });
    return x.map((v, k) => v / (1 + Math.exp(-gates[k])));
  }

  function softmax(logits) {
    const most = Math.max(...logits), e = Array.from(logits, (v) => Math.exp(v - most));
    const sum = e.reduce((a, b) => a + b);
    return e.map((v) => v / sum);
  }

  // Class probabilities of one beat by the network: its branches side by side, then a linear layer.
  function classifyBeat(beat, features, layers, conv) {
    const parts = [resnet(beat, layers, conv)];
    if (layers["tcn.0.conv1"]) parts.push(tcn(beat, layers, conv));
    if (layers["features.1"]) {
      const hidden = conv(features, 0, 1, layers["features.1"]);
      parts.push(conv(hidden, 0, 1, layers["features.2"]));
    }
    const joined = new Float32Array(layers.linear.window);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return softmax(convolve(joined, 0, 1, layers.linear, { relu: false })); // sums of 64 bits
  }

  // Gradient-boosted trees: a function of a beat's features that adds up the leaves it comes to.
  async function plantTrees({ nodes, roots, bias, data }) {
    const take = reader(await inflate(data));
    const number = take(Float32Array, nodes), left = take(Uint16Array, nodes);
    const right = take(Uint16Array, nodes), feature = take(Uint8Array, nodes);
    return (features) => {
      const votes = bias.slice();
      roots.forEach((root, tree) => {
        let node = root;
        while (left[node] !== node) { // a leaf leads to itself
          node = features[feature[node]] <= number[node] ? left[node] : right[node];
        }
        votes[tree % 4] += number[node];
      });
      return softmax(votes);
    };
  }

  // Make a network of its description in weights_*.js: `classify(beats, features)` gives a row of
  // four probabilities per beat. `kernel` says whether WebAssembly computes the convolutions.
  async function load(about, useKernel = true) {
    const layers = await unpackLayers(about), trees = about.trees && await plantTrees(about.trees);
    let conv = convolve, kernel = false;
    if (useKernel) {
      try {
        const { linear, ...rest } = layers;
        [conv, kernel] = [accelerate(rest), true];
      } catch (error) {
        console.info(`Plain JavaScript computes, as WebAssembly cannot be used: ${error.message}`);
      }
    }
    function classifyOne(beat, features) {
      const p = classifyBeat(beat, features, layers, conv);
      if (!trees) return p;
      const q = trees(features);
      return softmax(p.map((v, c) => Math.log(Math.max((v + q[c]) / 2, 1e-9)) / about.temperature));
    }
    const classify = (beats, features) => beats.map((beat, i) => classifyOne(beat, features?.[i]));
    return { about, classify, kernel };
  }

  return { CLASSES, load, convolve, accelerate };
})();
