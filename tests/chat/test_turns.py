"""Who goes next among thousands of chats: without Telegram, on the loop's own clock."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import tracemalloc

import pytest

from bot.chat import chats as chats_module
from bot.chat import client, limits, replies, turns
from bot.chat.chats import Chats, Say
from bot.chat.client import TelegramBot
from bot.chat.turns import Rank, Sentence, Turns
from bot.core.work import URGENCIES, Lane
from bot.demo.telegram import SimTelegram
from bot.errors import NotSent
from tests.chat.room import started

LIMIT_S = 30.0


@pytest.fixture
def no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BURST", 10**9)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 10**9)


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate lets one out every few milliseconds."""
    monkeypatch.setattr(turns, "BURST", 1)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 200)


async def have(each: Turns, chat_id: int, rank: Rank, order: list[Rank] | None = None) -> None:
    async with each.turn(chat_id, rank):
        if order is not None:
            order.append(rank)


@pytest.mark.usefixtures("one_at_a_time")
async def test_every_edit_goes_before_any_sentence_and_strangers_sentences_go_last() -> None:
    each, order = Turns(), list[Rank]()
    await have(each, 0, Lane.COMMAND)  # the rate is used up
    ranks: list[Rank] = [Sentence.STRANGER] * 5 + [Sentence.KNOWN] * 5
    ranks += [lane for lane in reversed(URGENCIES) for _ in range(5)]
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(
            *(have(each, number, rank, order) for number, rank in enumerate(ranks, 1))
        )
    assert order[20:] == [Sentence.KNOWN] * 5 + [Sentence.STRANGER] * 5


async def test_sentences_leave_half_of_the_rate_to_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BURST", 20)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 0.01)
    each, order = Turns(), list[Rank]()
    said = [
        asyncio.ensure_future(have(each, number, Sentence.KNOWN, order)) for number in range(30)
    ]
    async with asyncio.timeout(LIMIT_S):
        while not order:  # noqa: ASYNC110 -- nothing tells of a turn
            await asyncio.sleep(0)
        cards = (have(each, -number, Lane.COMMAND, order) for number in range(1, 11))
        await asyncio.gather(*cards)
    assert order.count(Sentence.KNOWN) == 10
    each.close()
    await asyncio.gather(*said, return_exceptions=True)


@pytest.mark.usefixtures("no_rate")
async def test_a_choice_takes_no_longer_where_thousands_wait() -> None:
    async def spent_s(count: int) -> float:
        """For one turn, of so many that wait at once."""
        each, least = Turns(), float("inf")
        for _ in range(3):
            began = time.process_time()
            await asyncio.gather(*(have(each, number, Lane.COMMAND) for number in range(count)))
            least = min(least, (time.process_time() - began) / count)
        return least

    few = await spent_s(100)
    assert await spent_s(4000) < 4 * few


@pytest.mark.usefixtures("no_rate")
async def test_ten_thousand_new_chats_leave_no_memory_behind() -> None:
    each = Turns()

    async def wave(count: int) -> None:
        for first in range(0, count, 500):
            turn = (have(each, number, Sentence.STRANGER) for number in range(first, first + 500))
            await asyncio.gather(*turn)

    tracemalloc.start()
    try:
        await wave(500)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        await wave(10_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.parametrize("which", range(4))
async def test_one_that_gives_up_before_its_choice_is_passed_over(which: int) -> None:
    each, order = Turns(), list[Rank]()
    await have(each, 0, Lane.COMMAND)
    tasks = [
        asyncio.ensure_future(have(each, number, rank, order))
        for number, rank in enumerate(URGENCIES, 1)
    ]
    await asyncio.sleep(0)
    tasks[which].cancel()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.wait(tasks)
        await have(each, 1 + which, Lane.COMMAND, order)
    assert len(order) == 4
    assert each.is_free(1 + which)


# chats that hang


def test_messages_in_their_turns_never_take_the_last_connections() -> None:
    beside = replies.PRESSES_AT_ONCE + replies.ADMINS_AT_ONCE + replies.NAMES_AT_ONCE
    assert turns.AT_ONCE + beside < client.CONNECTIONS


@pytest.mark.usefixtures("no_rate")
async def test_a_hundred_and_thirty_chats_that_hang_hold_up_nobody() -> None:
    each, hanging = Turns(), asyncio.Event()

    async def hang(chat_id: int) -> None:
        async with each.turn(chat_id, Lane.PAYMENT):
            await hanging.wait()

    tasks = [asyncio.ensure_future(hang(number)) for number in range(130)]
    async with asyncio.timeout(LIMIT_S):
        for number in range(1000, 1100):
            await have(each, number, Lane.COMMAND)
        hanging.set()
        await asyncio.gather(*tasks)


@pytest.mark.usefixtures("no_rate")
async def test_of_many_hundred_chats_known_to_hang_some_wait_and_all_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "SLOW_AFTER_S", 0.0)
    each, under_way, most = Turns(), 0, 0
    hanging = asyncio.Event()

    async def hang(chat_id: int) -> None:
        nonlocal under_way, most
        async with each.turn(chat_id, Lane.PAYMENT):
            under_way += 1
            most = max(most, under_way)
            await hanging.wait()
            under_way -= 1

    async with asyncio.timeout(LIMIT_S):
        for number in range(500):
            await have(each, number, Lane.COMMAND)  # nobody is as quick as that
        monkeypatch.setattr(turns, "SLOW_AFTER_S", 60.0)
        tasks = [asyncio.ensure_future(hang(number)) for number in range(500)]
        for number in range(1000, 1100):
            await have(each, number, Lane.COMMAND)
        assert most == turns.SLOW_AT_ONCE
        hanging.set()
        await asyncio.gather(*tasks)
    # who answers quickly again counts as quick
    hanging.clear()
    tasks = [asyncio.ensure_future(hang(number)) for number in range(turns.QUICK_AT_ONCE + 9)]
    await asyncio.sleep(0.1)
    assert most == turns.QUICK_AT_ONCE
    hanging.set()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*tasks)
    assert all(map(each.is_free, range(500)))


@pytest.mark.parametrize("hangs_s", [3.0, 60.0], ids=["Telegram's time", "for ever"])
async def test_many_hundred_chats_that_hang_for_the_first_time_hold_up_nobody(
    monkeypatch: pytest.MonkeyPatch, hangs_s: float
) -> None:
    """All ten times as fast; where nothing ends, as many as find a place before that counts."""
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 10 * turns.MESSAGES_PER_S)
    monkeypatch.setattr(turns, "SLOW_AFTER_S", turns.SLOW_AFTER_S / 10)
    loop, each, waits = asyncio.get_running_loop(), Turns(), list[float]()
    count = 1500 if hangs_s < 60 else turns.AT_ONCE - 100
    left = count

    async def hang(chat_id: int) -> None:
        nonlocal left
        async with each.turn(chat_id, Lane.BACKGROUND):
            left -= 1
            await asyncio.sleep(hangs_s)

    tasks = [asyncio.ensure_future(hang(number)) for number in range(count)]
    async with asyncio.timeout(LIMIT_S):
        while left:
            began = loop.time()
            await have(each, 10_000 + len(waits), Lane.COMMAND)
            waits.append(loop.time() - began)
            await asyncio.sleep(0.05)
    assert len(waits) > 20
    assert max(waits) < 1.5
    each.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("no_rate")
async def test_what_hangs_for_the_first_time_counts_as_slow_while_it_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "SLOW_AFTER_S", 0.2)
    each, began, hanging = Turns(), 0, asyncio.Event()

    async def hang(chat_id: int) -> None:
        nonlocal began
        async with each.turn(chat_id, Lane.PAYMENT):
            began += 1
            await hanging.wait()

    tasks = [asyncio.ensure_future(hang(number)) for number in range(2 * turns.AT_ONCE)]
    async with asyncio.timeout(LIMIT_S):
        while began < turns.AT_ONCE:  # noqa: ASYNC110 -- nothing tells of a turn
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        assert began == turns.AT_ONCE  # the pool has no more
        hanging.set()
        await asyncio.gather(*tasks)
    assert all(map(each.is_free, range(2 * turns.AT_ONCE)))


# how many wait


async def test_of_sentences_that_wait_strangers_get_the_smaller_part_and_the_log_counts_the_rest(
    monkeypatch: pytest.MonkeyPatch,
    telegram: SimTelegram,
    telegram_bot: TelegramBot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(turns, "BURST", 1)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 100)
    monkeypatch.setattr(chats_module, "SAID_IN_ALL", 8)
    monkeypatch.setattr(chats_module, "SAID_TO_STRANGERS", 5)
    monkeypatch.setattr(limits, "COUNT_S", 0.2)
    limited = Chats(telegram_bot)
    people = [started(telegram, f"{number}") for number in range(20)]
    for number in people[:10]:
        limited.say(Say(number, "to a stranger", to_stranger=True))
    for number in people[10:]:
        limited.say(Say(number, "to a friend"))
    said = [call for call in telegram.calls if call.method == "sendMessage"]

    def texts() -> list[str]:
        calls = [call for call in telegram.calls if call.method == "sendMessage"]
        return [call.params["text"] for call in calls[len(said) :]]

    await telegram.wait_for(lambda: len(texts()) == 8, LIMIT_S)
    assert sorted(texts()) == ["to a friend"] * 3 + ["to a stranger"] * 5
    assert texts()[1:4] == ["to a friend"] * 3 or texts()[:3] == ["to a friend"] * 3
    lines = dropped(caplog)
    async with asyncio.timeout(LIMIT_S):
        while len(lines := dropped(caplog)) < 2:  # noqa: ASYNC110 -- the log tells nobody
            await asyncio.sleep(0.01)
    assert len(lines) == 2
    assert "11" in lines[1]  # and the one of the first line
    await limited.close(timeout_s=1.0)


def dropped(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of it."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and "sentences dropped" in record.getMessage()
    ]


# a group's twenty messages a minute


async def test_in_each_minute_a_group_gets_five_sentences_and_as_many_wait_for_the_next(
    telegram: SimTelegram,
    chats: Chats,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "MINUTE_S", 0.5)
    group = telegram.add_group("Friday dinner", [telegram.add_user("Anna")])
    began = time.monotonic()
    for _ in range(40):
        chats.say(Say(group.id, "junk"))

    def said() -> int:
        return sum(message.text == "junk" for message in telegram.messages(group))

    await telegram.wait_for(lambda: said() == limits.A_MINUTE, LIMIT_S)
    await telegram.wait_for(lambda: said() == 2 * limits.A_MINUTE, LIMIT_S)
    assert time.monotonic() - began >= 0.5
    assert len(dropped(caplog)) == 1
    chats.say(Say(group.id, "junk"))
    await telegram.wait_for(lambda: said() == 2 * limits.A_MINUTE + 1, LIMIT_S)
    async with asyncio.timeout(LIMIT_S):
        while len(chats._minutes):  # noqa: ASYNC110 -- nothing tells of it
            await asyncio.sleep(0.05)  # a quiet group is forgotten


async def test_the_end_waits_for_no_groups_minute(
    telegram: SimTelegram, telegram_bot: TelegramBot
) -> None:
    chats = Chats(telegram_bot)
    group = telegram.add_group("Friday dinner", [telegram.add_user("Anna")])
    for _ in range(10):
        chats.say(Say(group.id, "hello"))
    began = time.monotonic()
    await chats.close(timeout_s=LIMIT_S)
    assert time.monotonic() - began < 5.0


async def test_a_message_that_is_overtaken_leaves_the_line_and_no_other_does() -> None:
    each, over, overtaken = Turns(), asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        async with each.turn(1, Lane.COMMAND):
            await over.wait()

    async def ends() -> None:
        await overtaken.wait()

    async def waits() -> None:
        async with each.turn(1, Lane.PAYMENT, ends):
            pass

    first = asyncio.ensure_future(hangs())
    async with asyncio.timeout(LIMIT_S):
        while each.waiting or each.is_free(1):  # noqa: ASYNC110 -- nothing tells of it
            await asyncio.sleep(0)
    second, third = (
        asyncio.ensure_future(waits()),
        asyncio.ensure_future(have(each, 1, Lane.COMMAND)),
    )
    await asyncio.sleep(0)
    overtaken.set()
    with pytest.raises(NotSent):
        await second
    assert not third.done()
    over.set()
    await asyncio.gather(first, third)
    overtaken.clear()
    await waits()
