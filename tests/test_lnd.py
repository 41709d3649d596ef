"""The node's client against a simulated node: real gRPC, real TLS, real macaroons."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from pydantic import SecretStr

from bot import errors, lnd, logs
from bot.config import LndSettings
from bot.demo.node import SimInvoice, SimNode, macaroons
from bot.errors import (
    AlreadySettled,
    CertificateRefused,
    InvoiceUnknown,
    MacaroonRefused,
    NodeError,
    NodeLocked,
    NodeOdd,
    NodePassing,
    NodeRefused,
    NodeSetting,
    NodeStarting,
    NodeTimeout,
    NodeUnreachable,
    PermissionMissing,
)
from bot.lnd import Node, NodeInvoice
from tests.world import Clock

LIMIT_S = 10.0
PREIMAGE = hashlib.sha256(b"a preimage").digest()
HASH = hashlib.sha256(PREIMAGE).digest()
INVOICES = ("invoices:read", "invoices:write", "info:read", "offchain:read")

UNKNOWN = grpc.StatusCode.UNKNOWN
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def sentence(kind: type[NodeError]) -> str:
    return (kind.__doc__ or "").splitlines()[0]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the log hides is forgotten after each test: each secret makes its pattern longer."""
    monkeypatch.setattr(logs, "_hidden", set())
    monkeypatch.setattr(logs, "_pattern", logs._pattern)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sim(tmp_path: Path, clock: Clock) -> AsyncIterator[SimNode]:
    async with SimNode(tmp_path / "lnd", clock=clock) as sim:
        yield sim


def settings(sim: SimNode, **changes: Any) -> LndSettings:
    return LndSettings(
        **{
            "host": sim.address,
            "tls_cert": sim.folder / "tls.cert",
            "macaroon": sim.folder / "admin.macaroon",
            **changes,
        }
    )


@contextlib.asynccontextmanager
async def connected(sim: SimNode, **changes: Any) -> AsyncIterator[Node]:
    node = Node(settings(sim, **changes))
    try:
        yield node
    finally:
        await node.close()


@pytest.fixture
async def node(sim: SimNode) -> AsyncIterator[Node]:
    async with connected(sim) as node:
        yield node


async def failure(call: Awaitable[object]) -> NodeError:
    """What a call fails with; nothing that it says holds what must stay secret."""
    with pytest.raises(NodeError) as caught:
        async with asyncio.timeout(LIMIT_S):
            await call
    return caught.value


async def add(node: Node, **fields: Any) -> None:
    await node.add(
        **{
            "preimage": PREIMAGE,
            "amount_msat": 2_100_000,
            "memo": "pizza",
            "expiry_s": 3600,
            **fields,
        }
    )


async def answered(call: Callable[[], Awaitable[object]]) -> None:
    """Repeat a call until the node is in reach again."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                await call()
            except NodeUnreachable:
                await asyncio.sleep(0.02)
            else:
                return


def silent_port() -> socket.socket:
    """A port that takes connections and never says a word."""
    port = socket.create_server(("127.0.0.1", 0))
    port.setblocking(False)
    return port


# what the node or the connection says → one of our errors

MEMO = "The Lightning node says that the memo is too long."
TEXTS: list[tuple[str, type[NodeError], str | None]] = [
    # every call
    ("waiting to start, RPC services not available", NodeStarting, None),
    (
        "wallet not created, create one to enable full RPC access",
        NodeLocked,
        "The Lightning node has no wallet yet: its owner has to create one.",
    ),
    ("wallet locked, unlock it to enable full RPC access", NodeLocked, None),
    (
        "the RPC server is in the process of starting up, but not yet ready to accept calls",
        NodeStarting,
        None,
    ),
    ("invoice registry shutting down", NodeStarting, "The Lightning node is shutting down."),
    ("expected 1 macaroon, got 0", MacaroonRefused, None),
    ("expected 1 macaroon, got 2", MacaroonRefused, None),
    ("empty macaroon data", MacaroonRefused, None),
    ("encoding/hex: invalid byte: U+007A 'z'", MacaroonRefused, None),
    ("encoding/hex: odd length hex string", MacaroonRefused, None),
    ("cannot determine data format of binary-encoded macaroon", MacaroonRefused, None),
    ("unmarshal v2: field data extends past end of buffer", MacaroonRefused, None),
    ("permission denied", PermissionMissing, None),
    (
        "verification failed: signature mismatch after caveat verification",
        MacaroonRefused,
        None,
    ),
    (
        "cannot retrieve macaroon: cannot get macaroon: root key with id 7 doesn't exist",
        MacaroonRefused,
        None,
    ),
    (
        'caveat "time-before 2026-11-22T19:49:57.372105444Z" not satisfied: macaroon has expired',
        MacaroonRefused,
        "This bot's macaroon has expired: a new one is due.",
    ),
    (
        'caveat "ipaddr 10.1.1.1" not satisfied: macaroon locked to different IP address',
        MacaroonRefused,
        "This bot's macaroon is bound to another address: its owner has to bake one for here.",
    ),
    # AddInvoice
    ("memo too large: 1026 bytes (maxsize=1024)", NodeRefused, MEMO),
    ("data length too big to fit within 10 bits: 1024", NodeRefused, MEMO),
    ("sat and msat arguments are mutually exclusive", NodeRefused, None),
    ("amount cannot be negative", NodeRefused, None),
    (
        "invoice amount 100000.00000001 BTC is too large, max is 100000 BTC",
        NodeRefused,
        "The Lightning node says that the amount is too large.",
    ),
    (
        "expiry of 3.1536001e+07 seconds greater than max expiry of 3.1536e+07 seconds",
        NodeRefused,
        "The Lightning node says that the expiry is too long.",
    ),
    ("invalid preimage length of 31, want 32", NodeRefused, None),
    ("description hash is 31 bytes, must be 32", NodeRefused, None),
    ("CLTV delta of 18 must be greater than minimum of 24", NodeRefused, None),
    # LookupInvoice and CancelInvoice
    ("payment hash must be exactly 32 bytes, is instead 31", NodeRefused, None),
    ("unable to locate invoice", InvoiceUnknown, None),
    ("invalid hash length of 31, want 32", NodeRefused, None),
    ("invoice already settled", AlreadySettled, None),
    # none that we know
    ("the moon is in the wrong quarter", NodeOdd, None),
    ("", NodeOdd, None),
]


@pytest.mark.parametrize(("text", "kind", "said"), TEXTS, ids=[row[0][:45] for row in TEXTS])
async def test_a_text_of_the_nodes_becomes_the_error_that_says_what_to_do(
    sim: SimNode, node: Node, text: str, kind: type[NodeError], said: str | None
) -> None:
    sim.fail("CancelInvoice", text=text)
    error = await failure(node.cancel(HASH))
    assert type(error) is kind
    assert error.sentence == (said or sentence(kind))
    assert error.detail == f"UNKNOWN: {text}"


CODES: list[tuple[grpc.StatusCode, str, type[NodeError]]] = [
    (grpc.StatusCode.NOT_FOUND, "unable to locate invoice", InvoiceUnknown),
    (grpc.StatusCode.NOT_FOUND, "there are no existing invoices", InvoiceUnknown),
    (grpc.StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded", NodeTimeout),
    (grpc.StatusCode.CANCELLED, "context canceled", NodeUnreachable),
    (grpc.StatusCode.UNAVAILABLE, "Stream removed (Socket closed)", NodeUnreachable),
    (grpc.StatusCode.UNIMPLEMENTED, "unknown method X for service lnrpc.Lightning", NodeSetting),
    (grpc.StatusCode.UNIMPLEMENTED, "unknown service lnrpc.Lightning", NodeSetting),
    (grpc.StatusCode.UNAUTHENTICATED, "", MacaroonRefused),
    (grpc.StatusCode.PERMISSION_DENIED, "", PermissionMissing),
    (grpc.StatusCode.INTERNAL, "oops", NodeOdd),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", NodeOdd),
]


@pytest.mark.parametrize(("code", "text", "kind"), CODES)
async def test_a_code_becomes_the_error_that_says_what_to_do(
    sim: SimNode, node: Node, code: grpc.StatusCode, text: str, kind: type[NodeError]
) -> None:
    sim.fail("LookupInvoice", code=code, text=text)
    assert type(await failure(node.lookup(HASH))) is kind


def test_every_error_says_what_happened_in_one_or_two_sentences() -> None:
    kinds = [NodeError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        said = sentence(kind)
        assert said.endswith("."), kind
        assert said.count(". ") <= 1
        assert not any(word in said.lower() for word in ("grpc", "traceback", "exception", "code"))
        assert kind().sentence == said


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        ("WAITING_TO_START", NodeStarting, None),
        ("NON_EXISTING", NodeLocked, "no wallet yet"),
        ("LOCKED", NodeLocked, None),
        ("UNLOCKED", NodeStarting, None),
    ],
)
async def test_a_node_that_is_not_ready_says_so_and_still_tells_its_state(
    sim: SimNode, node: Node, state: str, kind: type[NodeError], said: str | None
) -> None:
    sim.set_state(state)
    for call in (add(node), node.lookup(HASH), node.cancel(HASH), node.info()):
        error = await failure(call)
        assert type(error) is kind
        assert (said or sentence(kind)) in error.sentence
    assert await node.state() == state


async def test_each_state_of_the_wallet_has_its_name(sim: SimNode, node: Node) -> None:
    for state in ("RPC_ACTIVE", "SERVER_ACTIVE"):
        sim.set_state(state)
        assert await node.state() == state


# macaroons


async def refused_macaroon(sim: SimNode, macaroon: bytes) -> NodeError:
    (sim.folder / "odd.macaroon").write_bytes(macaroon)
    async with connected(sim, macaroon=sim.folder / "odd.macaroon") as node:
        error = await failure(node.lookup(HASH))
    assert macaroon.hex() not in f"{error!r} {error.detail}"
    return error


async def test_what_is_not_a_macaroon_is_refused(sim: SimNode) -> None:
    for odd in (b"not a macaroon", sim.bake(INVOICES)[:-9], b"\x02"):
        assert type(await refused_macaroon(sim, odd)) is MacaroonRefused


async def test_no_macaroon_at_all_is_refused(sim: SimNode) -> None:
    async with connected(sim, macaroon=None) as node:
        assert type(await failure(node.lookup(HASH))) is MacaroonRefused


async def test_another_nodes_macaroon_is_refused(sim: SimNode, clock: Clock) -> None:
    other = macaroons.Bakery(clock).bake(INVOICES)
    assert type(await refused_macaroon(sim, other)) is MacaroonRefused


async def test_a_revoked_macaroon_is_refused(sim: SimNode) -> None:
    baked = sim.bake(INVOICES, root_key_id=3)
    sim.revoke(3)
    assert type(await refused_macaroon(sim, baked)) is MacaroonRefused


async def test_a_macaroon_that_expires_is_refused_from_then_on(sim: SimNode, clock: Clock) -> None:
    caveat = macaroons.time_before(clock() + 60)
    sim.bake(INVOICES, caveats=[caveat], save_to="short.macaroon")
    async with connected(sim, macaroon=sim.folder / "short.macaroon") as node:
        await node.info()
        clock.ahead_s = 61
        error = await failure(node.info())
        assert type(error) is MacaroonRefused
        assert error.sentence == "This bot's macaroon has expired: a new one is due."


async def test_a_macaroon_bound_to_another_address_is_refused(sim: SimNode) -> None:
    error = await refused_macaroon(sim, sim.bake(INVOICES, caveats=["ipaddr 10.1.1.1"]))
    assert "bound to another address" in error.sentence


async def test_each_call_that_lacks_its_permission_says_so(sim: SimNode) -> None:
    async with connected(sim, macaroon=sim.folder / "readonly.macaroon") as node:
        assert type(await failure(add(node))) is PermissionMissing
        assert type(await failure(node.cancel(HASH))) is PermissionMissing
        assert type(await failure(node.lookup(HASH))) is InvoiceUnknown
    async with connected(sim, macaroon=sim.folder / "invoice.macaroon") as node:
        await add(node)
        await node.cancel(HASH)
        assert type(await failure(node.info())) is PermissionMissing
        assert type(await failure(node.receivable_msat())) is PermissionMissing
    sim.bake(["info:read"], save_to="info.macaroon")
    async with connected(sim, macaroon=sim.folder / "info.macaroon") as node:
        assert type(await failure(anext(node.follow(0)))) is PermissionMissing


async def test_the_narrow_macaroon_is_enough_for_every_call(sim: SimNode) -> None:
    main = ("AddInvoice", "LookupInvoice", "SubscribeInvoices", "GetInfo", "ListChannels")
    narrow = [f"uri:/lnrpc.Lightning/{method}" for method in main]
    narrow.append("uri:/invoicesrpc.Invoices/CancelInvoice")
    sim.bake(narrow, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        await node.state()
        await node.info()
        await node.receivable_msat()
        await add(node)
        await node.lookup(HASH)
        await node.cancel(HASH)
        async with following(sim, node) as events:
            sim.pay(sim.add_invoice(1000).payment_request)
            assert [(await event(events)).state for _ in range(2)] == ["open", "settled"]


async def test_a_macaroon_that_is_revoked_is_exchanged_without_a_restart(sim: SimNode) -> None:
    sim.bake(INVOICES, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        await add(node)
        sim.revoke(1)
        assert type(await failure(node.lookup(HASH))) is MacaroonRefused
        sim.bake(INVOICES, root_key_id=2, save_to="bot.macaroon")
        assert (await node.lookup(HASH)).state == "open"


async def test_a_permission_that_is_added_is_found_without_a_restart(sim: SimNode) -> None:
    sim.bake(["invoices:read"], save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        assert type(await failure(add(node))) is PermissionMissing
        sim.bake(INVOICES, save_to="bot.macaroon")
        await add(node)


# TLS and the connection


async def test_a_node_that_is_down_can_not_be_reached_and_is_reached_soon_after(
    sim: SimNode, node: Node
) -> None:
    await node.state()
    await sim.down()
    for _ in range(3):
        error = await failure(node.state())
        assert type(error) is NodeUnreachable
        assert error.sentence == "The Lightning node can't be reached."
    await sim.up()
    await answered(node.state)


def test_the_channel_pings_as_lnd_permits_and_comes_back_soon() -> None:
    options = dict(lnd.CHANNEL_OPTIONS)
    assert options["grpc.keepalive_time_ms"] == 25_000
    assert options["grpc.keepalive_timeout_ms"] == 10_000
    assert options["grpc.keepalive_permit_without_calls"] == 0
    assert options["grpc.initial_reconnect_backoff_ms"] == 500
    assert options["grpc.min_reconnect_backoff_ms"] == 5_000  # time for a slow line's handshake
    assert options["grpc.max_reconnect_backoff_ms"] == 1_000
    assert options["grpc.enable_retries"] == 0


async def test_a_certificate_that_is_renewed_is_read_again_without_a_restart(
    sim: SimNode, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await add(node)
    await sim.stop()
    sim.renew_certificate()
    await sim.start()

    await answered(node.state)
    found = await asyncio.gather(*(node.lookup(HASH) for _ in range(8)))

    assert [each.state for each in found] == ["open"] * 8
    assert "\n".join(caplog.messages).count("node credentials read again") == 1


async def test_many_calls_that_meet_a_new_certificate_at_once_read_it_once(
    sim: SimNode, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await add(node)
    sim.renew_macaroons()
    found = await asyncio.gather(*(node.lookup(HASH) for _ in range(8)))
    assert [each.state for each in found] == ["open"] * 8
    assert "\n".join(caplog.messages).count("node credentials read again") == 1


async def test_another_certificate_is_refused_until_the_file_is_exchanged(
    sim: SimNode, tmp_path: Path
) -> None:
    mine = tmp_path / "copy.cert"
    mine.write_bytes((sim.folder / "tls.cert").read_bytes())
    async with connected(sim, tls_cert=mine) as node:
        await node.state()
        await sim.stop()
        sim.renew_certificate()
        await sim.start()
        error = await refusing(node)
        assert "certificate has changed" in error.sentence

        mine.write_bytes((sim.folder / "tls.cert").read_bytes())
        assert await node.state() == "SERVER_ACTIVE"


async def refusing(node: Node) -> NodeError:
    """What a node that is back refuses with."""
    with pytest.raises(CertificateRefused) as caught:
        await answered(node.state)
    return caught.value


async def test_an_expired_certificate_is_told_as_that(sim: SimNode) -> None:
    await sim.stop()
    sim.renew_certificate(valid_s=-60)
    await sim.start()
    async with connected(sim) as node:
        error = await failure(node.state())
    assert type(error) is CertificateRefused
    assert "certificate has expired" in error.sentence


async def test_a_certificate_without_the_nodes_address_is_told_as_that(sim: SimNode) -> None:
    await sim.stop()
    sim.renew_certificate(hosts=["node.example"])
    await sim.start()
    async with connected(sim) as node:
        error = await failure(node.state())
    assert type(error) is CertificateRefused
    assert "tlsextradomain" in error.sentence


async def test_a_public_authority_does_not_vouch_for_lnds_own_certificate(sim: SimNode) -> None:
    async with connected(sim, tls_cert=None) as node:
        assert type(await failure(node.state())) is CertificateRefused


async def test_a_port_without_tls_is_told_as_that(sim: SimNode) -> None:
    plain = grpc.aio.server()
    port = plain.add_insecure_port("127.0.0.1:0")
    await plain.start()
    try:
        async with connected(sim, host=f"127.0.0.1:{port}") as node:
            error = await failure(node.state())
    finally:
        await plain.stop(None)
    assert type(error) is CertificateRefused
    assert "answers without TLS" in error.sentence


async def test_a_silent_port_ends_with_the_deadline(sim: SimNode) -> None:
    with silent_port() as port:
        host = f"127.0.0.1:{port.getsockname()[1]}"
        async with connected(sim, host=host) as node:
            for call in (node.state(timeout_s=0.2), node.lookup(HASH, timeout_s=0.2)):
                assert type(await failure(call)) is NodeTimeout


@pytest.mark.parametrize("part", [b"-----BEGIN CERTIFICATE-----\n", slice(300), slice(-30)])
async def test_a_certificate_read_half_written_is_read_again(
    sim: SimNode, tmp_path: Path, part: bytes | slice
) -> None:
    whole = (sim.folder / "tls.cert").read_bytes()
    file = tmp_path / "tls.cert"
    file.write_bytes(part if isinstance(part, bytes) else whole[part])
    async with connected(sim, tls_cert=file) as node:
        error = await failure(node.state())
        assert type(error) is CertificateRefused
        assert "damaged" in error.sentence
        file.write_bytes(whole)
        assert await node.state() == "SERVER_ACTIVE"


@pytest.mark.parametrize("name", ["tls.cert", "admin.macaroon"])
async def test_a_file_that_is_missing_at_first_is_found_once_it_is_there(
    sim: SimNode, name: str
) -> None:
    file = sim.folder / name
    content = file.read_bytes()
    file.unlink()
    async with connected(sim) as node:
        for call in (node.state(), node.lookup(HASH), anext(node.follow(0))):
            error = await failure(call)
            assert type(error) is NodeSetting
            assert "can't read" in error.sentence
            assert str(file) in error.detail
        file.write_bytes(content)
        assert await node.state() == "SERVER_ACTIVE"


async def test_a_file_that_vanishes_later_is_told_with_the_nodes_own_reason(sim: SimNode) -> None:
    sim.bake(INVOICES, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        await node.info()
        (sim.folder / "bot.macaroon").unlink()
        await node.info()  # it is not needed as long as the node takes it
        sim.revoke(1)
        error = await failure(node.info())
        assert type(error) is MacaroonRefused
        assert "bot.macaroon" in error.detail
        sim.bake(INVOICES, root_key_id=2, save_to="bot.macaroon")
        await node.info()


async def test_lndconnect_is_all_that_is_needed(sim: SimNode) -> None:
    der = ssl.PEM_cert_to_DER_cert((sim.folder / "tls.cert").read_text())
    cert, macaroon = (
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (der, (sim.folder / "admin.macaroon").read_bytes())
    )
    uri = f"lndconnect://{sim.address}?cert={cert}&macaroon={macaroon}"
    node = Node(LndSettings(lndconnect=SecretStr(uri)))
    try:
        assert (await node.info()).identity_pubkey == sim.identity_pubkey
    finally:
        await node.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_the_node_is_reached_by_any_name_of_its_certificate(sim: SimNode, name: str) -> None:
    port = sim.address.rpartition(":")[2]
    async with connected(sim, host=f"{name}:{port}") as node:
        assert await node.state() == "SERVER_ACTIVE"


async def test_a_restarted_node_is_found_again(sim: SimNode, node: Node) -> None:
    await add(node)
    await sim.kill()
    assert isinstance(await failure(node.lookup(HASH)), NodePassing)
    await sim.start()
    await answered(lambda: node.lookup(HASH))


# deadlines and the end

DEADLINES: list[tuple[str, Callable[[Node], Awaitable[object]]]] = [
    ("GetState", lambda node: node.state(timeout_s=0.1)),
    ("AddInvoice", lambda node: add(node, timeout_s=0.1)),
    ("LookupInvoice", lambda node: node.lookup(HASH, timeout_s=0.1)),
    ("GetInfo", lambda node: node.info()),
    ("CancelInvoice", lambda node: node.cancel(HASH)),
    ("ListChannels", lambda node: node.receivable_msat()),
]


@pytest.mark.parametrize(("method", "call"), DEADLINES, ids=[row[0] for row in DEADLINES])
async def test_a_call_that_is_never_answered_ends_with_its_deadline(
    sim: SimNode,
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    call: Callable[[Node], Awaitable[object]],
) -> None:
    monkeypatch.setattr(lnd, "CALL_TIMEOUT_S", 0.1)
    await node.state()
    sim.hang(method)
    error = await failure(call(node))
    assert type(error) is NodeTimeout
    assert error.sentence == "The Lightning node does not answer."


async def test_an_add_whose_answer_is_lost_may_have_arrived_and_is_repeated(
    sim: SimNode, node: Node
) -> None:
    await node.state()
    sim.lose_answer("AddInvoice")
    assert isinstance(await failure(add(node)), NodePassing)
    assert HASH in sim.invoices
    await answered(lambda: add(node))
    assert len(sim.invoices) == 1


async def test_an_add_that_hangs_while_the_chain_is_not_synced_is_unknown(
    sim: SimNode, node: Node
) -> None:
    sim.synced_to_chain = False
    sim.set_state("RPC_ACTIVE")
    assert type(await failure(add(node, timeout_s=0.2))) is NodeTimeout
    assert (await node.lookup(HASH)).state == "open"
    await add(node, timeout_s=5)  # the node says at once that it has it


async def test_a_call_under_way_when_the_connection_is_closed_is_unreachable(
    sim: SimNode, node: Node
) -> None:
    held = sim.stall("LookupInvoice")
    call = asyncio.create_task(node.lookup(HASH))
    await held.reached()
    await node.close()
    error = await failure(call)
    assert type(error) is NodeUnreachable
    held.release()


async def test_a_caller_that_is_cancelled_is_cancelled(sim: SimNode, node: Node) -> None:
    held = sim.stall("LookupInvoice")
    call = asyncio.create_task(node.lookup(HASH))
    await held.reached()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    held.release()


async def test_a_caller_is_cancelled_even_as_the_channel_is_exchanged(sim: SimNode) -> None:
    sim.bake(INVOICES, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        held = sim.stall("LookupInvoice")
        call = asyncio.create_task(node.lookup(HASH))
        await held.reached()
        sim.revoke(1)
        sim.bake(INVOICES, root_key_id=2, save_to="bot.macaroon")
        await node.info()  # on a channel of its own from now on
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        held.release()


# what the calls do


async def test_an_invoice_is_added_with_all_that_was_asked(sim: SimNode, node: Node) -> None:
    await add(node, amount_msat=2_100_500, memo="Pizza für \U0001f9c0\nund mehr", expiry_s=61)
    found = await node.lookup(HASH)
    there = sim.invoices[HASH]
    assert found == NodeInvoice(
        payment_hash=HASH,
        payment_request=there.payment_request,
        payment_addr=there.payment_addr,
        memo="Pizza für \U0001f9c0\nund mehr",
        amount_msat=2_100_500,
        paid_msat=0,
        created_at=there.created_at,
        expires_at=there.created_at + 61,
        settled_at=0,
        state="open",
        add_index=1,
        settle_index=0,
    )


async def test_nothing_msat_is_an_invoice_of_any_amount(sim: SimNode, node: Node) -> None:
    await add(node, amount_msat=0)
    sim.pay(sim.invoices[HASH].payment_request, amount_msat=777_000)
    found = await node.lookup(HASH)
    assert (found.amount_msat, found.paid_msat, found.state) == (0, 777_000, "settled")


@pytest.mark.parametrize("hints", [False, True])
async def test_private_channels_are_named_only_where_that_is_set(sim: SimNode, hints: bool) -> None:
    sim.set_private_channels(2)
    async with connected(sim, private_route_hints=hints) as node:
        await add(node)
    assert sim.invoices[HASH].private is hints


async def test_adding_the_same_preimage_again_is_success_whatever_became_of_it(
    sim: SimNode, node: Node
) -> None:
    await add(node)
    await add(node)
    sim.pay(sim.invoices[HASH].payment_request)
    await add(node)
    other = hashlib.sha256(b"another").digest()
    await add(node, preimage=other)
    await node.cancel(hashlib.sha256(other).digest())
    await add(node, preimage=other)
    assert len(sim.invoices) == 2


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"memo": "x" * 640}, "memo"),
        ({"memo": "x" * 1025}, "memo"),
        ({"amount_msat": 10_000_000_000_001_000}, "amount"),
        ({"expiry_s": 31_536_001}, "expiry"),
        ({"amount_msat": -1}, "refused"),
        ({"preimage": b"x" * 31}, "refused"),
    ],
)
async def test_what_the_node_never_takes_is_refused_for_good(
    sim: SimNode, node: Node, fields: dict[str, Any], part: str
) -> None:
    error = await failure(add(node, **fields))
    assert type(error) is NodeRefused
    assert part in error.sentence
    assert not sim.invoices


async def test_a_settled_invoice_looks_up_with_its_payment(
    sim: SimNode, node: Node, clock: Clock
) -> None:
    sim.pay(sim.add_invoice(1000).payment_request)
    await add(node)
    sim.pay(sim.invoices[HASH].payment_request, amount_msat=2_200_000)
    found = await node.lookup(HASH)
    assert (found.state, found.settle_index, found.paid_msat) == ("settled", 2, 2_200_000)
    assert found.settled_at == sim.invoices[HASH].settled_at > 0


async def test_an_accepted_and_a_canceled_invoice_look_up_as_that(sim: SimNode, node: Node) -> None:
    await add(node)
    sim.pay(sim.invoices[HASH].payment_request, hold=True)
    assert (await node.lookup(HASH)).state == "accepted"
    await node.cancel(HASH)
    assert (await node.lookup(HASH)).state == "canceled"


async def test_a_state_of_a_newer_node_is_unknown_and_no_error(sim: SimNode, node: Node) -> None:
    await add(node)
    sim.invoices[HASH].state = 7  # type: ignore[index]
    assert (await node.lookup(HASH)).state == "unknown"
    async with following(sim, node) as events:
        sim.send_again(HASH)
        assert (await event(events)).state == "unknown"


async def test_what_a_cancellation_comes_to(sim: SimNode, node: Node) -> None:
    assert type(await failure(node.cancel(HASH))) is InvoiceUnknown
    await add(node)
    await node.cancel(HASH)
    await node.cancel(HASH)
    assert sim.invoices[HASH].state_name == "canceled"
    paid = sim.pay(sim.add_invoice(1000).payment_request)
    assert type(await failure(node.cancel(paid.payment_hash))) is AlreadySettled
    sim.delete_invoice(HASH)
    assert type(await failure(node.cancel(HASH))) is InvoiceUnknown


async def test_an_invoice_that_nobody_added_is_unknown(sim: SimNode, node: Node) -> None:
    assert type(await failure(node.lookup(HASH))) is InvoiceUnknown
    sim.add_invoice(1000)
    assert type(await failure(node.lookup(HASH))) is InvoiceUnknown


async def test_the_node_says_who_it_is(sim: SimNode, node: Node) -> None:
    info = await node.info()
    assert info.identity_pubkey == sim.identity_pubkey
    assert (info.network, info.synced_to_chain) == ("simnet", True)
    assert info.version.startswith("0.")
    sim.synced_to_chain = False
    assert not (await node.info()).synced_to_chain


async def test_receivable_counts_active_channels_without_their_reserves(
    sim: SimNode, node: Node
) -> None:
    expected = sum(channel.receivable_msat for channel in sim.ledger.channels)
    assert await node.receivable_msat() == expected > 0
    sim.ledger.channels[0].active = False
    assert await node.receivable_msat() == expected // 2
    sim.ledger.channels.clear()
    assert await node.receivable_msat() == 0


# follow


@contextlib.asynccontextmanager
async def following(
    sim: SimNode, node: Node, settle_index: int = 0
) -> AsyncIterator[AsyncIterator[NodeInvoice]]:
    """A stream that the node has taken up; what it tells goes into a queue."""
    before = sim.calls["SubscribeInvoices"]
    events = node.follow(settle_index)
    first = asyncio.ensure_future(anext(events))
    await sim.until(lambda: sim.calls["SubscribeInvoices"] > before)

    async def all_events() -> AsyncIterator[NodeInvoice]:
        with contextlib.suppress(StopAsyncIteration):
            yield await first
            async for each in events:
                yield each

    rest = all_events()
    try:
        yield rest
    finally:
        first.cancel()
        await asyncio.wait({first})
        await rest.aclose()
        await events.aclose()  # type: ignore[attr-defined]


async def event(events: AsyncIterator[NodeInvoice]) -> NodeInvoice:
    async with asyncio.timeout(LIMIT_S):
        return await anext(events)


async def rest_of(events: AsyncIterator[NodeInvoice]) -> list[NodeInvoice]:
    async with asyncio.timeout(LIMIT_S):
        return [each async for each in events]


def paid(sim: SimNode) -> SimInvoice:
    return sim.pay(sim.add_invoice(1000).payment_request)


async def test_follow_tells_each_add_and_each_payment_but_no_cancellation(
    sim: SimNode, node: Node
) -> None:
    async with following(sim, node) as events:
        await add(node)
        other = sim.add_invoice(5000, memo="somebody else's")
        await node.cancel(other.payment_hash)
        sim.pay(sim.invoices[HASH].payment_request)
        told = [await event(events) for _ in range(3)]
    assert [(each.payment_hash, each.state) for each in told] == [
        (HASH, "open"),
        (other.payment_hash, "open"),
        (HASH, "settled"),
    ]
    assert (told[2].settle_index, told[2].paid_msat) == (1, 2_100_000)


async def test_follow_replays_payments_after_the_index_then_goes_on(
    sim: SimNode, node: Node
) -> None:
    first, second, third = paid(sim), paid(sim), paid(sim)
    async with following(sim, node, settle_index=first.settle_index) as events:
        assert [(await event(events)).payment_hash for _ in range(2)] == [
            second.payment_hash,
            third.payment_hash,
        ]
        fourth = paid(sim)
        assert (await event(events)).state == "open"
        assert (await event(events)).payment_hash == fourth.payment_hash


async def test_follow_from_nothing_replays_nothing(sim: SimNode, node: Node) -> None:
    paid(sim)
    async with following(sim, node) as events:
        new = paid(sim)
        assert (await event(events)).payment_hash == new.payment_hash


async def test_follow_ends_when_the_node_shuts_down(sim: SimNode, node: Node) -> None:
    async with following(sim, node) as events:
        invoice = paid(sim)
        await sim.stop()
        told = await rest_of(events)
    assert [(each.payment_hash, each.state) for each in told] == [
        (invoice.payment_hash, "open"),
        (invoice.payment_hash, "settled"),
    ]


async def test_follow_fails_when_the_node_is_killed(sim: SimNode, node: Node) -> None:
    async with following(sim, node) as events:
        await sim.kill()
        assert type(await failure(rest_of(events))) is NodeUnreachable


async def test_follow_ends_at_once_with_a_node_that_shuts_down(sim: SimNode, node: Node) -> None:
    await node.state()
    stopping = asyncio.create_task(sim.stop(draining_s=0.3))
    async with asyncio.timeout(LIMIT_S):
        try:
            assert [each async for each in node.follow(0)] == []
        finally:
            await stopping


async def test_follow_of_a_locked_node_says_so(sim: SimNode, node: Node) -> None:
    sim.lock()
    assert type(await failure(rest_of(node.follow(0)))) is NodeLocked


async def test_follow_takes_the_new_macaroon_at_the_next_try(sim: SimNode) -> None:
    sim.bake(INVOICES, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        await node.info()
        sim.revoke(1)
        sim.bake(INVOICES, root_key_id=2, save_to="bot.macaroon")
        assert type(await failure(rest_of(node.follow(0)))) is MacaroonRefused
        async with following(sim, node) as events:
            paid(sim)
            assert (await event(events)).state == "open"


async def test_a_stream_whose_channel_is_exchanged_fails_and_is_not_cancelled(
    sim: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lnd, "CALL_TIMEOUT_S", 0.1)
    sim.bake(INVOICES, root_key_id=1, save_to="bot.macaroon")
    async with (
        connected(sim, macaroon=sim.folder / "bot.macaroon") as node,
        following(sim, node) as events,
    ):
        sim.revoke(1)
        sim.bake(INVOICES, root_key_id=2, save_to="bot.macaroon")
        await node.info()
        assert type(await failure(rest_of(events))) is NodeUnreachable


async def test_closing_ends_a_stream_as_unreachable(sim: SimNode, node: Node) -> None:
    async with following(sim, node) as events:
        await node.close()
        assert type(await failure(rest_of(events))) is NodeUnreachable


async def test_whoever_stops_following_leaves_no_stream_behind(sim: SimNode, node: Node) -> None:
    told = asyncio.Event()

    async def follow() -> None:
        async for _ in node.follow(0):
            told.set()

    task = asyncio.create_task(follow())
    await sim.until(lambda: sim.calls["SubscribeInvoices"] == 1)
    sim.add_invoice(1000)
    async with asyncio.timeout(LIMIT_S):
        await told.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while sim.ledger._subscriptions:
            await node.state()


# secrets


async def test_no_secret_is_in_any_log_line_or_error(
    sim: SimNode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first = sim.bake(INVOICES, root_key_id=1, save_to="bot.macaroon")
    said: list[str] = []
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        said.append(repr(node))
        await add(node)
        said += [repr(await node.lookup(HASH)), repr(await node.info())]
        sim.revoke(1)
        for call in (add(node), node.lookup(HASH), rest_of(node.follow(0))):
            error = await failure(call)
            said += [repr(error), str(error), error.detail, repr(error.__cause__)]
        second = sim.bake(INVOICES, root_key_id=2, save_to="bot.macaroon")
        await node.info()
        await sim.kill()
        error = await failure(add(node))
        said += [repr(error), error.detail]
    said += caplog.messages
    assert any("read again" in line for line in said)
    for secret in (first, second, PREIMAGE):
        for spelled in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)):
            assert not any(spelled in line for line in said)


def test_every_node_error_is_one_of_three_things_to_do() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, NodeError) and kind is not NodeError
    ]
    assert len(kinds) >= 11
    assert all(issubclass(kind, NodePassing | NodeSetting | NodeRefused) for kind in kinds)
