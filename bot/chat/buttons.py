"""The buttons under cards: what a press carries, and which card has which. Knows keyboards."""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import NamedTuple

from telegram import ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot import texts
from bot.chat.messages import button_data
from bot.core.collection import quick_gifts
from bot.core.invoice import Face, Invoice, PartKind

Keyboard = InlineKeyboardMarkup | ForceReply | None


class Verb(StrEnum):
    """What a button does."""

    CANCEL = "cancel"
    RENEW = "renew"
    LEAVE = "leave"  # a seat
    OTHERS = "others"  # pay somebody else's part
    GIVE = "give"  # so much to a collection
    HIDE = "hide"  # the name of who gives
    SHOW = "show"


class Press(NamedTuple):
    """What a button carries: never a row's number. `sats`: of a gift, 0 for any."""

    verb: Verb
    payment_hash: bytes
    sats: int = 0


def press_data(press: Press) -> str:
    """A button's callback data, below Telegram's 64 bytes."""
    encoded = base64.urlsafe_b64encode(press.payment_hash).rstrip(b"=").decode()
    amount = f":{press.sats}" if press.verb is Verb.GIVE else ""
    return f"{press.verb}:{encoded}{amount}"


def read_press(data: str) -> Press | None:
    """What `press_data` made, None where it is not ours."""
    verb, _, rest = data.partition(":")
    encoded, _, sats = rest.partition(":")
    try:
        payment_hash = base64.b64decode(encoded + "=", altchars=b"-_", validate=True)
        press = Press(Verb(verb), payment_hash, _sats(sats))
    except ValueError:  # base64's own errors too
        return None
    has_sats = press.verb is Verb.GIVE
    return press if len(payment_hash) == 32 and has_sats == bool(sats) else None


def _sats(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("no number")
    return int(text)


def named(message: Message) -> bytes | None:
    """The payment hash that the first button of ours under a message names."""
    presses = map(read_press, button_data(message))
    return next((press.payment_hash for press in presses if press is not None), None)


def under(row: Invoice, face: Face, within: range) -> InlineKeyboardMarkup | None:
    """The button under a card that shows `face`. An edit without one takes it away.

    `within`: the satoshi that can be chosen by a button.
    """
    if row.board_id and face in (Face.QUESTION, Face.OPEN):
        return InlineKeyboardMarkup(_of_part(row, face, within))
    if face is Face.OPEN:
        verb, text = Verb.CANCEL, texts.CANCEL_BUTTON
    elif face in (Face.EXPIRED, Face.CANCELLED) and row.may_be_renewed:
        verb, text = Verb.RENEW, texts.RENEW_BUTTON
    elif face is Face.FAILED and row.may_be_renewed:
        verb, text = Verb.RENEW, texts.RETRY_BUTTON
    else:
        return None
    return InlineKeyboardMarkup([[_button(row, verb, text)]])


def _of_part(row: Invoice, face: Face, within: range) -> list[list[InlineKeyboardButton]]:
    """Under the card of a board's part, which its payer has in private."""
    if row.part_kind is PartKind.OWN:
        others = _button(row, Verb.OTHERS, texts.OTHERS_BUTTON)
        return [[_button(row, Verb.LEAVE, texts.LEAVE_BUTTON)], [others]]
    cancel = [_button(row, Verb.CANCEL, texts.CANCEL_BUTTON)]
    if row.part_kind is PartKind.OTHERS:
        return [cancel]
    verb, text = (Verb.SHOW, texts.SHOW_BUTTON) if row.hidden else (Verb.HIDE, texts.HIDE_BUTTON)
    name = _button(row, verb, text)
    if face is Face.OPEN:
        return [cancel, [name]]
    gifts = [
        _button(row, Verb.GIVE, texts.gift_label(each), each // 1000)
        for each in quick_gifts(row.suggested_msat, within)
    ]
    # Two in a line, so that a phone shows them whole.
    lines = [gifts[at : at + 2] for at in range(0, len(gifts), 2)]
    return [*lines, [_button(row, Verb.GIVE, texts.gift_label(0))], [name], cancel]


def _button(row: Invoice, verb: Verb, text: str, sats: int = 0) -> InlineKeyboardButton:
    data = press_data(Press(verb, row.payment_hash, sats))
    return InlineKeyboardButton(text, callback_data=data)


def under_new(row: Invoice, face: Face, within: range) -> Keyboard:
    """The same for a new message: a question makes the reader's next message a reply to it."""
    if face is Face.QUESTION and not row.board_id:
        return ForceReply(selective=True, input_field_placeholder=texts.QUESTION_PLACEHOLDER)
    return under(row, face, within)
