"""What this process answers by HTTP, and that it answers nothing else."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from bot import listener, texts
from bot.errors import AddressInUse, AddressUnusable
from bot.listener import MAX_BODY, Listener

ANY = "127.0.0.1:0"


async def _length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


async def _fine(_request: web.Request) -> web.Response:
    return web.Response(text="fine")


@pytest.fixture
async def opened() -> AsyncIterator[Listener]:
    opened = Listener()
    opened.add(ANY, {("POST", "/length"): _length})
    opened.add(ANY, {("GET", "/fine"): _fine})
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


async def test_no_answer_says_which_server_this_is(calls: aiohttp.ClientSession) -> None:
    async with calls.get("/fine") as answer, calls.get("/nothing") as nothing:
        assert {answer.headers["Server"], nothing.headers["Server"]} == {"invoice-bot"}


async def test_a_body_that_is_too_large_is_refused(calls: aiohttp.ClientSession) -> None:
    async with calls.post("/length", data=io.BytesIO(b"x" * (MAX_BODY + 1))) as answer:
        assert answer.status == 413


async def test_what_is_no_http_is_refused_without_a_line_in_the_log(
    opened: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    for said in (b"\x16\x03\x01 hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.ports[ANY])
        writer.write(said)
        writer.write_eof()
        async with asyncio.timeout(10):
            assert b" 200 " not in await reader.read()
        writer.close()
    assert not caplog.records


async def test_a_bug_of_a_part_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_request: web.Request) -> web.Response:
        raise KeyError("a bug")

    opened = Listener()
    opened.add(ANY, {("GET", "/broken"): broken})
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

    async def slow(_request: web.Request) -> web.Response:
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
