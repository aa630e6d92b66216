// Page 15: 50 ms of a beat hidden behind a straight line, where the reader puts it.
"use strict";
Live.frames.hide = {
  title: "Try it: hide 50 ms",
  needs: ["frame_answers.js"],
  WIDTH: 18,
  BEATS: [ // words, [record, beat on its strip]
    ["S, record 209", ["209", 11]],
    ["V, record 213", ["213", 33]],
    ["N, record 209", ["209", 20]],
  ],

  // Replace samples by a line between their two neighbours.
  hide(samples, start) {
    const { WIDTH } = Live.frames.hide, left = samples[start - 1], right = samples[start + WIDTH];
    return samples.map((v, i) => (i < start || i >= start + WIDTH ? v :
      left + ((right - left) * (i - start + 1)) / (WIDTH + 1)));
  },

  draw(box) {
    Live.answers.ask(box, [], (network) => Live.frames.hide.play(box, network));
  },

  play(box, network) {
    const { html, svg, slider, picture, curve } = Live.tools, { BEATS, WIDTH, hide } = Live.frames.hide;
    const { answer, openStrip, menu, bars, axes, percent, logScore } = Live.answers;
    const { CLASSES } = Live.network, { largest, LENGTH } = Live.beats, TOP = 200, BELOW = 90;
    let strip, k, samples, whole, falls, start = 81;
    const choose = ([record, beat]) => {
      [strip, k] = [openStrip(record, network), beat];
      samples = strip.beats[k].samples;
      whole = answer(network, strip.beats, k, samples);
      falls = new Map(); // of the places where the reader was
    };
    choose(BEATS[0][1]);
    const said = html("p", { role: "status" }), ms = (i) => String(Math.round((i - 90) / 0.36)).replace("-", "−");
    box.append(menu("Beat:", BEATS, (beat) => (choose(beat), redraw())));

    let sampleAt = () => 0; // of a place on the picture
    const label = "The beat with 50 ms hidden, and below it how far the score falls at the places tried.";
    const redraw = picture(box, label, TOP + BELOW, (width) => {
      const hidden = hide(samples, start), p = answer(network, strip.beats, k, hidden);
      const c = CLASSES.indexOf(largest(whole)), name = CLASSES[c];
      falls.set(start, logScore(whole, c) - logScore(p, c));
      fill(p);
      const fall = falls.get(start), words = fall < 0 ? "rises" : "falls";
      said.textContent = `Nothing hidden: ${name} ${percent(whole[c])}. ${ms(start)} to ` +
        `${ms(start + WIDTH)} ms hidden: ${name} ${percent(p[c])}; the score of ${name} ${words} by ` +
        `${Math.abs(fall).toFixed(2)}.`;
      const { x, y, grid } = axes(width, TOP, [samples]), middle = WIDTH / 2;
      const most = Math.max(1, ...[...falls.values()].map(Math.abs)), zero = TOP + 10 + BELOW / 2;
      sampleAt = (px) => ((px - x(0)) / (x(179) - x(0))) * 179;
      return [
        ...grid,
        svg("rect", { class: "live-window", x: x(start), y: 4, width: x(WIDTH) - x(0), height: TOP - 26 }),
        svg("path", { class: "live-faint", d: curve(LENGTH, x, (i) => y(samples[i])) }),
        svg("path", { class: "live-curve", d: curve(LENGTH, x, (i) => y(hidden[i])) }),
        svg("text", { x: 0, y: TOP + 14 }, "fall of the score"),
        svg("path", { class: "live-grid", d: `M${x(0)} ${zero}H${x(179)}` }),
        svg("path", { class: "live-falls", d: [...falls].map(([at, v]) =>
          `M${x(at + middle)} ${zero}v${(-v / most) * (BELOW / 2 - 14)}`).join("") }),
      ];
    });
    const range = { min: 1, max: LENGTH - WIDTH - 1, value: start };
    const control = slider("Hidden from", range, (v) => `${ms(v)} ms`, (v) => {
      start = v;
      redraw();
    });
    box.append(control, html("p", {}, `${label} Drag the window, or move the slider.`), said);
    const fill = bars(box), image = box.querySelector("svg"), input = control.querySelector("input");
    image.classList.add("live-drag");
    const drag = (event) => {
      input.value = Math.round(sampleAt(event.offsetX) - WIDTH / 2); // the slider keeps it in range
      input.dispatchEvent(new Event("input"));
    };
    image.addEventListener("pointerdown", (event) => (image.setPointerCapture(event.pointerId), drag(event)));
    image.addEventListener("pointermove", (event) => event.buttons && drag(event));
  },
};
