"""Messages to chats, each in its turn: sent once, or said as well as it goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from telegram import ForceReply, InlineKeyboardMarkup, InputFile, Message
from telegram.constants import ParseMode
from telegram.error import ChatMigrated, TelegramError

from bot import lack, logs
from bot.chat.client import FIRST_SUPERGROUP, NO_ACTION, TelegramBot
from bot.chat.explain import changes_nothing, explain
from bot.chat.limits import Drops, Minutes
from bot.chat.turns import Overtaken, Rank, Sentence, Turns
from bot.errors import (
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    MessageGone,
    NotSent,
    StoreUnavailable,
    TopicClosed,
    TopicGone,
)
from bot.pauses import pause_s

log = logs.get(__name__)

T = TypeVar("T")


class IsSo(Protocol):
    """What is so of a message that waits for its turn."""

    @property
    def overtaken(self) -> Overtaken | None:
        """Ends once it need not go out; None: it waits for its turn, whatever happens."""

    async def __call__(self) -> bool:
        """Whether what it says is so, when its turn comes."""


#: Tries of a message that nothing hangs on, and the longest pause between, in seconds.
SAY_TRIES = 3
SAY_PAUSE_S = 2.0
#: Messages that nothing hangs on and that wait, in one chat and in all; strangers' are no more
#: than the last number. What is said beyond is not said.
SAID_A_CHAT = 30
SAID_IN_ALL = 500
SAID_TO_STRANGERS = 400
#: Bytes of a file that Telegram takes of a bot, what is around it included; and the seconds that it
#: may take to get there.
MAX_FILE_BYTES = 50 * 1024 * 1024
UPLOAD_S = 600.0


class Document(NamedTuple):
    """A file that is open for reading, and its name."""

    file: BinaryIO
    name: str


@dataclass(frozen=True, slots=True)
class Say:
    """A message that nothing hangs on, as Telegram HTML."""

    chat_id: int
    text: str
    reply_to: int | None = None
    thread_id: int | None = None
    quiet: bool = False
    asks: bool = False  # the reader's next message is a reply to it
    to_stranger: bool = False  # it goes out when nothing else does
    person_id: int | None = None  # who reads it in private where the topic is closed
    keyboard: InlineKeyboardMarkup | None = None
    document: Document | None = None  # then `text` is its caption
    #: Whether it can still be read there, asked when it goes out; None: by anyone.
    may_read: Callable[[], bool] | None = None
    #: What is done with its number once it was sent, or where nothing reaches this chat.
    then: Callable[[int], Awaitable[None]] | None = None
    lost: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A message of the bot's that no row keeps true shows this now."""

    chat_id: int
    message_id: int
    text: str
    keyboard: InlineKeyboardMarkup | None = None
    may_read: Callable[[], bool] | None = None  # as of `Say`


class Chats:
    """All chats' queues. After `close` whatever waits is `NotSent`."""

    def __init__(
        self,
        telegram_bot: TelegramBot,
        moved: Callable[[int, int], Coroutine[Any, Any, object]] | None = None,
    ) -> None:
        """`moved`: writes that a group has a new id, where a message of no row finds that."""
        self.telegram_bot = telegram_bot
        self._moved = moved
        self._turns = Turns()
        self._closing = asyncio.Event()
        self._posting: set[asyncio.Task[None]] = set()
        self._said: Counter[int] = Counter()  # that wait, by chat
        self._waiting = 0  # all of them
        self._minutes = Minutes()
        self._edits: dict[tuple[int, int], Edit] = {}  # of groups, that wait
        self._drops = Drops("sentences dropped")

    async def send(
        self,
        chat_id: int,
        rank: Rank,
        call: Callable[[TelegramBot], Awaitable[T]],
        is_so: IsSo | None = None,
    ) -> T | None:
        """Make `call` when it is this chat's turn. Raises `ChatError`.

        None where Telegram says that an edit changes nothing, which is success. `is_so`: whether
        what it says is so when its turn comes; it is `NotSent` where it is not.
        """
        overtaken = None if is_so is None else is_so.overtaken
        async with self._turns.turn(chat_id, rank, overtaken) as line:
            if is_so is not None and not await is_so():
                raise NotSent(detail="overtaken while it waited")
            try:
                return await call(self.telegram_bot)
            except TelegramError as error:
                if changes_nothing(error):
                    return None
                explained = explain(error)
                if isinstance(explained, ChatBusy):
                    self._turns.pause(line, explained.retry_after_s)
                if isinstance(explained, ChatForbidden) and line.heard:
                    explained = NotSent(detail=explained.detail)  # it was so, and may be over
                if isinstance(explained, MessageGone) and FIRST_SUPERGROUP < chat_id < 0:
                    await self._find_moved(chat_id)
                raise explained from error

    async def _find_moved(self, chat_id: int) -> None:
        """Raises `ChatMoved` where this group became a supergroup: its messages are gone as well.

        Who edits is not told so, and that the bot heard of it may be forgotten.
        """
        try:
            await self.telegram_bot.send_chat_action(chat_id, NO_ACTION)
        except ChatMigrated as error:
            raise explain(error) from error
        except TelegramError as error:
            log.info("not known whether the group moved", chat=chat_id, reason=error.message)

    def post(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Let `work` run beside everything else; an error of it is logged, never raised."""
        task = asyncio.ensure_future(_best_effort(work))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)
        task.add_done_callback(lack.tell)
        return task

    def say(self, message: Say) -> None:
        """Post a message, best effort: again only if it surely was not sent.

        It goes behind all cards and edits, however many of them wait. In a group it may wait for a
        minute, so that there is always room for cards.
        """
        chat_id = message.chat_id
        if (reason := self._too_many(message)) is not None:
            self._drops.add(reason)
            return
        wait_s = self._minutes.reserve(chat_id) if chat_id < 0 else 0.0
        if wait_s is None:
            self._drops.add("too many in one group")
            return
        self._waiting += 1
        self._said[chat_id] += 1
        self.post(self._say(message, wait_s)).add_done_callback(lambda _: self._was_said(chat_id))

    async def deliver(self, message: Say) -> bool:
        """The same for a message that somebody waits for in private. Raises `ChatError`.

        Whether it was sent: not where they can no longer read it.
        """
        return await self._say(message, 0.0)

    def edit(self, message: Edit) -> None:
        """Post an edit, best effort and once.

        In a group it is one of the sentences of a minute; while it waits, a newer one of the same
        message takes its place.
        """
        if message.chat_id > 0:
            self.post(self._edit(message))
            return
        key = (message.chat_id, message.message_id)
        if key not in self._edits:
            wait_s = self._minutes.reserve(message.chat_id)
            if wait_s is None:
                self._drops.add("too many in one group")
                return
            self.post(self._edit_later(key, wait_s))
        self._edits[key] = message

    async def _edit_later(self, key: tuple[int, int], wait_s: float) -> None:
        if wait_s:
            await self.pause(wait_s)
        await self._edit(self._edits.pop(key))

    async def _edit(self, message: Edit) -> None:
        try:
            was_theirs = await self.send(message.chat_id, Sentence.KNOWN, partial(_edited, message))
        except ChatMoved as moved:
            self._found(message.chat_id, moved)
            raise
        if was_theirs is False:
            log.info("message not edited: no longer theirs to read", chat=message.chat_id)

    def _found(self, chat_id: int, moved: ChatMoved) -> None:
        if self._moved is not None:
            self.post(self._moved(chat_id, moved.new_chat_id))

    def _too_many(self, message: Say) -> str | None:
        """Why this is not said."""
        if self._said[message.chat_id] >= SAID_A_CHAT:
            return "too many wait in one chat"
        if self._waiting >= (SAID_TO_STRANGERS if message.to_stranger else SAID_IN_ALL):
            return "too many wait"
        return None

    def _was_said(self, chat_id: int) -> None:
        self._waiting -= 1
        self._said[chat_id] -= 1
        if not self._said[chat_id]:
            del self._said[chat_id]

    async def _say(self, message: Say, wait_s: float) -> bool:
        if wait_s:
            await self.pause(wait_s)
        try:
            return await self._tried(message)
        except ChatForbidden:
            if message.lost is not None:
                await message.lost()
            raise

    async def _tried(self, message: Say) -> bool:
        rank = Sentence.STRANGER if message.to_stranger else Sentence.KNOWN
        for attempt in range(1, SAY_TRIES + 1):
            try:
                said = await self.send(message.chat_id, rank, partial(_said, message))
            except ChatMoved as moved:
                self._found(message.chat_id, moved)
                message = replace(message, chat_id=moved.new_chat_id, reply_to=None)
            except TopicGone:
                if message.thread_id is None:
                    raise
                message = replace(message, thread_id=None)
            except TopicClosed:
                if message.person_id in (None, message.chat_id):
                    raise
                message = _in_private(message)
            except NotSent:
                if self._closing.is_set() or attempt == SAY_TRIES:
                    raise
                await self.pause(pause_s(attempt, longest_s=SAY_PAUSE_S))
            else:
                return await self._was_sent(message, said)
        raise NotSent(detail="it was sent from place to place")

    async def _was_sent(self, message: Say, said: Message | None) -> bool:
        if said is None:
            log.info("message not sent: no longer theirs to read", chat=message.chat_id)
            return False
        if message.then is not None:
            await message.then(said.message_id)
        return True

    async def pause(self, for_s: float) -> bool:
        """So long; False where all is closed before that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await self._closing.wait()
        return not self._closing.is_set()

    def heard(self, chat_id: int) -> None:
        """An update came from this chat: what was refused there before may be welcome again."""
        self._turns.heard(chat_id)

    def is_free(self, chat_id: int) -> bool:
        """Whether a message to this chat would go out at once."""
        return self._turns.is_free(chat_id)

    @property
    def waiting(self) -> int:
        """How many messages wait for their turn; any thread can ask."""
        return self._turns.waiting

    def is_slow(self, chat_id: int) -> bool:
        """Whether messages to this chat take long."""
        return self._turns.is_slow(chat_id)

    async def close(self, *, timeout_s: float) -> None:
        """Let what is on its way arrive, for `timeout_s` at most."""
        self._closing.set()
        self._turns.close()
        if self._posting:
            _, late = await asyncio.wait(set(self._posting), timeout=timeout_s)
            for task in late:
                task.cancel()


def _in_private(message: Say) -> Say:
    """The same for its reader alone. Nothing that hangs on its place is done with it."""
    return Say(
        message.person_id or message.chat_id,
        message.text,
        quiet=message.quiet,
        to_stranger=message.to_stranger,
        may_read=message.may_read,
    )


async def _said(message: Say, bot: TelegramBot) -> Message | None:
    """None, and nothing is sent, where it can no longer be read there."""
    if message.may_read is not None and not message.may_read():
        return None
    if message.document is not None:
        file, name = message.document
        return await bot.send_document(
            message.chat_id,
            InputFile(file, filename=name, read_file_handle=False),
            caption=message.text,
            parse_mode=ParseMode.HTML,
            reply_to_message_id=message.reply_to,
            allow_sending_without_reply=True,
            message_thread_id=message.thread_id,
            read_timeout=UPLOAD_S,
        )
    return await bot.send_message(
        message.chat_id,
        message.text,
        parse_mode=ParseMode.HTML,
        reply_to_message_id=message.reply_to,
        allow_sending_without_reply=True,
        message_thread_id=message.thread_id,
        disable_notification=message.quiet,
        reply_markup=ForceReply(selective=True) if message.asks else message.keyboard,
    )


async def _edited(message: Edit, bot: TelegramBot) -> bool:
    """False, and nothing is edited, where it can no longer be read there."""
    if message.may_read is not None and not message.may_read():
        return False
    await bot.edit_message_text(
        message.text,
        message.chat_id,
        message.message_id,
        parse_mode=ParseMode.HTML,
        reply_markup=message.keyboard,
    )
    return True


async def _best_effort(work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except ChatError as error:
        log.info("message not sent", reason=type(error).__name__, detail=error.detail)
    except StoreUnavailable as error:  # which is said where it is found, or the process ends
        log.info("message not sent", reason=type(error).__name__)
    except MemoryError:
        raise
    except Exception:
        log.exception("message not sent")
