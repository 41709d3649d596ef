"""What may take long, in a thread of its own: everything else goes on, and no end waits for it.

A file can be a pipe whose writer says nothing, or be on a disk that no longer answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def aside(call: Callable[[], T]) -> T:
    """What `call` returns. Raises what it raises; cancelled, it is left to itself."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(say: Callable[[], None]) -> None:
        if not answer.done():
            say()

    def work() -> None:
        try:
            say = partial(answer.set_result, call())
        except BaseException as error:  # noqa: BLE001 -- whoever waits gets it
            say = partial(answer.set_exception, error)
        with suppress(RuntimeError):  # nobody waits: the loop is closed
            loop.call_soon_threadsafe(tell, say)

    threading.Thread(target=work, name="aside", daemon=True).start()
    return await answer
