"""How the node is reached: past proxies, by any name, with the pinned certificate."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import ssl
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bot.core.answers import WalletState
from bot.demo.node import SimNode
from bot.errors import (
    CertificateName,
    CertificateRefused,
    NodeNameUnknown,
    NodeTimeout,
    NodeUnreachable,
    ProxyRefused,
    RestPort,
)
from bot.node import channel
from bot.node.channel import CHANNEL_OPTIONS, expires_at, own_name
from bot.node.client import Node
from tests.node.simulated import LIMIT_S, add, connected, failure, settings

# what the environment says of proxies


@pytest.mark.parametrize("name", ["https_proxy", "http_proxy", "grpc_proxy"])
async def test_a_proxy_of_the_environment_is_not_used_for_the_node(
    sim: SimNode, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    node = Node(settings(sim))
    try:
        assert await node.state() is WalletState.SERVER_ACTIVE
    finally:
        await node.close()


# names

_ASK = """
import asyncio, sys
from pathlib import Path
from bot.config import LndSettings
from bot.errors import NodeError
from bot.node.client import Node

async def main(host, folder, tls_cert=""):
    paths = {"macaroon": Path(folder) / "admin.macaroon"}
    if tls_cert:
        paths["tls_cert"] = Path(folder) / tls_cert
    node = Node(LndSettings(host=host, **paths))
    try:
        print(await node.state())
    except NodeError as error:
        print(type(error).__name__)
    await node.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def asked_alone(
    sim: SimNode, host: str, *, tls_cert: str = "tls.cert", authorities: str = ""
) -> str:
    """What a process of its own says, as the bot's: the simulated node loads gRPC in this one.

    `authorities`: a file in the place of the system's.
    """
    address = f"{host}:{sim.address.rpartition(':')[2]}"
    env = {**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(sim.folder / authorities)}
    process = await create_subprocess_exec(
        *(sys.executable, "-c", _ASK, address, str(sim.folder), tls_cert),
        env=env if authorities else None,
        stdout=PIPE,
        stderr=STDOUT,
    )
    out, _ = await process.communicate()
    return out.decode().strip()


@pytest.mark.parametrize("host", ["localhost", "127.1"])
async def test_names_are_resolved_as_the_system_does_it(sim: SimNode, host: str) -> None:
    # only the system's resolver knows the short form, as with a name that only mDNS knows
    assert (await asked_alone(sim, host)).endswith(WalletState.SERVER_ACTIVE)


async def test_a_node_that_has_only_an_ipv6_address_is_reached(tmp_path: Path) -> None:
    async with SimNode(tmp_path / "lnd", host="[::1]") as sim, connected(sim) as node:
        assert await node.state() is WalletState.SERVER_ACTIVE


async def test_a_name_that_nobody_knows_is_reported_as_that_and_looked_up_again(
    sim: SimNode,
) -> None:
    async with connected(sim, host="nobody-has-this.invalid:10009") as node:
        assert type(await failure(node.state())) is NodeNameUnknown
        # gRPC asks for a name again only after pauses that grow to two minutes
        assert node._channel is None


# certificates


async def restarted(sim: SimNode, hosts: list[str], *, by_authority: bool = False) -> None:
    """The node comes back with a certificate for these names."""
    await sim.stop()
    sim.renew_certificate(hosts=hosts, by_authority=by_authority)
    await sim.start()


@pytest.mark.parametrize(
    "name", ["node.example", "10.9.8.7", "fd00::7", "*.node.example", "localhost"]
)
async def test_the_pinned_certificate_is_enough_whatever_names_it_carries(
    sim: SimNode, name: str
) -> None:
    await restarted(sim, [name])
    async with connected(sim) as node:
        assert await node.state() is WalletState.SERVER_ACTIVE
        await add(node)


async def test_another_certificate_of_the_same_name_is_refused(
    sim: SimNode, tmp_path: Path
) -> None:
    pinned = tmp_path / "tls.cert"
    await restarted(sim, ["node.example"])
    pinned.write_bytes((sim.folder / "tls.cert").read_bytes())
    await restarted(sim, ["node.example"])
    async with connected(sim, tls_cert=pinned) as node:
        assert type(await failure(node.state())) is CertificateRefused


@pytest.mark.parametrize(("name", "said"), [("127.0.0.1", ""), ("node.example", CertificateName)])
async def test_where_a_pinned_authority_vouches_the_name_is_checked(
    sim: SimNode, name: str, said: Any
) -> None:
    await restarted(sim, [name], by_authority=True)
    async with connected(sim, tls_cert=sim.folder / "authority.cert") as node:
        if said:
            assert type(await failure(node.state())) is said
        else:
            assert await node.state() is WalletState.SERVER_ACTIVE


@pytest.mark.parametrize(
    ("name", "said"), [("localhost", "SERVER_ACTIVE"), ("node.example", "CertificateName")]
)
async def test_where_a_public_authority_vouches_the_name_is_checked(
    sim: SimNode, name: str, said: str
) -> None:
    await restarted(sim, [name], by_authority=True)
    out = await asked_alone(sim, "localhost", tls_cert="", authorities="authority.cert")
    assert said in out.split()


# ports that are not LND's gRPC


async def test_the_rest_port_is_reported_as_that(sim: SimNode) -> None:
    # as LND's: its certificate, and HTTP/1.1 only
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sim.folder / "tls.cert", sim.folder / "tls.key")
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
            writer.close()
            await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with connected(sim, host=host) as node:
            assert type(await failure(node.state())) is RestPort
        async with asyncio.timeout(LIMIT_S):
            await ended.wait()


async def test_a_port_that_takes_the_connection_and_stays_silent_does_not_answer(
    sim: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**dict(CHANNEL_OPTIONS), "grpc.min_reconnect_backoff_ms": 200}
    monkeypatch.setattr(channel, "CHANNEL_OPTIONS", tuple(options.items()))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with connected(sim, host=f"127.0.0.1:{silent.getsockname()[1]}") as node:
            error = await failure(node.state())
    assert type(error) is NodeTimeout
    assert error.detail.startswith("UNAVAILABLE")


# a proxy of the node's own


class Tunnels:
    """An HTTP proxy as Tor's HTTPTunnelPort is: it alone knows where an .onion address is."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        self.asked: list[str] = []
        self._open: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        self._tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await self._tunnel(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        assert method == "CONNECT"
        self.asked.append(target)
        if target not in self.known:
            writer.write(b"HTTP/1.0 504 Gateway Timeout\r\n\r\n")
            await writer.drain()
            return
        host, _, port = self.known[target].rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self._open.append(back)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async def close(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


ONION = "abcdefghijklmnopqrstuvwxyz234567.onion:10009"


@contextlib.asynccontextmanager
async def tunnelled(sim: SimNode, *targets: str) -> AsyncIterator[tuple[Tunnels, str]]:
    """A proxy that leads to the node by these addresses, and where it listens."""
    tunnels = Tunnels(dict.fromkeys(targets, sim.address))
    async with await asyncio.start_server(tunnels.serve, "127.0.0.1", 0) as server:
        yield tunnels, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
        await tunnels.close()


async def test_an_onion_address_is_reached_through_the_nodes_proxy(
    sim: SimNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")  # is for other programs' proxies
    async with tunnelled(sim, ONION) as (tunnels, proxy):
        async with connected(sim, host=ONION, proxy=proxy) as node:
            assert await node.state() is WalletState.SERVER_ACTIVE
            await add(node)
        assert set(tunnels.asked) == {ONION}


async def test_through_a_proxy_another_certificate_is_refused_as_well(sim: SimNode) -> None:
    sim.renew_certificate()
    async with (
        tunnelled(sim, ONION) as (_, proxy),
        connected(sim, host=ONION, proxy=proxy) as node,
    ):
        assert type(await failure(node.state())) is CertificateRefused


@pytest.mark.parametrize("name", ["node.example", "other.example"])
async def test_through_a_proxy_a_name_is_checked_where_an_authority_vouches(
    sim: SimNode, name: str
) -> None:
    await restarted(sim, ["node.example"], by_authority=True)
    certificate = sim.folder / "authority.cert"
    async with (
        tunnelled(sim, f"{name}:1") as (_, proxy),
        connected(sim, host=f"{name}:1", proxy=proxy, tls_cert=certificate) as node,
    ):
        if name == "node.example":
            assert await node.state() is WalletState.SERVER_ACTIVE
        else:
            assert type(await failure(node.state())) is CertificateName


async def test_a_proxy_that_does_not_lead_to_the_node_is_named(sim: SimNode) -> None:
    async with tunnelled(sim) as (_, proxy), connected(sim, host=ONION, proxy=proxy) as node:
        assert type(await failure(node.state())) is ProxyRefused


async def test_a_proxy_that_is_not_there_is_a_node_that_is_out_of_reach(sim: SimNode) -> None:
    async with connected(sim, host=ONION, proxy="http://127.0.0.1:1") as node:
        assert type(await failure(node.state())) is NodeUnreachable


def of_version(pem: bytes, version: int) -> bytes:
    """The same certificate, which calls itself one of that version."""
    der = bytearray(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
    der[bytes(der).index(bytes.fromhex("a003020102")) + 4] = version
    body = base64.encodebytes(bytes(der)).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n".encode()


@pytest.mark.parametrize("version", [1, 7])
async def test_a_certificate_of_a_version_that_nobody_has_is_none(
    sim: SimNode, version: int
) -> None:
    pem = of_version((sim.folder / "tls.cert").read_bytes(), version)
    assert own_name(pem) is None
    with pytest.raises(ValueError, match="unreadable certificate"):
        expires_at(pem)
