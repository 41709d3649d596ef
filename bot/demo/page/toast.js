/** Short notices: toasts, alerts, and announcements for screen readers only. */

import { show } from "./dialog.js";
import { $, el } from "./dom.js";
import { isWide } from "./selection.js";

const SHOWN_MS = 4000;
const SHOWN_MS_PER_LETTER = 60;
const SAID_MS = 400;
const SAID_MS_PER_LETTER = 40;
const MOST_WAITING = 12;

const lines = []; // what is still to be announced
let skipped = 0; // how many more there were than anybody can listen to
let isSaying = false;
let ending = null;

/** Show a line for some seconds, in place of the one before. */
export function toast(text) {
  clearTimeout(ending);
  place();
  keepingPlace(() => $("toasts").replaceChildren(el("p", { class: "toast" }, text)));
  ending = setTimeout(endToast, Math.max(SHOWN_MS, text.length * SHOWN_MS_PER_LETTER));
  announce(text);
}

/** Show it no longer: what it was about is out of sight. */
export function endToast() {
  keepingPlace(() => $("toasts").replaceChildren());
}

/** Over the chat's head, and no message; in one column, where the head has no room for it, between the two. */
function place() {
  const box = $("toasts");
  box.style.top = `${$("app").offsetTop}px`;
  const isBetween = !isWide() && $("app").dataset.view === "chat";
  if (isBetween === $("room").contains(box)) return;
  (isBetween ? $("log").parentElement : $("announcer")).before(box);
}

/** The messages stay where they are, whatever of their frame it takes. */
function keepingPlace(change) {
  const log = $("log");
  const before = log.getBoundingClientRect().top;
  change();
  log.scrollTop += log.getBoundingClientRect().top - before;
}

/** Show a line until it is closed. */
export function alertBox(text) {
  $("alert-text").textContent = text;
  show($("alert"));
}

/**
 * Announce to screen readers only. Lines wait for each other, so that each is read; of many at once the
 * first are, and then how many more there were.
 */
export function announce(text) {
  if (skipped === 0 && lines.length < MOST_WAITING) lines.push(text);
  else skipped += 1;
  if (!isSaying) next();
}

function next() {
  isSaying = false;
  // over the page a dialog is all that is read: the rest waits for its end
  if (document.querySelector("dialog[open]")) return;
  const text = lines.shift() ?? rest();
  if (text === null) return;
  const line = el("p", {}, text);
  $("announcer").append(line);
  setTimeout(() => line.remove(), Math.max(SHOWN_MS, text.length * SHOWN_MS_PER_LETTER));
  isSaying = true;
  setTimeout(next, SAID_MS + text.length * SAID_MS_PER_LETTER);
}

function rest() {
  if (skipped === 0) return null;
  const text = `And ${skipped} more`;
  skipped = 0;
  return text;
}

document.addEventListener("close", () => isSaying || next(), true);

/** Put a text on the clipboard, and show a toast. */
export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // no clipboard for a page that is not served from this machine: the old way
    const field = el("textarea", { class: "unseen" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  toast(what);
}
