"""Which node is connected: whose invoices can be asked for. Knows only what GetInfo answers.

It stays unknown if the macaroon has no permission to ask, or the node does not answer GetInfo.
"""

from __future__ import annotations

import asyncio

from bot.core.invoice import Invoice

#: Seconds that the node gets to say who it is. Then its payments are recorded all the same, and
#: what needs to know whose it is is put off.
IDENTIFIED_WITHIN_S = 3.0


class Identity:
    """The connected node's public key, as far as it is known."""

    def __init__(self) -> None:
        #: The latest that is known, "" where the macaroon has no permission to ask.
        self.node_id = ""
        #: The same, "" from the gate's opening until the node says it: whose a new invoice is.
        self.of_new = ""
        #: What the node calls itself, "" where that is not known.
        self.alias = ""
        #: What it calls its network, likewise.
        self.network = ""
        self._known = asyncio.Event()

    @property
    def is_known(self) -> bool:
        """Whether the node was asked since the gate opened last."""
        return self._known.is_set()

    async def known(self) -> None:
        """Wait until it is."""
        await self._known.wait()

    async def known_within(self, within_s: float) -> bool:
        """Whether it is known within so many seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self.known()
        except TimeoutError:
            return False
        return True

    def forget(self) -> None:
        """The gate opens: it may be another node that answers now."""
        self._known.clear()
        self.of_new = ""

    def say(self, node_id: str, alias: str = "", network: str = "") -> None:
        """The node has said who it is."""
        self.node_id = self.of_new = node_id
        self.alias, self.network = alias, network

    def settle(self) -> None:
        """Its rows are now separate from other nodes'."""
        self._known.set()

    def is_perhaps_others(self, row: Invoice) -> bool:
        """Whether nobody knows that the row is at the node that is connected.

        Where neither is known, a macaroon has no permission to ask: then it counts as its own.
        """
        return row.node_id != self.node_id

    def is_others(self, row: Invoice) -> bool:
        """Whether the row is at another node than the one that is connected."""
        return bool(self.node_id) and row.node_id not in ("", self.node_id)
