"""A whole database copied into another one, of the same kind or the other. Knows both kinds.

Neither can be a bot's meanwhile: a file is locked, and of a server's database the office is taken.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core.wishes import MoveProblem
from bot.errors import DatabaseMissing, MoveFailed, MoveRefused
from bot.store import sqlite
from bot.store.backend import SQLITE, on_server
from bot.store.tables import META, terms

#: Rows that are read and written at once.
STEP = 500
#: All tables but for the one that says who acts: nobody does.
TABLES = [table for table in META.sorted_tables if table is not terms]


def move(source: str, target: str, *, tell: Callable[[str, int, int], None]) -> int:
    """Copy the database at `source` into the empty one at `target`; how many rows there are.

    `tell`: a table, how many of its rows are copied, and how many it has. `source` stays as it is.
    Raises `StartError`, `MoveRefused` or `MoveFailed`; then nothing is at `target`.
    """
    if source == target:
        raise MoveRefused(problem=MoveProblem.SAME)
    if source.startswith(SQLITE) and not sqlite.file_of(source).exists():
        raise DatabaseMissing(path=str(sqlite.file_of(source)))
    with _alone(source) as old, _left_nothing(target), _alone(target) as new:
        if any(_count(new, table) for table in TABLES):
            raise MoveRefused(problem=MoveProblem.HOLDS_SOMETHING, path=_named(target))
        moved = sum(_copy(old, new, table, tell) for table in TABLES)
        _set_sequences(new)
        return moved


def _named(url: str) -> str:
    if url.startswith(SQLITE):
        return str(sqlite.file_of(url))
    name: str = on_server().place_of(url).name
    return name


@contextlib.contextmanager
def _alone(url: str) -> Iterator[Connection]:
    """One transaction of a database that no bot has open. Raises `StartError`."""
    if url.startswith(SQLITE):
        file = sqlite.Sqlite.open(url)
        try:
            with file.transaction(needs_term=False) as connection:
                yield connection
        finally:
            file.tidy()
            file.close()
    else:
        with on_server().alone(url) as connection:
            yield connection


@contextlib.contextmanager
def _left_nothing(target: str) -> Iterator[None]:
    """A file that is made for it is removed where it comes to nothing; a server does it itself."""
    file = sqlite.file_of(target) if target.startswith(SQLITE) else None
    if file is not None and file.exists():
        raise MoveRefused(problem=MoveProblem.HOLDS_SOMETHING, path=str(file))
    try:
        yield
    except BaseException:
        if file is not None:
            _remove(file)
        raise


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm", ".lock", ".pid"):
        with contextlib.suppress(OSError):
            file.with_name(file.name + ending).unlink(missing_ok=True)


def _count(connection: Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _copy(
    old: Connection, new: Connection, table: sa.Table, tell: Callable[[str, int, int], None]
) -> int:
    whole, copied = _count(old, table), 0
    tell(table.name, 0, whole)
    for rows in _steps(old, table):
        new.execute(sa.insert(table), rows)
        copied += len(rows)
        tell(table.name, copied, whole)
    if not whole == copied == _count(new, table):
        raise MoveFailed(problem=MoveProblem.COUNTS_DIFFER, table=table.name)
    return copied


def _steps(connection: Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """All rows, a few at a time, in the order of their key."""
    key = list(table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:
        statement = sa.select(table).order_by(*key).limit(STEP)
        if after is not None:
            statement = statement.where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, after)))
        rows = [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 -- its name
        if rows:
            yield rows
        if len(rows) < STEP:
            return
        after = tuple(rows[-1][column.name] for column in key)


def _set_sequences(connection: Connection) -> None:
    """A server draws the next number behind those that were copied."""
    if connection.dialect.name != "postgresql":
        return
    for table in TABLES:
        if "id" in table.primary_key.columns:
            sequence = sa.func.pg_get_serial_sequence(table.name, "id")
            highest = sa.select(sa.func.max(table.c.id)).scalar_subquery()
            connection.execute(
                sa.select(
                    sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None))
                )
            )
