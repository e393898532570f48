/* Lets the keyboard scroll a formula that is wider than the page; the theme does the
   same for code, outputs and tables. */
(() => {
  const update = () => {
    for (const box of document.querySelectorAll(".math-block")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("load", update);
  addEventListener("resize", update);
})();
