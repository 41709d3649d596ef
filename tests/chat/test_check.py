"""What is found at Telegram: the token, the bot's place in groups, a webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from bot.findings import About, Finding, Kind, Mark
from tests.checked import bake_narrow, changed, diagnosed, kinds, of
from tests.world import NAME, TOKEN, World

FINE, NOTE, BAD = Mark.FINE, Mark.NOTE, Mark.BAD


@pytest.fixture(autouse=True)
def narrow(world: World) -> None:
    bake_narrow(world)


async def test_a_rejected_token(world: World) -> None:
    settings = changed(world.settings(), "telegram", token=SecretStr("1:wrong-wrong-wrong"))

    findings = await diagnosed(world, settings)

    assert findings[0] == Finding(BAD, About.TELEGRAM, Kind.LOGIN_REJECTED)
    assert "wrong-wrong" not in repr(findings)
    assert kinds(of(About.CHAIN, findings)) == [(FINE, Kind.SYNCED)], "the rest is checked too"


async def test_telegram_that_cannot_be_reached(world: World) -> None:
    await world.telegram.down()

    findings = await diagnosed(world)

    values = {"api_url": world.telegram.url}
    assert findings[0] == Finding(BAD, About.TELEGRAM, Kind.UNREACHABLE, values)


async def test_something_else_than_telegram(world: World) -> None:
    world.telegram.fail("getMe", status=403, description="Forbidden: bot was kicked out")

    (finding,) = of(About.TELEGRAM, await diagnosed(world))

    values = {"message": "Forbidden: bot was kicked out"}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.ANSWERS_ODDLY, values)


PAGE = b"<!DOCTYPE html><html><body>Welcome</body></html>"


def answering(head: str, body: bytes = PAGE) -> bytes:
    """An answer over HTTP, whole."""
    return f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answering("200 OK"), ""),
        (answering("200 OK", b'{"detail": "welcome"}'), ""),
        (answering("301 Moved Permanently\r\nLocation: https://x/"), "Moved Permanently (301)"),
        (answering("401 Unauthorized"), "Unauthorized (401)"),
        (answering("403 Forbidden"), "Forbidden (403)"),
        (answering("404 Not Found"), "Not Found (404)"),
        (answering("404 Not Found", b'{"detail": "Not Found"}'), "Not Found (404)"),
        (answering("405 Method Not Allowed"), "Method Not Allowed (405)"),
        (answering("502 Bad Gateway"), "Bad Gateway (502)"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ""),
        (bytes.fromhex("15030300020146"), ""),  # what a server of TLS says to HTTP
    ],
)
async def test_what_answers_and_is_no_bot_api_is_not_called_unreachable(
    world: World, answer: bytes, said: str
) -> None:
    async with serving(answer) as address:
        settings = changed(world.settings(), "telegram", api_url=f"http://{address}")
        (finding,) = of(About.TELEGRAM, await diagnosed(world, settings))

    values = {"api_url": f"http://{address}", "answer": said}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.NO_BOT_API, values)


async def test_a_path_that_telegram_does_not_know(world: World) -> None:
    api_url = f"{world.telegram.url}/bots"

    findings = await diagnosed(world, changed(world.settings(), "telegram", api_url=api_url))

    (finding,) = of(About.TELEGRAM, findings)
    assert finding == Finding(BAD, About.TELEGRAM, Kind.LOGIN_UNKNOWN, {"api_url": api_url})


async def test_telegram_in_trouble_says_so_itself(world: World) -> None:
    world.telegram.fail("getMe", status=502, description="Bad Gateway")

    (finding,) = of(About.TELEGRAM, await diagnosed(world))

    assert finding == Finding(BAD, About.TELEGRAM, Kind.ANSWERS_ODDLY, {"message": "Bad Gateway"})


async def test_https_where_there_is_no_tls(world: World) -> None:
    async with serving(answering("200 OK")) as address:
        settings = changed(world.settings(), "telegram", api_url=f"https://{address}")
        (finding,) = of(About.TELEGRAM, await diagnosed(world, settings))

    assert (finding.mark, finding.kind) == (BAD, Kind.TLS_FAILED)
    assert finding.values["reason"]


async def test_https_with_a_certificate_that_nobody_vouches_for(world: World) -> None:
    api_url = f"https://{world.node.address}"

    findings = await diagnosed(world, changed(world.settings(), "telegram", api_url=api_url))

    (finding,) = of(About.TELEGRAM, findings)
    values = {"api_url": api_url, "reason": finding.values["reason"]}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.TLS_FAILED, values)
    assert "certificate" in str(values["reason"])


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[str]:
    """A server that answers anybody with these bytes; its address."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


@pytest.mark.parametrize(
    ("bot", "found"),
    [
        ({"can_read_all_group_messages": True}, (FINE, Kind.PRIVACY_OFF)),
        ({"can_join_groups": False}, (NOTE, Kind.GROUPS_FORBIDDEN)),
    ],
)
async def test_the_bots_place_in_groups(
    world: World, bot: dict[str, bool], found: tuple[Mark, Kind]
) -> None:
    token = "22222222:AAE-another-token-of-another-bot-000"
    world.telegram.add_bot(token, "other_bot", "Other", **bot)

    findings = await diagnosed(world, changed(world.settings(), "telegram", token=SecretStr(token)))

    assert kinds(of(About.GROUPS, findings)) == [found]


async def test_privacy_mode_is_found_with_the_command_that_gets_through(world: World) -> None:
    (finding,) = of(About.GROUPS, await diagnosed(world))

    assert finding == Finding(FINE, About.GROUPS, Kind.PRIVACY_ON, {"username": NAME})


async def test_a_webhook_is_found_without_its_secret_path(world: World) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{world.telegram.url}/bot{TOKEN}/setWebhook",
            json={"url": "https://hooks.example/secret-path"},
        )
    assert answer.json()["ok"]

    findings = await diagnosed(world)

    values = {"host": "hooks.example"}
    assert findings[2] == Finding(NOTE, About.TELEGRAM, Kind.WEBHOOK_SET, values)
    assert "secret-path" not in repr(findings)
