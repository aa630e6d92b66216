// What the frames with a network share. It is loaded when the reader asks for it.
"use strict";
Live.answers = (() => {
  const FILES = ["denoising", "r_peaks", "features", "beats", "kernel", "network", "strips", "weights_fold"];
  const WHO = "The network for strangers answers, from beats and intervals. It is one of those of the " +
    "cross-validation on page 13: the people of these beats were not in its training.";
  const percent = (p) => `${(100 * p).toFixed(0)}\u00a0%`;
  const logScore = (p, c) => Math.log(p[c]) - p.reduce((sum, v) => sum + Math.log(v), 0) / p.length;

  // Say who answers, and draw once the reader has loaded the network.
  function ask(box, files, draw) {
    const { html } = Live.tools, said = html("p", { role: "status" }, WHO);
    const button = html("button", { type: "button" }, "Load the network (0.5 MB)");
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await Promise.all([...FILES, ...files].map((name) => Live.load(`${name}.js`)));
        draw(await Live.network.load(Live.weights_fold));
      } catch (error) {
        said.textContent = error.message;
        return;
      }
      button.remove();
      box.querySelector("select, input").focus();
    });
    box.append(said, button);
  }

  // A strip of the page Try it as [signal, beats of the network].
  function openStrip(record, network) {
    const strip = Live.strips.find((one) => one.record === record), signal = Live.tools.unpack(strip);
    const clean = Live.denoising.prepareSignal(signal);
    return { signal, clean, beats: Live.beats.cut(signal, clean, strip.beats, network.about) };
  }

  // Answer for beat k, other samples put in its place; the beats before it stay as they are.
  function answer(network, beats, k, samples) {
    const given = Live.beats.describe([...beats.slice(0, k), { ...beats[k], samples }], network.about);
    return network.classify([given.beats[k]], [given.features[k]])[0];
  }

  // A menu of [words, value]; `change` is called with a value.
  function menu(words, choices, change) {
    const { html } = Live.tools;
    const select = html("select", {}, ...choices.map(([text], i) => html("option", { value: i }, text)));
    select.addEventListener("change", () => change(choices[select.value][1]));
    return html("label", {}, `${words} `, select);
  }

  // A table of the four probabilities, and the function that fills it in.
  function bars(box) {
    const { html } = Live.tools, cells = Live.network.CLASSES.map((name) => {
      const bar = html("span", { class: "bar", style: `background: var(--${name})` });
      return { name, bar, text: html("span") };
    });
    box.append(html("table", { class: "live-bars" },
      html("thead", {}, html("tr", {}, ...["class", "probability"].map((word) =>
        html("th", { scope: "col" }, word)))),
      html("tbody", {}, ...cells.map(({ name, bar, text }) =>
        html("tr", {}, html("th", { scope: "row" }, name), html("td", {}, text, bar))))));
    return (p) => cells.forEach(({ bar, text }, c) => {
      text.textContent = percent(p[c]);
      bar.style.width = `${100 * p[c]}%`;
    });
  }

  // A grid of 0.1 s and 0.5 mV below a beat, and the functions x(sample) and y(mV).
  function axes(width, height, curves) {
    const { svg } = Live.tools, all = curves.flatMap((curve) => [...curve]), LEFT = 34, BELOW = 22;
    const low = Math.min(-0.5, ...all) - 0.1, high = Math.max(0.5, ...all) + 0.1;
    const x = (i) => LEFT + (i / 179) * (width - LEFT - 4);
    const y = (mv) => 4 + ((high - mv) / (high - low)) * (height - BELOW - 4);
    const grid = [];
    for (let ms = -200; ms <= 200; ms += 100) {
      const at = x(90 + 0.36 * ms), words = ms ? String(ms).replace("-", "−") : "R";
      grid.push(svg("path", { class: "live-grid", d: `M${at} 4V${height - BELOW}` }),
        svg("text", { x: at, y: height - 6, "text-anchor": "middle" }, words));
    }
    grid.push(svg("text", { x: width - 4, y: height - 6, "text-anchor": "end" }, "ms"),
      svg("text", { x: 0, y: height - 6 }, "mV"));
    for (let mv = Math.ceil(2 * low) / 2; mv <= high; mv += 0.5) {
      grid.push(svg("path", { class: "live-grid", d: `M${LEFT} ${y(mv)}H${width - 4}` }));
      if (mv % 1 === 0) {
        grid.push(svg("text", { x: LEFT - 6, y: y(mv) + 4, "text-anchor": "end" },
          String(mv).replace("-", "−")));
      }
    }
    return { x, y, grid };
  }

  return { ask, openStrip, answer, menu, bars, axes, percent, logScore };
})();
