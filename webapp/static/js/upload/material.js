// The page on which instructors attach a lesson's video or slides: a file is sent piece by piece. A
// link, and a page without this script, go by the form.

import { begunBefore, sendingPart } from "./files-page.js";
import { Transfer } from "./transfer.js";

const { site, files } = sendingPart();
const form = document.getElementById("upload-form");
const { video, url, title, starts, cues } = form.elements;
let current = null;

form.addEventListener("submit", (event) => {
  const [file] = video.files;
  // A link alone is the form's; of both at once it says what to do.
  if (!file || url.value.trim()) return;
  event.preventDefault();
  // What could not be sent is sent anew, with what was mended in the form.
  if (current?.state === "failed") current.cancel();
  else if (current && !current.isOver) return;
  if (files.refuses(file)) return;
  const facts = { title: title.value, starts: starts.value, cues: cues.value };
  current = new Transfer(file, site, { facts });
  current.addEventListener("change", () => {
    if (current.state !== "done") return;
    // What is attached stands in the list above, which comes with the page.
    window.history.replaceState(null, "", `#material-${current.made}`);
    window.location.reload();
  });
  files.send(current);
});

// An upload is gone on with only as what it was begun as: its words come back with it.
async function fillIn() {
  const [begun] = await begunBefore(site);
  if (!begun || title.value || starts.value || cues.value) return;
  for (const field of [title, starts, cues]) field.value = begun.metadata[field.name] ?? "";
}
fillIn();
