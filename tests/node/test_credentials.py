"""Macaroons and certificates: what is refused, and that new files are read without a restart."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import ssl
from pathlib import Path

import grpc
import grpc.aio
import pytest
from pydantic import SecretStr

from bot.config import LndSettings
from bot.core.answers import NodeState, WalletState
from bot.demo.node import SimNode, macaroons
from bot.errors import (
    CertificateChanged,
    CertificateCorrupt,
    CertificateExpired,
    CertificateNotPublic,
    CertificateNotYetValid,
    CertificateRefused,
    CredentialsUnreadable,
    InvoiceUnknown,
    MacaroonBound,
    MacaroonExpired,
    MacaroonRefused,
    NodeError,
    PermissionMissing,
    TlsMissing,
)
from bot.node import client
from bot.node.client import Node
from tests.node.simulated import (
    HASH,
    PERMISSIONS,
    PREIMAGE,
    Clock,
    add,
    answered,
    connected,
    event,
    failure,
    rest_of,
    signed_again,
    subscribed,
)

# macaroons


async def refused_macaroon(sim: SimNode, macaroon: bytes) -> NodeError:
    """What the node refuses these bytes with, which no error quotes."""
    (sim.folder / "odd.macaroon").write_bytes(macaroon)
    async with connected(sim, macaroon=sim.folder / "odd.macaroon") as node:
        error = await failure(node.lookup(HASH))
    assert macaroon.hex() not in f"{error!r} {error.detail}"
    return error


async def test_what_is_not_a_macaroon_is_refused(sim: SimNode) -> None:
    for odd in (b"not a macaroon", sim.bake(PERMISSIONS)[:-9], b"\x02"):
        assert type(await refused_macaroon(sim, odd)) is MacaroonRefused


async def test_a_file_that_gives_no_answer_keeps_nothing_else_waiting(
    sim: SimNode, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with connected(sim, macaroon=pipe) as node:
        held = os.open(pipe, os.O_RDWR)  # somebody will say something, and does not yet
        calls = [asyncio.create_task(node.lookup(HASH)) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0.01)  # the loop goes on
        assert not any(call.done() for call in calls)
        with pytest.raises(CredentialsUnreadable):
            await node.state(timeout_s=0.05)
        os.write(held, sim.bake(PERMISSIONS))
        os.close(held)
        for call in calls:  # all by one reading
            with pytest.raises(InvoiceUnknown):
                await call


async def test_a_file_that_gives_no_answer_hides_no_refusal(
    sim: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ_TIMEOUT_S", 0.05)
    sim.bake(PERMISSIONS, save_to="own.macaroon")
    async with connected(sim, macaroon=sim.folder / "own.macaroon") as node:
        assert type(await failure(node.lookup(HASH))) is InvoiceUnknown
        sim.renew_macaroons()
        (sim.folder / "own.macaroon").unlink()
        os.mkfifo(sim.folder / "own.macaroon")
        held = os.open(sim.folder / "own.macaroon", os.O_RDWR)
        assert type(await failure(node.lookup(HASH))) is MacaroonRefused
        os.close(held)
        (sim.folder / "own.macaroon").unlink()
        sim.bake(PERMISSIONS, save_to="own.macaroon")
        assert type(await failure(node.lookup(HASH))) is InvoiceUnknown


def as_text(macaroon: bytes) -> dict[str, bytes]:
    """The ways in which people have a macaroon as text."""
    hexed, base64ed = macaroon.hex(), base64.b64encode(macaroon).decode()
    return {
        "hex": hexed.encode(),
        "hex of a node box": f"\n  {hexed.upper()}\r\n".encode(),
        "hex in lines": "\n".join(hexed[at : at + 64] for at in range(0, len(hexed), 64)).encode(),
        "hex from Windows": hexed.encode("utf-16"),
        "hex after a mark": hexed.encode("utf-8-sig"),
        "base64": f"{base64ed}\n".encode(),
        "base64 in lines": base64.encodebytes(macaroon),
        "base64 for addresses": base64.urlsafe_b64encode(macaroon).rstrip(b"="),
        "bytes": macaroon,
    }


@pytest.mark.parametrize("form", as_text(b""))
async def test_a_macaroon_is_taken_as_bytes_or_as_text(sim: SimNode, form: str) -> None:
    macaroon = sim.bake(PERMISSIONS)
    (sim.folder / "text.macaroon").write_bytes(as_text(macaroon)[form])
    async with connected(sim, macaroon=sim.folder / "text.macaroon") as node:
        await add(node)
    assert HASH in sim.invoices


async def test_no_macaroon_at_all_is_refused(sim: SimNode) -> None:
    async with connected(sim, macaroon=None) as node:
        assert type(await failure(node.lookup(HASH))) is MacaroonRefused


async def test_another_nodes_macaroon_is_refused(sim: SimNode, clock: Clock) -> None:
    other = macaroons.Bakery(clock).bake(PERMISSIONS)
    assert type(await refused_macaroon(sim, other)) is MacaroonRefused


async def test_a_revoked_macaroon_is_refused(sim: SimNode) -> None:
    baked = sim.bake(PERMISSIONS, root_key_id=3)
    sim.revoke(3)
    assert type(await refused_macaroon(sim, baked)) is MacaroonRefused


async def test_a_macaroon_that_expires_is_refused_from_then_on(sim: SimNode, clock: Clock) -> None:
    caveat = macaroons.time_before(clock() + 60)
    sim.bake(PERMISSIONS, caveats=[caveat], save_to="short.macaroon")
    async with connected(sim, macaroon=sim.folder / "short.macaroon") as node:
        await node.info()
        clock.ahead_s = 61
        assert type(await failure(node.info())) is MacaroonExpired


async def test_a_macaroon_bound_to_another_address_is_refused(sim: SimNode) -> None:
    baked = sim.bake(PERMISSIONS, caveats=["ipaddr 10.1.1.1"])
    assert type(await refused_macaroon(sim, baked)) is MacaroonBound


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
        assert type(await failure(anext(node.subscribe(0)))) is PermissionMissing


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
        async with subscribed(sim, node) as events:
            sim.pay(sim.add_invoice(1000).payment_request)
            states = [(await event(events)).state for _ in range(2)]
            assert states == [NodeState.OPEN, NodeState.SETTLED]


async def test_a_revoked_macaroon_is_replaced_without_a_restart(sim: SimNode) -> None:
    sim.bake(PERMISSIONS, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        await add(node)
        sim.revoke(1)
        assert type(await failure(node.lookup(HASH))) is MacaroonRefused
        sim.bake(PERMISSIONS, root_key_id=2, save_to="bot.macaroon")
        assert (await node.lookup(HASH)).state is NodeState.OPEN


async def test_a_permission_that_is_added_is_found_without_a_restart(sim: SimNode) -> None:
    sim.bake(["invoices:read"], save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        assert type(await failure(add(node))) is PermissionMissing
        sim.bake(PERMISSIONS, save_to="bot.macaroon")
        await add(node)


async def test_many_calls_that_meet_new_macaroons_at_once_read_the_file_once(
    sim: SimNode, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await add(node)
    sim.renew_macaroons()
    found = await asyncio.gather(*(node.lookup(HASH) for _ in range(8)))
    assert {each.state for each in found} == {NodeState.OPEN}
    assert "\n".join(caplog.messages).count("node credentials read again") == 1


# certificates


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

    assert {each.state for each in found} == {NodeState.OPEN}
    assert "\n".join(caplog.messages).count("node credentials read again") == 1


async def test_with_a_renewed_certificate_the_old_one_is_tried_no_more(
    sim: SimNode, node: Node
) -> None:
    await node.state()
    await sim.stop()
    sim.renew_certificate()
    await sim.start()
    await asyncio.gather(*(answered(node.state) for _ in range(3)))
    await sim.stop()
    came = asyncio.Event()
    host, _, port = sim.address.rpartition(":")

    def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        came.set()

    listener = await asyncio.start_server(accept, host, int(port))
    async with listener:
        with pytest.raises(TimeoutError):  # a channel that is left tries once a second
            async with asyncio.timeout(2.0):
                await came.wait()


async def test_another_certificate_is_refused_until_the_file_is_replaced(
    sim: SimNode, tmp_path: Path
) -> None:
    mine = tmp_path / "copy.cert"
    mine.write_bytes((sim.folder / "tls.cert").read_bytes())
    async with connected(sim, tls_cert=mine) as node:
        await node.state()
        await sim.stop()
        sim.renew_certificate()
        await sim.start()
        assert type(await refusing(node)) is CertificateChanged

        mine.write_bytes((sim.folder / "tls.cert").read_bytes())
        assert await node.state() is WalletState.SERVER_ACTIVE


async def refusing(node: Node) -> NodeError:
    """What a node that is back refuses with."""
    with pytest.raises(CertificateRefused) as caught:
        await answered(node.state)
    return caught.value


async def test_a_certificate_that_was_never_the_nodes_is_not_called_a_changed_one(
    sim: SimNode, tmp_path: Path
) -> None:
    other = tmp_path / "other.cert"
    other.write_bytes((sim.folder / "tls.cert").read_bytes())
    await sim.stop()
    sim.renew_certificate()
    await sim.start()
    async with connected(sim, tls_cert=other) as node:
        assert type(await refusing(node)) is CertificateRefused  # whatever it was, it is no change

        other.write_bytes((sim.folder / "tls.cert").read_bytes())
        assert await node.state() is WalletState.SERVER_ACTIVE
        sim.renew_certificate()
        other.write_bytes((sim.folder / "tls.cert").read_bytes())  # the node never has this one
        sim.renew_certificate()
        await sim.stop()
        await sim.start()
        assert type(await refusing(node)) is CertificateRefused


async def test_a_certificate_of_tomorrow_is_reported_as_not_yet_valid(sim: SimNode) -> None:
    await sim.stop()
    (sim.folder / "tls.cert").write_bytes(signed_again(sim.folder, valid_in_s=86_400))
    await sim.start()
    async with connected(sim) as node:
        assert type(await failure(node.state())) is CertificateNotYetValid


async def test_an_expired_certificate_is_reported_as_expired(sim: SimNode) -> None:
    await sim.stop()
    sim.renew_certificate(valid_s=-60)
    await sim.start()
    async with connected(sim) as node:
        assert type(await failure(node.state())) is CertificateExpired


async def test_no_public_authority_has_signed_lnds_own_certificate(sim: SimNode) -> None:
    async with connected(sim, tls_cert=None) as node:
        assert type(await failure(node.state())) is CertificateNotPublic


async def test_a_port_without_tls_is_reported_as_that(sim: SimNode) -> None:
    plain = grpc.aio.server()
    port = plain.add_insecure_port("127.0.0.1:0")
    await plain.start()
    try:
        async with connected(sim, host=f"127.0.0.1:{port}") as node:
            assert type(await failure(node.state())) is TlsMissing
    finally:
        await plain.stop(None)


@pytest.mark.parametrize("part", [b"-----BEGIN CERTIFICATE-----\n", slice(300), slice(-30)])
async def test_a_certificate_read_half_written_is_read_again(
    sim: SimNode, tmp_path: Path, part: bytes | slice
) -> None:
    whole = (sim.folder / "tls.cert").read_bytes()
    file = tmp_path / "tls.cert"
    file.write_bytes(part if isinstance(part, bytes) else whole[part])
    async with connected(sim, tls_cert=file) as node:
        assert type(await failure(node.state())) is CertificateCorrupt
        file.write_bytes(whole)
        assert await node.state() is WalletState.SERVER_ACTIVE


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_the_node_is_reached_by_any_name_of_its_certificate(sim: SimNode, name: str) -> None:
    port = sim.address.rpartition(":")[2]
    async with connected(sim, host=f"{name}:{port}") as node:
        assert await node.state() is WalletState.SERVER_ACTIVE


# files


@pytest.mark.parametrize("name", ["tls.cert", "admin.macaroon"])
async def test_a_file_that_is_missing_at_first_is_found_once_it_is_there(
    sim: SimNode, name: str
) -> None:
    file = sim.folder / name
    content = file.read_bytes()
    file.unlink()
    async with connected(sim) as node:
        for call in (node.state(), node.lookup(HASH), anext(node.subscribe(0))):
            error = await failure(call)
            assert type(error) is CredentialsUnreadable
            assert str(file) in error.detail
        file.write_bytes(content)
        assert await node.state() is WalletState.SERVER_ACTIVE


async def test_a_file_that_vanishes_later_is_named_beside_the_nodes_own_reason(
    sim: SimNode,
) -> None:
    sim.bake(PERMISSIONS, root_key_id=1, save_to="bot.macaroon")
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        await node.info()
        (sim.folder / "bot.macaroon").unlink()
        await node.info()  # it is not needed as long as the node takes it
        sim.revoke(1)
        error = await failure(node.info())
        assert type(error) is MacaroonRefused
        assert "bot.macaroon" in error.detail
        sim.bake(PERMISSIONS, root_key_id=2, save_to="bot.macaroon")
        await node.info()


@pytest.mark.parametrize("is_hex", [False, True])
async def test_lndconnect_is_all_that_is_needed(sim: SimNode, is_hex: bool) -> None:
    der = ssl.PEM_cert_to_DER_cert((sim.folder / "tls.cert").read_text())
    cert = base64.urlsafe_b64encode(der).rstrip(b"=").decode()
    content = (sim.folder / "admin.macaroon").read_bytes()
    macaroon = content.hex() if is_hex else base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    uri = f"lndconnect://{sim.address}?cert={cert}&macaroon={macaroon}"
    node = Node(LndSettings(lndconnect=SecretStr(uri)))
    try:
        assert (await node.info()).identity_pubkey == sim.identity_pubkey
    finally:
        await node.close()


# secrets


async def test_no_secret_is_in_any_log_line_or_error(
    sim: SimNode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first = sim.bake(PERMISSIONS, root_key_id=1, save_to="bot.macaroon")
    said: list[str] = []
    async with connected(sim, macaroon=sim.folder / "bot.macaroon") as node:
        said.append(repr(node))
        await add(node)
        said += [repr(await node.lookup(HASH)), repr(await node.info())]
        sim.revoke(1)
        for call in (add(node), node.lookup(HASH), rest_of(node.subscribe(0))):
            error = await failure(call)
            said += [repr(error), str(error), error.detail, repr(error.__cause__)]
        second = sim.bake(PERMISSIONS, root_key_id=2, save_to="bot.macaroon")
        await node.info()
        await sim.kill()
        error = await failure(add(node))
        said += [repr(error), error.detail]
    said += caplog.messages
    assert any("read again" in line for line in said)
    for secret in (first, second, PREIMAGE):
        for spelled in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)):
            assert not any(spelled in line for line in said)
