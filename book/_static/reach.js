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
addEventListener("load", () => {
  reach();
  addEventListener("resize", reach);
  window.MathJax?.startup?.promise?.then(reach); // formulas are set a little later
  // Docutils calls its references a list, but not their entries list items.
  document.querySelectorAll(".citation-list[role=list]").forEach((list) => list.removeAttribute("role"));
});
