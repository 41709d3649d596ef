/** The tour: a line above the messages with what to try next, until it is closed or finished. */

import { write } from "./composer.js";
import { $, el, icon } from "./dom.js";
import { room } from "./selection.js";
import { on, store } from "./store.js";

const KEY = "tour";
const EXAMPLE = "/invoice 2100 pizza";
let step = 0;

try {
  step = Number(localStorage.getItem(KEY) ?? 0);
} catch {
  // a browser that stores nothing shows the tour each time
}

const example = () => el("button", { type: "button", class: "example", onclick: () => write(EXAMPLE) }, EXAMPLE);

const STEPS = [
  () => ["Ask for money: send ", example()],
  () => [room().chat.type === "private"
    ? "Now press the card’s picture: it opens the wallet."
    : "Now speak as somebody else and press the card’s picture: it opens their wallet."],
  () => ["Paid, and everybody sees it. Next, ask again and skip an hour, or switch the node off and on."],
];

function draw() {
  const bar = $("tour");
  bar.hidden = step >= STEPS.length || !room();
  if (bar.hidden) return bar.replaceChildren();
  bar.replaceChildren(
    el("span", { class: "tour-step", "aria-hidden": "true" }, `${step + 1}/${STEPS.length}`),
    el("p", {}, ...STEPS[step]()),
    el("button", { type: "button", class: "icon-button", "aria-label": "Close the tour", onclick: () => go(STEPS.length) }, icon("close")));
}

function go(to) {
  step = to;
  try {
    localStorage.setItem(KEY, String(step));
  } catch {
    // see above
  }
  draw();
}

/** Start the tour. */
export function startTour() {
  for (const kind of ["snapshot", "room"]) on(kind, draw);
  on("message", ({ message }) => {
    if (step === 0 && message.photo && message.from === store.bot.id) go(1);
  });
  on("paid", () => step < 2 && go(2));
}
