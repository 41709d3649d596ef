"""One board in its chat: sent, edited, moved, announced, reminded of. Knows Telegram's messages."""

from __future__ import annotations

from collections.abc import Callable

from telegram import InlineKeyboardMarkup
from telegram.constants import ParseMode

from bot import logs, texts
from bot.access import Access
from bot.chat.board_buttons import under_board
from bot.chat.chats import Chats, IsSo, Say
from bot.core.board import Board, Sent
from bot.core.work import MAX_REFUSALS, Do, Lane
from bot.errors import (
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    MessageGone,
    TopicClosed,
    TopicGone,
)

log = logs.get(__name__)


class Boards:
    """Shows boards through `chats`. Every method raises `ChatError`."""

    def __init__(
        self,
        chats: Chats,
        *,
        access: Access,
        payee: Callable[[], str],
        network: Callable[[], str] = str,
    ) -> None:
        """`payee`: whose node is paid, by its name, "" where it has none; `network`: that it is
        on, "" where that is not known.
        """
        self._chats = chats
        self._access = access
        self._payee = payee
        self._network = network

    async def do(self, do: Do, board: Board, is_so: IsSo | None = None) -> Sent:
        """Take a step in the chat; the face that was rendered, and a new message's number.

        `is_so`: whether the board is still as it was. What no edit corrects is `NotSent` where it
        is not, when its turn comes.
        """
        may_be_duplicate = board.may_be_duplicate(do)
        match do:
            case Do.SEND_CARD:
                text = self._text(board, may_be_duplicate=may_be_duplicate)
                return Sent(board.face, await self._send(board, text, under_board(board)))
            case Do.EDIT_CARD:
                await self._edit(board, board.card_id, self._text(board), under_board(board))
            case Do.EDIT_DUPLICATE:
                number = board.untrue_duplicate
                await self._edit(board, number, self._text(board), under_board(board))
            case Do.REMOVE_BEFORE:
                await self._remove_before(board)
            case Do.ANNOUNCE:
                await self._announce(board, is_so)
            case Do.REMIND:
                text = texts.reminder(board, may_be_duplicate=may_be_duplicate)
                await self._send(board, text, None, is_so=is_so, reply_to=board.card_id)
            case _:
                raise ValueError(f"not a step of a board in a chat: {do}")
        return Sent(board.face)

    def is_slow(self, board: Board) -> bool:
        """Whether messages to its chat take long."""
        return self._chats.is_slow(board.chat_id)

    def tell_refused(self, board: Board, refusal: ChatRefused) -> None:
        """Tell who asked in private that Telegram does not take their board, best effort."""
        if board.asker_id > 0:
            text = texts.board_refused(board, is_closed=isinstance(refusal, TopicClosed))
            self._chats.say(Say(board.asker_id, text))

    async def _announce(self, board: Board, is_so: IsSo | None) -> None:
        """Where Telegram refuses it again and again, without what people wrote.

        In the end, or where the topic is closed, it is told to who asked in private.
        """
        refusals = board.refusals_of(Do.ANNOUNCE)
        try:
            await self._announce_to(board, board.chat_id, is_so, is_bare=False)
        except TopicGone:
            raise
        except ChatRefused as refusal:
            is_closed = isinstance(refusal, TopicClosed)
            if not refusals and not is_closed:  # once may be a slip
                raise
            if not is_closed:
                tell = log.warning if refusals < MAX_REFUSALS else log.debug
                tell("board announced without names and memo", detail=refusal.detail)
                try:
                    return await self._announce_to(board, board.chat_id, is_so, is_bare=True)
                except ChatRefused:
                    if refusals + 1 < MAX_REFUSALS:
                        raise
            await self._announce_in_private(board, is_so, refusal)

    async def _announce_in_private(
        self, board: Board, is_so: IsSo | None, refusal: ChatRefused
    ) -> None:
        """Raises the refusal where it reaches nobody."""
        if board.asker_id <= 0:
            raise refusal
        for is_bare in (False, True):
            try:
                return await self._announce_to(board, board.asker_id, is_so, is_bare=is_bare)
            except (ChatForbidden, ChatRefused, ChatMoved) as error:
                log.info("board not announced in private", detail=error.detail, **board.tag)
                if not isinstance(error, ChatRefused):
                    break
        raise refusal

    async def _announce_to(
        self, board: Board, chat_id: int, is_so: IsSo | None, *, is_bare: bool
    ) -> None:
        text = texts.board_announcement(
            board,
            may_be_duplicate=board.may_be_duplicate(Do.ANNOUNCE),
            is_bare=is_bare,
            in_private=chat_id != board.chat_id,
        )
        await self._send(board, text, None, is_so=is_so, reply_to=board.card_id, chat_id=chat_id)

    def _text(self, board: Board, *, may_be_duplicate: bool = False) -> str:
        payee = None if self._access.is_owner(board.asker_id) else self._payee()
        return texts.board(board, payee, network=self._network(), may_be_duplicate=may_be_duplicate)

    async def _send(
        self,
        board: Board,
        text: str,
        markup: InlineKeyboardMarkup | None,
        *,
        is_so: IsSo | None = None,
        reply_to: int | None = None,
        chat_id: int | None = None,
    ) -> int:
        """`chat_id`: somebody's private chat in place of the board's own."""
        to = board.chat_id if chat_id is None else chat_id
        is_here = to == board.chat_id

        message = await self._chats.send(
            to,
            board.urgency,
            lambda bot: bot.send_message(
                to,
                text,
                parse_mode=ParseMode.HTML,
                reply_markup=markup,
                message_thread_id=board.thread_id if is_here else None,
                reply_to_message_id=(reply_to or board.reply_to) if is_here else None,
                allow_sending_without_reply=True,
            ),
            is_so,
        )
        if message is None:
            raise TypeError("only an edit can change nothing")
        return message.message_id

    async def _remove_before(self, board: Board) -> None:
        """The message that the board had before: removed, or, where it is too old, a stub."""
        assert board.before_id is not None  # noqa: S101 -- next_board_step asks for it only then
        number = board.before_id
        try:
            await self._chats.send(
                board.chat_id,
                Lane.BACKGROUND,
                lambda bot: bot.delete_message(board.chat_id, number),
            )
        except MessageGone:
            return
        except ChatRefused as refusal:
            log.info("message not removed", detail=refusal.detail, **board.tag)
            await self._edit(board, number, texts.MOVED_DOWN, None)

    async def _edit(
        self, board: Board, number: int | None, text: str, markup: InlineKeyboardMarkup | None
    ) -> None:
        await self._chats.send(
            board.chat_id,
            Lane.BACKGROUND,
            lambda bot: bot.edit_message_text(
                text, board.chat_id, number, parse_mode=ParseMode.HTML, reply_markup=markup
            ),
        )
