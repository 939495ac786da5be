// The list of windows follows the video: the present one is marked, and scrolled to if wanted.

export function addWindows(timeline) {
  const table = document.getElementById("window-rows");
  if (!table) return;
  const follow = document.getElementById("follow-windows");
  const box = table.closest(".table-wrap");
  const head = table.querySelector("thead");
  const rows = [...table.querySelectorAll("tbody tr[data-start]")].map((row) => ({
    row,
    start: Number(row.dataset.start),
    end: Number(row.dataset.end),
  }));
  let shown = null;
  timeline.onMove((t) => {
    let best = null;
    let distance = Infinity;
    for (const one of rows) {
      if (t < one.start || t > one.end) continue;
      const away = Math.abs((one.start + one.end) / 2 - t);
      if (away < distance) [best, distance] = [one, away];
    }
    if (best === shown) return;
    if (shown) shown.row.removeAttribute("aria-current");
    shown = best;
    if (!best) return;
    best.row.setAttribute("aria-current", "time");
    if (!follow.checked || box.contains(document.activeElement)) return;
    // Within its box: the page itself must not jump.
    box.scrollTop = best.row.offsetTop - head.offsetHeight - box.clientHeight / 3;
  });
}
