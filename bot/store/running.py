"""Whether a bot works on a database just now, which and since when.

Knows the files beside one, and asks a server.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from bot.config import DatabaseSettings
from bot.store import beside, sqlite
from bot.store.backend import on_server

#: Seconds after which a bot that has not written the file is gone, where no lock tells; one that
#: has the lock stands still, or cannot write rows.
GONE_AFTER_S = 60.0
#: Of a time in seconds, for some thousand years.
_DIGITS = 11


class Running(NamedTuple):
    """A bot that runs. `pid` 0, `version` "" and `started_at` 0.0 (Unix seconds): not known.

    `name`: of a server's database its host and number, as of several processes one acts, and
    `started_at` is since when; of a file's "". `marks`: of its settings; "": not known.
    `silent_s`: seconds since it could last write rows, where that is too long; else 0.0.
    """

    pid: int
    version: str
    started_at: float
    name: str = ""
    marks: str = ""
    silent_s: float = 0.0


def alive_file(database: Path) -> Path:
    """The file that a bot writes every few seconds while rows can be written."""
    return database.with_suffix(".alive")


def say_alive(database: Path, *, version: str, started_at: float) -> None:
    """This process is at work on it. Raises `LinkInTheWay` or `OSError`."""
    beside.write(alive_file(database), f"{started_at:.0f} {version}\n")


def running(database: DatabaseSettings) -> Running | None:
    """The bot that works on this database, and acts; None: none does. Raises `StartError`."""
    if not database.is_shared:
        return running_on(database.file)
    found = on_server().holder(database.address)
    if found is None:
        return None
    return Running(0, found.version, found.since, found.name, found.marks)


def is_moved(database: DatabaseSettings) -> bool:
    """Whether `move-database` is at work on this database. Raises `StartError`."""
    if not database.is_shared:
        return sqlite.is_moved(database.file)
    found: bool = on_server().is_moved(database.address)
    return found


def running_on(database: Path) -> Running | None:
    """The bot that works on the database in this file; None: none does. Nothing is locked.

    Not for a process that has the database open itself: see `sqlite.is_in_use`.
    """
    said, age_s = _said(alive_file(database))
    is_in_use = sqlite.is_in_use(database)
    if is_in_use is None:
        is_in_use = age_s < GONE_AFTER_S
    if not is_in_use:
        return None
    started, _, version = said.partition(" ")
    is_time = started.isascii() and started.isdecimal() and len(started) <= _DIGITS
    started_at = float(started) if is_time else 0.0
    silent_s = age_s if GONE_AFTER_S <= age_s < float("inf") else 0.0
    return Running(sqlite.pid_of(database.resolve()), version, started_at, silent_s=silent_s)


def _said(file: Path) -> tuple[str, float]:
    """What the file says, and how many seconds ago it was written."""
    try:
        return beside.read(file).strip(), time.time() - file.stat().st_mtime
    except (OSError, ValueError):
        return "", float("inf")
