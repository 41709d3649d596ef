"""The node's own word: who it is, what was paid, what is open no more. One object a node.

Knows the client, the gate and the rows' states. What it writes it rings the bell for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot import logs, texts
from bot.clock import Clock
from bot.core import outcomes
from bot.core.answers import NodeInvoice, NodeState, NodeStatus
from bot.core.invoice import Invoice
from bot.core.notices import Kind, Notice, Owners
from bot.core.outcomes import LONGEST_AT_NODE_S
from bot.errors import (
    InvoiceUnknown,
    NodeError,
    NodeOdd,
    NodeStopping,
    NodeTimeout,
    PermissionMissing,
)
from bot.node.client import Node
from bot.node.gate import Gate, is_away
from bot.node.identity import IDENTIFIED_WITHIN_S, Identity
from bot.node.invoices import NodeInvoices
from bot.pauses import pause_s
from bot.store import Bell, Store, Tx

log = logs.get(__name__)

#: Seconds after the stream opened when open rows are looked up once more.
LOOK_AGAIN_S = 10.0
PAGE = 200


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
        owners: Owners,
        clock: Clock,
    ) -> None:
        self._node = node
        self._gate = gate
        self._identity = identity
        self._invoices = invoices
        self._store = store
        self._bell = bell
        self._owners = owners
        self._clock = clock
        self._replays = True

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._guard())
            tasks.create_task(self._subscribe(tasks))

    async def status(self) -> NodeStatus:
        """Why the node is away, or who it is, asked now. Raises nothing."""
        if not self._gate.is_open:
            return NodeStatus(self._gate.reason, None)
        try:
            return NodeStatus(None, await self._node.info())
        except PermissionMissing:
            return NodeStatus(None, None)
        except NodeError as error:
            return NodeStatus(error, None)

    # who it is

    async def _guard(self) -> None:
        """Each time the node is back: whatever waits may try again."""
        while True:
            await self._gate.watch()
            self._identity.forget()
            await self._store.must(_retry_all, self._clock())
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
            self._identity.say(node_id, info.alias)
        aside = await self._store.must(_set_aside_others, node_id, self._clock())
        self._identity.settle()
        self._bell.ring_all()
        if aside:
            log.error("open invoices of another node set aside", count=aside)
            self._owners.notify(Notice(Kind.OTHER_NODE, count=aside))

    # payments

    async def _subscribe(self, tasks: asyncio.TaskGroup) -> None:
        """Payments, as the node tells them, for as long as it does; then again."""
        attempts = 0
        loop = asyncio.get_running_loop()
        while True:
            await self._gate.opened()
            opened_at = loop.time()
            try:
                if not await self._identity.known_within(IDENTIFIED_WITHIN_S):
                    await self._subscribe_unidentified(tasks)
                    continue
                await self._subscribe_identified(tasks)
                ended: NodeError = NodeStopping()
            except NodeError as error:
                ended = error
            if is_away(ended):
                self._gate.shut(ended)
            # What was replayed may be what ended it, and would again. The look-over finds the rest.
            self._replays = not isinstance(ended, NodeOdd)
            attempts = 1 if loop.time() - opened_at > LOOK_AGAIN_S else attempts + 1
            if attempts == 2:  # again, though the node is there
                why = texts.why(ended)
                log.warning("invoice subscription keeps failing", reason=why, detail=ended.detail)
            await asyncio.sleep(pause_s(attempts, longest_s=LONGEST_AT_NODE_S))

    async def _subscribe_unidentified(self, tasks: asyncio.TaskGroup) -> None:
        """Payments until it is known who tells them: each is of one invoice, whoever that is.

        The cursor is that of the node that was there last, and stays. What the node does not know
        may be another's.
        """

        async def subscribe() -> None:
            cursor = await self._store.must(_last_cursor, self._identity.node_id)
            async for event in self._settled(cursor):
                await self._paid(event)
            raise NodeStopping

        looking = tasks.create_task(self._look_over_twice("", may_be_others=True))
        subscribed = asyncio.ensure_future(subscribe())
        known = asyncio.ensure_future(self._identity.known())
        try:
            await asyncio.wait({subscribed, known}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            looking.cancel()
            known.cancel()
            if not subscribed.done():
                subscribed.cancel()
                await asyncio.wait({subscribed})
        if not subscribed.cancelled():
            subscribed.result()

    async def _subscribe_identified(self, tasks: asyncio.TaskGroup) -> None:
        node_id = self._identity.node_id
        cursor = await self._cursor(node_id)
        looking = tasks.create_task(self._look_over_twice(node_id))
        try:
            async for event in self._settled(cursor):
                cursor = max(cursor, event.settle_index)
                await self._paid(event, cursor_of=(node_id, cursor))
        finally:
            looking.cancel()

    async def _settled(self, cursor: int) -> AsyncIterator[NodeInvoice]:
        async for event in self._node.subscribe(cursor if self._replays else 0):
            if event.state is NodeState.SETTLED:
                yield event

    async def _cursor(self, node_id: str) -> int:
        """From where to replay settlements; 0 where the node was restored and counts from 1.

        Where none is of ours, nothing tells whether it was, and there is nothing to replay that a
        look-up does not find. A node tells nothing up to the index that it is asked from.
        """
        cursor, newest = await self._store.must(_cursor_and_newest, node_id)
        if newest is None:
            return 0
        try:
            found = await self._node.lookup(newest.payment_hash)
        except InvoiceUnknown:
            found = None
        except NodeOdd as error:  # it says nothing of the node's counting
            log.debug("look-up failed", **newest.tag, detail=error.detail)
            return cursor
        if not outcomes.was_restored(newest, found):
            return cursor
        log.warning("settle index went back: the node was restored", was=newest.settle_index)
        await self._store.must(_restart_cursor, node_id, self._clock())
        return 0

    async def _paid(self, event: NodeInvoice, cursor_of: tuple[str, int] | None = None) -> None:
        row = await self._store.must(_record_payment, event, cursor_of, self._clock())
        if row is not None:
            log.info("paid", **row.tag, paid_msat=event.paid_msat)
            self._bell.ring(row.id, row.chat_id, row.lane)

    # what is open

    async def _look_over_twice(self, node_id: str, *, may_be_others: bool = False) -> None:
        """Look up what is open: what has no event, or had none that can be replayed."""
        await self._look_over(node_id, may_be_others)
        answered = False
        while not answered:
            await asyncio.sleep(LOOK_AGAIN_S)
            answered = await self._look_over(node_id, may_be_others)

    async def _look_over(self, node_id: str, may_be_others: bool) -> bool:
        """Look up all that is open; whether each could be."""
        answered, after_id = True, 0
        while page := await self._store.must(_open_page, after_id, node_id):
            answers = await asyncio.gather(
                *(
                    self._look_up(row_id, hash_, node_id, may_be_others or whose != node_id)
                    for row_id, hash_, whose in page
                )
            )
            answered = answered and all(answers)
            after_id = page[-1][0]
        return answered

    async def _look_up(
        self, row_id: int, payment_hash: bytes, node_id: str, may_be_others: bool
    ) -> bool:
        """Whether the node answered."""
        try:
            found: NodeInvoice | None = await self._invoices.lookup_behind(payment_hash)
        except InvoiceUnknown:
            if may_be_others:
                return True
            found = None
        except NodeError as error:
            log.debug("look-up failed", row=row_id, detail=error.detail)
            return False
        row = await self._store.must(_record_lookup, row_id, found, node_id, self._clock())
        if row is not None:
            self._bell.ring(row.id, row.chat_id, row.lane)
        return True


# jobs of the store


def _retry_all(tx: Tx, now: float) -> None:
    tx.agenda.make_retries_due(now)


def _set_aside_others(tx: Tx, node_id: str, now: float) -> int:
    """Other nodes' rows aside; what waited to know whose they are may go on."""
    aside = tx.nodes.set_aside_others(node_id, now) if node_id else 0
    tx.agenda.make_retries_due(now)
    return aside


def _last_cursor(tx: Tx, node_id: str) -> int:
    return tx.nodes.cursor(node_id or tx.nodes.last())


def _cursor_and_newest(tx: Tx, node_id: str) -> tuple[int, Invoice | None]:
    return tx.nodes.cursor(node_id), tx.nodes.newest_settled(node_id)


def _restart_cursor(tx: Tx, node_id: str, now: float) -> None:
    tx.nodes.set_cursor(node_id, 0, now)


def _open_page(tx: Tx, after_id: int, node_id: str) -> list[tuple[int, bytes, str]]:
    return tx.nodes.open_hashes(after_id, PAGE, node_id)


def _record_payment(
    tx: Tx, event: NodeInvoice, cursor_of: tuple[str, int] | None, now: float
) -> Invoice | None:
    """The node tells a payment; its row, if that is news. `cursor_of`: which node, and how far."""
    row_id = tx.nodes.settle(event.payment_hash, now=now, **outcomes.paid(event))
    if cursor_of is not None:
        tx.nodes.set_cursor(*cursor_of, now)
    return None if row_id is None else tx.invoices.get(row_id)


def _record_lookup(
    tx: Tx, row_id: int, found: NodeInvoice | None, node_id: str, now: float
) -> Invoice | None:
    """An open row as this node has it; the row, if its card shows something else by then."""
    if found is not None and node_id:
        tx.nodes.claim(row_id, node_id)
    if found is not None and found.state is NodeState.SETTLED:
        tx.nodes.settle(found.payment_hash, now=now, **outcomes.paid(found))
    elif found is None or found.state is NodeState.CANCELED:
        tx.nodes.close(row_id, now)
    elif not tx.nodes.confirm_open(row_id, now):
        return None
    return tx.invoices.get(row_id)
