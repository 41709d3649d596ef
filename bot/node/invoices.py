"""One invoice at the node: add it, cancel it, so many at once, through the gate.

Knows the client's calls and the row, and writes nothing: what came of it is for the engine.
"""

from __future__ import annotations

import asyncio

from bot.clock import Clock, steady
from bot.core import terms
from bot.core.answers import Added, Cancelled, NodeInvoice
from bot.core.invoice import Invoice, State
from bot.core.steps import NOTICE_AFTER_S, Around
from bot.core.work import Do
from bot.errors import (
    AlreadySettled,
    InvoiceUnknown,
    NodeError,
    NodeOdd,
    NodeStarting,
    PermissionMissing,
)
from bot.node.client import CALL_TIMEOUT_S, Node
from bot.node.gate import Gate
from bot.node.identity import IDENTIFIED_WITHIN_S, Identity

#: Commands at the node at once: more gains nothing and blocks the loop in bursts.
COMMANDS_AT_ONCE = 8
#: Expiries and look-ups at the node at once, behind commands.
BEHIND_AT_ONCE = 4
#: Look-ups of an invoice that is expired by our clock and which the node keeps open, before it is
#: cancelled all the same: with their pauses they take more than an hour.
OVERDUE_LOOKUPS = 75


class NodeInvoices:
    """Steps at the node. Each raises `NodeError`."""

    def __init__(self, node: Node, gate: Gate, identity: Identity, clock: Clock) -> None:
        self._node = node
        self._gate = gate
        self._identity = identity
        self._clock = clock
        self._lacks: PermissionMissing | None = None  # to cancel, as the node said last
        self._commands = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._behind = asyncio.Semaphore(BEHIND_AT_ONCE)

    @property
    def hindrance(self) -> NodeError | None:
        """Why nothing can be cancelled now, as far as it is known; nobody is asked."""
        if self.away is None and not self._identity.is_known:
            return _unidentified()
        return self.away or self._lacks

    @property
    def away(self) -> NodeError | None:
        """Why the node cannot be asked at all now, as far as it is known; nobody is asked."""
        return self._gate.away

    @property
    def inbound_msat(self) -> int | None:
        """What the node's channels can receive, as it was listed last; None where nobody knows."""
        return self._node.inbound_msat

    async def do(self, do: Do, row: Invoice, around: Around) -> Added | Cancelled:
        """Take a step at the node; what it has then."""
        return await (self.add(row, around) if do is Do.ADD else self.cancel(row))

    async def add(self, row: Invoice, around: Around) -> Added:
        """Add, and look up what there is then: fresh or repeated, it is one way."""
        until_notice_s = around.waiting_since + NOTICE_AFTER_S - self._clock()
        timeout_s = until_notice_s if until_notice_s > 0.5 else CALL_TIMEOUT_S
        node_id = self._identity.of_new
        async with self._commands:
            with self._gate.passing():
                began_at = steady()
                found, is_new = await add(self._node, row, timeout_s=timeout_s)
                if is_new:
                    self._clock.learn(found.created_at, within_s=steady() - began_at)
                # What was asked for while the host's clock was ahead was asked for before now.
                terms.in_time(found, min(row.asked_at, self._clock()))
        return Added(found, node_id or self._identity.of_new, self._node.inbound_msat)

    async def cancel(self, row: Invoice) -> Cancelled:
        """Cancel. An expired one the node cancels by itself, by its own clock, unless a payment
        is under way: so that is looked up, and cancelled only if the node never does."""
        is_overdue = row.state is State.OPEN and not row.cancel_wanted
        if self._gate.is_open:
            await self._identity.known_within(IDENTIFIED_WITHIN_S)
        async with self._behind if is_overdue else self._commands:
            is_its_node = self._identity.is_known and not self._identity.is_others(row)
            if self._gate.is_open and not is_its_node:
                # Another node than before would know nothing of it.
                raise _unidentified()
            with self._gate.passing():
                if is_overdue and row.attempts_at(Do.CANCEL) < OVERDUE_LOOKUPS:
                    return Cancelled(await self._node.lookup(row.payment_hash))
                try:
                    found = await cancel(self._node, row)
                except PermissionMissing as error:  # all else goes on; it may be closed by now
                    self._lacks = error
                    try:
                        found = await self._node.lookup(row.payment_hash)
                    except NodeError as failure:
                        failure.lacks = error
                        raise
                    return Cancelled(found, lacks=error)
                self._lacks = None
                return Cancelled(found)

    async def lookup_behind(self, payment_hash: bytes) -> NodeInvoice:
        """Look up what nobody waits for."""
        async with self._behind:
            with self._gate.passing():
                return await self._node.lookup(payment_hash)

    async def cancel_behind(self, payment_hash: bytes) -> None:
        """Cancel what nobody waits for. Raises `NodeError`."""
        async with self._behind:
            with self._gate.passing():
                await self._node.cancel(payment_hash)


def _unidentified() -> NodeError:
    return NodeStarting(detail="whose invoices it has is not known yet")


async def add(node: Node, row: Invoice, *, timeout_s: float) -> tuple[NodeInvoice, bool]:
    """Add, and look up what there is then; and whether this add made it. Raises `NodeError`.

    A row of a restored backup has no preimage: it is looked up, whatever became of it meanwhile.
    What the node has has to be what was asked for, whatever it says: nobody may pay another amount,
    for another invoice, or after another time. That raises `NodeOdd`.
    """
    amount_msat = row.amount_msat or 0
    is_new = row.preimage is not None and await node.add(
        preimage=row.preimage,
        amount_msat=amount_msat,
        memo=row.memo,
        expiry_s=row.expiry_s,
        timeout_s=timeout_s,
    )
    found = await node.lookup(row.payment_hash, timeout_s=timeout_s)
    terms.confirm(
        found,
        payment_hash=row.payment_hash,
        amount_msat=amount_msat,
        expiry_s=row.expiry_s,
    )
    return found, is_new


async def cancel(node: Node, row: Invoice) -> NodeInvoice | None:
    """Cancel; where it was too late for that, what there is. Raises `NodeError`."""
    try:
        await node.cancel(row.payment_hash)
    except AlreadySettled:
        try:
            return await node.lookup(row.payment_hash)
        except InvoiceUnknown as error:
            raise NodeOdd(detail=error.detail) from error
    return None
