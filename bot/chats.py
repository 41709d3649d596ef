"""Who goes next to Telegram: one queue per chat, an overall rate, holds. Knows Telegram's errors.

In a chat one message is sent at a time, the most urgent first; no chat waits for another.
Every error of Telegram's becomes one of `bot.errors`' `ChatError`s.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx
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
from telegram.request import HTTPXRequest

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

# RetryAfter.retry_after is then a timedelta, without a warning at each use.
os.environ.setdefault("PTB_TIMEDELTA", "true")

log = logs.get(__name__)

T = TypeVar("T")

#: Telegram's own ceiling over time. A burst goes out at once, as large as one batch of updates:
#: where that is too much for Telegram it says so, chat by chat, and is obeyed.
MESSAGES_PER_S = 30
BURST = 100
#: Tries of a message that nothing hangs on, and the longest pause between, in seconds.
SAY_TRIES = 3
SAY_PAUSE_S = 2.0
#: Seconds for one answer of Telegram's.
ANSWER_TIMEOUT_S = 15.0
#: Seconds beyond a long poll's own time after which its connection is given up.
POLL_GRACE_S = 10.0
#: Connections at once, and how many are kept for the next call: each call looks through them.
CONNECTIONS = 64
KEPT_CONNECTIONS = 8
KEEP_CONNECTION_S = 60.0


class _WholeBodies(httpx.AsyncHTTPTransport):
    """Sends a request's body in one piece: httpx would write a form part by part."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return await super().handle_async_request(request)


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Who vouches for Telegram; reading that list costs each time, and all may share it."""
    return httpx.create_ssl_context()


def make_request(*, connections: int) -> HTTPXRequest:
    """PTB's request over a small pool that stays warm through quiet times."""
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=min(connections, KEPT_CONNECTIONS),
        keepalive_expiry=KEEP_CONNECTION_S,
    )
    return HTTPXRequest(
        connection_pool_size=connections,
        connect_timeout=5.0,
        read_timeout=ANSWER_TIMEOUT_S,
        write_timeout=ANSWER_TIMEOUT_S,
        media_write_timeout=ANSWER_TIMEOUT_S,
        pool_timeout=5.0,
        httpx_kwargs={"transport": _WholeBodies(verify=_authorities(), limits=limits)},
    )


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
        request=make_request(connections=CONNECTIONS),
        get_updates_request=make_request(connections=1),
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
        before_sending = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
        if isinstance(error.__cause__, before_sending):
            return NotSent(detail=text)
        if "too many requests" in lowered:
            return ChatBusy(1.0)
        return MaybeSent(detail=text)
    # Unauthorized, Conflict and the like: it was not taken.
    return NotSent(detail=text)


class _Rate:
    """Telegram's overall rate. Where messages wait for it, new cards get two of three places."""

    def __init__(self) -> None:
        self._limiter = AsyncLimiter(BURST, BURST / MESSAGES_PER_S)
        # new cards, and the rest; by number, so that who comes back is not the last
        self._waiting: tuple[list[_Place], list[_Place]] = ([], [])
        self._turns = itertools.count()
        self._entries = itertools.count()
        self._serving: asyncio.Task[None] | None = None

    @property
    def is_short(self) -> bool:
        """Whether who comes now has to wait."""
        return self._serving is not None or not self._limiter.has_capacity()

    async def take(self) -> None:
        """Take a place that is free: not while it is short."""
        await self._limiter.acquire()

    def queue(self, priority: Priority, number: int) -> asyncio.Future[bool]:
        """Wait for a place: it is there when this is true. Whoever sets it false takes it away."""
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        # the last count tells apart two places of one message, of which it has lost the first
        entry = (number, next(self._entries), place)
        heapq.heappush(self._waiting[priority is not Priority.NEW], entry)
        if self._serving is None:
            self._serving = asyncio.ensure_future(self._serve())
        return place

    async def _serve(self) -> None:
        new, rest = self._waiting
        while new or rest:
            await self._limiter.acquire()
            favoured, other = (rest, new) if next(self._turns) % 3 == 2 else (new, rest)
            for line in (favoured, other):
                while line and line[0][2].done():  # given up in the meantime
                    heapq.heappop(line)
                if line:
                    heapq.heappop(line)[2].set_result(True)
                    break
        self._serving = None

    def close(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
        for *_, place in itertools.chain(*self._waiting):
            if not place.done():
                place.set_exception(NotSent("The bot is stopping."))


_Place = tuple[int, int, asyncio.Future[bool]]


@dataclass(slots=True)
class _Line:
    """Those who wait in one chat. Each message has a number, in the order of their coming."""

    holder: int | None = None  # whose turn it is
    # where the holder, no new card, waits for the overall rate
    place: asyncio.Future[bool] | None = None
    free_at: float = 0.0  # on the loop's clock
    waiting: list[tuple[Priority, int, asyncio.Future[None]]] = field(default_factory=list)

    def first(self, *, new_first: bool) -> tuple[Priority, int, asyncio.Future[None]]:
        """Who is next, taken out: the most urgent, or a new card before all others."""
        found = min(
            self.waiting, key=lambda each: (new_first and each[0] is not Priority.NEW, *each[:2])
        )
        self.waiting.remove(found)
        return found


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

    def is_free(self, chat_id: int) -> bool:
        """Whether a message to this chat would go out at once."""
        line = self._lines.get(chat_id)
        return line is None or (
            line.holder is None and line.free_at <= asyncio.get_running_loop().time()
        )

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
        number = next(self._numbers)
        try:
            while not await self._has_place(chat_id, line, priority, number):
                continue  # a new card went past: wait for the next turn
            yield line
        finally:
            if line.holder == number:
                line.holder = None
                self._next(chat_id, line)

    async def _has_place(self, chat_id: int, line: _Line, priority: Priority, number: int) -> bool:
        """Wait for the chat's turn and then for the overall rate; False if the turn was lost."""
        if priority is Priority.NEW and line.place is not None and not line.place.done():
            # Without this the chat's payments of a whole night would hold up its commands.
            line.place.set_result(False)
        elif line.holder is not None or line.free_at > asyncio.get_running_loop().time():
            await self._wait(chat_id, line, priority, number)
        line.holder = number
        if self._closing:
            raise NotSent("The bot is stopping.")
        if not self._rate.is_short:
            await self._rate.take()
            return True
        place = self._rate.queue(priority, number)
        line.place = None if priority is Priority.NEW else place
        return await place

    async def _wait(self, chat_id: int, line: _Line, priority: Priority, number: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.waiting.append((priority, number, turn))
        if line.holder is None and len(line.waiting) == 1:
            self._next(chat_id, line)
        await turn

    def _next(self, chat_id: int, line: _Line) -> None:
        """Give the turn to the most urgent, at once or when the hold is over."""
        loop = asyncio.get_running_loop()
        if line.holder is not None:
            return
        if line.free_at > loop.time():
            if line.waiting:
                loop.call_at(line.free_at, self._next, chat_id, line)
            return
        while line.waiting:
            _, number, turn = line.first(new_first=self._rate.is_short)
            if not turn.done():
                line.holder = number  # from now on, so that nobody steps in between
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
