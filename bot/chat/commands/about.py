"""A family of commands: what the bot does, and ids. /help, /start, /id, and what is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from telegram import Message
from telegram.ext import CommandHandler, MessageHandler, filters

from bot import texts
from bot.access import Access
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.client import TelegramBot
from bot.chat.replies import Replies, Reply, reply
from bot.chat.updates import PtbApplication


class About:
    """Registered last: a command in private that no other family takes is answered by the help."""

    def __init__(
        self,
        *,
        access: Access,
        admission: Admission,
        replies: Replies,
        telegram_bot: TelegramBot,
    ) -> None:
        self._access = access
        self._admission = admission
        self._replies = replies
        self._telegram_bot = telegram_bot

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        help_, ids = self._replies.to_message(self.help), self._replies.to_message(self.ids)
        channel = self._replies.to_message(self.channel)
        answer = self._replies.to_message(self.channel_answer)
        for handler in (
            CommandHandler(["help", "start"], help_, filters=messages.ADDRESSED),
            CommandHandler("id", ids, filters=messages.ADDRESSED),
            CommandHandler(["invoice", "split", "collect"], channel, filters=messages.AS_CHANNEL),
            CommandHandler(
                [
                    "allow",
                    "cancel",
                    "deny",
                    "export",
                    "help",
                    "id",
                    "invoices",
                    "start",
                    "status",
                    "who",
                ],
                channel,
                filters=messages.AS_CHANNEL_ADDRESSED,
            ),
            MessageHandler(messages.AS_CHANNEL & filters.TEXT & ~filters.COMMAND, answer),
            # a slip such as /invoice2100
            MessageHandler(messages.PRIVATE_COMMANDS, help_),
        ):
            application.add_handler(handler)

    async def help(self, message: Message) -> Sequence[Reply]:
        """/help and /start: what the bot does."""
        asker = messages.asker(message)
        if (instead := await self._admission.instead(message, asker)) is not None:
            return instead
        name = self._telegram_bot.username
        if not messages.is_private(message):
            return [reply(message, texts.help_group(name))]
        if self._access.is_owner(asker.id):
            text = f"{texts.help_private(name)}\n\n{texts.help_owner()}"
            return [reply(message, text, may_read=partial(self._access.is_owner, asker.id))]
        replies = [reply(message, texts.help_private(name))]
        if self._admission.is_unclaimed:
            replies.append(reply(message, texts.unclaimed(asker.id, message.chat.id)))
        return replies

    async def channel(self, message: Message) -> Sequence[Reply]:
        """A command of somebody who writes as a channel: nothing is done."""
        return await self._admission.channel(message)

    async def channel_answer(self, message: Message) -> Sequence[Reply]:
        """The same of a reply to what the bot said."""
        to = messages.replied(message)
        to_us = to is not None and messages.is_from(to, self._telegram_bot)
        return await self._admission.channel(message) if to_us else []

    async def ids(self, message: Message) -> Sequence[Reply]:
        """/id: the numbers for the allow-list."""
        asker = messages.asker(message)
        if not await self._admission.may_ask_for_ids(message, asker):
            return []
        if (late := await self._admission.late(message, asker)) is not None:
            return late
        is_stranger = not self._admission.may_ask(message, asker)
        say = texts.unclaimed if self._admission.is_unclaimed else texts.ids
        return [reply(message, say(asker.id, message.chat.id), to_stranger=is_stranger)]
