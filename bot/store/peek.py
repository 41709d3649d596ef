"""One look at the grants in a database that another process may have open. Nothing is written."""

from __future__ import annotations

import contextlib
import sqlite3

from bot.core.grants import Granted, Role
from bot.store.sqlite import BUSY_TIMEOUT_S, file_of


def granted(url: str) -> Granted:
    """Who was let in from the chat, by the database at `url`; nobody where that can't be read."""
    path = file_of(url)
    # Where there is no journal nobody writes, and nothing has to be made beside the file.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    found: dict[str, set[int]] = {role: set() for role in Role}
    with contextlib.suppress(sqlite3.Error, OSError):
        address = f"{path.resolve(strict=True).as_uri()}?{how}"
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S)
        ) as connection:
            for subject_id, role in connection.execute("SELECT subject_id, role FROM grants"):
                found.setdefault(role, set()).add(subject_id)
    return Granted(
        frozenset(found[Role.OWNER]), frozenset(found[Role.USER]), frozenset(found[Role.CHAT])
    )
