"""Why there is no connection to a server: what libpq and the server say, as errors of ours.

What refuses a connection comes as text, and in the server's language. Where that is not known, the
SQLSTATE is read off a further attempt, whose messages libpq shows. What is not known passes.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from collections.abc import Callable

import psycopg
import sqlalchemy as sa
from psycopg.pq import PollingStatus

from bot.errors import (
    DatabaseAway,
    DatabaseInUse,
    DatabasePasswordWrong,
    DatabasePooled,
    DatabaseReadOnly,
    DatabaseRefuses,
    DatabaseRightsMissing,
    DatabaseTlsFailed,
    DatabaseUnfit,
    DatabaseUnknown,
    StartError,
)


class Pooled(psycopg.OperationalError):
    """Each transaction has another session: what a session keeps for the bot is lost."""


class Moving(psycopg.OperationalError):
    """`move-database` has it: what is written now would not be moved."""


class Hidden(psycopg.OperationalError):
    """Our tables are in the schema `ours`, and new ones would be made in `first`, before it."""

    def __init__(self, ours: str, first: str) -> None:
        super().__init__(
            f"our tables are in the schema {ours}, and search_path begins with {first}"
        )
        self.ours, self.first = ours, first


#: What passes, whatever else is said with it.
_PASSING = (
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting connections",
    "too many connections",
    "too many clients",
    "remaining connection slots",
)
#: What is said → the error. TLS goes first where the server names both.
_REFUSALS: tuple[tuple[tuple[str, ...], type[StartError]], ...] = (
    (("no encryption",), DatabaseTlsFailed),
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
            "private key",
            "SSL error",
            "SSL connection",
            "SSL was required",
            "channel binding",
            "sslmode",
            "sslrootcert",
        ),
        DatabaseTlsFailed,
    ),
    (("statement pooling mode",), DatabasePooled),
    (('database "',), DatabaseUnknown),
    (("permission denied",), DatabaseRightsMissing),
    (("read-only transaction",), DatabaseReadOnly),
    (
        (
            "invalid value",
            "invalid integer value",
            "unrecognized configuration parameter",
            "requires a value",
            "requirepeer",
            "not in hot standby mode",
            "could not match",
            "max_wal_senders",
        ),
        DatabaseRefuses,
    ),
)
#: The beginning of a SQLSTATE → the error; the first one that fits. All others pass.
_CODES: tuple[tuple[str, type[StartError]], ...] = (
    ("28", DatabasePasswordWrong),
    ("3D", DatabaseUnknown),
    ("42501", DatabaseRightsMissing),
    ("25006", DatabaseReadOnly),
    ("22", DatabaseRefuses),
    ("42", DatabaseRefuses),
)
#: A server's answer: between its severity and what it says are two spaces, in each language.
_ANSWERED = re.compile(r":  \S")
#: The same as libpq shows it.
_SHOWN = re.compile(rb'\tErrorResponse\t .*? C "(\w{5})"')
#: What libpq says of an address before it has tried to connect.
_BAD_ADDRESS = re.compile(r"connection is bad: (?!connection to server|no error details)")
#: What the driver says before what libpq says.
_DRIVERS_OWN = re.compile(r"^connection (?:is bad|failed): ")
#: Each attempt's, where an address has several hosts or a host several addresses.
_ATTEMPT = re.compile(r"^- host: .*?, hostaddr: .*?: (.*)$")


def start_error(place: str, error: Exception, codes: Callable[[], list[str]]) -> StartError:
    """What keeps a bot from the database at `place`; `codes`: SQLSTATEs of a further attempt."""
    driver = driver_error(error)
    values = {"path": place, "reason": said(error)}
    if isinstance(driver, Pooled):
        return DatabasePooled(**values)
    if isinstance(driver, Moving):
        return DatabaseInUse(path=place, pid=0, command="move-database")
    if isinstance(driver, Hidden):
        found = f"the bot's tables in the schema {driver.ours}, and the schema {driver.first} first"
        needed = "a search_path that names only the right one"
        return DatabaseUnfit(path=place, found=found, needed=needed)
    if isinstance(driver, psycopg.errors.InsufficientPrivilege):
        return DatabaseRightsMissing(**values)
    if isinstance(driver, psycopg.ProgrammingError):
        return DatabaseRefuses(**values)
    kinds = _kinds(_attempts(driver), codes)
    # Of several servers one that comes back is enough.
    kind = DatabaseAway if DatabaseAway in kinds else kinds[-1]
    return kind(**values)


def _kinds(attempts: list[str], codes: Callable[[], list[str]]) -> list[type[StartError]]:
    """By what is said of each attempt, which tells more than its code where it is known."""
    unknown = [each for each in attempts if _kind(each) is None]
    known = [kind for each in attempts if (kind := _kind(each)) is not None]
    if not unknown:
        return known
    if all(_ANSWERED.search(each) for each in unknown):
        known += [_kind_of_code(each) for each in codes()] or [DatabaseAway]
        return known
    return [DatabaseAway]


def sqlstates(conninfo: str, limit_s: float) -> list[str]:
    """With which codes servers refuse one attempt to connect; none where libpq does not show them.

    For at most `limit_s` seconds.
    """
    if not hasattr(os, "memfd_create"):  # Linux
        return []
    # in memory alone: it also shows what the client sends
    with os.fdopen(os.memfd_create("libpq"), "w+b", buffering=0) as shown:
        with contextlib.suppress(psycopg.Error, OSError):
            _connect(conninfo, shown.fileno(), limit_s)
        shown.seek(0)
        return [code.decode() for code in _SHOWN.findall(shown.read())]


def _connect(conninfo: str, shown: int, limit_s: float) -> None:
    pgconn = psycopg.pq.PGconn.connect_start(conninfo.encode())
    until = time.monotonic() + limit_s
    try:
        pgconn.trace(shown)
        done = (PollingStatus.OK, PollingStatus.FAILED)
        while (status := pgconn.connect_poll()) not in done and time.monotonic() < until:
            reads = [pgconn.socket] if status == PollingStatus.READING else []
            writes = [] if reads else [pgconn.socket]
            select.select(reads, writes, [], max(0.0, until - time.monotonic()))
        pgconn.untrace()
    finally:
        pgconn.finish()


def _kind_of_code(code: str) -> type[StartError]:
    return next((kind for begin, kind in _CODES if code.startswith(begin)), DatabaseAway)


def _kind(text: str) -> type[StartError] | None:
    """None: what is said is not known."""
    if any(each in text for each in _PASSING):
        return DatabaseAway
    for texts, kind in _REFUSALS:
        if any(each in text for each in texts):
            return kind
    return DatabaseRefuses if _BAD_ADDRESS.match(text) else None


def is_read_only(error: Exception) -> bool:
    """Whether a server was reached that can be read and not written: by a setting, or a standby."""
    return "session is read-only" in str(driver_error(error))


def driver_error(error: BaseException) -> BaseException:
    """What the driver raised, without what SQLAlchemy puts around it."""
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        return error.orig
    return error


def said(error: BaseException) -> str:
    """What the driver says, in one line: what happened, without hints and without values."""
    driver = driver_error(error)
    # what comes after it may quote a row
    primary = driver.diag.message_primary if isinstance(driver, psycopg.Error) else None
    if primary is not None:
        return " ".join(primary.split())
    each = dict.fromkeys(_DRIVERS_OWN.sub("", text) for text in _attempts(driver))
    return " ".join("; ".join(each).split())


def _attempts(error: BaseException | None) -> list[str]:
    """What is said of each attempt to connect, in one line each, without libpq's hints."""
    lines = [line for line in str(error).splitlines() if line.strip() and line[0] != "\t"]
    if found := [match[1] for line in lines if (match := _ATTEMPT.match(line))]:
        return found
    # with TLS and without, libpq says the same twice
    (first, *others) = lines or [""]
    said_before = _DRIVERS_OWN.sub("", first)
    return ["; ".join([first, *(each for each in others if each != said_before)])]
