"""Where the owner can have a file written: never over one of the bot's own. Knows no SQL."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bot.config import Settings
from bot.core.wishes import OutputProblem
from bot.store import sqlite
from bot.store.running import alive_file

#: What may be beside a database, by the end of its name.
ENDINGS = (*sqlite.SQLITES, sqlite.LOCK, sqlite.PID, sqlite.NEW, sqlite.MOVING)


class Refused(NamedTuple):
    """Why a file can't be written: `problem`, at `path`, for the `reason` that the system gives."""

    problem: OutputProblem
    path: Path
    reason: str = ""


def of_database(file: Path) -> list[Path]:
    """The database in this file and all that may be beside it, also by the name that links hide."""
    return [path for each in {file, _real(file)} for path in (each, *beside_database(each))]


def beside_database(file: Path) -> list[Path]:
    """What may be beside the database in this file, by that name."""
    return [*(file.with_name(file.name + end) for end in ENDINGS), alive_file(file)]


def own_files(settings: Settings, config: Path | None) -> list[Path]:
    """All that these settings, which are in `config`, name; whether it is there or not."""
    named = (config, settings.lnd.tls_cert, settings.lnd.macaroon, *settings.secret_files.values())
    return [*of_database(settings.database.file), *(each for each in named if each is not None)]


def is_one_of(file: Path, own: Iterable[Path]) -> bool:
    """Whether it is one of them, by whatever name, link or hard link."""
    return any(_is_same(file, each) for each in own)


def why_not(file: Path, *, own: Iterable[Path] = (), force: bool) -> Refused | None:
    """Why nothing can be written there, None where it can.

    `own`: what is not replaced; `force`: another file that is there may be.
    """
    try:
        problem = _in_the_way(file, own=own, force=force)
        if problem is not None:
            return Refused(problem, file)
        if not file.parent.is_dir():
            return Refused(OutputProblem.FOLDER_MISSING, file.parent)
    except OSError as error:  # a name that is too long, a folder that nobody can look into
        return Refused(OutputProblem.NOT_WRITTEN, file, error.strerror or str(error))
    except ValueError as error:  # a zero byte
        return Refused(OutputProblem.NOT_WRITTEN, file, str(error))
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return Refused(OutputProblem.FOLDER_READ_ONLY, file.parent)
    return None


def _in_the_way(file: Path, *, own: Iterable[Path], force: bool) -> OutputProblem | None:
    if file.is_symlink():
        return OutputProblem.NOT_A_FILE
    if is_one_of(file, own):
        return OutputProblem.IS_OURS
    if file.is_dir():
        return OutputProblem.IS_FOLDER
    if file.exists() and not file.is_file():
        return OutputProblem.NOT_A_FILE
    if file.exists() and not force:
        return OutputProblem.EXISTS
    return None


def _is_same(one: Path, other: Path) -> bool:
    if _real(one) == _real(other):
        return True
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there, or nobody can look at it
        return False


def _real(path: Path) -> Path:
    # Path.resolve raises where links lead in a circle
    return Path(os.path.realpath(path))
