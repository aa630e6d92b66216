// What scrolls sideways can be reached, and then scrolled, from the keyboard.
function reach() {
  const boxes = document.querySelectorAll(".bd-article :is(table, pre, div.math, mjx-container)");
  for (const box of boxes) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}
// Under the title of a notebook: open it in Colab, or see it where it is kept.
addEventListener("DOMContentLoaded", () => {
  const colab = document.querySelector('.dropdown-launch-buttons a[href*="colab."]');
  const title = document.querySelector(".bd-article h1");
  if (colab && title) {
    const line = document.createElement("p");
    line.className = "run-it";
    const kept = colab.href.replace("colab.research.google.com/github", "github.com");
    for (const [text, href] of [["Open in Colab", colab.href], ["Notebook", kept]]) {
      line.append(Object.assign(document.createElement("a"), { href, textContent: text }));
    }
    title.after(line);
  }
});
addEventListener("load", () => {
  reach();
  addEventListener("resize", reach);
  window.MathJax?.startup?.promise?.then(reach); // formulas are set a little later
  // Docutils calls its references a list, but not their entries list items.
  document.querySelectorAll(".citation-list[role=list]").forEach((list) => list.removeAttribute("role"));
});
