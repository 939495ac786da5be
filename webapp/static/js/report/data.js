// Reads the chart data of one track: what was seen at a moment, and how to say it in words.

import { clock } from "../times.js";
import { emotionWord, fill, levelWord, texts } from "./texts.js";

export function percent(share) {
  if (share > 0 && share < 0.005) return texts.under;
  if (share < 1 && share >= 0.995) return texts.over;
  return `${Math.round(100 * share)}%`;
}

export function signed(value) {
  return `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(2)}`;
}

export function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

// Index of the element of the sorted list that lies nearest to the value; -1 where it is empty.
export function nearest(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && (low === sorted.length || value - sorted[low - 1] <= sorted[low] - value)) {
    return low - 1;
  }
  return low < sorted.length ? low : -1;
}

// Windows in order, with null wherever one is missing because the face was away.
export function withHoles(windows, most) {
  const row = [];
  for (const one of windows) {
    const before = row[row.length - 1];
    if (before && one.start_s - before.start_s > most) row.push(null);
    row.push(one);
  }
  return row;
}

export class TrackView {
  constructor(data, trackId) {
    this.data = data;
    this.track = data.tracks.find((one) => String(one.id) === trackId) || data.tracks[0];
    this.durationS = data.duration_s;
    this.isIndex = data.engagement.kind === "index";
  }

  // Whether somebody left the moment out of the figures by hand.
  isLeftOut(t) {
    return this.data.excluded.some(([start, end]) => t >= start && t < end);
  }

  isUnseen(t) {
    return this.track.unseen.some(([start, end]) => t >= start && t < end);
  }

  // The observation shown at a moment, or null where the face was not in view.
  observationAt(t) {
    if (this.isUnseen(t) || this.isLeftOut(t)) return null;
    const index = nearest(this.track.t, t);
    if (index < 0) return null;
    const emotions = this.data.emotions
      .map((name) => ({ name, share: this.track.emotions[name][index] }));
    return {
      t: this.track.t[index],
      emotions,
      strongest: emotions.reduce((best, one) => (one.share > best.share ? one : best)),
      valence: this.track.valence[index],
      arousal: this.track.arousal[index],
    };
  }

  // Of the windows that hold the moment, the one whose middle is nearest; null between windows.
  windowAt(t) {
    let best = null;
    let bestDistance = Infinity;
    for (const one of this.track.windows) {
      if (t < one.start_s || t > one.end_s) continue;
      const distance = Math.abs((one.start_s + one.end_s) / 2 - t);
      if (distance < bestDistance) [best, bestDistance] = [one, distance];
    }
    return best;
  }

  // Two levels are words of their own; "high" alone would not say of what.
  levelWords(level) {
    if (!level) return texts.no_level;
    const word = levelWord(level);
    return this.data.engagement.levels.length > 2 ? fill(texts.level_of, { level: word }) : word;
  }

  engagementWords(window) {
    if (!window) return texts.no_window;
    const level = this.levelWords(window.level);
    return `${window.engagement.toFixed(2)} ± ${window.spread.toFixed(2)}, ${level}`;
  }

  // Where the head points over a window; empty where that was not measured.
  headWords(window) {
    if (!window || !window.signals) return "";
    const { facing, turned_away: away, head_down: down } = window.signals;
    return fill(texts.facing, {
      facing: percent(facing),
      away: percent(away),
      down: percent(down),
    });
  }

  // One line for a screen reader.
  words(t) {
    const seen = this.observationAt(t);
    const window = this.windowAt(t);
    if (this.isLeftOut(t)) return `${clock(t)}, ${texts.left_out}`;
    const emotion = seen
      ? `${emotionWord(seen.strongest.name)} ${percent(seen.strongest.share)}`
      : texts.not_in_view;
    return `${clock(t)}, ${emotion}, ${texts.label_long} ${this.engagementWords(window)}`;
  }

  // Windows that begin further apart have a hole between them.
  get holeS() {
    return 1.5 * this.data.engagement.stride_s;
  }

  get windowsWithHoles() {
    return withHoles(this.track.windows, this.holeS);
  }

  // What is drawn of the observations: of a long recording the means of equal stretches.
  get drawn() {
    return this.track.means || this.track;
  }

  // A column of what is drawn as [time, value] points, with a hole wherever the face was away.
  points(column) {
    return this.track.means ? this.pointsOfMeans(column) : this.pointsSeen(column);
  }

  // A mean is of its whole stretch: a run of them begins and ends with one, not in its middle.
  pointsOfMeans(column) {
    const { t, stretch_s: stretch } = this.track.means;
    const points = [];
    t.forEach((time, index) => {
      const value = column[index];
      const isFirst = !index || time - t[index - 1] > 1.5 * stretch;
      const isLast = index === t.length - 1 || t[index + 1] - time > 1.5 * stretch;
      if (isFirst) points.push([time - stretch / 2, value]);
      points.push([time, value]);
      const end = Math.min(time + stretch / 2, this.durationS);
      if (isLast) points.push([end, value], [end, null]);
    });
    return points;
  }

  pointsSeen(column) {
    const { t } = this.track;
    const unseen = [...this.track.unseen, ...this.data.excluded].sort((a, b) => a[0] - b[0]);
    const points = [];
    let next = 0;
    t.forEach((time, index) => {
      while (next < unseen.length && unseen[next][0] < time) {
        if (points.length) points.push([unseen[next][0], null]);
        next += 1;
      }
      points.push([time, column[index]]);
    });
    return points;
  }
}
