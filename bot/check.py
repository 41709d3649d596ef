"""Is everything in order: Telegram, access, files, node, database. Runs all checks side by side.

The command line prints what is found; `run` logs it at the start. Nothing is changed by a check.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

from bot.chat.check import check_telegram
from bot.config import AccessSettings, Settings
from bot.findings import About, Finding, Kind, bad, note
from bot.node.check import check_certificate, check_macaroon, check_node
from bot.store.check import check_database

#: Seconds for everything that is asked of Telegram, and of the node.
ASK_TIMEOUT_S = 20.0


async def diagnose(
    settings: Settings, *, clock: Callable[[], float] = time.time, in_use: bool = False
) -> list[Finding]:
    """Check everything, side by side. Raises nothing; ends within about `ASK_TIMEOUT_S`.

    `clock` in Unix seconds; `in_use`: this process has the database open, so that it was inspected
    before.
    """
    now = clock()
    database = asyncio.to_thread(list, check_database(settings.database, in_use=in_use))
    parts = await asyncio.gather(
        _part(About.TELEGRAM, check_telegram(settings.telegram)),
        _part(About.ACCESS, _listed(check_access(settings.access))),
        _part(About.CERTIFICATE, _listed(check_certificate(settings.lnd, now))),
        _part(About.MACAROON, _listed(check_macaroon(settings.lnd, now))),
        _part(About.NODE, check_node(settings.lnd)),
        _part(About.DATABASE, database),
    )
    return [finding for part in parts for finding in part]


def check_access(access: AccessSettings) -> Iterator[Finding]:
    """Who can ask, by the settings alone."""
    if access.open:
        yield note(About.ACCESS, Kind.OPEN_TO_ANYONE)
    elif not access.owners | access.users | access.chats:
        yield note(About.ACCESS, Kind.CLOSED_TO_EVERYONE)


async def _part(about: About, findings: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            return await findings
    except TimeoutError:
        return [bad(about, Kind.NO_ANSWER, timeout_s=ASK_TIMEOUT_S)]
    except Exception as error:  # noqa: BLE001 -- a bug in a check must not keep the bot from running
        return [bad(about, Kind.CRASHED, exception=type(error).__name__)]


async def _listed(findings: Iterator[Finding]) -> list[Finding]:
    return list(findings)
