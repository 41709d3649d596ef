"""Without memory the process ends, as at a kill: what was half done in it is whole in the rows.

Whoever catches everything lets `MemoryError` through. Where nobody waits for a task, or a library
keeps what a callback raises to itself, it is told here. Knows the loop, and nothing of the bot.
"""

from __future__ import annotations

import asyncio
import os
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


def ends(loop: asyncio.AbstractEventLoop, flush: Callable[[], object]) -> None:
    """From now on the process ends where a callback of this loop, or a task that nobody waited for,
    gets no memory. `flush`: its last words."""

    def told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), (MemoryError, NoMemory)):
            loop.default_exception_handler(context)
            return
        try:
            loop.default_exception_handler(context)
            flush()
        finally:
            os._exit(1)

    loop.set_exception_handler(told)
