"""The buttons under a list of invoices: each says which page it leads to. Knows keyboards."""

from __future__ import annotations

import re
from typing import NamedTuple

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MaybeInaccessibleMessage

from bot import texts
from bot.chat.messages import button_data
from bot.core.ledger import Page, Show, Turn

#: What their data begins with.
LIST = "list"
_DATA = re.compile(
    rf"{LIST}:([a-z]+):(-?[0-9]{{1,16}}):(?:([+-])([0-9]{{1,12}}\.[0-9]{{1,9}}))?", re.ASCII
)


class ListPress(NamedTuple):
    """Which invoices are shown, whose list it is, and which page; None: the newest."""

    show: Show
    asker_id: int
    turn: Turn | None


def list_data(press: ListPress) -> str:
    """A button's callback data, below Telegram's 64 bytes."""
    turn = press.turn
    where = "" if turn is None else f"{'+' if turn.is_newer else '-'}{turn.at!r}"
    return f"{LIST}:{press.show}:{press.asker_id}:{where}"


def read_list(data: str) -> ListPress | None:
    """What `list_data` made, None where it is not ours."""
    found = _DATA.fullmatch(data)
    if found is None or found[1] not in tuple(Show):
        return None
    turn = Turn(float(found[4]), is_newer=found[3] == "+") if found[3] else None
    return ListPress(Show(found[1]), int(found[2]), turn)


def under_list(page: Page, show: Show, asker_id: int) -> InlineKeyboardMarkup | None:
    """What else is shown, and the pages beside this one; None: there is nothing to list."""
    if not page.items and show is Show.ALL:
        return None
    kinds = [_button(texts.show_label(each, show), each, asker_id, None) for each in Show]
    turns = [(texts.NEWER_BUTTON, page.newer), (texts.OLDER_BUTTON, page.older)]
    pages = [_button(text, show, asker_id, turn) for text, turn in turns if turn is not None]
    return InlineKeyboardMarkup([kinds, pages] if pages else [kinds])


def _button(text: str, show: Show, asker_id: int, turn: Turn | None) -> InlineKeyboardButton:
    data = list_data(ListPress(show, asker_id, turn))
    return InlineKeyboardButton(text, callback_data=data)


def whose_list(message: MaybeInaccessibleMessage) -> int | None:
    """Who asked for the list that a message shows, by its own buttons; None: it is none."""
    presses = map(read_list, button_data(message))
    return next((press.asker_id for press in presses if press is not None), None)
