// Students along a lesson as a map of cells, drawn by ourselves: a cell without a usable face is
// hatched and has no colour of its own, so that "not seen" never looks like "not engaged".

import { colour, percent, timeStep } from "../charts/base.js";
import { withBackground } from "../charts/save.js";
import { clock } from "../times.js";

const ROW = 24;
const LEAST_CELL = 5;
const AXIS = 22;
// Viridis (van der Walt and Smith, 2015): even in lightness, and told apart by all eyes.
const SCALE = [
  "#440154", "#482878", "#3e4989", "#31688e", "#26828e",
  "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

export function scaleColour(value) {
  const place = Math.min(1, Math.max(0, value)) * (SCALE.length - 1);
  const low = Math.floor(place);
  const high = Math.min(SCALE.length - 1, low + 1);
  const mixed = SCALE[low].map((one, at) => Math.round(one + (place - low) * (SCALE[high][at] - one)));
  return `rgb(${mixed.join(",")})`;
}

export class HeatMap {
  constructor(figure, data) {
    this.figure = figure;
    this.data = data;
    this.rows = data.rows;
    this.words = figure.dataset;
    this.least = Number(figure.dataset.leastCoverage);
    this.what = "engagement";
    this.cursor = null;
    this.moved = [];
    const find = (selector) => figure.querySelector(selector);
    this.frame = find(".map__frame");
    this.axis = find(".map__axis");
    this.names = find(".map__names");
    this.cells = find(".map__cells");
    this.canvas = find("canvas");
    this.box = find(".map__cursor");
    this.now = find(".map__now");
    this.readout = find("[data-readout]");
    this.link = find("[data-open-report]");
    this.key = find("[data-key]");
    if (!this.rows.length) this.readout.textContent = this.words.nothing;
    this.addNames();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.frame);
    document.addEventListener("themechange", () => this.draw());
  }

  onMove(listener) {
    this.moved.push(listener);
  }

  addNames() {
    this.names.replaceChildren(...this.rows.map((row) => {
      const link = document.createElement("a");
      link.href = row.url;
      link.tabIndex = -1;
      link.textContent = row.name;
      link.title = row.name;
      if (!row.counts) link.append(" ≠");
      if (!row.aligned) link.append(" ≈");
      return link;
    }));
  }

  // What a cell holds: null where the recording does not run, and no value without a usable face.
  cell(row, column) {
    const one = this.rows[row];
    const own = column - one.shift;
    if (own < 0 || own >= one.coverage.length) return null;
    const { scale } = this.data;
    const coverage = one.coverage[own] / scale;
    const value = one.engagement[own];
    return {
      own,
      coverage,
      value: value === null || coverage < this.least ? null : value / scale,
      spread: value === null ? null : one.spread[own] / scale,
      emotion: one.emotion[own],
    };
  }

  colourOf(cell) {
    if (this.what === "coverage") return scaleColour(cell.coverage);
    if (cell.value === null) return null;
    if (this.what === "engagement") return scaleColour(cell.value);
    const emotion = this.data.emotions[cell.emotion];
    return emotion ? this.emotionColours[emotion.name] : null;
  }

  // How many hatched lines lie over a cell: 0 none, 1 few, 2 as much as nothing at all.
  hatchOf(cell) {
    if (this.what === "coverage") return 0;
    if (cell.value === null) return 2;
    return cell.coverage < 0.7 ? 1 : 0;
  }

  measure() {
    const names = this.names.offsetWidth;
    const room = this.frame.clientWidth - names;
    this.cellWidth = Math.max(LEAST_CELL, room / Math.max(1, this.data.bins));
    this.width = Math.floor(this.cellWidth * this.data.bins);
    this.height = ROW * this.rows.length;
  }

  draw() {
    if (!this.frame.clientWidth) return;
    this.measure();
    this.emotionColours = Object.fromEntries(
      this.data.emotions.map(({ name }) => [name, colour(`--emotion-${name}`)]),
    );
    // A long class on a sharp screen would take more pixels than a canvas may have.
    const ratio = Math.min(window.devicePixelRatio || 1, 8000 / Math.max(1, this.height));
    this.canvas.width = Math.max(1, Math.round(this.width * ratio));
    this.canvas.height = Math.max(1, Math.round(this.height * ratio));
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const hatch = [null, this.pattern(pen, 8), this.pattern(pen, 4)];
    this.each((x, y, width, fill, level) => {
      if (fill) {
        pen.fillStyle = fill;
        pen.fillRect(x, y, width, ROW - 2);
      }
      if (level) {
        pen.fillStyle = hatch[level];
        pen.fillRect(x, y, width, ROW - 2);
      }
    });
    this.drawAxis();
    this.drawKey();
    this.place();
  }

  each(paint) {
    this.rows.forEach((row, at) => {
      for (let own = 0; own < row.coverage.length; own += 1) {
        const column = own + row.shift;
        const cell = column < 0 ? null : this.cell(at, column);
        if (!cell) continue;
        const left = Math.floor(column * this.cellWidth);
        const right = Math.floor((column + 1) * this.cellWidth);
        paint(left, at * ROW + 1, right - left, this.colourOf(cell), this.hatchOf(cell));
      }
    });
  }

  pattern(pen, gap) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = gap;
    const inner = tile.getContext("2d");
    inner.strokeStyle = gap < 8 ? colour("--line-strong") : colour("--surface");
    inner.lineWidth = gap < 8 ? 1 : 1.5;
    inner.beginPath();
    for (const shift of [-gap, 0, gap]) {
      inner.moveTo(shift, gap);
      inner.lineTo(shift + gap, 0);
    }
    inner.stroke();
    return pen.createPattern(tile, "repeat");
  }

  drawAxis() {
    const endS = this.data.bins * this.data.bin_s;
    const step = timeStep(endS, this.width);
    const marks = [];
    for (let t = 0; t <= endS - step / 3; t += step) {
      const mark = document.createElement("span");
      mark.textContent = clock(t);
      mark.style.left = `${(t / this.data.bin_s) * this.cellWidth}px`;
      marks.push(mark);
    }
    this.axis.style.width = `${this.width}px`;
    this.axis.replaceChildren(...marks);
  }

  drawKey() {
    const item = (words, fill) => {
      const node = document.createElement("span");
      const mark = document.createElement("span");
      mark.className = "key__mark";
      mark.style.background = fill;
      node.append(mark, words);
      return node;
    };
    if (this.what === "emotion") {
      const there = new Set(this.rows.flatMap((row) => row.emotion));
      this.key.replaceChildren(...this.data.emotions
        .filter((one, at) => there.has(at))
        .map(({ name, words }) => item(words, this.emotionColours[name])));
      return;
    }
    const bar = document.createElement("span");
    bar.className = "map__scale";
    const stops = SCALE.map((one) => `rgb(${one.join(",")})`).join(",");
    bar.style.background = `linear-gradient(to right,${stops})`;
    const ends = this.what === "coverage" ? ["0%", "100%"] : [this.words.low, this.words.high];
    this.key.replaceChildren(ends[0], bar, ends[1]);
  }

  // -- reading --

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const row = Math.floor((event.clientY - box.top) / ROW);
      const column = Math.floor((event.clientX - box.left) / this.cellWidth);
      return [row, column];
    };
    this.cells.addEventListener("click", (event) => {
      if (!this.rows.length) return;
      this.moveTo(...at(event));
      for (const listener of this.moved) listener(this.cursor[1]);
    });
    this.frame.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.rows.length) return;
    const [row, column] = this.cursor || [0, -1];
    const far = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowLeft: [row, column - far],
      ArrowRight: [row, column + far],
      ArrowUp: [this.cursor ? row - far : 0, Math.max(0, column)],
      ArrowDown: [this.cursor ? row + far : 0, Math.max(0, column)],
      PageUp: [row - 10, Math.max(0, column)],
      PageDown: [row + 10, Math.max(0, column)],
      Home: [event.shiftKey ? 0 : row, 0],
      End: [event.shiftKey ? this.rows.length - 1 : row, this.data.bins - 1],
    };
    if (event.key === "Enter" && this.cursor && !this.link.hidden) {
      event.preventDefault();
      this.link.click();
      return;
    }
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.moveTo(...moves[event.key]);
    for (const listener of this.moved) listener(this.cursor[1]);
  }

  moveTo(row, column) {
    const within = (value, end) => Math.min(end - 1, Math.max(0, value));
    this.cursor = [within(row, this.rows.length), within(column, this.data.bins)];
    this.place();
    this.tell();
    this.reveal();
  }

  place() {
    if (!this.cursor) return;
    const [row, column] = this.cursor;
    const left = Math.floor(column * this.cellWidth);
    this.box.hidden = false;
    this.box.style.left = `${left - 1}px`;
    this.box.style.top = `${row * ROW}px`;
    this.box.style.width = `${Math.ceil(this.cellWidth) + 2}px`;
  }

  // Scrolls the frame, and only the frame, so that the cell is in view beside the names.
  reveal() {
    const [row, column] = this.cursor;
    const names = this.names.offsetWidth;
    const left = column * this.cellWidth;
    const { frame } = this;
    const room = frame.clientWidth - names;
    if (left < frame.scrollLeft) frame.scrollLeft = left;
    if (left + this.cellWidth > frame.scrollLeft + room) {
      frame.scrollLeft = left + this.cellWidth - room;
    }
    if (row * ROW < frame.scrollTop) frame.scrollTop = row * ROW;
    if ((row + 1) * ROW + AXIS > frame.scrollTop + frame.clientHeight) {
      frame.scrollTop = (row + 1) * ROW + AXIS - frame.clientHeight;
    }
  }

  tell() {
    const [row, column] = this.cursor;
    const one = this.rows[row];
    const cell = this.cell(row, column);
    this.readout.textContent = this.wordsOf(one, cell, column);
    this.link.hidden = !cell;
    if (!cell) return;
    const t = cell.own * this.data.bin_s;
    this.link.href = `${one.url}?t=${t}`;
    this.link.textContent = this.words.open.replace("{name}", one.name).replace("{time}", clock(t));
  }

  wordsOf(one, cell, column) {
    const { bin_s: binS } = this.data;
    const emotion = cell ? this.data.emotions[cell.emotion] : null;
    let sentence = this.words.cell;
    if (!one.ready) sentence = this.words.unready;
    else if (!cell) sentence = this.words.outside;
    else if (cell.value === null) sentence = this.words.unseen;
    const facts = {
      name: one.counts || !one.model ? one.name : `${one.name} (${one.model})`,
      from: clock(column * binS),
      to: clock((column + 1) * binS),
      value: cell && cell.value !== null ? cell.value.toFixed(2) : "",
      spread: cell && cell.spread !== null ? cell.spread.toFixed(2) : "",
      coverage: cell ? percent(cell.coverage) : "",
      emotion: emotion ? emotion.words : "–",
    };
    return sentence.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
  }

  show(what) {
    this.what = what;
    this.draw();
  }

  // A line at a time of the lesson, in bins; null takes it away.
  showNow(place) {
    this.now.hidden = place === null;
    if (place !== null) this.now.style.left = `${place * this.cellWidth}px`;
  }

  // -- pictures --

  pictures(name) {
    return {
      name,
      png: async () => {
        const image = new Image();
        const url = URL.createObjectURL(new Blob([this.svg()], { type: "image/svg+xml" }));
        image.src = url;
        await image.decode();
        URL.revokeObjectURL(url);
        const canvas = document.createElement("canvas");
        canvas.width = 2 * image.width;
        canvas.height = 2 * image.height;
        const pen = canvas.getContext("2d");
        pen.scale(2, 2);
        pen.drawImage(image, 0, 0);
        return new Promise((resolve) => {
          canvas.toBlob(resolve, "image/png");
        });
      },
      svg: () => this.svg(),
    };
  }

  svg() {
    const names = 180;
    const text = (x, y, words, anchor = "start") =>
      `<text x="${x}" y="${y}" text-anchor="${anchor}">${escape(words)}</text>`;
    const rects = [];
    this.each((x, y, width, fill, level) => {
      const at = `x="${x + names}" y="${y + AXIS}" width="${width}" height="${ROW - 2}"`;
      if (fill) rects.push(`<rect ${at} fill="${fill}"/>`);
      if (level) rects.push(`<rect ${at} fill="url(#hatch${level})"/>`);
    });
    const labels = this.rows.map((row, at) => text(4, AXIS + at * ROW + 16, row.name.slice(0, 26)));
    const endS = this.data.bins * this.data.bin_s;
    const step = timeStep(endS, this.width);
    for (let t = 0; t <= endS - step / 3; t += step) {
      labels.push(text(names + (t / this.data.bin_s) * this.cellWidth, 14, clock(t)));
    }
    const hatch = (level, gap, ink) => `<pattern id="hatch${level}" width="${gap}" height="${gap}" `
      + `patternUnits="userSpaceOnUse"><path d="M0 ${gap}L${gap} 0" stroke="${ink}"/></pattern>`;
    const size = `width="${names + this.width}" height="${AXIS + this.height}"`;
    return withBackground(
      `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12" `
      + `fill="${colour("--ink")}"><defs>${hatch(1, 8, colour("--surface"))}`
      + `${hatch(2, 4, colour("--line-strong"))}</defs>${rects.join("")}${labels.join("")}</svg>`,
    );
  }
}

function escape(words) {
  return words.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);
}
