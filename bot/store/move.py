"""A whole database copied into another one, of the same kind or the other: all of it or nothing.

Neither can be a bot's meanwhile. The first one is only read; the second one is there once it is
whole, whatever ends the process before.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from bot.core.wishes import MoveProblem
from bot.errors import MoveFailed, MoveRefused
from bot.store import file_ends, sqlite
from bot.store.backend import SQLITE, on_server
from bot.store.copying import End, Tell, copy
from bot.store.locks import MARKS


def move(source: str, target: str, *, tell: Tell, seal: Callable[[], None]) -> int:
    """Copy the database at `source` into the empty one at `target`; how many rows there are.

    `seal` is called before the last step, which must not be interrupted: until then nothing is at
    `target`, and then all of it. `source` stays as it is.
    Raises `StartError`, `MoveRefused` or `MoveFailed`; then nothing is at `target`, unless the
    error says otherwise: `MoveProblem.UNKNOWN` and `LOCK_LOST`.
    """
    if _is_same(source, target):
        raise MoveRefused(problem=MoveProblem.SAME)
    mark = MARKS + secrets.randbelow(MARKS)
    with _source(source, mark) as old:
        if old.is_empty():
            raise MoveRefused(problem=MoveProblem.EMPTY, path=_named(source))
        with _target(target, mark) as new:
            if not new.is_empty():
                raise MoveRefused(problem=MoveProblem.HOLDS_SOMETHING, path=_named(target))
            moved = copy(old, new, tell)
            if not old.is_unchanged():
                reason = "another program has written to it"
                raise MoveFailed(problem=MoveProblem.STOPPED, path=_named(source), reason=reason)
            seal()
        _refuse_unlocked(old, source)
        return moved


def _refuse_unlocked(old: End, source: str) -> None:
    """Everything is at the target: say so, also where a bot could begin on `source` before."""
    with contextlib.suppress(MoveFailed):
        if old.is_unchanged():
            return
    raise MoveFailed(problem=MoveProblem.LOCK_LOST, path=_named(source))


def interrupt() -> None:
    """End a move that may wait for a server, from a signal's handler, which raises then."""
    if "bot.store.postgres" in sys.modules:
        on_server().interrupt()


def _is_same(one: str, other: str) -> bool:
    """Whether it is one file by two names. What is on a server is compared there."""
    if not (one.startswith(SQLITE) and other.startswith(SQLITE)):
        return one == other
    files = sqlite.file_of(one), sqlite.file_of(other)
    with contextlib.suppress(OSError):
        return files[0] == files[1] or files[0].samefile(files[1])
    return False


def _named(url: str) -> str:
    if url.startswith(SQLITE):
        return str(sqlite.file_of(url))
    name: str = on_server().place_of(url).name
    return name


def _source(url: str, mark: int) -> AbstractContextManager[End]:
    """Raises `MoveRefused` where there is nothing at all."""
    if url.startswith(SQLITE):
        return file_ends.source(sqlite.file_of(url))
    made: AbstractContextManager[End] = on_server("server_ends").source(url, mark)
    return made


def _target(url: str, mark: int) -> AbstractContextManager[End]:
    if url.startswith(SQLITE):
        return file_ends.target(sqlite.file_of(url))
    made: AbstractContextManager[End] = on_server("server_ends").target(url, mark)
    return made
