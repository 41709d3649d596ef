/** The bot's process: how it is, and the key that kills or starts it. */

import { setBot } from "./api.js";
import { behind } from "./behind.js";
import { $, el } from "./dom.js";
import { on } from "./store.js";
import { toast } from "./toast.js";

const SAYS = {
  off: () => "Not started.",
  starting: () => "Starting …",
  running: ({ pid }) => `Running, as process ${pid}.`,
  killed: () => "Killed (SIGKILL). Whatever people do now waits for it.",
  over: () => "It ended with the demo.",
  ended: ({ exit_code: code }) => `It ended by itself, with ${code < 0 ? `signal ${-code}` : `exit code ${code}`}.`,
};
const CHIPS = { starting: "Bot starting", killed: "Bot killed", ended: "Bot ended" };

const lives = () => ["starting", "running"].includes(behind.process.state);

function draw() {
  const { state, words } = behind.process;
  const says = SAYS[state](behind.process);
  if ($("bot-says").textContent !== says) $("bot-says").textContent = says;
  $("bot-switch").textContent = lives() ? "Kill the bot" : "Start the bot";
  $("bot-switch").disabled = state === "over";
  $("bot-switch").classList.toggle("dangerous", lives());
  $("bot-words").hidden = words.length === 0;
  $("bot-words").replaceChildren(...(words.length > 0
    ? [el("p", { class: "small" }, "Its last words:"), el("pre", { tabindex: "0", "aria-label": "The bot’s last words" }, words.join("\n"))]
    : []));
  $("bot-chip").hidden = !(state in CHIPS);
  $("bot-chip").textContent = CHIPS[state] ?? "";
}

async function press() {
  const key = $("bot-switch");
  key.setAttribute("aria-busy", "true");
  try {
    await setBot(!lives());
  } catch (error) {
    toast(error.message);
  } finally {
    key.removeAttribute("aria-busy");
  }
}

/** Start the key. */
export function startBot() {
  on("process", draw);
  $("bot-switch").addEventListener("click", press);
}
