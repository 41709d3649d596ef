"""Answers that are not Telegram's: a proxy's page, half of something, JSON of another kind."""

from __future__ import annotations

import logging

import pytest

from bot.core.invoice import Face
from tests.faces import may_be_duplicate
from tests.world import World

#: Status and body.
ODD = {
    "no result": (200, '{"ok":true}'),
    "another object": (200, '{"status":"maintenance"}'),
    "null": (200, "null"),
    "a list": (200, "[]"),
    "a text": (200, '"x"'),
    "a page": (200, "<html>"),
    "nothing": (200, ""),
    "deep": (200, "[" * 100_000),
    "a redirection": (302, ""),
    "502 and null": (502, "null"),
    "502 and a list": (502, "[1]"),
    "502 and a page": (502, "<html>"),
    "503 and a text": (503, '"busy"'),
    "404 and a page": (404, "<html>"),
    "429 and a list": (429, '{"ok":false,"parameters":[1]}'),
    "429 and a number": (429, '{"ok":false,"error_code":429,"description":5}'),
}
REFUSED_WITHOUT_REASON = {
    "soon": (429, '{"ok":false,"error_code":429,"parameters":{"retry_after":"soon"}}'),
    "403 and a page": (403, "<html>"),
}


def of(odd: dict[str, tuple[int, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("status", "body"), odd.values(), ids=odd)


@of(ODD | REFUSED_WITHOUT_REASON)
async def test_the_bot_goes_on_after_it_asked_for_updates(
    world: World, status: int, body: str
) -> None:
    await world.start_bot()
    world.telegram.garble("getUpdates", body, status=status, acted=False, times=2)
    await world.open_card(world.private(world.anna), world.anna, "/invoice 1")


@of({**ODD, "true": (200, '{"ok":true,"result":true}')})
async def test_the_bot_starts_all_the_same(world: World, status: int, body: str) -> None:
    world.telegram.garble("getMe", body, status=status, acted=False)
    await world.start_bot()
    await world.open_card(world.private(world.anna), world.anna, "/invoice 1")


@of({**ODD, "true": (200, '{"ok":true,"result":true}')})
async def test_a_photo_that_was_taken_may_stand_above(
    world: World, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    world.telegram.garble("sendPhoto", body, status=status, acted=True)
    world.telegram.say(chat, world.anna, "/invoice 1")
    second = await world.shown(chat, Face.OPEN, 2)
    assert may_be_duplicate(second.text or "")
    faults = [line for line in caplog.messages if "step crashed" in line]
    assert len(faults) == (1 if body.endswith(":true}") and "result" in body else 0)
    assert logging.ERROR in {r.levelno for r in caplog.records} or not faults


async def test_patience_of_no_length_is_a_moment(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    status, body = REFUSED_WITHOUT_REASON["soon"]
    world.telegram.garble("sendPhoto", body, status=status, acted=False)
    card = await world.open_card(chat, world.anna, "/invoice 1")
    assert not may_be_duplicate(card.text or "")
