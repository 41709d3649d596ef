"""The store: jobs in one writer thread, committed together. Knows no statement.

A job is a function whose first parameter is a `Tx`, named ``tx``. It runs in the writer's thread,
perhaps twice (a neighbour failed): it touches nothing but its `Tx` and the values that it is
given, and reads no clock. What waits there together is committed together, so that one fsync
serves a burst.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    NamedTuple,
    NoReturn,
    ParamSpec,
    TypeVar,
)

from sqlalchemy.engine import Engine

from bot import logs
from bot.clock import steady
from bot.errors import StartError, StoreUnavailable, TermLost
from bot.fence import Fence
from bot.metrics import METER
from bot.pauses import pause_s
from bot.store import sqlite
from bot.store.backend import SQLITE, Backend, CommitUnknown, on_server
from bot.store.tx import Tx

if TYPE_CHECKING:
    from bot.store.office import Office

log = logs.get(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: As many jobs as one commit takes at most.
GROUP = 64
#: Seconds for which what nobody waits for waits for another job, to be committed with it.
WITH_OTHERS_S = 0.02
#: The longest pause between two tries of what has to be written, in seconds.
LONGEST_PAUSE_S = 5.0
#: The longest pause between two questions what became of a commit, in seconds.
LONGEST_UNKNOWN_S = 1.0
#: Tries that such a job still gets after `stop_trying`.
LAST_TRIES = 4
#: Seconds that the end of a process waits for a server that does not let it connect.
LAST_S = 1.0
#: Seconds between two looks at whether anybody waits for what is never written.
GIVEN_UP_S = 0.25


class Store:
    """The database, open. Made by `Store.open`, ended by `close`.

    `fence` says whether a call to Telegram or the node may leave.
    """

    def __init__(
        self, backend: Backend, fence: Fence, make_office: Callable[..., Office] | None = None
    ) -> None:
        self.fence = fence
        self._backend = backend
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._is_clean = False  # the journal may keep what an earlier process wrote
        self._emptied_at = time.monotonic()
        self._closed = False
        self._is_trying = True
        self._is_hurried = False
        self._is_away = False
        self._group: list[_Job[Any]] = []  # in work
        self._is_unknown = False  # whether a commit of that was written
        self._missed: StoreUnavailable | None = None  # how the latest try ended, if so
        self._back = asyncio.Event()  # set, and then another one, once it can be written again
        self._make_office = make_office
        self._office: Office | None = None
        self._leads = asyncio.Event()
        self._is_lost = asyncio.Event()
        self._refusal: StartError | None = None
        self._listeners: dict[str, asyncio.Event] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, url: str) -> Store:
        """Open or make the database at `url` and bring it up to date.

        ``sqlite:///FILE``, which this process has for itself from then on, or ``postgresql://…``:
        there it may write once `lead` says so. Where it is cancelled, what it does is left as at a
        kill. Raises `StartError`.
        """
        return cls(*await _by_itself(functools.partial(_opened, url)))

    @property
    def is_shared(self) -> bool:
        """Whether other processes can have it open too, of which one acts at a time."""
        return self._make_office is not None

    @property
    def is_cut_off(self) -> bool:
        """Whether the server of a shared database can't be reached just now; any thread can ask."""
        return self._office is not None and self._office.is_away

    @property
    def term(self) -> int:
        """The number of this process's term of office; 0 where there are none."""
        return self._backend.term.number if self._backend.term else 0

    @property
    def _engine(self) -> Engine:
        return self._backend.engine

    async def lead(self, stop: asyncio.Event) -> bool:
        """Wait until this process is the one that acts; False where `stop` is set before.

        With SQLite it is that at once. After `TermLost`, also from here, it can be waited for once
        more. Raises `StartError` where this process can't act, as a newer version has the database
        by now.
        """
        if self._make_office is None:
            return True
        await self._leave_office()
        self._is_trying = True  # an earlier term's end stopped it
        self._leads.clear()
        self._is_lost.clear()
        self._office = self._make_office(
            on_term=functools.partial(self._tell, self._leads),
            on_lost=functools.partial(self._tell, self._is_lost),
            on_notice=self._ring_all,
            on_refused=self._refuse,
        )
        self._office.begin()
        ends = (self._leads, self._is_lost, stop)
        waits = [asyncio.ensure_future(each.wait()) for each in ends]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        if self._refusal is not None:
            raise self._refusal
        if self._is_lost.is_set() and not stop.is_set():  # in the moment in which it was taken
            raise TermLost
        return not stop.is_set()

    def _refuse(self, error: StartError) -> None:
        self._refusal = error
        self._tell(self._leads)

    async def _leave_office(self) -> None:
        office, self._office = self._office, None
        if office is not None:
            await asyncio.to_thread(office.close)

    def _tell(self, event: asyncio.Event) -> None:
        """Set it, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(event.set)

    async def until_lost(self) -> NoReturn:
        """As long as this process is the one that acts. Raises `TermLost`."""
        await self._is_lost.wait()
        raise TermLost

    async def close(self) -> None:
        """Finish what waits, end the term, and let go of the database."""
        self._closed = True
        self._jobs.put(None)
        # Nobody can end the driver's try to connect: what waits for it is left to the next start.
        limit_s = LAST_S if self.is_shared and self._is_hurried else None
        await asyncio.to_thread(self._thread.join, limit_s)
        await self._leave_office()
        await asyncio.to_thread(self._backend.close)

    async def do(
        self, job: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs
    ) -> T:
        """Run ``job(tx, *values, **named)`` in a transaction of its own or its neighbours'.

        Returns its answer once that is committed. Raises `StoreUnavailable` when the database is
        locked, full, removed, overwritten, away or closed, `TermLost` when another process acts:
        then nothing was written. Whatever `job` raises comes back too, and undoes only that job.
        """
        return await self._put(lambda tx: job(tx, *values, **named))

    async def do_anywhere(
        self, job: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs
    ) -> T:
        """The same, for what any process may write, whichever acts. Raises as `do`."""
        return await self._put(lambda tx: job(tx, *values, **named), needs_term=False)

    async def do_with_others(
        self, job: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs
    ) -> T:
        """The same for what nobody waits for: in the transaction of the next job that comes, or
        after `WITH_OTHERS_S`. Raises as `do`."""
        return await self._put(lambda tx: job(tx, *values, **named), may_wait=True)

    async def _put(
        self, run: Callable[[Tx], T], *, needs_term: bool = True, may_wait: bool = False
    ) -> T:
        if self._closed:
            raise StoreUnavailable(detail="it is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        waiting = _Job(run, future, needs_term=needs_term, may_wait=may_wait)
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
        `stop_trying` was called, and `TermLost`.
        """
        attempts = 0
        while True:
            try:
                answer = await self.do(job, *values, **named)
            except TermLost:
                raise
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

    def hurry(self) -> None:
        """The process is asked to stop: what another program keeps locked is not waited for."""
        self._is_hurried = True
        self._backend.hurry()
        if self.is_shared:
            self._loop.call_later(GIVEN_UP_S, self._give_up)

    def _give_up(self) -> None:
        """Whoever waits for what is never written hears so, and the process can end in order."""
        if self._closed:
            return
        if self._backend.is_given_up and not self._is_unknown:
            error = StoreUnavailable(detail="the process stops, and the server does not answer")
            waiting = [*self._group, *self._taken()]
            _deliver(waiting, [_Outcome(None, error)] * len(waiting))
        self._loop.call_later(GIVEN_UP_S, self._give_up)

    def _taken(self) -> Iterator[_Job[Any]]:
        """What waits, from its queue."""
        with contextlib.suppress(queue.Empty):
            while (job := self._jobs.get_nowait()) is not None:
                yield job
            self._jobs.put(None)

    @property
    def is_trying(self) -> bool:
        """Whether `must` tries until it is written: until `stop_trying`."""
        return self._is_trying

    def stop_trying(self) -> None:
        """The process ends: `must` gives up after a few tries from now on."""
        self._is_trying = False

    def listen(self, name: str) -> asyncio.Event:
        """What is set whenever somebody notifies `name`; whoever waits for it clears it first.

        Where the database is shared, also by what another process writes with `do_anywhere`; but a
        wake-up can go missing then.
        """
        return self._listeners.setdefault(name, asyncio.Event())

    def notify(self, name: str) -> None:
        """Wake whoever listens to `name` here, once what they look for is committed."""
        self.listen(name).set()

    def _ring_all(self) -> None:
        """Another process has written something."""
        for event in self._listeners.values():
            self._tell(event)

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
            self._group = group
            self._hand_back(group, self._run(group))

    def _next_group(self) -> tuple[list[_Job[Any]], bool]:
        """What waits, as much as one commit takes, and whether nothing comes after it."""
        group: list[_Job[Any]] = []
        job = self._next()
        until = time.monotonic() + WITH_OTHERS_S
        with contextlib.suppress(queue.Empty):
            while job is not None:
                group.append(job)
                if len(group) == GROUP:
                    break
                left_s = until - time.monotonic() if all(each.may_wait for each in group) else 0.0
                job = self._jobs.get(timeout=left_s) if left_s > 0 else self._jobs.get_nowait()
        return group, job is None

    def _next(self) -> _Job[Any] | None:
        """Wait for a job. While there is none, the database is tidied."""
        backend = self._backend
        if not self._is_clean and time.monotonic() - self._emptied_at >= backend.busy_s:
            self._tidy()
        while not self._is_clean:
            try:
                return self._jobs.get(timeout=backend.idle_s)
            except queue.Empty:
                self._tidy()
        return self._jobs.get()

    def _tidy(self) -> None:
        self._emptied_at = time.monotonic()
        self._is_clean = self._backend.tidy()

    def _run(self, group: list[_Job[Any]]) -> list[_Outcome]:
        backend = self._backend
        if harm := backend.harm():
            _count_failed()
            return [_Outcome(None, StoreUnavailable(detail=harm))] * len(group)
        if self._closed and self._missed is not None:  # each try may take seconds
            return [_Outcome(None, self._missed)] * len(group)
        outcomes: list[_Outcome] = []
        failure: Exception | None
        try:
            self._is_clean = self._is_clean and all(job.is_beat for job in group)
            with backend.transaction(needs_term=any(job.needs_term for job in group)) as connection:
                tx = Tx(connection)
                outcomes = [_Outcome(job.run(tx), None) for job in group]
        except CommitUnknown as unknown:
            METER.database.missed(steady())
            self._is_unknown = True
            failure = self._what_became_of(unknown)
            self._is_unknown = False
        except MemoryError:  # it says nothing of the job: the process ends
            raise
        except Exception as error:  # noqa: BLE001 -- it is the job's own, and goes back to its caller
            failure = backend.explained(error)
        else:
            failure = None
        self._missed = failure if isinstance(failure, StoreUnavailable) else None
        if failure is None:
            backend.note()
            METER.commits.add()
            METER.database.saw(steady())
            return outcomes
        is_away = self._missed is not None and not isinstance(failure, TermLost)
        if is_away:
            _count_failed()
            backend.forget()
        if len(group) == 1 or is_away:
            return [_Outcome(None, failure)] * len(group)
        return [outcome for job in group for outcome in self._run([job])]

    def _what_became_of(self, unknown: CommitUnknown) -> StoreUnavailable | None:
        """Of a transaction whose commit had no answer: None where it was written all the same.

        Until that is known nothing else is written, and whoever comes meanwhile hears so. Only the
        process's end leaves it open: the next one finds in the rows what is so.
        """
        attempts = 0
        while True:
            try:
                if self._backend.is_committed(unknown.ticket):
                    return None
                return StoreUnavailable(detail=str(unknown))
            except StoreUnavailable as error:
                attempts += 1
                if not self._turn_away(error, pause_s(attempts, longest_s=LONGEST_UNKNOWN_S)):
                    return error

    def _turn_away(self, error: StoreUnavailable, for_s: float) -> bool:
        """Nothing can be written for so long; False where the store is closed."""
        until = time.monotonic() + for_s
        while (left_s := until - time.monotonic()) > 0:
            try:
                job = self._jobs.get(timeout=left_s)
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                return False
            self._hand_back([job], [_Outcome(None, error)])
        return True

    def _hand_back(self, group: list[_Job[Any]], outcomes: list[_Outcome]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits now
            self._loop.call_soon_threadsafe(_deliver, group, outcomes)


def _count_failed() -> None:
    METER.failed_commits.add()
    METER.database.missed(steady())


async def _by_itself(work: Callable[[], T]) -> T:
    """What is done in a thread that no process waits for at its end."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # its outcome can be set, whether anybody waits or not

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- whoever waits for it raises it
            done.set_exception(error)

    threading.Thread(target=run, name="opening", daemon=True).start()
    return await asyncio.wrap_future(done)


def _opened(url: str) -> tuple[Backend, Fence, Callable[..., Office] | None]:
    """The database at `url`, and what it takes to wait for a turn where others have it open too."""
    if url.startswith(SQLITE):
        return sqlite.Sqlite.open(url), Fence(), None
    backend, fence = on_server().Postgres.open(url), Fence(steady)
    from bot.store.office import Office  # noqa: PLC0415 -- as slow to import

    return backend, fence, functools.partial(Office, url, backend, fence)


class _Outcome(NamedTuple):
    answer: Any
    error: Exception | None


class _Job(NamedTuple, Generic[T]):
    run: Callable[[Tx], T]
    done: asyncio.Future[T]
    is_beat: bool = False
    needs_term: bool = True
    may_wait: bool = False


def _deliver(group: list[_Job[Any]], outcomes: list[_Outcome]) -> None:
    for job, outcome in zip(group, outcomes, strict=True):
        if job.done.done():  # cancelled, or given up
            continue
        if outcome.error is not None:
            job.done.set_exception(outcome.error)
        else:
            job.done.set_result(outcome.answer)
