"""invoice --wait: until an invoice is paid, expired or cancelled; the exit code says which."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import typer

from bot.cli import output
from bot.cli.at_node import as_object, with_node
from bot.config import Settings

if TYPE_CHECKING:
    from bot.core.answers import NodeInvoice
    from bot.errors import NodeError

T = TypeVar("T")

#: Exit codes: 1 and 2 are what they are of every command, and a shell has 130 for Ctrl-C.
EXPIRED, CANCELLED, INTERRUPTED = 3, 4, 130


def wait(settings: Settings, made: NodeInvoice, *, ahead_s: float, as_json: bool) -> None:
    """Wait, say what became of it, and end with the exit code for that.

    `ahead_s`: of the node's clock. What is not the end is said on standard error.
    """
    from bot import texts  # noqa: PLC0415
    from bot.core.ends import End  # noqa: PLC0415
    from bot.node.ending import ended  # noqa: PLC0415

    def on_trouble(error: NodeError | None) -> None:
        if error is None:
            output.said(texts.NODE_IS_BACK)
            return
        error.values |= {"host": settings.lnd.host}
        output.said(texts.waited_through(error))

    interrupt = _Interrupt()
    output.said(texts.WAITING)
    answer = asyncio.run(
        with_node(
            settings,
            lambda node: interrupt.or_else(
                ended(node, made, now=lambda: time.time() + ahead_s, on_trouble=on_trouble)
            ),
        )
    )
    if answer is None:
        output.said(texts.still_open(made, time.time() + ahead_s))
        raise typer.Exit(INTERRUPTED)
    end, found = answer
    output.shown(as_object(found) if as_json else texts.became(end, found))
    if end is not End.PAID:
        raise typer.Exit(EXPIRED if end is End.EXPIRED else CANCELLED)


class _Interrupt:
    """Ctrl-C, which is noted: what it would raise is lost where a library's callback runs then.

    The second one ends the process at once.
    """

    def __init__(self) -> None:
        self._is_noted = False
        self._wake: Callable[[], object] = lambda: None
        signal.signal(signal.SIGINT, self._note)

    def _note(self, _signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._is_noted = True
        self._wake()

    async def or_else(self, work: Coroutine[None, None, T]) -> T | None:
        """What comes of it; None where Ctrl-C was faster."""
        noted = asyncio.Event()
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, noted.set)
        if self._is_noted:
            noted.set()
        waiting, working = asyncio.ensure_future(noted.wait()), asyncio.ensure_future(work)
        try:
            await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            waiting.cancel()
            working.cancel()
