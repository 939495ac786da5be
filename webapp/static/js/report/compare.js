// Two recordings on one time axis: both curves, both videos, one position.

import { clock } from "../times.js";
import { Chart, colour, frame, still } from "./charts.js";
import { TrackView } from "./data.js";
import { texts } from "./texts.js";

const SIDES = [["a", "--series-a", "solid"], ["b", "--series-b", [6, 3]]];

async function load(url, track) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(String(response.status));
  return new TrackView(await response.json(), track);
}

function margins(root) {
  const style = getComputedStyle(root);
  const pixels = (name) => parseFloat(style.getPropertyValue(name));
  return { left: pixels("--plot-left"), right: pixels("--plot-right") };
}

function series(view, shift, token, type) {
  const ink = colour(token);
  const row = view.windowsWithHoles;
  const middle = (one) => (one.start_s + one.end_s) / 2 + shift;
  const times = row.map((one, index) =>
    one ? middle(one) : (middle(row[index - 1]) + middle(row[index + 1])) / 2);
  const points = (pick) => row.map((one, index) => [times[index], one ? pick(one) : null]);
  const low = (one) => Math.max(0, one.engagement - one.spread);
  const high = (one) => Math.min(1, one.engagement + one.spread);
  return [
    { ...still, data: points(low), stack: token, lineStyle: { opacity: 0 } },
    {
      ...still,
      data: points((one) => high(one) - low(one)),
      stack: token,
      lineStyle: { opacity: 0 },
      areaStyle: { color: ink, opacity: 0.16 },
    },
    { ...still, z: 3, data: points((one) => one.engagement), lineStyle: { color: ink, width: 2, type } },
  ];
}

class Both {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    this.videos = SIDES.map(([side]) => document.getElementById(`video-${side}`));
    this.offset = 0;
    this.position = 0;
    this.scrubber = document.getElementById("both-scrubber");
    this.playhead = document.getElementById("both-playhead");
    this.words = document.getElementById("both-words");
    this.plot = this.playhead.parentElement;
    this.margins = margins(root);
    this.chart = new Chart(document.getElementById("chart-both"), (node) => this.option(node));
    this.chart.draw();
    this.scrubber.hidden = this.playhead.hidden = false;
    this.listen();
    this.show(0);
  }

  get durationS() {
    const [a, b] = this.views;
    return Math.max(a.durationS, b.durationS + this.offset);
  }

  shiftOf(index) {
    return index === 0 ? 0 : this.offset;
  }

  option(node) {
    return {
      ...frame({ durationS: this.durationS }, node, this.margins, {
        min: 0,
        max: 1,
        interval: 0.25,
        axisLabel: { formatter: (value) => value.toFixed(2) },
      }),
      series: SIDES.flatMap(([, token, type], index) =>
        series(this.views[index], this.shiftOf(index), token, type)),
    };
  }

  listen() {
    this.scrubber.addEventListener("input", () => this.seek(Number(this.scrubber.value)));
    // A click, since a finger that comes down may only want to scroll the page.
    this.plot.addEventListener("click", (event) => {
      const box = this.plot.getBoundingClientRect();
      const width = box.width - this.margins.left - this.margins.right;
      const share = (event.clientX - box.left - this.margins.left) / width;
      this.seek(Math.min(1, Math.max(0, share)) * this.durationS);
      this.scrubber.focus({ preventScroll: true });
    });
    const offset = document.getElementById("both-offset");
    offset.addEventListener("change", () => {
      this.offset = Math.max(0, Number(offset.value) || 0);
      offset.value = this.offset;
      this.chart.draw();
      this.seek(this.position);
    });
    const button = document.getElementById("both-play");
    button.addEventListener("click", () => this.toggle(button));
    const [first] = this.videos;
    first.addEventListener("timeupdate", () => {
      if (!first.paused) this.follow();
    });
    // One video moved by its own controls takes the other along.
    this.videos.forEach((video, index) => {
      video.addEventListener("seeked", () => {
        if (this.seeking) return;
        this.seek(video.currentTime + this.shiftOf(index), index);
      });
    });
  }

  toggle(button) {
    const playing = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!playing));
    this.videos.forEach((video) => {
      if (playing) video.pause();
      else video.play().catch(() => undefined);
    });
  }

  // Players drift apart: the second is put right when it is a quarter of a second away.
  follow() {
    const [first, second] = this.videos;
    const wanted = first.currentTime - this.offset;
    const away = Math.abs(second.currentTime - wanted);
    if (wanted >= 0 && wanted < second.duration && away > 0.25) second.currentTime = wanted;
    this.show(first.currentTime);
  }

  seek(t, from = -1) {
    this.seeking = true;
    this.videos.forEach((video, index) => {
      const wanted = t - this.shiftOf(index);
      if (index === from || video.readyState < 1) return;
      video.currentTime = Math.min(Math.max(0, wanted), video.duration || 0);
    });
    this.show(t);
    setTimeout(() => {
      this.seeking = false;
    }, 150);
  }

  show(t) {
    this.position = t;
    const share = this.durationS > 0 ? Math.min(1, t / this.durationS) : 0;
    this.root.style.setProperty("--at", share.toFixed(5));
    this.scrubber.max = this.durationS.toFixed(1);
    this.scrubber.value = t.toFixed(1);
    const said = this.views.map((view, index) => {
      const own = t - this.shiftOf(index);
      const letter = SIDES[index][0].toUpperCase();
      if (own < 0 || own > view.durationS) return `${letter}: –`;
      const window = view.windowAt(own);
      return `${letter}: ${view.isLeftOut(own) ? texts.left_out : view.engagementWords(window)}`;
    });
    const line = `${clock(t)} · ${said.join(" · ")}`;
    this.scrubber.setAttribute("aria-valuetext", line);
    if (this.words.textContent !== line) this.words.textContent = line;
  }
}

async function start() {
  const root = document.getElementById("compare-timeline");
  try {
    const { aUrl, bUrl, aTrack, bTrack } = root.dataset;
    const views = await Promise.all([load(aUrl, aTrack), load(bUrl, bTrack)]);
    for (const node of root.querySelectorAll("[data-needs-script]")) node.hidden = false;
    new Both(root, views);
    root.dataset.ready = "true";
  } catch {
    document.getElementById("compare-problem").hidden = false;
  }
}

start();
