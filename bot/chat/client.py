"""The connection to Telegram's Bot API. Knows python-telegram-bot's insides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telegram.error import InvalidToken, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot.chat.transport import Transport
from bot.config import TelegramSettings

#: Seconds beyond a long poll's own time after which its connection is given up.
POLL_GRACE_S = 5.0
#: Connections at once: for messages in their turns, for answers to presses, and some to spare.
CONNECTIONS = 192


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
