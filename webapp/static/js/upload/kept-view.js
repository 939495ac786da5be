// Recordings that were made in this browser and never sent: sent, played or deleted now.

import { clock } from "../times.js";
import { beingMade } from "./locks.js";
import { play, stopPlaying } from "./recorder-view.js";
import * as store from "./store.js";
import { say, size, when } from "./words.js";

export class KeptView {
  // `send` takes a recording; `isSending` knows those that are under way.
  constructor(root, site, { send, isSending }) {
    this.root = root;
    this.site = site;
    this.send = send;
    this.isSending = isSending;
    this.list = root.querySelector("[data-part=list]");
    this.template = document.getElementById("kept-row");
    this.paint();
  }

  async paint() {
    let kept = [];
    try {
      kept = await store.kept(this.site.user);
    } catch {
      // A browser that keeps nothing has nothing to offer.
    }
    const busy = await beingMade();
    const rows = kept.filter((one) => !busy.has(one.id) && !this.isSending(one.id));
    this.list.replaceChildren(...rows.map((one) => this._row(one)));
    this.root.hidden = !rows.length;
  }

  _row(recording) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    const part = (name) => row.querySelector(`[data-part=${name}]`);
    const made = when(new Date(recording.startedAt));
    part("title").textContent = say("kept_title", { when: made });
    part("facts").textContent = say("kept_facts", {
      length: clock(recording.lengthS),
      size: size(recording.bytes),
      lesson: recording.lessonTitle,
    });
    for (const words of row.querySelectorAll("[data-part=of]")) words.textContent = ` ${made}`;
    row.addEventListener("click", async (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action === "send") await this.send(recording);
      if (action === "play") await this._play(recording, part("player"));
      if (action === "delete") await this._delete(recording, part("player"));
    });
    return row;
  }

  async _play(recording, player) {
    player.hidden = false;
    play(player, await store.fileOf(recording));
    player.focus();
  }

  async _delete(recording, player) {
    if (!window.confirm(say("really_delete", { length: clock(recording.lengthS) }))) return;
    stopPlaying(player);
    await store.remove(recording.id);
    await this.paint();
    document.getElementById("content").focus();
  }
}
