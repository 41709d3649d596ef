"""The advisory locks of processes that share a schema of a server, and what they notify. SQL only.

PostgreSQL knows advisory locks and channels by database, and a database can have several bots, each
in a schema of its own. So the schema is in all of them: the one in which a session makes tables.
"""

from __future__ import annotations

#: Held by the process that acts, as long as it is connected.
OFFICE = 1
#: Shared by each transaction of the process that acts; its successor waits for all of them.
TERM = 2
#: Held by the process that brings the database up to date.
MIGRATIONS = 3
#: Shared by each process that can write, as long as it is connected; a move has it for itself.
OPEN = 4
#: From here on: what one move has for itself, by which its two ends know each other.
MARKS = 2**30

#: The schema in which tables are made, whatever letters its name has; 0: there is none.
SCHEMA = "coalesce(quote_ident(current_schema())::regnamespace::oid, 0)"
#: Of the schema `public`, in every database.
_PUBLIC = 2200
#: A lock's first number: "LNIB" in `public`, and a different one in each other schema. The second
#: one says which lock.
_OURS = f"({0x4C4E4942 ^ _PUBLIC} # {SCHEMA}::int4)"

_HELD = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND classid::int4 = {ours} AND objid = {number} AND mode LIKE '{mode}'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

#: The channel on which a process notifies that it wrote something for the one that acts.
CHANNEL = f"'invoice_bot_' || {SCHEMA}"


def lock(function: str, number: int) -> str:
    """The statement that calls one of PostgreSQL's functions for advisory locks."""
    return f"SELECT {function}({_OURS}, {number})"


def held(number: int, mode: str = "%") -> str:
    """The statement that gives the sessions which have that lock here, in a mode like this one."""
    return _HELD.format(ours=_OURS, number=number, mode=mode)


def is_held(number: int, mode: str = "%") -> str:
    """The statement that says whether somebody has it."""
    return f"SELECT EXISTS ({held(number, mode)})"
