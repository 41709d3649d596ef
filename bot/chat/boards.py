"""One board in its chat: sent, edited, announced. Knows Telegram's messages."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MaybeInaccessibleMessage, Message
from telegram.constants import ParseMode

from bot import texts
from bot.chat.chats import Chats
from bot.core.board import Board, BoardState, Sent
from bot.core.work import Do, Lane

#: What the buttons of boards begin with.
PAY = "pay"


class Boards:
    """Shows boards through `chats`. Every method raises `ChatError`."""

    def __init__(self, chats: Chats, *, owners: Collection[int], payee: Callable[[], str]) -> None:
        """`payee`: whose node is paid, by its name, "" where it has none."""
        self._chats = chats
        self._owners = owners
        self._payee = payee

    async def do(self, do: Do, board: Board) -> Sent:
        """Take a step in the chat; the face that was rendered, and a new message's number."""
        may_be_duplicate = board.may_be_duplicate(do)
        match do:
            case Do.SEND_CARD:
                payee = None if board.asker_id in self._owners else self._payee()
                text = texts.board(board, payee, may_be_duplicate=may_be_duplicate)
                return Sent(board.face, await self._send(board, text, keyboard(board)))
            case Do.EDIT_CARD:
                await self._edit(board)
                return Sent(board.face)
            case Do.ANNOUNCE:
                text = texts.board_announcement(board, may_be_duplicate=may_be_duplicate)
                await self._send(board, text, None, reply_to=board.card_id)
                return Sent(board.face)
        raise ValueError(f"not a step of a board in a chat: {do}")

    async def _send(
        self,
        board: Board,
        text: str,
        markup: InlineKeyboardMarkup | None,
        *,
        reply_to: int | None = None,
    ) -> int:
        message = await self._chats.send(
            board.chat_id,
            board.urgency,
            lambda bot: bot.send_message(
                board.chat_id,
                text,
                parse_mode=ParseMode.HTML,
                reply_markup=markup,
                message_thread_id=board.thread_id,
                reply_to_message_id=reply_to or board.reply_to,
                allow_sending_without_reply=True,
            ),
        )
        if message is None:
            raise TypeError("only an edit can change nothing")
        return message.message_id

    async def _edit(self, board: Board) -> None:
        payee = None if board.asker_id in self._owners else self._payee()
        text = texts.board(board, payee)
        await self._chats.send(
            board.chat_id,
            Lane.BACKGROUND,
            lambda bot: bot.edit_message_text(
                text,
                board.chat_id,
                board.card_id,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard(board),
            ),
        )


def handle_on(message: MaybeInaccessibleMessage) -> str:
    """The handle of the board that a message's button carries, "" where none is known.

    Of old messages only the number comes.
    """
    markup = message.reply_markup if isinstance(message, Message) else None
    for button in itertools.chain(*(markup.inline_keyboard if markup else ())):
        verb, _, handle = str(button.callback_data).partition(":")
        if verb == PAY:
            return handle
    return ""


def keyboard(board: Board) -> InlineKeyboardMarkup | None:
    """The buttons under a board; none once nothing more can be paid."""
    if board.state is not BoardState.OPEN:
        return None
    pay = InlineKeyboardButton(texts.PAY_BUTTON, callback_data=f"{PAY}:{board.handle}")
    return InlineKeyboardMarkup([[pay]])
