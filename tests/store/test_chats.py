"""Chats: a group that moves takes its rows along, one that cannot be reached gets them back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core import delivery, work
from bot.core.invoice import Columns, Face, Invoice, State
from bot.core.work import Do, Lane, due_now
from bot.store import Store
from tests.store.made import CHAT, NOW, SHOWN, read, row


async def moved(store: Store, mine: Invoice) -> Invoice:
    await store.do(lambda tx: tx.chats.move(CHAT, -1000, NOW))
    return await read(store, mine.id)


async def test_a_group_that_moves_takes_its_rows_along_and_open_ones_are_shown_afresh(
    store: Store,
) -> None:
    mine = await row(store, 1, state=State.OPEN, lane=Lane.BACKGROUND, **SHOWN)
    elsewhere = await row(store, 2, chat_id=-9, state=State.OPEN, **SHOWN)
    there = await moved(store, mine)
    assert there == replace(
        mine,
        chat_id=-1000,
        reply_to=None,
        card_id=None,
        card_shown=Face.NOTHING,
        payment_request_id=None,
        payment_request_shown=Face.NOTHING,
        duplicates={},
        sending=None,
        due_at=due_now(NOW),
        lane=Lane.COMMAND,
    )
    assert await read(store, elsewhere.id) == elsewhere
    assert await store.do(lambda tx: tx.chats.moves()) == {CHAT: -1000}


async def test_what_is_done_is_not_shown_again_where_the_group_moved_to(store: Store) -> None:
    done: Columns = {"state": State.EXPIRED, "card_id": 100, "card_shown": Face.EXPIRED}
    mine = await row(store, 1, **done, due_at=None)
    there = await moved(store, mine)
    assert there == replace(mine, chat_id=-1000, card_id=None, reply_to=None)
    # message 100 is somebody else's in the new group
    assert await store.do(lambda tx: tx.invoices.by_message(-1000, 100)) is None


UNFINISHED: list[Columns] = [
    *({"state": each} for each in (State.ASKING, State.PENDING, State.OPEN)),
    {"state": State.SETTLED, "due_at": NOW},
    {"state": State.EXPIRED, "lane": Lane.UNREACHABLE},
]


@pytest.mark.parametrize("unfinished", UNFINISHED)
async def test_what_is_unfinished_is_due_where_the_group_moved_to(
    store: Store, unfinished: Columns
) -> None:
    resting: Columns = {"due_at": None, "card_id": 100, "card_shown": Face.OPEN}
    there = await moved(store, await row(store, 1, **{**resting, **unfinished}))
    assert (there.card_shown, there.due_at, there.lane) == (
        Face.NOTHING,
        due_now(NOW),
        Lane.COMMAND,
    )


@pytest.mark.parametrize("do", sorted(work.SENDS))
async def test_a_notice_that_was_on_its_way_when_its_group_moved_may_be_there_a_cards_copy_is_void(
    store: Store, do: Do
) -> None:
    mine = await row(store, 1, state=State.SETTLED, sending=do, unsure=frozenset({Do.SEND_CARD}))
    there = await moved(store, mine)
    notices = {Do.ANNOUNCE, Do.REMIND} & {do}
    expected = {Do.SEND_CARD, *notices}
    after_a_kill = replace(there, **delivery.left_behind(there))
    assert (after_a_kill.sending, after_a_kill.unsure) == (None, expected)


async def test_an_outcome_in_the_old_group_is_not_written_once_it_moved(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, sending=Do.SEND_CARD)
    await moved(store, mine)
    sent: Columns = {"card_id": 100, "card_shown": Face.OPEN}
    there = await store.do(
        lambda tx: tx.invoices.update_if(mine.id, {"chat_id": mine.chat_id}, **sent)
    )
    assert there is None


async def test_another_nodes_row_stays_aside_when_its_group_moves(store: Store) -> None:
    mine = await row(store, 1, state=State.OPEN, lane=Lane.OTHER_NODE, due_at=None, **SHOWN)
    there = await moved(store, mine)
    assert (there.chat_id, there.lane, there.due_at) == (-1000, Lane.OTHER_NODE, None)
    assert (there.card_shown, there.sending) == (Face.NOTHING, None)


async def test_a_group_that_moves_twice_is_tracked(store: Store) -> None:
    mine = await row(store, 1)
    for old, new in ((CHAT, -1000), (-1000, -2000), (CHAT, -1000)):
        await store.do(lambda tx, old=old, new=new: tx.chats.move(old, new, NOW))
    assert (await read(store, mine.id)).chat_id == -2000
    assert await store.do(lambda tx: tx.chats.moves()) == {CHAT: -1000, -1000: -2000}


async def test_a_chat_that_is_reachable_again_has_its_rows_due(store: Store) -> None:
    waits = await row(store, 1, lane=Lane.UNREACHABLE, due_at=None, retry_at=NOW + 50)
    other = await row(store, 2, chat_id=-9, lane=Lane.UNREACHABLE, due_at=None)
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, True, NOW))
    await store.do(lambda tx: tx.chats.set_unreachable(-9, True, NOW))
    assert await store.do(lambda tx: tx.chats.unreachable()) == {CHAT, -9}
    assert await store.do(lambda tx: tx.chats.is_unreachable(CHAT))
    assert not await store.do(lambda tx: tx.chats.is_unreachable(-3))
    assert await read(store, waits.id) == waits

    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, False, NOW))
    assert await store.do(lambda tx: tx.chats.unreachable()) == {-9}
    there = await read(store, waits.id)
    assert (there.lane, there.due_at, there.retry_at) == (Lane.COMMAND, due_now(NOW), 0.0)
    assert await read(store, other.id) == other


async def test_a_payment_that_nobody_could_be_told_of_is_due_once_anybody_is_heard_of(
    store: Store,
) -> None:
    there = {"chat_id": -9, "lane": Lane.UNREACHABLE, "due_at": None}
    paid = await row(store, 1, **there, state=State.SETTLED)
    told = await row(store, 2, **there, state=State.SETTLED, announced=True)
    is_open = await row(store, 3, **there, state=State.OPEN)
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, False, NOW))
    woken = await read(store, paid.id)
    assert (woken.lane, woken.due_at) == (Lane.COMMAND, due_now(NOW))
    assert [await read(store, each.id) for each in (told, is_open)] == [told, is_open]

    again = await row(store, 4, **there, state=State.SETTLED)
    await store.do(lambda tx: tx.chats.wake_unannounced(NOW))
    assert (await read(store, again.id)).due_at == due_now(NOW)
    assert await read(store, told.id) == told


async def test_whether_a_chat_is_reachable_and_whether_it_moved_are_kept_apart(
    store: Store,
) -> None:
    async def known() -> tuple[set[int], dict[int, int]]:
        return await store.do(lambda tx: (tx.chats.unreachable(), tx.chats.moves()))

    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, True, NOW))
    await store.do(lambda tx: tx.chats.move(CHAT, -1000, NOW))
    assert await known() == ({CHAT}, {CHAT: -1000})
    await store.do(lambda tx: tx.chats.set_unreachable(CHAT, False, NOW))
    assert await known() == (set(), {CHAT: -1000})


# what expired in a chat that nothing reached


async def back(store: Store, mine: Invoice, *, chat_id: int = CHAT) -> Invoice:
    await store.do(lambda tx: tx.chats.set_unreachable(chat_id, False, NOW))
    return await read(store, mine.id)


REST: Columns = {"state": State.OPEN, "lane": Lane.UNREACHABLE, "due_at": None}


async def test_what_expired_unseen_needs_no_card_once_its_chat_is_back(store: Store) -> None:
    mine = await row(store, 1, **REST, expires_at=int(NOW) - 1, sending=Do.SEND_CARD)
    there = await back(store, mine)
    assert (there.state, there.card_shown, there.card_id) == (State.OPEN, Face.EXPIRED, None)
    assert there.sending is None
    assert there.due_at == due_now(NOW)  # whether it was paid is the node's to say


SEEN: list[Columns] = [
    {"expires_at": int(NOW) + 1},
    {"card_id": 100, "card_shown": Face.OPEN},
    {"card_id": 100, "card_shown": Face.WAITING},
    {"unsure": frozenset({Do.SEND_CARD})},
    {"lane": Lane.COMMAND},
    {"state": State.ASKING, "expires_at": 0},
    {"state": State.PENDING, "expires_at": 0},
    {"state": State.SETTLED},
]


@pytest.mark.parametrize("seen", SEEN, ids=[str(list(each)) for each in SEEN])
async def test_what_is_open_or_was_seen_or_paid_is_shown_once_its_chat_is_back(
    store: Store, seen: Columns
) -> None:
    values: Columns = {**REST, "expires_at": int(NOW) - 1, **seen}
    mine = await row(store, 1, **values)
    assert (await back(store, mine)).card_shown is mine.card_shown
    elsewhere = await row(store, 2, **REST, expires_at=int(NOW) - 1)
    assert (await back(store, elsewhere, chat_id=-9)).card_shown is Face.NOTHING
