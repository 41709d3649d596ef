/** The tour: a line above the messages with what to try next, until it is closed or finished. */

import { write } from "./composer.js";
import { $, el, icon, sync } from "./dom.js";
import { groupLink } from "./doors.js";
import { groupOf, room, speakAs, speaker } from "./selection.js";
import { isStartOffered } from "./start.js";
import { messagesOf, on, store } from "./store.js";

const KEY = "tour-step";
const INVOICE = "/invoice 2100 pizza";
const SPLIT = "/split 84k/4 dinner";
const IS_SPLIT = /^\/split\b/;
const IS_LINKED_START = /^\/start \S/;
const PARTS = 3;

/** The steps in their order: which part of the tour, and what it says in the open room. */
const STEPS = {
  ask: [1, () => ["Ask for money: send ", example(INVOICE)]],
  pay: [1, () => [inPrivate()
    ? "Now press the card’s picture: it opens the wallet."
    : "Now speak as somebody else and press the card’s picture: it opens their wallet."]],
  split: [2, () => (inPrivate() ? partHint() : boardHint())],
  rest: [3, () => (inPrivate()
    ? ["That bill is done. Go back to ", group(), " and see the board."]
    : ["That bill is done. Next, ask again and skip an hour, or switch the node off and on."])],
};
const CLOSED = "closed";
let step = "ask";

try {
  step = localStorage.getItem(KEY) ?? step;
} catch {
  // a browser that stores nothing shows the tour each time
}

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

/** The first button that the bot hears of. */
const buttonOf = (message) => message.buttons.flat().find((each) => each.data !== null);

/** Whether this is the board of a bill that can be paid. */
function isOpenBoard(message) {
  const chat = store.chats.get(message.chat);
  if (chat.type === "private" || message.from !== store.bot.id || message.photo || !buttonOf(message)) return false;
  return IS_SPLIT.test(chat.messages.get(message.reply_to)?.text ?? "");
}

/** Whether this is a card with a payment request. */
const isPayable = (message) => message.photo && message.entities.some((each) => each.type === "code");

/** The card that a link brought here, where it can still be paid. */
function linkedCard() {
  const messages = messagesOf(room());
  const since = messages.findIndex((each) => IS_LINKED_START.test(each.text));
  return since < 0 ? undefined : messages.slice(since).findLast(isPayable);
}

/** In a group: make a bill, then let everybody pay. */
function boardHint() {
  const board = messagesOf(room()).findLast(isOpenBoard);
  if (board) {
    return ["Speak as each friend in turn and press ", strong(buttonOf(board).text), ": their private chat opens."];
  }
  const owner = store.people.get(store.ownerId);
  if (!owner || !room().chat.people.includes(owner.id)) return ["Paid, and everybody sees it. Next, split a bill for four: send ", example(SPLIT)];
  return [`Paid, and everybody sees it. Next, split Friday’s dinner for four. As ${firstName(owner)}, who paid for it, send `, example(SPLIT, owner.id)];
}

/** In a private chat: start, pay, and go back. */
function partHint() {
  const who = firstName(speaker());
  if (isStartOffered()) return ["The link opened this chat. Press ", strong("Start"), `: the bot sends ${who}’s part.`];
  const card = linkedCard();
  const from = groupOf(speaker().id);
  if (!card && from && messagesOf(from).some(isOpenBoard)) {
    return ["The board in ", group(), " shows who has paid. Go there for the next friend."];
  }
  if (!card) return ["Next, split a bill. Go to ", group(), "."];
  return [`Press the picture to pay ${who}’s part.`, card.buttons.length > 0 && ` A button under it lets ${who} drop out.`, " Then go back to ", group(), "."];
}

function draw() {
  const bar = $("tour");
  bar.hidden = !Object.hasOwn(STEPS, step) || !room();
  if (bar.hidden) return bar.replaceChildren();
  const [part, says] = STEPS[step];
  sync(bar, [
    el("span", { class: "tour-step", "aria-hidden": "true" }, `${part}/${PARTS}`),
    el("p", {}, ...says().filter(Boolean)),
    el("button", { type: "button", class: "icon-button", "aria-label": "Close the tour", onclick: () => go(CLOSED) }, icon("close"))]);
}

function go(to) {
  step = to;
  try {
    localStorage.setItem(KEY, step);
  } catch {
    // see above
  }
  draw();
}

function onMessage({ message, before }) {
  if (step === "ask" && isPayable(message) && message.from === store.bot.id) go("pay");
  else if (step === "split" && before && isOpenBoard(before) && !isOpenBoard(message)) go("rest");
  else draw();
}

/** Start the tour. */
export function startTour() {
  for (const kind of ["snapshot", "room", "speaker", "gone", "offer"]) on(kind, draw);
  on("message", onMessage);
  on("paid", () => ["ask", "pay"].includes(step) && go("split"));
}
