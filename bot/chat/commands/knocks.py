"""A family of presses: what owners answer to somebody who asks to be let in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from telegram import CallbackQuery
from telegram.ext import CallbackQueryHandler

from bot import texts
from bot.access import Access
from bot.actions import Grants, Knocks
from bot.chat import messages
from bot.chat.chats import Edit
from bot.chat.knocks import LET, buttons, is_of, read_button
from bot.chat.replies import Answer, Replies, Reply
from bot.chat.updates import PtbApplication
from bot.core.knocks import Answering


class KnockPresses:
    """Allow, and No. What is shown then is in the rows; only a copy is edited here."""

    def __init__(self, *, grants: Grants, knocks: Knocks, access: Access, replies: Replies) -> None:
        self._grants = grants
        self._knocks = knocks
        self._access = access
        self._replies = replies

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        pressed = self._replies.to_press(self.pressed)
        application.add_handler(CallbackQueryHandler(pressed, pattern=f"^{LET}:"))

    async def pressed(self, query: CallbackQuery) -> Sequence[Reply]:
        """A press: by an owner, or by somebody who was one or names data of their own."""
        by = messages.presser(query.from_user)
        read = read_button(query.data or "")
        came_of_it, asked = Answering.NOT_OWNER, None
        if self._access.is_owner(by.id):
            came_of_it = Answering.GONE
            if read is not None:
                came_of_it, asked = await self._grants.answer(read[1], read[0], by)
        is_bad = came_of_it is not Answering.DONE
        answer = Answer(query.id, by.id, texts.answering(came_of_it), alert=is_bad)
        message = query.message
        if asked is None or read is None or message is None or not is_of(message, read[1]):
            return [answer]
        is_own = message.chat.id == by.id
        if not is_own or message.message_id == await self._knocks.message_of(asked, by.id):
            return [answer]
        # a copy that a crash or a lost answer left there
        may_read = partial(self._access.is_owner, by.id)
        shown = Edit(by.id, message.message_id, texts.knock(asked), buttons(asked), may_read)
        return [answer, shown]
