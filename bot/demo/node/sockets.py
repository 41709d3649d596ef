"""This process's TCP connections, broken under a library. Knows only what the kernel knows."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path


def break_connections(port: int, *, peer_port: int | None = None) -> int:
    """End the connections that came in at the local `port`, all or the one from `peer_port`.

    Both sides see what they would see if a process was killed. Returns how many it ended.
    """
    count = 0
    for connection in _connections():
        try:
            here, there = connection.getsockname(), connection.getpeername()
        except OSError:
            continue  # it listens, or is closed
        if here[1] == port and peer_port in (None, there[1]):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
                count += 1
    return count


def _connections() -> Iterator[socket.socket]:
    for entry in list(Path("/dev/fd").iterdir()):
        try:
            if not stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                continue
            copy = os.dup(int(entry.name))
        except OSError:
            continue  # closed meanwhile
        with socket.socket(fileno=copy) as connection:
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                yield connection
