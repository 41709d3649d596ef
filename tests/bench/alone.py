"""How much the simulators do without a bot, asked from a process of its own by the leanest client.

Run with the node's address and folder, the Bot API's address with the token, a chat's id and the
number of calls; prints AddInvoice and sendPhoto calls a second, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import grpc

from bot.chat.qr import payment_png
from bot.lnrpc.lightning_pb2 import Invoice
from bot.lnrpc.lightning_pb2_grpc import LightningStub

AT_ONCE = 8
_BOUNDARY = "a-line-between-parts"


async def per_s(count: int, call: Callable[[], Awaitable[object]]) -> float:
    """Make so many calls, some at once; how many a second that was."""
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            await call()

    started = time.monotonic()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return count / (time.monotonic() - started)


async def adding(host: str, folder: Path, count: int) -> float:
    credentials = grpc.ssl_channel_credentials((folder / "tls.cert").read_bytes())
    macaroon = (("macaroon", (folder / "invoice.macaroon").read_bytes().hex()),)
    async with grpc.aio.secure_channel(host, credentials) as channel:
        stub = LightningStub(channel)
        return await per_s(
            count, lambda: stub.AddInvoice(Invoice(value=2100, memo="pizza"), metadata=macaroon)
        )


def photo_request(path: str, chat_id: int) -> bytes:
    """A whole HTTP request, made once."""
    fields = {"chat_id": str(chat_id), "caption": "2,100 sats", "parse_mode": "HTML"}
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="invoice.png"'
        "\r\nContent-Type: image/png\r\n\r\n"
    )
    picture = payment_png("lnsb21u1p" + "q" * 290)
    body = f"{''.join(parts)}{file}".encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST {path}/sendPhoto HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n"
    )
    return head.encode() + body


async def sending(api_url: str, chat_id: int, count: int) -> float:
    url = urlsplit(api_url)
    request = photo_request(url.path, chat_id)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(AT_ONCE):
        free.put_nowait(await asyncio.open_connection(url.hostname, url.port))

    async def call() -> None:
        reader, writer = await free.get()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        free.put_nowait((reader, writer))

    rate = await per_s(count, call)
    while not free.empty():
        free.get_nowait()[1].close()
    return rate


async def main(host: str, folder: str, api_url: str, chat_id: str, count: str) -> None:
    added = await adding(host, Path(folder), int(count))
    sent = await sending(api_url, int(chat_id), int(count))
    sys.stdout.write(json.dumps([added, sent]) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
