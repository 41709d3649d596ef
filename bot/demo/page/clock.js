/** The demo's clock and how times are written; it alone knows how far that clock is from the reader's. */

let aheadS = 0;

/** Set the demo's clock (Unix seconds). */
export function setClock(unix) {
  aheadS = unix - Date.now() / 1000;
  refresh();
}

/** Unix seconds of the demo's clock. */
export function now() {
  return Date.now() / 1000 + aheadS;
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]];

/** How far away a time is, in the reader's language: "in 59 minutes". */
export function fromNow(unix) {
  let amount = unix - now();
  for (const [unit, size] of STEPS) {
    if (Math.abs(amount) < size) return relative.format(Math.trunc(amount), unit);
    amount /= size;
  }
}

const absolute = new Map();

/** A date_time entity's format: r, or any of w (weekday), d or D (date), t or T (time). */
export function written(unix, format) {
  if (format === "r") return fromNow(unix);
  if (!absolute.has(format)) absolute.set(format, new Intl.DateTimeFormat(undefined, parts(format)));
  return absolute.get(format).format(new Date(unix * 1000));
}

function parts(format) {
  const has = (letter) => format.includes(letter);
  const time = has("T") ? "medium" : has("t") ? "short" : undefined;
  if (!has("w")) return { dateStyle: has("D") ? "long" : has("d") ? "short" : undefined, timeStyle: time };
  const clock = { hour: time && "numeric", minute: time && "2-digit", second: has("T") ? "2-digit" : undefined };
  if (!has("d") && !has("D")) return { weekday: "long", ...clock };
  return { weekday: "short", year: "numeric", month: has("D") ? "long" : "numeric", day: "numeric", ...clock };
}

/** A <time> that keeps itself current. */
export function timeElement(unix, format) {
  const element = document.createElement("time");
  element.dateTime = new Date(unix * 1000).toISOString();
  element.dataset.unix = unix;
  element.dataset.format = format;
  element.title = written(unix, "wDt");
  element.append(written(unix, format));
  return element;
}

function refresh() {
  for (const element of document.querySelectorAll("time[data-format=r]")) {
    const text = written(Number(element.dataset.unix), "r");
    // the text node is changed, not replaced: a screen reader stays silent
    if (element.firstChild.data !== text) element.firstChild.data = text;
  }
  for (const watcher of watchers) watcher();
}

const watchers = [];

/** Call this every second, and when the clock is moved. */
export function everySecond(watcher) {
  watchers.push(watcher);
}

setInterval(refresh, 1000);
