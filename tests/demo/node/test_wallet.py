"""The wallet's states, from a start to LOCKED and back."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import grpc
import grpc.aio
import pytest

from bot.demo.node import SimNode
from tests.demo.node.client import UNKNOWN, Client, Clock, connected, refusal, subscribe

STARTING = "the RPC server is in the process of starting up, but not yet ready to accept calls"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("WAITING_TO_START", "waiting to start, RPC services not available"),
        ("NON_EXISTING", "wallet not created, create one to enable full RPC access"),
        ("LOCKED", "wallet locked, unlock it to enable full RPC access"),
        ("UNLOCKED", STARTING),
    ],
)
async def test_a_state_that_refuses_does_so_before_the_macaroon_is_looked_at(
    node: SimNode, state: str, text: str
) -> None:
    node.set_state(state)
    async with connected(node) as stranger:
        assert await stranger.state() == state
        calls = (stranger.info(), stranger.add(), stranger.lookup(b""), stranger.cancel(b""))
        for call in calls:
            assert await refusal(call) == (UNKNOWN, text)
        assert await (await subscribe(node, stranger)).end() == (UNKNOWN, text)


@pytest.mark.parametrize("state", ["RPC_ACTIVE", "SERVER_ACTIVE"])
async def test_an_active_node_works(node: SimNode, client: Client, state: str) -> None:
    node.set_state(state)
    assert await client.state() == state
    assert (await client.add(value=1)).add_index == 1


async def test_a_start_and_an_unlock_go_through_all_states(tmp_path: Path, clock: Clock) -> None:
    node = SimNode(tmp_path, clock=clock)
    seen: list[str] = []

    def note_state() -> bool:
        if seen[-1:] != [node.state]:
            seen.append(node.state)
        return node.state == "SERVER_ACTIVE" and seen.count("SERVER_ACTIVE") == 2

    noting = asyncio.create_task(node.until(note_state))
    starting = asyncio.create_task(node.start(starting_s=0.05))
    await node.until(lambda: node.state == "UNLOCKED")
    await node.until(lambda: node.alive)
    async with connected(node) as client:
        await client.back()
        await starting
        node.lock()
        assert await client.state() == "LOCKED"
        await node.unlock(starting_s=0.01)
        assert await client.state() == "SERVER_ACTIVE"
    await noting
    once = ["UNLOCKED", "RPC_ACTIVE", "SERVER_ACTIVE"]
    assert seen == ["WAITING_TO_START", *once, "LOCKED", *once]
    await node.stop()


async def test_a_lock_ends_streams_and_a_locked_node_lets_nothing_expire(
    node: SimNode, client: Client, clock: Clock
) -> None:
    added = await client.add(expiry=60)
    stream = await subscribe(node, client)
    node.lock()
    assert await stream.end() == (grpc.StatusCode.OK, "")
    clock.now += 61
    node.clock_changed()
    assert await client.state() == "LOCKED"
    assert node.invoices[added.r_hash].state_name == "open"
    await node.unlock()
    assert node.invoices[added.r_hash].state_name == "canceled"


async def test_a_node_can_start_locked(tmp_path: Path) -> None:
    node = SimNode(tmp_path)
    await node.start(locked=True)
    assert node.state == "LOCKED"
    await node.unlock()
    assert node.state == "SERVER_ACTIVE"
    await node.stop()


async def test_rpc_active_without_a_synced_chain_stores_an_invoice_and_hangs(
    node: SimNode, client: Client
) -> None:
    node.set_state("RPC_ACTIVE")
    node.synced_to_chain = False
    preimage = b"p" * 32
    code, _ = await refusal(client.add(value=1, r_preimage=preimage, timeout_s=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await client.lookup(hashlib.sha256(preimage).digest())).value == 1
