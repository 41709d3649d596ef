/** The tour's part about a bill: each friend is led to their private chat, one drops out, another pays for two. */

import { strong } from "./dom.js";
import { boardIn } from "./hints.js";
import { commandOf, has, hasFree, inMessage, isBoard, isFromBot, isOpenBoard, isPaid, isPayable, isSplit, keyOf } from "./reading.js";
import { room } from "./selection.js";
import { isStartOffered } from "./start.js";
import { firstName, messagesOf, rooms } from "./store.js";

/** The command of the tour's bill. */
export const SPLIT = "/split 84k/4 dinner";

const isTheTours = (board) => commandOf(board)?.text === SPLIT;

/** A press of the button that does this under a message. */
function press(message, does, label, says, more = {}) {
  const key = keyOf(message, does);
  return { id: `${does} ${message.id}`, says, label, at: inMessage(message, `key ${key.data}`), ...more };
}

/** A step in which something else has to happen first. */
export const waits = (id, ...says) => ({ id, says, label: null });

/** Opening a person's wallet on a card in the open room. */
export const wallet = (card, person, says) => ({
  id: `wallet ${card.id}`, says, label: `Open ${firstName(person)}’s wallet`, as: person.id, at: inMessage(card, "photo"),
});

/** What comes next with the tour's bill; null where there is none that goes on. */
export function splitStep({ home, friends, isSince, state }) {
  const board = messagesOf(home).findLast((each) => isSince(each) && isTheTours(each) && isOpenBoard(each));
  if (!board || !has(board, "pay")) return null;
  const last = friends.at(-1);
  const hasCard = (person) => cardsOf(person, isSince).length > 0;
  const isOut = friends.slice(0, -1).every(hasCard);
  for (const person of [...friends].sort((a, b) => isLed(b, isSince) - isLed(a, isSince))) {
    const drops = person === friends[1] && !hasCard(last);
    const step = partOf(person, { board, home, isSince, state, drops, paysForTwo: person === last && isOut, isFirst: !friends.some(hasCard) });
    if (step) return { ...step, id: `${step.id} of ${person.id}` };
  }
  return null;
}

const privateRoom = (person) => rooms().find((each) => each.chat.id === person.id);

function cardsOf(person, isSince) {
  const own = privateRoom(person);
  return own ? messagesOf(own).filter((each) => isSince(each) && isFromBot(each) && each.photo) : [];
}

/** Whether the open chat is this person’s, and the board led there: whoever was chosen for it goes first. */
function isLed(person, isSince) {
  const own = privateRoom(person);
  return own?.key === room().key && (isStartOffered() || messagesOf(own).some((each) => isSince(each) && each.linked));
}

/** What this person does next; null once their part is settled. */
function partOf(person, { board, home, isSince, state, drops, paysForTwo, isFirst }) {
  const name = firstName(person);
  const own = privateRoom(person);
  if (!own) return null;
  const all = messagesOf(own).filter(isSince);
  const messages = all.filter(isFromBot);
  const cards = messages.filter((each) => each.photo);
  const isHere = room().key === own.key;
  if (isHere && isStartOffered()) {
    const opened = `The button opened ${name}’s private chat${isFirst ? ": the group is not flooded" : ""}.`;
    return { id: "start", says: [`${opened} ${name} is new to the bot and presses Start.`], label: "Press Start", at: "#start" };
  }
  const came = all.findLast((each) => each.linked);
  if (isHere && came && !messages.some((each) => each.id > came.id)) return waits("card", `The bot asks the node for an invoice for ${name} …`);
  if (cards.length === 0) return isInGroup(home) ? join(board, person, { drops, paysForTwo, isFirst }) : back(home, returns(home, isSince));
  const payable = cards.findLast(isPayable);
  if (!payable) return null;
  if (state.paid === payable.id) return waits(`paid ${payable.id}`, `${name} has paid. The node tells the bot …`);
  if (!isHere) return { id: "go", says: [`${name}’s part waits in ${name}’s private chat.`], label: `Open ${name}’s chat`, open: own.key };
  if (drops && has(payable, "leave")) {
    return press(payable, "leave", `Press “${keyOf(payable, "leave").text}”`, [`${name} gave Dmitri cash and drops out: `, strong(keyOf(payable, "leave").text), " gives the part back."]);
  }
  if (paysForTwo && cards.length === 1 && hasFree(board)) return forTwo(messages, payable, name);
  return wallet(payable, person, cards.length > 1
    ? [has(payable, "leave") ? `Now ${name}’s own part, further up.` : `The free part has its own card. Pay it first.`]
    : [`${name}’s part is an invoice of its own. Press its picture to pay.`]);
}

/** Somebody pays for the one who dropped out, under their own card. */
function forTwo(messages, card, name) {
  const choice = messages.findLast((each) => has(each, "for") && each.id > card.id);
  if (choice) return press(choice, "for", "Press it", ["The bot asks whose part. One is free."]);
  const { text } = keyOf(card, "others");
  return press(card, "others", `Press “${text}”`, [`${name} has cash for one more, and pays for two: `, strong(text), "."]);
}

function join(board, person, { drops, paysForTwo, isFirst }) {
  const name = firstName(person);
  const { text } = keyOf(board, "pay");
  const says = drops ? [`Ben’s part is paid, for all to see. Next, ${name}: `, strong(text), "."]
    : paysForTwo ? [`One part is free again. Last, ${name}: `, strong(text), "."]
      : isFirst ? ["One board for the whole bill. Each friend presses ", strong(text), `, ${name} first.`]
        : [`Next, ${name}: `, strong(text), "."];
  return press(board, "pay", `Press it as ${name}`, says, { as: person.id, chooses: true });
}

const isInGroup = (home) => room().key === home.key;

/** Back to the group. */
export const back = (home, ...says) => ({
  id: "back", says, label: `Back to ${home.title}`, open: home.key, at: `#doors a[href="#${home.key}"]`,
});

/** Why to go back there: whoever had a card in the open chat has changed the board. */
export function returns(home, isSince) {
  const messages = messagesOf(room()).filter(isSince);
  const hasChanged = messages.some((each) => each.linked) && messages.some((each) => isFromBot(each) && each.photo);
  return hasChanged ? `The board in ${home.title} has changed. See what it says.` : `The tour goes on in ${home.title}.`;
}

/** How far the newest tour's bill is: "open" also where the bot has not answered yet, "closed" early, or "refused"; null: not asked for. */
export function billOf(home, isSince) {
  const messages = messagesOf(home).filter(isSince);
  const asked = messages.findLast((each) => each.text === SPLIT && !isFromBot(each));
  if (!asked) return null;
  const later = messages.filter((each) => isFromBot(each) && each.id > asked.id);
  const own = later.filter((each) => each.reply_to === asked.id);
  const answers = own.length > 0 ? own : later.filter(isBoard); // it was moved to the end, where it answers something else
  if (answers.length === 0 || answers.some((each) => isOpenBoard(each) || isPaid(each))) return "open";
  return answers.some(isSplit) ? "closed" : "refused";
}

/** Whether the newest board that goes on is the tour's own, or there is none. */
export const isTheToursBoard = (home) => !boardIn(home) || isTheTours(boardIn(home));

/** Whether this is the tour's bill, covered in full. */
export const isAllCovered = (message) => isTheTours(message) && isPaid(message) && !isOpenBoard(message);
