"""Updates from Telegram, confirmed once handled. Knows getUpdates and PTB's Application.

The offset moves on only when the handlers of a whole batch have committed: what a crash
interrupts is delivered again. It is never stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any

from telegram import Update
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import Application, CallbackContext

from bot import logs
from bot.chats import TelegramBot, explain
from bot.clock import steady
from bot.errors import ChatBusy, StoreUnavailable, TokenRefused
from bot.gate import pause_s

log = logs.get(__name__)

#: Seconds for which Telegram holds an empty answer back.
POLL_S = 50
LONGEST_PAUSE_S = 10.0
#: Updates in one answer at most.
BATCH = 100
#: Chats side by side: a batch of a hundred at a stroke would hold up everything else.
CHATS_AT_ONCE = 16
#: Telegram remembers the last list, so this goes with every call.
ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")

Raw = dict[str, Any]


class Intake:
    """The one reader of a bot's updates."""

    def __init__(
        self,
        telegram_bot: TelegramBot,
        application: Application[Any, Any, Any, Any, Any, Any],
        *,
        on_bug: Callable[[Update], None],
    ) -> None:
        self._telegram_bot = telegram_bot
        self._application = application
        self._on_bug = on_bug
        self._offset = 0
        self._confirmed = 0
        # handled, but not to be confirmed before an older one
        self._handled: set[int] = set()
        # when nothing older than the next batch can have been waiting, on the steady clock
        self._emptied_at = -math.inf
        self._errors: dict[int, Exception] = {}
        self._away = ""
        self._is_holding = False  # the database takes nothing
        self._side_by_side = asyncio.Semaphore(CHATS_AT_ONCE)
        application.add_error_handler(self._note)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what was handled is confirmed then. Raises `TokenRefused`."""
        attempts = 0
        pause = 0.0
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                try:
                    complete = await self._poll(stopping)
                except InvalidToken as error:
                    raise TokenRefused from error
                except TelegramError as error:
                    complete = False
                    pause = await self._explain(error)
                attempts = 0 if complete else attempts + 1
                if not complete:
                    pause = max(pause, pause_s(attempts, longest_s=LONGEST_PAUSE_S))
                    await asyncio.wait({stopping}, timeout=pause)
                pause = 0.0
        finally:
            stopping.cancel()
        await self._confirm()

    async def _poll(self, stopping: asyncio.Future[Any]) -> bool:
        """One call and its batch; whether all of it could be handled."""
        offset = self._offset
        asked_again = offset == self._confirmed
        asked_at = steady()
        call = asyncio.ensure_future(
            self._telegram_bot.raw_updates(
                # The first answer comes at once: what it does not hold was written since.
                offset=offset,
                poll_s=POLL_S if math.isfinite(self._emptied_at) else 0,
                limit=BATCH,
                allowed=ALLOWED_UPDATES,
            )
        )
        try:
            await asyncio.wait({call, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not call.done():
                call.cancel()
                with contextlib.suppress(asyncio.CancelledError, TelegramError):
                    await call
        self._confirmed = offset  # the call has told it, whatever its answer
        if call.cancelled():
            return True
        batch = call.result()
        if self._away:
            log.info("Telegram is back")
            self._away = ""
        complete = await self.handle(batch)
        # Who asks again for the same gets less than there is.
        if complete and isinstance(batch, list) and len(batch) < (1 if asked_again else BATCH):
            self._emptied_at = asked_at
        return complete

    def longest_wait_s(self) -> float:
        """How old an update can be that is handled now, in seconds: infinite after a start.

        An answer with less than a whole batch holds all that there is: what comes after it was
        written after that was asked for.
        """
        return steady() - self._emptied_at

    async def handle(self, batch: object) -> bool:
        """Handle what getUpdates answered; False if something has to be delivered again."""
        if not isinstance(batch, list):
            log.error("unreadable answer from Telegram", kind=type(batch).__name__)
            return False
        numbered = {raw["update_id"]: raw for raw in batch if _is_numbered(raw)}
        if len(numbered) < len(batch):
            log.error("update without a number passed over")
        if numbered and max(numbered) < self._offset:
            # After a week without any their numbers begin somewhere else.
            log.warning("Telegram numbers its updates anew")
            self._offset = min(numbered)
            self._handled.clear()
        chats: dict[object, list[tuple[int, Raw]]] = {}
        for number, raw in numbered.items():
            if number >= self._offset and number not in self._handled:
                chats.setdefault(_chat_of(raw), []).append((number, raw))
        held = [
            number
            for number in await asyncio.gather(*map(self._in_order, chats.values()))
            if number is not None
        ]
        if held and not self._is_holding:
            log.error("database can't be written: updates are held back", count=len(held))
        self._is_holding = bool(held)
        if held:
            self._offset = min(held)
        elif self._handled:
            self._offset = max(self._handled) + 1
        self._handled = {number for number in self._handled if number >= self._offset}
        # What moves nothing comes again: it must not come again at once.
        return not held and bool(numbered or not batch)

    async def _in_order(self, updates: list[tuple[int, Raw]]) -> int | None:
        """One chat's updates, one after the other; the first that could not be written."""
        for number, raw in updates:
            try:
                async with self._side_by_side:
                    await self._one(number, raw)
            except StoreUnavailable:
                return number
            except Exception:
                log.exception("update failed and is passed over", update=number)
            self._handled.add(number)
        return None

    async def _one(self, number: int, raw: Raw) -> None:
        try:
            _check(raw)
            update = Update.de_json(raw, self._telegram_bot)
        except Exception as fault:  # noqa: BLE001 -- whatever is wrong with it is its own fault
            log.warning("unreadable update passed over", update=number, error=type(fault).__name__)
            return
        await self._application.process_update(update)
        error = self._errors.pop(number, None)
        if isinstance(error, StoreUnavailable):
            raise error
        if error is not None:
            log.error("update failed and is passed over", update=number, exc_info=error)
            self._on_bug(update)

    async def _note(self, update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
        """PTB keeps handlers' errors to itself: this hands them on."""
        if isinstance(update, Update) and isinstance(context.error, Exception):
            self._errors[update.update_id] = context.error

    async def _explain(self, error: TelegramError) -> float:
        """An outage is logged once. How long Telegram wants to be left alone, in seconds."""
        what = type(error).__name__
        if isinstance(error, Conflict):
            if "webhook" in error.message:
                log.warning("a webhook is set: it is removed, its updates stay")
                await self._remove_webhook()
                return 0.0
            what = "another copy of this bot polls with the same token: end one of them"
        if what != self._away:
            log.warning("no updates from Telegram", reason=what, detail=error.message)
            self._away = what
        busy = explain(error)
        return busy.retry_after_s if isinstance(busy, ChatBusy) else 0.0

    async def _remove_webhook(self) -> None:
        with contextlib.suppress(TelegramError):  # the next poll tells whether it is gone
            await self._telegram_bot.delete_webhook(drop_pending_updates=False)

    async def _confirm(self) -> None:
        """Tell Telegram what was handled. What this call brings stays unconfirmed."""
        if self._offset == self._confirmed:
            return
        try:
            async with asyncio.timeout(2):
                await self._telegram_bot.raw_updates(
                    offset=self._offset, poll_s=0, limit=1, allowed=ALLOWED_UPDATES
                )
        except (TelegramError, TimeoutError):
            log.warning("could not confirm the last updates: they will be delivered again")


#: PTB takes any value for any field: what is read here or there has to be what it should be.
_INTEGERS = {
    *("message_id", "message_thread_id", "date", "offset", "length"),
    *("migrate_to_chat_id", "migrate_from_chat_id"),
}
_TEXTS = {
    *("text", "caption", "data", "type", "status", "chat_instance"),
    *("title", "first_name", "last_name", "username"),
}
_LISTS = {"entities", "caption_entities", "inline_keyboard"}
#: Objects, and what none of them may lack.
_OBJECTS = {
    "message": {"message_id", "date", "chat"},
    "reply_to_message": {"message_id", "date", "chat"},
    "callback_query": {"id", "from"},
    "my_chat_member": {"chat", "from", "new_chat_member"},
    **{key: {"id", "type"} for key in ("chat", "sender_chat")},
    **{key: {"id", "first_name"} for key in ("from", "user")},
    **{key: {"user", "status"} for key in ("old_chat_member", "new_chat_member")},
    **{key: set() for key in ("forward_origin", "reply_markup")},
}


def _check(value: object, within: str = "") -> None:
    """Raise `TypeError` where a field that counts is missing, or of a type of its own."""
    if isinstance(value, list):
        for each in value:
            if within in _LISTS and not isinstance(each, dict | list):
                raise TypeError(within)
            _check(each, within)
    if isinstance(value, dict):
        for name, inner in value.items():
            if not _fits(name, inner, within):
                raise TypeError(name)
            _check(inner, name)


def _fits(name: str, value: object, within: str) -> bool:
    if name in _OBJECTS:
        return isinstance(value, dict) and bool(value) and _OBJECTS[name] <= value.keys()
    if name in _LISTS:
        return isinstance(value, list)
    if name in _TEXTS or (name == "id" and within == "callback_query"):
        return isinstance(value, str)
    if name in _INTEGERS or (name == "id" and within in _OBJECTS):
        return type(value) is int and abs(value) < 2**63
    return True


def _is_numbered(raw: object) -> bool:
    return isinstance(raw, dict) and isinstance(raw.get("update_id"), int)


def _chat_of(raw: Raw) -> object:
    """What keeps an update in order: its chat, else its sender, else nothing but itself."""
    for kind in ("message", "my_chat_member", "callback_query"):
        body = raw.get(kind)
        if isinstance(body, dict):
            within = body.get("message") if kind == "callback_query" else body
            place = within.get("chat") if isinstance(within, dict) else body.get("from")
            number = place.get("id") if isinstance(place, dict) else None
            if isinstance(number, int):
                return number
    return ("update", raw.get("update_id"))
