// The list of files that are sent: a row each, with its progress and its buttons.

import { Transfer } from "./transfer.js";
import { about, percent, say, size } from "./words.js";

// What a browser does not know by its type, but a worker can decode.
const SUFFIXES = /\.(mp4|m4v|mov|webm|mkv|avi|mpe?g|ts|m2ts|mts|wmv|asf|flv|ogv|ogg|3gp|3g2)$/i;
// Said aloud only at these, so that a screen reader is not told of every percent.
const MILESTONES = 4;

// Why a file cannot be sent: the name of a sentence, or "".
function refusal(file, site) {
  if (file.size === 0) return "empty_file";
  if (file.size > site.maxBytes) return "too_large";
  // Slides are no video, and what is neither is found by the site, as for every file.
  if (site.kind === "material") return "";
  if (!file.type.startsWith("video/") && !SUFFIXES.test(file.name)) return "not_video";
  return "";
}

function part(row, name) {
  return row.querySelector(`[data-part=${name}]`);
}

export class FilesView {
  constructor(root, site, queue) {
    this.list = root.querySelector("[data-part=files]");
    this.said = root.querySelector("[data-part=said]");
    this.summary = root.querySelector("[data-part=summary]");
    this.template = document.getElementById("file-row");
    this.picker = document.querySelector("#upload-form input[type=file]");
    this.site = site;
    this.queue = queue;
    this.root = root;
    this.chosen = [];
    queue.addEventListener("change", () => this._summarise());
  }

  // Puts a chosen file into the list; those that cannot be sent say why.
  choose(file) {
    if (this.refuses(file)) return;
    const transfer = new Transfer(file, this.site);
    this.chosen.push(transfer);
    this._follow(this._row(file), transfer, { state: "chosen" });
  }

  // Whether a file cannot be sent; the list then says why.
  refuses(file) {
    const why = refusal(file, this.site);
    if (!why) return false;
    this._refuse(this._row(file), say(why, { name: file.name, limit: size(this.site.maxBytes) }));
    return true;
  }

  // Sends everything that is chosen and not under way yet; false where there is nothing.
  sendChosen() {
    const chosen = this.chosen.filter((one) => one.state === "waiting");
    this.chosen = [];
    for (const transfer of chosen) {
      transfer.again();
      this.queue.add(transfer);
    }
    return chosen.length > 0;
  }

  // Sends one transfer right away; `done` hears when it has arrived.
  send(transfer) {
    this._follow(this._row(transfer.file), transfer);
    this.queue.add(transfer);
    // The button that was pressed is gone: the reader goes along with the file.
    this.root.querySelector("h2").focus();
  }

  _row(file) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    part(row, "name").textContent = file.name;
    part(row, "size").textContent = size(file.size);
    part(row, "bar").setAttribute("aria-label", file.name);
    for (const button of row.querySelectorAll("[data-do]")) {
      const words = button.querySelector("[data-part=of]");
      if (words) words.textContent = ` ${file.name}`;
    }
    this.list.append(row);
    this.root.hidden = false;
    return row;
  }

  _refuse(row, words) {
    row.dataset.state = "refused";
    part(row, "error").textContent = words;
    part(row, "error").hidden = false;
    part(row, "words").hidden = true;
    part(row, "bar").hidden = true;
    this._buttons(row, ["remove"]);
    row.addEventListener("click", (event) => {
      if (!event.target.closest("[data-do]")) return;
      this._take(row);
      this._summarise();
    });
    this._summarise();
  }

  _follow(row, transfer, { state = "" } = {}) {
    let milestone = 0;
    this._paint(row, transfer, state);
    transfer.addEventListener("change", () => {
      this._paint(row, transfer);
      this._announce(transfer);
      if (transfer.state === "done") this._showAnalysis(row, transfer);
      if (transfer.state === "cancelled") this._take(row);
    });
    transfer.addEventListener("progress", () => {
      this._progress(row, transfer);
      const reached = Math.floor((MILESTONES * transfer.sent) / transfer.file.size);
      if (transfer.state === "sending" && reached > milestone && reached < MILESTONES) {
        milestone = reached;
        const share = percent(reached / MILESTONES);
        this.said.textContent = say("said_share", { name: transfer.file.name, share });
      }
    });
    row.addEventListener("click", (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action) this._act(action, row, transfer);
    });
  }

  _act(action, row, transfer) {
    if (action === "pause") transfer.pause();
    if (action === "resume" || action === "retry") transfer.again();
    if (action === "remove") {
      this.chosen = this.chosen.filter((one) => one !== transfer);
      transfer.cancel();
    }
    if (action === "cancel" && window.confirm(say("really_cancel", { name: transfer.file.name }))) {
      transfer.cancel();
    }
    const next = { pause: "resume", resume: "pause", retry: "pause" }[action];
    if (next) row.querySelector(`[data-do=${next}]`)?.focus();
  }

  _take(row) {
    const focused = row.contains(document.activeElement);
    const near = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    this.root.hidden = !this.list.children.length;
    if (!focused) return;
    const next = near?.querySelector("button:not([hidden])");
    (next ?? (near ? this.root.querySelector("h2") : this.picker)).focus();
  }

  _paint(row, transfer, given = "") {
    const state = given || transfer.state;
    row.dataset.state = state;
    const failed = state === "failed";
    part(row, "error").hidden = !failed;
    part(row, "words").hidden = failed;
    if (failed) part(row, "error").textContent = this._problem(transfer);
    part(row, "bar").hidden = ["chosen", "done"].includes(state);
    const buttons = {
      chosen: ["remove"],
      waiting: ["pause", "cancel"],
      checking: ["pause", "cancel"],
      sending: ["pause", "cancel"],
      finishing: [],
      lost: ["pause", "cancel"],
      paused: ["resume", "cancel"],
      failed: ["retry", "cancel"],
    };
    this._buttons(row, buttons[state] ?? []);
    this._progress(row, transfer, state);
  }

  _buttons(row, shown) {
    for (const button of row.querySelectorAll("[data-do]")) {
      button.hidden = !shown.includes(button.dataset.do);
    }
  }

  _problem(transfer) {
    const known = ["unreadable", "logged_out", "refused"];
    return known.includes(transfer.problem) ? say(transfer.problem) : transfer.problem;
  }

  _progress(row, transfer, state = transfer.state) {
    const bar = part(row, "bar");
    const share = state === "checking" ? transfer.checked : transfer.sent / transfer.file.size;
    if (state === "finishing") bar.removeAttribute("value");
    else bar.value = share;
    const words = this._words(transfer, state);
    if (part(row, "words").textContent !== words) part(row, "words").textContent = words;
  }

  _words(transfer, state) {
    if (state === "checking") return say("checking", { share: percent(transfer.checked) });
    if (state === "lost") {
      return say(`lost_${transfer.lostBy}`, { seconds: about(transfer.waitS) });
    }
    // What has failed is told in the place of an error.
    if (state === "failed") return "";
    if (state !== "sending") return say(`file_${state}`);
    const sent = say("sent_of", { sent: size(transfer.sent), size: size(transfer.file.size) });
    const { speed } = transfer;
    if (!speed) return sent;
    const left = about((transfer.file.size - transfer.sent) / speed);
    return say("sent_speed", { sent, speed: size(speed), left });
  }

  _announce(transfer) {
    const known = ["sending", "paused", "lost", "failed", "done"];
    if (!known.includes(transfer.state)) return;
    const problem = transfer.state === "failed" ? this._problem(transfer) : "";
    this.said.textContent = say(`said_file_${transfer.state}`, { name: transfer.file.name, problem });
  }

  // The same live piece of page as in the list of recordings, or the way to a page of its own.
  _showAnalysis(row, transfer) {
    const target = part(row, "analysis");
    target.hidden = false;
    if (!transfer.made) return;
    const address = (url) => url.replace("00000000-0000-0000-0000-000000000000", transfer.made);
    if (this.site.pageUrl) {
      const link = document.createElement("a");
      link.href = address(this.site.pageUrl);
      link.textContent = say("open_made", { name: transfer.file.name });
      target.append(link);
      return;
    }
    window.htmx.ajax("GET", address(this.site.stateUrl), { target, swap: "innerHTML" });
  }

  _summarise() {
    const all = this.queue.transfers.filter((one) => one.state !== "cancelled");
    this.summary.hidden = !all.length || !all.every((one) => one.state === "done");
    const isRefused = Boolean(this.list.querySelector("[data-state=refused]"));
    part(this.summary, "all").hidden = isRefused;
    part(this.summary, "others").hidden = !isRefused;
  }
}
