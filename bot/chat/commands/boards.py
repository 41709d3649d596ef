"""A family of commands: /split, the press on a board, and the link that brings a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telegram import CallbackQuery, Message
from telegram.ext import CallbackQueryHandler, CommandHandler, filters

from bot import texts
from bot.actions import Asker, BoardActions
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.boards import PAY, handle_on
from bot.chat.client import TelegramBot
from bot.chat.replies import Answer, Replies, Reply, reply
from bot.chat.updates import PtbApplication
from bot.core.text import clean_name
from bot.core.wishes import Parting, Sitting, Splitting
from bot.errors import Refused
from bot.places import Places


class _HasToken(filters.MessageFilter):
    """A /start that a link brought."""

    def filter(self, message: Message) -> bool:
        return bool(messages.after_command(message))


class Boards:
    """Turns commands and presses into what people want of a board."""

    def __init__(
        self,
        *,
        actions: BoardActions,
        admission: Admission,
        places: Places,
        replies: Replies,
        telegram_bot: TelegramBot,
    ) -> None:
        self._actions = actions
        self._admission = admission
        self._places = places
        self._replies = replies
        self._telegram_bot = telegram_bot

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        callback = self._replies.to_message
        linked = messages.ADDRESSED & filters.ChatType.PRIVATE & _HasToken()
        for handler in (
            CommandHandler("split", callback(self.split), filters=messages.ASKS),
            CommandHandler("start", callback(self.start), filters=linked),
            CallbackQueryHandler(self._replies.to_press(self.pressed), pattern=f"^{PAY}:"),
        ):
            application.add_handler(handler)

    async def split(self, message: Message) -> Sequence[Reply]:
        """/split <sum>/<people> [memo]: a new board."""
        asker = messages.asker(message)
        if not self._admission.may_ask(message, asker):
            return await self._admission.stranger(message, asker)
        if messages.is_private(message):
            return [reply(message, texts.SPLIT_IN_GROUPS)]
        try:
            came_of_it = await self._actions.split(
                asker,
                messages.origin(message),
                messages.place(message, self._places),
                messages.after_command(message),
                age_s=self._admission.age_s(message),
            )
        except Refused as error:
            return [reply(message, texts.refusal(error))]
        if came_of_it is Splitting.TOO_LATE:
            return await self._admission.too_late(message, asker)
        said = texts.splitting(came_of_it)
        return [reply(message, said)] if said else []

    async def pressed(self, query: CallbackQuery) -> Sequence[Reply]:
        """A press on "Pay my part": a seat, and the link to the private chat."""
        person_id = query.from_user.id
        by = Asker(person_id, clean_name(query.from_user.full_name or ""))
        message = query.message
        came_of_it, token = Sitting.NOT_TRACKED, ""
        if message is not None:
            handle = (query.data or "").partition(":")[2]
            chat_id = self._places.now(message.chat.id)
            # A client can name any message, and where a group moved old numbers are void.
            has_it = message.chat.id == chat_id and handle_on(message) == handle
            shown = message.message_id if has_it else None
            came_of_it, token = await self._actions.sit(handle, chat_id, by, message_id=shown)
        if came_of_it is Sitting.SEATED:
            url = f"https://t.me/{self._telegram_bot.username}?start={token}"
            return [Answer(query.id, person_id, "", url=url)]
        return [Answer(query.id, person_id, texts.sitting(came_of_it), alert=True)]

    async def start(self, message: Message) -> Sequence[Reply]:
        """/start <token>, as the link sends it: the invoice of that seat."""
        by = messages.asker(message)
        token = messages.after_command(message)
        place = messages.place(message, self._places)
        came_of_it, row = await self._actions.part(token, by, place)
        if came_of_it is Parting.ASKED:
            return []
        said = reply(message, texts.parting(came_of_it))
        if came_of_it is Parting.THERE and row is not None and row.card_id is not None:
            return [replace(said, reply_to=row.card_id)]
        return [said] if came_of_it is not Parting.THERE else []
