// Two classes along their lessons, and how the students' means are spread.

import { Chart, colour, frame, still } from "./charts.js";

const SIDES = [["--series-a", "solid"], ["--series-b", [6, 3]]];
const MARGINS = { left: 44, right: 14 };

const root = document.getElementById("compare-lessons");
const classes = JSON.parse(document.getElementById("lesson-curves").textContent);

function curve(points, token, type) {
  const ink = colour(token);
  const known = (one) => one.mean !== null;
  const of = (pick) => points.map((one) => [one.t, known(one) ? pick(one) : null]);
  const low = (one) => Math.max(0, one.mean - (one.spread || 0));
  const high = (one) => Math.min(1, one.mean + (one.spread || 0));
  return [
    { ...still, data: of(low), stack: token, lineStyle: { opacity: 0 } },
    {
      ...still,
      data: of((one) => high(one) - low(one)),
      stack: token,
      lineStyle: { opacity: 0 },
      areaStyle: { color: ink, opacity: 0.16 },
    },
    {
      ...still,
      z: 3,
      // A single point is no line: it would not be seen.
      symbol: "circle",
      showSymbol: true,
      symbolSize: points.length <= 60 ? 6 : 0,
      itemStyle: { color: ink },
      data: of((one) => one.mean),
      lineStyle: { color: ink, width: 2, type },
    },
  ];
}

function curves(node) {
  const times = classes.flatMap((one) => one.points.map((point) => point.t));
  const last = Math.max(30, ...times) + 15;
  return {
    ...frame({ durationS: last }, node, MARGINS, {
      min: 0,
      max: 1,
      interval: 0.25,
      axisLabel: { formatter: (value) => value.toFixed(2) },
    }),
    series: SIDES.flatMap(([token, type], index) => curve(classes[index].points, token, type)),
  };
}

function bars() {
  const ink = colour("--ink-muted");
  const line = colour("--line");
  const most = classes.reduce((best, one) => (one.bars.length > best.length ? one.bars : best), []);
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: MARGINS.left, right: MARGINS.right, top: 10, bottom: 24 },
    xAxis: {
      type: "category",
      data: most.map((bar) => `${bar.low.toFixed(1)}\u2013${bar.high.toFixed(1)}`),
      axisLabel: { color: ink, fontSize: 11 },
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
    },
    yAxis: {
      type: "value",
      minInterval: 1,
      axisLabel: { color: ink, fontSize: 11 },
      splitLine: { lineStyle: { color: line } },
    },
    series: SIDES.map(([token], index) => ({
      type: "bar",
      silent: true,
      data: classes[index].bars.map((bar) => bar.students),
      itemStyle: { color: colour(token) },
    })),
  };
}

if (root) {
  new Chart(document.getElementById("chart-classes"), curves).draw();
  new Chart(document.getElementById("chart-bars"), bars).draw();
  root.dataset.ready = "true";
}
