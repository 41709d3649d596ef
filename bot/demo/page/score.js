/** The score, and the storm that it stands. */

import { setStorm } from "./api.js";
import { behind, many } from "./behind.js";
import { everySecond, now } from "./clock.js";
import { $, el, sync } from "./dom.js";
import { on } from "./store.js";
import { toast } from "./toast.js";

const FIGURES = [
  ["asked", "Asked", "Invoices that people asked for"],
  ["cards", "Cards", "Of those, how many have a card"],
  ["paid", "Paid", "Payments that left a wallet"],
  ["told", "Told", "Of those, how many the chat shows"],
  ["lost", "Lost", "Commands and payments that the chat will not hear of"],
  ["twice", "Twice", "Invoices, cards and notices that are there twice and do not say so"],
];
/** Whether a storm goes on. */
export const storms = () => ["storming", "calming"].includes(behind.storm.phase);

function figure([key, label, means]) {
  const value = behind.score[key];
  const kind = key === "lost" || key === "twice" ? (value === 0 ? "good" : "bad") : "";
  return el("div", { class: `figure ${kind}`, title: means },
    el("dt", {}, label), el("dd", { "data-figure": key }, value.toLocaleString("en")));
}

function says() {
  const { phase, says: happening, ends_at: endsAt, kills, asked, paid } = behind.storm;
  if (phase === "off") return "";
  if (phase === "storming") return `${happening} ${Math.max(0, Math.ceil(endsAt - now()))} s left.`;
  if (phase === "calming") return happening;
  const { lost, twice } = behind.score;
  const wrong = [lost > 0 && `${lost} lost`, twice > 0 && `${twice} twice`].filter(Boolean);
  return `The storm is over: ${asked} asked, ${paid} paid, the bot killed ${many(kills, "time")}. ${
    wrong.length > 0 ? `${wrong.join(", ")}.` : "Nothing lost, nothing twice."}`;
}

function draw() {
  sync($("score-figures"), FIGURES.map(figure));
  const { repeated } = behind.score;
  $("repeated").hidden = repeated === 0;
  $("repeated").textContent = `${many(repeated, "message")} came again, and ${repeated === 1 ? "says" : "say"} so.`;
  $("storm").textContent = behind.storm.phase === "storming" ? "Stop the storm" : "Let it storm for 30 s";
  $("storm").disabled = behind.storm.phase === "calming";
  const chat = behind.storm.chat;
  $("storm-there").hidden = chat === null || !storms();
  $("storm-there").href = `#${chat}`;
  drawStorm();
}

/** What goes on, for the eye; a screen reader is told of its end only. */
function drawStorm() {
  const text = says();
  if ($("storm-says").textContent !== text) $("storm-says").textContent = text;
  const end = behind.storm.phase === "over" ? text : "";
  if ($("storm-end").textContent !== end) $("storm-end").textContent = end;
}

async function press() {
  try {
    await setStorm(behind.storm.phase !== "storming");
  } catch (error) {
    toast(error.message);
  }
}

/** Start it. */
export function startScore() {
  on("behind", draw);
  everySecond(() => behind.storm.phase === "storming" && drawStorm());
  $("storm").addEventListener("click", press);
}
