// Times as every page writes them.

const NOTHING = "\u2013";
// A time that a decoder or a sum leaves a hair before its second is that second.
const HAIR_S = 1e-6;

// Seconds as a clock shows them: 0:05, 12:30, 1:02:03. A second counts when it is over, as in the
// page's own times (the filter `clock` in reports/templatetags/report_format.py).
export function clock(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  const whole = Math.floor(Math.max(0, seconds) + HAIR_S);
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = two(whole % 60);
  return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
