"""Who goes next to Telegram: one queue per chat, an overall rate, holds. Knows Telegram's errors.

In a chat one message is sent at a time, the most urgent first; no chat waits for another.
Every error of Telegram's becomes one of `bot.errors`' `ChatError`s.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter
from telegram import ForceReply
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    NetworkError,
    RetryAfter,
    TelegramError,
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
    NotSent,
)
from bot.gate import pause_s
from bot.invoice import Priority
from bot.transport import NeverSent, Transport

# RetryAfter.retry_after is then a timedelta, without a warning at each use.
os.environ.setdefault("PTB_TIMEDELTA", "true")

log = logs.get(__name__)

T = TypeVar("T")

#: Telegram's own ceiling over time. A burst goes out at once, as large as one batch of updates:
#: where that is too much for Telegram it says so, chat by chat, and is obeyed.
MESSAGES_PER_S = 30
BURST = 100
#: Seconds without bursts after Telegram said so.
SLOW_S = 60.0
#: Tries of a message that nothing hangs on, and the longest pause between, in seconds.
SAY_TRIES = 3
SAY_PAUSE_S = 2.0
#: Seconds beyond a long poll's own time after which its connection is given up.
POLL_GRACE_S = 5.0
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
_GONE_TEXTS = ("message to edit not found", "message_id_invalid", "message can't be edited")


def explain(error: TelegramError) -> ChatError:
    """The `ChatError` for what python-telegram-bot reports."""
    text = error.message
    lowered = text.lower()  # PTB writes the first letter large
    if isinstance(error, RetryAfter):
        wait = error.retry_after
        return ChatBusy(wait.total_seconds() if isinstance(wait, timedelta) else float(wait))
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
            return ChatBusy(1.0)
        return MaybeSent(detail=text)
    # Unauthorized, Conflict and the like: it was not taken.
    return NotSent(detail=text)


class _Rate:
    """Telegram's overall rate. Where messages wait for it, new cards get two of three places."""

    def __init__(self) -> None:
        self._usual = AsyncLimiter(BURST, BURST / MESSAGES_PER_S)
        self._slow = AsyncLimiter(MESSAGES_PER_S, 1.0)
        self._slow_until = 0.0  # on the loop's clock
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = (
            deque(),
            deque(),
        )
        self._turns = itertools.count()
        self._serving: asyncio.Task[None] | None = None

    @property
    def _limiter(self) -> AsyncLimiter:
        is_slow = asyncio.get_running_loop().time() < self._slow_until
        return self._slow if is_slow else self._usual

    def slow_down(self) -> None:
        """Telegram has had enough: no bursts for a while."""
        self._slow_until = asyncio.get_running_loop().time() + SLOW_S

    async def acquire(self, priority: Priority) -> None:
        if self._serving is None and self._limiter.has_capacity():
            await self._limiter.acquire()
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[priority is not Priority.NEW].append(place)
        if self._serving is None:
            self._serving = asyncio.ensure_future(self._serve())
        await place

    async def _serve(self) -> None:
        new, rest = self._waiting
        while new or rest:
            await self._limiter.acquire()
            favoured, other = (rest, new) if next(self._turns) % 3 == 2 else (new, rest)
            for line in (favoured, other):
                while line and line[0].done():  # given up in the meantime
                    line.popleft()
                if line:
                    line.popleft().set_result(None)
                    break
        self._serving = None

    def close(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
        for place in itertools.chain(*self._waiting):
            if not place.done():
                place.set_exception(NotSent("The bot is stopping."))


@dataclass(slots=True)
class _Line:
    """Those who wait in one chat."""

    busy: bool = False
    heard: bool = False  # of, since the request on its way began
    free_at: float = 0.0  # on the loop's clock
    waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)


class Chats:
    """All chats' queues. `close` sends whoever waits away with `NotSent`."""

    def __init__(self, telegram_bot: TelegramBot) -> None:
        self.telegram_bot = telegram_bot
        #: Chats that can't be written to until they are heard of again.
        self.forbidden: set[int] = set()
        self._lines: dict[int, _Line] = {}
        self._numbers = itertools.count()
        self._rate = _Rate()
        self._closing = False
        self._posting: set[asyncio.Task[None]] = set()

    async def send(
        self,
        chat_id: int,
        priority: Priority,
        request: Callable[[TelegramBot], Awaitable[T]],
    ) -> T | None:
        """Make `request` when it is this chat's turn. Raises `ChatError`.

        None where Telegram says that an edit changes nothing, which is success.
        """
        async with self._turn(chat_id, priority) as line:
            line.heard = False
            try:
                return await request(self.telegram_bot)
            except BadRequest as error:
                if "is not modified" in error.message:
                    return None
                raise explain(error) from error
            except TelegramError as error:
                explained = explain(error)
                if isinstance(explained, ChatBusy):
                    line.free_at = asyncio.get_running_loop().time() + explained.retry_after_s
                    self._rate.slow_down()
                if isinstance(explained, ChatForbidden) and line.heard:
                    explained = NotSent(detail=explained.detail)  # it was so, and may be over
                raise explained from error

    def post(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` run beside everything else; an error of it is logged, never raised."""
        task = asyncio.ensure_future(_best_effort(work))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

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
        """Post a message, best effort: again only if it surely was not sent."""
        self.post(
            self._say(chat_id, text, reply_to=reply_to, thread_id=thread_id, quiet=quiet, asks=asks)
        )

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
                await self.send(chat_id, Priority.NEW, request)
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
        if chat_id in self._lines:
            self._lines[chat_id].heard = True

    def is_free(self, chat_id: int) -> bool:
        """Whether a message to this chat would go out at once."""
        line = self._lines.get(chat_id)
        return line is None or (not line.busy and line.free_at <= asyncio.get_running_loop().time())

    async def close(self, *, timeout_s: float) -> None:
        """Let what is on its way arrive, for `timeout_s` at most."""
        self._closing = True
        for line in self._lines.values():
            for _, _, turn in line.waiting:
                if not turn.done():
                    turn.set_exception(NotSent("The bot is stopping."))
        self._rate.close()
        if self._posting:
            _, late = await asyncio.wait(set(self._posting), timeout=timeout_s)
            for task in late:
                task.cancel()

    @asynccontextmanager
    async def _turn(self, chat_id: int, priority: Priority) -> AsyncIterator[_Line]:
        line = self._lines.setdefault(chat_id, _Line())
        if line.busy or line.free_at > asyncio.get_running_loop().time():
            await self._wait(chat_id, line, priority)
        line.busy = True
        try:
            if self._closing:
                raise NotSent("The bot is stopping.")
            await self._rate.acquire(priority)
            yield line
        finally:
            line.busy = False
            self._next(chat_id, line)

    async def _wait(self, chat_id: int, line: _Line, priority: Priority) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(line.waiting, (priority, next(self._numbers), turn))
        if not line.busy and len(line.waiting) == 1:
            self._next(chat_id, line)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was our turn: hand it on
                line.busy = False
                self._next(chat_id, line)
            raise

    def _next(self, chat_id: int, line: _Line) -> None:
        """Give the turn to the most urgent, at once or when the hold is over."""
        loop = asyncio.get_running_loop()
        if line.busy:
            return
        if line.free_at > loop.time():
            if line.waiting:
                loop.call_at(line.free_at, self._next, chat_id, line)
            return
        while line.waiting:
            _, _, turn = heapq.heappop(line.waiting)
            if not turn.done():
                line.busy = True  # from now on, so that nobody steps in between
                turn.set_result(None)
                return
        if self._lines.get(chat_id) is line:
            del self._lines[chat_id]


async def _best_effort(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ChatError as error:
        log.info("message not sent", reason=type(error).__name__, detail=error.detail)
    except Exception:
        log.exception("message not sent")
