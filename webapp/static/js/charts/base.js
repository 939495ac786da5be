// What charts of several pages share: colours of the theme, a chart that redraws itself, and a
// reading line that the pointer and the arrow keys move. Every word comes from the page.
/* global echarts */

// Drawn in the system's own colour where a person has it set to few colours with much contrast.
const OF_TEXT = ["--ink", "--ink-muted", "--line", "--line-strong", "--playhead"];

// The value of a colour token, resolved for the theme in force. What tells data apart stays as it
// is where the system forces its colours: all in one colour, a chart says nothing.
export function colour(token) {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = `var(${token})`;
  probe.style.setProperty("forced-color-adjust", OF_TEXT.includes(token) ? "auto" : "none");
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

export function percent(share) {
  if (share > 0 && share < 0.005) return "< 1%";
  if (share < 1 && share >= 0.995) return "> 99%";
  return `${Math.round(100 * share)}%`;
}

const STEPS = [30, 60, 120, 300, 600, 900, 1800, 3600];

// Seconds between two labels of a time axis that is so wide, in pixels.
export function timeStep(durationS, width) {
  const most = Math.max(2, Math.floor(width / 64));
  return STEPS.find((step) => durationS / step <= most) || STEPS[STEPS.length - 1];
}

// Axes in the look of the site.
export function axisLook() {
  const ink = colour("--ink-muted");
  const line = colour("--line");
  return {
    axisLabel: { color: ink, fontSize: 11 },
    axisLine: { lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    splitLine: { lineStyle: { color: line } },
    nameTextStyle: { color: ink, fontSize: 11 },
  };
}

export function base() {
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
  };
}

export const still = { type: "line", silent: true, symbol: "none", connectNulls: false };

// A line's band as two stacked series, for points with a mean and a spread.
export function band(points, x, ink, axes = {}) {
  const low = (one) => Math.max(0, one.mean - one.spread);
  const high = (one) => Math.min(1, one.mean + one.spread);
  const has = (one) => one.mean !== null && one.spread !== null;
  const series = { ...still, ...axes, stack: "band", lineStyle: { opacity: 0 } };
  return [
    { ...series, data: points.map((one, at) => [x(one, at), has(one) ? low(one) : null]) },
    {
      ...series,
      areaStyle: { color: ink, opacity: 0.2 },
      data: points.map((one, at) => [x(one, at), has(one) ? high(one) - low(one) : null]),
    },
  ];
}

// Makes a chart as large as its place. Not on paper, where the chart as it was drawn on the screen
// makes its place, shrunk to the sheet.
export function fit(chart) {
  if (!window.matchMedia("print").matches) chart.resize();
}

// Draws itself again when its size or the theme changes.
export class Chart {
  constructor(node, option) {
    this.node = node;
    this.option = option;
    this.chart = echarts.init(node, null, { renderer: "canvas" });
    this.listeners = [];
    new ResizeObserver(() => this.draw()).observe(node);
    document.addEventListener("themechange", () => this.draw());
  }

  onDraw(listener) {
    this.listeners.push(listener);
  }

  draw() {
    if (!this.node.clientWidth) return;
    fit(this.chart);
    this.chart.setOption(this.option(this.node), true);
    for (const listener of this.listeners) listener();
  }

  // Pixels from the left at which a value of the horizontal axis lies.
  x(value) {
    return this.chart.convertToPixel({ xAxisIndex: 0 }, value);
  }
}

// One position in a chart. The stage is a slider for a keyboard and a screen reader; what it stands
// on is said in the readout below it.
export class ReadingLine {
  constructor(figure, chart, { count, valueAt, wordsAt, stepBig = 5, onOpen = null }) {
    this.stage = figure.querySelector(".chart__stage");
    this.line = figure.querySelector(".chart__line");
    this.readout = figure.querySelector("[data-readout]");
    Object.assign(this, { chart, count, valueAt, wordsAt, stepBig, onOpen });
    this.at = null;
    this.moved = [];
    this.stage.addEventListener("keydown", (event) => this.onKey(event));
    this.stage.addEventListener("pointermove", (event) => this.show(this.nearest(event)));
    this.stage.addEventListener("click", (event) => {
      this.show(this.nearest(event));
      for (const listener of this.moved) listener(this.at, "pointer");
    });
    chart.onDraw(() => this.place());
  }

  // Called with the position after a key or a click, and never while the pointer only passes.
  onMove(listener) {
    this.moved.push(listener);
  }

  nearest(event) {
    const left = event.clientX - this.stage.getBoundingClientRect().left;
    let best = 0;
    for (let at = 1; at < this.count; at += 1) {
      if (Math.abs(this.chart.x(this.valueAt(at)) - left)
        < Math.abs(this.chart.x(this.valueAt(best)) - left)) best = at;
    }
    return best;
  }

  show(at) {
    this.at = Math.min(this.count - 1, Math.max(0, at));
    const words = this.wordsAt(this.at);
    this.readout.textContent = words;
    this.stage.setAttribute("aria-valuenow", String(this.at + 1));
    this.stage.setAttribute("aria-valuetext", words);
    this.place();
  }

  place() {
    if (this.at === null) return;
    this.line.hidden = false;
    this.line.style.left = `${this.chart.x(this.valueAt(this.at))}px`;
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const from = this.at ?? (event.key === "ArrowLeft" ? this.count : -1);
    const moves = {
      ArrowLeft: from - (event.shiftKey ? this.stepBig : 1),
      ArrowRight: from + (event.shiftKey ? this.stepBig : 1),
      ArrowDown: from - 1,
      ArrowUp: from + 1,
      PageDown: from - this.stepBig,
      PageUp: from + this.stepBig,
      Home: 0,
      End: this.count - 1,
    };
    if (event.key === "Enter" && this.onOpen && this.at !== null) {
      event.preventDefault();
      this.onOpen(this.at);
      return;
    }
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.show(moves[event.key]);
    for (const listener of this.moved) listener(this.at, "key");
  }
}

// Takes out of a legend what the chart does not have.
export function trimKey(figure, names) {
  for (const item of figure.querySelectorAll("[data-emotion]")) {
    item.hidden = !names.has(item.dataset.emotion);
  }
}
