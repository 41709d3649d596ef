"""Who asks to be let in, as rows; and who was let in, as another process reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.grants import Grant, Granted, Role
from bot.core.knocks import ASKER, Due, Knock, KnockState
from bot.store import Store, Tx, peek
from tests.store.made import NOW, opened, url

OWNER, OTHER, PERSON = 1, 2, 7
BOT, OTHER_BOT = 100, 200


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path / "bot.db") as store:
        yield store


def knock(handle: str = "a", at: float = NOW) -> Knock:
    return Knock(
        id=0,
        handle=handle,
        person_id=PERSON,
        name="Ben",
        username="ben",
        chat_id=-5,
        chat_title="Club",
        thread_id=None,
        reply_to=9,
        asked_at=at,
        told=True,
    )


def add(tx: Tx, asked: Knock) -> Knock:
    return tx.knocks.add(asked, [OWNER, OTHER])


def due(tx: Tx) -> list[Due]:
    return tx.knocks.due()


def show(tx: Tx, number: int, reader: int, state: KnockState, message: int | None) -> None:
    tx.knocks.show(number, reader, state, message)


def answer(tx: Tx, number: int, state: KnockState) -> None:
    tx.knocks.answer([number], state, "Olga", NOW)


def begin(tx: Tx, bot_id: int) -> None:
    tx.bots.begin(bot_id, NOW)


def prune(tx: Tx, before: float) -> None:
    tx.knocks.prune(before, keep_open=2, keep_groups=2, told_since=NOW + 9)


def handles(tx: Tx) -> list[str]:
    return [each.handle for each in tx.knocks.open()]


def put(tx: Tx, grant: Grant) -> None:
    tx.grants.put(grant)


async def readers(store: Store) -> list[tuple[int, int | None]]:
    return [(each.reader_id, each.message_id) for each in await store.do(due)]


async def test_each_owner_is_to_be_shown_a_knock_and_the_chat_what_becomes_of_it(
    store: Store,
) -> None:
    made = await store.do(add, knock())
    assert await readers(store) == [(OWNER, None), (OTHER, None)]
    await store.do(show, made.id, OWNER, KnockState.OPEN, 50)
    await store.do(show, made.id, OTHER, KnockState.OPEN, None)
    assert await readers(store) == []
    await store.do(answer, made.id, KnockState.ALLOWED)
    assert await readers(store) == [(ASKER, None), (OWNER, 50), (OTHER, None)]


async def test_what_was_rendered_counts_as_shown_not_what_is_so_by_then(store: Store) -> None:
    made = await store.do(add, knock())
    await store.do(answer, made.id, KnockState.REFUSED)
    await store.do(show, made.id, OWNER, KnockState.OPEN, 50)
    assert (OWNER, 50) in await readers(store)


async def test_another_bots_messages_are_void_and_only_what_is_open_is_sent_again(
    store: Store,
) -> None:
    await store.do(begin, BOT)
    for handle, state in (("a", KnockState.OPEN), ("b", KnockState.REFUSED)):
        made = await store.do(add, knock(handle))
        for reader in (OWNER, OTHER, ASKER):
            await store.do(show, made.id, reader, state, 50)
        if state is not KnockState.OPEN:
            await store.do(answer, made.id, state)
    await store.do(begin, OTHER_BOT)
    those = await store.do(due)
    assert [(each.knock.handle, each.reader_id) for each in those] == [("a", OWNER), ("a", OTHER)]
    assert [each.message_id for each in those] == [None, None]


async def test_old_knocks_and_all_open_ones_but_the_newest_are_forgotten(store: Store) -> None:
    for number, handle in enumerate("abcd"):
        await store.do(add, knock(handle, NOW + number))
    await store.do(prune, NOW)
    assert await store.do(handles) == ["d", "c"]
    await store.do(prune, NOW + 3)
    assert await store.do(handles) == ["d"]
    assert {each.knock.handle for each in await store.do(due)} == {"d"}


async def test_another_process_reads_who_was_let_in_beside_a_running_one(
    store: Store, tmp_path: Path
) -> None:
    address = url(tmp_path / "bot.db")
    for subject_id, role in ((OWNER, Role.OWNER), (PERSON, Role.USER), (-5, Role.CHAT)):
        await store.do(put, Grant(subject_id, role))
    expected = Granted(frozenset({OWNER}), frozenset({PERSON}), frozenset({-5}))
    assert peek.granted(address) == expected


async def test_so_it_does_where_none_runs(tmp_path: Path) -> None:
    async with opened(tmp_path / "bot.db") as store:
        await store.do(put, Grant(OWNER, Role.OWNER))
    assert peek.granted(url(tmp_path / "bot.db")) == Granted(owners=frozenset({OWNER}))


@pytest.mark.parametrize("content", [None, b"", b"no database", b"SQLite format 3\0" + b"x" * 100])
def test_where_nothing_can_be_read_nobody_was_let_in(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "bot.db"
    if content is not None:
        file.write_bytes(content)
    assert peek.granted(url(file)) == Granted()
    assert [each.name for each in tmp_path.iterdir()] == ([] if content is None else ["bot.db"])


async def test_a_late_answer_is_kept_as_long_as_an_early_one(store: Store) -> None:
    made = await store.do(add, knock("a", NOW - 10))
    await store.do(answer, made.id, KnockState.REFUSED)  # at NOW
    await store.do(prune, NOW)
    assert await store.do(has, "a")
    await store.do(prune, NOW + 1)
    assert not await store.do(has, "a")


def has(tx: Tx, handle: str) -> bool:
    return tx.knocks.by_handle(handle) is not None
