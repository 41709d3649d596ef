"""Telegram's flood limits."""

from __future__ import annotations

import pytest

from bot.demo.telegram import Chat
from tests.demo.telegram.town import CANCEL, Refused, Town, refusal


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


async def test_a_group_refuses_an_edit_too_many_and_keeps_what_it_shows(town: Town) -> None:
    group = town.group()
    town.sim.limit_floods()
    board = await town.sent(group, text="0", reply_markup=CANCEL)
    where = {"chat_id": group.id, "message_id": board.id}
    for count in range(1, 20):
        town.clock.now += 2
        # messages, texts and keyboards count together; a call that changes nothing does not
        match count % 3:
            case 0:
                await town.sent(group)
            case 1:
                await town.call("editMessageReplyMarkup", **where)
            case _:
                await town.call("editMessageText", **where, text=f"{count}", reply_markup=CANCEL)
        await refusal(town, "sendMessage", chat_id=group.id)
    with pytest.raises(Refused) as caught:
        await town.call("editMessageText", **where, text="late", reply_markup=CANCEL)
    assert (caught.value.code, caught.value.parameters) == (429, {"retry_after": 22})
    assert board.text == "17"
    await town.sent(town.private())
    town.clock.now += 22
    await town.call("editMessageText", **where, text="late", reply_markup=CANCEL)


async def test_all_chats_together_take_30_a_second(town: Town) -> None:
    groups = [town.group() for _ in range(31)]
    town.sim.limit_floods()
    for group in groups[:30]:
        await town.sent(group)
    assert await wait_named(town, groups[30]) == 1
    town.clock.now += 1
    await town.sent(groups[30])
