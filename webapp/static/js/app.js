// Small things that every page shares: the theme toggle, and uploads that show their progress.
(function () {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function currentTheme() {
    return root.dataset.theme || (system.matches ? "dark" : "light");
  }

  function paintToggle() {
    const now = currentTheme();
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      const label = now === "dark" ? "Use the light theme" : "Use the dark theme";
      button.dataset.now = now;
      button.setAttribute("aria-label", label);
      button.title = label;
    }
    document.dispatchEvent(new CustomEvent("themechange", { detail: { theme: now } }));
  }

  function toggleTheme() {
    const next = currentTheme() === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // The choice then lasts for this page only.
    }
    paintToggle();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  });
  system.addEventListener("change", paintToggle);
  paintToggle();

  // A destructive form asks first: <form data-confirm="Delete this recording?">.
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // <form data-upload> with a <progress data-upload-progress hidden>: htmx reports the bytes sent.
  document.addEventListener("htmx:xhr:progress", (event) => {
    const bar = event.target.querySelector("[data-upload-progress]");
    if (!bar || !event.detail.lengthComputable) return;
    bar.hidden = false;
    bar.max = event.detail.total;
    bar.value = event.detail.loaded;
  });

  // A table, a chart or a menu that came by htmx may hold a toggle of its own.
  document.addEventListener("htmx:afterSettle", paintToggle);
})();
