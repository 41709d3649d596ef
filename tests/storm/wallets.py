"""Wallets: they pay, again and again where there is no way to the node. Knows no chat."""

from __future__ import annotations

import asyncio
import time

from bot.demo.node import PaymentFailed, SimInvoice, SimNode
from tests.storm.book import Book, Command, Part

#: What is paid above the amount, where somebody pays more, in sats.
MORE_SATS = 20_000_000


class Wallets:
    """Everybody's."""

    def __init__(self, node: SimNode, book: Book) -> None:
        self._node = node
        self._book = book

    async def pay(
        self,
        command: Command,
        invoice: SimInvoice,
        *,
        more: bool = False,
        late: bool = False,
        hold: bool = False,
    ) -> bool:
        """Pay; whether it worked."""
        amount_msat = None
        if more or not invoice.value_msat:
            amount_msat = invoice.value_msat + MORE_SATS * 1000
        while time.time() < invoice.expires_at + (2 if late else 0):
            try:
                self._node.pay(
                    invoice.payment_request, amount_msat=amount_msat, late=late, hold=hold
                )
            except PaymentFailed as failure:
                if "NO_ROUTE" not in str(failure):
                    self._book.note(f"payment failed: {failure}", command)
                    self._book.count("payments refused")
                    return False
                await asyncio.sleep(0.2)
            else:
                self._book.note("paid", command)
                self._book.count("payments")
                self._book.count("payments of parts of bills", isinstance(command, Part))
                if more:
                    self._book.count("payments above the amount")
                return True
        return False

    def finish(self, command: Command, invoice: SimInvoice) -> None:
        """The last part of a payment that was made with `hold`."""
        try:
            self._node.settle(invoice.payment_hash)
        except ValueError as gone:
            self._book.note(f"the payment's last part came too late: {gone}", command)
