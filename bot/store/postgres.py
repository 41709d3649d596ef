"""PostgreSQL: connected, inspected, opened. What is PostgreSQL's own is here and in `office`.

Every connection ends by itself where its other end is gone: both ends ask for a sign of life, an
answer has `ANSWER_S`, and what a connection has left on the server is ended by the next one.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumperUnknown
from sqlalchemy.engine import Connection, Engine

from bot import logs
from bot.clock import steady
from bot.errors import (
    DatabaseAway,
    DatabaseMissing,
    DatabaseNotOurs,
    DatabaseReadOnly,
    DatabaseRightsMissing,
    DatabaseTooNew,
    DatabaseTooOld,
    DatabaseUnfit,
    InvoiceBotError,
    StoreUnavailable,
    TermLost,
)
from bot.store import locks, migrations, receipts
from bot.store.backend import CommitUnknown, Term
from bot.store.refusing import (
    Hidden,
    Moving,
    Pooled,
    driver_error,
    is_read_only,
    said,
    sqlstates,
    start_error,
)
from bot.store.tables import META

log = logs.get(__name__)

#: The oldest server, as it numbers its versions.
OLDEST = 150_000
#: Seconds to connect, and for the answer to one statement, or to all of one transaction.
CONNECT_S = 5
ANSWER_S = 10.0
#: The same once the process is to stop, and seconds between two looks at what is late.
HURRIED_S = 0.5
LOOK_S = 0.25
#: The same for what is read beside a bot: an export can be long.
READ_S = 600.0
#: Seconds for which a statement waits for another transaction's lock.
LOCK_S = 5.0
#: Seconds after which the server ends a transaction that nobody goes on with: its process stands.
STALLED_S = 4.0
#: Seconds until either end finds out that the other one is gone without a word.
GONE_S = 6.0

_SETTINGS = f"""
SET synchronous_commit = {{durable}};
SET statement_timeout = '{ANSWER_S - 1:.0f}s';
SET default_transaction_isolation = 'read committed';
SET lock_timeout = '{LOCK_S:.0f}s';
SET idle_in_transaction_session_timeout = '{STALLED_S:.0f}s';
SET client_connection_check_interval = '2s';
SET tcp_keepalives_idle = 2;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 2;
SET tcp_user_timeout = '{GONE_S:.0f}s';
SET client_min_messages = 'warning'
"""
#: libpq's name of what a server has to be.
_TARGET = "target_session_attrs"
_SESSION = "SELECT pg_backend_pid()"
#: Looks at whether a pool keeps a session, as another client may have the one that shows it.
POOL_TRIES = 3
#: The schema in which tables are made, and the first one that has ours.
_SCHEMAS = """
WITH along AS (
    SELECT name, at, 2 = (
        SELECT count(*) FROM pg_class WHERE relnamespace = name::regnamespace
        AND relkind IN ('r', 'p') AND relname IN ('alembic_version', 'invoices')
    ) AS is_ours
    FROM (SELECT quote_ident(each), at FROM unnest(current_schemas(false))
          WITH ORDINALITY AS them(each, at)) AS path(name, at)
)
SELECT (SELECT name FROM along WHERE at = 1),
    (SELECT name FROM along WHERE is_ours ORDER BY at LIMIT 1)
"""
_LOCK_OPEN = locks.lock("pg_try_advisory_lock_shared", locks.OPEN)
_LOCK_TERM = locks.lock("pg_advisory_xact_lock_shared", locks.TERM)
_NOTIFY = f"SELECT pg_notify({locks.CHANNEL}, '')"
#: One value, and nobody else's: see `Term`.
NEWEST_TERM = "SELECT nonce FROM terms ORDER BY number DESC LIMIT 1"
#: The database was put back under a process of it: the next term begins with that (`doubts`). A
#: term that is being taken is waited for.
_BEHIND = "UPDATE terms SET is_behind = true WHERE number = (SELECT max(number) FROM terms)"
_IS_BEHIND = f"BEGIN; {_LOCK_TERM}; {_BEHIND}; COMMIT"
#: Tickets whose order is known.
DRAWN = 256
#: A commit is not lost with the server's power; whoever wants more than that can have it.
_DURABLE = ("on", "remote_apply")


class Place(NamedTuple):
    """A database's address; `name` is how people read it, without anything secret."""

    url: str
    name: str
    given: dict[str, Any]


def place_of(url: str) -> Place:
    """The parts of a ``postgresql://`` address, as libpq reads them."""
    try:
        given = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whoever connects hears why
        return Place(url, "of database.url", {})
    hosts = str(given.get("host") or given.get("hostaddr") or "").split(",")
    ports = str(given.get("port") or "").split(",")
    if len(ports) < len(hosts):
        ports *= len(hosts)
    where = ",".join(map(_server, hosts, ports))
    if "service" in given and not any(hosts):
        where = f"service {given['service']}"
    database = given.get("dbname") or ("" if "service" in given else given.get("user", ""))
    return Place(url, f"{where}/{database}" if database else where, given)


def _server(host: str, port: str) -> str:
    host = f"[{host}]" if ":" in host else host or "localhost"
    return f"{host}:{port}" if port else host


class _Text(StrDumperUnknown):
    """PostgreSQL's text holds any character but one, and that is no reason to lose a command."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in obj else obj)


class Session:
    """Connections to one database, one after the other. Each ends what the one before has left.

    `name`: as the server's list of sessions has it. `writes`: what a bot writes, which no move may
    miss. `reads`: nothing else.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        settings: str = "",
        reads: bool = False,
        writes: bool = False,
    ) -> None:
        self.place = place_of(url)
        self._name = name
        self._settings = settings
        self._writes = writes
        self._schema: str | None = None
        self._defaults = _defaults(self.place.given)
        if reads and _TARGET in self._defaults:  # one that is kept from writing can be read
            self._defaults[_TARGET] = "primary"
        self._before: tuple[int, Any] | None = None  # process id at the server, and since when
        self._raw: psycopg.Connection[Any] | None = None
        self._other: psycopg.Connection[Any] | None = None  # a look at what is between
        self._due_at: float | None = None
        self._at_most_s = math.inf
        self._is_over = False
        self._is_connecting = False

    @property
    def is_given_up(self) -> bool:
        """Whether it tries to connect, and nothing is done with what comes of that."""
        return self._is_over and self._is_connecting

    def connect(self) -> psycopg.Connection[Any]:
        """A connection, in autocommit mode. Raises `psycopg.Error`."""
        self._is_connecting = True
        try:
            raw = self._raw = self._connected()
        finally:
            self._is_connecting = False
        try:
            self._refuse_late()
            raw.adapters.register_dumper(str, _Text)
            with self.within(ANSWER_S):
                self._prepare(raw)
        except BaseException:
            raw.close()
            raise
        return raw

    def _connected(self, **others: str) -> psycopg.Connection[Any]:
        self._refuse_late()
        return psycopg.connect(
            self.place.url,
            autocommit=True,
            fallback_application_name=self._name,
            **self._defaults | others,
        )

    def _refuse_late(self) -> None:
        if self._is_over:
            raise psycopg.OperationalError("the process is to stop, and the server was late")

    def refusals(self) -> list[str]:
        """The SQLSTATEs with which the servers refuse a connection."""
        given = psycopg.conninfo.make_conninfo(self.place.url, **self._defaults)
        return sqlstates(given, CONNECT_S)

    def is_primary(self) -> bool:
        """Whether the server that was reached is no standby, which may become the primary."""
        try:
            self._connected(**{_TARGET: "primary"}).close()
        except psycopg.Error:
            return False
        return True

    def _prepare(self, raw: psycopg.Connection[Any]) -> None:
        self._refuse_pooled(raw)
        durable = one(raw, "SHOW synchronous_commit")
        raw.execute(_SETTINGS.format(durable=durable if durable in _DURABLE else "on"))
        self._keep_to_one_schema(raw)
        if self._settings:
            raw.execute(self._settings)
        if self._before is not None:
            _end(raw, *self._before)
        if self._writes and not one(raw, _LOCK_OPEN):
            raise Moving("move-database is at work")
        self._before = raw.execute(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        ).fetchone()

    def _keep_to_one_schema(self, raw: psycopg.Connection[Any]) -> None:
        """Nothing of another schema is seen, whatever the search_path names. Raises `Hidden`.

        Of one that is named later and has our tables nothing may be taken for an empty database.
        """
        if self._schema is None:
            first, ours = raw.execute(_SCHEMAS).fetchone() or (None, None)
            if ours not in (None, first):
                raise Hidden(ours, str(first))
            self._schema = first
        if self._schema is not None:  # else there is none, which is refused later
            raw.execute("SELECT set_config('search_path', %s, false)", (self._schema,))

    def _refuse_pooled(self, raw: psycopg.Connection[Any]) -> None:
        """See that every transaction here has the same session. Raises `Pooled`.

        Without anything between, the server's process is the one that the driver was told of. With
        a pool, another transaction at the same time shows whether this session is kept for it.
        """
        number = one(raw, _SESSION)
        if number == raw.info.backend_pid:
            return
        with contextlib.closing(self._connected()) as other:
            self._other = other
            for _ in range(POOL_TRIES):
                is_kept = one(raw, _SESSION) == number
                with other.transaction():
                    is_kept &= one(other, _SESSION) != number
                    is_kept &= one(raw, _SESSION) == number
                    if not is_kept:
                        raise Pooled("each transaction has another session")

    @contextlib.contextmanager
    def within(self, limit_s: float) -> Iterator[None]:
        """Cut the connection where its answers are not there in time: see `_Watch`."""
        due_at = time.monotonic() + min(limit_s, self._at_most_s)
        before, self._due_at = self._due_at, due_at
        _watch.add(self)
        try:
            yield
        finally:
            self._due_at = before

    def hurry(self) -> None:
        """No answer is waited for longer than a moment from now on, and after one that is late for
        none at all. From any thread."""
        self._at_most_s = HURRIED_S
        if self._due_at is not None:
            self._due_at = min(self._due_at, time.monotonic() + HURRIED_S)

    def is_late(self, now: float) -> bool:
        """Whether an answer is overdue."""
        due_at = self._due_at
        return due_at is not None and now > due_at

    def cut(self) -> None:
        """Whoever waits for an answer gets an error. From any thread."""
        self._is_over = self._at_most_s < math.inf
        for raw in (self._raw, self._other):
            with contextlib.suppress(OSError, psycopg.Error):
                if raw is not None and not raw.closed:
                    with socket.socket(fileno=os.dup(raw.fileno())) as twin:
                        twin.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """It is over: nothing is waited for."""
        _watch.remove(self)


class _Watch:
    """Cuts connections whose answers are late. One thread for all, once there is one.

    A proxy or a server that stands still confirms all packets: TCP does not find that out.
    """

    def __init__(self) -> None:
        self._sessions: set[Session] = set()
        self._lock = threading.RLock()  # a signal may come in the midst of `add`
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

    def cut_all(self) -> None:
        """Whoever waits for an answer gets an error."""
        with self._lock:
            for each in list(self._sessions):
                each.cut()

    def _work(self) -> None:
        while True:
            self._never.wait(LOOK_S)
            now = time.monotonic()
            with self._lock:
                late = [each for each in self._sessions if each.is_late(now)]
            for each in late:
                each.cut()


_watch = _Watch()


def interrupt() -> None:
    """End whatever waits for a server, from a signal's handler: the driver would wait on."""
    _watch.cut_all()


def _defaults(given: dict[str, Any]) -> dict[str, Any]:
    """What libpq gets beside an address that does not say otherwise."""
    ours = {
        "connect_timeout": CONNECT_S,
        _TARGET: "read-write",
        "keepalives_idle": 2,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": round(GONE_S * 1000),
    }
    others = {key: value for key, value in ours.items() if key not in given}
    return others | {"client_encoding": "UTF8"}  # whatever it says: no other has every letter


def one(raw: psycopg.Connection[Any], statement: str, *values: object) -> Any:
    """The first column of the first row, None where there is none."""
    row = raw.execute(statement, values or None).fetchone()
    return None if row is None else row[0]


def _end(raw: psycopg.Connection[Any], pid: int, began_at: Any) -> None:
    """End a session of ours that may still be there, and wait until it is gone."""
    # a pool that keeps a session for each may have given this one the same once more
    there = "FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
    there += " AND pid <> pg_backend_pid()"
    raw.execute(f"SELECT pg_terminate_backend(pid, 2000) {there}", (pid, began_at))


class _Failing(NamedTuple):
    """When transactions found the database unavailable, first and last, with none committed."""

    since: float
    until: float


class Postgres:
    """A database of a PostgreSQL server, open. A `Backend`.

    `term` is the term of office of this process, None while it has none.
    """

    idle_s = 3600.0  # there is nothing to tidy
    busy_s = 3600.0

    def __init__(self, url: str) -> None:
        self._session = Session(url, "invoice-bot", writes=True)
        self.engine = engine_of(self._session)
        self.term: Term | None = None
        self.process = receipts.drawn()
        self._failing: _Failing | None = None
        self._ticket = ""  # of what was committed last; "": nothing yet
        self._drawn: deque[str] = deque(maxlen=DRAWN)  # in their order
        self._is_noted = False  # that the database lacks some, before the writer found it

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
        with (
            start_errors(self._session),
            self.engine.connect() as connection,
            connection.begin(),
        ):
            raw = raw_of(connection)
            refuse_unfit(raw, place)
            raw.execute("BEGIN")
            # One at a time, however many start: the others find it done.
            raw.execute("SET LOCAL lock_timeout = 0")
            raw.execute("SET LOCAL statement_timeout = 0")
            raw.execute(locks.lock("pg_advisory_xact_lock", locks.MIGRATIONS))
            refuse_others(raw, place)
            migrations.bring_up_to_date(connection)
            refuse_without_rights(raw, place)

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
            raw = raw_of(connection)
            ticket = self._begun(raw, term if needs_term else None)
            yield connection
            if raw.info.transaction_status is not TransactionStatus.INTRANS:
                # the server would answer "rolled back", and nobody looks
                raise StoreUnavailable(detail="a statement failed")
            try:
                if not needs_term:
                    raw.execute(_NOTIFY)  # goes out with the commit
                connection.commit()
            except (sa.exc.DBAPIError, psycopg.Error) as error:
                if is_lost(raw, error):
                    raise CommitUnknown(ticket, said(error)) from error
                raise
            self._ticket = ticket

    def _begun(self, raw: psycopg.Connection[Any], term: Term | None) -> str:
        """Begin a transaction, in that term; the ticket by which it is found afterwards.

        In one message. The lock comes before the look: the look sees whatever was committed before
        it. Raises `TermLost`.
        """
        ticket = receipts.drawn()
        self._drawn.append(ticket)
        statements = ["BEGIN", receipts.writing(self.process, ticket, NEWEST_TERM)]
        if term is not None:
            statements.insert(1, _LOCK_TERM)
        found = raw.execute(";".join(statements))
        while found.nextset():
            pass
        before, newest = found.fetchone() or (None, None)
        if self._ticket not in ("", before):
            return self._begun_behind(raw, term)
        if term is None or newest == term.nonce:
            return ticket
        raw.execute("ROLLBACK")
        raise TermLost(detail=f"term {term.number} is over: another has begun")

    def _begun_behind(self, raw: psycopg.Connection[Any], term: Term | None) -> str:
        """The same where the database lacks what was committed: what this process knows is of no
        use, and who acts next has to know that more may have gone out than the rows say."""
        self.term = None
        raw.execute("ROLLBACK")
        if not self._is_noted:
            raw.execute(_IS_BEHIND)
        self._ticket, self._is_noted = "", False
        if term is None:
            return self._begun(raw, None)
        what = "the database lacks what was committed last"
        raise TermLost(detail=f"term {term.number} is over: {what}")

    def note_loss(self, raw: psycopg.Connection[Any]) -> None:
        """Note it where the database lacks commits, before the writer finds that.

        For the office's thread, by a connection of its own: another process may act at once.
        """
        ticket = self._ticket
        found = receipts.shown(raw, self.process)
        drawn = list(self._drawn)
        if ticket not in drawn or self._is_noted:
            return
        if found not in drawn or drawn.index(found) < drawn.index(ticket):
            raw.execute(_IS_BEHIND)
            self._is_noted = True

    def is_committed(self, ticket: str) -> bool:
        """What became of a transaction, as its database knows it. Raises `StoreUnavailable`.

        The session that it was of is over, or is waited for: to connect has ended it.
        """
        self.forget()
        try:
            with self._session.within(ANSWER_S), self.engine.connect() as connection:
                last = receipts.last(raw_of(connection), self.process)
        except (sa.exc.DBAPIError, psycopg.Error) as error:
            raise StoreUnavailable(detail=said(error)) from error
        if last == ticket:
            self._ticket = ticket
        return last == ticket

    def explained(self, error: Exception) -> Exception:
        """`StoreUnavailable` where it is the database's state, and not the job's doing."""
        driver = driver_error(error)
        is_own = isinstance(driver, psycopg.DataError | psycopg.IntegrityError)
        if isinstance(driver, psycopg.Error) and not is_own:
            return StoreUnavailable(detail=said(error))
        return error

    def note(self) -> None:
        """The server keeps what was committed."""
        self._failing = None

    def forget(self) -> None:
        """The next transaction connects again."""
        now, before = steady(), self._failing
        self._failing = _Failing(before.since if before else now, now)
        self.engine.dispose()

    def fails_s(self, since: float = -math.inf) -> float | None:
        """From the first to the last transaction that found the database unavailable, in seconds.

        Of those from `since` on, by `steady`; None where the latest one was committed. For the
        office's thread.
        """
        failing = self._failing
        return None if failing is None else failing.until - max(failing.since, since)

    def hurry(self) -> None:
        """What the server does not answer at once is not waited for."""
        self._session.hurry()

    @property
    def is_given_up(self) -> bool:
        """Nobody can end the driver's try to connect; what waits for it is never written."""
        return self._session.is_given_up

    def tidy(self) -> bool:
        """The server does it."""
        return True

    def close(self) -> None:
        """Disconnect."""
        self.engine.dispose()
        self._session.end()


def engine_of(session: Session) -> Engine:
    """One connection at a time, which begins and ends its transactions itself."""
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


def raw_of(connection: Connection) -> psycopg.Connection[Any]:
    """The driver's own connection."""
    raw: Any = connection.connection.driver_connection
    return raw  # type: ignore[no-any-return]


def is_lost(raw: psycopg.Connection[Any], error: Exception) -> bool:
    """Whether the connection ended with it: what the server did then nobody has said.

    A server that ends a session says so, and may have committed before.
    """
    driver = driver_error(error)
    if raw.closed or raw.info.transaction_status is TransactionStatus.UNKNOWN:
        return True
    state = getattr(driver, "sqlstate", None)
    return state is None or str(state).startswith(("08", "57"))


# what is found at a start


@contextlib.contextmanager
def start_errors(session: Session) -> Iterator[None]:
    """Whatever the driver raises becomes a `StartError`."""
    try:
        yield
    except InvoiceBotError:
        raise
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        place = session.place.name
        if is_read_only(error) and session.is_primary():
            reason = "default_transaction_read_only is on"
            raise DatabaseReadOnly(path=place, reason=reason) from error
        raise start_error(place, error, session.refusals) from error


def refuse_unfit(raw: psycopg.Connection[Any], place: str) -> None:
    """Refuse a standby, a server that is too old, or a database that can't hold every letter."""
    if one(raw, "SELECT pg_is_in_recovery()"):  # where the address asks for any server
        raise DatabaseAway(path=place, reason="the server is a standby")
    if raw.info.server_version < OLDEST:
        found = str(one(raw, "SHOW server_version"))
        raise DatabaseUnfit(
            path=place, found=f"PostgreSQL {found}", needed="PostgreSQL 15 or newer"
        )
    encoding = str(one(raw, "SHOW server_encoding"))
    if encoding != "UTF8":
        raise DatabaseUnfit(path=place, found=f"the encoding {encoding}", needed="UTF8")


_TABLES = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = {schema}"


def version_of(raw: psycopg.Connection[Any]) -> str | None:
    """The migration that a database is at; None for an empty one, "" for another program's."""
    found = raw.execute(_TABLES.format(schema=locks.SCHEMA))
    names = {name for (name,) in found}
    if "alembic_version" not in names:
        return "" if names else None
    if "invoices" not in names:
        return ""
    number = one(raw, "SELECT version_num FROM alembic_version")
    return "" if number is None else str(number)


_MISSING_RIGHTS = """
SELECT relname, needed
FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed
WHERE relkind IN ('r', 'p') AND relnamespace = {schema}
    AND relname = ANY(%s) AND NOT has_table_privilege(oid, needed)
ORDER BY relname, needed
"""


def refuse_without_rights(raw: psycopg.Connection[Any], place: str) -> None:
    """Refuse a user who may look at the tables, and not write in each."""
    statement = _MISSING_RIGHTS.format(schema=locks.SCHEMA)
    missing = raw.execute(statement, [sorted(META.tables)]).fetchone()
    if missing is not None:
        table, needed = missing
        raise DatabaseRightsMissing(path=place, reason=f"no {needed} on the table {table}")


def refuse_others(raw: psycopg.Connection[Any], place: str) -> None:
    """Refuse a database of another program, or of a newer version of this one."""
    if one(raw, "SELECT current_schema()") is None:
        raise DatabaseRightsMissing(path=place, reason="its search_path names no schema")
    found = version_of(raw)
    if found == "":
        raise DatabaseNotOurs(path=place)
    refuse_newer(found)


def refuse_newer(found: str | None) -> None:
    """Refuse what a newer version of this program wrote, by its `version_of`."""
    if found and found not in migrations.known():
        raise DatabaseTooNew(detail=found)


# beside whoever writes


@contextlib.contextmanager
def reading(url: str) -> Iterator[Connection]:
    """One state of the database at `url`; nothing can be written. Raises `StartError`.

    Of one that is not brought up to date `DatabaseTooOld`, `DatabaseTooNew` or another.
    """
    session = Session(url, "invoice-bot reader")
    place, engine = session.place.name, engine_of(session)
    try:
        with start_errors(session), session.within(READ_S), engine.connect() as connection:
            connection.begin()
            raw = raw_of(connection)
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
        session.end()


def inspect(url: str) -> str:
    """See whether `Postgres.open` takes the database at `url`; how people name it.

    Nothing is written. Raises `StartError`.
    """
    session = Session(url, "invoice-bot check")
    place = session.place.name
    try:
        with (
            start_errors(session),
            contextlib.closing(session.connect()) as raw,
            session.within(ANSWER_S),
        ):
            refuse_unfit(raw, place)
            refuse_others(raw, place)
            refuse_without_rights(raw, place)
            if not one(raw, "SELECT has_schema_privilege(current_schema(), 'CREATE')"):
                raise DatabaseRightsMissing(path=place, reason="no tables can be created")
    finally:
        session.end()
    return place


_IS_ACTIVE = locks.is_held(locks.OFFICE)
_IS_MOVED = locks.is_held(locks.OPEN, "ExclusiveLock")


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
        raw = raw_of(connection)
        if not one(raw, _IS_ACTIVE) or one(raw, _IS_MOVED):
            return None
        found = raw.execute(
            "SELECT holder, version, began_at, marks FROM terms WHERE NOT is_over"
            " ORDER BY number DESC LIMIT 1"
        )
        row = found.fetchone()
    return None if row is None else Holder(*row)


def is_moved(url: str) -> bool:
    """Whether a move is under way from or into the database at `url`. Raises `StartError`."""
    with reading(url) as connection:
        return bool(one(raw_of(connection), _IS_MOVED))
