// Plays the window that is asked about, and lets keys give the labels. Without this the form's
// buttons and the strip's links do the same, one page load each.

const video = document.getElementById("video");
let stopAt = Infinity;

function panel() {
  return document.getElementById("labelling");
}

function windows() {
  return [...(panel()?.querySelectorAll(".strip__window") ?? [])];
}

// One stop of the Tab key for the whole strip, which may have hundreds of windows.
function rove(current) {
  for (const one of windows()) one.tabIndex = one === current ? 0 : -1;
}

// What works with a script only is shown by the script.
function dress() {
  const strip = windows();
  rove(strip.find((one) => one.hasAttribute("aria-current")) ?? strip[0]);
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
  // What is folded away must not be labelled by a slip of the hand.
  if (!panel()?.querySelector("details[open]")) return;
  const key = event.key.toLowerCase();
  const wanted = key === "p" ? "[data-label-play]" : `[data-label-key="${CSS.escape(key)}"]`;
  const button = panel()?.querySelector(wanted);
  if (!button || button.hidden || button.disabled) return;
  event.preventDefault();
  button.click();
});

// Inside of the strip the arrow keys move.
const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
document.addEventListener("keydown", (event) => {
  const from = event.target.closest(".strip__window");
  if (!from || !(event.key in STEPS) || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const strip = windows();
  const at = strip.indexOf(from) + STEPS[event.key];
  const next = strip[Math.max(0, Math.min(strip.length - 1, at))];
  rove(next);
  next.focus();
});

// The panel was replaced: focus would fall back to the page's start, and the next window waits.
let labelled = false;
let chosen = false;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.target.closest("#labelling")) return;
  labelled = event.target.matches("form");
  chosen = event.target.matches(".strip__window");
});
document.addEventListener("htmx:afterSettle", () => {
  dress();
  if (chosen) panel()?.querySelector(".strip__window[aria-current]")?.focus();
  chosen = false;
  const button = panel()?.querySelector("[data-label-play]");
  if (!labelled || !button || button.hidden) return;
  labelled = false;
  button.focus({ preventScroll: true });
  play(button);
});

if (panel() && isBlind()) {
  setBlind(true);
  panel().querySelector("details").open = true;
}
dress();
