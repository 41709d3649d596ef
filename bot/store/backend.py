"""What the writer asks of a kind of database. SQLite's is `sqlite`, PostgreSQL's `postgres`."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from types import ModuleType
from typing import NamedTuple, Protocol

from sqlalchemy.engine import Connection, Engine

from bot.errors import PostgresMissing

#: What an address begins with that names a file.
SQLITE = "sqlite:///"


def on_server(module: str = "postgres") -> ModuleType:
    """The module for databases of a server, or another one that knows them.

    Raises `PostgresMissing`.

    psycopg takes a tenth of a second and 10 MB, and most bots have a file.
    """
    try:
        return importlib.import_module(f"bot.store.{module}")
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise PostgresMissing from None


class CommitUnknown(Exception):
    """The connection was lost as a transaction was committed: `ticket` asks what became of it."""

    def __init__(self, ticket: str, reason: str) -> None:
        super().__init__(reason)
        self.ticket = ticket


class Term(NamedTuple):
    """A term of office.

    A copy of the database can give the same number again: `nonce`, a random one, tells them apart.
    """

    number: int
    nonce: str


class Backend(Protocol):
    """A database that is open. All but `hurry` and `is_given_up` is for the writer's thread."""

    #: This process's term of office; None: it has none, or needs none.
    term: Term | None
    #: Seconds without a job after which `tidy` is called, and for as long as it returns False.
    idle_s: float
    #: Seconds after which it is called in between where there is always something to do.
    busy_s: float

    @property
    def engine(self) -> Engine:
        """For statements; `transaction` begins and ends them."""

    def harm(self) -> str:
        """What makes writing unsafe now, "" where all is well."""

    def transaction(self, *, needs_term: bool) -> AbstractContextManager[Connection]:
        """One transaction, committed at its end.

        Raises `TermLost` where it needs a term of office and there is none, `CommitUnknown`, or
        what the driver raises.
        """

    def is_committed(self, ticket: str) -> bool:
        """What became of a transaction whose commit had no answer. Raises `StoreUnavailable`."""

    def explained(self, error: Exception) -> Exception:
        """`StoreUnavailable` where it is the database's state, and not the job's doing."""

    def note(self) -> None:
        """A transaction was committed."""

    def forget(self) -> None:
        """A transaction found the database unavailable: the next one connects again."""

    def hurry(self) -> None:
        """The process is to stop: nobody else is waited for from now on, as far as that goes."""

    @property
    def is_given_up(self) -> bool:
        """Whether, after `hurry`, what is of no use keeps the writer's thread. Any thread may ask.

        Nothing is written then, neither of what is in work nor of what comes.
        """

    def tidy(self) -> bool:
        """Nothing is to do just now; whether no other try is needed."""

    def close(self) -> None:
        """Let go of it."""
