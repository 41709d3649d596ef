"""Updates that Telegram delivers: from the call to the card, and to and from polls."""

from __future__ import annotations

import contextlib
import resource
import socket
import sqlite3
from contextlib import closing

import pytest

from bot.chat.webhook import secret_of
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.telegram import Hook, Message
from tests.health.asked import free_address, got
from tests.world import TOKEN, World

#: Another address that Telegram takes.
ELSEWHERE = "https://elsewhere.example.org/telegram"


def methods(world: World) -> set[str]:
    return {call.method for call in world.telegram.calls}


def waiting(world: World) -> int:
    """Updates that Telegram still has."""
    return len(world.telegram.bots[world.token].updates)


def in_inbox(world: World) -> int:
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        (count,) = database.execute("SELECT count(*) FROM inbox").fetchone()
    return int(count)


async def emptied(world: World) -> None:
    """Wait until Telegram has nothing left, nor the inbox."""
    await world.until(lambda: not waiting(world))
    await world.until(lambda: not in_inbox(world))


@pytest.mark.parametrize("strips", [False, True])
async def test_a_command_by_the_webhook_gets_a_card_that_is_paid(
    world: World, strips: bool
) -> None:
    world.use_webhook(strips=strips)
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
    card = await world.shown(chat, Face.OPEN, sats=2100)
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await world.announced(chat)
    assert "getUpdates" not in methods(world)


async def test_telegram_is_told_where_to_deliver_and_what(world: World) -> None:
    world.use_webhook()
    await world.start_bot()
    telegram = world.telegram.bots[world.token]
    await world.until(lambda: telegram.webhook.hook)
    hook = telegram.webhook.hook
    assert hook == Hook("https://bot.example.org/telegram", secret_of(TOKEN), 40)
    assert telegram.updates.allowed == [
        "callback_query",
        "edited_message",
        "message",
        "my_chat_member",
    ]
    (call,) = [call for call in world.telegram.calls if call.method == "setWebhook"]
    assert call.params["drop_pending_updates"] == "False".lower()
    await world.stop_bot()
    assert telegram.webhook.hook == hook  # what comes while it is down waits


async def test_a_webhook_that_another_program_takes_is_set_again_and_the_owner_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.chat.registration.LOOK_EVERY_S", 0.05)
    owners = world.private(world.owner)
    world.telegram.say(owners, world.owner, "/start")
    world.use_webhook()
    await world.start_bot()
    bot = world.telegram.bots[world.token]
    for url in (ELSEWHERE, ""):
        await world.until(lambda: bot.webhook.hook and "//bot.example" in bot.webhook.hook.url)
        if url:
            bot.webhook.set(Hook(url))
        else:
            bot.webhook.end()
    await world.open_card(world.private(world.anna), world.anna, "/invoice 2100")
    await world.notified(owners, Kind.OTHER_COPY)


@pytest.mark.parametrize("then", ["webhook", "polls"])
async def test_owners_hear_that_telegram_refuses_the_webhook_and_that_messages_come_again(
    world: World, then: str
) -> None:
    owners = world.private(world.owner)
    world.telegram.say(owners, world.owner, "/start")
    world.use_webhook()
    front = world.telegram.fronts["bot.example.org"]
    world.webhook["webhook"] = "https://192.168.1.5/telegram"
    await world.start_bot()
    await world.notified(owners, Kind.WEBHOOK_REFUSED)
    await world.stop_bot()
    if then == "polls":
        world.use_polls()
    else:
        world.webhook["webhook"] = "https://bot.example.org/telegram"
        world.telegram.fronts["bot.example.org"] = front
    await world.start_bot()
    await world.notified(owners, Kind.WEBHOOK_WORKS)
    assert len(world.notices(owners, Kind.WEBHOOK_REFUSED)) == 1


async def ask(world: World, first: int, last: int) -> None:
    """Commands of two people, in private and in a group, each with its own amount."""
    for sats in range(first, last):
        person = (world.anna, world.bert)[sats % 2]
        chat = world.group if sats % 3 == 0 else world.private(person)
        command = f"/invoice@{world.bot_user.username} {sats}"
        world.telegram.say(chat, person, command)


async def keep_only(world: World) -> None:
    """A process that takes Telegram's calls, and is not served: it cannot log in."""
    await world.start_process()
    await world.kill_process()
    world.telegram.fail("getMe", times=None, status=500, description="Internal Server Error")
    before = calls_of(world, "getMe")
    await world.start_process(is_up=lambda: calls_of(world, "getMe") > before)


def calls_of(world: World, method: str) -> int:
    return sum(call.method == method for call in world.telegram.calls)


async def each_once(world: World, first: int, last: int) -> None:
    """Each amount has one invoice at the node, and one open card somewhere."""

    def cards() -> dict[int, list[Message]]:
        chats = (world.private(world.anna), world.private(world.bert), world.group)
        return {
            sats: [m for chat in chats for m in world.showing(chat, Face.OPEN, sats=sats)]
            for sats in range(first, last)
        }

    await world.until(lambda: all(cards().values()), 30.0)
    amounts = sorted(invoice.value_msat // 1000 for invoice in world.node.invoices.values())
    assert amounts == list(range(first, last))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_switching_both_ways_under_way_with_kills_loses_nothing_and_doubles_nothing(
    world: World, seed: int
) -> None:
    await world.start_process()
    first = sats = 1000
    for turn in range(4):
        await ask(world, sats, sats + 6)
        sats += 6
        if (turn + seed) % 2:
            await world.kill_process()
        else:
            await world.end_process()
        await ask(world, sats, sats + 3)
        sats += 3
        if turn % 2:
            world.use_polls()
        else:
            world.use_webhook()
        await world.start_process()
        await ask(world, sats, sats + 3)
        sats += 3
    await each_once(world, first, sats)
    await emptied(world)
    world.no_trouble()


@pytest.mark.parametrize("goes_on_with", ["webhook", "polls"])
async def test_killed_between_the_answer_to_telegram_and_the_handlers_nothing_is_lost(
    world: World, goes_on_with: str
) -> None:
    world.use_webhook()
    await keep_only(world)
    await ask(world, 1000, 1010)
    await world.until(lambda: not waiting(world))
    assert in_inbox(world) >= 10
    await world.kill_process()
    world.telegram.clear_faults()
    if goes_on_with == "polls":
        world.use_polls()
    await world.start_process()
    await each_once(world, 1000, 1010)
    await emptied(world)
    world.no_trouble()


async def test_an_update_whose_answer_was_lost_is_handled_once(world: World) -> None:
    world.use_webhook()
    await world.start_bot()
    webhook = world.telegram.bots[world.token].webhook
    webhook.lost = 3
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/help")
    await emptied(world)
    assert webhook.answers[-4:] == [200, 200, 200, 200]
    assert len(world.ours(chat)) == 1


async def test_while_the_database_is_away_telegram_keeps_what_comes(world: World) -> None:
    world.use_webhook()
    await world.start_bot()
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    webhook = world.telegram.bots[world.token].webhook
    away = (world.folder / "bot.db").rename(world.folder / "away.db")
    world.telegram.say(chat, world.anna, "/invoice 2100")
    world.telegram.say(chat, world.anna, "/invoice 2200")
    await world.until(lambda: 503 in webhook.answers)
    away.rename(world.folder / "bot.db")
    await world.shown(chat, Face.OPEN, sats=2200)
    assert len(world.showing(chat, Face.OPEN)) == 3


async def test_each_chats_commands_are_carried_out_in_their_order(world: World) -> None:
    world.use_webhook()
    await world.start_bot()
    chat = world.private(world.anna)
    for sats in range(1, 31):
        world.telegram.say(chat, world.anna, f"/invoice {sats}")
    await world.until(lambda: len(world.showing(chat, Face.OPEN)) == 30, 30.0)
    made = sorted(world.node.invoices.values(), key=lambda invoice: invoice.add_index)
    cards = [world.request_in(card) for card in world.ours(chat)]
    assert len(set(cards)) == 30
    assert {invoice.payment_request for invoice in made} == set(cards)
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        rows = database.execute("SELECT amount_msat FROM invoices ORDER BY id").fetchall()
    assert [amount // 1000 for (amount,) in rows] == list(range(1, 31))


async def test_a_command_that_waited_in_the_inbox_for_hours_is_not_carried_out(
    world: World,
) -> None:
    world.use_webhook()
    await keep_only(world)
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    await world.until(lambda: not waiting(world))
    await world.kill_process()
    world.telegram.clear_faults()
    world.clock.ahead_s += 3 * 3600  # Telegram's clock, and the host's
    await world.start_bot(world.clock)
    await world.until(lambda: world.ours(chat))
    assert not world.showing(chat, Face.OPEN)
    assert not world.node.invoices
    await world.open_card(chat, world.anna, "/invoice 2200")


async def test_on_a_host_whose_clock_is_hours_fast_a_command_by_the_webhook_is_carried_out(
    world: World,
) -> None:
    world.use_webhook()
    await world.start_bot(lambda: world.clock() + 5 * 3600)
    await world.open_card(world.private(world.anna), world.anna, "/invoice 2100")


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))


@pytest.mark.parametrize("said", [b"", b"POST /telegram HTTP/1.1\r\nHost: "])
async def test_connections_that_ask_for_nothing_keep_no_command_from_its_card(
    world: World, said: bytes
) -> None:
    world.use_webhook()
    world.health = free_address()
    await world.start_process(prepare=few_descriptors)
    chat = world.private(world.anna)
    await world.open_card(chat, world.anna, "/invoice 1")
    with contextlib.ExitStack() as strangers:
        for _ in range(200):
            for address in (world.webhook["listen"], world.health):
                host, _, port = address.rpartition(":")
                stranger = strangers.enter_context(socket.create_connection((host, int(port))))
                with contextlib.suppress(ConnectionError):
                    stranger.sendall(said)
        card = await world.open_card(chat, world.anna, "/invoice 2100")
        world.node.pay(world.request_in(card))
        await world.becomes(card, Face.PAID)
        assert (await got(world.health, "/readyz")).status == 200
    assert await world.end_process() == 0
    log = world.log()
    assert "Traceback" not in log
    assert log.count("too many connections") == 2


async def test_without_a_webhook_nothing_of_it_is_loaded(world: World) -> None:
    await world.start_process("-X", "importtime", "-m", "bot")
    await world.open_card(world.private(world.anna), world.anna, "/invoice 2100")
    await world.end_process()
    loaded = {line.rpartition("|")[2].strip() for line in world.log().splitlines()}
    assert "bot.chat.intake" in loaded
    unwanted = {"aiohttp.web", "bot.listener", "bot.chat.webhook", "bot.chat.registration"}
    assert not unwanted & loaded
