"""The store: jobs in one writer thread, committed together. Knows no statement.

A job is a function whose first parameter is a `Tx`, named ``tx``. It runs in the writer's thread,
perhaps twice (a neighbour failed): it touches nothing but its `Tx` and the values that it is
given, and reads no clock. What waits there together is committed together, so that one fsync
serves a burst.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bot import logs
from bot.clock import steady
from bot.errors import StoreUnavailable
from bot.metrics import METER
from bot.pauses import pause_s
from bot.store import sqlite
from bot.store.tx import Tx

log = logs.get(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: As many jobs as one commit takes at most.
GROUP = 64
#: Seconds without a job after which the journal is emptied.
IDLE_S = 1.0
#: Seconds after which it is emptied in between where there is always something to do.
BUSY_S = 60.0
#: The longest pause between two tries of what has to be written, in seconds.
LONGEST_PAUSE_S = 5.0
#: Tries that such a job still gets after `stop_trying`.
LAST_TRIES = 4


class Store:
    """The database, open. Made by `Store.open`, ended by `close`."""

    def __init__(self, engine: Engine, files: sqlite.Files, lock: sqlite.Lock) -> None:
        self._engine = engine
        self._files = files
        self._lock = lock
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._is_clean = False  # the journal may keep what an earlier process wrote
        self._emptied_at = time.monotonic()
        self._closed = False
        self._is_trying = True
        self._is_away = False
        self._back = asyncio.Event()  # set, and then another one, once it can be written again
        self._listeners: dict[str, asyncio.Event] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)

    @classmethod
    async def open(cls, url: str) -> Store:
        """Open or make the database at `url` (``sqlite:///FILE``) and bring it up to date.

        Raises `StartError`: `DatabaseInUse`, `DatabaseTooNew`, `DatabaseUnreadable`,
        `DatabaseFolderReadOnly` or `LinkInTheWay`.
        """
        path = sqlite.file_of(url)
        lock = sqlite.Lock(path)
        try:
            engine = await asyncio.to_thread(sqlite.opened, path)
            lock.hold()
            files = await asyncio.to_thread(sqlite.Files, path)
        except BaseException:
            lock.release()
            raise
        store = cls(engine, files, lock)
        store._thread.start()
        return store

    async def close(self) -> None:
        """Finish what waits, and let go of the file."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._engine.dispose()
        self._files.close()
        self._lock.release()

    async def do(
        self, job: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs
    ) -> T:
        """Run ``job(tx, *values, **named)`` in a transaction of its own or its neighbours'.

        Returns its answer once that is committed. Raises `StoreUnavailable` when the database is
        locked, full, removed, overwritten or closed: then nothing was written. Whatever `job`
        raises comes back too, and undoes only that job.
        """
        if self._closed:
            raise StoreUnavailable(detail="it is closed")
        waiting: _Job[T] = _Job(lambda tx: job(tx, *values, **named), self._loop.create_future())
        self._jobs.put(waiting)
        return await waiting.done

    async def beat(self, now: float) -> None:
        """See that something can be written. Raises `StoreUnavailable`.

        What that leaves in the journal is no reason to empty it.
        """
        if self._closed:
            raise StoreUnavailable(detail="it is closed")
        done: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put(_Job(lambda tx: tx.memory.beat(now), done, is_beat=True))
        await done

    async def must(
        self, job: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs
    ) -> T:
        """Run ``job(tx, *values, **named)`` like `do`, again and again until it is written.

        Raises `StoreUnavailable` only when the store is closed, or after a few tries once
        `stop_trying` was called.
        """
        attempts = 0
        while True:
            try:
                answer = await self.do(job, *values, **named)
            except StoreUnavailable as error:
                if self._closed or (not self._is_trying and attempts >= LAST_TRIES):
                    raise
                attempts += 1
                self._note_outage(error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s(attempts, longest_s=LONGEST_PAUSE_S)):
                        await self._back.wait()
            else:
                self._note_success()
                return answer

    @property
    def waiting(self) -> int:
        """How many jobs wait for the writer."""
        return self._jobs.qsize()

    def stop_trying(self) -> None:
        """The process ends: `must` gives up after a few tries from now on."""
        self._is_trying = False

    #: Whether other processes write as well: then a wake-up can go missing.
    is_shared = False

    def listen(self, name: str) -> asyncio.Event:
        """What is set whenever somebody notifies `name`; whoever waits for it clears it first."""
        return self._listeners.setdefault(name, asyncio.Event())

    def notify(self, name: str) -> None:
        """Wake whoever listens to `name`, once what they look for is committed."""
        self.listen(name).set()

    def _note_outage(self, error: StoreUnavailable) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("database unavailable", detail=error.detail)

    def _note_success(self) -> None:
        if self._is_away:
            self._is_away = False
            log.info("database available again")
            # Whoever waits has sent what is not recorded: a kill now would double it.
            self._back.set()
            self._back = asyncio.Event()

    # in the writer's thread

    def _work(self) -> None:
        ending = False
        while not ending:
            group, ending = self._next_group()
            if not group:
                continue
            outcomes = self._run(group)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits now
                self._loop.call_soon_threadsafe(_deliver, group, outcomes)

    def _next_group(self) -> tuple[list[_Job[Any]], bool]:
        """What waits, as much as one commit takes, and whether nothing comes after it."""
        group: list[_Job[Any]] = []
        job = self._next()
        with contextlib.suppress(queue.Empty):
            while job is not None:
                group.append(job)
                if len(group) == GROUP:
                    break
                job = self._jobs.get_nowait()
        return group, job is None

    def _next(self) -> _Job[Any] | None:
        """Wait for a job. While there is none, the journal is emptied.

        It has what rows once were, and what a copy of the database's own file would lack.
        """
        if not self._is_clean and time.monotonic() - self._emptied_at >= BUSY_S:
            self._empty_journal()
        while not self._is_clean:
            try:
                return self._jobs.get(timeout=IDLE_S)
            except queue.Empty:
                self._empty_journal()
        return self._jobs.get()

    def _empty_journal(self) -> None:
        self._emptied_at = time.monotonic()
        self._is_clean = self._is_wiped()

    def _is_wiped(self) -> bool:
        """Empty the journal, unless a file came to harm; whether no other try is needed."""
        if self._harm():
            return True
        self._files.follow()
        # Whoever sees an empty journal sees a file whose time was noted.
        sqlite.copy_journal(self._engine)
        self._files.note()
        is_wiped = sqlite.wipe_journal(self._engine)
        self._files.note()
        return is_wiped

    def _harm(self) -> str:
        return self._files.harm() or self._lock.harm()

    def _run(self, group: list[_Job[Any]]) -> list[_Outcome]:
        if harm := self._harm():
            METER.failed_commits.add()
            # Nothing is closed: what was written is safe again once the file is put back.
            return [_Outcome(None, StoreUnavailable(detail=harm))] * len(group)
        try:
            self._is_clean = self._is_clean and all(job.is_beat for job in group)
            with self._engine.begin() as connection:
                tx = Tx(connection)
                outcomes = [_Outcome(job.run(tx), None) for job in group]
        except Exception as error:  # noqa: BLE001 -- it is the job's own, and goes back to its caller
            failure = _explained(error)
        else:
            self._files.note()
            METER.commits.add()
            METER.database.saw(steady())
            return outcomes
        if isinstance(failure, StoreUnavailable):
            METER.failed_commits.add()
            # A file that was opened while it was read-only stays so until it is opened again.
            self._engine.dispose()
            self._files.forget()
        if len(group) == 1 or isinstance(failure, StoreUnavailable):
            return [_Outcome(None, failure)] * len(group)
        return [outcome for job in group for outcome in self._run([job])]


class _Outcome(NamedTuple):
    answer: Any
    error: Exception | None


class _Job(NamedTuple, Generic[T]):
    run: Callable[[Tx], T]
    done: asyncio.Future[T]
    is_beat: bool = False


def _explained(error: Exception) -> Exception:
    """`StoreUnavailable` where it is the database's state, and not the job's doing."""
    is_state = isinstance(error, sa.exc.OperationalError) or type(error) is sa.exc.DatabaseError
    if is_state and isinstance(error, sa.exc.DBAPIError):
        return StoreUnavailable(detail=str(error.orig))
    return error


def _deliver(group: list[_Job[Any]], outcomes: list[_Outcome]) -> None:
    for job, outcome in zip(group, outcomes, strict=True):
        if job.done.cancelled():
            continue
        if outcome.error is not None:
            job.done.set_exception(outcome.error)
        else:
            job.done.set_result(outcome.answer)
