/* Lets the keyboard scroll what is wider than its place: formulas, code, outputs. The
   theme does so for code and outputs too, but only a while after the window changed,
   and the text may get narrower or wider later, or for another reason. */
(() => {
  const overflows = (box) =>
    box.scrollWidth > box.clientWidth ||
    (box.scrollHeight > box.clientHeight && !box.matches(".math-block"));
  const watch = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      const box = target.closest(".math-block") ?? target;
      if (overflows(box)) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll(
    ".math-block, .math-block .katex, pre, .cell_output > .output, " +
      ".pst-scrollable-table-container"
  )) {
    watch.observe(box); // fonts arrive, an answer opens, a phone turns
  }
})();
