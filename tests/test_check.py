"""The look at everything: each thing that can be wrong gets its line and its cure."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from bot import check
from bot.check import BAKE, RIGHTS, Finding, look
from bot.config import DatabaseSettings, Settings
from bot.demo.node import certificate, macaroons, open_channels
from bot.store import Store
from tests.world import NAME, TOKEN, World

NARROW = [f"uri:{right.method}" for right in RIGHTS]
DAY_S = 86_400


@pytest.fixture(autouse=True)
def narrow(world: World) -> None:
    """What the bot's owner should have given it."""
    world.node.bake(NARROW, root_key_id=1, save_to="bot.macaroon")
    world.macaroon = "bot.macaroon"


def changed(settings: Settings, section: str, **values: Any) -> Settings:
    part: BaseModel = getattr(settings, section)
    return settings.model_copy(update={section: part.model_copy(update=values)})


async def looked(world: World, settings: Settings | None = None, **how: Any) -> list[str]:
    """The lines; none of them holds a secret."""
    settings = settings or world.settings()
    lines = [str(finding) for finding in await look(settings, **how)]
    text = "\n".join(lines)
    assert text.count("\n") == len(lines) - 1
    assert TOKEN.partition(":")[2] not in text
    with contextlib.suppress(Exception):
        assert settings.lnd.macaroon_hex()[:40] not in text
    return lines


def about(what: str, lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line[2:].startswith(what)]


async def test_all_in_order_is_told_line_by_line(world: World) -> None:
    lines = await looked(world)

    ends = time.strftime("%Y-%m-%d", time.gmtime(time.time() + certificate.VALID_S))
    assert lines == [
        f"✓ Telegram: the token is good, the bot is @{NAME} (Invoices)",
        (
            "✓ groups: privacy mode is on, as it should be; "
            f"/invoice@{NAME} and replies to the bot's messages reach it"
        ),
        f"✓ certificate: lnd.tls_cert ends on {ends}, in 419 days",
        "✓ macaroon: it permits all that the bot asks",
        f"✓ node: LND answers at {world.node.address}",
        "✓ wallet: open, and LND is ready",
        "✓ macaroon: the node accepts it",
        "✓ node: simulated node, lnd 0.21.99-beta commit=simulated, on simnet",
        "✓ chain: synced, at block 700000",
        "✓ channels: up to 1,580,000,000 sats can be received",
        f"✓ database: {world.folder}/bot.db can be written",
    ]


async def test_looking_changes_nothing(world: World) -> None:
    before = sorted(world.folder.rglob("*"))

    await looked(world)

    assert sorted(world.folder.rglob("*")) == before
    assert not world.node.invoices
    assert {call.method for call in world.telegram.calls} == {"getMe", "getWebhookInfo"}


# Telegram


async def test_a_refused_token(world: World) -> None:
    settings = changed(world.settings(), "telegram", token=SecretStr("1:wrong-wrong-wrong"))

    lines = await looked(world, settings)

    assert lines[0] == (
        "✗ Telegram: the token is refused; ask @BotFather for the current one (/mybots, API Token)"
    )
    assert "wrong-wrong" not in "".join(lines)
    assert about("chain: synced", lines), "the rest is looked at all the same"


async def test_telegram_out_of_reach(world: World) -> None:
    await world.telegram.down()

    lines = await looked(world)

    assert lines[0] == (
        "✗ Telegram: can't be reached; "
        f"is this machine online, and {world.telegram.url} the right telegram.api_url?"
    )


async def test_something_else_than_telegram(world: World) -> None:
    world.telegram.fail("getMe", status=403, description="Forbidden: bot was kicked out")

    (line,) = about("Telegram", await looked(world))

    assert line == ("✗ Telegram: answers Forbidden: bot was kicked out; is telegram.api_url right?")


async def test_a_silent_telegram_does_not_hold_up_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "ASK_TIMEOUT_S", 0.5)
    held = world.telegram.stall("getMe")

    lines = await looked(world)
    held.release()

    assert lines[0] == "✗ Telegram: no answer within 0.5 s; try again"
    assert about("database", lines)


@pytest.mark.parametrize(
    ("bot", "line"),
    [
        (
            {"can_read_all_group_messages": True},
            "✓ groups: privacy mode is off, every message reaches the bot",
        ),
        (
            {"can_join_groups": False},
            (
                "! groups: the bot can't be added to any; "
                "let @BotFather allow it (/setjoingroups) if it shall work in groups"
            ),
        ),
    ],
)
async def test_the_bots_place_in_groups(world: World, bot: dict[str, bool], line: str) -> None:
    token = "22222222:AAE-another-token-of-another-bot-000"
    world.telegram.add_bot(token, "other_bot", "Other", **bot)

    lines = await looked(world, changed(world.settings(), "telegram", token=SecretStr(token)))

    assert about("groups", lines) == [line]


async def test_a_webhook_is_told_without_its_secret_path(world: World) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{world.telegram.url}/bot{TOKEN}/setWebhook",
            json={"url": "https://hooks.example/secret-path"},
        )
    assert answer.json()["ok"]

    lines = await looked(world)

    assert lines[2] == (
        "! Telegram: a webhook is set at hooks.example; "
        "`run` removes it and loses no update; whatever listens there gets none any more"
    )


@pytest.mark.parametrize(
    ("access", "line"),
    [
        (
            {"owners": frozenset()},
            (
                "! access: nobody may ask for invoices; "
                "write /id to the bot and put the number into access.owners"
            ),
        ),
        (
            {"open": True},
            (
                "! access: everybody may ask for invoices (access.open); "
                "list who may in [access] and set open = false, unless this is meant"
            ),
        ),
    ],
)
async def test_who_may_ask(world: World, access: dict[str, Any], line: str) -> None:
    world.access = {"users": frozenset(), **access}

    assert about("access", await looked(world)) == [line]


# certificate


@pytest.mark.parametrize(
    ("days", "mark", "text"),
    [
        (31, "✓", "in 30 days"),
        (29, "!", "in 28 days; remove LND's tls.cert and tls.key and restart it: it makes new"),
        (2, "!", "in 1 day;"),
        (1, "!", "in less than a day;"),
        (0, "✗", "UTC; remove LND's tls.cert and tls.key and restart it: it makes new ones"),
    ],
)
async def test_the_certificates_end(world: World, days: int, mark: str, text: str) -> None:
    now = time.time() + certificate.VALID_S - days * DAY_S

    (line,) = about("certificate", await looked(world, clock=lambda: now + 60))

    assert line.startswith(f"{mark} certificate: lnd.tls_cert end")
    assert text in line


async def test_another_certificate_than_the_nodes(world: World) -> None:
    world.node.renew_certificate()  # a new file, while the node still shows the old one

    lines = await looked(world)

    (line,) = about("node", lines)
    assert line.startswith("✗ node: The Lightning node's certificate has changed")
    assert line.endswith("; give lnd.tls_cert the node's present tls.cert")
    assert not about("wallet", lines)


async def test_a_self_signed_certificate_needs_its_file(world: World) -> None:
    lines = await looked(world, changed(world.settings(), "lnd", tls_cert=None))

    assert about("certificate", lines) == [
        "✓ certificate: the system's authorities vouch for the node's"
    ]
    assert about("node", lines)[0].startswith("✗ node: The Lightning node's certificate")


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
async def test_a_certificate_that_is_none(world: World, content: str | None) -> None:
    path = world.node.folder / "tls.cert"
    path.unlink() if content is None else path.write_text(content)

    (line,) = about("certificate", await looked(world))

    assert line.startswith("✗ certificate: lnd.tls_cert")


# macaroon


async def test_the_admin_macaroon_is_warned_of_with_the_line_for_a_narrow_one(
    world: World,
) -> None:
    world.macaroon = "admin.macaroon"

    lines = about("macaroon", await looked(world))

    assert lines[0] == "✓ macaroon: it permits all that the bot asks"
    assert lines[1].startswith("! macaroon: it permits far more than the bot needs (")
    assert "offchain:write, onchain:write and " in lines[1]
    assert lines[1].endswith(f"; bake one that fits and name it in lnd.macaroon: {BAKE}")
    assert lines[2:] == ["✓ macaroon: the node accepts it"]


def test_the_line_bakes_what_the_bot_calls() -> None:
    assert BAKE == (
        "lncli bakemacaroon --save_to=bot.macaroon --root_key_id=1 "
        "uri:/lnrpc.Lightning/AddInvoice uri:/lnrpc.Lightning/LookupInvoice "
        "uri:/lnrpc.Lightning/SubscribeInvoices uri:/invoicesrpc.Invoices/CancelInvoice "
        "uri:/lnrpc.Lightning/GetInfo uri:/lnrpc.Lightning/ListChannels"
    )


async def test_lnds_own_invoice_macaroon_is_enough(world: World) -> None:
    world.macaroon = "invoice.macaroon"

    lines = await looked(world)

    assert about("macaroon", lines) == [
        (
            "! macaroon: enough to run, but without GetInfo and ListChannels the bot can't know "
            f"the node's identity and chain and what can be received; to permit it as well: {BAKE}"
        ),
        "✓ macaroon: the node accepts it",
    ]
    assert lines[-3:-1] == [
        "! chain: not looked at, since the macaroon lacks info:read",
        "! channels: not looked at, since the macaroon lacks offchain:read",
    ]
    assert not any(line.startswith("✗") for line in lines)


@pytest.mark.parametrize(
    ("permissions", "missing"),
    [
        (macaroons.READONLY, "AddInvoice and CancelInvoice"),
        (["invoices:write"], "LookupInvoice and SubscribeInvoices and GetInfo and ListChannels"),
        (["info:read", "uri:/lnrpc.Lightning/SendPaymentSync"], "AddInvoice and LookupInvoice"),
    ],
)
async def test_a_macaroon_that_permits_too_little(
    world: World, permissions: list[str], missing: str
) -> None:
    world.node.bake(permissions, save_to="bot.macaroon")

    lines = about("macaroon", await looked(world))

    assert lines[0].startswith(f"✗ macaroon: it does not permit {missing}")
    assert lines[0].endswith(BAKE)


async def test_permissions_by_entity_are_as_good_as_by_call(world: World) -> None:
    permissions = ["invoices:read", "invoices:write", "info:read", "offchain:read"]
    world.node.bake(permissions, save_to="bot.macaroon")

    lines = about("macaroon", await looked(world))

    assert lines == [
        "✓ macaroon: it permits all that the bot asks",
        "✓ macaroon: the node accepts it",
    ]


async def test_calls_beyond_the_needed_ones_are_named(world: World) -> None:
    permissions = [*NARROW, "uri:/lnrpc.Lightning/SendPaymentSync"]
    world.node.bake(permissions, save_to="bot.macaroon")

    lines = about("macaroon: it permits far", await looked(world))

    assert "(/lnrpc.Lightning/SendPaymentSync)" in lines[0]


@pytest.mark.parametrize(
    ("left_s", "line"),
    [
        (-60, "✗ macaroon: it ended on "),
        (5 * DAY_S + 60, "! macaroon: it ends on "),
        (90 * DAY_S, "✓ macaroon: it ends on "),
    ],
)
async def test_a_macaroons_end(world: World, left_s: float, line: str) -> None:
    ends = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + left_s))
    world.node.bake(NARROW, caveats=[f"time-before {ends}.372105444Z"], save_to="bot.macaroon")

    lines = await looked(world)

    assert len(about(line[2:], lines)) == 1
    assert about(line[2:], lines)[0].startswith(line)
    if left_s < 0:  # the node says so too
        assert about("node: This bot's macaroon has expired", lines)


async def test_other_conditions_of_a_macaroon_are_shown(world: World) -> None:
    caveats = ["ipaddr 127.0.0.1", "time-before whenever"]
    world.node.bake(NARROW, caveats=caveats, save_to="bot.macaroon")

    lines = await looked(world)

    assert "✓ macaroon: it holds only with ipaddr 127.0.0.1" in lines
    assert "✓ macaroon: it holds only with time-before whenever" in lines


async def test_a_macaroon_of_another_node(world: World) -> None:
    world.node.renew_macaroons()

    lines = await looked(world)

    (line,) = [line for line in lines if line.startswith("✗")]
    assert line.startswith("✗ node: The Lightning node refuses this bot's macaroon")
    assert line.endswith(BAKE)
    assert about("wallet", lines) == ["✓ wallet: open, and LND is ready"]


@pytest.mark.parametrize(
    "content", [b"\x02", b"abc", b"0201036c6e64", b"\x02" + b"\xff" * 40, b"\x02\x01\x03lnd"]
)
async def test_what_is_no_macaroon(world: World, content: bytes) -> None:
    (world.node.folder / "bot.macaroon").write_bytes(content)

    lines = about("macaroon", await looked(world))

    assert lines[0].startswith("✗ macaroon: this is no macaroon of LND's; bake one that fits")


@pytest.mark.parametrize("content", [None, b""])
async def test_a_macaroon_file_that_is_gone_or_empty(world: World, content: bytes | None) -> None:
    path = world.node.folder / "bot.macaroon"
    path.unlink() if content is None else path.write_bytes(content)

    lines = about("macaroon", await looked(world))

    assert lines[0].startswith("✗ macaroon: lnd.macaroon: expected a macaroon")


# the node


async def test_a_node_that_is_down(world: World) -> None:
    await world.node.stop()

    (line,) = about("node", await looked(world))

    assert line.startswith("✗ node: The Lightning node can't be reached. (UNAVAILABLE: ")
    assert line.endswith(f"; is LND running, and {world.node.address} its address (lnd.host)?")


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("LOCKED", "✗ wallet: locked; unlock it: lncli unlock"),
        ("NON_EXISTING", "✗ wallet: there is none yet; make one: lncli create"),
        ("UNLOCKED", "✗ wallet: LND is still starting (UNLOCKED); look again in a while"),
        ("RPC_ACTIVE", "✗ wallet: LND is still starting (RPC_ACTIVE); look again in a while"),
        ("WAITING_TO_START", "✗ wallet: LND is still starting (WAITING_TO_START); look again i"),
    ],
)
async def test_the_wallets_state(world: World, state: str, line: str) -> None:
    world.node.set_state(state)

    lines = await looked(world)

    assert about("node", lines) == [f"✓ node: LND answers at {world.node.address}"]
    assert about("wallet", lines)[0].startswith(line)
    assert not about("chain", lines)


async def test_a_chain_that_is_behind(world: World) -> None:
    world.node.synced_to_chain = False

    (line,) = about("chain", await looked(world))

    assert line == "✗ chain: not synced, at block 700000; wait until LND has caught up"


@pytest.mark.parametrize("count", [0, 2])
async def test_nothing_to_receive(world: World, count: int) -> None:
    world.node.ledger.channels = [
        replace(channel, remote_msat=5_000_000)  # below the reserve
        for channel in open_channels(count, capacity_sat=1_000_000)
    ]

    (line,) = about("channels", await looked(world))

    assert line == (
        "! channels: nothing can be received; "
        "open channels to it, or buy inbound liquidity: until then nobody can pay"
    )


# the database


async def test_a_database_whose_folder_is_made_at_start(world: World) -> None:
    file = world.folder / "new" / "data" / "bot.db"
    settings = changed(world.settings(), "database", url=f"sqlite:///{file}")

    assert about("database", await looked(world, settings)) == [
        f"✓ database: {file} can be written"
    ]

    assert not (world.folder / "new").exists()
    store = await Store.open(f"sqlite:///{file}")
    await store.close()


async def test_a_database_that_is_a_folder(world: World) -> None:
    settings = changed(world.settings(), "database", url=f"sqlite:///{world.folder}")

    assert about("database", await looked(world, settings)) == [
        f"✗ database: {world.folder} is a folder; name a file in database.url"
    ]


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everywhere: be somebody else."""
    was = os.geteuid()
    os.seteuid(65_534 if was == 0 else was)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can see."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "line"),
    [
        (0o555, None, "✗ database: its folder {} can't be written; let this user write there"),
        (0o777, 0o444, "✗ database: {}/bot.db can't be written; let this user write it"),
        (0o777, 0o666, "✓ database: {}/bot.db can be written"),
        (0o777, None, "✓ database: {}/bot.db can be written"),
        (0o666, None, "✗ database: the way to {} is closed to this user; let this user in"),
    ],
)
def test_a_database_that_may_not_be_written(
    folder: Path, folder_mode: int, file_mode: int | None, line: str
) -> None:
    if file_mode is not None:
        (folder / "bot.db").touch()
        (folder / "bot.db").chmod(file_mode)
    folder.chmod(folder_mode)

    with unprivileged():
        (told,) = check._database(DatabaseSettings(url=f"sqlite:///{folder}/bot.db"))

    assert str(told) == line.format(folder)


DATABASES: dict[str, Callable[[bytes], tuple[bytes, str, str]]] = {
    "cut short": lambda whole: (whole[:5000], "{} is damaged (", "put a backup in its place"),
    "of a newer version": lambda whole: (
        whole.replace(b"0002", b"9999"),
        "was written by a newer version of this bot",
        "run that version, or newer",
    ),
    "no database": lambda _: (b"songs" * 1000, "{} is damaged (", "put a backup in its place"),
}


@pytest.mark.parametrize("kind", DATABASES)
async def test_a_database_that_a_start_would_refuse_stays_as_it_is(world: World, kind: str) -> None:
    file = world.folder / "bot.db"
    await (await Store.open(f"sqlite:///{file}")).close()
    content, what, cure = DATABASES[kind](file.read_bytes())
    file.write_bytes(content)
    before = sorted(world.folder.iterdir())

    (line,) = about("database", await looked(world))

    assert line.startswith("✗ database: " + what.format(file))
    assert line.endswith(f"; {cure}")
    assert file.read_bytes() == content
    assert sorted(world.folder.iterdir()) == before


async def test_the_database_of_a_bot_that_runs_is_in_order(world: World) -> None:
    store = await Store.open(f"sqlite:///{world.folder}/bot.db")

    (line,) = about("database", await looked(world))
    await store.close()

    assert line == f"✓ database: {world.folder}/bot.db can be written"


async def test_a_disk_that_is_nearly_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full = shutil.disk_usage(world.folder)._replace(free=5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    (line,) = about("database", await looked(world))

    assert line == f"! database: only 5 MB are free at {world.folder}; make room there"


def test_a_finding_is_one_line_with_its_mark() -> None:
    assert str(Finding(True, "a: fine")) == "✓ a: fine"
    assert str(Finding(None, "b: odd", "think")) == "! b: odd; think"
    assert str(Finding(False, "c: bad", "mend it")) == "✗ c: bad; mend it"
