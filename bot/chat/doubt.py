"""Whether a token that Telegram rejects is wrong. Knows that one answer may be a slip."""

from __future__ import annotations

from telegram.error import InvalidToken

from bot import logs
from bot.clock import steady
from bot.errors import TokenRefused

log = logs.get(__name__)

#: Seconds for which a token has to be rejected that was accepted before, by the login at least.
DOUBT_S = 60.0


class Doubt:
    """A token that was accepted before, and may stay rejected for `doubt_s` seconds."""

    def __init__(self, doubt_s: float = DOUBT_S) -> None:
        self._doubt_s = doubt_s
        self._rejected_at: float | None = None  # since when, on the steady clock

    def accepted(self) -> None:
        """Telegram takes it."""
        self._rejected_at = None

    def rejected(self, error: InvalidToken) -> None:
        """Telegram does not take it. Raises `TokenRefused` where it has not for long enough."""
        now = steady()
        if self._rejected_at is None:
            self._rejected_at = now
            log.warning("token rejected: Telegram is asked again", for_s=self._doubt_s)
        if now - self._rejected_at >= self._doubt_s:
            raise TokenRefused from error
