"""One client's subscription to invoices. Knows indexes and events, and no other subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.demo.node.invoice import OPEN, SETTLED, SimInvoice
from bot.lnrpc import lightning_pb2 as pb


class Subscription:
    """The backlog that was asked for, then every event, until it is ended."""

    def __init__(self, add_index: int, settle_index: int) -> None:
        self._last_add = add_index
        self._last_settle = settle_index
        self._is_mute = False
        self._queue: asyncio.Queue[pb.Invoice | None] = asyncio.Queue()

    def put(self, invoice: SimInvoice) -> None:
        """Send an event, unless its index says that the client already has it."""
        if invoice.state == SETTLED:
            if invoice.settle_index <= self._last_settle:
                return
            self._last_settle = invoice.settle_index
        elif invoice.state == OPEN:
            if invoice.add_index <= self._last_add:
                return
            self._last_add = invoice.add_index
        else:
            return
        self.send(invoice)

    def send(self, invoice: SimInvoice) -> None:
        """Send an event, even one that the client already has."""
        if not self._is_mute:
            self._queue.put_nowait(invoice.message())

    def mute(self) -> None:
        """Send no more events, and do not end either."""
        self._is_mute = True

    def end(self) -> None:
        """End the stream cleanly once everything in the queue has been sent."""
        self._queue.put_nowait(None)

    async def next(self) -> pb.Invoice | None:
        """Wait for the next event; None is the end."""
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[pb.Invoice]:
        while (message := await self.next()) is not None:
            yield message
