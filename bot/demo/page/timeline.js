/** The time line of the chosen card, or of what was touched last here: live, in words, with times. */

import { readStory } from "./api.js";
import { written } from "./clock.js";
import { $, el, icon, sync } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { commandOf, has, isBoard, isFromBot } from "./reading.js";
import { groupOf, room, speaker } from "./selection.js";
import { isStartOffered } from "./start.js";
import { messagesOf, on, rooms, store } from "./store.js";
import { announce } from "./toast.js";

const wide = matchMedia("(min-width: 1200px)");
const ASKS = /^\/(invoice|split|collect)(@\w+)?(\s|$)/i;

let chosen = null; // {chat, id}; null: what was touched last in the open room
let story = null;
let opener = null; // what opened the sheet, and gets the focus back
let isReading = false;
let isStale = false;

const isOpen = () => wide.matches || $("behind").hasAttribute("data-open");

const asks = (message) => ASKS.test(message.text);

/** Whether a message has a time line: the bot's card or board, or a command that asks for one. */
function hasStory(message) {
  if (message.service) return false;
  if (!isFromBot(message)) return asks(message);
  return message.photo !== null || isBoard(message) || asks(commandOf(message) ?? { text: "" });
}

/** What came or was changed last in a room, of what has a time line; of several at once the newest. */
function lastTouched(open) {
  return newestOf(open ? messagesOf(open).filter(hasStory) : []);
}

const newestOf = (all) => all.reduce((last, each) => (!each || last?.touched > each.touched ? last : each), null);

/** When a board led to a private chat last, or the bot asked there how much is given; 0: never. */
const ledAt = (open) => Math.max(0, ...messagesOf(open).filter((each) => each.linked || (isFromBot(each) && has(each, "give"))).map((each) => each.touched));

/** In a private chat that a board led to, and that has no card of it yet, it is the board. */
function inPrivate(open) {
  const here = isStartOffered() ? null : lastTouched(open);
  const isLed = isStartOffered() || ledAt(open) > (here?.touched ?? 0);
  return isLed || here === null ? lastTouched(groupOf(speaker()?.id)) ?? here : here;
}

/** What is shown: what was touched last in the open chat, and where nothing was, or none is open, anywhere. */
function subject() {
  if (chosen) return chosen;
  const open = room();
  const found = (open?.chat.type === "private" ? inPrivate(open) : lastTouched(open)) ?? newestOf(rooms().map(lastTouched));
  return found && { chat: found.chat, id: found.id };
}

/** Read it again; what changes meanwhile is read afterwards. */
async function read() {
  if (!isOpen()) return;
  if (isReading) {
    isStale = true;
    return;
  }
  isReading = true;
  do {
    isStale = false;
    const which = subject();
    let told = null;
    try {
      told = which && await readStory(which.chat, which.id);
    } catch {
      told = null; // the message is gone, or the demo is: its own line says so
    }
    const still = subject();
    if (which?.chat === still?.chat && which?.id === still?.id) {
      story = told;
      draw();
    } else isStale = true;
  } while (isStale);
  isReading = false;
}

const seconds = (s) => (s < 10 ? s.toFixed(2) : s < 100 ? s.toFixed(1) : Math.round(s).toLocaleString("en"));

function line(entry, first, isInGap) {
  if (entry.kind === "gap") {
    const lasted = entry.until === null ? "The bot is gone." : `No bot for ${seconds(entry.until - entry.at)} s.`;
    return el("li", { class: "gap" }, time(entry, first), el("p", {}, lasted));
  }
  return el("li", { class: `${entry.kind} ${isInGap ? "in-gap" : ""}` },
    time(entry, first),
    el("p", {}, el("span", { class: "way" }, entry.way), " ", withEmoji(entry.text)));
}

/** The first entry's time as a clock shows it, the others as seconds after it: some come in the same moment. */
function time(entry, first) {
  const { at } = entry;
  return el("time", { datetime: new Date(at * 1000).toISOString(), title: written(at, "T") },
    entry === first ? written(at, "T") : `+${seconds(at - first.at)} s`);
}

/** A title without the rest of a long name: the sum after it is read whole. */
const inShort = (title) => title.replace(/“([^”]{40})[^”]{2,}”/gu, "“$1…”");

function draw() {
  const entries = story?.entries ?? [];
  $("line-title").textContent = inShort(story?.title ?? "") || (chosen ? "That command is gone." : "");
  $("line-follow").hidden = chosen === null;
  $("line-empty").hidden = entries.length > 0;
  const list = $("line");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const gaps = entries.filter((entry) => entry.kind === "gap");
  const isInGap = ({ at }) => gaps.some((gap) => gap.at <= at && (gap.until === null || at < gap.until));
  sync(list, entries.map((entry) => line(entry, entries[0], isInGap(entry))));
  if (atEnd) list.scrollTop = list.scrollHeight;
  for (const card of document.querySelectorAll("#log [data-id]")) {
    card.classList.toggle("chosen", chosen !== null && chosen.chat === room()?.chat.id && Number(card.dataset.id) === chosen.id);
  }
}

/** The time line of this message, in the column or the sheet. */
export function choose(message, from = document.activeElement) {
  chosen = { chat: message.chat, id: message.id };
  openSheet(from);
  announce("Its time line is shown.");
  read();
}

function follow() {
  chosen = null;
  story = null;
  read();
}

/** Open the sheet, where there is no column. */
export function openSheet(from) {
  if (!wide.matches) {
    opener = from;
    $("behind").setAttribute("data-open", "");
    $("behind-close").focus({ preventScroll: true });
  }
  $("behind").scrollTop = 0;
  read();
}

function closeSheet() {
  if (!$("behind").hasAttribute("data-open")) return;
  const had = $("behind").contains(document.activeElement);
  $("behind").removeAttribute("data-open");
  if (!had) return;
  // the card was drawn again meanwhile
  const again = opener?.isConnected ? opener : document.querySelector(`[data-id="${chosen?.id}"] .timeline`);
  (again ?? $("behind-open")).focus({ preventScroll: true });
}

/** Start it. */
export function startTimeline() {
  $("behind-close").append(icon("close"));
  for (const kind of ["stir", "room", "offer"]) on(kind, read);
  on("room", () => $("behind").removeAttribute("data-open"));
  on("again", () => { chosen = null; });
  on("snapshot", () => {
    if (chosen && !store.chats.get(chosen.chat)?.messages.has(chosen.id)) chosen = null;
  });
  wide.addEventListener("change", read);
  $("line-follow").addEventListener("click", follow);
  $("behind-open").addEventListener("click", () => openSheet($("behind-open")));
  $("behind-close").addEventListener("click", closeSheet);
  $("behind").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !$("behind").hasAttribute("data-open")) return;
    event.preventDefault();
    closeSheet();
  });
}
