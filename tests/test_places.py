"""Chats as places: their present ids, and whether they can be reached; also after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.clock import steady
from bot.core.invoice import Invoice, State, changes
from bot.core.work import Lane, unreachable
from bot.errors import StoreUnavailable
from bot.places import Places
from bot.store import Bell, Store, Tx, sqlite

NOW = 1_800_000_000.0
OLD, NEW, NEWER = -100, -1_000_100, -1_000_200
OTHER = -7


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}")
    yield store
    await store.close()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def places(store: Store, bell: Bell) -> Places:
    return Places(store, lambda: NOW, bell)


async def after_a_restart(store: Store) -> Places:
    places = Places(store, lambda: NOW, Bell())
    await places.load()
    return places


def add(tx: Tx, chat_id: int) -> Invoice:
    row, _ = tx.invoices.add(
        origin_chat_id=chat_id,
        origin_message_id=1,
        chat_id=chat_id,
        asker_id=11,
        asker_name="Anna",
        asked_at=NOW,
        amount_msat=21_000,
        expiry_s=3600,
        payment_hash=bytes(32),
        state=State.OPEN,
        card_id=7,
    )
    return row


def get(tx: Tx, row_id: int) -> Invoice | None:
    return tx.invoices.get(row_id)


async def test_a_chat_that_never_moved_is_itself(places: Places) -> None:
    assert places.now(OTHER) == OTHER
    assert places.ids(OTHER) == {OTHER}
    assert not places.is_unreachable(OTHER)


@pytest.mark.parametrize("again", [False, True])
async def test_a_group_is_known_by_every_id_that_it_ever_had(
    store: Store, places: Places, again: bool
) -> None:
    await places.moved(OLD, NEW, must=False)
    await places.moved(NEW, NEWER, must=True)
    places = await after_a_restart(store) if again else places
    for each in (OLD, NEW, NEWER):
        assert places.now(each) == NEWER
        assert places.ids(each) == {OLD, NEW, NEWER}
    assert places.ids(OTHER) == {OTHER}


async def test_a_move_that_is_heard_of_out_of_order_leads_to_the_same_place(
    places: Places,
) -> None:
    await places.moved(NEW, NEWER, must=False)
    await places.moved(OLD, NEW, must=False)
    assert {places.now(each) for each in (OLD, NEW, NEWER)} == {NEWER}


async def test_a_row_that_came_late_moves_with_the_group(
    store: Store, places: Places, bell: Bell
) -> None:
    await places.moved(OLD, NEW, must=False)
    row = await store.do(add, OLD)  # by a command that was read before
    bell.take()
    await places.moved(OLD, NEW, must=True)
    moved = await store.do(get, row.id)
    assert moved is not None
    assert (moved.chat_id, moved.card_id) == (NEW, None)
    assert bell.take().is_all


@pytest.mark.parametrize("again", [False, True])
async def test_a_chat_that_is_lost_is_unreachable_until_it_is_heard_of(
    store: Store, places: Places, again: bool
) -> None:
    await places.lost(OTHER, must=True)
    places = await after_a_restart(store) if again else places
    assert places.is_unreachable(OTHER)
    assert not places.is_unreachable(OLD)
    await places.heard(OTHER)
    assert not places.is_unreachable(OTHER)
    assert not (await after_a_restart(store)).is_unreachable(OTHER)


@pytest.mark.parametrize(
    ("away_s", "is_unreachable"), [(None, True), (86_000.0, True), (86_401.0, False)]
)
async def test_after_so_long_that_telegram_forgets_each_chat_is_tried_once_more(
    store: Store, places: Places, away_s: float | None, is_unreachable: bool
) -> None:
    """Somebody may have let the bot in again."""
    row = await store.do(add, OLD)
    await store.do(lambda tx: tx.invoices.update(row.id, **changes(**unreachable())))
    await places.lost(OLD, must=True)
    if away_s is not None:
        await store.beat(NOW - away_s)
    found = await after_a_restart(store)
    assert found.is_unreachable(OLD) is is_unreachable
    there = await store.do(lambda tx: tx.invoices.get(row.id))
    assert there is not None
    assert (there.lane is Lane.UNREACHABLE) is is_unreachable


async def test_a_group_that_only_mutes_the_bot_takes_edits_until_one_is_refused(
    places: Places,
) -> None:
    group, person = OTHER, -OTHER
    await places.lost(group, must=True, is_muted=True)
    assert places.is_unreachable(group)
    assert places.takes_edits(group)
    assert not places.takes_edits(person)
    await places.lost(group, must=True)
    assert not places.takes_edits(group)
    await places.heard(group)
    assert places.takes_edits(group)


async def test_what_was_heard_of_a_chat_since_it_was_asked_for_is_newer_than_its_refusal(
    store: Store, places: Places
) -> None:
    asked_at = steady()
    await places.heard(OTHER, surely=True)
    await places.heard(OLD)  # a group that may have muted the bot
    for chat_id in (OTHER, OLD):
        await places.lost(chat_id, must=True, asked_at=asked_at)
    assert [places.is_unreachable(each) for each in (OTHER, OLD)] == [False, True]
    assert not (await after_a_restart(store)).is_unreachable(OTHER)
    await places.lost(OTHER, must=True, asked_at=steady())
    assert places.is_unreachable(OTHER)


async def test_what_waits_for_a_chat_goes_on_once_it_is_heard_of(
    places: Places, bell: Bell
) -> None:
    await places.heard(OTHER)
    assert not bell.take().is_all  # it was never lost
    await places.lost(OTHER, must=False)
    await places.heard(OTHER)
    assert bell.take().is_all


async def test_a_chat_is_unreachable_only_once_it_is_written(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'closed.db'}")
    places = Places(store, lambda: NOW, Bell())
    await store.close()
    with pytest.raises(StoreUnavailable):
        await places.lost(OTHER, must=False)
    with pytest.raises(StoreUnavailable):
        await places.moved(OLD, NEW, must=False)
    assert not places.is_unreachable(OTHER)
    assert places.now(OLD) == OLD


async def test_a_step_waits_until_the_database_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.01)
    file = tmp_path / "busy.db"
    store = await Store.open(f"sqlite:///{file}")
    places = Places(store, lambda: NOW, Bell())
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(places.lost(OTHER, must=True))
    with pytest.raises(StoreUnavailable):
        await places.lost(OLD, must=False)
    assert not waiting.done()
    other.execute("ROLLBACK")
    async with asyncio.timeout(30):
        await waiting
    assert (places.is_unreachable(OTHER), places.is_unreachable(OLD)) == (True, False)
    other.close()
    await store.close()


async def test_another_bot_is_known_only_once_it_is_written(store: Store, bell: Bell) -> None:
    places = Places(store, lambda: NOW, bell)
    await places.load()
    assert places.bot_id == 0
    await places.serve(111)
    await places.lost(OTHER, must=True)
    assert not bell.take().is_all
    again = await after_a_restart(store)
    assert again.bot_id == 111
    await again.serve(222)
    assert (again.bot_id, again.is_unreachable(OTHER)) == (222, False)
    assert (await after_a_restart(store)).bot_id == 222


async def test_a_group_is_never_back_at_an_id_that_it_has_left(
    places: Places, store: Store
) -> None:
    assert await places.moved(OLD, NEW, must=True)
    assert await places.moved(OLD, NEW, must=True)  # as each row of it says
    assert await places.moved(NEW, NEWER, must=True)
    for back in (OLD, NEW):
        assert not await places.moved(NEWER, back, must=True)
    assert not await places.moved(NEWER, NEWER, must=True)
    for known in (places, await after_a_restart(store)):
        assert {known.now(each) for each in (OLD, NEW, NEWER)} == {NEWER}
