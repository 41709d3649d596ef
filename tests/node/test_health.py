"""Owners hear of a chain that stays unsynced, and of credentials that expire; not too often."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from bot.config import DAY_S
from bot.core.notices import Kind, Notice
from bot.demo.node import SimNode, certificate
from bot.errors import NodeNotAsked, NodeUnreachable
from bot.lnrpc import lightning_pb2 as pb
from bot.node import health as module
from bot.node.macaroon import valid_until
from bot.store import Store
from tests.node.simulated import LIMIT_S, PERMISSIONS, Clock, connected, settings
from tests.node.watched import Watched

NOT_SYNCED, SYNCED_AGAIN = Notice(Kind.NOT_SYNCED), Notice(Kind.SYNCED_AGAIN)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is an instant, and the certificate is good for long."""
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(module, "UNSYNCED_FOR_S", 0.05)


async def told(watched: Watched, count: int) -> list[Notice]:
    """Wait for so many notices."""
    async with asyncio.timeout(LIMIT_S):
        while len(watched.owners.notices) < count:  # noqa: ASYNC110 -- nobody is told of it
            await asyncio.sleep(0.01)
    return watched.owners.notices


async def looks(sim: SimNode, count: int = 5) -> None:
    """Until the chain was looked at so many times more."""
    before = sim.calls["GetInfo"]
    await sim.until(lambda: sim.calls["GetInfo"] >= before + count)


# the chain


async def test_an_unsynced_chain_is_told_once_and_so_is_its_end(
    sim: SimNode, watched: Watched
) -> None:
    async with watched.running():
        await watched.identified()
        await looks(sim)
        assert watched.owners.notices == []
        sim.synced_to_chain = False
        assert await told(watched, 1) == [NOT_SYNCED]
        await looks(sim, 10)
        sim.synced_to_chain = True
        assert await told(watched, 2) == [NOT_SYNCED, SYNCED_AGAIN]
        await looks(sim)
        sim.synced_to_chain = False
        assert await told(watched, 3) == [NOT_SYNCED, SYNCED_AGAIN, NOT_SYNCED]


async def test_a_chain_that_falls_behind_for_a_moment_is_not_told(
    sim: SimNode, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNSYNCED_FOR_S", 3600.0)
    async with watched.running():
        await watched.identified()
        sim.synced_to_chain = False
        await looks(sim)
        sim.synced_to_chain = True
        await looks(sim)
        monkeypatch.setattr(module, "UNSYNCED_FOR_S", 0.0)
        await looks(sim)
        assert watched.owners.notices == []


async def test_an_outage_begins_the_count_again(
    sim: SimNode, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNSYNCED_FOR_S", 3600.0)
    health = watched.watch._health
    async with watched.running():
        await watched.identified()
        sim.synced_to_chain = False
        await looks(sim)
        began_at = health._unsynced_since
        assert began_at is not None
        watched.gate.shut(NodeUnreachable())
        await watched.identified()
        await looks(sim)
        assert health._unsynced_since is not None
        assert health._unsynced_since > began_at


ANSWERS: dict[str, Callable[[SimNode], None]] = {
    "fails": lambda sim: sim.fail("GetInfo", text="database is locked", times=5),
    "is refused": lambda sim: sim.fail("GetInfo", text="permission denied", times=5),
    "is odd": lambda sim: sim.garble("GetInfo", lambda _: b"\xff" * 9, times=5),
    "is empty": lambda sim: sim.garble("GetInfo", lambda _: pb.GetInfoResponse(), times=5),
    "breaks": lambda sim: sim.lose_answer("GetInfo"),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_a_look_without_an_answer_says_nothing_and_ends_nothing(
    sim: SimNode, watched: Watched, case: str
) -> None:
    async with watched.running():
        await watched.identified()
        ANSWERS[case](sim)
        await looks(sim, 8)
        assert watched.owners.notices == []
        sim.synced_to_chain = False
        assert await told(watched, 1) == [NOT_SYNCED]


async def test_a_node_that_is_gone_ends_nothing_and_is_looked_at_again(
    sim: SimNode, watched: Watched
) -> None:
    async with watched.running():
        await watched.identified()
        await sim.kill()
        await asyncio.wait_for(_shut(watched), LIMIT_S)
        await sim.start()
        sim.synced_to_chain = False
        assert await told(watched, 1) == [NOT_SYNCED]


async def _shut(watched: Watched) -> None:
    await watched.gate._shut.wait()


async def test_that_another_node_is_synced_is_no_news(sim: SimNode, watched: Watched) -> None:
    async with watched.running():
        await watched.identified()
        sim.synced_to_chain = False
        await told(watched, 1)
        await sim.stop()
        sim.become_other_node()
        sim.synced_to_chain = True
        await sim.start()
        await looks(sim)
        assert watched.owners.notices == [NOT_SYNCED]


# the certificate


def expires(watched: Watched) -> list[Notice]:
    return [each for each in watched.owners.notices if each.kind is Kind.CERTIFICATE_EXPIRES]


@pytest.mark.parametrize(("days", "is_told"), [(15, False), (13, True), (0, True), (-1, True)])
async def test_owners_hear_of_a_certificate_that_expires_within_two_weeks(
    sim: SimNode, watched: Watched, clock: Clock, days: float, is_told: bool
) -> None:
    clock.ahead_s = certificate.VALID_S - days * DAY_S - 60
    async with watched.running():
        await watched.identified()
        await looks(sim)
        found = expires(watched)
        assert len(found) == is_told
    for notice in found:
        assert notice.setting == "lnd.tls_cert"
        assert notice.left_s == pytest.approx(days * DAY_S + 60, abs=30)
        assert notice.expires_at - notice.left_s == pytest.approx(clock(), abs=30)


async def test_they_hear_of_it_once_a_day(
    sim: SimNode, watched: Watched, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "steady", lambda: now)
    clock.ahead_s = certificate.VALID_S - 10 * DAY_S
    async with watched.running():
        await watched.identified()
        await looks(sim)
        assert len(expires(watched)) == 1
        now += DAY_S - 1
        await looks(sim)
        assert len(expires(watched)) == 1
        now += 2
        await looks(sim)
        assert len(expires(watched)) == 2


async def test_once_it_is_renewed_they_hear_no_more_of_it(
    sim: SimNode, watched: Watched, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOLD_EVERY_S", 0.0)
    sim.renew_certificate(valid_s=10 * DAY_S)
    await sim.stop()
    await sim.start()
    async with watched.running():
        await watched.identified()
        await looks(sim)
        assert expires(watched)
        sim.renew_certificate()
        await sim.stop()
        await sim.start()
        await looks(sim)
        told_of = len(expires(watched))
        await looks(sim)
        assert len(expires(watched)) == told_of


async def test_one_in_lndconnect_is_looked_at_too(sim: SimNode, store: Store, clock: Clock) -> None:
    given = settings(sim)
    parts = {
        "cert": ssl.PEM_cert_to_DER_cert((given.certificate() or b"").decode()),
        "macaroon": bytes.fromhex(given.macaroon_hex()),
    }
    query = "&".join(
        f"{name}={base64.urlsafe_b64encode(value).decode()}" for name, value in parts.items()
    )
    uri = SecretStr(f"lndconnect://{sim.address}?{query}")
    clock.ahead_s = certificate.VALID_S - DAY_S
    async with connected(sim, lndconnect=uri, tls_cert=None, macaroon=None) as node:
        watched = Watched(node, store, clock)
        async with watched.running():
            await watched.identified()
            await looks(sim)
            assert [each.setting for each in expires(watched)] == ["lnd.lndconnect"]


async def probed(watched: Watched) -> None:
    """Until the gate knows better than that nobody was asked yet."""
    async with asyncio.timeout(LIMIT_S):
        while isinstance(watched.gate.reason, NodeNotAsked):  # noqa: ASYNC110 -- nobody is told
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("pem", [b"", b"pizza", b"-----BEGIN CERTIFICATE-----\npizza\n"])
@pytest.mark.parametrize("name", ["tls.cert", "admin.macaroon"])
async def test_a_file_that_is_neither_ends_nothing(
    sim: SimNode, watched: Watched, name: str, pem: bytes
) -> None:
    file = sim.folder / name
    good = file.read_bytes()
    file.write_bytes(pem)
    async with watched.running():
        await probed(watched)
        file.write_bytes(good)
        await watched.identified()
        await looks(sim)
    assert watched.owners.notices == []


async def test_without_a_pinned_certificate_nobody_is_told(
    sim: SimNode, store: Store, clock: Clock
) -> None:
    clock.ahead_s = certificate.VALID_S
    async with connected(sim, tls_cert=None) as node:
        watched = Watched(node, store, clock)
        async with watched.running():
            await probed(watched)
    assert watched.owners.notices == []


# the macaroon


@pytest.mark.parametrize(("days", "count"), [(15, 0), (13, 1), (-1, 1)])
async def test_owners_hear_of_a_macaroon_that_expires_within_two_weeks(
    sim: SimNode, store: Store, clock: Clock, days: float, count: int
) -> None:
    at = clock() + days * DAY_S
    caveat = f"time-before {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))}"
    sim.bake(PERMISSIONS, caveats=[caveat], save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        watched = Watched(node, store, clock)
        async with watched.running():
            await (probed(watched) if days < 0 else looks(sim))
        found = watched.owners.notices
    assert [each.kind for each in found] == [Kind.MACAROON_EXPIRES] * count
    for notice in found:
        assert notice.expires_at == pytest.approx(at, abs=1)


@pytest.mark.parametrize(
    ("caveats", "at"),
    [
        ([], None),
        (["ipaddr 10.1.1.1", "time-before pizza", "time-before"], None),
        (["time-before 2027-01-15T08:00:00.372105444Z"], 1_800_000_000.372105),
        (["time-before 2028-01-15T08:00:00Z", "time-before 2027-01-15T08:00:00Z"], 1_800_000_000),
    ],
)
def test_a_macaroon_is_valid_until_the_first_of_its_conditions_on_time(
    caveats: list[str], at: float | None
) -> None:
    assert valid_until(caveats) == at
