/** What a message is, read off its buttons, its picture and its text. Decides and draws nothing. */

import { isPaymentRequest, store } from "./store.js";

const PAID = "✅";
const FREE = "◻";
const TAKEN = "⚡";

/** Whether the bot sent it. */
export const isFromBot = (message) => message.from === store.bot.id;

/** The button under a message that does this, or undefined. */
export const keyOf = (message, does) => message.buttons.flat().find((each) => each.data?.startsWith(`${does}:`));

/** What that button is called; undefined where there is none. */
export const labelOf = (message, does) => keyOf(message, does)?.text;

/** Whether there is such a button. */
export const has = (message, does) => keyOf(message, does) !== undefined;

/** Whether this is the board of a bill or a collection that goes on. */
export const isOpenBoard = (message) => isFromBot(message) && has(message, "manage");

/** Whether a board has a part that nobody has taken. */
export const hasFree = (board) => board.text.includes(FREE);

const partsOf = (board) => board.text.split("\n").slice(1);

/** How many parts of a board are still to be paid, of those that it lists. */
export const unpaidParts = (board) => partsOf(board).filter((each) => each.startsWith(FREE) || each.startsWith(TAKEN)).length;

/** Whether this person has a part of a board that is not paid yet. */
export const hasTaken = (board, { name, username }) => partsOf(board).some((each) => each.startsWith(TAKEN)
  && [`: "${name}"`, `: @${username}`].some((whose) => each.includes(whose)));

/** Whether a board lists fewer parts than it has. */
export const hasMoreParts = (board) => /^and [\d,]+ more parts?,/m.test(board.text);

/** What a board is of, as its first line has it. */
export function nameOf(board) {
  const [first] = board.text.split("\n");
  const memo = / – "(.+)"$/.exec(first)?.[1];
  return `${isCollection(board) ? "collection" : "split"}${memo ? ` “${memo}”` : ""}`;
}

/** What a message answers, or undefined. */
export const commandOf = (message) => store.chats.get(message.chat)?.messages.get(message.reply_to);

/** Whether this is a board, or another answer to the command for one; also where it is over. */
export const isBoard = (message) => isOpenBoard(message)
  || (isFromBot(message) && /^\/(split|collect)(@\w+)?(\s|$)/i.test(commandOf(message)?.text ?? ""));

/** Whether a board is one of a collection: it answers the command. */
export function isCollection(board) {
  const asked = commandOf(board);
  return asked ? /^\/collect\b/.test(asked.text) : /^\S+ Collection\b/.test(board.text);
}

/** Whether this is the board of a bill, also where it is over. */
export const isSplit = (message) => isFromBot(message) && /^\S+ Split\b/.test(message.text);

/** Whether this is a card with a payment request. */
export const isPayable = (message) => Boolean(message.photo) && message.entities.some((each) => each.type === "code"
  && isPaymentRequest(message.text.slice(each.offset, each.offset + each.length)));

/** Whether this is a card or a board that says that all is paid. */
export const isPaid = (message) => isFromBot(message) && message.text.startsWith(PAID);

/** Where something is in a message of the open chat, as a selector. */
export const inMessage = (message, name) => `#log [data-id="${message.id}"] [data-name="${CSS.escape(name)}"]`;
