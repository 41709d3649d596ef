"""A process that gets no memory, wherever that is: it ends, and the next one goes on."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot
from bot.core.invoice import Face
from tests.world import WAIT_S, World

#: A program that finds no memory in one place, once a file is there.
SCARCE = """
import importlib, os, sys
module, *path, name = sys.argv.pop(1).split(":")
where = sys.argv.pop(1)
owner = importlib.import_module(module)
for each in path:
    owner = getattr(owner, each)
whole = owner.__dict__[name]
def scarce(*values, **named):
    if os.path.exists(where):
        raise MemoryError
    bound = getattr(whole, "__func__", whole)
    return bound(*values, **named)
setattr(owner, name, classmethod(scarce) if isinstance(whole, classmethod) else scarce)
from bot.__main__ import main
main()
"""
PLACES = [
    "bot.actions.actions:Actions:ask",
    "bot.chat.cards:Cards:do",
    "telegram.ext:CallbackContext:from_update",
    "bot.chat.turns:Turns:_sort",
    "bot.chat.turns:Turns:_serve",
    "bot.chat.turns:Turns:_leave",
    "bot.chat.turns:_UnderWay:end",
    "bot.engine.hands:Hands:_let_go",
    "bot.engine.worker:judge",
    "bot.store.invoices:Invoices:add",
    "bot.store.sqlite:Sqlite:harm",
    "bot.store.sqlite:Sqlite:tidy",
    "bot.store.writer:_deliver",
]


#: Who may keep it to themselves, and why.
KEEP_IT = {
    "bot/aside.py aside": "whoever waits for it raises it",
    "bot/aside.py work": "the same",
    "bot/check.py _part": "that a check got no memory is what it says",
    "bot/health/server.py _answer": "whoever waits for it raises it",
    "bot/listener.py _answer": "Telegram is answered 500, and calls again",
    "bot/logs.py emit": "a line says that it is missing",
    "bot/store/writer.py _by_itself": "whoever waits for it raises it",
    "bot/store/writer.py run": "the same",
}


@pytest.mark.parametrize("place", PLACES)
async def test_a_process_that_gets_no_memory_ends_and_the_next_one_goes_on(
    world: World, place: str
) -> None:
    lack = world.folder / "lack"
    process = await world.start_process("-c", SCARCE, place, str(lack))
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 5")
    await world.recorded(card, Face.OPEN)
    lack.touch()
    world.telegram.say(chat, world.anna, "/invoice 6")
    world.node.pay(world.request_in(card))
    async with asyncio.timeout(WAIT_S):
        assert await process.wait() == 1
    await world.start_process()
    await world.shown(chat, Face.OPEN, sats=6)
    await world.announced(chat, "Anna Berg")
    await world.becomes(card, Face.PAID)
    assert len(world.announcements(chat)) == 1


def test_whoever_catches_everything_lets_it_through() -> None:
    """Or is named above."""
    assert set(_keepers()) == set(KEEP_IT)


def _keepers() -> Iterator[str]:
    root = Path(bot.__file__).parent
    for file in sorted(root.rglob("*.py")):
        name = file.relative_to(root.parent).as_posix()
        if name.startswith("bot/demo/"):
            continue
        for function in ast.walk(ast.parse(file.read_text())):
            is_function = isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
            if is_function and any(map(_keeps, ast.walk(function))):
                yield f"{name} {function.name}"


def _keeps(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):  # suppress(Exception)
        return "suppress" in ast.unparse(node.func) and any(map(_is_all, node.args))
    if not isinstance(node, ast.Try):
        return False
    for handler in node.handlers:
        if isinstance(handler.body[-1], ast.Raise):  # whatever it is, it goes on
            if handler.type is not None and "MemoryError" in ast.unparse(handler.type):
                return False
            if not _is_all(handler.type) or handler.body[-1].exc is None:
                continue
        if _is_all(handler.type):
            return True
    return False


def _is_all(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(map(_is_all, caught.elts))
    return caught is None or ast.unparse(caught) in ("Exception", "BaseException")
