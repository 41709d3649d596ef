"""A backup of the database, beside a bot that runs: whole, in one file of SQLite's.

What is copied is one moment: a reader sees no later write, and no write waits for it. What a backup
says of each row is `core.kept`'s, whichever kind of database it is of.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core import kept
from bot.core.invoice import State
from bot.core.knocks import KnockState
from bot.core.wishes import BackupProblem
from bot.errors import BackupFailed, BackupRefused, MoveFailed
from bot.store import migrations, sqlite, targets
from bot.store.backend import SQLITE, on_server
from bot.store.chats import Chats
from bot.store.copying import End, copy
from bot.store.doubts import boards_that_go_on
from bot.store.memory import UNINVITED
from bot.store.noun import ROWS, touch
from bot.store.rows import BOARDS, packed, unpacked
from bot.store.tables import boards, claims, hints, inbox, invoices, knock_messages, knocks

#: Pages that are copied at once, and seconds in between, in which the disk is the bot's.
STEP, PAUSE_S = 1000, 0.002
#: Seconds in which nothing is written to the part of a backup whose process is gone.
ABANDONED_S = 60.0

_c = invoices.c


class Saved(NamedTuple):
    """What a backup holds; `unhandled`: messages and presses that wait in the inbox of a webhook,
    and are not in it: whoever goes on handles them, and a restore must not do so once more."""

    invoices: int
    unhandled: int
    size_bytes: int


def back_up(
    url: str,
    file: Path,
    *,
    owners: Iterable[int],
    own: Iterable[Path] = (),
    force: bool = False,
) -> Saved:
    """Write a backup of the database at `url` to `file`, with mode 0600, or leave nothing there.

    `own`: the bot's other files, none of which is replaced; `force`: in the place of another file
    that is there. `owners` may hear twice of what is paid since.
    Raises `BackupRefused`, `BackupFailed`, `DatabaseMissing`, or another `StartError`.
    """
    path = sqlite.file_of(url) if url.startswith(SQLITE) else None
    own = list(own)
    check_target(path, file, own=own, force=force)
    if path is not None:
        sqlite.refuse_unreadable(path)
        sqlite.inspect(url)
    # Nobody knows its name beforehand, to lay a link there; and to replace one follows it nowhere.
    part = file.with_name(f".backup-{secrets.token_hex(8)}.part")
    with _explained(file), _left_nothing(part), _in_use(part):
        _remove_abandoned(file.parent)
        if path is not None:
            _copy(path, part)
        else:
            _copy_server(url, part, file)
        saved = _adapt(part, list(owners))
        _check(part, file)
        sqlite.sync(part)
        check_target(path, file, own=own, force=force)  # it may have come meanwhile
        part.replace(file)
        sqlite.sync(file.parent)
    return saved


def check_target(
    database: Path | None, file: Path, *, own: Iterable[Path] = (), force: bool
) -> None:
    """Whether a backup of `database`, None for a server's, can be written to `file`.

    Raises `BackupRefused`.
    """
    its_own = targets.of_database(database) if database is not None else []
    found = targets.why_not(file, own=[*its_own, *own], force=force)
    if found is None:
        return
    problem = BackupProblem(found.problem.value)
    if problem is BackupProblem.IS_OURS and targets.is_one_of(file, its_own):
        problem = BackupProblem.IS_DATABASE
    raise _refused(problem, found.path, found.reason)


def _copy(path: Path, part: Path) -> None:
    """The database as it is at this moment, and as SQLite reads it, journal and all."""
    # With no journal there is nobody to ask, and what SQLite then makes beside it, it removes.
    how = "ro" if sqlite.journal_of(path).exists() else "rw"
    address = f"{path.as_uri()}?mode={how}"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=sqlite.BUSY_TIMEOUT_S)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.execute("PRAGMA query_only=ON")
        live.isolation_level = None
        # Without a transaction of its own each write of the bot's would make it begin again.
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        copy.execute("PRAGMA synchronous=OFF")  # it is synchronized as a whole
        live.backup(copy, pages=STEP, progress=lambda *_: time.sleep(PAUSE_S))
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, which needs no other


def _copy_server(url: str, part: Path, file: Path) -> None:
    """The same of a server's database, row by row."""
    try:
        with on_server("server_ends").snapshot(url) as old, _written(part) as connection:
            migrations.bring_up_to_date(connection)
            new = End(connection, lambda error: _failed(file, str(getattr(error, "orig", error))))
            copy(old, new, lambda *_: None)
    except MoveFailed as error:
        raise _failed(file, str(error.values.get("reason") or "not all rows arrived")) from error


@contextlib.contextmanager
def _written(part: Path) -> Iterator[Connection]:
    """One transaction of the backup, which leaves nothing of what it replaces."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(part)), hide_parameters=True)
    sa.event.listen(engine, "connect", _configure)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _adapt(part: Path, owners: list[int]) -> Saved:
    """Make each row what a backup says of it; what there is then."""
    with _written(part) as connection:
        if migrations.version(connection) is not None:
            migrations.bring_up_to_date(connection)  # no bot of this version may have opened it
        Chats(connection).reach_all(time.time())  # who lets the bot in again by then is tried
        _adapt_rows(connection, owners)
        unhandled = _adapt_access(connection)
        count = _count(invoices, connection, _c.state != State.DROPPED)
    return Saved(invoices=count, unhandled=unhandled, size_bytes=part.stat().st_size)


def _configure(copy: sqlite3.Connection, _record: object) -> None:
    # nothing of a row that is changed stays anywhere, and there is nothing to fall back to
    copy.execute("PRAGMA journal_mode=MEMORY")
    copy.execute("PRAGMA secure_delete=ON")
    copy.execute("PRAGMA synchronous=OFF")


def _adapt_rows(connection: Connection, owners: list[int]) -> None:
    unfinished = sa.or_(
        _c.preimage.is_not(None),
        _c.state == State.OPEN,
        sa.and_(_c.state == State.SETTLED, ~_c.announced | _c.notify_owners),
    )
    for row in [unpacked(each) for each in connection.execute(ROWS.where(unfinished))]:
        columns = kept.in_backup(row, owners)
        if columns:
            change = sa.update(invoices).where(_c.id == row.id)
            connection.execute(change.values(**packed(**columns)))
        if row.state is State.ASKING and row.board_id:
            touch(connection, row.board_id)
    for board in boards_that_go_on(connection):
        if unknown := kept.board_in_backup(board):
            change = sa.update(boards).where(boards.c.id == board.id)
            connection.execute(change.values(**BOARDS.packed(unknown)))


def _adapt_access(connection: Connection) -> int:
    """No code that claims the bot: a restored one draws its own. And what owners have a message of
    is not sent to them once more: where it is open, that is made true, as it may say what was
    answered since. How many updates are not handled."""
    connection.execute(sa.delete(claims))
    # A group that was to be left may have been let in since.
    connection.execute(sa.delete(hints).where(hints.c.kind == UNINVITED))
    unhandled = _count(inbox, connection)
    connection.execute(sa.delete(inbox))
    state = sa.select(knocks.c.state).where(knocks.c.id == knock_messages.c.knock_id)
    answered = sa.func.nullif(state.scalar_subquery(), KnockState.OPEN)
    columns = {"shown": sa.func.coalesce(answered, "")}
    told = knock_messages.c.message_id.is_not(None)
    connection.execute(sa.update(knock_messages).where(told).values(columns))
    return unhandled


def _count(table: sa.Table, connection: Connection, *where: sa.ColumnElement[bool]) -> int:
    found = connection.execute(sa.select(sa.func.count()).select_from(table).where(*where))
    return int(found.scalar_one())


def _check(part: Path, file: Path) -> None:
    """Raises `BackupFailed` where SQLite finds anything wrong with it: then so is the database."""
    with closing(sqlite3.connect(part)) as copy:
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        reason = str(verdict).splitlines()[-1]
        raise BackupFailed(problem=BackupProblem.NOT_WHOLE, path=str(file), reason=reason)


@contextlib.contextmanager
def _left_nothing(part: Path) -> Iterator[None]:
    """Whatever happens, no part of a backup is left, unless the process is killed."""
    try:
        yield
    finally:
        _remove(part)


@contextlib.contextmanager
def _in_use(part: Path) -> Iterator[None]:
    """A new file, which no other backup takes for an abandoned one."""
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _remove_abandoned(folder: Path) -> None:
    """Parts of backups that were killed: they may hold preimages."""
    for part in folder.glob(".backup-*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.lstat().st_mtime > ABANDONED_S and not _is_in_use(part):
                _remove(part)


def _is_in_use(part: Path) -> bool:
    """Raises `OSError` where nobody can tell."""
    handle = os.open(part, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _remove(part: Path) -> None:
    for each in (part, *(part.with_name(part.name + end) for end in targets.ENDINGS)):
        with contextlib.suppress(OSError):
            each.unlink()


@contextlib.contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failed(file, _why(error)) from None
    except sa.exc.DBAPIError as error:
        raise _failed(file, str(error.orig)) from None
    except sqlite3.Error as error:
        raise _failed(file, str(error)) from None


def _failed(file: Path, reason: str) -> BackupFailed:
    return BackupFailed(problem=BackupProblem.NOT_WRITTEN, path=str(file), reason=reason)


def _refused(problem: BackupProblem, file: Path, reason: str = "") -> BackupRefused:
    return BackupRefused(problem=problem, path=str(file), reason=reason)


def _why(error: OSError) -> str:
    return error.strerror or str(error)
