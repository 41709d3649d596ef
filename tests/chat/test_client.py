"""The connection to the Bot API, over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from telegram.error import NetworkError, TelegramError

from bot.chat.client import TelegramBot
from bot.demo.telegram import SimTelegram
from bot.errors import MAX_DETAIL

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x01\0\0\0\x007n\xf9$"
    b"\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)


async def test_updates_come_as_telegram_sent_them(
    telegram: SimTelegram, telegram_bot: TelegramBot
) -> None:
    telegram.push_raw_update({"message": {"nobody": "can read this"}})
    updates: Any = await telegram_bot.raw_updates(offset=0, poll_s=0, limit=9, allowed=["message"])
    assert [update["message"] for update in updates] == [{"nobody": "can read this"}]


async def test_a_picture_arrives_as_it_was_drawn(
    telegram: SimTelegram, telegram_bot: TelegramBot, chat: int
) -> None:
    await telegram_bot.send_photo(chat, PNG, filename="invoice.png", caption="a card")
    message = telegram.messages(chat)[-1]
    assert message.photo is not None
    assert message.photo.data == PNG
    assert message.text == "a card"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 502, 200])
@pytest.mark.parametrize("about", ["", "Bad Request: message to edit not found "])
async def test_of_a_long_description_an_error_keeps_the_beginning(
    telegram: SimTelegram, telegram_bot: TelegramBot, chat: int, status: int, about: str
) -> None:
    description = about + "x" * 5000
    body = json.dumps({"ok": False, "error_code": status, "description": description})
    for answer in (body, description):  # the other is not Telegram's own
        telegram.garble("sendMessage", answer, status=status, acted=False, times=1)
        with pytest.raises(TelegramError) as caught:
            await telegram_bot.send_message(chat, "a card")
        assert len(str(caught.value)) <= MAX_DETAIL


@pytest.mark.parametrize("status", [302, 403, 429, 500, 502, 504])
async def test_a_success_is_one_whatever_a_proxy_makes_of_its_status(
    telegram: SimTelegram, telegram_bot: TelegramBot, chat: int, status: int
) -> None:
    body = json.dumps({"ok": True, "result": {"message_id": 77}})
    telegram.garble("sendMessage", body, status=status, acted=True)
    assert (await telegram_bot.send_message(chat, "a card")).message_id == 77


@pytest.mark.parametrize("body", ['{"ok": true}', '{"ok": 1, "result": 1}', "{", "[true]", "<p>"])
async def test_a_servers_error_is_none_whatever_else_it_holds(
    telegram: SimTelegram, telegram_bot: TelegramBot, chat: int, body: str
) -> None:
    telegram.garble("sendMessage", body, status=502, acted=True)
    with pytest.raises(NetworkError):
        await telegram_bot.send_message(chat, "a card")
