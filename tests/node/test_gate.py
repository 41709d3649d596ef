"""The gate before the node: shut by a failure, opened by a probe; nobody else asks meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import pauses, texts
from bot.demo.node import SimNode
from bot.errors import (
    CallMissing,
    CertificateNotPublic,
    InvoiceUnknown,
    MacaroonRefused,
    NodeError,
    NodeLocked,
    NodeNotAsked,
    NodeOdd,
    NodeRefused,
    NodeStarting,
    NodeStopping,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
    WalletMissing,
)
from bot.node import gate as gate_module
from bot.node.client import Node
from bot.node.gate import Gate, probe
from bot.pauses import pause_s
from tests.node.simulated import HASH, LIMIT_S, add, connected, failure


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses."""
    monkeypatch.setattr(gate_module, "LONGEST_PAUSE_S", 0.02)


@contextlib.asynccontextmanager
async def watched(node: Node) -> AsyncIterator[Gate]:
    """A gate that is watched, as `Watch` does."""
    gate = Gate(node)

    async def guard() -> None:
        while True:
            await gate.watch()

    guarding = asyncio.create_task(guard())
    try:
        yield gate
    finally:
        guarding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guarding


async def opened(gate: Gate) -> None:
    async with asyncio.timeout(LIMIT_S):
        await gate.opened()


async def test_it_is_shut_until_the_node_has_answered(sim: SimNode, node: Node) -> None:
    gate = Gate(node)
    assert not gate.is_open
    assert type(gate.reason) is NodeNotAsked
    await gate.watch()
    assert gate.is_open
    assert (sim.calls["GetState"], sim.calls["LookupInvoice"]) == (1, 1)


async def test_the_first_probe_is_made_without_a_pause(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "pause_s", lambda *_, **__: 1000.0)
    async with watched(node) as gate:
        await opened(gate)


async def test_one_that_was_open_for_long_is_probed_at_once(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "pause_s", lambda *_, **__: 1000.0)
    loop = asyncio.get_running_loop()
    steady = loop.time
    async with watched(node) as gate:
        await opened(gate)
        monkeypatch.setattr(loop, "time", lambda: steady() + 1001)
        probes = sim.calls["GetState"]
        gate.shut(NodeStopping())
        await sim.until(lambda: sim.calls["GetState"] > probes)


async def test_while_it_is_shut_no_guess_takes_the_place_of_what_a_probe_found(
    sim: SimNode, node: Node
) -> None:
    sim.lock()
    async with watched(node) as gate:
        await sim.until(lambda: type(gate.reason) is NodeLocked)
        gate.shut(NodeStopping())
        assert type(gate.reason) is NodeLocked


async def test_a_call_through_a_shut_gate_raises_its_reason(node: Node) -> None:
    gate = Gate(node)
    with pytest.raises(NodeNotAsked), gate.passing():
        raise AssertionError


@pytest.mark.parametrize(
    ("error", "shuts"),
    [
        (NodeTimeout(), True),
        (MacaroonRefused(), True),
        (NodeStarting(), True),
        # the next call may need another permission, or be of a service that is there
        (PermissionMissing(), False),
        (CallMissing(), False),
        (InvoiceUnknown(), False),
        (NodeOdd(), False),
        (NodeRefused(), False),
    ],
)
async def test_only_what_concerns_everybody_shuts_it(
    sim: SimNode, node: Node, error: NodeError, shuts: bool
) -> None:
    gate = Gate(node)
    await gate.watch()
    with pytest.raises(type(error)), gate.passing():
        raise error
    assert gate.is_open != shuts
    assert not shuts or gate.reason is error


async def test_a_failure_shuts_it_and_a_probe_opens_it_again(sim: SimNode, node: Node) -> None:
    async with watched(node) as gate:
        await opened(gate)
        reason = NodeTimeout()
        gate.shut(reason)
        assert not gate.is_open
        assert gate.reason is reason
        await opened(gate)
    assert sim.calls["GetState"] == 2
    assert gate.openings == 2


async def test_only_the_one_who_probes_asks_while_it_is_shut(sim: SimNode, node: Node) -> None:
    async with watched(node) as gate:
        await opened(gate)
        sim.lock()
        gate.shut(NodeLocked())
        probes = sim.calls["GetState"]
        await sim.until(lambda: sim.calls["GetState"] >= probes + 4)
        assert not gate.is_open
        assert sim.calls["LookupInvoice"] == 1  # a locked node is not asked for more
        await sim.unlock()
        await opened(gate)


REASONS = [
    ("LOCKED", NodeLocked),
    ("NON_EXISTING", WalletMissing),
    ("UNLOCKED", NodeStarting),
    ("RPC_ACTIVE", NodeStarting),
    ("WAITING_TO_START", NodeStarting),
]


@pytest.mark.parametrize(("state", "kind"), REASONS, ids=[row[0] for row in REASONS])
async def test_a_node_that_is_not_ready_keeps_it_shut_and_is_the_reason(
    sim: SimNode, node: Node, state: str, kind: type[NodeError]
) -> None:
    sim.set_state(state)
    async with watched(node) as gate:
        await sim.until(lambda: sim.calls["GetState"] >= 3)
        assert not gate.is_open
        assert type(gate.reason) is kind
        sim.set_state("SERVER_ACTIVE")
        await opened(gate)


async def test_a_node_that_is_down_is_the_reason_and_is_found_when_it_is_back(
    sim: SimNode, node: Node
) -> None:
    await sim.down()
    assert type(await failure(probe(node))) is NodeUnreachable
    async with watched(node) as gate:
        await sim.up()
        await opened(gate)


async def test_a_node_that_never_answers_is_the_reason(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "PROBE_TIMEOUT_S", 0.1)
    await probe(node)
    for method in ("GetState", "LookupInvoice"):
        sim.hang(method)
        assert type(await failure(probe(node))) is NodeTimeout


async def test_a_refused_macaroon_keeps_it_shut_until_it_is_exchanged(sim: SimNode) -> None:
    sim.bake(["invoices:read"], root_key_id=1, save_to="bot.macaroon")
    sim.revoke(1)
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node, watched(node) as gate:
        await sim.until(lambda: sim.calls["LookupInvoice"] >= 3)
        assert type(gate.reason) is MacaroonRefused
        sim.bake(["invoices:read"], root_key_id=2, save_to="bot.macaroon")
        await opened(gate)


async def test_the_macaroon_of_an_account_opens_it(sim: SimNode, node: Node) -> None:
    sim.fail("LookupInvoice", text="invoice does not belong to this account")
    await probe(node)


async def test_what_one_command_has_no_permission_for_stops_no_other(sim: SimNode) -> None:
    async with (
        connected(sim, macaroon=sim.folder / "readonly.macaroon") as node,
        watched(node) as gate,
    ):
        await opened(gate)
        with pytest.raises(PermissionMissing), gate.passing():
            await add(node)
        assert gate.is_open
        with pytest.raises(InvoiceUnknown), gate.passing():
            await node.lookup(HASH)


async def test_a_macaroon_that_cannot_look_up_keeps_it_shut(sim: SimNode) -> None:
    sim.bake(["invoices:write"], save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        assert type(await failure(probe(node))) is PermissionMissing


async def test_another_certificate_keeps_it_shut(sim: SimNode) -> None:
    async with connected(sim, tls_cert=None) as node:
        assert type(await failure(probe(node))) is CertificateNotPublic


async def test_a_proxy_without_the_wallets_state_is_no_obstacle(sim: SimNode, node: Node) -> None:
    unimplemented = grpc.StatusCode.UNIMPLEMENTED
    sim.fail("GetState", code=unimplemented, text="unknown service lnrpc.State")
    await probe(node)
    sim.fail("GetState", code=unimplemented, text="unknown service lnrpc.State")
    sim.lock()
    assert type(await failure(probe(node))) is NodeLocked


async def test_an_outage_is_logged_once_its_next_cause_once_and_its_end_once(
    sim: SimNode, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="bot.node.gate")
    async with watched(node) as gate:
        await opened(gate)
        assert not caplog.messages

        sim.lock()
        gate.shut(NodeLocked())
        await sim.until(lambda: sim.calls["GetState"] >= 6)
        sim.set_state("UNLOCKED")
        probes = sim.calls["GetState"]
        await sim.until(lambda: sim.calls["GetState"] >= probes + 4)
        await sim.unlock()
        await opened(gate)

        gate.shut(NodeTimeout())  # over before anybody probed
        await opened(gate)
    said = "\n".join(caplog.messages)
    assert said.count("node is away") == 2
    assert said.count(texts.why(NodeLocked())) == 1
    assert said.count(texts.why(NodeStarting())) == 1
    assert said.count("node is back") == 1


async def test_the_pauses_grow_until_it_has_been_open_for_a_while(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def pause(attempt: int, **_: Any) -> float:
        asked.append(attempt)
        return 0.0

    monkeypatch.setattr(gate_module, "pause_s", pause)
    gate = Gate(node)
    for _ in range(3):
        await gate.watch()
        gate.shut(NodeTimeout())
    assert asked == [2, 3]  # it opened, and was shut at once: the next pause is longer
    monkeypatch.setattr(gate_module, "STABLE_S", 0.0)
    await gate.watch()
    assert asked == [2, 3, 1]


@given(attempt=st.integers(1, 10_000), longest_s=st.floats(0.2, 300))
def test_a_pause_grows_is_jittered_and_has_an_end(attempt: int, longest_s: float) -> None:
    pause = pause_s(attempt, longest_s=longest_s)
    grown = min(longest_s, pauses.FIRST_PAUSE_S * 2 ** min(attempt - 1, 20))
    assert 0.75 * grown <= pause <= 1.25 * grown


def test_pauses_are_not_all_the_same() -> None:
    assert len({pause_s(5, longest_s=5.0) for _ in range(20)}) > 10


async def test_it_counts_as_gone_only_after_seconds_of_being_shut(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(gate_module, "steady", lambda: now)
    gate = Gate(node)
    assert not gate.is_gone  # the process has just started
    now += gate_module.GONE_AFTER_S
    assert gate.is_gone
    await gate.watch()
    assert not gate.is_gone
    gate.shut(NodeTimeout())
    assert not gate.is_gone
    now += gate_module.GONE_AFTER_S
    gate.shut(NodeLocked())  # it is shut already
    assert gate.is_gone
