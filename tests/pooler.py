"""A pool of connections to a PostgreSQL server, as pgbouncer is one, by either of its modes.

As little of it as a bot at its start can see: whoever connects is not asked for a password, and
gets a session of the server's for as long as it is connected, or for each transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
from typing import Self

_WANTS_ENCRYPTION = (80877103, 80877104)  # TLS, GSSAPI
_NUMBERS = itertools.count(900_000)


class _Session:
    """A connection to the server, and how to begin one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer


class Pooler:
    """Listens at `port` of the loopback. `keeps_sessions`: its pool mode is session."""

    def __init__(self, server_port: int, *, keeps_sessions: bool) -> None:
        self._server_port = server_port
        self._keeps_sessions = keeps_sessions
        self._idle: list[_Session] = []
        self._all: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._all:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._all.append(writer)
        session: _Session | None = None
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            startup = await self._startup(reader, writer)
            session, greeting = await self._connected(startup)
            writer.write(greeting)
            if not self._keeps_sessions:
                self._idle.append(session)
                session = None
            while True:
                kind, message = await _message(reader)
                if kind == b"X":
                    break
                if session is None:
                    session = (
                        self._idle.pop() if self._idle else (await self._connected(startup))[0]
                    )
                session.writer.write(message)
                if kind in b"QS":  # what it asks has an answer
                    is_over = await _answered(session.reader, writer)
                    if is_over and not self._keeps_sessions:
                        self._idle.append(session)
                        session = None
        if session is not None:
            session.writer.transport.abort()
        writer.transport.abort()

    async def _startup(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        while True:
            head = await reader.readexactly(8)
            size, code = struct.unpack("!II", head)
            if code not in _WANTS_ENCRYPTION:
                return head + await reader.readexactly(size - 8)
            writer.write(b"N")

    async def _connected(self, startup: bytes) -> tuple[_Session, bytes]:
        """A new session of the server's, and its greeting, with a number of the pool's own."""
        session = _Session(*await asyncio.open_connection("127.0.0.1", self._server_port))
        self._all.append(session.writer)
        session.writer.write(startup)
        greeting = b""
        while True:
            kind, message = await _message(session.reader)
            if kind == b"K":
                message = message[:5] + struct.pack("!I", next(_NUMBERS)) + message[9:]
            greeting += message
            if kind == b"Z":
                return session, greeting


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    (size,) = struct.unpack("!I", head[1:])
    return head[:1], head + await reader.readexactly(size - 4)


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Carry the server's answer; whether its transaction is over."""
    while True:
        kind, message = await _message(reader)
        writer.write(message)
        if kind == b"Z":
            await writer.drain()
            return message[5:6] == b"I"
