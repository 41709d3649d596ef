"""What is found of the certificate, the macaroon and the node."""

from __future__ import annotations

import base64
import ssl
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from bot.config import LndSettings
from bot.core.answers import WalletState
from bot.demo.node import certificate, macaroons, open_channels
from bot.errors import (
    CertificateNotPublic,
    CertificateRefused,
    ConfigError,
    MacaroonExpired,
    MacaroonRefused,
    NodeError,
    NodeUnreachable,
)
from bot.findings import About, Finding, Kind, Mark
from bot.node.check import BAKE
from tests.checked import NARROW, bad_ones, bake_narrow, changed, diagnosed, kinds, of
from tests.world import World

DAY_S = 86_400
FINE, NOTE, BAD = Mark.FINE, Mark.NOTE, Mark.BAD


@pytest.fixture(autouse=True)
def narrow(world: World) -> None:
    bake_narrow(world)


def met(finding: Finding) -> tuple[Mark, type[Exception]]:
    """How it is, and the error that says why."""
    assert finding.kind is Kind.REFUSED
    return finding.mark, type(finding.error)


# the certificate


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (31, (FINE, Kind.EXPIRES)),
        (29, (NOTE, Kind.EXPIRES)),
        (1, (NOTE, Kind.EXPIRES)),
        (0, (BAD, Kind.EXPIRED)),
    ],
)
async def test_when_the_certificate_expires(
    world: World, days: int, found: tuple[Mark, Kind]
) -> None:
    now = time.time() + certificate.VALID_S - days * DAY_S + 60

    (finding,) = of(About.CERTIFICATE, await diagnosed(world, clock=lambda: now))

    assert (finding.mark, finding.kind) == found
    if found[1] is Kind.EXPIRES:
        assert finding.values["left_s"] == pytest.approx(days * DAY_S - 60, abs=30)


async def test_another_certificate_than_the_nodes(world: World) -> None:
    world.node.renew_certificate()  # a new file, while the node still shows the old one

    findings = await diagnosed(world)

    (finding,) = of(About.NODE, findings)
    assert met(finding) == (BAD, CertificateRefused)  # nothing says that it has changed
    assert finding.values == {"host": world.node.address, "bake": BAKE}
    assert not of(About.WALLET, findings)


async def test_a_self_signed_certificate_needs_its_file(world: World) -> None:
    findings = await diagnosed(world, changed(world.settings(), "lnd", tls_cert=None))

    assert not of(About.CERTIFICATE, findings)
    (finding,) = of(About.NODE, findings)
    assert isinstance(finding.error, CertificateNotPublic)
    assert finding.values["unpinned"] == "lnd.tls_cert"


async def test_an_lndconnect_without_certificate_needs_the_file_beside_it(world: World) -> None:
    lnd = world.settings().lnd
    macaroon = base64.urlsafe_b64encode(bytes.fromhex(lnd.macaroon_hex())).decode()
    uri = SecretStr(f"lndconnect://{world.node.address}?macaroon={macaroon}")

    alone = LndSettings(lndconnect=uri)
    (finding,) = bad_ones(
        await diagnosed(world, world.settings().model_copy(update={"lnd": alone}))
    )
    assert met(finding) == (BAD, CertificateNotPublic)
    places = dict.fromkeys(("certificate_key", "unpinned"), "lnd.tls_cert")
    places["source"] = "lnd.lndconnect"
    assert finding.values == {"host": world.node.address, "bake": BAKE, **places}

    both = LndSettings(lndconnect=uri, tls_cert=lnd.tls_cert)
    findings = await diagnosed(world, world.settings().model_copy(update={"lnd": both}))
    assert not bad_ones(findings)
    assert kinds(of(About.CERTIFICATE, findings)) == [(FINE, Kind.EXPIRES)]


async def test_where_lndconnect_is_set_the_findings_say_so(world: World) -> None:
    world.node.bake(["info:read"], root_key_id=1, save_to="bot.macaroon")
    world.node.renew_certificate()
    lnd = world.settings().lnd
    parts = {
        "cert": ssl.PEM_cert_to_DER_cert((lnd.certificate() or b"").decode()),
        "macaroon": bytes.fromhex(lnd.macaroon_hex()),
    }
    query = "&".join(
        f"{name}={base64.urlsafe_b64encode(value).decode()}" for name, value in parts.items()
    )
    uri = SecretStr(f"lndconnect://{world.node.address}?{query}")
    settings = world.settings().model_copy(update={"lnd": LndSettings(lndconnect=uri)})

    findings = bad_ones(await diagnosed(world, settings))

    assert [finding.about for finding in findings] == [About.MACAROON, About.NODE]
    assert {finding.values["source"] for finding in findings} == {"lnd.lndconnect"}


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
async def test_a_certificate_that_is_none(world: World, content: str | None) -> None:
    path = world.node.folder / "tls.cert"
    path.unlink() if content is None else path.write_text(content)

    (finding,) = of(About.CERTIFICATE, await diagnosed(world))

    if content:
        assert finding == Finding(BAD, About.CERTIFICATE, Kind.NO_CERTIFICATE)
    else:
        assert met(finding) == (BAD, ConfigError)


# the macaroon


async def test_the_admin_macaroon_is_warned_of_with_the_line_for_a_narrow_one(
    world: World,
) -> None:
    world.macaroon = "admin.macaroon"

    findings = of(About.MACAROON, await diagnosed(world))

    assert kinds(findings) == [
        (FINE, Kind.ALLOWS_ALL),
        (NOTE, Kind.ALLOWS_TOO_MUCH),
        (FINE, Kind.MACAROON_ACCEPTED),
    ]
    excess = findings[1].values["permissions"]
    assert isinstance(excess, tuple)
    assert {"offchain:write", "onchain:write"} < set(excess)
    assert findings[1].values["bake"] == BAKE


def test_the_line_bakes_what_the_bot_calls() -> None:
    assert BAKE == (
        "lncli bakemacaroon --save_to=bot.macaroon --root_key_id=1 "
        "uri:/lnrpc.Lightning/AddInvoice uri:/lnrpc.Lightning/LookupInvoice "
        "uri:/lnrpc.Lightning/SubscribeInvoices uri:/invoicesrpc.Invoices/CancelInvoice "
        "uri:/lnrpc.Lightning/GetInfo uri:/lnrpc.Lightning/ListChannels"
    )


async def test_lnds_own_invoice_macaroon_is_enough(world: World) -> None:
    world.macaroon = "invoice.macaroon"

    findings = await diagnosed(world)

    values = {"methods": ("GetInfo", "ListChannels"), "bake": BAKE}
    assert of(About.MACAROON, findings) == [
        Finding(NOTE, About.MACAROON, Kind.LACKS_EXTRAS, values),
        Finding(FINE, About.MACAROON, Kind.MACAROON_ACCEPTED),
    ]
    assert findings[-3:-1] == [
        Finding(NOTE, About.CHAIN, Kind.NOT_PERMITTED, {"permission": "info:read"}),
        Finding(NOTE, About.CHANNELS, Kind.CHANNELS_UNSEEN, {"permission": "offchain:read"}),
    ]
    assert not bad_ones(findings)


@pytest.mark.parametrize(
    ("permissions", "lacking"),
    [
        (macaroons.READONLY, ["AddInvoice", "CancelInvoice"]),
        (["invoices:write"], ["LookupInvoice", "SubscribeInvoices", "GetInfo", "ListChannels"]),
        (["info:read", "uri:/lnrpc.Lightning/SendPaymentSync"], ["AddInvoice", "LookupInvoice"]),
    ],
)
async def test_a_macaroon_that_allows_too_little(
    world: World, permissions: list[str], lacking: list[str]
) -> None:
    world.node.bake(permissions, save_to="bot.macaroon")

    finding = of(About.MACAROON, await diagnosed(world))[0]

    assert (finding.mark, finding.kind) == (BAD, Kind.LACKS_CALLS)
    methods = finding.values["methods"]
    assert isinstance(methods, tuple)
    assert list(methods[: len(lacking)]) == lacking
    assert finding.values["bake"] == BAKE


async def test_permissions_by_entity_are_as_good_as_by_call(world: World) -> None:
    permissions = ["invoices:read", "invoices:write", "info:read", "offchain:read"]
    world.node.bake(permissions, save_to="bot.macaroon")

    findings = of(About.MACAROON, await diagnosed(world))

    assert kinds(findings) == [(FINE, Kind.ALLOWS_ALL), (FINE, Kind.MACAROON_ACCEPTED)]


async def test_a_macaroon_as_text_is_as_good_as_its_bytes(world: World) -> None:
    file = world.node.folder / "bot.macaroon"
    file.write_text(file.read_bytes().hex() + "\n")

    findings = of(About.MACAROON, await diagnosed(world))

    assert kinds(findings) == [(FINE, Kind.ALLOWS_ALL), (FINE, Kind.MACAROON_ACCEPTED)]


async def test_calls_beyond_the_needed_ones_are_named(world: World) -> None:
    permissions = [*NARROW, "uri:/lnrpc.Lightning/SendPaymentSync"]
    world.node.bake(permissions, save_to="bot.macaroon")

    finding = of(About.MACAROON, await diagnosed(world))[1]

    assert (finding.mark, finding.kind) == (NOTE, Kind.ALLOWS_TOO_MUCH)
    assert finding.values["permissions"] == ("/lnrpc.Lightning/SendPaymentSync",)


@pytest.mark.parametrize(
    ("left_s", "found"),
    [
        (-60, (BAD, Kind.EXPIRED)),
        (5 * DAY_S + 60, (NOTE, Kind.EXPIRES)),
        (90 * DAY_S, (FINE, Kind.EXPIRES)),
    ],
)
async def test_when_a_macaroon_expires(
    world: World, left_s: float, found: tuple[Mark, Kind]
) -> None:
    expires = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + left_s))
    world.node.bake(NARROW, caveats=[f"time-before {expires}.372105444Z"], save_to="bot.macaroon")

    findings = await diagnosed(world)

    assert kinds(of(About.MACAROON, findings)).count(found) == 1
    if left_s < 0:  # the node says so too
        assert met(of(About.NODE, findings)[-1]) == (BAD, MacaroonExpired)


async def test_a_macaroons_expiry_is_read_to_the_second(world: World) -> None:
    world.node.bake(NARROW, caveats=["time-before 2096-02-29T12:00:01Z"], save_to="bot.macaroon")

    finding = of(About.MACAROON, await diagnosed(world))[1]

    expires_at = datetime.fromisoformat("2096-02-29T12:00:01+00:00").timestamp()
    assert finding.values["expires_at"] == expires_at


async def test_other_conditions_of_a_macaroon_are_shown(world: World) -> None:
    caveats = ["ipaddr 127.0.0.1", "time-before whenever"]
    world.node.bake(NARROW, caveats=caveats, save_to="bot.macaroon")

    findings = await diagnosed(world)

    for caveat in caveats:
        values = {"caveat": caveat}
        assert Finding(FINE, About.MACAROON, Kind.CONDITION, values) in findings


async def test_a_macaroon_of_another_node(world: World) -> None:
    world.node.renew_macaroons()

    findings = await diagnosed(world)

    (finding,) = bad_ones(findings)
    assert finding.about is About.NODE
    assert met(finding) == (BAD, MacaroonRefused)
    assert finding.values["bake"] == BAKE
    assert kinds(of(About.WALLET, findings)) == [(FINE, Kind.WALLET_READY)]


@pytest.mark.parametrize(
    "content", [b"\x02", b"abc", b"0201036c6e64", b"\x02" + b"\xff" * 40, b"\x02\x01\x03lnd"]
)
async def test_what_is_not_a_macaroon(world: World, content: bytes) -> None:
    (world.node.folder / "bot.macaroon").write_bytes(content)

    finding = of(About.MACAROON, await diagnosed(world))[0]

    assert finding == Finding(BAD, About.MACAROON, Kind.NO_MACAROON, {"bake": BAKE})


@pytest.mark.parametrize("content", [None, b""])
async def test_a_macaroon_file_that_is_gone_or_empty(world: World, content: bytes | None) -> None:
    path = world.node.folder / "bot.macaroon"
    path.unlink() if content is None else path.write_bytes(content)

    finding = of(About.MACAROON, await diagnosed(world))[0]

    assert met(finding) == (BAD, ConfigError)
    assert isinstance(finding.error, ConfigError)
    assert [problem.key for problem in finding.error.problems] == ["lnd.macaroon"]


# the node


async def test_a_node_that_is_down(world: World) -> None:
    await world.node.stop()

    (finding,) = of(About.NODE, await diagnosed(world))

    assert met(finding) == (BAD, NodeUnreachable)
    assert isinstance(finding.error, NodeError)
    assert finding.error.detail.startswith("UNAVAILABLE: ")
    assert finding.values["host"] == world.node.address


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (WalletState.LOCKED, Kind.WALLET_LOCKED),
        (WalletState.NON_EXISTING, Kind.WALLET_MISSING),
        (WalletState.UNLOCKED, Kind.STARTING),
        (WalletState.RPC_ACTIVE, Kind.STARTING),
        (WalletState.WAITING_TO_START, Kind.STARTING),
    ],
)
async def test_the_wallets_state(world: World, state: WalletState, kind: Kind) -> None:
    world.node.set_state(state.value)

    findings = await diagnosed(world)

    values = {"host": world.node.address}
    assert of(About.NODE, findings) == [Finding(FINE, About.NODE, Kind.ANSWERS, values)]
    (wallet,) = of(About.WALLET, findings)
    assert (wallet.mark, wallet.kind) == (BAD, kind)
    assert wallet.values == ({"state": state} if kind is Kind.STARTING else {})
    assert not of(About.CHAIN, findings)


async def test_a_chain_that_is_behind(world: World) -> None:
    world.node.synced_to_chain = False

    (finding,) = of(About.CHAIN, await diagnosed(world))

    assert finding == Finding(BAD, About.CHAIN, Kind.NOT_SYNCED, {"block_height": 700_000})


@pytest.mark.parametrize("count", [0, 2])
async def test_nothing_to_receive(world: World, count: int) -> None:
    world.node.ledger.channels = [
        replace(channel, remote_msat=5_000_000)  # below the reserve
        for channel in open_channels(count, capacity_sat=1_000_000)
    ]

    (finding,) = of(About.CHANNELS, await diagnosed(world))

    assert finding == Finding(NOTE, About.CHANNELS, Kind.NOTHING_RECEIVABLE)


@pytest.mark.parametrize(
    ("setting", "is_public", "found"),
    [
        ("auto", False, [(FINE, Kind.RECEIVABLE), (FINE, Kind.HINTS)]),
        (True, False, [(FINE, Kind.RECEIVABLE), (FINE, Kind.HINTS)]),
        (False, False, [(NOTE, Kind.HINTS_NEEDED)]),
        ("auto", True, [(FINE, Kind.RECEIVABLE), (FINE, Kind.NO_HINTS)]),
        (True, True, [(FINE, Kind.RECEIVABLE), (FINE, Kind.HINTS)]),
        (False, True, [(FINE, Kind.RECEIVABLE), (FINE, Kind.NO_HINTS)]),
    ],
)
async def test_whether_private_channels_are_named_and_need_to_be(
    world: World, setting: Any, is_public: bool, found: list[tuple[Mark, Kind]]
) -> None:
    world.node.ledger.channels = open_channels(int(is_public), capacity_sat=1_000_000)
    world.node.set_private_channels(2)
    settings = changed(world.settings(), "lnd", private_route_hints=setting)

    assert kinds(of(About.CHANNELS, await diagnosed(world, settings))) == found


@pytest.mark.parametrize("setting", [False, True])
async def test_where_channels_cannot_be_seen_a_setting_still_counts(
    world: World, setting: bool
) -> None:
    world.macaroon = "invoice.macaroon"
    settings = changed(world.settings(), "lnd", private_route_hints=setting)

    (finding,) = of(About.CHANNELS, await diagnosed(world, settings))

    assert finding.kind is Kind.NOT_PERMITTED
