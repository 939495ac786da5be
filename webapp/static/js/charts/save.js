// Saves a chart as a picture. The menu is the page's own ({% include "components/save_menu.html" %});
// what it saves is given by whoever draws:
//
//   addSaveMenu(menu, { name: "lesson-3-class", png: () => Blob or data URL, svg: () => text });
//   addSaveMenu(menu, chartPictures("lesson-3-class", chart));     an ECharts instance
//
// Promises are waited for. Both pictures have the page's present theme and its background.
/* global echarts */

import { colour } from "./base.js";

const PIXELS = 2;

// Where an SVG is looked at there is no stylesheet of ours to say what is behind it.
export function withBackground(svg, behind = colour("--surface")) {
  return svg.replace(/(<svg\b[^>]*>)/, `$1<rect width="100%" height="100%" fill="${behind}"/>`);
}

export function chartPictures(name, chart) {
  return {
    name,
    png: () => {
      const backgroundColor = colour("--surface");
      return chart.getDataURL({ type: "png", pixelRatio: PIXELS, backgroundColor });
    },
    svg: () => {
      const node = document.createElement("div");
      const twin = echarts.init(node, null, {
        renderer: "svg",
        ssr: true,
        width: chart.getWidth(),
        height: chart.getHeight(),
      });
      twin.setOption({ ...chart.getOption(), animation: false });
      const text = twin.renderToSVGString();
      twin.dispose();
      return withBackground(text);
    },
  };
}

function download(content, name) {
  const link = document.createElement("a");
  const isAddress = typeof content === "string";
  link.href = isAddress ? content : URL.createObjectURL(content);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  if (!isAddress) setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function save(kind, pictures) {
  const made = await pictures[kind]();
  const content = kind === "svg" ? new Blob([made], { type: "image/svg+xml" }) : made;
  download(content, `${pictures.name}.${kind}`);
}

export function addSaveMenu(menu, pictures) {
  if (!menu || menu.dataset.ready) return;
  menu.dataset.ready = "true";
  menu.hidden = false;
  menu.addEventListener("click", (event) => {
    const button = event.target.closest("[data-save-as]");
    if (!button) return;
    save(button.dataset.saveAs, pictures);
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}
