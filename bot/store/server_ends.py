"""A server's database that is copied from or into, in one transaction: so nothing is left half."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.core.wishes import MoveProblem
from bot.errors import (
    DatabaseInUse,
    DatabaseMissing,
    DatabaseTooOld,
    InvoiceBotError,
    MoveFailed,
    MoveRefused,
)
from bot.pauses import pause_s
from bot.store import locks, migrations, postgres, receipts
from bot.store.copying import End
from bot.store.locks import MIGRATIONS, OFFICE, OPEN, TERM
from bot.store.postgres import Session
from bot.store.refusing import said

#: Seconds for the answer to one statement: of a large table all rows are counted.
ANSWER_S = 300.0
#: Tries to hear what became of the last step, where the connection was lost in it.
TRIES = 8
#: Tries to get a lock that keeps bots away, and seconds in between.
TRIES_FOR_LOCK, LOCK_PAUSE_S = 10, 0.1

_STILL = sa.text("SELECT 1")
_NO_LIMITS = """
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0
"""


@contextlib.contextmanager
def source(url: str, mark: int) -> Iterator[End]:
    """One state of the database at `url`, on which no bot acts, or can act meanwhile.

    Nothing can be written. `mark`: a number by which `target` knows the same database.
    Raises `MoveRefused` where nothing is there, or a `StartError`.
    """
    with _reading(url) as (session, connection):
        raw, place = postgres.raw_of(connection), session.place.name
        # Locks of the session, which come before what is read: else that could be from before.
        _keep_bots_away(raw, place, "pg_try_advisory_lock")
        raw.execute(locks.lock("pg_advisory_lock", TERM))
        raw.execute(locks.lock("pg_advisory_lock", mark))
        try:
            _begin_to_read(raw, place)
        except DatabaseMissing:
            raise MoveRefused(problem=MoveProblem.MISSING, path=place) from None
        end = _end(session, connection)
        # The locks are there as long as the session is, which is asked for itself.
        yield end._replace(is_unchanged=lambda: end.run(_STILL).scalar_one() == 1)


@contextlib.contextmanager
def snapshot(url: str) -> Iterator[End]:
    """One state of the database at `url`, beside whoever writes. Raises a `StartError`."""
    with _reading(url) as (session, connection):
        _begin_to_read(postgres.raw_of(connection), session.place.name)
        yield _end(session, connection)


@contextlib.contextmanager
def target(url: str, mark: int) -> Iterator[End]:
    """One transaction of the database at `url`, in which its tables are made if it has none.

    No bot can act before it is over. What it wrote is there after it, or nothing of it.
    Raises `MoveRefused`, `MoveFailed` or a `StartError`.
    """
    session = Session(url, "invoice-bot move")
    place, engine = session.place.name, postgres.engine_of(session)
    try:
        with postgres.start_errors(session):
            with _connected(engine) as connection:
                with session.within(ANSWER_S):
                    process = _begin_to_write(connection, place, mark)
                yield _end(session, connection)
                is_written = _commit(session, connection)
            if not is_written:
                _ask(session, engine, process)
    finally:
        engine.dispose()
        session.end()


def _end(session: Session, connection: Connection) -> End:
    return End(
        connection,
        functools.partial(_failed, session.place.name),
        in_time=functools.partial(session.within, ANSWER_S),
    )


def _failed(place: str, error: Exception) -> InvoiceBotError:
    return MoveFailed(problem=MoveProblem.STOPPED, path=place, reason=said(error))


@contextlib.contextmanager
def _reading(url: str) -> Iterator[tuple[Session, Connection]]:
    session = Session(url, "invoice-bot move", reads=True)
    engine = postgres.engine_of(session)
    try:
        with postgres.start_errors(session), _connected(engine) as connection:
            postgres.refuse_unfit(postgres.raw_of(connection), session.place.name)
            yield session, connection
            connection.invalidate()  # nothing is written: it may as well be gone
    finally:
        engine.dispose()
        session.end()


@contextlib.contextmanager
def _connected(engine: sa.Engine) -> Iterator[Connection]:
    """Whatever ends it closes the connection, and so the server undoes it: no answer is awaited."""
    with engine.connect() as connection:
        connection.begin()
        try:
            yield connection
        except BaseException:
            connection.invalidate()
            raise


def _begin_to_read(raw: psycopg.Connection[Any], place: str) -> None:
    raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    raw.execute(_NO_LIMITS)
    postgres.refuse_others(raw, place)
    found = postgres.version_of(raw)
    if found is None:
        raise DatabaseMissing(path=place)
    if found != migrations.known()[-1]:
        raise DatabaseTooOld(path=place)


def _begin_to_write(connection: Connection, place: str, mark: int) -> str:
    """By what name it has its receipt, which is there afterwards if it was committed."""
    raw = postgres.raw_of(connection)
    postgres.refuse_unfit(raw, place)
    if postgres.one(raw, locks.is_held(mark)):
        raise MoveRefused(problem=MoveProblem.SAME)
    raw.execute("BEGIN")
    raw.execute(_NO_LIMITS)
    _keep_bots_away(raw, place, "pg_try_advisory_xact_lock")
    for number in (MIGRATIONS, TERM):
        raw.execute(locks.lock("pg_advisory_xact_lock", number))
    postgres.refuse_others(raw, place)
    migrations.bring_up_to_date(connection)
    postgres.refuse_without_rights(raw, place)
    process = receipts.drawn()
    raw.execute(receipts.writing(process, process, "SELECT 1"))
    return process


def _keep_bots_away(raw: psycopg.Connection[Any], place: str, how: str) -> None:
    """Nobody acts on it meanwhile, and nobody else writes: no update that a webhook delivers.

    Raises `DatabaseInUse`. What just ended may have it for a moment yet.
    """
    for number in (OPEN, OFFICE):
        for _ in range(TRIES_FOR_LOCK):
            if postgres.one(raw, locks.lock(how, number)):
                break
            time.sleep(LOCK_PAUSE_S)
        else:
            raise DatabaseInUse(path=place, pid=0)


def _commit(session: Session, connection: Connection) -> bool:
    """Whether the server has said that it is written; False where it has said nothing."""
    raw = postgres.raw_of(connection)
    try:
        with session.within(ANSWER_S):
            connection.commit()
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        if postgres.is_lost(raw, error):
            return False
        raise _failed(session.place.name, error) from error
    return True


def _ask(session: Session, engine: sa.Engine, process: str) -> None:
    """Raises `MoveFailed` unless the database shows that it was written after all."""
    place, reason = session.place.name, ""
    for attempt in range(TRIES):
        engine.dispose()
        try:
            with session.within(postgres.ANSWER_S), engine.connect() as connection:
                is_written = _has_receipt(postgres.raw_of(connection), process)
        except (sa.exc.DBAPIError, psycopg.Error) as error:
            reason = said(error)
        else:
            if is_written:
                return
            reason = "the connection was lost"
            raise MoveFailed(problem=MoveProblem.STOPPED, path=place, reason=reason)
        time.sleep(pause_s(attempt + 1, longest_s=postgres.CONNECT_S))
    raise MoveFailed(problem=MoveProblem.UNKNOWN, path=place, reason=reason)


def _has_receipt(raw: psycopg.Connection[Any], process: str) -> bool:
    """Whether that transaction was committed. Raises `psycopg.Error`.

    It may have no end yet, and its tables be nowhere until then: its locks are waited for.
    """
    with raw.transaction():
        raw.execute(locks.lock("pg_advisory_xact_lock", MIGRATIONS))
        if postgres.one(raw, "SELECT to_regclass('receipts')") is None:
            return False
        return receipts.last(raw, process) == process
