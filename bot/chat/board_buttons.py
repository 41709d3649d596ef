"""The buttons under boards, and those in private: pay for others, manage. Knows keyboards."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MaybeInaccessibleMessage

from bot import texts
from bot.chat.messages import button_data
from bot.core.board import Board, BoardState, Seat
from bot.core.wishes import Change, Parting

#: What the link to how a board is managed begins with, before the board's handle.
MANAGE_LINK = "manage-"
#: What leads back from a choice.
BACK = "back"
#: Changes that are of one seat.
OF_A_SEAT = (Change.FREE, Change.SETTLE, Change.UNSETTLE)
#: Changes that are asked about before they are made: of which seat, or whether at all.
ASKED_ABOUT = (*OF_A_SEAT, Change.CLOSE)
#: What follows the board in the data of a yes, in the place of a seat.
_YES = "1:yes"
#: As `Seat.whose` makes it.
_MARK = re.compile("[0-9a-f]{8}")


class OnBoard(StrEnum):
    """What a button under a board does; its data is this and the board's handle."""

    PAY = "pay"  # or give
    JOIN = "in"
    LEAVE = "out"
    ASK = "ask"
    MANAGE = "manage"


#: In private: another one's part.
PAY_FOR = "for"
#: In private: how a board is managed.
CHANGE = "m"


class PayForPress(NamedTuple):
    """What a button of somebody else's part carries.

    `token`: of the presser's own seat; `whose`: the mark of the person who had the other one as the
    button was made.
    """

    token: str
    number: int
    whose: str


class ManagePress(NamedTuple):
    """What a button of somebody who manages a board carries; `number` 0: of no seat yet.

    `whose`: the mark of the person who had the seat as the button was made.
    """

    change: Change | None  # None: back
    handle: str
    number: int
    whose: str = ""


def under_board(board: Board) -> InlineKeyboardMarkup | None:
    """The buttons under a board; none once nothing more can be paid."""
    manage = _on(board, OnBoard.MANAGE, texts.MANAGE_BUTTON)
    match board.state:
        case BoardState.JOINING:
            join = _on(board, OnBoard.JOIN, texts.JOIN_BUTTON)
            leave = _on(board, OnBoard.LEAVE, texts.LEAVE_BUTTON)
            ask = _on(board, OnBoard.ASK, texts.ASK_BUTTON)
            return InlineKeyboardMarkup([[join, leave], [ask, manage]])
        case BoardState.OPEN:
            label = texts.PAY_BUTTON if board.is_split else texts.GIVE_BUTTON
            return InlineKeyboardMarkup([[_on(board, OnBoard.PAY, label), manage]])
    return None


def _on(board: Board, verb: OnBoard, text: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=f"{verb}:{board.handle}")


def handle_on(message: MaybeInaccessibleMessage) -> str:
    """The handle of the board that a message's buttons carry, "" where none is known."""
    for data in button_data(message):
        verb, _, handle = data.partition(":")
        if verb in tuple(OnBoard):
            return handle
    return ""


def pay_for(board: Board, token: str) -> InlineKeyboardMarkup | None:
    """A button for each part that somebody has to pay; None where there is none."""
    rows = [
        [_seat(seat, f"{PAY_FOR}:{token}:{seat.number}:{seat.whose}")]
        for seat in board.unpaid
        if seat.token != token
    ]
    return InlineKeyboardMarkup(rows) if rows else None


def manage(board: Board, asked: Change | None = None) -> InlineKeyboardMarkup | None:
    """What can be done with a board; where a seat is `asked` for, these."""
    if asked is not None:
        rows = [
            [_seat(seat, f"{_change(board, asked, seat.number)}:{seat.whose}")]
            for seat in _choices(board, asked)
        ]
        if asked is Change.CLOSE:
            data = f"{CHANGE}:{asked}:{board.handle}:{_YES}"
            rows = [[InlineKeyboardButton(texts.CLOSE_BUTTON, callback_data=data)]]
        back = InlineKeyboardButton(
            texts.BACK_BUTTON, callback_data=f"{CHANGE}:{BACK}:{board.handle}:0"
        )
        return InlineKeyboardMarkup([*rows, [back]])
    if board.state is BoardState.CLOSED:
        return InlineKeyboardMarkup([[_labelled(board, Change.MOVE)]])
    if board.state is BoardState.OPEN and board.is_split:
        pairs = [
            [Change.FREE, Change.ADD],
            [Change.SETTLE, Change.UNSETTLE],
            [Change.REMIND, Change.MOVE],
            [Change.CLOSE],
        ]
    elif board.state is BoardState.CLOSING:
        pairs = [[Change.MOVE]]
    else:
        pairs = [[Change.MOVE, Change.CLOSE]]
    return InlineKeyboardMarkup([[_labelled(board, each) for each in pair] for pair in pairs])


def _choices(board: Board, asked: Change) -> list[Seat]:
    match asked:
        case Change.FREE:
            return [s for s in board.seats if not s.is_paid and (s.person_id or s.username)]
        case Change.UNSETTLE:
            return [seat for seat in board.seats if seat.otherwise and not seat.is_paid]
    return list(board.unpaid)


def to_pay_for(board: Board | None, token: str) -> tuple[str, InlineKeyboardMarkup | None]:
    """What is said of the parts that somebody can pay for others, and their buttons; None without
    any. `board`: None where nothing of it can be paid."""
    if board is None:
        return texts.parting(Parting.CLOSED), None
    keyboard = pay_for(board, token)
    return (texts.NOBODY_ELSE if keyboard is None else texts.pay_for(board)), keyboard


def _labelled(board: Board, change: Change) -> InlineKeyboardButton:
    return InlineKeyboardButton(texts.CHANGES[change], callback_data=_change(board, change, 0))


def _seat(seat: Seat, data: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(texts.part_label(seat), callback_data=data)


def _change(board: Board, change: Change, number: int) -> str:
    return f"{CHANGE}:{change}:{board.handle}:{number}"


def read_pay_for(data: str) -> PayForPress | None:
    """What a button of `pay_for` carries, None where it is not ours."""
    parts = data.split(":")
    if len(parts) not in (3, 4) or parts[0] != PAY_FOR or not _is_number(parts[2]):
        return None
    whose = parts[3] if len(parts) == 4 else ""  # an earlier version's button does not say it
    if len(parts) == 4 and not _MARK.fullmatch(whose):
        return None
    return PayForPress(parts[1], int(parts[2]), whose)


def read_manage(data: str) -> ManagePress | None:
    """What a button of `manage` carries, None where it is not ours."""
    parts = data.split(":")
    if len(parts) not in (4, 5) or parts[0] != CHANGE or not _is_number(parts[3]):
        return None
    number, whose = int(parts[3]), parts[4] if len(parts) == 5 else ""
    if bool(number) != bool(whose):
        return None
    if parts[1] == BACK:
        return None if number else ManagePress(None, parts[2], 0)
    try:
        return ManagePress(Change(parts[1]), parts[2], number, whose)
    except ValueError:
        return None


def is_panel_of(message: MaybeInaccessibleMessage, handle: str) -> bool:
    """Whether a message is how this board is managed: its own buttons say so."""
    presses = map(read_manage, button_data(message))
    return any(press is not None and press.handle == handle for press in presses)


def is_list_of(message: MaybeInaccessibleMessage, token: str) -> bool:
    """Whether a message is the list of parts to pay for that whoever has this token was shown."""
    presses = map(read_pay_for, button_data(message))
    return any(press is not None and press.token == token for press in presses)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 4
