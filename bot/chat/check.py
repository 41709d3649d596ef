"""What can be wrong with the token, the webhook and the groups. Knows Telegram's answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import aiohttp
from telegram import User, WebhookInfo
from telegram.error import InvalidToken, NetworkError, TelegramError, TimedOut

from bot.chat.client import make_bot
from bot.config import TelegramSettings
from bot.findings import About, Finding, Kind, bad, fine, note

#: Nobody answers, or the connection breaks before anything that can be read.
_NO_ANSWER = (aiohttp.ClientConnectionError, TimeoutError)


async def check_telegram(settings: TelegramSettings) -> list[Finding]:
    """Ask Telegram who the bot is and where its updates go. Raises no `TelegramError`."""
    bot = make_bot(settings)
    try:
        await bot.initialize()
        return [*_bot(bot.bot), *_webhook(await bot.get_webhook_info())]
    except TelegramError as error:
        return [_refused(error, settings.api_url)]
    finally:
        await bot.shutdown()  # after a timeout too: its own `async with` forgets that


def _refused(error: TelegramError, api_url: str) -> Finding:
    """Whether it is Telegram that does not answer, what stands there instead, or the token."""
    cause = error.__cause__
    if isinstance(error, InvalidToken):  # its text has the token
        if "Not Found" in str(cause):  # what Telegram answers to any path that it does not know
            return bad(About.TELEGRAM, Kind.LOGIN_UNKNOWN, api_url=api_url)
        return bad(About.TELEGRAM, Kind.LOGIN_REJECTED)
    if isinstance(cause, aiohttp.ClientSSLError):
        return bad(About.TELEGRAM, Kind.TLS_FAILED, api_url=api_url, reason=_reason(cause))
    if isinstance(cause, _NO_ANSWER) or isinstance(error, TimedOut):
        return bad(About.TELEGRAM, Kind.UNREACHABLE, api_url=api_url)
    if isinstance(error, NetworkError) and cause is not None:
        # the answer is no JSON of a Bot API's: PTB tells the status, and then all of it
        answer = error.message.partition(". Parsing")[0]
        answer = answer if re.fullmatch(r"[\w ()-]+ \(\d+\)", answer) else ""
        return bad(About.TELEGRAM, Kind.NO_BOT_API, api_url=api_url, answer=answer)
    return bad(About.TELEGRAM, Kind.ANSWERS_ODDLY, message=error.message)


def _reason(error: aiohttp.ClientSSLError) -> str:
    """What the handshake failed for, without the address and OpenSSL's line numbers."""
    why = (
        error.certificate_error
        if isinstance(error, aiohttp.ClientConnectorCertificateError)
        else error.os_error
    )
    found = re.search(r"\] (.*?)(?: \(_ssl|$)", str(why))
    return found[1] if found else type(why).__name__


def _bot(me: User) -> Iterator[Finding]:
    username = me.username or ""
    yield fine(About.TELEGRAM, Kind.LOGIN_ACCEPTED, username=username, name=me.full_name)
    if not me.can_join_groups:
        yield note(About.GROUPS, Kind.GROUPS_FORBIDDEN)
    elif me.can_read_all_group_messages:
        yield fine(About.GROUPS, Kind.PRIVACY_OFF)
    else:
        yield fine(About.GROUPS, Kind.PRIVACY_ON, username=username)


def _webhook(webhook: WebhookInfo) -> Iterator[Finding]:
    if webhook.url:  # its path is often a secret
        host = urlsplit(webhook.url).hostname or ""
        yield note(About.TELEGRAM, Kind.WEBHOOK_SET, host=host)
