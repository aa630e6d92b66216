// What the frames are made of, and how stored signals are read.
"use strict";
globalThis.Live ??= {};
Live.tools = (() => {
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  // html("p", { class: "note" }, "text", child): an element with attributes and children.
  const html = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  function openBox(element, title) {
    fill(element, { role: "group", "aria-label": title }, [html("p", { class: "live-title" }, title)]);
    return element;
  }

  // slider("threshold", { min: 0, max: 1, step: 0.01, value: 0.5 }, (v) => `${v} mV`, redraw):
  // a label with its slider; what `say` makes of the value is shown, and spoken with the slider.
  function slider(words, range, say, change) {
    const input = html("input", { type: "range", ...range });
    const output = html("output", { "aria-live": "off" });
    const show = () => {
      output.textContent = say(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      show();
      change(Number(input.value));
    });
    show();
    // A label names the first control within it.
    return html("label", { class: "live-slider" }, words, input, output);
  }

  // An SVG as wide as its box, in pixels of the screen. `draw(width)` returns its elements; it is
  // called when the width changes, and by the function that is returned.
  function picture(box, label, height, draw) {
    const image = svg("svg", { role: "img", "aria-label": label, height });
    const redraw = () => image.replaceChildren(...draw(image.clientWidth));
    box.append(image);
    new ResizeObserver(redraw).observe(image);
    return redraw;
  }

  // Attribute `d` of a path through (x(i), y(i)), i = 0 ... n - 1.
  const curve = (n, x, y) =>
    `M${Array.from({ length: n }, (_, i) => `${x(i).toFixed(1)} ${y(i).toFixed(1)}`).join("L")}`;

  // The samples of a signal that is stored as its first step and the changes.
  function unpack({ first, bits, data, per_mv }) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const changes = bits === 8 ? new Int8Array(bytes.buffer) : new Int16Array(bytes.buffer);
    let sum = first;
    return Float64Array.from(changes, (change) => (sum += change) / per_mv);
  }

  return { html, svg, openBox, slider, picture, curve, unpack };
})();
