// On the list of recordings: those that this browser still keeps. Sending is the upload page's.

import { KeptView } from "./kept-view.js";
import { erased } from "./withdrawn.js";

await erased;
const page = document.querySelector("[data-kept-page]");

new KeptView(document.getElementById("kept"), { user: page.dataset.user }, {
  send: (recording) => {
    const address = page.dataset.uploadUrl.replace("/0/", `/${recording.lesson}/`);
    window.location.assign(`${address}#send-${recording.id}`);
  },
  isSending: () => false,
});
