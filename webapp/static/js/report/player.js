// Speed, and steps from window to window.

export function addControls(timeline, video) {
  const speed = document.getElementById("speed");
  speed.addEventListener("change", () => {
    video.playbackRate = Number(speed.value);
  });
  // The browser's own menu may change it, too.
  video.addEventListener("ratechange", () => {
    const same = [...speed.options].find((one) => Number(one.value) === video.playbackRate);
    if (same) speed.value = same.value;
  });
  document.getElementById("window-before").addEventListener("click", () => timeline.step(-1));
  document.getElementById("window-after").addEventListener("click", () => timeline.step(1));
  for (const node of document.querySelectorAll("[data-needs-script]")) node.hidden = false;
}
