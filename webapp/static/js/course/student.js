// One student across lessons: estimates with their spread, medians, coverage, and emotions.

import { Chart, ReadingLine, axisLook, base, colour, still, trimKey } from "../charts/base.js";
import { addSaveMenu, chartPictures } from "../charts/save.js";
import { emotionBars, emotionsIn } from "./stacked.js";

function xAxis(lessons, look) {
  return {
    type: "category",
    data: lessons.map((one) => one.date),
    ...look,
    splitLine: { show: false },
  };
}

function share(value) {
  return `${Math.round(100 * value)}%`;
}

// Spreads as bars from low to high: a transparent bar below carries the visible one.
function spreads(lessons, ink) {
  const has = (one) => one.mean !== null && one.spread !== null;
  const low = (one) => Math.max(0, one.mean - one.spread);
  const high = (one) => Math.min(1, one.mean + one.spread);
  const bar = { type: "bar", silent: true, stack: "spread", barWidth: 10 };
  return [
    { ...bar, itemStyle: { color: "transparent" }, data: lessons.map((one) => (has(one) ? low(one) : null)) },
    {
      ...bar,
      itemStyle: { color: ink, opacity: 0.25, borderRadius: 3 },
      data: lessons.map((one) => (has(one) ? high(one) - low(one) : null)),
    },
  ];
}

function acrossOption(data) {
  const { lessons } = data;
  const look = axisLook();
  const ink = colour("--accent");
  const own = data.own_median;
  return {
    ...base(),
    grid: { left: 44, right: 44, top: 12, bottom: 28 },
    xAxis: xAxis(lessons, look),
    yAxis: [
      { type: "value", min: 0, max: 1, interval: 0.25, ...look,
        axisLabel: { ...look.axisLabel, formatter: (value) => value.toFixed(2) } },
      { type: "value", min: 0, max: 1, interval: 0.5, ...look, splitLine: { show: false },
        axisLabel: { ...look.axisLabel, formatter: share } },
    ],
    series: [
      ...spreads(lessons, ink),
      {
        ...still, symbol: "diamond", symbolSize: 8, showSymbol: true, connectNulls: true,
        lineStyle: { color: colour("--course-class"), width: 1.5, type: [2, 3] },
        itemStyle: { color: colour("--course-class") },
        data: lessons.map((one) => one.class_median),
      },
      {
        ...still, yAxisIndex: 1,
        lineStyle: { color: colour("--ink-muted"), width: 1.5, type: [4, 4] },
        data: lessons.map((one) => one.coverage),
      },
      {
        ...still, z: 3, symbol: "circle", symbolSize: 8, showSymbol: true,
        lineStyle: { color: ink, width: 2 }, itemStyle: { color: ink },
        data: lessons.map((one) => one.mean),
        markLine: own === null ? undefined : {
          silent: true, symbol: "none", label: { show: false },
          lineStyle: { color: ink, width: 1, type: "solid", opacity: 0.8 },
          data: [{ yAxis: own }],
        },
      },
    ],
  };
}

function sharesOption(data) {
  const { lessons } = data;
  const look = axisLook();
  return {
    ...base(),
    grid: { left: 44, right: 44, top: 12, bottom: 28 },
    xAxis: xAxis(lessons, look),
    yAxis: { type: "value", min: 0, max: 1, interval: 0.25, ...look,
      axisLabel: { ...look.axisLabel, formatter: share } },
    series: emotionBars(data.emotions, lessons, (one) => one.shares),
  };
}

function add(id, data, option, name) {
  const figure = document.getElementById(id);
  const chart = new Chart(figure.querySelector(".chart__canvas"), () => option(data));
  chart.draw();
  const line = new ReadingLine(figure, chart, {
    count: data.lessons.length,
    valueAt: (at) => at,
    wordsAt: (at) => data.lessons[at].words,
    onOpen: (at) => location.assign(data.lessons[at].url),
  });
  const menu = figure.closest("section").querySelector("[data-save-menu]");
  addSaveMenu(menu, chartPictures(name, chart.chart));
  figure.dataset.ready = "true";
  return line;
}

function start() {
  const source = document.getElementById("student-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const across = add("across", data, acrossOption, "engagement-across-lessons");
  const shares = add("shares", data, sharesOption, "emotions-across-lessons");
  trimKey(document.getElementById("shares"), emotionsIn(data.lessons, (one) => one.shares));
  // One lesson at a time, whichever chart it is read in.
  across.onMove((at) => shares.show(at));
  shares.onMove((at) => across.show(at));
}

start();
