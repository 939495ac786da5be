// Runs before the first paint, so that a remembered theme never flashes. With no choice
// remembered, the CSS follows the system's setting by itself.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch {
    // Storage is refused in some private windows: the system's setting stays in force.
  }
})();
