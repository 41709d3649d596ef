"""A file that is copied from or into: read as it is, or made whole under another name first."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from bot.core.wishes import MoveProblem
from bot.errors import DatabaseMissing, DatabaseUnreadable, MoveFailed, MoveRefused
from bot.store import sqlite
from bot.store.backend import SQLITE
from bot.store.copying import End
from bot.store.reading import one_state, stamp


@contextlib.contextmanager
def source(path: Path) -> Iterator[End]:
    """One state of the database in this file, which no bot has open, or can open meanwhile.

    Nothing is written to it. Raises `MoveRefused` where there is none, or another `StartError`.
    """
    try:
        sqlite.refuse_unreadable(path)
    except DatabaseMissing:
        raise MoveRefused(problem=MoveProblem.MISSING, path=str(path)) from None
    except OSError as error:  # a folder that nobody can look into, or that is none
        reason = error.strerror or str(error)
        raise DatabaseUnreadable(path=str(path), reason=reason) from error
    with sqlite.kept_from_bots(path):
        sqlite.inspect(f"{SQLITE}{path}")
        is_written, before = sqlite.has_journal(path), stamp(path)

        def is_unchanged() -> bool:
            return is_written or (not sqlite.has_journal(path) and stamp(path) == before)

        with _explained(path), one_state(path, is_written=is_written) as connection:
            yield End(connection, lambda error: _failed(path, error), is_unchanged=is_unchanged)


@contextlib.contextmanager
def target(path: Path) -> Iterator[End]:
    """One transaction of a new database. The file is there once it is over, and not before.

    What a process that was killed has left of one is replaced.
    Raises `MoveRefused`, `MoveFailed` or a `StartError`.
    """
    _refuse_taken(path)
    part = sqlite.half_moved(path)
    beside = [file for file in sqlite.beside_lock(path) if not file.exists()]
    lock = sqlite.Lock(path)
    try:
        with _explained(path), _left_nothing(part, *beside):
            _remove(part)
            part.touch(mode=0o600, exist_ok=False)
            yield from _written(part, path)
            _refuse_taken(path)  # it may have come meanwhile
            sqlite.put_in_place(part, path)
    finally:
        lock.release()


def _written(part: Path, path: Path) -> Iterator[End]:
    engine = sqlite.up_to_date(part, path)
    try:
        with engine.begin() as connection:
            yield End(connection, lambda error: _failed(path, error))
        if not sqlite.wipe_journal(engine):
            raise _failed(path, OSError("its journal can't be emptied"))
    finally:
        engine.dispose()


def _refuse_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise MoveRefused(problem=MoveProblem.HOLDS_SOMETHING, path=str(path))
    if os.path.lexists(journal := sqlite.journal_of(path)):
        raise MoveRefused(problem=MoveProblem.HOLDS_SOMETHING, path=str(journal))


def _remove(*files: Path) -> None:
    for file in files:
        for each in (file, *sqlite.beside_sqlite(file)):
            each.unlink(missing_ok=True)


@contextlib.contextmanager
def _left_nothing(*files: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(*files)
        raise


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, sa.exc.DBAPIError) as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: Exception) -> MoveFailed:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    reason = getattr(cause, "strerror", None) or str(cause)
    return MoveFailed(problem=MoveProblem.STOPPED, path=str(path), reason=reason)
