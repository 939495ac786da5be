// Marks on the timeline: drawn from the panel's list, set by a key, with times taken from the video
// and tags completed. The panel itself is the page's and is replaced by htmx.

import { clock } from "../times.js";

/* global htmx */

const SVG = "http://www.w3.org/2000/svg";

function draw(strip, view) {
  const scale = view.durationS > 0 ? 1000 / view.durationS : 0;
  const shapes = [];
  for (const item of document.querySelectorAll("#marks [data-mark-start]")) {
    const start = Number(item.dataset.markStart);
    const end = Number(item.dataset.markEnd || start);
    const rect = document.createElementNS(SVG, "rect");
    const title = document.createElementNS(SVG, "title");
    title.textContent = `${clock(start)} ${item.dataset.markTitle}`;
    rect.setAttribute("x", Math.max(0, start * scale - 2).toFixed(2));
    rect.setAttribute("width", Math.max(4, (end - start) * scale).toFixed(2));
    rect.setAttribute("height", "10");
    rect.setAttribute("class", item.dataset.markEnd ? "mark-strip__stretch" : "mark-strip__moment");
    rect.append(title);
    shapes.push(rect);
  }
  strip.replaceChildren(...shapes);
}

function timeText(seconds) {
  const tenths = Math.round(10 * seconds);
  const whole = clock(Math.floor(tenths / 10));
  return tenths % 10 ? `${whole}.${tenths % 10}` : whole;
}

// A button beside each time field takes the present time.
function dressTimes(timeline) {
  const wanted = "#marks input[name=start], #marks input[name=end], "
    + "#exclude input[name=start], #exclude input[name=end]";
  for (const input of document.querySelectorAll(wanted)) {
    if (input.dataset.dressed) continue;
    input.dataset.dressed = "true";
    const root = document.getElementById("marks");
    const button = document.createElement("button");
    const row = document.createElement("span");
    button.type = "button";
    button.className = "button button--small";
    button.textContent = root.dataset.nowWords;
    const label = input.labels[0] ? `${input.labels[0].textContent}: ` : "";
    button.setAttribute("aria-label", `${label}${root.dataset.nowWords}`);
    button.addEventListener("click", () => {
      input.value = timeText(timeline.position);
    });
    row.className = "now";
    input.replaceWith(row);
    row.append(input, button);
  }
}

// A field of tags apart by commas: the last one is completed. The tags of the course are asked for
// once, when a field is first entered.
let known = null;

async function knownTags() {
  try {
    const url = `${document.getElementById("marks").dataset.marksUrl}?suggest=1`;
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    return response.ok ? (await response.json()).tags : [];
  } catch {
    return [];
  }
}

function complete(input, list, tags) {
  const before = input.value.includes(",")
    ? `${input.value.slice(0, input.value.lastIndexOf(",") + 1)} `
    : "";
  const taken = new Set(input.value.split(",").map((one) => one.trim().toLowerCase()));
  list.replaceChildren(...tags.filter((one) => !taken.has(one)).map((one) => {
    const choice = document.createElement("option");
    choice.value = `${before}${one}`;
    return choice;
  }));
}

function dressTags() {
  for (const input of document.querySelectorAll("#marks input[name=tags]")) {
    if (input.list) continue;
    const list = document.createElement("datalist");
    list.id = `${input.id}-known`;
    input.after(list);
    input.setAttribute("list", list.id);
    for (const name of ["focus", "input"]) {
      input.addEventListener(name, async () => {
        known ??= knownTags();
        complete(input, list, await known);
      });
    }
  }
}

function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=range]), select, textarea, [contenteditable]");
}

function setMarker(timeline) {
  const panel = document.getElementById("marks");
  htmx.ajax("POST", panel.dataset.marksUrl, {
    target: "#marks",
    swap: "outerHTML",
    values: { quick: "1", start: timeText(timeline.position) },
  });
}

export function addMarks(root, timeline, view) {
  const strip = root.querySelector("#mark-strip");
  const dress = () => {
    draw(strip, view);
    dressTimes(timeline);
    dressTags();
    for (const node of document.querySelectorAll("#marks [data-needs-script]")) node.hidden = false;
  };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    if (event.key.toLowerCase() !== "m" || isTyping(event.target)) return;
    event.preventDefault();
    setMarker(timeline);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    known = null;
    if (!event.target.closest("#marks") && event.target.id !== "marks") return;
    dress();
    // Where a form was opened, its note is what comes next; else the new mark, or the panel.
    const text = document.querySelector("#marks [data-mark-edit] textarea");
    const fresh = document.querySelector("#marks .mark--new .mark__time");
    const title = document.getElementById("marks-title");
    title.tabIndex = -1;
    (text || fresh || title).focus({ preventScroll: Boolean(!text) });
  });
  const opener = document.querySelector("[data-open-note]");
  opener?.addEventListener("click", () => {
    document.getElementById("new-mark").open = true;
  });
  dress();
}
