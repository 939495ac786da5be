// The page on which a student records themself or sends files. Without this script the page's form
// sends one file as any form does.

import { filesPage } from "./files-page.js";
import { KeptView } from "./kept-view.js";
import { RecorderView } from "./recorder-view.js";
import * as store from "./store.js";
import { Transfer } from "./transfer.js";
import { erased } from "./withdrawn.js";

const { site, files } = filesPage({ isBusy: () => recorder.isRunning });
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
