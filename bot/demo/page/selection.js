/** The selection: which room is open and who speaks there. The address names the room after its #. */

import { rooms, store, emit, on } from "./store.js";

const wide = matchMedia("(min-width: 720px)");
const speakers = new Map(); // room's key -> person's id
let openKey = null;
let groupKey = null; // the group, or topic of one, that was open last

/** Whether the list and a chat are side by side. */
export const isWide = () => wide.matches;

/** The open room, or null. */
export function room() {
  return rooms().find((each) => each.key === openKey) ?? null;
}

/** The people who can speak in a room. */
export function peopleOf(room) {
  return room.chat.people.map((id) => store.people.get(id)).filter(Boolean);
}

/** The person who speaks in the open room. */
export function speaker() {
  const open = room();
  if (!open) return null;
  const people = peopleOf(open);
  return people.find((person) => person.id === speakers.get(openKey)) ?? people[0] ?? null;
}

/** Speak as this person in the open room. */
export function speakAs(id) {
  speakers.set(openKey, id);
  emit("speaker");
}

/** Speak as this person in a room that is opened next. */
export function speakThere(key, id) {
  speakers.set(key, id);
}

/** The group that this person comes from: the one that was open last if they are in it, or null. */
export function groupOf(id) {
  const groups = rooms().filter((each) => each.chat.type !== "private" && each.chat.people.includes(id));
  return groups.find((each) => each.key === groupKey) ?? groups[0] ?? null;
}

/** Open a room by its key. */
export function openRoom(key) {
  // an open dialog's entry in the history is left with it
  if (history.state?.dialog) location.replace(`#${key}`);
  else location.hash = key;
}

/** Take the room from the address; side by side one is always open. */
export function readAddress() {
  const asked = decodeURIComponent(location.hash.slice(1));
  const all = rooms();
  const found = all.find((each) => each.key === asked);
  const key = found?.key ?? (isWide() ? all[0]?.key ?? null : null);
  const changed = key !== openKey;
  openKey = key;
  if (room() && room().chat.type !== "private") groupKey = key;
  document.getElementById("app").dataset.view = found ? "chat" : "list";
  // in one column the list is all there is
  document.querySelector(".side").role = found || isWide() ? "complementary" : "main";
  if (changed) emit("room");
}

on("moved", ({ from, to }) => {
  if (openKey === String(from)) openRoom(String(to));
});
addEventListener("hashchange", readAddress);
wide.addEventListener("change", readAddress);
