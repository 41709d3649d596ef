/** What goes on behind the chats, as the server last sent it: the bot's process, money, score, faults, storm. */

import { changes, emit, on } from "./store.js";

export const behind = {
  process: { state: "running", pid: null, exit_code: null, words: [] },
  money: { name: "", received_msat: 0, payments: 0, open: 0, open_msat: 0, open_any: 0, elsewhere: 0, elsewhere_msat: 0 },
  score: { asked: 0, cards: 0, paid: 0, told: 0, lost: 0, twice: 0, repeated: 0 },
  faults: [], // {name, title, before, after, on, back, once}
  storm: { phase: "off", says: "", ends_at: 0, chat: null, kills: 0, asked: 0, paid: 0 },
};

/** The kinds of changes that the server sends of it. */
Object.assign(changes, {
  process(json) {
    behind.process = json;
    emit("process");
  },
  backstage(json) {
    Object.assign(behind, json);
    emit("behind");
  },
  ended() {
    behind.process = { state: "over", pid: null, exit_code: null, words: [] };
    emit("process");
    emit("ended");
  },
  stir() {
    emit("stir");
  },
});

on("all", (json) => {
  changes.process(json.process);
  changes.backstage(json.backstage);
  emit("stir");
});

/** A number with its noun: "1 payment", "3 payments". */
export const many = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
