/** The list of chats: a line for each room, with its newest message and its unread count. */

import { avatar } from "./avatar.js";
import { written } from "./clock.js";
import { $, el, sync } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { soon } from "./frame.js";
import { isWide, readAddress, room } from "./selection.js";
import { beginning, isIn, messagesOf, on, rooms, senderName, store } from "./store.js";

const frameOfChats = $("chats").parentElement;
const unread = new Map(); // room's key -> the ids of its messages

/** How many messages came to a room that nobody has opened since. */
export const unreadIn = (key) => unread.get(key)?.size ?? 0;

function line(each) {
  const newest = messagesOf(each).at(-1);
  const count = unreadIn(each.key);
  const isOpen = room()?.key === each.key;
  return el("li", {},
    el("a", { href: `#${each.key}`, "aria-current": isOpen && "page", class: each.thread === null ? "chat" : "chat topic" },
      each.thread === null
        ? avatar(each.chat.type === "private" ? each.chat.people[0] : each.chat.id, each.title)
        : el("span", { class: "avatar hash", "aria-hidden": "true" }, "#"),
      el("span", { class: "chat-name" }, each.title),
      newest && el("span", { class: "chat-time" }, written(newest.date, "t")),
      el("span", { class: "chat-newest" }, newest ? withEmoji(preview(each, newest)) : placeholder(each)),
      count > 0 && el("span", { class: "badge" }, String(count), el("span", { class: "unseen" }, " unread")),
    ));
}

function preview(each, message) {
  const text = beginning(message);
  if (message.service || (each.chat.type === "private" && message.from !== store.bot.id)) return text;
  const name = senderName(message);
  return `${message.from === store.bot.id ? name : name.split(" ")[0]}: ${text}`;
}

const placeholder = (each) => (each.chat.type === "private" ? "A private chat with the bot" : "Nobody has said anything yet");

function draw() {
  const list = $("chats");
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  sync(list, rooms().map(line));
  if (focused && !list.contains(document.activeElement)) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

/** The open chat's line is in sight whole. */
function showOpen() {
  const open = $("chats").querySelector("[aria-current]");
  for (const frame of open ? [frameOfChats, frameOfChats.parentElement] : []) { // where little is in sight it is the column that scrolls
    if (frame.scrollHeight <= frame.clientHeight) continue;
    const [line, seen] = [open, frame].map((each) => each.getBoundingClientRect());
    frame.scrollTop += Math.min(0, Math.floor(line.top - seen.top)) + Math.max(0, Math.ceil(line.bottom - seen.bottom));
  }
}

function count({ message, isNew }) {
  if (!isNew || message.service) return;
  const where = rooms().find((each) => isIn(message, each));
  if (!where || (where.key === room()?.key && !document.hidden && isShown())) return;
  if (!unread.has(where.key)) unread.set(where.key, new Set());
  unread.get(where.key).add(message.id);
}

/** Nobody can read a deleted message. */
function forget({ chat, id }) {
  for (const each of rooms()) if (each.chat === chat) unread.get(each.key)?.delete(id);
}

const isShown = () => isWide() || $("app").dataset.view === "chat";

/** Start the list. */
export function startChats() {
  on("snapshot", readAddress);
  on("message", count);
  on("gone", forget);
  on("room", () => unread.delete(room()?.key));
  on("again", () => unread.clear());
  for (const kind of ["snapshot", "chat", "room"]) on(kind, draw);
  on("room", () => soon(showOpen));
  new ResizeObserver(showOpen).observe(frameOfChats);
  for (const kind of ["message", "gone"]) on(kind, () => soon(draw));
  document.addEventListener("visibilitychange", () => {
    unread.delete(room()?.key);
    draw();
  });
}
