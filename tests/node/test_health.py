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
from bot.core.notices import Kind
from bot.core.occasions import Occasion
from bot.demo.node import SimNode, certificate, open_channels
from bot.errors import MacaroonRefused, NodeNotAsked, NodeUnreachable
from bot.lnrpc import lightning_pb2 as pb
from bot.node import health as module
from bot.node import liquidity
from bot.node.client import Node
from bot.node.macaroon import valid_until
from bot.store import Store
from tests.node.simulated import LIMIT_S, PERMISSIONS, Clock, connected, settings
from tests.node.watched import MAX_MSAT, Watched


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is an instant, and the certificate is good for long."""
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(module, "UNSYNCED_FOR_S", 0.05)


async def lasts(watched: Watched, kind: Kind) -> Occasion:
    """Wait for a concern, the only one, which lasts."""
    found = await watched.concerned(lambda found: found and not found[-1].ended_at)
    (concern,) = found
    assert concern.kind is kind
    return concern


async def is_over(watched: Watched, kind: Kind) -> None:
    """Wait until it is over."""
    found = await watched.concerned(lambda found: found[-1].ended_at)
    assert found[-1].kind is kind


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
        assert await watched.concerns() == []
        sim.synced_to_chain = False
        first = await lasts(watched, Kind.NOT_SYNCED)
        assert first.subject == sim.identity_pubkey
        await looks(sim, 10)
        assert await watched.concerns() == [first]
        sim.synced_to_chain = True
        await is_over(watched, Kind.NOT_SYNCED)
        await looks(sim)
        sim.synced_to_chain = False
        again = await lasts(watched, Kind.NOT_SYNCED)
        assert again.id == first.id, "nobody has read of its end"


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
        assert await watched.concerns() == []


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
        assert await watched.concerns() == []
        sim.synced_to_chain = False
        await lasts(watched, Kind.NOT_SYNCED)


async def test_a_node_that_is_gone_ends_nothing_and_is_looked_at_again(
    sim: SimNode, watched: Watched
) -> None:
    async with watched.running():
        await watched.identified()
        await sim.kill()
        await asyncio.wait_for(watched.gate.closed(), LIMIT_S)
        await sim.start()
        sim.synced_to_chain = False
        await lasts(watched, Kind.NOT_SYNCED)


async def test_that_another_node_is_synced_is_no_news(sim: SimNode, watched: Watched) -> None:
    async with watched.running():
        await watched.identified()
        sim.synced_to_chain = False
        await lasts(watched, Kind.NOT_SYNCED)
        await sim.stop()
        sim.become_other_node()
        sim.synced_to_chain = True
        await sim.start()
        await watched.concerned(lambda found: found == [])


# the certificate


async def expires(watched: Watched, count: int) -> list[Occasion]:
    """So many concerns, all of the certificate."""
    found = await watched.concerned(lambda found: len(found) == count)
    assert {each.kind for each in found} <= {Kind.CERTIFICATE_EXPIRES}
    return found


@pytest.mark.parametrize(("days", "count"), [(15, 0), (13, 1), (0, 1), (-1, 1)])
async def test_owners_hear_of_a_certificate_that_expires_within_two_weeks(
    sim: SimNode, watched: Watched, clock: Clock, days: float, count: int
) -> None:
    clock.ahead_s = certificate.VALID_S - days * DAY_S - 60
    async with watched.running():
        await watched.identified()
        await looks(sim)
        found = await expires(watched, count)
    for concern in found:
        assert concern.setting == "lnd.tls_cert"
        assert concern.expires_at - clock() == pytest.approx(days * DAY_S + 60, abs=30)


async def test_they_hear_of_it_once_and_again_on_its_last_day(
    sim: SimNode, watched: Watched, clock: Clock
) -> None:
    clock.ahead_s = certificate.VALID_S - 10 * DAY_S
    async with watched.running():
        await watched.identified()
        await looks(sim)
        await expires(watched, 1)
        clock.ahead_s += 8 * DAY_S
        await looks(sim)
        await expires(watched, 1)
        clock.ahead_s += 1.5 * DAY_S
        await expires(watched, 2)
        clock.ahead_s += DAY_S
        await looks(sim)
        await expires(watched, 2)


async def test_once_it_is_renewed_they_hear_no_more_of_it(sim: SimNode, watched: Watched) -> None:
    sim.renew_certificate(valid_s=10 * DAY_S)
    await sim.stop()
    await sim.start()
    async with watched.running():
        await watched.identified()
        await expires(watched, 1)
        sim.renew_certificate()
        await sim.stop()
        await sim.start()
        await looks(sim)
        await expires(watched, 0)


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
            assert [each.setting for each in await expires(watched, 1)] == ["lnd.lndconnect"]


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
    assert await watched.concerns() == []


async def test_without_a_pinned_certificate_nobody_is_told(
    sim: SimNode, store: Store, clock: Clock
) -> None:
    clock.ahead_s = certificate.VALID_S
    async with connected(sim, tls_cert=None) as node:
        watched = Watched(node, store, clock)
        async with watched.running():
            await probed(watched)
    assert await watched.concerns() == []


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
            found = await watched.concerned(lambda found: len(found) == count)
    assert [each.kind for each in found] == [Kind.MACAROON_EXPIRES] * count
    for concern in found:
        assert concern.expires_at == pytest.approx(at, abs=1)


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


# away


@pytest.fixture
def at_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at all the time."""
    monkeypatch.setattr(module, "GATE_EVERY_S", 0.01)


async def gate_looks(watched: Watched, count: int = 5) -> None:
    """Until the gate, which stays shut, was looked at so many times."""
    for _ in range(count):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2 * module.GATE_EVERY_S):
                await watched.gate.opened()


@pytest.mark.usefixtures("at_the_gate")
async def test_a_node_that_is_away_for_five_minutes_is_a_concern_until_it_is_back(
    sim: SimNode, watched: Watched, clock: Clock
) -> None:
    async with watched.running():
        await watched.identified()
        await sim.kill()
        await asyncio.wait_for(watched.gate.closed(), LIMIT_S)
        began_at = clock()
        clock.ahead_s += module.AWAY_FOR_S - 60
        await gate_looks(watched)
        assert await watched.concerns() == []
        clock.ahead_s += 120
        concern = await lasts(watched, Kind.NODE_AWAY)
        assert concern.began_at == pytest.approx(began_at, abs=30)
        assert concern.why == NodeUnreachable.key
        await sim.start()
        await looks(sim)
        assert await watched.concerns() == [concern], "it may go again in a moment"
        back_at = clock()
        clock.ahead_s += module.SETTLED_S
        found = await watched.concerned(lambda found: found[-1].ended_at)
        assert found[-1].ended_at == pytest.approx(back_at, abs=30)


@pytest.mark.usefixtures("at_the_gate")
async def test_a_node_that_is_away_in_two_processes_is_one_concern(
    sim: SimNode, store: Store, node: Node, clock: Clock
) -> None:
    await sim.stop()
    seen = []
    for _ in range(2):
        watched = Watched(node, store, clock)
        async with watched.running():
            await gate_looks(watched)
            clock.ahead_s += module.AWAY_FOR_S + 1
            await gate_looks(watched)
            concern = await lasts(watched, Kind.NODE_AWAY)
            seen.append((concern.id, concern.began_at))
    assert len(set(seen)) == 1
    await sim.start()
    watched = Watched(node, store, clock)
    async with watched.running():
        await looks(sim)
        clock.ahead_s += module.SETTLED_S
        await is_over(watched, Kind.NODE_AWAY)


@pytest.mark.usefixtures("at_the_gate")
async def test_a_macaroon_that_the_node_rejects_is_told_sooner_and_as_that(
    sim: SimNode, watched: Watched, clock: Clock
) -> None:
    async with watched.running():
        await watched.identified()
        text = "verification failed: signature mismatch after caveat verification"
        sim.fail("LookupInvoice", text=text, times=1000)
        watched.gate.shut(NodeUnreachable())
        async with asyncio.timeout(LIMIT_S):
            while not isinstance(watched.gate.reason, MacaroonRefused):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await gate_looks(watched)
        clock.ahead_s += module.REFUSED_FOR_S + 1
        await lasts(watched, Kind.MACAROON_REFUSED)
        sim.clear_faults()
        await is_over(watched, Kind.MACAROON_REFUSED)


# what can be received


async def test_less_than_the_largest_invoice_for_minutes_is_a_concern_until_it_is_enough(
    sim: SimNode, watched: Watched, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liquidity, "LISTED_EVERY_S", 0.01)
    enough = open_channels(2, capacity_sat=1_000_000)
    sim.ledger.channels = enough
    async with watched.running():
        await watched.identified()
        await looks(sim)
        assert await watched.concerns() == []
        sim.ledger.channels = open_channels(1, capacity_sat=1_000_000)
        listed = sim.calls["ListChannels"]
        await sim.until(lambda: sim.calls["ListChannels"] > listed + 2)
        await looks(sim)
        assert await watched.concerns() == []
        clock.ahead_s += module.INBOUND_LOW_FOR_S
        concern = await lasts(watched, Kind.INBOUND_LOW)
        assert (concern.receivable_msat, concern.limit_msat) == (790_000_000, MAX_MSAT)
        sim.ledger.channels = enough
        await is_over(watched, Kind.INBOUND_LOW)


async def test_channels_that_nobody_can_list_are_no_concern(
    sim: SimNode, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INBOUND_LOW_FOR_S", 0.0)
    methods = ("AddInvoice", "LookupInvoice", "SubscribeInvoices", "GetInfo")
    sim.bake([f"uri:/lnrpc.Lightning/{name}" for name in methods], save_to="bot.macaroon")
    sim.ledger.channels = []
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        watched = Watched(node, store, clock)
        async with watched.running():
            await watched.identified()
            await looks(sim)
            assert await watched.concerns() == []
