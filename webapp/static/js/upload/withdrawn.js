// After consent is withdrawn nothing of the course stays in this browser, either: what was recorded
// in it and never sent is deleted, and the page says so.

import { beingMade } from "./locks.js";
import * as store from "./store.js";

const notice = document.getElementById("kept-erased");

// Names of files whose upload was begun stand where the upload would be gone on with.
function forgetUploads(user, lessons) {
  const begins = [...lessons].map((lesson) => `tus::engagement:${user}:${lesson}:`);
  for (const key of Object.keys(localStorage)) {
    if (begins.some((one) => key.startsWith(one))) localStorage.removeItem(key);
  }
}

async function erase() {
  const lessons = new Set(JSON.parse(document.getElementById("withdrawn-lessons").textContent));
  const { user, one, several } = notice.dataset;
  forgetUploads(user, lessons);
  const busy = await beingMade();
  const found = (await store.kept(user)).filter(({ id, lesson }) => lessons.has(Number(lesson)) && !busy.has(id));
  for (const recording of found) await store.remove(recording.id);
  if (!found.length) return;
  notice.hidden = false;
  notice.querySelector("p").textContent = found.length === 1 ? one : several.replace("{count}", found.length);
}

// Resolves when nothing is left to delete; where the browser keeps nothing, there is nothing.
export const erased = notice ? erase().catch(() => undefined) : Promise.resolve();
