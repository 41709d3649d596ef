"""A file that a setting names, read whole: never without an end, in memory or in time.

People name pipes as well, such as `<(...)` and /dev/stdin: what those bring is waited for a while.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import time
from collections.abc import Iterator
from pathlib import Path

#: Bytes of a settings file, certificate, macaroon or token at most.
MAX_BYTES = 1024 * 1024
#: Seconds for which a pipe is waited for: until somebody writes to it, and until its end.
FIRST_WITHIN_S = 5.0
ALL_WITHIN_S = 30.0


class TooLarge(Exception):
    """There is more than `MAX_BYTES` of it."""


class NoEnd(Exception):
    """Nobody writes to this pipe, or nobody ends."""


def read(path: Path) -> bytes:
    """The content of a file or pipe.

    Raises `TooLarge`, `NoEnd`, `OSError`, or `ValueError` where that can be no path.
    """
    with _opened(path) as descriptor:
        size = os.fstat(descriptor).st_size  # 0 where nobody knows
        if size > MAX_BYTES:
            raise TooLarge
        content = bytearray()
        for part in _parts(descriptor):
            content += part
            if len(content) > MAX_BYTES:
                raise TooLarge
        return bytes(content)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    # To open a pipe that nobody writes to would wait for who does.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(descriptor: int) -> Iterator[bytes]:
    began_at = time.monotonic()
    is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    poll, has_writer = select.poll(), False
    poll.register(descriptor, select.POLLIN)
    while True:
        try:
            part = os.read(descriptor, 65_536)
        except BlockingIOError:
            part, has_writer = None, True
        if part:
            has_writer = True
            yield part
            continue
        if part is not None and (has_writer or not is_pipe):
            return
        until = began_at + (ALL_WITHIN_S if has_writer else FIRST_WITHIN_S)
        events = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if not events and time.monotonic() >= until:
            raise NoEnd
        if part is not None and events and not events[0][1] & select.POLLIN:
            return  # who wrote to it wrote nothing
