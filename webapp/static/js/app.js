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
      const label = now === "dark" ? button.dataset.toLight : button.dataset.toDark;
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

  // A piece of the page that could not be fetched or sent says so, once, at the top of the page.
  // What asks again by itself says it only after several failures, and all is well after a success.
  let failures = 0;

  function sayFailure(kind) {
    const box = document.getElementById("request-failed");
    if (!box) return;
    box.hidden = false;
    if (box.textContent !== box.dataset[kind]) box.textContent = box.dataset[kind];
  }

  function onFailure(event, kind) {
    failures += 1;
    const polled = (event.target.getAttribute?.("hx-trigger") || "").startsWith("every");
    if (polled && failures < 3) return;
    sayFailure(kind);
  }

  document.addEventListener("htmx:sendError", (event) => onFailure(event, "away"));
  document.addEventListener("htmx:responseError", (event) =>
    onFailure(event, event.detail.xhr.status >= 500 ? "broken" : "refused"),
  );
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (!event.detail.successful) return;
    failures = 0;
    const box = document.getElementById("request-failed");
    if (box) box.hidden = true;
  });

  // A table, a chart or a menu that came by htmx may hold a toggle of its own.
  document.addEventListener("htmx:afterSettle", paintToggle);
})();
