"""What a statement costs: it grows with what changed, not with the rows that are done."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.core.board import Board, BoardState, Seat
from bot.core.invoice import Columns, State
from bot.core.ledger import Position, Scope, Show, Turn
from bot.core.period import Period
from bot.core.work import READ_LANES, Lane
from bot.store import Delivered, Store, Tx
from tests.store.made import ASKER, CHAT, NOW, beside, columns

#: What is measured is SQLite's plans and steps.
KINDS = ("sqlite",)
#: Turns to other pages.
OLDER, NEWER = Turn(NOW + 30, is_newer=False), Turn(NOW + 30, is_newer=True)


def late_board(tx: Tx) -> Board:
    """Asked for after all else."""
    board = tx.boards.get(3)
    assert board is not None
    return replace(board, asked_at=NOW + 10**6)


STATEMENTS: dict[str, Callable[[Tx], object]] = {
    "get": lambda tx: tx.invoices.get(3),
    "by_hash": lambda tx: tx.invoices.by_hash(b"?" * 32),
    "by_origin": lambda tx: tx.invoices.by_origin(CHAT, 10**9),
    "by_origin of a part": lambda tx: tx.invoices.by_origin(CHAT, 3, 2, 1),
    "answered": lambda tx: tx.invoices.answered(CHAT, 10**9),
    "by_message": lambda tx: tx.invoices.by_message(CHAT, 10**9),
    "question": lambda tx: tx.invoices.question(CHAT, None, ASKER),
    "update": lambda tx: tx.invoices.update(3, announced=True),
    "update_if": lambda tx: tx.invoices.update_if(3, {"state": State.OPEN}, announced=True),
    "asked_since": lambda tx: tx.invoices.asked_since(ASKER, NOW + 10**6),
    "open_in_chat": lambda tx: tx.invoices.open_in_chat(CHAT),
    "open of one person": lambda tx: tx.invoices.open_in_chat(CHAT, of=ASKER),
    "listed": lambda tx: tx.ledger.invoices(Scope(ASKER), Show.ALL, None),
    "listed here": lambda tx: tx.ledger.invoices(Scope(ASKER, CHAT), Show.ALL, OLDER),
    "listed paid": lambda tx: tx.ledger.invoices(Scope(ASKER), Show.PAID, NEWER),
    "listed open": lambda tx: tx.ledger.invoices(Scope(ASKER), Show.OPEN, None),
    "listed open here": lambda tx: tx.ledger.invoices(Scope(ASKER, CHAT), Show.OPEN, OLDER),
    "everyone's": lambda tx: tx.ledger.invoices(Scope(), Show.ALL, OLDER),
    "everyone's paid": lambda tx: tx.ledger.invoices(Scope(), Show.PAID, None),
    "everyone's open": lambda tx: tx.ledger.invoices(Scope(), Show.OPEN, NEWER),
    "overview": lambda tx: tx.ledger.overview(NOW + 10**6),
    "entries": lambda tx: tx.ledger.entries(Period(), Position(NOW + 3, 3), 20),
    "due": lambda tx: tx.agenda.due(READ_LANES, NOW, limit=64),
    "due elsewhere": lambda tx: tx.agenda.due(
        READ_LANES, NOW, limit=64, but=[(Lane.COMMAND, -1), (Lane.COMMAND, -2)]
    ),
    "make_overdue": lambda tx: tx.agenda.make_overdue(NOW),
    "node_is_back": lambda tx: tx.agenda.node_is_back(NOW),
    "unstick": lambda tx: tx.agenda.unstick(NOW),
    "prune": lambda tx: tx.agenda.prune(NOW, 100),
    "settle": lambda tx: tx.nodes.settle(b"?" * 32, now=NOW, state=State.SETTLED),
    "close": lambda tx: tx.nodes.close(3, NOW),
    "open_page": lambda tx: tx.nodes.open_page(None, 20),
    "open_page below": lambda tx: tx.nodes.open_page(10**9, 20),
    "confirm": lambda tx: tx.nodes.confirm(3, NOW),
    "inbox": lambda tx: tx.inbox.next(1, done=[1, 2], after=0),
    "inbox in turns": lambda tx: tx.inbox.next(2, done=[], after=50),
    "cursor": lambda tx: tx.nodes.cursor("a"),
    "last": lambda tx: tx.nodes.last(),
    "set_aside_others": lambda tx: tx.nodes.set_aside_others("a", NOW),
    "set_unreachable": lambda tx: tx.chats.set_unreachable(-1, False, NOW),
    "move": lambda tx: tx.chats.move(-1, -2, NOW),
    "board": lambda tx: tx.boards.get(3),
    "board by_handle": lambda tx: tx.boards.by_handle("h3"),
    "asked_for": lambda tx: tx.boards.asked_for(late_board(tx), 1, ASKER),
    "board by_token": lambda tx: tx.boards.by_token("t3"),
    "board by_message": lambda tx: tx.boards.by_message(BOARDS_CHAT, 10_003),
    "board by_origin": lambda tx: tx.boards.by_origin(BOARDS_CHAT, 3, 0),
    "board update": lambda tx: tx.boards.update(3, announced=True),
    "seat update": lambda tx: tx.boards.update_seat(3, 1, leaving=True),
    "board touch": lambda tx: tx.boards.touch(3),
    "board rearrange": lambda tx: tx.boards.rearrange(3, NOW),
    "seats replaced": lambda tx: tx.boards.replace_seats(3, [Seat(number=1, amount_msat=1)]),
    "boards open": lambda tx: tx.boards.open_in_chat(BOARDS_CHAT),
    "boards open of one": lambda tx: tx.boards.open_in_chat(BOARDS_CHAT, of=ASKER),
    "boards known": lambda tx: tx.boards.is_known(BOARDS_CHAT),
    "boards listed": lambda tx: tx.ledger.boards(Scope(ASKER), Show.ALL, OLDER),
    "boards listed here": lambda tx: tx.ledger.boards(Scope(ASKER, BOARDS_CHAT), Show.PAID, None),
    "boards listed open": lambda tx: tx.ledger.boards(Scope(ASKER, BOARDS_CHAT), Show.OPEN, None),
    "boards asked": lambda tx: tx.boards.asked_since(ASKER, NOW + 10**6, NOW + 10**7),
    "parts asked": lambda tx: tx.boards.parts_since(3, ASKER, NOW + 10**6, NOW + 10**7),
    "boards due": lambda tx: tx.boards.due(READ_LANES, NOW, limit=64),
    "boards due elsewhere": lambda tx: tx.boards.due(
        READ_LANES, NOW, limit=64, but=[(Lane.BOARDS, -1), (Lane.COMMAND, -2)]
    ),
    "boards retry": lambda tx: tx.boards.make_overdue(NOW),
    "boards unstick": lambda tx: tx.boards.unstick(NOW),
    "boards prune": lambda tx: tx.boards.prune(NOW, 5),
    "claim_hint": lambda tx: tx.memory.claim_hint("late", 1, now=NOW, every_s=60),
}


#: Its boards are done.
BOARDS_CHAT = -700


def bill(tx: Tx, number: int) -> None:
    """A bill that was paid, as most are, by one person."""
    seats = [
        Seat(number=1, amount_msat=1, person_id=8, token=f"t{number}"),
        Seat(number=2, amount_msat=1, otherwise=True),
    ]
    made = tx.boards.add(
        seats,
        handle=f"h{number}",
        origin_chat_id=BOARDS_CHAT,
        origin_message_id=number,
        chat_id=BOARDS_CHAT,
        card_id=10_000 + number,
        asker_id=ASKER,
        asker_name="Anna",
        asked_at=NOW + number,
        sum_msat=2,
        ends_at=NOW + number,
        state=BoardState.CLOSED,
        announced=True,
        lane=Lane.BOARDS,
    )
    own = done(100_000 + number)
    tx.invoices.add(**{**own, "board_id": made.id, "part": 1})
    tx.boards.update(made.id, due_at=None)


def done(number: int) -> Columns:
    """A row that was paid and announced, as most are."""
    return columns(
        number,
        state=State.SETTLED,
        due_at=None,
        node_id="a",
        settle_index=number,
        settled_at=int(NOW) + number,
        card_id=10_000 + number,
        reply_to=number,
    )


def work_of(run: Callable[[Tx], object]) -> Callable[[Tx], int]:
    """How many steps SQLite's machine takes for it; then it is undone."""

    def job(tx: Tx) -> int:
        raw = tx.invoices._connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        steps = itertools.count()
        raw.set_progress_handler(lambda: next(steps) and 0, 1)
        try:
            run(tx)
        finally:
            raw.set_progress_handler(None, 0)
        return next(steps)

    return job


async def test_work_does_not_grow_with_the_rows_that_are_done(store: Store) -> None:
    async def cost() -> dict[str, int]:
        return {name: await store.do(work_of(run)) for name, run in STATEMENTS.items()}

    number = itertools.count(1)

    def fill(tx: Tx, count: int) -> None:
        for _ in range(count):
            each = next(number)
            tx.invoices.add(**done(each))
            bill(tx, each)
            for update_id in range(5 * each, 5 * each + 5):
                tx.inbox.put(2, Delivered(update_id, update_id % 40, "{}", NOW))

    await store.do(fill, 100)
    await cost()
    few = await cost()
    await store.do(fill, 1900)
    many = await cost()
    grown = {name: (few[name], many[name]) for name in STATEMENTS if many[name] > few[name] + 20}
    assert not grown


#: Of one board, whatever became of its parts.
OF_A_BOARD: dict[str, Callable[[Tx], object]] = {
    "get": lambda tx: tx.boards.get(1),
    "by_token": lambda tx: tx.boards.by_token("t1"),
    "rearrange": lambda tx: tx.boards.rearrange(1, NOW),
    "update": lambda tx: tx.boards.update(1, announced=True),
    "parts_since": lambda tx: tx.boards.parts_since(1, ASKER, NOW + 10**6, NOW + 10**7),
    "touch": lambda tx: tx.boards.touch(1),
}


async def test_reading_a_board_does_not_grow_with_the_invoices_that_it_ever_had(
    store: Store,
) -> None:
    """Who presses and lets it expire, again and again, for a month."""

    async def cost() -> dict[str, int]:
        return {name: await store.do(work_of(run)) for name, run in OF_A_BOARD.items()}

    def fill(tx: Tx, first: int, count: int) -> None:
        for renewal in range(first, first + count):
            over = columns(renewal, state=State.EXPIRED, due_at=None, replaced=True)
            of_seat: Columns = {"board_id": 1, "part": 1, "renewal": renewal}
            tx.invoices.add(**{**over, **of_seat, "origin_message_id": 1})

    await store.do(bill, 1)
    await store.do(fill, 1, 20)
    await cost()
    few = await cost()
    await store.do(fill, 21, 1000)
    many = await cost()
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name] + 20} == {}


async def test_every_statement_goes_through_an_index(store: Store, file: Path) -> None:
    """In rows of every kind: due and not, open and done."""
    kinds: list[Columns] = [
        done(0),
        columns(0, state=State.OPEN, lane=Lane.BACKGROUND),
        columns(0, due_at=NOW - 5),
    ]

    def fill(tx: Tx) -> None:
        for number in range(300):
            own = columns(number + 1)
            origin, payment_hash = own["origin_message_id"], own["payment_hash"]
            kind = kinds[number % 3]
            tx.invoices.add(**{**kind, "origin_message_id": origin, "payment_hash": payment_hash})
            bill(tx, number + 1)
            tx.inbox.put(2, Delivered(number, number % 40, "{}", NOW))

    await store.do(fill)
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    sa.event.listen(store._engine, "before_cursor_execute", note)
    plans: dict[str, list[str]] = {}
    with beside(file) as connection:
        for name, run in STATEMENTS.items():
            asked.clear()
            await store.do(run)
            plans[name] = [
                line
                for statement, parameters in asked
                if statement.split()[0] in ("SELECT", "UPDATE", "DELETE")
                for *_, line in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
    assert all(plans.values())
    scans = re.compile(r"SCAN (invoices|boards|seats|inbox)\b")
    assert {name: plan for name, plan in plans.items() if scans.search(" ".join(plan))} == {}
    in_order = (
        "due",
        "due elsewhere",
        "open_page",
        "open_page below",
        "listed",
        "listed here",
        "listed paid",
        "everyone's",
        "everyone's paid",
        "entries",
        "prune",
        "inbox",
        "inbox in turns",
        "boards due",
        "boards due elsewhere",
        "boards listed",
        "boards listed here",
        "board",
    )
    assert {name: plans[name] for name in in_order if "TEMP B-TREE" in " ".join(plans[name])} == {}
