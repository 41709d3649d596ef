"""Messages to chats, each in its turn. Knows Telegram's errors: each becomes a `ChatError`."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from telegram import ForceReply
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.ext import ExtBot

from bot import logs
from bot.config import TelegramSettings
from bot.errors import (
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    MaybeSent,
    MessageGone,
    NoAnswer,
    NotSent,
)
from bot.gate import pause_s
from bot.invoice import Priority
from bot.transport import NeverSent, Transport
from bot.turns import Turns

# RetryAfter.retry_after is then a timedelta, without a warning at each use.
os.environ.setdefault("PTB_TIMEDELTA", "true")

log = logs.get(__name__)

T = TypeVar("T")

#: Tries of a message that nothing hangs on, and the longest pause between, in seconds.
SAY_TRIES = 3
SAY_PAUSE_S = 2.0
#: Seconds beyond a long poll's own time after which its connection is given up.
POLL_GRACE_S = 5.0
#: Messages of one chat that nothing hangs on and that wait: what is said beyond is not said.
SAID_A_CHAT = 30
#: The patience that Telegram asks for where it does not say how much, in seconds.
RETRY_AFTER_S = 1.0
#: Connections at once.
CONNECTIONS = 64


class TelegramBot(ExtBot[None]):
    """PTB's bot, which also gives updates as Telegram sent them."""

    async def raw_updates(
        self, *, offset: int, poll_s: int, limit: int, allowed: Sequence[str]
    ) -> object:
        """What getUpdates answers, unread: one broken update must not hide its neighbours.

        Everything below `offset` is confirmed by it. Raises `TelegramError`.
        """
        data = {
            "offset": offset,
            "timeout": poll_s,
            "limit": limit,
            "allowed_updates": list(allowed),
        }
        answer: object = await self._post("getUpdates", data, read_timeout=poll_s + POLL_GRACE_S)
        return answer

    async def _do_post(self, endpoint: str, data: dict[str, Any], **timeouts: Any) -> Any:
        """One call. What nobody can read is a `NetworkError`: what it did is unknown.

        A proxy, or Telegram in trouble, may answer anything; PTB then raises whatever comes.
        """
        try:
            return await super()._do_post(endpoint, data, **timeouts)
        except InvalidToken as error:
            if error.__cause__ is not None:  # those are not Telegram's words
                raise NetworkError(error.message) from error
            raise
        except TelegramError as error:
            if type(error) is TelegramError:  # a success, to go by its status
                raise NetworkError(error.message) from error
            raise
        except Exception as error:
            raise NetworkError(f"unreadable answer: {type(error).__name__}: {error}") from error


def make_bot(settings: TelegramSettings) -> TelegramBot:
    """The connection to Telegram's Bot API, not yet initialized."""
    return TelegramBot(
        settings.token.get_secret_value(),
        base_url=f"{settings.api_url}/bot",
        base_file_url=f"{settings.api_url}/file/bot",
        request=Transport(connections=CONNECTIONS),
        get_updates_request=Transport(connections=1),
    )


_FORBIDDEN_TEXTS = (
    "chat not found",
    "not enough rights to send text messages",
    "have no rights to send a message",
    "chat_write_forbidden",
    "need administrator rights in the channel chat",
    "user not found",
    "peer_id_invalid",
    "group chat was deactivated",
)
_GONE_TEXTS = (
    "message to edit not found",
    "message to delete not found",
    "message_id_invalid",
    "message can't be edited",
)


def explain(error: TelegramError) -> ChatError:
    """The `ChatError` for what python-telegram-bot reports."""
    text = error.message
    lowered = text.lower()  # PTB writes the first letter large
    if isinstance(error, RetryAfter):
        wait = error.retry_after
        return ChatBusy(wait.total_seconds() if isinstance(wait, timedelta) else RETRY_AFTER_S)
    if isinstance(error, ChatMigrated):
        return ChatMoved(error.new_chat_id)
    if isinstance(error, Forbidden):
        return ChatForbidden(detail=text)
    if isinstance(error, BadRequest):  # a NetworkError too: it has to come first
        if any(part in lowered for part in _GONE_TEXTS):
            return MessageGone(detail=text)
        if any(part in lowered for part in _FORBIDDEN_TEXTS):
            return ChatForbidden(detail=text)
        return ChatRefused(detail=text)
    if isinstance(error, NetworkError):
        if isinstance(error, NeverSent):
            return NotSent(detail=text)
        if "too many requests" in lowered:
            return ChatBusy(RETRY_AFTER_S)
        return (NoAnswer if isinstance(error, TimedOut) else MaybeSent)(detail=text)
    # Unauthorized, Conflict and the like: it was not taken.
    return NotSent(detail=text)


class Chats:
    """All chats' queues. `close` sends whoever waits away with `NotSent`."""

    def __init__(self, telegram_bot: TelegramBot) -> None:
        self.telegram_bot = telegram_bot
        #: Chats that can't be written to until they are heard of again.
        self.forbidden: set[int] = set()
        self._turns = Turns()
        self._closing = False
        self._posting: set[asyncio.Task[None]] = set()
        self._said: Counter[int] = Counter()  # that wait, by chat

    async def send(
        self,
        chat_id: int,
        priority: Priority,
        request: Callable[[TelegramBot], Awaitable[T]],
    ) -> T | None:
        """Make `request` when it is this chat's turn. Raises `ChatError`.

        None where Telegram says that an edit changes nothing, which is success.
        """
        async with self._turns.turn(chat_id, priority) as line:
            try:
                return await request(self.telegram_bot)
            except BadRequest as error:
                if "is not modified" in error.message:
                    return None
                raise explain(error) from error
            except TelegramError as error:
                explained = explain(error)
                if isinstance(explained, ChatBusy):
                    self._turns.hold(line, explained.retry_after_s)
                if isinstance(explained, ChatForbidden) and line.heard:
                    explained = NotSent(detail=explained.detail)  # it was so, and may be over
                raise explained from error

    def post(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let `work` run beside everything else; an error of it is logged, never raised."""
        task = asyncio.ensure_future(_best_effort(work))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)
        return task

    def say(
        self,
        chat_id: int,
        text: str,
        *,
        reply_to: int | None = None,
        thread_id: int | None = None,
        quiet: bool = False,
        asks: bool = False,
    ) -> None:
        """Post a message, best effort: again only if it surely was not sent.

        It goes behind the chat's cards, however many such wait there.
        """
        if self._said[chat_id] >= SAID_A_CHAT:
            log.info("message not sent", reason="too many wait", chat=chat_id)
            return
        self._said[chat_id] += 1
        self.post(
            self._say(chat_id, text, reply_to=reply_to, thread_id=thread_id, quiet=quiet, asks=asks)
        ).add_done_callback(lambda _: self._was_said(chat_id))

    def _was_said(self, chat_id: int) -> None:
        self._said[chat_id] -= 1
        if not self._said[chat_id]:
            del self._said[chat_id]

    async def _say(
        self,
        chat_id: int,
        text: str,
        *,
        reply_to: int | None,
        thread_id: int | None,
        quiet: bool,
        asks: bool,
    ) -> None:
        def request(bot: TelegramBot) -> Awaitable[object]:
            return bot.send_message(
                chat_id,
                text,
                parse_mode=ParseMode.HTML,
                reply_to_message_id=reply_to,
                allow_sending_without_reply=True,
                message_thread_id=thread_id,
                disable_notification=quiet,
                reply_markup=ForceReply(selective=True) if asks else None,
            )

        for attempt in range(1, SAY_TRIES + 1):
            try:
                await self.send(chat_id, Priority.EXPIRED, request)
            except ChatMoved as moved:
                chat_id, reply_to = moved.new_chat_id, None
            except NotSent:
                if self._closing or attempt == SAY_TRIES:
                    raise
                await asyncio.sleep(pause_s(attempt, longest_s=SAY_PAUSE_S))
            else:
                return

    def heard(self, chat_id: int) -> None:
        """An update came from this chat: what was refused there before may not be so any more."""
        self._turns.heard(chat_id)

    def is_free(self, chat_id: int) -> bool:
        """Whether a message to this chat would go out at once."""
        return self._turns.is_free(chat_id)

    async def close(self, *, timeout_s: float) -> None:
        """Let what is on its way arrive, for `timeout_s` at most."""
        self._closing = True
        self._turns.close()
        if self._posting:
            _, late = await asyncio.wait(set(self._posting), timeout=timeout_s)
            for task in late:
                task.cancel()


async def _best_effort(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ChatError as error:
        log.info("message not sent", reason=type(error).__name__, detail=error.detail)
    except Exception:
        log.exception("message not sent")
