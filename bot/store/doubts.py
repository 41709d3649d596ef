"""What may have gone out though the database does not say so: it was put back under a process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import kept
from bot.core.board import Board
from bot.core.invoice import Invoice, State
from bot.store.chats import Chats
from bot.store.noun import ROWS, Noun, update_of
from bot.store.rows import BOARDS, packed
from bot.store.tables import boards, invoices, terms

_c = invoices.c
_NEWEST = sa.select(sa.func.max(terms.c.number)).scalar_subquery()
_IS_BEHIND = sa.select(terms.c.is_behind).where(terms.c.number == _NEWEST)
_ON = sa.or_(
    _c.state.in_([State.ASKING, State.PENDING, State.OPEN]),
    sa.and_(_c.state == State.SETTLED, ~_c.announced | _c.notify_owners),
)


def boards_that_go_on(connection: Connection) -> list[Board]:
    """All that are not over, without their seats."""
    columns = [boards.c[name] for name in BOARDS.columns]
    is_on = sa.or_(boards.c.state != "closed", ~boards.c.announced)
    return [
        BOARDS.unpacked(each, seats=())
        for each in connection.execute(sa.select(*columns).where(is_on))
    ]


class Doubts(Noun):
    """Rows of a server's database that lacks commits, as its newest term says."""

    def settle(self, owners: Collection[int], now: float) -> int | None:
        """Each message to come says that it may be a duplicate, once; of how many rows.

        Who could not be reached may have let the bot in again: each is tried. None where the
        database lacks nothing that anybody knows of.
        """
        if not self._connection.execute(_IS_BEHIND).scalar():
            return None
        Chats(self._connection).reach_all(now)
        rows: list[Invoice] = self._all(ROWS.where(_ON))
        self._write_each(invoices, {row.id: packed(**kept.after_loss(row, owners)) for row in rows})
        on = boards_that_go_on(self._connection)
        self._write_each(
            boards, {board.id: BOARDS.packed(kept.board_in_backup(board)) for board in on}
        )
        self._connection.execute(
            sa.update(terms).where(terms.c.number == _NEWEST).values(is_behind=False)
        )
        return len(rows) + len(on)

    def _write_each(self, table: sa.Table, changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Of each row, by its id, the same columns."""
        values = [
            {"key_id": key, **{f"new_{name}": value for name, value in columns.items()}}
            for key, columns in changes.items()
            if columns
        ]
        if values:
            names = tuple(name.removeprefix("new_") for name in values[0] if name != "key_id")
            self._connection.execute(update_of(table, ("id",), names), values)
