"""What the channels are like, kept fresh behind the invoices. Knows when they are listed again.

No command waits for it: an invoice goes by what was known as it was added.
"""

from __future__ import annotations

import asyncio

from bot.node.client import Node
from bot.node.gate import Gate

#: Seconds after which the channels are listed again; and where the node did not list them.
LISTED_EVERY_S = 60.0
LISTED_AGAIN_S = 15.0
#: Seconds between two listings, however much is paid.
LISTED_AFTER_PAYMENT_S = 5.0


class Liquidity:
    """Has the client list the channels now and then; `run` until cancelled."""

    def __init__(self, node: Node, gate: Gate) -> None:
        self._node = node
        self._gate = gate
        self._changed = asyncio.Event()

    def change(self) -> None:
        """Something was paid: what can be received is another sum."""
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        opening, is_listed = 0, True
        while True:
            await self._gate.opened()
            if self._gate.openings != opening:  # the probe before has listed them
                opening, is_listed = self._gate.openings, True
            await self._rest(LISTED_EVERY_S if is_listed else LISTED_AGAIN_S)
            if self._gate.is_open and self._gate.openings == opening:
                self._changed.clear()
                is_listed = await self._node.refresh_channels()

    async def _rest(self, rest_s: float) -> None:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            async with asyncio.timeout(rest_s):
                await self._changed.wait()
        except TimeoutError:
            return
        await asyncio.sleep(max(0.0, began_at + LISTED_AFTER_PAYMENT_S - loop.time()))
