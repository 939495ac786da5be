// Puts the report's page together: fetches the data once, then everything happens here.

import { Chart, affectOption, emotionOption, engagementOption } from "./charts.js";
import { TrackView, capital } from "./data.js";
import { addMarks } from "./marks.js";
import { addPath } from "./path.js";
import { addControls } from "./player.js";
import { FaceBoxes, Readout } from "./readout.js";
import { addSignals } from "./signals.js";
import { emotionWord, fill, texts } from "./texts.js";
import { Timeline, drawPresence } from "./timeline.js";
import { addWindows } from "./windows.js";

// The plots' margins are the stylesheet's, so that playhead, strip and charts share one axis.
function plotMargins(root) {
  const style = getComputedStyle(root);
  const pixels = (name) => parseFloat(style.getPropertyValue(name));
  return { left: pixels("--plot-left"), right: pixels("--plot-right") };
}

function addLegend(list, view, hidden, redraw) {
  for (const name of view.data.emotions) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.setProperty("--colour", `var(--emotion-${name})`);
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.append(swatch, capital(emotionWord(name)));
    button.addEventListener("click", () => {
      const show = hidden.delete(name);
      if (!show) hidden.add(name);
      button.setAttribute("aria-pressed", String(show));
      redraw();
    });
    item.append(button);
    list.append(item);
  }
}

function addCharts(root, view, margins) {
  const hidden = new Set();
  const node = (id) => root.querySelector(`#chart-${id}`);
  const engagement = new Chart(node("engagement"), (at) => engagementOption(view, at, margins));
  const emotions = new Chart(node("emotions"), (at) => emotionOption(view, at, margins, hidden));
  const affect = new Chart(node("affect"), (at) => affectOption(view, at, margins));
  const list = root.querySelector("#emotion-legend");
  addLegend(list, view, hidden, () => emotions.draw());
  for (const chart of [engagement, emotions, affect]) chart.draw();
  if (!view.track.means) return;
  for (const note of root.querySelectorAll("[data-means-note]")) {
    note.textContent = fill(texts.means, { seconds: view.track.means.stretch_s });
    note.hidden = false;
  }
}

function watchForVideoTrouble(video) {
  const problem = document.getElementById("video-problem");
  const tell = () => {
    problem.hidden = false;
  };
  video.addEventListener("error", tell);
  if (video.error) tell();
  // A codec that the browser cannot decode gives sound or nothing, and no error.
  video.addEventListener("loadeddata", () => {
    if (!video.videoWidth) tell();
  });
}

// A link may lead to a moment: ?t=12.5, or #t=12.5 at the address's end.
function wantedMoment() {
  const asked = new URLSearchParams(location.search).get("t") || "";
  const found = /^#t=(.+)$/.exec(location.hash);
  const text = found ? found[1] : asked;
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

function openAtMoment(timeline, video) {
  const t = wantedMoment();
  if (t === null) return;
  timeline.seek(t);
  if (timeline.videoWorks) return;
  video.addEventListener("loadedmetadata", () => timeline.seek(t), { once: true });
}

async function start() {
  const root = document.getElementById("timeline");
  const video = document.getElementById("video");
  watchForVideoTrouble(video);
  let data;
  try {
    const response = await fetch(root.dataset.url, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    data = await response.json();
  } catch {
    document.getElementById("timeline-problem").hidden = false;
    return;
  }
  const view = new TrackView(data, root.dataset.track);
  const margins = plotMargins(root);
  const timeline = new Timeline(root, video, view, margins);
  const readout = new Readout(view);
  const boxes = new FaceBoxes(
    document.getElementById("boxes"),
    document.getElementById("show-boxes"),
    root.dataset.boxesUrl,
    root.dataset.track,
    JSON.parse(document.getElementById("report-names").textContent),
  );
  drawPresence(root.querySelector("#presence"), view);
  addCharts(root, view, margins);
  addSignals(root, view, margins);
  addControls(timeline, video);
  addMarks(root, timeline, view);
  addWindows(timeline);
  addPath(timeline);
  timeline.onMove((t) => {
    readout.show(t);
    boxes.show(t);
    if (!video.paused) readout.speak(t);
  });
  timeline.show(video.currentTime || 0);
  openAtMoment(timeline, video);
  root.dataset.ready = "true";
}

start();
