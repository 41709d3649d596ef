"""Work costs what changed: what a running bot asks its database, counted in steps of SQLite's.

Every statement is counted that the bot executes, whoever wrote it, by the real run.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bot.chat import turns
from bot.core.invoice import Face
from bot.demo.telegram import Chat, Message
from bot.node import sweep
from tests.bench.past import Open, Past
from tests.faces import Role
from tests.world import WAIT_S, World

#: So many rows are in the way. To read them all takes several steps a row.
ROWS = 1000
#: Steps that a statement may take at most: a page of rows with all their columns is some thousand.
STEPS = 1500
PEOPLE = 50
PAYMENTS = 150
SENDS = ("sendPhoto", "sendMessage")


class Counter:
    """How many steps SQLite's machine took for each execution of each statement."""

    def __init__(self) -> None:
        #: Statement → the steps of its dearest execution.
        self.most: dict[str, int] = defaultdict(int)
        self._statement = ""
        self._steps = 0
        self._awaited: dict[str, asyncio.Event] = {}
        self._loop = asyncio.get_running_loop()

    def before(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """A statement begins; what comes now, its rows included, is its work."""
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        self._statement, self._steps = statement, 0
        raw.set_progress_handler(self._step, 1)
        for part, came in self._awaited.items():
            if part in statement:  # the database has a thread of its own
                self._loop.call_soon_threadsafe(came.set)

    def _step(self) -> int:
        self._steps += 1
        self.most[self._statement] = max(self.most[self._statement], self._steps)
        return 0

    def executed(self, part: str) -> bool:
        """Whether a statement with this in it was executed."""
        return any(part in statement for statement in self.most)

    async def until(self, part: str) -> None:
        """Wait for a statement with this in it."""
        came = self._awaited[part] = asyncio.Event()
        async with asyncio.timeout(WAIT_S):
            await came.wait()

    @property
    def dear(self) -> dict[str, int]:
        """Statements that took more steps than they may."""
        return {statement: steps for statement, steps in self.most.items() if steps > STEPS}


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    counter = Counter()
    sa.event.listen(Engine, "before_cursor_execute", counter.before)
    yield counter
    sa.event.remove(Engine, "before_cursor_execute", counter.before)


@pytest.fixture
def past(world: World) -> Past:
    world.access = {"open": True}
    people = [world.telegram.add_user(f"Guest {number}") for number in range(PEOPLE)]
    return Past(
        world.folder / "bot.db",
        node=world.node,
        telegram=world.telegram,
        chats=[world.private(person) for person in people],
        node_id=world.node.identity_pubkey,
    )


async def settled_in(world: World, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the bot, and wait until it has looked up what is open, and does so at its leisure."""
    monkeypatch.setattr(sweep, "ROUND_S", 0.1)
    monkeypatch.setattr(sweep, "HURRIED_ROUND_S", 0.1)
    await world.start_bot()
    await world.node.until(lambda: world.node.calls["LookupInvoice"] >= count, timeout_s=30)


async def test_what_a_bot_does_all_day_reads_few_of_those_that_are_open_or_done(
    world: World, past: Past, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await past.done(ROWS)
    await past.one_paid()
    await past.open(ROWS)
    await settled_in(world, ROWS, monkeypatch)
    counter.most.clear()

    # nobody does anything, but the clock is set
    world.clock.ahead_s += 3600
    await counter.until("retry_at > ")
    # somebody does everything
    await everything(world, past.opened[0])
    assert counter.dear == {}
    assert len(counter.most) > 20


async def everything(world: World, old: Open) -> None:
    """Each command, press and payment once."""
    chat = old.said.chat
    assert chat.person is not None
    card = await asked(world, chat, "/invoice 2100 pizza")
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Guest")
    world.node.pay(old.invoice.payment_request)
    await world.announced(chat, "Guest", 2)
    card = await asked(world, chat, "/invoice 21")
    world.telegram.press(chat, chat.person, card.id, text="Cancel")
    await world.until(lambda: "Renew" in world.buttons(card))
    world.telegram.press(chat, chat.person, card.id, text="Renew")
    await world.shown(chat, Face.OPEN, sats=21)
    world.telegram.say(chat, chat.person, "/invoice")
    question = await world.shown(chat, Face.QUESTION)
    world.telegram.say(chat, chat.person, "2100", reply_to=question)
    await world.shown(chat, Face.OPEN, sats=2100)
    world.telegram.say(chat, chat.person, "/invoices")
    await world.shown(chat, Role.SENTENCE, says=" sats – ")
    world.telegram.block(chat.person)
    world.telegram.unblock(chat.person)
    await asked(world, chat, "/invoice 1 a last one")


async def asked(world: World, chat: Chat, text: str) -> Message:
    """The card that this chat's person gets."""
    assert chat.person is not None
    return await world.open_card(chat, chat.person, text)


async def test_a_start_reads_few_of_those_that_are_done(
    world: World, past: Past, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await past.done(ROWS)
    await past.one_paid()
    await past.open(5)
    counter.most.clear()
    await settled_in(world, 5, monkeypatch)
    await asked(world, past.opened[0].said.chat, "/invoice 2100")
    assert counter.executed("faults >= ")
    assert counter.dear == {}
    await world.stop_bot()


async def test_of_many_payments_each_is_shown_and_told_soon_and_a_command_goes_first(
    world: World, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "BURST", 5)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 50)
    await past.one_paid()
    await past.open(PAYMENTS)
    paid = past.pay(PAYMENTS)
    await world.start_bot()

    def sent() -> list[str]:
        return [c.method for c in world.telegram.calls if c.method in ("editMessageMedia", *SENDS)]

    # in a chat whose payments all wait
    await world.until(lambda: len(sent()) >= 50)
    before = len(sent())
    await asked(world, paid[before + PEOPLE].said.chat, "/invoice 2100")
    assert sent()[before:].index("sendPhoto") < 100  # of some 250
    await world.until(lambda: all(notices(world, each) for each in paid), 90)
    assert [notices(world, each) for each in paid] == [1] * PAYMENTS
    assert all(world.face(each.card) is Face.PAID for each in paid)
    # not all cards first: most are told while the last still wait
    last = max(place for place, method in enumerate(sent()) if method == "editMessageMedia")
    assert sent()[:last].count("sendMessage") > PAYMENTS / 2
    await world.stop_bot()


def notices(world: World, each: Open) -> int:
    """How often this payment was told."""
    own = [m for m in world.ours(each.said.chat) if m is not each.card]
    return sum(message.reply_to is each.said for message in own)


async def test_commands_of_yesterday_do_not_wait_behind_payments(
    world: World, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that a crash interrupted has a hand, however many payments are due."""
    monkeypatch.setattr(turns, "BURST", 1)
    monkeypatch.setattr(turns, "MESSAGES_PER_S", 50)
    await past.open(PAYMENTS)
    chat = past.opened[0].said.chat
    await past.requested(chat)
    paid = past.pay(PAYMENTS)
    await past.record(paid)
    await world.start_bot()
    await world.shown(chat, Face.OPEN)
    assert sum(notices(world, each) for each in paid) < PAYMENTS / 2
    await world.stop_bot()
