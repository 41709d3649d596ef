"""The bot as a process, killed at named points: nothing lost, nothing doubled, nothing untrue."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from bot.core.invoice import Face
from bot.demo.telegram import Message
from tests.faces import may_be_duplicate, names
from tests.world import TOKEN, World

NodePoint = Callable[[World], Awaitable[None]]


def cards(world: World) -> list[Message]:
    """The messages in Anna's chat that look payable."""
    return world.showing(world.private(world.anna), Face.OPEN)


async def killed_at(world: World, method: str, *, before: bool) -> None:
    """Kill the bot while the node holds this call back, before or after acting."""
    hold = world.node.stall(method, before=before)
    world.telegram.say(world.private(world.anna), world.anna, "/invoice 2100 pizza")
    await hold.reached()
    await world.kill_process()
    hold.release()


@pytest.mark.parametrize("method", ["AddInvoice", "LookupInvoice"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_killed_while_the_node_is_asked_one_card_follows(
    world: World, method: str, before: bool
) -> None:
    await world.start_process()
    await world.node.until(lambda: world.node.calls["SubscribeInvoices"] > 0)
    await killed_at(world, method, before=before)
    await world.start_process()
    chat = world.private(world.anna)
    card = await world.shown(chat, Face.OPEN, sats=2100, says=' – "pizza"')
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg")
    assert len(world.node.invoices) == 1
    assert len(world.ours(chat)) == 2


async def test_killed_before_the_photo_was_recorded_it_is_sent_again_and_says_so(
    world: World,
) -> None:
    await world.start_process()
    hold = world.telegram.stall("sendPhoto")
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
    await hold.reached()
    await world.kill_process()
    hold.release()
    await world.start_process()
    card = await world.until(lambda: [m for m in cards(world) if may_be_duplicate(m.text or "")])
    world.node.pay(world.request_in(card[0]))
    await world.announced(chat, "Anna Berg")
    assert len(world.node.invoices) == 1
    # A copy from before the kill comes true at a press.
    for copy in cards(world):
        world.telegram.press(chat, world.anna, copy.id, text="Cancel")
    await world.until(lambda: not cards(world))
    assert len(world.announcements(chat, "Anna Berg")) == 1


async def test_cancel_as_a_reply_to_a_copy_that_a_kill_left_behind(world: World) -> None:
    await world.start_process()
    hold = world.telegram.stall("sendPhoto")
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
    await hold.reached()
    await world.kill_process()
    hold.release()
    await world.start_process()
    await world.until(lambda: [m for m in cards(world) if may_be_duplicate(m.text or "")])
    left = await world.until(
        lambda: [m for m in cards(world) if not may_be_duplicate(m.text or "")]
    )
    world.telegram.say(chat, world.anna, "/cancel", reply_to=left[0])
    await world.until(lambda: not cards(world))
    assert len(world.showing(chat, Face.CANCELLED)) == 2


@pytest.mark.parametrize("method", ["editMessageMedia", "sendMessage"])
async def test_killed_while_a_payment_is_shown_it_is_shown_and_told(
    world: World, method: str
) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
    card = await world.shown(chat, Face.OPEN)
    hold = world.telegram.stall(method)
    world.node.pay(world.request_in(card))
    await hold.reached()
    await world.kill_process()
    hold.release()
    await world.start_process()
    await world.becomes(card, Face.PAID)
    told = await world.announced(chat, "Anna Berg")
    again = world.announcements(chat, "Anna Berg")
    assert len(again) == 1 or may_be_duplicate(told.text or "")


async def test_killed_at_many_moments_every_command_gets_one_invoice(world: World) -> None:
    """Ten commands and five kills, each as soon as the next few calls were made."""
    await world.start_process()
    chat = world.private(world.anna)
    for life in range(5):
        calls = len(world.telegram.calls)
        for number in range(2):
            world.telegram.say(chat, world.anna, f"/invoice {100 + life * 10 + number}")
        await world.until(lambda: len(world.telegram.calls) >= calls + life)  # noqa: B023
        await world.kill_process()
        await world.start_process()
    await world.until(
        lambda: all(
            any(names(m.text or "", 100 + a * 10 + b) for m in cards(world))
            for a in range(5)
            for b in range(2)
        )
    )
    assert len(world.node.invoices) == 10
    plain = [m for m in cards(world) if not may_be_duplicate(m.text or "")]
    assert len({m.text for m in plain}) == len(plain)


async def test_sigterm_ends_cleanly_and_no_secret_is_in_the_log(world: World) -> None:
    world.log_level = "debug"
    await world.start_process()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
    card = await world.shown(chat, Face.OPEN)
    paid = world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg")
    assert await world.end_process() == 0
    said = world.log()
    assert "Traceback" not in said
    macaroon = (world.node.folder / world.macaroon).read_bytes()
    for secret in (TOKEN, macaroon.hex(), paid.preimage.hex()):
        assert secret not in said
    await world.start_process()
    await asyncio.sleep(0)
    assert world.process is not None
    world.process.send_signal(signal.SIGINT)
    assert await world.process.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_is_heard_also_where_whoever_started_it_keeps_it_back(
    world: World, number: signal.Signals
) -> None:
    def keep_back() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})

    process = await world.start_process(prepare=keep_back)
    process.send_signal(number)
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def test_a_hangup_in_the_last_moment_changes_nothing(world: World) -> None:
    process = await world.start_process()
    process.terminate()
    while process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGHUP)
        await asyncio.sleep(0.002)
    assert process.returncode == 0
    assert "Traceback" not in world.log()


async def test_a_second_process_on_the_same_database_says_who_has_it(world: World) -> None:
    first = await world.start_process()
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--config", str(world.config())),
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await second.communicate()
    assert second.returncode == 1
    assert f"process {first.pid}" in error.decode()
