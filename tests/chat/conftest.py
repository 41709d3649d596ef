"""Fixtures of the chat's tests: a simulated Telegram over real HTTP, and the bot's side of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.chat.chats import Chats
from bot.chat.client import TelegramBot, make_bot
from bot.config import TelegramSettings
from bot.demo.telegram import SimTelegram
from tests.chat.room import TOKEN, Room, started


@pytest.fixture
async def telegram() -> AsyncIterator[SimTelegram]:
    telegram = SimTelegram()
    telegram.add_bot(TOKEN, "test_invoice_bot", "Invoices")
    await telegram.start()
    yield telegram
    await telegram.stop()


@pytest.fixture
async def telegram_bot(telegram: SimTelegram) -> AsyncIterator[TelegramBot]:
    settings = TelegramSettings(token=SecretStr(TOKEN), api_url=telegram.url)
    async with make_bot(settings) as telegram_bot:
        yield telegram_bot


@pytest.fixture
async def chats(telegram_bot: TelegramBot) -> AsyncIterator[Chats]:
    chats = Chats(telegram_bot)
    yield chats
    await chats.close(timeout_s=1.0)


@pytest.fixture
def chat(telegram: SimTelegram) -> int:
    return started(telegram, "Anna")


@pytest.fixture
def other(telegram: SimTelegram) -> int:
    return started(telegram, "Bert")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """People, and the bot as far as its rows."""
    room = Room(tmp_path)
    await room.open()
    yield room
    await room.close()
