// A lesson's page: the class's curve, the map of students, the distribution, and the lesson's video.
// The class comes as a piece of the page; every word comes with it.

import { Chart, ReadingLine, axisLook, band, base, colour, still, timeStep } from "../charts/base.js";
import { addSaveMenu, chartPictures } from "../charts/save.js";
import { clock } from "../times.js";
import { HeatMap } from "./heatmap.js";
import { whenPieceComes } from "./piece.js";

const ARROWS = { dip: "▼", lift: "▲" };

function curveOption(data, node) {
  const look = axisLook();
  const ink = colour("--accent");
  const endS = data.bins * data.bin_s;
  const most = Math.max(...data.curve.map((one) => one.students), 1);
  const middle = (one) => one.t + data.bin_s / 2;
  const xAxis = {
    type: "value", min: 0, max: endS, ...look, splitLine: { show: false },
    interval: timeStep(endS, node.clientWidth - 88),
    axisLabel: { ...look.axisLabel, formatter: clock, showMaxLabel: false },
  };
  return {
    ...base(),
    grid: [
      { left: 44, right: 14, top: 22, bottom: 86 },
      { left: 44, right: 14, height: 40, bottom: 24 },
    ],
    xAxis: [
      { ...xAxis, axisLabel: { show: false }, axisTick: { show: false } },
      { ...xAxis, gridIndex: 1 },
    ],
    yAxis: [
      { type: "value", min: 0, max: 1, interval: 0.25, ...look,
        axisLabel: { ...look.axisLabel, formatter: (value) => value.toFixed(2) } },
      { type: "value", gridIndex: 1, min: 0, max: most, interval: most, ...look,
        axisLabel: { ...look.axisLabel, formatter: (value) => `n ${value}` } },
    ],
    series: [
      ...band(data.curve, middle, ink),
      {
        ...still, z: 3,
        lineStyle: { color: ink, width: 2 },
        data: data.curve.map((one) => [middle(one), one.mean]),
        markArea: {
          silent: true,
          itemStyle: { color: colour("--warn"), opacity: 0.16 },
          label: { color: colour("--ink"), position: "top", distance: 2, fontSize: 12 },
          data: data.moments.map((one) => [
            { xAxis: one.start_s, name: ARROWS[one.direction] }, { xAxis: one.end_s },
          ]),
        },
      },
      {
        type: "line", step: "middle", silent: true, symbol: "none", xAxisIndex: 1, yAxisIndex: 1,
        lineStyle: { color: colour("--ink-muted"), width: 1 },
        areaStyle: { color: colour("--ink-muted"), opacity: 0.25 },
        data: data.curve.map((one) => [middle(one), one.students]),
      },
    ],
  };
}

function barsOption(data) {
  const look = axisLook();
  const ink = colour("--accent");
  return {
    ...base(),
    grid: { left: 44, right: 14, top: 24, bottom: 28 },
    xAxis: {
      type: "category", ...look, splitLine: { show: false },
      data: data.bars.map((one) => `${one.low.toFixed(1)}–${one.high.toFixed(1)}`),
    },
    yAxis: { type: "value", minInterval: 1, ...look },
    series: [{
      type: "bar", silent: true, barCategoryGap: "12%",
      itemStyle: { color: ink },
      label: { show: true, position: "top", color: colour("--ink-muted"), fontSize: 11,
        formatter: ({ value }) => (value ? String(value) : "") },
      data: data.bars.map((one) => one.students),
    }],
  };
}

function saveMenu(figure, pictures) {
  addSaveMenu(figure.closest("section").querySelector("[data-save-menu]"), pictures);
}

// The lesson's own video, where there is one: its time and the lesson's differ by where it begins.
class LessonVideo {
  constructor() {
    this.video = document.getElementById("lesson-video");
    if (!this.video) return;
    this.starts = Number(this.video.dataset.starts);
    this.video.addEventListener("error", () => {
      document.querySelector("[data-video-problem]").hidden = false;
    });
  }

  play(t) {
    if (!this.video) return;
    const go = () => {
      this.video.currentTime = Math.max(0, t - this.starts);
      this.video.play().catch(() => undefined);
    };
    if (this.video.readyState >= 1) go();
    else this.video.addEventListener("loadedmetadata", go, { once: true });
    this.video.scrollIntoView({ block: "center" });
  }

  follow(listener) {
    if (!this.video) return;
    for (const name of ["timeupdate", "seeked"]) {
      this.video.addEventListener(name, () => listener(this.video.currentTime + this.starts));
    }
  }
}

function addCurve(data, video) {
  const figure = document.getElementById("curve");
  if (!figure) return null;
  const chart = new Chart(figure.querySelector(".chart__canvas"), (node) => curveOption(data, node));
  chart.draw();
  const line = new ReadingLine(figure, chart, {
    count: data.curve.length,
    valueAt: (at) => data.curve[at].t + data.bin_s / 2,
    wordsAt: (at) => data.curve[at].words,
    stepBig: 10,
    onOpen: video.video ? (at) => video.play(data.curve[at].t) : null,
  });
  saveMenu(figure, chartPictures("class-along-lesson", chart.chart));
  return line;
}

function addBars(data) {
  const figure = document.getElementById("bars");
  if (!figure || !data.bars.length) return;
  const chart = new Chart(figure.querySelector(".chart__canvas"), () => barsOption(data));
  chart.draw();
  new ReadingLine(figure, chart, {
    count: data.bars.length,
    valueAt: (at) => at,
    wordsAt: (at) => data.bars[at].words,
  });
  saveMenu(figure, chartPictures("students-means", chart.chart));
}

// A link to the lesson's page may name a moment: #moment-2.
function openNamedMoment() {
  if (!location.hash.startsWith("#moment-")) return;
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function showClass(video) {
  const source = document.getElementById("class-data");
  if (!source || source.dataset.shown) return;
  source.dataset.shown = "true";
  const data = JSON.parse(source.textContent);
  const line = addCurve(data, video);
  const figure = document.getElementById("map");
  const map = new HeatMap(figure, data);
  map.draw();
  saveMenu(figure, map.pictures("students-along-lesson"));
  document.getElementById("map-what").addEventListener("change", (event) => {
    map.show(event.target.value);
  });
  addBars(data);
  if (line) {
    map.onMove((column) => line.show(column));
    line.onMove((at) => map.showNow(at + 0.5));
  }
  video.follow((t) => {
    const place = t / data.bin_s;
    if (place < 0 || place > data.bins) return;
    map.showNow(place);
    if (line) line.show(Math.floor(place));
  });
  for (const button of document.querySelectorAll("[data-show-moment]")) {
    button.hidden = !line;
    button.addEventListener("click", () => {
      line.show(Math.floor(Number(button.dataset.showMoment) / data.bin_s));
      map.showNow(line.at + 0.5);
      line.stage.focus();
    });
  }
  openNamedMoment();
  document.querySelector("[data-class]").dataset.ready = "true";
}

function start() {
  const video = new LessonVideo();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-play]");
    if (!link || !video.video) return;
    event.preventDefault();
    video.play(Number(link.dataset.play));
  });
  whenPieceComes(document.getElementById("class"), () => showClass(video));
}

start();
