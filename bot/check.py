"""Is it all in order: token, node, rights, database. Knows what can be wrong, and the cure.

The command line prints what is found; `run` logs it at start. Nothing is changed by looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from telegram import User, WebhookInfo
from telegram.error import InvalidToken, NetworkError, TelegramError

from bot import chats, store
from bot.amounts import format_sats
from bot.config import (
    DAY_S,
    AccessSettings,
    DatabaseSettings,
    LndSettings,
    Settings,
    TelegramSettings,
)
from bot.errors import (
    CertificateRefused,
    ConfigError,
    InvoiceUnknown,
    MacaroonRefused,
    NodeError,
    NodeLocked,
    NodeSetting,
    NodeStarting,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
    StartError,
)
from bot.lnd import Node
from bot.macaroon import read_macaroon

#: Seconds for all that is asked of Telegram, and of the node.
ASK_TIMEOUT_S = 20.0
#: An end that is nearer is a warning, in seconds.
SOON_S = 30 * DAY_S
#: Free space in bytes below which the database may soon be full.
LITTLE_SPACE = 100_000_000


@dataclass(frozen=True, slots=True)
class Right:
    """A call that the bot makes, and the two ways in which a macaroon permits it."""

    method: str
    entity: str
    action: str
    # what is done without where the right is missing; "" where the bot can't work
    without: str = ""


RIGHTS = (
    Right("/lnrpc.Lightning/AddInvoice", "invoices", "write"),
    Right("/lnrpc.Lightning/LookupInvoice", "invoices", "read"),
    Right("/lnrpc.Lightning/SubscribeInvoices", "invoices", "read"),
    Right("/invoicesrpc.Invoices/CancelInvoice", "invoices", "write"),
    Right("/lnrpc.Lightning/GetInfo", "info", "read", without="the node's identity and chain"),
    Right("/lnrpc.Lightning/ListChannels", "offchain", "read", without="what can be received"),
)
# what LND's own invoice.macaroon holds beyond these, and what only reads, does no harm
HARMLESS = {("invoices", "write"), ("address", "write")}

BAKE = "lncli bakemacaroon --save_to=bot.macaroon --root_key_id=1 " + " ".join(
    f"uri:{right.method}" for right in RIGHTS
)
_BAKE_ONE = f"bake one that fits and name it in lnd.macaroon: {BAKE}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: in order, not (`ok` is False), or worth knowing (None)."""

    ok: bool | None
    what: str
    cure: str = ""

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: "!"}[self.ok]
        return f"{mark} {self.what}; {self.cure}" if self.cure else f"{mark} {self.what}"


async def look(
    settings: Settings, *, clock: Callable[[], float] = time.time, in_use: bool = False
) -> list[Finding]:
    """Look at everything, side by side. Raises nothing; ends within about `ASK_TIMEOUT_S`.

    `in_use`: this process has the database open, so that it was examined before.
    """
    now = clock()
    parts = await asyncio.gather(
        _part("Telegram", _telegram(settings.telegram)),
        _part("access", _listed(_access(settings.access))),
        _part("certificate", _listed(_certificate(settings.lnd, now))),
        _part("macaroon", _listed(_macaroon(settings.lnd, now))),
        _part("node", _node(settings.lnd)),
        _part("database", asyncio.to_thread(list, _database(settings.database, in_use=in_use))),
    )
    return [finding for part in parts for finding in part]


async def _part(name: str, findings: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            return await findings
    except TimeoutError:
        return [Finding(False, f"{name}: no answer within {ASK_TIMEOUT_S:g} s", "try again")]
    except Exception as error:  # noqa: BLE001 -- a fault in looking must not keep the bot from running
        return [Finding(False, f"{name}: could not be looked at ({type(error).__name__})")]


async def _listed(findings: Iterator[Finding]) -> list[Finding]:
    return list(findings)


# Telegram


async def _telegram(settings: TelegramSettings) -> list[Finding]:
    bot = chats.make_bot(settings)
    try:
        await bot.initialize()
        return [*_bot(bot.bot), *_webhook(await bot.get_webhook_info())]
    except InvalidToken:  # its text holds the token
        cure = "ask @BotFather for the current one (/mybots, API Token)"
        return [Finding(False, "Telegram: the token is refused", cure)]
    except NetworkError:
        cure = f"is this machine online, and {settings.api_url} the right telegram.api_url?"
        return [Finding(False, "Telegram: can't be reached", cure)]
    except TelegramError as error:
        cure = "is telegram.api_url right?"
        return [Finding(False, f"Telegram: answers {error.message}", cure)]
    finally:
        await bot.shutdown()  # when the time is over, too: its own `async with` forgets that


def _bot(me: User) -> Iterator[Finding]:
    yield Finding(True, f"Telegram: the token is good, the bot is @{me.username} ({me.full_name})")
    if not me.can_join_groups:
        cure = "let @BotFather allow it (/setjoingroups) if it shall work in groups"
        yield Finding(None, "groups: the bot can't be added to any", cure)
    elif me.can_read_all_group_messages:
        yield Finding(True, "groups: privacy mode is off, every message reaches the bot")
    else:
        yield Finding(
            True,
            "groups: privacy mode is on, as it should be; "
            f"/invoice@{me.username} and replies to the bot's messages reach it",
        )


def _webhook(webhook: WebhookInfo) -> Iterator[Finding]:
    if webhook.url:  # its path is often a secret
        yield Finding(
            None,
            f"Telegram: a webhook is set at {urlsplit(webhook.url).hostname}",
            "`run` removes it and loses no update; whatever listens there gets none any more",
        )


def _access(access: AccessSettings) -> Iterator[Finding]:
    if access.open:
        cure = "list who may in [access] and set open = false, unless this is meant"
        yield Finding(None, "access: everybody may ask for invoices (access.open)", cure)
    elif not access.owners | access.users | access.chats:
        cure = "write /id to the bot and put the number into access.owners"
        yield Finding(None, "access: nobody may ask for invoices", cure)


# files


def _certificate(settings: LndSettings, now: float) -> Iterator[Finding]:
    name = "certificate"
    try:
        pem = settings.certificate()
        if pem is None:
            yield Finding(True, f"{name}: the system's authorities vouch for the node's")
            return
        ends = x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ConfigError as error:
        yield Finding(False, f"{name}: {error.sentence}")
        return
    except ValueError:
        yield Finding(False, f"{name}: lnd.tls_cert can't be read", "take LND's tls.cert")
        return
    cure = "remove LND's tls.cert and tls.key and restart it: it makes new ones"
    yield _ending(f"{name}: lnd.tls_cert", ends, now, cure)


def _ending(what: str, ends: datetime, now: float, cure: str) -> Finding:
    left_s = ends.timestamp() - now
    if left_s <= 0:
        return Finding(False, f"{what} ended on {ends:%Y-%m-%d %H:%M} UTC", cure)
    days = int(left_s // DAY_S)
    in_days = "in less than a day" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"
    text = f"{what} ends on {ends:%Y-%m-%d}, {in_days}"
    return Finding(True, text) if left_s > SOON_S else Finding(None, text, cure)


def _macaroon(settings: LndSettings, now: float) -> Iterator[Finding]:
    try:
        content = bytes.fromhex(settings.macaroon_hex())
    except ConfigError as error:
        yield Finding(False, f"macaroon: {error.sentence}")
        return
    try:
        permissions, caveats = read_macaroon(content)
    except ValueError:
        yield Finding(False, "macaroon: this is no macaroon of LND's", _BAKE_ONE)
        return
    yield _rights(permissions)
    yield from _excess(permissions)
    for caveat in caveats:
        yield _caveat(caveat, now)


def _rights(permissions: set[tuple[str, str]]) -> Finding:
    missing = [
        right
        for right in RIGHTS
        if not permissions & {("uri", right.method), (right.entity, right.action)}
    ]
    names = " and ".join(right.method.rpartition("/")[2] for right in missing)
    if any(not right.without for right in missing):
        return Finding(False, f"macaroon: it does not permit {names}", _BAKE_ONE)
    if missing:
        unknown = " and ".join(right.without for right in missing)
        text = f"macaroon: enough to run, but without {names} the bot can't know {unknown}"
        return Finding(None, text, f"to permit it as well: {BAKE}")
    return Finding(True, "macaroon: it permits all that the bot asks")


def _excess(permissions: set[tuple[str, str]]) -> Iterator[Finding]:
    methods = {("uri", right.method) for right in RIGHTS}
    excess = sorted(
        action if entity == "uri" else f"{entity}:{action}"
        for entity, action in permissions - methods - HARMLESS
        if action != "read"
    )
    if excess:
        shown = ", ".join(excess[:6]) + (f" and {len(excess) - 6} more" if len(excess) > 6 else "")
        yield Finding(
            None, f"macaroon: it permits far more than the bot needs ({shown})", _BAKE_ONE
        )


def _caveat(caveat: str, now: float) -> Finding:
    condition, _, value = caveat.partition(" ")
    if condition == "time-before":
        try:
            ends = datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            pass  # shown as it stands
        else:
            return _ending("macaroon: it", ends, now, _BAKE_ONE)
    return Finding(True, f"macaroon: it holds only with {caveat}")


# the node


async def _node(settings: LndSettings) -> list[Finding]:
    node = Node(settings)
    findings: list[Finding] = []
    try:
        findings += await _wallet(node, settings.host)
        if all(finding.ok for finding in findings):
            findings.append(await _accepted(node))
            findings += await _chain(node)
            findings.append(await _receivable(node))
    except NodeError as error:
        findings.append(_trouble(error, settings.host))
    finally:
        await node.close()
    return findings


async def _wallet(node: Node, host: str) -> list[Finding]:
    state = await node.state()
    reached = Finding(True, f"node: LND answers at {host}")
    match state:
        case "SERVER_ACTIVE":
            return [reached, Finding(True, "wallet: open, and LND is ready")]
        case "LOCKED":
            return [reached, Finding(False, "wallet: locked", "unlock it: lncli unlock")]
        case "NON_EXISTING":
            return [reached, Finding(False, "wallet: there is none yet", "make one: lncli create")]
    starting = Finding(False, f"wallet: LND is still starting ({state})", "look again in a while")
    return [reached, starting]


async def _accepted(node: Node) -> Finding:
    # nobody has an invoice with this hash: who may look up at all is told so
    with contextlib.suppress(InvoiceUnknown):
        await node.lookup(secrets.token_bytes(32))
    return Finding(True, "macaroon: the node accepts it")


async def _chain(node: Node) -> list[Finding]:
    try:
        info = await node.info()
    except PermissionMissing:
        return [_unseen("chain", "info:read")]
    known = Finding(True, f"node: {info.alias}, lnd {info.version}, on {info.network}")
    if info.synced_to_chain:
        return [known, Finding(True, f"chain: synced, at block {info.block_height}")]
    behind = f"chain: not synced, at block {info.block_height}"
    return [known, Finding(False, behind, "wait until LND has caught up")]


async def _receivable(node: Node) -> Finding:
    try:
        receivable_msat = await node.receivable_msat()
    except PermissionMissing:
        return _unseen("channels", "offchain:read")
    if receivable_msat == 0:
        cure = "open channels to it, or buy inbound liquidity: until then nobody can pay"
        return Finding(None, "channels: nothing can be received", cure)
    return Finding(True, f"channels: up to {format_sats(receivable_msat)} can be received")


def _unseen(what: str, permission: str) -> Finding:
    return Finding(None, f"{what}: not looked at, since the macaroon lacks {permission}")


# gRPC's words for a TLS failure whose cure is not another tls.cert
_TLS_CURES = {
    "WRONG_VERSION_NUMBER": "is lnd.host LND's gRPC address, and no proxy takes TLS away?",
    "Hostname Verification": (
        "name the address in lnd.conf (tlsextraip, tlsextradomain), let LND make a new tls.cert, "
        "and copy it to lnd.tls_cert"
    ),
    "certificate has expired": (
        "remove LND's tls.cert and tls.key, restart it, and copy the new tls.cert to lnd.tls_cert"
    ),
}


def _trouble(error: NodeError, host: str) -> Finding:
    cures: tuple[tuple[type[NodeError], str], ...] = (
        (NodeUnreachable, f"is LND running, and {host} its address (lnd.host)?"),
        (NodeTimeout, f"is it LND's gRPC port that listens at {host} (lnd.host)?"),
        (NodeStarting, "look again in a while"),
        (NodeLocked, "unlock it: lncli unlock"),
        (CertificateRefused, "give lnd.tls_cert the node's present tls.cert"),
        (MacaroonRefused, _BAKE_ONE),
        (PermissionMissing, _BAKE_ONE),
        (NodeSetting, "mend that setting"),
    )
    by_text = (cure for text, cure in _TLS_CURES.items() if text in error.detail)
    by_kind = (cure for kind, cure in cures if isinstance(error, kind))
    cure = next(by_text, None) or next(by_kind, "look into LND's log")
    detail = f" ({' '.join(error.detail.split())})" if error.detail else ""
    return Finding(False, f"node: {error.sentence}{detail}", cure)


# the database


def _database(database: DatabaseSettings, *, in_use: bool = False) -> Iterator[Finding]:
    file = database.file
    try:
        place = _place(file)
        if place.ok is not False and not in_use:
            store.examine(database.url)
        yield place
    except StartError as error:
        what, _, cure = error.sentence.removeprefix("The database ").rstrip(".").partition(": ")
        yield Finding(False, f"database: {what}", cure)
    except PermissionError:
        text = f"database: the way to {file.parent} is closed to this user"
        yield Finding(False, text, "let this user in")


def _place(file: Path) -> Finding:
    # The folder is made at start: what counts is the nearest that is there.
    folder = next(folder for folder in file.absolute().parents if folder.exists())
    if file.is_dir():
        return Finding(False, f"database: {file} is a folder", "name a file in database.url")
    if not folder.is_dir():
        return Finding(False, f"database: {folder} is no folder", "name another in database.url")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        if folder != file.absolute().parent:
            return Finding(False, f"database: there is no folder {file.parent}", "make it")
        text = f"database: its folder {folder} can't be written"
        return Finding(False, text, "let this user write there")
    if file.exists() and not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
        return Finding(False, f"database: {file} can't be written", "let this user write it")
    free = shutil.disk_usage(folder).free
    if free < LITTLE_SPACE:
        text = f"database: only {free // 1_000_000} MB are free at {folder}"
        return Finding(None if free else False, text, "make room there")
    return Finding(True, f"database: {file} can be written")
