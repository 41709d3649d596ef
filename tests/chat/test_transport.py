"""One HTTP request to Telegram: what goes out, and whether it did."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import pytest
from telegram import InputFile
from telegram.error import NetworkError, TimedOut
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

from bot.chat.transport import (
    MAX_ANSWER_BYTES,
    NeverSent,
    Transport,
    Unreadable,
    _form,
    proxy_for,
)
from bot.demo.node import certificate
from bot.demo.telegram import SimTelegram
from bot.fence import FRESH_S, Fence

PHOTO = b"\x89PNG\r\n\r\n--no line between parts\0"
CAPTION = 'a "card" & <b>more</b>\r\nü'


@pytest.fixture
async def carrier() -> AsyncIterator[Transport]:
    carrier = Transport(connections=2)
    await carrier.initialize()
    yield carrier
    await carrier.shutdown()


@dataclass
class Server:
    """Gives each request this answer; "" breaks the connection, None says nothing."""

    answer: str | None = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    body: bytes = b""
    url: str = ""
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    stops: bool = False  # after its first answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
                if self.answer == "":
                    return
                writer.write((self.answer or "").encode() + self.body)
                if self.stops:
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    server.url = f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/bot1:t/getMe"
    async with listening:
        yield server


def data(**files: bytes) -> RequestData:
    """The parameters of a call, with these files."""
    words = {"chat_id": -100, "caption": CAPTION}
    parameters = [RequestParameter(name, value, None) for name, value in words.items()]
    for name, content in files.items():
        file = InputFile(content, filename="invoice.png")
        parameters.append(RequestParameter(name, None, [file]))
    return RequestData(parameters)


async def test_a_form_with_a_file_is_one_piece_with_every_part_in_it() -> None:
    form = await _form(data(photo=PHOTO), ExitStack())
    assert isinstance(form["data"], bytes)
    head = f"Content-Type: {form['headers']['Content-Type']}\r\n\r\n".encode()
    read: Any = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + form["data"])
    parts = {
        part.get_param("name", header="content-disposition"): part for part in read.iter_parts()
    }
    assert parts["chat_id"].get_content() == "-100"
    assert parts["caption"].get_payload(decode=True).decode() == CAPTION
    assert parts["photo"].get_payload(decode=True) == PHOTO
    assert parts["photo"].get_filename() == "invoice.png"
    assert parts["photo"].get_content_type() == "image/png"


async def test_an_open_file_is_read_from_its_beginning_each_time_and_left_open(
    carrier: Transport, tmp_path: Path
) -> None:
    """And never as a whole: it may be larger than all else that the bot has in memory."""
    telegram, size = SimTelegram(), 30 * 2**20
    telegram.add_bot("123:a", "a_bot", "A")
    person = telegram.add_user("Olga")
    telegram.say(telegram.private_chat(person), person, "/start")
    await telegram.start()
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(size)
        words = [RequestParameter("chat_id", person.id, None)]
        content = InputFile(file, filename="a.csv", read_file_handle=False)
        request = RequestData([*words, RequestParameter("document", None, [content])])
        for _ in range(2):
            file.seek(7)
            url = f"{telegram.url}/bot123:a/sendDocument"
            status, _ = await carrier.do_request(url, "POST", request)
            assert status == 200
        form = await _form(request, opened := ExitStack())
        opened.close()
        assert not isinstance(form["data"], bytes)
        assert not file.closed
    sent = [each.document for each in telegram.messages(person.id)[1:]]
    assert [each and len(each.data) for each in sent] == [size, size]
    await telegram.stop()


async def test_connections_stay_for_the_next_call(carrier: Transport) -> None:
    async with serving(Server()) as server:
        for _ in range(3):
            assert await carrier.do_request(server.url, "POST", data()) == (200, b"{}")
        assert (len(server.requests), server.connections) == (3, 1)


async def test_a_connection_that_breaks_may_have_brought_it_and_nothing_is_repeated(
    carrier: Transport,
) -> None:
    async with serving(Server(answer="")) as server:
        with pytest.raises(NetworkError) as raised:
            await carrier.do_request(server.url, "POST", data())
        assert type(raised.value) is NetworkError
        assert len(server.requests) == 1


async def test_silence_may_have_brought_it(carrier: Transport) -> None:
    async with serving(Server(answer=None)) as server:
        with pytest.raises(TimedOut):
            await carrier.do_request(
                server.url, "POST", data(), read_timeout=0.01, connect_timeout=0.5
            )
        assert len(server.requests) == 1


async def test_nobody_there_is_never_sent(carrier: Transport) -> None:
    async with serving(Server()) as server:
        url = server.url
    with pytest.raises(NeverSent):
        await carrier.do_request(url, "POST", data())


async def test_a_server_without_a_trusted_certificate_gets_nothing(
    carrier: Transport, tmp_path: Path
) -> None:
    certificate.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "tls.cert", tmp_path / "tls.key")
    async with serving(Server(), tls) as server:
        with pytest.raises(NeverSent, match=r"self.signed certificate"):
            await carrier.do_request(server.url, "POST", data())
        assert not server.requests


async def test_a_redirection_is_not_followed_with_a_token_in_hand(carrier: Transport) -> None:
    elsewhere = Server()
    async with serving(elsewhere), serving(Server()) as server:
        server.answer = (
            f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        )
        assert await carrier.do_request(server.url, "POST", data()) == (302, b"")
        assert not elsewhere.requests


async def again(carrier: Transport) -> None:
    """As after a new start: the environment is read once."""
    await carrier.shutdown()
    await carrier.initialize()


async def test_a_proxy_that_the_environment_names_is_used(
    carrier: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(Server()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.partition("/bot")[0].replace("//", "//me:pw@"))
        await again(carrier)
        url = "http://telegram.invalid/bot1:t/getMe"
        assert await carrier.do_request(url, "POST", data()) == (200, b"{}")
    (head,) = proxy.requests
    assert head.startswith(f"POST {url} HTTP/1.1")
    assert "Proxy-Authorization: Basic" in head


async def test_a_proxy_that_lets_nothing_through_is_never_sent(
    carrier: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with serving(Server(answer=refusal)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.partition("/bot")[0])
        await again(carrier)
        with pytest.raises(NeverSent):
            await carrier.do_request("https://telegram.invalid/bot1:t/getMe", "POST", data())
    (head,) = proxy.requests
    assert head.startswith("CONNECT telegram.invalid:443 HTTP/1.1")
    assert "bot1" not in head


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxy"),
    [
        ("https://api.telegram.org/bot", "", "http://proxy:3128"),
        ("https://api.telegram.org/bot", "example.org", "http://proxy:3128"),
        ("https://api.telegram.org/bot", "example.org,telegram.org", None),
        ("https://api.telegram.org/bot", "*", None),
        ("https://10.0.0.7:8081/bot", "10.0.0.7:8081", None),
        ("https://127.0.0.1:8081/bot", "", None),
        ("https://[::1]:8081/bot", "", None),
        ("https://localhost:8081/bot", "", None),
        ("http://api.telegram.org/bot", "", None),
    ],
)
def test_which_addresses_go_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, proxy: str | None
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "proxy:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert proxy_for(url, getproxies()) == proxy


async def test_what_is_in_a_netrc_file_is_not_sent(
    carrier: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with serving(Server()) as server:
        await carrier.do_request(server.url, "POST", data())
        assert "authorization" not in server.requests[0].lower()


def answering(body: bytes, *headers: str, length: int | None = None) -> Server:
    """A server that answers each request with this body."""
    size = len(body) if length is None else length
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {size}", *headers, "", ""]
    return Server(answer="\r\n".join(lines), body=body)


@pytest.mark.parametrize(("encoding", "window"), [("gzip", 31), ("deflate", 15)])
async def test_a_packed_answer_is_unpacked(carrier: Transport, encoding: str, window: int) -> None:
    packing = zlib.compressobj(wbits=window)
    body = packing.compress(b'{"ok":true}') + packing.flush()
    async with serving(answering(body, f"Content-Encoding: {encoding}")) as server:
        assert await carrier.do_request(server.url, "POST", data()) == (200, b'{"ok":true}')


PACKED = "Content-Encoding: gzip"
#: How an answer begins that says that it was done.
DID = b' {"ok": true, "result": '
TOO_LARGE = {
    "as it is": (DID + bytes(MAX_ANSWER_BYTES), ()),
    "unpacked": (gzip.compress(DID + bytes(MAX_ANSWER_BYTES), 1), (PACKED,)),
    "not packed at all": (b'{"ok":true}', (PACKED,)),
    "half of it": (gzip.compress(b'{"ok":true}')[:-9], (PACKED,)),
}


@pytest.mark.parametrize(("body", "headers"), TOO_LARGE.values(), ids=TOO_LARGE)
async def test_an_answer_that_is_too_large_or_cannot_be_unpacked_is_unreadable(
    carrier: Transport, body: bytes, headers: tuple[str, ...]
) -> None:
    async with serving(answering(body, *headers)) as server:
        with pytest.raises(Unreadable):
            await carrier.do_request(server.url, "POST", data())


NOT_TELEGRAMS = {
    "a page": (b"<html>" + bytes(MAX_ANSWER_BYTES), ()),
    "a packed page": (gzip.compress(b"<html>" + bytes(MAX_ANSWER_BYTES), 1), (PACKED,)),
    "half of a page": (gzip.compress(b"<html>")[:-9], (PACKED,)),
    "a failure": (b'{"ok":false' + bytes(MAX_ANSWER_BYTES), ()),
}


@pytest.mark.parametrize(("body", "headers"), NOT_TELEGRAMS.values(), ids=NOT_TELEGRAMS)
async def test_what_does_not_say_that_it_was_done_says_nothing_whatever_its_status(
    carrier: Transport, body: bytes, headers: tuple[str, ...]
) -> None:
    async with serving(answering(body, *headers)) as server:
        with pytest.raises(NetworkError) as caught:
            await carrier.do_request(server.url, "POST", data())
    assert type(caught.value) is NetworkError


async def test_a_bomb_takes_no_more_memory_than_is_allowed(carrier: Transport) -> None:
    packing = zlib.compressobj(9, wbits=31)
    zeros = bytes(2**20)
    bomb = packing.compress(DID)
    bomb += b"".join(packing.compress(zeros) for _ in range(400)) + packing.flush()
    async with serving(answering(bomb, PACKED)) as server:
        tracemalloc.start()
        try:
            with pytest.raises(Unreadable):
                await carrier.do_request(server.url, "POST", data())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 3 * MAX_ANSWER_BYTES


async def test_a_success_that_breaks_off_is_unreadable(carrier: Transport) -> None:
    server = answering(b'{"ok":tr', "Connection: close", length=100)
    server.stops = True
    async with serving(server):
        with pytest.raises(Unreadable):
            await carrier.do_request(server.url, "POST", data())


async def test_after_the_end_nothing_is_sent(carrier: Transport) -> None:
    await carrier.shutdown()
    async with serving(Server()) as server:
        with pytest.raises(NeverSent):
            await carrier.do_request(server.url, "POST", data())
        assert not server.requests


# only the process that acts


class Opens(Fence):
    """Open for so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__(lambda: 0.0)
        self.looks = looks

    def is_open(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


@pytest.mark.parametrize("is_warm", [True, False])
async def test_nothing_is_sent_where_another_process_acts_once_there_is_a_connection(
    is_warm: bool,
) -> None:
    fence = Opens(3 if is_warm else 0)
    carrier = Transport(connections=1, fence=fence)
    await carrier.initialize()
    try:
        async with serving(Server()) as server:
            if is_warm:
                assert await carrier.do_request(server.url, "POST") == (200, b"{}")
            before = len(server.requests)
            fence.looks = 1
            with pytest.raises(NeverSent):
                await carrier.do_request(server.url, "POST")
            assert len(server.requests) == before
            fence.looks = 3  # nothing of it keeps the next one from its connection
            assert await carrier.do_request(server.url, "POST") == (200, b"{}")
    finally:
        await carrier.shutdown()


async def test_a_call_waits_for_a_fence_that_is_closed_and_is_never_sent_once_it_stays_so() -> None:
    fence = Opens(0)
    carrier = Transport(connections=1, fence=fence)
    await carrier.initialize()
    try:
        async with serving(Server()) as server:
            waits = asyncio.ensure_future(carrier.do_request(server.url, "POST"))
            while fence.looks > -2:  # noqa: ASYNC110 -- a look tells nobody
                await asyncio.sleep(0)
            assert not server.connections
            fence.close()
            with pytest.raises(NeverSent):
                await waits
            assert not server.connections
    finally:
        await carrier.shutdown()


@pytest.mark.parametrize("looks", [1, 2, 3])
@pytest.mark.parametrize("photo", [b"", PHOTO])
async def test_nothing_leaves_once_another_process_may_act_not_even_what_was_about_to(
    looks: int, photo: bytes
) -> None:
    """The process stands still after so many looks: before it connects, or before it writes."""
    times = iter([*[0.0] * (1 + looks), *[2 * FRESH_S] * 10])  # the first one is its beginning
    fence = Fence(lambda: next(times))
    fence.begin(0.0, after_s=0.0)
    carrier = Transport(connections=1, fence=fence)
    await carrier.initialize()
    server = Server()
    async with serving(server):
        with pytest.raises(NetworkError):
            await carrier.do_request(server.url, "POST", data(photo=photo) if photo else data())
    await carrier.shutdown()
    assert not server.requests
