"""A family of commands: /invoices, page by page, and the presses that turn them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from telegram import CallbackQuery, Chat, Message
from telegram.ext import CallbackQueryHandler, CommandHandler

from bot import texts
from bot.actions import Ledger
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.chats import Edit
from bot.chat.list_buttons import LIST, ListPress, read_list, under_list, whose_list
from bot.chat.replies import Answer, IfAdmin, Replies, Reply, reply
from bot.chat.updates import PtbApplication
from bot.core.ledger import Page, Scope, Show
from bot.places import Places


class Listing:
    """Nothing is kept of a list: each button says which page it leads to."""

    def __init__(
        self, *, ledger: Ledger, admission: Admission, places: Places, replies: Replies
    ) -> None:
        self._ledger = ledger
        self._admission = admission
        self._places = places
        self._replies = replies

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        listed, turned = (
            self._replies.to_message(self.invoices),
            self._replies.to_press(self.turned),
        )
        application.add_handler(CommandHandler("invoices", listed, filters=messages.ADDRESSED))
        application.add_handler(CallbackQueryHandler(turned, pattern=f"^{LIST}:"))

    async def invoices(self, message: Message) -> Sequence[Reply]:
        """/invoices: one's own, in a group those from there; an owner's in private: everyone's."""
        asker = messages.asker(message)
        if (instead := await self._admission.instead(message, asker)) is not None:
            return instead
        group_id = None if messages.is_private(message) else self._places.now(message.chat.id)
        scope = self._ledger.scope(asker.id, group_id)
        page = await self._ledger.page(scope, Show.ALL, None)
        keyboard = under_list(page, Show.ALL, asker.id)
        said = reply(message, _said(page, Show.ALL, scope), keyboard=keyboard)
        return [replace(said, may_read=self._may_read(scope, asker.id))]

    async def turned(self, query: CallbackQuery) -> Sequence[Reply]:
        """A press under a list: another page of it, in the same message."""
        press, message, person = read_list(query.data or ""), query.message, query.from_user
        # A client can name any message with any data: whose list it is its own buttons say.
        whose = None if message is None else whose_list(message)
        if press is None or message is None or whose is None:
            return [Answer(query.id, person.id, texts.LIST_OUTDATED, alert=True)]
        chat = message.chat
        has_moved = chat.id != self._places.now(chat.id)
        if has_moved or not self._admission.may_read(whose, chat.id):
            return [Answer(query.id, person.id, texts.LIST_OUTDATED, alert=True)]
        press = press._replace(asker_id=whose)
        group_id = None if chat.type == Chat.PRIVATE else chat.id

        async def then() -> Sequence[Reply]:
            turned = await self._turned(press, group_id, chat.id, message.message_id)
            return [Answer(query.id, person.id, ""), turned]

        if whose == person.id:
            return await then()
        no = Answer(query.id, person.id, texts.LIST_OF_ANOTHER, alert=True)
        if whose != group_id:
            return [no]
        # An admin who wrote as the group: nobody knows which of them.
        unknown = Answer(query.id, person.id, texts.TRY_AGAIN, alert=True)
        return [IfAdmin(chat.id, person.id, then, [no], [unknown])]

    async def _turned(
        self, press: ListPress, group_id: int | None, chat_id: int, message_id: int
    ) -> Edit:
        scope = self._ledger.scope(press.asker_id, group_id)
        page = await self._ledger.page(scope, press.show, press.turn)
        keyboard = under_list(page, press.show, press.asker_id)
        may_read = self._may_read(scope, press.asker_id)
        return Edit(chat_id, message_id, _said(page, press.show, scope), keyboard, may_read)

    def _may_read(self, scope: Scope, asker_id: int) -> Callable[[], bool] | None:
        """Whether this page is still theirs, when it goes out: everyone's is an owner's."""
        is_everyones = scope.asker_id is None
        return partial(self._admission.is_owner, asker_id) if is_everyones else None


def _said(page: Page, show: Show, scope: Scope) -> str:
    is_everyones = scope.asker_id is None
    return texts.listed(page, show, in_group=scope.chat_id is not None, is_everyones=is_everyones)
