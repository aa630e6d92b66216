// Page 02: six seconds without some of their ten bands, and what that removes.
"use strict";
Live.frames.bands = {
  title: "Try it: set bands to zero",
  needs: ["denoising.js", "frame_bands_data.js"],
  NAMES: ["A9", "D9", "D8", "D7", "D6", "D5", "D4", "D3", "D2", "D1"],
  EDGES: ["below 0.35", "0.35–0.70", "0.70–1.4", "1.4–2.8", "2.8–5.6", "5.6–11", "11–22", "22–45",
    "45–90", "90–180"], // Hz

  draw(box) {
    const { html, svg, picture, curve, unpack } = Live.tools, { NAMES, EDGES } = Live.frames.bands;
    const data = Live.frame_bands, recorded = unpack(data);
    const show = (x) => x.slice(data.from, data.from + data.samples);
    const keep = (zeroed) => show(Live.denoising.denoise(recorded, zeroed));
    const range = (x) => Math.max(...x) - Math.min(...x);
    const zeroed = new Set(["A9", "D1", "D2"]); // as the book does
    const before = show(recorded), FS = 360, PANEL = 130, GAP = 32;
    const result = html("p", { role: "status" });

    const label = "Above, the recording and what is kept of it; below, what is removed";
    const redraw = picture(box, label, 2 * (PANEL + GAP) + 20, (width) => {
      const after = keep([...zeroed]), removed = before.map((v, i) => v - after[i]);
      const named = NAMES.filter((name) => zeroed.has(name)).join(", ") || "none";
      const height = range(removed).toFixed(2);
      result.textContent = `Set to zero: ${named}. Removed, peak to peak: ${height}\u00a0mV.`;
      const all = [before, after, removed], n = before.length;
      const least = Math.min(...all.map((x) => Math.min(...x)));
      const most = Math.max(...all.map((x) => Math.max(...x)));
      const perMv = PANEL / (most - least), x = (i) => 30 + (i / n) * (width - 31);
      const panel = (words, top, lines) => {
        const y = (mv) => top + GAP + (most - mv) * perMv;
        const levels = [];
        for (let mv = Math.ceil(least); mv <= most; mv++) levels.push(mv);
        return [
          svg("text", { x: 30, y: top + 18 }, words),
          ...levels.flatMap((mv) => [
            svg("path", { class: "live-grid", d: `M30 ${y(mv)}H${width}` }),
            svg("text", { x: 24, y: y(mv) + 4, "text-anchor": "end" }, String(mv).replace("-", "−")),
          ]),
          ...lines.map(([look, values]) =>
            svg("path", { class: look, d: curve(n, x, (i) => y(values[i])) })),
        ];
      };
      const seconds = Array.from({ length: 7 }, (_, s) =>
        svg("text", { x: x(s * FS), y: 2 * (PANEL + GAP) + 16, "text-anchor": s < 6 ? "middle" : "end" },
          s < 6 ? String(s) : "6 s"));
      return [
        ...panel("recorded (faint) and kept (mV)", 0, [["live-faint", before], ["live-curve", after]]),
        ...panel("removed: recorded minus kept (mV)", PANEL + GAP, [["live-removed", removed]]),
        ...seconds,
      ];
    });

    const toggles = NAMES.map((name, i) => {
      const input = html("input", { type: "checkbox" });
      input.checked = !zeroed.has(name);
      input.addEventListener("change", () => {
        if (input.checked) zeroed.delete(name);
        else zeroed.add(name);
        redraw();
      });
      const alone = keep(NAMES.filter((other) => other !== name));
      return html("label", {}, input, ` ${name}, ${EDGES[i]} Hz: ${range(alone).toFixed(2)} mV`);
    });
    box.append(result, html("fieldset", {},
      html("legend", {}, "Keep these bands (mV: peak to peak)"),
      html("div", { class: "live-sliders" }, ...toggles)));
  },
};
