// The part of a page that sends files: chosen or dropped, listed, and sent one after the other.

import { FilesView } from "./files-view.js";
import { Queue } from "./queue.js";
import { keyOf } from "./transfer.js";
import { say } from "./words.js";

// Sets the page up; returns what its other parts need: the site's addresses and the list of files.
// `isBusy` tells of work besides the files that a person who leaves would lose.
export function filesPage({ isBusy = () => false } = {}) {
  const parts = sendingPart({ isBusy });
  pick(document.getElementById("upload-form"), parts.files);
  return parts;
}

// The part that sends, whatever it is given and from where.
export function sendingPart({ isBusy = () => false } = {}) {
  const root = document.querySelector("[data-upload-page]");
  const form = document.getElementById("upload-form");
  const site = {
    endpoint: root.dataset.endpoint,
    kind: root.dataset.kind,
    stateUrl: root.dataset.stateUrl,
    pageUrl: root.dataset.pageUrl,
    maxBytes: Number(root.dataset.maxBytes),
    user: root.dataset.user,
    lesson: root.dataset.lesson,
    lessonTitle: root.dataset.lessonTitle,
    token: () => token(form),
  };
  const queue = new Queue();
  const files = new FilesView(document.getElementById("transfers"), site, queue);
  window.addEventListener("beforeunload", (event) => {
    if (isBusy() || queue.isActive) event.preventDefault();
  });
  unfinished(site, queue);
  queue.addEventListener("change", () => unfinished(site, queue));
  return { site, queue, files };
}

// Whoever logs in anew, in another tab, gets another token; the page's own would be refused.
function token(form) {
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return cookie ? cookie[1] : form.querySelector("[name=csrfmiddlewaretoken]").value;
}

function pick(form, files) {
  const input = form.querySelector("input[type=file]");
  const wrap = form.querySelector(".filepick");
  const missing = document.getElementById("nothing-chosen");
  input.multiple = true;
  input.required = false;
  document.getElementById("files-words").hidden = false;

  const choose = (chosen) => {
    missing.hidden = true;
    for (const file of chosen) files.choose(file);
  };
  const takeChosen = () => {
    choose([...input.files]);
    // The same file may be chosen again after it was taken out.
    input.value = "";
  };
  input.addEventListener("change", takeChosen);
  // A quick hand chooses before this script is there.
  takeChosen();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    missing.hidden = files.sendChosen();
  });
  takeDropped(wrap, choose);
}

// Files may be dropped anywhere on the page: beside the field a browser would open them.
function takeDropped(wrap, choose) {
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
}

// What was begun here and not ended, as tus-js-client keeps it: of files, not of what was recorded.
export async function begunBefore(site) {
  const all = await window.tus.defaultOptions.urlStorage.findAllUploads();
  const mine = `tus::${keyOf(site, site.lesson, "")}`;
  return all
    .filter((one) => one.urlStorageKey.startsWith(mine) && one.metadata.filename)
    .filter((one) => one.metadata.lesson === site.lesson && !one.metadata.started_at);
}

// Uploads that were begun and not ended are gone on with when the same file is chosen again. Those
// that are in the list below are not told of.
async function unfinished(site, queue) {
  const names = (await begunBefore(site))
    .filter((one) => !queue.transfers.some(({ key }) => one.urlStorageKey.startsWith(`tus::${key}::`)))
    .map((one) => one.metadata.filename);
  const notice = document.getElementById("unfinished");
  notice.hidden = !names.length;
  if (names.length) notice.querySelector("p").textContent = say("unfinished", { names: [...new Set(names)].join(", ") });
}
