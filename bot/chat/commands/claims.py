"""A family of commands: /start with a claim link's code, in private, makes somebody the owner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from telegram import Message
from telegram.ext import CommandHandler, filters

from bot import texts
from bot.actions import Grants
from bot.actions.claims import CLAIM_LINK
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.replies import Replies, Reply, reply
from bot.chat.updates import PtbApplication
from bot.core.grants import Claiming


class _HasCode(filters.MessageFilter):
    """A /start that a claim link brought."""

    def filter(self, message: Message) -> bool:
        return messages.after_command(message).startswith(CLAIM_LINK)


class Claims:
    """Registered before all that takes a /start."""

    def __init__(self, *, grants: Grants, admission: Admission, replies: Replies) -> None:
        self._grants = grants
        self._admission = admission
        self._replies = replies

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        linked = messages.ADDRESSED & filters.ChatType.PRIVATE & _HasCode()
        start = self._replies.to_message(self.start)
        application.add_handler(CommandHandler("start", start, filters=linked))

    async def start(self, message: Message) -> Sequence[Reply]:
        """/start <code>: of a message that somebody wrote in their own private chat."""
        by = messages.asker(message)
        if (late := await self._admission.late(message, by)) is not None:
            return late
        came_of_it = await self._grants.claim(messages.after_command(message), by)
        if came_of_it in (Claiming.CLAIMED, Claiming.YOURS):
            may_read = partial(self._admission.is_owner, by.id)
            return [reply(message, texts.claiming(came_of_it), may_read=may_read)]
        is_stranger = not self._admission.may_ask(message, by)
        if is_stranger and not await self._admission.may_be_answered(by):
            return []
        return [reply(message, texts.claiming(came_of_it), to_stranger=is_stranger)]
