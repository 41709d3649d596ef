"""All rows of one database, written into another one. Knows neither kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core.wishes import MoveProblem
from bot.errors import InvoiceBotError, MoveFailed
from bot.store.tables import META, OF_PROCESSES

#: Rows that are read and written at once.
STEP = 500
#: Rows after which it is told how far a table is.
TELL = 10_000
#: All tables but for those that say what processes do: there are none.
TABLES = [table for table in META.sorted_tables if table not in OF_PROCESSES]

#: A table, how many of its rows are copied, and how many it has.
Tell = Callable[[str, int, int], None]


def _always() -> bool:
    return True


class End(NamedTuple):
    """A database that is read or written, in one transaction.

    `explained`: what an error of its driver means. `in_time`: within which each answer has to come.
    `is_unchanged`: whether what was read is still so, and kept so; it may raise as `run` does.
    """

    connection: Connection
    explained: Callable[[Exception], InvoiceBotError]
    in_time: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    is_unchanged: Callable[[], bool] = _always

    def run(
        self, statement: sa.Executable, rows: list[dict[str, Any]] | None = None
    ) -> sa.CursorResult[Any]:
        """Its answer, all of it. Raises what `explained` makes of an error."""
        try:
            with self.in_time():
                return self.connection.execute(statement, rows)
        except sa.exc.DBAPIError as error:
            raise self.explained(error) from error

    def count(self, table: sa.Table) -> int:
        """How many rows it has."""
        found = self.run(sa.select(sa.func.count()).select_from(table))
        return int(found.scalar_one())

    def is_empty(self) -> bool:
        """Whether no table has a row."""
        return not any(self.count(table) for table in TABLES)


def copy(old: End, new: End, tell: Tell) -> int:
    """Write all rows of `old` into `new`, which has none; how many there are.

    `tell` hears of each table that has any. Raises `MoveFailed`.
    """
    copied = sum(_copy(old, new, table, tell) for table in TABLES)
    _set_sequences(new)
    return copied


def _copy(old: End, new: End, table: sa.Table, tell: Tell) -> int:
    whole, copied = old.count(table), 0
    for rows in _steps(old, table):
        new.run(sa.insert(table), rows)
        copied += len(rows)
        if copied % TELL < STEP and copied < whole:
            tell(table.name, copied, whole)
    if not whole == copied == new.count(table):
        raise MoveFailed(problem=MoveProblem.COUNTS_DIFFER, table=table.name)
    if whole:
        tell(table.name, copied, whole)
    return copied


def _steps(old: End, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """All rows, a few at a time, in the order of their key."""
    key = list(table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:
        statement = sa.select(table).order_by(*key).limit(STEP)
        if after is not None:
            statement = statement.where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, after)))
        rows = [dict(row._mapping) for row in old.run(statement)]  # noqa: SLF001 -- its name
        if rows:
            yield rows
        if len(rows) < STEP:
            return
        after = tuple(rows[-1][column.name] for column in key)


def _set_sequences(new: End) -> None:
    """A server draws the next number behind those that were copied."""
    if new.connection.dialect.name != "postgresql":
        return
    for table in TABLES:
        if "id" in table.primary_key.columns:
            sequence = sa.func.pg_get_serial_sequence(table.name, "id")
            highest = sa.select(sa.func.max(table.c.id)).scalar_subquery()
            new.run(
                sa.select(
                    sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None))
                )
            )
