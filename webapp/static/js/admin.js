// Names for what the scripts of the admin pages make and leave without one. The words are those of
// the page's own labels.
(function () {
  "use strict";

  const SELECTION = "[role=combobox], [role=textbox], .select2-selection__rendered";
  const LIST = ["[type=search]", "[role=listbox]"]
    .map((part) => `.select2-container--open ${part}`)
    .join();

  function nameOf(select) {
    const label = select.labels.length ? select.labels[0].textContent : "";
    return select.getAttribute("aria-label") || label.trim().replace(/:$/, "");
  }

  function name(parts, words) {
    for (const part of parts) {
      if (words && part.getAttribute("aria-label") !== words) {
        part.setAttribute("aria-label", words);
        part.removeAttribute("aria-labelledby");
      }
    }
  }

  function nameAll() {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const box = select.nextElementSibling;
      if (!box) continue;
      name(box.querySelectorAll(SELECTION), nameOf(select));
      // The list of an open one lies at the end of the page.
      if (box.matches(".select2-container--open")) {
        name(document.querySelectorAll(LIST), nameOf(select));
        const button = box.querySelector("[role=combobox]");
        button.setAttribute("aria-controls", button.getAttribute("aria-owns"));
      }
    }
    // The magnifying glass before a filter: its text is an image's.
    for (const glass of document.querySelectorAll(".search-label-icon[aria-label]")) {
      glass.setAttribute("role", "img");
    }
  }

  new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
  nameAll();
})();
