"""A bill that a group pays, as its chat reads it. Telegram HTML."""

from __future__ import annotations

from bot.core.amounts import format_sats
from bot.core.board import Board, BoardState, Seat, SeatState
from bot.core.invoice import Face
from bot.core.notices import Kind, Notice
from bot.core.split import described
from bot.core.text import MAX_TEXT, length
from bot.core.wishes import Closing, Leaving, Parting, Sitting, Splitting
from bot.texts.cards import FACE_SIGNS, MAY_BE_DUPLICATE
from bot.texts.phrases import count, escape, long_memo, moment, name, node_of, remark, short_memo

#: Names that are shown; the others are folded.
NAMES_SHOWN = 12
#: Room for a line that counts the others.
_COUNT_OF_OTHERS = 40
PAY_BUTTON = "Pay my part"
LEAVE_BUTTON = "Not me"
SPLIT_IN_GROUPS = "A bill is split in a group: write /split there."

_SIGNS = {
    SeatState.FREE: "◻️",
    SeatState.TAKEN: "⚡",
    SeatState.PAID: FACE_SIGNS[Face.PAID],
    SeatState.SETTLED: FACE_SIGNS[Face.PAID],
}


def board(shown: Board, payee: str | None, *, may_be_duplicate: bool = False) -> str:
    """What the board says; `payee`: whose node is paid, None where an owner asks."""
    top = [_first_line(shown) + short_memo(shown.memo)]
    if may_be_duplicate:
        top.append(MAY_BE_DUPLICATE)
    top += long_memo(shown.memo)
    top += _people(shown, payee)
    ending = _ending(shown)
    room = MAX_TEXT - length("\n".join([*top, *ending])) - 1
    lines = _seats(shown, room)
    seats = lines[:NAMES_SHOWN]
    if folded := lines[NAMES_SHOWN:]:
        inside = "\n".join(folded)
        seats.append(f"<blockquote expandable>{inside}</blockquote>")
    return "\n".join([*top, *seats, *ending])


def _seats(shown: Board, room: int) -> list[str]:
    """A line each, as many as `room` takes; the last one counts those that are left out."""
    lines = [_seat(seat) for seat in shown.seats]
    if sum(length(line) + 1 for line in lines) <= room:
        return lines
    room -= _COUNT_OF_OTHERS
    fitting: list[str] = []
    for line in lines:
        room -= length(line) + 1
        if room < 0:
            break
        fitting.append(line)
    others = shown.seats[len(fitting) :]
    paid = sum(seat.is_done for seat in others)
    return [*fitting, f"and {count(len(others), 'more part')}, {paid} of them paid"]


def _first_line(shown: Board) -> str:
    total, done = format_sats(shown.sum_msat), format_sats(shown.done_msat)
    if shown.is_all_done:
        return f"{FACE_SIGNS[Face.PAID]} <b>Split: {total}</b>, all paid"
    sign = FACE_SIGNS[Face.OPEN if shown.state is BoardState.OPEN else Face.CANCELLED]
    state = {BoardState.OPEN: "", BoardState.CLOSING: ", closing", BoardState.CLOSED: ", closed"}
    paid = f", {done} paid" if shown.done_msat else ""
    return f"{sign} <b>Split: {total}</b>{paid}{state[shown.state]}"


def _people(shown: Board, payee: str | None) -> list[str]:
    asker = name(shown.asker_name)
    to = "" if payee is None else f"to {node_of(payee)}"
    who = f"Requested by {asker}" if asker else ""
    said = ", ".join(filter(None, (who, to)))
    each = described(shown.sum_msat, len(shown.seats))
    return [*([said[0].upper() + said[1:]] if said else []), each]


def _seat(seat: Seat) -> str:
    who = name(seat.name) or ("someone" if seat.person_id else "free")
    amount = format_sats(seat.paid_msat or seat.amount_msat)
    line = f"{_SIGNS[seat.state]} {amount}: {who}"
    if seat.state is SeatState.SETTLED:
        return f"{line} (paid the bill)"
    part = seat.part
    if part is not None and seat.is_paid and part.asker_id != seat.person_id:
        return f"{line} (by {name(part.asker_name) or 'someone'})"
    return line


def _ending(shown: Board) -> list[str]:
    if shown.state is BoardState.OPEN:
        ends = moment(int(shown.ends_at), "Dt")
        return [f"Open until {ends}. The bot can't return payments."]
    if shown.is_all_done:
        return []
    if shown.state is BoardState.CLOSING:
        return ["I'm cancelling the parts that are still open."]
    who = name(shown.closed_by)
    return [f"Closed by {who}. Nothing more can be paid." if who else "Nothing more can be paid."]


def board_announcement(shown: Board, *, may_be_duplicate: bool = False) -> str:
    """The one message when all is paid, or when it closes."""
    total = format_sats(shown.sum_msat)
    if shown.is_all_done:
        lines = [f"{FACE_SIGNS[Face.PAID]} All parts of {total} are paid.{short_memo(shown.memo)}"]
    else:
        done = format_sats(shown.done_msat) if shown.done_msat else "nothing"
        lines = [f"{FACE_SIGNS[Face.CANCELLED]} The split of {total} is closed: {done} paid."]
    if may_be_duplicate:
        lines.append(MAY_BE_DUPLICATE)
    return "\n".join(lines)


def board_notice(notice: Notice) -> str:
    """What happened to a board that an owner should know, and what to do."""
    row, why = notice.row_id, escape(remark(notice.why))
    others = count(notice.count - 1, "other split")
    more = f" In the hour before, the same happened to {others}." if notice.count > 1 else ""
    if notice.kind is Kind.BOARD_REFUSED:
        return f"Telegram rejected the message of split {row}: {why}. I'm closing the split.{more}"
    if notice.kind is Kind.BOARD_UNTRUE:
        return (
            f"Telegram rejected an edit of the message of split {row}: {why}. "
            f"It shows an older state until the next edit.{more}"
        )
    because = why or "nothing changes"
    return f"I can't finish split {row} ({notice.step}: {because}). See the log for details."


def splitting(came_of_it: Splitting) -> str:
    """What is said back to /split; "" where the board says it."""
    return {
        Splitting.TOO_MANY_OPEN: "This chat has too many open splits. Close one of them first.",
        Splitting.TOO_OFTEN: "You have made too many splits. Please try again in 10 minutes.",
    }.get(came_of_it, "")


def sitting(came_of_it: Sitting) -> str:
    """What a press on "Pay my part" is answered with, where no link is."""
    return {
        Sitting.SEATED: "Open the chat with me to pay your part.",
        Sitting.FULL: "Every part already belongs to someone.",
        Sitting.PAID: "Your part is paid.",
        Sitting.CLOSED: "This split is closed. Nothing more can be paid.",
        Sitting.NOT_TRACKED: "I no longer track this split.",
    }[came_of_it]


def leaving(came_of_it: Leaving) -> str:
    """What a press on "Not me" is answered with."""
    return {
        Leaving.LEAVING: "All right. Your part is free once the node has cancelled this invoice.",
        Leaving.PAID: "It has already been paid.",
        Leaving.NOT_TRACKED: "I no longer track this split.",
    }[came_of_it]


def closing(came_of_it: Closing) -> str:
    """What /cancel as a reply to a board is answered with; "" where the board says it."""
    return "This split is closed already." if came_of_it is Closing.ALREADY_CLOSED else ""


def parting(came_of_it: Parting) -> str:
    """What a link to a part is answered with, where its card says nothing."""
    return {
        Parting.ASKED: "",
        Parting.THERE: "This is the invoice for your part.",
        Parting.PAID: "Your part is paid.",
        Parting.CLOSED: "This split is closed. Nothing more can be paid.",
        Parting.NOT_YOURS: (
            "This link is for somebody else's part, or no longer valid. "
            f"Press {PAY_BUTTON} in the group."
        ),
        Parting.CANCELLING: (
            "I'm still cancelling the invoice that you had for this part. "
            "Please try again in a moment."
        ),
        Parting.TOO_MANY: "You have asked for this part too often. Please try again in an hour.",
    }[came_of_it]
