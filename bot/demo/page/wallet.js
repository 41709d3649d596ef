/** The speaker's wallet: it reads a picture as a phone would, shows the request, and pays. */

import { pay, scan } from "./api.js";
import { avatar } from "./avatar.js";
import { behind } from "./behind.js";
import { timeElement } from "./clock.js";
import { closeByPressBeside, show } from "./dialog.js";
import { $, el, icon } from "./dom.js";
import { room, speaker } from "./selection.js";
import { on, store, emit } from "./store.js";
import { toast } from "./toast.js";

const dialog = $("wallet");
const MSAT = 1000;

/** Millisatoshi as people read them: "2,100 sats". */
export function inSats(msat) {
  const sats = (msat / MSAT).toLocaleString("en", { maximumFractionDigits: 3 });
  return `${sats} ${sats === "1" ? "sat" : "sats"}`;
}

let owner = null;
let body = null; // what the wallet shows: another one each time that it is opened
let scanned = null; // the message whose picture was read

/** Open the wallet on a message's picture. */
export async function openWallet(message) {
  if (!speaker() || dialog.open) return;
  owner = speaker();
  scanned = message;
  const mine = el("div", { class: "wallet-body", "aria-live": "polite" }, el("p", { class: "small" }, "Reading the picture …"));
  body = mine;
  dialog.replaceChildren(head(), el("img", { class: "scanned", src: message.photo.src, alt: "The picture that the wallet reads" }), body);
  await show(dialog);
  try {
    const request = await scan(message.chat, message.id);
    if (isShown(mine)) showRequest(request);
  } catch (error) {
    if (isShown(mine)) showRefusal(error.message);
  }
}

/** Whether this is still what the open wallet shows: an answer can come when it is closed, or open on another picture. */
const isShown = (mine) => dialog.open && mine === body;

function head() {
  return el("header", { class: "wallet-head" },
    avatar(owner.id, owner.name),
    el("div", {},
      el("h2", { id: "wallet-title" }, `${owner.name.split(" ")[0]}’s wallet`),
      el("p", { class: "small" }, "Balance ", el("span", { id: "balance" }, inSats(store.balances.get(owner.id) ?? 0)))),
    el("button", { type: "button", class: "icon-button", "aria-label": "Close the wallet", onclick: () => dialog.close() }, icon("close")));
}

function showRequest(request) {
  const field = request.amount_msat === null && el("input", {
    id: "amount", type: "number", inputmode: "numeric", min: "1", step: "1", required: true, autofocus: true,
  });
  const button = el("button", { class: "primary", type: "submit" }, request.amount_msat === null ? "Pay" : `Pay ${inSats(request.amount_msat)}`);
  const refusal = el("p", { class: "refusal", role: "alert" });
  const form = el("form", { class: "payment" },
    field
      ? el("label", { class: "amount-field" }, "How many sats? The request has no amount.", field)
      : el("p", { class: "amount" }, inSats(request.amount_msat)),
    request.memo && el("p", { class: "memo" }, request.memo),
    el("dl", {},
      el("dt", {}, "To"), el("dd", { class: "mono" }, `${request.payee.slice(0, 10)}…${request.payee.slice(-6)}`),
      el("dt", {}, "Expires"), el("dd", {}, timeElement(request.expires_at, "r")),
      el("dt", {}, "Request"), el("dd", { class: "mono request" },
        el("span", { "aria-hidden": "true" }, request.request),
        el("span", { class: "unseen" }, `${request.request.slice(0, 10)} and ${request.request.length - 10} more characters`))),
    refusal,
    button);
  const mine = body;
  const paying = scanned;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    refusal.textContent = "";
    try {
      const paid = await pay(owner.id, request.request, field ? Math.round(Number(field.value) * MSAT) : null);
      emit("paid", paying);
      if (isShown(mine)) showPaid(paid.amount_msat);
      else toast(`Paid ${inSats(paid.amount_msat)}`);
    } catch (error) {
      if (!isShown(mine)) {
        toast(error.message);
        return;
      }
      refusal.textContent = error.message;
      button.disabled = false;
      (field || button).focus();
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  body.replaceChildren(form);
  (field || button).focus();
}

function showPaid(msat) {
  const close = el("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Back to the chat");
  body.replaceChildren(el("div", { class: "paid" },
    el("span", { class: "paid-mark" }, icon("check")),
    el("p", { class: "amount" }, `Paid ${inSats(msat)}`),
    el("p", { class: "small" }, behind.process.state === "running"
      ? "The node has received it. The chat will update by itself."
      : "The node has received it. The bot is not running: the chat updates once it is started."),
    close));
  close.focus();
}

function showRefusal(sentence) {
  const close = el("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
  body.replaceChildren(el("p", { class: "refusal", role: "alert" }, sentence), close);
  close.focus();
}

/** Start the wallet. */
export function startWallet() {
  on("balance", () => {
    const shown = $("balance");
    if (shown) shown.textContent = inSats(store.balances.get(owner.id) ?? 0);
  });
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // the event comes late: it was opened again meanwhile
    dialog.replaceChildren();
    // the card was redrawn meanwhile: the focus still goes back to where it came from
    if (document.activeElement !== document.body || room()?.chat.id !== scanned.chat) return;
    document.querySelector(`[data-id="${scanned.id}"] .photo`)?.focus();
  });
  closeByPressBeside(dialog);
}
