"""The gate before the node: shut by a failure, opened by a look, and nobody else asks meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import gate as gate_module
from bot import logs
from bot.config import LndSettings
from bot.demo.node import SimNode
from bot.errors import (
    CertificateRefused,
    MacaroonRefused,
    NodeError,
    NodeLocked,
    NodeStarting,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
)
from bot.gate import Gate, look, pause_s
from bot.lnd import Node

LIMIT_S = 10.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses; what the log hides is forgotten after each test."""
    monkeypatch.setattr(gate_module, "LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr(logs, "_hidden", set())
    monkeypatch.setattr(logs, "_pattern", logs._pattern)


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[SimNode]:
    async with SimNode(tmp_path / "lnd") as sim:
        yield sim


def connection(sim: SimNode, **changes: Any) -> Node:
    files: dict[str, Any] = {
        "host": sim.address,
        "tls_cert": sim.folder / "tls.cert",
        "macaroon": sim.folder / "admin.macaroon",
    }
    return Node(LndSettings(**(files | changes)))


@pytest.fixture
async def node(sim: SimNode) -> AsyncIterator[Node]:
    node = connection(sim)
    yield node
    await node.close()


@contextlib.asynccontextmanager
async def watched(node: Node) -> AsyncIterator[Gate]:
    """A gate that is looked after, as the reconciler does it."""
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
    assert "not asked yet" in gate.reason.sentence
    await gate.watch()
    assert gate.is_open
    assert (sim.calls["GetState"], sim.calls["LookupInvoice"]) == (1, 1)


async def test_the_first_look_is_taken_without_a_pause(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "pause_s", lambda *_, **__: 1000.0)
    async with watched(node) as gate:
        await opened(gate)


async def test_one_that_was_open_for_long_is_looked_at_at_once(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "pause_s", lambda *_, **__: 1000.0)
    loop = asyncio.get_running_loop()
    steady = loop.time
    async with watched(node) as gate:
        await opened(gate)
        monkeypatch.setattr(loop, "time", lambda: steady() + 1001)
        looks = sim.calls["GetState"]
        gate.shut(NodeStarting("The Lightning node is shutting down."))
        await sim.until(lambda: sim.calls["GetState"] > looks)


async def test_while_it_is_shut_no_guess_takes_the_place_of_what_a_look_found(
    sim: SimNode, node: Node
) -> None:
    sim.lock()
    async with watched(node) as gate:
        await sim.until(lambda: type(gate.reason) is NodeLocked)
        gate.shut(NodeStarting("The Lightning node is shutting down."))
        assert type(gate.reason) is NodeLocked


async def test_a_failure_shuts_it_and_a_look_opens_it_again(sim: SimNode, node: Node) -> None:
    async with watched(node) as gate:
        await opened(gate)
        reason = NodeTimeout()
        gate.shut(reason)
        assert not gate.is_open
        assert gate.reason is reason
        await opened(gate)
    assert sim.calls["GetState"] == 2


async def test_only_the_one_who_looks_asks_while_it_is_shut(sim: SimNode, node: Node) -> None:
    async with watched(node) as gate:
        await opened(gate)
        sim.lock()
        gate.shut(NodeLocked())
        looks = sim.calls["GetState"]
        await sim.until(lambda: sim.calls["GetState"] >= looks + 4)
        assert not gate.is_open
        assert sim.calls["LookupInvoice"] == 1  # a locked node is not asked for more
        await sim.unlock()
        await opened(gate)


REASONS = [
    ("LOCKED", NodeLocked, "wallet is locked"),
    ("NON_EXISTING", NodeLocked, "no wallet yet"),
    ("UNLOCKED", NodeStarting, "still starting"),
    ("RPC_ACTIVE", NodeStarting, "still starting"),
    ("WAITING_TO_START", NodeStarting, "still starting"),
]


@pytest.mark.parametrize(("state", "kind", "said"), REASONS, ids=[row[0] for row in REASONS])
async def test_a_node_that_is_not_ready_keeps_it_shut_and_is_the_reason(
    sim: SimNode, node: Node, state: str, kind: type[NodeError], said: str
) -> None:
    sim.set_state(state)
    async with watched(node) as gate:
        await sim.until(lambda: sim.calls["GetState"] >= 3)
        assert not gate.is_open
        assert type(gate.reason) is kind
        assert said in gate.reason.sentence
        sim.set_state("SERVER_ACTIVE")
        await opened(gate)


async def failure(node: Node) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await look(node)
    return caught.value


async def test_a_node_that_is_down_is_the_reason_and_is_found_when_it_is_back(
    sim: SimNode, node: Node
) -> None:
    await sim.down()
    assert type(await failure(node)) is NodeUnreachable
    async with watched(node) as gate:
        await sim.up()
        await opened(gate)


async def test_a_node_that_never_answers_is_the_reason(
    sim: SimNode, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "LOOK_TIMEOUT_S", 0.1)
    await look(node)
    for method in ("GetState", "LookupInvoice"):
        sim.hang(method)
        assert type(await failure(node)) is NodeTimeout


async def test_a_refused_macaroon_keeps_it_shut_until_it_is_exchanged(sim: SimNode) -> None:
    sim.bake(["invoices:read"], root_key_id=1, save_to="bot.macaroon")
    sim.revoke(1)
    node = connection(sim, macaroon=sim.folder / "bot.macaroon")
    async with watched(node) as gate:
        await sim.until(lambda: sim.calls["LookupInvoice"] >= 3)
        assert type(gate.reason) is MacaroonRefused
        sim.bake(["invoices:read"], root_key_id=2, save_to="bot.macaroon")
        await opened(gate)
    await node.close()


async def test_a_macaroon_that_may_not_look_keeps_it_shut(sim: SimNode) -> None:
    sim.bake(["invoices:write"], save_to="bot.macaroon")
    node = connection(sim, macaroon=sim.folder / "bot.macaroon")
    assert type(await failure(node)) is PermissionMissing
    await node.close()


async def test_another_certificate_keeps_it_shut(sim: SimNode) -> None:
    node = connection(sim, tls_cert=None)
    assert type(await failure(node)) is CertificateRefused
    await node.close()


async def test_a_proxy_without_the_wallets_state_is_no_obstacle(sim: SimNode, node: Node) -> None:
    unimplemented = grpc.StatusCode.UNIMPLEMENTED
    sim.fail("GetState", code=unimplemented, text="unknown service lnrpc.State")
    await look(node)
    sim.fail("GetState", code=unimplemented, text="unknown service lnrpc.State")
    sim.lock()
    assert type(await failure(node)) is NodeLocked


async def test_an_outage_is_logged_once_its_next_cause_once_and_its_end_once(
    sim: SimNode, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="bot.gate")
    async with watched(node) as gate:
        await opened(gate)
        assert not caplog.messages

        sim.lock()
        gate.shut(NodeLocked())
        await sim.until(lambda: sim.calls["GetState"] >= 6)
        sim.set_state("UNLOCKED")
        looks = sim.calls["GetState"]
        await sim.until(lambda: sim.calls["GetState"] >= looks + 4)
        await sim.unlock()
        await opened(gate)

        gate.shut(NodeTimeout())  # over before anybody looked
        await opened(gate)
    said = "\n".join(caplog.messages)
    assert said.count("node is away") == 2
    assert said.count("wallet is locked") == 1
    assert said.count("still starting") == 1
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
    monkeypatch.setattr(gate_module, "SETTLED_S", 0.0)
    await gate.watch()
    assert asked == [2, 3, 1]


@given(attempt=st.integers(1, 10_000), longest_s=st.floats(0.2, 300))
def test_a_pause_grows_is_jittered_and_has_an_end(attempt: int, longest_s: float) -> None:
    pause = pause_s(attempt, longest_s=longest_s)
    grown = min(longest_s, gate_module.FIRST_PAUSE_S * 2 ** min(attempt - 1, 20))
    assert 0.75 * grown <= pause <= 1.25 * grown


def test_pauses_are_not_all_the_same() -> None:
    assert len({pause_s(5, longest_s=5.0) for _ in range(20)}) > 10
