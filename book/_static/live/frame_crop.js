// Page 06: a beat whose R peak is found too early or too late, or that is cropped and stretched.
"use strict";
Live.frames.crop = {
  title: "Try it: shift and crop a beat",
  needs: ["frame_answers.js"],
  BEATS: [ // words, [record, beat on its strip]
    ["N, record 213", ["213", 24]],
    ["N with bundle branch block, record 212", ["212", 34]],
    ["S, record 209", ["209", 6]],
    ["V, record 208", ["208", 24]],
  ],

  draw(box) {
    Live.answers.ask(box, [], (network) => Live.frames.crop.play(box, network));
  },

  play(box, network) {
    const { html, svg, slider, picture, curve } = Live.tools, { BEATS } = Live.frames.crop;
    const { answer, openStrip, menu, bars, axes, percent } = Live.answers;
    const { cropAndResize, largest, classOf, BEFORE, LENGTH } = Live.beats;
    let strip, k, shift = 0, kept = 180;
    const choose = ([record, beat]) => {
      strip = openStrip(record, network);
      k = beat;
    };
    choose(BEATS[0][1]);
    const said = html("p", { role: "status" });
    box.append(menu("Beat:", BEATS, (beat) => (choose(beat), redraw())));

    const label = "The beat as the network receives it and, faint, as it is around its R peak.";
    const redraw = picture(box, label, 220, (width) => {
      const { peak, mark } = strip.beats[k], from = peak + shift - BEFORE;
      const cut = Float32Array.from(strip.clean.subarray(from, from + LENGTH));
      const samples = cropAndResize(cut, kept / LENGTH), original = strip.beats[k].samples;
      const p = answer(network, strip.beats, k, samples), name = largest(p);
      fill(p);
      const wanted = classOf(mark[1], network.about);
      said.textContent = `The network says ${name} (${percent(Math.max(...p))}), the annotators ` +
        `${wanted}. ${kept} samples stretched to 180 last ${(179 / (kept - 1)).toFixed(2)} times as long.`;
      const { x, y, grid } = axes(width, 220, [samples, original]);
      const line = (look, values) =>
        svg("path", { class: look, d: curve(LENGTH, x, (i) => y(values[i])) });
      return [...grid, line("live-faint", original), line("live-curve", samples)];
    });
    const ms = (v) => `${Math.abs(Math.round(v / 0.36))} ms ${v < 0 ? "early" : "late"}`;
    box.append(html("div", { class: "live-sliders" },
      slider("R peak found", { min: -40, max: 40, value: 0 }, (v) => (v ? ms(v) : "where it is"), (v) => {
        shift = v;
        redraw();
      }),
      slider("Crop of the middle", { min: 90, max: 180, value: 180 }, (v) => `${v} samples`, (v) => {
        kept = v;
        redraw();
      })), html("p", {}, label), said);
    const fill = bars(box);
  },
};
