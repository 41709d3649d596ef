"""A family of commands: /allow, /deny, /who, for the bot's owners only.

They count in a new message that an owner wrote as themself: not edited, not forwarded, not tapped
in what another bot offers, not as a group or a channel.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from telegram import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MaybeInaccessibleMessage,
    Message,
    MessageOriginUser,
    Update,
    User,
)
from telegram.ext import CallbackQueryHandler, CommandHandler

from bot import texts
from bot.access import Access
from bot.actions import Asker, Grants, Subject
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.chats import Edit, Say
from bot.chat.client import TelegramBot
from bot.chat.replies import Answer, Replies, Reply, reply
from bot.chat.updates import PtbApplication
from bot.clock import steady
from bot.core.grants import Allowing, Role
from bot.core.text import clean_name
from bot.places import Places

#: What the data of the buttons between the pages of /who begins with.
PAGE = "who"
#: Far beyond any id of Telegram's.
_MAX_ID = 2**52
_OWNER = re.compile(r"(?i)owner(?:\s+|$)")
_ID = re.compile(r"-?\d{1,16}")
_USERNAME = re.compile(r"@([A-Za-z0-9_]{3,32})")


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a command means: `subject`, or why nobody is, as Telegram HTML. "": nobody is named."""

    subject: Subject | None
    why: str = ""


class GrantCommands:
    """Turns commands into who is let in."""

    def __init__(
        self,
        *,
        grants: Grants,
        access: Access,
        admission: Admission,
        places: Places,
        replies: Replies,
        telegram_bot: TelegramBot,
    ) -> None:
        self._grants = grants
        self._access = access
        self._admission = admission
        self._places = places
        self._replies = replies
        self._telegram_bot = telegram_bot

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        to_message = self._replies.to_message
        allow, deny, who = (
            to_message(partial(self._if_owner, handle))
            for handle in (self.allow, self.deny, self.who)
        )
        old, pressed = self._refuse_old, self._replies.to_press(self.pressed)
        for handler in (
            CommandHandler("allow", allow, filters=messages.ASKS),
            CommandHandler("deny", deny, filters=messages.ASKS),
            CommandHandler("who", who, filters=messages.ADDRESSED),
            CommandHandler(
                # all that are only the owners'; those of other families too
                ["allow", "deny", "export", "status", "who"],
                old,
                filters=messages.NOT_NEW,
            ),
            CallbackQueryHandler(pressed, pattern=f"^{PAGE}:"),
        ):
            application.add_handler(handler)

    async def _refuse_old(self, update: Update, _context: Any) -> None:
        """A command that nobody wrote here just now changes nothing, whoever sent it."""
        message = update.message or update.edited_message
        if message is not None and messages.is_addressed(message):
            self._replies.send(await self._admission.refused(message, texts.OWNERS_NEW))

    async def _if_owner(
        self, handle: Callable[[Message, Asker], Awaitable[Sequence[Reply]]], message: Message
    ) -> Sequence[Reply]:
        asker = messages.asker(message)
        if (refused := await self._admission.owners_only(message, asker)) is not None:
            return refused
        if (late := await self._admission.late(message, asker)) is not None:
            return late
        return await handle(message, asker)

    async def allow(self, message: Message, by: Asker) -> Sequence[Reply]:
        """/allow <id>, or as a reply, or with a mention; alone in a group: the group."""
        what = messages.after_command(message)
        role, rest = Role.USER, what
        if found := _OWNER.match(what):
            role, rest = Role.OWNER, what[found.end() :]
        named = await self._named(
            message, rest, by_username=self._grants.seen_as, is_group_meant=role is Role.USER
        )
        who = named.subject
        if who is None or (role is Role.OWNER and who.id < 0):
            return [reply(message, named.why or texts.ALLOW_HOW)]
        role = Role.CHAT if who.id < 0 else role
        is_here = who.id == self._places.now(message.chat.id)
        came = await self._grants.allow(who, role, by, is_told=is_here)
        said = reply(message, texts.allowing(came.came_of_it, who.id, came.name, role))
        if role is Role.OWNER and came.came_of_it is Allowing.ALLOWED:
            may_read = partial(self._access.is_owner, who.id)
            # whoever asks to be let in hears that an owner was asked, where one can be reached
            lost = partial(self._places.lost, who.id, must=True, asked_at=steady())
            return [said, Say(who.id, texts.NEW_OWNER, may_read=may_read, lost=lost)]
        return [said]

    async def deny(self, message: Message, by: Asker) -> Sequence[Reply]:
        """/deny, of the same."""
        what = messages.after_command(message)
        found = _OWNER.match(what)
        rest = what[found.end() :] if found else what
        named = await self._named(
            message, rest, by_username=self._grants.named, is_group_meant=not found
        )
        if named.subject is None:
            return [reply(message, named.why or texts.DENY_HOW)]
        who = named.subject
        came = await self._grants.deny(who, by)
        text = texts.denying(
            came.came_of_it,
            who.id,
            came.name,
            came.key,
            removed=came.removed,
            is_open=came.is_open,
        )
        return [reply(message, text)]

    async def _named(
        self,
        message: Message,
        what: str,
        *,
        by_username: Callable[[str], Awaitable[Sequence[Subject]]],
        is_group_meant: bool,
    ) -> Named:
        """Whom the command means: by what is written, else by the message it replies to."""
        mentioned = [each for each in messages.named(message) if each.id]
        if len(mentioned) == 1 and mentioned[0].text.strip() == what.strip():
            return self._person(Subject(mentioned[0].id, mentioned[0].name))
        if _ID.fullmatch(what):
            number = int(what)
            if number == 0 or abs(number) > _MAX_ID:
                return Named(None)
            return Named(Subject(self._places.now(number)))
        if found := _USERNAME.fullmatch(what):
            to = messages.replied(message)
            if to is not None and _has_username(_writer(to), found[1]):
                return self._named_by(to)
            known = await by_username(found[1])
            if len(known) > 1:
                return Named(None, texts.KNOWN_TWICE)
            return self._person(known[0]) if known else Named(None, texts.NOT_KNOWN)
        if what:
            return Named(None)
        if (to := messages.replied(message)) is not None:
            return self._named_by(to)
        if messages.is_reply(message) or messages.is_private(message) or not is_group_meant:
            return Named(None)
        title = clean_name(message.chat.title or "")
        return Named(Subject(self._places.now(message.chat.id), title))

    def _named_by(self, to: Message) -> Named:
        """Whom a reply to this message means: who wrote it, if that is a person."""
        writer = _writer(to)
        if writer is None or writer.is_bot or to.sender_chat is not None:
            return Named(None, texts.NO_PERSON)
        name = clean_name(writer.full_name or "")
        return self._person(Subject(writer.id, name, writer.username or ""))

    def _person(self, who: Subject) -> Named:
        is_us = who.id == self._telegram_bot.id
        return Named(None, texts.NO_PERSON) if is_us else Named(who)

    # /who

    async def who(self, message: Message, by: Asker) -> Sequence[Reply]:
        """/who: who is let in, and who asks to be; in private."""
        if not messages.is_private(message):
            return [reply(message, texts.WHO_IN_PRIVATE)]
        pages = texts.who(await self._grants.who())
        keyboard, may_read = _turns(0, len(pages)), partial(self._access.is_owner, by.id)
        return [reply(message, pages[0], keyboard=keyboard, may_read=may_read)]

    async def pressed(self, query: CallbackQuery) -> Sequence[Reply]:
        """A press between the pages of /who."""
        by, message = query.from_user, query.message
        wanted = (query.data or "").partition(":")[2]
        if not self._access.is_owner(by.id):
            return [Answer(query.id, by.id, texts.OWNERS_ONLY, alert=True)]
        # A client can name any message: only this one's own buttons turn its pages.
        is_own = message is not None and message.chat.id == by.id and _has_turns(message)
        if message is None or not is_own or not wanted.isdecimal() or len(wanted) > 4:
            return [Answer(query.id, by.id, texts.WHO_IN_PRIVATE, alert=True)]
        pages = texts.who(await self._grants.who())
        at = min(int(wanted), len(pages) - 1)
        keyboard, may_read = _turns(at, len(pages)), partial(self._access.is_owner, by.id)
        shown = Edit(by.id, message.message_id, pages[at], keyboard, may_read)
        return [Answer(query.id, by.id, ""), shown]


def _writer(message: Message) -> User | None:
    """Who wrote a message; in private, what the owner forwards there was written by another."""
    origin = message.forward_origin
    if messages.is_private(message) and origin is not None:
        return origin.sender_user if isinstance(origin, MessageOriginUser) else None
    return message.from_user


def _has_username(writer: User | None, username: str) -> bool:
    return writer is not None and (writer.username or "").lower() == username.lower()


def _has_turns(message: MaybeInaccessibleMessage) -> bool:
    return any(data.startswith(f"{PAGE}:") for data in messages.button_data(message))


def _turns(at: int, count: int) -> InlineKeyboardMarkup | None:
    """The buttons to the pages before and after."""
    ways = (
        (at - 1, texts.BEFORE_BUTTON),
        (at + 1, texts.AFTER_BUTTON),
    )
    row = [
        InlineKeyboardButton(label, callback_data=f"{PAGE}:{page}")
        for page, label in ways
        if 0 <= page < count
    ]
    return InlineKeyboardMarkup([row]) if row else None
