"""Whether what people write arrives at the webhook. Knows what Telegram says of its failures.

It keeps the last failure after a success, and of a bot that is used something is on its way at any
time: neither says that it fails now.
"""

from __future__ import annotations

from telegram import WebhookInfo

#: Seconds without another failure after which it delivers again: its pauses grow to two minutes.
DELIVERS_AFTER_S = 200.0


def arrives(info: WebhookInfo, *, quiet_s: float) -> bool:
    """Whether updates arrive, where the latest failure was `quiet_s` seconds ago."""
    return not info.pending_update_count or quiet_s >= DELIVERS_AFTER_S


def quiet_s(info: WebhookInfo, now: float) -> float:
    """Seconds since the latest failure; 0.0 where nobody says when that was.

    `now` by the clock of who says so, in Unix seconds.
    """
    return 0.0 if info.last_error_date is None else now - info.last_error_date.timestamp()
