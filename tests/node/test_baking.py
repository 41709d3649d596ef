"""The bot's macaroon is baked over gRPC, as the command line of LND would bake it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.values import LndConnect, lndconnect
from bot.demo.node import SimNode
from bot.errors import CallMissing, MacaroonRefused, PermissionMissing
from bot.node.check import BAKING, RIGHTS, bake_line
from bot.node.macaroon import read_macaroon, root_key_id
from tests.node.simulated import PERMISSIONS, connected

METHODS = [right.method for right in RIGHTS]


async def test_it_allows_the_calls_and_nothing_else(sim: SimNode) -> None:
    async with connected(sim) as node:
        baked = bytes.fromhex(await node.bake(METHODS, root_key_id=2**64 - 1))
    assert read_macaroon(baked) == ({("uri", method) for method in METHODS}, [])
    assert root_key_id(baked) == str(2**64 - 1)
    path = sim.folder / "baked"
    path.write_bytes(baked)
    async with connected(sim, macaroon=path) as node:
        await node.info()
        with pytest.raises(PermissionMissing):
            await node.bake(METHODS, root_key_id=1)


async def test_one_without_the_permission_bakes_none(sim: SimNode) -> None:
    sim.bake(PERMISSIONS, save_to="mine")
    async with connected(sim, macaroon=sim.folder / "mine") as node:
        with pytest.raises(PermissionMissing):
            await node.bake(METHODS, root_key_id=1)


async def test_a_call_that_the_node_was_built_without_is_missing(sim: SimNode) -> None:
    async with connected(sim) as node:
        with pytest.raises(CallMissing):
            await node.bake([*METHODS, "/invoicesrpc.Invoices/Eat"], root_key_id=1)


async def test_once_its_root_key_is_deleted_it_is_refused(sim: SimNode, tmp_path: Path) -> None:
    path = tmp_path / "baked"
    async with connected(sim) as node:
        path.write_bytes(bytes.fromhex(await node.bake(METHODS, root_key_id=77)))
    async with connected(sim, macaroon=path) as node:
        await node.info()
        sim.revoke(int(root_key_id(path.read_bytes())))
        with pytest.raises(MacaroonRefused):
            await node.info()


def test_the_line_for_lncli_bakes_the_same_with_another_id() -> None:
    line = bake_line(12345).split()
    assert line[:4] == ["lncli", "bakemacaroon", "--save_to=bot.macaroon", "--root_key_id=12345"]
    assert line[4:] == [f"uri:{method}" for method in METHODS]


def test_what_may_bake_is_read_from_the_permissions() -> None:
    assert BAKING.is_in({("macaroon", "generate")})
    assert BAKING.is_in({("uri", BAKING.method), ("info", "read")})
    assert not BAKING.is_in({("macaroon", "read"), ("macaroon", "write")})


@given(st.binary(min_size=1, max_size=300), st.one_of(st.none(), st.binary(min_size=1)))
def test_an_lndconnect_address_carries_what_was_put_into_it(
    macaroon: bytes, der: bytes | None
) -> None:
    macaroon = b"\x02" + macaroon
    pem = None if der is None else ssl.DER_cert_to_PEM_cert(der).encode()
    read = LndConnect.read(lndconnect("[::1]:10009", macaroon.hex(), pem))
    assert read == ("[::1]:10009", pem, macaroon.hex())
