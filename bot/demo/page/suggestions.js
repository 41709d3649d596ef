/** Suggestions: the bot's command menu and people's user names, as they are being typed. */

import { commands } from "./api.js";
import { $, el } from "./dom.js";
import { peopleOf, room, speaker } from "./selection.js";
import { store, emit } from "./store.js";

const list = $("suggestions");
const field = $("text");
let shown = []; // {label, explains, words, at}: what is offered, and what stands in the composer with it
let chosen = -1;
let asked = 0;

/** Show what fits the words in the composer, up to the caret `at`; nothing where nothing begins there. */
export async function suggestFor(words, at = words.length) {
  const mine = (asked += 1);
  const mention = /(?:^|[\s,;])@(\w*)$/.exec(words.slice(0, at));
  if (!room()) return show([]);
  if (mention) {
    const begun = mention[1].toLowerCase();
    const found = namesFor(begun, words, at);
    // what is half a name is nobody's: Enter takes the first, as in Telegram's apps
    return show(found, found.some(({ label }) => label.toLowerCase() === `@${begun}`) ? -1 : 0);
  }
  const match = /^\/(\w*)$/.exec(words);
  if (!match) return show([]);
  let menu;
  try {
    menu = (await commands(room().chat.id, speaker().id)).commands;
  } catch {
    menu = [];
  }
  if (mine === asked) show(menu.filter((each) => each.command.startsWith(match[1].toLowerCase())).map(asCommand));
}

function asCommand({ command, description }) {
  // in a group a command might be meant for another bot: Telegram adds the name, too
  const name = room().chat.type === "private" ? "" : `@${store.bot.username}`;
  const words = `/${command}${name} `;
  return { label: `/${command}`, explains: description, words, at: words.length };
}

/** The others in the chat who have a user name, by that or by their name. */
function namesFor(begun, words, at) {
  const before = words.slice(0, at - begun.length);
  const after = words.slice(at).trimStart();
  const others = peopleOf(room()).filter((each) => each.username && each.id !== speaker().id);
  return others
    .filter((each) => [each.username, ...each.name.split(" ")].some((name) => name.toLowerCase().startsWith(begun)))
    .map((each) => {
      const named = `${before}${each.username} `;
      return { label: `@${each.username}`, explains: each.name, words: named + after, at: named.length };
    });
}

function show(found, first = -1) {
  shown = found;
  chosen = found.length > 0 ? first : -1;
  list.hidden = found.length === 0;
  list.replaceChildren(...found.map((each, place) => el("li", {
    role: "option", id: `suggestion-${place}`, "aria-selected": "false",
    onmousedown: (event) => event.preventDefault(), // the composer keeps the focus
    onclick: () => take(place),
  }, el("strong", {}, each.label), el("span", {}, each.explains))));
  mark();
}

function mark() {
  [...list.children].forEach((each, place) => each.setAttribute("aria-selected", String(place === chosen)));
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  for (const each of [field, list]) {
    if (chosen < 0) each.removeAttribute("aria-activedescendant");
    else each.setAttribute("aria-activedescendant", `suggestion-${chosen}`);
  }
}

function take(place) {
  emit("suggestion", shown[place]);
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
  if (shown.length === 0) field.focus(); // the list may have had it
  return true;
}

// where the list is higher than there is room it can be scrolled, and so it is a stop of the tab key
list.addEventListener("keydown", suggestionKey);
