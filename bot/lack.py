"""Without memory, or a thread, the process ends as at a kill: what was half done is in the rows.

Whoever catches everything lets `MemoryError` through. Where nobody waits for a task, or a library
keeps what a callback raises to itself, it is told here. Knows the loop, and nothing of the bot.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class NoMemory(BaseException):
    """A `MemoryError` that no library keeps to itself: it is no `Exception`."""


@contextmanager
def passed_on() -> Iterator[None]:
    """A `MemoryError` from here gets through a library that catches every `Exception`."""
    try:
        yield
    except MemoryError as error:
        raise NoMemory from error


def tell(task: asyncio.Future[Any]) -> None:
    """Of a task that is done, and that nobody waits for: the loop hears of the lack."""
    if not task.cancelled() and isinstance(task.exception(), (MemoryError, NoMemory)):
        raise NoMemory from task.exception()


def ends_with(loop: asyncio.AbstractEventLoop, flush: Callable[[], object]) -> None:
    """From now on the process ends where a thread dies, as what it was for is done by nobody then,
    or where a callback of this loop, or a task that nobody waited for, gets no memory.

    `flush`: its last words.
    """
    tell_of_thread = threading.excepthook

    def end(tell: Callable[[], object]) -> None:
        try:
            tell()
            flush()
        finally:
            os._exit(1)

    def failed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), (MemoryError, NoMemory)):
            end(lambda: loop.default_exception_handler(context))
        loop.default_exception_handler(context)

    threading.excepthook = lambda args: end(lambda: tell_of_thread(args))
    loop.set_exception_handler(failed)
