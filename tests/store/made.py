"""Rows, files and processes for the store's tests."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Unpack

from bot.core.invoice import Columns, Face, Invoice, State
from bot.core.work import Do
from bot.errors import StoreUnavailable
from bot.store import Store

LIMIT_S = 30.0
CHAT, ASKER = -500, 7
NOW = 1_790_000_000.0
#: An open invoice with all its messages in the chat, and one more on its way.
SHOWN: Columns = {
    "card_id": 100,
    "card_shown": Face.OPEN,
    "payment_request_id": 101,
    "payment_request_shown": Face.OPEN,
    "payment_request_separate": True,
    "duplicates": {102: Face.OPEN},
    "sending": Do.SEND_CARD,
}


def url(file: Path) -> str:
    return f"sqlite:///{file}"


@contextlib.asynccontextmanager
async def opened(file: Path) -> AsyncIterator[Store]:
    store = await Store.open(url(file))
    try:
        yield store
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def leading(url: str) -> AsyncIterator[Store]:
    """The database at this address, of the process that acts."""
    store = await Store.open(url)
    try:
        assert await store.lead(asyncio.Event())
        yield store
    finally:
        await store.close()


def columns(number: int, **changes: Unpack[Columns]) -> Columns:
    """What a handler writes for command number `number`."""
    preimage = number.to_bytes(32)
    made: Columns = {
        "origin_chat_id": CHAT,
        "origin_message_id": number,
        "chat_id": CHAT,
        "reply_to": number,
        "asker_id": ASKER,
        "asker_name": "Anna",
        "asked_at": NOW + number,
        "amount_msat": 2_100_000,
        "memo": "pizza",
        "expiry_s": 3600,
        "state": State.PENDING,
        "payment_hash": hashlib.sha256(preimage).digest(),
        "preimage": preimage,
        "due_at": NOW + number,
    }
    return {**made, **changes}


async def row(store: Store, number: int = 1, **changes: Unpack[Columns]) -> Invoice:
    made = columns(number, **changes)
    added, is_new = await store.do(lambda tx: tx.invoices.add(**made))
    assert is_new
    return added


async def is_refused(store: Store, number: int, file: Path) -> bool:
    """Whether nothing is written, and this file is named."""
    try:
        await row(store, number)
    except StoreUnavailable as error:
        return str(file) in error.detail
    return False


async def read(store: Store, row_id: int) -> Invoice:
    found = await store.do(lambda tx: tx.invoices.get(row_id))
    assert found is not None
    return found


def ids(rows: list[Invoice]) -> list[int]:
    return [each.id for each in rows]


@contextlib.contextmanager
def beside(file: Path) -> Iterator[sqlite3.Connection]:
    """A second connection, which sees what is committed."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def committed(file: Path) -> list[int]:
    """The message numbers of the commands that are written."""
    with beside(file) as connection:
        found = connection.execute("SELECT origin_message_id FROM invoices ORDER BY 1")
        return [number for (number,) in found]


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not so():  # noqa: ASYNC110 -- nothing tells of it
            await asyncio.sleep(0.01)


class Busy:
    """Keeps the writer in a job, so that what comes meanwhile waits together."""

    def __init__(self, store: Store) -> None:
        self._go = threading.Event()
        self._there = threading.Event()
        self.job = asyncio.ensure_future(store.do(lambda _tx: self._stay()))

    def _stay(self) -> None:
        self._there.set()
        assert self._go.wait(LIMIT_S)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._there.wait, LIMIT_S)

    async def release(self) -> None:
        self._go.set()
        await self.job


# processes of their own


_BEGIN = """
import asyncio, hashlib, os, resource, sys
from bot.errors import StoreUnavailable
from bot.core.invoice import State
from bot.store import Store

def columns(number):
    preimage = number.to_bytes(32)
    return dict(
        origin_chat_id=1, origin_message_id=number, chat_id=1, asker_id=1,
        asker_name="A", asked_at=1.0, amount_msat=1, memo="x" * 600, expiry_s=1,
        state=State.OPEN, payment_hash=hashlib.sha256(preimage).digest(), preimage=preimage,
    )

async def add(store, number):
    try:
        await store.do(lambda tx: tx.invoices.add(**columns(number)))
    except StoreUnavailable as error:
        return error.detail
    return "written"

async def main(url):
"""
_END = "\nasyncio.run(main(sys.argv[1]))\n"


def process(body: str, file: Path) -> subprocess.Popen[str]:
    """A process of its own, which begins with the database's address as `url`."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _BEGIN + body + _END, url(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
        preexec_fn=_ordinary_rights,  # noqa: PLW1509 -- one call of the C library
    )


def said(body: str, file: Path) -> list[str]:
    """What such a process writes, line by line, until it ends."""
    started = process(body, file)
    out, _ = started.communicate(timeout=30)
    assert started.returncode == 0, out
    return out.splitlines()


def _ordinary_rights() -> None:
    """Root may write what is read-only: the process that is begun gives that up."""
    drop_from_bounding_set, override_permissions = 24, 1  # as the kernel numbers them
    ctypes.CDLL(None).prctl(drop_from_bounding_set, override_permissions, 0, 0, 0)
