"""The owners' chats: whoever is an owner at the moment, and the one notice that no row has."""

from __future__ import annotations

import pytest

from bot import texts
from bot.access import Access
from bot.chat import owners as module
from bot.chat.chats import Chats
from bot.chat.owners import Outage, OwnerChats
from bot.config import AccessSettings, LimitsSettings
from bot.core.notices import Kind, Notice
from bot.core.occasions import Topic
from bot.demo.telegram import SimTelegram
from tests.chat.room import plain


def access(*owners: int) -> Access:
    return Access(AccessSettings(owners=frozenset(owners)), LimitsSettings())


def said(telegram: SimTelegram, chat_id: int) -> list[str | None]:
    return [each.text for each in telegram.messages(chat_id) if each.sender and each.sender.is_bot]


AWAY = plain(texts.owner_notice(Notice(Kind.DATABASE_AWAY, why="disk <full>")))
BACK = plain(texts.owner_notice(Notice(Kind.DATABASE_BACK)))


async def test_owners_hear_of_a_database_that_is_away_and_that_it_is_back(
    telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    owners = OwnerChats(chats, access(chat, other), topics=Topic)
    owners.database_is_back()
    owners.database_is_away("disk <full>")
    owners.database_is_back()
    for each in (chat, other):
        await telegram.wait_for(lambda each=each: len(said(telegram, each)) == 2)  # type: ignore[misc]
        assert said(telegram, each) == [AWAY, BACK]


async def test_a_database_that_comes_and_goes_is_told_once_an_hour(
    telegram: SimTelegram, chats: Chats, chat: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "steady", lambda: now)
    owners = OwnerChats(chats, access(chat), topics=Topic)
    for _ in range(3):
        owners.database_is_away("disk <full>")
        owners.database_is_back()
    await telegram.wait_for(lambda: said(telegram, chat) == [AWAY, BACK])
    now += 3600
    owners.database_is_away("disk <full>")
    await telegram.wait_for(lambda: said(telegram, chat) == [AWAY, BACK, AWAY])


async def test_an_outage_in_which_a_term_ends_and_another_begins_is_told_once(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    outage = Outage()
    for _ in range(3):
        OwnerChats(chats, access(chat), topics=Topic, outage=outage).database_is_away("disk <full>")
    OwnerChats(chats, access(chat), topics=Topic, outage=outage).database_is_back()
    await telegram.wait_for(lambda: said(telegram, chat) == [AWAY, BACK])


async def test_owners_who_want_to_hear_of_nothing_hear_of_nothing(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    owners = OwnerChats(chats, access(chat), topics=())
    owners.database_is_away("disk <full>")
    assert list(owners.of_payments) == []
    assert OwnerChats(chats, access(chat), topics=[Topic.PAYMENTS]).of_payments == [chat]
    assert said(telegram, chat) == []


async def test_whoever_is_an_owner_at_the_moment_is_told(
    telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    class Live:
        owners = frozenset({chat})

    live = Live()
    owners = OwnerChats(chats, live, topics=Topic)  # type: ignore[arg-type]
    live.owners = frozenset({chat, other})
    assert set(owners.chat_ids) == {chat, other}
    assert list(owners.of_payments) == sorted([chat, other])
    owners.database_is_away("disk <full>")
    await telegram.wait_for(lambda: said(telegram, other) == [AWAY])
