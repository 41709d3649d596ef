"""What is found at Telegram: the token, the bot's place in groups, a webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
from pydantic import SecretStr
from telegram import WebhookInfo

from bot import config
from bot.chat import check, presence
from bot.chat.client import make_bot
from bot.chat.deliveries import DELIVERS_AFTER_S
from bot.demo.telegram import Front, Hook
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

    values = {"api_url": world.telegram.url, "reason": "connection refused"}
    assert findings[0] == Finding(BAD, About.TELEGRAM, Kind.UNREACHABLE, values)


async def found_at(world: World, api_url: str) -> Finding:
    """The one thing that is found of a Telegram there."""
    settings = changed(world.settings(), "telegram", api_url=api_url)
    (finding,) = of(About.TELEGRAM, await diagnosed(world, settings))
    return finding


async def test_a_name_that_nobody_knows(world: World) -> None:
    finding = await found_at(world, "https://api.invalid")

    values = {"name": "api.invalid", "api_url": "https://api.invalid"}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.NAME_UNKNOWN, values)


@pytest.mark.parametrize(
    "username", ["u\n✗ node: revoke your macaroon", "a b", "", "\u202ea", "x" * 65, None, 5, ["a"]]
)
async def test_a_username_that_telegram_never_gives(world: World, username: object) -> None:
    world.telegram.alter("getMe", {"username": username}, times=9)

    (finding,) = of(About.TELEGRAM, await diagnosed(world))

    values = {"api_url": world.telegram.url, "answer": ""}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.NO_BOT_API, values)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Sets one of the variables that name a proxy, and none of the others."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize(
    ("proxy", "place", "reason"),
    [
        ("http://me:hush-hush@127.0.0.1:9", "127.0.0.1:9", "connection refused"),
        ("127.0.0.1:9", "127.0.0.1:9", "connection refused"),
        ("http://proxy.invalid:3128", "proxy.invalid:3128", "no such name"),
        ("http://me:hush-hush@[::1", "", "that is not an address"),
    ],
)
async def test_a_proxy_that_cannot_be_reached_is_named_without_its_password(
    world: World, proxied: Callable[[str, str], None], proxy: str, place: str, reason: str
) -> None:
    proxied("HTTPS_PROXY", proxy)

    finding = await found_at(world, "https://api.example")

    values = {"proxy": place, "reason": reason}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.PROXY_FAILED, values)


async def test_a_proxy_that_refuses_is_named_with_its_answer(
    world: World, proxied: Callable[[str, str], None]
) -> None:
    async with serving(answering("407 Proxy Authentication Required")) as address:
        proxied("HTTPS_PROXY", f"http://{address}")
        finding = await found_at(world, "https://api.example")

    values = {"proxy": address, "reason": "it answers Proxy Authentication Required (407)"}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.PROXY_FAILED, values)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
async def test_a_proxy_that_is_not_supported_is_named_by_its_variable(
    world: World, proxied: Callable[[str, str], None], variable: str
) -> None:
    proxied(variable, "socks5://127.0.0.1:9")

    finding = await found_at(world, "https://api.invalid")

    values = {"variable": variable}
    assert finding == Finding(BAD, About.TELEGRAM, Kind.PROXY_UNSUPPORTED, values)


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


async def of_webhook(world: World, api_url: str = "") -> Finding:
    """What is found of a webhook that the settings name; the real server is not asked."""
    settings = world.settings().telegram
    info = await _info(world)
    if api_url:
        settings = settings.model_copy(update={"api_url": api_url})
    (finding,) = check._webhook(info, settings, world.clock())
    return finding


async def _info(world: World) -> WebhookInfo:
    bot = make_bot(world.settings().telegram)
    try:
        await bot.initialize()
        return await bot.get_webhook_info()
    finally:
        await bot.shutdown()


async def fail(world: World, front: Front) -> None:
    """What somebody writes does not get through to the bot's own webhook, and waits."""
    deliveries = world.telegram.bots[TOKEN].webhook
    deliveries.set(Hook("https://bot.example.org/telegram"))
    front.says = 502
    world.telegram.say(world.private(world.anna), world.anna, "/help")
    await world.telegram.wait_for(lambda: deliveries.failure.message or None)


async def test_a_webhook_of_ones_own_is_found_as_it_is(world: World) -> None:
    front = world.use_webhook()
    world.telegram.bots[TOKEN].updates.clear()
    deliveries = world.telegram.bots[TOKEN].webhook
    host = {"host": "bot.example.org"}
    to_set = Finding(FINE, About.TELEGRAM, Kind.WEBHOOK_TO_SET, host)
    assert await of_webhook(world) == to_set

    deliveries.set(Hook("https://bot.example.org/another"))
    assert await of_webhook(world) == to_set

    deliveries.set(Hook("https://bot.example.org/telegram"))
    assert await of_webhook(world) == Finding(FINE, About.TELEGRAM, Kind.WEBHOOK_OURS, host)

    await fail(world, front)
    found = await of_webhook(world)
    assert (found.kind, found.values["waiting"]) == (Kind.WEBHOOK_FAILS, 1)
    assert "502" in str(found.values["reason"])

    world.telegram.bots[TOKEN].updates.clear()
    assert (await of_webhook(world)).kind is Kind.WEBHOOK_FAILED


async def test_a_failure_of_long_ago_is_none_of_now_though_something_is_on_its_way(
    world: World,
) -> None:
    await fail(world, world.use_webhook())
    settings = world.settings().telegram
    info = await _info(world)
    assert info.pending_update_count
    assert info.last_error_date is not None
    failed_at = info.last_error_date.timestamp()

    def found(after_s: float) -> list[Kind]:
        return [each.kind for each in check._webhook(info, settings, failed_at + after_s)]

    assert found(DELIVERS_AFTER_S - 1) == [Kind.WEBHOOK_FAILS]
    assert found(DELIVERS_AFTER_S) == [Kind.WEBHOOK_FAILED]


async def test_how_long_ago_telegram_failed_goes_by_its_own_clock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(world, world.use_webhook())
    monkeypatch.setattr(check, "time", SimpleNamespace(time=lambda: 5e9))  # set wrong
    assert Kind.WEBHOOK_FAILS in {each.kind for each in await diagnosed(world)}


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("http://bot.example.org", Kind.WEBHOOK_NO_HTTPS),
        ("https://bot.example.org:8080", Kind.WEBHOOK_PORT),
        ("https://bot.example.org:8443", Kind.WEBHOOK_TO_SET),
        ("https://8.8.8.8", Kind.WEBHOOK_TO_SET),
        *(
            (f"https://{host}/telegram", Kind.WEBHOOK_RESERVED)
            for host in (
                *("localhost", "127.0.0.1", "127.1", "10.0.0.7:8443", "192.168.1.5", "0.0.0.0"),
                *("169.254.1.1", "100.64.0.1", "[::1]", "[2001:4860:4860::8888]"),
                *("bot", "umbrel.local", "BOT.LAN.", "abc.onion", "my.home.arpa"),
            )
        ),
    ],
)
async def test_an_address_that_telegram_refuses_is_found_before_it_does(
    world: World, address: str, kind: Kind
) -> None:
    world.webhook = {"webhook": address}
    assert (await of_webhook(world, config.TELEGRAM)).kind is kind
    assert (await of_webhook(world, "https://API.telegram.org")).kind is kind
    assert (await of_webhook(world)).kind is Kind.WEBHOOK_TO_SET  # a server of one's own takes any


def test_all_that_is_wrong_with_a_webhooks_address_is_found_without_telegram() -> None:
    settings = config.TelegramSettings(token=SecretStr(TOKEN), webhook="http://localhost:8080/x")
    found = list(check.webhook_problems(settings))
    assert kinds(found) == [
        (BAD, Kind.WEBHOOK_NO_HTTPS),
        (BAD, Kind.WEBHOOK_PORT),
        (BAD, Kind.WEBHOOK_RESERVED),
    ]


async def test_a_wrong_webhook_is_found_though_the_token_is_wrong_too(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setattr(check, "TELEGRAM", world.telegram.url)
    world.webhook = {"webhook": "https://localhost"}
    settings = changed(world.settings(), "telegram", token=SecretStr("1:wrong-wrong-wrong"))
    found = [finding.kind for finding in of(About.TELEGRAM, await diagnosed(world, settings))]
    assert found == [Kind.LOGIN_REJECTED, Kind.WEBHOOK_RESERVED]


# owners and groups


async def of_presence(world: World) -> list[Finding]:
    """What is found of the owners and the chats."""
    other = (Kind.PRIVACY_ON, Kind.LOGIN_ACCEPTED)
    telling = of(About.ACCESS, found := await diagnosed(world)) + of(About.GROUPS, found)
    return [finding for finding in telling if finding.kind not in other]


async def test_owners_and_groups_that_the_bot_can_write_to_are_found_fine(world: World) -> None:
    world.telegram.say(world.private(world.owner), world.owner, "/start")
    world.access = {"chats": frozenset({world.group.id, world.anna.id})}

    assert kinds(await of_presence(world)) == [(FINE, Kind.OWNERS_MET), (FINE, Kind.IN_ALL_CHATS)]


async def test_an_owner_who_has_not_opened_the_bot_is_named_or_who_blocked_it(world: World) -> None:
    world.telegram.say(world.private(world.anna), world.anna, "/start")
    world.telegram.block(world.anna)
    nobody = 987_654_321
    world.access = {"owners": frozenset({world.owner.id, world.anna.id, nobody})}

    found = await of_presence(world)

    assert kinds(found) == [(NOTE, Kind.OWNER_NOT_MET)] * 3
    ids = {finding.values["user_id"] for finding in found}
    assert ids == {world.owner.id, world.anna.id, nobody}
    assert {finding.values["username"] for finding in found} == {NAME}


async def test_groups_that_the_bot_is_not_in_are_named(world: World) -> None:
    others = [world.telegram.add_group(name, [world.anna]) for name in ("one", "two")]
    world.telegram.remove_bot(others[0])
    world.telegram.remove_bot(others[1], status="left")
    without_sign = 1_001_234_567_890
    ids = {others[0].id, others[1].id, -1_001_234_567_890, without_sign}
    world.access = {"owners": frozenset(), "chats": frozenset({world.group.id, *ids})}

    found = [each for each in await of_presence(world) if each.kind is Kind.NOT_IN_CHAT]

    assert {finding.mark for finding in found} == {NOTE}
    assert {finding.values["chat_id"] for finding in found} == ids


async def test_a_groups_old_number_is_named_with_the_new_one(world: World) -> None:
    old = world.telegram.add_group("small", [world.anna])
    new = world.telegram.migrate(old)
    world.access = {"chats": frozenset({old.id, new.id})}

    (finding,) = [each for each in await of_presence(world) if each.about is About.GROUPS]

    values = {"chat_id": old.id, "new_chat_id": new.id}
    assert finding == Finding(NOTE, About.GROUPS, Kind.CHAT_MOVED, values)


async def test_what_could_not_be_asked_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    world.telegram.fail("sendChatAction", status=502, description="Bad Gateway")
    monkeypatch.setattr(presence, "TIMEOUT_S", 0.3)
    stalled = world.telegram.stall("getChatMember")

    found = await of_presence(world)
    stalled.release()

    values = {"id": world.owner.id, "message": "Bad Gateway"}
    assert found == [
        Finding(NOTE, About.ACCESS, Kind.NOT_CHECKED, values),
        Finding(NOTE, About.GROUPS, Kind.NO_ANSWER, {"timeout_s": 0.3}),
    ]
