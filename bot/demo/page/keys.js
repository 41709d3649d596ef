/**
 * The messages by keyboard: together they are one stop of the tab key. Up and down go from message to
 * message, left and right through what can be pressed in one.
 */

import { $ } from "./dom.js";

const PRESSABLE = "a[href], button, [role=button]";

const log = $("log");
let stop = null; // what the tab key comes to

const messages = () => [...log.querySelectorAll("article")];
const stopsIn = (message) => [message, ...message.querySelectorAll(PRESSABLE)];

/** Take a new message's element out of the way of the tab key. */
export function offTheTabs(element) {
  for (const each of element.querySelectorAll(PRESSABLE)) each.tabIndex = -1;
  return element;
}

/** Make this what the tab key comes to; null: the newest message. */
export function stopAt(element) {
  if (stop) stop.tabIndex = -1;
  stop = element ?? messages().at(-1) ?? null;
  if (stop) stop.tabIndex = 0;
}

/** Whether the tab key comes to something in this element. */
export const hasStop = (element) => stop !== null && element.contains(stop);

/** What the tab key comes to; null where there is no message. */
export const stopped = () => (stop?.isConnected ? stop : null);

/** Go to the messages. */
export function goToMessages() {
  (stopped() ?? log).focus({ preventScroll: true });
  if (stopped()) reveal(stop);
}

/** Bring an element into sight: a message that is too high for it from its top. */
export function reveal(element, { block = "nearest", behavior = "auto" } = {}) {
  const isTooHigh = element.offsetHeight > log.clientHeight;
  element.scrollIntoView({ block: isTooHigh ? "start" : block, behavior });
}

function go(element) {
  if (!element) return;
  element.focus({ preventScroll: true });
  reveal(element);
}

/** A message that is higher than the window is read to its end before the next one. */
function scrollOn(message, by) {
  const [inner, outer] = [message.getBoundingClientRect(), log.getBoundingClientRect()];
  const goesOn = by > 0 ? inner.bottom > outer.bottom + 1 : inner.top < outer.top - 1;
  if (goesOn && inner.height > outer.height) log.scrollBy(0, by * outer.height * 0.8);
  return goesOn && inner.height > outer.height;
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const all = messages();
  const here = document.activeElement;
  const message = here.closest("article") ?? stopped()?.closest("article");
  if (!message) return;
  const at = all.indexOf(message);
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (here === log && (step || turn)) go(stopped());
  else if (step && !scrollOn(message, step)) go(all[at + step]);
  else if (turn) go(stopsIn(message).at((stopsIn(message).indexOf(here) + turn) % stopsIn(message).length));
  else if (event.key === "Home") go(all[0]);
  else if (event.key === "End") go(all.at(-1));
  else if (event.key === "Enter" && here === message) go(stopsIn(message)[1]);
  else if (event.key === "Escape" && here !== message) go(message);
  else if (!step) return;
  event.preventDefault();
}

/** Start the keys. */
export function startKeys() {
  log.addEventListener("keydown", onKey);
  log.addEventListener("focusin", ({ target }) => target.closest("article") && stopAt(target));
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // what follows the # in the address is a chat
    goToMessages();
  });
}
