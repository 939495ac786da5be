// On the list of recordings: tells of those that this browser still keeps, and where to send them.

import { beingMade } from "./locks.js";
import * as store from "./store.js";

const notice = document.getElementById("kept-notice");

async function show() {
  const busy = await beingMade();
  const kept = (await store.kept(notice.dataset.user)).filter((one) => !busy.has(one.id));
  const lessons = new Map(kept.map((one) => [one.lesson, one.lessonTitle]));
  const pattern = notice.querySelector("template").content.firstElementChild;
  const links = [...lessons].map(([lesson, title]) => {
    const link = pattern.cloneNode();
    link.href = pattern.getAttribute("href").replace("/0/", `/${lesson}/`);
    link.textContent = title;
    return link;
  });
  const between = links.flatMap((link, index) => (index ? [", ", link] : [link]));
  notice.querySelector("[data-part=lessons]").replaceChildren(...between);
  notice.hidden = !links.length;
}

// A browser that keeps nothing has nothing to tell.
show().catch(() => undefined);
