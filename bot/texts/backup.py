"""What people at a terminal read of a backup, and of a database that is moved."""

from __future__ import annotations

from bot.core.text import spelled
from bot.texts.phrases import count


def backed_up(file: str, *, invoices: int, size_bytes: int, dropped: int) -> str:
    """What a new backup holds, and the commands that it leaves out."""
    held = f"The backup {spelled(file)} has {count(invoices, 'invoice')}, {_size(size_bytes)}."
    if not dropped:
        return held
    those = "command that was" if dropped == 1 else "commands that were"
    return f"{held} It leaves out {dropped} {those} still waiting for the node."


def moving(table: str, copied: int, whole: int) -> str:
    """How far a move is."""
    return f"{spelled(table.strip())}: {copied:,} of {whole:,}"


def moved(rows: int) -> str:
    """A whole database is in another one."""
    return f"{count(rows, 'row')} copied. Now set database.url to it."


def _size(size_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{-(-size_bytes // 1000)} kB"
