// Shares of emotions as stacked bars, one bar a lesson.

import { colour } from "../charts/base.js";

export function emotionBars(emotions, rows, sharesOf, axes = {}) {
  return emotions.map(({ name, words }) => ({
    type: "bar",
    name: words,
    silent: true,
    stack: "emotions",
    barMaxWidth: 36,
    barCategoryGap: "25%",
    itemStyle: { color: colour(`--emotion-${name}`) },
    data: rows.map((row) => sharesOf(row)[name] || 0),
    ...axes,
  }));
}

export function emotionsIn(rows, sharesOf) {
  const names = new Set();
  for (const row of rows) {
    for (const [name, share] of Object.entries(sharesOf(row))) if (share) names.add(name);
  }
  return names;
}
