"""Telegram's flood limits."""

from __future__ import annotations

import pytest

from bot.demo.telegram import Chat
from tests.demo.telegram.town import Refused, Town


async def wait_named(town: Town, chat: Chat) -> int:
    """The seconds that a refused message has to wait."""
    with pytest.raises(Refused) as caught:
        await town.call("sendMessage", chat_id=chat.id, text="x")
    assert caught.value.code == 429
    seconds = caught.value.parameters["retry_after"]
    assert str(caught.value) == f"Too Many Requests: retry after {seconds}"
    return int(seconds)


async def test_one_chat_has_a_burst_and_then_waits(town: Town) -> None:
    chat = town.private()
    town.sim.limit_floods()
    for _ in range(5):
        await town.sent(chat)
    seconds = await wait_named(town, chat)
    town.clock.now += seconds - 0.5
    assert await wait_named(town, chat) == 1
    town.clock.now += 0.5
    await town.sent(chat)
    town.sim.limit_floods(False)
    for _ in range(9):
        await town.sent(chat)


async def test_a_group_takes_20_a_minute_edits_included(town: Town) -> None:
    group = town.group()
    town.sim.limit_floods()
    message = await town.sent(group)
    for count in range(19):
        town.clock.now += 1
        where = {"chat_id": group.id, "message_id": message.id}
        await town.call("editMessageText", **where, text=str(count))
    town.clock.now += 1
    assert await wait_named(town, group) == 40


async def test_all_chats_together_take_30_a_second(town: Town) -> None:
    groups = [town.group() for _ in range(31)]
    town.sim.limit_floods()
    for group in groups[:30]:
        await town.sent(group)
    assert await wait_named(town, groups[30]) == 1
    town.clock.now += 1
    await town.sent(groups[30])
