"""Where Telegram delivers updates to. Knows setWebhook and getWebhookInfo."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime

from telegram import WebhookInfo
from telegram.error import BadRequest, InvalidToken, TelegramError

from bot import logs, texts
from bot.chat.client import TelegramBot
from bot.chat.deliveries import arrives
from bot.chat.doubt import DOUBT_S, Doubt
from bot.chat.explain import explain, why_webhook_refused
from bot.chat.updates import ALLOWED_UPDATES
from bot.clock import steady
from bot.core.notices import Kind, Notice
from bot.errors import ChatBusy
from bot.pauses import pause_s, unless

log = logs.get(__name__)

#: Calls that Telegram makes at once at most. It delivers each chat's updates one after the other.
CONNECTIONS = 40
#: Seconds between looks whether all is as it was set.
LOOK_EVERY_S = 60.0
LONGEST_PAUSE_S = 10.0
#: Seconds for which Telegram has to fail to deliver: a proxy that starts again takes a few.
FAILS_FOR_S = 120.0
#: Another program sets or removes it where that happens so often.
TAKEN_AWAY = 2


class Registration:
    """Tells Telegram the address, and sees that it stays.

    `on_complete` hears since when everything has been delivered, on the steady clock; `notify` what
    the owners should know, and `over` what of it is over.
    """

    def __init__(
        self,
        telegram_bot: TelegramBot,
        *,
        address: str,
        secret: str,
        on_complete: Callable[[float], object],
        notify: Callable[[Notice], object],
        over: Callable[[Kind], object],
        doubt_s: float = DOUBT_S,
    ) -> None:
        self._telegram_bot = telegram_bot
        self._address = address
        self._secret = secret
        self._on_complete = on_complete
        self._notify = notify
        self._over = over
        self._doubt = Doubt(doubt_s)
        self._is_set = False
        self._is_complete = False  # once everything had been delivered
        self._taken_away = 0
        self._failed = ""  # the delivery's latest failure that was logged
        self._failed_at: datetime | None = None  # by Telegram, which keeps it after a success
        # on the steady clock: since when it fails; and since when nothing speaks against it, which
        # is since the latest failure that was new, or since the address was set
        self._fails_since: float | None = None
        self._fine_since = -math.inf
        self._refused = ""  # the latest refusal that was logged
        self._away = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. The webhook stays: what comes meanwhile waits at Telegram.

        Raises `TokenRefused` where the token, which Telegram accepted before, stays rejected.
        """
        stopping = asyncio.ensure_future(stop.wait())
        attempts = 0
        is_fine, pause = False, 0.0
        try:
            while not stop.is_set():
                attempts += 1
                try:
                    async with unless(stop):  # an answer may take half a minute
                        is_fine = await self._look()
                except InvalidToken as error:
                    is_fine, pause = False, 0.0
                    self._doubt.rejected(error)
                except TelegramError as error:
                    is_fine, pause = False, self._explain(error)
                else:
                    pause = 0.0
                    self._doubt.accepted()
                if is_fine and self._is_complete:
                    attempts, pause = 0, LOOK_EVERY_S
                else:
                    pause = max(pause, pause_s(attempts, longest_s=LONGEST_PAUSE_S))
                await asyncio.wait({stopping}, timeout=pause)
        finally:
            stopping.cancel()

    async def _look(self) -> bool:
        """Set it unless it is; whether it is now."""
        asked_at = steady()
        info = await self._telegram_bot.get_webhook_info()
        self._note_back()
        if not self._is_set or info.url != self._address:
            await self._set(info)
            return False  # how it goes is seen soon
        if not info.pending_update_count:
            self._is_complete = True
            self._on_complete(asked_at)
        self._note_failure(info)
        return True

    async def _set(self, info: WebhookInfo) -> None:
        if self._is_set:
            self._taken_away += 1
            log.warning("webhook was changed by another program: it is set again")
            if self._taken_away >= TAKEN_AWAY:
                self._notify(Notice(Kind.OTHER_COPY))
        elif info.url and info.url != self._address:
            log.warning("another webhook found: it is replaced, its updates stay")
        # Another number makes Telegram begin again, without the pauses that its failures have
        # made. They grow to two minutes, and a chat waits for them.
        is_same = info.url == self._address and info.max_connections == CONNECTIONS
        await self._telegram_bot.set_webhook(
            self._address,
            secret_token=self._secret,
            allowed_updates=ALLOWED_UPDATES,
            max_connections=CONNECTIONS - 1 if is_same else CONNECTIONS,
            drop_pending_updates=False,
        )
        self._is_set, self._fine_since = True, steady()
        self._failed = self._refused = ""
        self._failed_at = info.last_error_date
        log.info("webhook set", waiting=info.pending_update_count)

    def _note_failure(self, info: WebhookInfo) -> None:
        """What Telegram says of its last failure, each once."""
        message = info.last_error_message or ""
        if message and message != self._failed:
            log.warning("Telegram could not deliver", reason=message)
        self._failed = message
        now = steady()
        is_new = bool(message) and info.last_error_date != self._failed_at
        if is_new:
            self._failed_at, self._fine_since = info.last_error_date, now
        if arrives(info, quiet_s=now - self._fine_since):
            self._fails_since = None
            for kind in (Kind.WEBHOOK_REFUSED, Kind.WEBHOOK_FAILS):
                self._over(kind)
        elif is_new:
            self._fails_since = self._fails_since or now
            if (lasted_s := now - self._fails_since) >= FAILS_FOR_S:
                self._notify(Notice(Kind.WEBHOOK_FAILS, why=message, lasted_s=lasted_s))

    def _note_back(self) -> None:
        if self._away:
            log.info("Telegram reachable again")
            self._away = ""

    def _explain(self, error: TelegramError) -> float:
        """Log it, once. How long Telegram wants to be left alone, in seconds."""
        if isinstance(error, BadRequest):
            self._is_set = False
            self._notify(Notice(Kind.WEBHOOK_REFUSED, why=error.message))
            if error.message != self._refused:
                self._refused = error.message
                finding = why_webhook_refused(error, self._address)
                log.warning("webhook not set", why=texts.found(finding), cure=texts.cure(finding))
            return 0.0
        busy = explain(error)
        if isinstance(busy, ChatBusy):
            return busy.retry_after_s
        what = type(error).__name__
        if what != self._away:
            self._away = what
            log.warning("webhook not checked", reason=what, detail=error.message)
        return 0.0
