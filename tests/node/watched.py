"""A node and what watches it, and the rows that it is about, for the tests of that. Not a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Unpack

import pytest

from bot.clock import Clock as OurClock
from bot.core.cursor import Cursor
from bot.core.invoice import Columns, Invoice, State
from bot.core.occasions import Occasion
from bot.core.work import Lane
from bot.demo.node import SimInvoice, SimNode
from bot.node.client import Node
from bot.node.gate import Gate
from bot.node.identity import Identity
from bot.node.invoices import NodeInvoices
from bot.node.watch import Watch
from bot.occasions import Occasions
from bot.store import Bell, Store, Tx
from tests.node.simulated import LIMIT_S, Clock
from tests.rows import NOW

CHAT = -5
OTHER_NODE = "03" + "b" * 64
#: The most that can be asked for.
MAX_MSAT = 1_000_000_000


class Watched:
    """A node and what watches it; `node` is the client."""

    def __init__(self, node: Node, store: Store, clock: Clock) -> None:
        ours = OurClock(clock)
        self.store = store
        self.gate = Gate(node)
        self.identity = Identity()
        self.bell = Bell()
        self.occasions = Occasions(store, ours)
        self.invoices = NodeInvoices(node, self.gate, self.identity, ours)
        self._heard: list[tuple[int, int, Lane]] = []
        self.watch = Watch(
            node=node,
            gate=self.gate,
            identity=self.identity,
            invoices=self.invoices,
            store=store,
            bell=self.bell,
            occasions=self.occasions,
            max_msat=MAX_MSAT,
            clock=ours,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While it watches."""
        await self.occasions.load()
        tasks = [asyncio.create_task(each.run()) for each in (self.watch, self.occasions)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    async def concerns(self) -> list[Occasion]:
        """What the owners should know, the oldest first; nobody tells them here."""
        return await self.store.do(_concerns)

    async def concerned(self, so: Callable[[list[Occasion]], object]) -> list[Occasion]:
        """The same, once it is so."""
        async with asyncio.timeout(LIMIT_S):
            while not so(found := await self.concerns()):  # noqa: ASYNC110 -- nobody is told
                await asyncio.sleep(0.01)
        return found

    async def rung(self) -> tuple[int, int, Lane]:
        """The next row that the bell is rung for."""
        async with asyncio.timeout(LIMIT_S):
            while not self._heard:
                await self.bell.wait()
                rows = self.bell.take().rows
                self._heard += [(each.key.id, each.chat_id, each.lane) for each in rows]
        return self._heard.pop(0)

    async def rung_for(self, row: Invoice) -> None:
        """Until the bell is rung for this row; for others it may ring before."""
        await self.rung_for_all([row])

    async def rung_for_all(self, rows: Iterable[Invoice]) -> None:
        """Until it is rung for each of them: for one it may ring twice, told by two."""
        awaited = {row.id for row in rows}
        while awaited:
            awaited.discard((await self.rung())[0])

    async def identified(self) -> None:
        """Once the gate is open and other nodes' rows are set aside."""
        async with asyncio.timeout(LIMIT_S):
            await self.gate.opened()
            await self.identity.known()


# rows


def _concerns(tx: Tx) -> list[Occasion]:
    return tx.occasions.to_tell().occasions


def _add(tx: Tx, columns: Columns) -> Invoice:
    return tx.invoices.add(**columns)[0]


def _get(tx: Tx, row_id: int) -> Invoice | None:
    return tx.invoices.get(row_id)


def _cursor(tx: Tx, node_id: str) -> Cursor:
    return tx.nodes.cursor(node_id)


def _set_cursor(tx: Tx, node_id: str, cursor: Cursor) -> None:
    tx.nodes.set_cursor(node_id, cursor, NOW)


async def open_row(store: Store, of: SimInvoice, whose: str, **changes: Unpack[Columns]) -> Invoice:
    """A row that is open and whose invoice is this one."""
    columns: Columns = {
        "origin_chat_id": CHAT,
        "origin_message_id": of.add_index,
        "chat_id": CHAT,
        "asker_id": 7,
        "asker_name": "Anna",
        "asked_at": NOW,
        "amount_msat": of.value_msat,
        "expiry_s": 3600,
        "state": State.OPEN,
        "node_id": whose,
        "payment_hash": of.payment_hash,
        "preimage": None,
        "expires_at": of.created_at + 3600,
    }
    return await store.do(_add, {**columns, **changes})


async def row_now(store: Store, row: Invoice) -> Invoice:
    found = await store.do(_get, row.id)
    assert found is not None
    return found


async def cursor_of(store: Store, sim: SimNode) -> Cursor:
    """How far this node's payments are recorded."""
    return await store.do(_cursor, sim.identity_pubkey)


async def set_cursor(store: Store, sim: SimNode, cursor: Cursor) -> None:
    """They are recorded up to here."""
    await store.do(_set_cursor, sim.identity_pubkey, cursor)


def at(invoice: SimInvoice) -> Cursor:
    """The cursor where this payment was recorded last."""
    return Cursor(invoice.settle_index, invoice.payment_hash, invoice.settled_at)
