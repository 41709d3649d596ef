"""Listeners, those who wait, and the calls that are kept."""

from __future__ import annotations

import asyncio

import pytest

from tests.demo.telegram.town import CANCEL, Town, picture


async def test_listeners_hear_every_change_in_order(town: Town) -> None:
    chat = town.sim.private_chat(town.ann)
    changes = town.sim.listen()
    town.sim.say(chat, town.ann, "/start")
    message = await town.sent(chat, reply_markup=CANCEL)
    press = town.sim.press(chat, town.ann, message.id)
    await town.call("answerCallbackQuery", callback_query_id=press.id)
    await town.call("editMessageText", chat_id=chat.id, message_id=message.id, text="y")
    await town.call("deleteMessage", chat_id=chat.id, message_id=message.id)
    await town.sim.stop()
    heard = [change async for change in changes]
    assert [change.kind for change in heard] == [
        "message",
        "message",
        "press",
        "answer",
        "edit",
        "delete",
    ]
    assert heard[-1].message is message


async def test_waiting_ends_with_the_change_or_with_the_time(town: Town) -> None:
    chat = town.private()
    waiting = asyncio.create_task(
        town.sim.wait_for(lambda: next(m for m in town.sim.messages(chat) if m.text == "there"))
    )
    await town.sent(chat, text="there")
    async with asyncio.timeout(30):
        assert (await waiting).text == "there"
    with pytest.raises(TimeoutError):
        await town.sim.wait_for(lambda: False, timeout_s=0.01)


async def test_calls_are_kept_as_they_came(town: Town) -> None:
    chat = town.private()
    await town.call("sendPhoto", chat_id=chat.id, photo=picture(), caption="c")
    call = town.sim.calls[-1]
    assert (call.method, call.chat_id, call.status) == ("sendPhoto", chat.id, 200)
    assert (call.params["caption"], call.params["photo"]) == ("c", picture())
