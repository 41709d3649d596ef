"""Builds every part, runs them in one TaskGroup, and closes them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
)
from telegram.error import InvalidToken, TelegramError
from telegram.ext import Application

from bot import check, logs, texts
from bot.access import Access
from bot.cards import Cards
from bot.chats import Chats, TelegramBot, make_bot
from bot.clock import Clock
from bot.config import Settings
from bot.errors import StoreUnavailable, TokenRefused
from bot.gate import Gate, pause_s
from bot.handlers import Handlers
from bot.intake import Intake
from bot.lnd import Node
from bot.reconcile import Reconciler
from bot.store import Store

log = logs.get(__name__)

#: Seconds that messages and steps under way get at the end.
STOP_S = 2.0
HEARTBEAT_S = 10.0
TIDY_S = 3600.0
#: Rows that are removed at once, and the seconds between.
PRUNE = 500
PRUNE_PAUSE_S = 0.1


class _Stopped(Exception):
    """The bot was asked to stop."""


async def run(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the bot until `stop` is set.

    `clock` is the host's, in Unix seconds. Raises `StartError`: the database can't be used, or
    Telegram refuses the token. A node that is away is waited for.
    """
    stop = stop or asyncio.Event()
    logs.hide(settings.telegram.token.get_secret_value())
    async with contextlib.AsyncExitStack() as closing:
        store = await Store.open(settings.database.url)
        closing.push_async_callback(store.close)
        telegram_bot = make_bot(settings.telegram)
        node = Node(settings.lnd)
        closing.push_async_callback(node.close)
        await _Parts(settings, store, telegram_bot, node, clock).run(stop, closing)


class _Parts:
    """The parts of one run, and how they fit together."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        telegram_bot: TelegramBot,
        node: Node,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._telegram_bot = telegram_bot
        self._host_clock = clock
        self._clock = Clock(clock)
        self._application = (
            Application.builder().bot(telegram_bot).updater(None).job_queue(None).build()
        )
        self._access = Access(settings.access, settings.limits)
        self._chats = Chats(telegram_bot)
        self._reconciler = Reconciler(
            store=store,
            node=node,
            gate=Gate(node),
            cards=Cards(self._chats, store, owners=settings.access.owners),
            chats=self._chats,
            settings=settings.invoices,
            owners=settings.access.owners,
            clock=self._clock,
            moved=lambda old, new: self._handlers.follow(old, new),  # noqa: PLW0108 -- made below
        )
        self._handlers = Handlers(
            store=store,
            chats=self._chats,
            access=self._access,
            settings=settings.invoices,
            wake=self._reconciler.take,
            look_now=self._reconciler.look_now,
            waited_s=lambda: self._intake.longest_wait_s(),  # noqa: PLW0108 -- made below
            clock=self._clock,
        )
        self._handlers.register(self._application)
        self._intake = Intake(telegram_bot, self._application, on_bug=self._handlers.sorry)

    async def run(self, stop: asyncio.Event, closing: contextlib.AsyncExitStack) -> None:
        """Until `stop` is set."""
        for old, new in (await self._store.do(lambda tx: tx.moves())).items():
            self._handlers.follow(old, new)
        closing.push_async_callback(self._telegram_bot.shutdown)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._serve(stop))
                tasks.create_task(self._reconciler.run())
                tasks.create_task(self._look())
                tasks.create_task(self._heartbeat())
                tasks.create_task(self._tidy())
        except* _Stopped:
            pass
        except* TokenRefused as refused:
            raise refused.exceptions[0] from None
        log.info("stopped")

    async def _serve(self, stop: asyncio.Event) -> None:
        """Updates, until it is time to stop; then an orderly end for what they began."""
        try:
            if await self._log_in(stop):
                self._chats.post(self._set_commands())
                await self._intake.run(stop)
        finally:
            log.info("stopping")
            await asyncio.gather(
                self._reconciler.stop(timeout_s=STOP_S), self._chats.close(timeout_s=STOP_S)
            )
        raise _Stopped

    async def _log_in(self, stop: asyncio.Event) -> bool:
        """Ask Telegram who this bot is, until it answers. Raises `TokenRefused`."""
        attempts = 0
        while not stop.is_set():
            attempts += 1
            try:
                async with _unless(stop):
                    await self._application.initialize()
            except InvalidToken as error:
                raise TokenRefused from error
            except TelegramError as error:
                if attempts == 1:
                    log.warning("Telegram can't be reached", detail=error.message)
            except (AttributeError, KeyError, TypeError) as error:  # no user in its answer
                if attempts == 1:
                    log.warning("unreadable answer from Telegram", detail=repr(error))
            else:
                if not stop.is_set():
                    log.info("running", bot=self._telegram_bot.username)
                    return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s(attempts, longest_s=10.0)):
                    await stop.wait()
        return False

    async def _set_commands(self) -> None:
        for commands, scope in (
            (texts.PRIVATE_COMMANDS, BotCommandScopeAllPrivateChats()),
            (texts.GROUP_COMMANDS, BotCommandScopeAllGroupChats()),
        ):
            try:
                await self._telegram_bot.set_my_commands(
                    [BotCommand(name, text) for name, text in commands], scope=scope
                )
            except TelegramError as error:
                log.warning("commands not set", detail=error.message)

    async def _look(self) -> None:
        """The look that `check` takes, for the log."""
        for finding in await check.look(self._settings, clock=self._host_clock, in_use=True):
            say = log.info if finding.ok else log.warning
            say("check: " + finding.what, **({"cure": finding.cure} if finding.cure else {}))

    async def _heartbeat(self) -> None:
        """A file that is touched while the loop turns, for a container's health check."""
        alive = self._settings.database.file.with_suffix(".alive")
        while True:
            with contextlib.suppress(OSError):
                alive.touch()
            await asyncio.sleep(HEARTBEAT_S)

    async def _tidy(self) -> None:
        """Remove what was done long ago, a little at a time."""
        keep_s = self._settings.database.keep_s
        while True:
            before = self._clock() - keep_s
            with contextlib.suppress(StoreUnavailable):
                await self._prune(before)
            await asyncio.sleep(TIDY_S)

    async def _prune(self, before: float) -> None:
        await self._store.do(lambda tx: tx.prune_hints(before))
        removed = PRUNE
        while removed == PRUNE:
            removed = await self._store.do(lambda tx: tx.prune(before, PRUNE))
            await asyncio.sleep(PRUNE_PAUSE_S)


@contextlib.asynccontextmanager
async def _unless(stop: asyncio.Event) -> AsyncIterator[None]:
    """Break off what stands within when `stop` is set."""
    task = asyncio.current_task()
    stopping = asyncio.ensure_future(stop.wait())
    stopping.add_done_callback(lambda done: done.cancelled() or (task and task.cancel()))
    try:
        yield
    except asyncio.CancelledError:
        if not stop.is_set() or task is None or task.uncancel():
            raise
    finally:
        stopping.cancel()
