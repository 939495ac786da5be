// One recording while it is made: parts go to the browser's own disk as they come.

import { type } from "./camera.js";
import { hold } from "./locks.js";
import * as store from "./store.js";

const PART_MS = 2000;
const VIDEO_BITS = 1_200_000;
const AUDIO_BITS = 64_000;
// Stops a little below what the site takes: the last part is as large as any.
const LARGEST_SHARE = 0.99;
// So many parts in a row may be late before a browser counts as recording nothing. Told in parts,
// not in seconds: a computer that slept has missed many seconds, and only one of its looks.
const MOST_LATE_PARTS = 8;
// A recorder that does not say that it has stopped is not waited for longer.
const STOP_PATIENCE_MS = 10_000;

// States: "idle", "recording", "paused", "stopped". Tells "change", "progress" and "problem".
export class Recorder extends EventTarget {
  constructor(site) {
    super();
    this.site = site;
    this.state = "idle";
    this.kept = null;
    this.problem = "";
    this._lengthMs = 0;
    this._since = null;
    this._parts = 0;
    this._writing = Promise.resolve();
    this._release = null;
    this._lateParts = 0;
  }

  get lengthS() {
    const running = this._since === null ? 0 : performance.now() - this._since;
    return (this._lengthMs + running) / 1000;
  }

  get bytes() {
    return this.kept?.bytes ?? 0;
  }

  async start(stream) {
    const mime = type({ sound: stream.getAudioTracks().length > 0 });
    const now = new Date();
    const stamp = localStamp(now);
    this.kept = {
      id: crypto.randomUUID(),
      user: this.site.user,
      lesson: this.site.lesson,
      lessonTitle: this.site.lessonTitle,
      name: `Recording ${stamp}.${mime.includes("mp4") ? "mp4" : "webm"}`,
      type: mime.split(";")[0],
      startedAt: now.toISOString(),
      lengthS: 0,
      bytes: 0,
    };
    this._lengthMs = 0;
    this._parts = 0;
    this.problem = "";
    await store.put(this.kept);
    this._release = await hold(this.kept.id);
    const options = { mimeType: mime, videoBitsPerSecond: VIDEO_BITS, audioBitsPerSecond: AUDIO_BITS };
    const { kept } = this;
    const media = new MediaRecorder(stream, options);
    this._media = media;
    // What one that was given up still says is not about the recording that followed it.
    media.addEventListener("dataavailable", (event) => this.kept === kept && this._keep(event.data));
    media.addEventListener("stop", () => this._finish(kept));
    media.addEventListener("error", () => this.kept === kept && this._fail("recording_broke"));
    // A camera that is pulled out, or whose permission is taken away.
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (this.isRunning) this._fail("camera_gone");
    });
    this._media.start(PART_MS);
    this._lateParts = 0;
    this._watch = setInterval(() => this._look(), PART_MS);
    this._since = performance.now();
    this._become("recording");
  }

  get isRunning() {
    return this.state === "recording" || this.state === "paused";
  }

  pause() {
    this._lengthMs = this.lengthS * 1000;
    this._since = null;
    this._media.pause();
    this._become("paused");
  }

  resume() {
    this._since = performance.now();
    this._media.resume();
    this._become("recording");
  }

  stop() {
    this._lengthMs = this.lengthS * 1000;
    this._since = null;
    clearInterval(this._watch);
    if (this._media.state !== "inactive") this._media.stop();
    const { kept } = this;
    setTimeout(() => this._finish(kept), STOP_PATIENCE_MS);
  }

  // Forgets it; what is on disk is another's to remove.
  reset() {
    this._release?.();
    this.kept = null;
    this._become("idle");
  }

  _fail(problem) {
    this.problem = problem;
    this.dispatchEvent(new Event("problem"));
    this.stop();
  }

  // Browsers may record nothing and tell nobody; an hour of that would be an hour lost.
  _look() {
    if (this.state !== "recording") return;
    this._lateParts += 1;
    if (this._lateParts > MOST_LATE_PARTS) this._fail("recording_broke");
  }

  _keep(blob) {
    // After a part that could not be kept nothing follows: a recording has no gap.
    if (!blob.size || !this.isRunning || this.problem === "disk_full") return;
    this._lateParts = 0;
    const number = this._parts;
    this._parts += 1;
    this.kept.bytes += blob.size;
    this.kept.lengthS = this.lengthS;
    const facts = { ...this.kept };
    // One after the other, so that the parts on disk never have a gap.
    this._writing = this._writing
      .then(() => store.addPart(facts, number, blob))
      .catch(() => {
        if (this.isRunning && !this.problem) this._fail("disk_full");
      });
    this.dispatchEvent(new Event("progress"));
    const most = LARGEST_SHARE * this.site.maxBytes;
    if (this.isRunning && this.kept.bytes > most) this._fail("too_long");
  }

  // Comes twice: when the recorder has stopped, and when that would have taken too long.
  async _finish(kept) {
    await this._writing;
    if (this.isRunning && this.kept === kept) this._become("stopped");
  }

  _become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

// The person's own day and time, as it may stand in a file's name.
function localStamp(date) {
  const two = (value) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}.${two(date.getMinutes())}`;
}
