// Menus that are <details class="menu" data-menu>: closed by Escape and by a click elsewhere. Without
// this script they open and close by their summary. Printing is the browser's own.
(function () {
  "use strict";

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.activeElement && document.activeElement.closest("[data-menu][open]");
    const open = menu || document.querySelector("[data-menu][open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });

  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-menu] a, [data-print]");
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      if (!menu.contains(event.target) || (chosen && menu.contains(chosen))) menu.open = false;
    }
    if (event.target.closest("[data-print]")) window.print();
  });
})();
