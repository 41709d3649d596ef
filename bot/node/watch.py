"""The node's own word: who it is, what was paid, what is open no more. One object a node.

Knows the gate and GetInfo; what is paid, open and receivable is for its parts. What it writes it
rings the bell for.
"""

from __future__ import annotations

import asyncio

from bot import logs
from bot.clock import Clock
from bot.core.answers import NodeStatus
from bot.core.notices import Kind, Notice
from bot.core.outcomes import LONGEST_AT_NODE_S
from bot.errors import NodeError, NodeOdd, NodeTimeout, PermissionMissing
from bot.node.client import Node
from bot.node.gate import Gate
from bot.node.health import Health
from bot.node.identity import Identity
from bot.node.invoices import NodeInvoices
from bot.node.liquidity import Liquidity
from bot.node.payments import Payments
from bot.node.sweep import Sweep
from bot.occasions import Occasions
from bot.pauses import pause_s
from bot.store import Bell, Store, Tx

log = logs.get(__name__)


class Watch:
    """Follows what the node tells, for as long as it is there; `run` until cancelled."""

    def __init__(
        self,
        *,
        node: Node,
        gate: Gate,
        identity: Identity,
        invoices: NodeInvoices,
        store: Store,
        bell: Bell,
        occasions: Occasions,
        max_msat: int,
        clock: Clock,
    ) -> None:
        """`max_msat`: the most that can be asked for."""
        self._node = node
        self._gate = gate
        self._identity = identity
        self._store = store
        self._bell = bell
        self._occasions = occasions
        self._clock = clock
        self._sweep = Sweep(
            gate=gate,
            identity=identity,
            invoices=invoices,
            store=store,
            bell=bell,
            occasions=occasions,
            clock=clock,
        )
        self._liquidity = Liquidity(node, gate)
        self._health = Health(
            node=node,
            gate=gate,
            identity=identity,
            occasions=occasions,
            max_msat=max_msat,
            clock=clock,
        )
        self._payments = Payments(
            node=node,
            gate=gate,
            identity=identity,
            sweep=self._sweep,
            liquidity=self._liquidity,
            store=store,
            bell=bell,
            clock=clock,
        )

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._guard())
            tasks.create_task(self._payments.run())
            tasks.create_task(self._sweep.run())
            tasks.create_task(self._liquidity.run())
            tasks.create_task(self._health.run())

    async def status(self) -> NodeStatus:
        """Why the node is away, or who it is, asked now. Raises nothing."""
        if (away := self._gate.away) is not None:
            return NodeStatus(away, None)
        try:
            return NodeStatus(None, await self._node.info(), self._node.inbound_msat)
        except PermissionMissing:
            return NodeStatus(None, None, self._node.inbound_msat)
        except NodeError as error:
            return NodeStatus(error, None)

    # who it is

    async def _guard(self) -> None:
        """Each time the node is back: whatever waits for it may try again."""
        while True:
            await self._gate.watch()
            self._identity.forget()
            await self._store.must(_node_is_back, self._clock())
            self._bell.ring_all()
            await self._identify_in_time()

    async def _identify_in_time(self) -> None:
        """Ask who the node is, for as long as it is there: it may fail at this, or hang, and make
        invoices all the same."""
        attempts = 0
        while self._gate.is_open and not self._identity.is_known:
            try:
                await self._identify()
            except (NodeOdd, NodeTimeout) as error:
                attempts += 1
                if attempts == 1:
                    log.warning("node does not tell who it is", detail=error.detail)
                await asyncio.sleep(pause_s(attempts, longest_s=LONGEST_AT_NODE_S))
            except NodeError as error:
                self._gate.shut(error)

    async def _identify(self) -> None:
        """Whose invoices can be asked for now. A narrow macaroon cannot tell: then any."""
        try:
            info = await self._node.info()
        except PermissionMissing:
            node_id = ""
            self._identity.say(node_id)
        else:
            node_id = info.identity_pubkey
            self._identity.say(node_id, info.alias, info.network)
        aside, are_any = await self._store.must(_set_aside_others, node_id, self._clock())
        self._identity.settle()
        self._bell.ring_all()
        if aside:
            log.error("open invoices of another node set aside", count=aside)
            self._occasions.began([Notice(Kind.OTHER_NODE, subject=node_id, count=aside)])
        elif not are_any:
            self._occasions.over(Kind.OTHER_NODE, node_id)


# jobs of the store


def _node_is_back(tx: Tx, now: float) -> None:
    tx.agenda.node_is_back(now)


def _set_aside_others(tx: Tx, node_id: str, now: float) -> tuple[int, bool]:
    """Other nodes' rows aside; what waited to know whose they are may go on.

    How many were set aside now, and whether any is.
    """
    aside = tx.nodes.set_aside_others(node_id, now) if node_id else 0
    if aside:
        tx.occasions.begin(Notice(Kind.OTHER_NODE, subject=node_id, count=aside), now)
    tx.agenda.node_is_back(now)
    return aside, not node_id or tx.nodes.has_aside()
