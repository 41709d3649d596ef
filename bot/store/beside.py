"""The small files beside the database: never written through a symbolic link. Knows no SQL."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from bot.errors import LinkInTheWay

# Neither a link is followed nor a pipe waited for.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def refuse_link(path: Path) -> None:
    """Raises `LinkInTheWay` where a symbolic link has this name, wherever that leads."""
    if path.is_symlink():
        raise LinkInTheWay(path=str(path))


def read(path: Path, max_bytes: int = 100) -> str:
    """What the file says. Raises `OSError`, or `ValueError` where that is no text."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, max_bytes).decode()
    finally:
        os.close(descriptor)


def write(path: Path, text: str = "") -> None:
    """Make the file say this, written just now, with mode 0600.

    Raises `LinkInTheWay` or `OSError`.
    """
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LinkInTheWay(path=str(path)) from error
        raise
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode())
        os.utime(descriptor)
    finally:
        os.close(descriptor)
