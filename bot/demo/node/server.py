"""The gRPC server of the simulated node, at an address that it keeps. Knows no call."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from bot.demo.node.sockets import break_connections

_OPTIONS = (
    # a port in use has to be refused, not shared
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
)
_PORT_FREE_S = 3.0
_CALLS_END_S = 5.0


class _Bytes(grpc.aio.ServerInterceptor):
    """Lets an answer that is bytes out as it is."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The call's handler."""
        handler = await continuation(handler_call_details)
        serialize = handler.response_serializer

        def serialized(answer: Any) -> bytes:
            return answer if isinstance(answer, bytes) else serialize(answer)

        return handler._replace(response_serializer=serialized) if serialize else handler


class Server:
    """Opens and closes, always at the same port; with port 0, the free one that it gets first."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._was_open = False
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self._host}:{self._port}"

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def open(
        self,
        add_services: Callable[[grpc.aio.Server], None],
        credentials: grpc.ServerCredentials,
    ) -> None:
        """Listen. OSError when the port is in use or there is no such address."""
        server = grpc.aio.server(options=_OPTIONS, interceptors=(_Bytes(),))
        add_services(server)
        await self._wait_for_port()
        try:
            self._port = server.add_secure_port(self.address, credentials)
        except RuntimeError:
            raise OSError(errno.EADDRNOTAVAIL, f"{self.address} can't be listened at") from None
        self._was_open = True
        await server.start()
        self._server = server

    async def close(self, *, grace_s: float) -> None:
        """Stop listening. Calls have `grace_s` to end, then their connections break."""
        server, self._server = self._server, None
        if server is None:
            return
        closing = asyncio.create_task(server.stop(_CALLS_END_S))
        await asyncio.wait({closing}, timeout=grace_s)
        # those of calls that still wait, or that came in meanwhile
        self.break_connections()
        await closing

    def break_connections(self, *, peer_port: int | None = None) -> None:
        """Break every connection, or the one from `peer_port`; new ones are welcome."""
        break_connections(self._port, peer_port=peer_port)

    async def _wait_for_port(self) -> None:
        # after a close the kernel and gRPC take a moment to free the port
        patience_until = time.monotonic() + (_PORT_FREE_S if self._was_open else 0)
        while not self._port_is_free():
            if time.monotonic() > patience_until:
                raise OSError(errno.EADDRINUSE, f"{self.address} is in use")
            await asyncio.sleep(0.02)

    def _port_is_free(self) -> bool:
        """Asked of the kernel first, since gRPC writes its own lines about a port in use."""
        host = self._host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, self._port), family=family).close()
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True
