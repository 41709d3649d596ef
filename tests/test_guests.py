"""Owning the bot and letting people in, with the whole bot: links, restarts, a reload."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import sys
import termios
from collections.abc import Callable

import pytest

from bot import app, texts
from bot.core.invoice import Face
from bot.demo.telegram import Chat, Message, User
from tests.test_cli import signalled_early
from tests.world import TOKEN, WAIT_S, World

NOBODY: dict[str, object] = {"owners": frozenset(), "users": frozenset()}


def codes(world: World) -> list[str]:
    """The codes of the links that were printed, each time."""
    return re.findall(r"\?start=(claim-[A-Za-z0-9_-]{22})\b", world.log())


async def printed(world: World, count: int = 1) -> str:
    """The code of the link, once it was printed so many times."""
    found = await world.until(lambda: len(now := codes(world)) >= count and now)
    assert found
    assert len(set(found)) == 1
    return found[0]


async def in_log(world: World, text: str) -> str:
    """The line of the log that says this."""

    def lines() -> list[str]:
        return [line for line in world.log().splitlines() if text in line]

    return (await eventually(lines))[-1]


async def eventually(look: Callable[[], list[str]]) -> list[str]:
    """What is found in a file, once there is something."""
    async with asyncio.timeout(WAIT_S):
        while not (found := look()):  # noqa: ASYNC110 -- a file tells nobody of a change
            await asyncio.sleep(0.02)
    return found


def question(world: World, owner: User) -> Message | None:
    """The message that asks this owner to let somebody in."""
    ours = world.ours(world.private(owner))
    return next((each for each in ours if texts.REFUSE_BUTTON in world.buttons(each)), None)


async def can_ask(world: World, chat: Chat, person: User) -> None:
    await world.open_card(chat, person, "/invoice 21")


# claiming


async def test_from_the_printed_link_to_a_friend_who_is_paid(world: World) -> None:
    world.access = NOBODY
    await world.start_process()
    code = await printed(world)
    world.telegram.start_bot(world.owner, code)
    await can_ask(world, world.private(world.owner), world.owner)
    hers = world.private(world.stranger)
    world.telegram.say(hers, world.stranger, "/invoice 21")
    await world.said(hers, texts.ASKED_OWNER)
    message = await world.until(lambda: question(world, world.owner))
    assert message is not None
    world.telegram.press(message.chat, world.owner, message.id, text=world.buttons(message)[0])
    await world.until(lambda: not world.buttons(message))
    card = await world.open_card(hers, world.stranger, "/invoice 2100 pizza")
    world.node.pay(world.request_in(card))
    await world.becomes(card, Face.PAID)
    await world.payment_noticed(world.owner, sats=2100)
    world.no_trouble()


async def test_the_same_link_is_printed_at_each_start_until_it_is_used(world: World) -> None:
    world.access = NOBODY
    for count in (1, 2):
        await world.start_process()
        code = await printed(world, count)
        await world.kill_process()
    await world.start_process()
    await printed(world, 3)
    world.telegram.start_bot(world.owner, code)
    await world.until(lambda: world.ours(world.private(world.owner)))
    await world.end_process()
    await world.start_process()
    await can_ask(world, world.private(world.owner), world.owner)
    assert len(codes(world)) == 3
    assert code not in world.log().split(f"?start={code}", 3)[-1]


@pytest.mark.parametrize("level", ["error", "debug"])
async def test_the_link_is_printed_at_every_level_and_its_code_nowhere_else(
    world: World, level: str
) -> None:
    world.access, world.log_level = NOBODY, level
    await world.start_process()
    code = await printed(world)
    world.telegram.start_bot(world.owner, code)
    await can_ask(world, world.private(world.owner), world.owner)
    await world.end_process()
    assert world.log().count(code) == 1
    assert TOKEN not in world.log()


async def test_while_somebody_owns_the_bot_no_link_is_printed(world: World) -> None:
    await world.start_process()
    await can_ask(world, world.private(world.owner), world.owner)
    await world.end_process()
    assert codes(world) == []


async def test_an_owner_who_claimed_the_bot_hears_of_payments_that_nobody_could_be_told_of(
    world: World,
) -> None:
    world.access = {"owners": frozenset()}
    await world.start_process()
    card = await world.open_card(world.private(world.anna), world.anna, "/invoice 77")
    world.telegram.block(world.anna)
    world.node.pay(world.request_in(card))
    await in_log(world, "could not be announced")
    world.telegram.start_bot(world.owner, await printed(world))
    await world.until(lambda: [m for m in world.ours(world.private(world.owner)) if "77" in m.text])


# what is kept


async def test_who_asked_and_what_was_granted_survives_a_kill_at_any_moment(world: World) -> None:
    hers, own = world.private(world.stranger), world.private(world.owner)
    await world.start_process()
    world.telegram.say(own, world.owner, "/start")
    await world.until(lambda: world.ours(own))
    stall = world.telegram.stall("sendMessage", chat_id=world.owner.id)
    world.telegram.say(hers, world.stranger, "/invoice 21")
    await stall.reached(WAIT_S)
    await world.kill_process()
    stall.release()
    await world.start_process()
    message = await world.until(lambda: question(world, world.owner))
    assert message is not None
    stall = world.telegram.stall("editMessageText", chat_id=world.owner.id)
    world.telegram.press(message.chat, world.owner, message.id, text=world.buttons(message)[0])
    await stall.reached(WAIT_S)
    await world.kill_process()
    stall.release()
    await world.start_process()
    await world.until(lambda: not world.buttons(message))
    await can_ask(world, hers, world.stranger)
    world.no_trouble()


# menus


async def test_owners_have_a_menu_of_their_own_as_long_as_they_are_some(world: World) -> None:
    def menu(person: User) -> set[str]:
        chat = world.private(person)
        return {each["command"] for each in world.telegram.commands(chat, person)}

    special = {name for name, _ in texts.OWNER_COMMANDS}
    for person in (world.owner, world.anna):
        world.telegram.say(world.private(person), person, "/start")
    await world.start_bot()
    await world.until(lambda: special <= menu(world.owner))
    assert not special & menu(world.anna)
    own = world.private(world.owner)
    world.telegram.say(own, world.owner, f"/allow owner {world.anna.id}")
    await world.until(lambda: special <= menu(world.anna))
    world.telegram.say(own, world.owner, f"/deny {world.anna.id}")
    await world.until(lambda: not special & menu(world.anna))


# the settings read again


def hang_up(world: World) -> None:
    assert world.process is not None
    world.process.send_signal(signal.SIGHUP)


async def test_settings_that_are_read_again_count_at_once_and_keep_what_was_granted(
    world: World,
) -> None:
    await world.start_process()
    hers, own = world.private(world.stranger), world.private(world.owner)
    uma = world.telegram.add_user("Uma")
    world.telegram.say(own, world.owner, f"/allow {world.stranger.id}")
    await world.until(lambda: world.ours(own))
    world.access = {"users": frozenset({uma.id})}
    world.config()
    hang_up(world)
    assert "access" in await in_log(world, "settings reloaded")
    await can_ask(world, world.private(uma), uma)
    await can_ask(world, hers, world.stranger)
    world.telegram.say(world.private(world.anna), world.anna, "/invoice 21")
    await world.said(world.private(world.anna), texts.ASKED_OWNER)


@pytest.mark.parametrize(
    "wrong",
    [
        "[access]\nowners = [",
        "[access]\nopen = 'perhaps'",
        "[nonsense]\nx = 1",
        "",
        f"[access]\nowners = [{'1' * 5000}]",
        f"[access]\nowners = [0x{'1' * 5000}]",
        '[lnd]\ntls_cert = "~nobody\\u0000/x"',
    ],
)
async def test_a_file_that_is_wrong_changes_nothing_and_is_one_line_of_the_log(
    world: World, wrong: str
) -> None:
    await world.start_process()
    file = world.folder / "bot.db.toml"
    file.write_text(file.read_text().replace("[access]", "[access]\nopen = true", 1))
    right = file.read_text()
    file.write_text(wrong)
    before = len(world.log().splitlines())
    hang_up(world)
    await in_log(world, "settings not reloaded")
    await can_ask(world, world.private(world.anna), world.anna)
    lines = [line for line in world.log().splitlines()[before:] if "reload" in line]
    assert len(lines) == 1
    assert TOKEN not in world.log()
    file.write_text(right)
    hang_up(world)
    await in_log(world, "settings reloaded")
    await can_ask(world, world.private(world.stranger), world.stranger)


async def test_a_limit_counts_at_once_and_what_needs_a_restart_is_named(world: World) -> None:
    await world.start_process()
    file = world.folder / "bot.db.toml"
    text = file.read_text().replace('"100000/1m"', '"1/1h"').replace('"3600s"', '"2h"')
    file.write_text(text)
    hang_up(world)
    assert "limits" in await in_log(world, "settings reloaded")
    assert "invoices" in await in_log(world, "need a restart")
    hers = world.private(world.anna)
    await can_ask(world, hers, world.anna)
    world.telegram.say(hers, world.anna, "/invoice 22")
    await world.until(lambda: len(world.ours(hers)) >= 2)
    assert len(world.showing(hers, Face.OPEN)) == 1


async def test_an_owner_who_is_removed_from_the_settings_leaves_a_link_behind(
    world: World,
) -> None:
    await world.start_process()
    world.access = NOBODY
    world.config()
    hang_up(world)
    await in_log(world, "settings reloaded")
    await eventually(lambda: codes(world))


async def test_settings_can_be_read_again_from_the_first_moment_of_a_process(world: World) -> None:
    await world.start_process("-c", signalled_early("SIGHUP"))
    await in_log(world, "settings reloaded")


async def test_a_terminal_that_is_closed_ends_the_bot(world: World) -> None:
    before, (outside, terminal) = world.polls(), pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--config", str(world.config())),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    await world.telegram.wait_for(lambda: world.polls() > before, WAIT_S)
    process.send_signal(signal.SIGHUP)  # the terminal is there: nothing but a reload
    before = world.polls()
    world.telegram.say(world.private(world.anna), world.anna, "/id")
    await world.telegram.wait_for(lambda: world.polls() > before, WAIT_S)
    os.close(outside)
    async with asyncio.timeout(WAIT_S):
        assert await process.wait() == 0


async def test_the_link_in_a_log_of_json_is_json(world: World) -> None:
    world.access = NOBODY
    file = world.config()
    file.write_text(file.read_text().replace("[log]", '[log]\nformat = "json"'))
    text = file.read_text()
    world.config = lambda database="bot.db": file  # type: ignore[method-assign]
    assert "json" in text
    await world.start_process()
    await eventually(lambda: codes(world))
    events = [json.loads(line)["event"] for line in world.log().splitlines()]
    assert [each for each in events if "?start=claim-" in each]


async def test_a_bot_that_was_off_when_the_day_ended_leaves_however_little_it_keeps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "TIDY_S", 0.1)
    world.keep = "1d"
    await world.start_bot()
    group = world.telegram.add_group("Strangers", [world.stranger])
    await world.until(lambda: world.ours(group))
    await world.stop_bot()
    world.clock.ahead_s += 90_000
    await world.start_bot()
    await world.until(lambda: not group.has(world.bot_user.id))
