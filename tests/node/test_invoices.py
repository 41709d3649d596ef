"""Steps at the node: one invoice however often it is added, and no clock of ours cancels it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from coincurve import PrivateKey

from bot.clock import Clock as OurClock
from bot.core.answers import Added, Cancelled, NodeState
from bot.core.invoice import Invoice, State
from bot.core.steps import AS_READ, Around
from bot.core.work import Do
from bot.demo.node import SimNode, bolt
from bot.errors import (
    InvoiceUnknown,
    MemoTooLong,
    NodeLocked,
    NodeOdd,
    NodePassing,
    NodeStarting,
    NodeTimeout,
    PermissionMissing,
)
from bot.lnrpc import lightning_pb2 as pb
from bot.node import invoices as module
from bot.node.client import Node
from bot.node.gate import Gate
from bot.node.identity import Identity
from bot.node.invoices import BEHIND_AT_ONCE, OVERDUE_LOOKUPS, NodeInvoices
from tests.node.simulated import LIMIT_S, Clock, changed, connected, failure
from tests.rows import HASH, PREIMAGE, invoice

OTHER_NODE = "03" + "b" * 64


@pytest.fixture
async def gate(node: Node) -> Gate:
    """An open one."""
    gate = Gate(node)
    await gate.watch()
    return gate


@pytest.fixture
def identity(sim: SimNode) -> Identity:
    """The simulated node has told who it is."""
    identity = Identity()
    identity.say(sim.identity_pubkey)
    identity.settle()
    return identity


@pytest.fixture
def invoices(node: Node, gate: Gate, identity: Identity, clock: Clock) -> NodeInvoices:
    return NodeInvoices(node, gate, identity, OurClock(clock))


def pending(number: int = 0, **changes: Any) -> Invoice:
    """A row that is not at the node yet."""
    preimage = PREIMAGE if not number else hashlib.sha256(bytes([number])).digest()
    payment_hash = hashlib.sha256(preimage).digest()
    return invoice(State.PENDING, preimage=preimage, payment_hash=payment_hash, **changes)


async def added(invoices: NodeInvoices, row: Invoice) -> Added:
    result = await invoices.do(Do.ADD, row, AS_READ)
    assert isinstance(result, Added)
    return result


async def cancelled(invoices: NodeInvoices, row: Invoice) -> Cancelled:
    result = await invoices.do(Do.CANCEL, row, AS_READ)
    assert isinstance(result, Cancelled)
    return result


@pytest.fixture
async def open_row(invoices: NodeInvoices, sim: SimNode) -> Invoice:
    """A row whose invoice the node has and keeps open, and which is overdue by our clock."""
    await added(invoices, pending())
    return invoice(State.OPEN, node_id=sim.identity_pubkey, expires_at=1)


# add


async def test_a_repeated_add_is_one_invoice(sim: SimNode, invoices: NodeInvoices) -> None:
    first = await added(invoices, pending())
    again = await added(invoices, pending())
    assert first == again
    assert first.node_id == sim.identity_pubkey
    assert (first.found.payment_hash, first.found.state) == (HASH, NodeState.OPEN)
    assert (first.found.amount_msat, first.found.memo) == (2_100_000, "")
    assert len(sim.invoices) == 1


async def test_an_add_that_finds_its_invoice_paid_says_so(
    sim: SimNode, invoices: NodeInvoices
) -> None:
    request = (await added(invoices, pending())).found.payment_request
    sim.pay(request)
    again = await added(invoices, pending())
    assert (again.found.state, again.found.settle_index) == (NodeState.SETTLED, 1)


async def test_an_add_whose_answer_is_lost_shuts_the_gate_and_is_one_invoice_when_repeated(
    sim: SimNode, invoices: NodeInvoices, gate: Gate
) -> None:
    sim.lose_answer("AddInvoice")
    assert isinstance(await failure(added(invoices, pending())), NodePassing)
    assert not gate.is_open
    calls = sim.calls["AddInvoice"]
    assert isinstance(await failure(added(invoices, pending())), NodePassing)
    assert sim.calls["AddInvoice"] == calls  # nobody asks while it is shut
    await gate.watch()
    await added(invoices, pending())
    assert len(sim.invoices) == 1


async def test_an_add_that_is_refused_keeps_the_gate_open(
    invoices: NodeInvoices, gate: Gate
) -> None:
    assert type(await failure(added(invoices, pending(memo="x" * 640)))) is MemoTooLong
    assert gate.is_open


async def test_an_add_is_given_up_when_its_chat_is_due_a_waiting_notice(
    sim: SimNode,
    invoices: NodeInvoices,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CALL_TIMEOUT_S", 10 * LIMIT_S)
    monkeypatch.setattr(module, "NOTICE_AFTER_S", 0.6)
    sim.hang("AddInvoice")
    around = Around(waiting_since=clock())
    assert type(await failure(invoices.add(pending(), around))) is NodeTimeout


async def test_a_new_invoice_is_the_node_that_was_known_as_it_was_asked_for(
    sim: SimNode, invoices: NodeInvoices, identity: Identity
) -> None:
    held = sim.stall("AddInvoice")
    adding = asyncio.create_task(added(invoices, pending()))
    await held.reached()
    identity.forget()
    identity.say(OTHER_NODE)
    held.release()
    assert (await adding).node_id == sim.identity_pubkey


async def test_a_new_invoice_is_the_nodes_that_told_who_it_is_meanwhile(
    sim: SimNode, invoices: NodeInvoices, identity: Identity
) -> None:
    identity.forget()
    assert (await added(invoices, pending(1))).node_id == ""
    held = sim.stall("AddInvoice")
    adding = asyncio.create_task(added(invoices, pending(2)))
    await held.reached()
    identity.say(sim.identity_pubkey)
    held.release()
    assert (await adding).node_id == sim.identity_pubkey


async def test_a_row_of_a_backup_is_looked_up_and_never_added(
    sim: SimNode, invoices: NodeInvoices
) -> None:
    row = pending(1)
    restored = replace(row, preimage=None)
    with pytest.raises(InvoiceUnknown):
        await added(invoices, restored)
    assert sim.calls["AddInvoice"] == 0
    made = await added(invoices, row)
    found = await added(invoices, restored)
    assert found.found.payment_request == made.found.payment_request
    assert sim.calls["AddInvoice"] == 1


async def test_our_clock_learns_from_a_fresh_add_and_from_no_repeated_one(
    node: Node, gate: Gate, identity: Identity, clock: Clock
) -> None:
    behind_s = 1000.0
    ours = OurClock(lambda: clock() - behind_s)
    invoices = NodeInvoices(node, gate, identity, ours)
    row = pending(1)
    assert row.preimage is not None
    await node.add(preimage=row.preimage, amount_msat=2_100_000, memo="", expiry_s=3600)

    await added(invoices, row)
    assert clock() - ours() == pytest.approx(behind_s, abs=1)
    await added(invoices, pending(2))
    assert clock() - ours() == pytest.approx(0, abs=3)


# cancel


async def test_a_person_cancels_at_once(
    sim: SimNode, invoices: NodeInvoices, open_row: Invoice
) -> None:
    row = invoice(State.OPEN, node_id=open_row.node_id, cancel_wanted=True)
    assert await cancelled(invoices, row) == Cancelled(None)
    assert sim.invoices[HASH].state_name == "canceled"


async def test_what_a_failed_add_left_behind_is_cancelled_at_once(
    sim: SimNode, invoices: NodeInvoices, open_row: Invoice
) -> None:
    row = invoice(State.FAILED, node_id=open_row.node_id)
    assert await cancelled(invoices, row) == Cancelled(None)
    assert sim.invoices[HASH].state_name == "canceled"


async def test_a_cancellation_that_comes_too_late_finds_the_payment(
    sim: SimNode, invoices: NodeInvoices, open_row: Invoice
) -> None:
    sim.pay(sim.invoices[HASH].payment_request)
    row = invoice(State.OPEN, node_id=open_row.node_id, cancel_wanted=True)
    found = (await cancelled(invoices, row)).found
    assert found is not None
    assert (found.state, found.paid_msat) == (NodeState.SETTLED, 2_100_000)


async def test_paid_by_one_answer_and_unknown_by_the_next_is_asked_again(
    sim: SimNode, invoices: NodeInvoices, gate: Gate
) -> None:
    sim.fail("CancelInvoice", text="invoice already settled")
    row = invoice(State.OPEN, cancel_wanted=True)
    assert type(await failure(cancelled(invoices, row))) is NodeOdd
    assert gate.is_open


@pytest.mark.parametrize(
    "tried",
    [
        {},
        {"tried": Do.CANCEL, "attempts": OVERDUE_LOOKUPS - 1},
        {"tried": Do.EDIT_CARD, "attempts": OVERDUE_LOOKUPS},
    ],
)
async def test_an_overdue_one_that_the_node_keeps_open_is_looked_up_and_not_cancelled(
    sim: SimNode, invoices: NodeInvoices, open_row: Invoice, tried: dict[str, Any]
) -> None:
    row = invoice(State.OPEN, node_id=open_row.node_id, expires_at=1, **tried)
    found = (await cancelled(invoices, row)).found
    assert found is not None
    assert found.state is NodeState.OPEN
    assert sim.calls["CancelInvoice"] == 0


async def test_an_overdue_one_that_the_node_never_closes_is_cancelled_in_the_end(
    sim: SimNode, invoices: NodeInvoices, open_row: Invoice
) -> None:
    tried = {"tried": Do.CANCEL, "attempts": OVERDUE_LOOKUPS}
    row = invoice(State.OPEN, node_id=open_row.node_id, expires_at=1, **tried)
    assert await cancelled(invoices, row) == Cancelled(None)
    assert sim.invoices[HASH].state_name == "canceled"


async def test_an_overdue_one_that_is_gone_is_unknown(
    sim: SimNode, invoices: NodeInvoices, gate: Gate, open_row: Invoice
) -> None:
    sim.delete_invoice(HASH)
    assert type(await failure(cancelled(invoices, open_row))) is InvoiceUnknown
    assert gate.is_open


async def nobody_is_asked(sim: SimNode, invoices: NodeInvoices, row: Invoice) -> type[NodePassing]:
    """Why a cancellation is put off, without a call."""
    before = sim.calls.copy()
    error = await failure(cancelled(invoices, row))
    assert sim.calls == before
    assert isinstance(error, NodePassing)
    return type(error)


@pytest.mark.parametrize("cancel_wanted", [True, False])
async def test_while_it_is_unknown_which_node_it_is_nothing_is_cancelled_and_nobody_asked(
    sim: SimNode,
    invoices: NodeInvoices,
    gate: Gate,
    identity: Identity,
    open_row: Invoice,
    cancel_wanted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "IDENTIFIED_WITHIN_S", 0.01)
    row = invoice(State.OPEN, node_id=open_row.node_id, expires_at=1, cancel_wanted=cancel_wanted)
    identity.forget()
    assert await nobody_is_asked(sim, invoices, row) is NodeStarting
    identity.say(sim.identity_pubkey)  # other nodes' rows are not set aside yet
    assert await nobody_is_asked(sim, invoices, row) is NodeStarting
    assert gate.is_open
    identity.settle()
    await cancelled(invoices, row)


async def test_what_is_to_be_cancelled_as_the_node_comes_back_waits_until_it_says_who_it_is(
    sim: SimNode, invoices: NodeInvoices, identity: Identity, open_row: Invoice
) -> None:
    row = invoice(State.OPEN, node_id=open_row.node_id, cancel_wanted=True)
    identity.forget()
    began = asyncio.ensure_future(cancelled(invoices, row))
    await asyncio.sleep(0)
    calls = sim.calls["CancelInvoice"]
    identity.settle()
    assert (await began).found is None
    assert sim.calls["CancelInvoice"] == calls + 1


async def test_what_hinders_a_cancellation_is_known_without_asking(
    sim: SimNode, invoices: NodeInvoices, gate: Gate
) -> None:
    assert invoices.hindrance is None
    before = sim.calls.copy()
    gate.shut(NodeLocked())
    assert type(invoices.hindrance) is NodeLocked
    assert sim.calls == before


async def test_another_nodes_invoice_is_not_cancelled_here(
    sim: SimNode, invoices: NodeInvoices, gate: Gate
) -> None:
    row = invoice(State.OPEN, node_id=OTHER_NODE, cancel_wanted=True)
    assert await nobody_is_asked(sim, invoices, row) is NodeStarting
    assert gate.is_open


async def test_while_the_gate_is_shut_its_reason_is_given_and_nobody_asked(
    sim: SimNode, invoices: NodeInvoices, gate: Gate, identity: Identity, open_row: Invoice
) -> None:
    gate.shut(NodeLocked())
    identity.forget()
    assert await nobody_is_asked(sim, invoices, open_row) is NodeLocked


async def test_a_macaroon_that_cannot_cancel_looks_up_instead_and_says_what_it_lacks(
    sim: SimNode, identity: Identity, open_row: Invoice
) -> None:
    sim.bake(["invoices:read"], save_to="read.macaroon")
    async with connected(sim, macaroon=sim.folder / "read.macaroon") as node:
        gate = Gate(node)
        await gate.watch()
        invoices = NodeInvoices(node, gate, identity, OurClock())
        row = invoice(State.OPEN, node_id=open_row.node_id, cancel_wanted=True)
        result = await cancelled(invoices, row)
        assert type(invoices.hindrance) is PermissionMissing
    assert result.found is not None
    assert (result.found.payment_hash, result.found.state) == (HASH, NodeState.OPEN)
    assert type(result.lacks) is PermissionMissing
    assert gate.is_open


# how many at once


@pytest.fixture
async def stalled(sim: SimNode) -> AsyncIterator[list[Any]]:
    """The next look-ups, as many as are made at once behind commands, wait at the node."""
    stalls = [sim.stall("LookupInvoice") for _ in range(BEHIND_AT_ONCE)]
    yield stalls
    for stall in stalls:
        stall.release()


async def test_look_ups_that_nobody_waits_for_are_few_at_once_and_keep_no_command_waiting(
    sim: SimNode, invoices: NodeInvoices, open_row: Invoice, node: Node, stalled: list[Any]
) -> None:
    before = sim.calls["LookupInvoice"]
    looking = [asyncio.create_task(invoices.lookup_behind(HASH)) for _ in range(BEHIND_AT_ONCE + 1)]
    for stall in stalled:
        await stall.reached()
    row = invoice(State.OPEN, node_id=open_row.node_id, cancel_wanted=True)
    assert await cancelled(invoices, row) == Cancelled(None)
    assert sim.calls["LookupInvoice"] == before + BEHIND_AT_ONCE

    stalled[0].release()
    await sim.until(lambda: sim.calls["LookupInvoice"] > before + BEHIND_AT_ONCE)
    for stall in stalled:
        stall.release()
    async with asyncio.timeout(LIMIT_S):
        assert {each.payment_hash for each in await asyncio.gather(*looking)} == {HASH}


# an answer that is not what was asked for


def _other(sim: SimNode, amount_msat: int) -> str:
    """A payment request of another invoice."""
    return sim.add_invoice(amount_msat).payment_request


def _request(**fields: Any) -> str:
    """A payment request of the row's amount and hash."""
    return bolt.encode(
        PrivateKey(b"k" * 32),
        **{
            "payment_hash": HASH,
            "payment_addr": b"a" * 32,
            "amount_msat": 2_100_000,
            "created_at": int(time.time()),
            "expiry_s": 3600,
            **fields,
        },
    )


CONTRADICTIONS: dict[str, Callable[[SimNode], dict[str, Any]]] = {
    "another hash": lambda _: {"r_hash": b"h" * 32},
    "another amount": lambda _: {"value_msat": 5_000},
    "another amount with its request": lambda sim: {
        "value_msat": 5_000,
        "payment_request": _other(sim, 5_000),
    },
    "another invoice's request": lambda sim: {"payment_request": _other(sim, 2_100_000)},
    "a request of another amount": lambda _: {"payment_request": _request(amount_msat=777_000)},
    "ten years to pay": lambda _: {"expiry": 10 * 365 * 86_400},
    "a second to pay": lambda _: {"expiry": 1},
    "made in three weeks": lambda _: {"creation_date": int(time.time()) + 20 * 86_400},
    "made before it was": lambda _: {"creation_date": int(time.time()) - 3000},
    "made before, to pay until the same time": lambda _: {
        "creation_date": int(time.time()) - 3000,
        "expiry": 6600,
    },
    "another time to pay with its request": lambda _: {
        "expiry": 7200,
        "payment_request": _request(expiry_s=7200),
    },
    "a request of another time to pay": lambda _: {"payment_request": _request(expiry_s=86_400)},
    "a request of another day": lambda _: {
        "payment_request": _request(created_at=int(time.time()) - 86_400)
    },
    "an address of the chain": lambda _: {"payment_request": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw"},
}


@pytest.mark.parametrize("fields", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
async def test_what_is_not_what_was_asked_for_is_odd_and_shuts_no_gate(
    sim: SimNode,
    invoices: NodeInvoices,
    gate: Gate,
    fields: Callable[[SimNode], dict[str, Any]],
) -> None:
    sim.garble("LookupInvoice", changed(**fields(sim)))
    assert type(await failure(added(invoices, pending()))) is NodeOdd
    assert gate.is_open
    assert (await added(invoices, pending())).found.payment_hash == HASH


async def test_a_request_that_is_missing_or_damaged_is_odd(
    sim: SimNode, invoices: NodeInvoices
) -> None:
    def without(found: pb.Invoice) -> pb.Invoice:
        found.ClearField("payment_request")
        return found

    def damaged(found: pb.Invoice) -> pb.Invoice:
        found.payment_request = found.payment_request[:-1] + "b"
        return found

    for change in (without, damaged):
        sim.garble("LookupInvoice", change)
        assert type(await failure(added(invoices, pending()))) is NodeOdd


@pytest.mark.parametrize("apart_s", [-1, 0, 1])
async def test_a_second_between_an_invoice_and_its_request_is_nothing(
    invoices: NodeInvoices, sim: SimNode, apart_s: int
) -> None:
    now = int(time.time())
    request = _request(created_at=now + apart_s)
    sim.garble("LookupInvoice", changed(creation_date=now, payment_request=request))
    assert (await added(invoices, pending())).found.expires_at == now + 3600


async def test_an_add_that_is_repeated_hours_later_finds_its_invoice(
    sim: SimNode, invoices: NodeInvoices, clock: Clock
) -> None:
    row = pending(expiry_s=86_400)
    first = await added(invoices, row)
    clock.ahead_s += 5 * 3600
    assert await added(invoices, row) == first
    clock.ahead_s += 86_400
    await sim.until(lambda: next(iter(sim.invoices.values())).state_name == "canceled")
    again = await added(invoices, row)
    assert (again.found.expires_at, again.found.state) == (
        first.found.expires_at,
        NodeState.CANCELED,
    )


async def test_an_absurd_creation_date_is_no_time_of_day(
    sim: SimNode, node: Node, gate: Gate, identity: Identity, clock: Clock
) -> None:
    ours = OurClock(clock)
    then = 34_000_000_000
    sim.garble(
        "LookupInvoice",
        changed(creation_date=then, payment_request=_request(created_at=then)),
    )
    await added(NodeInvoices(node, gate, identity, ours), pending())
    assert ours() == pytest.approx(clock(), abs=2)
