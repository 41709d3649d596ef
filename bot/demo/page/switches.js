/** The switches: the node's state and the demo's clock. */

import { moveClock, setNode } from "./api.js";
import { behind } from "./behind.js";
import { everySecond, now, written } from "./clock.js";
import { $ } from "./dom.js";
import { on, store } from "./store.js";
import { toast } from "./toast.js";

const HOUR_S = 3600;
const SAYS = {
  up: runs,
  starting: () => "Starting …",
  locked: () => "Its wallet has to be unlocked. New commands wait for a while.",
  down: () => "Out of reach. New commands wait for it for a while.",
};

/** What the node that runs does, with the faults that are under way. */
function runs() {
  const [macaroon, other, certificate, lost] = ["macaroon", "other-node", "certificate", "lost-invoice"]
    .map((name) => behind.faults.some((fault) => fault.name === name && fault.on));
  if (macaroon) return `${other ? "Another node" : "It"} rejects every call: the bot’s macaroon is revoked.`;
  if (certificate) return "It has a new certificate. The bot has not asked it since.";
  if (other) return "Another node answers the bot in its place.";
  return lost ? "It answers the bot, but its next answer about an invoice will be lost." : "It answers the bot.";
}

function draw() {
  for (const each of document.querySelectorAll("#node input")) {
    each.checked = each.value === store.node || (each.value === "up" && store.node === "starting");
  }
  drawSays();
  const chip = $("node-chip");
  chip.hidden = store.node === "up";
  chip.textContent = { locked: "Node locked", down: "Node down", starting: "Node starting" }[store.node] ?? "";
}

function drawSays() {
  const text = SAYS[store.node]();
  if ($("node-says").textContent !== text) $("node-says").textContent = text;
}

function drawClock() {
  const text = written(Math.floor(now()), "t");
  const clock = $("clock");
  if (clock.textContent !== text) clock.textContent = text;
}

async function attempt(act) {
  try {
    await act();
  } catch (error) {
    toast(error.message);
    draw();
  }
}

/** Start the switches. */
export function startSwitches() {
  on("node", draw);
  on("behind", drawSays);
  everySecond(drawClock);
  $("node").addEventListener("change", (event) => attempt(() => setNode(event.target.value)));
  $("hour-on").addEventListener("click", () => attempt(async () => {
    await moveClock(HOUR_S);
    toast("It is now one hour later.");
  }));
}
