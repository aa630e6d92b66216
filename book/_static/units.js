// Lines do not break between a number and its unit, on the screen and in print.
addEventListener("DOMContentLoaded", () => {
  const unit = /(?<=\d) (?=(?:%|±|[mµ]?V|m?s|k?Hz|dB|[kM]B|pJ|points?|minutes?)(?!\w))/g;
  for (const article of document.querySelectorAll("article")) {
    const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      if (unit.test(text.data) && !text.parentElement.closest("pre, script")) {
        text.data = text.data.replace(unit, "\u00a0");
      }
      unit.lastIndex = 0;
    }
  }
});
