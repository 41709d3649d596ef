"""What people at a terminal read of a backup, and of a database that is moved."""

from __future__ import annotations

from bot.core.text import spelled
from bot.texts.phrases import count


def backed_up(file: str, *, invoices: int, size_bytes: int, unhandled: int) -> str:
    """What a new backup holds, and what Telegram has delivered that it leaves out."""
    held = f"The backup {spelled(file)} has {count(invoices, 'invoice')}, {_size(size_bytes)}."
    if not unhandled:
        return held
    return f"{held} It leaves out {count(unhandled, 'message')} that the bot has not handled yet."


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
