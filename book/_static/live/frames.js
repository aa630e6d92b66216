// Draws the frames of a page, <div class="live-frame" data-frame="NAME"></div>, once they come near
// the screen. A frame is a script of its own, frame_NAME.js, which sets
//   Live.frames.NAME = { title: "...", needs: ["other.js"], draw(box) { ... } };
// `draw` fills the box, below the title, with what frame_tools.js offers as Live.tools.
"use strict";
globalThis.Live ??= {};
Live.frames = {};
(() => {
  const folder = document.currentScript.src, loaded = {};

  // By elements, not fetch: a page opened as a file may load those, too. Each file once.
  Live.load = (name) => (loaded[name] ??= new Promise((resolve, reject) => {
    const css = name.endsWith(".css"), url = new URL(name, folder).href;
    const tag = document.createElement(css ? "link" : "script");
    Object.assign(tag, css ? { rel: "stylesheet", href: url } : { src: url });
    tag.onload = resolve;
    tag.onerror = () => reject(new Error(`This file is missing: ${url}`));
    document.head.append(tag);
  }));

  async function open(element) {
    const { frame: name } = element.dataset;
    await Promise.all(["live.css", "frame_tools.js", `frame_${name}.js`].map(Live.load));
    const { title, needs, draw } = Live.frames[name];
    for (const file of needs) await Live.load(file);
    element.classList.add("live");
    draw(Live.tools.openBox(element, title));
    element.dataset.drawn = "";
  }

  addEventListener("DOMContentLoaded", () => {
    const observer = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        open(target);
      }
    }, { rootMargin: "600px" });
    document.querySelectorAll(".live-frame").forEach((element) => observer.observe(element));
  });
})();
