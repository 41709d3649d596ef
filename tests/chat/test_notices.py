"""Notices to the owners: to whoever is one at the moment, side by side, in messages that fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import texts
from bot.chat import notices as module
from bot.chat.chats import Chats, Say
from bot.chat.notices import Notices
from bot.chat.owners import OwnerChats
from bot.clock import Clock as OurClock
from bot.core.notices import Kind, Notice
from bot.core.occasions import Topic
from bot.demo.telegram import SimTelegram
from bot.occasions import Occasions
from bot.places import Places
from bot.store import Bell, Store, ToTell, Tx
from tests.chat.room import Clock, plain

LIMIT_S = 30.0
COPY, NOT_SYNCED = Notice(Kind.OTHER_COPY), Notice(Kind.NOT_SYNCED)


class Told:
    """Occasions and who tells them, while they run."""

    def __init__(self, store: Store, chats: Chats) -> None:
        self.host = Clock()
        clock = OurClock(self.host)
        self.store = store
        self.owners: frozenset[int] = frozenset()
        self.places = Places(store, clock, Bell())
        self.occasions = Occasions(store, clock)
        self.notices = Notices(
            store=store,
            occasions=self.occasions,
            chats=chats,
            owners=OwnerChats(chats, self, topics=Topic),  # type: ignore[arg-type]
            places=self.places,
            clock=clock,
        )

    async def closed(self) -> None:
        """Until there is nothing left to tell."""
        async with asyncio.timeout(LIMIT_S):
            while (await self.store.do(_to_tell)).occasions:  # noqa: ASYNC110 -- nobody is told
                await asyncio.sleep(0.01)


def _to_tell(tx: Tx) -> ToTell:
    return tx.occasions.to_tell()


@pytest.fixture
async def told(
    tmp_path: Path, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Told]:
    monkeypatch.setattr(module, "GATHER_S", 0.05)
    monkeypatch.setattr(module, "TICK_S", 0.05)
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}")
    told = Told(store, chats)
    await told.places.load()
    await told.occasions.load()
    tasks = [asyncio.create_task(each.run()) for each in (told.occasions, told.notices)]
    yield told
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await chats.close(timeout_s=1.0)
    await store.close()


def said(telegram: SimTelegram, chat_id: int) -> list[str | None]:
    return [each.text for each in telegram.messages(chat_id) if each.sender and each.sender.is_bot]


def read(notice: Notice) -> str:
    return plain(texts.owner_notice(notice))


async def test_an_owner_who_is_new_hears_of_what_comes_and_one_who_was_does_not(
    told: Told, telegram: SimTelegram, chat: int, other: int
) -> None:
    told.owners = frozenset({chat})
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: said(telegram, chat) == [read(COPY)])
    await told.closed()
    told.owners = frozenset({other})
    told.occasions.notify(NOT_SYNCED)
    await telegram.wait_for(lambda: said(telegram, other) == [read(NOT_SYNCED)])
    assert said(telegram, chat) == [read(COPY)]


async def test_what_began_before_there_was_an_owner_is_told_to_the_first(
    told: Told, telegram: SimTelegram, chat: int
) -> None:
    told.occasions.notify(NOT_SYNCED)
    await asyncio.wait_for(told.occasions.changed.wait(), LIMIT_S)
    told.owners = frozenset({chat})
    await telegram.wait_for(lambda: said(telegram, chat) == [read(NOT_SYNCED)])


async def test_an_owner_whose_chat_hangs_keeps_no_end_from_the_other_one(
    told: Told, telegram: SimTelegram, chat: int, other: int
) -> None:
    told.owners = frozenset({chat, other})
    hold = telegram.stall("sendMessage", chat_id=chat)
    told.occasions.notify(NOT_SYNCED)
    await telegram.wait_for(lambda: said(telegram, other) == [read(NOT_SYNCED)])
    await hold.reached()
    told.occasions.over(Kind.NOT_SYNCED)
    await telegram.wait_for(lambda: len(said(telegram, other)) == 2)
    hold.release()
    await telegram.wait_for(lambda: len(said(telegram, chat)) == 2)
    await told.closed()


async def test_who_is_no_owner_by_the_time_a_notice_goes_out_does_not_get_it(
    told: Told, telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    told.owners = frozenset({chat, other})
    hold = telegram.stall("sendMessage", chat_id=chat)
    chats.say(Say(chat, "first"))
    await hold.reached()
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: said(telegram, other) == [read(COPY)])
    told.owners = frozenset({other})
    hold.release()
    await told.closed()
    async with asyncio.timeout(LIMIT_S):
        while told.notices._busy:  # noqa: ASYNC110 -- nobody is told
            await asyncio.sleep(0.01)
    assert said(telegram, chat) == ["first"]


async def test_an_owner_whose_chat_hangs_keeps_nothing_from_the_other_one(
    told: Told, telegram: SimTelegram, chat: int, other: int
) -> None:
    told.owners = frozenset({chat, other})
    hold = telegram.stall("sendMessage", chat_id=chat)
    for notice in (COPY, NOT_SYNCED):
        told.occasions.notify(notice)
        await telegram.wait_for(lambda notice=notice: read(notice) in said(telegram, other))  # type: ignore[misc]
    assert said(telegram, chat) == []
    hold.release()
    await telegram.wait_for(lambda: said(telegram, chat) == [read(COPY), read(NOT_SYNCED)])


async def test_a_pause_that_telegram_wants_delays_a_notice_and_doubles_none(
    told: Told, telegram: SimTelegram, chat: int
) -> None:
    told.owners = frozenset({chat})
    telegram.fail("sendMessage", chat_id=chat, retry_after=1)
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: said(telegram, chat) == [read(COPY)])


async def test_what_is_too_long_for_one_message_is_several(
    told: Told, telegram: SimTelegram, chat: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 250)
    kinds = (Kind.CARD_UNTRUE, Kind.BOARD_UNTRUE, Kind.STUCK)
    found = [Notice(kind, 7, why="why " * 20) for kind in kinds]
    for notice in found:
        told.occasions.notify(notice)
    told.owners = frozenset({chat})
    await telegram.wait_for(lambda: len(said(telegram, chat)) == len(found))
    assert said(telegram, chat) == [read(notice) for notice in found]


async def test_what_comes_together_is_one_message(
    told: Told, telegram: SimTelegram, chat: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 1.0)
    told.owners = frozenset({chat})
    told.occasions.notify(COPY)
    async with asyncio.timeout(LIMIT_S):
        while not (await told.store.do(_to_tell)).occasions:  # noqa: ASYNC110 -- nobody is told
            await asyncio.sleep(0)
    told.occasions.notify(NOT_SYNCED)  # which is another transaction
    await telegram.wait_for(lambda: said(telegram, chat))
    assert said(telegram, chat) == [f"{read(COPY)}\n\n{read(NOT_SYNCED)}"]


async def test_of_several_in_one_message_only_what_telegram_refuses_is_left_out(
    told: Told, telegram: SimTelegram, chat: int
) -> None:
    telegram.fail("sendMessage", chat_id=chat, status=400, description="Bad Request: no", times=2)
    for notice in (COPY, NOT_SYNCED):
        told.occasions.notify(notice)
    told.owners = frozenset({chat})
    await telegram.wait_for(lambda: said(telegram, chat) == [read(NOT_SYNCED)])


async def test_what_telegram_refuses_is_tried_again_and_after_a_day_no_longer(
    told: Told, telegram: SimTelegram, chat: int
) -> None:
    refused = telegram.fail("sendMessage", chat_id=chat, status=400, times=None)
    told.owners = frozenset({chat})
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: tries(telegram) >= 2)
    telegram.withdraw(refused)
    await telegram.wait_for(lambda: said(telegram, chat) == [read(COPY)])
    await told.closed()
    refused = telegram.fail("sendMessage", chat_id=chat, status=400, times=None)
    told.occasions.notify(Notice(Kind.BOARD_STUCK, 7, why="KeyError"))
    await telegram.wait_for(lambda: tries(telegram) >= 4)
    told.host.ahead_s += module.REFUSED_FOR_S + 1
    await told.closed()
    assert said(telegram, chat) == [read(COPY)]


async def test_what_happens_often_is_told_at_once_and_the_rest_together_an_hour_later(
    told: Told, telegram: SimTelegram, chat: int
) -> None:
    told.owners = frozenset({chat})
    first, *others = [Notice(Kind.BOARD_REFUSED, number, why="no") for number in range(1, 42)]
    told.occasions.notify(first)
    await telegram.wait_for(lambda: said(telegram, chat) == [read(first)])
    await told.closed()
    for notice in others:
        told.occasions.notify(notice)
    told.host.ahead_s += 3500
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: said(telegram, chat)[1:] == [read(COPY)])
    told.host.ahead_s += 200
    rest = Notice(Kind.BOARD_REFUSED, 41, why="no", count=40)
    await telegram.wait_for(lambda: said(telegram, chat)[2:] == [read(rest)])


async def test_the_same_row_is_told_once(told: Told, telegram: SimTelegram, chat: int) -> None:
    told.owners = frozenset({chat})
    stuck = Notice(Kind.BOARD_STUCK, 7, why="KeyError")
    for _ in range(3):
        told.occasions.notify(stuck)
        await telegram.wait_for(lambda: said(telegram, chat) == [read(stuck)])
        told.occasions._written.clear()  # as in the next process
    told.host.ahead_s += 2 * 3600
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: said(telegram, chat) == [read(stuck), read(COPY)])


def tries(telegram: SimTelegram) -> int:
    return sum(call.method == "sendMessage" for call in telegram.calls)


PAGE = "<html>502</html>"


async def test_what_comes_between_two_tries_is_tried_as_often_as_what_was_there(
    told: Told, telegram: SimTelegram, chat: int
) -> None:
    told.owners = frozenset({chat})
    telegram.garble("sendMessage", PAGE, status=502, acted=False, times=3)
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: tries(telegram) == 2, LIMIT_S)
    told.occasions.notify(NOT_SYNCED)
    await telegram.wait_for(
        lambda: any(read(NOT_SYNCED) in (each or "") for each in said(telegram, chat)), LIMIT_S
    )
    assert all(read(COPY) not in (each or "") for each in said(telegram, chat))  # three times


async def test_tries_of_what_nobody_is_told_any_more_are_counted_for_nothing_else(
    told: Told, telegram: SimTelegram, chat: int
) -> None:
    told.owners = frozenset({chat})
    telegram.garble("sendMessage", PAGE, status=502, acted=False, times=3)
    told.occasions.notify(COPY)
    await telegram.wait_for(lambda: tries(telegram) == 2, LIMIT_S)
    told.host.ahead_s += 2 * 86_400  # nobody hears of what is a day old
    await told.closed()
    told.occasions.notify(NOT_SYNCED)
    await telegram.wait_for(lambda: len(said(telegram, chat)) == 1, LIMIT_S)
    assert tries(telegram) == 4
