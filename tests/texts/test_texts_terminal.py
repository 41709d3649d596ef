"""What `check` and `invoice` print: a line per finding, with what to do about it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot import errors, texts
from bot.config.problems import Kind as Wrong
from bot.core.answers import NodeInvoice, NodeState
from bot.errors import InvoiceBotError
from bot.findings import About, Finding, Kind, Mark, bad, fine, note, refused

BAKE = "lncli bakemacaroon uri:/x"
HOST = "127.0.0.1:10009"
DAY_S = 86_400
# 2027-01-24 12:30 UTC
AT = 1_800_793_800.0

CERTIFICATE, MACAROON, DATABASE = About.CERTIFICATE, About.MACAROON, About.DATABASE
RENEW = "restart LND, which creates a new one, and copy the new tls.cert to lnd.tls_cert"
RENEW_LATER = f"once it has expired, {RENEW}"
BAKE_ONE = f"bake one that fits and set lnd.macaroon to its path: {BAKE}"


def expires(about: About, mark: Mark, left_s: float, **values: str) -> Finding:
    return Finding(mark, about, Kind.EXPIRES, {"expires_at": AT, "left_s": left_s, **values})


def lacks(kind: Kind, *methods: str) -> Finding:
    return Finding(Mark.NOTE, MACAROON, kind, {"methods": methods, "bake": BAKE})


def allows(*permissions: str) -> Finding:
    return note(MACAROON, Kind.ALLOWS_TOO_MUCH, permissions=permissions, bake=BAKE)


LINES: list[tuple[Finding, str]] = [
    # any
    (bad(About.NODE, Kind.NO_ANSWER, timeout_s=0.5), "✗ node: no answer within 0.5 s; try again"),
    (bad(About.NODE, Kind.NO_ANSWER, timeout_s=20.0), "✗ node: no answer within 20 s; try again"),
    (
        bad(About.ACCESS, Kind.CRASHED, exception="KeyError"),
        "✗ access: could not be checked (KeyError)",
    ),
    # Telegram
    (
        fine(About.TELEGRAM, Kind.LOGIN_ACCEPTED, username="a_bot", name="Invoices"),
        "✓ Telegram: the token works, the bot is @a_bot (Invoices)",
    ),
    (
        bad(About.TELEGRAM, Kind.LOGIN_REJECTED),
        (
            "✗ Telegram: the token is rejected; "
            "get the current one from @BotFather (/mybots, API Token)"
        ),
    ),
    (
        bad(
            About.TELEGRAM,
            Kind.UNREACHABLE,
            api_url="https://api.telegram.org",
            reason="connection refused",
        ),
        (
            "✗ Telegram: it can't be reached (connection refused); "
            "check that this machine is online and that telegram.api_url "
            "(https://api.telegram.org) is right"
        ),
    ),
    (
        bad(
            About.TELEGRAM,
            Kind.NAME_UNKNOWN,
            name="api.telegram.org",
            api_url="https://api.telegram.org",
        ),
        (
            "✗ Telegram: this machine finds no address for api.telegram.org; check that it is "
            "online, that its DNS works, and that telegram.api_url (https://api.telegram.org) is "
            "right"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.PROXY_FAILED, proxy="10.0.0.1:3128", reason="no answer in time"),
        (
            "✗ Telegram: it can't be reached through the proxy 10.0.0.1:3128 (no answer in time); "
            "check the proxy, and the variables HTTPS_PROXY and NO_PROXY"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.PROXY_UNSUPPORTED, variable="ALL_PROXY"),
        (
            "✗ Telegram: it can't be reached, and ALL_PROXY is not supported as it is; "
            "set HTTPS_PROXY to the address of an HTTP proxy, such as http://127.0.0.1:3128"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.LOGIN_UNKNOWN, api_url="https://bot.example"),
        (
            "✗ Telegram: it knows no bot with this token; "
            "check the token, and that telegram.api_url (https://bot.example) is right"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.TLS_FAILED, api_url="https://bot.example", reason="expired"),
        (
            "✗ Telegram: no secure connection (expired); check that telegram.api_url "
            "(https://bot.example) is right, begins with http:// or https:// as its server does, "
            "and that nothing in between replaces its certificate"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.NO_BOT_API, api_url="https://bot.example", answer="OK (200)"),
        (
            "✗ Telegram: https://bot.example answers OK (200), but not as a Bot API server does; "
            "check telegram.api_url; if it is right, try again in a while"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.NO_BOT_API, api_url="https://bot.example", answer=""),
        (
            "✗ Telegram: https://bot.example answers, but not as a Bot API server does; "
            "check telegram.api_url; if it is right, try again in a while"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.ANSWERS_ODDLY, message="Forbidden: bot was kicked out"),
        (
            "✗ Telegram: it answers Forbidden: bot was kicked out; "
            "check that telegram.api_url is right"
        ),
    ),
    (
        note(About.TELEGRAM, Kind.WEBHOOK_SET, host="hooks.example"),
        (
            "! Telegram: a webhook sends the updates to hooks.example; "
            "`run` removes it without losing an update, but hooks.example gets no more of them"
        ),
    ),
    (
        fine(About.TELEGRAM, Kind.WEBHOOK_OURS, host="bot.example"),
        "✓ Telegram: updates go to the webhook at bot.example",
    ),
    (
        fine(About.TELEGRAM, Kind.WEBHOOK_TO_SET, host="bot.example"),
        (
            "✓ Telegram: the webhook at bot.example is not set yet: "
            "`run` sets it without losing an update"
        ),
    ),
    (
        note(About.TELEGRAM, Kind.WEBHOOK_FAILED, host="bot.example", reason="Connection closed"),
        (
            "! Telegram: updates arrive at the webhook at bot.example; the last failure was: "
            "Connection closed; if it comes again, check your proxy's log and the bot's"
        ),
    ),
    (
        bad(
            About.TELEGRAM,
            Kind.WEBHOOK_FAILS,
            host="bot.example",
            reason="Wrong response from the webhook: 502 Bad Gateway",
            waiting=3,
        ),
        (
            "✗ Telegram: the webhook at bot.example does not take updates (Wrong response from "
            "the webhook: 502 Bad Gateway); waiting: 3; check that your proxy at bot.example "
            "passes telegram.webhook on to telegram.listen, and that the bot runs"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.WEBHOOK_NO_HTTPS),
        (
            "✗ Telegram: it accepts only webhooks with HTTPS; write an address that starts with "
            "https:// in telegram.webhook, and put a proxy with a certificate in front of the bot"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.WEBHOOK_PORT, port=8080),
        (
            "✗ Telegram: it delivers to no webhook on port 8080; "
            "use port 443, 80, 88 or 8443 in telegram.webhook"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.WEBHOOK_RESERVED, host="10.0.0.5"),
        (
            "✗ Telegram: it can't reach 10.0.0.5, which has a private or an IPv6 address only; "
            "use a name with a public IPv4 address in telegram.webhook"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.WEBHOOK_NAME_UNKNOWN, host="bot.example"),
        (
            "✗ Telegram: it can't find bot.example; "
            "check the name in telegram.webhook and its DNS records"
        ),
    ),
    (
        bad(About.TELEGRAM, Kind.WEBHOOK_REFUSED, host="bot.example", reason="Bad webhook"),
        ("✗ Telegram: it refuses the webhook at bot.example (Bad webhook); check telegram.webhook"),
    ),
    (
        note(About.GROUPS, Kind.GROUPS_FORBIDDEN),
        (
            "! groups: the bot can't be added to groups; "
            "if it should work in groups, allow that at @BotFather (/setjoingroups)"
        ),
    ),
    (
        fine(About.GROUPS, Kind.PRIVACY_OFF),
        "✓ groups: privacy mode is off: every message reaches the bot",
    ),
    (
        fine(About.GROUPS, Kind.PRIVACY_ON, username="a_bot"),
        (
            "✓ groups: privacy mode is on, as recommended: "
            "/invoice@a_bot and replies to the bot's messages reach it"
        ),
    ),
    (fine(About.GROUPS, Kind.IN_ALL_CHATS), "✓ groups: the bot is in each of access.chats"),
    (
        note(About.GROUPS, Kind.NOT_IN_CHAT, chat_id=-1001234567890),
        (
            "! groups: the bot is not in -1001234567890; add it to that group, or correct "
            "access.chats: the command /id shows a group's number, which is negative"
        ),
    ),
    (
        note(About.GROUPS, Kind.CHAT_MOVED, chat_id=-5, new_chat_id=-1005),
        (
            "! groups: -5 is the group's old number, from before it became a supergroup; "
            "write -1005 in access.chats"
        ),
    ),
    (fine(About.ACCESS, Kind.OWNERS_MET), "✓ access: the bot can write to all owners"),
    (
        note(About.ACCESS, Kind.OWNER_NOT_MET, user_id=7, username="a_bot"),
        (
            "! access: the bot can't write to 7 of access.owners: they have not opened it, or have "
            "blocked it; open https://t.me/a_bot with that account and press Start"
        ),
    ),
    (
        note(About.GROUPS, Kind.NOT_CHECKED, id=-5, message="Bad Gateway"),
        "! groups: -5 could not be checked (Bad Gateway); try again",
    ),
    # the files with secrets
    (
        note(About.SETTINGS, Kind.READABLE_BY_ALL, key="", path="/my bot/config.toml"),
        (
            "! settings: everyone on this machine can read the settings file "
            "(/my bot/config.toml); to let only the bot's user read it, "
            "run chmod 600 '/my bot/config.toml'"
        ),
    ),
    (
        note(About.SETTINGS, Kind.READABLE_BY_ALL, key="lnd.macaroon", path="/bot.macaroon"),
        (
            "! settings: everyone on this machine can read the macaroon (/bot.macaroon); "
            "to let only the bot's user read it, run chmod 600 /bot.macaroon"
        ),
    ),
    # what is asked for
    (
        note(About.INVOICES, Kind.SHORT_EXPIRY, expiry_s=6),
        (
            "! invoices: an invoice can be paid for only 6 seconds; "
            "set a longer invoices.expiry, such as 1h"
        ),
    ),
    (
        note(About.INVOICES, Kind.MIN_ABOVE_RECEIVABLE, min_msat=5_000_000),
        (
            "! invoices: the node can't receive even 5,000 sats, the smallest amount that can be "
            "requested; get more inbound liquidity, or set a smaller invoices.min_sats"
        ),
    ),
    (
        note(
            About.INVOICES,
            Kind.MAX_ABOVE_RECEIVABLE,
            max_msat=1_000_000_000,
            receivable_msat=790_000_000,
        ),
        (
            "! invoices: up to 1,000,000 sats can be requested, but the node can receive only "
            "790,000 sats; get more inbound liquidity, or set a smaller invoices.max_sats"
        ),
    ),
    # who can ask
    (
        note(About.ACCESS, Kind.OPEN_TO_ANYONE),
        (
            "! access: anyone can ask for invoices (access.open); "
            "unless you want that, list people in [access] and set open = false"
        ),
    ),
    (
        note(About.ACCESS, Kind.CLOSED_TO_EVERYONE),
        (
            "! access: nobody can ask for invoices; "
            "open the link that the bot prints when it starts, or add your id to access.owners"
        ),
    ),
    (
        note(About.ACCESS, Kind.NO_OWNERS),
        (
            "! access: there are no owners, so nobody is notified when something needs fixing; "
            "open the link that the bot prints when it starts, or add your id to access.owners"
        ),
    ),
    # the certificate
    (
        fine(CERTIFICATE, Kind.SYSTEM_AUTHORITIES),
        "✓ certificate: checked against the system's certificate authorities",
    ),
    (
        bad(CERTIFICATE, Kind.NO_CERTIFICATE),
        (
            "✗ certificate: the file at lnd.tls_cert is not a valid certificate; "
            "copy LND's current tls.cert to lnd.tls_cert"
        ),
    ),
    (
        expires(CERTIFICATE, Mark.FINE, 419.5 * DAY_S),
        "✓ certificate: it expires on 2027-01-24, in 419 days",
    ),
    (
        expires(CERTIFICATE, Mark.NOTE, 28 * DAY_S),
        f"! certificate: it expires on 2027-01-24, in 28 days; {RENEW_LATER}",
    ),
    (
        expires(CERTIFICATE, Mark.NOTE, 2 * DAY_S - 1),
        f"! certificate: it expires on 2027-01-24, in 1 day; {RENEW_LATER}",
    ),
    (
        expires(CERTIFICATE, Mark.NOTE, DAY_S - 1),
        f"! certificate: it expires on 2027-01-24, in less than a day; {RENEW_LATER}",
    ),
    (
        bad(CERTIFICATE, Kind.EXPIRED, expired_at=AT),
        f"✗ certificate: it expired on 2027-01-24 12:30 UTC; {RENEW}",
    ),
    (
        refused(
            CERTIFICATE,
            errors.ConfigError(
                errors.Problem(Wrong.FILE_MISSING, "lnd.tls_cert", values={"path": "/tls.cert"})
            ),
        ),
        "✗ certificate: lnd.tls_cert: expected LND's tls.cert, found no file at /tls.cert",
    ),
    # the macaroon
    (
        bad(MACAROON, Kind.NO_MACAROON, bake=BAKE),
        f"✗ macaroon: this is not an LND macaroon; {BAKE_ONE}",
    ),
    (
        bad(MACAROON, Kind.LACKS_CALLS, methods=("AddInvoice", "GetInfo"), bake=BAKE),
        f"✗ macaroon: it does not allow AddInvoice and GetInfo; {BAKE_ONE}",
    ),
    (
        lacks(Kind.LACKS_EXTRAS, "GetInfo", "ListChannels"),
        (
            "! macaroon: enough to run, but without GetInfo and ListChannels the bot can't see "
            "the node's identity and chain and how much can be received; "
            f"to allow that as well: {BAKE}"
        ),
    ),
    (fine(MACAROON, Kind.ALLOWS_ALL), "✓ macaroon: it allows everything the bot needs"),
    (
        allows("offchain:write"),
        f"! macaroon: it allows far more than the bot needs (offchain:write); {BAKE_ONE}",
    ),
    (
        allows(*"abcdefgh"),
        (
            "! macaroon: it allows far more than the bot needs (a, b, c, d, e, f and 2 more); "
            f"{BAKE_ONE}"
        ),
    ),
    (
        fine(MACAROON, Kind.CONDITION, caveat="ipaddr 127.0.0.1"),
        "✓ macaroon: it is valid only with ipaddr 127.0.0.1",
    ),
    (
        expires(MACAROON, Mark.NOTE, 5 * DAY_S, bake=BAKE),
        f"! macaroon: it expires on 2027-01-24, in 5 days; {BAKE_ONE}",
    ),
    (
        bad(MACAROON, Kind.EXPIRED, expired_at=AT, bake=BAKE),
        f"✗ macaroon: it expired on 2027-01-24 12:30 UTC; {BAKE_ONE}",
    ),
    (fine(MACAROON, Kind.MACAROON_ACCEPTED), "✓ macaroon: the node accepts it"),
    # the node
    (fine(About.NODE, Kind.ANSWERS, host=HOST), f"✓ node: LND answers at {HOST}"),
    (fine(About.WALLET, Kind.WALLET_READY), "✓ wallet: unlocked, and LND is ready"),
    (bad(About.WALLET, Kind.WALLET_LOCKED), "✗ wallet: locked; unlock it: lncli unlock"),
    (bad(About.WALLET, Kind.WALLET_MISSING), "✗ wallet: not created yet; create it: lncli create"),
    (
        bad(About.WALLET, Kind.STARTING, state="RPC_ACTIVE"),
        "✗ wallet: LND is still starting (RPC_ACTIVE); try again in a while",
    ),
    (
        fine(About.NODE, Kind.IDENTITY, alias="carol", version="0.21", network="mainnet"),
        "✓ node: carol, lnd 0.21, on mainnet",
    ),
    (fine(About.CHAIN, Kind.SYNCED, block_height=700_000), "✓ chain: synced, at block 700000"),
    (
        bad(About.CHAIN, Kind.NOT_SYNCED, block_height=700_000),
        "✗ chain: not synced, at block 700000; wait until LND has caught up",
    ),
    (
        fine(About.CHANNELS, Kind.RECEIVABLE, receivable_msat=1_580_000_000_000),
        "✓ channels: up to 1,580,000,000 sats can be received",
    ),
    (
        note(About.CHANNELS, Kind.CHANNELS_UNSEEN, permission="offchain:read"),
        (
            "! channels: not checked, because the macaroon lacks offchain:read: payment requests "
            "include no hints for private channels; if all channels are private, set "
            "lnd.private_route_hints = true"
        ),
    ),
    (
        fine(About.CHANNELS, Kind.HINTS),
        "✓ channels: payment requests include hints for the private channels",
    ),
    (
        fine(About.CHANNELS, Kind.NO_HINTS),
        (
            "✓ channels: payment requests include no hints for the private channels, because "
            "others are public"
        ),
    ),
    (
        note(About.CHANNELS, Kind.HINTS_NEEDED),
        (
            "! channels: all of them are private, and payment requests include no hints, "
            'so nobody can pay; set lnd.private_route_hints = "auto"'
        ),
    ),
    (
        note(About.CHANNELS, Kind.NOTHING_RECEIVABLE),
        (
            "! channels: no inbound liquidity, so nobody can pay; "
            "open channels to the node, or buy inbound liquidity"
        ),
    ),
    (
        note(About.CHAIN, Kind.NOT_PERMITTED, permission="info:read"),
        "! chain: not checked, because the macaroon lacks info:read",
    ),
    # the database
    (fine(DATABASE, Kind.WRITABLE, path="/d/bot.db"), "✓ database: /d/bot.db is writable"),
    (fine(DATABASE, Kind.REACHED, path="db/bot"), "✓ database: db/bot can be used"),
    (
        fine(DATABASE, Kind.ACTIVE, process="host:4711", began_at=1_790_000_000.0),
        "✓ database: the process host:4711 is the active one since 2026-09-21 14:13 UTC",
    ),
    (
        note(DATABASE, Kind.OLDER),
        (
            "! database: an older version of this bot wrote it, so whether one is active is not "
            "known; start this version, which brings it up to date, on every machine"
        ),
    ),
    (
        note(DATABASE, Kind.MOVING),
        (
            "! database: move-database is at work on it, and no bot can use it; wait until that "
            "has ended, and see that database.url is the one that counts then"
        ),
    ),
    (
        note(DATABASE, Kind.OTHER_SETTINGS, process="host:4711", sections=("access", "limits")),
        (
            "! database: the process host:4711 has other settings than these (access and "
            "limits); give all processes of this bot the same settings, and restart them"
        ),
    ),
    (
        bad(DATABASE, Kind.IS_FOLDER, path="/d"),
        "✗ database: /d is a folder; name a file in database.url",
    ),
    (
        bad(DATABASE, Kind.NOT_A_FOLDER, path="/d"),
        "✗ database: /d is not a folder; choose another one in database.url",
    ),
    (
        bad(DATABASE, Kind.FOLDER_MISSING, path="/d"),
        "✗ database: there is no folder /d; create it",
    ),
    (
        bad(DATABASE, Kind.FOLDER_READ_ONLY, path="/d"),
        "✗ database: its folder /d is not writable; let the bot's user write there",
    ),
    (
        bad(DATABASE, Kind.FOLDER_CLOSED, path="/d"),
        "✗ database: /d can't be opened by this user; give it access",
    ),
    (
        bad(DATABASE, Kind.FILE_READ_ONLY, path="/d/bot.db"),
        "✗ database: /d/bot.db is not writable; let the bot's user write to it",
    ),
    (
        note(DATABASE, Kind.LITTLE_SPACE, free_bytes=5_000_000, path="/d"),
        "! database: only 5 MB are free at /d; free some space there",
    ),
    (
        note(About.HEALTH, Kind.NOT_LOOPBACK, listen="0.0.0.0:9090"),
        (
            "! health: anyone who can reach 0.0.0.0:9090 can read how much the bot is used and "
            "what fails; if that is not your monitoring alone, set health.listen to an address of "
            "this machine, such as 127.0.0.1:9090"
        ),
    ),
    (
        refused(DATABASE, errors.DatabaseDamaged(path="/d/bot.db", reason="it is cut short")),
        "✗ database: /d/bot.db is damaged (it is cut short); restore it from a backup",
    ),
    (
        refused(DATABASE, errors.DatabaseTooNew(detail="9999")),
        "✗ database: a newer version of this bot wrote it; run that version or a newer one",
    ),
    (
        refused(DATABASE, errors.DatabaseHalfMissing(path="/d/bot.db", journal="/d/bot.db-wal")),
        (
            "✗ database: /d/bot.db is empty, but its journal /d/bot.db-wal is not; "
            "restore both from a backup, or remove both to start over"
        ),
    ),
    (
        refused(DATABASE, errors.DatabaseWithoutTables(path="/bot.db", journal="/bot.db-wal")),
        (
            "✗ database: /bot.db has nothing in it: its journal /bot.db-wal is missing; "
            "restore both from a backup, or remove it to start over"
        ),
    ),
    (
        refused(DATABASE, errors.DatabaseNotOurs(path="/d/bot.db")),
        ("✗ database: /d/bot.db belongs to another program; choose another one in database.url"),
    ),
    (
        refused(DATABASE, errors.DatabaseHasTwoNames(path="/d/bot.db")),
        "✗ database: /d/bot.db has a second name (a hard link); remove the other one",
    ),
    (
        refused(DATABASE, errors.DatabaseUnreadable(path="/d/bot.db", reason="disk I/O error")),
        (
            "✗ database: /d/bot.db can't be opened: disk I/O error; "
            "check the disk, and whether another program is using the file"
        ),
    ),
]


@pytest.mark.parametrize(("finding", "line"), LINES)
def test_what_is_said_of_a_finding(finding: Finding, line: str) -> None:
    assert texts.finding_line(finding) == line


def test_every_kind_of_finding_has_its_line_here() -> None:
    assert {finding.kind for finding, _ in LINES} == set(Kind)


def test_the_two_halves_of_a_line_are_what_was_found_and_what_to_do() -> None:
    locked = bad(About.WALLET, Kind.WALLET_LOCKED)

    assert (texts.found(locked), texts.cure(locked)) == (
        "wallet: locked",
        "unlock it: lncli unlock",
    )
    assert texts.cure(fine(About.WALLET, Kind.WALLET_READY)) == ""


def met(error: InvoiceBotError) -> Finding:
    return refused(About.NODE, error, host=HOST, bake=BAKE)


def family(kind: type[InvoiceBotError]) -> Iterator[type[InvoiceBotError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from family(each)


CURES: list[tuple[type[errors.NodeError], str]] = [
    (errors.NodeUnreachable, f"check that LND is running and that its address is {HOST}"),
    (errors.ProxyRefused, f"check that LND is running and that its address is {HOST}"),
    (errors.NodeNameUnknown, f"check the name in {HOST} (lnd.host), or write"),
    (errors.NodeTimeout, f"check that {HOST} (lnd.host) is LND's gRPC port"),
    (errors.NodeStarting, "try again in a while"),
    (errors.NodeStopping, "try again in a while"),
    (errors.NodeLocked, "unlock it: lncli unlock"),
    (errors.WalletMissing, "create it: lncli create"),
    (errors.CertificateRefused, "copy LND's current tls.cert to lnd.tls_cert"),
    (errors.CertificateChanged, "copy LND's current tls.cert to lnd.tls_cert"),
    (errors.CertificateNotYetValid, "check the clocks"),
    (errors.CertificateCorrupt, "copy LND's current tls.cert to lnd.tls_cert"),
    (errors.TlsFailed, "copy LND's current tls.cert to lnd.tls_cert"),
    (errors.CertificateExpired, RENEW),
    (errors.CertificateNotPublic, "set lnd.tls_cert to LND's tls.cert, or to a copy of it"),
    (errors.CertificateName, "write a name that its certificate includes (lnd.host), or copy"),
    (errors.TlsMissing, f"check that the address {HOST} (lnd.host) is LND's gRPC address"),
    (errors.RestPort, f"that is not gRPC: correct {HOST} (lnd.host), gRPC is port 10009"),
    (errors.MacaroonRefused, BAKE_ONE),
    (errors.MacaroonExpired, BAKE_ONE),
    (errors.MacaroonBound, BAKE_ONE),
    (errors.PermissionMissing, BAKE_ONE),
    (errors.CallMissing, "update LND; a proxy in between must let every call of the bot through"),
    (errors.CredentialsUnreadable, "fix that setting"),
    (errors.NodeOdd, "see LND's log"),
    (errors.NodeRefused, "see LND's log"),
]


@pytest.mark.parametrize(("kind", "action"), CURES)
def test_what_to_do_about_the_nodes_errors(kind: type[errors.NodeError], action: str) -> None:
    finding = met(kind(detail="UNKNOWN: some\nwords"))

    assert texts.cure(finding).startswith(action)
    assert texts.found(finding) == f"node: {texts.reason(kind()).what[:-1]} (UNKNOWN: some words)"


@pytest.mark.parametrize("kind", list(family(errors.NodeSetting)))
def test_where_the_node_comes_from_lndconnect_no_cure_names_a_setting_that_is_not_in_use(
    kind: type[errors.NodeError],
) -> None:
    met_there = refused(About.NODE, kind(), host=HOST, bake=BAKE, source="lnd.lndconnect")
    assert not re.search(r"lnd\.(host|tls_cert|macaroon)", texts.finding_line(met_there))


#: An lndconnect address without a certificate.
LNDCONNECT_ALONE = {"source": "lnd.lndconnect", "certificate_key": "lnd.tls_cert"}


@pytest.mark.parametrize("kind", list(family(errors.CertificateRefused)))
def test_where_the_certificate_is_beside_lndconnect_the_cures_name_that_file(
    kind: type[errors.NodeError],
) -> None:
    line = texts.finding_line(refused(About.NODE, kind(), host=HOST, bake=BAKE, **LNDCONNECT_ALONE))
    assert not re.search(r"lnd\.(host|macaroon)", line)
    assert ("tls.cert" in line) is ("lnd.tls_cert" in line)
    if kind is errors.CertificateNotPublic:
        assert "that address has no certificate" in line


@pytest.mark.parametrize("places", [{}, LNDCONNECT_ALONE])
@pytest.mark.parametrize("kind", list(family(errors.CertificateRefused)))
def test_where_no_certificate_is_pinned_no_cure_copies_one_to_a_setting_that_is_empty(
    kind: type[errors.NodeError], places: dict[str, str]
) -> None:
    values = {"host": HOST, "bake": BAKE, **places, "unpinned": "lnd.tls_cert"}
    line = texts.finding_line(refused(About.NODE, kind(), **values))
    assert not re.search("(copy|put) .* (to|into) lnd", line)
    if kind in (errors.CertificateNotPublic, errors.CertificateName, errors.TlsFailed):
        assert re.search("set lnd.tls_cert to|name the copy in lnd.tls_cert", line)


@pytest.mark.parametrize(
    "finding",
    [
        bad(CERTIFICATE, Kind.NO_CERTIFICATE, source="lnd.lndconnect"),
        bad(CERTIFICATE, Kind.EXPIRED, expired_at=AT, source="lnd.lndconnect"),
        bad(MACAROON, Kind.NO_MACAROON, bake=BAKE, source="lnd.lndconnect"),
        bad(MACAROON, Kind.EXPIRED, expired_at=AT, bake=BAKE, source="lnd.lndconnect"),
        bad(
            MACAROON, Kind.LACKS_CALLS, methods=("AddInvoice",), bake=BAKE, source="lnd.lndconnect"
        ),
    ],
)
def test_what_is_wrong_with_lndconnect_is_fixed_there(finding: Finding) -> None:
    line = texts.finding_line(finding)
    assert "lnd.lndconnect" in line
    assert not re.search(r"lnd\.(host|tls_cert|macaroon)", line)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            errors.NodeUnreachable(host="127.0.0.1:10019", cause="connection refused"),
            (
                "The Lightning node can't be reached at 127.0.0.1:10019 (connection refused). "
                "invoice-bot check says more."
            ),
        ),
        (
            errors.NodeTimeout(host="node:8080", cause=""),
            "The Lightning node is not answering at node:8080. invoice-bot check says more.",
        ),
        (
            errors.NodeNameUnknown(host="node:10009", cause="no such name"),
            (
                "The Lightning node's name can't be found (node:10009, no such name). "
                "invoice-bot check says more."
            ),
        ),
        (
            errors.CertificateExpired(host="node:10009", cause=""),
            (
                "The Lightning node's certificate has expired (node:10009). "
                "invoice-bot check says more."
            ),
        ),
        (
            errors.NodeLocked(),
            "The Lightning node's wallet is locked. invoice-bot check says more.",
        ),
        (
            errors.NodeRefused(detail="UNKNOWN: no CLTV\ndelta", host="node:10009", cause=""),
            "The Lightning node rejected this invoice (UNKNOWN: no CLTV delta).",
        ),
        (errors.MemoTooLong(), "The memo is too long for the Lightning node."),
    ],
)
def test_the_nodes_trouble_at_a_terminal_has_its_place_and_cause(
    error: errors.NodeError, said: str
) -> None:
    assert texts.why_here(error) == said


def leaves(kind: type[InvoiceBotError]) -> Iterator[type[InvoiceBotError]]:
    for below in kind.__subclasses__():
        yield from leaves(below) if below.__subclasses__() else (below,)


@pytest.mark.parametrize("kind", list(leaves(errors.NodeError)))
def test_every_error_of_the_node_has_something_to_do(kind: type[errors.NodeError]) -> None:
    assert re.fullmatch(r"[a-z].*[^.;]", texts.cure(met(kind())))


@pytest.mark.parametrize("kind", [errors.NodeUnreachable, errors.ProxyRefused])
def test_where_a_proxy_is_in_between_it_is_named(kind: type[errors.NodeError]) -> None:
    proxy = "http://127.0.0.1:9080"
    met_there = refused(About.NODE, kind(), host=HOST, bake=BAKE, proxy=proxy)
    assert f", and that {proxy} (lnd.proxy) leads there" in texts.cure(met_there)


def test_an_error_without_detail_is_its_sentence() -> None:
    assert texts.finding_line(met(errors.NodeLocked())) == (
        "✗ node: The Lightning node's wallet is locked; unlock it: lncli unlock"
    )


def test_values_with_braces_are_only_values() -> None:
    finding = bad(About.TELEGRAM, Kind.ANSWERS_ODDLY, message="{0} {host} {")

    assert texts.found(finding) == "Telegram: it answers {0} {host} {"


# invoice


def made(**changes: Any) -> NodeInvoice:
    values: dict[str, Any] = {
        "payment_hash": b"h" * 32,
        "payment_request": "lnbc21u1example",
        "payment_addr": b"a" * 32,
        "memo": "pizza & beer",
        "amount_msat": 2_100_000,
        "paid_msat": 0,
        "created_at": 0,
        "expires_at": int(AT),
        "settled_at": 0,
        "state": NodeState.OPEN,
        "add_index": 1,
        "settle_index": 0,
    }
    return NodeInvoice(**(values | changes))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_a_new_invoice_is_printed_with_the_code_and_the_request_last() -> None:
    assert texts.new_invoice(made(), "▄▀\n▀▄").splitlines() == [
        "2,100 sats",
        "For: pizza & beer",
        "Payable until 2027-01-24 13:30 CET",
        "",
        "▄▀",
        "▀▄",
        "lnbc21u1example",
    ]


@pytest.mark.usefixtures("berlin")
def test_a_new_invoice_of_more_than_can_be_received_has_a_line_that_says_so() -> None:
    lines = texts.new_invoice(made(), "", receivable_msat=1_999_999).splitlines()
    assert lines[3:5] == [
        "The node can receive about 1,999 sats now: this payment will probably fail.",
        "",
    ]
    lines = texts.new_invoice(made(amount_msat=0), "", receivable_msat=0).splitlines()
    assert lines[3] == "The node can't receive anything now: this payment will probably fail."


def test_an_invoice_without_a_memo_has_no_line_for_it() -> None:
    lines = texts.new_invoice(made(memo="", amount_msat=0), "code").splitlines()

    assert len(lines) == 5
    assert lines[0] == "any amount"
