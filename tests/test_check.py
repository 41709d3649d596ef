"""`check`: everything is checked side by side, and nothing is changed by it."""

from __future__ import annotations

from typing import Any

import pytest

from bot import check
from bot.findings import About, Finding, Kind, Mark
from tests.checked import bake_narrow, diagnosed, kinds, of
from tests.world import NAME, World

FINE, NOTE, BAD = Mark.FINE, Mark.NOTE, Mark.BAD


@pytest.fixture(autouse=True)
def narrow(world: World) -> None:
    bake_narrow(world)


async def test_where_all_is_in_order_each_thing_is_found_fine(world: World) -> None:
    findings = await diagnosed(world)

    assert {finding.mark for finding in findings} == {FINE}
    assert [(finding.about, finding.kind) for finding in findings] == [
        (About.TELEGRAM, Kind.LOGIN_ACCEPTED),
        (About.GROUPS, Kind.PRIVACY_ON),
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
    assert {call.method for call in world.telegram.calls} == {"getMe", "getWebhookInfo"}


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
    ],
)
async def test_who_can_ask(world: World, access: dict[str, Any], kind: Kind) -> None:
    world.access = {"users": frozenset(), **access}

    assert kinds(of(About.ACCESS, await diagnosed(world))) == [(NOTE, kind)]
