"""A family of commands: /invoice, the answer to its question, /cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from telegram import Message
from telegram.ext import CommandHandler, MessageHandler

from bot import texts
from bot.actions import Actions, Asker, BoardActions, Place
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.board_buttons import handle_on
from bot.chat.buttons import named
from bot.chat.client import TelegramBot
from bot.chat.replies import Replies, Reply, reply
from bot.chat.targets import AtNode, Targets, hindered
from bot.chat.updates import PtbApplication
from bot.core.board import Board
from bot.core.text import clean
from bot.core.wishes import Answered, Asked, Cancelling, Closing
from bot.errors import ChatLimitReached, Refused, ShareLimitReached, UserLimitReached
from bot.places import Places

#: What is said back to a message.
Handle = Callable[[Message], Awaitable[Sequence[Reply]]]


class Invoices:
    """Turns commands into what people want, and what came of it into replies."""

    def __init__(
        self,
        *,
        actions: Actions,
        boards: BoardActions,
        node: AtNode,
        admission: Admission,
        places: Places,
        replies: Replies,
        targets: Targets,
        telegram_bot: TelegramBot,
    ) -> None:
        self._actions = actions
        self._boards = boards
        self._node = node
        self._admission = admission
        self._places = places
        self._replies = replies
        self._targets = targets
        self._telegram_bot = telegram_bot

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        callback, corrected = self._replies.to_message, self._replies.corrected
        for handler in (
            CommandHandler("invoice", callback(self.invoice), filters=messages.ASKS),
            CommandHandler("cancel", callback(self.cancel), filters=messages.ASKS),
            MessageHandler(messages.TEXTS, callback(self.answer)),
            CommandHandler("invoice", corrected(self.invoice), filters=messages.EDITED),
            MessageHandler(messages.EDITED_TEXTS, corrected(self.answer)),
        ):
            application.add_handler(handler)

    async def invoice(self, message: Message) -> Sequence[Reply]:
        """/invoice <amount> [memo]: a new row. /invoice alone: a row that asks for the amount."""
        asker = messages.asker(message)
        if not self._admission.may_ask(message, asker):
            return await self._admission.stranger(message, asker)
        try:
            asked = await self._actions.ask(
                asker,
                messages.origin(message),
                messages.place(message, self._places),
                messages.after_command(message),
                quoted=messages.quoted(message),
                age_s=self._admission.age_s(message),
            )
        except Refused as error:
            self._replies.corrections.note(message, refused=True)
            return [reply(message, texts.refusal(error))]
        self._replies.corrections.note(message, refused=False)
        return await self._admission.too_late(message, asker) if asked is Asked.TOO_LATE else []

    async def answer(self, message: Message) -> Sequence[Reply]:
        """A text that may be the answer to "How many sats?".

        A reply to the question is; in private a message that replies to nothing is as well.
        """
        to = messages.replied(message)
        to_us = to is not None and messages.is_from(to, self._telegram_bot)
        in_private, is_edit = messages.is_private(message), message.edit_date is not None
        if not in_private and not to_us:
            return []
        asker, place = messages.asker(message), messages.place(message, self._places)
        is_known = self._admission.may_ask(message, asker)
        if not is_known and not await self._is_giver(asker, place):
            return []
        if messages.is_reply(message) and not to_us:
            return [reply(message, texts.help_private(self._telegram_bot.username))]
        try:
            answered = await self._actions.answer(
                asker,
                messages.origin(message),
                place,
                clean(message.text or ""),
                replied_to=None if to is None else to.message_id,
                replied_at=0.0 if to is None else to.date.timestamp(),
                named=None if to is None else named(to),
                age_s=self._admission.age_s(message),
                is_edit=is_edit,
            )
        except (UserLimitReached, ChatLimitReached, ShareLimitReached) as error:
            self._replies.corrections.note(message, refused=True)
            return [reply(message, texts.refusal(error))]
        except Refused as error:  # another answer is waited for
            self._replies.corrections.note(message, refused=True)
            if await self._is_giver(asker, place):  # whose question has buttons
                return [reply(message, texts.refusal(error))]
            asks = reply(message, texts.refusal(error), asks=True)
            return [replace(asks, then=partial(self._actions.asked_again, asker, place))]
        self._replies.corrections.note(message, refused=False)
        match answered:
            case Answered.TOO_LATE:
                return await self._admission.too_late(message, asker)
            case Answered.EXPIRED:
                return [reply(message, texts.QUESTION_EXPIRED)]
            case Answered.CLOSED:
                return [reply(message, texts.QUESTION_CLOSED)]
            case Answered.GIFT_CLOSED:
                return [reply(message, texts.GIFT_CLOSED)]
            case Answered.NO_QUESTION | Answered.OTHER_CARD if in_private and not is_edit:
                return [reply(message, texts.help_private(self._telegram_bot.username))]
        return []

    async def _is_giver(self, asker: Asker, place: Place) -> bool:
        """Whether somebody who may ask for nothing is asked how much they give."""
        question = await self._actions.question(asker, place)
        return question is not None and question.board_id > 0

    async def cancel(self, message: Message) -> Sequence[Reply]:
        """/cancel as a reply to a card or a board; alone it ends the question that is open."""
        to = messages.replied(message)
        if to is not None:
            is_ours = messages.is_from(to, self._telegram_bot)
            handle = handle_on(to) if is_ours else ""
            board = await self._boards.board_of(to.chat.id, to.message_id, handle)
            if board is not None:
                return await self._close(message, messages.asker(message), board)
        return await self._cancel(message)

    async def _cancel(self, message: Message) -> Sequence[Reply]:
        asker = messages.asker(message)
        to = messages.replied(message)
        to_us = to is not None and messages.is_from(to, self._telegram_bot)
        row = payment_hash = None
        if to is not None:
            row = await self._actions.of_message(message.chat.id, to.message_id)
            payment_hash = named(to) if to_us else None
            if row is None and payment_hash is not None:
                row = await self._targets.of_card(payment_hash, to)
        elif not messages.is_reply(message):
            place = messages.place(message, self._places)
            row = await self._actions.question(asker, place)
        # In a group a bare /cancel may be meant for another bot.
        for_us = row is not None or to_us or messages.is_addressed(message)
        if not for_us:
            return []
        is_own = row is not None and row.asker_id == asker.id
        is_stranger = not is_own and not self._admission.may_ask(message, asker)
        late = await self._admission.late(message, asker)
        if late is not None and not is_stranger:
            return late
        no: Sequence[Reply] = []
        if is_stranger:
            no = await self._admission.stranger(message, asker)
        if late is not None:  # not even where a group's admin is a stranger
            return no
        if row is None:
            how = texts.CANCEL_HOW if payment_hash is None else texts.NOT_TRACKED
            return no if is_stranger else [reply(message, how)]
        unknown = no if is_stranger else [reply(message, texts.TRY_AGAIN)]
        no = no if is_stranger else [reply(message, texts.NOT_ALLOWED)]
        row_hash = row.payment_hash

        async def then() -> Sequence[Reply]:
            came_of_it = await self._actions.cancel(row_hash, asker)
            hindrance = self._node.hindrance
            if came_of_it is Cancelling.CANCELLING and hindrance is None:  # the card says so soon
                return []
            return [reply(message, texts.asked_to_cancel(came_of_it, hindrance))]

        return await self._targets.if_allowed(row, asker, then, no, unknown)

    async def _close(self, message: Message, asker: Asker, board: Board) -> Sequence[Reply]:
        """/cancel as a reply to a board."""

        async def then() -> Sequence[Reply]:
            came_of_it = await self._boards.close(board.id, asker)
            said = texts.closing(came_of_it)
            if came_of_it is Closing.CLOSING:  # the board says the rest
                said = hindered(self._node, board.live)
            return [reply(message, said)] if said else []

        if (late := await self._admission.late(message, asker)) is not None:
            return late
        no = [reply(message, texts.NOT_ALLOWED)]
        return await self._targets.if_allowed(
            board, asker, then, no, [reply(message, texts.TRY_AGAIN)]
        )
