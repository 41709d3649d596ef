"""Many rows: the due ones in order, those that waited, those that nobody needs."""

from __future__ import annotations

import pytest

from bot.core.invoice import LATE_S, Columns, Face, State
from bot.core.work import MAX_FAULTS, READ_LANES, Do, Lane, due_now
from bot.store import Due, Store, Tx
from tests.store.made import NOW, ids, read, row


async def test_due_rows_come_by_lane_then_by_time_and_no_more_of_each_than_asked(
    store: Store,
) -> None:
    late = await row(store, 1, lane=Lane.COMMAND, due_at=NOW - 1)
    early = await row(store, 2, lane=Lane.COMMAND, due_at=NOW - 9)
    expired = await row(store, 3, lane=Lane.BACKGROUND, due_at=NOW - 99)
    urgent = await row(store, 4, lane=Lane.PAYMENT, due_at=NOW)
    await row(store, 5, lane=Lane.PAYMENT, due_at=NOW + 30)
    await row(store, 6, lane=Lane.BACKGROUND, due_at=NOW + 20)
    await row(store, 7, lane=Lane.UNREACHABLE, due_at=NOW - 5)
    others = await row(store, 8, lane=Lane.OTHER_NODE, due_at=NOW - 5)
    await row(store, 9, due_at=None)

    async def due(limit: int, *lanes: Lane) -> Due:
        return await store.do(lambda tx: tx.agenda.due(lanes or READ_LANES, NOW, limit=limit))

    in_order = [urgent, early, late, expired, others]
    assert await due(64) == (in_order, False, NOW + 20)
    assert await due(2) == (in_order, True, NOW + 20)
    assert await due(1) == ([urgent, early, expired, others], True, NOW + 20)
    assert await due(64, Lane.PAYMENT, Lane.COMMAND) == (in_order[:3], False, NOW + 30)
    assert await due(64, Lane.CANCELLATION) == ([], False, None)


async def test_rows_that_are_due_at_one_moment_come_in_the_order_of_coming(store: Store) -> None:
    rows = [await row(store, number, due_at=None) for number in range(5)]
    for each in reversed(rows):  # a server finds them as they were written last
        await store.do(lambda tx, it=each: tx.invoices.update(it.id, due_at=NOW))
    found = await store.do(lambda tx: tx.agenda.due(READ_LANES, NOW, limit=4))
    assert ids(found.rows) == [each.id for each in rows[:4]]


async def test_crowded_chats_are_left_out_of_what_is_due(store: Store) -> None:
    for number in range(10):
        await row(store, number, chat_id=-1, due_at=NOW - 20)
    other = await row(store, 20, chat_id=-2, due_at=NOW - 1)
    elsewhere = await row(store, 30, chat_id=-1, lane=Lane.PAYMENT, due_at=NOW)
    crowded = [(Lane.COMMAND, -1), (Lane.COMMAND, -3)]
    found = await store.do(lambda tx: tx.agenda.due(READ_LANES, NOW, limit=5, but=crowded))
    assert ids(found.rows) == [elsewhere.id, other.id]


@pytest.mark.parametrize("how", ["the node is back", "the clock was set"])
async def test_only_what_waits_for_its_next_try_is_made_due(store: Store, how: str) -> None:
    is_back = how == "the node is back"
    at = NOW + 50 if is_back else NOW + 9000
    waits = await row(store, 1, due_at=at, retry_at=at, tried=Do.CANCEL)
    pending = await row(store, 7, due_at=at, retry_at=at, tried=Do.EDIT_CARD, state=State.PENDING)
    expires = await row(store, 2, due_at=at)
    rests = await row(store, 3, due_at=None, retry_at=at, tried=Do.ADD)
    unreachable = await row(store, 4, due_at=None, lane=Lane.UNREACHABLE, retry_at=at)
    stuck = await row(store, 5, due_at=NOW - 1, retry_at=NOW - 50, faults=MAX_FAULTS)
    soon = await row(
        store, 6, due_at=NOW + 50, retry_at=NOW + 50, tried=Do.SEND_CARD, state=State.OPEN
    )
    await store.do(
        lambda tx: tx.agenda.node_is_back(NOW) if is_back else tx.agenda.make_overdue(NOW)
    )
    for each in (waits, pending):
        there = await read(store, each.id)
        assert (there.due_at, there.retry_at) == (due_now(NOW), 0.0)
    for each in (expires, rests, unreachable, stuck, soon):
        assert await read(store, each.id) == each


async def test_stuck_rows_get_another_chance(store: Store) -> None:
    late: Columns = {"retry_at": NOW - 50, "due_at": None, "tried": Do.EDIT_CARD}
    stuck = await row(store, 1, faults=MAX_FAULTS, attempts=10, **late)
    trying = await row(store, 2, faults=MAX_FAULTS - 1, **late)
    assert await store.do(lambda tx: tx.agenda.unstick(NOW)) == 1
    there = await read(store, stuck.id)
    assert (there.faults, there.attempts, there.due_at) == (0, 0, due_now(NOW))
    assert await read(store, trying.id) == trying


async def test_only_what_needs_nothing_any_more_is_pruned_a_few_at_a_time(store: Store) -> None:
    old: Columns = {"asked_at": NOW - 100, "due_at": None, "announced": True}
    done = [await row(store, n, state=State.SETTLED, **old) for n in range(5)]
    done.append(await row(store, 5, state=State.EXPIRED, **old, lane=Lane.UNREACHABLE))
    kept = [
        await row(store, 10, state=State.OPEN, **old),
        await row(store, 11, state=State.PENDING, **old),
        await row(store, 12, state=State.SETTLED, asked_at=NOW - 100, due_at=NOW),
        await row(store, 13, state=State.SETTLED, asked_at=NOW, due_at=None),
        # counted from its end
        await row(store, 14, state=State.SETTLED, settled_at=int(NOW) + 1, **old),
        await row(store, 15, state=State.EXPIRED, expires_at=int(NOW) + 1, **old),
        # nobody could be told yet
        await row(
            store, 16, state=State.SETTLED, **(old | {"announced": False}), lane=Lane.UNREACHABLE
        ),
    ]
    assert await store.do(lambda tx: tx.agenda.prune(NOW, 4)) == 4
    assert await store.do(lambda tx: tx.agenda.prune(NOW, 4)) == 2
    assert await store.do(lambda tx: tx.agenda.prune(NOW, 4)) == 0
    for each in done:
        assert await store.do(lambda tx, i=each.id: tx.invoices.get(i)) is None
    assert [await read(store, each.id) for each in kept] == kept


async def test_what_no_chat_was_heard_of_for_is_pruned_though_it_is_not_finished(
    store: Store,
) -> None:
    nowhere: Columns = {"asked_at": NOW - 100, "due_at": NOW, "lane": Lane.UNREACHABLE}
    gone = await row(store, 1, state=State.EXPIRED, expires_at=int(NOW) - 1, **nowhere)
    kept = [
        await row(store, 2, state=State.EXPIRED, expires_at=int(NOW) + 1, **nowhere),
        # it may be paid, and nobody has heard of that yet
        await row(store, 3, state=State.OPEN, expires_at=int(NOW) - 1, **nowhere),
        await row(store, 4, state=State.PENDING, **nowhere),
    ]
    assert await store.do(lambda tx: tx.agenda.prune(NOW, 10, unheard=False)) == 0
    assert await store.do(lambda tx: tx.agenda.prune(NOW, 10)) == 1
    assert await store.do(lambda tx: tx.invoices.get(gone.id)) is None
    assert [await read(store, each.id) for each in kept] == kept


@pytest.mark.parametrize(
    ("since", "is_kept"), [(NOW - 1, False), (NOW, True), (NOW + 60, True), (None, False)]
)
async def test_what_waits_for_a_chat_stays_until_that_is_unreachable_for_as_long(
    store: Store, since: float | None, is_kept: bool
) -> None:
    """It may have ended long ago, while the bot was away."""
    ended: Columns = {"asked_at": NOW - 100, "due_at": None, "lane": Lane.UNREACHABLE}
    there = await row(store, 1, state=State.EXPIRED, expires_at=int(NOW) - 1, **ended)

    def prune(tx: Tx) -> int:
        if since is not None:
            tx.chats.set_unreachable(there.chat_id, True, since)
            tx.chats.set_unreachable(there.chat_id, True, NOW + 99)  # it is known already
        return tx.agenda.prune(NOW, 10)

    assert await store.do(prune) == (not is_kept)


IN_WORK: list[Columns] = [
    {"due_at": due_now(NOW)},
    {"due_at": NOW - 5, "redraw_at": NOW - 5},  # it was drawn once more
    {"due_at": NOW - 5, "tried": Do.EDIT_CARD, "retry_at": NOW - 5},
    {"due_at": NOW - 5, "state": State.PENDING, "tried": Do.ADD},  # its notice was edited
    {"due_at": NOW - 5, "unconfirmed": True, "card_shown": Face.OPEN},
    {"due_at": NOW - 5, "tried": Do.CANCEL, "card_shown": Face.UNCONFIRMED},  # it is open again
]
AT_REST: list[Columns] = [
    {"due_at": NOW - 5},  # its expiry came while no process was there
    {"due_at": NOW + 600},
    {"due_at": NOW - 5, "unconfirmed": True, "card_shown": Face.UNCONFIRMED, "tried": Do.CANCEL},
    {"due_at": due_now(NOW), "card_id": None},
    {"due_at": NOW - 5, "lane": Lane.UNREACHABLE, "tried": Do.EDIT_CARD},
]


async def test_a_start_doubts_what_may_have_been_in_work_and_nothing_else(store: Store) -> None:
    shown: Columns = {"state": State.OPEN, "card_id": 100, "card_shown": Face.OPEN}
    numbers = range(len(IN_WORK) + len(AT_REST))
    rows = [
        await row(store, number, **(shown | each))
        for number, each in zip(numbers, [*IN_WORK, *AT_REST], strict=True)
    ]
    await store.do(lambda tx: tx.agenda.doubt_edits(NOW))
    doubted = [(await read(store, each.id)).redraw_at == NOW + LATE_S for each in rows]
    assert doubted == [True] * len(IN_WORK) + [False] * len(AT_REST)
