/** The open chat: its head, its messages, and how far they are scrolled. */

import { press } from "./api.js";
import { avatar } from "./avatar.js";
import { now, written } from "./clock.js";
import { $, el, icon } from "./dom.js";
import { soon } from "./frame.js";
import { hasStop, offTheTabs, reveal, stopAt, stopped } from "./keys.js";
import { messageElement } from "./message.js";
import { peopleOf, room, speaker } from "./selection.js";
import { isIn, messagesOf, on, sayable, senderName, store } from "./store.js";
import { alertBox, announce, endToast, toast } from "./toast.js";

const NEAR_PX = 80;
const EDGE_PX = 8;
const TOGETHER_S = 300;

const log = $("log");
const elements = new Map(); // message's id -> its element
const changed = new Set(); // the ids of messages that are to be drawn again
const isNew = new Set(); // those of them that have just come
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let below = 0; // messages that came while the reader was further up
let sticks = true; // whether the newest stays in sight
let height = 0;
let wasHigh = false; // whether the newest was higher than the window
let does = {};

const newest = () => log.querySelector(":scope > [data-id]:last-child");

/** Whether the newest message is higher than the window. */
const isHigh = () => (newest()?.offsetHeight ?? 0) > log.clientHeight;

/** How far down the newest message is: at the end, or where it begins if it is higher than the window. */
function endTop() {
  const end = log.scrollHeight - log.clientHeight;
  if (!isHigh()) return end;
  const begins = newest().getBoundingClientRect().top - log.getBoundingClientRect().top + log.scrollTop;
  return Math.min(end, begins - EDGE_PX);
}

const isAtEnd = () => log.scrollTop > endTop() - NEAR_PX;

function toEnd() {
  log.scrollTop = endTop();
  wasHigh = isHigh();
  sticks = true;
  below = 0;
  drawNewest();
}

/** The newest stays in sight; within one that is higher than the window the reader stays where they are. */
function stay() {
  if (isHigh() && wasHigh && isAtEnd()) drawNewest();
  else toEnd();
}

function drawNewest() {
  $("newest").hidden = isAtEnd();
  $("newest").replaceChildren(icon("down"), below > 0 ? String(below) : "",
    el("span", { class: "unseen" }, below > 0 ? ` new message${below > 1 ? "s" : ""} below` : "To the newest message"));
}

function drawHead() {
  const open = room();
  if (!open) return;
  const people = peopleOf(open);
  const isPrivate = open.chat.type === "private";
  $("room-avatar").replaceChildren(avatar(isPrivate ? people[0].id : open.chat.id, open.title));
  $("room-title").textContent = open.title;
  $("room-people").textContent = isPrivate
    ? `Private, with ${store.bot.name}`
    : `${people.map((person) => person.name.split(" ")[0]).join(", ")} and ${store.bot.name}`;
}

function drawAll() {
  const open = room();
  if (!open) return;
  const at = log.scrollTop;
  const stop = stopped() && { id: stopped().closest("article").dataset.id, name: stopped().dataset.name };
  const hadFocus = log.contains(document.activeElement) && document.activeElement !== log;
  changed.clear();
  isNew.clear();
  elements.clear();
  for (const message of messagesOf(open)) elements.set(message.id, draw(message));
  log.replaceChildren(...elements.values());
  arrange();
  const again = stop && elements.get(Number(stop.id));
  stopAt(again && stop.name ? named(again, stop.name) ?? again : again);
  if (hadFocus && again) stopped().focus({ preventScroll: true });
  if (sticks) toEnd();
  else log.scrollTop = at;
}

function enter() {
  endToast();
  sticks = true;
  stopAt(null);
  log.replaceChildren();
  drawAll();
}

const draw = (message) => offTheTabs(messageElement(message, room().chat, speaker()?.id, does));

/** Days between messages, and several messages of one sender in a row. */
function arrange() {
  for (const other of log.querySelectorAll(":scope > .day, :scope > .empty")) other.remove();
  let before = null;
  let dayBefore = null;
  for (const message of messagesOf(room())) {
    const element = elements.get(message.id);
    const day = written(message.date, "D");
    if (day !== dayBefore) {
      element.before(el("div", { class: "service day" }, el("p", {}, dayName(day))));
      before = null;
    }
    const follows = before && !before.service && !message.service && before.from === message.from
      && before.as_chat === message.as_chat && message.date - before.date < TOGETHER_S;
    element.classList.toggle("follows", Boolean(follows));
    before = message;
    dayBefore = day;
  }
  if (!before) log.append(emptyRoom());
}

const dayName = (day) => (day === written(now(), "D") ? "Today" : day);

function emptyRoom() {
  const command = room().chat.type === "private" ? "/start" : "/invoice 2100 pizza";
  return el("div", { class: "empty" }, el("p", {}, "Nothing here yet."),
    el("button", { type: "button", class: "quiet", onclick: () => does.command(command) }, command));
}

/** Replace a message's element, if it has changed, and leave the focus where it was. */
function redraw(element, message) {
  const fresh = draw(message);
  fresh.classList.toggle("follows", element.classList.contains("follows"));
  const stop = hasStop(element) ? stopped() : null;
  const next = stop && (counterpart(stop, element, fresh) ?? fresh);
  if (next) next.tabIndex = 0; // as it has it now: where only that differs, nothing does
  if (fresh.isEqualNode(element)) return;
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceWith(fresh);
  elements.set(message.id, fresh);
  if (next) stopAt(next);
  if (focused) (counterpart(focused, element, fresh) ?? fresh).focus({ preventScroll: true });
}

const named = (element, name) => element.querySelector(`[data-name="${CSS.escape(name)}"]`);

/** What a message that was drawn again has for what had the focus: itself, or the key in its place. */
function counterpart(focused, element, fresh) {
  if (focused === element) return fresh;
  const { name } = focused.dataset;
  const same = name && named(fresh, name);
  if (same) return same;
  const [before, after] = [element, fresh].map((each) => [...each.querySelectorAll(".key")]);
  // in other keys the one in its place may do anything
  const others = before.filter((key, place) => key.dataset.name !== after[place]?.dataset.name);
  return before.length === after.length && others.length === 1 && others[0] === focused
    ? after[before.indexOf(focused)] : null;
}

function onMessage({ message, before, isNew: comes }) {
  if (!room() || !isIn(message, room())) return;
  changed.add(message.id);
  if (comes) isNew.add(message.id);
  soon(drawChanged);
  const line = news(message, before);
  if (line) announce(message.service ?? `${senderName(message)}: ${sayable(line)}`);
}

function onGone({ chat, id }) {
  if (room()?.chat !== chat) return;
  changed.add(id);
  soon(drawChanged);
}

/** Draw what has changed since the last frame: as much as there is, the rest of the chat is looked at once. */
function drawChanged() {
  const open = room();
  if (!open || changed.size === 0) return;
  let isOwn = false;
  let came = 0;
  for (const message of messagesOf(open)) {
    const element = elements.get(message.id);
    if (!element) {
      insert(message);
      came += 1;
      isOwn ||= isNew.has(message.id) && message.from === speaker()?.id;
    } else if (changed.has(message.id) || changed.has(message.reply_to)) {
      redraw(element, message);
    }
  }
  for (const id of changed) if (!open.chat.messages.has(id)) remove(id);
  changed.clear();
  isNew.clear();
  arrange();
  if (!stopped() || (came > 0 && !document.activeElement.closest("#log article"))) stopAt(null);
  if (isOwn || (sticks && came > 0)) toEnd();
  else if (sticks) stay();
  else below += came;
  drawNewest();
}

/** What a screen reader is told of a message: its first line; of the bot's edit, the first new one. */
function news(message, before) {
  const lines = message.text.split("\n");
  if (!before) return message.service ?? lines[0];
  const old = new Set(before.text.split("\n"));
  return message.from === store.bot.id && lines.find((each) => each && !old.has(each));
}

function animate(element, name) {
  element.classList.remove(name);
  void element.offsetWidth; // restarts the animation
  element.classList.add(name);
  element.addEventListener("animationend", () => element.classList.remove(name), { once: true });
}

function insert(message) {
  const element = draw(message);
  element.classList.add("arriving");
  element.addEventListener("animationend", () => element.classList.remove("arriving"), { once: true });
  const after = [...elements.keys()].filter((id) => id > message.id).sort((a, b) => a - b)[0];
  if (after) elements.get(after).before(element);
  else log.append(element);
  elements.set(message.id, element);
}

function remove(id) {
  const element = elements.get(id);
  if (element?.contains(document.activeElement)) log.focus({ preventScroll: true });
  element?.remove();
  elements.delete(id);
}

function jump(id) {
  const element = elements.get(id);
  if (!element) return;
  reveal(element, { block: "center", behavior: calm.matches ? "auto" : "smooth" });
  animate(element, "flash");
  element.focus({ preventScroll: true });
}

async function pressKey(message, button, element) {
  element.setAttribute("aria-busy", "true");
  try {
    const answer = await press(message.chat, speaker().id, message.id, button.data);
    if (answer.text && answer.alert) alertBox(answer.text);
    else if (answer.text) toast(answer.text);
    else if (answer.opens) does.open(answer.opens);
  } catch (error) {
    toast(error.message);
  } finally {
    element.removeAttribute("aria-busy");
  }
}

/** Start the open chat; `actions` are reply(message), pay(message), command(text), open({chat, start}). */
export function startChat(actions) {
  does = { ...actions, jump, press: pressKey };
  $("back").append(icon("back"));
  for (const kind of ["snapshot", "room", "speaker", "chat"]) on(kind, drawHead);
  for (const kind of ["snapshot", "speaker"]) on(kind, drawAll);
  on("room", enter);
  on("again", () => { sticks = true; });
  on("message", onMessage);
  on("gone", onGone);
  $("newest").addEventListener("click", toEnd);
  log.addEventListener("scroll", () => {
    if (log.clientHeight !== height) return; // its frame changed, nobody scrolled
    sticks = isAtEnd();
    if (sticks) below = 0;
    drawNewest();
  }, { passive: true });
  // the composer grows, a phone's keyboard opens: the newest stays in sight
  new ResizeObserver(() => {
    height = log.clientHeight;
    if (sticks) stay();
  }).observe(log);
}
