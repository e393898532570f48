/* Lets the keyboard scroll a formula that is wider than the page; the theme does the
   same for code, outputs and tables. */
(() => {
  const update = () => {
    for (const box of document.querySelectorAll(".math-block")) {
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
        box.tabIndex = 0;
      } else {
        box.removeAttribute("tabindex");
      }
    }
  };
  addEventListener("load", update);
  addEventListener("resize", update);
  document.fonts.ready.then(update); // formulas widen when their fonts arrive
})();
