// Plays the window that is asked about, and lets keys give the labels. Without this the form's
// buttons and the strip's links do the same, one page load each.

const video = document.getElementById("video");
let stopAt = Infinity;

function panel() {
  return document.getElementById("labelling");
}

// What works with a script only is shown by the script.
function dress() {
  const button = panel()?.querySelector("[data-label-play]");
  if (button && video) button.hidden = false;
  const choice = panel()?.querySelector("[data-label-blind]");
  if (!choice) return;
  choice.hidden = false;
  choice.querySelector("input").checked = isBlind();
}

// Remembered until the window is closed, from one report to the next.
function isBlind() {
  try {
    return sessionStorage.getItem("labelling-blind") === "yes";
  } catch {
    return document.body.classList.contains("labelling-blind");
  }
}

function setBlind(blind) {
  document.body.classList.toggle("labelling-blind", blind);
  try {
    sessionStorage.setItem("labelling-blind", blind ? "yes" : "no");
  } catch {
    // The choice then lasts for this page only.
  }
}

document.addEventListener("change", (event) => {
  if (event.target.closest("[data-label-blind]")) setBlind(event.target.checked);
});

function play(button) {
  const start = Number(button.dataset.start);
  stopAt = Number(button.dataset.end);
  video.currentTime = start;
  video.play().catch(() => undefined);
}

// The window ends where it ends; whoever moves or plays on by hand is not held back.
video?.addEventListener("timeupdate", () => {
  if (video.currentTime >= stopAt) {
    video.pause();
    stopAt = Infinity;
  }
});
video?.addEventListener("pause", () => {
  stopAt = Infinity;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-label-play]");
  if (button) play(button);
});

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  const key = event.key.toLowerCase();
  const wanted = key === "p" ? "[data-label-play]" : `[data-label-key="${CSS.escape(key)}"]`;
  const button = panel()?.querySelector(wanted);
  if (!button || button.hidden || button.disabled) return;
  event.preventDefault();
  button.click();
});

// The panel was replaced: focus would fall back to the page's start, and the next window waits.
let labelled = false;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.closest("#labelling")) labelled = event.target.matches("form");
});
document.addEventListener("htmx:afterSettle", () => {
  dress();
  const button = panel()?.querySelector("[data-label-play]");
  if (!labelled || !button || button.hidden) return;
  labelled = false;
  button.focus({ preventScroll: true });
  play(button);
});

if (panel() && isBlind()) setBlind(true);
dress();
