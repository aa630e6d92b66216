// The page "Try it": what is chosen, what is changed, and how it is drawn.
"use strict";
(() => {
  const { CLASSES } = Live.network, { unpack } = Live.tools;
  const { FS, BEFORE, LENGTH, MARGINS, largest, cropAndResize } = Live.beats;
  const PX_PER_MM = 96 / 25.4, HEIGHT_MM = 50, ZERO_MM = 31; // the line of 0 mV, from the top
  const sayShift = (v) => `${Math.abs(Math.round(v / 0.36))} ms ${v < 0 ? "early" : "late"}`;
  const CHANGES = [ // name, words, least, most, step, at first, how it is said
    ["shift", "R peaks found", -40, 40, 1, 0, sayShift],
    ["crop", "Crop and resize: share kept", 50, 100, 1, 100, (v) => `${v} %`],
    ["ma", "Muscle noise, recorded", 0, 1, 0.02, 0, (v) => `${v.toFixed(2)} mV`],
    ["bw", "Baseline wander, recorded", 0, 2, 0.05, 0, (v) => `${v.toFixed(2)} mV`],
    ["mains", "Mains hum, 60 Hz", 0, 0.5, 0.01, 0, (v) => `${v.toFixed(2)} mV`],
    ["gain", "Amplitude", 20, 250, 5, 100, (v) => `${v} %`],
  ];
  const $ = (id) => document.getElementById(`live-${id}`);

  const state = {
    raw: null, // the recording in mV, before changes
    marks: [], // [R peak, annotator's symbol or "", 1 seen in training, 0 not, -1 neither]
    signal: null, // with changes
    clean: null, // denoised
    beats: [], // one per mark far enough from both ends: { mark, peak, before, after, samples, answer }
    selected: 0,
    pull: new Float32Array(LENGTH), // mV added to the selected beat
    at: BEFORE, // where the keyboard pulls
    shade: null,
    network: null,
    own: false,
    record: "", // name of the MIT-BIH record
    about: "", // where the recording is from
  };
  const values = Object.fromEntries(CHANGES.map(([name, , , , , first]) => [name, first]));
  let run = 0; // counts changes, so that an older computation stops

  const noise = { ma: unpack(Live.noise.ma), bw: unpack(Live.noise.bw) };

  const classOf = (symbol) => Live.beats.classOf(symbol, state.network.about);
  const isMistake = (beat) => {
    const wanted = classOf(beat.mark[1]);
    return Boolean(beat.answer) && CLASSES.includes(wanted) && largest(beat.answer) !== wanted;
  };

  // From the recording to what the network reads.
  function changeSignal() {
    const { raw } = state, gain = values.gain / 100, { ma, bw } = noise;
    return raw.map((v, i) =>
      v * gain + values.ma * ma[i % ma.length] + values.bw * bw[i % bw.length] +
      values.mains * Math.sin((2 * Math.PI * 60 * i) / FS));
  }

  function cutBeats() {
    const { signal, clean, network, marks } = state;
    state.beats = Live.beats.cut(signal, clean, marks, network.about, values.shift);
    if (values.crop < 100) {
      for (const beat of state.beats) beat.samples = cropAndResize(beat.samples, values.crop / 100);
    }
    const own = state.beats[state.selected];
    if (own) own.samples = own.samples.map((v, j) => v + state.pull[j]);
  }

  const pause = () => new Promise((resolve) => setTimeout(resolve));

  // Answer anew: the selected beat at once, the others after it, a few at a time.
  async function update({ reshade = true } = {}) {
    const mine = ++run, old = state.beats.map((beat) => beat.answer);
    if (!state.raw || !state.network) return;
    state.signal = changeSignal();
    state.clean = $("denoise").checked ? Live.denoising.prepareSignal(state.signal) : state.signal;
    cutBeats();
    const { beats } = state;
    if (!beats.length) {
      draw();
      return;
    }
    state.selected = Math.min(state.selected, beats.length - 1);
    const given = Live.beats.describe(beats, state.network.about);
    const answer = (rows) => {
      const features = given.features && rows.map((k) => given.features[k]);
      const found = state.network.classify(rows.map((k) => given.beats[k]), features);
      found.forEach((p, i) => (beats[rows[i]].answer = p));
    };
    answer([state.selected]);
    beats.forEach((beat, k) => (beat.answer ??= old.length === beats.length ? old[k] : undefined));
    if (reshade) state.shade = null;
    draw();
    const rest = beats.map((_, k) => k).filter((k) => k !== state.selected);
    while (rest.length) {
      await pause();
      if (mine !== run) return;
      answer(rest.splice(0, state.network.kernel ? 8 : 1));
    }
    if ($("occlusion").checked) shadeBeat(given);
    draw();
    report();
    document.documentElement.dataset.live = String(mine); // all is answered
  }

  // Fall of the answer's probability when 18 samples become a straight line, every 6 samples.
  function shadeBeat(given) {
    const k = state.selected, beat = given.beats[k], answer = state.beats[k].answer, WIDTH = 18;
    const c = CLASSES.indexOf(largest(answer)), hidden = [], starts = [];
    for (let j = 0; j + WIDTH <= LENGTH; j += 6) {
      const flat = beat.slice();
      const rise = (beat[j + WIDTH - 1] - beat[j]) / (WIDTH - 1);
      for (let i = 0; i < WIDTH; i++) flat[j + i] = beat[j] + rise * i;
      hidden.push(flat);
      starts.push(j);
    }
    const features = given.features && hidden.map(() => given.features[k]);
    const sum = new Float32Array(LENGTH), count = new Float32Array(LENGTH);
    state.network.classify(hidden, features).forEach((p, h) => {
      for (let i = starts[h]; i < starts[h] + WIDTH; i++) {
        sum[i] += Math.max(0, answer[c] - p[c]);
        count[i]++;
      }
    });
    state.shade = sum.map((v, i) => v / count[i]);
  }

  // Sentences.
  const percent = (p) => `${(100 * p).toFixed(1)} %`;

  function report() {
    const judged = state.beats.filter((beat) => CLASSES.includes(classOf(beat.mark[1])));
    const slow = " Plain JavaScript computes, as WebAssembly is not allowed here.";
    const how = state.network.kernel ? "" : slow;
    if (!judged.length) return say(`${state.beats.length} beats found and answered.${how}`);
    const count = (beats) => `${beats.filter(isMistake).length} of ${beats.length}`;
    if (isForStrangers()) {
      return say(`Mistakes on this strip: ${count(judged)} beats. ${sayWhose()}${how}`);
    }
    const [seen, unseen] = [1, 0].map((s) => count(judged.filter((beat) => beat.mark[2] === s)));
    const where = `${unseen} beats not seen in training, ${seen} seen in training`;
    return say(`Mistakes on this strip: ${where}.${how}`);
  }

  const isForStrangers = () => state.network.about.split === "people";
  const isKnown = () => state.network.about.trained_on.includes(state.record);
  const sayWhose = () => (isKnown() ?
    "This network was trained on this patient." : "This person was not in the network's training.");

  // Where the recording is from, and whether the network knows the person.
  function describeRecording() {
    $("about").textContent = state.own ? state.about : `${state.about} ${sayWhose()}`;
  }

  function say(sentence) {
    $("status").textContent = sentence;
  }

  function describeSelected() {
    const beat = state.beats[state.selected];
    if (!beat?.answer) return;
    const wanted = classOf(beat.mark[1]), most = Math.max(...beat.answer);
    const says = [`The network says ${largest(beat.answer)} (${percent(most)})`];
    if (wanted) says.push(`the annotators ${wanted}`);
    let training = "";
    if (!state.own) {
      const seen = ["; not seen in training", "; seen in training"][beat.mark[2]] ?? "";
      const stranger = "; this person was not in the network's training";
      const person = isKnown() ? "; trained on this patient" : stranger;
      training = isForStrangers() ? person : seen;
    }
    $("says").textContent = `${says.join(", ")}${training}.`;
    const at = `at ${(beat.peak / FS).toFixed(2)} s`;
    $("which").textContent = `Beat ${state.selected + 1} of ${state.beats.length}, ${at}`;
    [...$("bars").tBodies[0].rows].forEach((row, c) => {
      const [text, bar] = row.cells[1].children;
      text.textContent = percent(beat.answer[c]);
      bar.style.width = `${100 * beat.answer[c]}%`;
    });
  }

  // Drawing.
  const color = (name) => getComputedStyle($("ecg")).getPropertyValue(`--${name}`).trim();

  function prepareCanvas(canvas, width, height) {
    const scale = window.devicePixelRatio || 1, g = canvas.getContext("2d");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    g.setTransform(scale, 0, 0, scale, 0, 0);
    return g;
  }

  function drawGrid(g, width, height, square, offset = 0) {
    g.fillStyle = color("paper");
    g.fillRect(0, 0, width, height);
    for (const [every, name] of [[1, "small"], [5, "large"]]) {
      const step = every * square;
      g.strokeStyle = color(name);
      g.lineWidth = 1;
      g.beginPath();
      for (let x = -(offset % step); x < width; x += step) g.moveTo(x, 0), g.lineTo(x, height);
      for (let y = 0; y < height; y += step) g.moveTo(0, y), g.lineTo(width, y);
      g.stroke();
    }
  }

  function drawLine(g, from, to, x, y, style, width, dash = []) {
    g.setLineDash(dash);
    g.strokeStyle = style;
    g.lineWidth = width;
    g.beginPath();
    for (let i = from; i < to; i++) g.lineTo(x(i), y(i));
    g.stroke();
    g.setLineDash([]);
  }

  const pxOf = (sample) => (sample / FS) * 25 * PX_PER_MM;

  function drawStrip() {
    if (!state.clean) return; // the network is still being loaded
    const box = $("paper"), canvas = $("ecg"), total = Math.ceil(pxOf(state.raw.length));
    const width = Math.min(box.clientWidth, total), height = HEIGHT_MM * PX_PER_MM;
    const left = box.scrollLeft;
    $("track").style.width = `${total}px`;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const g = prepareCanvas(canvas, width, height);
    drawGrid(g, width, height, PX_PER_MM, left);
    const x = (i) => pxOf(i) - left, y = (v) => (ZERO_MM - 10 * v) * PX_PER_MM;
    const from = Math.max(Math.floor((left / pxOf(1))) - 2, 0);
    const to = Math.min(Math.ceil((left + width) / pxOf(1)) + 2, state.raw.length);
    const selected = state.beats[state.selected];
    if (selected) {
      g.fillStyle = color("wash");
      g.fillRect(x(selected.peak - BEFORE), 0, pxOf(LENGTH), height);
    }
    if (state.clean !== state.signal) {
      drawLine(g, from, to, x, (i) => y(state.signal[i]), color("faint"), 0.8);
    }
    drawLine(g, from, to, x, (i) => y(state.clean[i]), color("curve"), 1.4);
    g.textAlign = "center";
    for (const beat of state.beats) {
      const at = x(beat.peak), wanted = classOf(beat.mark[1]);
      if (at < -30 || at > width + 30 || !beat.answer) continue;
      const name = largest(beat.answer);
      g.font = "bold 17px system-ui, sans-serif";
      g.fillStyle = color(name);
      g.fillText(name, at, 19);
      if (!wanted) continue;
      g.fillStyle = color(wanted);
      g.font = "15px system-ui, sans-serif";
      g.fillText(wanted, at, height - 16);
      if (beat.mark[2] === 1 && !isForStrangers()) {
        g.beginPath();
        g.arc(at, height - 7, 3, 0, 2 * Math.PI);
        g.fill();
      }
      if (isMistake(beat)) {
        g.strokeStyle = color("V");
        g.lineWidth = 2;
        g.strokeRect(at - 13, 2, 26, height - 4);
      }
    }
  }

  let scaleOfOne = null; // from pixels to mV, for pulling

  function drawOne() {
    const canvas = $("one"), { clientWidth: width, clientHeight: height } = canvas;
    const beat = state.beats[state.selected];
    const g = prepareCanvas(canvas, width, height);
    drawGrid(g, width, height, width / 12.5); // half a second: 12.5 mm
    if (!beat) return;
    const all = [...beat.samples, ...beat.samples.map((v, j) => v - state.pull[j])];
    const low = Math.min(-0.8, ...all) - 0.1, high = Math.max(1.2, ...all) + 0.1;
    const x = (j) => (j / (LENGTH - 1)) * width, y = (v) => height * (1 - (v - low) / (high - low));
    scaleOfOne = (high - low) / height;
    if (state.shade) {
      const most = Math.max(0.02, ...state.shade);
      for (let j = 0; j < LENGTH; j++) {
        g.fillStyle = `rgba(${color("shade")}, ${(0.6 * state.shade[j]) / most})`;
        g.fillRect(Math.round(x(j)), 0, Math.round(x(j + 1)) - Math.round(x(j)), height);
      }
    }
    if (state.pull.some(Boolean)) {
      drawLine(g, 0, LENGTH, x, (j) => y(beat.samples[j] - state.pull[j]), color("faint"), 1.2, [4, 4]);
    }
    drawLine(g, 0, LENGTH, x, (j) => y(beat.samples[j]), color("curve"), 2.4);
    if (document.activeElement === canvas) {
      g.fillStyle = color("N");
      g.beginPath();
      g.arc(x(state.at), y(beat.samples[state.at]), 5, 0, 2 * Math.PI);
      g.fill();
    }
  }

  function draw() {
    drawStrip();
    drawOne();
    describeSelected();
  }

  // What the reader does.
  function select(k, scroll = true) {
    if (!state.beats.length) return;
    state.selected = Math.min(Math.max(k, 0), state.beats.length - 1);
    state.pull.fill(0);
    const box = $("paper");
    if (scroll) box.scrollLeft = pxOf(state.beats[state.selected].peak) - box.clientWidth / 2;
    update();
  }

  function nextMistake() {
    const n = state.beats.length;
    for (let d = 1; d <= n; d++) {
      const k = (state.selected + d) % n;
      if (isMistake(state.beats[k])) return select(k);
    }
    return say("There is no mistake on this strip as it is now.");
  }

  function pullAt(j, mv, from = state.pull) {
    state.pull = from.map((v, i) => v + mv * Math.exp(-0.5 * ((i - j) / 6) ** 2));
    update({ reshade: false });
  }

  function showRecording(raw, marks, about, record = "") {
    Object.assign(state, { raw, marks, about, record, own: !record });
    Object.assign(state, { selected: 0, beats: [], shade: null, clean: null });
    state.pull.fill(0);
    $("paper").scrollLeft = 0;
    $("mistake").disabled = state.own;
    return chooseNetwork();
  }

  function openStrip(k) {
    const strip = Live.strips[k], { record } = strip, seconds = String(strip.start_s % 60);
    const from = `${Math.floor(strip.start_s / 60)}:${seconds.padStart(2, "0")}`;
    const about = `MIT-BIH, record ${record}, 30 s from ${from} on, lead MLII.`;
    return showRecording(unpack(strip), strip.beats, about, record);
  }

  function openText(text, name) {
    try {
      const given = { rate: Number($("rate").value), stepsPerMv: Number($("steps").value) };
      const { signal, fs, doubts } = Live.reading.read(text, name, given);
      const peaks = Live.rPeaks.detect(signal);
      const inside = peaks.filter((p) => p >= MARGINS[0] && p + MARGINS[1] <= signal.length);
      if (!inside.length) throw new Error(`${name} has no heartbeat: try another file.`);
      const perMinute = (60 * peaks.length * FS) / signal.length;
      if (perMinute < 25 || perMinute > 250) {
        doubts.push(`${Math.round(perMinute)} beats per minute: is the rate right?`);
      }
      const lasts = `${Number(fs.toPrecision(5))} Hz, ${(signal.length / FS).toFixed(1)} s`;
      const about = [`${name}, ${lasts}; R peaks detected.`, ...doubts].join(" ");
      return showRecording(signal, peaks.map((p) => [p, "", -1]), about);
    } catch (error) {
      say(`${error.message} The strip stays as it was.`);
    }
  }

  const networks = {};
  let choice = 0; // counts choices, so that a network that comes late is not used

  // Of those for strangers, one of the cross-validation answers on the strips: it does not know most
  // of their people. The published one, which knows them all, answers on the reader's own recording.
  async function chooseNetwork() {
    const mine = ++choice, chosen = $("network").value;
    const name = chosen === "strangers" && !state.own ? "fold" : chosen;
    try {
      await Live.load(`weights_${name}.js`);
      networks[name] ??= await Live.network.load(Live[`weights_${name}`]);
      if (mine !== choice) return;
      state.network = networks[name];
      describeRecording();
      await update();
    } catch (error) {
      say(error.message);
    }
  }

  function buildControls() {
    for (const [name, words, least, most, step, first, format] of CHANGES) {
      const label = document.createElement("label"), input = document.createElement("input");
      const output = document.createElement("output");
      label.className = "live-slider";
      Object.assign(input, { type: "range", min: least, max: most, step, value: first });
      input.id = `live-${name}`;
      const show = () => {
        values[name] = Number(input.value);
        output.textContent = format(values[name]);
        input.setAttribute("aria-valuetext", output.textContent);
      };
      input.addEventListener("input", () => (show(), update()));
      input.addEventListener("live-reset", () => ((input.value = first), show()));
      label.append(words, input, output); // a label names the first control within it
      $("sliders").append(label);
      show();
    }
    for (const name of CLASSES) {
      const row = $("bars").tBodies[0].insertRow(), head = document.createElement("th");
      Object.assign(head, { scope: "row", textContent: name });
      const bar = Object.assign(document.createElement("span"), { className: "bar" });
      bar.style.background = `var(--${name})`;
      row.append(head);
      row.insertCell().append(document.createElement("span"), bar);
    }
    Live.strips.forEach((strip, k) => $("strip").add(new Option(`${strip.record}: ${strip.shows}`, k)));
  }

  let opened = null; // the reader's file, to be read anew when its rate is given

  function connect() {
    const on = (id, event, handler) => $(id).addEventListener(event, handler);
    on("network", "change", chooseNetwork);
    on("strip", "change", () => openStrip(Number($("strip").value)));
    on("file", "change", async () => {
      const [file] = $("file").files;
      if (!file) return;
      const bytes = new Uint8Array(await file.arrayBuffer()), wide = [0xff, 0xfe].includes(bytes[0]);
      const encoding = wide ? (bytes[0] === 0xff ? "utf-16le" : "utf-16be") : "utf-8";
      opened = { text: new TextDecoder(encoding).decode(bytes), name: file.name };
      openText(opened.text, opened.name);
    });
    for (const id of ["rate", "steps"]) {
      on(id, "change", () => opened && openText(opened.text, opened.name));
    }
    on("denoise", "change", () => update());
    on("occlusion", "change", () => update());
    on("previous", "click", () => select(state.selected - 1));
    on("next", "click", () => select(state.selected + 1));
    on("mistake", "click", nextMistake);
    on("reset", "click", () => {
      for (const input of $("sliders").querySelectorAll("input")) {
        input.dispatchEvent(new Event("live-reset"));
      }
      $("denoise").checked = true;
      state.pull.fill(0);
      update();
    });
    on("paper", "scroll", () => requestAnimationFrame(drawStrip));
    on("paper", "keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      select(state.selected + step);
    });
    on("paper", "click", (event) => {
      const box = $("paper"), x = event.clientX - box.getBoundingClientRect().left;
      const sample = (x + box.scrollLeft) / pxOf(1);
      const away = state.beats.map((beat) => Math.abs(beat.peak - sample));
      select(away.indexOf(Math.min(...away)), false);
    });
    const one = $("one");
    let pulling = null;
    on("one", "pointerdown", (event) => {
      one.setPointerCapture(event.pointerId);
      const j = Math.round((event.offsetX / one.clientWidth) * (LENGTH - 1));
      pulling = { j, y: event.offsetY, from: state.pull, scale: scaleOfOne };
    });
    on("one", "pointermove", (event) => {
      if (pulling) pullAt(pulling.j, (pulling.y - event.offsetY) * pulling.scale, pulling.from);
    });
    for (const event of ["pointerup", "pointercancel"]) {
      on("one", event, () => ((pulling = null), update()));
    }
    on("one", "keydown", (event) => {
      const step = { ArrowLeft: -3, ArrowRight: 3 }[event.key];
      const pull = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key];
      if (event.key === "Escape") state.pull.fill(0);
      else if (step) state.at = Math.min(Math.max(state.at + step, 0), LENGTH - 1);
      else if (!pull) return;
      event.preventDefault();
      if (step) drawOne();
      else if (pull) pullAt(state.at, pull);
      else update();
    });
    for (const event of ["focus", "blur"]) on("one", event, drawOne);
    addEventListener("resize", draw);
    const theme = { attributeFilter: ["data-theme"] };
    new MutationObserver(draw).observe(document.documentElement, theme);
  }

  Live.page = state; // for the console, and for tests
  buildControls();
  connect();
  openStrip(0);
})();
