// The figures of the moment beside the video, and the outline of the face over it.

import { clock } from "../times.js";
import { capital, nearest, percent, signed } from "./data.js";
import { emotionWord, texts } from "./texts.js";

const SPOKEN_EVERY_MS = 5000;

export class Readout {
  constructor(view) {
    this.view = view;
    this.byId = (id) => document.getElementById(`readout-${id}`);
    this.rows = new Map();
    this.spokenAt = 0;
    this.shown = "";
    for (const name of view.data.emotions) this.addRow(name);
  }

  addRow(name) {
    const row = document.createElement("li");
    const label = document.createElement("span");
    const bar = document.createElement("span");
    const value = document.createElement("span");
    label.textContent = capital(emotionWord(name));
    bar.className = "meters__bar";
    bar.style.setProperty("--colour", `var(--emotion-${name})`);
    value.className = "numeric";
    row.append(label, bar, value);
    this.byId("emotions").append(row);
    this.rows.set(name, { bar, value });
  }

  show(t) {
    const seen = this.view.observationAt(t);
    const window = this.view.windowAt(t);
    // Between two observations nothing on the page changes but the clock.
    const leftOut = this.view.isLeftOut(t);
    const key = `${clock(t)}|${leftOut}|${seen ? seen.t : ""}|${window ? window.start_s : ""}`;
    if (key === this.shown) return;
    this.shown = key;
    this.byId("time").textContent = clock(t);
    this.byId("engagement").textContent = capital(
      leftOut ? texts.left_out : this.view.engagementWords(window),
    );
    const unseen = capital(leftOut ? texts.left_out : texts.not_in_view);
    this.byId("emotion").textContent = seen
      ? `${capital(emotionWord(seen.strongest.name))} ${percent(seen.strongest.share)}`
      : unseen;
    this.byId("coverage").textContent = window ? percent(window.coverage) : "–";
    this.byId("affect").textContent = seen
      ? `${signed(seen.valence)}, ${signed(seen.arousal)}`
      : "–";
    for (const [name, { bar, value }] of this.rows) {
      const one = seen && seen.emotions.find((emotion) => emotion.name === name);
      bar.style.setProperty("--share", one ? one.share.toFixed(3) : "0");
      value.textContent = one ? percent(one.share) : "–";
    }
  }

  // Said at most every few seconds while the video plays, so that it informs and does not chatter.
  speak(t) {
    const now = performance.now();
    if (now - this.spokenAt < SPOKEN_EVERY_MS) return;
    this.spokenAt = now;
    this.byId("live").textContent = this.view.words(t);
  }
}

export class FaceBoxes {
  // `names` are what people are called, by the number of their track; drawn where there are several.
  constructor(svg, box, url, trackId, names) {
    this.svg = svg;
    this.names = names;
    this.url = url;
    this.trackId = trackId;
    this.data = null;
    this.t = 0;
    box.addEventListener("change", () => this.toggle(box));
  }

  async toggle(box) {
    this.svg.toggleAttribute("hidden", !box.checked);
    if (!box.checked || this.data) return;
    try {
      const response = await fetch(this.url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      this.data = await response.json();
      this.show(this.t);
    } catch {
      box.checked = false;
      this.svg.toggleAttribute("hidden", true);
    }
  }

  show(t) {
    this.t = t;
    if (!this.data || this.svg.hasAttribute("hidden")) return;
    const near = 0.75 * this.data.step_s;
    const rects = [];
    for (const track of this.data.tracks) {
      const index = nearest(track.t, t);
      if (index < 0 || Math.abs(track.t[index] - t) > near) continue;
      const [x1, y1, x2, y2] = track.boxes[index];
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const values = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
      for (const [name, value] of Object.entries(values)) rect.setAttribute(name, value);
      const own = String(track.id) === this.trackId;
      rect.setAttribute("class", own ? "player__box" : "player__box player__box--other");
      rects.push(rect);
      if (this.data.tracks.length > 1) rects.push(this.label(track.id, x1, y1));
    }
    this.svg.replaceChildren(...rects);
  }

  label(trackId, x, y) {
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    const size = this.svg.viewBox.baseVal.width / 36;
    text.setAttribute("x", x);
    text.setAttribute("y", Math.max(size, y - size / 3));
    text.setAttribute("font-size", size);
    text.setAttribute("class", "player__name");
    text.textContent = this.names[String(trackId)] || "";
    return text;
  }
}
