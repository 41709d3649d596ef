"""The buttons under cards: what a press carries, and which card has which. Knows keyboards."""

from __future__ import annotations

import base64
import itertools
from enum import StrEnum
from typing import NamedTuple

from telegram import ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot import texts
from bot.core.invoice import Face, Invoice

Keyboard = InlineKeyboardMarkup | ForceReply | None


class Verb(StrEnum):
    """What a button does."""

    CANCEL = "cancel"
    RENEW = "renew"
    LEAVE = "leave"  # a seat


class Press(NamedTuple):
    """What a button carries: never a row's number."""

    verb: Verb
    payment_hash: bytes


def press_data(press: Press) -> str:
    """A button's callback data, below Telegram's 64 bytes."""
    encoded = base64.urlsafe_b64encode(press.payment_hash).rstrip(b"=").decode()
    return f"{press.verb}:{encoded}"


def read_press(data: str) -> Press | None:
    """What `press_data` made, None where it is not ours."""
    verb, _, encoded = data.partition(":")
    try:
        payment_hash = base64.b64decode(encoded + "=", altchars=b"-_", validate=True)
        press = Press(Verb(verb), payment_hash)
    except ValueError:  # base64's own errors too
        return None
    return press if len(payment_hash) == 32 else None


def named(message: Message) -> bytes | None:
    """The payment hash that the first button of ours under a message names."""
    markup = message.reply_markup
    for button in itertools.chain(*(markup.inline_keyboard if markup else ())):
        press = read_press(str(button.callback_data))
        if press is not None:
            return press.payment_hash
    return None


def under(row: Invoice, face: Face) -> InlineKeyboardMarkup | None:
    """The button under a card that shows `face`. An edit without one takes it away."""
    if face is Face.OPEN and row.board_id:
        verb, text = Verb.LEAVE, texts.LEAVE_BUTTON
    elif face is Face.OPEN:
        verb, text = Verb.CANCEL, texts.CANCEL_BUTTON
    elif face in (Face.EXPIRED, Face.CANCELLED) and row.may_be_renewed:
        verb, text = Verb.RENEW, texts.RENEW_BUTTON
    elif face is Face.FAILED and row.may_be_renewed:
        verb, text = Verb.RENEW, texts.RETRY_BUTTON
    else:
        return None
    data = press_data(Press(verb, row.payment_hash))
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, callback_data=data)]])


def under_new(row: Invoice, face: Face) -> Keyboard:
    """The same for a new message: a question makes the reader's next message a reply to it."""
    if face is Face.QUESTION:
        return ForceReply(selective=True, input_field_placeholder=texts.QUESTION_PLACEHOLDER)
    return under(row, face)
