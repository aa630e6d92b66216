// Page 07: which samples of a beat the last step of a TCN reads.
"use strict";
Live.frames.receptive = {
  title: "Try it: the receptive field",
  needs: ["frame_receptive_data.js"],

  // Dilations of the convolutions, two per block, first to last.
  dilations: (base, blocks) => Array.from({ length: 2 * blocks }, (_, i) => base ** (i >> 1)),

  // Lags, in samples before the last one, that the last step reads: of each layer, the input first.
  readLags(k, dilations) {
    const layers = [[0]];
    for (const d of [...dilations].reverse()) {
      const lags = new Set();
      for (const lag of layers[0]) for (let i = 0; i < k; i++) lags.add(lag + i * d);
      layers.unshift([...lags].sort((a, b) => a - b));
    }
    return layers;
  },

  draw(box) {
    const { html, svg, slider, picture, curve } = Live.tools;
    const { beat } = Live.frame_receptive, LENGTH = beat.length;
    const chosen = { k: 7, base: 2, blocks: 4 };
    const ROW = 24, RIGHT = 62, BEAT = 100, MOST = 5; // pixels, and blocks
    const height = (2 * MOST + 1) * ROW + BEAT;
    const result = html("p", { role: "status" });

    const redraw = picture(box, "Cone of the samples that the last step reads", height, (width) => {
      const dilations = Live.frames.receptive.dilations(chosen.base, chosen.blocks);
      const layers = Live.frames.receptive.readLags(chosen.k, dilations);
      say(dilations, layers[0]);
      const right = width - RIGHT, step = (right - 6) / (LENGTH - 1);
      const x = (lag) => right - lag * step, y = (layer) => height - BEAT - ROW * (layer + 0.5);
      const shown = layers.map((lags) => lags.filter((lag) => lag < LENGTH));
      const lines = dilations.map((d, i) => shown[i + 1].flatMap((lag) =>
        Array.from({ length: chosen.k }, (_, j) => lag + j * d).filter((end) => end < LENGTH).map((end) =>
          `M${x(lag).toFixed(1)} ${y(i + 1)}L${x(end).toFixed(1)} ${y(i)}`)).join(""));
      const dots = (lags, y) => lags.map((lag) => `M${x(lag).toFixed(1)} ${y(lag).toFixed(1)}h0`).join("");
      const names = ["input", ...dilations.map((d) => `d = ${d}`)];
      const mv = beat.map((v) => v / 100), most = Math.max(...mv), least = Math.min(...mv);
      const yOf = (lag) => height - 8 - ((mv[LENGTH - 1 - lag] - least) / (most - least)) * (BEAT - 26);
      return [
        svg("path", { class: "live-lines", d: lines.join("") }),
        svg("path", { class: "live-dots", d: shown.map((lags, i) => dots(lags, () => y(i))).join("") }),
        svg("path", { class: "live-curve", d: curve(LENGTH, x, yOf) }),
        svg("path", { class: "live-dots", d: dots(shown[0], yOf) }),
        ...names.map((name, i) => svg("text", { x: right + 8, y: y(i) + 4 }, name)),
        svg("text", { x: right + 8, y: height - 14 }, "beat"),
      ];
    });

    function say(dilations, lags) {
      const { k, base, blocks } = chosen, field = lags.at(-1) + 1;
      const sum = Array.from({ length: blocks }, (_, i) => base ** i).join(" + ");
      const inside = lags.filter((lag) => lag < LENGTH).length;
      const gaps = lags.length < field ? " It skips samples in between." : "";
      const zeros = field > LENGTH ? " Before the beat it reads zeros." : "";
      result.textContent = `R = 1 + 2 · ${k - 1} · (${sum}) = ${field} samples, ` +
        `${(field / 360).toFixed(2)}\u00a0s. The last step reads ${inside} of the ${LENGTH} samples ` +
        `of the beat.${gaps}${zeros}`;
    }

    const control = (name, words, min, max) =>
      slider(words, { min, max, value: chosen[name] }, String, (value) => {
        chosen[name] = value;
        redraw();
      });
    box.append(result, html("div", { class: "live-sliders" },
      control("k", "Kernel size k", 2, 11),
      control("base", "Dilation grows by a factor of", 1, 4),
      control("blocks", "Blocks", 1, MOST)));
  },
};
