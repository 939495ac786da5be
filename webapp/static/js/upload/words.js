// What the scripts of this page say, in the reader's language. The sentences stand in the page.

const texts = JSON.parse(document.getElementById("upload-texts").textContent);
const language = document.documentElement.lang || undefined;
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

// The sentence of that name, with values in the places of {value}.
export function say(name, values = {}) {
  return texts[name].replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

// A size for a person: in the units that files are sold in here, 1024 to the next.
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const format = { style: "unit", unit: UNITS[unit], maximumFractionDigits: value < 10 && unit > 1 ? 1 : 0 };
  return new Intl.NumberFormat(language, format).format(value);
}

// A time that is left, no more exactly than an estimate can be.
export function about(seconds) {
  const [value, unit] =
    seconds < 55 ? [Math.max(5, 5 * Math.round(seconds / 5)), "second"]
    : seconds < 5400 ? [Math.max(1, Math.round(seconds / 60)), "minute"]
    : [Math.round(seconds / 1800) / 2, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

// The day and the time of a recording.
export function when(date) {
  return new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" }).format(date);
}

export function percent(share) {
  return new Intl.NumberFormat(language, { style: "percent" }).format(share);
}
