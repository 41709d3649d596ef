"""PostgreSQL: connected, inspected, opened. What is PostgreSQL's own is here and in `office`.

Every connection ends by itself where its other end is gone: both ends ask for a sign of life, an
answer has `ANSWER_S`, and what a connection has left on the server is ended by the next one.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumperUnknown
from sqlalchemy.engine import Connection, Engine

from bot import logs
from bot.errors import (
    DatabaseAway,
    DatabaseInUse,
    DatabaseMissing,
    DatabaseNotOurs,
    DatabasePasswordWrong,
    DatabaseRefuses,
    DatabaseRightsMissing,
    DatabaseTlsFailed,
    DatabaseTooNew,
    DatabaseTooOld,
    DatabaseUnfit,
    DatabaseUnknown,
    InvoiceBotError,
    StartError,
    StoreUnavailable,
    TermLost,
)
from bot.store import migrations
from bot.store.backend import CommitUnknown
from bot.store.tables import META

log = logs.get(__name__)

#: The oldest server, as it numbers its versions.
OLDEST = 150_000
#: Seconds to connect, and for the answer to one statement, or to all of one transaction.
CONNECT_S = 5
ANSWER_S = 10.0
#: The same for what is read beside a bot: an export can be long.
READ_S = 600.0
#: Seconds for which a statement waits for another transaction's lock.
LOCK_S = 5.0
#: Seconds after which the server ends a transaction that nobody goes on with: its process stands.
STALLED_S = 4.0
#: Seconds until either end finds out that the other one is gone without a word.
GONE_S = 6.0

#: Our advisory locks have this number and one of those below: "LNIB", for nobody else.
LOCKS = 0x4C4E4942
#: What a process notifies that has written something for the one that acts.
CHANNEL = "invoice_bot"
#: Held by the process that acts, as long as it is connected.
OFFICE = 1
#: Shared by each transaction of the process that acts; its successor waits for all of them.
TERM = 2
#: Held by the process that brings the database up to date.
MIGRATIONS = 3

_SETTINGS = f"""
SET synchronous_commit = {{durable}};
SET statement_timeout = '{ANSWER_S - 1:.0f}s';
SET lock_timeout = '{LOCK_S:.0f}s';
SET idle_in_transaction_session_timeout = '{STALLED_S:.0f}s';
SET client_connection_check_interval = '2s';
SET tcp_keepalives_idle = 2;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 2;
SET tcp_user_timeout = '{GONE_S:.0f}s';
SET client_min_messages = 'warning'
"""
_LOCK_TERM = f"SELECT pg_advisory_xact_lock_shared({LOCKS}, {TERM})"
_LOOK_AT_TERM = "SELECT max(number), pg_current_xact_id()::text FROM terms"
_BEGIN_IN_TERM = f"BEGIN;{_LOCK_TERM};{_LOOK_AT_TERM}"
#: A commit is not lost with the server's power; whoever wants more than that can have it.
_DURABLE = ("on", "remote_apply")


class Place(NamedTuple):
    """A database's address, without its password: `name` is how people read it."""

    url: str
    name: str
    user: str


def place_of(url: str) -> Place:
    """The parts of a ``postgresql://`` address."""
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    where = parts.netloc.rpartition("@")[2] or query.get("host", "") or "localhost"
    database = (
        unquote(parts.path.lstrip("/")) or query.get("dbname", "") or unquote(parts.username or "")
    )
    return Place(url, f"{unquote(where)}/{database}", unquote(parts.username or ""))


class _Text(StrDumperUnknown):
    """PostgreSQL's text holds any character but one, and that is no reason to lose a command."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in obj else obj)


class Session:
    """Connections to one database, one after the other. Each ends what the one before has left.

    `name`: as the server's list of sessions has it.
    """

    def __init__(self, url: str, name: str, *, settings: str = "") -> None:
        self.place = place_of(url)
        self._name = name
        self._settings = settings
        self._before: tuple[int, Any] | None = None  # process id at the server, and since when
        self._raw: psycopg.Connection[Any] | None = None
        self._due_at: float | None = None

    def connect(self) -> psycopg.Connection[Any]:
        """A connection, in autocommit mode. Raises `psycopg.Error`."""
        raw = psycopg.connect(
            self.place.url,
            autocommit=True,
            **_defaults(self.place.url),
            fallback_application_name=self._name,
        )
        self._raw = raw
        try:
            raw.adapters.register_dumper(str, _Text)
            with self.within(ANSWER_S):
                self._prepare(raw)
        except BaseException:
            raw.close()
            raise
        return raw

    def _prepare(self, raw: psycopg.Connection[Any]) -> None:
        durable = _one(raw, "SHOW synchronous_commit")
        raw.execute(_SETTINGS.format(durable=durable if durable in _DURABLE else "on"))
        if self._settings:
            raw.execute(self._settings)
        if self._before is not None:
            _end(raw, *self._before)
        self._before = raw.execute(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        ).fetchone()

    @contextlib.contextmanager
    def within(self, limit_s: float) -> Iterator[None]:
        """Cut the connection where its answers are not there in time: see `_Watch`."""
        before, self._due_at = self._due_at, time.monotonic() + limit_s
        _watch.add(self)
        try:
            yield
        finally:
            self._due_at = before

    def is_late(self, now: float) -> bool:
        """Whether an answer is overdue."""
        due_at = self._due_at
        return due_at is not None and now > due_at

    def cut(self) -> None:
        """Whoever waits for an answer gets an error. From any thread."""
        raw = self._raw
        with contextlib.suppress(OSError, psycopg.Error):
            if raw is not None and not raw.closed:
                with socket.socket(fileno=os.dup(raw.fileno())) as twin:
                    twin.shutdown(socket.SHUT_RDWR)


class _Watch:
    """Cuts connections whose answers are late. One thread for all, once there is one.

    A proxy or a server that stands still confirms all packets: TCP does not find that out.
    """

    def __init__(self) -> None:
        self._sessions: set[Session] = set()
        self._lock = threading.Lock()
        self._has_begun = False
        self._never = threading.Event()

    def add(self, session: Session) -> None:
        """Watch it from now on."""
        if session in self._sessions:
            return
        with self._lock:
            self._sessions.add(session)
            if not self._has_begun:
                self._has_begun = True
                threading.Thread(target=self._work, name="store watch", daemon=True).start()

    def remove(self, session: Session) -> None:
        """It is over."""
        with self._lock:
            self._sessions.discard(session)

    def _work(self) -> None:
        while True:
            self._never.wait(1.0)
            now = time.monotonic()
            with self._lock:
                late = [each for each in self._sessions if each.is_late(now)]
            for each in late:
                each.cut()


_watch = _Watch()


def _defaults(url: str) -> dict[str, Any]:
    """What libpq gets beside an address that does not say otherwise."""
    said = parse_qs(urlsplit(url).query)
    ours = {
        "connect_timeout": CONNECT_S,
        "target_session_attrs": "read-write",
        "keepalives_idle": 2,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": round(GONE_S * 1000),
        "client_encoding": "UTF8",
    }
    return {key: value for key, value in ours.items() if key not in said}


def _one(raw: psycopg.Connection[Any], statement: str, *values: object) -> Any:
    row = raw.execute(statement, values or None).fetchone()
    return None if row is None else row[0]


def _end(raw: psycopg.Connection[Any], pid: int, began_at: Any) -> None:
    """End a session of ours that may still be there, and wait until it is gone."""
    there = "FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
    raw.execute(f"SELECT pg_terminate_backend(pid, 2000) {there}", (pid, began_at))


class Postgres:
    """A database of a PostgreSQL server, open. A `Backend`.

    `term` is the number of the term of office of this process, None while it has none.
    """

    idle_s = 3600.0  # there is nothing to tidy
    busy_s = 3600.0

    def __init__(self, url: str) -> None:
        self._session = Session(url, "invoice-bot")
        self.engine = _engine(self._session)
        self.term: int | None = None

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect, and bring it up to date. Raises `StartError`."""
        made = cls(url)
        try:
            made._bring_up_to_date()
        except BaseException:
            made.close()
            raise
        return made

    def _bring_up_to_date(self) -> None:
        place = self._session.place.name
        with _start_errors(place), self.engine.connect() as connection, connection.begin():
            raw = _raw(connection)
            refuse_unfit(raw, place)
            raw.execute("BEGIN")
            # One at a time, however many start: the others find it done.
            raw.execute("SET LOCAL lock_timeout = 0")
            raw.execute("SET LOCAL statement_timeout = 0")
            raw.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCKS, MIGRATIONS))
            refuse_others(raw, place)
            migrations.bring_up_to_date(connection)
            _refuse_without_rights(raw, place)

    def harm(self) -> str:
        """What happens to a connection is found out as it is used."""
        return ""

    @contextlib.contextmanager
    def transaction(self, *, needs_term: bool) -> Iterator[Connection]:
        """One transaction. What needs a term sees it, and ends before a successor's begins."""
        term = self.term
        if needs_term and term is None:
            raise TermLost(detail="this process is not the active one")
        with self._session.within(ANSWER_S), self.engine.connect() as connection:
            connection.begin()
            raw = _raw(connection)
            ticket = _begun(raw, term if needs_term else None)
            yield connection
            if raw.info.transaction_status is not TransactionStatus.INTRANS:
                # the server would answer "rolled back", and nobody looks
                raise StoreUnavailable(detail="a statement failed")
            try:
                if not needs_term:
                    raw.execute(f"NOTIFY {CHANNEL}")  # goes out with the commit
                connection.commit()
            except (sa.exc.DBAPIError, psycopg.Error) as error:
                if _is_lost(raw, error):
                    raise CommitUnknown(ticket, _said(error)) from error
                raise

    def is_committed(self, ticket: str) -> bool:
        """What became of a transaction, as the server knows it. Raises `StoreUnavailable`.

        The session that it was of is over: to connect has ended it.
        """
        self.forget()
        try:
            with self._session.within(ANSWER_S), self.engine.connect() as connection:
                status = _one(_raw(connection), "SELECT pg_xact_status(%s::xid8)", ticket)
        except (sa.exc.DBAPIError, psycopg.Error) as error:
            # a server that has never heard of it took over from another one without it
            if isinstance(_driver_error(error), psycopg.errors.InvalidParameterValue):
                return False
            raise StoreUnavailable(detail=_said(error)) from error
        if status == "in progress":
            raise StoreUnavailable(detail="a transaction has no end yet")
        return bool(status == "committed")

    def explained(self, error: Exception) -> Exception:
        """`StoreUnavailable` where it is the database's state, and not the job's doing."""
        driver = _driver_error(error)
        is_own = isinstance(driver, psycopg.DataError | psycopg.IntegrityError)
        if isinstance(driver, psycopg.Error) and not is_own:
            return StoreUnavailable(detail=_said(error))
        return error

    def note(self) -> None:
        """The server keeps what was committed."""

    def forget(self) -> None:
        """The next transaction connects again."""
        self.engine.dispose()

    def tidy(self) -> bool:
        """The server does it."""
        return True

    def close(self) -> None:
        """Disconnect."""
        self.engine.dispose()
        _watch.remove(self._session)


def _engine(session: Session) -> Engine:
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=session.connect,
        poolclass=sa.pool.QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_reset_on_return=None,
        hide_parameters=True,
        use_native_hstore=False,
    )


def _raw(connection: Connection) -> psycopg.Connection[Any]:
    raw: Any = connection.connection.driver_connection
    return raw  # type: ignore[no-any-return]


def _begun(raw: psycopg.Connection[Any], term: int | None) -> str:
    """Begin a transaction; its number, by which the server can be asked what became of it.

    In one message. The lock comes before the look: the look sees whatever was committed before it.
    Raises `TermLost`.
    """
    if term is None:
        found = raw.execute("BEGIN; SELECT pg_current_xact_id()::text")
        found.nextset()
        row = found.fetchone()
        return str(row[0]) if row else ""
    found = raw.execute(_BEGIN_IN_TERM)
    found.nextset()
    found.nextset()
    number, ticket = found.fetchone() or (None, "")
    if number != term:
        raw.execute("ROLLBACK")
        raise TermLost(detail=f"term {number} has begun")
    return str(ticket)


def _is_lost(raw: psycopg.Connection[Any], error: Exception) -> bool:
    """Whether the connection ended with it: what the server did then nobody has said.

    A server that ends a session says so, and may have committed before.
    """
    driver = _driver_error(error)
    if raw.closed or raw.info.transaction_status is TransactionStatus.UNKNOWN:
        return True
    state = getattr(driver, "sqlstate", None)
    return state is None or str(state).startswith(("08", "57"))


def _driver_error(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, sa.exc.DBAPIError) else error


def _said(error: BaseException) -> str:
    """What the driver says, in one line."""
    return " ".join(str(_driver_error(error)).split())


# what is found at a start


@contextlib.contextmanager
def _start_errors(place: str) -> Iterator[None]:
    try:
        yield
    except InvoiceBotError:
        raise
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        raise start_error(place, error) from error


#: What a server or libpq says as it refuses a connection → the error. There is no code to go by.
_REFUSALS: tuple[tuple[tuple[str, ...], type[StartError]], ...] = (
    (
        (
            "password authentication failed",
            "no password supplied",
            "authentication failed",
            "no pg_hba.conf entry",
            'role "',
            "fe_sendauth",
        ),
        DatabasePasswordWrong,
    ),
    (
        (
            "does not support SSL",
            "certificate",
            "SSL error",
            "SSL connection",
            "sslmode",
            "sslrootcert",
            "no encryption",
        ),
        DatabaseTlsFailed,
    ),
    (('database "',), DatabaseUnknown),
    (("permission denied",), DatabaseRightsMissing),
    (("invalid connection option", "invalid URI", "invalid port", 'missing "="'), DatabaseRefuses),
)


def start_error(place: str, error: Exception) -> StartError:
    """What keeps a bot from the database at `place`."""
    driver, said = _driver_error(error), _said(error)
    values = {"path": place, "reason": said}
    if isinstance(driver, psycopg.errors.InsufficientPrivilege):
        return DatabaseRightsMissing(**values)
    if isinstance(driver, psycopg.ProgrammingError):
        return DatabaseRefuses(**values)
    # TLS goes first where the server names both: pg_hba.conf says what it wants
    if "no encryption" in said and "pg_hba" in said:
        return DatabaseTlsFailed(**values)
    for texts, kind in _REFUSALS:
        if any(text in said for text in texts):
            return kind(**values)
    return DatabaseAway(**values)


def refuse_unfit(raw: psycopg.Connection[Any], place: str) -> None:
    """Refuse a server that is too old, or a database that can't hold every letter."""
    if raw.info.server_version < OLDEST:
        found = str(_one(raw, "SHOW server_version"))
        raise DatabaseUnfit(
            path=place, found=f"PostgreSQL {found}", needed="PostgreSQL 15 or newer"
        )
    encoding = str(_one(raw, "SHOW server_encoding"))
    if encoding != "UTF8":
        raise DatabaseUnfit(path=place, found=f"the encoding {encoding}", needed="UTF8")


def version_of(raw: psycopg.Connection[Any]) -> str | None:
    """The migration that a database is at; None for an empty one, "" for another program's."""
    found = raw.execute(
        "SELECT relname FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
    )
    names = {name for (name,) in found}
    if "alembic_version" not in names:
        return "" if names else None
    if "invoices" not in names:
        return ""
    number = _one(raw, "SELECT version_num FROM alembic_version")
    return "" if number is None else str(number)


_MISSING_RIGHTS = """
SELECT relname, needed
FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed
WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
    AND relname = ANY(%s) AND NOT has_table_privilege(oid, needed)
ORDER BY relname, needed
"""


def _refuse_without_rights(raw: psycopg.Connection[Any], place: str) -> None:
    """Refuse a user who may look at the tables, and not write in each."""
    missing = raw.execute(_MISSING_RIGHTS, [sorted(META.tables)]).fetchone()
    if missing is not None:
        table, needed = missing
        raise DatabaseRightsMissing(path=place, reason=f"no {needed} on the table {table}")


def refuse_others(raw: psycopg.Connection[Any], place: str) -> None:
    """Refuse a database of another program, or of a newer version of this one."""
    if _one(raw, "SELECT current_schema()") is None:
        raise DatabaseRightsMissing(path=place, reason="its search_path names no schema")
    found = version_of(raw)
    if found == "":
        raise DatabaseNotOurs(path=place)
    if found is not None and found not in migrations.known():
        raise DatabaseTooNew(detail=found)


# beside whoever writes


@contextlib.contextmanager
def reading(url: str) -> Iterator[Connection]:
    """One state of the database at `url`; nothing can be written. Raises `StartError`.

    Of one that is not brought up to date `DatabaseTooOld`, `DatabaseTooNew` or another.
    """
    session = Session(url, "invoice-bot reader")
    place, engine = session.place.name, _engine(session)
    try:
        with _start_errors(place), session.within(READ_S), engine.connect() as connection:
            connection.begin()
            raw = _raw(connection)
            refuse_unfit(raw, place)
            raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            refuse_others(raw, place)
            found = version_of(raw)
            if found is None:
                raise DatabaseMissing(path=place)
            if found != migrations.known()[-1]:
                raise DatabaseTooOld(path=place)
            yield connection
    finally:
        engine.dispose()
        _watch.remove(session)


def inspect(url: str) -> str:
    """See whether `Postgres.open` takes the database at `url`; how people name it.

    Nothing is written. Raises `StartError`.
    """
    session = Session(url, "invoice-bot check")
    place = session.place.name
    try:
        with (
            _start_errors(place),
            contextlib.closing(session.connect()) as raw,
            session.within(ANSWER_S),
        ):
            refuse_unfit(raw, place)
            refuse_others(raw, place)
            _refuse_without_rights(raw, place)
            if not _one(raw, "SELECT has_schema_privilege(current_schema(), 'CREATE')"):
                raise DatabaseRightsMissing(path=place, reason="no tables can be created")
    finally:
        _watch.remove(session)
    return place


@contextlib.contextmanager
def alone(url: str) -> Iterator[Connection]:
    """One transaction of a database that no bot has open: none can act until it is over.

    Raises `DatabaseInUse` or another `StartError`.
    """
    backend = Postgres.open(url)
    place = place_of(url).name
    try:
        with _start_errors(place), backend.engine.connect() as connection:
            connection.begin()
            raw = _raw(connection)
            raw.execute("BEGIN")
            for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
                raw.execute(f"SET LOCAL {setting} = 0")
            if not _one(raw, "SELECT pg_try_advisory_xact_lock(%s, %s)", LOCKS, OFFICE):
                raise DatabaseInUse(path=place, pid=0)
            yield connection
            connection.commit()
    finally:
        backend.close()


class Holder(NamedTuple):
    """The process that acts: its host and number, its version, since when (Unix seconds).

    `marks` of its settings; "": none yet.
    """

    name: str
    version: str
    since: float
    marks: str


def holder(url: str) -> Holder | None:
    """Which process acts on the database at `url`; None: none does. Raises `StartError`."""
    with reading(url) as connection:
        found = _raw(connection).execute(
            "SELECT holder, version, began_at, marks FROM terms WHERE NOT is_over AND EXISTS ("
            " SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND classid = %s AND objid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
            " ORDER BY number DESC LIMIT 1",
            (LOCKS, OFFICE),
        )
        row = found.fetchone()
    return None if row is None else Holder(*row)
