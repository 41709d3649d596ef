/** The demo's server: everything that is asked of it and everything it tells goes through here. */

/** Ask the server; throws an Error whose message can be shown. */
async function post(path, body) {
  let answer;
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    answer = await response.json();
  } catch {
    throw new Error("The demo does not answer.");
  }
  if (answer.error) throw new Error(answer.error);
  return answer;
}

/** A person writes. */
export const say = (chat, user, text, { replyTo = null, thread = null } = {}) =>
  post("/api/say", { chat, user, text, reply_to: replyTo, thread });

/** A person presses a button; gives the bot's answer: {text, alert}. */
export const press = (chat, user, message, data) => post("/api/press", { chat, user, message, data });

/** The command menu of a person in a chat: [{command, description}]. */
export const commands = (chat, user) => post("/api/commands", { chat, user });

/** What a wallet reads in a message's picture: {amount_msat, memo, expires_at, request, payee}. */
export const scan = (chat, message) => post("/api/wallet/scan", { chat, message });

/** Pay a request that was read; amountMsat only where it leaves the amount open. */
export const pay = (user, request, amountMsat) =>
  post("/api/wallet/pay", { user, request, amount_msat: amountMsat });

/** Switch the node: up, locked or down. */
export const setNode = (state) => post("/api/node", { state });

/** Move the demo's clock on. */
export const moveClock = (seconds) => post("/api/clock", { seconds });

/**
 * Follow the server: on.snapshot once per connection, then a change at a time, by its kind.
 * A lost connection is made anew and begins with a snapshot.
 */
export function follow(kinds, onChange, onConnection) {
  const source = new EventSource("/events");
  source.onopen = () => onConnection(true);
  source.onerror = () => onConnection(false);
  for (const kind of kinds) {
    source.addEventListener(kind, (event) => onChange(kind, JSON.parse(event.data)));
  }
}
