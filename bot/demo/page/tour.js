/** The tour: how far it is, the bar that shows its step, and the button that takes it. */

import { keep, recall } from "./again.js";
import { behind } from "./behind.js";
import { isWritten, sendCommand, write } from "./composer.js";
import { $, el, icon, sync } from "./dom.js";
import { soon } from "./frame.js";
import { pointAt } from "./point.js";
import { isFromBot, isOpenBoard, isPaid, isPayable } from "./reading.js";
import { isWide, openRoom, readAddress, room, speakAs, speaker } from "./selection.js";
import { isAllCovered } from "./split.js";
import { ELSEWHERE, PARTS, pointedFromTheList, stepNow } from "./steps.js";
import { messagesOf, on, rooms, store } from "./store.js";
import { announce } from "./toast.js";

const KEY = "tour";
const CLOSED = "closed";
const ENDED = "The tour has ended. “Take the tour” above the chats begins it again.";
const SETTLES_MS = 700;

const bar = $("tour");
const button = $("tour-press");
let state = { part: CLOSED }; // part, since (chat's id -> its last message then), home, paid and killed (a card's id), gave, seen
let step = null; // what is shown
let shown = null; // the step that was drawn last
let said = null; // the step that was announced last; the first one stands there as the page is read
let pressed = null; // the step whose button was pressed just now
let isRevealed = false; // whether what the step points at was brought in sight
let leads = false; // whether the reader goes by the tour's own button, which then keeps the focus
let isChosen = false; // whether the reader chose who speaks, and the tour nobody since

const home = () => rooms().find((each) => each.chat.id === state.home && each.thread === null) ?? null;
const isSince = (message) => message.id > (state.since[message.chat] ?? 0);

/** Where every chat is now: what comes later belongs to the part that begins. */
const here = () => Object.fromEntries([...store.chats.values()].map((chat) => [chat.id, Math.max(0, ...chat.messages.keys())]));

function change(to) {
  state = { ...state, ...to };
  keep(KEY, state);
  soon(draw);
}

function go(part, since = here()) {
  change({ part, since, paid: null, killed: null });
}

function begin() {
  const group = rooms().find((each) => each.chat.type !== "private" && each.thread === null && each.chat.people.includes(store.ownerId));
  if (group && room()?.key === group.key) speakAs(store.ownerId);
  state = {};
  change({ part: group ? "ask" : CLOSED, since: here(), home: group?.chat.id });
}

function end() {
  const had = bar.contains(document.activeElement);
  change({ part: CLOSED });
  draw();
  if (had) (isWide() ? $("text") : $("log")).focus({ preventScroll: true });
  announce(ENDED);
}

// --- what is shown

function draw() {
  const isGoing = state.part !== CLOSED && home() !== null;
  step = isGoing && room() !== null ? stepNow(state, home(), isSince) : null;
  $("tour-again").hidden = state.part !== CLOSED;
  bar.hidden = step === null;
  pointAt(isGoing && room() === null ? pointedFromTheList(state, home(), isSince) : step?.at ?? null);
  if (step === null) return;
  const had = bar.contains(document.activeElement);
  bar.classList.toggle("tour-first", step.facts !== undefined);
  $("tour-part").hidden = step.part === undefined;
  sync($("tour-part"), PARTS.map((name) => el("li", { "aria-current": name === step.part && "step" }, name)));
  for (const [id, words] of [["tour-title", step.title], ["tour-small", step.small]]) {
    $(id).hidden = words === undefined;
    $(id).textContent = words ?? "";
  }
  sync($("tour-facts"), (step.facts ?? []).map((fact) => el("li", {}, icon("check"), fact)));
  sync($("tour-says"), [el("p", {}, ...step.says)]);
  button.hidden = step.label === undefined;
  button.textContent = step.label ?? "One moment …";
  button.ariaDisabled = step.label === null ? "true" : null;
  say();
  if (!isRevealed && step.at) requestAnimationFrame(reveal);
  if (had && !bar.contains(document.activeElement)) $("log").focus({ preventScroll: true });
}

/** What is pointed at is in sight once; after that the reader goes where they like. */
function reveal() {
  const target = step?.at && document.querySelector(step.at);
  if (!target?.checkVisibility() || document.querySelector("dialog[open]")) return;
  target.scrollIntoView({ block: "nearest" });
  isRevealed = true;
}

/** A step that is new is announced, and its button has the focus where the reader goes by it. */
function say() {
  if (step.id === shown) return;
  shown = step.id;
  isRevealed = false;
  if (step.chooses && !isWritten()) speaks(step.as);
  if (step.id === "end") change({ seen: true });
  if (leads && !button.hidden && !document.querySelector("dialog[open]")) button.focus({ preventScroll: true });
  if (step.id === ELSEWHERE || step.id === said) return; // another chat was opened, or the tour's again
  if (said !== null) announce([step.title, $("tour-says").textContent].filter(Boolean).join(" "));
  said = step.id;
}

// --- what is done

async function press() {
  const { id, label } = step;
  if (label === null || pressed === id) return;
  leads = true;
  pressed = id; // a second press that comes at once is of the same step
  await act(step);
  setTimeout(() => { pressed = pressed === id ? null : pressed; }, SETTLES_MS);
}

function act({ id, as, write: words, open, at, begins }) {
  if (id === "split") go("split");
  if (as !== undefined) speaks(as);
  if (begins) return begin();
  if (words) return sendCommand(words);
  if (open) return openRoom(open);
  return document.querySelector(at)?.click();
}

/** The tour chooses who speaks. */
function speaks(id) {
  isChosen = false;
  if (speaker()?.id !== id) speakAs(id);
}

/** Whoever presses what the step points at does it as the person that the step is about, or that they chose. */
function playPart({ target }) {
  if (target.closest?.("#speakers")) isChosen = true; // also the one who speaks already
  if (bar.hidden || isChosen || !step?.at || step.as === undefined || !target.closest?.(step.at)) return;
  speaks(step.as);
}

/** What is pressed or typed elsewhere takes the lead away; what a dialog wants belongs to the step. */
function follow({ target }) {
  if (!bar.contains(target) && !target.closest?.("dialog")) leads = false;
}

function onKey(event) {
  const isOpen = document.querySelector("dialog[open]") !== null;
  if (event.key === "Escape" && !event.defaultPrevented && !event.isComposing && !isOpen && !bar.hidden) end();
}

/** Go on to the next part where what this one is about has happened, whoever did it. */
function advance() {
  if (state.part === CLOSED || home() === null) return;
  const messages = messagesOf(home()).filter((each) => isSince(each) && isFromBot(each));
  const board = messages.findLast(isOpenBoard);
  if (["ask", "kill"].includes(state.part) && board) go("split", { ...state.since, [board.chat]: (board.reply_to ?? board.id) - 1 });
  else if (state.part === "ask" && messages.some((each) => each.photo && isPaid(each))) go("kill");
  else if (state.part === "split" && messages.some(isAllCovered)) go("end", state.since);
}

function onMessage({ message, before }) {
  const isGift = before && isOpenBoard(before) && message.text !== before.text;
  if (state.part === "end" && isGift) change({ gave: true });
  advance();
  soon(draw);
}

/** The part about a dead bot is about the card that asks for money as it dies, and is paid before it is started. */
function onProcess() {
  if (state.part === "kill" && home()) {
    const card = messagesOf(home()).findLast((each) => isSince(each) && isFromBot(each) && isPayable(each));
    if (card && behind.process.state === "killed") change({ killed: card.id });
    if (behind.process.state === "starting" && state.paid !== state.killed) change({ killed: null });
  }
  soon(draw);
}

function onSnapshot() {
  const kept = recall(KEY);
  if (kept) state = kept;
  if (!kept || (state.part !== CLOSED && home() === null)) begin();
  // in one column the first screen is the chat, where the tour begins
  if (!kept && !isWide() && location.hash === "" && home()) {
    history.replaceState(null, "", `#${home().key}`);
    readAddress();
  }
  advance();
  draw();
}

/** Start the tour. */
export function startTour() {
  $("tour-end").append(icon("close"));
  on("snapshot", onSnapshot);
  on("message", onMessage);
  on("process", onProcess);
  on("moved", ({ from, to }) => from === state.home && change({ home: to }));
  on("paid", (card) => change({ paid: card.id }));
  for (const kind of ["room", "speaker", "offer", "gone", "node", "chat", "behind"]) on(kind, () => soon(draw));
  // the tours of all tabs are one
  document.addEventListener("close", () => soon(draw), true);
  addEventListener("storage", ({ key }) => {
    if (key !== KEY) return;
    state = recall(KEY) ?? state;
    soon(draw);
  });
  button.addEventListener("click", press);
  document.addEventListener("click", playPart, true);
  bar.addEventListener("click", ({ target }) => target.dataset.write && write(target.dataset.write));
  bar.addEventListener("click", ({ target }) => target.dataset.part && go(target.dataset.part));
  $("tour-end").addEventListener("click", end);
  $("tour-again").addEventListener("click", () => {
    [shown, said, leads] = [null, "", true];
    begin();
    openRoom(home().key);
  });
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, follow, true);
  document.addEventListener("keydown", onKey);
}
