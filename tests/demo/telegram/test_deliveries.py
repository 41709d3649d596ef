"""Updates that are posted to a webhook, as the real Telegram posts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.demo.telegram import Front
from tests.demo.telegram.town import TOKEN, Town, refusal

URL = "https://hooks.example.org/in"


class Hooks:
    """A bot's end: what it was posted, and how it answers."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.bodies: list[str] = []
        self.answer: Callable[[], str] = lambda: "200 OK"
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.under_way = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        self.bodies.append((await reader.readexactly(length)).decode())
        self.heads.append(head)
        self.under_way += 1
        await self.may_answer.wait()
        self.under_way -= 1
        writer.write(f"HTTP/1.1 {self.answer()}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def hooks(town: Town) -> AsyncIterator[Hooks]:
    hooks = Hooks()
    server = await asyncio.start_server(hooks.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    town.sim.fronts["hooks.example.org"] = Front(port)
    yield hooks
    hooks.may_answer.set()
    town.sim.bots[TOKEN].webhook.end()
    server.close()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def waiting(town: Town) -> int:
    return len(town.sim.bots[TOKEN].updates)


async def test_what_waits_and_what_comes_is_posted_with_the_secret(
    town: Town, hooks: Hooks
) -> None:
    chat = town.private()
    await town.call("setWebhook", url=URL, secret_token="s-3_cret")
    town.sim.say(chat, town.ann, "/help")
    await until(lambda: not waiting(town))
    assert len(hooks.bodies) == 2
    assert all("X-Telegram-Bot-Api-Secret-Token: s-3_cret\r\n" in head for head in hooks.heads)
    assert all(head.startswith("POST /in HTTP/1.1\r\n") for head in hooks.heads)
    assert "/help" in hooks.bodies[1]


async def test_of_one_chat_one_is_under_way_and_of_all_as_many_as_are_allowed(
    town: Town, hooks: Hooks
) -> None:
    await town.drain()
    hooks.may_answer.clear()
    await town.call("setWebhook", url=URL, max_connections=2)
    groups = [town.group() for _ in range(3)]
    await until(lambda: hooks.under_way == 2)
    for group in groups:
        for _ in range(3):
            town.sim.say(group, town.ann, "/help")
    hooks.may_answer.set()
    await until(lambda: not waiting(town))
    assert town.sim.bots[TOKEN].webhook.busiest == 2


async def test_what_is_not_answered_with_2xx_comes_again_and_keeps_its_chat_waiting(
    town: Town, hooks: Hooks
) -> None:
    await town.drain()
    chat = town.private()
    await town.drain()
    answers = iter(["500 Oh", "503 No\r\nRetry-After: 0", "204 Yes"])
    hooks.answer = lambda: next(answers, "200 OK")
    await town.call("setWebhook", url=URL)
    town.sim.say(chat, town.ann, "one")
    town.sim.say(chat, town.ann, "two")
    began_at = asyncio.get_running_loop().time()
    await until(lambda: not waiting(town))
    assert ['"one"' in body for body in hooks.bodies] == [True, True, True, False]
    assert (
        asyncio.get_running_loop().time() - began_at >= 1.9
    )  # the second pause; the first is none
    info = await town.call("getWebhookInfo")
    assert info["last_error_message"].startswith("Wrong response from the webhook: 503")
    assert info["max_connections"] == 40


async def test_retry_after_is_heeded(town: Town, hooks: Hooks) -> None:
    chat = town.private()
    await town.drain()
    answers = iter(["503 No\r\nRetry-After: 1"] * 2)
    hooks.answer = lambda: next(answers, "200 OK")
    await town.call("setWebhook", url=URL)
    town.sim.say(chat, town.ann, "one")
    began_at = asyncio.get_running_loop().time()
    await until(lambda: not waiting(town))
    assert 1.9 <= asyncio.get_running_loop().time() - began_at < 4


async def test_a_proxy_that_finds_nobody_answers_502(town: Town) -> None:
    chat = town.private()
    await town.drain()
    with_nobody = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = with_nobody.sockets[0].getsockname()[1]
    with_nobody.close()
    town.sim.fronts["hooks.example.org"] = Front(port)
    await town.call("setWebhook", url=URL)
    town.sim.say(chat, town.ann, "/help")
    webhook = town.sim.bots[TOKEN].webhook
    await until(lambda: 502 in webhook.answers)
    await until(lambda: webhook.failure.message)
    assert (await town.call("getWebhookInfo"))["pending_update_count"] == 1
    await town.call("deleteWebhook")
    assert len(await town.updates()) == 1


REFUSED = {
    "http://hooks.example.org": "An HTTPS URL must be provided for webhook",
    "https://hooks.example.org:8080": "Webhook can be set up only on ports 80, 88, 443 or 8443",
    "https://127.0.0.1/in": "IP address 127.0.0.1 is reserved",
    "https://10.0.0.5:8443": "IP address 10.0.0.5 is reserved",
    "https://[2001:db8::1]/": "IPv6-only addresses are not allowed",
    "https://no.such.host.invalid": "Failed to resolve host: Name or service not known",
}


@pytest.mark.parametrize("url", REFUSED)
async def test_an_address_is_refused_and_leaves_none(town: Town, hooks: Hooks, url: str) -> None:
    assert await refusal(town, "setWebhook", url=url) == (
        f"Bad Request: bad webhook: {REFUSED[url]}"
    )
    assert not (await town.call("getWebhookInfo"))["url"]


@pytest.mark.parametrize(("secret", "why"), [("é", "unallowed"), ("x" * 257, "too long")])
async def test_a_secret_has_an_alphabet_and_a_length(town: Town, secret: str, why: str) -> None:
    assert why in await refusal(town, "setWebhook", url=URL, secret_token=secret)


async def test_a_webhook_is_set_once_a_second(town: Town, hooks: Hooks) -> None:
    await town.call("setWebhook", url=URL)
    assert "retry after 1" in await refusal(town, "setWebhook", url=URL)
    await town.call("deleteWebhook")


async def test_a_poll_ends_where_a_webhook_is_set(town: Town, hooks: Hooks) -> None:
    await town.drain()
    poll = asyncio.ensure_future(refusal(town, "getUpdates", offset=0, timeout=30))
    await until(lambda: town.sim.bots[TOKEN].updates.is_polled)
    await town.call("setWebhook", url=URL)
    assert "setWebhook" in await poll
