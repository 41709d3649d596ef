"""The term of office: of all processes on one PostgreSQL database, one acts. Knows its locks.

The process that holds an advisory lock takes the next number of `terms`, and has it until another
one takes the next. The lock only says who can take one; the number is what each transaction looks
at (`postgres`), under a lock that the successor waits for: no transaction of the process before is
still under way then, and none comes after. A process that stands still is disconnected by the
server, and so loses the lock.

What leaves for Telegram or the node has no transaction: see `bot.fence`.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from bot import __version__, logs
from bot.clock import steady
from bot.errors import DatabaseReplaced, StartError
from bot.fence import FRESH_S, Fence
from bot.pauses import pause_s
from bot.store import locks, migrations, receipts
from bot.store.backend import Term
from bot.store.postgres import (
    ANSWER_S,
    NEWEST_TERM,
    Postgres,
    Session,
    one,
    refuse_newer,
    version_of,
)
from bot.store.refusing import said

log = logs.get(__name__)

#: Seconds between two looks at the term.
BEAT_S = 0.5
#: Seconds after which the server disconnects a process that no longer looks.
STANDS_S = 4.0
#: Seconds between two tries to get the lock. To wait for it in one statement would tell nothing of
#: the connection, and the server's log has each wait that is ended.
AGAIN_S = 0.1
#: The longest pause between two tries to connect, in seconds.
LONGEST_PAUSE_S = 2.0
#: Seconds that the end of a term may take.
END_S = 1.0
#: The same, in each of two steps, where the server can't be reached.
AWAY_S = 0.25
#: Seconds for which nothing could be written, after which another process may try.
FAILS_S = 10.0
#: Seconds between two tries to get the lock while nothing can be written: others come first.
YIELD_S = 3.0

_TRY_LOCK = locks.lock("pg_try_advisory_lock", locks.OFFICE)
_LEAVE = f"{locks.lock('pg_advisory_unlock', locks.OFFICE)}; SELECT pg_notify({locks.CHANNEL}, '')"
#: Changes nothing, and fails where the database takes nothing from anybody.
_PROBE = "UPDATE terms SET is_over = is_over WHERE nonce = %s"
#: The server's process, the database and the table: not those of a standby that took over, nor of
#: a copy.
_HERE = """
SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), 'terms'::regclass::oid,
    (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_BEFORE = "SELECT number, is_over, ended_on, is_behind FROM terms ORDER BY number DESC LIMIT 1"
_NONE = (0, True, "", False)
_OVER = "UPDATE terms SET is_over = true, ended_on = %s WHERE nonce = %s"
_SETTINGS = f"SET idle_session_timeout = '{STANDS_S:.0f}s'"


class _Lost(Exception):
    """Another term has begun."""


class _Stopped(Exception):
    """The office is closed."""


class _CannotWrite(Exception):
    """This process can't write what it does, and another one might."""


class Office:
    """Waits for the term, and holds it, in a thread of its own.

    `on_term` is called in it once this process acts, and `on_lost` once that is over; `on_notice`
    when something was notified. `on_refused` gets a `StartError`: this process can't act.
    """

    def __init__(
        self,
        url: str,
        backend: Postgres,
        fence: Fence,
        *,
        on_term: Callable[[], None],
        on_lost: Callable[[], None],
        on_notice: Callable[[], None],
        on_refused: Callable[[StartError], None],
    ) -> None:
        self._url = url
        self._session = Session(url, "invoice-bot office", settings=_SETTINGS)
        self._backend = backend
        self._fence = fence
        self._on_term = on_term
        self._on_lost = on_lost
        self._on_notice = on_notice
        self._on_refused = on_refused
        self._attempts = 0
        self._well_since = 0.0  # by `steady`
        self._term: Term | None = None
        #: Whether the server can't be reached just now.
        self.is_away = False
        self._is_closing = False
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._work, name="office", daemon=True)

    def begin(self) -> None:
        """Wait for the term from now on."""
        self._thread.start()

    def close(self) -> None:
        """End the term, or the wait for one. Blocks until that is done, for `END_S` or so."""
        self._is_closing = True
        os.write(self._wake_write, b".")
        limit_s = AWAY_S if self.is_away else END_S
        self._thread.join(limit_s)
        if self._thread.is_alive():
            self._session.cut()
            self._thread.join(limit_s)
        if not self._thread.is_alive():
            os.close(self._wake_read)
            os.close(self._wake_write)

    # in its thread

    def _work(self) -> None:
        while not self._is_closing:
            try:
                with contextlib.closing(self._session.connect()) as raw:
                    self._serve(raw)
            except psycopg.Error as error:
                self._attempts += 1
                self._note_away(error)
                self._pause(pause_s(self._attempts, longest_s=LONGEST_PAUSE_S))
            except (_Lost, _Stopped, _CannotWrite):
                break
            except StartError as error:
                if error.needs_fixing:
                    self._on_refused(error)
                    break
                self._note_away(error)
                self._pause(LONGEST_PAUSE_S)
            except MemoryError:
                raise
            except Exception:
                log.exception("office failed")
                if self._term is not None:
                    break
                self._pause(LONGEST_PAUSE_S)
        self._end_term()
        if not self._is_closing:
            self._on_lost()

    def _end_term(self) -> None:
        """Nothing more is done or written in it by this process."""
        if self._term is not None:
            self._term = self._backend.term = None
            self._fence.close()

    def _serve(self, raw: psycopg.Connection[Any]) -> None:
        raw.add_notify_handler(lambda _notice: self._on_notice())
        raw.execute(f"LISTEN {one(raw, f'SELECT {locks.CHANNEL}')}")
        if self._term is None:
            self._wait(raw)
            self._bring_up_to_date(raw)
            self._take(raw)
        else:
            self._see_version(raw)
            with self._session.within(ANSWER_S):
                self._backend.note_loss(raw)
            self._get_back(raw)
        self._hold(raw)

    def _wait(self, raw: psycopg.Connection[Any]) -> None:
        """Until the process before is gone, or has ended its term."""
        while True:
            if self._backend.fails_s() is not None:
                self._pause(YIELD_S)
            if self._is_closing:
                raise _Stopped
            if self._ask(raw, _TRY_LOCK):
                return
            self._note_back()
            self._rest(raw, AGAIN_S)

    def _see_version(self, raw: psycopg.Connection[Any]) -> None:
        """Raises `_Lost` where another version's database was put in this one's place."""
        found = self._version(raw)
        if found != migrations.known()[-1]:
            log.warning(
                "the database was put back to another version: this process begins again",
                found=found or "none",
            )
            raise _Lost

    def _bring_up_to_date(self, raw: psycopg.Connection[Any]) -> None:
        """What was put in the database's place since the start is taken as at a start.

        But for one without the bot's tables: it may be about to be restored. Raises `StartError`.
        """
        found = self._version(raw)
        if not found:
            raise DatabaseReplaced(path=self._session.place.name)
        if found != migrations.known()[-1]:
            Postgres.open(self._url).close()

    def _version(self, raw: psycopg.Connection[Any]) -> str | None:
        with self._session.within(ANSWER_S):
            return version_of(raw)

    def _take(self, raw: psycopg.Connection[Any]) -> None:
        """Begin the next term, once no transaction of the one before is under way."""
        name = f"{socket.gethostname()}:{os.getpid()}"
        with self._session.within(ANSWER_S):
            raw.execute("BEGIN")
            raw.execute("SET LOCAL lock_timeout = 0")
            raw.execute(locks.lock("pg_advisory_xact_lock", locks.TERM))
            refuse_newer(version_of(raw))
            here = one(raw, _HERE)
            number, is_over, ended_on, is_behind = raw.execute(_BEFORE).fetchone() or _NONE
            term = Term(number + 1, receipts.drawn())
            raw.execute(
                "INSERT INTO terms (number, nonce, holder, version, began_at, is_over, is_behind)"
                " VALUES (%s, %s, %s, %s, extract(epoch FROM clock_timestamp()), false, %s)",
                (*term, name, __version__, is_behind),
            )
            raw.execute("DELETE FROM terms WHERE number < %s", (term.number,))
            receipts.prune(raw, self._backend.process)
            seen_at = steady()
            raw.execute("COMMIT")
        # The one before may have a call under way to its fence's end, unless it said its last. On
        # another server, or in a copy, the one before may have been another one: nobody knows.
        waits_s = 0.0 if number == 0 or (is_over and ended_on == here) else FRESH_S
        self._fence.begin(seen_at, after_s=waits_s)
        self._term = self._backend.term = term
        self._note_back()
        log.info("this process is the active one", term=term.number)
        self._on_term()

    def _get_back(self, raw: psycopg.Connection[Any]) -> None:
        """The connection was lost, and the lock: the term goes on if nobody took another."""
        while True:
            self._look(raw)
            if self._ask(raw, _TRY_LOCK):
                self._look(raw)
                return
            self._rest(raw, AGAIN_S)

    def _hold(self, raw: psycopg.Connection[Any]) -> None:
        term = self._look(raw)
        self._well_since = steady()
        while not self._is_closing:
            self._rest(raw, BEAT_S)
            self._look(raw)
            self._give_up_where_useless(raw, term)
        with self._session.within(END_S):
            raw.execute(_OVER, (one(raw, _HERE), term.nonce))
            raw.execute(_LEAVE)  # whoever waits is woken

    def _give_up_where_useless(self, raw: psycopg.Connection[Any], term: Term) -> None:
        """A process that can't write gives the term up, unless no other one could.

        What it has under way has no end yet: so the term is not said to be over, and the successor
        waits for this one's fence. Raises `_CannotWrite`.
        """
        fails_s = self._backend.fails_s(self._well_since)
        if fails_s is None or fails_s < FAILS_S:
            return
        try:
            with self._session.within(ANSWER_S):
                raw.execute(_PROBE, (term.nonce,))
        except psycopg.Error:
            if raw.closed:
                raise
            self._well_since = steady()  # and asked again later
            return
        log.warning("nothing can be written: another process may be the active one")
        self._end_term()  # before its lock, and its place among the connections, are free
        raise _CannotWrite

    def _look(self, raw: psycopg.Connection[Any]) -> Term:
        """See that the term goes on. Raises `_Lost`."""
        at, term = steady(), self._term
        if term is None or self._ask(raw, NEWEST_TERM) != term.nonce:
            log.warning("another process is the active one")
            raise _Lost
        if self._backend.term is None:
            log.warning("the database lacks what was committed: this process begins again")
            raise _Lost
        self._fence.seen(at)
        self._note_back()
        return term

    def _ask(self, raw: psycopg.Connection[Any], statement: str) -> Any:
        with self._session.within(ANSWER_S):
            row = raw.execute(statement).fetchone()
        return None if row is None else row[0]

    def _rest(self, raw: psycopg.Connection[Any], longest_s: float) -> None:
        """Until something is notified, or the office is closed; not longer than that.

        What was notified is read with the answer to the next question, which comes at once then.
        """
        select.select([raw.fileno(), self._wake_read], [], [], longest_s)

    def _pause(self, longest_s: float) -> None:
        select.select([self._wake_read], [], [], longest_s)

    def _note_away(self, error: Exception) -> None:
        if not self.is_away and not self._is_closing:
            self.is_away = True
            log.warning("database server lost", detail=said(error))

    def _note_back(self) -> None:
        """The server has answered, and not only taken a connection."""
        self._attempts = 0
        if self.is_away:
            self.is_away = False
            log.info("database server is back")
