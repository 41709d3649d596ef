"""Boards with their seats, and with each seat its part: found, added, changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import work
from bot.core.board import Board, BoardColumns, BoardState, Seat, SeatColumns
from bot.core.invoice import Invoice, State
from bot.core.work import Lane
from bot.store.invoices import Invoices
from bot.store.noun import ROWS, Noun, touch
from bot.store.rows import BOARDS
from bot.store.tables import boards, invoices, seats

_b, _s, _c = boards.c, seats.c, invoices.c
_ALL = tuple(_b[name] for name in BOARDS.columns)
_BOARDS = sa.select(*_ALL)
_SEAT = ("number", "amount_msat", "person_id", "name", "token", "leaving", "otherwise")
_SEATS = sa.select(*(_s[name] for name in _SEAT))


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
            sa.select(_s.board_id, _s.number).where(_s.token == token, _s.token != "")
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

    def unstick(self, now: float) -> None:
        """Give stuck boards another chance, and what waits for another try."""
        unstuck = BOARDS.packed({**work.unstuck(now), **work.retry_now(now)})
        put_off = (_b.retry_at > 0, _b.due_at.is_not(None))
        self._connection.execute(sa.update(boards).where(*put_off).values(**unstuck))

    def prune(self, before: float) -> None:
        """Remove closed boards that ended before then and of whose parts none is kept."""
        parts = sa.select(_c.id).where(_c.board_id == _b.id, _c.board_id > 0)
        old = (_b.ends_at < before, _b.state == BoardState.CLOSED, ~parts.exists())
        ids = sa.select(_b.id).where(*old)
        self._connection.execute(sa.delete(seats).where(_s.board_id.in_(ids)))
        self._connection.execute(sa.delete(boards).where(*old))

    def is_seated(self, board_id: int, number: int, person_id: int, now: float) -> bool:
        """Whether this seat is this person's, and may be paid."""
        board = self.get(board_id)
        if board is None or board.state is not BoardState.OPEN or now >= board.ends_at:
            return False
        return any(
            seat.number == number and seat.person_id == person_id and not seat.is_done
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

    def asked_since(self, asker_id: int, since: float) -> int:
        """How many boards this person has asked for since then."""
        statement = sa.select(sa.func.count()).select_from(boards)
        asked = (_b.asker_id == asker_id, _b.asked_at >= since)
        return self._connection.execute(statement.where(*asked)).scalar_one()

    def parts_since(self, board_id: int, person_id: int, since: float) -> int:
        """How many parts this person was asked for since then."""
        statement = sa.select(sa.func.count()).select_from(invoices)
        asked = (_c.board_id == board_id, _c.asker_id == person_id, _c.asked_at >= since)
        return self._connection.execute(statement.where(*asked)).scalar_one()

    def due(
        self, now: float, limit: int, lanes: Iterable[Lane]
    ) -> tuple[list[Board], float | None]:
        """Boards that are due now, and when the next one is."""
        waits = (_b.lane.in_([int(lane) for lane in lanes]), _b.due_at.is_not(None))
        ids = self._connection.execute(
            sa.select(_b.id).where(*waits, _b.due_at <= now).order_by(_b.due_at).limit(limit)
        ).scalars()
        found = [board for each in ids if (board := self.get(each)) is not None]
        next_at = self._connection.execute(
            sa.select(sa.func.min(_b.due_at)).where(*waits, _b.due_at > now)
        ).scalar()
        return found, next_at

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
        for row in self._all(ROWS.where(_c.board_id == board_id, _c.board_id > 0).order_by(_c.id)):
            there = parts.get(row.part)
            if there is None or there.state is not State.SETTLED:
                parts[row.part] = row
        return parts


def _kept(seat: Seat) -> dict[str, Any]:
    return {name: getattr(seat, name) for name in _SEAT}
