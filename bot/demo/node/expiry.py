"""When the simulated node's invoices expire. Knows the clock and the ledger's next expiry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from bot.demo.node.ledger import Ledger
from bot.demo.node.wallet import Wallet

# LND cancels a moment after the expiry
_DELAY_S = 0.03
# the clock can be moved without a call of `wake`
_CLOCK_POLL_S = 0.05


class Expiry:
    """Cancels overdue invoices while it runs and the wallet is active; `clock`: Unix seconds."""

    def __init__(self, ledger: Ledger, wallet: Wallet, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._wallet = wallet
        self._clock = clock
        self._changed = asyncio.Event()
        # no invoice can expire, so the clock is not polled
        self._idle = False
        self._running: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended."""
        return self._running is not None

    def start(self) -> None:
        """Run until `end`."""
        self._running = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Stop; invoices stay as they are."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    def wake(self) -> None:
        """Read the clock again at once; by itself it is read every 50 ms."""
        self._changed.set()

    def invoice_changed(self) -> None:
        """An invoice was added or has changed: now one may be able to expire."""
        if self._idle:
            self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            due = self._ledger.next_expiry if self._wallet.is_active else None
            left_s = None if due is None else due - self._clock()
            if left_s is not None and left_s <= 0:
                await asyncio.sleep(_DELAY_S)
                self._ledger.expire_due()
            else:
                poll_s = None if left_s is None else min(left_s, _CLOCK_POLL_S)
                self._idle = poll_s is None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(poll_s):
                        await self._changed.wait()
