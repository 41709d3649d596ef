"""Boards with their seats, and with each seat its part: found, added, changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import work
from bot.core.board import (
    BOARD_LANES,
    GOES_ON,
    Board,
    BoardColumns,
    BoardState,
    Rearranged,
    Seat,
    SeatColumns,
)
from bot.core.board_steps import consequences
from bot.core.invoice import LATE_S, Invoice, State
from bot.core.work import MAX_FAULTS, Lane
from bot.store.agenda import IS_OVER, Due, DueRows, is_at_rest
from bot.store.invoices import Invoices
from bot.store.noun import IS_PART, ROWS, Noun, touch
from bot.store.rows import BOARDS, SEATS, packed, unpacked_before
from bot.store.tables import boards, hints, invoices, seats

#: The hint on an invoice that somebody else had cancelled, to pay its part.
TAKEN = "part taken"

_b, _s, _c = boards.c, seats.c, invoices.c
_ALL = tuple(_b[name] for name in BOARDS.columns)
_BOARDS = sa.select(*_ALL)
_SEATS = (
    sa.select(*(_s[name] for name in SEATS.columns))
    .where(_s.board_id == sa.bindparam("of"))
    .order_by(_s.number)
)
# A figure that is bound would hide from SQLite that the index for it can be used.
_HAS_TOKEN = _s.token != sa.literal_column("''")
_DUE = DueRows(boards, _BOARDS, BOARDS.unpacked)
#: Parts that are paid, or can be.
_COUNT = (State.ASKING, State.PENDING, State.OPEN, State.SETTLED)
#: What says something of a seat; spelled out, as the index for it says it. All that were closed and
#: replaced say nothing, however many they are.
_SAYS: sa.ColumnElement[bool] = sa.literal_column(
    "(NOT invoices.replaced OR invoices.state IN ('asking', 'pending', 'open', 'settled'))"
)
_PARTS = ROWS.where(_c.board_id == sa.bindparam("of"), IS_PART, _SAYS)
#: Seconds by which the clock may have been set back since a board was asked for.
CLOCK_SET_S = 86_400.0
_OF_SEAT = (_c.part == sa.bindparam("seat"), _c.asker_id == sa.bindparam("person"))
# Those that say nothing are found by the index of the person.
_ASKED_FOR = (
    _PARTS.where(*_OF_SEAT),
    ROWS.where(
        *_OF_SEAT,
        _c.board_id == sa.bindparam("of"),
        _c.asked_at >= sa.bindparam("since"),
        sa.not_(_SAYS),
    ),
)
_BY_ID = _BOARDS.where(_b.id == sa.bindparam("of"))
_BY_HANDLE = _BOARDS.where(_b.handle == sa.bindparam("by"))
_BY_TOKEN = sa.select(_s.board_id, _s.number).where(_s.token == sa.bindparam("by"), _HAS_TOKEN)
# By the index of the person: of a board there may be many more.
_PARTS_SINCE = (
    sa.select(sa.func.count())
    .select_from(invoices)
    .where(
        _c.board_id == sa.bindparam("of"),
        _c.asker_id == sa.bindparam("person"),
        _c.state != State.SETTLED,
        _c.asked_at.between(sa.bindparam("since"), sa.bindparam("until")),
        _c.id.not_in(sa.select(hints.c.subject_id).where(hints.c.kind == TAKEN)),
    )
)
_GOES_ON = _b.state.in_(GOES_ON)
_MAY_BE_RENEWED = (
    IS_PART,
    ~_c.replaced,
    _c.state.in_((State.EXPIRED, State.CANCELLED, State.FAILED)),
)
# What does not rest is due as it is, or cannot be shown.
_RESTS = (_c.due_at.is_(None), _c.lane.not_in((Lane.UNREACHABLE, Lane.OTHER_NODE)))


class Boards(Noun):
    """The boards. Times in Unix seconds, amounts in millisatoshi."""

    def __init__(self, connection: Connection, rows: Invoices) -> None:
        super().__init__(connection)
        self._rows = rows

    def get(self, board_id: int) -> Board | None:
        """The board with this number."""
        return self._read(_BY_ID, of=board_id)

    def asked_for(self, board: Board, number: int, person_id: int) -> list[Invoice]:
        """All invoices of a seat that this person has asked for, those that were replaced too."""
        of = {"of": board.id, "seat": number, "person": person_id}
        since = board.asked_at - CLOCK_SET_S
        says, others = _ASKED_FOR
        return [*self._all(says, **of), *self._all(others, **of, since=since)]

    def by_handle(self, handle: str) -> Board | None:
        """The board whose buttons carry this."""
        return self._read(_BY_HANDLE, by=handle)

    def by_token(self, token: str) -> tuple[Board, Seat] | None:
        """The board and the seat that a token was made for."""
        if not token:
            return None
        found = self._connection.execute(_BY_TOKEN, {"by": token}).first()
        board = None if found is None else self.get(found.board_id)
        if board is None or found is None:
            return None
        return board, next(seat for seat in board.seats if seat.number == found.number)

    def by_message(self, chat_id: int, message_id: int) -> Board | None:
        """The board that this message shows."""
        return self._board(_b.chat_id == chat_id, _b.card_id == message_id)

    def by_origin(self, chat_id: int, message_id: int, bot_id: int) -> Board | None:
        """The board that this command made."""
        return self._board(
            _b.origin_chat_id == chat_id, _b.origin_message_id == message_id, _b.bot_id == bot_id
        )

    def add(self, made: Iterable[Seat], **columns: Unpack[BoardColumns]) -> Board:
        """A new board with these seats."""
        kept = BOARDS.defaults | BOARDS.packed(columns)
        names = [name for name in BOARDS.columns if name != "id"]
        row = self._connection.execute(
            sa.insert(boards).values({name: kept[name] for name in names}).returning(_b.id)
        ).scalar_one()
        for seat in made:
            self.add_seat(row, seat)
        board = self.get(row)
        assert board is not None  # noqa: S101 -- it was just added
        return board

    def update(self, board_id: int, **columns: Unpack[BoardColumns]) -> Board:
        """Set these columns; the board as it is then. It has to be there."""
        if columns:
            self._change(boards, {"id": board_id}, BOARDS.packed(columns))
        board = self.get(board_id)
        if board is None:
            raise LookupError(f"no board {board_id}")
        return board

    def add_seat(self, board_id: int, seat: Seat) -> None:
        """One seat more, with a number that none has yet."""
        kept = SEATS.packed({name: getattr(seat, name) for name in SEATS.columns})
        self._connection.execute(sa.insert(seats).values(board_id=board_id, **kept))

    def update_seat(self, board_id: int, number: int, **columns: Unpack[SeatColumns]) -> None:
        """Set these columns of a seat."""
        self._change(seats, {"board_id": board_id, "number": number}, SEATS.packed(columns))

    def replace_seats(self, board_id: int, made: Iterable[Seat]) -> None:
        """These seats alone; none of those before may have an invoice."""
        self._connection.execute(sa.delete(seats).where(_s.board_id == board_id))
        for seat in made:
            self.add_seat(board_id, seat)

    def make_overdue(self, now: float) -> None:
        """What waits for longer than any pause lasts is due: by a clock that was ahead the pause
        between two edits, and any other, ended at a time that is far from now. A board that waits
        for its end goes on doing so."""
        due = BOARDS.packed(work.retry_now(now))
        latest = work.latest_retry(now)
        put_off = (_b.retry_at > latest, _b.due_at.is_not(None), _b.faults < MAX_FAULTS)
        self._connection.execute(sa.update(boards).where(*put_off).values(**due))
        waits = sa.select(_b.id).where(_b.lane.in_(BOARD_LANES), _b.due_at > latest)
        late = (_b.id.in_(waits), _b.due_at != _b.ends_at)
        self._connection.execute(sa.update(boards).where(*late).values(**due))

    def doubt_edits(self, now: float) -> None:
        """What may have been in work as the process before ended is drawn once more: see
        `Agenda`."""
        is_due = _b.lane.in_(BOARD_LANES), _b.due_at <= work.latest_retry(now)
        statement = sa.update(boards).where(*is_due, _b.card_id.is_not(None))
        self._connection.execute(statement.values(redraw_at=now + LATE_S))

    def unstick(self, now: float) -> None:
        """Give stuck boards another chance."""
        unstuck = BOARDS.packed(work.unstuck(now))
        stuck = (_b.retry_at > 0, _b.faults >= MAX_FAULTS)
        self._connection.execute(sa.update(boards).where(*stuck).values(**unstuck))

    def prune(self, before: float, limit: int, *, unheard: bool = True) -> int:
        """Remove closed boards that ended before then, each with all its parts; how many.

        One is kept as long as any of its parts is: without that it would say what is not so. Nor
        does it go before its end was shown and told. `unheard`: as of `Agenda.prune`.
        """
        kept = sa.select(_c.id).where(_c.board_id == _b.id, IS_PART, ~IS_OVER).exists()
        old = (_b.ends_at < before, _b.state == BoardState.CLOSED, is_at_rest(_b), ~kept)
        found = self._connection.execute(
            sa.select(_b.id).where(*old).order_by(_b.ends_at).limit(limit),
            {"before": before, "unheard": unheard},
        )
        ids = [*found.scalars()]
        if ids:
            self._connection.execute(sa.delete(invoices).where(_c.board_id.in_(ids), IS_PART))
            self._connection.execute(sa.delete(seats).where(_s.board_id.in_(ids)))
            self._connection.execute(sa.delete(boards).where(_b.id.in_(ids)))
        return len(ids)

    def touch(self, board_id: int) -> None:
        """It is due."""
        touch(self._connection, board_id)

    def open_in_chat(self, chat_id: int, *, of: int | None = None) -> int:
        """How many boards of this chat go on: of one person, None: of all.

        One that only waits for the node's word is in nobody's way: its node may never come back.
        """
        statement = sa.select(sa.func.count()).select_from(boards)
        here = [_b.chat_id == chat_id, _GOES_ON]
        if of is not None:
            here.append(_b.asker_id == of)
        return self._connection.execute(statement.where(*here)).scalar_one()

    def is_known(self, chat_id: int) -> bool:
        """Whether there is any board of this chat."""
        here = sa.select(sa.literal(1)).where(_b.chat_id == chat_id)
        return self._connection.execute(here.limit(1)).first() is not None

    def asked_since(self, asker_id: int, since: float, until: float) -> int:
        """How many boards this person has asked for between these times."""
        statement = sa.select(sa.func.count()).select_from(boards)
        asked = (_b.asker_id == asker_id, _b.asked_at.between(since, until))
        return self._connection.execute(statement.where(*asked)).scalar_one()

    def parts_since(self, board_id: int, person_id: int, since: float, until: float) -> int:
        """How many invoices for parts of a board that are not paid this person has got between
        these times. Those that somebody else had cancelled are not theirs to answer for."""
        values = {"of": board_id, "person": person_id, "since": since, "until": until}
        return self._connection.execute(_PARTS_SINCE, values).scalar_one()

    def rearrange(self, board_id: int, now: float, surely_at: float = 0.0) -> Rearranged:
        """Write what follows from the parts as they are now. The board has to be there.

        Its end comes where it is `surely_at` (Unix seconds) at least.
        """
        board = self.get(board_id)
        if board is None:
            raise LookupError(f"no board {board_id}")
        return self.follow(board, now, surely_at)

    def follow(self, board: Board, now: float, surely_at: float = 0.0) -> Rearranged:
        """The same for a board as it was read in this transaction, with all that was written."""
        come = consequences(board, surely_at)
        for number, columns in come.seats.items():
            self.update_seat(board.id, number, **columns)
        for part in board.live:
            if part.id in come.cancels:
                self._rows.want_cancelled(part, now)
        if come.board.get("state") is BoardState.CLOSED:
            self._offer_no_renewal(board.id, now)
        after = self.update(board.id, **come.board) if come else board
        return Rearranged(come.board, follows_again=bool(come and consequences(after, surely_at)))

    def _offer_no_renewal(self, board_id: int, now: float) -> None:
        """On the cards of what was not paid: edited after all else."""
        here = sa.update(invoices).where(_c.board_id == board_id, *_MAY_BE_RENEWED)
        self._connection.execute(here.where(*_RESTS).values(packed(**work.closed(now))))
        self._connection.execute(here.values(replaced=True))

    def due(
        self,
        lanes: Iterable[Lane],
        now: float,
        *,
        limit: int,
        but: Collection[tuple[Lane, int]] = (),
    ) -> Due:
        """Boards that are due now, the most urgent lane first, of each at most `limit`.

        `but`: lanes and chats that have enough in hand.
        Without their seats: whoever takes one up reads it.
        """
        here = sorted(set(lanes) & set(BOARD_LANES))
        return _DUE.read(self._connection, here, now, limit, but)

    def _board(self, *here: sa.ColumnElement[bool]) -> Board | None:
        return self._read(_BOARDS.where(*here))

    def _read(self, statement: sa.Executable, **values: int | str) -> Board | None:
        kept = self._connection.execute(statement, values).first()
        if kept is None:
            return None
        parts = self._parts(kept.id)
        made = []
        for each in self._connection.execute(_SEATS, {"of": kept.id}).all():
            its_own = parts.get(each.number, [])
            part = its_own[0] if its_own else None
            made.append(SEATS.unpacked(each, part=part, others=tuple(its_own[1:])))
        return BOARDS.unpacked(kept, seats=tuple(made))

    def _parts(self, board_id: int) -> dict[int, list[Invoice]]:
        """Of each seat the part that is paid, else its newest, and whatever else of it counts."""
        parts: dict[int, list[Invoice]] = {}
        for each in self._connection.execute(_PARTS, {"of": board_id}):
            row = unpacked_before(each)
            parts.setdefault(row.part, []).append(row)
        for rows in parts.values():
            rows.sort(key=lambda row: (row.state is not State.SETTLED, -row.id))
            rows[1:] = [row for row in rows[1:] if row.state in _COUNT]
        return parts
