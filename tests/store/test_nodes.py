"""The nodes' word: recorded once with its cursor, and each row left to its own node."""

from __future__ import annotations

import pytest

from bot.core.cursor import Cursor
from bot.core.invoice import Columns, State
from bot.core.work import MAX_FAULTS, Do, Lane, due_now
from bot.store import Open, Store, Tx
from tests.store.made import NOW, read, row

SETTLED: Columns = {
    "state": State.SETTLED,
    "preimage": None,
    "paid_msat": 5,
    "settle_index": 3,
    "settled_at": 99,
}


@pytest.mark.parametrize("state", [each for each in State if each is not State.SETTLED])
async def test_a_payment_is_recorded_once_from_whatever_state(store: Store, state: State) -> None:
    stuck: Columns = {"faults": MAX_FAULTS, "retry_at": NOW, "due_at": None}
    mine = await row(store, 1, state=state, lane=Lane.UNREACHABLE, **stuck)
    now = NOW + 50

    def settle(tx: Tx) -> int | None:
        return tx.nodes.settle(mine.payment_hash, now=now, **SETTLED)

    assert await store.do(settle) == mine.id
    there = await read(store, mine.id)
    assert (there.state, there.paid_msat, there.settle_index) == (State.SETTLED, 5, 3)
    assert (there.due_at, there.lane) == (due_now(now), Lane.PAYMENT)
    assert (there.faults, there.retry_at) == (0, 0.0)
    await store.do(lambda tx: tx.invoices.update(mine.id, announced=True, due_at=None))
    assert await store.do(settle) is None
    assert (await read(store, mine.id)).due_at is None


async def test_a_payment_of_another_program_is_no_row(store: Store) -> None:
    assert await store.do(lambda tx: tx.nodes.settle(b"?" * 32, now=NOW, **SETTLED)) is None


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"expires_at": int(NOW) - 1}, State.EXPIRED),
        ({"expires_at": int(NOW) + 1}, State.CANCELLED),
        ({"expires_at": int(NOW) - 1, "cancel_wanted": True}, State.CANCELLED),
    ],
)
async def test_what_the_node_has_canceled_is_expired_or_cancelled(
    store: Store, changes: Columns, state: State
) -> None:
    mine = await row(store, 1, state=State.OPEN, tried=Do.CANCEL, attempts=3, **changes)
    await store.do(lambda tx: tx.nodes.close(mine.id, NOW))
    there = await read(store, mine.id)
    assert (there.state, there.tried) == (state, None)
    assert (there.due_at, there.lane) == (due_now(NOW), Lane.BACKGROUND)


async def test_closing_never_overrides_another_word(store: Store) -> None:
    for number, state in enumerate(each for each in State if each is not State.OPEN):
        mine = await row(store, number, state=state)
        await store.do(lambda tx, mine=mine: tx.nodes.close(mine.id, NOW))
        assert await read(store, mine.id) == mine
    await store.do(lambda tx: tx.nodes.close(999, NOW))


async def test_open_rows_come_in_pages_the_newest_first_with_whose_they_are(store: Store) -> None:
    rows = [
        await row(store, number, state=State.OPEN, expires_at=100 + number, expiry_s=60)
        for number in range(6)
    ]
    rows += [
        await row(store, 10, state=State.OPEN, lane=Lane.OTHER_NODE, node_id="b"),
        await row(store, 11, state=State.OPEN, unconfirmed=True, node_id="a"),
    ]
    await row(store, 12, state=State.SETTLED)
    found: list[Open] = []
    while page := await store.do(
        lambda tx, below=found[-1].row_id if found else None: tx.nodes.open_page(below, 3)
    ):
        assert len(page) <= 3
        found += page
    assert found == [
        Open(
            row_id=each.id,
            payment_hash=each.payment_hash,
            node_id=each.node_id,
            is_aside=each.lane is Lane.OTHER_NODE,
            is_unconfirmed=each.unconfirmed,
            created_at=each.expires_at - each.expiry_s,
        )
        for each in reversed(rows)
    ]


async def test_what_the_node_has_open_is_confirmed_once(store: Store) -> None:
    lapsed = await row(store, 1, state=State.OPEN, unconfirmed=True, due_at=None)
    closed = await row(store, 2, state=State.EXPIRED, unconfirmed=True)
    there = await store.do(lambda tx: tx.nodes.confirm(lapsed.id, NOW))
    assert there is not None
    assert (there.unconfirmed, there.due_at) == (False, due_now(NOW))
    for each in (lapsed, closed):
        assert await store.do(lambda tx, each=each: tx.nodes.confirm(each.id, NOW)) is None


async def test_a_cursor_belongs_to_its_node(store: Store) -> None:
    assert await store.do(lambda tx: tx.nodes.cursor("a")) == Cursor()
    for cursor in (Cursor(5, b"5" * 32, 7), Cursor(9, b"9" * 32, 8), Cursor()):
        await store.do(lambda tx, cursor=cursor: tx.nodes.set_cursor("a", cursor, NOW))
        assert await store.do(lambda tx: tx.nodes.cursor("a")) == cursor
    assert await store.do(lambda tx: tx.nodes.cursor("b")) == Cursor()


async def test_the_node_that_was_recorded_last_is_known(store: Store) -> None:
    assert await store.do(lambda tx: tx.nodes.last()) == ""
    for node_id, now in (("a", NOW), ("b", NOW + 1), ("a", NOW + 2)):
        await store.do(lambda tx, n=node_id, at=now: tx.nodes.set_cursor(n, Cursor(1), at))
        assert await store.do(lambda tx: tx.nodes.last()) == node_id


async def test_a_payment_and_its_cursor_are_written_together_or_not_at_all(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN)

    def fails(tx: Tx) -> None:
        tx.nodes.settle(mine.payment_hash, now=NOW, **SETTLED)
        tx.nodes.set_cursor("a", Cursor(3), NOW)
        raise KeyError

    with pytest.raises(KeyError):
        await store.do(fails)
    assert await read(store, mine.id) == mine
    assert await store.do(lambda tx: tx.nodes.cursor("a")) == Cursor()


async def test_open_rows_of_another_node_are_set_aside_until_it_is_back(store: Store) -> None:
    theirs = await row(store, 1, state=State.OPEN, node_id="a")
    nobodys = await row(store, 2, state=State.OPEN)
    closed = await row(store, 3, state=State.EXPIRED, node_id="a")
    waits = {"lane": Lane.UNREACHABLE, "due_at": None}
    waiting = await row(store, 4, state=State.OPEN, node_id="a", **waits)

    assert await store.do(lambda tx: tx.nodes.set_aside_others("b", NOW)) == 1
    assert await store.do(lambda tx: tx.nodes.set_aside_others("b", NOW)) == 0
    aside = await read(store, theirs.id)
    assert (aside.lane, aside.due_at) == (Lane.OTHER_NODE, theirs.due_at)
    assert await read(store, nobodys.id) == nobodys  # it is "b"'s once that knows it
    assert await read(store, waiting.id) == waiting  # its chat makes it due
    await store.do(lambda tx: [tx.nodes.claim(each.id, "b") for each in (nobodys, theirs)])
    assert (await read(store, nobodys.id)).node_id == "b"
    assert (await read(store, theirs.id)).node_id == "a"
    assert await read(store, closed.id) == closed

    # what is of "b" now
    assert await store.do(lambda tx: tx.nodes.set_aside_others("a", NOW + 5)) == 1
    back = await read(store, theirs.id)
    assert (back.lane, back.due_at) == (Lane.BACKGROUND, due_now(NOW + 5))
