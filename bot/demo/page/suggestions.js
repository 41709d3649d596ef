/** Suggestions: the bot's command menu, as its commands are being typed. */

import { commands } from "./api.js";
import { $, el } from "./dom.js";
import { room, speaker } from "./selection.js";
import { store, emit } from "./store.js";

const list = $("suggestions");
const field = $("text");
let shown = [];
let chosen = -1;
let asked = 0;

/** Show what fits the words in the composer; nothing for words that begin no command. */
export async function suggestFor(words) {
  const mine = (asked += 1);
  const match = /^\/(\w*)$/.exec(words);
  if (!match || !room()) return show([]);
  let menu;
  try {
    menu = (await commands(room().chat.id, speaker().id)).commands;
  } catch {
    menu = [];
  }
  if (mine === asked) show(menu.filter((each) => each.command.startsWith(match[1].toLowerCase())));
}

function show(found) {
  shown = found;
  chosen = -1;
  list.hidden = found.length === 0;
  list.replaceChildren(...found.map((each, place) => el("li", {
    role: "option", id: `suggestion-${place}`, "aria-selected": "false",
    onmousedown: (event) => event.preventDefault(), // the composer keeps the focus
    onclick: () => take(place),
  }, el("strong", {}, `/${each.command}`), el("span", {}, each.description))));
  mark();
}

function mark() {
  [...list.children].forEach((each, place) => each.setAttribute("aria-selected", String(place === chosen)));
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  if (chosen < 0) field.removeAttribute("aria-activedescendant");
  else field.setAttribute("aria-activedescendant", `suggestion-${chosen}`);
}

function take(place) {
  // in a group a command might be meant for another bot: Telegram adds the name, too
  const name = room().chat.type === "private" ? "" : `@${store.bot.username}`;
  emit("suggestion", `/${shown[place].command}${name} `);
  show([]);
}

/** Handle a key of the composer; returns true if it was for the suggestions. */
export function suggestionKey(event) {
  if (shown.length === 0) return false;
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move) {
    chosen = (chosen + move + shown.length + (chosen < 0 && move < 0 ? 1 : 0)) % shown.length;
    mark();
  } else if (event.key === "Tab" && !event.shiftKey) {
    take(Math.max(chosen, 0));
  } else if (event.key === "Enter" && chosen >= 0) {
    take(chosen);
  } else if (event.key === "Escape") {
    show([]);
  } else {
    return false;
  }
  event.preventDefault();
  return true;
}
