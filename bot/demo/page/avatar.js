/** Avatars: a person's, the bot's or a group's round picture, and the colour that goes with it. */

import { el, icon } from "./dom.js";
import { store } from "./store.js";

const TINTS = 7;

/** The colour's number for a person's id, or for a group by its name: its id changes when it becomes a supergroup. */
export function tint(id, name = "") {
  const place = [...store.people.keys()].indexOf(id);
  return (place < 0 ? [...name].reduce((sum, each) => sum + each.codePointAt(0), 0) : place) % TINTS;
}

const initials = (name) => {
  const words = [...name.matchAll(/\p{L}[\p{L}\p{M}]*/gu)].map((match) => match[0]);
  if (words.length === 0) return "?";
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
};

/** A round picture for an id, with the name's initials. */
export function avatar(id, name) {
  if (id === store.bot?.id) return el("span", { class: "avatar bot", "aria-hidden": "true" }, icon("bolt"));
  return el("span", { class: `avatar tint-${tint(id, name)}`, "aria-hidden": "true" }, initials(name));
}
