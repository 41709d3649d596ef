/** What the page knows: people, chats and their messages, as the server last sent them. Draws nothing. */

import { setClock } from "./clock.js";

export const store = {
  bot: null,
  ownerId: null, // the bot's owner, whose node it is
  people: new Map(), // id -> {id, name, username}
  chats: new Map(), // id -> {id, type, title, people: [id], topics: [{id, name}], messages: Map}
  balances: new Map(), // person's id -> msat
  node: "up",
  start: null, // which start of the demo this is
};

const listeners = new Map();

/** Call `listener(detail)` whenever something of that kind changes. */
export function on(kind, listener) {
  if (!listeners.has(kind)) listeners.set(kind, []);
  listeners.get(kind).push(listener);
}

/** Call every listener of that kind. */
export function emit(kind, detail) {
  for (const listener of listeners.get(kind) ?? []) listener(detail);
}

const chatOf = (json) => ({
  ...json,
  messages: new Map((json.messages ?? []).map((message) => [message.id, message])),
});

/** A supergroup takes the place of the group that became it, as often as that is said. */
function takePlace(from, to) {
  const became = store.chats.get(to);
  if (became && store.chats.has(from)) {
    const others = [...store.chats].filter(([id]) => id !== to);
    store.chats = new Map(others.map(([id, chat]) => (id === from ? [to, became] : [id, chat])));
  }
  store.chats.delete(from);
}

/** The changes that the server sends, by name. */
export const changes = {
  snapshot(json) {
    setClock(json.now);
    const isAgain = store.start !== null && store.start !== json.start;
    store.start = json.start;
    store.bot = json.bot;
    store.ownerId = json.owner;
    store.people = new Map(json.people.map((person) => [person.id, person]));
    store.chats = new Map(json.chats.map((chat) => [chat.id, chatOf(chat)]));
    store.balances = new Map(json.balances);
    store.node = json.node;
    if (isAgain) emit("again"); // the demo was started again: what refers to earlier messages goes
    emit("snapshot");
    emit("all", json);
    emit("node");
    emit("balance");
  },
  message(json) {
    const chat = store.chats.get(json.chat);
    if (!chat) return;
    const before = chat.messages.get(json.id) ?? null;
    chat.messages.set(json.id, json);
    emit("message", { chat, message: json, before, isNew: before === null });
  },
  gone(json) {
    const chat = store.chats.get(json.chat);
    if (chat?.messages.delete(json.id)) emit("gone", { chat, id: json.id });
  },
  chat(json) {
    const before = store.chats.get(json.id);
    if (json.moved_to) takePlace(json.id, json.moved_to);
    else if (json.gone) store.chats.delete(json.id);
    else store.chats.set(json.id, { ...chatOf(json), ...(before && { messages: before.messages }) });
    emit("chat", json.id);
    if (json.moved_to) emit("moved", { from: json.id, to: json.moved_to });
  },
  clock(json) {
    setClock(json.now);
  },
  node(json) {
    store.node = json.state;
    emit("node");
  },
  balance(json) {
    store.balances.set(json.user, json.msat);
    emit("balance");
  },
};

/** What a person is called among friends. */
export const firstName = (person) => person.name.split(" ")[0];

/** The name of the sender of a message. */
export function senderName(message) {
  if (message.as_chat) return message.as_chat;
  if (message.from === store.bot.id) return store.bot.name;
  return store.people.get(message.from)?.name ?? "Somebody";
}

const PAYMENT_REQUEST = /^ln[a-z0-9]{40,}$/i;
const NO_WORD = /\S{41,}/g;
const SAID = 80;

/** Whether a text is a payment request, as wallets read it. */
export const isPaymentRequest = (text) => PAYMENT_REQUEST.test(text);

/** A message in one line, for quotes and the list; without what nobody reads, such as a payment request. */
export function inOneLine(message) {
  if (message.service) return message.service;
  const text = sayable(message.text).replace(/\s+/g, " ").trim();
  return text || (message.photo ? "Photo" : "");
}

/** A text as it can be read aloud: letters by the hundred that are no word are left out. */
export function sayable(text) {
  return text.replace(NO_WORD, (letters) => (isPaymentRequest(letters) ? "payment request" : `${[...letters].slice(0, 20).join("")}…`));
}

/** As much of a message as its name says. */
export function beginning(message) {
  const text = [...inOneLine(message)];
  return text.length > SAID ? `${text.slice(0, SAID).join("")}…` : text.join("");
}

/** Rooms are what the list shows: a chat, or one topic of a forum. Groups come first. */
export function rooms() {
  const all = [];
  const isPrivate = (chat) => chat.type === "private";
  for (const chat of [...store.chats.values()].sort((a, b) => isPrivate(a) - isPrivate(b))) {
    all.push({ key: String(chat.id), chat, thread: null, title: chat.title });
    for (const topic of chat.topics) {
      all.push({ key: `${chat.id}.${topic.id}`, chat, thread: topic.id, title: topic.name });
    }
  }
  return all;
}

/** The room's messages, oldest first. */
export function messagesOf(room) {
  return [...room.chat.messages.values()].filter((message) => isIn(message, room));
}

/** Whether a message is in this room. */
export function isIn(message, room) {
  return message.chat === room.chat.id && (message.thread ?? null) === room.thread;
}
