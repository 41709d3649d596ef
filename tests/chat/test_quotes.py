"""What a command replies to is its memo: what its writer marked of it, else all that fits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from bot import texts
from bot.chat import messages, updates
from bot.chat.client import TelegramBot
from bot.core.invoice import Face
from bot.core.text import MAX_MEMO_BYTES, is_shortened
from bot.demo.telegram import Message
from tests.chat.room import Room

LONG = "the long bill of our dinner, with 2 pizzas and more: " + "one more beer, " * 60


async def bill(room: Room, text: str = LONG) -> Message:
    return await room.say(room.group, room.bert, text)


async def test_what_is_marked_is_the_memo(room: Room) -> None:
    of = await bill(room)
    command = room.telegram.say(
        room.group, room.anna, "/invoice 2100", reply_to=of, quote="2 pizzas"
    )
    await room.handled()
    row = await room.row(command)
    assert (row.amount_msat, row.memo) == (2_100_000, "2 pizzas")


async def test_what_is_written_counts_before_what_is_marked(room: Room) -> None:
    of = await bill(room)
    command = room.telegram.say(
        room.group, room.anna, "/invoice 2100 beer", reply_to=of, quote="2 pizzas"
    )
    await room.handled()
    assert (await room.row(command)).memo == "beer"


async def test_a_text_that_is_too_long_is_shortened(room: Room) -> None:
    command = await room.say(room.group, room.anna, "/invoice 2100", reply_to=await bill(room))
    row = await room.row(command)
    assert len(row.memo.encode()) <= MAX_MEMO_BYTES
    assert is_shortened(row.memo)
    assert LONG.startswith(row.memo.removesuffix("…"))


async def test_the_card_says_that_its_memo_was_shortened(room: Room) -> None:
    of = await bill(room)
    command = await room.say(room.group, room.anna, "/invoice 2100", reply_to=of)
    row = replace(await room.row(command), payment_request="lnbc1")
    whole = replace(row, memo=LONG[:600])
    said = [texts.card(each, Face.OPEN).html.splitlines() for each in (row, whole)]
    assert len(said[0]) == len(said[1]) + 1


async def test_what_the_asker_wrote_is_refused_where_it_is_too_long(room: Room) -> None:
    command = await room.say(room.group, room.anna, f"/invoice 2100 {LONG}")
    assert await room.row_of(command) is None
    await room.said(room.group)


QUOTE = {"text": "2 pizzas", "position": 3, "is_manual": True}
BILL = {"message_id": 8, "date": 7, "chat": {"id": -100, "type": "group"}, "text": "the bill"}
BY_A_BOT = {**BILL, "from": {"id": 1, "is_bot": True, "first_name": "x"}}


@pytest.mark.parametrize(
    ("fields", "memo"),
    [
        ({"reply_to_message": BILL, "quote": QUOTE}, "2 pizzas"),
        ({"reply_to_message": BY_A_BOT, "quote": QUOTE}, "2 pizzas"),
        ({"external_reply": {"origin": {}}, "quote": QUOTE}, "2 pizzas"),
        ({"reply_to_message": BILL, "quote": {**QUOTE, "entities": 5}}, "2 pizzas"),
        # Telegram quotes by itself where a part of a message was replied to
        ({"reply_to_message": BILL, "quote": {"text": "2 pizzas", "position": 3}}, "the bill"),
        ({"reply_to_message": BILL, "quote": {**QUOTE, "text": 5}}, "the bill"),
        ({"reply_to_message": BILL, "quote": {**QUOTE, "text": " "}}, "the bill"),
        ({"reply_to_message": BILL, "quote": "x"}, "the bill"),
        ({"reply_to_message": BY_A_BOT}, ""),
    ],
)
async def test_only_what_somebody_marked_counts(
    telegram_bot: TelegramBot, fields: dict[str, Any], memo: str
) -> None:
    message = {
        "message_id": 9,
        "date": int(time.time()),
        "chat": {"id": -100, "type": "group"},
        "from": {"id": 11, "is_bot": False, "first_name": "Anna"},
        "text": "/invoice 5",
    }
    update = updates.read({"update_id": 5, "message": {**message, **fields}}, telegram_bot)
    assert update.message is not None
    assert messages.quoted(update.message) == memo
