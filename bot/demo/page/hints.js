/** Hints: what a board, or the private chat that it led to, is waiting for, whoever asked for what. */

import { strong } from "./dom.js";
import { groupLink } from "./doors.js";
import { commandOf, has, hasMoreParts, hasTaken, isBoard, isCollection, isFromBot, isOpenBoard, isPaid, isPayable, isSplit, labelOf, nameOf, unpaidParts } from "./reading.js";
import { groupOf, room, speaker } from "./selection.js";
import { isStartOffered } from "./start.js";
import { firstName, messagesOf, store } from "./store.js";

/** A link to the group of the bill, or of the open private chat's person. */
function group() {
  const person = speaker();
  const found = groupOf(person.id);
  return found ? groupLink(found, person.id, {}, found.title) : "the group";
}

/** The newest board of a room that goes on, or undefined. */
export const boardIn = (open) => messagesOf(open).findLast(isOpenBoard);

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

/** Which board is meant, where a newer one is over; that it can still be given to, where its goal is reached. */
function about(board) {
  const isNewest = !messagesOf(room()).some((each) => each.id > board.id && isBoard(each) && commandOf(each) !== commandOf(board));
  const says = isNewest ? "" : `The ${nameOf(board)}, further up, goes on. `;
  return isCollection(board) && isPaid(board) ? `${says}The goal is reached, and more can be given. ` : says;
}

/** In a group: what the newest board is waiting for; null where there is none. */
function boardHint() {
  const board = boardIn(room());
  if (!board) return null;
  const join = labelOf(board, "in");
  if (join) {
    const asker = store.people.get(commandOf(board)?.from);
    const whoever = asker ? firstName(asker) : "whoever asked";
    return [about(board), "Who is in? Speak as each friend and press ", strong(join), ". Then ", strong(labelOf(board, "ask")), ` as ${whoever}.`];
  }
  const pay = labelOf(board, "pay");
  if (!pay) return null;
  return isCollection(board)
    ? [about(board), "Speak as somebody and press ", strong(pay), ": their private chat opens, and asks how much."]
    : [about(board), "Speak as each friend in turn and press ", strong(pay), ": their private chat opens."];
}

/** In a private chat that a link led to: what waits there; null where none did. */
function partHint() {
  const who = firstName(speaker());
  if (isStartOffered()) return ["The link opened this chat. Press ", strong("Start"), ": the bot answers here."];
  const messages = sinceLink();
  const asks = waiting(messages);
  const isFurtherUp = messages.slice(0, messages.indexOf(asks)).some((each) => each.photo);
  if (asks) return [...askHint(asks, who, isFurtherUp), " Then go back to ", group(), "."];
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

/** Whether a part of another one is left that this person could pay for; also where no board says. */
function isAnotherLeft() {
  const from = groupOf(speaker().id);
  const boards = from ? messagesOf(from).filter((each) => isOpenBoard(each) && isSplit(each)) : [];
  const theirs = boards.filter((each) => hasTaken(each, speaker()));
  return theirs.length === 0 || theirs.some((each) => hasMoreParts(each) || unpaidParts(each) > 1);
}

/** What can be done with a message that asks for something; `isFurtherUp`: a newer picture is below its own. */
function askHint(message, who, isFurtherUp) {
  const [leave, others, hide] = ["leave", "others", "hide"].map((does) => labelOf(message, does));
  if (has(message, "give")) {
    return ["Press an amount, or send a number.", ...(hide ? [" ", strong(hide), ` keeps ${who} off the board.`] : [])];
  }
  if (has(message, "for")) return [`Choose whose part ${who} pays: its card comes here.`];
  if (has(message, "m")) return [`What ${who} presses here changes the board.`];
  const picture = isFurtherUp ? "the picture further up" : "the picture";
  if (!leave) return [`Press ${picture} to pay.`];
  const more = isAnotherLeft() ? [", ", strong(leave), " to drop out, or ", strong(others)] : [", or ", strong(leave), " to drop out"];
  return [`Press ${picture} to pay ${who}’s part`, ...more, "."];
}

/** What waits in the open room, as nodes; null where nothing does. */
export const hint = () => (room().chat.type === "private" ? partHint() : boardHint());
