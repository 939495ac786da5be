// One file's way to the site: checked, sent in pieces over tus, and known to have arrived.

import { sha256Of } from "./digest.js";

// Each piece is acknowledged by itself, so that no proxy holds much back.
const PIECE_BYTES = 32 * 1024 * 1024;
const LONGEST_WAIT_S = 30;
// Speed is what went over the line in the last seconds.
const SPEED_OVER_MS = 8000;
// Of HTTP and tus: statuses that pass by themselves, and two that do not.
const PASSING = [408, 409, 423, 425, 460];
const WRONG_BYTES = 422;
const NO_SPACE = 507;

// Where the site says what has come of an upload of a kind.
const MADE_HEADERS = {
  recording: "Engagement-Recording",
  meeting: "Engagement-Meeting",
  material: "Engagement-Material",
};

// What a person waits for in each state:
//   waiting    another file is being sent
//   checking   its checksum is computed
//   sending    its bytes go out
//   finishing  all bytes are there, and the site checks and stores them
//   paused     by the person
//   lost       the connection or the server is away; it goes on by itself
//   failed     something that only a person can mend; `problem` says what
//   done       it is stored as what it is; `made` is the id
export class Transfer extends EventTarget {
  // `site`: addresses, the form's token and the person, see files-page.js. `key` says which file it is,
  // so that an upload that was begun before goes on where it ended. `facts` are said of it besides.
  constructor(file, site, { lesson = site.lesson, key = "", startedAt = "", facts = {} } = {}) {
    super();
    this.file = file;
    this.site = site;
    this.lesson = lesson;
    this.startedAt = startedAt;
    this.facts = facts;
    this.key = keyOf(site, lesson, key || [file.name, file.size, file.lastModified].join(":"));
    this.state = "waiting";
    this.sent = 0;
    this.checked = 0;
    this.problem = "";
    this.made = "";
    this._sha256 = "";
    this._upload = null;
    this._tries = 0;
    this._samples = [];
    this._stop = new AbortController();
  }

  get isActive() {
    return ["checking", "sending", "finishing", "lost"].includes(this.state);
  }

  get isOver() {
    return this.state === "done" || this.state === "cancelled";
  }

  // Bytes a second of late; zero where there is nothing to tell yet.
  get speed() {
    const first = this._samples[0];
    const last = this._samples.at(-1);
    if (!first || last.at - first.at < 500) return 0;
    return (1000 * (last.sent - first.sent)) / (last.at - first.at);
  }

  async start() {
    this._stop = new AbortController();
    try {
      if (!this._sha256) await this._check();
      await this._send();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.problem = "unreadable";
      this._become("failed");
    }
  }

  pause() {
    this._halt();
    this._become("paused");
  }

  // Back into the row, after a pause or a failure.
  again() {
    this.problem = "";
    this._tries = 0;
    this._become("waiting");
  }

  // Gives it up: what the server has of it is erased.
  async cancel() {
    this._halt();
    this._become("cancelled");
    try {
      await this._upload?.abort(true);
    } catch {
      // What cannot be erased now is erased by the server in a few days, or is erased already.
    }
    const { urlStorage } = window.tus.defaultOptions;
    for (const { urlStorageKey } of await urlStorage.findUploadsByFingerprint(this.key)) {
      await urlStorage.removeUpload(urlStorageKey);
    }
  }

  _halt() {
    this._stop.abort();
    clearTimeout(this._timer);
    window.removeEventListener("online", this._goOn);
    this._upload?.abort();
    this._samples = [];
  }

  _become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }

  async _check() {
    this._become("checking");
    const onShare = (share) => {
      this.checked = share;
      this.dispatchEvent(new Event("progress"));
    };
    this._sha256 = await sha256Of(this.file, { onShare, signal: this._stop.signal });
  }

  async _send() {
    const signal = this._stop.signal;
    this._become("sending");
    if (this._isSpoilt) await this._forget();
    if (!this._upload) {
      this._upload = this._made();
      const before = await this._upload.findPreviousUploads();
      const same = before.filter((one) => this._isSame(one.metadata));
      if (same.length) this._upload.resumeFromPreviousUpload(same.at(-1));
    }
    signal.throwIfAborted();
    this._upload.start();
  }

  // Whether what was begun is this file, and is to become the same.
  _isSame(metadata) {
    const facts = Object.entries(this.facts);
    return metadata.sha256 === this._sha256 && facts.every(([name, value]) => metadata[name] === value);
  }

  // Erases what the server has, so that the file is sent from its beginning.
  async _forget() {
    this._isSpoilt = false;
    await this._upload.abort(true);
    this._upload = null;
    this.sent = 0;
  }

  _made() {
    const metadata = {
      lesson: String(this.lesson),
      kind: this.site.kind,
      filename: this.file.name,
      filetype: this.file.type || "application/octet-stream",
      sha256: this._sha256,
      ...this.facts,
    };
    if (this.startedAt) metadata.started_at = this.startedAt;
    return new window.tus.Upload(this.file, {
      endpoint: this.site.endpoint,
      metadata,
      chunkSize: PIECE_BYTES,
      fingerprint: async () => this.key,
      removeFingerprintOnSuccess: true,
      // Retrying is done here, as long as it takes and with words about it.
      retryDelays: null,
      onProgress: (sent, total) => this._onProgress(sent, total),
      onBeforeRequest: (request) => request.setHeader("X-CSRFToken", this.site.token()),
      onAfterResponse: (request, response) => this._onResponse(request, response),
      onSuccess: () => this._become("done"),
      onError: (error) => this._onError(error),
    });
  }

  _onProgress(sent, total) {
    const now = performance.now();
    if (sent < this.sent) this._samples = [];
    if (sent > this.sent) this._tries = 0;
    this.sent = sent;
    this._samples.push({ at: now, sent });
    while (now - this._samples[0].at > SPEED_OVER_MS) this._samples.shift();
    if (this.state === "sending" && sent === total) this._become("finishing");
    else this.dispatchEvent(new Event("progress"));
  }

  _onResponse(request, response) {
    const answered = response.getUnderlyingObject().responseURL;
    const asked = new URL(request.getURL(), window.location.href).href;
    // Who is logged out is sent to the log-in page, which is an answer, but not of tus.
    if (response.getStatus() === 401 || (answered && answered !== asked)) {
      throw new Error("logged out");
    }
    this.made = response.getHeader(MADE_HEADERS[this.site.kind]) || this.made;
  }

  _onError(error) {
    if (this._stop.signal.aborted) return;
    this._samples = [];
    const response = error.originalResponse;
    const status = response ? response.getStatus() : 0;
    if (error.causingError?.message === "logged out") {
      this.problem = "logged_out";
      this._become("failed");
    } else if (isFinal(status)) {
      this.problem = sentenceOf(response);
      // What arrived is not this file: only sending it anew can help.
      this._isSpoilt = status === WRONG_BYTES;
      this._become("failed");
    } else {
      this._wait(status);
    }
  }

  _wait(status) {
    this.waitS = Math.min(LONGEST_WAIT_S, 2 ** this._tries);
    this._tries += 1;
    this.lostBy = status ? "server" : "connection";
    this._goOn = () => {
      clearTimeout(this._timer);
      window.removeEventListener("online", this._goOn);
      this._become("sending");
      this._upload.start();
    };
    this._timer = setTimeout(this._goOn, 1000 * this.waitS);
    window.addEventListener("online", this._goOn);
    this._become("lost");
  }
}

// How an upload is found again: whose it is, what for, and which file.
export function keyOf(site, lesson, file) {
  const what = site.kind === "recording" ? "engagement" : `engagement-${site.kind}`;
  return [what, site.user, lesson, file].join(":");
}

// Whether waiting cannot help, but a person might.
function isFinal(status) {
  return status === NO_SPACE || (status >= 400 && status < 500 && !PASSING.includes(status));
}

// What the server says about a refusal, where it says it to people.
function sentenceOf(response) {
  const type = response.getHeader("Content-Type") || "";
  const body = response.getBody();
  if (type.startsWith("text/plain") && body) return body.trim().slice(0, 400);
  return "refused";
}
