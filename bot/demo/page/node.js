/** The owner's node: what it has received and what is open. The sum counts up as a payment lands. */

import { behind, many } from "./behind.js";
import { $, el, sync } from "./dom.js";
import { on, store } from "./store.js";
import { inSats } from "./wallet.js";

const COUNTS_MS = 700;
const still = matchMedia("(prefers-reduced-motion: reduce)");

let name = null; // whose sum is shown
let shown = null; // msat
let target = null; // what it counts to
let frame = null;

function show(msat) {
  shown = msat;
  $("received").textContent = inSats(msat);
}

/** Count from what is shown up to this. */
function countTo(msat) {
  cancelAnimationFrame(frame);
  const from = shown;
  const began = performance.now();
  const step = (at) => {
    const part = Math.min(1, (at - began) / COUNTS_MS);
    const eased = 1 - (1 - part) ** 3;
    // whole satoshi on the way, and what it really is at the end
    show(part < 1 ? Math.round((from + (msat - from) * eased) / 1000) * 1000 : msat);
    if (part < 1) frame = requestAnimationFrame(step);
  };
  frame = requestAnimationFrame(step);
  $("money").classList.remove("landed");
  void $("money").offsetWidth; // restarts the animation
  $("money").classList.add("landed");
}

function draw() {
  const { money } = behind;
  $("money-name").textContent = money.name;
  $("received-said").textContent = `${inSats(money.received_msat)} received`;
  const sums = [money.open_msat > 0 && inSats(money.open_msat), money.open_any > 0 && "any amount"].filter(Boolean);
  const isOpen = money.open > 0 ? `${many(money.open, "invoice")} open, ${sums.join(" and ")}` : "no open invoices";
  $("money-more").textContent = `${many(money.payments, "payment")}, ${isOpen}`;
  $("money-elsewhere").hidden = money.elsewhere === 0;
  $("money-elsewhere").textContent = `${many(money.elsewhere, "more payment")}, ${inSats(money.elsewhere_msat)}, went to another node, which does not answer now.`;
  const jumps = name !== money.name || shown === null || still.matches || money.received_msat < shown || document.hidden;
  name = money.name;
  if (jumps) {
    cancelAnimationFrame(frame);
    show(money.received_msat);
  } else if (money.received_msat !== target) countTo(money.received_msat);
  target = money.received_msat;
}

/** What is left in people's wallets, which is what they paid less. */
function drawPurses() {
  sync($("purses"), [...store.people.values()].map((person) => el("div", {},
    el("dt", {}, person.name.split(" ")[0]), el("dd", {}, inSats(store.balances.get(person.id) ?? 0)))));
}

/** Start it. */
export function startNode() {
  on("balance", drawPurses);
  on("behind", draw);
}
