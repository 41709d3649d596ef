"""A fault of ours in one update: it is said, where it may be, and passed over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telegram import Update
from telegram.ext import TypeHandler

from bot import texts
from bot.chat.handling import Handling
from bot.chat.intake import Intake
from tests.chat.room import NAME, Room, plain


async def handled_by_a_bug(room: Room) -> None:
    """What has come is handled by a family that fails."""

    async def broken(_update: Any, _context: Any) -> None:
        raise KeyError("a bug")

    application = room.new_application()
    application.add_handler(TypeHandler(Update, broken))
    await application.initialize()
    handling = Handling(room.telegram_bot, application, on_bug=room.faults.apologize)
    intake = Intake(room.telegram_bot, handling, on_rival=list, ages=room.ages)
    assert await intake.handle(await room.updates())


async def test_a_person_who_may_ask_hears_of_it(room: Room) -> None:
    room.telegram.say(room.group, room.anna, "/invoice 2100")
    await handled_by_a_bug(room)
    await room.told(room.group, texts.BUG)


async def test_a_stranger_hears_nothing_of_it(room: Room) -> None:
    chat = room.private(room.stranger)
    room.telegram.say(chat, room.stranger, "/invoice 2100")
    await handled_by_a_bug(room)
    await room.say(chat, room.stranger, "/id")
    await room.told(chat, texts.ids(room.stranger.id, chat.id))


async def test_a_press_is_answered_with_it(room: Room) -> None:
    _, card = await room.open_card(room.group, room.anna, "/invoice 2100")
    press = room.telegram.press(room.group, room.bert, card.id)
    await handled_by_a_bug(room)
    async with asyncio.timeout(30):
        answer = await press.answer
    assert (answer.text, answer.show_alert) == (texts.BUG, True)


async def test_the_next_update_is_handled(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.telegram.say(room.group, room.anna, "/hello")
    await handled_by_a_bug(room)
    assert "update failed and was skipped" in "\n".join(caplog.messages)
    await room.say(room.group, room.anna, f"/help@{NAME}")
    assert (await room.said(room.group, 2))[1] == plain(texts.help_group(NAME))
