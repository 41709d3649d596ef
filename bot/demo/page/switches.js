/** The switches: the node's state and the demo's clock. */

import { moveClock, setNode } from "./api.js";
import { everySecond, now, written } from "./clock.js";
import { $ } from "./dom.js";
import { on, store } from "./store.js";
import { toast } from "./toast.js";

const HOUR_S = 3600;
const SAYS = {
  up: "It answers the bot, unless a fault says otherwise.",
  starting: "Starting …",
  locked: "Its wallet has to be unlocked. New commands wait for a while.",
  down: "Out of reach. New commands wait for it for a while.",
};

function draw() {
  for (const each of document.querySelectorAll("#node input")) {
    each.checked = each.value === store.node || (each.value === "up" && store.node === "starting");
  }
  $("node-says").textContent = SAYS[store.node];
  const chip = $("node-chip");
  chip.hidden = store.node === "up";
  chip.textContent = { locked: "Node locked", down: "Node down", starting: "Node starting" }[store.node] ?? "";
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
  everySecond(drawClock);
  $("node").addEventListener("change", (event) => attempt(() => setNode(event.target.value)));
  $("hour-on").addEventListener("click", () => attempt(async () => {
    await moveClock(HOUR_S);
    toast("It is now one hour later.");
  }));
}
