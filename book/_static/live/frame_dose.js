// Page 17: a strip with recorded noise at a chosen signal-to-noise ratio, and what is still right.
"use strict";
Live.frames.dose = {
  title: "Try it: choose the dose",
  needs: ["frame_answers.js"],
  STRIPS: [["208: V and fusion beats", "208"], ["209: S", "209"], ["213: V and fusion beats", "213"],
    ["228: V", "228"]],
  DB: [Infinity, 24, 21, 18, 15, 12, 9, 6, 3, 0],

  // Mean without the lowest and the highest 5 %; QRS height, noise and factor as on the page.
  middleMean(values) {
    const cut = Math.floor(0.05 * values.length), sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.slice(cut, values.length - cut);
    return middle.reduce((a, b) => a + b) / middle.length;
  },
  qrsAmplitude(signal, marks) {
    const near = marks.filter(([r, symbol]) => "NLRBaJASjen/fQ".includes(symbol) &&
      r >= 18 && r + 18 < signal.length).map(([r]) => signal.subarray(r - 18, r + 19));
    return Live.frames.dose.middleMean(near.map((x) => Math.max(...x) - Math.min(...x)));
  },
  noiseRms(wave) {
    const seconds = Array.from({ length: Math.floor(wave.length / 360) }, (_, s) => {
      const x = wave.subarray(360 * s, 360 * (s + 1)), mean = x.reduce((a, b) => a + b) / 360;
      return Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 360);
    });
    return Live.frames.dose.middleMean(seconds);
  },
  gain: (height, rms, db) => (height / Math.sqrt(8) / rms) * 10 ** (-db / 20),

  draw(box) {
    Live.answers.ask(box, ["noise"], (network) => Live.frames.dose.play(box, network));
  },

  play(box, network) {
    const { html, svg, slider, picture, curve, unpack } = Live.tools, { CLASSES } = Live.network;
    const { STRIPS, DB, qrsAmplitude, noiseRms, gain } = Live.frames.dose, { menu } = Live.answers;
    const { classOf, largest, cut, describe } = Live.beats, N = 5 * 360, HEIGHT = 240;
    const waves = { ma: unpack(Live.noise.ma), bw: unpack(Live.noise.bw) };
    const chosen = { ma: 0, bw: 0 }, said = html("p", { role: "status" });
    let record = "208", strip, signal, noisy, clean, beats, before, from = 0;

    function open() {
      strip = Live.strips.find((one) => one.record === record);
      signal = unpack(strip);
      update({ ma: 0, bw: 0 });
      if (chosen.ma || chosen.bw) update();
    }
    function update(dose = chosen) {
      const height = qrsAmplitude(signal, strip.beats);
      const [ma, bw] = ["ma", "bw"].map((kind) => gain(height, noiseRms(waves[kind]), DB[dose[kind]]));
      noisy = signal.map((v, i) => v + ma * waves.ma[i] + bw * waves.bw[i]);
      clean = Live.denoising.prepareSignal(noisy);
      beats = cut(noisy, clean, strip.beats, network.about);
      const given = describe(beats, network.about);
      network.classify(given.beats, given.features).forEach((p, i) => {
        beats[i].answer = largest(p);
        beats[i].truth = classOf(beats[i].mark[1], network.about);
      });
      const isRight = (beat) => beat.answer === beat.truth;
      const count = (some) => `${some.filter(isRight).length} of ${some.length}`;
      const judged = beats.filter(({ truth }) => CLASSES.includes(truth));
      const each = CLASSES.map((name) => [name, judged.filter(({ truth }) => truth === name)]);
      const right = each.filter(([, some]) => some.length).map(([name, some]) => `${name} ${count(some)}`);
      if (!ma && !bw) before = count(judged);
      said.textContent = `Right in 30 s: ${count(judged)} beats (${right.join(", ")}); without noise ${before}.`;
    }
    box.append(menu("Strip:", STRIPS, (name) => {
      record = name;
      open();
      redraw();
    }));
    open();

    const label = "Five seconds, denoised and, faint, as recorded with the noise. Above, the network's letters; " +
      "below, the annotators'; a frame where they differ.";
    const redraw = picture(box, label, HEIGHT, (width) => {
      const x = (i) => (i / N) * width, shown = clean.subarray(from, from + N);
      const under = noisy.subarray(from, from + N), all = [...shown, ...under];
      const low = Math.min(...all), high = Math.max(...all);
      const y = (mv) => 30 + ((high - mv) / (high - low)) * (HEIGHT - 60);
      const letters = beats.filter(({ peak }) => peak > from && peak < from + N).flatMap((beat) => {
        const at = x(beat.peak - from), wrong = beat.answer !== beat.truth;
        const letter = (name, top) => svg("text", { x: at, y: top, "text-anchor": "middle",
          style: `fill: var(--${name}); font-weight: 650` }, name);
        const frame = svg("rect", { class: "live-wrong", x: at - 11, y: 2, width: 22, height: HEIGHT - 4 });
        return [letter(beat.answer, 18), letter(beat.truth, HEIGHT - 8), ...(wrong ? [frame] : [])];
      });
      const grid = [1, 2, 3, 4].map((s) => `M${x(360 * s)} 30V${HEIGHT - 30}`);
      for (let mv = Math.ceil(low); mv <= high; mv++) grid.push(`M0 ${y(mv)}H${width}`);
      return [
        svg("path", { class: "live-grid", d: grid.join("") }),
        svg("path", { class: "live-faint", d: curve(N, x, (i) => y(under[i])) }),
        svg("path", { class: "live-curve", d: curve(N, x, (i) => y(shown[i])) }), ...letters,
      ];
    });
    const say = (v) => (v ? `${DB[v]} dB` : "none");
    const doses = [["ma", "Muscle artefact"], ["bw", "Baseline wander"]].map(([kind, words]) =>
      slider(words, { min: 0, max: DB.length - 1, value: 0 }, say, (v) => {
        chosen[kind] = v;
        update();
        redraw();
      }));
    const seconds = slider("Shown from", { min: 0, max: 25, value: 0 }, (v) => `${v} s`, (v) => {
      from = 360 * v;
      redraw();
    });
    box.append(html("div", { class: "live-sliders" }, ...doses, seconds),
      html("p", {}, `${label} Lines are 1\u00a0s and 1\u00a0mV apart.`), said);
  },
};
