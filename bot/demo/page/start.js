/** START: where a link leads to the bot's private chat, it stands there in place of the composer. */

import { start } from "./api.js";
import { $ } from "./dom.js";
import { openRoom, room } from "./selection.js";
import { emit, firstName, on, store } from "./store.js";
import { announce, toast } from "./toast.js";

const offers = new Map(); // private chat's id -> the link's token

const offered = () => offers.get(room()?.chat.id);

/** Whether START is offered in the open room. */
export const isStartOffered = () => offered() !== undefined;

/** Open somebody's private chat; `start` is the token to offer, null if it was sent already. */
export function openPrivate({ chat, start }) {
  if (start) offers.set(chat, start);
  openRoom(String(chat));
  announce(`${store.chats.get(chat)?.title ?? "Somebody"}’s private chat with ${store.bot.name}`);
  draw();
  emit("offer");
}

/** In the private chat of somebody who has blocked the bot: why nothing comes. */
function drawBlocked() {
  const isBlocked = room()?.chat.blocked === true;
  const name = isBlocked ? firstName(store.people.get(room().chat.id)) : "";
  $("blocked").hidden = !isBlocked;
  $("blocked").textContent = isBlocked ? `${name} has blocked the bot: it can send nothing here. “Unblock it” is among the faults.` : "";
}

function draw() {
  const isOffered = isStartOffered();
  const comes = isOffered && $("start").hidden;
  $("start").hidden = !isOffered;
  $("composer-row").hidden = isOffered;
  if (comes) $("start").focus();
}

async function press() {
  const { chat } = room();
  try {
    await start(chat.id, offered());
    offers.delete(chat.id);
  } catch (error) {
    toast(error.message);
  }
  draw();
  emit("offer");
  if (!isStartOffered()) $("text").focus();
}

/** Start the offers. */
export function startOffers() {
  on("room", draw);
  for (const kind of ["snapshot", "room", "chat"]) on(kind, drawBlocked);
  on("again", () => {
    offers.clear();
    draw();
  });
  $("start").addEventListener("click", press);
}
