"""Notices to the bot's owners."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot import texts
from bot.access import Access
from bot.chat import owners as owners_module
from bot.chat.chats import Chats
from bot.chat.owners import OwnerChats
from bot.config import AccessSettings, LimitsSettings
from bot.core.grants import Granted
from bot.core.notices import Kind, Notice
from bot.demo.telegram import SimTelegram
from tests.chat.room import plain


def owned_by(*owners: int) -> Access:
    return Access(AccessSettings(owners=frozenset(owners)), LimitsSettings())


def said(telegram: SimTelegram, chat_id: int) -> list[str | None]:
    return [each.text for each in telegram.messages(chat_id) if each.sender and each.sender.is_bot]


async def test_each_owner_hears_of_each_notice(
    telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    owners = OwnerChats(chats, owned_by(chat, other), of_payments=False)
    notices = [Notice(Kind.STUCK, row_id, why="a <b>bug</b>") for row_id in (7, 8)]
    for notice in notices:
        owners.notify(notice)
    for each in (chat, other):
        await telegram.wait_for(lambda each=each: len(said(telegram, each)) == 2)  # type: ignore[misc]
        assert said(telegram, each) == [plain(texts.owner_notice(notice)) for notice in notices]


async def test_what_lasts_for_a_process_is_said_once(
    telegram: SimTelegram, chats: Chats, chat: int
) -> None:
    owners = OwnerChats(chats, owned_by(chat), of_payments=False)
    lacks, other_node = Notice(Kind.CANCEL_NOT_PERMITTED), Notice(Kind.OTHER_NODE, count=2)
    for notice in (lacks, other_node, lacks, other_node):
        owners.notify(notice)
    await telegram.wait_for(lambda: len(said(telegram, chat)) == 3)
    once, again = plain(texts.owner_notice(lacks)), plain(texts.owner_notice(other_node))
    assert said(telegram, chat) == [once, again, again]


@pytest.mark.parametrize("kind", [Kind.CARD_REFUSED, Kind.CARD_UNTRUE, Kind.INBOUND_TOO_LITTLE])
async def test_of_refused_cards_owners_hear_at_once_and_of_the_rest_together(
    telegram: SimTelegram, chats: Chats, chat: int, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(owners_module, "COLLECTED_S", 0.3)
    owners = OwnerChats(chats, owned_by(chat), of_payments=False)
    first, *others = [Notice(kind, row_id, why="no") for row_id in range(1, 42)]
    for notice in (first, *others):
        owners.notify(notice)
    await telegram.wait_for(lambda: len(said(telegram, chat)) == 2)
    rest = replace(others[-1], count=40)
    assert said(telegram, chat) == [plain(texts.owner_notice(each)) for each in (first, rest)]
    owners.notify(first)  # the hour after that notice has just begun
    await telegram.wait_for(lambda: len(said(telegram, chat)) == 3)
    once = plain(texts.owner_notice(replace(first, count=1)))
    assert said(telegram, chat)[2:] == [once]
    assert once == plain(texts.owner_notice(first))
    async with asyncio.timeout(10):
        while owners._collected:  # noqa: ASYNC110 -- nothing tells of an hour that is over
            await asyncio.sleep(0.05)
    owners.notify(first)
    await telegram.wait_for(lambda: len(said(telegram, chat)) == 4)


async def test_an_owner_who_was_added_while_the_bot_runs_hears_of_notices(
    telegram: SimTelegram, chats: Chats, chat: int, other: int
) -> None:
    access = owned_by(chat)
    owners = OwnerChats(chats, access, of_payments=True)
    access.grant(Granted(owners=frozenset({other})))
    assert owners.of_payments == sorted([chat, other])
    owners.notify(Notice(Kind.NOT_SYNCED))
    for each in (chat, other):
        await telegram.wait_for(lambda each=each: len(said(telegram, each)) == 1)  # type: ignore[misc]
    access.grant(Granted())
    assert owners.of_payments == [chat]
    assert set(owners.chat_ids) == {chat}
