// The windows' means in the plane of valence and arousal, joined in order of time.

import { clock } from "../times.js";
import { Chart, colour } from "./charts.js";
import { capital, signed } from "./data.js";
import { fill, texts } from "./texts.js";

// A colour between two, by a share; both as the browser computes them: rgb(...) or with alpha.
function mixed(from, to, share) {
  const parts = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
  const [a, b] = [parts(from), parts(to)];
  return `rgb(${a.map((value, index) => Math.round(value + share * (b[index] - value))).join(",")})`;
}

function axis(name, ink, line) {
  return {
    type: "value",
    min: -1,
    max: 1,
    interval: 0.5,
    name,
    nameLocation: "middle",
    nameGap: 30,
    nameTextStyle: { color: ink, fontSize: 12 },
    axisLabel: {
      color: ink,
      fontSize: 11,
      formatter: (value) => (value > 0 ? `+${value}` : String(value).replace("-", "\u2212")),
    },
    axisLine: { onZero: true, lineStyle: { color: line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: line, opacity: 0.6 } },
  };
}

function option(rows, present) {
  const ink = colour("--ink-muted");
  const line = colour("--line");
  const [pale, dark] = [colour("--path-first"), colour("--path-last")];
  const points = rows.map((one) => [one.valence, one.arousal]);
  const last = Math.max(1, rows.length - 1);
  const here = rows[present];
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 52, right: 16, top: 12, bottom: 46 },
    xAxis: axis(texts.valence, ink, line),
    yAxis: axis(texts.arousal, ink, line),
    series: [
      {
        type: "line",
        data: points,
        silent: true,
        symbol: "none",
        lineStyle: { color: ink, width: 1, opacity: 0.35 },
      },
      {
        type: "scatter",
        data: points.map((value, index) => ({
          value,
          itemStyle: { color: mixed(pale, dark, index / last) },
        })),
        symbolSize: rows.length > 200 ? 5 : 8,
        cursor: "pointer",
      },
      {
        type: "scatter",
        silent: true,
        z: 5,
        data: here ? [[here.valence, here.arousal]] : [],
        symbolSize: 18,
        itemStyle: { color: "transparent", borderColor: colour("--playhead"), borderWidth: 2.5 },
      },
    ],
  };
}

export function addPath(timeline) {
  const node = document.getElementById("chart-path");
  const source = document.getElementById("report-path");
  if (!node || !source) return;
  const rows = JSON.parse(source.textContent);
  const words = document.getElementById("path-words");
  let present = -1;
  const chart = new Chart(node, () => option(rows, present));
  chart.draw();
  chart.chart.on("click", (event) => {
    if (event.seriesIndex === 1) timeline.seek(rows[event.dataIndex].start_s);
  });
  timeline.onMove((t) => {
    let best = -1;
    let distance = Infinity;
    rows.forEach((one, index) => {
      const away = Math.abs((one.start_s + one.end_s) / 2 - t);
      if (t >= one.start_s && t <= one.end_s && away < distance) [best, distance] = [index, away];
    });
    if (best === present) return;
    present = best;
    const one = rows[best];
    const point = one ? [[one.valence, one.arousal]] : [];
    chart.chart.setOption({ series: [{}, {}, { data: point }] });
    const span = one && fill(texts.step, { start: clock(one.start_s), end: clock(one.end_s) });
    words.textContent = one
      ? `${span}: ${texts.valence} ${signed(one.valence)}, ${texts.arousal} ${signed(one.arousal)}`
      : capital(texts.no_window);
  });
}
