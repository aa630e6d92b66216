// Page 11: the confusion matrix of the test half, and its scores, at a threshold for S.
"use strict";
Live.frames.threshold = {
  title: "Try it: a threshold for S",
  needs: ["frame_threshold_data.js"],

  // What reaches threshold i is called S, all else the largest of N, V and F. Rows: annotators.
  matrixAt(i) {
    const sum = (counts) => counts.reduce((a, b) => a + b, 0);
    return Live.frame_threshold.histograms.map((others) => {
      const [n, v, f] = others.map((counts) => sum(counts.slice(0, i + 1)));
      return [n, sum(others.flatMap((counts) => counts.slice(i + 1))), v, f];
    });
  },

  // Scores of a confusion matrix, as shares.
  score(matrix) {
    const sum = (counts) => counts.reduce((a, b) => a + b, 0);
    const annotated = matrix.map(sum), called = matrix.map((_, c) => sum(matrix.map((row) => row[c])));
    const tp = matrix.map((row, c) => row[c]);
    const f1 = tp.map((n, c) => (2 * n) / (annotated[c] + called[c]));
    return {
      accuracy: sum(tp) / sum(annotated),
      se: tp.map((n, c) => n / annotated[c]),
      ppv: tp.map((n, c) => n / called[c]),
      f1,
      meanF1: sum(f1) / f1.length,
    };
  },

  draw(box) {
    const { html, slider } = Live.tools, { matrixAt, score } = Live.frames.threshold;
    const { thresholds, largest } = Live.frame_threshold, CLASSES = [..."NSVF"];
    const percent = (share, digits = 1) => Number.isNaN(share) ? "–" : (100 * share).toFixed(digits);
    const say = (i) => thresholds[i].toFixed(thresholds[i] < 0.01 || thresholds[i] > 0.99 ? 4 : 3);
    const table = html("table"), result = html("p", { role: "status" });

    function show(i) {
      const matrix = i === null ? largest : matrixAt(i);
      const { accuracy, se, ppv, f1, meanF1 } = score(matrix);
      const head = (text, scope) => html("th", { scope }, text);
      const cells = (row, c) => row.map((count, j) => {
        const share = Math.round((35 * count) / row.reduce((a, b) => a + b, 0));
        const tint = `color-mix(in srgb, var(--${j === c ? "N" : "V"}) ${share}%, transparent)`;
        return html("td", { style: `background: ${tint}` }, count.toLocaleString("en"));
      });
      table.replaceChildren(
        html("thead", {}, html("tr", {}, html("td"),
          ...CLASSES.map((name) => head(name, "col")), head("Se (%)", "col"))),
        html("tbody", {},
          ...matrix.map((row, c) => html("tr", {}, head(CLASSES[c], "row"), ...cells(row, c),
            html("td", {}, percent(se[c])))),
          html("tr", {}, head("P⁺ (%)", "row"),
            ...ppv.map((share) => html("td", {}, percent(share))), html("td"))));
      const rule = i === null ? "Each beat is called the class with the largest probability." :
        `Called S: beats with a probability of S of ${say(i)} or more; ` +
          "the others: the largest of N, V and F.";
      result.textContent = `${rule} Accuracy ${percent(accuracy, 2)}\u00a0%, ` +
        `F1 of S ${percent(f1[1])}\u00a0%, mean F1 ${percent(meanF1)}\u00a0%.`;
    }

    const range = { min: 0, max: thresholds.length - 1, value: thresholds.length >> 1 };
    const button = html("button", { type: "button" }, "Back to the largest probability");
    button.addEventListener("click", () => show(null));
    box.append(
      html("p", {}, "Test half, rows by annotators, columns by the network “ours”:"),
      table, result, slider("Threshold: probability of S", range, say, show), button);
    show(null);
  },
};
