/** The composer: the speaker, the text, and the message that it answers. */

import { say } from "./api.js";
import { avatar } from "./avatar.js";
import { $, el, icon, sync } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { soon } from "./frame.js";
import { isWide, peopleOf, room, speakAs, speaker } from "./selection.js";
import { inOneLine, isIn, messagesOf, on, senderName, store } from "./store.js";
import { suggestionKey, suggestFor } from "./suggestions.js";
import { toast } from "./toast.js";

const drafts = new Map(); // room's key -> {text, replyTo}
const dismissed = new Set(); // prompts that were closed, as chat/message/person
let replyTo = null; // the message that is answered
let drawnKey = null;

const text = $("text");

function grow() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

function drawSpeakers() {
  const open = room();
  if (!open) return;
  const who = speaker();
  const had = document.activeElement?.name === "speaker";
  sync($("speakers"), peopleOf(open).map((person) => el("label", { class: "speaker", title: `Speak as ${person.name} (${calledBy(person)})` },
    el("input", {
      type: "radio", name: "speaker", value: person.id, checked: person.id === who?.id,
      onchange: () => speakAs(person.id),
    }),
    el("span", {}, avatar(person.id, person.name), el("span", { class: "speaker-name" }, person.name.split(" ")[0])))));
  if (had && document.activeElement?.name !== "speaker") $("speakers").querySelector("input:checked")?.focus();
  text.placeholder = replyTo && promptFor(replyTo, who)?.placeholder || `Message as ${who?.name.split(" ")[0] ?? "…"}`;
}

const calledBy = (person) => (person.username ? `@${person.username}` : "no user name");

function drawReply() {
  const box = $("replying");
  box.hidden = !replyTo;
  if (!replyTo) return box.replaceChildren();
  box.replaceChildren(
    icon("reply"),
    replyTo.photo ? el("img", { src: replyTo.photo.src, alt: "" }) : "",
    el("span", { class: "quote-name" }, `Reply to ${senderName(replyTo)}`),
    el("span", { class: "quote-text" }, withEmoji(inOneLine(replyTo))),
    el("button", { type: "button", class: "icon-button", "aria-label": "Cancel the reply", onclick: stopReplying }, icon("close")));
}

/** Answer this message with what is written next. */
export function replyWith(message) {
  replyTo = message;
  drawReply();
  drawSpeakers();
  text.focus();
}

function stopReplying() {
  if (replyTo && promptFor(replyTo, speaker())) dismissed.add(promptKey(replyTo));
  replyTo = null;
  drawReply();
  drawSpeakers();
  text.focus();
}

const promptKey = (message) => `${message.chat}/${message.id}/${speaker()?.id}`;

/** What a message asks of this person (a forced reply), or null. */
function promptFor(message, person) {
  const prompt = message.prompt;
  if (!prompt || !person) return null;
  return prompt.of === null || prompt.of.includes(person.id) ? prompt : null;
}

/** The bot's newest question that waits for the speaker. */
function openPrompt() {
  const open = room();
  if (!open) return null;
  const messages = messagesOf(open);
  const answered = new Set(messages.filter((each) => each.from === speaker()?.id).map((each) => each.reply_to));
  return messages.findLast((each) => promptFor(each, speaker()) && !answered.has(each.id) && !dismissed.has(promptKey(each))) ?? null;
}

/** Set the reply that a prompt asks for, or clear it when the prompt is no longer for the speaker. */
function updatePrompt() {
  const prompt = openPrompt();
  if (prompt && !replyTo) replyTo = prompt;
  else if (replyTo?.prompt && replyTo !== prompt) replyTo = prompt;
  drawReply();
  drawSpeakers();
}

/** Whether something waits in the composer to be sent. */
export const isWritten = () => text.value.trim() !== "";

/** Write this into the composer, for the reader to send. */
export function write(words) {
  text.value = words;
  grow();
  text.focus();
}

/** Send a command that was pressed in a message; settles once it was sent, or refused with a toast. */
export async function sendCommand(words) {
  await send(words, null);
}

async function send(words, answers) {
  const open = room();
  try {
    await say(open.chat.id, speaker().id, words, { replyTo: answers?.id ?? null, thread: open.thread });
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

async function submit(event) {
  event?.preventDefault();
  const words = text.value.trim();
  if (!words) return;
  const answers = replyTo;
  text.value = "";
  replyTo = null;
  grow();
  drawReply();
  suggestFor("");
  if (await send(words, answers)) return;
  text.value = words;
  replyTo = answers;
  grow();
  drawReply();
}

function onKey(event) {
  if (event.isComposing) return;
  if (suggestionKey(event)) return;
  if (event.key === "Enter" && !event.shiftKey) submit(event);
  else if (event.key === "Escape" && replyTo) {
    event.preventDefault();
    stopReplying();
  }
}

function changeRoom() {
  const open = room();
  if (drawnKey) drafts.set(drawnKey, { text: text.value, replyTo });
  drawnKey = open?.key ?? null;
  const draft = drafts.get(drawnKey);
  text.value = draft?.text ?? "";
  replyTo = draft?.replyTo ?? null;
  suggestFor("");
  grow();
  updatePrompt();
  // on a phone the focus would open its keyboard over the messages
  if (isWide() && !matchMedia("(pointer: coarse)").matches) text.focus();
}

function onMessage({ message }) {
  if (!room() || !isIn(message, room())) return;
  if (replyTo?.id === message.id) replyTo = message;
  soon(updatePrompt);
}

/** Start the composer. */
export function startComposer() {
  $("send").append(icon("send"));
  $("composer").addEventListener("submit", submit);
  text.addEventListener("keydown", onKey);
  text.addEventListener("input", () => {
    grow();
    suggestFor(text.value, text.selectionStart);
  });
  addEventListener("resize", grow);
  on("room", changeRoom);
  on("speaker", () => {
    suggestFor("");
    updatePrompt();
  });
  on("snapshot", updatePrompt);
  on("again", () => { // what is written stays; what it answers is gone
    replyTo = null;
    dismissed.clear();
    for (const draft of drafts.values()) draft.replyTo = null;
  });
  on("message", onMessage);
  on("gone", ({ id }) => {
    if (replyTo?.id === id) replyTo = null;
    soon(updatePrompt);
  });
  on("suggestion", ({ words, at }) => {
    write(words);
    text.setSelectionRange(at, at);
  });
}
