// The part of the page that records: camera, buttons, and what has become of it.

import { clock } from "../times.js";
import * as camera from "./camera.js";
import { Recorder } from "./recorder.js";
import * as store from "./store.js";
import { say, size } from "./words.js";

const LITTLE_ROOM_BYTES = 500 * 1024 * 1024;
const LOOK_AT_ROOM_MS = 10_000;

export class RecorderView {
  // `send` takes a recording that is kept here; `changed` hears when what is kept has changed.
  constructor(root, site, { send, changed }) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-part=${name}]`);
    this.send = send;
    this.changed = changed;
    this.stream = null;
    this.recorder = new Recorder(site);
    this.recorder.addEventListener("change", () => this._paint());
    this.recorder.addEventListener("change", () => this._onState());
    this.recorder.addEventListener("problem", () => this._problem(this.recorder.problem));
    this.recorder.addEventListener("progress", () => this._facts());
    root.addEventListener("click", (event) => this._onClick(event));
    for (const name of ["camera", "microphone"]) {
      this.part(name).addEventListener("change", () => this._switch());
    }
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this._list());
    this._begin();
  }

  get isRunning() {
    return this.recorder.isRunning;
  }

  async _begin() {
    this.root.hidden = false;
    let obstacle = camera.obstacle();
    if (!obstacle) {
      try {
        await store.check();
      } catch {
        obstacle = "no_store";
      }
    }
    if (obstacle) {
      this._problem(obstacle);
      this.part("works").hidden = true;
    }
    this._paint();
  }

  async _onClick(event) {
    const action = event.target.closest("[data-do]")?.dataset.do;
    if (!action) return;
    const actions = {
      "camera-on": () => this._on(),
      "camera-off": () => this._off(),
      record: () => this._record(),
      pause: () => this.recorder.pause(),
      resume: () => this.recorder.resume(),
      stop: () => this.recorder.stop(),
      send: () => this._send(),
      discard: () => this._discard(),
    };
    await actions[action]?.();
    this._focus(action);
  }

  // A button that is hidden by its own press hands the focus to the one that follows it.
  _focus(action) {
    const next = {
      "camera-on": ["record"],
      "camera-off": ["camera-on"],
      record: ["stop"],
      pause: ["resume"],
      resume: ["pause"],
      discard: ["record", "camera-on"],
    };
    for (const name of next[action] ?? []) {
      const button = this.root.querySelector(`[data-do=${name}]`);
      if (button && button.checkVisibility()) {
        button.focus();
        return;
      }
    }
  }

  async _on() {
    this._problem("");
    try {
      this._show(await camera.open(this._chosen()));
    } catch (error) {
      this._problem(error.message);
      return;
    }
    await this._list();
    this._paint();
  }

  _off() {
    camera.close(this.stream);
    this._show(null);
    this._paint();
  }

  _show(stream) {
    this.stream = stream;
    this.part("preview").srcObject = stream;
    stream?.getVideoTracks()[0].addEventListener("ended", () => {
      if (this.stream !== stream || this.recorder.isRunning) return;
      this._off();
      this._problem("camera_gone");
    });
  }

  _chosen() {
    const microphone = this.part("microphone").value;
    return { camera: this.part("camera").value, microphone: microphone === "ask" ? "" : microphone };
  }

  // Another camera or microphone: the old one is let go first, since some cannot be opened twice.
  async _switch() {
    if (this.part("microphone").value === "ask") await this._allowMicrophone();
    if (!this.stream) return;
    camera.close(this.stream);
    await this._on();
  }

  async _allowMicrophone() {
    try {
      const id = await camera.allowMicrophone();
      await this._list();
      this.part("microphone").value = id;
    } catch {
      this.part("microphone").value = "";
      this._problem("refused_microphone");
    }
  }

  async _list() {
    const { cameras, microphones } = await camera.devices();
    const now = this.stream?.getVideoTracks()[0]?.getSettings().deviceId;
    fill(this.part("camera"), cameras, { words: "camera_number", chosen: now });
    const first = [new Option(say("no_microphone"), "")];
    if (!microphones.length) first.push(new Option(say("choose_microphone"), "ask"));
    fill(this.part("microphone"), microphones, { words: "microphone_number", first });
  }

  async _record() {
    this._problem("");
    store.keep();
    try {
      await this.recorder.start(this.stream);
      this._sleep = await camera.stayAwake();
    } catch {
      this._problem("recording_broke");
    }
  }

  _onState() {
    const { state } = this.recorder;
    clearInterval(this._clock);
    clearInterval(this._roomClock);
    if (state === "recording") this._clock = setInterval(() => this._facts(), 500);
    if (state === "stopped") this._sleep?.();
    if (this.recorder.isRunning) {
      this._roomClock = setInterval(() => this._room(), LOOK_AT_ROOM_MS);
      this._room();
    }
    if (state === "stopped") this._review();
    if (state !== "idle") this.part("said").textContent = say(`said_${state}`);
  }

  _paint() {
    const { state } = this.recorder;
    this.root.dataset.state = state === "idle" && this.stream ? "ready" : state;
    const shown = this.root.dataset.state;
    for (const one of this.root.querySelectorAll("[data-when]")) {
      one.hidden = !one.dataset.when.split(" ").includes(shown);
    }
    for (const name of ["camera", "microphone"]) {
      this.part(name).disabled = this.recorder.isRunning || state === "stopped";
    }
    this._facts();
  }

  _facts() {
    this.part("length").textContent = clock(this.recorder.lengthS);
    this.part("size").textContent = size(this.recorder.bytes);
  }

  async _room() {
    const left = await store.room();
    this.part("room-row").hidden = left === null;
    if (left === null) return;
    this.part("room").textContent = size(left);
    this.part("little-room").hidden = left > LITTLE_ROOM_BYTES;
  }

  async _review() {
    camera.close(this.stream);
    this._show(null);
    const { kept } = this.recorder;
    const player = this.part("player");
    if (kept.bytes) play(player, await store.fileOf(kept));
    else this._problem("nothing_recorded");
    this.part("send").disabled = !kept.bytes;
    if (this.root.contains(document.activeElement) || document.activeElement === document.body) {
      this.part("send").focus();
    }
    this.changed();
  }

  async _send() {
    const { kept } = this.recorder;
    this._close();
    await this.send(kept);
  }

  async _discard() {
    const { kept } = this.recorder;
    if (!window.confirm(say("really_delete", { length: clock(kept.lengthS) }))) return;
    this._close();
    await store.remove(kept.id);
    this.part("said").textContent = say("said_deleted");
    this.changed();
  }

  _close() {
    stopPlaying(this.part("player"));
    this._problem("");
    this.recorder.reset();
  }

  _problem(name) {
    const notice = this.part("problem");
    notice.hidden = !name;
    if (!name) return;
    this.part("problem-title").textContent = say(`${name}_title`);
    this.part("problem-words").textContent = say(name);
  }
}

function fill(select, found, { words, first = [], chosen = select.value }) {
  const options = found.map(
    (one, index) => new Option(one.label || say(words, { number: index + 1 }), one.deviceId),
  );
  select.replaceChildren(...first, ...options);
  if ([...select.options].some((one) => one.value === chosen)) select.value = chosen;
}

// Shows a file in a player. A recording of a browser does not say how long it is until its end is
// looked at, and without that nobody could move in it.
export function play(player, file) {
  stopPlaying(player);
  player.src = URL.createObjectURL(file);
  player.addEventListener("loadedmetadata", () => findEnd(player), { once: true });
}

export function stopPlaying(player) {
  if (!player.src) return;
  player.pause();
  URL.revokeObjectURL(player.src);
  player.removeAttribute("src");
  player.load();
}

function findEnd(player) {
  if (Number.isFinite(player.duration)) return;
  const back = () => {
    if (!Number.isFinite(player.duration)) return;
    player.removeEventListener("durationchange", back);
    player.currentTime = 0;
  };
  player.addEventListener("durationchange", back);
  player.currentTime = Number.MAX_SAFE_INTEGER;
}
