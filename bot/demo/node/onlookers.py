"""Callbacks and tests that wait inside the process. Knows when something changed, not what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.demo.node.invoice import SimInvoice


class Onlookers:
    """Callbacks for each change of an invoice, and conditions that are waited for."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[SimInvoice], None]] = []
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}

    def watch(self, callback: Callable[[SimInvoice], None]) -> Callable[[], None]:
        """Call back after every change of an invoice. Returns what ends this."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    async def until(self, condition: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until `condition` is true. TimeoutError when it does not become true."""
        if condition():
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = condition
        try:
            async with asyncio.timeout(timeout_s):
                await waiting
        finally:
            del self._waiting[waiting]

    def invoice_changed(self, invoice: SimInvoice) -> None:
        """Call back, and check the conditions."""
        for callback in list(self._callbacks):
            callback(invoice)
        self.check()

    def check(self) -> None:
        """Wake everybody whose condition is true now."""
        for waiting, condition in self._waiting.items():
            if not waiting.done() and condition():
                waiting.set_result(None)
