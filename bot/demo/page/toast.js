/** Short notices: toasts, alerts, and announcements for screen readers only. */

import { $, el } from "./dom.js";

const SHOWN_MS = 4000;

let ending = null;

/** Show a line for some seconds, in place of the one before. */
export function toast(text) {
  clearTimeout(ending);
  $("toasts").replaceChildren(el("p", { class: "toast" }, text));
  ending = setTimeout(endToast, SHOWN_MS);
}

/** Show it no longer: what it was about is out of sight. */
export function endToast() {
  $("toasts").replaceChildren();
}

/** Show a line until it is closed. */
export function alertBox(text) {
  $("alert-text").textContent = text;
  if (!$("alert").open) $("alert").showModal();
}

/** Announce to screen readers only: a line of its own, so that the next one takes nothing from it. */
export function announce(text) {
  const line = el("p", {}, text);
  $("announcer").append(line);
  setTimeout(() => line.remove(), SHOWN_MS);
}

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
