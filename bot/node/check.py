"""What can be wrong with certificate, macaroon and node. Knows which calls the bot needs.

Files are read and the node is asked; nothing is changed.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from bot.config import DAY_S, LndSettings
from bot.core.answers import WalletState
from bot.errors import ConfigError, InvoiceUnknown, NodeError, PermissionMissing
from bot.findings import About, Finding, Kind, Mark, bad, fine, note, refused
from bot.node.channel import expires_at
from bot.node.client import Node
from bot.node.macaroon import read_macaroon, valid_until

#: A certificate or macaroon that expires sooner is worth a note, in seconds.
SOON_S = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Right:
    """A call that the bot makes, and the two ways in which a macaroon allows it."""

    method: str
    entity: str
    action: str
    # whether the bot runs without it
    is_extra: bool = False

    @property
    def name(self) -> str:
        """The call without its service: ``AddInvoice``."""
        return self.method.rpartition("/")[2]

    def is_in(self, permissions: AbstractSet[tuple[str, str]]) -> bool:
        """Whether a macaroon with these permissions allows the call."""
        return bool(permissions & {("uri", self.method), (self.entity, self.action)})


RIGHTS = (
    Right("/lnrpc.Lightning/AddInvoice", "invoices", "write"),
    Right("/lnrpc.Lightning/LookupInvoice", "invoices", "read"),
    Right("/lnrpc.Lightning/SubscribeInvoices", "invoices", "read"),
    Right("/invoicesrpc.Invoices/CancelInvoice", "invoices", "write"),
    Right("/lnrpc.Lightning/GetInfo", "info", "read", is_extra=True),
    Right("/lnrpc.Lightning/ListChannels", "offchain", "read", is_extra=True),
)
#: What a macaroon needs to bake another one: `setup` asks for it once, the bot never has it.
BAKING = Right("/lnrpc.Lightning/BakeMacaroon", "macaroon", "generate")
# What LND's own invoice.macaroon has beyond these. What only reads does no harm either.
HARMLESS = {("invoices", "write"), ("address", "write")}


def bake_line(root_key_id: int) -> str:
    """The command line that bakes a macaroon with just these rights."""
    uris = " ".join(f"uri:{right.method}" for right in RIGHTS)
    return f"lncli bakemacaroon --save_to=bot.macaroon --root_key_id={root_key_id} {uris}"


#: The same where the bot's is the only one beside LND's own.
BAKE = bake_line(1)


def _source(settings: LndSettings) -> dict[str, str]:
    """What a cure has to name instead of the files' settings, which are not in use then."""
    return {} if settings.lndconnect is None else {"source": "lnd.lndconnect"}


def _certificate_source(settings: LndSettings) -> dict[str, str]:
    return _source(settings) if settings.certificate_key == "lnd.lndconnect" else {}


def _sources(settings: LndSettings) -> dict[str, str]:
    """The same for what can come from either; `unpinned` is the setting that pins none yet."""
    source, key = _source(settings), settings.certificate_key
    if _certificate_source(settings):
        return source
    beside = {"certificate_key": key} if source else {}
    return source | beside | ({} if settings.tls_cert else {"unpinned": key})


# files


def check_certificate(settings: LndSettings, now: float) -> Iterator[Finding]:
    """The pinned certificate's file; `now` in Unix seconds."""
    try:
        pem = settings.certificate()
        if pem is None:
            return  # the node's answer tells whether an authority vouches for it
        at = expires_at(pem)
    except ConfigError as error:
        yield refused(About.CERTIFICATE, error)
    except ValueError:
        yield bad(About.CERTIFICATE, Kind.NO_CERTIFICATE, **_certificate_source(settings))
    else:
        yield _expiry(About.CERTIFICATE, at, now, **_certificate_source(settings))


def _expiry(about: About, at: float, now: float, **values: str) -> Finding:
    left_s = at - now
    if left_s <= 0:
        return bad(about, Kind.EXPIRED, expired_at=at, **values)
    mark = Mark.FINE if left_s > SOON_S else Mark.NOTE
    return Finding(mark, about, Kind.EXPIRES, {"expires_at": at, "left_s": left_s, **values})


def check_macaroon(settings: LndSettings, now: float) -> Iterator[Finding]:
    """What the macaroon allows, by its file alone; `now` in Unix seconds."""
    try:
        permissions, caveats = read_macaroon(bytes.fromhex(settings.macaroon_hex()))
    except ConfigError as error:
        yield refused(About.MACAROON, error)
    except ValueError:
        yield bad(About.MACAROON, Kind.NO_MACAROON, bake=BAKE, **_source(settings))
    else:
        how = {"bake": BAKE, **_source(settings)}
        yield _rights(permissions, how)
        yield from _excess(permissions, how)
        for caveat in caveats:
            yield _caveat(caveat, now, how)


def _rights(permissions: set[tuple[str, str]], how: Mapping[str, str]) -> Finding:
    lacking = [right for right in RIGHTS if not right.is_in(permissions)]
    methods = tuple(right.name for right in lacking)
    if not all(right.is_extra for right in lacking):
        return bad(About.MACAROON, Kind.LACKS_CALLS, methods=methods, **how)
    if lacking:
        return note(About.MACAROON, Kind.LACKS_EXTRAS, methods=methods, **how)
    return fine(About.MACAROON, Kind.ALLOWS_ALL)


def _excess(permissions: set[tuple[str, str]], how: Mapping[str, str]) -> Iterator[Finding]:
    methods = {("uri", right.method) for right in RIGHTS}
    excess = sorted(
        action if entity == "uri" else f"{entity}:{action}"
        for entity, action in permissions - methods - HARMLESS
        if action != "read"
    )
    if excess:
        yield note(About.MACAROON, Kind.ALLOWS_TOO_MUCH, permissions=tuple(excess), **how)


def _caveat(caveat: str, now: float, how: Mapping[str, str]) -> Finding:
    at = valid_until([caveat])
    if at is None:  # a time that cannot be read is shown as it is
        return fine(About.MACAROON, Kind.CONDITION, caveat=caveat)
    return _expiry(About.MACAROON, at, now, **how)


# the node


async def check_node(settings: LndSettings) -> list[Finding]:
    """Whether the node answers, accepts the bot and can receive. Raises nothing of `bot.errors`."""
    node = Node(settings)
    findings: list[Finding] = []
    try:
        wallet = await _wallet(node, settings.host)
        if settings.tls_cert is None and not _certificate_source(settings):
            findings.append(fine(About.CERTIFICATE, Kind.SYSTEM_AUTHORITIES))
        findings += wallet
        if all(finding.mark is Mark.FINE for finding in findings):
            findings.append(await _accepted(node))
            findings += await _chain(node)
            findings += await _channels(node, hints=settings.private_route_hints)
    except NodeError as error:
        proxy = {"proxy": settings.proxy} if settings.proxy else {}
        how = {"host": settings.host, "bake": BAKE, **proxy, **_sources(settings)}
        findings.append(refused(About.NODE, error, **how))
    finally:
        await node.close()
    return findings


async def _wallet(node: Node, host: str) -> list[Finding]:
    state = await node.state()
    answers = fine(About.NODE, Kind.ANSWERS, host=host)
    match state:
        case WalletState.SERVER_ACTIVE:
            return [answers, fine(About.WALLET, Kind.WALLET_READY)]
        case WalletState.LOCKED:
            return [answers, bad(About.WALLET, Kind.WALLET_LOCKED)]
        case WalletState.NON_EXISTING:
            return [answers, bad(About.WALLET, Kind.WALLET_MISSING)]
    return [answers, bad(About.WALLET, Kind.STARTING, state=state)]


async def _accepted(node: Node) -> Finding:
    # No invoice has this hash: with permission to look up, that is the answer.
    with contextlib.suppress(InvoiceUnknown):
        await node.lookup(secrets.token_bytes(32))
    return fine(About.MACAROON, Kind.MACAROON_ACCEPTED)


async def _chain(node: Node) -> list[Finding]:
    try:
        info = await node.info()
    except PermissionMissing:
        return [note(About.CHAIN, Kind.NOT_PERMITTED, permission="info:read")]
    identity = fine(
        About.NODE, Kind.IDENTITY, alias=info.alias, version=info.version, network=info.network
    )
    if info.synced_to_chain:
        return [identity, fine(About.CHAIN, Kind.SYNCED, block_height=info.block_height)]
    return [identity, bad(About.CHAIN, Kind.NOT_SYNCED, block_height=info.block_height)]


async def _channels(node: Node, *, hints: bool | str) -> list[Finding]:
    try:
        receivable_msat = await node.receivable_msat()
        are_private = await node.are_private()
    except PermissionMissing:
        kind = Kind.CHANNELS_UNSEEN if hints == "auto" else Kind.NOT_PERMITTED
        return [note(About.CHANNELS, kind, permission="offchain:read")]
    if receivable_msat == 0:
        return [note(About.CHANNELS, Kind.NOTHING_RECEIVABLE)]
    if hints is False and all(are_private):
        return [note(About.CHANNELS, Kind.HINTS_NEEDED)]
    receivable = fine(About.CHANNELS, Kind.RECEIVABLE, receivable_msat=receivable_msat)
    return [receivable, *_hints(are_private, hints=hints)]


def _hints(are_private: tuple[bool, ...], *, hints: bool | str) -> Iterator[Finding]:
    if any(are_private):
        has_hints = hints is True or (hints == "auto" and all(are_private))
        yield fine(About.CHANNELS, Kind.HINTS if has_hints else Kind.NO_HINTS)
