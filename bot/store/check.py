"""What can be wrong with the database and its place on the disk. Knows no SQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bot.config import DatabaseSettings, differing
from bot.errors import DatabaseMissing, DatabaseTooOld, StartError
from bot.findings import About, Finding, Kind, Mark, Values, bad, fine, note, refused
from bot.store.backend import on_server
from bot.store.running import is_moved, running
from bot.store.sqlite import closed_beside, inspect

#: Free space in bytes below which the database might soon be full.
LITTLE_SPACE = 100_000_000


def check_database(
    database: DatabaseSettings, *, in_use: bool = False, marks: str = ""
) -> Iterator[Finding]:
    """Whether `Store.open` would accept the file. Nothing is written.

    `in_use`: this process has it open, so that it was inspected before. `marks` of its settings.
    """
    if database.is_shared:
        yield from _server(database, in_use=in_use, marks=marks)
        return
    try:
        place = _place(database.file)
        is_looked_at = place.mark is not Mark.BAD and not in_use
        if is_looked_at:
            inspect(database.address)
        yield place
        if is_looked_at and is_moved(database):
            yield note(About.DATABASE, Kind.MOVING)
    except StartError as error:
        yield refused(About.DATABASE, error)
    except PermissionError:
        yield _bad(Kind.FOLDER_CLOSED, database.file.parent)


def _server(database: DatabaseSettings, *, in_use: bool, marks: str) -> Iterator[Finding]:
    """Whether the server lets the bot in, and which process acts."""
    try:
        place = on_server().inspect(database.address)
        yield fine(About.DATABASE, Kind.REACHED, path=place)
        if not in_use:
            with suppress(DatabaseMissing):  # the first start makes it
                yield from _who_has_it(database, marks)
    except DatabaseTooOld:
        yield note(About.DATABASE, Kind.OLDER)
    except StartError as error:
        yield refused(About.DATABASE, error)


def _who_has_it(database: DatabaseSettings, marks: str) -> Iterator[Finding]:
    """The process that acts, or a move. Raises `StartError`."""
    if (found := running(database)) is not None:
        values: Values = {"process": found.name, "began_at": found.started_at}
        yield fine(About.DATABASE, Kind.ACTIVE, **values)
        if sections := differing(marks, found.marks):
            others: Values = {"process": found.name, "sections": tuple(sections)}
            yield note(About.DATABASE, Kind.OTHER_SETTINGS, **others)
    elif is_moved(database):
        yield note(About.DATABASE, Kind.MOVING)


def _place(file: Path) -> Finding:
    # The folder is made at start: what counts is the nearest one that exists.
    folder = next(folder for folder in file.absolute().parents if folder.exists())
    if file.is_dir():
        return _bad(Kind.IS_FOLDER, file)
    if not folder.is_dir():
        return _bad(Kind.NOT_A_FOLDER, folder)
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        if folder != file.absolute().parent:
            return _bad(Kind.FOLDER_MISSING, file.parent)
        return _bad(Kind.FOLDER_READ_ONLY, folder)
    if file.exists() and not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
        return _bad(Kind.FILE_READ_ONLY, file)
    if (closed := closed_beside(file)) is not None:
        return _bad(Kind.FILE_READ_ONLY, closed)
    free = shutil.disk_usage(folder).free
    if free < LITTLE_SPACE:
        values: Values = {"free_bytes": free, "path": str(folder)}
        mark = Mark.NOTE if free else Mark.BAD
        return Finding(mark, About.DATABASE, Kind.LITTLE_SPACE, values)
    return fine(About.DATABASE, Kind.WRITABLE, path=str(file))


def _bad(kind: Kind, path: Path) -> Finding:
    return bad(About.DATABASE, kind, path=str(path))
