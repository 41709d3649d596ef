"""The node's own word as it is written down: who it is, what its stream tells."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from bot.core.answers import NodeStatus
from bot.core.cursor import Cursor
from bot.core.invoice import State
from bot.core.notices import Kind
from bot.core.work import Do, Lane
from bot.demo.node import SimNode
from bot.errors import NodeLocked, NodeNotAsked, NodeOdd, NodeUnreachable
from bot.lnrpc import lightning_pb2 as pb
from bot.node import payments
from bot.store import Store
from tests.node.simulated import LIMIT_S, Clock, changed, connected, paid
from tests.node.watched import (
    CHAT,
    OTHER_NODE,
    Watched,
    at,
    cursor_of,
    open_row,
    row_now,
    set_cursor,
)
from tests.rows import NOW

# how the node is


async def test_before_it_was_asked_it_is_away_and_nobody_asks_who_it_is(
    sim: SimNode, watched: Watched
) -> None:
    status = await watched.watch.status()
    assert type(status.away) is NodeNotAsked
    assert status.info is None
    assert sim.calls["GetInfo"] == 0


async def test_while_it_is_away_the_reason_is_the_gates(sim: SimNode, watched: Watched) -> None:
    await watched.gate.watch()
    reason = NodeLocked()
    watched.gate.shut(reason)
    assert await watched.watch.status() == NodeStatus(reason, None)
    assert sim.calls["GetInfo"] == 0


async def test_while_it_answers_it_says_who_it_is_and_whether_its_chain_is_synced(
    sim: SimNode, watched: Watched
) -> None:
    await watched.gate.watch()
    for is_synced in (True, False):
        sim.synced_to_chain = is_synced
        status = await watched.watch.status()
        assert status.away is None
        assert status.info is not None
        assert status.info.identity_pubkey == sim.identity_pubkey
        assert status.info.synced_to_chain is is_synced


async def test_a_macaroon_that_cannot_ask_who_it_is_says_only_that_it_answers(
    sim: SimNode, store: Store, clock: Clock
) -> None:
    async with connected(sim, macaroon=sim.folder / "invoice.macaroon") as node:
        watched = Watched(node, store, clock)
        await watched.gate.watch()
        assert await watched.watch.status() == NodeStatus(None, None)


async def test_a_node_that_goes_away_as_it_is_asked_is_away(sim: SimNode, watched: Watched) -> None:
    await watched.gate.watch()
    await sim.down()
    status = await watched.watch.status()
    assert type(status.away) is NodeUnreachable
    assert status.info is None


# what it says


async def test_when_the_node_is_back_what_was_put_off_there_is_due_and_no_pause_in_a_chat_ends(
    sim: SimNode, watched: Watched, store: Store, clock: Clock
) -> None:
    """A node that comes and goes would have a message sent again each time."""
    later = clock() + 60
    put_off: dict[str, Any] = {"attempts": 3, "retry_at": later, "due_at": later}
    row, in_chat = [
        await open_row(store, sim.add_invoice(1000), sim.identity_pubkey, tried=do, **put_off)
        for do in (Do.CANCEL, Do.SEND_CARD)
    ]
    async with watched.running():
        await watched.identified()
        assert watched.bell.take()[1]  # all rows, those in hand too
        found = await row_now(store, row)
        assert await row_now(store, in_chat) == in_chat
    assert found.retry_at == 0.0
    assert found.due_at is not None
    assert found.due_at < clock()
    assert found.attempts == 3


async def test_a_payment_is_written_with_its_cursor_before_the_bell_is_rung(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    paid(sim)  # another program's: the first settlement
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.pay(invoice.payment_request)
        assert await watched.rung() == (row.id, CHAT, Lane.PAYMENT)
        found = await row_now(store, row)
        assert (found.state, found.paid_msat, found.settle_index) == (State.SETTLED, 5000, 2)
        assert await cursor_of(store, sim) == at(invoice)


async def test_what_was_paid_or_canceled_before_it_watched_is_looked_up(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    paid_invoice, canceled, untouched = (sim.add_invoice(1000) for _ in range(3))
    rows = [
        await open_row(store, each, sim.identity_pubkey)
        for each in (paid_invoice, canceled, untouched)
    ]
    sim.pay(paid_invoice.payment_request)
    sim.cancel_invoice(canceled.payment_hash)
    async with watched.running():
        heard = {await watched.rung() for _ in range(2)}
    assert heard == {(rows[0].id, CHAT, Lane.PAYMENT), (rows[1].id, CHAT, Lane.BACKGROUND)}
    states = [(await row_now(store, row)).state for row in rows]
    assert states == [State.SETTLED, State.CANCELLED, State.OPEN]


async def test_rows_of_another_node_are_set_aside_and_the_owners_hear_of_it_once(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    others = await open_row(store, sim.add_invoice(1000), OTHER_NODE)
    async with watched.running():
        await watched.identified()
        assert watched.identity.is_others(others)
        assert (await row_now(store, others)).lane is Lane.OTHER_NODE
        watched.gate.shut(NodeUnreachable())
        await watched.identified()
    assert (watched.gate.openings, sim.calls["GetInfo"]) == (2, 2)
    (concern,) = await watched.concerns()
    assert (concern.kind, concern.count) == (Kind.OTHER_NODE, 1)
    assert (await row_now(store, others)).state is State.OPEN


@pytest.mark.parametrize("fault", ["fail", "hang"])
async def test_a_node_that_does_not_say_who_it_is_has_its_payments_written_all_the_same(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(payments, "IDENTIFIED_WITHIN_S", 0.05)
    faults: dict[str, Any] = {
        "fail": lambda: sim.fail("GetInfo", code=grpc.StatusCode.INTERNAL, times=1000),
        "hang": lambda: sim.hang("GetInfo", times=1000),
    }
    faults[fault]()
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.pay(invoice.payment_request)
        assert await watched.rung() == (row.id, CHAT, Lane.PAYMENT)
        assert not watched.identity.is_known
        assert await cursor_of(store, sim) == Cursor()


async def test_with_a_macaroon_that_cannot_ask_who_it_is_no_row_is_set_aside(
    sim: SimNode, store: Store, clock: Clock
) -> None:
    others = await open_row(store, sim.add_invoice(1000), OTHER_NODE)
    async with connected(sim, macaroon=sim.folder / "invoice.macaroon") as node:
        watched = Watched(node, store, clock)
        async with watched.running():
            await watched.identified()
            assert (await row_now(store, others)).lane is not Lane.OTHER_NODE
            assert not watched.identity.is_others(others)
        assert await watched.concerns() == []


async def test_a_node_that_was_restored_is_heard_though_no_payment_of_before_was_ours(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    """It counts from 1 again, and tells nothing up to the index that it was asked from."""
    others = Cursor(1000, b"?" * 32, int(NOW))  # another program's payment of before
    await set_cursor(store, sim, others)
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)  # no look-up finds it
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.pay(invoice.payment_request)
        await watched.rung_for(row)


# answers that cannot be used


async def test_an_odd_event_leaves_the_next_payment_written(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.garble("SubscribeInvoices", lambda _: b"\xff" * 9, times=2)
        paid(sim)
        sim.pay(invoice.payment_request)
        await watched.rung_for(row)
    assert sim.calls["SubscribeInvoices"] == 1
    assert watched.gate.openings == 1


async def test_an_absurd_settle_index_of_another_programs_payment_keeps_none_of_ours_back(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    """A node tells nothing up to the index that it is asked from."""
    invoices = [sim.add_invoice(5000) for _ in range(2)]
    rows = [await open_row(store, each, sim.identity_pubkey) for each in invoices]
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.garble("SubscribeInvoices", changed(settle_index=2**63 - 1), times=2)
        paid(sim)
        sim.pay(invoices[0].payment_request)
        await watched.rung_for(rows[0])
        sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)  # no look-up finds it
        sim.end_streams()
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 2)
        sim.pay(invoices[1].payment_request)
        await watched.rung_for(rows[1])


async def test_a_node_that_says_unreadably_who_it_is_has_its_payments_written_all_the_same(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "IDENTIFIED_WITHIN_S", 0.05)
    sim.garble("GetInfo", lambda _: b"", times=1000)
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.pay(invoice.payment_request)
        await watched.rung_for(row)
        assert type((await watched.watch.status()).away) is NodeOdd


async def test_payments_are_replayed_though_the_newest_one_cannot_be_looked_up(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    invoices = [sim.add_invoice(5000) for _ in range(2)]
    rows = [await open_row(store, each, sim.identity_pubkey) for each in invoices]
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.pay(invoices[0].payment_request)
        await watched.rung_for(rows[0])
        sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)
        sim.end_streams()
        sim.pay(invoices[1].payment_request)
        await watched.rung_for(rows[1])
        assert await cursor_of(store, sim) == at(invoices[1])


async def test_a_stream_that_ends_oddly_shuts_no_gate_and_is_opened_again_without_a_replay(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    invoices = [sim.add_invoice(5000) for _ in range(2)]
    rows = [await open_row(store, each, sim.identity_pubkey) for each in invoices]
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.pay(invoices[0].payment_request)
        await watched.rung_for(rows[0])
        too_large = pb.Invoice(memo="x" * 20_000_000)
        sim.garble("SubscribeInvoices", lambda _: too_large)
        paid(sim)
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 2)
        sim.pay(invoices[1].payment_request)
        await watched.rung_for(rows[1])
    assert watched.gate.openings == 1


async def test_a_replay_that_is_too_large_is_passed_over_and_what_it_held_is_looked_up(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    invoices = [sim.add_invoice(5000) for _ in range(3)]
    rows = [await open_row(store, each, sim.identity_pubkey) for each in invoices]
    sim.pay(invoices[0].payment_request)
    async with watched.running():
        await watched.rung_for(rows[0])
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
    await set_cursor(store, sim, at(invoices[0]))
    sim.garble("SubscribeInvoices", _too_large_if(invoices[1].payment_hash), times=1000)
    for each in invoices[1:]:
        sim.pay(each.payment_request)
    async with watched.running():
        async with asyncio.timeout(LIMIT_S):
            # the first look-over ends with its stream: what it wrote has rung no bell
            while True:
                states = [(await row_now(store, row)).state for row in rows]
                if State.OPEN not in states:
                    break
                await asyncio.sleep(0.02)
    assert states == [State.SETTLED] * 3


def _too_large_if(payment_hash: bytes) -> Any:
    def change(message: pb.Invoice) -> pb.Invoice:
        if message.r_hash != payment_hash:
            return message
        return pb.Invoice(memo="x" * 20_000_000)

    return change
