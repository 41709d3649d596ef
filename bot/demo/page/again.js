/** The demo's start: what the page remembers is of one start only, and where it is another one the page says so. */

import { $, el, icon } from "./dom.js";
import { on, store } from "./store.js";
import { announce } from "./toast.js";

const KEY = "demo-start";
const SAYS = "The demo has started again. Earlier messages and payments are gone.";

let seen = null; // the start that this page knew last

/** What was kept in this browser under this name since the demo started, or null. */
export function recall(name) {
  const { start, value } = read(name) ?? {};
  return start === store.start ? value ?? null : null;
}

/** Keep a value in this browser until the demo starts again. */
export function keep(name, value) {
  write(name, { start: store.start, value });
}

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null; // a browser that stores nothing
  }
}

function write(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // see above
  }
}

function compare() {
  const before = seen ?? read(KEY);
  seen = store.start;
  write(KEY, seen);
  if (before === null || before === seen) return;
  $("again").replaceChildren(
    el("p", {}, SAYS),
    el("button", { type: "button", class: "icon-button", "aria-label": "Close this notice", onclick: close }, icon("close")));
  $("again").hidden = false;
  announce(SAYS);
}

function close() {
  $("again").hidden = true;
  $("again").replaceChildren();
}

/** Start to compare, before anything asks for what is kept. */
export function startAgain() {
  on("snapshot", compare);
}
