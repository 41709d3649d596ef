"""Updates to their handlers, each chat's and each person's in order. Knows what PTB does with a
handler's error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from telegram import Update
from telegram.ext import Application, CallbackContext, ContextTypes

from bot import lack, logs
from bot.chat import updates
from bot.chat.client import TelegramBot
from bot.chat.limits import Drops
from bot.chat.updates import PtbApplication, Raw
from bot.errors import StoreUnavailable
from bot.metrics import METER

log = logs.get(__name__)

#: Updates side by side: all hundred of a batch at once would block everything else.
AT_ONCE = 16


@dataclass
class Handled:
    """What became of a batch. `done`: the numbers of those that are committed, or skipped."""

    done: list[int] = field(default_factory=list)
    unwritten: int = 0  # those that could not be written, and what waited for them
    is_readable: bool = False  # any of it


class Handling:
    """Who handles updates, wherever they come from.

    `on_bug` hears of one that could not be handled.
    """

    def __init__(
        self,
        telegram_bot: TelegramBot,
        application: PtbApplication,
        *,
        on_bug: Callable[[Update], None],
    ) -> None:
        self._telegram_bot = telegram_bot
        self._application = application
        self._on_bug = on_bug
        self._errors: dict[int, Exception] = {}
        self._skipped = Drops("update skipped")
        self._side_by_side = asyncio.Semaphore(AT_ONCE)
        application.add_error_handler(self._note)

    async def handle(self, raws: Iterable[tuple[int, Raw]]) -> Handled:
        """Handle updates with their numbers: those of a chat, and those of a person in whatever
        chat, one after the other as they came, all others side by side.

        Where one could not be written, what follows it is left as well.
        """
        handled = Handled()
        newest: dict[object, asyncio.Task[bool]] = {}
        tasks = []
        for number, raw in raws:
            orders = updates.orders_of(raw)
            before = {newest[each] for each in orders if each in newest}
            task = asyncio.create_task(self._in_order(number, raw, before, handled))
            newest.update(dict.fromkeys(orders, task))
            tasks.append(task)
        await asyncio.gather(*tasks)
        return handled

    def skip(self, reason: str, **values: object) -> None:
        """Something came that is no update, or cannot be read."""
        self._skipped.add(reason, **values)

    async def _in_order(
        self, number: int, raw: Raw, before: Iterable[asyncio.Task[bool]], handled: Handled
    ) -> bool:
        """Once those `before` are; whether this one, and all of them, could be."""
        if not all([await each for each in before]):
            handled.unwritten += 1
            return False
        try:
            async with self._side_by_side:
                await self._one(number, raw, handled)
        except StoreUnavailable:
            handled.unwritten += 1
            return False
        except MemoryError:
            raise
        except Exception:
            log.exception("update failed and was skipped", update=number)
        handled.done.append(number)
        return True

    async def _one(self, number: int, raw: Raw, handled: Handled) -> None:
        try:
            update = updates.read(raw, self._telegram_bot)
        except MemoryError:
            raise
        except Exception as fault:  # noqa: BLE001 -- whatever is wrong with it is its own fault
            self.skip("unreadable", update=number, error=type(fault).__name__)
            return
        handled.is_readable = True
        METER.updates.add()
        await self._application.process_update(update)
        error = self._errors.pop(number, None)
        if isinstance(error, StoreUnavailable | MemoryError):
            raise error
        if error is not None:
            log.error("update failed and was skipped", update=number, exc_info=error)
            self._on_bug(update)

    async def _note(self, update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
        """PTB keeps handlers' errors to itself: this hands them on."""
        with lack.passed_on():
            if isinstance(update, Update) and isinstance(context.error, Exception):
                self._errors[update.update_id] = context.error


class Context(CallbackContext[Any, Any, Any, Any]):
    """PTB's own, which it makes before each handler: what fails there would count as handled."""

    @classmethod
    def from_update(cls, update: object, application: PtbApplication) -> Self:
        """As PTB does."""
        with lack.passed_on():
            return super().from_update(update, application)

    @classmethod
    def from_error(cls, *values: Any, **named: Any) -> Self:
        """As PTB does."""
        with lack.passed_on():
            return super().from_error(*values, **named)


def made_application(telegram_bot: TelegramBot) -> PtbApplication:
    """PTB's, which knows the handlers; polls and jobs are not its own."""
    builder = Application.builder().bot(telegram_bot).updater(None).job_queue(None)
    return builder.context_types(ContextTypes(context=Context)).build()
