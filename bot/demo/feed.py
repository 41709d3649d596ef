"""The feed: every change, as server-sent events for each open page. Knows no chats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from bot.demo.telegram import Json

# a reader that is so far behind starts again with a snapshot
MAX_WAITING = 500
PING_S = 15.0


class Feed:
    """The open pages, each with a bounded queue."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[bytes | None]] = set()

    def __len__(self) -> int:
        return len(self._readers)

    def send(self, kind: str, detail: Json) -> None:
        """Send an event to every page."""
        for reader in list(self._readers):
            try:
                reader.put_nowait(_event(kind, detail))
            except asyncio.QueueFull:
                self._end(reader)

    def close(self) -> None:
        """End every stream, with the word that nothing comes after it."""
        for reader in list(self._readers):
            self._end(reader, _event("ended", {}))

    def _end(self, reader: asyncio.Queue[bytes | None], *last: bytes) -> None:
        self._readers.discard(reader)
        while not reader.empty():
            reader.get_nowait()
        for each in (*last, None):
            reader.put_nowait(each)

    async def read(self, snapshot: Callable[[], Json]) -> AsyncIterator[bytes]:
        """One page's events: everything as it is now, then every change."""
        reader: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)
        self._readers.add(reader)
        try:
            yield b"retry: 1000\n\n" + _event("snapshot", snapshot())
            while True:
                try:
                    event = await asyncio.wait_for(reader.get(), PING_S)
                except TimeoutError:
                    event = b": still here\n\n"
                if event is None:
                    return
                yield event
        finally:
            self._readers.discard(reader)


def _event(kind: str, detail: Json) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(detail, separators=(',', ':'))}\n\n".encode()
