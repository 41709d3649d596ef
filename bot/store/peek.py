"""One look at the grants in a database that another process may have open. Nothing is written."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

from bot.core.grants import Granted, Role
from bot.errors import StartError
from bot.store.backend import SQLITE, on_server
from bot.store.sqlite import file_of, has_journal, opened_to_read, refuse_unreadable


def granted(url: str) -> Granted:
    """Who was let in from the chat, by the database at `url`; nobody where that can't be read."""
    found: dict[str, set[int]] = {role: set() for role in Role}
    for subject_id, role in _read(url, "SELECT subject_id, role FROM grants"):
        found.setdefault(role, set()).add(subject_id)
    return Granted(
        frozenset(found[Role.OWNER]), frozenset(found[Role.USER]), frozenset(found[Role.CHAT])
    )


def owners(url: str) -> dict[int, str]:
    """The owners among them, with the names by which they were let in ("" where none is known)."""
    statement = "SELECT subject_id, name FROM grants WHERE role = ? ORDER BY granted_at"
    return dict(_read(url, statement, Role.OWNER))


def _read(url: str, statement: str, *values: str) -> list[tuple[Any, ...]]:
    """All rows; none where that can't be read."""
    if not url.startswith(SQLITE):
        with contextlib.suppress(StartError), on_server().reading(url) as connection:
            style = statement.replace("?", "%s")
            return [tuple(row) for row in connection.exec_driver_sql(style, values or None)]
        return []
    with contextlib.suppress(StartError, sqlite3.Error, OSError):
        path = file_of(url)
        refuse_unreadable(path)  # a pipe would be waited for
        opened = opened_to_read(path, is_written=has_journal(path))
        with contextlib.closing(opened) as connection:
            return connection.execute(statement, values).fetchall()
    return []
