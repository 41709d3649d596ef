"""A way to a server that breaks: cut, silent, or cut at a message of one's choice."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

#: How a client ends a transaction, as a simple query.
COMMIT = b"COMMIT\0"


class Way:
    """Carries connections to a server at a loopback port; `port` is its own.

    It knows nothing of what it carries but where a message has certain bytes.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        #: Whether new connections are closed at once.
        self.refuses = False
        #: Bytes of a client's after which its connection is cut: when the server has got them, and
        #: has answered, of which the client gets nothing. None: not.
        self.cut_after: bytes | None = None
        #: The same, where the server does not get them either.
        self.cut_before: bytes | None = None
        #: Bytes of a client's at which nothing is forwarded from then on; `is_stalled` says so.
        self.stall_at: bytes | None = None
        self.is_stalled = asyncio.Event()
        self.cuts = 0
        #: By which the server knows the connections that came this way.
        self.ports: set[int] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._flows.set()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End all connections, as a machine between does that starts again."""
        for writer in list(self._writers):
            writer.transport.abort()

    def stall(self) -> None:
        """Forward nothing from now on, and confirm all packets."""
        self._flows.clear()

    def flow(self) -> None:
        """Forward again."""
        self.stall_at = None
        self._flows.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.refuses:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:  # the server is away
            writer.transport.abort()
            return
        self.ports.add(back.get_extra_info("sockname")[1])
        mine = {writer, back}
        self._writers |= mine
        quiet = asyncio.Event()  # the client gets nothing from now on
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._up(reader, back, writer, quiet))
                both.create_task(self._down(there, writer, quiet))
        except* (ConnectionError, OSError):
            pass
        finally:
            self._writers -= mine
            for each in mine:
                each.transport.abort()

    async def _up(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        quiet: asyncio.Event,
    ) -> None:
        while data := await reader.read(65_536):
            await self._flows.wait()
            if self.stall_at is not None and self.stall_at in data:
                self.stall()
                self.is_stalled.set()
                await self._flows.wait()
            if self.cut_before is not None and self.cut_before in data:
                self.cut_before = None
                self.cuts += 1
                raise ConnectionError
            if self.cut_after is not None and self.cut_after in data:
                self.cut_after = None
                quiet.set()
            back.write(data)
            await back.drain()
        raise ConnectionError

    async def _down(
        self, there: asyncio.StreamReader, client: asyncio.StreamWriter, quiet: asyncio.Event
    ) -> None:
        while data := await there.read(65_536):
            await self._flows.wait()
            if quiet.is_set():
                self.cuts += 1
                raise ConnectionError
            with contextlib.suppress(ConnectionError):
                client.write(data)
                await client.drain()
        raise ConnectionError
