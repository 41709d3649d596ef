"""What all statements share: the connection of one transaction, and how rows are read from it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import invoice, work
from bot.core.board import BoardState
from bot.core.invoice import Invoice
from bot.store.rows import BOARDS, COLUMNS, unpacked
from bot.store.tables import boards, invoices

#: Every column, in the order in which a row is read.
ALL = tuple(invoices.c[name] for name in COLUMNS)
ROWS = sa.select(*ALL)
#: Ids above it are of private chats and groups, whose messages each bot counts for itself. A
#: supergroup or channel counts its own, the same for all.
COUNTED_BY_CHAT = -1_000_000_000_000
#: The node may still be paid for these, or has them on their way.
AT_THE_NODE = invoices.c.state.in_(invoice.AT_THE_NODE)
#: Parts of boards; spelled out, as the index for them says it.
IS_PART = invoices.c.board_id > sa.literal_column("0")
_TOUCH = (
    sa.update(boards)
    .where(boards.c.id == sa.bindparam("of"))
    .values(**BOARDS.packed(work.part_changed()))
)
# What was said of a board that is closed is no longer true: it is told once more.
_TOUCH_PAID = _TOUCH.values(
    announced=sa.and_(boards.c.announced, boards.c.state != BoardState.CLOSED)
)


def touch(connection: Connection, board_id: int, *, is_paid: bool = False) -> None:
    """Something happened to a part: its board is due, in the same transaction.

    `is_paid`: that was a payment.
    """
    connection.execute(_TOUCH_PAID if is_paid else _TOUCH, {"of": board_id})


@functools.lru_cache(maxsize=256)
def update_of(table: sa.Table, keys: tuple[str, ...], names: tuple[str, ...]) -> sa.Update:
    """The statement that sets columns of the entry with a key; it costs more to make than to run.

    A key's value is bound as `key_` and its name, a new value as `new_` and its name.
    """
    here = [table.c[name] == sa.bindparam(f"key_{name}") for name in keys]
    return (
        sa.update(table).where(*here).values({name: sa.bindparam(f"new_{name}") for name in names})
    )


class Noun:
    """Statements about one thing, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _one(self, statement: sa.Executable, **values: Any) -> Invoice | None:
        row = self._connection.execute(statement, values).one_or_none()
        return None if row is None else unpacked(row)

    def _all(self, statement: sa.Executable, **values: Any) -> list[Invoice]:
        return [unpacked(row) for row in self._connection.execute(statement, values).all()]

    def _write(self, columns: Mapping[str, Any], *conditions: sa.ColumnElement[bool]) -> int:
        """Set these columns, packed, of all rows where it is so; how many there were."""
        statement = sa.update(invoices).where(*conditions).values(**columns)
        return self._connection.execute(statement).rowcount

    def _put(
        self,
        table: sa.Table,
        key: Mapping[str, Any],
        columns: Mapping[str, Any],
        *,
        new: Mapping[str, Any] | None = None,
    ) -> None:
        """Write these columns of the entry with this key; where there is none, with `new`."""
        if not self._change(table, key, columns):
            self._connection.execute(sa.insert(table), {**(new or {}), **key, **columns})

    def _change(self, table: sa.Table, key: Mapping[str, Any], columns: Mapping[str, Any]) -> int:
        """Write these columns of the entry with this key; how many there were."""
        values = {f"key_{name}": value for name, value in key.items()}
        values |= {f"new_{name}": value for name, value in columns.items()}
        return self._connection.execute(
            update_of(table, tuple(key), tuple(columns)), values
        ).rowcount
