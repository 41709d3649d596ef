/** Formatted text: Telegram's entities (offsets in UTF-16 units, as JavaScript counts) as elements. */

import { timeElement } from "./clock.js";
import { el } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { isPaymentRequest } from "./store.js";
import { copy } from "./toast.js";

const FOLD_LINES = 3;
const FOLD_CHARACTERS = 160;

/** The text as nodes. `onCommand(text)` is called when a command in it is pressed. */
export function formatted(text, entities, onCommand) {
  const ordered = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return nodes(text, ordered, 0, text.length, onCommand);
}

function nodes(text, entities, start, end, onCommand) {
  const made = document.createDocumentFragment();
  let at = start;
  for (let i = 0; i < entities.length; i += 1) {
    const entity = entities[i];
    if (entity.offset < at) continue;
    made.append(withEmoji(text.slice(at, entity.offset)));
    at = entity.offset + entity.length;
    const inner = entities.slice(i + 1).filter((other) => other.offset + other.length <= at);
    const content = nodes(text, inner, entity.offset, at, onCommand);
    made.append(element(entity, content, text.slice(entity.offset, at), onCommand));
    // a block ends its line by itself
    if (BLOCKS.has(entity.type) && text[at] === "\n") at += 1;
  }
  made.append(withEmoji(text.slice(at, end)));
  return made;
}

const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
const PLAIN = { bold: "strong", italic: "em", underline: "u", strikethrough: "s" };

function element(entity, content, text, onCommand) {
  if (entity.type in PLAIN) return el(PLAIN[entity.type], {}, content);
  switch (entity.type) {
    case "code":
    case "pre":
      return copyable(entity.type, content, text);
    case "blockquote":
      return el("blockquote", {}, content);
    case "expandable_blockquote":
      return foldable(content, text);
    case "spoiler":
      return spoiler(content);
    case "date_time":
      return timeElement(entity.unix_time, entity.date_time_format || "wDT");
    case "text_link":
      return link(entity.url, content);
    case "url":
      return link(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`, content);
    case "email":
      return link(`mailto:${text}`, content);
    case "mention":
    case "text_mention":
      return el("span", { class: "mention" }, content);
    case "bot_command":
      return el("button", { type: "button", class: "command", "data-name": `command ${text}`, onclick: () => onCommand(text) }, content);
    default:
      return el("span", {}, content);
  }
}

function copyable(name, content, text) {
  const run = () => copy(text, "Copied");
  if (isPaymentRequest(text)) return copyableRequest(name, content, run);
  return el(name, {
    class: "copyable",
    role: "button",
    "data-name": `copy ${text}`,
    tabindex: "0",
    title: "Copy",
    onclick: run,
    onkeydown: (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      run();
    },
  }, content);
}

/** Nobody wants its letters read aloud: in their place there is a button that copies them. */
function copyableRequest(name, content, run) {
  const made = document.createDocumentFragment();
  made.append(
    el(name, { class: "copyable", "aria-hidden": "true", title: "Copy", onclick: run }, content),
    el("button", { type: "button", class: "copy", "data-name": "copy", onclick: run }, "Copy the payment request"));
  return made;
}

function foldable(content, text) {
  const isLong = text.length > FOLD_CHARACTERS || text.split("\n").length > FOLD_LINES;
  if (!isLong) return el("blockquote", {}, content);
  const inner = el("div", { class: "folded" }, content);
  const button = el("button", { type: "button", class: "unfold", "aria-expanded": "false" }, "More");
  button.addEventListener("click", () => {
    const folded = inner.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
    button.textContent = folded ? "More" : "Less";
  });
  return el("blockquote", {}, inner, button);
}

function spoiler(content) {
  const hidden = el("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Hidden text" }, content);
  const reveal = () => {
    hidden.classList.add("revealed");
    for (const name of ["role", "tabindex", "aria-label"]) hidden.removeAttribute(name);
  };
  hidden.addEventListener("click", reveal);
  hidden.addEventListener("keydown", (event) => event.key === "Enter" && reveal());
  return hidden;
}

function link(url, content) {
  // only what a browser can open without harm; tg: links lead out of the demo
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return el("span", { class: "mention", title: url }, content);
  return el("a", { href: url, "data-name": `link ${url}`, target: "_blank", rel: "noopener noreferrer" }, content);
}
