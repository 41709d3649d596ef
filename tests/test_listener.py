"""What this process answers by HTTP, and that it answers nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import io
import logging
import os
import re
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot import listener, texts
from bot.errors import AddressInUse, AddressUnusable
from bot.listener import CONNECTIONS, MAX_BODY, Listener, State, most_connections

ANY = "127.0.0.1:0"


async def _length(request: web.BaseRequest) -> web.Response:
    return web.Response(text=str(len(await request.read())))


async def _fine(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="fine")


async def _broken(_request: web.BaseRequest) -> web.Response:
    raise KeyError("a bug")


async def _connect(opened: Listener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", opened.ports[ANY])


async def _answer_to(opened: Listener, said: bytes) -> bytes:
    """All that is answered, until the other side ends it."""
    reader, writer = await _connect(opened)
    with contextlib.suppress(ConnectionError):
        writer.write(said)
        await writer.drain()
    async with asyncio.timeout(30):
        answer = await _rest(reader)
    writer.close()
    return answer


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What is said until the end, however that comes."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while more := await reader.read(65_536):
            said += more
    return said


@pytest.fixture
async def opened() -> AsyncIterator[Listener]:
    opened = Listener()
    opened.add(ANY, {("POST", "/length"): _length})
    opened.add(ANY, {("GET", "/fine"): _fine, ("GET", "/broken"): _broken})
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def calls(opened: Listener) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{opened.ports[ANY]}") as session:
        yield session


async def test_two_parts_answer_at_one_address(calls: aiohttp.ClientSession) -> None:
    async with calls.get("/fine") as first, calls.post("/length", data=b"12345") as second:
        assert (await first.text(), await second.text()) == ("fine", "5")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/fine/"), ("GET", "/%00"), ("POST", "/fine"), ("GET", "/length")],
)
async def test_anything_else_is_not_found(
    calls: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with calls.request(method, path) as answer:
        assert (answer.status, await answer.read()) == (404, b"")
        assert "Allow" not in answer.headers


async def test_no_answer_says_which_server_this_is(opened: Listener) -> None:
    for said in (
        b"GET /fine HTTP/1.1",
        b"GET /fine HTTP/1.0",
        b"GET /nothing HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT fine:1 HTTP/1.1",
        b"GET http://fine/fine HTTP/1.1",
        b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"GET /broken HTTP/1.1",
        b"GET / HTTP/9",
        b"\x16\x03\x01 hello",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 999,
        b"GET / HTTP/1.1\r\nA: " + b"b" * 9999,
    ):
        line, _, more = said.partition(b"\r\n")
        head = line + b"\r\nHost: bot\r\nConnection: close\r\n" + more
        answer = await _answer_to(opened, head + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1."), said
        head, _, body = answer.partition(b"\r\n\r\n")
        assert not re.search(b"(?im)^server:|bot|python|aiohttp", head), answer
        assert body in (b"", b"fine"), said


async def test_a_body_that_is_too_large_is_refused(calls: aiohttp.ClientSession) -> None:
    async with calls.post("/length", data=io.BytesIO(b"x" * (MAX_BODY + 1))) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("packing", ["gzip", "deflate", "br", "zstd"])
async def test_nobodys_body_is_unpacked(calls: aiohttp.ClientSession, packing: str) -> None:
    body = gzip.compress(bytes(200 * MAX_BODY))
    head = {"Content-Encoding": packing}
    async with calls.post("/length", data=io.BytesIO(body), headers=head) as answer:
        assert await answer.text() == str(len(body))


async def test_a_body_that_nobody_wants_is_not_read_to_its_end(
    opened: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "REST_S", 0.1)
    reader, writer = await _connect(opened)
    writer.write(b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with asyncio.timeout(30):
        assert b" 404 " in await reader.readline()
        writer.write(b"1\r\na\r\n0\r\n\r\nGET /fine HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"fine" not in await _rest(reader)
    writer.close()


@pytest.mark.parametrize("pieces", [1, 64])
async def test_whoever_says_all_of_it_first_reads_the_answer(opened: Listener, pieces: int) -> None:
    """As a proxy does, which else would take this process for one that is down."""
    reader, writer = await _connect(opened)
    writer.write(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 6400000\r\n\r\n")
    async with asyncio.timeout(30):
        for _ in range(pieces):
            writer.write(b"x" * (6_400_000 // pieces))
            await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()  # which nobody waits for longer
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"connection: close" in answer.lower()


async def test_what_is_no_http_is_refused_without_a_line_in_the_log(
    opened: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    for said in (b"\x16\x03\x01 hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.ports[ANY])
        writer.write(said)
        writer.write_eof()
        async with asyncio.timeout(30):
            assert b" 200 " not in await reader.read()
        writer.close()
    assert not caplog.records


async def test_a_bug_of_a_part_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    opened = Listener()
    opened.add(ANY, {("GET", "/broken"): _broken})
    await opened.open()
    url = f"http://127.0.0.1:{opened.ports[ANY]}/broken"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 500
    await opened.close()
    (record,) = caplog.records
    assert record.exc_info


async def test_an_address_that_is_taken_is_named(opened: Listener) -> None:
    taken = f"127.0.0.1:{opened.ports[ANY]}"
    other = Listener()
    other.add(ANY, {("GET", "/fine"): _fine})
    other.add(taken, {("GET", "/fine"): _fine})
    with pytest.raises(AddressInUse) as caught:
        await other.open()
    assert taken in texts.why_here(caught.value)
    assert not other.ports


async def test_an_address_of_another_host_is_named_with_the_reason() -> None:
    other = Listener()
    other.add("192.0.2.1:8443", {("GET", "/fine"): _fine})
    with pytest.raises(AddressUnusable) as caught:
        await other.open()
    assert "192.0.2.1:8443" in texts.why_here(caught.value)


async def test_a_path_is_answered_by_one_part(opened: Listener) -> None:
    with pytest.raises(ValueError, match="answered already"):
        opened.add(ANY, {("GET", "/fine"): _fine})


async def test_a_call_under_way_ends_before_the_listener_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "STOP_S", 10.0)
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.BaseRequest) -> web.Response:
        began.set()
        await go_on.wait()
        return web.Response(text="written")

    opened = Listener()
    opened.add(ANY, {("GET", "/slow"): slow})
    await opened.open()
    async with aiohttp.ClientSession() as session:
        call = asyncio.create_task(session.get(f"http://127.0.0.1:{opened.ports[ANY]}/slow"))
        await began.wait()
        closing = asyncio.create_task(opened.close())
        go_on.set()
        assert await (await call).text() == "written"
        await closing


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has more than a moment."""
    monkeypatch.setattr(listener, "LOOK_EVERY_S", 0.02)
    for state, limit_s in ((State.SAYS, 0.1), (State.CALLS, 0.3), (State.WAITS, 0.2)):
        monkeypatch.setitem(listener.LONGEST_S, state, limit_s)


HALF = {
    "nothing": b"",
    "half a line": b"GET /fi",
    "half of the headers": b"GET /fine HTTP/1.1\r\nHost: ",
    "half a body": b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    "half a body that nobody wants": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    "one call and no more": b"GET /fine HTTP/1.1\r\nHost: a\r\n\r\n",
    "one call and half": b"GET /fine HTTP/1.1\r\nHost: a\r\n\r\nGET /fi",
    "half a line of TLS": b"\x16\x03\x01",
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", HALF)
async def test_whoever_does_not_go_on_is_cut(opened: Listener, kind: str) -> None:
    reader, writer = await _connect(opened)
    writer.write(HALF[kind])
    async with asyncio.timeout(30):
        await _rest(reader)
    writer.close()


@pytest.mark.usefixtures("quick")
async def test_a_byte_now_and_then_is_no_reason_to_stay(opened: Listener) -> None:
    reader, writer = await _connect(opened)
    end = asyncio.ensure_future(_rest(reader))
    async with asyncio.timeout(30):
        while not end.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"A")
                await writer.drain()
            await asyncio.wait({end}, timeout=0.02)
    writer.close()


@pytest.mark.usefixtures("quick")
async def test_whoever_reads_no_answer_is_cut(opened: Listener) -> None:
    with socket.create_connection(("127.0.0.1", opened.ports[ANY])) as asking:
        asking.setblocking(False)
        async with asyncio.timeout(30):
            with pytest.raises(ConnectionError):  # noqa: PT012 -- whichever call meets it
                while True:
                    with contextlib.suppress(BlockingIOError):
                        asking.send(b"GET /fine HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
                    await asyncio.sleep(0.01)  # nobody tells of the end but the next call


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("said", [b"", HALF["half of the headers"], HALF["one call and no more"]])
async def test_however_many_come_the_next_is_answered_and_few_descriptors_are_taken(
    opened: Listener, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    here = _descriptors()
    others = [await _connect(opened) for _ in range(3 * CONNECTIONS)]
    for _, writer in others:
        with contextlib.suppress(ConnectionError):
            writer.write(said)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{opened.ports[ANY]}") as calls:
        for _ in range(3):
            async with asyncio.timeout(30), calls.get("/fine") as answer:
                assert answer.status == 200
    assert _descriptors() - here <= len(others) + CONNECTIONS + 5
    for _, writer in others:
        writer.close()
    (line,) = caplog.messages
    assert "127.0.0.1:0" in line


async def test_calls_under_way_are_not_cut_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS", 2)
    began, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_request: web.BaseRequest) -> web.Response:
        began.release()
        await go_on.wait()
        return web.Response(text="done")

    opened = Listener()
    opened.add(ANY, {("GET", "/slow"): slow})
    await opened.open()
    url = f"http://127.0.0.1:{opened.ports[ANY]}/slow"
    async with aiohttp.ClientSession() as session:
        calls = []
        for _ in range(2):
            calls.append(asyncio.create_task(session.get(url)))
            await began.acquire()
        others = [await _connect(opened) for _ in range(3)]
        calls.append(asyncio.create_task(session.get(url)))
        assert not (await asyncio.wait(calls, timeout=0.2))[0]
        go_on.set()
        async with asyncio.timeout(30):
            for call in calls:
                assert await (await call).text() == "done"
    for _, writer in others:
        writer.close()
    await opened.close()


@pytest.fixture
def _no_descriptors() -> Iterator[None]:
    """Nothing can be opened any more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("_no_descriptors")
async def test_where_no_descriptor_is_left_it_is_said_once_and_passes(
    opened: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "AGAIN_S", 0.02)
    caplog.set_level(logging.INFO)
    with socket.socket() as asking:
        asking.setblocking(False)
        free = os.dup(0)
        os.close(free)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        for again in range(2):
            await asyncio.get_running_loop().sock_connect(
                asking, ("127.0.0.1", opened.ports[ANY])
            ) if not again else await asyncio.sleep(0.1)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        asking.send(b"GET /fine HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(30):
            answer = await asyncio.get_running_loop().sock_recv(asking, 9999)
    assert b" 200 " in answer
    (line,) = caplog.records
    assert os.strerror(errno.EMFILE) in line.getMessage()
    assert not line.exc_info


def test_few_descriptors_are_for_connections_however_few_there_are() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for soft, most in ((1024, 128), (256, 32), (80, 10)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
            assert most_connections() == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_name_is_listened_at_wherever_it_leads() -> None:
    opened = Listener()
    opened.add("localhost:0", {("GET", "/fine"): _fine})
    await opened.open()
    url = f"http://127.0.0.1:{opened.ports['localhost:0']}/fine"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
    await opened.close()


async def test_a_body_that_asks_first_is_told_to_go_on(opened: Listener) -> None:
    said = b"POST /length HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    reader, writer = await _connect(opened)
    writer.write(said)
    async with asyncio.timeout(30):
        assert b" 100 " in await reader.readline()
        writer.write(b"12")
        assert b" 200 " in await reader.readuntil(b"OK")
    writer.close()
