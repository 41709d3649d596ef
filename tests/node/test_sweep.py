"""What no event tells is looked up: soon, one after the other, and never more than a few."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import grpc
import pytest
from structlog.testing import capture_logs

from bot.core.invoice import Invoice, State
from bot.core.notices import Kind
from bot.core.work import Lane
from bot.demo.node import CANCELED, SimInvoice, SimNode
from bot.demo.node.ledger import Kept
from bot.errors import NodeUnreachable
from bot.node import payments, sweep
from bot.node.client import Node
from bot.store import Store
from tests.node.simulated import LIMIT_S, Clock, changed, paid
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

QUICK = 20  # times as fast


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute lasts some seconds."""
    for module, names in (
        (sweep, ("ROUND_S", "HURRIED_ROUND_S", "SHORTEST_PAUSE_S", "PART_OF_AGE")),
        (sweep, ("LOOKS_BACK_FOR_S",)),
        (payments, ("UNTOLD_S",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name) / QUICK)


@pytest.fixture
async def first(sim: SimNode, store: Store) -> SimInvoice:
    """Another program's payment, up to which all is recorded."""
    first = paid(sim)
    await set_cursor(store, sim, at(first))
    return first


async def moved_to(store: Store, sim: SimNode, payment: SimInvoice) -> None:
    """Until this payment is the newest that is recorded."""
    async with asyncio.timeout(LIMIT_S):
        while await cursor_of(store, sim) != at(payment):  # noqa: ASYNC110 -- nobody says it
            await asyncio.sleep(0.01)


async def replaced(sim: SimNode, store: Store) -> tuple[SimInvoice, Invoice, Kept]:
    """An invoice with its row, and the right database, for which a wrong backup stands in now."""
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    return invoice, row, sim.restore_from_seed()


def asked(sim: SimNode) -> int:
    return sim.calls["LookupInvoice"]


# a stream that does not tell


async def test_where_settle_indexes_began_again_a_payment_is_found_and_the_next_is_told(
    sim: SimNode, watched: Watched, store: Store, clock: Clock
) -> None:
    """Old rows look up as they did, and the stream is silent up to the index it was asked from."""
    for _ in range(5):
        last = paid(sim)
    await set_cursor(store, sim, at(last))
    sim.begin_settle_indexes_again()
    clock.ahead_s += 60
    found, told = (sim.add_invoice(5000) for _ in range(2))
    rows = [await open_row(store, each, sim.identity_pubkey) for each in (found, told)]
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.pay(found.payment_request)
        assert await watched.rung() == (rows[0].id, CHAT, Lane.PAYMENT)
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 2)
        assert await cursor_of(store, sim) == at(found)
        sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)  # no look-up finds it
        sim.pay(told.payment_request)
        await watched.rung_for(rows[1])
        assert await cursor_of(store, sim) == at(told)


async def test_where_settle_indexes_began_again_while_the_bot_was_away_nothing_is_missed(
    sim: SimNode, watched: Watched, store: Store
) -> None:
    for _ in range(5):
        last = paid(sim)
    await set_cursor(store, sim, at(last))
    sim.begin_settle_indexes_again()
    invoices = [sim.add_invoice(5000) for _ in range(4)]
    rows = [await open_row(store, each, sim.identity_pubkey) for each in invoices]
    for each in invoices:
        sim.pay(each.payment_request)
    async with watched.running():
        await watched.rung_for_all(rows)
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 2)
        assert await cursor_of(store, sim) == at(invoices[0])
    assert [(await row_now(store, each)).state for each in rows] == [State.SETTLED] * 4


async def test_what_a_silent_stream_does_not_tell_is_found_and_the_stream_opened_again(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    found, told = (sim.add_invoice(5000) for _ in range(2))
    rows = [await open_row(store, each, sim.identity_pubkey) for each in (found, told)]
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.mute_streams()
        sim.pay(found.payment_request)
        assert await watched.rung() == (rows[0].id, CHAT, Lane.PAYMENT)
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 2)
        sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)
        sim.pay(told.payment_request)
        await watched.rung_for(rows[1])
        assert await cursor_of(store, sim) == at(told)
    assert watched.gate.openings == 1


async def test_a_payment_found_just_before_a_restore_is_not_asked_from(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The restored node has never heard of it, and counts another one by its index."""
    monkeypatch.setattr(payments, "UNTOLD_S", 60.0)  # nothing opens the stream but the restore
    found = sim.add_invoice(5000)
    row = await open_row(store, found, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.mute_streams()
        sim.pay(found.payment_request)
        await watched.rung_for(row)
        sim.restore_from_seed()
        told = sim.add_invoice(5000)  # its add index is that of the one before, too
        row = await open_row(store, told, sim.identity_pubkey, origin_message_id=2)
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 2)
        sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)  # no look-up finds it
        sim.pay(told.payment_request)
        await watched.rung_for(row)
        assert await cursor_of(store, sim) == at(told)


@pytest.mark.parametrize("is_paid_there", [False, True])
async def test_what_is_paid_while_nobody_listens_is_told_after_a_wrong_backup_was_replaced(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice, is_paid_there: bool
) -> None:
    """The wrong one knew no invoice: they count as gone, and nothing looks them up again. What was
    paid there is unknown to the right one."""
    ours = paid(sim)
    await open_row(store, ours, sim.identity_pubkey, state=State.SETTLED)
    invoice, row, right = await replaced(sim, store)
    async with watched.running():
        await watched.rung_for(row)
        assert (await row_now(store, row)).state is not State.OPEN
        sim.end_streams()  # nor is it forgotten where the stream is opened again
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 2)
        if is_paid_there:
            others = paid(sim)
            await moved_to(store, sim, others)
    sim.take_back(right)
    sim.pay(invoice.payment_request)
    async with watched.running():
        await watched.rung_for(row)
        await moved_to(store, sim, invoice)
    assert (await row_now(store, row)).state is State.SETTLED


@pytest.mark.parametrize("ours_there", [0, 4, 5, 12])
async def test_a_wrong_backup_costs_nothing_however_many_were_paid_there(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice, ours_there: int
) -> None:
    """Nor where none of ours was paid before, and none is known by which payments could be asked
    for: what ended there is looked up once more."""
    if ours_there:
        await open_row(store, paid(sim), sim.identity_pubkey, state=State.SETTLED)
    invoices = [sim.add_invoice(5000) for _ in range(2)]
    rows = [await open_row(store, each, sim.identity_pubkey) for each in invoices]
    right = sim.restore_from_seed()
    async with watched.running():
        await watched.rung_for_all(rows)
        for number in range(ours_there):
            other = sim.add_invoice(1000)
            made = await open_row(
                store, other, sim.identity_pubkey, origin_message_id=1000 + number
            )
            sim.pay(other.payment_request)
            await watched.rung_for(made)
        await moved_to(store, sim, paid(sim))
    sim.take_back(right)
    for each in invoices:
        sim.pay(each.payment_request)
    async with watched.running():
        await watched.rung_for_all(rows)
    assert [(await row_now(store, each)).state for each in rows] == [State.SETTLED] * 2


async def test_each_time_that_the_node_is_there_again_what_ended_is_looked_up(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    """Nothing tells that it was a wrong backup which knew all invoices, too."""
    still = sim.add_invoice(1000)
    await open_row(store, still, sim.identity_pubkey)
    async with watched.running():
        # its first look back is over: each round makes that after this
        await sim.until(lambda: sim.lookups[still.payment_hash] >= 3)
        for state, whose in (
            (State.CANCELLED, sim.identity_pubkey),
            (State.SETTLED, sim.identity_pubkey),
            (State.CANCELLED, ""),  # nobody knew whose it is
        ):
            invoice = sim.add_invoice(5000)
            await open_row(store, invoice, whose, state=state)
            sim.end_streams()
            await sim.until(lambda invoice=invoice: invoice.state == CANCELED)


async def test_where_it_may_not_cancel_what_had_ended_owners_hear_of_it(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    """A card says of it that nobody can pay it."""
    lost = sim.add_invoice(5000)
    await open_row(store, lost, sim.identity_pubkey, state=State.CANCELLED)
    sim.fail("CancelInvoice", text="permission denied", times=3)
    async with watched.running():
        (concern,) = await watched.concerned(lambda found: found)
        assert concern.kind is Kind.CANCEL_NOT_PERMITTED
        await sim.until(lambda: lost.state == CANCELED)
        await watched.concerned(lambda found: found[-1].ended_at)


async def test_what_ended_at_a_wrong_backup_is_looked_up_though_nothing_is_replayed(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    """More than one round, and past what the node cannot tell."""
    lost = [sim.add_invoice(1000 + number) for number in range(sweep.AT_ONCE * 3)]
    rows = [
        await open_row(store, each, sim.identity_pubkey, state=State.CANCELLED) for each in lost
    ]
    await set_cursor(store, sim, replace(at(first), payment_hash=b"w" * 32))
    sim.pay(lost[0].payment_request)
    sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=3)
    async with watched.running():
        await watched.rung_for(rows[0])
    assert (await row_now(store, rows[0])).state is State.SETTLED


async def test_what_is_paid_after_a_wrong_backup_is_told_where_nothing_was_ever_paid_before(
    sim: SimNode, node: Node, watched: Watched, store: Store, clock: Clock
) -> None:
    """There is no cursor by which anybody could see that the node was another one."""
    invoice, row, right = await replaced(sim, store)
    async with watched.running():
        await watched.rung_for(row)
    sim.take_back(right)
    sim.pay(invoice.payment_request)
    following = Watched(node, store, clock)
    async with following.running():
        await following.rung_for(row)
    assert (await row_now(store, row)).state is State.SETTLED


async def test_a_look_back_that_a_kill_broke_off_is_made_again_past_other_nodes_rows(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    """Nothing tells the new process that the node was another one: its cursor has moved since."""
    ended = [sim.add_invoice(5000 + number) for number in range(6 * sweep.PAGE)]
    states = (State.CANCELLED, State.EXPIRED, State.FAILED)
    for number, each in enumerate(ended):
        node_id = OTHER_NODE if 0 < number <= 2 * sweep.PAGE else sim.identity_pubkey
        await open_row(store, each, node_id, state=states[number % 3])
    async with watched.running():
        await sim.until(lambda: ended[0].state == CANCELED)
    assert [each.state == CANCELED for each in ended] == [
        not 0 < number <= 2 * sweep.PAGE for number in range(len(ended))
    ]


@pytest.mark.parametrize("is_seen", [True, False])
async def test_what_ended_at_a_wrong_backup_and_is_open_at_the_right_one_is_cancelled_there(
    sim: SimNode, node: Node, watched: Watched, store: Store, clock: Clock, is_seen: bool
) -> None:
    """Its card says that nobody can pay it. `is_seen`: the process is the same all the time."""
    await set_cursor(store, sim, at(paid(sim)))
    invoice, row, right = await replaced(sim, store)
    async with watched.running():
        await watched.rung_for(row)
        sim.take_back(right)
        if is_seen:
            await sim.until(lambda: sim.invoices[invoice.payment_hash].state == CANCELED)
    if not is_seen:
        async with Watched(node, store, clock).running():
            await sim.until(lambda: sim.invoices[invoice.payment_hash].state == CANCELED)


@pytest.mark.parametrize("at_the_wrong_one", ["nothing", "a cut stream", "a start"])
async def test_a_wrong_backup_that_knows_the_last_payment_is_noticed_whatever_happened_there(
    sim: SimNode,
    node: Node,
    watched: Watched,
    store: Store,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    at_the_wrong_one: str,
) -> None:
    """The cursor is as it was at either: only what is unknown tells."""
    monkeypatch.setattr(sweep, "HURRIES_EVERY_S", 3.0)
    last = paid(sim)
    await set_cursor(store, sim, at(last))
    for number in range(2 * sweep.AT_ONCE):
        before = sim.add_invoice(1000 + number)
        await open_row(store, before, sim.identity_pubkey, state=State.CANCELLED)
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    right = sim.restore_from_seed(keep=[last.payment_hash])

    async def looked_back_since(calls: int) -> None:
        # the gate's, the cursor's payment, those that are looked up together, and one of the next
        await sim.until(lambda: asked(sim) >= calls + 2 + sweep.AT_ONCE + 1)

    async with watched.running():
        await watched.rung_for(row)
        await looked_back_since(1)  # the row itself
        if at_the_wrong_one == "a cut stream":
            calls = asked(sim)
            sim.end_streams()
            await looked_back_since(calls)
        if at_the_wrong_one != "a start":
            sim.take_back(right)
            await sim.until(lambda: sim.invoices[invoice.payment_hash].state == CANCELED)
            return
    calls = asked(sim)
    async with Watched(node, store, clock).running():
        await looked_back_since(calls)
        sim.take_back(right)
        await sim.until(lambda: sim.invoices[invoice.payment_hash].state == CANCELED)


async def test_two_wrong_backups_in_a_minute_are_both_noticed(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "HURRIES_EVERY_S", 5.0)
    last = paid(sim)
    await set_cursor(store, sim, at(last))
    async with watched.running():
        for sats in (5000, 6000):
            invoice = sim.add_invoice(sats)
            row = await open_row(store, invoice, sim.identity_pubkey)
            right = sim.restore_from_seed(keep=[last.payment_hash])
            await watched.rung_for(row)
            sim.take_back(right)
            await sim.until(
                lambda payment_hash=invoice.payment_hash: (
                    sim.invoices[payment_hash].state == CANCELED
                )
            )


async def ended(sim: SimNode, store: Store, count: int) -> None:
    """So many rows that ended as the node has it."""
    for number in range(count):
        each = sim.add_invoice(1000 + number)
        await open_row(store, each, sim.identity_pubkey, state=State.CANCELLED)
        sim.cancel_invoice(each.payment_hash)


async def test_a_look_back_at_a_node_that_is_slow_keeps_nothing_open_waiting(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    await ended(sim, store, 200)
    hurries = sim.add_invoice(6000)  # it is other than it ended
    await open_row(store, hurries, sim.identity_pubkey, state=State.CANCELLED)
    sim.slow("LookupInvoice", 2.5 / QUICK)
    async with watched.running():
        await sim.until(lambda: hurries.state == CANCELED)
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.mute_streams()
        invoice = sim.add_invoice(5000)
        row = await open_row(store, invoice, sim.identity_pubkey)
        sim.pay(invoice.payment_request)
        before = asked(sim)
        await watched.rung_for(row)
    assert asked(sim) - before < 100


async def test_a_look_back_hurries_past_all_that_ended_as_it_says(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the wrong backup had a row open that it did not know."""
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    await ended(sim, store, 3 * sweep.LOOKUPS)
    right = sim.restore_from_seed()
    async with watched.running():
        await watched.rung_for(row)
        monkeypatch.setattr(sweep, "ROUND_S", 1000.0)
        sim.take_back(right)
        await sim.until(lambda: sim.invoices[invoice.payment_hash].state == CANCELED)


async def test_a_node_without_the_call_that_cancels_stops_no_look_back(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    deep = sim.add_invoice(5000)
    row = await open_row(store, deep, sim.identity_pubkey, state=State.CANCELLED)
    for number in range(sweep.AT_ONCE):
        each = sim.add_invoice(1000 + number)
        await open_row(store, each, sim.identity_pubkey, state=State.CANCELLED)
    sim.pay(deep.payment_request)
    unimplemented = "unknown service invoicesrpc.Invoices"
    sim.fail("CancelInvoice", code=grpc.StatusCode.UNIMPLEMENTED, text=unimplemented, times=1000)
    await set_cursor(store, sim, at(deep))  # no stream tells it
    async with watched.running():
        await watched.rung_for(row)
    assert (await row_now(store, row)).state is State.SETTLED


async def test_what_the_node_forgot_for_good_costs_a_round_each_time_that_it_is_back(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LND can be set to delete what was cancelled."""
    monkeypatch.setattr(sweep, "ROUND_S", 1000.0)
    monkeypatch.setattr(sweep, "LOOKS_BACK_FOR_S", 60.0)
    monkeypatch.setattr(sweep, "LOOKUPS_OF_ENDED", 50)
    await ended(sim, store, 80)
    for payment_hash, each in list(sim.invoices.items()):
        if each.state == CANCELED:
            sim.delete_invoice(payment_hash)
    # whether it is there, the cursor's payment, and a round: to the end of the way, and once more
    each_time = [2 + 50, 2 + 30, 2 + 50, 2 + 30]
    async with watched.running():
        for so_far in itertools.accumulate(each_time[:-1]):
            await sim.until(lambda so_far=so_far: asked(sim) >= so_far)
            sim.end_streams()
        await sim.until(lambda: asked(sim) >= sum(each_time))
        with pytest.raises(TimeoutError):
            await sim.until(lambda: asked(sim) > sum(each_time), timeout_s=1.0)


async def test_the_log_says_once_that_a_node_was_restored_also_while_nobody_knows_whose_it_is(
    sim: SimNode,
    watched: Watched,
    store: Store,
    first: SimInvoice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("IDENTIFIED_WITHIN_S", "STABLE_S"):
        monkeypatch.setattr(payments, name, 0.05)
    ours = paid(sim)
    await open_row(store, ours, sim.identity_pubkey, state=State.SETTLED)
    await set_cursor(store, sim, at(paid(sim)))
    with capture_logs() as said:
        async with watched.running():
            await watched.identified()
            await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
            sim.hang("GetInfo", times=1000)
            sim.restore_from_seed(keep=[ours.payment_hash])
            sim.fail("SubscribeInvoices", code=grpc.StatusCode.INTERNAL, times=2)
            sim.break_connections()
            await sim.until(lambda: sim.calls["SubscribeInvoices"] == 4)
    events = [each["event"] for each in said]
    assert events.count("settle index changed: the node counts again") == 1


async def test_an_absurd_index_of_another_programs_payment_is_not_asked_from(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    """It is within what a node could count, and beyond what this one does."""
    await set_cursor(store, sim, replace(at(first), settle_index=2**39))
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)
        sim.pay(invoice.payment_request)
        await watched.rung_for(row)


async def test_an_absurd_index_gives_way_to_the_next_payment(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        before = first.settled_at - 1
        odd = changed(settle_index=2**39, settle_date=before)
        sim.garble("SubscribeInvoices", odd, times=2)  # added, and paid
        sim.garble("LookupInvoice", lambda _: b"\xff" * 9, times=1000)
        paid(sim)
        sim.pay(invoice.payment_request)
        await watched.rung_for(row)
        assert await cursor_of(store, sim) == at(invoice)


# a stream that is cut


async def test_a_stream_that_is_cut_again_and_again_costs_no_round_of_look_ups_each_time(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    count, cuts = 200, 2
    for _ in range(count):
        await open_row(store, sim.add_invoice(1000), sim.identity_pubkey)
    late = sim.add_invoice(5000)
    row = await open_row(store, late, sim.identity_pubkey)
    sim.cut_idle_streams(60 / QUICK)
    async with watched.running():
        await sim.until(lambda: asked(sim) > count)
        before = asked(sim)
        for number in range(2, cuts + 2):
            opened = number
            await sim.until(lambda opened=opened: sim.calls["SubscribeInvoices"] == opened)
        assert asked(sim) - before < count * cuts
        sim.pay(late.payment_request)
        await watched.rung_for(row)


async def test_a_stream_that_fails_again_and_again_hurries_no_look_ups_each_time(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROUND_S", 60.0)  # only a stream's failure begins a round
    count = 250  # more than one round of those that hurry
    for _ in range(count):
        await open_row(store, sim.add_invoice(1000), sim.identity_pubkey)
    oldest = next(iter(sim.invoices))
    sim.fail("SubscribeInvoices", text="something new", times=1000)
    async with watched.running():
        await sim.until(lambda: sim.lookups[oldest] >= 1, timeout_s=30.0)
        before, opened = asked(sim), sim.calls["SubscribeInvoices"]
        await sim.until(lambda: sim.calls["SubscribeInvoices"] >= opened + 3, timeout_s=30.0)
        # each failure has a round of some; to hurry each time would be all of them three times
        assert asked(sim) - before < 2 * count
    assert watched.gate.openings == 1


async def test_a_look_up_of_all_that_an_outage_interrupts_goes_on_where_it_was(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROUND_S", 60.0)  # only those that hurry
    count = 250  # more than one round of them
    for _ in range(count):
        await open_row(store, sim.add_invoice(1000), sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: asked(sim) >= 10)
        sim.ledger.end_streams()
        await sim.until(lambda: all(sim.lookups[each] for each in sim.invoices), timeout_s=30.0)
    assert watched.gate.openings == 2


# which, and how many


async def aged(store: Store, of: SimInvoice, whose: str, *, age_s: int) -> Invoice:
    """An open row whose invoice was made so long ago."""
    return await open_row(store, of, whose, expiry_s=3600 + age_s)


async def test_a_new_invoice_is_looked_up_within_the_minute_however_many_are_open(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    for _ in range(300):
        await aged(store, sim.add_invoice(1000), sim.identity_pubkey, age_s=7200)
    async with watched.running():
        await sim.until(lambda: asked(sim) > 300)  # all, at the start
        sim.mute_streams()
        newest = sim.add_invoice(5000)
        row = await open_row(store, newest, sim.identity_pubkey)
        sim.pay(newest.payment_request)
        async with asyncio.timeout(60 / QUICK):
            await watched.rung_for(row)


async def test_of_fifty_new_invoices_each_is_looked_up_within_the_minute(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    invoices = [sim.add_invoice(5000) for _ in range(50)]
    for each in invoices:
        await open_row(store, each, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: asked(sim) > 50)  # all, at the start
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        before = sim.lookups.copy()
        hashes = [each.payment_hash for each in invoices]
        every = 60 / QUICK
        await sim.until(lambda: all(sim.lookups[h] > before[h] for h in hashes), timeout_s=every)


async def test_an_old_invoice_is_looked_up_less_often_than_a_new_one(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    old, new = (sim.add_invoice(1000) for _ in range(2))
    await aged(store, old, sim.identity_pubkey, age_s=7200)
    await open_row(store, new, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.lookups[new.payment_hash] == 4)
    assert sim.lookups[old.payment_hash] <= 2  # with the one at the start


async def test_many_new_invoices_are_looked_up_a_few_at_a_time(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    for _ in range(200):
        await open_row(store, sim.add_invoice(1000), sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: asked(sim) > 200)
        loop = asyncio.get_running_loop()
        before, began_at = asked(sim), loop.time()
        await sim.until(lambda: asked(sim) > before + 200)
        rounds = (loop.time() - began_at) / sweep.ROUND_S
    assert rounds > 200 / sweep.LOOKUPS - 2


async def test_a_cancellation_elsewhere_is_found_though_the_stream_stays_open(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.cancel_invoice(invoice.payment_hash)
        assert await watched.rung() == (row.id, CHAT, Lane.BACKGROUND)
    assert (await row_now(store, row)).state is State.CANCELLED


async def test_a_row_that_lapsed_is_confirmed_by_the_nodes_word(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey, unconfirmed=True, due_at=None)
    async with watched.running():
        await watched.rung_for(row)
    found = await row_now(store, row)
    assert (found.state, found.unconfirmed) == (State.OPEN, False)
    assert found.due_at is not None


async def test_a_look_up_that_failed_is_made_again(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    invoice = sim.add_invoice(5000)
    row = await open_row(store, invoice, sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
        sim.mute_streams()
        sim.fail("LookupInvoice", text="database is locked", times=5)
        sim.pay(invoice.payment_request)
        await watched.rung_for(row)
    assert watched.gate.openings == 1


async def test_while_the_gate_is_shut_nobody_is_asked(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    for _ in range(100):
        await open_row(store, sim.add_invoice(1000), sim.identity_pubkey)
    async with watched.running():
        await sim.until(lambda: asked(sim) > 100)
        sim.set_state("LOCKED")
        watched.gate.shut(NodeUnreachable())
        probes, before = sim.calls["GetState"], asked(sim)
        await sim.until(lambda: sim.calls["GetState"] > probes + 1)
        assert asked(sim) - before <= sweep.AT_ONCE


async def test_other_nodes_rows_are_asked_of_nobody(
    sim: SimNode, watched: Watched, store: Store, first: SimInvoice
) -> None:
    theirs = await open_row(store, sim.add_invoice(1000), OTHER_NODE)
    sim.delete_invoice(theirs.payment_hash)
    mine = await open_row(store, sim.add_invoice(1000), sim.identity_pubkey)
    sim.cancel_invoice(mine.payment_hash)
    async with watched.running():
        await watched.rung_for(mine)
        await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
    assert (await row_now(store, theirs)).state is State.OPEN


async def test_before_it_is_known_which_node_it_is_nothing_that_it_does_not_know_is_closed(
    sim: SimNode, watched: Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sweep, payments):
        monkeypatch.setattr(module, "IDENTIFIED_WITHIN_S", 0.05)
    gone, paid_one = (sim.add_invoice(1000) for _ in range(2))
    rows = [await open_row(store, each, sim.identity_pubkey) for each in (paid_one, gone)]
    sim.delete_invoice(gone.payment_hash)
    sim.pay(paid_one.payment_request)
    stall = sim.stall("GetInfo", before=True)
    async with watched.running():
        await watched.rung_for(rows[0])
        assert (await row_now(store, rows[1])).state is State.OPEN
        stall.release()
        await watched.rung_for(rows[1])
    assert (await row_now(store, rows[1])).state is not State.OPEN
