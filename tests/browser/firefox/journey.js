// A student records themself in Firefox, sends it and looks at the report; then every page is
// opened. Reads what to do as JSON from the standard input; prints, as JSON, what it saw.

import { json } from "node:stream/consumers";
import puppeteer from "puppeteer-core";

const job = await json(process.stdin);
const PATIENCE_MS = 300_000;
const troubles = [];

// Says that Firefox cannot be started here at all, which is no fault of a page.
const NOT_STARTED = 3;

async function start() {
  try {
    return await puppeteer.launch({
      browser: "firefox",
      executablePath: job.firefox,
      headless: true,
      protocolTimeout: PATIENCE_MS,
      extraPrefsFirefox: {
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": true,
        "media.autoplay.default": 0,
      },
    });
  } catch (error) {
    process.stderr.write(String(error));
    return process.exit(NOT_STARTED);
  }
}

const browser = await start();
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE_MS);
page.on("console", (message) => {
  if (["error", "warn"].includes(message.type())) troubles.push(`${page.url()}: ${message.text()}`);
});
page.on("pageerror", (error) => troubles.push(`${page.url()}: ${error.message}`));
page.on("request", (request) => {
  const own = [`${job.site}/`, "data:", "blob:"].some((one) => request.url().startsWith(one));
  if (!own) troubles.push(`request to another host: ${request.url()}`);
});

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const press = (name) => page.locator(`::-p-aria([name="${name}"][role="button"])`).click();
const follow = (name) => Promise.all([page.waitForNavigation(), page.locator(`::-p-aria([name="${name}"][role="link"])`).click()]);
const text = (selector) => page.$eval(selector, (element) => element.textContent);

async function until(question, ...given) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await page.evaluate(question, ...given))) {
    if (Date.now() > end) throw new Error(`still not true: ${question}`);
    await sleep(100);
  }
}

async function logIn() {
  await page.goto(`${job.site}/accounts/login/`);
  await page.locator("#id_username").fill(job.email);
  await page.locator("#id_password").fill(job.password);
  await Promise.all([page.waitForNavigation(), page.locator("main .button--primary").click()]);
}

// Firefox's own camera for tests shows no face; a film that plays is one that does.
function filmAsCamera(film) {
  const player = document.createElement("video");
  const bytes = Uint8Array.from(atob(film), (letter) => letter.charCodeAt(0));
  player.src = URL.createObjectURL(new Blob([bytes], { type: "video/webm" }));
  player.muted = true;
  player.loop = true;
  navigator.mediaDevices.getUserMedia = async () => {
    await player.play();
    return player.mozCaptureStream();
  };
}

const lengthShown = () =>
  document
    .querySelector("#recorder [data-part=length]")
    .textContent.split(":")
    .reduce((all, one) => 60 * all + Number(one), 0);

async function recordAndSend() {
  await follow(job.course);
  await follow(job.lesson);
  await follow("Add a recording");
  if (job.film) await page.evaluate(filmAsCamera, job.film);
  await press("Turn the camera on");
  await press("Start recording");
  while ((await page.evaluate(lengthShown)) < job.seconds) await sleep(100);
  await press("Pause");
  await press("Go on");
  await sleep(1000);
  const microphone = await page.$eval("#recorder-microphone", (select) => select.value);
  await press("Stop");
  await until(() => document.querySelector("#recorder [data-part=player]").duration > 1);
  const length = await page.evaluate(lengthShown);
  const size = await text("#recorder [data-part=size]");
  await press("Send this recording");
  await until(() => [...document.querySelectorAll("#transfers li a")].some((one) => /^\s*Report/.test(one.textContent)));
  const report = await page.$$eval("#transfers li a", (all) => all.find((one) => /^\s*Report/.test(one.textContent)).href);
  return { microphone, length, size, report };
}

async function playReport(address) {
  await page.goto(address);
  await until(() => document.querySelector("#timeline[data-ready=true]") !== null);
  await until(() => document.getElementById("video").readyState >= 1);
  const length = await page.$eval("#video", (video) => video.duration);
  await page.$eval("#video", (video) => {
    video.muted = true;
    return video.play();
  });
  await until(() => document.getElementById("video").currentTime > 0.5);
  await page.$eval("#video", (video) => {
    video.pause();
    video.currentTime = 3;
  });
  await until(() => !document.getElementById("video").seeking);
  const at = await page.$eval("#video", (video) => video.currentTime);
  return { length, at, page: await text("main") };
}

async function openPages(pages) {
  const wide = [];
  for (const path of pages) {
    await page.goto(job.site + path);
    await sleep(100);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) wide.push(`${path}: ${over} px`);
  }
  return wide;
}

try {
  await page.setViewport({ width: 1280, height: 900 });
  await logIn();
  const seen = {};
  if (job.course) {
    seen.recorded = await recordAndSend();
    seen.played = await playReport(seen.recorded.report);
  }
  seen.wide = await openPages(job.pages);
  process.stdout.write(JSON.stringify({ ...seen, troubles }));
} catch (error) {
  if (job.picture) await page.screenshot({ path: job.picture });
  process.stderr.write(`${error.stack}\n${JSON.stringify(troubles)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
