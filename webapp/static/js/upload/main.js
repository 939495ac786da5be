// The page on which a student records themself or sends files. Without this script the page's form
// sends one file as any form does.

import { FilesView } from "./files-view.js";
import { KeptView } from "./kept-view.js";
import { Queue } from "./queue.js";
import { RecorderView } from "./recorder-view.js";
import * as store from "./store.js";
import { Transfer } from "./transfer.js";
import { erased } from "./withdrawn.js";
import { say } from "./words.js";

const root = document.querySelector("[data-upload-page]");
const form = document.getElementById("upload-form");
const input = form.querySelector("input[type=file]");

const site = {
  endpoint: root.dataset.endpoint,
  stateUrl: root.dataset.stateUrl,
  maxBytes: Number(root.dataset.maxBytes),
  user: root.dataset.user,
  lesson: root.dataset.lesson,
  lessonTitle: root.dataset.lessonTitle,
  token,
};

// Whoever logs in anew, in another tab, gets another token; the page's own would be refused.
function token() {
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return cookie ? cookie[1] : form.querySelector("[name=csrfmiddlewaretoken]").value;
}

const queue = new Queue();
const files = new FilesView(document.getElementById("transfers"), site, queue);
const sending = new Set();

// Sends what is kept in this browser, and forgets it here only when it has arrived.
async function sendKept(recording) {
  const file = await store.fileOf(recording);
  const { lesson, startedAt } = recording;
  const transfer = new Transfer(file, site, { lesson, startedAt, key: recording.id });
  sending.add(recording.id);
  transfer.addEventListener("change", async () => {
    if (transfer.state === "done") await store.remove(recording.id);
    if (!transfer.isOver) return;
    // Called off: it is offered again.
    sending.delete(recording.id);
    kept.paint();
  });
  files.send(transfer);
  kept.paint();
}

const kept = new KeptView(document.getElementById("kept"), site, {
  send: sendKept,
  isSending: (id) => sending.has(id),
});
const recorder = new RecorderView(document.getElementById("recorder"), site, {
  send: sendKept,
  changed: () => kept.paint(),
});

// From the list of recordings, where "Send it" was pressed.
async function sendAsked() {
  const id = window.location.hash.replace(/^#send-/, "");
  const asked = (await store.kept(site.user)).find((one) => one.id === id);
  if (!asked) return;
  window.history.replaceState(null, "", window.location.pathname);
  await sendKept(asked);
}
erased.then(() => kept.paint());
sendAsked().catch(() => undefined);

// -- files --

const wrap = form.querySelector(".filepick");
const missing = document.getElementById("nothing-chosen");
input.multiple = true;
input.required = false;
document.getElementById("files-words").hidden = false;

function choose(chosen) {
  missing.hidden = true;
  for (const file of chosen) files.choose(file);
}

function takeChosen() {
  choose([...input.files]);
  // The same file may be chosen again after it was taken out.
  input.value = "";
}

input.addEventListener("change", takeChosen);
// A quick hand chooses before this script is there.
takeChosen();
form.addEventListener("submit", (event) => {
  event.preventDefault();
  missing.hidden = files.sendChosen();
});

// Files may be dropped anywhere on the page: beside the field a browser would open them.
let over = 0;
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  over += 1;
  wrap.classList.add("filepick--over");
});
document.addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  over -= 1;
  if (over <= 0) wrap.classList.remove("filepick--over");
});
document.addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  over = 0;
  wrap.classList.remove("filepick--over");
  choose([...event.dataTransfer.files]);
});

// -- leaving --

window.addEventListener("beforeunload", (event) => {
  if (recorder.isRunning || queue.isActive) event.preventDefault();
});

// Uploads that were begun and not ended are gone on with when the same file is chosen again.
async function unfinished() {
  const all = await window.tus.defaultOptions.urlStorage.findAllUploads();
  const mine = `engagement:${site.user}:${site.lesson}:`;
  const names = all
    .filter((one) => one.urlStorageKey.startsWith(`tus::${mine}`) && one.metadata.filename)
    .filter((one) => one.metadata.lesson === site.lesson && !one.metadata.started_at)
    .map((one) => one.metadata.filename);
  const notice = document.getElementById("unfinished");
  notice.hidden = !names.length;
  if (names.length) notice.querySelector("p").textContent = say("unfinished", { names: [...new Set(names)].join(", ") });
}
unfinished();
