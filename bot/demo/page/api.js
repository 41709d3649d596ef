/** The demo's server: every request to it and every change from it goes through here. */

import { Hub } from "./hub.js";

const LIMIT_MS = 15_000; // the server itself waits ten seconds for the bot

/** Send a request; throws an Error whose message can be shown. */
async function post(path, body) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  let answer;
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: limit.signal,
    });
    answer = await response.json();
  } catch {
    throw new Error(limit.signal.aborted
      ? `The demo did not answer within ${LIMIT_MS / 1000} seconds. It may still have done it: check before you try again.`
      : "The demo is not responding.");
  } finally {
    clearTimeout(timer);
  }
  if (answer.error) throw new Error(answer.error);
  return answer;
}

/** A person writes. */
export const say = (chat, user, text, { replyTo = null, thread = null } = {}) =>
  post("/api/say", { chat, user, text, reply_to: replyTo, thread });

/**
 * A person presses a button; returns the bot's answer: {text, alert, opens}. `opens` is the private
 * chat that it leads to, {chat, start}: `start` is the token of the START offered there, or null.
 */
export const press = (chat, user, message, data) => post("/api/press", { chat, user, message, data });

/** A person presses START, which a link with this token offered. */
export const start = (user, token) => post("/api/start", { user, token });

/** The command menu of a person in a chat: [{command, description}]. */
export const commands = (chat, user) => post("/api/commands", { chat, user });

/** What a wallet reads in a message's picture: {amount_msat, memo, expires_at, request, payee}. */
export const scan = (chat, message) => post("/api/wallet/scan", { chat, message });

/** Pay a request that was read; amountMsat only where it leaves the amount open. */
export const pay = (user, request, amountMsat) =>
  post("/api/wallet/pay", { user, request, amount_msat: amountMsat });

/** Switch the node: up, locked or down. */
export const setNode = (state) => post("/api/node", { state });

/** Move the demo's clock forward. */
export const moveClock = (seconds) => post("/api/clock", { seconds });

/** Kill the bot, or start it. */
export const setBot = (runs) => post("/api/bot", { runs });

/** Let the fault of that name begin, or end. */
export const setFault = (name, on) => post("/api/fault", { name, on });

/** Let it storm, or be calm again. */
export const setStorm = (on) => post("/api/storm", { on });

/** The time line of the invoice that a message belongs to: {title, row, entries}. */
export const readStory = (chat, message) => post("/api/story", { chat, message });

/**
 * Subscribe to the server: a snapshot first, then one change at a time, by its kind. A lost connection
 * is opened again and starts with a snapshot. All open pages of a browser share one connection.
 */
export function subscribe(kinds, onChange, onConnection) {
  const hear = (kind, text) => {
    if (kind === "there" || kind === "lost") onConnection(kind === "there");
    else onChange(kind, JSON.parse(text));
  };
  if (typeof SharedWorker === "undefined") {
    new Hub().join(hear, kinds);
    return;
  }
  let port;
  const join = () => {
    ({ port } = new SharedWorker("/page/worker.js", { type: "module" }));
    port.onmessage = ({ data: [kind, text] }) => hear(kind, text);
    port.postMessage(kinds);
  };
  join();
  addEventListener("pagehide", () => port.postMessage(null));
  // a page that the browser kept comes back as it was
  addEventListener("pageshow", (event) => event.persisted && join());
}
