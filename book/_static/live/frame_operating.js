// Page 13: precision-recall curves of S, and the operating point of a threshold.
"use strict";
Live.frames.operating = {
  title: "Try it: choose the operating point",
  needs: ["frame_operating_data.js"],
  GROUPS: { "DS1, one person out": ["DS1"], "DS2": ["DS2", "232"], "DS2 without 232": ["DS2"] },

  // Se, P⁺ and F1 of S, as shares, where beats that reach threshold i are called S.
  scoreAt(parts, i) {
    const sum = (counts) => counts.reduce((a, b) => a + b, 0);
    const { histograms } = Live.frame_operating;
    const count = (kind, from) => sum(parts.map((part) => sum(histograms[part][kind].slice(from))));
    const tp = count(0, i + 1), called = tp + count(1, i + 1), all = count(0, 0);
    return { se: tp / all, ppv: tp / called, f1: (2 * tp) / (called + all) };
  },

  draw(box) {
    const { html, svg, slider, picture } = Live.tools, { GROUPS, scoreAt } = Live.frames.operating;
    const { thresholds, own } = Live.frame_operating;
    const HEIGHT = 296, LEFT = 40, BELOW = 42, ABOVE = 26; // pixels
    const names = Object.keys(GROUPS), curves = names.map((name) =>
      thresholds.map((_, i) => scoreAt(GROUPS[name], i)).filter(({ ppv }) => !Number.isNaN(ppv)));
    const percent = (share) => Number.isNaN(share) ? "–" : (100 * share).toFixed(1);
    const say = (i) => thresholds[i].toFixed(thresholds[i] < 0.01 || thresholds[i] > 0.99 ? 4 : 3);
    const body = html("tbody"), result = html("p", { role: "status" });
    let chosen = own;

    const redraw = picture(box, "P⁺ over Se of S, a curve per group of people", HEIGHT, (width) => {
      const x = (se) => LEFT + se * (width - LEFT - 8), bottom = HEIGHT - BELOW;
      const y = (ppv) => bottom - ppv * (bottom - ABOVE);
      const at = names.map((name) => scoreAt(GROUPS[name], chosen));
      body.replaceChildren(...names.map((name, g) => html("tr", {},
        html("th", { scope: "row" }, sample(g), name),
        ...[at[g].se, at[g].ppv, at[g].f1].map((share) => html("td", {}, percent(share))))));
      result.textContent = `Called S: beats with a probability of S of ${say(chosen)} or more.` +
        (chosen === own ? " Here F1 on DS1 is largest." : "");
      return [
        ...[0, 25, 50, 75, 100].flatMap((p) => [
          svg("path", { class: "live-grid", d: `M${LEFT} ${y(p / 100)}H${width - 8}` }),
          svg("text", { x: LEFT - 6, y: y(p / 100) + 4, "text-anchor": "end" }, p),
          svg("text", { x: x(p / 100), y: bottom + 18, "text-anchor": "middle" }, p),
        ]),
        svg("text", { x: x(0.5), y: HEIGHT - 4, "text-anchor": "middle" }, "Se (%)"),
        svg("text", { x: 4, y: 12 }, "P⁺ (%)"),
        ...curves.map((points, g) => svg("path", { class: `live-group-${g}`,
          d: `M${points.map(({ se, ppv }) => `${x(se).toFixed(1)} ${y(ppv).toFixed(1)}`).join("L")}` })),
        ...at.map(({ se, ppv }, g) => Number.isNaN(ppv) ? "" :
          svg("circle", { class: `live-group-${g}`, cx: x(se), cy: y(ppv), r: 6 })),
      ];
    });

    // The look of a curve, for its row in the table.
    function sample(g) {
      const line = svg("path", { class: `live-group-${g}`, d: "M0 6H24" });
      return svg("svg", { class: "live-sample", "aria-hidden": "true" }, line);
    }

    const range = { min: 0, max: thresholds.length - 1, value: own };
    const head = ["", "Se (%)", "P⁺ (%)", "F1 (%)"].map((text) =>
      text ? html("th", { scope: "col" }, text) : html("td"));
    box.append(result, slider("Threshold: probability of S", range, say, (i) => {
      chosen = i;
      redraw();
    }), html("table", {}, html("thead", {}, html("tr", {}, ...head)), body));
  },
};
