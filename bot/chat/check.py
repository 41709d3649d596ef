"""What can be wrong with the token, the webhook and the groups. Knows Telegram's answers."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from telegram import User, WebhookInfo
from telegram.error import InvalidToken, NetworkError, TelegramError

from bot.chat.client import make_bot
from bot.chat.connecting import why_unreachable
from bot.chat.deliveries import arrives, quiet_s
from bot.chat.presence import presence
from bot.chat.transport import NotTelegrams
from bot.config import TELEGRAM, AccessSettings, TelegramSettings
from bot.findings import About, Finding, Kind, bad, fine, note

#: Ports that Telegram delivers to.
WEBHOOK_PORTS = (443, 80, 88, 8443)
#: Ends of names that nobody finds from outside.
_OF_ONE_NETWORK = (
    *(".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".onion"),
    *(".test", ".invalid", ".example"),
)


async def check_telegram(settings: TelegramSettings, access: AccessSettings) -> list[Finding]:
    """Ask Telegram who the bot is, where its updates go, and whether it reaches who is listed.

    Raises no `TelegramError`. Nobody sees anything of it.
    """
    bot = make_bot(settings)
    try:
        await bot.initialize()
        info = await bot.get_webhook_info()
        told = bot.told_lately
        now = time.time() if told is None else told.unix
        about = [*_bot(bot.bot), *_webhook(info, settings, now)]
        return [*about, *await presence(bot, access)]
    except TelegramError as error:
        return [_refused(error, settings.api_url), *webhook_problems(settings)]
    finally:
        await bot.shutdown()  # after a timeout too: its own `async with` forgets that


def _refused(error: TelegramError, api_url: str) -> Finding:
    """Whether it is Telegram that does not answer, what stands there instead, or the token."""
    cause = error.__cause__
    if isinstance(error, InvalidToken):  # its text has the token
        if "Not Found" in str(cause):  # what Telegram answers to any path that it does not know
            return bad(About.TELEGRAM, Kind.LOGIN_UNKNOWN, api_url=api_url)
        return bad(About.TELEGRAM, Kind.LOGIN_REJECTED)
    if (unreachable := why_unreachable(error, api_url)) is not None:
        return unreachable
    if isinstance(error, NotTelegrams) or (isinstance(error, NetworkError) and cause is not None):
        # the answer is no JSON of a Bot API's: PTB tells the status, and then all of it
        answer = error.message.partition(". Parsing")[0]
        answer = answer if re.fullmatch(r"[\w ()-]+ \(\d+\)", answer) else ""
        return bad(About.TELEGRAM, Kind.NO_BOT_API, api_url=api_url, answer=answer)
    return bad(About.TELEGRAM, Kind.ANSWERS_ODDLY, message=error.message)


def _bot(me: User) -> Iterator[Finding]:
    username = me.username or ""  # there is one, or its answer was unreadable
    yield fine(About.TELEGRAM, Kind.LOGIN_ACCEPTED, username=username, name=me.full_name)
    if not me.can_join_groups:
        yield note(About.GROUPS, Kind.GROUPS_FORBIDDEN)
    elif me.can_read_all_group_messages:
        yield fine(About.GROUPS, Kind.PRIVACY_OFF)
    else:
        yield fine(About.GROUPS, Kind.PRIVACY_ON, username=username)


def _webhook(info: WebhookInfo, settings: TelegramSettings, now: float) -> Iterator[Finding]:
    """`now` by Telegram's clock, in Unix seconds."""
    host = urlsplit(info.url).hostname or ""  # its path is often a secret
    if settings.webhook is None:
        if info.url:
            yield note(About.TELEGRAM, Kind.WEBHOOK_SET, host=host)
        return
    if wrong := list(webhook_problems(settings)):
        yield from wrong
    elif info.url != settings.webhook:
        ours = urlsplit(settings.webhook).hostname or ""
        yield fine(About.TELEGRAM, Kind.WEBHOOK_TO_SET, host=ours)
    elif info.last_error_message and not arrives(info, quiet_s=quiet_s(info, now)):
        yield bad(
            About.TELEGRAM,
            Kind.WEBHOOK_FAILS,
            host=host,
            reason=info.last_error_message,
            waiting=info.pending_update_count,
        )
    elif info.last_error_message:
        yield note(
            About.TELEGRAM,
            Kind.WEBHOOK_FAILED,
            host=host,
            reason=info.last_error_message,
        )
    else:
        yield fine(About.TELEGRAM, Kind.WEBHOOK_OURS, host=host)


def webhook_problems(settings: TelegramSettings) -> Iterator[Finding]:
    """Why Telegram will not deliver to the webhook's address, by the settings alone.

    A Bot API server of one's own may take any.
    """
    address = urlsplit(settings.webhook or "")
    if not address.hostname or urlsplit(settings.api_url).hostname != urlsplit(TELEGRAM).hostname:
        return
    if address.scheme != "https":
        yield bad(About.TELEGRAM, Kind.WEBHOOK_NO_HTTPS)
    port = address.port or (443 if address.scheme == "https" else 80)
    if port not in WEBHOOK_PORTS:
        yield bad(About.TELEGRAM, Kind.WEBHOOK_PORT, port=port)
    if not _is_public(address.hostname):
        yield bad(About.TELEGRAM, Kind.WEBHOOK_RESERVED, host=address.hostname)


def _is_public(host: str) -> bool:
    """Whether somebody far away may find it, by IPv4, which is all that Telegram delivers by."""
    if ":" in host:
        return False
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)).is_global  # 127.1 is one as well
    except OSError:
        name = f".{host.rstrip('.')}".lower()
        return "." in name[1:] and not name.endswith(_OF_ONE_NETWORK)
