// Where the head points, how much it moves, and how a group looks together.

import { Chart, colour, frame, shade, still } from "./charts.js";
import { capital, withHoles } from "./data.js";
import { texts } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const HEAD = ["facing", "turned_away", "head_down"];
const GROUP = [
  ["positive", "--emotion-happiness"],
  ["neutral", "--emotion-neutral"],
  ["negative", "--emotion-anger"],
];

const middle = (one) => (one.start_s + one.end_s) / 2;

// Windows overlap: each is drawn up to halfway to its neighbours' middles.
function cells(windows, most) {
  return windows.map((one, index) => {
    const [before, after] = [windows[index - 1], windows[index + 1]];
    const near = (other) => other && Math.abs(other.start_s - one.start_s) <= most;
    return {
      one,
      start: near(before) ? (middle(before) + middle(one)) / 2 : one.start_s,
      end: near(after) ? (middle(after) + middle(one)) / 2 : one.end_s,
    };
  });
}

function drawHead(svg, view) {
  const scale = view.durationS > 0 ? 1000 / view.durationS : 0;
  const add = (start, end, top, height, className) => {
    const rect = document.createElementNS(SVG, "rect");
    const values = { x: start * scale, width: Math.max(0, (end - start) * scale), y: top, height };
    for (const [name, value] of Object.entries(values)) rect.setAttribute(name, value.toFixed(2));
    rect.setAttribute("class", className);
    svg.append(rect);
  };
  const windows = view.track.windows.filter((one) => one.signals);
  for (const { one, start, end } of cells(windows, view.holeS)) {
    let top = 0;
    for (const name of HEAD) {
      const height = 100 * one.signals[name];
      // Neighbours overlap by a hair, so that no seam shows between them.
      if (height > 0) add(start, end + 0.5 / scale, top, height, `head-strip__${name}`);
      top += height;
    }
  }
  for (const [start, end] of view.track.unseen) add(start, end, 0, 100, "head-strip__unseen");
  for (const [start, end] of view.data.excluded) add(start, end, 0, 100, "presence__left-out");
}

// Rows of windows as [time, value] points, with a hole where a window is missing.
function pointsOf(rows, most, pick) {
  const row = withHoles(rows, most);
  return row.map((one, index) =>
    one ? [middle(one), pick(one)] : [(middle(row[index - 1]) + middle(row[index + 1])) / 2, null]);
}

function movementOption(view, node, margins) {
  const ink = colour("--accent");
  const windows = view.track.windows.filter((one) => one.signals);
  const points = pointsOf(windows, view.holeS, (one) => one.signals.movement);
  const most = Math.max(0.2, ...points.map(([, value]) => value || 0));
  const top = Math.ceil(most * 5) / 5;
  return {
    ...frame(view, node, margins, {
      min: 0,
      max: top,
      interval: top / 2,
      axisLabel: { formatter: (value) => value.toFixed(1) },
    }),
    series: shade(view, [
      {
        ...still,
        symbol: "circle",
        symbolSize: windows.length <= 120 ? 5 : 0,
        showSymbol: true,
        data: points,
        lineStyle: { color: ink, width: 2 },
        itemStyle: { color: ink },
      },
    ]),
  };
}

// Areas are stacked here and painted from the highest sum down, as those of the emotions.
function groupOption(view, node, margins) {
  const rows = view.data.group_affect;
  const layers = GROUP.map(([name, token], index) => ({
    name,
    token,
    points: pointsOf(rows, view.holeS, (one) =>
      GROUP.slice(0, index + 1).reduce((sum, [part]) => sum + one[part], 0)),
  }));
  return {
    ...frame(view, node, margins, {
      min: 0,
      max: 1,
      interval: 0.5,
      axisLabel: { formatter: (value) => `${Math.round(100 * value)}%` },
    }),
    series: layers.reverse().map(({ name, token, points }) => ({
      ...still,
      name: capital(texts[name]),
      data: points,
      lineStyle: { width: 1, color: colour("--surface"), opacity: 0.5 },
      areaStyle: { color: colour(token), opacity: 1, origin: "start" },
    })),
  };
}

// A report without signals, or of one person, has no place for them.
export function addSignals(root, view, margins) {
  const strip = root.querySelector("#head");
  if (strip) drawHead(strip, view);
  for (const [id, option] of [["movement", movementOption], ["group", groupOption]]) {
    const node = root.querySelector(`#chart-${id}`);
    if (node) new Chart(node, (at) => option(view, at, margins)).draw();
  }
}
