"""Is everything in order: Telegram, access, files, node, database. Runs all checks side by side.

The command line prints what is found; `run` logs it at the start. Nothing is changed by a check.
"""

from __future__ import annotations

import asyncio
import ipaddress
import stat
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bot.aside import aside
from bot.chat.check import check_telegram
from bot.config import AccessSettings, HealthSettings, InvoicesSettings, Settings, marks
from bot.core.grants import Granted
from bot.core.inbound import receivable_of
from bot.findings import About, Finding, Kind, bad, note
from bot.node.check import check_certificate, check_macaroon, check_node
from bot.store import peek
from bot.store.check import check_database

#: Seconds for everything that is asked of Telegram, and of the node.
ASK_TIMEOUT_S = 20.0
#: An invoice that can be paid for less time, in seconds, is gone before a wallet is opened.
SHORT_EXPIRY_S = 60


async def diagnose(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    in_use: bool = False,
    granted: Granted | None = None,
) -> list[Finding]:
    """Check everything, side by side. Raises nothing; ends within about `ASK_TIMEOUT_S`.

    `clock` in Unix seconds; `in_use`: this process has the database open, so that it was inspected
    before; `granted` from the chat, None: the database is read for it.
    """
    now = clock()
    inspected = check_database(settings.database, in_use=in_use, marks=marks(settings))
    if granted is None:
        granted = await aside(partial(peek.granted, settings.database.address))
    parts = await asyncio.gather(
        _part(About.TELEGRAM, check_telegram(settings.telegram, settings.access)),
        _part(About.SETTINGS, _listed(check_files(settings.secret_files))),
        _part(About.INVOICES, _listed(check_invoices(settings.invoices))),
        _part(About.ACCESS, _listed(check_access(settings.access, granted))),
        _part(About.CERTIFICATE, aside(partial(list, check_certificate(settings.lnd, now)))),
        _part(About.MACAROON, aside(partial(list, check_macaroon(settings.lnd, now)))),
        _part(About.NODE, check_node(settings.lnd)),
        _part(About.DATABASE, aside(partial(list, inspected))),
        _part(About.HEALTH, _listed(check_health(settings.health))),
    )
    findings = [finding for part in parts for finding in part]
    return [*findings, *_payable(settings.invoices, findings)]


def check_files(files: Mapping[str, Path]) -> Iterator[Finding]:
    """Whether everyone on this machine can read a secret; `files`: the key of each → its path."""
    for key, path in files.items():
        if _is_readable_by_all(path):
            yield note(About.SETTINGS, Kind.READABLE_BY_ALL, key=key, path=str(path))


def _is_readable_by_all(path: Path) -> bool:
    try:
        real = path.resolve(strict=True)
        is_reached = all(folder.stat().st_mode & stat.S_IXOTH for folder in real.parents)
        return is_reached and bool(real.stat().st_mode & stat.S_IROTH)
    except OSError:  # told where it is read
        return False


def check_invoices(invoices: InvoicesSettings) -> Iterator[Finding]:
    """Whether invoices live long enough to be paid, by the settings alone."""
    if invoices.expiry_s < SHORT_EXPIRY_S:
        yield note(About.INVOICES, Kind.SHORT_EXPIRY, expiry_s=invoices.expiry_s)


def _payable(invoices: InvoicesSettings, findings: list[Finding]) -> Iterator[Finding]:
    """Whether the node can receive the smallest and the largest invoice that people can ask for."""
    min_msat, max_msat = 1000 * invoices.min_sats, 1000 * invoices.max_sats
    for finding in findings:
        inbound_msat = finding.values.get("receivable_msat")
        if not isinstance(inbound_msat, int):
            continue
        receivable_msat = receivable_of(max_msat, inbound_msat)
        if receivable_of(min_msat, inbound_msat) is not None:
            yield note(About.INVOICES, Kind.MIN_ABOVE_RECEIVABLE, min_msat=min_msat)
        elif receivable_msat is not None:
            values = {"max_msat": max_msat, "receivable_msat": receivable_msat}
            yield note(About.INVOICES, Kind.MAX_ABOVE_RECEIVABLE, **values)


def check_access(access: AccessSettings, granted: Granted) -> Iterator[Finding]:
    """Who can ask, by the settings and by what was granted from the chat."""
    owners = access.owners | granted.owners
    if access.open:
        yield note(About.ACCESS, Kind.OPEN_TO_ANYONE)
    elif not owners | access.users | granted.users | access.chats | granted.chats:
        yield note(About.ACCESS, Kind.CLOSED_TO_EVERYONE)
        return  # the first owner is what it lacks
    if not owners:
        yield note(About.ACCESS, Kind.NO_OWNERS)


def check_health(health: HealthSettings) -> Iterator[Finding]:
    """Whether others than this machine can read how the bot is, by the settings alone."""
    if health.listen is not None and not _is_loopback(health.listen.rpartition(":")[0]):
        yield note(About.HEALTH, Kind.NOT_LOOPBACK, listen=health.listen)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name can lead anywhere, but for this one
        return host == "localhost"


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
