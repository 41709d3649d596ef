"""Boards with their seats, and with each seat its part: found, added, changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import work
from bot.core.board import BOARD_LANES, Board, BoardColumns, BoardState, Seat, SeatColumns
from bot.core.invoice import Invoice, State
from bot.core.work import MAX_FAULTS, Lane
from bot.store.agenda import Due
from bot.store.invoices import Invoices
from bot.store.noun import IS_PART, ROWS, Noun, touch
from bot.store.rows import BOARDS
from bot.store.tables import boards, invoices, seats

_b, _s, _c = boards.c, seats.c, invoices.c
_ALL = tuple(_b[name] for name in BOARDS.columns)
_BOARDS = sa.select(*_ALL)
_SEAT = ("number", "amount_msat", "person_id", "name", "token", "leaving", "otherwise")
_SEATS = sa.select(*(_s[name] for name in _SEAT))
# A figure that is bound would hide from SQLite that the index for it can be used.
_HAS_TOKEN = _s.token != sa.literal_column("''")
_LANE: sa.BindParameter[Lane] = sa.bindparam("lane")
_NOW: sa.BindParameter[float] = sa.bindparam("now")
_DUE = (
    sa.select(*_ALL)
    .where(_b.lane == _LANE, _b.due_at <= _NOW)
    .order_by(_b.due_at)
    .limit(sa.bindparam("most"))
)
_NEXT_DUE_AT = sa.select(sa.func.min(_b.due_at)).where(_b.lane == _LANE, _b.due_at > _NOW)


class Boards(Noun):
    """The boards. Times in Unix seconds, amounts in millisatoshi."""

    def __init__(self, connection: Connection, rows: Invoices) -> None:
        super().__init__(connection)
        self._rows = rows

    def get(self, board_id: int) -> Board | None:
        """The board with this number."""
        return self._board(_b.id == board_id)

    def by_handle(self, handle: str) -> Board | None:
        """The board whose buttons carry this."""
        return self._board(_b.handle == handle)

    def by_token(self, token: str) -> tuple[Board, Seat] | None:
        """The board and the seat that a token was made for."""
        if not token:
            return None
        found = self._connection.execute(
            sa.select(_s.board_id, _s.number).where(_s.token == token, _HAS_TOKEN)
        ).first()
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
            self._connection.execute(sa.insert(seats).values(board_id=row, **_kept(seat)))
        board = self.get(row)
        assert board is not None  # noqa: S101 -- it was just added
        return board

    def update(self, board_id: int, **columns: Unpack[BoardColumns]) -> Board:
        """Set these columns; the board as it is then. It has to be there."""
        if columns:
            kept = BOARDS.packed(columns)
            self._connection.execute(sa.update(boards).where(_b.id == board_id).values(**kept))
        board = self.get(board_id)
        if board is None:
            raise LookupError(f"no board {board_id}")
        return board

    def update_seat(self, board_id: int, number: int, **columns: Unpack[SeatColumns]) -> None:
        """Set these columns of a seat."""
        here = (_s.board_id == board_id, _s.number == number)
        self._connection.execute(sa.update(seats).where(*here).values(**columns))

    def make_retries_due(self, now: float) -> None:
        """What waits for another try is due: the clock was set, or a process begins."""
        due = BOARDS.packed(work.retry_now(now))
        put_off = (_b.retry_at > 0, _b.due_at.is_not(None), _b.faults < MAX_FAULTS)
        self._connection.execute(sa.update(boards).where(*put_off).values(**due))

    def unstick(self, now: float) -> None:
        """Give stuck boards another chance."""
        unstuck = BOARDS.packed(work.unstuck(now))
        stuck = (_b.retry_at > 0, _b.faults >= MAX_FAULTS)
        self._connection.execute(sa.update(boards).where(*stuck).values(**unstuck))

    def prune(self, before: float) -> None:
        """Remove closed boards that ended before then and of whose parts none is kept."""
        parts = sa.select(_c.id).where(_c.board_id == _b.id, IS_PART)
        old = (_b.ends_at < before, _b.state == BoardState.CLOSED, ~parts.exists())
        ids = sa.select(_b.id).where(*old)
        self._connection.execute(sa.delete(seats).where(_s.board_id.in_(ids)))
        self._connection.execute(sa.delete(boards).where(*old))

    def may_renew(self, part: Invoice, now: float) -> bool:
        """Whether a part is the newest of a seat that is still its person's and may be paid."""
        board = self.get(part.board_id)
        if board is None or board.state is not BoardState.OPEN or now >= board.ends_at:
            return False
        return any(
            seat.part is not None
            and seat.part.id == part.id
            and seat.person_id == part.asker_id
            and not seat.is_done
            for seat in board.seats
        )

    def touch(self, board_id: int) -> None:
        """It is due."""
        touch(self._connection, board_id)

    def open_in_chat(self, chat_id: int) -> int:
        """How many boards of this chat are not closed."""
        statement = sa.select(sa.func.count()).select_from(boards)
        here = (_b.chat_id == chat_id, _b.state != BoardState.CLOSED)
        return self._connection.execute(statement.where(*here)).scalar_one()

    def asked_since(self, asker_id: int, since: float, until: float) -> int:
        """How many boards this person has asked for between these times."""
        statement = sa.select(sa.func.count()).select_from(boards)
        asked = (_b.asker_id == asker_id, _b.asked_at.between(since, until))
        return self._connection.execute(statement.where(*asked)).scalar_one()

    def parts_since(self, board_id: int, person_id: int, since: float, until: float) -> int:
        """How many invoices for parts of a board this person has got between these times."""
        statement = sa.select(sa.func.count()).select_from(invoices)
        here = (_c.board_id == board_id, IS_PART, _c.asker_id == person_id)
        asked = statement.where(*here, _c.asked_at.between(since, until))
        return self._connection.execute(asked).scalar_one()

    def due(self, lanes: Iterable[Lane], now: float, *, limit: int) -> Due:
        """Boards that are due now, the most urgent lane first, of each at most `limit`.

        Without their seats: whoever takes one up reads it.
        """
        rows: list[Invoice | Board] = []
        more = False
        moments: list[float] = []
        for lane in sorted(set(lanes) & set(BOARD_LANES)):
            kept = self._connection.execute(_DUE, {"lane": lane, "now": now, "most": limit})
            found = [BOARDS.unpacked(each) for each in kept.all()]
            rows += found
            more = more or len(found) == limit
            next_at = self._connection.execute(_NEXT_DUE_AT, {"lane": lane, "now": now}).scalar()
            if next_at is not None:
                moments.append(next_at)
        return Due(rows, more, min(moments, default=None))

    def _board(self, *here: sa.ColumnElement[bool]) -> Board | None:
        kept = self._connection.execute(_BOARDS.where(*here)).first()
        if kept is None:
            return None
        board = BOARDS.unpacked(kept)
        parts = self._parts(board.id)
        found = self._connection.execute(
            _SEATS.where(_s.board_id == board.id).order_by(_s.number)
        ).all()
        made = tuple(
            Seat(**dict(zip(_SEAT, each, strict=True)), part=parts.get(each.number))
            for each in found
        )
        return BOARDS.unpacked(kept, seats=made)

    def _parts(self, board_id: int) -> dict[int, Invoice]:
        """The newest part of each seat, or the one that is paid."""
        parts: dict[int, Invoice] = {}
        for row in self._all(ROWS.where(_c.board_id == board_id, IS_PART).order_by(_c.part, _c.id)):
            there = parts.get(row.part)
            if there is None or there.state is not State.SETTLED:
                parts[row.part] = row
        return parts


def _kept(seat: Seat) -> dict[str, Any]:
    return {name: getattr(seat, name) for name in _SEAT}
