// The lessons of a course as a trend: the class's mean with its band, coverage, and emotions.

import { Chart, ReadingLine, axisLook, band, base, colour, still, trimKey } from "../charts/base.js";
import { addSaveMenu, chartPictures } from "../charts/save.js";
import { whenPieceComes } from "./piece.js";
import { emotionBars, emotionsIn } from "./stacked.js";

// Of how many students each emotion was the most frequent one, as shares of them.
function shares(lesson) {
  const total = Object.values(lesson.emotions).reduce((sum, one) => sum + one, 0);
  return Object.fromEntries(
    Object.entries(lesson.emotions).map(([name, count]) => [name, count / total]),
  );
}

function option(data) {
  const { lessons } = data;
  const look = axisLook();
  const ink = colour("--accent");
  const labels = lessons.map((one) => `${one.date}\nn ${one.over}`);
  const xAxis = { type: "category", data: labels, boundaryGap: true, ...look };
  const at = (one, index) => index;
  return {
    ...base(),
    grid: [
      { left: 44, right: 44, top: 12, height: 170 },
      { left: 44, right: 44, top: 236, bottom: 12 },
    ],
    xAxis: [
      { ...xAxis, splitLine: { show: false }, axisLabel: { ...look.axisLabel, lineHeight: 14 } },
      { ...xAxis, gridIndex: 1, axisLabel: { show: false }, axisTick: { show: false } },
    ],
    yAxis: [
      { type: "value", min: 0, max: 1, interval: 0.25, ...look,
        axisLabel: { ...look.axisLabel, formatter: (value) => value.toFixed(2) } },
      { type: "value", min: 0, max: 1, interval: 0.5, ...look, splitLine: { show: false },
        axisLabel: { ...look.axisLabel, formatter: (value) => `${Math.round(100 * value)}%` } },
      { type: "value", gridIndex: 1, min: 0, max: 1, interval: 0.5, ...look,
        axisLabel: { ...look.axisLabel, formatter: (value) => `${Math.round(100 * value)}%` } },
    ],
    series: [
      ...band(lessons, at, ink),
      {
        ...still, z: 3, symbol: "circle", symbolSize: 6, showSymbol: true,
        lineStyle: { color: ink, width: 2 }, itemStyle: { color: ink },
        data: lessons.map((one, index) => [index, one.mean]),
      },
      {
        ...still, yAxisIndex: 1,
        lineStyle: { color: colour("--ink-muted"), width: 1.5, type: [4, 4] },
        data: lessons.map((one, index) => [index, one.coverage]),
      },
      ...emotionBars(data.emotions, lessons, shares, { xAxisIndex: 1, yAxisIndex: 2 }),
    ],
  };
}

function showTrend() {
  const source = document.getElementById("trend-data");
  const figure = document.getElementById("trend");
  if (!source || !figure || source.dataset.shown) return;
  source.dataset.shown = "true";
  const data = JSON.parse(source.textContent);
  const chart = new Chart(figure.querySelector(".chart__canvas"), () => option(data));
  chart.draw();
  trimKey(figure, emotionsIn(data.lessons, (one) => one.emotions));
  new ReadingLine(figure, chart, {
    count: data.lessons.length,
    valueAt: (at) => at,
    wordsAt: (at) => data.lessons[at].words,
    onOpen: (at) => location.assign(data.lessons[at].url),
  });
  const menu = figure.closest("section").querySelector("[data-save-menu]");
  addSaveMenu(menu, chartPictures("class-across-lessons", chart.chart));
  figure.dataset.ready = "true";
}

whenPieceComes(document.getElementById("class-trend"), showTrend);
