"""What people want of a board: a new one, a seat, its part, its end. Knows clock and chance."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from bot.access import Access
from bot.actions import seats
from bot.actions.values import Asker, Origin, Place, Rules, draw
from bot.clock import Lately
from bot.config import InvoicesSettings
from bot.core import collection, split, text, work
from bot.core.board import Board, BoardColumns, BoardKind, BoardState, Seat, board_changes, in_parts
from bot.core.invoice import TOO_LATE_S, Invoice
from bot.core.split import Bill, Person
from bot.core.wishes import (
    Change,
    Changing,
    Closing,
    Fixing,
    Joining,
    Leaving,
    Parting,
    Sitting,
    Splitting,
)
from bot.metrics import METER
from bot.pauses import Holds, pause_s
from bot.places import Places
from bot.store import Bell, Store, Tx

#: Bytes of a token: nobody guesses it.
TOKEN_BYTES = 16
#: Seconds for which a press brings its card: whoever follows the link meanwhile finds it there.
JUST_ASKED_S = 20.0
#: Seconds in which a client follows the link that a press was answered with.
FOLLOWS_S = 2.0
#: Seconds for the question whether a name may be read.
NAMED_WITHIN_S = 3.0
#: Seconds between looks whether an invoice is closed: the first, and the longest.
FIRST_LOOK_S, LONGEST_LOOK_S = 0.1, 1.0


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
        holds: Holds,
    ) -> None:
        """`holds`: by chat, what is edited there."""
        self._store = store
        self._access = access
        self._places = places
        self._settings = settings
        self._clock = clock
        self._bell = bell
        self._holds = holds
        self._just_asked = Lately(FOLLOWS_S)  # people whose press brought an invoice

    @property
    def _rules(self) -> Rules:
        return Rules.of(self._settings, self._access.now)

    # new boards

    async def split(
        self,
        asker: Asker,
        origin: Origin,
        place: Place,
        what: str,
        people: Sequence[Person] = (),
        *,
        age_s: float = 0.0,
        at: float = 0.0,
    ) -> tuple[Splitting, Board | None]:
        """A bill for `what`, a sum, how many or whose parts, and a memo; the board where it is new.

        `people`: who is named in `what`; `age_s`: how long ago it was written; `at`: what time it
        is by somebody else's clock, in Unix seconds. Raises `Refused`.
        """
        named = [replace(each, asks=_is(each, asker)) for each in people]
        if age_s > TOO_LATE_S:
            return await self._too_late(origin)
        bill = split.parse(
            what,
            named,
            asker_sits=not asker.is_chat,
            min_sats=self._rules.min_sats,
            max_sats=self._rules.max_sats,
        )
        columns = board_changes(
            sum_msat=bill.sum_msat,
            memo=text.memo(bill.memo),
            state=BoardState.OPEN if bill.count else BoardState.JOINING,
        )
        return await self._new(asker, origin, place, columns, self._seats(bill, asker), age_s, at)

    async def collect(
        self,
        asker: Asker,
        origin: Origin,
        place: Place,
        what: str,
        *,
        age_s: float = 0.0,
        at: float = 0.0,
    ) -> tuple[Splitting, Board | None]:
        """A collection for `what`, a goal, a suggested gift and a memo. Raises `Refused`."""
        if age_s > TOO_LATE_S:
            return await self._too_late(origin)
        pot = collection.parse(what, min_sats=self._rules.min_sats, max_sats=self._rules.max_sats)
        columns = board_changes(
            kind=BoardKind.COLLECTION,
            sum_msat=pot.goal_msat,
            suggested_msat=pot.suggested_msat,
            memo=text.memo(pot.memo),
        )
        return await self._new(asker, origin, place, columns, [], age_s, at)

    async def _too_late(self, origin: Origin) -> tuple[Splitting, Board | None]:
        there = await self._store.do(seats.by_origin, origin, self._places.bot_id)
        return (Splitting.TOO_LATE if there is None else Splitting.AGAIN), None

    async def _new(
        self,
        asker: Asker,
        origin: Origin,
        place: Place,
        wanted: BoardColumns,
        made: list[Seat],
        age_s: float,
        at: float,
    ) -> tuple[Splitting, Board | None]:
        now = self._clock()
        its_own = board_changes(
            handle=secrets.token_urlsafe(12),
            origin_chat_id=origin.chat_id,
            origin_message_id=origin.message_id,
            bot_id=self._places.bot_id,
            chat_id=place.chat_id,
            thread_id=place.thread_id,
            reply_to=place.reply_to,
            asker_id=asker.id,
            asker_name=asker.name,
            chat_title=place.title,
            asked_at=now - age_s,
            # A clock that is behind, and is set later, must not close it early.
            ends_at=max(now, at) + self._settings.board_expiry_s,
            **work.new(now),
        )
        columns: BoardColumns = {**its_own, **wanted}
        is_owner = self._access.is_owner(asker.id)
        came_of_it, board = await self._store.do(seats.new, columns, made, is_owner, now)
        if board is not None:
            self._bell.ring(board.key, board.chat_id)
        if board is None or came_of_it is not Splitting.MADE:
            return came_of_it, None
        METER.commands.add(board.kind)
        return came_of_it, board

    def _seats(self, bill: Bill, asker: Asker) -> list[Seat]:
        """An owner who asks has paid the bill already: the money comes to them."""
        is_owner = self._access.is_owner(asker.id)
        of_asker = Seat(
            number=1,
            amount_msat=0,
            person_id=asker.id,
            name=asker.name,
            otherwise=is_owner,
            paid_bill=is_owner,
        )
        first = [] if asker.is_chat else [of_asker]
        if not bill.count:
            return first
        named = [
            Seat(number=0, amount_msat=0, person_id=each.id, name=each.name, username=_key(each))
            for each in bill.named
        ]
        free = [Seat(number=0, amount_msat=0)] * (bill.count - len(first) - len(named))
        return in_parts([*first, *named, *free], bill.sum_msat)

    # who takes part

    async def sit(
        self,
        handle: str,
        chat_id: int,
        by: Asker,
        message_id: int | None = None,
        *,
        press: str = "",
    ) -> tuple[Sitting, str, bool]:
        """A seat for this person, the token of its link, and whether it is known what everybody may
        read of them: else `name` has to follow, within `NAMED_WITHIN_S`. The chat has to be the
        board's.

        `message_id`: under which the button was; None: it may be another's. `press`: the number of
        the press, by which it is known where it comes again. The invoice of a part is asked for at
        once: its card waits for them in their private chat, or for their START where the bot cannot
        write there. Raises `Refused` where it cannot be asked for.
        """
        now = self._clock()
        token, rules = secrets.token_urlsafe(TOKEN_BYTES), self._rules
        drawn = draw(rules, now)
        came_of_it, seat, is_changed, row = await self._store.do(
            seats.sit, handle, chat_id, message_id, by, token, rules, drawn, press, now
        )
        if row is not None:
            if seat is not None and not seat.is_named:  # the group reads of it once, with the name
                self._holds.hold(chat_id, seat.token, within_s=NAMED_WITHIN_S)
            METER.commands.add("part")
            self._just_asked.note(by.id)
            self._bell.ring(row.key, row.chat_id, fresh=row)
        if is_changed:
            self._bell.ring_due()
        return (came_of_it, "", False) if seat is None else (came_of_it, seat.token, seat.is_named)

    async def name(self, token: str, chat_id: int, by: Asker) -> None:
        """What everybody may read of who has the seat of this token, nothing where nobody says."""
        await self._named(chat_id, token, lambda tx: seats.name(tx, token, by))

    async def join(
        self, handle: str, chat_id: int, by: Asker, *, is_in: bool, press: str = ""
    ) -> Joining:
        """This person takes part in a bill that is not asked for yet, or does not.

        `press`: the number of the press, by which it is known where it comes again. Where it is not
        known what everybody may read of them, `name_in` has to follow, within `NAMED_WITHIN_S`.
        """
        is_owner, now = self._access.is_owner(by.id), self._clock()
        came_of_it = await self._store.do(
            seats.join, handle, chat_id, by, is_in, press, now, is_owner
        )
        if came_of_it is Joining.IN and not (by.name or by.hidden):  # the group reads of it once
            self._holds.hold(chat_id, (handle, by.id), within_s=NAMED_WITHIN_S)
        self._bell.ring_due()
        return came_of_it

    async def name_in(self, handle: str, chat_id: int, by: Asker) -> None:
        """What everybody may read of somebody who is in, nothing where nobody says."""
        key = (handle, by.id)
        await self._named(chat_id, key, lambda tx: seats.name_in(tx, handle, by))

    async def _named(self, chat_id: int, why: Hashable, job: Callable[[Tx], None]) -> None:
        """Nobody waits for this, but for an edit of the board, which was held for `why`."""
        try:
            await self._store.do_with_others(job)
        finally:
            self._holds.let_go(chat_id, why)
            self._bell.ring_due()

    async def fix(self, board_id: int) -> Fixing:
        """Ask those who are in. Raises `Refused` where their parts cannot be asked for."""
        came_of_it = await self._store.do(seats.fix, board_id, self._rules, self._clock())
        self._bell.ring_due()
        return came_of_it

    async def leave(self, payment_hash: bytes, *, press: str = "") -> Leaving:
        """The seat of this part is wanted free: its invoice is cancelled first.

        `press`: the number of the press, by which it is known where it comes again.
        """
        came_of_it = await self._store.do(seats.leave, payment_hash, press, self._clock())
        self._bell.ring_due()
        return came_of_it

    # parts

    async def part(
        self,
        token: str,
        by: Asker,
        place: Place,
        number: int | None = None,
        *,
        press: str = "",
        whose: str | None = None,
        takes: bool = True,
    ) -> tuple[Parting, Invoice | None]:
        """The invoice of the seat that this token was made for, in that person's private chat.

        `number`: of the seat of the same bill that this person wants to pay instead, and `press`:
        the number of the press that says so, by which it is known where it comes again. `whose`:
        the mark of the person who had that seat as the button was made. `takes`: also where
        somebody else has its invoice. Of a collection it is asked first how much is given. Raises
        `Refused` where it cannot be asked for.
        """
        now = self._clock()
        rules = self._rules
        drawn = draw(rules, now)
        came_of_it, row = await self._store.do(
            seats.part, token, number, by, place, rules, drawn, press, now, whose, takes=takes
        )
        if row is not None:
            fresh = row if came_of_it is Parting.ASKED else None
            if fresh is not None:
                METER.commands.add("part")
            self._bell.ring(row.key, row.chat_id, fresh=fresh)
        return came_of_it, row

    async def is_closed(self, row: Invoice, *, within_s: float) -> bool:
        """Whether an invoice can no longer be paid, waiting so many seconds for that."""
        return await self._is_over(seats.is_live, row.id, within_s)

    async def is_ended(self, board: Board, *, within_s: float) -> bool:
        """Whether a board is closed, waiting so many seconds for its invoices to be cancelled."""
        return await self._is_over(seats.is_closing, board.id, within_s)

    async def _is_over(
        self, goes_on: Callable[[Tx, int], bool], number: int, within_s: float
    ) -> bool:
        attempt = 0
        try:
            async with asyncio.timeout(within_s):
                while await self._store.do(goes_on, number):
                    attempt += 1
                    await asyncio.sleep(
                        pause_s(attempt, first_s=FIRST_LOOK_S, longest_s=LONGEST_LOOK_S)
                    )
        except TimeoutError:
            return False
        return True

    def has_just_asked(self, person_id: int) -> bool:
        """Whether a press of this person's has just brought an invoice. It is said once."""
        return self._just_asked.take(person_id)

    def is_on_its_way(self, row: Invoice) -> bool:
        """Whether a part was asked for just now, so that nothing needs to be said of its card."""
        return abs(self._clock() - row.asked_at) < JUST_ASKED_S

    async def to_pay_for(self, token: str, by: Asker) -> Board | None:
        """The board of this person's seat, where others' parts can be paid now."""
        return await self._store.do(seats.to_pay_for, token, by)

    async def token_of(self, payment_hash: bytes, by: Asker) -> str:
        """The token of this person's seat on the board that a part is of; "" where none is."""
        return await self._store.do(seats.token_of, payment_hash, by)

    async def hide(
        self, payment_hash: bytes, *, is_hidden: bool, press: str = ""
    ) -> Invoice | None:
        """Whether the name of who gives this is shown; None where it is no gift.

        `press`: the number of the press, by which it is known where it comes again.
        """
        row = await self._store.do(seats.hide, payment_hash, is_hidden, press, self._clock())
        if row is not None:
            self._bell.ring(row.key, row.chat_id)
        self._bell.ring_due()
        return row

    # boards that are there

    async def board_of(self, chat_id: int, message_id: int, handle: str) -> Board | None:
        """The board that a message shows, by its number or by the `handle` on its buttons, or that
        this command made.

        What was written before a group moved may come after it: the buttons say which board it is.
        """
        here, bot_id = self._places.now(chat_id), self._places.bot_id
        origin = Origin(chat_id, message_id)
        board = await self._store.do(seats.of_message, origin, handle, here, bot_id)
        if board is not None:
            self._bell.ring_due()
        return board

    async def by_handle(self, handle: str) -> Board | None:
        """The board whose buttons carry this."""
        return await self._store.do(seats.by_handle, handle)

    async def of_button(self, handle: str, chat_id: int, message_id: int | None) -> Board | None:
        """The board of a button in this chat, under this message; None: it may be another's.

        A copy that a crash left behind is kept true with the board's message from now on.
        """
        board, is_new = await self._store.do(seats.of_button, handle, chat_id, message_id)
        if is_new:
            self._bell.ring_due()
        return board

    async def change(
        self,
        board_id: int,
        change: Change,
        number: int,
        by: Asker,
        *,
        press: str = "",
        whose: str = "",
    ) -> Changing:
        """Those who manage it want this; `number`: of the seat that it is about, 0 of none.

        `whose`: the mark of the person who had it as the button was made.

        `press`: the number of the press that says so, by which it is known where it comes again.
        Raises `Refused` where one more part could not be asked for.
        """
        came_of_it = await self._store.do(
            seats.change, board_id, change, number, by, self._rules, press, self._clock(), whose
        )
        self._bell.ring_due()
        return came_of_it

    async def close(self, board_id: int, by: Asker) -> Closing:
        """Want it closed: its open parts are cancelled first."""
        came_of_it = await self.change(board_id, Change.CLOSE, 0, by)
        return Closing.CLOSING if came_of_it is Changing.DONE else Closing.ALREADY_CLOSED


def _key(person: Person) -> str:
    """How a named person is found once they press: by a user name, unless the id is known."""
    return "" if person.id else person.username.casefold()


def _is(person: Person, asker: Asker) -> bool:
    """Whether somebody who is named is the one who asks."""
    if asker.is_chat:
        return False
    named = person.username.casefold()
    return person.id == asker.id or (bool(named) and named == asker.username.casefold())
