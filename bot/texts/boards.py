"""A bill or a collection as its chat reads it: the board, one announcement, a reminder.

Telegram HTML.
"""

from __future__ import annotations

from bot.core.amounts import format_sats
from bot.core.board import GOES_ON, Board, BoardState, Seat, SeatState, in_parts
from bot.core.invoice import Audience, Face
from bot.core.notices import Kind, Notice
from bot.core.split import MIN_SEATS, described
from bot.core.text import MAX_TEXT, length
from bot.texts.cards import FACE_SIGNS, MAY_BE_DUPLICATE, WHY_IN_PRIVATE
from bot.texts.phrases import (
    count,
    escape,
    long_memo,
    moment,
    name,
    node_of,
    on_network,
    remark,
    short_memo,
)

#: Names that are shown; the others are folded.
NAMES_SHOWN = 12
#: Room for a line that counts the others.
_COUNT_OF_OTHERS = 60
PAY_BUTTON = "Pay my part"
GIVE_BUTTON = "Give"
MANAGE_BUTTON = "Manage"
JOIN_BUTTON = "I'm in"
LEAVE_BUTTON = "Not me"
ASK_BUTTON = "Ask now"
MOVED_DOWN = "This message has moved to the end of the chat."

_STATES = {
    BoardState.JOINING: "",
    BoardState.OPEN: "",
    BoardState.CLOSING: ", closing",
    BoardState.CLOSED: ", closed",
}
_BAR, _FULL, _EMPTY = 10, "▰", "▱"
_SIGNS = {
    SeatState.FREE: "◻️",
    SeatState.NAMED: "◻️",
    SeatState.TAKEN: "⚡",
    SeatState.PAID: FACE_SIGNS[Face.PAID],
    SeatState.SETTLED: FACE_SIGNS[Face.PAID],
}


def board(
    shown: Board, payee: str | None, *, network: str = "", may_be_duplicate: bool = False
) -> str:
    """What the board says; `payee`: whose node is paid, None where an owner asks; `network`: that
    it is on, "" where that is not known.
    """
    top = [first_line(shown) + short_memo(shown.memo)]
    if may_be_duplicate:
        top.append(MAY_BE_DUPLICATE)
    top += long_memo(shown.memo)
    top += _people(shown, payee) + on_network(network)
    if not shown.is_split:
        top += _progress(shown)
    ending = _ending(shown)
    room = MAX_TEXT - length("\n".join([*top, *ending])) - 1
    lines = seat_lines(shown, room) if shown.is_split else _givers(shown, room)
    seats = lines[:NAMES_SHOWN]
    if folded := lines[NAMES_SHOWN:]:
        inside = "\n".join(folded)
        seats.append(f"<blockquote expandable>{inside}</blockquote>")
    return "\n".join([*top, *seats, *ending])


def _progress(shown: Board) -> list[str]:
    """A bar where there is a goal, and how many have given. No single amounts."""
    lines: list[str] = []
    if shown.sum_msat:
        percent = 100 * shown.done_msat // shown.sum_msat
        full = min(_BAR, _BAR * shown.done_msat // shown.sum_msat)
        lines.append(f"{_FULL * full}{_EMPTY * (_BAR - full)} {percent} %")
    if shown.suggested_msat and shown.state is BoardState.OPEN:
        lines.append(f"Suggested: {format_sats(shown.suggested_msat)}")
    gifts = sum(seat.is_paid for seat in shown.seats)
    return [*lines, *([count(gifts, "gift")] if gifts else [])]


def _givers(shown: Board, room: int) -> list[str]:
    """A line for each who gave and whose name is shown, and one that counts the others."""
    names: dict[int, str] = {}
    for seat in shown.seats:
        who = "" if seat.hidden else name(seat.name)
        if seat.is_paid and who:
            names.setdefault(seat.person_id, who)
    lines: list[str] = []
    room -= _COUNT_OF_OTHERS
    for who in names.values():
        line = f"{FACE_SIGNS[Face.PAID]} {who}"
        room -= length(line) + 1
        if room < 0:
            return [*lines, f"and {count(len(names) - len(lines), 'other')}"]
        lines.append(line)
    return lines


def seat_lines(shown: Board, room: int) -> list[str]:
    """A line each, as many as `room` takes; the last one counts those that are left out."""
    is_joining = not shown.is_asked
    lines = [_joined(seat) if is_joining else _seat(shown, seat) for seat in shown.seats]
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
    if is_joining:
        return [*fitting, f"and {count(len(others), 'other')}"]
    paid = sum(seat.is_paid for seat in others)
    otherwise = sum(seat.is_done for seat in others) - paid
    also = f", {otherwise} settled otherwise" if otherwise else ""
    return [*fitting, f"and {count(len(others), 'more part')}, {paid} of them paid{also}"]


def first_line(shown: Board) -> str:
    """What it is, and how far; without its memo."""
    total = format_sats(shown.sum_msat)
    if shown.is_all_done:
        how = f"all covered: {covered(shown)}" if shown.otherwise_msat else f"all paid{_odd(shown)}"
        return f"{FACE_SIGNS[Face.PAID]} <b>Split: {total}</b>, {how}"
    is_going_on = shown.state in GOES_ON
    sign = FACE_SIGNS[Face.OPEN if is_going_on else Face.CANCELLED]
    state = _STATES[shown.state]
    if shown.is_split:
        paid = f", {so_far}" if (so_far := covered(shown)) else ""
        return f"{sign} <b>Split: {total}</b>{paid}{state}"
    if shown.is_reached:
        sign = FACE_SIGNS[Face.PAID]
    given = _received(shown) if shown.paid_msat or not is_going_on else "nothing yet"
    of = f" of {total}" if shown.sum_msat else ""
    return f"{sign} <b>Collection: {given}{of}</b>{state}"


def covered(shown: Board) -> str:
    """How much of a bill the node received, and how much was settled otherwise; "" for nothing."""
    otherwise = shown.otherwise_msat
    if not (shown.paid_msat or otherwise):
        return ""
    paid = f"{_received(shown)} paid"
    return f"{paid}, {format_sats(otherwise)} settled otherwise" if otherwise else paid


def _odd(shown: Board) -> str:
    """What was received for a bill that is all paid, where that is not its sum; "" where it is."""
    return "" if shown.paid_msat == shown.sum_msat else f": {_received(shown)} received"


def _received(shown: Board) -> str:
    return format_sats(shown.paid_msat) if shown.paid_msat else "nothing"


def _people(shown: Board, payee: str | None) -> list[str]:
    asker = name(shown.asker_name)
    is_going_on = shown.state in GOES_ON
    to = "" if payee is None or not is_going_on else f"payable to {node_of(payee)}"
    who = f"Requested by {asker}" if asker else ""
    said = ", ".join(filter(None, (who, to)))
    lines = [said[0].upper() + said[1:]] if said else []
    if not shown.is_split:
        return lines
    if shown.is_asked:
        return [*lines, described([seat.amount_msat for seat in shown.seats])]
    so_far = len(shown.seats)
    if so_far < MIN_SEATS or shown.sum_msat < 1000 * so_far:
        return lines
    each = described([seat.amount_msat for seat in in_parts(shown.seats, shown.sum_msat)])
    return [*lines, f"{so_far} people so far: {each}"]


def who_has(seat: Seat) -> str:
    """Whose part it is; "free" for nobody's."""
    if seat.hidden:
        return "an admin"
    is_somebodys = seat.person_id or seat.username or seat.is_done
    return name(seat.public_name) or ("someone" if is_somebodys else "free")


def _joined(seat: Seat) -> str:
    return f"{_SIGNS[SeatState.NAMED]} {who_has(seat)}"


def _seat(shown: Board, seat: Seat) -> str:
    """One part: its state, its amount, whose it is, and who paid it."""
    who = who_has(seat)
    amount = format_sats(seat.paid_msat or seat.amount_msat)
    is_over = shown.state is BoardState.CLOSED and seat.state is SeatState.TAKEN
    line = f"{_SIGNS[SeatState.NAMED if is_over else seat.state]} {amount}: {who}"
    if seat.state is SeatState.SETTLED:
        if not (seat.person_id or seat.username):
            return f"{_SIGNS[seat.state]} {amount}: settled otherwise"
        return f"{line} (paid the bill)" if seat.paid_bill else f"{line} (settled otherwise)"
    if seat.is_short:
        line = f"{line} (less than {format_sats(seat.amount_msat)})"
    if others := seat.paid_by_others:
        names = [
            "an admin" if part.hidden else name(part.asker_name) or "someone" for part in others
        ]
        by = ", ".join(dict.fromkeys(names))
        theirs = sum(part.paid_msat for part in others)
        return f"{line} ({'' if theirs == seat.paid_msat else f'{format_sats(theirs)} '}by {by})"
    return line


def _ending(shown: Board) -> list[str]:
    ends = moment(int(shown.ends_at), "Dt")
    if shown.state is BoardState.JOINING:
        how = f"Press <i>{JOIN_BUTTON}</i> to take part. <i>{ASK_BUTTON}</i> then fixes the parts."
        return [f"Who is in? {how} Open until {ends}."]
    if shown.state is BoardState.OPEN:
        return [f"Open until {ends}. The bot can't return payments."]
    if shown.is_all_done:
        return []
    if shown.state is BoardState.CLOSING:
        return ["I'm cancelling the invoices that are still open."]
    who = name(shown.closed_by)
    return [f"Closed by {who}. Nothing more can be paid." if who else "Nothing more can be paid."]


def board_refused(shown: Board, *, is_closed: bool) -> str:
    """Tells who asked in private that their board is nowhere; `is_closed`: so is its topic.

    Without its memo, which may be what was refused.
    """
    where, total = name(shown.chat_title), format_sats(shown.sum_msat)
    what = f"split of {total}" if shown.is_split else "collection"
    here = f" in {where}" if where else ""
    why = "I can't write in that topic" if is_closed else "Telegram rejected its message"
    return (
        f"{FACE_SIGNS[Face.CANCELLED]} Your {what}{here} is closed: {why}. "
        "Nobody can pay it. Please ask for it again."
    )


def board_announcement(
    shown: Board,
    *,
    may_be_duplicate: bool = False,
    is_bare: bool = False,
    in_private: bool = False,
) -> str:
    """The one message when all is paid, or when it closes.

    `is_bare`: without what people wrote; `in_private`: to who asked, as its chat does not take it.
    """
    total = format_sats(shown.sum_msat)
    done = (covered(shown) or "nothing paid") if shown.is_split else f"{_received(shown)} given"
    memo = "" if is_bare else short_memo(shown.memo)
    sign = FACE_SIGNS[Face.PAID]
    if shown.is_all_done and shown.otherwise_msat:
        said = f"All parts of {total} are covered: {done}"
    elif shown.is_all_done:
        said = f"All parts of {total} are paid{_odd(shown)}"
    elif shown.is_reached:
        said = f"The goal of {total} is reached: {done}"
    else:
        sign = FACE_SIGNS[Face.CANCELLED]
        what = f"split of {total}" if shown.is_split else "collection"
        said = f"The {what} is closed: {done}"
    lines = [f"{sign} {said}{memo}."]
    if in_private:
        lines.append(WHY_IN_PRIVATE[Audience.ASKER])
    if may_be_duplicate:
        lines.append(MAY_BE_DUPLICATE)
    return "\n".join(lines)


def reminder(shown: Board, *, may_be_duplicate: bool = False) -> str:
    """Mentions those who have not paid their part, as many as fit, and counts the others."""
    sum_of = f"the split of {format_sats(shown.sum_msat)}"
    top = [f"{FACE_SIGNS[Face.OPEN]} Parts of {sum_of} can be paid{short_memo(shown.memo)}."]
    bottom = [f"To pay, press <i>{PAY_BUTTON}</i> below the split."]
    if may_be_duplicate:
        bottom.append(MAY_BE_DUPLICATE)
    room = MAX_TEXT - length("\n".join([*top, "Not yet paid: ", *bottom])) - _COUNT_OF_OTHERS
    whose: list[str] = []
    for each in filter(None, (_mention(seat) for seat in shown.unpaid if not seat.hidden)):
        room -= length(f"{each}, ")
        if room < 0:
            break
        whose.append(each)
    if others := len(shown.unpaid) - len(whose):
        whose.append(count(others, "other part" if whose else "part"))
    return "\n".join([*top, f"Not yet paid: {', '.join(whose)}.", *bottom])


def _mention(seat: Seat) -> str:
    """Somebody, so that Telegram notifies them; "" where nobody is known."""
    who = name(seat.public_name)
    if who and seat.person_id > 0:
        return f'<a href="tg://user?id={seat.person_id}">{who}</a>'
    return who


def board_notice(notice: Notice) -> str:
    """What happened to a board that an owner should know, and what to do."""
    which, why = f"split or collection {notice.row_id}", escape(remark(notice.why))
    others = count(notice.count - 1, "other")
    more = f" In the hour before, the same happened to {others}." if notice.count > 1 else ""
    if notice.kind is Kind.BOARD_REFUSED:
        return f"Telegram rejected the message of {which}: {why}. I'm closing it.{more}"
    if notice.kind is Kind.BOARD_UNTRUE:
        return (
            f"Telegram rejected an edit of the message of {which}: {why}. "
            f"It shows an older state until Telegram takes one.{more}"
        )
    if notice.kind is Kind.BOARD_UNTOLD:
        return (
            f"Telegram rejected a message about {which}: {why}. "
            f"Its chat has not seen that message.{more}"
        )
    because = why or "nothing changes"
    return f"I can't finish {which} ({notice.step}: {because}). See the log for details.{more}"
