"""Whether the bot can write to who is listed. Knows whom to ask about owners and groups."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from telegram.error import TelegramError

from bot.chat.client import FIRST_SUPERGROUP, NO_ACTION, OUT, TelegramBot
from bot.chat.explain import explain
from bot.config import AccessSettings
from bot.errors import ChatForbidden, ChatMoved
from bot.findings import About, Finding, Kind, fine, note

#: Seconds for all questions, and how many are asked at a time.
TIMEOUT_S = 10.0
AT_ONCE = 8

_Probe = Callable[[TelegramBot, int], Awaitable[Finding | None]]


async def presence(bot: TelegramBot, access: AccessSettings) -> list[Finding]:
    """Whether owners have opened the bot, and whether it is in each of the chats."""
    return [
        *await _asked(bot, access.owners, _owner, About.ACCESS, Kind.OWNERS_MET),
        *await _asked(bot, access.chats, _chat, About.GROUPS, Kind.IN_ALL_CHATS),
    ]


async def _asked(
    bot: TelegramBot, ids: Collection[int], probe: _Probe, about: About, all_well: Kind
) -> list[Finding]:
    """What is wrong with some of them, or that all is well; nothing where there are none."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(id_: int) -> Finding | None:
        async with places:
            try:
                return await probe(bot, id_)
            except TelegramError as error:
                return note(about, Kind.NOT_CHECKED, id=id_, message=error.message)

    try:
        async with asyncio.timeout(TIMEOUT_S):
            found = await asyncio.gather(*map(one, sorted(ids)))
    except TimeoutError:
        return [note(about, Kind.NO_ANSWER, timeout_s=TIMEOUT_S)]
    wrong = [finding for finding in found if finding is not None]
    return wrong or ([fine(about, all_well)] if ids else [])


async def _owner(bot: TelegramBot, user_id: int) -> Finding | None:
    try:
        await bot.send_chat_action(user_id, NO_ACTION)
    except TelegramError as error:
        if not isinstance(explain(error), ChatForbidden):
            raise
        return note(About.ACCESS, Kind.OWNER_NOT_MET, user_id=user_id, username=bot.username)
    return None


async def _chat(bot: TelegramBot, chat_id: int) -> Finding | None:
    if chat_id > 0:  # somebody's private chat, or a group's number without its sign
        lacks_sign = chat_id >= -FIRST_SUPERGROUP
        return note(About.GROUPS, Kind.NOT_IN_CHAT, chat_id=chat_id) if lacks_sign else None
    try:
        if await bot.status(chat_id, bot.id, within_s=TIMEOUT_S) in OUT:
            return note(About.GROUPS, Kind.NOT_IN_CHAT, chat_id=chat_id)
    except TelegramError as error:
        match explain(error):
            case ChatMoved() as moved:
                new_id = moved.new_chat_id
                return note(About.GROUPS, Kind.CHAT_MOVED, chat_id=chat_id, new_chat_id=new_id)
            case ChatForbidden():
                return note(About.GROUPS, Kind.NOT_IN_CHAT, chat_id=chat_id)
        raise
    return None
