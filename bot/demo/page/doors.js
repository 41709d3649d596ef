/** Doors: from a group to the speaker's private chat, and from a private chat back and to the others. */

import { avatar } from "./avatar.js";
import { unreadIn } from "./chats.js";
import { $, el, icon, sync } from "./dom.js";
import { soon } from "./frame.js";
import { groupOf, peopleOf, room, speaker, speakThere } from "./selection.js";
import { firstName, on, store } from "./store.js";

/** A link to the group that a person comes from; there they speak. `children` are its words. */
export function groupLink(group, personId, attributes, ...children) {
  return el("a", {
    href: `#${group.key}`, "data-speaker": personId, ...attributes,
    onclick: (event) => speakThere(group.key, Number(event.currentTarget.dataset.speaker)),
  }, ...children);
}

let isOpened = false; // whether the page has had its first chat

/** What a door is called, with how many messages wait behind it, and what it shows in place of that. */
function says(key, name, ...shown) {
  const count = unreadIn(key);
  return [
    el("span", { class: "unseen" }, count > 0 ? `${name}, ${count} unread` : name),
    el("span", { class: "door-shown", "aria-hidden": "true" }, ...shown, count > 0 && el("span", { class: "badge" }, String(count))),
  ];
}

const privateChat = (person) => `${firstName(person)}’s private chat`;

function toPrivate(person) {
  return el("a", { class: "door", href: `#${person.id}` }, ...says(String(person.id), privateChat(person),
    el("span", { class: "door-name" },
      el("span", { class: "door-whose" }, `${firstName(person)}’s `), el("span", { class: "door-more" }, "private "), el("span", { class: "door-rest" }, "chat")),
    icon("forward")));
}

function toGroup(group, person) {
  return groupLink(group, person.id, { class: "door" }, ...says(group.key, `Back to ${group.title}`,
    icon("back"), el("span", { class: "door-name" }, group.title)));
}

function toOther(person, isOpen) {
  return el("a", { class: "speaker", href: `#${person.id}`, "aria-current": isOpen && "page", title: person.name },
    ...says(String(person.id), privateChat(person), avatar(person.id, person.name), el("span", { class: "speaker-name" }, firstName(person))));
}

function doors() {
  const open = room();
  const person = speaker();
  if (open.chat.type !== "private") {
    return person && store.chats.has(person.id) ? [toPrivate(person)] : [];
  }
  const group = groupOf(person.id);
  if (!group) return [];
  const others = peopleOf(group).filter((each) => store.chats.has(each.id));
  return [toGroup(group, person), el("div", { class: "speakers-row" }, ...others.map((each) => toOther(each, each.id === person.id)))];
}

function draw() {
  if (!room()) return;
  const box = $("doors");
  const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  $("speaking").hidden = room().chat.type === "private";
  sync(box, doors());
  if (focused && !box.contains(document.activeElement)) box.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  showChosen();
}

/** Whoever was chosen is in sight, where the row is too narrow for everybody. */
function showChosen() {
  document.querySelector(".who > :not([hidden]) :is(:checked, [aria-current])")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  markCut();
}

const EDGE_PX = 3; // of the row, beyond which nobody is

/** Where the row goes on beyond an edge, it fades out there. */
function markCut() {
  const row = document.querySelector(".who > :not([hidden]) .speakers-row");
  const after = row ? row.scrollWidth - row.clientWidth - row.scrollLeft : 0;
  document.querySelector(".who").classList.toggle("more-before", (row?.scrollLeft ?? 0) > EDGE_PX);
  document.querySelector(".who").classList.toggle("more-after", after > EDGE_PX);
}

/** What led to another room is gone with the one before: the focus goes on to its messages, or to the list. */
function keepFocus() {
  const { activeElement } = document;
  if (activeElement !== document.body && activeElement.checkVisibility()) return;
  if (!isOpened) return; // nobody came here: the page is being opened
  if (room()) $("log").focus({ preventScroll: true });
  else document.querySelector("#chats a")?.focus();
}

/** Start the doors, last of all: where nothing else has taken the focus, they keep it. */
export function startDoors() {
  for (const kind of ["snapshot", "room", "speaker", "chat"]) on(kind, draw);
  for (const kind of ["message", "gone"]) on(kind, () => soon(draw));
  on("room", keepFocus);
  document.querySelector(".who").addEventListener("scroll", markCut, { capture: true, passive: true });
  new ResizeObserver(markCut).observe(document.querySelector(".who"));
  on("snapshot", () => { isOpened = true; });
}
