/** One message in its chat: picture, file, text, quote, buttons. Draws; decides nothing. */

import { avatar, tint } from "./avatar.js";
import { now, timeElement, written } from "./clock.js";
import { el, icon } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { formatted } from "./entities.js";
import { isBoard } from "./reading.js";
import { beginning, isPaymentRequest, sayable, senderName, store } from "./store.js";
import { copy } from "./toast.js";

/**
 * The message as an element. `speakerId` is whose side of the chat is shown; `does` has its
 * actions: reply(message), press(message, button, element), pay(message), jump(id),
 * command(text).
 */
export function messageElement(message, chat, speakerId, does) {
  if (message.service) {
    return el("div", { class: "service", "data-id": message.id }, el("p", {}, message.service));
  }
  const isMine = message.from === speakerId && !message.as_chat;
  const isBot = message.from === store.bot.id;
  const name = senderName(message);
  return el("article", {
    class: `message ${isMine ? "mine" : "theirs"} ${isBot ? "by-bot" : ""}`,
    "data-id": message.id,
    "data-from": message.as_chat ?? message.from,
    tabindex: "-1",
    "aria-label": `${name}: ${beginning(message)}, ${when(message)}`,
  },
  chat.type !== "private" && !isMine && avatar(message.as_chat ? chat.id : message.from, name),
  el("div", { class: "bubble-and-keys" },
    el("div", { class: `bubble ${message.photo ? "with-photo" : ""}` },
      chat.type !== "private" && !isMine && el("p", { class: `sender ink-${tint(message.from, name)} ${isBot ? "ink-bot" : ""}` }, name),
      message.reply_to !== null && quote(message, chat, does),
      message.photo && photo(message, does),
      message.document && file(message.document),
      el("div", { class: "text" },
        formatted(message.text, message.entities, does.command),
        el("span", { class: "stamp" },
          message.edited && el("span", { class: "edited" }, "edited "),
          timeElement(message.date, "t"))),
    ),
    message.buttons.length > 0 && keys(message, does)),
  el("button", {
    type: "button", class: "icon-button reply", "data-name": "reply",
    "aria-label": `Reply to ${name}`, title: "Reply", onclick: () => does.reply(message),
  }, icon("reply")),
  does.timeline && (isBoard(message) || (isBot && message.photo)) && el("button", {
    type: "button", class: "icon-button reply timeline", "data-name": "timeline",
    "aria-label": message.photo ? "Time line of this card" : "Time line of this board", title: "Time line", onclick: () => does.timeline(message),
  }, icon("line")));
}

function quote(message, chat, does) {
  const target = chat.messages.get(message.reply_to);
  if (!target) return el("p", { class: "quote deleted" }, "Deleted message");
  return el("button", {
    type: "button", class: `quote line-${tint(target.from, senderName(target))} ${target.from === store.bot.id ? "line-bot" : ""}`,
    "data-name": "quote", "aria-label": `In reply to ${senderName(target)}: ${beginning(target)}`,
    onclick: () => does.jump(target.id),
  },
  target.photo && el("img", { src: target.photo.src, alt: "" }),
  el("span", { class: "quote-name" }, senderName(target)),
  el("span", { class: "quote-text" }, withEmoji(beginning(target))));
}

/** When it was written; of an earlier day with the day. */
function when({ date }) {
  return written(date, written(date, "d") === written(now(), "d") ? "t" : "dt");
}

/** What a picture shows: the code of a request that can be paid, or else what the first line under it says. */
function depicted({ text, entities }) {
  const hasCode = entities.some((each) => each.type === "code" && isPaymentRequest(text.slice(each.offset, each.offset + each.length)));
  const says = sayable(text.split("\n")[0]).replace(/\p{Extended_Pictographic}\uFE0F?/gu, "").trim();
  return [hasCode ? "QR code" : "Picture", says].filter(Boolean).join(": ");
}

function photo(message, does) {
  const alt = depicted(message);
  return el("button", {
    type: "button", class: "photo", "data-name": "photo",
    "aria-label": `${alt}. Open this picture in the wallet`, onclick: () => does.pay(message),
  }, el("img", { src: message.photo.src, width: message.photo.width, height: message.photo.height, alt }));
}

/** A file that the bot sent: a click saves it. */
function file(document) {
  return el("a", { class: "file", href: document.src, download: document.name },
    el("span", { class: "file-name" }, document.name),
    el("span", { class: "file-size" }, `${Math.ceil(document.bytes / 1024)} kB`));
}

function keys(message, does) {
  return el("div", { class: "keys" }, ...message.buttons.map((row) => el("div", { class: "key-row" },
    ...row.map((button) => key(message, button, does)))));
}

function key(message, button, does) {
  if (button.url) {
    return el("a", { class: "key", href: button.url, target: "_blank", rel: "noopener noreferrer" }, button.text);
  }
  const run = button.copy
    ? () => copy(button.copy)
    : (event) => does.press(message, button, event.currentTarget);
  return el("button", { type: "button", class: "key", "data-name": `key ${button.data ?? button.text}`, onclick: run }, button.text);
}
