"""Figures, pages and entries of all rows."""

from __future__ import annotations

from dataclasses import astuple

from bot.actions import ledger
from bot.core.board import BoardState
from bot.core.invoice import State
from bot.core.ledger import PAGE, Overview, Position, Scope, Show, Turn
from bot.core.period import Period
from bot.core.work import MAX_FAULTS
from bot.store import Store
from tests.store.bills import BERT, bill
from tests.store.made import ASKER, CHAT, NOW, row

ALL = Scope()


async def listed(store: Store, scope: Scope, show: Show = Show.ALL) -> list[int]:
    page = await store.do(ledger.page_of, scope, show, None)
    return [each.id for each in page.items]


async def test_figures_of_nothing(store: Store) -> None:
    found = await store.do(ledger.figures, NOW)
    assert found == Overview(0, 0, 0, 0, NOW, 0, 0, 0, 0, 0)


async def test_figures_are_of_all_nodes(store: Store) -> None:
    await row(store, 1, state=State.OPEN, amount_msat=1000)
    await row(store, 2, state=State.OPEN, amount_msat=0)
    await row(store, 3, state=State.OPEN, unconfirmed=True)
    await row(store, 4, state=State.PENDING, faults=MAX_FAULTS, retry_at=1.0)
    for number, node in enumerate(("", "a", "b")):
        for late in (0, 100):
            await row(
                store,
                10 + 10 * number + late,
                state=State.SETTLED,
                node_id=node,
                settled_at=int(NOW) + late + number,
                paid_msat=1000 + number,
            )
    await row(store, 5, state=State.EXPIRED, node_id="b")
    await bill(store, 6, faults=MAX_FAULTS, retry_at=1.0)
    found = await store.do(ledger.figures, NOW + 50)
    assert {type(each) for each in astuple(found)} <= {int, float}  # JSON knows no other numbers
    assert found == Overview(
        open_count=2,
        open_msat=1000,
        pending=1,
        unconfirmed=1,
        paid_since=NOW + 50,
        paid_count=3,
        paid_msat=3003,
        last_paid_at=int(NOW) + 102,
        last_paid_msat=1002,
        stuck=1,
        stuck_boards=1,
    )


async def test_lists_are_of_a_person_of_a_chat_or_of_everyone(store: Store) -> None:
    first = await row(store, 1)
    second = await row(store, 2, chat_id=-2)
    third = await row(store, 3, asker_id=BERT)
    await row(store, 4, amount_msat=None, state=State.ASKING)
    assert await listed(store, ALL) == [third.id, second.id, first.id]
    assert await listed(store, Scope(ASKER)) == [second.id, first.id]
    assert await listed(store, Scope(ASKER, CHAT)) == [first.id]
    assert await listed(store, Scope(ASKER, -7)) == []


async def test_lists_are_of_what_is_open_or_paid(store: Store) -> None:
    ids = {}
    for number, state in enumerate(State):
        ids[state] = (await row(store, number + 1, state=state)).id
    for scope in (ALL, Scope(ASKER), Scope(ASKER, CHAT)):
        assert await listed(store, scope, Show.OPEN) == [ids[State.OPEN], ids[State.PENDING]]
        assert await listed(store, scope, Show.PAID) == [ids[State.SETTLED]]


async def test_boards_are_among_them_in_the_order_of_asking(store: Store) -> None:
    first = await row(store, 1)
    second = await bill(store, 2, asked_at=NOW + 1.5)
    third = await row(store, 3)
    over = await bill(store, 4, asked_at=NOW, state=BoardState.CLOSED)
    await bill(store, 5, asker_id=BERT, asked_at=NOW)
    page = await store.do(ledger.page_of, Scope(ASKER), Show.ALL, None)
    assert list(page.items) == [third, second, first, over]
    page = await store.do(ledger.page_of, Scope(ASKER), Show.OPEN, None)
    assert list(page.items) == [third, second, first]
    assert list((await store.do(ledger.page_of, Scope(ASKER), Show.PAID, None)).items) == []
    part = await row(store, 6, board_id=over.id, state=State.SETTLED, asker_id=BERT)
    page = await store.do(ledger.page_of, Scope(ASKER), Show.PAID, None)
    assert [each.id for each in page.items] == [over.id]
    page = await store.do(ledger.page_of, ALL, Show.PAID, None)
    assert [each.id for each in page.items] == [part.id, over.id]


async def test_every_row_is_on_one_page_whichever_way_one_goes(store: Store) -> None:
    for number in range(1, 3 * PAGE + 3):
        await row(store, number, asked_at=NOW + number // 2)  # two in each moment
    seen: list[int] = []
    page = await store.do(ledger.page_of, ALL, Show.ALL, None)
    while True:
        seen += [each.id for each in page.items]
        if page.older is None:
            break
        page = await store.do(ledger.page_of, ALL, Show.ALL, page.older)
    assert len(seen) == len(set(seen)) == 3 * PAGE + 2
    back = [each.id for each in page.items]
    while page.newer is not None:
        page = await store.do(ledger.page_of, ALL, Show.ALL, page.newer)
        back = [each.id for each in page.items] + back
    assert set(back) == set(seen)
    assert len(page.items) == PAGE + 1 or len(page.items) == PAGE


async def test_entries_come_once_each_the_oldest_first(store: Store) -> None:
    ids = [(await row(store, number, asked_at=NOW + number // 3)).id for number in range(1, 11)]
    await row(store, 11, amount_msat=None, state=State.ASKING)
    after: Position | None = Position()
    hashes: list[str] = []
    while after is not None:
        found, after = await store.do(ledger.entries_of, Period(), after, 4)
        hashes += [each.payment_hash for each in found]
    assert len(hashes) == len(set(hashes)) == len(ids)
    some = await store.do(lambda tx: tx.ledger.entries(Period(NOW + 1, NOW + 2), Position(), 9))
    assert [each.asked_at for each in some] == [NOW + 1] * 3


async def test_nothing_is_behind_the_last_page(store: Store) -> None:
    await row(store, 1)
    turn = Turn(NOW - 100, is_newer=False)
    page = await store.do(ledger.page_of, ALL, Show.ALL, turn)
    assert len(page.items) == 1
    assert (page.newer, page.older) == (None, None)
