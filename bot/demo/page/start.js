/** START: where a link leads to the bot's private chat, it stands there in place of the composer. */

import { start } from "./api.js";
import { $ } from "./dom.js";
import { openRoom, room } from "./selection.js";
import { on } from "./store.js";
import { toast } from "./toast.js";

const offers = new Map(); // private chat's id -> the link's token

const offered = () => offers.get(room()?.chat.id);

/** Open somebody's private chat; `start` is the token to offer, null if it was sent already. */
export function openPrivate({ chat, start }) {
  if (start) offers.set(chat, start);
  openRoom(String(chat));
  draw();
}

function draw() {
  const isOffered = offered() !== undefined;
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
  if (!offered()) $("text").focus();
}

/** Start the offers. */
export function startOffers() {
  on("room", draw);
  $("start").addEventListener("click", press);
}
