"""`check`: everything is checked side by side, and nothing is changed by it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import check
from bot.config import HealthSettings, load
from bot.core.grants import Grant, Role
from bot.demo.node import certificate
from bot.findings import About, Finding, Kind, Mark
from bot.store import Store, Tx
from tests.checked import bake_narrow, diagnosed, kinds, of
from tests.world import NAME, TOKEN, World

FINE, NOTE, BAD = Mark.FINE, Mark.NOTE, Mark.BAD


@pytest.fixture(autouse=True)
def narrow(world: World) -> None:
    bake_narrow(world)


async def test_where_all_is_in_order_each_thing_is_found_fine(world: World) -> None:
    world.telegram.say(world.private(world.owner), world.owner, "/start")

    findings = await diagnosed(world)

    assert {finding.mark for finding in findings} == {FINE}
    assert [(finding.about, finding.kind) for finding in findings] == [
        (About.TELEGRAM, Kind.LOGIN_ACCEPTED),
        (About.GROUPS, Kind.PRIVACY_ON),
        (About.ACCESS, Kind.OWNERS_MET),
        (About.CERTIFICATE, Kind.EXPIRES),
        (About.MACAROON, Kind.ALLOWS_ALL),
        (About.NODE, Kind.ANSWERS),
        (About.WALLET, Kind.WALLET_READY),
        (About.MACAROON, Kind.MACAROON_ACCEPTED),
        (About.NODE, Kind.IDENTITY),
        (About.CHAIN, Kind.SYNCED),
        (About.CHANNELS, Kind.RECEIVABLE),
        (About.DATABASE, Kind.WRITABLE),
    ]
    values = {name: value for finding in findings for name, value in finding.values.items()}
    assert values["username"] == NAME
    assert values["host"] == world.node.address
    assert values["block_height"] == 700_000
    assert values["receivable_msat"] == 1_580_000_000_000
    assert values["path"] == f"{world.folder}/bot.db"


async def test_checking_changes_nothing(world: World) -> None:
    before = sorted(world.folder.rglob("*"))

    await diagnosed(world)

    assert sorted(world.folder.rglob("*")) == before
    assert not world.node.invoices
    asked = {"getMe", "getWebhookInfo", "sendChatAction"}
    assert {call.method for call in world.telegram.calls} == asked
    actions = [call for call in world.telegram.calls if call.method == "sendChatAction"]
    assert {call.params["action"] for call in actions} == {"cancel"}, "which nobody sees"


async def test_a_silent_telegram_does_not_keep_the_rest_from_being_checked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "ASK_TIMEOUT_S", 0.5)
    stalled = world.telegram.stall("getMe")

    findings = await diagnosed(world)
    stalled.release()

    assert findings[0] == Finding(BAD, About.TELEGRAM, Kind.NO_ANSWER, {"timeout_s": 0.5})
    assert of(About.DATABASE, findings)


async def test_a_bug_in_one_check_does_not_keep_the_rest_from_being_checked(world: World) -> None:
    broken = world.settings().model_copy(update={"access": None})

    findings = await diagnosed(world, broken)

    crashed = of(About.ACCESS, findings)
    assert crashed == [Finding(BAD, About.ACCESS, Kind.CRASHED, {"exception": "AttributeError"})]
    assert of(About.DATABASE, findings)


@pytest.mark.parametrize(
    ("access", "kind"),
    [
        ({"owners": frozenset()}, Kind.CLOSED_TO_EVERYONE),
        ({"open": True}, Kind.OPEN_TO_ANYONE),
        ({"owners": frozenset(), "users": frozenset({7})}, Kind.NO_OWNERS),
    ],
)
async def test_who_can_ask(world: World, access: dict[str, Any], kind: Kind) -> None:
    world.telegram.say(world.private(world.owner), world.owner, "/start")
    world.access = {"users": frozenset(), **access}

    found = of(About.ACCESS, await diagnosed(world))

    assert (NOTE, kind) in kinds(found)
    assert {finding.kind for finding in found} <= {kind, Kind.OWNERS_MET}


@pytest.mark.parametrize(
    ("role", "kinds_left"), [(Role.OWNER, set()), (Role.USER, {Kind.NO_OWNERS})]
)
async def test_who_was_let_in_from_the_chat_counts_as_well(
    world: World, role: Role, kinds_left: set[Kind]
) -> None:
    world.access = {"owners": frozenset(), "users": frozenset()}
    store = await Store.open(world.settings().database.url)
    await store.do(_let_in, Grant(7, role))
    await store.close()

    found = of(About.ACCESS, await diagnosed(world))

    assert {finding.kind for finding in found} - {Kind.OWNERS_MET} == kinds_left


def _let_in(tx: Tx, grant: Grant) -> None:
    tx.grants.put(grant)


async def test_an_expiry_that_nobody_can_pay_within_is_noted(world: World) -> None:
    world.invoices = {"expiry": "59s"}

    found = of(About.INVOICES, await diagnosed(world))

    assert found == [Finding(NOTE, About.INVOICES, Kind.SHORT_EXPIRY, {"expiry_s": 59})]


#: What the node can receive for sure.
RECEIVABLE_SATS = 1_580_000_000 - 1000


async def test_a_smallest_amount_that_the_node_cannot_receive_is_noted(world: World) -> None:
    world.invoices = {"min_sats": RECEIVABLE_SATS + 1, "max_sats": 10**10}

    found = of(About.INVOICES, await diagnosed(world))
    world.invoices = {"min_sats": RECEIVABLE_SATS, "max_sats": RECEIVABLE_SATS}
    none = of(About.INVOICES, await diagnosed(world))

    assert (kinds(found), none) == ([(NOTE, Kind.MIN_ABOVE_RECEIVABLE)], [])


async def test_a_largest_amount_that_the_node_cannot_receive_is_noted(world: World) -> None:
    world.invoices = {"max_sats": RECEIVABLE_SATS + 1}

    found = of(About.INVOICES, await diagnosed(world))
    world.invoices = {"max_sats": RECEIVABLE_SATS}
    none = of(About.INVOICES, await diagnosed(world))

    values = {"max_msat": 1000 * RECEIVABLE_SATS + 1000, "receivable_msat": 1000 * RECEIVABLE_SATS}
    assert found == [Finding(NOTE, About.INVOICES, Kind.MAX_ABOVE_RECEIVABLE, values)]
    assert none == []


async def test_where_nothing_can_be_received_that_alone_is_noted(world: World) -> None:
    world.node.ledger.channels = []

    findings = await diagnosed(world)

    assert kinds(of(About.CHANNELS, findings)) == [(NOTE, Kind.NOTHING_RECEIVABLE)]
    assert of(About.INVOICES, findings) == []


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everyone on this machine can look into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def written(folder: Path, *, mode: int) -> dict[str, Path]:
    """Settings with their secrets in files of this mode; what is loaded of them."""
    certificate.make(folder)
    (folder / "bot.macaroon").write_bytes(b"x")
    (folder / "token").write_text(TOKEN)
    lnd = "[lnd]\ntls_cert = 'tls.cert'\nmacaroon = 'bot.macaroon'\n"
    (folder / "config.toml").write_text(f"[telegram]\ntoken = '{TOKEN}'\n{lnd}")
    (folder / "other.toml").write_text(f"[telegram]\ntoken_file = 'token'\n{lnd}")
    for name in ("bot.macaroon", "token", "config.toml", "other.toml"):
        (folder / name).chmod(mode)
    return {
        **load(folder / "other.toml", {}).secret_files,
        **load(folder / "config.toml", {}).secret_files,
    }


def test_a_secret_that_everyone_can_read_is_noted(public: Path) -> None:
    found = list(check.check_files(written(public, mode=0o644)))

    assert kinds(found) == [(NOTE, Kind.READABLE_BY_ALL)] * 3
    assert {finding.values["key"]: finding.values["path"] for finding in found} == {
        "": str(public / "config.toml"),
        "telegram.token_file": str(public / "token"),
        "lnd.macaroon": str(public / "bot.macaroon"),
    }


def test_a_secret_that_only_some_can_read_is_not_noted(public: Path) -> None:
    assert list(check.check_files(written(public, mode=0o640))) == []
    files = written(public, mode=0o644)
    public.chmod(0o750)  # nobody gets there
    assert list(check.check_files(files)) == []


@pytest.mark.parametrize("listen", ["0.0.0.0:9090", "[::]:9090", "192.0.2.1:9090", "bot:9090"])
def test_others_who_may_read_how_the_bot_is_are_noted(listen: str) -> None:
    found = list(check.check_health(HealthSettings(listen=listen)))
    assert [(each.kind, each.values) for each in found] == [(Kind.NOT_LOOPBACK, {"listen": listen})]


@pytest.mark.parametrize("listen", [None, "127.0.0.1:9090", "[::1]:9090", "localhost:9090"])
def test_where_only_this_machine_can_read_how_the_bot_is_nothing_is_noted(
    listen: str | None,
) -> None:
    assert list(check.check_health(HealthSettings(listen=listen))) == []


def test_settings_without_a_secret_in_them_can_be_read_by_everyone(public: Path) -> None:
    written(public, mode=0o644)
    assert "" not in load(public / "other.toml", {}).secret_files
