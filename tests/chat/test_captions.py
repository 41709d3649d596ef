"""A caption is what its writer says: a command in it, an answer in it, a memo in it."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from PIL import Image

from bot.chat import updates
from bot.chat.client import TelegramBot
from bot.core.invoice import State
from bot.core.work import Do
from tests.chat.room import NAME, Room


def bill() -> bytes:
    out = io.BytesIO()
    Image.new("L", (40, 40)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("command", ["/invoice", f"/invoice@{NAME}"])
async def test_a_photo_of_the_bill_with_a_command_becomes_a_row(room: Room, command: str) -> None:
    photo = room.telegram.say(room.group, room.anna, f"{command} 2100 dinner", photo=bill())
    await room.handled()
    row = await room.row(photo)
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "dinner")
    assert row.reply_to == photo.id


async def test_a_caption_that_is_refused_is_answered(room: Room) -> None:
    room.telegram.say(room.group, room.anna, "/invoice@test_invoice_bot 21o0", photo=bill())
    await room.handled()
    await room.said(room.group)


async def test_a_caption_answers_the_question(room: Room) -> None:
    chat = room.private(room.anna)
    command = await room.say(chat, room.anna, "/invoice")
    row = await room.row(command)
    await room.take(Do.SEND_CARD, row)
    room.telegram.say(chat, room.anna, "2100 dinner", photo=bill())
    await room.handled()
    row = await room.row(command)
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "dinner")


async def test_a_command_for_another_bot_in_a_caption_is_not_ours(room: Room) -> None:
    room.telegram.say(room.group, room.anna, "/invoice@another_bot 5", photo=bill())
    plain = room.telegram.say(room.group, room.anna, "the bill", photo=bill())
    await room.handled()
    assert await room.row_of(plain) is None
    assert room.ours(room.group) == []


@pytest.mark.parametrize("kind", ["photo", "document", "video", "new_kind", None])
async def test_a_caption_counts_whatever_it_is_the_caption_of(
    telegram_bot: TelegramBot, kind: str | None
) -> None:
    message: dict[str, Any] = {
        "message_id": 9,
        "date": int(time.time()),
        "chat": {"id": -100, "type": "group"},
        "from": {"id": 11, "is_bot": False, "first_name": "Anna"},
        "caption": "/invoice 5",
        "caption_entities": [{"type": "bot_command", "offset": 0, "length": 8}],
    }
    message |= {} if kind is None else {kind: {"whatever": [5]}}
    update = updates.read({"update_id": 5, "message": message}, telegram_bot)
    assert update.message is not None
    assert update.message.text == "/invoice 5"
    (command,) = update.message.entities
    assert (command.type, command.length) == ("bot_command", 8)
