/** The steps of the tour: what each says, what it points at, and what its button does. Read off the chats, kept nowhere. */

import { behind } from "./behind.js";
import { el, strong } from "./dom.js";
import { hint } from "./hints.js";
import { isFromBot, isPaid, isPayable } from "./reading.js";
import { storms } from "./score.js";
import { isWide, peopleOf, room } from "./selection.js";
import { back, billOf, isAllCovered, isTheToursBoard, returns, SPLIT, splitStep, waits, wallet } from "./split.js";
import { firstName, messagesOf, store } from "./store.js";

/** The parts of the tour, by name. */
export const PARTS = ["Ask", "Pay", "Kill", "Split"];
/** The step that leads back to where the tour is. */
export const ELSEWHERE = "elsewhere";
const PIZZA = "/invoice 2100 pizza";
const DESSERT = "/invoice 900 dessert";
const COLLECT = "/collect 60k/21k a present";
const hero = () => ({
  id: "hero",
  part: "Ask",
  title: "Your node. Your friends. One command.",
  says: ["Write ", el("code", {}, PIZZA), " in a Telegram chat. The bot answers with a QR code, a friend pays with any Lightning wallet, and the sats go straight to your own node."],
  facts: ["It can receive, and can’t spend", "The sats never pass through it", "If it dies, nothing is lost"],
  small: "Try it as Ada. The bot is the real program; its node, Telegram and the money are simulated on this computer.",
  label: "Ask for 2,100 sats",
  write: PIZZA,
  as: store.ownerId,
});

const sends = (id, write, label, ...says) => ({ id, says, label, write, as: store.ownerId });

/** The newest command for an invoice since the part began, its card, and the bot's answer if that is none. */
function asked(home, isSince) {
  const messages = messagesOf(home).filter(isSince);
  const command = messages.findLast((each) => /^\/invoice\b/.test(each.text) && !isFromBot(each));
  const answers = command ? messages.filter((each) => each.reply_to === command.id && isFromBot(each)) : [];
  return { command, card: answers.findLast((each) => each.photo), answer: answers.at(-1) };
}

/** Whoever asked does not pay: the first friend who did not. */
const payerOf = (command, friends) => friends.find((each) => each.id !== command?.from) ?? friends[0];

// --- what is in the way of any step

const lives = () => ["starting", "running"].includes(behind.process.state);
const starts = (...says) => ({ id: "start the bot", says, label: "Start it", at: "#bot-switch" });

function obstacle() {
  if (behind.process.state === "over") return waits("over", "The demo has ended.");
  if (!lives()) return starts("The bot is not running. Start it to go on.");
  if (store.node === "starting") return waits("node starts", "The node is starting …");
  if (store.node !== "up") return { id: "node", says: ["The node is not running. Switch it on to go on."], label: "Switch the node on", at: '#node input[value="up"]' };
  return null;
}

// --- the parts

/** From a command to its card; null once that can be paid, or is paid. */
function untilCard({ command, card, answer }, again) {
  if (card && (isPayable(card) || isPaid(card))) return null;
  if (card) return { ...again, id: "again", says: ["That invoice can no longer be paid. Ask for another one."] };
  if (!command) return again;
  if (answer) return { ...again, id: "again", says: ["The bot has answered without an invoice. You can ask again."] };
  return waits("card", "The bot has read the command, and asks the node for an invoice …");
}

function ask({ home, friends, isSince, state }) {
  const found = asked(home, isSince);
  const early = untilCard(found, hero());
  if (early) return { part: "Ask", ...(obstacle() ?? early) };
  const { command, card } = found;
  const payer = payerOf(command, friends);
  const name = firstName(payer);
  const step = state.paid === card.id || !isPayable(card) ? waits("paid", `${name} has paid. The node tells the bot …`)
    : wallet(card, payer, [`An invoice from Ada’s node. Press its picture: ${name}’s wallet scans the code.`]);
  return { part: "Pay", ...(obstacle() ?? step) };
}

function kill({ home, friends, isSince, state }) {
  const found = asked(home, isSince);
  const { command, card } = found;
  const again = sends("dessert", DESSERT, "Ask for 900 more",
    "Paid, and everybody sees it. The sats are on Ada’s node. And if the bot dies before somebody pays? Ask for the dessert.");
  if (card && isPaid(card) && state.killed !== card.id) {
    return { ...again, id: "again", says: ["That one was paid while the bot was running. Ask again, and kill the bot before Ben pays."] };
  }
  const early = untilCard(found, again);
  if (early) return obstacle() ?? early;
  const payer = payerOf(command, friends);
  const name = firstName(payer);
  if (isPaid(card)) {
    return sends("split", SPLIT, "Split Friday’s dinner",
      strong("PAID"), ": the bot asked the node what it had missed. Nothing is lost, nothing is there twice. Last, the bill: Ada paid 84,000 sats for all four.");
  }
  const isMissed = state.paid === card.id;
  if (lives()) {
    if (isMissed) return waits("missed", "The bot starts, and asks the node what it missed …");
    return { id: "kill", label: "Kill it", at: "#bot-switch",
      says: ["Now kill the bot, as a power cut would: its process is gone at once.", !isWide() && " Its own button is below the list of chats."].filter(Boolean) };
  }
  if (isMissed) return starts(`${name} has paid. The card still asks for money: no bot is there to change it. Start it.`);
  return wallet(card, payer, [`The bot is dead. The invoice is the node’s, and as good as before: pay it as ${name}.`]);
}

function split(around) {
  const { home, friends, isSince } = around;
  if (!isTheToursBoard(home)) return free(hint());
  const isHome = room().key === home.key;
  const bill = billOf(home, isSince);
  if (bill === "closed" && !isHome) return obstacle() ?? back(home, "The split was closed. See what the board says.");
  if (bill === "closed") return obstacle() ?? closed();
  // whoever has no part in the tour does something of their own there
  const says = isHome || friends.some((each) => each.id === room().chat.id) ? null : hint();
  if (says) return { ...back(home, ...says), id: "free", part: undefined };
  const found = splitStep(around);
  if (found) return obstacle() ?? found;
  if (!isHome) return back(home, returns(home, isSince));
  return obstacle() ?? free(hint()) ?? (bill === "open" ? waits("board", "The bot makes a board of four parts …")
    : sends("split", SPLIT, "Split Friday’s dinner",
      bill === "refused" ? "The bot has answered without a board. You can ask again." : "Split the dinner: Ada paid 84,000 sats for all four."));
}

const closed = () => sends("split", SPLIT, "Split it again", "The split was closed before all of it was covered. Split the dinner again, or ",
  el("button", { type: "button", class: "link", "data-part": "end" }, "go on without it"), ".");

const free = (says) => says && { id: "free", part: undefined, says };

function end({ state, home, isSince }) {
  const says = state.gave ? null : hint();
  if (says) return free(says);
  const isCovered = messagesOf(home).some((each) => isSince(each) && isAllCovered(each));
  if (room().key !== home.key) return state.seen ? null : back(home, isCovered ? "All four parts are covered. See what the board says." : returns(home, isSince));
  return {
    id: "end", label: "Begin again", begins: true,
    title: isCovered ? "All covered. That was the tour." : "That was the tour.",
    says: ["Next, collect for a present: send ", example(COLLECT),
      ". Skip an hour, or switch the node off and on. Or let it storm: the score should stay at lost 0, twice 0.",
      !isWide() && " All of that is below the list of chats."].filter(Boolean),
  };
}

function example(words) {
  return el("button", { type: "button", class: "example", "data-write": words }, words);
}

const STEPS = { ask, kill, split, end };
const NAMES = { ask: "Ask", kill: "Kill", split: "Split" };

/**
 * The step now: {id, part (undefined: none of the tour’s), title, says, facts, small, label} and what its button does: speak `as` somebody
 * (who speaks from its beginning where it `chooses`), then
 * `write` a command, `open` a room, or press what is `at` a selector. `label` null: it waits; undefined: no button.
 * Null where there is nothing to say.
 */
export function stepNow(state, home, isSince) {
  const friends = peopleOf(home).filter((each) => each.id !== store.ownerId);
  const around = { home, friends, isSince, state };
  const isElsewhere = room().key !== home.key && isAtHome(state);
  const found = state.part !== "end" && storms() && !isElsewhere ? waits("storm", "A storm goes on. The tour waits for its end.") : STEPS[state.part](around);
  const step = found && { part: NAMES[state.part], ...found };
  if (!isElsewhere) return step;
  return { id: ELSEWHERE, part: step.part, says: [`The tour goes on in ${home.title}.`], label: `Go to ${home.title}`, open: home.key };
}

/** Whether all that this part of the tour is about happens in the group. */
const isAtHome = ({ part }) => ["ask", "kill"].includes(part);

/** What the tour points at where no chat is open: below the list of chats, or in no sight. */
export function pointedFromTheList(state, home, isSince) {
  const friends = peopleOf(home).filter((each) => each.id !== store.ownerId);
  const step = isAtHome(state) ? STEPS[state.part]({ home, friends, isSince, state }) : obstacle();
  return step?.at ?? null;
}
