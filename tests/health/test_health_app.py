"""How a whole bot is, and what it counts, while it works and while its world fails."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bot import app
from bot.config import DatabaseSettings
from bot.core.invoice import Face
from bot.errors import AddressInUse
from bot.health import readings
from bot.metrics import METER
from tests.health.asked import Answer, free_address, got
from tests.world import WAIT_S, World


@pytest.fixture(autouse=True)
def address(world: World) -> str:
    """Where the bot answers. Its process is this one, which has counted for other tests."""
    METER.__init__()  # type: ignore[misc]
    world.health = free_address()
    return world.health


async def numbers(world: World) -> Answer:
    assert world.health
    return await got(world.health, "/metrics")


async def ready(world: World, status: int) -> Answer:
    """Wait until /readyz says so."""
    assert world.health
    async with asyncio.timeout(3 * WAIT_S):
        while (answer := await got(world.health, "/readyz")).status != status:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nobody tells of a change but the answer
    return answer


async def test_what_people_ask_for_and_are_shown_is_counted_once(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 2100 pizza")

    before = await numbers(world)
    assert before.number("commands_total", kind="invoice") == 1
    assert before.number("cards_total") == 1
    assert before.number("command_to_card_seconds_count") == 1
    assert 0 < before.number("command_to_card_seconds_sum") < WAIT_S
    assert before.number("payments_total") == 0
    assert before.number("node_gate_open") == 1
    assert before.number("active") == 1
    assert before.number("term") == 0
    assert before.number("ready") == 1

    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    async with asyncio.timeout(WAIT_S):
        while (after := await numbers(world)).number("payments_total") < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # the message comes before its record
    assert after.number("payments_total") == 1
    assert after.number("cards_total") == 1
    assert after.number("commits_total") > before.number("commits_total")
    assert after.number("updates_total") >= 1


async def test_a_command_that_comes_again_is_counted_once(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    command = world.telegram.say(chat, world.anna, "/invoice 2100")
    await world.shown(chat, Face.OPEN)
    world.telegram.push_raw_update({"message": world.telegram.message_json(command)})
    await world.ask(chat, world.anna, "/invoice 7")
    counted = await numbers(world)
    assert counted.number("commands_total", kind="invoice") == 2
    assert counted.number("cards_total") == 2


async def test_bills_parts_and_renewals_are_commands_of_their_own_kind(world: World) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100")
    world.clock.ahead_s += 3700
    await world.becomes(card, Face.EXPIRED)
    await world.telegram.press(world.group, world.anna, card.id, text="Renew").answer
    await world.shown(world.group, Face.OPEN)

    world.telegram.say(world.group, world.anna, "/collect 500k speakers")
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    bill = await world.until(
        lambda: [each for each in world.ours(world.group) if "Pay my part" in world.buttons(each)]
    )
    press = world.telegram.press(world.group, world.bert, bill[0].id, text="Pay my part")
    await press.answer
    world.telegram.follow(press)
    await world.shown(world.private(world.bert), Face.OPEN)

    counted = await numbers(world)
    kinds = ("invoice", "renewal", "collection", "split", "part", "other")
    assert [counted.number("commands_total", kind=kind) for kind in kinds] == [1, 1, 1, 1, 1, 0]


async def test_a_scraper_that_stays_connected_does_not_keep_the_process_from_its_end(
    world: World, address: str
) -> None:
    await world.start_process()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{address}/metrics") as answer:
            assert answer.status == 200
        assert await world.end_process() == 0
    assert "took too long" not in world.log()


async def test_a_node_that_is_away_is_counted_and_the_bot_is_ready(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    await world.ask(chat, world.anna, "/invoice 2100")
    await world.node.down()
    world.telegram.say(chat, world.anna, "/invoice 7")
    await world.shown(chat, Face.WAITING)

    seen = await numbers(world)
    assert seen.number("node_gate_open") == 0
    assert seen.number("node_errors_total", kind="NodeUnreachable") > 0
    assert seen.number("queue_length", queue="hands") >= 1
    assert (await ready(world, 200)).said["missing"] == []


async def test_a_refusal_by_telegram_is_counted_by_its_kind(world: World) -> None:
    await world.start_bot()
    world.telegram.fail("sendPhoto", retry_after=1)
    await world.ask(world.private(world.anna), world.anna, "/invoice 2100")
    assert (await numbers(world)).number("telegram_errors_total", kind="ChatBusy") == 1


async def test_while_telegram_does_not_answer_at_the_start_the_bot_says_so(world: World) -> None:
    await world.telegram.down()
    running = asyncio.ensure_future(app.run(world.settings(), stop=(stop := asyncio.Event())))
    assert world.health
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                answer = await got(world.health, "/readyz")
            except OSError:
                await asyncio.sleep(0.01)
                continue
            if answer.said["missing"] == ["telegram"]:
                break
    assert answer.status == 503
    assert (await got(world.health, "/healthz")).status == 200
    stop.set()
    async with asyncio.timeout(WAIT_S):
        await running


async def test_a_telegram_that_is_gone_for_long_is_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "QUIET_S", 0.1)
    monkeypatch.setattr(readings, "TELEGRAM_FAILS_S", 1.0)
    await world.start_bot()
    await ready(world, 200)
    await world.telegram.down()
    assert (await ready(world, 503)).said["missing"] == ["telegram"]
    await world.telegram.up()
    await ready(world, 200)


async def test_where_telegram_has_nothing_to_say_it_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a webhook, where nobody asks for updates."""
    monkeypatch.setattr(app, "QUIET_S", 0.05)
    await world.start_bot()
    await world.until(lambda: sum(call.method == "getMe" for call in world.telegram.calls) > 3)


async def test_without_the_setting_nothing_is_asked_and_nobody_listens(
    world: World, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(app, "QUIET_S", 0.01)
    world.health = None
    await world.start_bot()
    await world.ask(world.private(world.anna), world.anna, "/invoice 2100")
    asked = sum(call.method == "getMe" for call in world.telegram.calls)
    assert asked <= 2  # by the login, and by the check at the start
    with pytest.raises(OSError, match="onnect"):
        await got(address, "/healthz")


async def test_a_database_that_is_taken_away_is_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "HEARTBEAT_S", 0.02)
    await world.start_bot()
    await ready(world, 200)
    file, aside = world.folder / "bot.db", world.folder / "aside.db"
    file.rename(aside)
    assert (await ready(world, 503)).said["missing"] == ["database"]
    seen = await numbers(world)
    assert seen.number("commit_errors_total") > 0
    assert seen.number("missing", part="database") == 1
    aside.rename(file)
    await ready(world, 200)


async def test_an_address_that_is_taken_ends_the_start(world: World) -> None:
    await world.start_bot()
    other = DatabaseSettings(url=f"sqlite:///{world.folder / 'other.db'}")
    with pytest.raises(AddressInUse):
        await app.run(world.settings().model_copy(update={"database": other}))
    assert not other.file.exists()


async def test_after_the_end_nobody_listens(world: World, address: str) -> None:
    await world.start_bot()
    await ready(world, 200)
    await world.stop_bot()
    with pytest.raises(OSError, match="onnect"):
        await got(address, "/healthz")
