"""Payments as the node's stream tells them. Knows the subscription, and from where it is asked.

The stream is opened again when it ends, when it is known whose it is, and when it did not tell a
payment that a look-up found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from bot import logs, texts
from bot.clock import Clock
from bot.core import outcomes
from bot.core.answers import NodeInvoice, NodeState
from bot.core.cursor import Cursor
from bot.core.invoice import Invoice
from bot.core.outcomes import LONGEST_AT_NODE_S
from bot.errors import InvoiceUnknown, NodeError, NodeOdd, NodeRefused, NodeStopping
from bot.node.client import Node
from bot.node.gate import Gate, is_away
from bot.node.identity import IDENTIFIED_WITHIN_S, Identity
from bot.node.liquidity import Liquidity
from bot.node.sweep import Sweep
from bot.pauses import pause_s
from bot.store import Bell, Store, Tx
from bot.store.nodes import NEAR

log = logs.get(__name__)

#: Seconds that the stream gets to tell what a look-up has found.
UNTOLD_S = 5.0
#: A stream that was open for so many seconds did not fail at once.
STABLE_S = 10.0
#: Seconds without a stream in which nothing is paid that anybody waits for.
BLINK_S = 5.0


class Payments:
    """Follows the node's settlements; `run` until cancelled."""

    def __init__(
        self,
        *,
        node: Node,
        gate: Gate,
        identity: Identity,
        sweep: Sweep,
        liquidity: Liquidity,
        store: Store,
        bell: Bell,
        clock: Clock,
    ) -> None:
        self._node = node
        self._gate = gate
        self._identity = identity
        self._sweep = sweep
        self._liquidity = liquidity
        self._store = store
        self._bell = bell
        self._clock = clock
        self._replays = True
        self._heard_until: float | None = None  # by the loop's clock; None: never yet
        self._told: tuple[Cursor, Cursor] | None = None  # of which the log says that it changed

    async def run(self) -> None:
        """Payments, as the node tells them, for as long as it does; then again."""
        attempts = 0
        loop = asyncio.get_running_loop()
        while True:
            await self._gate.opened()
            opened_at = loop.time()
            try:
                await self._follow()
                continue
            except NodeError as error:
                # What it came through keeps the channel: one that was retired would try its old
                # certificate once a second for as long.
                ended = error.with_traceback(None)
                ended.__context__ = None
            if is_away(ended):
                self._gate.shut(ended)
            # What was replayed may be what ended it, and would again. Look-ups find the rest.
            self._replays = not isinstance(ended, NodeOdd)
            attempts = 1 if loop.time() - opened_at > STABLE_S else attempts + 1
            if attempts == 2:  # again, though the node is there
                why = texts.why(ended)
                log.warning("invoice subscription keeps failing", reason=why, detail=ended.detail)
            await asyncio.sleep(pause_s(attempts, longest_s=LONGEST_AT_NODE_S))

    async def _follow(self) -> None:
        """One stream, until there is a reason to open another. Raises `NodeError` at its end.

        Until it is known who tells the payments, each is of one invoice, whoever that is: the
        cursor is that of the node that was there last, and stays.
        """
        is_known = await self._identity.known_within(IDENTIFIED_WITHIN_S)
        cursor = await self._cursor(is_known)
        reasons = [self._untold()] if is_known else [self._untold(), self._identity.known()]
        try:
            await _first_of(self._stream(cursor, is_known), *reasons)
        finally:
            self._heard_until = asyncio.get_running_loop().time()

    async def _stream(self, cursor: Cursor, is_known: bool) -> None:
        node_id = self._identity.node_id
        async for event in self._node.subscribe(cursor.asks_from if self._replays else 0):
            if event.state is NodeState.SETTLED:
                cursor = cursor.moved(event, self._clock())
                await self._paid(event, (node_id, cursor) if is_known else None)
        raise NodeStopping

    async def _paid(self, event: NodeInvoice, cursor_of: tuple[str, Cursor] | None) -> None:
        row = await self._store.must(_record_payment, event, cursor_of, self._clock())
        self._sweep.untold.pop(event.payment_hash, None)
        self._liquidity.change()
        if row is not None:
            log.info("paid", **row.tag, paid_msat=event.paid_msat)
            self._bell.ring(row.key, row.chat_id, row.lane)
            if row.board_id:
                self._bell.ring_due()

    async def _untold(self) -> None:
        """Until a payment that a look-up found is not told in time."""
        while True:
            await self._sweep.found.wait()
            self._sweep.found.clear()
            self._liquidity.change()
            await asyncio.sleep(UNTOLD_S)
            if self._sweep.untold:
                return

    # from where

    async def _cursor(self, is_known: bool) -> Cursor:
        """From where to replay settlements. All that is open is looked up again beside that."""
        node_id, now = self._identity.node_id, self._clock()
        kept = await self._store.must(_kept_cursor, node_id, is_known)
        untold = [*self._sweep.untold.values()]
        cursor = await self._checked(kept)
        is_there = bool(cursor) or not kept
        cursor = cursor or await self._anchored(node_id)
        if (lowered := cursor.lowered(untold, now)) is not cursor:
            # Those may have been found before a restore, or at another node.
            cursor = await self._checked(lowered) or cursor
        for each in untold:
            self._sweep.untold.pop(each.payment_hash, None)
        # What it does not know it may know again, once another backup is in its place: the cursor
        # of before is kept until there is a new one.
        if cursor != kept and is_known and cursor.asks_from:
            await self._store.must(_set_cursor, node_id, cursor, now)
        changed = (kept, cursor) if kept and cursor != kept else None
        was, self._told = self._told, changed
        is_news = changed not in (None, was)
        if is_news:
            log.warning(
                "settle index changed: the node counts again",
                was=kept.asks_from,
                now=cursor.asks_from,
            )
        elif untold:
            log.warning("the node's stream did not tell what was paid", count=len(untold))
        may_miss = self._misses_much(cursor)
        # It may be another one than before, or the right one again.
        is_another = is_news and not is_there
        looks_back = is_another or (was is not None and changed is None) or (may_miss and not kept)
        self._sweep.begin_again(hurries=is_news or may_miss, looks_back=looks_back)
        return cursor

    async def _checked(self, kept: Cursor) -> Cursor:
        """The cursor where its payment is now; that of none where the node does not know it."""
        if not kept.asks_from:
            return kept
        try:
            found = await self._node.lookup(kept.payment_hash)
        except InvoiceUnknown:
            found = None
        except (NodeOdd, NodeRefused) as error:  # it says nothing of the node's counting
            log.debug("look-up failed", detail=error.detail)
            return kept
        return kept.checked(found)

    async def _anchored(self, node_id: str) -> Cursor:
        """The cursor at a payment of ours that the node knows; that of none where it knows none.
        What followed is told once more.

        Of several that are near each other, the one that it settled first: some may have been
        looked up before the stream told others.
        """
        known: list[NodeInvoice] = []
        for count, payment_hash in enumerate(await self._store.must(_anchors, node_id), 1):
            with suppress(InvoiceUnknown, NodeOdd, NodeRefused):
                found = await self._node.lookup(payment_hash)
                if found.state is NodeState.SETTLED and found.settle_index:
                    known.append(found)
            if known and count >= NEAR:
                break
        first = min(known, key=lambda each: each.settle_index, default=None)
        return Cursor() if first is None else Cursor.at(first, self._clock())

    def _misses_much(self, cursor: Cursor) -> bool:
        """Whether there may be payments that nothing replays."""
        if self._heard_until is None or not self._replays:
            return True
        deaf_s = asyncio.get_running_loop().time() - self._heard_until
        return not cursor.asks_from and deaf_s > BLINK_S


async def _first_of(*works: Coroutine[None, None, object]) -> None:
    """Until the first of these ends, or raises."""
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)
    for each in tasks:
        if not each.cancelled():
            each.result()


# jobs of the store


def _kept_cursor(tx: Tx, node_id: str, is_known: bool) -> Cursor:
    return tx.nodes.cursor(node_id if is_known else node_id or tx.nodes.last())


def _anchors(tx: Tx, node_id: str) -> list[bytes]:
    return tx.nodes.anchors(node_id)


def _set_cursor(tx: Tx, node_id: str, cursor: Cursor, now: float) -> None:
    tx.nodes.set_cursor(node_id, cursor, now)


def _record_payment(
    tx: Tx, event: NodeInvoice, cursor_of: tuple[str, Cursor] | None, now: float
) -> Invoice | None:
    """The node tells a payment; its row, if that is news. `cursor_of`: which node, and how far."""
    row_id = tx.nodes.settle(event.payment_hash, now=now, **outcomes.paid(event))
    if cursor_of is not None:
        tx.nodes.set_cursor(*cursor_of, now)
    return None if row_id is None else tx.invoices.get(row_id)
