/** The open chat: its head, its messages, and how far they are scrolled. */

import { press } from "./api.js";
import { avatar } from "./avatar.js";
import { now, written } from "./clock.js";
import { $, el, icon } from "./dom.js";
import { messageElement } from "./message.js";
import { peopleOf, room, speaker } from "./selection.js";
import { isIn, messagesOf, on, senderName, store } from "./store.js";
import { alertBox, announce, endToast, toast } from "./toast.js";

const NEAR_PX = 80;
const TOGETHER_S = 300;

const log = $("log");
let below = 0; // messages that came while the reader was further up
let sticks = true; // whether the newest stays in sight
let height = 0;
let does = {};

const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;

function toEnd() {
  log.scrollTop = log.scrollHeight;
  sticks = true;
  below = 0;
  drawNewest();
}

function drawNewest() {
  $("newest").hidden = isAtEnd();
  $("newest").replaceChildren(icon("down"), below > 0 ? String(below) : "",
    el("span", { class: "unseen" }, below > 0 ? " new messages below" : "To the newest message"));
}

const elementOf = (id) => log.querySelector(`[data-id="${id}"]`);

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
  log.replaceChildren(...messagesOf(open).map(draw));
  arrange();
  if (sticks) toEnd();
  else log.scrollTop = at;
}

function enter() {
  endToast();
  sticks = true;
  drawAll();
}

const draw = (message) => messageElement(message, room().chat, speaker()?.id, does);

/** Days between messages, and several messages of one sender in a row. */
function arrange() {
  for (const day of log.querySelectorAll(".day, .empty")) day.remove();
  let before = null;
  for (const message of messagesOf(room())) {
    const element = elementOf(message.id);
    const day = written(message.date, "D");
    if (!before || written(before.date, "D") !== day) {
      element.before(el("div", { class: "service day" }, el("p", {}, dayName(message.date))));
      before = null;
    }
    const follows = before && !before.service && !message.service && before.from === message.from
      && before.as_chat === message.as_chat && message.date - before.date < TOGETHER_S;
    element.classList.toggle("follows", Boolean(follows));
    before = message;
  }
  if (!before) log.append(emptyRoom());
}

const dayName = (unix) => {
  const day = written(unix, "D");
  return day === written(now(), "D") ? "Today" : day;
};

function emptyRoom() {
  const command = room().chat.type === "private" ? "/start" : "/invoice 2100 pizza";
  return el("div", { class: "empty" }, el("p", {}, "Nothing here yet."),
    el("button", { type: "button", class: "quiet", onclick: () => does.command(command) }, command));
}

/** Replace a message's element, if it has changed, and leave the focus where it was. */
function redraw(element, message) {
  const fresh = draw(message);
  fresh.classList.toggle("follows", element.classList.contains("follows"));
  if (fresh.isEqualNode(element)) return;
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceWith(fresh);
  if (focused) (counterpart(focused, element, fresh) ?? fresh).focus({ preventScroll: true });
}

/** What a message that was drawn again has for what had the focus: itself, or the key in its place. */
function counterpart(focused, element, fresh) {
  const { name } = focused.dataset;
  const same = name && fresh.querySelector(`[data-name="${CSS.escape(name)}"]`);
  if (same) return same;
  const [before, after] = [element, fresh].map((each) => [...each.querySelectorAll(".key")]);
  // in other keys the one in its place may do anything
  const others = before.filter((key, place) => key.dataset.name !== after[place]?.dataset.name);
  return before.length === after.length && others.length === 1 && others[0] === focused
    ? after[before.indexOf(focused)] : null;
}

function onMessage({ message, before, isNew }) {
  const open = room();
  if (!open || !isIn(message, open)) return;
  const element = elementOf(message.id);
  if (element) redraw(element, message);
  else insert(message);
  for (const other of messagesOf(open)) {
    if (other.reply_to === message.id && elementOf(other.id)) redraw(elementOf(other.id), other);
  }
  arrange();
  const isOwn = isNew && message.from === speaker()?.id;
  if (sticks || isOwn) toEnd();
  else if (isNew) below += 1;
  drawNewest();
  const line = news(message, before);
  if (line) announce(message.service ?? `${senderName(message)}: ${line}`);
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
  const after = [...log.querySelectorAll("[data-id]")].find((each) => Number(each.dataset.id) > message.id);
  const element = draw(message);
  animate(element, "arriving");
  if (after) after.before(element);
  else log.append(element);
}

function onGone({ chat, id }) {
  if (room()?.chat !== chat) return;
  const element = elementOf(id);
  if (element?.contains(document.activeElement)) log.focus({ preventScroll: true });
  element?.remove();
  for (const other of messagesOf(room())) {
    if (other.reply_to === id && elementOf(other.id)) redraw(elementOf(other.id), other);
  }
  arrange();
  if (sticks) toEnd();
  else drawNewest();
}

function jump(id) {
  const element = elementOf(id);
  if (!element) return;
  element.scrollIntoView({ block: "center", behavior: "smooth" });
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
    if (sticks) toEnd();
  }).observe(log);
}
