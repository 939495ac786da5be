// Draws the charts with Apache ECharts. They only draw: pointer, keyboard and playhead belong to
// the timeline, which puts the same time axis over every chart.
/* global echarts */

import { colour, fit } from "../charts/base.js";
import { addSaveMenu, chartPictures } from "../charts/save.js";
import { clock } from "../times.js";
import { capital } from "./data.js";
import { emotionWord } from "./texts.js";

export { colour };

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

function timeStep(durationS, width) {
  const most = Math.max(2, Math.floor(width / 80));
  return STEPS.find((step) => durationS / step <= most) || STEPS[STEPS.length - 1];
}

export function frame(view, node, margins, yAxis) {
  const ink = colour("--ink-muted");
  const line = colour("--line");
  const width = node.clientWidth - margins.left - margins.right;
  const step = timeStep(view.durationS, width);
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: margins.left, right: margins.right, top: 10, bottom: 24 },
    xAxis: {
      type: "value",
      min: 0,
      max: view.durationS,
      interval: step,
      axisLabel: {
        color: ink,
        fontSize: 11,
        showMaxLabel: view.durationS % step === 0,
        formatter: clock,
      },
      axisLine: { onZero: false, lineStyle: { color: line } },
      axisTick: { show: true, lineStyle: { color: line } },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      axisLabel: { color: ink, fontSize: 11, ...yAxis.axisLabel },
      splitLine: { lineStyle: { color: line } },
      axisLine: { show: false },
      axisTick: { show: false },
      min: yAxis.min,
      max: yAxis.max,
      interval: yAxis.interval,
    },
  };
}

// Shades the stretches without the face, and those left out by hand, on the first series of a
// chart.
export function shade(view, series) {
  const areas = [
    ...view.track.unseen.map((span) => [span, "--sunken", 1]),
    ...view.data.excluded.map((span) => [span, "--left-out", 0.55]),
  ];
  if (!series.length || !areas.length) return series;
  const [first, ...rest] = series;
  const markArea = {
    silent: true,
    data: areas.map(([[start, end], token, opacity]) => [
      { xAxis: start, itemStyle: { color: colour(token), opacity } },
      { xAxis: end },
    ]),
  };
  return [{ ...first, markArea }, ...rest];
}

export const still = { type: "line", silent: true, symbol: "none", connectNulls: false };

export function engagementOption(view, node, margins) {
  const ink = colour("--accent");
  const surface = colour("--surface");
  const row = view.windowsWithHoles;
  const middle = (one) => (one.start_s + one.end_s) / 2;
  // A hole lies anywhere between its neighbours.
  const times = row.map((one, index) =>
    one ? middle(one) : (middle(row[index - 1]) + middle(row[index + 1])) / 2);
  const points = (pick) => row.map((one, index) => [times[index], one ? pick(one) : null]);
  const low = (one) => Math.max(0, one.engagement - one.spread);
  const high = (one) => Math.min(1, one.engagement + one.spread);
  const few = row.length <= 120;
  const unsure = {
    symbolSize: 8,
    itemStyle: { color: surface, borderColor: ink, borderWidth: 2 },
  };
  return {
    ...frame(view, node, margins, {
      min: 0,
      max: 1,
      interval: 0.25,
      axisLabel: { formatter: (value) => value.toFixed(2) },
    }),
    series: shade(view, [
      { ...still, data: points(low), stack: "band", lineStyle: { opacity: 0 } },
      {
        ...still,
        data: points((one) => high(one) - low(one)),
        stack: "band",
        lineStyle: { opacity: 0 },
        areaStyle: { color: ink, opacity: 0.2 },
      },
      {
        ...still,
        z: 3,
        symbol: "circle",
        symbolSize: few ? 6 : 0,
        showSymbol: true,
        lineStyle: { color: ink, width: 2 },
        itemStyle: { color: ink },
        data: points((one) => one.engagement).map((value, index) =>
          row[index] && few && !row[index].level ? { value, ...unsure } : { value }),
      },
    ]),
  };
}

// Areas are stacked here and painted from the highest sum down, each over the one before.
export function emotionOption(view, node, margins, hidden) {
  const shown = view.data.emotions.filter((name) => !hidden.has(name));
  const sums = new Array(view.drawn.t.length).fill(0);
  const layers = shown.map((name) => {
    view.drawn.emotions[name].forEach((share, index) => {
      sums[index] += share;
    });
    return { name, points: view.points([...sums]) };
  });
  return {
    ...frame(view, node, margins, {
      min: 0,
      max: 1,
      interval: 0.25,
      axisLabel: { formatter: (value) => `${Math.round(100 * value)}%` },
    }),
    series: shade(view, layers.reverse().map(({ name, points }) => ({
      ...still,
      name: capital(emotionWord(name)),
      data: points,
      // A fine edge between areas; in a dense chart it would only make stripes.
      lineStyle: { width: sums.length > 600 ? 0 : 1, color: colour("--surface"), opacity: 0.5 },
      areaStyle: { color: colour(`--emotion-${name}`), opacity: 1, origin: "start" },
    }))),
  };
}

export function affectOption(view, node, margins) {
  const series = [
    ["--series-valence", view.drawn.valence, "solid"],
    ["--series-arousal", view.drawn.arousal, [5, 3]],
  ];
  return {
    ...frame(view, node, margins, {
      min: -1,
      max: 1,
      interval: 0.5,
      axisLabel: { formatter: (value) => (value > 0 ? `+${value}` : String(value)) },
    }),
    series: shade(view, series.map(([token, column, type]) => ({
      ...still,
      data: view.points(column),
      lineStyle: { color: colour(token), width: 2, type },
    }))),
  };
}

// A chart that draws itself again when its size or the theme changes.
export class Chart {
  constructor(node, option) {
    this.node = node;
    this.option = option;
    this.chart = echarts.init(node, null, { renderer: "canvas" });
    new ResizeObserver(() => this.draw()).observe(node);
    document.addEventListener("themechange", () => this.draw());
    for (const name of ["beforeprint", "afterprint"]) {
      window.addEventListener(name, () => {
        document.documentElement.classList.toggle("printing", name === "beforeprint");
        this.draw();
      });
    }
    const menu = node.closest("figure")?.querySelector("[data-save-menu]");
    const name = node.closest("[data-chart-name]")?.dataset.chartName || "engagement";
    addSaveMenu(menu, chartPictures(`${name}-${node.id.replace("chart-", "")}`, this.chart));
  }

  draw() {
    if (!this.node.clientWidth) return;
    fit(this.chart);
    this.chart.setOption(this.option(this.node), true);
  }
}
