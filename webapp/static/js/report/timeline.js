// One position in the recording, moved by the video, the pointer or the keyboard, and shown by a
// playhead in every plot. The position is a CSS variable, so a moving playhead costs one write.

import { clock } from "../times.js";
import { capital, percent } from "./data.js";
import { emotionWord, fill, texts } from "./texts.js";

// A finger that moved so far along a plot drags the playhead; less is a tap that trembles.
const DRAG_PX = 6;

export class Timeline {
  constructor(root, video, view, margins) {
    this.root = root;
    this.video = video;
    this.view = view;
    this.margins = margins;
    this.position = 0;
    this.listeners = [];
    this.scrubber = root.querySelector("#scrubber");
    for (const plot of root.querySelectorAll("[data-plot]")) this.dress(plot);
    document.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("click", (event) => this.onSeekButton(event));
    this.followVideo();
  }

  onMove(listener) {
    this.listeners.push(listener);
  }

  get videoWorks() {
    return this.video.readyState >= 1 && !this.video.error;
  }

  seek(t) {
    const end = this.videoWorks && Number.isFinite(this.video.duration)
      ? Math.min(this.view.durationS, this.video.duration)
      : this.view.durationS;
    const target = Math.min(Math.max(0, t), end);
    if (this.videoWorks) this.video.currentTime = target;
    this.show(target);
  }

  show(t) {
    this.position = t;
    const share = this.view.durationS > 0 ? Math.min(1, t / this.view.durationS) : 0;
    this.root.style.setProperty("--at", share.toFixed(5));
    this.scrubber.setAttribute("aria-valuenow", t.toFixed(2));
    for (const listener of this.listeners) listener(t);
  }

  followVideo() {
    const { video } = this;
    const step = () => {
      this.show(video.currentTime);
      if (!video.paused && !video.ended) requestAnimationFrame(step);
    };
    video.addEventListener("play", () => requestAnimationFrame(step));
    for (const name of ["timeupdate", "seeked", "loadedmetadata"]) {
      video.addEventListener(name, () => {
        if (video.paused) this.show(video.currentTime);
      });
    }
  }

  // The playhead, the hover line and its words, and the pointer of one plot.
  dress(plot) {
    const playhead = document.createElement("div");
    const hover = document.createElement("div");
    const tip = document.createElement("div");
    playhead.className = "plot__playhead";
    hover.className = "plot__hover";
    tip.className = "plot__tip";
    hover.hidden = tip.hidden = true;
    plot.append(hover, playhead, tip);
    const timeAt = (event) => {
      const box = plot.getBoundingClientRect();
      const width = box.width - this.margins.left - this.margins.right;
      const share = (event.clientX - box.left - this.margins.left) / width;
      return Math.min(1, Math.max(0, share)) * this.view.durationS;
    };
    let held = false;
    // Where a finger came down that may only want to scroll the page; the browser then cancels it.
    let touchedX = null;
    const hold = (event) => {
      held = true;
      plot.setPointerCapture(event.pointerId);
      this.seek(timeAt(event));
      this.scrubber.focus({ preventScroll: true });
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      if (event.pointerType === "touch") {
        touchedX = event.clientX;
        return;
      }
      hold(event);
      event.preventDefault();
    });
    plot.addEventListener("pointermove", (event) => {
      const t = timeAt(event);
      if (held) this.seek(t);
      else if (touchedX !== null && Math.abs(event.clientX - touchedX) > DRAG_PX) hold(event);
      this.describe(plot, hover, tip, t);
    });
    const release = () => {
      held = false;
      touchedX = null;
    };
    plot.addEventListener("pointerup", (event) => {
      if (touchedX !== null && !held) hold(event);
      release();
    });
    plot.addEventListener("pointercancel", release);
    plot.addEventListener("pointerleave", () => {
      hover.hidden = tip.hidden = true;
    });
  }

  describe(plot, hover, tip, t) {
    const share = this.view.durationS > 0 ? t / this.view.durationS : 0;
    plot.style.setProperty("--hover", share.toFixed(5));
    hover.hidden = tip.hidden = false;
    tip.classList.toggle("plot__tip--left", share > 0.5);
    tip.replaceChildren(...this.tipLines(t));
  }

  tipLines(t) {
    const line = (text, className = "") => {
      const node = document.createElement("p");
      node.textContent = text;
      if (className) node.className = className;
      return node;
    };
    const seen = this.view.observationAt(t);
    const window = this.view.windowAt(t);
    const lines = [line(clock(t), "plot__tip-time")];
    if (this.view.isLeftOut(t)) return [...lines, line(capital(texts.left_out))];
    lines.push(line(`${texts.label} ${this.view.engagementWords(window)}`));
    if (window) {
      lines.push(line(fill(texts.coverage, { coverage: percent(window.coverage) })));
    }
    const head = this.view.headWords(window);
    if (head) lines.push(line(head));
    if (!seen) return [...lines, line(capital(texts.not_in_view))];
    const top = [...seen.emotions].sort((a, b) => b.share - a.share).slice(0, 3);
    for (const { name, share } of top) {
      lines.push(line(`${capital(emotionWord(name))} ${percent(share)}`));
    }
    return lines;
  }

  onSeekButton(event) {
    const button = event.target.closest("[data-seek]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.seek(Number(button.dataset.seek));
  }

  // To the window after (1) or before (-1) the present one.
  step(direction) {
    const starts = this.view.track.windows.map((one) => one.start_s);
    const here = this.position + 0.05;
    const next = direction > 0
      ? starts.find((start) => start > here)
      : starts.filter((start) => start < here - 0.1).pop();
    if (next !== undefined) this.seek(next);
  }

  // Keys work on the scrubber, and wherever nothing else wants them.
  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const focused = document.activeElement;
    if (focused !== this.scrubber && focused !== document.body) return;
    const anywhere = [" ", ",", "."].includes(event.key) || event.key.startsWith("Arrow");
    if (focused === document.body && !anywhere) return;
    const step = event.shiftKey ? 5 : 1;
    const moves = {
      ArrowLeft: () => this.seek(this.position - step),
      ArrowRight: () => this.seek(this.position + step),
      PageDown: () => this.seek(this.position - 5),
      PageUp: () => this.seek(this.position + 5),
      Home: () => this.seek(0),
      End: () => this.seek(this.view.durationS),
      ",": () => this.step(-1),
      ".": () => this.step(1),
      " ": () => this.toggle(),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
    this.scrubber.setAttribute("aria-valuetext", this.view.words(this.position));
  }

  toggle() {
    if (!this.videoWorks) return;
    if (this.video.paused) this.video.play().catch(() => undefined);
    else this.video.pause();
  }
}

// The strip that shows when the face was in view.
export function drawPresence(svg, view) {
  const add = (start, end, className) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const scale = view.durationS > 0 ? 1000 / view.durationS : 0;
    rect.setAttribute("x", (start * scale).toFixed(2));
    rect.setAttribute("width", Math.max(0, (end - start) * scale).toFixed(2));
    rect.setAttribute("height", "10");
    rect.setAttribute("class", className);
    svg.append(rect);
  };
  add(0, view.durationS, "presence__present");
  for (const [start, end] of view.track.unseen) add(start, end, "presence__absent");
  for (const [start, end] of view.data.excluded) add(start, end, "presence__left-out");
}
