"""What can be wrong with the token, the webhook and the groups. Knows Telegram's answers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from telegram import User, WebhookInfo
from telegram.error import InvalidToken, NetworkError, TelegramError

from bot.chat.client import make_bot
from bot.config import TelegramSettings
from bot.findings import About, Finding, Kind, bad, fine, note


async def check_telegram(settings: TelegramSettings) -> list[Finding]:
    """Ask Telegram who the bot is and where its updates go. Raises no `TelegramError`."""
    bot = make_bot(settings)
    try:
        await bot.initialize()
        return [*_bot(bot.bot), *_webhook(await bot.get_webhook_info())]
    except InvalidToken:  # its text has the token
        return [bad(About.TELEGRAM, Kind.LOGIN_REJECTED)]
    except NetworkError:
        return [bad(About.TELEGRAM, Kind.UNREACHABLE, api_url=settings.api_url)]
    except TelegramError as error:
        return [bad(About.TELEGRAM, Kind.ANSWERS_ODDLY, message=error.message)]
    finally:
        await bot.shutdown()  # after a timeout too: its own `async with` forgets that


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
