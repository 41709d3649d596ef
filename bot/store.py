"""The rows: the only SQL, in one writer thread; migrations/ beside it.

`Store.do` runs a job, a function of a `Tx`, in that thread. What waits there together is
committed together, so that one fsync serves a burst. A job may run twice (a neighbour failed):
it touches nothing but its `Tx`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import filelock
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from bot import logs
from bot.errors import (
    DatabaseInUse,
    DatabaseTooNew,
    DatabaseUnreadable,
    StartError,
    StoreUnavailable,
)
from bot.invoice import MAX_FAULTS, Do, Face, Invoice, Priority, State, at_once, closed_state

log = logs.get(__name__)

T = TypeVar("T")

#: Lanes beyond those of `Priority`: rows in them are not due until somebody takes them out.
LANE_FOREIGN = 8  # of another node
LANE_HELD = 9  # of a chat that can't be reached

BUSY_TIMEOUT_S = 5.0
#: As many jobs as one commit takes at most.
GROUP = 64

_MIGRATIONS = Path(__file__).parent / "migrations"
_OF_PROCESS = {"taken_at", "patience_s", "say_waiting", "held", "foreign"}
_meta = sa.MetaData()


def _column(name: str, annotation: str) -> sa.Column[Any]:
    """A column from a field of `Invoice`: the dataclass is the one list of them."""
    kinds: dict[str, type[sa.types.TypeEngine[Any]]] = {
        "int": sa.BigInteger,
        "bytes": sa.LargeBinary,
        "float": sa.Float,
        "bool": sa.Boolean,
    }
    kind = kinds.get(annotation.removesuffix(" | None"), sa.Text)
    return sa.Column(name, kind, primary_key=name == "id")


_COLUMNS = tuple(f.name for f in fields(Invoice) if f.name not in _OF_PROCESS)
_invoices = sa.Table(
    "invoices",
    _meta,
    *(_column(f.name, str(f.type)) for f in fields(Invoice) if f.name in _COLUMNS),
)
_cursors = sa.Table(
    "cursors",
    _meta,
    sa.Column("node_id", sa.Text, primary_key=True),
    sa.Column("settle_index", sa.BigInteger),
    sa.Column("seen_at", sa.Float),
)
_chats = sa.Table(
    "chats",
    _meta,
    sa.Column("chat_id", sa.BigInteger, primary_key=True),
    sa.Column("moved_to", sa.BigInteger),
    sa.Column("forbidden", sa.Boolean),
)
_hints = sa.Table(
    "hints",
    _meta,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject_id", sa.BigInteger, primary_key=True),
    sa.Column("said_at", sa.Float),
)
_pictures = sa.Table(
    "pictures",
    _meta,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("file_id", sa.Text),
)

_DEFAULTS = {f.name: f.default for f in fields(Invoice)}
_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "state": State,
    "card_shown": Face,
    "request_shown": Face,
}


def _invoice(row: Row[Any]) -> Invoice:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name, kind in _KINDS.items():
        values[name] = kind(values[name])
    return Invoice(**values)


_ALL = tuple(_invoices.c[name] for name in _COLUMNS)
_BY_ID = sa.select(*_ALL).where(_invoices.c.id == sa.bindparam("row_id"))
_BY_ORIGIN = sa.select(*_ALL).where(
    _invoices.c.origin_chat_id == sa.bindparam("chat"),
    _invoices.c.origin_message_id == sa.bindparam("message"),
    _invoices.c.origin_count == sa.bindparam("count"),
)
_INSERT = sa.insert(_invoices).returning(*_ALL)
_NOT_FINISHED = _invoices.c.state.in_([State.REQUESTED, State.OPEN])
_COUNT = sa.select(sa.func.count()).select_from(_invoices)
_ASKED_SINCE = _COUNT.where(
    _invoices.c.asker_id == sa.bindparam("asker"),
    _invoices.c.asked_at >= sa.bindparam("since"),
    _invoices.c.id.is_distinct_from(sa.bindparam("but_row")),
)
_OPEN_IN_CHAT = _COUNT.where(_invoices.c.chat_id == sa.bindparam("chat"), _NOT_FINISHED)


@functools.lru_cache(maxsize=256)
def _update_of(names: tuple[str, ...], expected: tuple[str, ...] = ()) -> sa.UpdateBase:
    # Building a statement costs more than SQLite's work for it.
    return (
        sa.update(_invoices)
        .where(
            _invoices.c.id == sa.bindparam("row_id"),
            *(
                _invoices.c[name].is_not_distinct_from(sa.bindparam(f"old_{name}"))
                for name in expected
            ),
        )
        .values({name: sa.bindparam(f"new_{name}") for name in names})
        .returning(*_ALL)
    )


class Due(NamedTuple):
    """What is due: rows, whether there are more, and when others will be (Unix seconds)."""

    rows: list[Invoice]
    more: bool
    next_at: float | None


class Tx:
    """The statements of one transaction. Times in Unix seconds, amounts in millisatoshi."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # one row

    def invoice(self, row_id: int) -> Invoice | None:
        """The row with this number."""
        row = self._connection.execute(_BY_ID, {"row_id": row_id}).one_or_none()
        return None if row is None else _invoice(row)

    def invoice_if(self, row_id: int, **expected: Any) -> Invoice | None:
        """The row with this number, if these columns are still so."""
        row = self.invoice(row_id)
        if row is None or any(getattr(row, name) != value for name, value in expected.items()):
            return None
        return row

    def by_hash(self, payment_hash: bytes) -> Invoice | None:
        """The row with this payment hash."""
        return self._one(_invoices.c.payment_hash == payment_hash)

    def by_origin(self, chat_id: int, message_id: int, count: int) -> Invoice | None:
        """The row that this command made."""
        origin = {"chat": chat_id, "message": message_id, "count": count}
        row = self._connection.execute(_BY_ORIGIN, origin).one_or_none()
        return None if row is None else _invoice(row)

    def answered(self, chat_id: int, message_id: int) -> Invoice | None:
        """The row whose question this message answered."""
        return self._newest(
            (_invoices.c.chat_id == chat_id)
            & (_invoices.c.reply_to == message_id)
            & (_invoices.c.origin_message_id != message_id)
        )

    def by_message(self, chat_id: int, message_id: int) -> Invoice | None:
        """The row that one of these messages belongs to: its card's, or the command's."""
        stray = (" " + _invoices.c.strays).contains(f" {message_id}:")
        for its in (
            _invoices.c.card_id == message_id,
            _invoices.c.request_id == message_id,
            (_invoices.c.strays != "") & stray,
        ):
            found = self._newest((_invoices.c.chat_id == chat_id) & its)
            if found is not None:
                return found
        return self._newest(
            (_invoices.c.origin_chat_id == chat_id) & (_invoices.c.origin_message_id == message_id)
        )

    def question(self, chat_id: int, thread_id: int | None, asker_id: int) -> Invoice | None:
        """The newest question that waits for this person's answer here."""
        return self._newest(
            (_invoices.c.chat_id == chat_id)
            & (_invoices.c.state == State.ASKING)
            & (_invoices.c.thread_id.is_not_distinct_from(thread_id))
            & (_invoices.c.asker_id == asker_id)
        )

    def add(self, **columns: Any) -> tuple[Invoice, bool]:
        """A new row, and True; or the one that its origin has already, and False."""
        there = self.by_origin(
            columns["origin_chat_id"], columns["origin_message_id"], columns["origin_count"]
        )
        if there is not None:
            return there, False
        values = {name: columns.get(name, _DEFAULTS[name]) for name in _COLUMNS if name != "id"}
        return _invoice(self._connection.execute(_INSERT, values).one()), True

    def update(self, row_id: int, **columns: Any) -> Invoice:
        """Set these columns, and the row as it stands then."""
        statement = _update_of(tuple(columns))
        values = {f"new_{name}": value for name, value in columns.items()}
        return _invoice(self._connection.execute(statement, {"row_id": row_id, **values}).one())

    def update_if(self, row_id: int, expected: Mapping[str, Any], **columns: Any) -> Invoice | None:
        """Set these columns, if those of `expected` are still so; the row as it stands then."""
        statement = _update_of(tuple(columns), tuple(expected))
        values = {f"new_{name}": value for name, value in columns.items()}
        values |= {f"old_{name}": value for name, value in expected.items()}
        row = self._connection.execute(statement, {"row_id": row_id, **values}).one_or_none()
        return None if row is None else _invoice(row)

    def settle(self, payment_hash: bytes, *, now: float, **columns: Any) -> int | None:
        """Record a payment once; the row's number if it was news."""
        statement = (
            sa.update(_invoices)
            .where(_invoices.c.payment_hash == payment_hash, _invoices.c.state != State.SETTLED)
            .values(due_at=at_once(now), lane=Priority.PAID, faults=0, retry_at=0.0, **columns)
            .returning(_invoices.c.id)
        )
        return self._connection.execute(statement).scalar_one_or_none()

    # many rows

    def due(
        self,
        lanes: Iterable[int],
        now: float,
        *,
        limit: int,
        but: Collection[tuple[int, int]] = (),
    ) -> Due:
        """Rows to take up now, the most urgent lane first, of each at most `limit`.

        `but`: lanes and chats that have enough in hand.
        """
        rows: list[Invoice] = []
        more = False
        next_at: float | None = None
        for lane in lanes:
            here = _invoices.c.lane == lane
            statement = (
                sa.select(*_ALL)
                .where(here, _invoices.c.due_at <= now)
                .order_by(_invoices.c.due_at)
                .limit(limit)
            )
            if busy := [chat for lane_of, chat in but if lane_of == lane]:
                statement = statement.where(_invoices.c.chat_id.not_in(busy))
            found = [_invoice(row) for row in self._connection.execute(statement)]
            rows += found
            more = more or len(found) == limit
            later = self._connection.execute(
                sa.select(sa.func.min(_invoices.c.due_at)).where(here, _invoices.c.due_at > now)
            ).scalar_one()
            if later is not None:
                next_at = later if next_at is None else min(next_at, later)
        return Due(rows, more, next_at)

    def close(self, row_id: int, now: float) -> None:
        """Record that the node has an open invoice canceled, or knows it no more."""
        invoice = self.invoice(row_id)
        if invoice is not None and invoice.state is State.OPEN:
            state = closed_state(invoice, now)
            self.update(row_id, state=state, due_at=at_once(now), lane=Priority.EXPIRED, tried="")

    def open_hashes(self, after_id: int, limit: int, node_id: str = "") -> list[tuple[int, bytes]]:
        """Numbers and payment hashes of rows that are open, but for other nodes', in order.

        With `node_id` "" those are the rows that were set aside before.
        """
        statement = (
            sa.select(_invoices.c.id, _invoices.c.payment_hash)
            .where(
                _invoices.c.state == State.OPEN,
                _invoices.c.id > after_id,
                _invoices.c.lane != LANE_FOREIGN,
            )
            .order_by(_invoices.c.id)
            .limit(limit)
        )
        if node_id:
            statement = statement.where(_invoices.c.node_id.in_(["", node_id]))
        return [(row_id, hash_) for row_id, hash_ in self._connection.execute(statement)]

    def wake(self, now: float) -> None:
        """Make due whatever waits for its next try: the node is back, or the clock was set."""
        # Nothing here names the lane: SQLite would read all that are open by its index.
        self._connection.execute(
            sa.update(_invoices)
            .where(
                _invoices.c.retry_at > 0,
                _invoices.c.due_at.is_not(None),
                _invoices.c.faults < MAX_FAULTS,
            )
            .values(due_at=at_once(now), retry_at=0.0)
        )

    def unstick(self, now: float) -> int:
        """Give stuck rows another chance; how many there were."""
        # A row gets stuck as it is put off, and its retry_at stays: an index finds it by that.
        statement = (
            sa.update(_invoices)
            .where(_invoices.c.retry_at > 0, _invoices.c.faults >= MAX_FAULTS)
            .values(faults=0, attempts=0, due_at=at_once(now))
        )
        return self._connection.execute(statement).rowcount

    def asked_since(self, asker_id: int, since: float, *, but_row: int | None = None) -> int:
        """How many invoices this person has asked for since then, the unanswered questions too."""
        asked = {"asker": asker_id, "since": since, "but_row": but_row}
        return self._connection.execute(_ASKED_SINCE, asked).scalar_one()

    def open_in_chat(self, chat_id: int) -> int:
        """How many invoices of this chat are open, or on their way there."""
        return self._connection.execute(_OPEN_IN_CHAT, {"chat": chat_id}).scalar_one()

    def latest(self, asker_id: int, chat_id: int | None, limit: int) -> list[Invoice]:
        """The newest invoices that this person asked for, in one chat or in all."""
        statement = (
            sa.select(*_ALL)
            .where(_invoices.c.asker_id == asker_id, _invoices.c.amount_msat.is_not(None))
            .order_by(_invoices.c.asked_at.desc(), _invoices.c.id.desc())
            .limit(limit)
        )
        if chat_id is not None:
            statement = statement.where(_invoices.c.chat_id == chat_id)
        return [_invoice(row) for row in self._connection.execute(statement)]

    def prune(self, before: float, limit: int) -> int:
        """Remove rows that were asked for before then and need nothing any more; how many.

        The payment that each node told last stays: by it a node is known that counts anew.
        """
        nodes = self._connection.execute(sa.select(_cursors.c.node_id)).scalars().all()
        newest = (self.newest_settled(node_id) for node_id in nodes)
        kept = [invoice.id for invoice in newest if invoice is not None]
        done = (
            sa.select(_invoices.c.id)
            .where(
                _invoices.c.asked_at < before,
                _invoices.c.id.not_in(kept),
                sa.or_(
                    _invoices.c.due_at.is_(None) & sa.not_(_NOT_FINISHED),
                    # nobody was heard of there for as long
                    (_invoices.c.lane == LANE_HELD) & (_invoices.c.expires_at < before),
                ),
            )
            .limit(limit)
        )
        statement = sa.delete(_invoices).where(_invoices.c.id.in_(done))
        return self._connection.execute(statement).rowcount

    # the node

    def cursor(self, node_id: str) -> int:
        """The last settle index that was recorded from this node, 0 for none."""
        statement = sa.select(_cursors.c.settle_index).where(_cursors.c.node_id == node_id)
        return self._connection.execute(statement).scalar_one_or_none() or 0

    def last_node(self) -> str:
        """The node whose settlements were recorded last, "" for none."""
        statement = sa.select(_cursors.c.node_id).order_by(_cursors.c.seen_at.desc()).limit(1)
        return self._connection.execute(statement).scalar_one_or_none() or ""

    def set_cursor(self, node_id: str, settle_index: int, now: float) -> None:
        """Remember how far this node's settlements are recorded."""
        changed = self._connection.execute(
            sa.update(_cursors)
            .where(_cursors.c.node_id == node_id)
            .values(settle_index=settle_index, seen_at=now)
        )
        if not changed.rowcount:
            self._connection.execute(
                sa.insert(_cursors).values(node_id=node_id, settle_index=settle_index, seen_at=now)
            )

    def newest_settled(self, node_id: str) -> Invoice | None:
        """The row that this node settled last."""
        statement = (
            sa.select(*_ALL)
            .where(_invoices.c.node_id == node_id, _invoices.c.settle_index > 0)
            .order_by(_invoices.c.settled_at.desc(), _invoices.c.settle_index.desc())
            .limit(1)
        )
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _invoice(row)

    def part_nodes(self, node_id: str, now: float) -> int:
        """Set rows of other nodes aside, take this node's up again; how many were set aside.

        Open ones of no node were made just before it was known whose they are.
        """
        self._connection.execute(
            sa.update(_invoices)
            .where(_invoices.c.state == State.OPEN, _invoices.c.node_id == "")
            .values(node_id=node_id)
        )
        mine = _invoices.c.node_id.in_(["", node_id])
        self._connection.execute(
            sa.update(_invoices)
            .where(_invoices.c.lane == LANE_FOREIGN, mine)
            .values(lane=Priority.EXPIRED, due_at=at_once(now))
        )
        aside = self._connection.execute(
            sa.update(_invoices)
            .where(
                _invoices.c.state == State.OPEN,
                _invoices.c.lane != LANE_FOREIGN,
                sa.not_(mine),
            )
            .values(lane=LANE_FOREIGN, due_at=None)
        )
        return aside.rowcount

    # chats

    def moves(self) -> dict[int, int]:
        """Groups' old ids → their new ones."""
        statement = sa.select(_chats.c.chat_id, _chats.c.moved_to).where(
            _chats.c.moved_to.is_not(None)
        )
        return {row.chat_id: row.moved_to for row in self._connection.execute(statement)}

    def forbidden(self) -> set[int]:
        """Chats where the bot may not write until it hears of them again."""
        statement = sa.select(_chats.c.chat_id).where(_chats.c.forbidden)
        return set(self._connection.execute(statement).scalars())

    def is_forbidden(self, chat_id: int) -> bool:
        """Whether the chat is on hold."""
        statement = sa.select(_chats.c.forbidden).where(_chats.c.chat_id == chat_id)
        return bool(self._connection.execute(statement).scalar_one_or_none())

    def set_forbidden(self, chat_id: int, forbidden: bool, now: float) -> None:
        """Put a chat on hold, or take it off and make its rows due."""
        self._put_chat(chat_id, forbidden=forbidden)
        if not forbidden:
            self._connection.execute(
                sa.update(_invoices)
                .where(_invoices.c.chat_id == chat_id, _invoices.c.lane == LANE_HELD)
                .values(lane=Priority.NEW, due_at=at_once(now), retry_at=0.0)
            )

    def move_chat(self, old: int, new: int, now: float) -> None:
        """A group has a new id. Old message ids are void there: what is open is shown afresh."""
        self._put_chat(old, moved_to=new)
        here = _invoices.c.chat_id == old
        foreign = _invoices.c.lane == LANE_FOREIGN
        unfinished = sa.or_(
            _invoices.c.state.in_([State.ASKING, State.REQUESTED, State.OPEN]),
            _invoices.c.due_at.is_not(None),
            _invoices.c.lane == LANE_HELD,
        )
        self._connection.execute(
            sa.update(_invoices)
            .where(here, unfinished)
            .values(
                card_shown=Face.NOTHING,
                request_shown=Face.NOTHING,
                # A notice that is on its way is told; a card's copy there is void.
                sending=sa.case((_invoices.c.sending == Do.TELL, Do.TELL), else_=""),
                due_at=sa.case((foreign, sa.null()), else_=at_once(now)),
                lane=sa.case((foreign, LANE_FOREIGN), else_=int(Priority.NEW)),
            )
        )
        # The new group counts its messages anew: an old number may be somebody else's there.
        void = {"card_id": None, "request_id": None, "strays": "", "reply_to": None}
        self._connection.execute(sa.update(_invoices).where(here).values(chat_id=new, **void))

    def claim_hint(self, kind: str, subject_id: int, *, now: float, every_s: float) -> bool:
        """Whether this may be said again, which was last said at least `every_s` ago."""
        here = (_hints.c.kind == kind) & (_hints.c.subject_id == subject_id)
        said_at = self._connection.execute(sa.select(_hints.c.said_at).where(here)).scalar()
        if said_at is None:
            self._connection.execute(
                sa.insert(_hints).values(kind=kind, subject_id=subject_id, said_at=now)
            )
            return True
        if 0 <= now - said_at < every_s:
            return False
        self._connection.execute(sa.update(_hints).where(here).values(said_at=now))
        return True

    def prune_hints(self, before: float) -> None:
        """Forget what was said before then."""
        self._connection.execute(sa.delete(_hints).where(_hints.c.said_at < before))

    # pictures that Telegram has already

    def picture(self, name: str) -> str | None:
        """Telegram's file_id of a picture that was uploaded before."""
        statement = sa.select(_pictures.c.file_id).where(_pictures.c.name == name)
        return self._connection.execute(statement).scalar_one_or_none()

    def set_picture(self, name: str, file_id: str | None) -> None:
        """Remember a picture's file_id, or that Telegram does not know it any more."""
        self._connection.execute(sa.delete(_pictures).where(_pictures.c.name == name))
        if file_id is not None:
            self._connection.execute(sa.insert(_pictures).values(name=name, file_id=file_id))

    def _put_chat(self, chat_id: int, **columns: Any) -> None:
        changed = self._connection.execute(
            sa.update(_chats).where(_chats.c.chat_id == chat_id).values(**columns)
        )
        if not changed.rowcount:
            self._connection.execute(
                sa.insert(_chats).values(chat_id=chat_id, **{"forbidden": False, **columns})
            )

    def _one(self, condition: sa.ColumnElement[bool]) -> Invoice | None:
        row = self._connection.execute(sa.select(*_ALL).where(condition)).one_or_none()
        return None if row is None else _invoice(row)

    def _newest(self, condition: sa.ColumnElement[bool]) -> Invoice | None:
        statement = sa.select(*_ALL).where(condition).order_by(_invoices.c.id.desc()).limit(1)
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _invoice(row)


class Store:
    """The database, open. Made by `Store.open`, ended by `close`."""

    def __init__(self, engine: Engine, lock: filelock.BaseFileLock) -> None:
        self._engine = engine
        self._lock = lock
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)

    @classmethod
    async def open(cls, url: str) -> Store:
        """Open or make the database at `url` (``sqlite:///FILE``) and bring it up to date.

        Raises `DatabaseInUse`, `DatabaseTooNew`, `DatabaseUnreadable` or `StartError`.
        """
        path = _file(url)
        lock = _lock(path)
        try:
            engine = await asyncio.to_thread(_prepare, url, path)
        except BaseException:
            lock.release()
            raise
        store = cls(engine, lock)
        store._thread.start()
        return store

    async def close(self) -> None:
        """Finish what waits, and let go of the file."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._engine.dispose()
        self._lock.release()

    async def do(self, job: Callable[[Tx], T]) -> T:
        """Run `job` in a transaction of its own or its neighbours'; its answer once committed.

        Raises `StoreUnavailable` when the database is locked, full, out of reach or closed: then
        nothing was written. Whatever `job` raises comes back too, and undoes only that job.
        """
        if self._closed:
            raise StoreUnavailable("The database is closed.")
        waiting: _Job[T] = _Job(job, self._loop.create_future())
        self._jobs.put(waiting)
        return await waiting.done

    def _work(self) -> None:
        ending = False
        while not ending:
            group: list[_Job[Any]] = []
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get()
                while job is not None:
                    group.append(job)
                    if len(group) == GROUP:
                        break
                    job = self._jobs.get_nowait()
                ending = job is None
            if not group:
                continue
            outcomes = self._run(group)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_deliver, group, outcomes)

    def _run(self, group: list[_Job[Any]]) -> list[_Outcome]:
        try:
            with self._engine.begin() as connection:
                tx = Tx(connection)
                return [_Outcome(job.job(tx), None) for job in group]
        except sa.exc.InterfaceError as error:
            failure: Exception = error
        except sa.exc.DatabaseError as error:
            failure = error
            if isinstance(error, sa.exc.OperationalError) or type(error) is sa.exc.DatabaseError:
                failure = StoreUnavailable(detail=str(error.orig))
        except Exception as error:  # noqa: BLE001 -- it is the job's own, and goes back to its caller
            failure = error
        if isinstance(failure, StoreUnavailable):
            # A file that was opened while it might not be written stays so until it is opened anew.
            self._engine.dispose()
        if len(group) == 1 or isinstance(failure, StoreUnavailable):
            return [_Outcome(None, failure)] * len(group)
        return [outcome for job in group for outcome in self._run([job])]


class _Outcome(NamedTuple):
    answer: Any
    error: Exception | None


class _Job(NamedTuple, Generic[T]):
    job: Callable[[Tx], T]
    done: asyncio.Future[T]


def _deliver(group: list[_Job[Any]], outcomes: list[_Outcome]) -> None:
    for job, outcome in zip(group, outcomes, strict=True):
        if job.done.cancelled():
            continue
        if outcome.error is not None:
            job.done.set_exception(outcome.error)
        else:
            job.done.set_result(outcome.answer)


def _file(url: str) -> Path:
    # One file by two names is one database, with one lock.
    return Path(sa.make_url(url).database or "").resolve()


def _lock(path: Path) -> filelock.BaseFileLock:
    beside = path.with_name(path.name + ".lock")
    lock = filelock.FileLock(beside, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        who = ""
        with contextlib.suppress(OSError):
            who = path.with_name(path.name + ".pid").read_text().strip()
        process = f"process {who}" if who else "another process"
        raise DatabaseInUse(
            f"The database {path} is in use by {process}: end that one first."
        ) from None
    except OSError as error:
        raise StartError(
            f"The database's folder {path.parent} can't be written: {error.strerror}."
        ) from error
    pid_file = path.with_name(path.name + ".pid")
    with contextlib.suppress(OSError):
        pid_file.touch(mode=0o600)
        pid_file.write_text(f"{os.getpid()}\n")
    return lock


def _prepare(url: str, path: Path) -> Engine:
    _refuse_half(path)
    if _size(path) == 0:
        path.touch(mode=0o600)
    else:
        _look(path)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True)
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            _migrate(connection)
    except sa.exc.DatabaseError as error:
        engine.dispose()
        raise DatabaseUnreadable(f"The database {path} can't be opened: {error.orig}.") from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def examine(url: str) -> None:
    """See whether the database at `url`, where there is one, is one that `Store.open` takes.

    Nothing is written. Raises `DatabaseTooNew` or `DatabaseUnreadable`.
    """
    path = _file(url)
    if _size(path) or _size(_journal(path)):
        _refuse_half(path)
        _look(path)


def _refuse_half(path: Path) -> None:
    if not _size(path) and _size(journal := _journal(path)):
        raise DatabaseUnreadable(
            f"The database {path} is empty, but not {journal} beside it: put a backup in "
            "their place, or remove both to start anew."
        )


def _look(path: Path) -> None:
    """Refuse a file that is damaged, too new or another program's, and leave it as it is."""
    # Where there is no journal nobody writes, and nothing has to be made beside the file.
    how = "mode=ro" if _journal(path).exists() else "immutable=1"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=BUSY_TIMEOUT_S)
        ) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            pages, page_bytes = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "page_size")
            )
            found = _found(connection) if verdict == "ok" else None
    except sqlite3.OperationalError as error:
        raise DatabaseUnreadable(f"The database {path} can't be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise DatabaseUnreadable(
            f"The database {path} is damaged ({error}): put a backup in its place."
        ) from error
    # What is missing at its end may still be in the journal.
    if verdict == "ok" and not _size(_journal(path)):
        verdict = "ok" if 0 < pages * page_bytes <= _size(path) else "it is cut short"
    if verdict != "ok":
        reason = str(verdict).splitlines()[-1]
        raise DatabaseUnreadable(
            f"The database {path} is damaged ({reason}): put a backup in its place."
        )
    if found == "":
        raise DatabaseUnreadable("The database is another program's: name another file.")
    if found is not None and found not in _versions():
        raise DatabaseTooNew(detail=found)


def _found(connection: sqlite3.Connection) -> str | None:
    """The migration that a file is at; None for one without a table, "" for another program's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" not in tables:
        return "" if tables else None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def _journal(path: Path) -> Path:
    """SQLite's write-ahead log: what is not in the database's own file yet."""
    return path.with_name(path.name + "-wal")


def _size(path: Path) -> int:
    """In bytes, 0 where there is no file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _migrate(connection: Connection) -> None:
    found = _version(connection)
    newest = _versions()[-1]
    if found == newest:
        return
    # Alembic takes half a second and 10 MB, and most starts find nothing to do for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    log.info("database brought up to date", found=found, now=newest)


def _version(connection: Connection) -> str | None:
    """The migration that the database is at, as Alembic notes it; None before the first."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _versions() -> list[str]:
    """All migrations, the newest last: their files are named in order, by version."""
    return sorted(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    # Python's own transaction control would begin too late, and not IMMEDIATE.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    # in kB: the indexes of what is open; the operating system keeps the rest at hand
    connection.execute("PRAGMA cache_size=-512")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
