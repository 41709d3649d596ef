"""Polling: updates from Telegram, confirmed once handled. Knows getUpdates' offset.

The offset moves on only when the handlers of a whole batch have committed: what a crash
interrupts is delivered again. It is never stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any

from telegram.error import Conflict, InvalidToken, TelegramError

from bot import logs
from bot.chat import updates
from bot.chat.ages import Ages
from bot.chat.client import TelegramBot
from bot.chat.doubt import DOUBT_S, Doubt
from bot.chat.explain import explain, is_webhook_set
from bot.chat.handling import Handling
from bot.chat.limits import Drops
from bot.chat.parsing import number_of_first
from bot.chat.transport import Unreadable
from bot.chat.updates import ALLOWED_UPDATES
from bot.clock import steady
from bot.errors import ChatBusy
from bot.pauses import pause_s, unless

log = logs.get(__name__)

#: Seconds for which Telegram delays an empty answer.
POLL_S = 50
LONGEST_PAUSE_S = 10.0
#: Seconds at the end to confirm what was handled: if it is delivered again, nothing is done twice.
CONFIRM_S = 1.0
#: Seconds between polls, unless the last brought a whole batch: a server may answer all at once.
POLL_EVERY_S = 0.2
#: The same where the last brought something to do: people wait for it, whoever else writes. So many
#: polls take a fifth of a core.
NEWS_EVERY_S = 1 / 100
#: Polls that may come one right after the other once there were few, if each brings something new.
POLLS_IN_A_ROW = 5
#: Another copy goes on polling where so many conflicts come, each within so many seconds of the one
#: before. One or two may be of polls of a process that was killed, which are still on their way.
CONFLICTS = 3
RIVAL_S = 60.0
#: Updates whose numbers are remembered, to know them where they come again.
REMEMBERED = 10 * 100
#: Updates in one answer at most.
BATCH = 100
#: Answers with the same one update that nobody can read, one after the other, before it is skipped.
UNREADABLE = 3


class Intake:
    """The one that polls for a bot's updates.

    `on_rival` hears that another copy polls; `ages` of what came when.
    """

    def __init__(
        self,
        telegram_bot: TelegramBot,
        handling: Handling,
        *,
        on_rival: Callable[[], object],
        ages: Ages,
        doubt_s: float = DOUBT_S,
    ) -> None:
        self._telegram_bot = telegram_bot
        self._handling = handling
        self._on_rival = on_rival
        self._ages = ages
        self._doubt = Doubt(doubt_s)
        self._conflict_at = -math.inf  # the newest, on the steady clock
        self._conflicts = 0  # one after the other
        self._offset = 0
        self._confirmed = 0
        # handled, but not to be confirmed before an older one
        self._handled: set[int] = set()
        # came, and not handled yet: an answer to the same offset may leave them out
        self._owed: set[int] = set()
        # the numbers of the newest that were handled, in the order of coming
        self._known: dict[int, None] = {}
        self._is_new = True  # something came last that was not there before
        self._is_readable = False  # something that came last could be read
        self._is_full = False  # as much came last as was asked for
        self._singles = 0  # polls that are still to ask for one update each
        # the beginning of the latest of these that could not be read, and how often it came
        self._unreadable = (b"", 0)
        self._due_at = -math.inf  # when the next poll would be due, on the steady clock
        self._away = ""
        self._is_store_away = False  # the database takes nothing
        self._odd = Drops("getUpdates answered oddly")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what was handled is confirmed then.

        Raises `TokenRefused` where the token, which Telegram accepted before, stays rejected.
        """
        attempts = 0
        pause = 0.0
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                began_at = steady()
                try:
                    complete = await self._poll(stopping)
                except InvalidToken as error:
                    complete = False
                    self._doubt.rejected(error)
                except Unreadable as error:
                    complete = self._met_unreadable(error)
                except TelegramError as error:
                    complete = False
                    async with unless(stop):  # a webhook is removed, which may take long
                        pause = await self._explain(error)
                attempts = 0 if complete else attempts + 1
                if not complete:
                    pause = max(pause, pause_s(attempts, longest_s=LONGEST_PAUSE_S))
                else:
                    pause = self._until_due_s(began_at)
                if pause > 0:
                    await asyncio.wait({stopping}, timeout=pause)
                pause = 0.0
        finally:
            stopping.cancel()
        await self._confirm()

    async def _poll(self, stopping: asyncio.Future[Any]) -> bool:
        """One call and its batch; whether all of it could be handled."""
        offset = self._offset
        is_repeated = offset == self._confirmed
        limit = 1 if self._singles else BATCH
        asked_at = steady()
        call = asyncio.ensure_future(
            self._telegram_bot.raw_updates(
                # The first answer comes at once: what is not in it was written since.
                offset=offset,
                poll_s=POLL_S if self._ages.is_bounded else 0,
                limit=limit,
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
        self._confirmed = offset  # by the call, whatever its answer
        if call.cancelled():
            return True
        batch = call.result()
        self._doubt.accepted()
        if self._away:
            log.info("Telegram reachable again")
            self._away = ""
        complete = await self.handle(batch)
        self._singles = self._singles - 1 if self._singles and batch else 0
        # Asking again for the same brings less than there is.
        if complete and isinstance(batch, list) and len(batch) < (1 if is_repeated else limit):
            self._ages.emptied(asked_at)
        return complete

    def _until_due_s(self, began_at: float) -> float:
        """Seconds until the next poll, after one that began then."""
        if self._is_new and self._is_full:  # more of that is waiting
            return 0.0
        credit_s = (POLLS_IN_A_ROW - 1) * POLL_EVERY_S if self._is_new else 0.0
        every_s = NEWS_EVERY_S if self._is_new and self._is_readable else POLL_EVERY_S
        self._due_at = max(self._due_at, began_at - credit_s) + every_s
        return self._due_at - steady()

    async def handle(self, batch: object) -> bool:
        """Handle what getUpdates answered; False if something has to be delivered again."""
        if not isinstance(batch, list):
            self._odd.add("no list", kind=type(batch).__name__)
            return False
        if len(batch) > BATCH:
            self._odd.add("more than asked for", count=len(batch))
            del batch[BATCH:]  # here, so that nobody has the rest in memory
        numbered = {number: raw for raw in batch if (number := updates.number_of(raw)) is not None}
        if len(numbered) < len(batch):
            self._handling.skip("no number")
        dates = (updates.date_of(raw) for raw in numbered.values())
        self._ages.came([date for date in dates if date], self._telegram_bot.told)
        self._is_new = not numbered.keys() <= self._known.keys()
        self._is_full = len(numbered) >= BATCH
        if numbered and max(numbered) < self._offset:
            self._begin_again(min(numbered))
        if numbered:  # what is missing among these, or before, Telegram no longer has
            self._owed = {number for number in self._owed if number > max(numbered)}
        due = [
            (number, raw)
            for number, raw in numbered.items()
            if number >= self._offset and number not in self._handled
        ]
        self._owed.update(number for number, _ in due)
        handled = await self._handling.handle(due)
        self._is_readable = handled.is_readable
        for number in handled.done:
            self._handled.add(number)
            self._known[number] = None
            if len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        if handled.unwritten and not self._is_store_away:
            log.error(
                "updates not confirmed: the database cannot be written", count=handled.unwritten
            )
        self._is_store_away = bool(handled.unwritten)
        self._owed -= self._handled
        if self._owed:
            self._offset = min(self._owed)
        elif self._handled:
            self._offset = max(self._handled) + 1
        self._handled = {number for number in self._handled if number >= self._offset}
        # What moves nothing comes again: it must not come again at once.
        return not handled.unwritten and bool(numbered or not batch)

    def _met_unreadable(self, error: Unreadable) -> bool:
        """Of an answer that nobody can read, find the update that is to blame, and skip it.

        False where the same has to be asked for again. What broke off may come whole the next time;
        what came whole, and is the same again and again, would come so for ever.
        """
        if not self._singles:
            self._odd.add("an answer that nobody can read: one update at a time from now on")
            self._singles, self._unreadable = BATCH, (b"", 0)
            return True
        begins, count = self._unreadable
        count = count + 1 if error.begins == begins else 1
        self._unreadable = (error.begins, count)
        number = number_of_first(error.begins)
        if number is None or number < self._offset or count < UNREADABLE:
            self._odd.add("an update that nobody can read, which is asked for again")
            return False
        self._handling.skip("unreadable", update=number)
        self._owed = {each for each in self._owed if each > number}
        self._offset = number + 1
        self._singles = 0
        return True

    def _begin_again(self, number: int) -> None:
        """Only lower numbers came, this one the lowest."""
        if not self._is_new:
            self._odd.add("it delivers again what was confirmed, which is passed over")
            return
        # After a week without any their numbers begin somewhere else.
        self._odd.add("lower numbers than before, which are taken", number=number)
        self._offset = number
        self._handled.clear()
        self._owed.clear()

    async def _explain(self, error: TelegramError) -> float:
        """An outage is logged once. How long Telegram wants to be left alone, in seconds."""
        what = type(error).__name__
        if isinstance(error, Conflict):
            if is_webhook_set(error):
                log.warning("webhook removed: telegram.webhook is not set; its updates are kept")
                await self._remove_webhook()
                return 0.0
            what = "another copy of this bot polls with the same token: stop one of them"
            self._met_another()
        if what != self._away:
            log.warning("updates not received", reason=what, detail=error.message)
            self._away = what
        busy = explain(error)
        return busy.retry_after_s if isinstance(busy, ChatBusy) else 0.0

    def _met_another(self) -> None:
        """A few conflicts may be of a copy that is just ending, as in a restart."""
        before, self._conflict_at = self._conflict_at, steady()
        is_soon = self._conflict_at - before <= RIVAL_S
        self._conflicts = self._conflicts + 1 if is_soon else 1
        if self._conflicts >= CONFLICTS:
            self._on_rival()

    async def _remove_webhook(self) -> None:
        with contextlib.suppress(TelegramError):  # the next poll shows whether it is gone
            await self._telegram_bot.delete_webhook(drop_pending_updates=False)

    async def _confirm(self) -> None:
        """Tell Telegram what was handled. What this call brings stays unconfirmed."""
        if self._offset == self._confirmed:
            return
        try:
            async with asyncio.timeout(CONFIRM_S):
                await self._telegram_bot.raw_updates(
                    offset=self._offset, poll_s=0, limit=1, allowed=ALLOWED_UPDATES
                )
        except Unreadable:
            pass  # Telegram did it, whatever it brought
        except (TelegramError, TimeoutError):
            log.warning("last updates not confirmed: they will be delivered again")
