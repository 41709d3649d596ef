"""Telegram's calls: what is kept, what is refused, and that nobody else learns anything."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import math
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot import logs
from bot.chat import limits, webhook
from bot.chat.webhook import AGAIN_S, HEADER, Webhook, secret_of
from bot.clock import steady
from bot.demo.telegram import Hook
from bot.listener import MAX_BODY, Listener
from bot.metrics import METER, Seen
from bot.store import Tx
from tests.chat.room import TOKEN, Room

ANY = "127.0.0.1:0"
ADDRESS = "https://bot.example.org/hooks/telegram"
PATH = "/hooks/telegram"
SECRET = {HEADER: secret_of(TOKEN)}
BOT_ID = int(TOKEN.partition(":")[0])


@pytest.fixture
async def calls(room: Room) -> AsyncIterator[aiohttp.ClientSession]:
    listener = Listener()
    answered = Webhook(room.store, token=TOKEN, address=ADDRESS, clock=room.clock)
    listener.add(ANY, answered.routes)
    await listener.open()
    limit = aiohttp.TCPConnector(limit=100)  # no more does Telegram make
    base = f"http://127.0.0.1:{listener.ports[ANY]}"
    async with aiohttp.ClientSession(base, connector=limit) as session:
        yield session
    await listener.close()


async def kept(room: Room) -> list[int]:
    """The numbers of the updates in the inbox."""

    def job(tx: Tx, bot_id: int) -> list[int]:
        return [each.update_id for each in tx.inbox.next(bot_id, done=[], after=0).updates]

    return await room.store.do(job, BOT_ID)


async def count(room: Room) -> int:
    def job(tx: Tx) -> int:
        return tx.inbox.count()

    return await room.store.do(job)


def message(number: int, chat_id: int = 5, **fields: Any) -> dict[str, Any]:
    body = {"message_id": number, "date": 1_790_000_000, "chat": {"id": chat_id, "type": "private"}}
    return {"update_id": number, "message": {**body, **fields}}


async def test_an_update_is_kept_before_telegram_hears_that_it_was(
    room: Room, calls: aiohttp.ClientSession
) -> None:
    async with calls.post(PATH, json=message(7), headers=SECRET) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert await kept(room) == [7]


async def test_what_telegram_brings_is_no_sign_that_telegram_can_be_reached(
    room: Room, calls: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    monkeypatch.setattr(METER, "telegram", seen)
    async with calls.post(PATH, json=message(7), headers=SECRET) as answer:
        assert answer.status == 200
    assert seen.age_s(steady()) == math.inf


async def test_a_proxy_that_takes_the_path_away_leads_here_as_well(
    room: Room, calls: aiohttp.ClientSession
) -> None:
    async with calls.post("/", json=message(7), headers=SECRET) as answer:
        assert answer.status == 200
    assert await kept(room) == [7]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", PATH, {}),
        ("POST", PATH, {HEADER: ""}),
        ("POST", PATH, {HEADER: secret_of(TOKEN)[:-1]}),
        ("POST", PATH, {HEADER: secret_of(TOKEN) + "A"}),
        ("POST", PATH, {HEADER: secret_of(TOKEN).swapcase()}),
        ("POST", PATH, {HEADER: secret_of("123456789:another")}),
        ("POST", "/", {HEADER: "wrong"}),
        ("POST", PATH + "/", SECRET),
        ("POST", "/hooks", SECRET),
        ("POST", "/telegram", SECRET),
        ("GET", PATH, SECRET),
        ("GET", "/", {}),
        ("HEAD", PATH, SECRET),
        ("PUT", PATH, SECRET),
        ("DELETE", PATH, {}),
        ("OPTIONS", PATH, {}),
    ],
)
async def test_whoever_does_not_know_the_secret_learns_nothing(
    room: Room, calls: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str]
) -> None:
    async with calls.request(method, "/nothing/here") as elsewhere:
        nothing = (elsewhere.status, await elsewhere.read(), _without_date(elsewhere))
    async with calls.request(method, path, json=message(7), headers=headers) as answer:
        assert (answer.status, await answer.read(), _without_date(answer)) == nothing
    assert nothing[:2] == (404, b"")
    assert await count(room) == 0


def _without_date(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "Date"}


async def test_a_secret_that_is_no_text_is_wrong(room: Room, calls: aiohttp.ClientSession) -> None:
    host = str(calls._base_url).removeprefix("http://").rstrip("/")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{HEADER}: "
    writer.write(head.encode() + b"\xff\xfe\xed\xa0\x80\r\n\r\n{}")
    assert (await reader.readline()).split()[1] in (b"404", b"400")
    writer.close()
    assert await count(room) == 0


async def test_the_body_of_a_stranger_is_not_waited_for(
    room: Room, calls: aiohttp.ClientSession
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(30):
        with pytest.raises(aiohttp.ClientError):  # noqa: PT012 -- the answer, or its end, comes first
            async with calls.post(PATH, data=endless(), headers={HEADER: "?"}) as answer:
                assert answer.status == 404
                raise aiohttp.ClientError
    assert await count(room) == 0


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    room: Room, calls: aiohttp.ClientSession
) -> None:
    body = json.dumps(message(7, text="x" * MAX_BODY)).encode()
    async with calls.post(PATH, data=io.BytesIO(body), headers=SECRET) as answer:
        assert answer.status == 413

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1 << 16):
            yield body[at : at + (1 << 16)]

    async with calls.post(PATH, data=parts(), headers=SECRET) as answer:
        assert answer.status == 413
    assert await count(room) == 0


async def test_a_body_that_is_packed_is_refused_and_comes_again_as_it_is(
    room: Room, calls: aiohttp.ClientSession
) -> None:
    body = json.dumps(message(7)).encode()
    for packing, packed, status in (
        ("gzip", gzip.compress(body), 415),
        ("x-other", body, 415),
        ("identity", body, 200),
    ):
        head = {**SECRET, "Content-Encoding": packing}
        async with calls.post(PATH, data=io.BytesIO(packed), headers=head) as answer:
            assert answer.status == status
        assert await kept(room) == ([7] if status == 200 else [])


async def test_a_body_that_comes_slowly_is_given_up(
    room: Room, calls: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "BODY_S", 0.1)
    host = str(calls._base_url).removeprefix("http://").rstrip("/")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    secret = f"{HEADER}: {secret_of(TOKEN)}"
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n{secret}\r\n\r\n{{"
    writer.write(head.encode())
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()
    async with calls.post(PATH, json=message(7), headers=SECRET) as answer:
        assert answer.status == 200
    assert await kept(room) == [7]


BROKEN = {
    "it hangs up": "Content-Length: 900\r\n\r\n{",
    "no chunk": "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "half a chunk": "Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
    "two lengths": "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "no gzip": "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "a length that is none": "Content-Length: -1\r\n\r\n{}",
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_call_that_breaks_off_keeps_nothing_and_logs_no_traceback(
    room: Room, calls: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    host = str(calls._base_url).removeprefix("http://").rstrip("/")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\n{HEADER}: {secret_of(TOKEN)}\r\n"
    writer.write((head + BROKEN[kind]).encode())
    await writer.drain()
    writer.write_eof()
    async with asyncio.timeout(30):
        assert b" 200 " not in await reader.readline()
    writer.close()
    async with calls.post(PATH, json=message(7), headers=SECRET) as answer:
        assert answer.status == 200
    assert await kept(room) == [7]
    assert not [record for record in caplog.records if record.exc_info]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"{update_id: 7}",
    "half": b'{"update_id": 7, "message": {',
    "a list": b'[{"update_id": 7}]',
    "a number": b"7",
    "null": b"null",
    "no number": b'{"message": {}}',
    "a text for a number": b'{"update_id": "7"}',
    "true for a number": b'{"update_id": true}',
    "a fraction": b'{"update_id": 7.5}',
    "a number that no database keeps": b'{"update_id": 9223372036854775808}',
    "more digits than Python reads": b'{"update_id": ' + b"9" * 5000 + b"}",
    "too deep": b'{"update_id": 7, "message": ' + b"[" * 400_000,
    "another encoding": '{"update_id": 7}'.encode("utf-16"),
    "no encoding": b'{"update_id": \xff}',
    "a zero byte": b'{"update_id": 7\0}',
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_what_cannot_be_read_is_written_off_and_comes_not_again(
    room: Room,
    calls: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setattr(limits, "COUNT_S", 60.0)
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        async with calls.post(PATH, data=UNREADABLE[kind], headers=SECRET) as answer:
            assert answer.status == 200
    assert await count(room) == 0
    assert len([line for line in caplog.messages if "webhook call skipped" in line]) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"chat": None},
        {"chat": {"id": 2**70}},
        {"chat": {"id": "5"}},
        {"new": {"of": ["a", "later", "version"]}},
        {"text": "\ud800 \0 \u202e"},
        {"text": "'); DROP TABLE inbox; --"},
    ],
)
async def test_whatever_is_in_an_update_it_is_kept_and_emptied(
    room: Room, calls: aiohttp.ClientSession, fields: dict[str, Any]
) -> None:
    async with calls.post(PATH, json=message(7, **fields), headers=SECRET) as answer:
        assert answer.status == 200
    assert await kept(room) == [7]
    async with asyncio.timeout(30):
        await room.inbox.drain(asyncio.Event())
    assert await count(room) == 0


@pytest.mark.parametrize(
    "unread", ['{"x":' * 1500 + "1" + "}" * 1500, "9" * 5000], ids=["deep", "a long number"]
)
async def test_what_nobody_reads_keeps_no_command_from_the_inbox(
    room: Room, calls: aiohttp.ClientSession, unread: str
) -> None:
    body = json.dumps(message(7, text="/id", rich_message="UNREAD")).replace('"UNREAD"', unread)
    async with calls.post(PATH, data=body, headers=SECRET) as answer:
        assert answer.status == 200
    assert await kept(room) == [7]
    async with asyncio.timeout(30):
        await room.inbox.drain(asyncio.Event())
    assert await count(room) == 0


async def test_the_same_update_twice_is_one_row(room: Room, calls: aiohttp.ClientSession) -> None:
    for text in ("first", "second"):
        async with calls.post(PATH, json=message(7, text=text), headers=SECRET) as answer:
            assert answer.status == 200
    assert await count(room) == 1


async def test_a_thousand_calls_by_as_many_connections_as_telegram_makes_are_all_kept(
    room: Room, calls: aiohttp.ClientSession
) -> None:
    async def call(number: int) -> int:
        headers = SECRET if number % 2 else {HEADER: "wrong"}
        async with calls.post(PATH, json=message(number), headers=headers) as answer:
            return answer.status

    answers = await asyncio.gather(*map(call, range(1000)))
    assert answers == [404, 200] * 500
    assert await count(room) == 500


async def test_while_the_database_takes_nothing_an_update_comes_again_soon(
    room: Room, calls: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    away = room.file.rename(room.file.with_suffix(".away"))
    for _ in range(2):
        async with calls.post(PATH, json=message(7), headers=SECRET) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, str(AGAIN_S))
    away.rename(room.file)
    async with calls.post(PATH, json=message(7), headers=SECRET) as answer:
        assert answer.status == 200
    assert await kept(room) == [7]
    lines = [line for line in caplog.messages if "webhook calls refused" in line]
    assert len(lines) == 1


def test_the_secret_is_each_tokens_own_and_telegram_takes_it() -> None:
    assert secret_of(TOKEN) == secret_of(TOKEN)
    assert secret_of(TOKEN) != secret_of(TOKEN + "x")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret_of(TOKEN))
    assert TOKEN.partition(":")[2] not in secret_of(TOKEN)
    Hook("https://bot.example.org", secret_of(TOKEN)).check()


async def test_no_line_of_the_log_has_the_secret(
    room: Room, calls: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with calls.post(PATH, data=secret_of(TOKEN), headers=SECRET) as answer:
        assert answer.status == 200
    async with calls.post(PATH, headers={HEADER: secret_of(TOKEN)[1:]}) as answer:
        assert answer.status == 404
    assert secret_of(TOKEN)[1:] not in caplog.text
    assert secret_of(TOKEN) not in logs.redacted(f"a line with {secret_of(TOKEN)}")
