// What the frames are made of.
"use strict";
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
  // a label with its slider; what `say` makes of the value is shown and spoken.
  function slider(words, range, say, change) {
    const input = html("input", { type: "range", ...range }), output = html("output");
    const show = () => {
      output.textContent = say(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      show();
      change(Number(input.value));
    });
    show();
    return html("label", { class: "live-slider" }, words, output, input);
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

  return { html, svg, openBox, slider, picture, curve };
})();
