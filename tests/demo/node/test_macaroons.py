"""Macaroons allow what LND's allow, and are refused in LND's words."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import grpc
import grpc.aio
import pytest

from bot.demo.node import SimNode, macaroons
from bot.lnrpc import macaroon_pb2
from tests.demo.node.client import UNKNOWN, Clock, connected, outcome, refusal, subscribe


async def test_macaroons_that_can_not_be_read(node: SimNode) -> None:
    good = (node.folder / "admin.macaroon").read_bytes()
    cases: list[tuple[list[bytes | str], str]] = [
        ([], "expected 1 macaroon, got 0"),
        ([good, good], "expected 1 macaroon, got 2"),
        ([""], "empty macaroon data"),
        (["zz"], "encoding/hex: invalid byte: U+007A 'z'"),
        ([good.hex()[:-1]], "encoding/hex: odd length hex string"),
        (["abz"], "encoding/hex: invalid byte: U+007A 'z'"),
        ([b"\xff\x00"], "cannot determine data format of binary-encoded macaroon"),
        ([good[:-1]], "unmarshal v2: field data extends past end of buffer"),
        ([good[:20]], "unmarshal v2: field data extends past end of buffer"),
    ]
    for presented, text in cases:
        async with connected(node, *presented) as client:
            assert await refusal(client.info()) == (UNKNOWN, text)
            assert await (await subscribe(node, client)).end() == (UNKNOWN, text)
            assert await client.state() == "SERVER_ACTIVE"


async def test_a_macaroon_of_another_node_is_refused(node: SimNode, tmp_path: Path) -> None:
    async with SimNode(tmp_path / "other") as other:
        foreign = (other.folder / "admin.macaroon").read_bytes()
    async with connected(node, foreign) as client:
        text = "verification failed: signature mismatch after caveat verification"
        assert await refusal(client.info()) == (UNKNOWN, text)


async def test_a_revoked_macaroon_is_refused_though_it_was_taken_before(node: SimNode) -> None:
    baked = node.bake(["info:read"], root_key_id=7)
    async with connected(node, baked) as client:
        await client.info()
        node.revoke(7)
        text = "cannot retrieve macaroon: cannot get macaroon: root key with id 7 doesn't exist"
        assert await refusal(client.info()) == (UNKNOWN, text)
    with pytest.raises(ValueError, match="cannot be deleted"):
        node.revoke(0)


async def test_a_macaroon_runs_out_by_the_nodes_clock(node: SimNode, clock: Clock) -> None:
    until = "time-before 2026-11-22T19:49:57.372105444Z"
    clock.now = 1_795_376_997.3
    baked = node.bake(["info:read"], caveats=[until])
    async with connected(node, baked) as client:
        await client.info()
        clock.now = 1_795_376_997.5
        text = f'caveat "{until}" not satisfied: macaroon has expired'
        assert await refusal(client.info()) == (UNKNOWN, text)
    passing = node.bake(["info:read"], caveats=[macaroons.time_before(clock.now + 1)])
    async with connected(node, passing) as client:
        await client.info()


async def test_a_caveat_that_the_node_does_not_know_is_refused(node: SimNode) -> None:
    async with connected(node, node.bake(["info:read"], caveats=["pizza hot"])) as client:
        text = 'caveat "pizza hot" not satisfied: caveat not recognized'
        assert await refusal(client.info()) == (UNKNOWN, text)


async def test_a_macaroon_bound_to_an_address(node: SimNode) -> None:
    async with connected(node, node.bake(["info:read"], caveats=["ipaddr 127.0.0.1"])) as client:
        await client.info()
    async with connected(node, node.bake(["info:read"], caveats=["ipaddr 10.1.1.1"])) as client:
        text = 'caveat "ipaddr 10.1.1.1" not satisfied: macaroon locked to different IP address'
        assert await refusal(client.info()) == (UNKNOWN, text)


CALLS = {
    "AddInvoice": ("lnrpc.Lightning", "invoices:write"),
    "LookupInvoice": ("lnrpc.Lightning", "invoices:read"),
    "SubscribeInvoices": ("lnrpc.Lightning", "invoices:read"),
    "CancelInvoice": ("invoicesrpc.Invoices", "invoices:write"),
    "GetInfo": ("lnrpc.Lightning", "info:read"),
    "ListChannels": ("lnrpc.Lightning", "offchain:read"),
}


async def allowed(node: SimNode, macaroon: bytes) -> set[str]:
    """Which calls a macaroon opens."""
    invoice = node.add_invoice(1000)
    async with connected(node, macaroon) as client:
        stream = await subscribe(node, client)
        calls: dict[str, Awaitable[object]] = {
            "AddInvoice": client.add(),
            "LookupInvoice": client.lookup(invoice.payment_hash),
            "CancelInvoice": client.cancel(invoice.payment_hash),
            "GetInfo": client.info(),
            "ListChannels": client.list_channels(),
        }
        ends = {name: await outcome(call) for name, call in calls.items()}
        node.end_streams()
        ends["SubscribeInvoices"] = await stream.end(after_events=True)
    opened = {name for name, end in ends.items() if end[0] == grpc.StatusCode.OK}
    refused = {end for name, end in ends.items() if name not in opened}
    assert refused <= {(UNKNOWN, "permission denied")}
    return opened


@pytest.mark.parametrize("method", CALLS)
async def test_each_call_needs_its_permission_or_its_own_uri(node: SimNode, method: str) -> None:
    service, permission = CALLS[method]
    assert await allowed(node, node.bake([f"uri:/{service}/{method}"])) == {method}
    same = {name for name, (_, needed) in CALLS.items() if needed == permission}
    assert await allowed(node, node.bake([permission])) == same
    others = {needed for _, needed in CALLS.values()} - {permission}
    assert await allowed(node, node.bake(others)) == CALLS.keys() - same


async def test_the_macaroon_files_hold_the_permissions_of_lnds(node: SimNode) -> None:
    read = {"LookupInvoice", "SubscribeInvoices", "GetInfo", "ListChannels"}
    invoices = {"AddInvoice", "LookupInvoice", "SubscribeInvoices", "CancelInvoice"}
    for name, opened in (
        ("admin.macaroon", CALLS.keys()),
        ("readonly.macaroon", read),
        ("invoice.macaroon", invoices),
    ):
        assert await allowed(node, (node.folder / name).read_bytes()) == opened


async def test_permissions_can_be_read_from_a_macaroon(node: SimNode) -> None:
    node.bake(["uri:/lnrpc.Lightning/GetInfo", "info:read"], root_key_id=3, save_to="my.macaroon")
    baked = (node.folder / "my.macaroon").read_bytes()
    # version 2, location "lnd", then the identifier: 3 and a protobuf message
    assert baked[:6] == b"\x02\x01\x03lnd"
    assert baked[6] == 2
    length = baked[7]
    assert baked[8] == 3
    identifier = macaroon_pb2.MacaroonId.FromString(baked[9 : 8 + length])
    assert len(identifier.nonce) == 16
    assert identifier.storageId == b"3"
    assert [(op.entity, list(op.actions)) for op in identifier.ops] == [
        ("info", ["read"]),
        ("uri", ["/lnrpc.Lightning/GetInfo"]),
    ]


async def test_renewed_macaroons_replace_the_files_and_end_the_old_ones(node: SimNode) -> None:
    old = (node.folder / "invoice.macaroon").read_bytes()
    node.renew_macaroons()
    async with connected(node, old) as client:
        text = "verification failed: signature mismatch after caveat verification"
        assert await refusal(client.add()) == (UNKNOWN, text)
    async with connected(node, (node.folder / "invoice.macaroon").read_bytes()) as client:
        await client.add()


BAKE = "uri:/lnrpc.Lightning/BakeMacaroon"


@pytest.mark.parametrize("permission", ["macaroon:generate", BAKE])
async def test_a_macaroon_that_may_bake_bakes_one_that_allows_what_was_wanted(
    node: SimNode, permission: str
) -> None:
    async with connected(node, node.bake([permission])) as client:
        narrow = await client.bake("uri:/lnrpc.Lightning/GetInfo", root_key_id=2**64 - 1)
        assert await allowed(node, bytes.fromhex(narrow)) == {"GetInfo"}
        wide = await client.bake("invoices:read", "info:read")
        assert await allowed(node, bytes.fromhex(wide)) == {
            *("LookupInvoice", "SubscribeInvoices", "GetInfo")
        }
        node.revoke(2**64 - 1)
    async with connected(node, narrow) as client:
        number = 2**64 - 1
        text = f"macaroon: root key with id {number} doesn't exist"
        assert (await refusal(client.info()))[1].endswith(text)


@pytest.mark.parametrize("permission", ["macaroon:read", "macaroon:write", "info:read"])
async def test_no_other_macaroon_bakes_one(node: SimNode, permission: str) -> None:
    async with connected(node, node.bake([permission])) as client:
        assert await refusal(client.bake("info:read")) == (UNKNOWN, "permission denied")


async def test_what_no_macaroon_can_be_baked_for_is_refused_unless_it_is_external(
    node: SimNode,
) -> None:
    known = (
        "supported actions are [read write generate], supported entities are [onchain offchain "
        "address message peers info invoices signer macaroon uri]"
    )
    uri = "invalid permission action, must be an existing URI in the format "
    cases = {
        (): f"permission list cannot be empty. specify at least one action/entity pair. {known}",
        ("pizza:read",): f"invalid permission entity. {known}",
        ("info:eat",): f"invalid permission action. {known}",
        ("info:read", "uri:/lnrpc.Pizza/Eat"): f"{uri}/package.Service/MethodName",
        # it needs no permission
        ("uri:/lnrpc.State/GetState",): f"{uri}/package.Service/MethodName",
    }
    async with connected(node, (node.folder / "admin.macaroon").read_bytes()) as client:
        for wanted, text in cases.items():
            assert await refusal(client.bake(*wanted)) == (UNKNOWN, text)
            if wanted:
                assert await client.bake(*wanted, external=True)
        assert await refusal(client.bake(external=True)) == (UNKNOWN, cases[()])
