"""Bots: where another one serves the chats, messages of the one before are nobody's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.invoice import Columns, Face, State
from bot.core.work import Lane, due_now
from bot.store import Store
from tests.store.made import ASKER, CHAT, NOW, SHOWN, columns, opened, read, row
from tests.store.test_migrations import add, at_version

FIRST, SECOND = 111, 222
SUPERGROUP = -1_002_000_000_001
BY_FIRST: Columns = {**SHOWN, "bot_id": FIRST}


async def begin(store: Store, bot_id: int) -> int:
    return await store.do(lambda tx: tx.bots.begin(bot_id, NOW))


@pytest.mark.parametrize("chat_id", [CHAT, ASKER, SUPERGROUP])
async def test_what_is_open_is_shown_afresh_by_another_bot(store: Store, chat_id: int) -> None:
    await begin(store, FIRST)
    mine = await row(store, 1, chat_id=chat_id, state=State.OPEN, lane=Lane.BACKGROUND, **BY_FIRST)
    assert await begin(store, SECOND) == 1
    assert await read(store, mine.id) == replace(
        mine,
        # the command that was replied to: a supergroup's numbers are the same for every bot
        reply_to=mine.reply_to if chat_id == SUPERGROUP else None,
        card_id=None,
        card_shown=Face.NOTHING,
        payment_request_id=None,
        payment_request_shown=Face.NOTHING,
        duplicates={},
        sending=None,
        due_at=due_now(NOW),
        lane=Lane.COMMAND,
    )


async def test_what_is_done_stays_done_and_no_message_finds_it(store: Store) -> None:
    await begin(store, FIRST)
    done: Columns = {"state": State.SETTLED, "announced": True, "due_at": None, "bot_id": FIRST}
    mine = await row(store, 1, card_id=100, card_shown=Face.PAID, **done)
    assert await begin(store, SECOND) == 0
    assert await read(store, mine.id) == replace(mine, card_id=None, reply_to=None)
    for number in (100, mine.origin_message_id):
        found = await store.do(lambda tx, n=number: tx.invoices.by_message(CHAT, n, bot_id=SECOND))
        assert found is None


async def test_a_supergroups_command_is_known_to_every_bot(store: Store) -> None:
    await begin(store, FIRST)
    where: Columns = {"chat_id": SUPERGROUP, "origin_chat_id": SUPERGROUP, "bot_id": FIRST}
    mine = await row(store, 1, **where)
    await begin(store, SECOND)
    found = await store.do(lambda tx: tx.invoices.by_message(SUPERGROUP, 1, bot_id=SECOND))
    assert found is not None
    assert found.id == mine.id


async def test_the_same_bot_changes_nothing(store: Store) -> None:
    await begin(store, FIRST)
    mine = await row(store, 1, state=State.OPEN, **BY_FIRST)
    await store.do(lambda tx: tx.memory.set_picture("paid", "file-1"))
    assert await begin(store, FIRST) == 0
    assert await read(store, mine.id) == mine
    assert await store.do(lambda tx: tx.memory.picture("paid")) == "file-1"


async def test_the_origin_is_unique_for_each_bot_also_for_one_that_returns(store: Store) -> None:
    first = await row(store, 1, bot_id=FIRST)
    second = columns(1, bot_id=SECOND, payment_hash=b"2" * 32)
    _, is_new = await store.do(lambda tx: tx.invoices.add(**second))
    assert is_new
    again = columns(1, bot_id=FIRST, payment_hash=b"3" * 32)
    assert await store.do(lambda tx: tx.invoices.add(**again)) == (first, False)


async def test_pictures_are_forgotten_and_hints_stay(store: Store) -> None:
    await begin(store, FIRST)
    await store.do(lambda tx: tx.memory.set_picture("paid", "file-1"))
    hint = {"now": NOW, "every_s": 60.0}
    assert await store.do(lambda tx: tx.memory.claim_hint("late", 1, **hint))
    await begin(store, SECOND)
    assert await store.do(lambda tx: tx.memory.picture("paid")) is None
    assert not await store.do(lambda tx: tx.memory.claim_hint("late", 1, **hint))


async def test_a_chat_that_blocked_one_bot_may_welcome_another(store: Store) -> None:
    await begin(store, FIRST)
    await store.do(lambda tx: tx.chats.set_unreachable(SUPERGROUP, True, NOW))
    waits = await row(store, 1, chat_id=SUPERGROUP, lane=Lane.UNREACHABLE, due_at=None)
    await store.do(lambda tx: tx.chats.move(CHAT, SUPERGROUP, NOW))
    await begin(store, SECOND)
    assert await store.do(lambda tx: tx.chats.unreachable()) == set()
    assert await store.do(lambda tx: tx.chats.moves()) == {CHAT: SUPERGROUP}
    there = await read(store, waits.id)
    assert (there.lane, there.due_at) == (Lane.COMMAND, due_now(NOW))


async def test_another_nodes_row_stays_aside(store: Store) -> None:
    await begin(store, FIRST)
    mine = await row(store, 1, state=State.OPEN, lane=Lane.OTHER_NODE, due_at=None, **BY_FIRST)
    assert await begin(store, SECOND) == 0
    there = await read(store, mine.id)
    assert (there.lane, there.due_at, there.card_shown) == (Lane.OTHER_NODE, None, Face.NOTHING)


async def test_rows_from_before_bots_were_told_apart_become_the_first_ones(file: Path) -> None:
    with at_version(file, "0003") as (connection, table):
        add(connection, table, 1, card_id=100)
    async with opened(file) as store:
        assert await store.do(lambda tx: tx.bots.last()) == 0
        assert (await read(store, 1)).bot_id == 0
        assert await begin(store, FIRST) == 0
        mine = await read(store, 1)
        assert (mine.bot_id, mine.card_id) == (FIRST, 100)
    async with opened(file) as store:
        assert await store.do(lambda tx: tx.bots.last()) == FIRST
