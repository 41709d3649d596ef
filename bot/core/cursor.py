"""How far a node's payments are recorded, and whether that is still so. Pure.

A node tells no payment up to the settle index that it is asked from. So the cursor names a payment,
of this bot or not, and the node itself can say which index that has: by it another node is
recognized, and one that was restored. One that counts from 1 again while its old payments keep
their indexes is recognized by what it does not tell.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from bot.core.answers import NodeInvoice, NodeState


@dataclass(frozen=True, slots=True)
class Cursor:
    """The payment that a node settled last of those that are recorded; its time in Unix seconds."""

    settle_index: int = 0
    payment_hash: bytes = b""
    settled_at: int = 0

    @classmethod
    def at(cls, payment: NodeInvoice, now: float) -> Cursor:
        """This payment. A time that is yet to come would keep all later ones out."""
        settled_at = min(payment.settled_at, int(now))
        return cls(payment.settle_index, payment.payment_hash, settled_at)

    def __bool__(self) -> bool:
        """Whether it names a payment."""
        return self.asks_from > 0

    @property
    def asks_from(self) -> int:
        """The settle index that payments are asked for from; 0: what was before is not replayed."""
        return self.settle_index if self.payment_hash else 0

    def moved(self, payment: NodeInvoice, now: float) -> Cursor:
        """The later of the two, by the node's time: its index may have begun again, or be absurd.

        A node with an SQL database may replay in the order of adding.
        """
        both = (self, Cursor.at(payment, now))
        return max(both, key=lambda each: (each.settled_at, each.settle_index))

    def checked(self, found: NodeInvoice | None) -> Cursor:
        """Where the node counts its payment now, by what it looks up as; None: it is unknown."""
        if found is None or found.state is not NodeState.SETTLED:
            return Cursor()
        return replace(self, settle_index=found.settle_index)

    def lowered(self, untold: Collection[NodeInvoice], now: float) -> Cursor:
        """From where to ask after look-ups found payments that no event told.

        Those with a higher index than the cursor's are replayed. Where one has not, the node counts
        from 1 again, or the cursor has passed what was not recorded.
        """
        lowest = min(untold, key=lambda each: each.settle_index, default=None)
        if lowest is None or 0 < self.asks_from < lowest.settle_index:
            return self
        return Cursor.at(lowest, now)
