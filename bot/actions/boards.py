"""What people want of a board: a new one, a seat, its part, its end. Knows clock and chance."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from bot.access import Access
from bot.actions.values import Asker, Drawn, Origin, Place, Rules, draw
from bot.config import InvoicesSettings
from bot.core import split, text, work
from bot.core.board import (
    ANY_FACE,
    HOUR_S,
    LIVES_S,
    PARTS_AN_HOUR,
    Board,
    BoardColumns,
    BoardState,
    Seat,
    board_changes,
)
from bot.core.invoice import TOO_LATE_S, Invoice, State
from bot.core.wishes import Closing, Leaving, Parting, Sitting, Splitting
from bot.core.work import Lane
from bot.places import Places
from bot.store import Bell, Store, Tx

#: Boards of one chat that are open, and new ones of one person in so many seconds.
OPEN_A_CHAT = 5
NEW_A_PERSON, NEW_WITHIN_S = 3, 600.0
#: Bytes of a token: nobody guesses it.
TOKEN_BYTES = 16
#: Seconds for which a press brings its card: whoever follows the link meanwhile finds it there.
JUST_ASKED_S = 30.0


class BoardActions:
    """Wishes become rows; what came of them is an enum. Raises `StoreUnavailable`."""

    def __init__(
        self,
        *,
        store: Store,
        access: Access,
        places: Places,
        settings: InvoicesSettings,
        clock: Callable[[], float],
        bell: Bell,
    ) -> None:
        self._store = store
        self._access = access
        self._places = places
        self._rules = Rules(access, settings.min_sats, settings.max_sats, settings.expiry_s)
        self._clock = clock
        self._bell = bell

    async def split(
        self, asker: Asker, origin: Origin, place: Place, what: str, *, age_s: float = 0.0
    ) -> Splitting:
        """A board for `what`, a sum, a number of people and a memo. Raises `Refused`.

        `age_s`: how long ago it was written.
        """
        now, bot_id = self._clock(), self._places.bot_id
        if age_s > TOO_LATE_S:
            there = await self._store.do(_by_origin, origin, bot_id)
            return Splitting.TOO_LATE if there is None else Splitting.AGAIN
        bill = split.parse(what, min_sats=self._rules.min_sats, max_sats=self._rules.max_sats)
        columns = board_changes(
            handle=secrets.token_urlsafe(12),
            origin_chat_id=origin.chat_id,
            origin_message_id=origin.message_id,
            bot_id=bot_id,
            chat_id=place.chat_id,
            thread_id=place.thread_id,
            reply_to=place.reply_to,
            asker_id=asker.id,
            asker_name=asker.name,
            chat_title=place.title,
            asked_at=now - age_s,
            sum_msat=bill.sum_msat,
            memo=text.memo(bill.memo),
            ends_at=now + LIVES_S,
            **work.new(now),
        )
        # An owner who asks has paid the bill already: the money comes to them.
        seats = [Seat(number=n, amount_msat=each) for n, each in enumerate(_parts(bill), 1)]
        is_owner = self._access.is_owner(asker.id)
        if not asker.is_chat:
            seats[0] = Seat(
                number=1,
                amount_msat=seats[0].amount_msat,
                person_id=asker.id,
                name=asker.name,
                otherwise=is_owner,
            )
        came_of_it, board = await self._store.do(_split, columns, seats, is_owner, now)
        if board is not None:
            self._bell.ring(board.key, board.chat_id)
        return came_of_it

    async def sit(
        self, handle: str, chat_id: int, by: Asker, *, message_id: int | None
    ) -> tuple[Sitting, str]:
        """A seat for this person, and the token of its link. The chat has to be the board's.

        Its invoice is asked for at once, so that it waits for them in their private chat. Where the
        bot cannot write there, it waits for their START.
        `message_id`: the message that has the button; None where that is not known.
        """
        now, token = self._clock(), secrets.token_urlsafe(TOKEN_BYTES)
        drawn = draw(self._rules, now)
        came_of_it, token, row = await self._store.do(
            _sit, handle, chat_id, message_id, by, token, drawn, now
        )
        if row is not None:
            self._bell.ring(row.key, row.chat_id, fresh=row)
        if came_of_it is Sitting.SEATED:
            self._bell.ring_due()
        return came_of_it, token

    async def part(self, token: str, by: Asker, place: Place) -> tuple[Parting, Invoice | None]:
        """The invoice of the seat that this token was made for, in that person's private chat."""
        now = self._clock()
        drawn = draw(self._rules, now)
        came_of_it, row = await self._store.do(_part, token, by, place, drawn, now)
        if row is not None and now - row.asked_at < JUST_ASKED_S:
            if came_of_it is Parting.ASKED:
                self._bell.ring(row.key, row.chat_id, fresh=row)
            return Parting.ASKED, row  # what was asked for by the press is on its way
        if row is not None:
            self._bell.ring(row.key, row.chat_id)
        return came_of_it, row

    async def board_of(self, chat_id: int, message_id: int, handle: str) -> Board | None:
        """The board that a message shows, by its number or by the `handle` on its button."""
        board = await self._store.do(_of_message, chat_id, message_id, handle)
        if board is not None:
            self._bell.ring_due()
        return board

    async def leave(self, payment_hash: bytes) -> Leaving:
        """The seat of this part is wanted free: its invoice is cancelled first."""
        came_of_it = await self._store.do(_leave, payment_hash)
        self._bell.ring_due()
        return came_of_it

    async def close(self, board_id: int, by: Asker) -> Closing:
        """Want it closed: its open parts are cancelled first."""
        came_of_it = await self._store.do(_close, board_id, by)
        self._bell.ring_due()
        return came_of_it


def _parts(bill: split.Bill) -> list[int]:
    return split.parts(bill.sum_msat, bill.count)


# jobs of the store


def _by_origin(tx: Tx, origin: Origin, bot_id: int) -> Board | None:
    return tx.boards.by_origin(origin.chat_id, origin.message_id, bot_id)


def _of_message(tx: Tx, chat_id: int, message_id: int, handle: str) -> Board | None:
    if (board := tx.boards.by_message(chat_id, message_id)) is not None:
        return board
    # A duplicate of its message is as good: the button says which board it is.
    board = tx.boards.by_handle(handle) if handle else None
    if board is None or board.chat_id != chat_id:
        return None
    _found(tx, board, message_id)
    return board


def _found(tx: Tx, board: Board, message_id: int | None) -> None:
    """A copy that has its button: the board's message, where no number of one is known."""
    if message_id is not None and board.misses_its_message:
        tx.boards.update(board.id, card_id=message_id, shown=ANY_FACE)
        tx.boards.touch(board.id)


def _split(
    tx: Tx, columns: BoardColumns, seats: list[Seat], is_owner: bool, now: float
) -> tuple[Splitting, Board | None]:
    there = tx.boards.by_origin(
        columns["origin_chat_id"], columns["origin_message_id"], columns["bot_id"]
    )
    if there is not None:
        return Splitting.AGAIN, there
    if not is_owner:
        if tx.boards.open_in_chat(columns["chat_id"]) >= OPEN_A_CHAT:
            return Splitting.TOO_MANY_OPEN, None
        # What was asked for long after now was asked for while the host's clock was ahead.
        since, until = now - NEW_WITHIN_S, now + NEW_WITHIN_S
        if tx.boards.asked_since(columns["asker_id"], since, until) >= NEW_A_PERSON:
            return Splitting.TOO_OFTEN, None
    return Splitting.MADE, tx.boards.add(seats, **columns)


def _sit(
    tx: Tx,
    handle: str,
    chat_id: int,
    message_id: int | None,
    by: Asker,
    token: str,
    drawn: Drawn,
    now: float,
) -> tuple[Sitting, str, Invoice | None]:
    board = tx.boards.by_handle(handle)
    # A duplicate of its message is as good: the button says which board it is.
    if board is None or board.chat_id != chat_id:
        return Sitting.NOT_TRACKED, "", None
    _found(tx, board, message_id)
    if board.state is not BoardState.OPEN:
        return Sitting.CLOSED, "", None
    mine = [seat for seat in board.seats if seat.person_id == by.id]
    seat = next((seat for seat in mine if not seat.is_done), None)
    if seat is None:
        if mine:
            return Sitting.PAID, "", None
        seat = next((seat for seat in board.seats if not seat.person_id and not seat.is_done), None)
    if seat is None:
        return Sitting.FULL, "", None
    token = seat.token or token
    tx.boards.update_seat(
        board.id, seat.number, person_id=by.id, name=by.name, token=token, leaving=False
    )
    tx.boards.touch(board.id)
    came_of_it, row = _ask(tx, board, seat, by, by.id, drawn, now)
    return Sitting.SEATED, token, row if came_of_it is Parting.ASKED else None


def _part(
    tx: Tx, token: str, by: Asker, place: Place, drawn: Drawn, now: float
) -> tuple[Parting, Invoice | None]:
    found = tx.boards.by_token(token)
    if found is None or found[1].person_id != by.id:
        return Parting.NOT_YOURS, None
    return _ask(tx, *found, by, place.chat_id, drawn, now)


def _ask(
    tx: Tx, board: Board, seat: Seat, by: Asker, chat_id: int, drawn: Drawn, now: float
) -> tuple[Parting, Invoice | None]:
    """The invoice of a seat that is this person's, in their private chat."""
    if seat.is_done:
        return Parting.PAID, None
    if board.state is not BoardState.OPEN or now >= board.ends_at:
        return Parting.CLOSED, None
    if seat.part is not None and seat.is_live and not seat.part.cancel_wanted:
        return Parting.THERE, seat.part
    if seat.is_live:  # the node's word on the old one comes first
        return Parting.CANCELLING, None
    if tx.boards.parts_since(board.id, by.id, now - HOUR_S, now + HOUR_S) >= PARTS_AN_HOUR:
        return Parting.TOO_MANY, None
    row, _ = tx.invoices.add(
        origin_chat_id=board.origin_chat_id,
        origin_message_id=board.origin_message_id,
        part=seat.number,
        renewal=0 if seat.part is None else seat.part.renewal + 1,
        bot_id=board.bot_id,
        board_id=board.id,
        chat_id=chat_id,
        asker_id=by.id,
        asker_name=by.name,
        chat_title=board.chat_title,
        asked_at=now,
        amount_msat=seat.amount_msat,
        memo=board.memo,
        state=State.PENDING,
        **drawn,
    )
    if seat.part is not None:  # its card offers no renewal from now on
        tx.invoices.update(seat.part.id, replaced=True, **work.wanted(now, Lane.COMMAND))
    return Parting.ASKED, row


def _leave(tx: Tx, payment_hash: bytes) -> Leaving:
    row = tx.invoices.by_hash(payment_hash)
    board = None if row is None else tx.boards.get(row.board_id)
    if row is None or board is None:
        return Leaving.NOT_TRACKED
    seat = next((seat for seat in board.seats if seat.number == row.part), None)
    # A press may come again once its person has come back: that is another invoice.
    is_newest = seat is not None and seat.part is not None and seat.part.id == row.id
    if seat is None or not is_newest or seat.person_id != row.asker_id:
        return Leaving.NOT_TRACKED
    if seat.is_done:
        return Leaving.PAID
    tx.boards.update_seat(board.id, seat.number, leaving=True)
    tx.boards.touch(board.id)
    return Leaving.LEAVING


def _close(tx: Tx, board_id: int, by: Asker) -> Closing:
    board = tx.boards.get(board_id)
    if board is None or board.state is not BoardState.OPEN:
        return Closing.ALREADY_CLOSED
    name = "" if by.id == board.asker_id else by.name
    tx.boards.update(board_id, state=BoardState.CLOSING, closed_by=name)
    tx.boards.touch(board_id)
    return Closing.CLOSING
