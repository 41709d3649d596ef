/** Emoji: the few that the bot uses, and the pieces of its bars, are drawn here, on any machine alike. */

import { el } from "./dom.js";

const DRAWN = { "⚡": "bolt", "✅": "paid", "🕓": "over", "⏳": "wait", "🚫": "crossed", "⚠": "warning", "◻": "free",
  "▰": "full", "▱": "empty" };
const ANY = /([⚡✅🕓⏳🚫⚠◻▰▱])\uFE0F?/u;

/** A text as nodes, its emoji drawn; the character itself stays there to be read and copied. */
export function withEmoji(text) {
  const made = document.createDocumentFragment();
  let rest = text;
  for (let found = ANY.exec(rest); found; found = ANY.exec(rest)) {
    made.append(rest.slice(0, found.index), el("span", { class: `emoji emoji-${DRAWN[found[1]]}` }, found[0]));
    rest = rest.slice(found.index + found[0].length);
  }
  made.append(rest);
  return made;
}
