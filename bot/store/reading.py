"""The database as it is, beside whoever writes to it: read, and never locked, changed or made.

For commands beside a bot that runs. A job is what it is in the store: a function of a `Tx`, which
may run twice.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from bot.errors import DatabaseDamaged, DatabaseNotOurs, DatabaseTooNew, DatabaseTooOld
from bot.errors import DatabaseUnreadable as Unreadable
from bot.store import migrations, sqlite
from bot.store.backend import SQLITE, on_server
from bot.store.tx import Tx

P = ParamSpec("P")
T = TypeVar("T")

#: Times that a job is run where a bot began to write meanwhile.
TRIES = 5


class Reader:
    """Reads one database. Each job sees one state of it, and holds up no writer for longer."""

    def __init__(self, url: str) -> None:
        """Raises `DatabaseMissing` or `DatabaseUnreadable`."""
        self._reads = _File(url).do if url.startswith(SQLITE) else partial(_read_server, url)

    def do(self, job: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs) -> T:
        """``job(tx, *values, **named)``. Raises `StartError`."""
        answer: T = self._reads(lambda tx: job(tx, *values, **named))
        return answer


def _read_server(url: str, job: Callable[[Tx], Any]) -> Any:
    with on_server().reading(url) as connection:
        return job(Tx(connection))


class _File:
    """Reads a file."""

    def __init__(self, url: str) -> None:
        self._path = sqlite.file_of(url)
        try:
            sqlite.refuse_unreadable(self._path)
        except OSError as error:  # a folder that nobody can look into, or that is none
            reason = error.strerror or str(error)
            raise Unreadable(path=str(self._path), reason=reason) from error

    def do(self, job: Callable[[Tx], Any]) -> Any:
        for _ in range(TRIES):
            is_written, before = sqlite.has_journal(self._path), stamp(self._path)
            try:
                answer = self._read(is_written, job)
            except Unreadable:
                if is_written or not self._has_changed(before):
                    raise
                continue
            if is_written or not self._has_changed(before):
                return answer
        raise Unreadable(path=str(self._path), reason="it is being replaced")

    def _has_changed(self, before: object) -> bool:
        """Whether somebody writes now: nothing keeps them from what was read without a journal."""
        return sqlite.has_journal(self._path) or stamp(self._path) != before

    def _read(self, is_written: bool, job: Callable[[Tx], T]) -> T:
        try:
            with one_state(self._path, is_written=is_written) as connection:
                return job(Tx(connection))
        except sa.exc.DatabaseError as error:
            raise self._explained(error.orig) from error
        except sqlite3.DatabaseError as error:  # as it was opened
            raise self._explained(error) from error

    def _explained(self, error: BaseException | None) -> Unreadable:
        is_passing = isinstance(error, sqlite3.OperationalError)
        kind = Unreadable if is_passing else DatabaseDamaged
        return kind(path=str(self._path), reason=str(error))


@contextlib.contextmanager
def one_state(path: Path, *, is_written: bool) -> Iterator[sa.Connection]:
    """One state of the database in this file. Raises a `StartError`, or what the driver does."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite.opened_to_read(path, is_written=is_written),
        poolclass=sa.pool.NullPool,
        hide_parameters=True,
    )
    sa.event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        _refuse_other(connection, path)
        yield connection


def _refuse_other(connection: sa.Connection, path: Path) -> None:
    raw: Any = connection.connection.dbapi_connection
    version = sqlite.version_of(raw)
    if not version:
        raise DatabaseNotOurs(path=str(path))
    if version not in migrations.known():
        raise DatabaseTooNew(detail=version)
    if version != migrations.known()[-1]:
        raise DatabaseTooOld(path=str(path))


def _begin(connection: sa.Connection) -> None:
    # Both go without a word to the file: what is read until the end is one state.
    connection.exec_driver_sql("PRAGMA query_only=ON")
    connection.exec_driver_sql("BEGIN")


def stamp(path: Path) -> object:
    """What is another one when the file was written or replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
