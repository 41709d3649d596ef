"""A family of updates: where the bot is, was removed, is heard of again; and groups that move."""

from __future__ import annotations

import asyncio

from telegram import ChatMember, Update
from telegram.ext import ChatMemberHandler, MessageHandler, TypeHandler

from bot.chat import messages
from bot.chat.chats import Chats
from bot.chat.client import OUT
from bot.chat.fields import MAY
from bot.chat.updates import PtbApplication
from bot.places import Places

#: Seconds in which talk makes a chat reachable once: a muted group may talk without end. So it is
#: with a change of the bot's place there that lets it do nothing more than before.
LIFT_EVERY_S = 60.0


class Membership:
    """Tells `places` and `chats` of what comes from where."""

    def __init__(self, *, places: Places, chats: Chats, lift_every_s: float = LIFT_EVERY_S) -> None:
        self._lift_every_s = lift_every_s
        self._places = places
        self._chats = chats
        # chats that talk made reachable in the last minute, and the timer of the next time
        self._lifted: dict[int, asyncio.TimerHandle] = {}
        self._talked: set[int] = set()  # of these, since

    def register(self, application: PtbApplication) -> None:
        """Who handles what; every update is heard first."""
        application.add_handler(TypeHandler(Update, self.heard), group=-1)
        application.add_handler(MessageHandler(messages.MIGRATIONS, self.migrated))
        application.add_handler(ChatMemberHandler(self.lost, ChatMemberHandler.MY_CHAT_MEMBER))

    async def heard(self, update: Update, _context: object = None) -> None:
        """A chat that is heard of can be written to again; by talk, once a minute."""
        chat = update.effective_chat
        if chat is None or _is_out(update):
            return
        is_talk = chat.id < 0 and not _may_more(update)
        if is_talk and chat.id in self._lifted:
            self._talked.add(chat.id)
            return
        if is_talk and self._places.is_unreachable(chat.id):
            loop = asyncio.get_running_loop()
            self._lifted[chat.id] = loop.call_later(self._lift_every_s, self._may_lift, chat.id)
        await self._heard(chat.id, surely=not is_talk)

    def _may_lift(self, chat_id: int) -> None:
        """A minute is over: what was said meanwhile counts now."""
        del self._lifted[chat_id]
        if chat_id in self._talked:
            self._talked.discard(chat_id)
            self._chats.post(self._heard(chat_id))

    async def _heard(self, chat_id: int, *, surely: bool = False) -> None:
        self._chats.heard(chat_id)
        await self._places.heard(chat_id, surely=surely)

    async def lost(self, update: Update, _context: object = None) -> None:
        """Blocked or removed: nothing is tried there until the chat is heard of again."""
        if update.my_chat_member is not None and _is_out(update):
            await self._places.lost(update.my_chat_member.chat.id, must=False)

    async def migrated(self, update: Update, _context: object = None) -> None:
        """The group became a supergroup: said once in the old one, once in the new one."""
        message = update.message
        if message is None:
            return
        old, new = message.migrate_from_chat_id, message.migrate_to_chat_id
        old, new = (old, message.chat.id) if old is not None else (message.chat.id, new)
        if old is None or new is None or self._places.now(old) == new:
            return
        await self._places.moved(old, new, must=False)


def _may_more(update: Update) -> bool:
    """Whether the bot may write where it might not before, or less surely."""
    change = update.my_chat_member
    if change is None:
        return False
    return _may(change.new_chat_member) > _may(change.old_chat_member)


def _may(member: ChatMember) -> int:
    may: int = member.api_kwargs[MAY]  # PTB keeps there what it does not know
    return may


def _is_out(update: Update) -> bool:
    member = update.my_chat_member
    return member is not None and member.new_chat_member.status in OUT
