"""The jobs behind boards: what is wanted of seats, checked and written in one transaction.

A job is a function of the values that it gets: it may run twice, in the writer's thread.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from bot.actions import jobs
from bot.actions.values import Asker, Drawn, Origin, Place, Rules
from bot.core import delivery, split, work
from bot.core.board import (
    FREED,
    GOES_ON,
    MAX_GIFTS,
    MOVE_EVERY_S,
    REMIND_EVERY_S,
    Board,
    BoardColumns,
    BoardState,
    Seat,
    SeatColumns,
    board_changes,
    in_parts,
)
from bot.core.invoice import AT_THE_NODE, REDRAWN, Face, Invoice, PartKind, State, changes
from bot.core.wishes import Change, Changing, Fixing, Joining, Leaving, Parting, Sitting, Splitting
from bot.core.work import Do, Lane
from bot.store import TAKEN, Tx

#: Boards of one chat that are open, in all and of one person; and new ones of one person in so many
#: seconds.
OPEN_A_CHAT, OPEN_A_PERSON = 5, 3
NEW_A_PERSON, NEW_WITHIN_S = 3, 600.0
#: Seconds before somebody may have another one's invoice of the same seat cancelled again.
TAKEN_S = 1800.0
#: Seconds for which a press is known by its number: Telegram keeps updates for a day.
PRESS_S = 86_400.0
_PRESS = "press"
#: Seconds before the card of a part that is open is sent again.
SHOWN_EVERY_S = 10.0
#: Messages of a part beside its card, after which it is not sent once more: all are kept true.
COPIES = 10


# found


def by_origin(tx: Tx, origin: Origin, bot_id: int) -> Board | None:
    """The board that a command to this bot made."""
    return tx.boards.by_origin(origin.chat_id, origin.message_id, bot_id)


def by_handle(tx: Tx, handle: str) -> Board | None:
    """The board whose buttons carry this."""
    return tx.boards.by_handle(handle)


def of_message(tx: Tx, to: Origin, handle: str, here: int, bot_id: int) -> Board | None:
    """The board that a message shows, or that a command to this bot made.

    `here`: the chat as it is now; where it has moved, numbers from before are void.
    """
    shown = tx.boards.by_message(to.chat_id, to.message_id)
    if shown is None and handle:
        number = to.message_id if to.chat_id == here else None
        shown, _ = of_button(tx, handle, here, number)
    return shown or by_origin(tx, to, bot_id)


def of_button(
    tx: Tx, handle: str, chat_id: int, message_id: int | None
) -> tuple[Board | None, bool]:
    """The board of a button, and whether its message was not known before."""
    board = _here(tx, handle, chat_id)
    known = {} if board is None or message_id is None else board.with_message(message_id)
    if board is None or not known:
        return board, False
    board = tx.boards.update(board.id, **known)
    tx.boards.touch(board.id)
    return board, True


def _here(tx: Tx, handle: str, chat_id: int) -> Board | None:
    """The board of a button in this chat. A duplicate of its message is as good: the button says
    which board it is."""
    board = tx.boards.by_handle(handle)
    return None if board is None or board.chat_id != chat_id else board


# new


def new(
    tx: Tx, columns: BoardColumns, made: list[Seat], is_owner: bool, now: float
) -> tuple[Splitting, Board | None]:
    """A new board with these seats, or the one that this command made already."""
    there = tx.boards.by_origin(
        columns["origin_chat_id"], columns["origin_message_id"], columns["bot_id"]
    )
    if there is not None:
        return Splitting.AGAIN, there
    if not is_owner:
        chat_id, asker_id = columns["chat_id"], columns["asker_id"]
        if tx.boards.open_in_chat(chat_id) >= OPEN_A_CHAT:
            return Splitting.TOO_MANY_OPEN, None
        # What was asked for long after now was asked for while the host's clock was ahead.
        since, until = now - NEW_WITHIN_S, now + NEW_WITHIN_S
        if tx.boards.asked_since(columns["asker_id"], since, until) >= NEW_A_PERSON:
            return Splitting.TOO_OFTEN, None
        if tx.boards.open_in_chat(chat_id, of=asker_id) >= OPEN_A_PERSON:
            return Splitting.TOO_MANY_OWN, None
    return Splitting.MADE, tx.boards.add(made, **columns)


# who takes part


def sit(
    tx: Tx,
    handle: str,
    chat_id: int,
    message_id: int | None,
    by: Asker,
    token: str,
    rules: Rules,
    drawn: Drawn,
    press: str,
    now: float,
) -> tuple[Sitting, Seat | None, bool, Invoice | None]:
    """A seat for somebody who pressed: their own, else a free one.

    Also whether the board changed by it, and the invoice of their part where it is new. `press`:
    its number by Telegram. One that is delivered again finds what it took, and takes nothing.
    Raises `AmountRefused` where its part cannot be asked for: then nothing changes.
    """
    board, is_new = of_button(tx, handle, chat_id, message_id)
    if board is None:
        return Sitting.NOT_TRACKED, None, False, None
    if press and tx.memory.was_said(_pressed(press), board.id):
        seat = _taken_by(board, by)
        return Sitting.AGAIN if seat is None else Sitting.SEATED, seat, is_new, None
    came_of_it, seat, is_written = _sit(tx, board, by, token)
    if seat is None:
        return came_of_it, None, is_new, None
    row = _brought(tx, board, seat, by, rules, drawn, now)
    if press:  # also where it finds what is there: once more it may find that they have left
        tx.memory.say(_pressed(press), board.id, now)
    return came_of_it, seat, is_new or is_written, row


def _pressed(press: str) -> str:
    """The kind of hint by which a press is known, of its number by Telegram."""
    return f"{_PRESS} {press}"


def forget_presses(tx: Tx, now: float) -> None:
    """No press is delivered again after a day."""
    tx.memory.prune_kinds(f"{_PRESS} ", now - PRESS_S)


def _is_first(tx: Tx, press: str, board_id: int, now: float) -> bool:
    """Whether a press comes for the first time; it is known from now on, whatever the clock says.
    One without a number, "", always does."""
    if not press:
        return True
    is_first = not tx.memory.was_said(_pressed(press), board_id)
    if is_first:
        tx.memory.say(_pressed(press), board_id, now)
    return is_first


def _taken_by(board: Board, by: Asker) -> Seat | None:
    """The seat that this person has and does not leave, first what is to be paid."""
    mine = [each for each in board.seats if each.person_id == by.id and each.token]
    staying = sorted((each for each in mine if not each.leaving), key=lambda each: each.is_done)
    return next(iter(staying), None)


def _sit(tx: Tx, board: Board, by: Asker, token: str) -> tuple[Sitting, Seat | None, bool]:
    """The seat alone, as it is then, and whether something was written."""
    if board.state is BoardState.JOINING:
        return Sitting.JOINING, None, False
    if board.state is not BoardState.OPEN:
        return Sitting.CLOSED, None, False
    seat = _seat_for(board, by) if board.is_split else _gift_for(tx, board, by)
    if seat is None:
        return Sitting.FULL, None, False
    is_renamed = seat.person_id != by.id or not seat.is_named
    is_nothing_new = not is_renamed or not (by.name or by.hidden)
    if seat.person_id == by.id and seat.token and not seat.leaving and is_nothing_new:
        return Sitting.SEATED, seat, False  # nothing is written for a press that repeats
    taken: SeatColumns = {
        "person_id": by.id,
        "name": by.name if is_renamed else seat.name,
        "hidden": by.hidden if is_renamed else seat.hidden,
        "username": "",
        "token": seat.token if seat.token and seat.person_id == by.id else token,
        "leaving": False,
    }
    tx.boards.update_seat(board.id, seat.number, **taken)
    tx.boards.touch(board.id)
    return Sitting.SEATED, replace(seat, **taken), True


def name(tx: Tx, token: str, by: Asker) -> None:
    """What everybody may read of who has this seat, where it was not known before.

    Who hides meanwhile stays hidden, until they show their name. Another gift is another one's.
    """
    found = tx.boards.by_token(token)
    if found is None or found[1].person_id != by.id:
        return
    board, seat = found
    tx.boards.touch(board.id)  # its edit has waited for this
    if seat.name or not (by.name or by.hidden):
        return
    hidden = seat.hidden or by.hidden
    tx.boards.update_seat(board.id, seat.number, name=by.name, hidden=hidden)
    for part in (part for each in board.seats for part in each.parts):
        is_theirs = board.is_split or part.part == seat.number
        if is_theirs and part.asker_id == by.id and not part.asker_name:
            tx.invoices.update(part.id, asker_name=by.name, hidden=part.hidden or by.hidden)


def name_in(tx: Tx, handle: str, by: Asker) -> None:
    """The same for somebody who is in, and may have a part by now, wherever the group has moved."""
    board = tx.boards.by_handle(handle)
    own = () if board is None else [seat for seat in board.seats if seat.person_id == by.id]
    if board is None or not own:
        return
    tx.boards.touch(board.id)  # its edit has waited for this
    if own[0].token:
        name(tx, own[0].token, by)
    elif not own[0].is_named:
        _named_late(tx, board, by)


def _seat_for(board: Board, by: Asker) -> Seat | None:
    """Theirs or one that is kept for them, first what is to be paid; or a free one.

    Where others have an invoice for each that is nobody's, one of whoever has most, if these are
    several: nobody keeps more than one from those who come and pay.
    """
    username = by.username.casefold()
    mine = [seat for seat in board.seats if seat.person_id == by.id]
    kept = [seat for seat in board.seats if username and seat.username == username]
    own = sorted([*mine, *kept], key=lambda seat: seat.is_done)
    free = [seat for seat in board.seats if seat.is_free]
    return next(iter([*own, *free, *_held(board)]), None)


def _held(board: Board) -> list[Seat]:
    """The seats that are nobody's and that one person has invoices for, where these are several,
    of whoever has most first."""
    held = [seat for seat in board.seats if seat.is_nobodys and seat.is_live]
    counts = Counter(part.asker_id for seat in held for part in seat.live)
    most = [max(counts[part.asker_id] for part in seat.live) for seat in held]
    several = [(-count, seat.number, seat) for count, seat in zip(most, held, strict=True)]
    return [seat for count, _, seat in sorted(several) if count < -1]


def _gift_for(tx: Tx, board: Board, by: Asker) -> Seat | None:
    """A seat for a gift: each that is paid is one, and anybody may give again."""
    mine = [seat for seat in board.unpaid if seat.person_id == by.id]
    if mine:
        return mine[0]
    if len(board.seats) >= MAX_GIFTS:  # somebody pressed, and never gave
        return next((seat for seat in board.unpaid if not seat.is_live), None)
    seat = Seat(number=len(board.seats) + 1, amount_msat=0)
    tx.boards.add_seat(board.id, seat)
    return seat


def join(
    tx: Tx,
    handle: str,
    chat_id: int,
    by: Asker,
    is_in: bool,
    press: str,
    now: float,
    is_owner: bool = False,
) -> Joining:
    """Somebody takes part in a bill that nobody is asked for yet, or does not.

    An owner who asks has paid it already. `press`: its number by Telegram. One that is delivered
    again changes nothing: they may have pressed something else since.
    """
    board = _here(tx, handle, chat_id)
    if board is None:
        return Joining.NOT_TRACKED
    if board.state is not BoardState.JOINING:
        return Joining.OVER if board.state is BoardState.OPEN else Joining.CLOSED
    seats = [seat for seat in board.seats if seat.person_id != by.id]
    is_new = len(seats) == len(board.seats)
    if not _is_first(tx, press, board.id, now):
        return Joining.OUT if is_new else Joining.IN
    if is_in and is_new and len(seats) >= split.MAX_SEATS:
        return Joining.FULL
    if is_in and not is_new:
        _named_late(tx, board, by)
    if is_in == is_new:
        if is_in:
            paid_bill = is_owner and by.id == board.asker_id
            number = max((seat.number for seat in seats), default=0) + 1
            own = Seat(
                number=number,
                amount_msat=0,
                person_id=by.id,
                name=by.name,
                hidden=by.hidden,
                otherwise=paid_bill,
                paid_bill=paid_bill,
            )
            seats.append(own)
        tx.boards.replace_seats(board.id, seats)
        tx.boards.touch(board.id)
    return Joining.IN if is_in else Joining.OUT


def _named_late(tx: Tx, board: Board, by: Asker) -> None:
    """Telegram had not said in time what everybody may read of them, and says so now."""
    own = next(seat for seat in board.seats if seat.person_id == by.id)
    if not own.is_named and (by.name or by.hidden):
        tx.boards.update_seat(board.id, own.number, name=by.name, hidden=by.hidden)
        tx.boards.touch(board.id)


def fix(tx: Tx, board_id: int, rules: Rules, now: float) -> Fixing:
    """The number of people is fixed, and each has a part. Raises `AmountRefused`."""
    board = tx.boards.get(board_id)
    if board is None or board.state not in GOES_ON:
        return Fixing.CLOSED
    if board.state is BoardState.OPEN:
        return Fixing.ALREADY_FIXED
    if len(board.seats) < split.MIN_SEATS:
        return Fixing.TOO_FEW
    rules.check_parts(board.sum_msat, len(board.seats))
    tx.boards.replace_seats(board_id, in_parts(board.seats, board.sum_msat))
    # Nobody hears of an edit: those who said that they are in are reminded at once.
    tx.boards.update(board_id, state=BoardState.OPEN)
    tx.boards.update(board_id, **_reminder(board, now))
    tx.boards.touch(board_id)
    return Fixing.FIXED


def leave(tx: Tx, payment_hash: bytes, press: str, now: float) -> Leaving:
    """The seat of this part is wanted free, whatever invoice it has by now: a new one of its
    person's, of a link that waited longer, or somebody else's who is paying for them.

    `press`: its number by Telegram. It may come again once its person has come back, and leaves
    alone what was made since.
    """
    row = tx.invoices.by_hash(payment_hash)
    board = None if row is None else tx.boards.get(row.board_id)
    seat = None if row is None or board is None else board.seat(row.part)
    if row is None or board is None or seat is None or seat.person_id != row.asker_id:
        return Leaving.NOT_TRACKED
    if seat.is_paid:
        return Leaving.PAID
    if not _is_first(tx, press, board.id, now):
        return Leaving.LEAVING if seat.leaving else Leaving.NOT_TRACKED
    if seat.is_done:
        return Leaving.PAID
    tx.boards.update_seat(board.id, seat.number, leaving=True)
    tx.boards.touch(board.id)
    tx.boards.rearrange(board.id, now)
    return Leaving.LEAVING


# parts


def part(
    tx: Tx,
    token: str,
    number: int | None,
    by: Asker,
    place: Place,
    rules: Rules,
    drawn: Drawn,
    press: str,
    now: float,
    whose: str | None = None,
    *,
    takes: bool = True,
) -> tuple[Parting, Invoice | None]:
    """The invoice of a seat, a new one where there is none that can be paid.

    `press`: its number by Telegram, "" of a link. One that is delivered again brings nothing.
    `whose`: the mark of the person whose seat is meant, None of whomever. `takes`: also where
    somebody else has one. Raises `AmountRefused` where a new one would be needed, and the limits
    are others by now.
    """
    found = tx.boards.by_token(token)
    if found is None or found[1].person_id != by.id:
        return Parting.NOT_YOURS, None
    seat = None if number is None else found[0].seat(number)
    if whose is not None and seat is not None and seat.whose != whose:
        return Parting.ANOTHERS, None
    if place.reply_to and tx.invoices.followed(place.chat_id, place.reply_to) is not None:
        return Parting.AGAIN, None
    if not _is_first(tx, press, found[0].id, now):
        return Parting.AGAIN, None
    return _part(tx, *found, number, by, place, rules, drawn, now, takes=takes)


def _part(
    tx: Tx,
    board: Board,
    own: Seat,
    number: int | None,
    by: Asker,
    place: Place,
    rules: Rules,
    drawn: Drawn,
    now: float,
    *,
    takes: bool = True,
) -> tuple[Parting, Invoice | None]:
    """The same for somebody whose `own` seat is known."""
    seat = own if number is None else board.seat(number)
    if seat is None or (number is not None and not board.is_split):  # a gift is nobody else's
        return Parting.NOT_YOURS, None
    if seat.is_done or not board.takes_payments:
        return _no_part(board, seat, is_own=number is None), None
    there = seat.live[0] if seat.live else None
    if there is not None and not takes and there.asker_id != own.person_id:
        return Parting.FASTER, None
    is_theirs = there is not None and there.asker_id == own.person_id
    if there is not None and is_theirs and not there.cancel_wanted:
        if place.reply_to and there.reply_to is None:  # a link that comes again is known by it
            there = tx.invoices.update(there.id, reply_to=place.reply_to)
        return _shown_again(tx, there, place, now)
    if board.is_split:  # before another one is cancelled for it
        rules.check_part(seat.amount_msat)
    if there is not None and there.cancel_wanted:
        return Parting.CANCELLING, there
    if jobs.has_too_many_parts(tx, board, by.id, seat.number, now):
        return Parting.TOO_MANY, None
    if there is not None:
        return _take(tx, board, seat, own, there, now)
    return Parting.ASKED, _new_part(tx, board, seat, own, by, place, drawn, now)


def _brought(
    tx: Tx, board: Board, own: Seat, by: Asker, rules: Rules, drawn: Drawn, now: float
) -> Invoice | None:
    """A new invoice of a part, for whoever has just pressed; None where there is one, or none can
    be: the link says why. Of a collection it is asked first how much is given."""
    if not board.is_split or own.is_live:
        return None
    came_of_it, row = _part(tx, board, own, None, by, Place(by.id), rules, drawn, now)
    return row if came_of_it is Parting.ASKED else None


def _no_part(board: Board, seat: Seat, *, is_own: bool) -> Parting:
    """Why nothing has to be paid, or can be."""
    if not board.takes_payments:
        return Parting.PAID if seat.is_done else Parting.CLOSED
    if not board.is_split:
        return Parting.GIVEN
    return Parting.PAID_OWN if is_own else Parting.PAID


def _take(
    tx: Tx, board: Board, seat: Seat, own: Seat, there: Invoice, now: float
) -> tuple[Parting, Invoice | None]:
    """Somebody else has the invoice of this seat: its cancellation is wanted, and the node's word
    comes before another.

    Nobody keeps others from paying: of others' seats one at a time, and none twice in a row. One's
    own is had back each time.
    """
    if seat.person_id != own.person_id:
        if jobs.taken_from_others(tx, board, own.person_id, seat.number, now, TAKEN_S):
            return Parting.ONE_AT_A_TIME, None
        kind = jobs.taken_by(seat, own.person_id)
        if not tx.memory.claim_hint(kind, board.id, now=now, every_s=TAKEN_S):
            return Parting.ONCE, None
    tx.memory.claim_hint(TAKEN, there.id, now=now, every_s=0.0)
    return Parting.CANCELLING, tx.invoices.want_cancelled(there, now, by=own.public_name)


def _new_part(
    tx: Tx,
    board: Board,
    seat: Seat,
    own: Seat,
    by: Asker,
    place: Place,
    drawn: Drawn,
    now: float,
) -> Invoice:
    """A new invoice for a seat; of a collection it asks first how much is given."""
    if not board.is_split:
        jobs.drop_question(tx, place.chat_id, place.thread_id, by.id)
    before = seat.part
    row, _ = tx.invoices.add(
        origin_chat_id=board.origin_chat_id,
        origin_message_id=board.origin_message_id,
        part=seat.number,
        renewal=0 if before is None else before.renewal + 1,
        bot_id=board.bot_id,
        board_id=board.id,
        part_kind=_kind(board, seat, by),
        part_for="" if seat is own else seat.public_name,
        requester_id=max(0, board.asker_id),
        hidden=own.hidden,
        suggested_msat=board.suggested_msat,
        chat_id=place.chat_id,
        reply_to=place.reply_to,
        asker_id=by.id,
        asker_name=(own.name or by.name) if own.is_named else "",
        chat_title=board.chat_title,
        asked_at=now,
        amount_msat=seat.amount_msat if board.is_split else None,
        memo=board.memo,
        state=State.PENDING if board.is_split else State.ASKING,
        **drawn,
    )
    if before is not None and not before.replaced:  # its card offers no renewal from now on
        tx.invoices.update(before.id, replaced=True, **work.wanted(now, Lane.COMMAND))
    return row


def _shown_again(tx: Tx, row: Invoice, place: Place, now: float) -> tuple[Parting, Invoice | None]:
    """A part whose card somebody asks for once more, who may have deleted it: nobody tells the bot.

    It is sent again, and kept true as well where it was before, if that is still there.
    """
    if row.card_id is not None and place.reply_to is not None and place.reply_to < row.card_id:
        return Parting.AGAIN, row  # the card came after the link was followed, and is below it
    there = Parting.ASKING if row.state is State.ASKING else Parting.THERE
    is_shown = row.card_id is not None and row.card_shown is row.face
    is_new = abs(now - row.asked_at) < SHOWN_EVERY_S
    if not is_shown or is_new or row.lane is Lane.OTHER_NODE or len(row.duplicates) >= COPIES:
        return there, row
    if not tx.memory.claim_hint("part shown", row.id, now=now, every_s=SHOWN_EVERY_S):
        return there, row
    before = (row.card_id, row.payment_request_id)
    copies = {number: row.face for number in before if number is not None}
    afresh = changes(
        card_id=None,
        card_shown=Face.NOTHING,
        payment_request_id=None,
        payment_request_shown=Face.NOTHING,
        duplicates={**row.duplicates, **copies},
        reply_to=place.reply_to,
        **delivery.once_more(row, Do.SEND_CARD),
        **work.wanted(now, Lane.COMMAND),
    )
    return Parting.ASKED, tx.invoices.update(row.id, **afresh)


def is_live(tx: Tx, row_id: int) -> bool:
    """Whether this invoice can be paid, or may be soon."""
    row = tx.invoices.get(row_id)
    return row is not None and row.state in AT_THE_NODE


def is_closing(tx: Tx, board_id: int) -> bool:
    """Whether a board's open invoices are still to be cancelled."""
    board = tx.boards.get(board_id)
    return board is not None and board.state is BoardState.CLOSING


def _kind(board: Board, seat: Seat, by: Asker) -> PartKind:
    if not board.is_split:
        return PartKind.GIFT
    return PartKind.OWN if seat.person_id == by.id else PartKind.OTHERS


def to_pay_for(tx: Tx, token: str, by: Asker) -> Board | None:
    """The bill of this person's seat, where parts of it can be paid."""
    found = tx.boards.by_token(token)
    if found is None or found[1].person_id != by.id:
        return None
    board, _ = found
    return board if board.is_split and board.takes_payments else None


def token_of(tx: Tx, payment_hash: bytes, by: Asker) -> str:
    """The token of this person's seat on the board that a part is of."""
    row = tx.invoices.by_hash(payment_hash)
    board = None if row is None or not row.board_id else tx.boards.get(row.board_id)
    if board is None:
        return ""
    return next((seat.token for seat in board.seats if seat.person_id == by.id), "")


def hide(tx: Tx, payment_hash: bytes, is_hidden: bool, press: str, now: float) -> Invoice | None:
    """Whether the name of who gives this is shown: on the board, and to those who hear of it.

    That goes for all that they asked for in this place: the button may be below an older one.
    `press`: its number by Telegram. One that is delivered again changes nothing.
    """
    row = tx.invoices.by_hash(payment_hash)
    if row is None or row.part_kind is not PartKind.GIFT:
        return None
    if not _is_first(tx, press, row.board_id, now):
        return row
    board = tx.boards.get(row.board_id)
    seat = None if board is None else board.seat(row.part)
    if seat is not None and seat.person_id == row.asker_id:
        tx.boards.update_seat(row.board_id, row.part, hidden=is_hidden)
        tx.boards.touch(row.board_id)
    asked_for = [row] if board is None else tx.boards.asked_for(board, row.part, row.asker_id)
    for each in asked_for:
        if each.hidden != is_hidden:
            _hide(tx, each, is_hidden, now)
    return tx.invoices.get(row.id)


def _hide(tx: Tx, row: Invoice, is_hidden: bool, now: float) -> None:
    """What can be pressed reads otherwise then: whatever shows it is drawn again."""
    card = REDRAWN.get(row.card_shown, row.card_shown)
    copies = {number: REDRAWN.get(face, face) for number, face in row.duplicates.items()}
    if card is row.card_shown and copies == row.duplicates:
        tx.invoices.update(row.id, hidden=is_hidden)
        return
    afresh = changes(
        hidden=is_hidden, card_shown=card, duplicates=copies, **work.wanted(now, Lane.COMMAND)
    )
    tx.invoices.update(row.id, **afresh)


# those who manage it


def change(
    tx: Tx,
    board_id: int,
    wanted: Change,
    number: int,
    by: Asker,
    rules: Rules,
    press: str,
    now: float,
    whose: str = "",
) -> Changing:
    """What those who manage a board want of it, and what follows: it waits for no edit.

    `press`: its number by Telegram, "" of a command. One that is delivered again changes nothing.
    `whose`: the mark of the person whose seat is meant, "" of whomever. Raises `AmountRefused`
    where one more part could not be asked for.
    """
    board = tx.boards.get(board_id)
    seat = None if board is None else board.seat(number)
    if whose and seat is not None and seat.whose != whose:
        return Changing.ANOTHERS
    if not _is_first(tx, press, board_id, now):
        return Changing.AGAIN
    if board is None:
        return Changing.NOT_TRACKED
    came_of_it = _change(tx, board, wanted, seat, by, rules, now)
    if came_of_it in (Changing.DONE, Changing.LATER):
        tx.boards.rearrange(board_id, now)
    return came_of_it


def _change(
    tx: Tx, board: Board, wanted: Change, seat: Seat | None, by: Asker, rules: Rules, now: float
) -> Changing:
    if wanted is Change.MOVE:
        return _move(tx, board, now)
    is_going_on = board.state in GOES_ON
    if not is_going_on or (board.state is BoardState.JOINING and wanted is not Change.CLOSE):
        return Changing.CLOSED
    tx.boards.touch(board.id)
    match wanted:
        case Change.CLOSE:
            name = "" if by.id == board.asker_id or by.hidden else by.name
            tx.boards.update(board.id, state=BoardState.CLOSING, closed_by=name)
            return Changing.DONE
        case Change.REMIND:
            return _remind(tx, board, now)
        case Change.ADD:
            return _add(tx, board, rules)
    return _change_seat(tx, board, wanted, seat)


def _change_seat(tx: Tx, board: Board, wanted: Change, seat: Seat | None) -> Changing:
    if seat is None or not board.is_split:
        return Changing.NOTHING
    if seat.is_paid:
        return Changing.PAID
    columns = SeatColumns(otherwise=wanted is Change.SETTLE, paid_bill=False)
    if wanted is Change.FREE:
        if not (seat.person_id or seat.username):
            return Changing.NOTHING
        columns = {"leaving": True, **columns} if seat.is_live else {**FREED, **columns}
    tx.boards.update_seat(board.id, seat.number, **columns)
    is_later = seat.is_live and wanted is not Change.UNSETTLE
    return Changing.LATER if is_later else Changing.DONE


def _move(tx: Tx, board: Board, now: float) -> Changing:
    if abs(now - board.moved_at) < MOVE_EVERY_S:
        return Changing.TOO_SOON
    tx.boards.update(
        board.id,
        **board_changes(
            move_wanted=True,
            moved_at=now,
            undeliverable=False,
            **delivery.once_more(board, Do.SEND_CARD),
        ),
    )
    tx.boards.touch(board.id)
    return Changing.DONE


def _remind(tx: Tx, board: Board, now: float) -> Changing:
    if not board.is_split or not board.unpaid:
        return Changing.NOTHING
    if abs(now - board.reminded_at) < REMIND_EVERY_S:
        return Changing.TOO_SOON
    tx.boards.update(board.id, **_reminder(board, now))
    return Changing.DONE


def _reminder(board: Board, now: float) -> BoardColumns:
    """One is wanted from `now` on: the next one has to wait its time."""
    told = delivery.once_more(board, Do.REMIND)
    return board_changes(remind_wanted=True, reminded_at=now, **told)


def _add(tx: Tx, board: Board, rules: Rules) -> Changing:
    """One seat more, of the same amount: the sum grows."""
    if not board.is_split:
        return Changing.NOTHING
    if len(board.seats) >= split.MAX_SEATS:
        return Changing.FULL
    amount_msat = min(seat.amount_msat for seat in board.seats)
    rules.check_part(amount_msat)
    tx.boards.add_seat(board.id, Seat(number=len(board.seats) + 1, amount_msat=amount_msat))
    tx.boards.update(board.id, sum_msat=board.sum_msat + amount_msat)
    return Changing.DONE
