"""The connection to the Bot API, over real HTTP."""

from __future__ import annotations

from typing import Any

from bot.chat.client import TelegramBot
from bot.demo.telegram import SimTelegram

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
