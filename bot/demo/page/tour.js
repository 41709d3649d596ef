/** The tour: a line above the messages with what to try next, until it is closed or finished. */

import { keep, recall } from "./again.js";
import { write } from "./composer.js";
import { $, el, icon, sync } from "./dom.js";
import { groupLink } from "./doors.js";
import { soon } from "./frame.js";
import { groupOf, room, speakAs, speaker } from "./selection.js";
import { isStartOffered } from "./start.js";
import { messagesOf, on, store } from "./store.js";

const KEY = "tour-step";
const INVOICE = "/invoice 2100 pizza";
const SPLIT = "/split 84k/4 dinner";
const COLLECT = "/collect 60k/21k a present";
const PARTS = 4;

/** The steps in their order: which part of the tour, and what it says where no message says more. */
const STEPS = {
  ask: [1, () => ["Ask for money: send ", example(INVOICE)]],
  pay: [1, () => [inPrivate()
    ? "Now press the card’s picture: it opens the wallet."
    : "Now speak as somebody else and press the card’s picture: it opens their wallet."]],
  split: [2, () => (inPrivate()
    ? ["Next, split a bill. Go to ", group(), "."]
    : ["Paid, and everybody sees it. ", ...split()])],
  collect: [3, () => (inPrivate()
    ? ["That bill is done. Go back to ", group(), " and see the board."]
    : ["That bill is done. Next, collect for a present: send ", example(COLLECT)])],
  rest: [4, () => (inPrivate()
    ? ["That is done. Go back to ", group(), " and see the board."]
    : ["That is done. Next, ask again and skip an hour, or switch the node off and on."])],
};
const CLOSED = "closed";
const FIRST = "ask";
let step = FIRST;

const inPrivate = () => room().chat.type === "private";
const firstName = (person) => person.name.split(" ")[0];
const strong = (words) => el("strong", {}, words);

function example(words, as = null) {
  return el("button", { type: "button", class: "example", onclick: () => {
    if (as !== null) speakAs(as);
    write(words);
  } }, words);
}

/** A link to the group of the bill, or of the open private chat's person. */
function group() {
  const person = speaker();
  const found = groupOf(person.id);
  return found ? groupLink(found, person.id, {}, found.title) : "the group";
}

/** The owner paid for dinner: where they are, the example is theirs. */
function split() {
  const owner = store.people.get(store.ownerId);
  if (!owner || !room().chat.people.includes(owner.id)) return ["Next, split a bill for four: send ", example(SPLIT)];
  return [`Next, split Friday’s dinner for four. As ${firstName(owner)}, who paid for it, send `, example(SPLIT, owner.id)];
}

// --- what a message is, read off its buttons

const isFromBot = (message) => message.from === store.bot.id;

/** What the button that does this is called under a message; undefined where there is none. */
const labelOf = (message, does) => message.buttons.flat().find((each) => each.data?.startsWith(`${does}:`))?.text;

const has = (message, does) => labelOf(message, does) !== undefined;

/** Whether this is the board of a bill or a collection that goes on. */
const isOpenBoard = (message) => isFromBot(message) && has(message, "manage");

/** Whether a board is one of a collection: it answers the command. */
function isCollection(board) {
  const asked = store.chats.get(board.chat)?.messages.get(board.reply_to);
  return asked ? /^\/collect\b/.test(asked.text) : /^\S+ Collection\b/.test(board.text);
}

const boardIn = (open) => messagesOf(open).findLast(isOpenBoard);

/** Whether this is a card with a payment request. */
const isPayable = (message) => message.photo && message.entities.some((each) => each.type === "code");

/** The bot's messages since a link led here, the newest first; empty where none did. */
function sinceLink() {
  const messages = messagesOf(room());
  const at = messages.findIndex((each) => each.linked);
  return at < 0 ? [] : messages.slice(at).filter(isFromBot).reverse();
}

/** The newest message here that asks for something; a choice is made once a card came after it. */
function waiting(messages) {
  const card = messages.findIndex((each) => each.photo);
  return messages.find((each, place) => isPayable(each) || has(each, "give")
    || ((has(each, "for") || has(each, "m")) && (card < 0 || place < card)));
}

// --- what is said of it

/** In a group: what the newest board is waiting for; null where there is none, or nothing to learn of it. */
function boardHint() {
  const board = boardIn(room());
  if (!board || (step === "rest" && isCollection(board))) return null;
  const join = labelOf(board, "in");
  if (join) {
    const asker = store.people.get(store.chats.get(board.chat).messages.get(board.reply_to)?.from);
    const whoever = asker ? firstName(asker) : "whoever asked";
    return ["Who is in? Speak as each friend and press ", strong(join), ". Then ", strong(labelOf(board, "ask")), ` as ${whoever}.`];
  }
  const pay = labelOf(board, "pay");
  if (!pay) return null;
  return isCollection(board)
    ? ["Speak as somebody and press ", strong(pay), ": their private chat opens, and asks how much."]
    : ["Speak as each friend in turn and press ", strong(pay), ": their private chat opens."];
}

/** In a private chat that a link led to: what waits there; null where none did. */
function partHint() {
  const who = firstName(speaker());
  if (isStartOffered()) return ["The link opened this chat. Press ", strong("Start"), ": the bot answers here."];
  const messages = sinceLink();
  const asks = waiting(messages);
  if (asks) return [...askHint(asks, who), " Then go back to ", group(), "."];
  const from = groupOf(speaker().id);
  const board = from && boardIn(from);
  if (!board) return null;
  if (messages.length === 0) return ["The board is in ", group(), ": go there to take part."];
  if (isCollection(board)) return ["The board in ", group(), " shows what is given. Go there for the next friend."];
  const card = messages.find((each) => each.photo);
  return card && has(card, "renew")
    ? ["Somebody else can now take that part, or pay for it under their own card. Go back to ", group(), "."]
    : ["The board in ", group(), " shows who has paid. Go there for the next friend."];
}

/** What can be done with a message that asks for something. */
function askHint(message, who) {
  const [leave, others, hide] = ["leave", "others", "hide"].map((does) => labelOf(message, does));
  if (has(message, "give")) {
    return ["Press an amount, or send a number.", ...(hide ? [" ", strong(hide), ` keeps ${who} off the board.`] : [])];
  }
  if (has(message, "for")) return [`Choose whose part ${who} pays: its card comes here.`];
  if (has(message, "m")) return [`What ${who} presses here changes the board.`];
  if (!leave) return ["Press the picture to pay."];
  return [`Press the picture to pay ${who}’s part, `, strong(leave), " to drop out, or ", strong(others), "."];
}

function draw() {
  const bar = $("tour");
  bar.hidden = !Object.hasOwn(STEPS, step) || !room();
  if (bar.hidden) return bar.replaceChildren();
  const [part, says] = STEPS[step];
  const hint = (inPrivate() ? partHint() : boardHint()) ?? says();
  sync(bar, [
    el("span", { class: "tour-step", "aria-hidden": "true" }, `${part}/${PARTS}`),
    el("p", {}, ...[hint].flat().filter(Boolean)),
    el("button", { type: "button", class: "icon-button", "aria-label": "Close the tour", onclick: () => go(CLOSED) }, icon("close"))]);
}

function go(to) {
  step = to;
  keep(KEY, step);
  soon(draw);
}

/** The step that a message leads to: a card, a board that came or is done, a gift that is counted. */
function after(message, before) {
  if (step === "ask" && isPayable(message) && isFromBot(message)) return "pay";
  if (isOpenBoard(message) && ["ask", "pay", "split"].includes(step)) return isCollection(message) ? "collect" : "split";
  if (!before || !isOpenBoard(before)) return step;
  const isDone = !isOpenBoard(message);
  if (step === "split" && isDone && !isCollection(message)) return "collect";
  if (step === "collect" && isCollection(message) && (isDone || message.text !== before.text)) return "rest";
  return step;
}

function onMessage({ message, before }) {
  const next = after(message, before);
  if (next === step) soon(draw);
  else go(next);
}

/** Start the tour. */
export function startTour() {
  // toasts come below it, however many lines it has
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--tour", `${$("tour").offsetHeight}px`);
  }).observe($("tour"));
  // each start of the demo has a tour of its own
  on("snapshot", () => { step = recall(KEY) ?? FIRST; });
  for (const kind of ["snapshot", "room", "speaker", "offer"]) on(kind, draw);
  on("gone", () => soon(draw));
  on("message", onMessage);
  on("paid", () => ["ask", "pay"].includes(step) && go("split"));
}
