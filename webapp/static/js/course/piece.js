// A piece of the page that htmx fetches when the page is there: shows what is drawn with it, and says
// so when it does not come.
/* global htmx */

export function whenPieceComes(place, show) {
  if (!place) {
    show();
    return;
  }
  const wait = place.querySelector("[data-wait]");
  const problem = place.querySelector("[data-problem]");
  place.addEventListener("htmx:afterSettle", () => {
    place.removeAttribute("aria-busy");
    show();
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    place.addEventListener(name, () => {
      wait.hidden = true;
      problem.hidden = false;
      place.removeAttribute("aria-busy");
    });
  }
  problem?.querySelector("[data-again]").addEventListener("click", () => {
    wait.hidden = false;
    problem.hidden = true;
    htmx.trigger(place, "again");
  });
  // It may have come before this script.
  show();
}
