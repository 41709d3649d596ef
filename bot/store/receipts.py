"""Which transaction of each process was the last to be committed. Knows PostgreSQL's SQL for it.

Each transaction writes a ticket, a random one, over that of the one before, in the row of its
process. So whether it was committed is found in the rows, like everything else. The server's own
answer (`pg_xact_status`) is no substitute: after a crash it gives the number of a transaction that
never reached its log to another one.
"""

from __future__ import annotations

import secrets
from typing import Any, LiteralString

import psycopg

#: Seconds after which a process that has written nothing has no commit left to ask for. Those that
#: wrote last are kept all the same: a server's clock can be set ahead by as much.
KEPT_S = 30 * 86_400
KEPT = 100

#: Process and ticket are of `drawn`. Another transaction's look waits here until this one is over.
_WRITE = """
WITH before AS (SELECT ticket FROM receipts WHERE process = '{process}')
INSERT INTO receipts (process, ticket, written_at)
VALUES ('{process}', '{ticket}', extract(epoch FROM clock_timestamp()))
ON CONFLICT (process) DO UPDATE SET ticket = EXCLUDED.ticket, written_at = EXCLUDED.written_at
RETURNING (SELECT ticket FROM before), ({also})
"""
# A write that changes nothing: it waits for a transaction that has no end yet, also for one that
# adds the row, and its own commit for all that the one before had to wait for, such as a standby.
_READ = """
INSERT INTO receipts (process, ticket, written_at)
VALUES (%s, '', extract(epoch FROM clock_timestamp()))
ON CONFLICT (process) DO UPDATE SET ticket = receipts.ticket
RETURNING ticket
"""
_PRUNE = """
DELETE FROM receipts
WHERE written_at < extract(epoch FROM clock_timestamp()) - %s
    AND process NOT IN (SELECT process FROM receipts ORDER BY written_at DESC LIMIT %s)
    AND process <> %s
"""


def drawn() -> str:
    """A process's name, or a ticket: 128 bits that nobody has drawn before, in hex."""
    return secrets.token_hex(16)


def writing(process: str, ticket: str, also: str) -> str:
    """The statement that writes it, within a transaction.

    Its answer is the ticket before, and what the statement `also` finds.
    """
    return _WRITE.format(process=process, ticket=ticket, also=also)


def last(raw: psycopg.Connection[Any], process: str) -> str:
    """The ticket of its last transaction that was committed; "" where none was.

    Waits for one without an end, up to `lock_timeout`. Raises `psycopg.Error`.
    """
    return _ticket(raw, _READ, process)


def shown(raw: psycopg.Connection[Any], process: str) -> str:
    """The same as it is shown now, beside one that has no end yet. Raises `psycopg.Error`."""
    return _ticket(raw, "SELECT ticket FROM receipts WHERE process = %s", process)


def _ticket(raw: psycopg.Connection[Any], statement: LiteralString, process: str) -> str:
    row = raw.execute(statement, (process,)).fetchone()
    return "" if row is None else str(row[0])


def prune(raw: psycopg.Connection[Any], process: str) -> None:
    """Forget processes that are long over; `process` looks, and is not."""
    raw.execute(_PRUNE, (KEPT_S, KEPT, process))
