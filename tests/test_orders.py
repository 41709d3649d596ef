"""Any event after any step: the bot's own parts between a node and chats that do what they may.

All parts but the start, the log and the sockets are the real ones, in one process on a clock that
stands still. Each call stops before it acts and before it answers, and anything may happen there: a
payment, a press, an outage, a kill.

INVOICE_BOT_ORDERS=3000 tries that many orders, for some minutes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
import telegram
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr

from bot import app
from bot.chat.buttons import read_press
from bot.chat.fields import MAY, NOT_WRITE, WRITE
from bot.chat.owners import Outage
from bot.clock import Clock
from bot.config import (
    AccessSettings,
    InvoicesSettings,
    LimitsSettings,
    Rate,
    Settings,
    TelegramSettings,
)
from bot.core.invoice import LATE_S, Audience, Invoice, State
from bot.core.notices import Kind
from bot.core.work import READ_LANES
from bot.demo.node import ACCEPTED, CANCELED, OPEN, SETTLED, PaymentFailed
from bot.store import Store, Tx, rows, sqlite, tables, writer
from tests import faces
from tests.faces import plain
from tests.in_memory import (
    CHAT_FAULTS,
    NODE_FAULTS,
    Call,
    Desk,
    Message,
    NodeOutside,
    Steady,
    TelegramOutside,
)
from tests.postgres import Cluster

T = TypeVar("T")

NOW = 1_790_000_000.0
EXPIRY_S = 3600
PATIENCE_S = 60
ASKER, OWNER, GROUP = 7, 1, -5
FIRST_SATS = 2100
LONG = "long " * 120
#: Calls that one row may need without anything happening, and without a pause.
STEPS_AT_ONCE = 12
#: Turns of the loop until everything is at rest, where nobody answers.
TURNS = 2000
CARD = ("open", "paid", "expired", "cancelled")
FACES = {
    State.OPEN: "open",
    State.SETTLED: "paid",
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
    State.FAILED: "failed",
}
AGAIN = {State.EXPIRED: "Renew", State.CANCELLED: "Renew", State.FAILED: "Try again"}
#: What is logged as an error where a call was refused, or a bug was put in on purpose.
EXPECTED = (
    *("refused by Telegram", "payment could not be announced", "step crashed", "row is stuck"),
    "message not sent",
)

#: What the owners hear once of each row.
OF_ONE_ROW = (Kind.STUCK, Kind.CARD_REFUSED, Kind.CARD_UNTRUE)
#: What is rare, so that the rest is not.
EVENTS = (
    "_clock_is_set",
    "_node_goes",
    "_node_comes_back",
    "_node_cleans_up",
    "_node_is_restored",
    "_node_refuses",
    "_stream_stalls",
    "_stream_tells_again",
    "_somebody_cancels_at_the_node",
    "_last_part_of_a_payment",
    "_chat_is_lost",
    "_chat_is_back",
    "_group_moves",
    "_update_comes_again",
    "_bot_is_killed",
)
NODE_OUTCOMES = (
    *["done"] * 7,
    *["broken", "broken after", "late", "late after", "late after", "odd", "odd after", "unknown"],
)
CHAT_OUTCOMES = (
    *["done"] * 8,
    *["lost", "lost after", "lost after", "lost after", "lost late", "lost late"],
    *["unsent", "busy"],
    *["refused", "bug", "forbidden"],
)
#: Turns of the loop between two things of the same moment; None: all that comes of the first.
TURNS_BETWEEN = st.sampled_from([None, 0, 1, 2, 3, 4, 6])
#: What comes of calls, by a number: drawn one by one they would be much alike.
DICE = st.integers(0, 2**32 - 1)


def role_of(text: str) -> str:
    """What a text of the bot's is."""
    return str(faces.role_of(text))


def kind_of(text: str) -> str:
    """The same for all faces of a card."""
    role = role_of(text)
    others = ("announcement", "payment notice", "payment request")
    return role if role in others else "card"


def roles(message: Message) -> list[str]:
    """What it has been, in order."""
    return [role_of(text) for text in message.texts]


def role(message: Message) -> str:
    """What it is."""
    return role_of(message.texts[-1])


def request_in(text: str) -> str:
    """The payment request in a text, "" for none."""
    found = re.search(r"\blnsb\w+", text)
    return found[0] if found else ""


def messages_of(row: Invoice) -> list[int]:
    """The numbers that the row knows in its chat."""
    known = (row.card_id, row.payment_request_id, *row.duplicates)
    return [number for number in known if number is not None]


def known_messages(rows: list[Invoice]) -> set[int]:
    """The numbers that any of these rows knows."""
    return {number for row in rows for number in messages_of(row)}


def buttons(message: Message) -> list[telegram.InlineKeyboardButton]:
    """Under a message."""
    return (
        [each for row in message.markup.inline_keyboard for each in row] if message.markup else []
    )


def _one_of(data: st.DataObject, things: list[T]) -> T:
    """By its number, which is short to read where it fails."""
    return things[data.draw(st.integers(0, len(things) - 1))]


class InStep(Store):
    """The store, its jobs in the loop's own order; it can die with the process."""

    jobs = 0
    writes_left: int | None = None  # until the process is dead
    lag = 0  # turns of the loop from a job's end until its caller hears of it

    async def do(  # type: ignore[override]
        self, job: Callable[..., T], *values: Any, **named: Any
    ) -> T:
        """As it is done, in the order of coming."""
        self.jobs += 1
        await asyncio.sleep(0)
        if self.writes_left is not None:
            if self.writes_left == 0:
                await asyncio.get_running_loop().create_future()
            self.writes_left -= 1
        answer = self.at_once(lambda tx: job(tx, *values, **named))
        for _ in range(self.lag):
            await asyncio.sleep(0)
        return answer

    def at_once(self, job: Callable[[Tx], T]) -> T:
        """One transaction."""
        (outcome,) = self._run([writer._Job(job, None, needs_term=False)])  # type: ignore[arg-type]
        if outcome.error is not None:
            raise outcome.error
        return outcome.answer


class Ground:
    """What all examples share: a loop, and a database; `url` "": on a file in `folder`."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.runner = asyncio.Runner(loop_factory=Steady)
        self.loop = self.runner.get_loop()
        self._is_file = not url
        url = url or f"sqlite:///{folder / 'orders.db'}"
        self.store: InStep = self.runner.run(InStep.open(url))  # type: ignore[assignment]
        self._rows: tuple[int, list[Invoice]] = (-1, [])
        #: What comes in between in the next run, and after how many turns.
        self.between: tuple[int, Callable[[], None]] | None = None
        if not self._is_file:
            return
        # What a lost power supply would do is no part of this.
        with self.store._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA synchronous=OFF")

    def close(self) -> None:
        """The end."""
        self.runner.run(self.store.close())
        self.runner.close()

    def run(self, work: Awaitable[T] | None = None) -> T | None:
        """Do this, and all that comes of it, until nothing moves."""

        async def whole() -> T | None:
            task = asyncio.ensure_future(work) if work is not None else None
            turns = 0
            while True:
                await asyncio.sleep(0)
                turns += 1
                assert turns < TURNS, "it goes on and on without a pause"
                if self.between is not None and turns > self.between[0]:
                    happen, self.between = self.between[1], None
                    happen()
                is_quiet = not self.loop._ready and not self._is_due()  # type: ignore[attr-defined]
                if is_quiet and self.between is None:
                    break
            if task is not None:
                assert task.done(), "a handler waits for the network"
                return await task
            return None

        return self.loop.run_until_complete(whole())

    def _is_due(self) -> bool:
        loop: Any = self.loop
        return any(h._when <= loop.time() and not h._cancelled for h in loop._scheduled)

    def rows(self) -> list[Invoice]:
        """As they stand."""

        def job(tx: Tx) -> list[Invoice]:
            statement = sa.select(tables.invoices).order_by(tables.invoices.c.id)
            return [rows.unpacked(row) for row in tx.invoices._connection.execute(statement)]

        if self._rows[0] != self.store.jobs:
            self._rows = self.store.jobs, self.store.at_once(job)
        return self._rows[1]

    def clear(self) -> None:
        """An empty database, and the time as it was."""

        def job(tx: Tx) -> None:
            execute = tx.invoices._connection.execute
            for table in tables.META.sorted_tables:
                if execute(sa.select(sa.exists().select_from(table))).scalar():
                    execute(sa.delete(table))
                if not self._is_file and "id" in table.c:  # a file's numbers begin again
                    execute(sa.text(f"ALTER SEQUENCE {table.name}_id_seq RESTART"))

        self.store.at_once(job)
        self.store.jobs += 1
        self.loop.steady_s = Steady.steady_s  # type: ignore[attr-defined]


class Updates:
    """Hands updates to the bot's handlers, as PTB's Application does; what they raise is raised."""

    def __init__(self) -> None:
        self._groups: dict[int, list[Any]] = {}

    def add_handler(self, handler: Any, group: int = 0) -> None:
        """PTB's."""
        self._groups.setdefault(group, []).append(handler)

    def add_error_handler(self, _callback: object) -> None:
        """PTB's."""

    async def handle(self, update: telegram.Update) -> None:
        """In each group the first handler that takes it."""
        for group in sorted(self._groups):
            for handler in self._groups[group]:
                if handler.check_update(update) not in (None, False):
                    await handler.callback(update, None)
                    break


class Process:
    """The bot's parts, from a start to a kill."""

    def __init__(self, ground: Ground, outside: Orders) -> None:
        self._ground = ground
        settings = Settings(
            telegram=TelegramSettings(token=SecretStr("1:none")),
            access=AccessSettings(owners=frozenset({OWNER}), open=True),
            limits=LimitsSettings(invoices_per_user=Rate(10_000, 60), open_per_chat=10_000),
            invoices=InvoicesSettings(expiry=f"{EXPIRY_S}s"),
        )
        node = outside.node.connect()
        clock = Clock(lambda: outside.now, beside=lambda: outside.time)
        self.updates = Updates()
        self.parts = app.Parts(
            settings,
            ground.store,
            outside.telegram,  # type: ignore[arg-type]
            node,
            self.updates,  # type: ignore[arg-type]
            clock=clock,
            outage=Outage(),
        )
        ground.run(self._start())

    async def _start(self) -> None:
        await self.parts.places.load()
        await self.parts.occasions.load()
        self.parts.ages.emptied(0.0)  # nothing waits at Telegram: the host's clock counts
        self.running = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.parts.hands.run())
            tasks.create_task(self.parts.watch.run())
            tasks.create_task(self.parts.occasions.run())
            tasks.create_task(self.parts.notices.run())

    def kill(self) -> None:
        """SIGKILL."""

        async def work() -> None:
            self.parts.hands._stopping = True  # nothing more is taken up
            mine = asyncio.current_task()
            tasks = [task for task in asyncio.all_tasks() if task is not mine]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        self._ground.loop.run_until_complete(work())


class Orders(RuleBasedStateMachine):
    """Some commands between a node and chats."""

    def __init__(self, ground: Ground, errors: list[str]) -> None:
        super().__init__()
        self.ground = ground
        self.errors = errors

    # --- time: ours, the node's, and the one that nobody sets

    @property
    def now(self) -> float:
        self.time += 1e-6  # no clock reads the same twice
        return self.time + self.ahead_s

    @initialize(
        in_group=st.booleans(),
        asks=st.booleans(),
        long=st.booleans(),
        node_ahead_s=st.integers(-30, 30),
        up=st.sampled_from([True, True, False]),
        begun=st.integers(0, 5),
        lag=st.integers(0, 2),
        seed=DICE,
    )
    def a_command(
        self,
        in_group: bool,
        asks: bool,
        long: bool,
        node_ahead_s: int,
        up: bool,
        begun: int,
        lag: int,
        seed: int,
    ) -> None:
        place = GROUP if in_group else ASKER
        self._begin(place, node_ahead_s=node_ahead_s, up=up, lag=lag, seed=seed)
        self._ask("/invoice" if asks else None, LONG if long else "pizza")
        self._go_on(begun)

    def _begin(self, place: int, *, node_ahead_s: int, up: bool, lag: int, seed: int) -> None:
        """Nothing was asked for yet; `place`: the chat in which it will be."""
        self.ground.clear()
        self.ground.store.lag = lag
        self.errors.clear()
        self.time, self.ahead_s, self.node_ahead_s = NOW, 0.0, float(node_ahead_s)
        self.seed = seed
        self.desk = Desk()
        self.node = NodeOutside(self.desk, lambda: self.time + self.node_ahead_s)
        self.node.up = up
        self.telegram = TelegramOutside(self.desk)
        self.telegram.on_text = self._reads
        self.place = self.telegram.room(place)
        self.late: list[Call] = []
        self.late_edits: list[tuple[float, Call]] = []  # until when each may come
        self.cancels: dict[bytes, float] = {}  # payment hashes → when somebody wanted it
        self.forgotten: set[bytes] = set()  # paid, and lost with the node's database
        self.not_told = 0
        self.was_cut_off = False  # nothing reached the chat for a while
        self.denied: set[bytes] = set()  # the node said once that it does not know them
        self.appeared: set[bytes] = set()  # at the node, when nobody waited for it
        self.waiting: dict[int, float] = {}  # rows → since when the node is waited for
        self.commands: list[int] = []
        self.updates: list[Callable[[], None]] = []
        self.process = Process(self.ground, self)
        self.settled_once: set[int] = set()
        self.unanswered: set[str] = set()  # kinds of messages
        self.has_died = False
        self.burst_from = 0

    def _reads(self, message: Message) -> None:
        """Somebody reads what stands there now."""
        request = request_in(message.texts[-1])
        if request:
            assert request in self.node.hashes, "a request is shown that the node never had"
            self.node.shown.add(self.node.hashes[request])
        if press := self._press_on(message):
            message.of = press[1]

    def _happened(self) -> None:
        """Something gives a reason for more steps."""
        self.burst_from = self.desk.count

    # --- people

    def _message(self, text: str, reply: Message | None = None) -> telegram.Message:
        room = self.place
        room.count += 1
        chat = telegram.Chat(room.id, "private" if room.id > 0 else "group")
        when = datetime.fromtimestamp(self.time, UTC)
        replied = reply and telegram.Message(
            reply.number, when, chat, text="...", from_user=self._bot, reply_markup=reply.markup
        )
        command = telegram.MessageEntity("bot_command", 0, len(text.split(" ", maxsplit=1)[0]))
        message = telegram.Message(
            room.count,
            when,
            chat,
            text=text or None,
            from_user=self._anna,
            reply_to_message=replied,
            entities=[command] if text.startswith("/") else [],
        )
        message.set_bot(self.telegram)  # type: ignore[arg-type]
        return message

    _bot = telegram.User(TelegramOutside.id, "Invoices", is_bot=True)
    _anna = telegram.User(ASKER, "Anna", is_bot=False)

    def _hears(self, update: telegram.Update) -> None:
        """The bot gets an update, which may come again after a kill."""

        async def handled() -> None:
            await self.process.updates.handle(update)

        def deliver() -> None:
            self.ground.run(handled())

        self._happened()
        self.updates.append(deliver)
        deliver()

    def _says(self, message: telegram.Message) -> None:
        self._hears(telegram.Update(1, message=message))

    @property
    def _is_reachable(self) -> bool:
        return not self.place.lost

    def _ask(self, text: str | None, memo: str) -> None:
        sats = FIRST_SATS + len(self.commands)
        self.commands.append(sats)
        self._says(self._message(text or f"/invoice {sats} {memo}"))

    @precondition(lambda self: len(self.commands) < 3 and self._is_reachable)
    @rule(long=st.booleans())
    def somebody_asks_again(self, long: bool) -> None:
        self._ask(None, LONG if long else "beer")

    @precondition(lambda self: self._questions)
    @rule()
    def a_person_answers(self) -> None:
        self._says(self._message(f"{self.commands[0]} {LONG}", self._questions[-1]))

    @property
    def _questions(self) -> list[Message]:
        waits = any(row.state is State.ASKING for row in self.ground.rows())
        return [m for m in self._visible if waits and role(m) == "question"]

    @property
    def _visible(self) -> list[Message]:
        """What people see of the bot's, and may press."""
        if not self._is_reachable:
            return []
        return [m for m in self.place.messages.values() if not m.deleted]

    @precondition(lambda self: any(buttons(m) for m in self._visible))
    @rule(data=st.data())
    def a_person_presses(self, data: st.DataObject) -> None:
        """Cancel or Renew; or they reply /cancel to it."""
        self._press(data, [m for m in self._visible if buttons(m)])

    @precondition(lambda self: self._copies_with_buttons)
    @rule(data=st.data())
    def a_person_presses_a_copy(self, data: st.DataObject) -> None:
        """One that the bot does not know of."""
        self._press(data, self._copies_with_buttons)

    @property
    def _copies_with_buttons(self) -> list[Message]:
        known = known_messages(self.ground.rows())
        unknown = [m for m in self._visible if m.unrecorded and m.number not in known]
        return [m for m in unknown if buttons(m)]

    def _press(self, data: st.DataObject, messages: list[Message]) -> None:
        message = _one_of(data, messages)
        button = buttons(message)[0]
        message.pressed = True
        self._wants(message)
        if button.text == "Cancel" and data.draw(st.booleans()):
            self._says(self._message("/cancel", message))
            return
        shown = self._message("", message).reply_to_message
        query = telegram.CallbackQuery(
            "1", self._anna, "1", message=shown, data=str(button.callback_data)
        )
        self._hears(telegram.Update(1, callback_query=query))

    def _wants(self, message: Message) -> None:
        press = self._press_on(message)
        if press is not None and press[0] == "cancel":
            self.cancels.setdefault(press[1], self.time)

    @staticmethod
    def _press_on(message: Message) -> tuple[str, bytes] | None:
        return read_press(str(buttons(message)[0].callback_data)) if buttons(message) else None

    @precondition(lambda self: self._visible)
    @rule(data=st.data())
    def a_message_is_removed(self, data: st.DataObject) -> None:
        _one_of(data, self._visible).deleted = True
        self._happened()

    @precondition(lambda self: self._payable)
    @rule(data=st.data(), hold=st.sampled_from([False, False, True]))
    def somebody_pays(self, data: st.DataObject, hold: bool) -> None:
        request = _one_of(data, self._payable)
        with suppress(PaymentFailed):
            self.node.ledger.pay(request, amount_msat=None, late=True, hold=hold)
        self._happened()
        self.ground.run()

    @property
    def _payable(self) -> list[str]:
        ledger = self.node.ledger
        return [
            request
            for request, payment_hash in self.node.hashes.items()
            if self.node.up
            and payment_hash in self.node.shown
            and payment_hash in ledger.invoices
            and ledger.invoices[payment_hash].state == OPEN
        ]

    # --- the calls

    @precondition(lambda self: any(not call.acted for call in self.desk.calls))
    @rule(dice=DICE)
    def a_call_acts(self, dice: int) -> None:
        calls = [call for call in self.desk.calls if not call.acted]
        self._act(calls[dice % len(calls)], self._mixed(dice))

    def _mixed(self, dice: int) -> random.Random:
        """Drawn numbers are much alike, so what happened before has a say."""
        return random.Random(f"{self.seed} {dice} {self.desk.count}")

    def _act(self, call: Call, dice: random.Random | None) -> None:
        outcomes = NODE_OUTCOMES if call.at_node else CHAT_OUTCOMES
        outcome = dice.choice(outcomes) if dice is not None else "done"
        note(f"  {call.name} {role_of(call.text) if call.text else ''}: {outcome}")
        how, _, after = outcome.partition(" ")
        if how == "forbidden" and role_of(call.text) == "payment notice":
            self.telegram.room(OWNER).lost = True
        elif how == "forbidden":  # and so it is from now on
            self.place.lost = self.was_cut_off = True
        if how == "refused" and call.target is not None and call.name == "delete":
            call.target.refused = True
        if how == "unknown":
            self.denied.add(call.payment_hash)
        told = ("announcement", "payment notice")
        if how in ("refused", "forbidden") and role_of(call.text) in told:
            self.not_told += 1
        if after == "late":
            self._comes_late(call)
        elif how in ("done", "forbidden") or after:
            call.go()
        elif how == "late":
            self.late.append(call)
        if how in ("done", "forbidden"):
            return
        if call.at_node:
            call.lose(NODE_FAULTS[how]())
        else:
            if how in ("lost", "bug"):
                self._may_stand(call)
            call.lose(CHAT_FAULTS[how]())
        call.arrive()
        self.ground.run()

    def _comes_late(self, call: Call) -> None:
        """An edit that Telegram, or a proxy before it, has for a while after the bot gave it up."""
        if call.name.startswith("edit") and not call.acted:
            self.late_edits.append((self.ground.loop.time() + LATE_S, call))

    def _may_stand(self, call: Call) -> None:
        """A send without an answer: a copy may say that there is another one."""
        if call.name.startswith("send"):
            self.unanswered.add(kind_of(call.text))

    @precondition(lambda self: any(call.acted for call in self.desk.calls))
    @rule(which=st.integers(0, 5))
    def an_answer_arrives(self, which: int) -> None:
        calls = [call for call in self.desk.calls if call.acted]
        calls[which % len(calls)].arrive()
        self.ground.run()

    @rule(calls=st.integers(1, 6), dice=DICE)
    def it_goes_on(self, calls: int, dice: int) -> None:
        """Several calls, with nothing in between."""
        self._go_on(calls, self._mixed(dice))

    def _go_on(self, calls: int, dice: random.Random | None = None) -> None:
        for _ in range(calls):
            if not self.desk.calls:
                return
            call = self.desk.calls[0]
            if not call.acted:
                self._act(call, dice)
            call.arrive()
            self.ground.run()
            self.nothing_is_repeated_without_a_pause()

    @precondition(lambda self: self.desk.calls)
    @rule(which=st.integers(0, 5), writes=st.sampled_from([None, None, 0, 1]))
    def the_bot_dies_before_it_writes_down_what_it_did(
        self, which: int, writes: int | None
    ) -> None:
        """Before the answer arrives, or as it does: after none or one of its writes."""
        call = self._acts_and_arrives(which, None)
        if writes is None:
            self._bot_is_killed()
        else:
            self._dies_as_it_arrives(call, writes)

    @precondition(lambda self: self.desk.calls)
    @rule(data=st.data(), which=st.integers(0, 5), turns=TURNS_BETWEEN)
    def something_happens_before_an_answer_arrives(
        self, data: st.DataObject, which: int, turns: int | None
    ) -> None:
        """Or in the same moment, some turns of the loop after."""
        call = self._acts_and_arrives(which, turns)
        if self._payable and data.draw(st.booleans()):
            self.somebody_pays(data, hold=False)
        elif any(buttons(m) for m in self._visible) and data.draw(st.booleans()):
            self.a_person_presses(data)
        else:
            self.something_else_happens(data)
        self._arrives(call)

    @precondition(lambda self: self.desk.calls and any(buttons(m) for m in self._visible))
    @rule(data=st.data(), which=st.integers(0, 5), writes=st.integers(0, 2))
    def a_person_presses_and_the_bot_dies_as_an_answer_arrives(
        self, data: st.DataObject, which: int, writes: int
    ) -> None:
        """The press is written down, and then `writes` more."""
        call = self._acts_and_arrives(which, None)
        if any(buttons(m) for m in self._visible):
            self.a_person_presses(data)
        self._dies_as_it_arrives(call, writes)

    @precondition(lambda self: self.desk.calls)
    @rule(which=st.integers(0, 5), turns=TURNS_BETWEEN)
    def the_chat_is_back_as_an_answer_arrives(self, which: int, turns: int | None) -> None:
        """Heard of again while its rows are put on hold."""
        if self._is_reachable:
            self._chat_is_lost()
        call = self._acts_and_arrives(which, turns)
        self._chat_is_back()
        self._arrives(call)

    @precondition(lambda self: self._can_move and self.desk.calls)
    @rule(which=st.integers(0, 5), turns=TURNS_BETWEEN)
    def the_group_moves_before_an_answer_arrives(self, which: int, turns: int | None) -> None:
        """The answer speaks of the old group."""
        call = self._acts_and_arrives(which, turns)
        self._group_moves()
        self._arrives(call)

    def _acts_and_arrives(self, which: int, turns: int | None) -> Call:
        """A call, acted; it arrives after `turns` of what comes next, None: after all of it."""
        call = self._send_or(which)
        call.go()
        if turns is not None:
            self.ground.between = turns, call.arrive
        return call

    def _arrives(self, call: Call) -> None:
        """If it has not yet, and all that comes of it."""
        self.ground.between = None
        call.arrive()
        self.ground.run()

    def _dies_as_it_arrives(self, call: Call, writes: int) -> None:
        """After as many writes."""
        if call.message is not None:
            call.message.unrecorded = True
        self.ground.store.writes_left = writes
        self._arrives(call)
        self._bot_is_killed()

    def _send_or(self, which: int) -> Call:
        """A call that waits; one that puts a message into a chat, where there is one."""
        sends = [call for call in self.desk.calls if call.name.startswith("send")]
        calls = sends if sends and which % 2 else self.desk.calls
        return calls[which % len(calls)]

    @precondition(lambda self: self.late)
    @rule()
    def what_was_late_appears(self) -> None:
        self._happened()
        self._appear()

    @precondition(lambda self: self.late_edits)
    @rule(which=st.integers(0, 5))
    def an_edit_comes_late(self, which: int) -> None:
        """In whatever order."""
        self._happened()
        _, call = self.late_edits.pop(which % len(self.late_edits))
        note(f"  late: {call.name} {role_of(call.text)} of {call.target}")
        call.go()

    def _appear(self) -> None:
        before = set(self.node.ledger.invoices)
        for call in self.late:
            if self.node.up or not call.at_node:
                call.go()
        self.late.clear()
        self.appeared |= set(self.node.ledger.invoices) - before
        self.ground.run()

    # --- what happens meanwhile

    @rule(data=st.data())
    def something_else_happens(self, data: st.DataObject) -> None:
        """One of `EVENTS`."""
        self._happened()
        name = data.draw(st.sampled_from(EVENTS))
        if name == "_clock_is_set":
            self._clock_is_set(data)
        else:
            getattr(self, name)()

    @rule(seconds=st.sampled_from([0.3, 0.3, 2.0, 2.0, 5.0, 5.0, 11.0, 30.0, 61.0, 3700.0]))
    def time_passes(self, seconds: float) -> None:
        self._pass(seconds)

    @rule(heals=st.booleans(), seconds=st.sampled_from([0.3, 1.0, 3.0, 11.0, 31.0]))
    def all_is_well_for_a_while(self, heals: bool, seconds: float) -> None:
        """Every call is answered."""
        self.was_up = self.node.up
        if heals:
            self._chat_is_back()
            self._node_comes_back()
        self._behaves()
        self._pass(seconds)
        self._behaves()
        if seconds >= 11:
            self._payments_are_known()

    def _payments_are_known(self) -> None:
        """Where all was well for some time they are told, in one place or another."""
        for row in self.ground.rows():
            invoice = self.node.ledger.invoices.get(row.payment_hash)
            if self.was_up and invoice is not None and invoice.state == SETTLED:
                assert row.state is State.SETTLED, "a payment goes unnoticed"
            if row.state is State.SETTLED and row.tried is None:
                assert row.announced, "a payment waits to be told"

    def _pass(self, seconds: float) -> None:
        then_s = self.ground.loop.time() + seconds
        for each in [each for each in self.late_edits if each[0] <= then_s]:
            self.an_edit_comes_late(self.late_edits.index(each))
        self.time += seconds
        self.ground.loop.steady_s += seconds  # type: ignore[attr-defined]
        self._happened()
        if self.node.up:
            self.node.ledger.expire_due()
        self._appear()
        self.node.flowing.set()
        now_s = self.ground.loop.time()
        for call in [call for call in self.desk.calls if call.deadline_s <= now_s]:
            self._may_stand(call)
            call.lose((NODE_FAULTS["late"] if call.at_node else CHAT_FAULTS["lost"])())
            call.arrive()
        self.ground.run()

    def _clock_is_set(self, data: st.DataObject) -> None:
        """Never further from the node's than a minute."""
        seconds = data.draw(st.integers(-60, 60))
        if abs(self.ahead_s + seconds - self.node_ahead_s) <= 60:
            self.ahead_s += seconds

    def _node_goes(self) -> None:
        self.late = [call for call in self.late if not call.at_node]
        self.node.go()
        self.ground.run()

    def _node_comes_back(self) -> None:
        if self.node.up:
            return
        self.node.come_back()
        self.ground.run()

    def _node_cleans_up(self) -> None:
        self.late = [call for call in self.late if not call.at_node]
        ledger = self.node.ledger
        for payment_hash, invoice in list(ledger.invoices.items()):
            if invoice.state == CANCELED:
                ledger.delete(payment_hash)

    def _node_is_restored(self) -> None:
        """From its seed: nothing is known of earlier invoices, and payments count from 1."""
        self._node_goes()
        self.forgotten |= {
            each.payment_hash
            for each in self.node.ledger.invoices.values()
            if each.state in (SETTLED, ACCEPTED)
        }
        self.node.ledger.restore([])
        self._node_comes_back()

    def _node_refuses(self) -> None:
        self.node.refuses = not self.node.refuses

    def _stream_stalls(self) -> None:
        self.node.flowing.clear()

    def _stream_tells_again(self) -> None:
        for payment_hash in self.node.ledger.invoices:
            self.node.ledger.send_again(payment_hash)
        self.ground.run()

    def _somebody_cancels_at_the_node(self) -> None:
        for payment_hash, invoice in self.node.ledger.invoices.items():
            if invoice.state == OPEN:
                self.node.ledger.cancel(payment_hash)

    def _last_part_of_a_payment(self) -> None:
        if self.node.up:
            for invoice in list(self.node.ledger.invoices.values()):
                if invoice.state == ACCEPTED:
                    self.node.ledger.settle(invoice.payment_hash)
            self.ground.run()

    def _membership(self, status: str) -> None:
        chat = telegram.Chat(self.place.id, "private" if self.place.id > 0 else "group")
        there, gone = (
            telegram.ChatMemberMember(self._bot, api_kwargs={MAY: WRITE}),
            telegram.ChatMemberLeft(self._bot, api_kwargs={MAY: NOT_WRITE}),
        )
        old, new = (there, gone) if status == "gone" else (gone, there)
        when = datetime.fromtimestamp(self.time, UTC)
        change = telegram.ChatMemberUpdated(chat, self._anna, when, old, new)
        update = telegram.Update(1, my_chat_member=change)
        if status == "gone":
            self.ground.run(self.process.updates.handle(update))
        else:
            self._hears(update)
            self.updates.pop()

    def _chat_is_lost(self) -> None:
        self.place.lost = self.was_cut_off = True
        self._membership("gone")

    def _chat_is_back(self) -> None:
        if self.place.lost:
            self.place.lost = False
            self._membership("there")

    @property
    def _can_move(self) -> bool:
        return self.place.id == GROUP and self._is_reachable

    def _group_moves(self) -> None:
        if self._can_move:
            self.place.moved_to = self.telegram.room(GROUP - 100)
            old, self.place = self.place, self.place.moved_to
            self.updates.clear()
            if len(old.messages) % 2:  # its service message may be late
                message = self._message("")
                moved = telegram.Message(
                    message.message_id, message.date, message.chat, migrate_from_chat_id=old.id
                )
                self._says(moved)

    def _update_comes_again(self) -> None:
        for deliver in self.updates[-2:] if self._is_reachable else []:
            deliver()

    def _bot_is_killed(self) -> None:
        """What a call did and did not write is unknown; a new process takes up what is due."""
        for call in self.desk.calls:
            if call.message is not None:
                call.message.unrecorded = True
            if call.at_node and not call.acted:
                self.late.append(call)  # it is on its way
            self._comes_late(call)
        self.has_died = True
        self.process.kill()
        self.ground.store.writes_left = None
        self._happened()
        self.process = Process(self.ground, self)

    # --- what always holds

    @property
    def _at_work(self) -> int:
        """What may have something to do."""
        return 2 + len(self.commands)

    @invariant()
    def nothing_is_repeated_without_a_pause(self) -> None:
        rows = self._at_work
        count = self.desk.count - self.burst_from
        assert count <= STEPS_AT_ONCE * rows, "a step is repeated without a pause"

    @invariant()
    def nothing_goes_wrong_inside(self) -> None:
        odd = [line for line in self.errors if not line.startswith(EXPECTED)]
        assert not odd, odd
        assert not self.process.running.done(), "the engine has ended"

    @invariant()
    def nobody_is_refused_too_soon(self) -> None:
        for row in self.ground.rows():
            if row.state is State.PENDING:
                self.waiting.setdefault(row.id, self.time)
            elif (since := self.waiting.pop(row.id, None)) and row.state is State.FAILED:
                waited_s = self.time - since
                assert waited_s >= PATIENCE_S or self.node.has_refused, f"after {waited_s} s"

    @invariant()
    def nothing_is_called_a_duplicate_without_a_reason(self) -> None:
        """Until the first kill: from then on any marker may be that one's.

        An owner may have read the announcement, where nobody else could be told.
        """
        for message in [] if self.has_died else self._all():
            first = message.texts[0]
            says_so = faces.may_be_duplicate(plain(first))
            kind = kind_of(first)
            kinds = {kind, "announcement"} if kind == "payment notice" else {kind}
            assert not says_so or kinds & self.unanswered, f"the only one: {message}"

    @invariant()
    def settled_stays(self) -> None:
        settled = {row.id for row in self.ground.rows() if row.state is State.SETTLED}
        assert settled >= self.settled_once, "a payment is taken back"
        self.settled_once = settled

    # --- the world behaves again

    def teardown(self) -> None:
        if not hasattr(self, "process"):
            return
        try:
            self.node.refuses = False
            self.place.lost = False
            self._bot_is_killed()
            self._membership("there")  # it may be held by an answer that came after the last one
            self._node_comes_back()
            self._last_part_of_a_payment()
            for seconds in (6.0, 11.0, 61.0, 61.0):  # the gate, both looks, the longest pause
                self._behaves()
                self._pass(seconds)
            self._behaves()
            self.judge(now=True)
            for _ in range(3):
                self._pass(EXPIRY_S + 130)
                self._behaves()
                self._pass(10)
                self._behaves()
            self.judge(now=False)
        finally:
            self.process.kill()

    def _behaves(self) -> None:
        for _ in range(100):
            if not self.desk.calls:
                break
            self._go_on(1)
            self.settled_stays()
            self.nothing_goes_wrong_inside()
        assert not self.desk.calls, "no end"

    # --- the judgement

    def judge(self, *, now: bool) -> None:
        """Compare rows, node and chats; `now`: before everything expires."""
        rows = self.ground.rows()
        assert len(rows) >= len(self.commands), "a command is lost"
        reached = self._reached(rows)
        for row in rows:
            self._as_at_the_node(row)
        for row in reached:
            self._ended(row, now=now)
            self._shows(row)
        self._copies(rows)
        self._told(reached)
        self._notices()
        self._nothing_looks_payable(rows)

    def _reached(self, rows: list[Invoice]) -> list[Invoice]:
        """A card in the private chat of an owner who has blocked the bot waits for them."""
        return [row for row in rows if not self.telegram.room(row.chat_id).lost]

    def _ended(self, row: Invoice, *, now: bool) -> None:
        assert row.lane in READ_LANES, f"left in lane {row.lane}"
        assert row.sending is None, f"{row.sending} is on its way for ever"
        assert row.state is not State.PENDING, "a command without an end"
        if row.state in (State.ASKING, State.OPEN):
            assert now, f"{row.state} for ever"
            assert row.due_at is not None, "nobody looks at it again"
            assert row.state is State.ASKING or not row.cancel_wanted, "cancelled only by time"
            assert row.state is State.ASKING or not row.undeliverable, "payable, and nobody sees it"
            assert row.payment_hash not in self.cancels, "what a person cancelled is open"
        else:
            assert row.due_at is None or row.due_at > self.now, f"due, and not taken up: {row}"
        assert row.preimage is None or row.state in (State.ASKING, State.DROPPED)

    def _as_at_the_node(self, row: Invoice) -> None:
        invoice = self.node.ledger.invoices.get(row.payment_hash)
        state = None if invoice is None else invoice.state
        if state == SETTLED:
            assert row.state is State.SETTLED, "a payment went unnoticed"
        elif row.state is State.SETTLED:
            assert row.payment_hash in self.forgotten, "paid, says only the bot"
        elif state == OPEN:
            odd = row.payment_hash in self.denied | self.appeared
            assert row.state is State.OPEN or odd, f"payable, and said to be {row.state}"
        else:
            assert row.state is not State.OPEN, "open, and not payable"

    def _shows(self, row: Invoice) -> None:
        """The messages that the row knows show its state."""
        room = self.telegram.room(row.chat_id)
        face = FACES.get(row.state)
        for number in messages_of(row) if face else ():
            message = room.messages[number]
            assert not message.deleted or set(roles(message)) != {"waiting"}, (
                "only a word was there"
            )
            if message.deleted or message.forces or message.refused:
                continue
            shows = role(message)
            gone = number == row.payment_request_id and shows == (
                "payment request" if face == "open" else "payment request gone"
            )
            assert shows == face or gone, f"{row.state}, shows {shows}"
            wanted = [] if row.replaced or not row.may_be_renewed else [AGAIN.get(row.state, "")]
            if face == "open":
                wanted = ["Cancel"]
            if not gone and shows == face and number != row.payment_request_id:
                assert [b.text for b in buttons(message)] == wanted
        hidden = row.state in (State.ASKING, State.DROPPED) or row.undeliverable or row.replaced
        if self.was_cut_off and row.state in (State.EXPIRED, State.CANCELLED, State.FAILED):
            hidden = hidden or row.card_shown is row.face  # over before anybody saw it
        if row.card_id is None and not hidden:
            cards = self._cards_of(row)
            done_before_move = any(m.room.moved_to and role(m) == face for m in cards)
            gone = done_before_move or any(m.deleted or m.refused for m in cards)
            assert gone, f"{row.state}, and nothing shows it"
        if row.state is State.OPEN and row.payment_request_separate and not row.undeliverable:
            assert row.payment_request_id is not None, "a card without its request"

    def _hash_of(self, message: Message, rows: list[Invoice]) -> bytes:
        """Whose card it is, b"" for nobody's."""
        for text in message.texts:
            if request := request_in(text):
                return self.node.hashes[request]
        for row in rows:
            room = self.telegram.room(row.chat_id)
            if message.room is room and message.number in messages_of(row):
                return row.payment_hash
        return message.of

    def _cards_of(self, row: Invoice) -> list[Message]:
        """Its cards, with those that name only its amount."""
        rows, amount = self.ground.rows(), f" {(row.amount_msat or 0) // 1000:,} sats"
        hashes = {m: self._hash_of(m, rows) for m in self._all(*CARD, "failed")}
        return [
            m
            for m, of in hashes.items()
            if of == row.payment_hash or (not of and amount in m.texts[-1])
        ]

    def _all(self, *ever: str) -> list[Message]:
        """The bot's messages that have been one of these, in the order of their sending."""
        rooms = self.telegram.rooms.values()
        every = [message for room in rooms for message in room.messages.values()]
        found = [m for m in every if not ever or set(ever) & set(roles(m))]
        return sorted(found, key=lambda message: message.sent)

    def _copies(self, rows: list[Invoice]) -> None:
        """A second copy has its reason, and the line that says so."""
        cards: dict[tuple[bytes, int], list[Message]] = {}
        for message in self._all(*CARD):
            payment_hash = self._hash_of(message, rows)
            if payment_hash and roles(message)[0] not in ("payment request", "announcement"):
                cards.setdefault((payment_hash, message.room.id), []).append(message)
        for copies in cards.values():
            for earlier, later in pairwise(copies):
                if earlier.deleted and roles(earlier)[0] == "waiting":
                    continue  # the edit's answer was lost: only a word is missing
                assert earlier.unrecorded, f"a second card without a reason: {later}"
                assert faces.may_be_duplicate(plain(later.texts[0])), (
                    f"a second card without its line: {later}"
                )
        for kind in ("waiting", "question", "failed"):
            several = self._all(kind)
            # Where an edit's answer was lost, a word that is removed makes room for what it became.
            removed = [m for m in several if m.deleted and roles(m)[0] == "waiting"]
            surely = [m for m in several if not m.unrecorded and m not in removed]
            per_room = Counter(m.room.id for m in surely)
            assert all(n <= len(rows) for n in per_room.values()), f"{kind}: {surely}"

    def _told(self, rows: list[Invoice]) -> None:
        """Whoever asked, and the owner in private.

        An owner who has heard of it is not told again in the place of a chat that is cut off.
        """
        paid = [row for row in rows if row.state is State.SETTLED]
        # an invoice and its renewal, where the node had denied the first
        counts = Counter(row.paid_msat // 1000 for row in paid)
        announced = self._once_a_payment("announcement", counts)
        notified = self._once_a_payment("payment notice", counts)
        for row in paid:
            assert row.announced
            told = announced + notified if self.was_cut_off else announced
            enough = told[row.paid_msat // 1000] >= counts[row.paid_msat // 1000]
            assert enough or self.not_told, "a payment was not told"
        assert {m.room.id for m in self._all("payment notice")} <= {OWNER}
        for row in paid if not self.process.parts.places.is_unreachable(OWNER) else []:
            assert not row.to_notify([OWNER]), "the owner is still to be notified"
            enough = notified[row.paid_msat // 1000] >= counts[row.paid_msat // 1000]
            in_other_words = row.announce_to is not Audience.CHAT or self.was_cut_off
            assert enough or self.not_told or in_other_words, "the owner was not notified"

    def _notices(self) -> None:
        """What happened to a row once is told the owners once, or with its reason and its line."""
        told: dict[str, list[Message]] = {}
        for message in self._all():
            parts = plain(message.texts[0]).split("\n\n")
            kinds = [kind for part in parts for kind in faces.kinds_of(part)]
            for part, kind in zip(parts, kinds, strict=False):
                if kind in OF_ONE_ROW:
                    assert message.room.id == OWNER
                    told.setdefault(part, []).append(message)
        for messages in told.values():
            for earlier, later in pairwise(messages):
                assert earlier.unrecorded, f"told twice without a reason: {later}"
                assert faces.may_be_duplicate(plain(later.texts[0])), f"no line: {later}"

    def _once_a_payment(self, what: str, paid: Counter[int]) -> Counter[int]:
        """How often these were sent, by amounts in satoshi; none twice without its reason."""
        told: dict[int, list[Message]] = {}
        for message in self._all(what):
            sats = re.search(r"([\d,]+) sats", plain(message.texts[0]).partition("\n")[0])
            assert sats is not None
            told.setdefault(int(sats[1].replace(",", "")), []).append(message)
        for sats_, messages in told.items():
            for earlier, later in pairwise(messages if paid[sats_] == 1 else []):
                assert earlier.unrecorded, f"{what} twice without a reason"
                assert faces.may_be_duplicate(plain(later.texts[0])), f"{what} twice, no line"
        assert set(told) <= set(paid), f"{what}, and nobody paid: {told}"
        return Counter({sats_: len(messages) for sats_, messages in told.items()})

    def _nothing_looks_payable(self, rows: list[Invoice]) -> None:
        """But for copies that nobody knows of."""
        states = {row.payment_hash: row.state for row in rows}
        known = known_messages(rows)
        for message in self._all("open", "payment request"):
            if (
                message.deleted
                or message.room.moved_to
                or message.room.lost
                or role(message) not in ("open", "payment request")
            ):
                continue
            if states[self._hash_of(message, rows)] is State.OPEN or message.refused:
                continue
            stray = message.unrecorded and message.number not in known
            assert stray, f"looks payable: {message}"
            assert not message.pressed, f"pressed, and still looks payable: {message}"


@contextmanager
def errors_of_the_bot() -> Iterator[list[str]]:
    """What the bot logs as an error."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event = record.msg["event"] if isinstance(record.msg, dict) else record.getMessage()
            why = record.exc_info or (isinstance(record.msg, dict) and record.msg.get("exc_info"))
            lines.append(f"{event} {record.msg} {why}")

    handler, logger = Keep(level=logging.ERROR), logging.getLogger("bot")
    was = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = was


@pytest.mark.timeout(3600)  # as many as are asked for
def test_any_event_after_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try_orders(Orders, tmp_path, monkeypatch)


@pytest.mark.timeout(3600)
def test_any_event_after_any_step_on_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster, database: str
) -> None:
    try_orders(Orders, tmp_path, monkeypatch, orders=25, url=cluster.url(database))


def try_orders(
    machine: type[Orders],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    orders: int = 100,
    url: str = "",
) -> None:
    """So many orders of what a machine knows, or as many as are asked for."""
    # All jobs run in this thread: the store's own would empty the journal meanwhile.
    monkeypatch.setattr(sqlite.Sqlite, "idle_s", 3600.0)
    # The same each time, or as many others as are asked for.
    more = os.environ.get("INVOICE_BOT_ORDERS")
    ground = Ground(folder, url)
    try:
        with errors_of_the_bot() as errors:
            run_state_machine_as_test(
                lambda: machine(ground, errors),
                settings=settings(
                    max_examples=int(more or orders),
                    derandomize=not more,
                    stateful_step_count=40,
                    deadline=None,
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        ground.close()
