/* Lets the keyboard scroll a formula that is wider than the page; the theme does the
   same for code, outputs and tables. */
(() => {
  const watch = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      const box = target.closest(".math-block");
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  });
  for (const formula of document.querySelectorAll(".math-block .katex")) {
    watch.observe(formula); // it widens when its fonts arrive
    watch.observe(formula.closest(".math-block")); // an answer opens, a phone turns
  }
})();
