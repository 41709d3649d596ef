/** Dialogs over the page: Back closes one, and none stays open over another chat. */

import { on } from "./store.js";

const BACK_MS = 1500; // a busy machine takes its time
const GESTURE_MS = 500; // a second click within these is of the gesture that opened the dialog
const beside = new WeakSet(); // dialogs that the present press began beside

let openedAt = -Infinity;
let leaving = null; // while the history goes back from a dialog's entry: until it has

const isOpen = () => document.querySelector("dialog[open]") !== null;

/** Open a dialog; in the history it is an entry of its own, for Back to leave. */
export async function show(dialog) {
  await leaving;
  if (dialog.open) return;
  if (!history.state?.dialog) history.pushState({ dialog: true }, "");
  openedAt = performance.now();
  dialog.showModal();
}

/** Let a press beside this dialog close it, as on phones. Its padding is not beside it. */
export function closeByPressBeside(dialog) {
  dialog.addEventListener("pointerdown", (event) => {
    if (isBeside(dialog, event)) beside.add(dialog);
    else beside.delete(dialog);
  });
  dialog.addEventListener("click", (event) => beside.has(dialog) && isBeside(dialog, event) && dialog.close());
}

function isBeside(dialog, { target, clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  return target === dialog
    && (clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom);
}

function closeAll() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

/** Once the last one is closed, its entry is left. */
function onClose() {
  if (isOpen() || !history.state?.dialog || leaving) return;
  leaving = new Promise((resolve) => {
    addEventListener("popstate", resolve, { once: true });
    setTimeout(resolve, BACK_MS);
    history.back();
  }).then(() => { leaving = null; });
}

/** The second click of a double one that opened a dialog presses nothing in it, nor beside it. */
function onDoubleClick(event) {
  if (event.detail < 2) openedAt = -Infinity; // another gesture has begun since
  if (event.timeStamp - openedAt > GESTURE_MS || !event.target.closest?.("dialog")) return;
  event.preventDefault();
  event.stopPropagation();
}

/** A link that is pressed while the history goes back would be undone by it. */
function onLink(event) {
  const link = event.target.closest?.("a[href^='#']");
  if (!leaving || !link) return;
  event.preventDefault();
  leaving.then(() => { location.hash = link.hash; });
}

/** Start the dialogs. */
export function startDialogs() {
  if (history.state?.dialog) history.replaceState(null, ""); // the page was loaded again with one open
  addEventListener("popstate", () => !history.state?.dialog && closeAll());
  on("room", closeAll);
  on("again", closeAll);
  document.addEventListener("close", onClose, true);
  document.addEventListener("click", onDoubleClick, true);
  document.addEventListener("click", onLink, true);
}
