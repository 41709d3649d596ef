"""Bills of the version before keep all that they were, and are bills without names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.core.board import Board, BoardKind, BoardState, Seat
from bot.core.board_steps import next_board_step
from bot.core.invoice import PartKind
from bot.core.steps import AS_READ, Step
from bot.core.work import Do, Lane
from bot.store import Store
from tests.store.made import NOW, opened, read
from tests.store.test_migrations import add, at_version

ANNA, BERT = 7, 8
BOARD: dict[str, Any] = {
    "id": 3,
    "handle": "h3",
    "origin_chat_id": -11,
    "origin_message_id": 12,
    "bot_id": 13,
    "asker_id": ANNA,
    "asker_name": "Ännä 🍕",
    "chat_title": "Friday",
    "asked_at": NOW,
    "sum_msat": 84_000_000,
    "memo": "pizza",
    "ends_at": NOW + 1000,
    "state": "open",
    "closed_by": "",
    "chat_id": -14,
    "thread_id": 15,
    "reply_to": 16,
    "card_id": 17,
    "shown": "0123456789abcdef",
    "shown_at": NOW - 5,
    "undeliverable": False,
    "announced": False,
    "sending": "send card",
    "unsure": "announce,send card",
    "due_at": NOW + 0.5,
    "lane": 5,
    "tried": "edit card",
    "attempts": 2,
    "faults": 1,
    "retry_at": NOW + 9,
}
SEATS: list[dict[str, Any]] = [
    {"number": 1, "person_id": ANNA, "name": "Anna", "token": "", "otherwise": True},
    {"number": 2, "person_id": BERT, "name": "Bert", "token": "t2", "leaving": True},
    {"number": 3},
]
OF_A_SEAT = {
    "board_id": 3,
    "amount_msat": 28_000_000,
    "person_id": 0,
    "name": "",
    "token": "",
    "leaving": False,
    "otherwise": False,
}


def write(file: Path) -> None:
    """A database of the version before, with a bill of which one part is paid."""
    with at_version(file, "0009") as (connection, invoices):
        for table, rows in (("boards", [BOARD]), ("seats", [OF_A_SEAT | each for each in SEATS])):
            there = sa.Table(table, sa.MetaData(), autoload_with=connection)
            for values in rows:
                assert set(values) == {column.name for column in there.c}
                connection.execute(sa.insert(there).values(values))
        paid = {"state": "settled", "paid_msat": 28_000_000, "board_id": 3, "part": 2}
        add(connection, invoices, 5, **paid)
        add(connection, invoices, 6, board_id=0)


async def board(store: Store) -> Board:
    found = await store.do(lambda tx: tx.boards.get(3))
    assert found is not None
    return found


async def test_a_bill_of_before_keeps_each_column(file: Path) -> None:
    write(file)
    async with opened(file) as store:
        there = await board(store)
        part = await read(store, 5)
    kept = {**BOARD, "state": BoardState.OPEN, "lane": Lane.BOARDS, "tried": Do.EDIT_CARD}
    unsure = frozenset({Do.ANNOUNCE, Do.SEND_CARD})
    put_off = frozenset({Do.EDIT_CARD})  # what was tried last
    steps = {"sending": Do.SEND_CARD, "unsure": unsure, "put_off": put_off, "failing": put_off}
    assert there == Board(**{**kept, **steps})
    assert there.kind is BoardKind.SPLIT
    own = [{name: value for name, value in each.items() if name != "board_id"} for each in SEATS]
    assert there.seats == (
        Seat(amount_msat=28_000_000, **own[0], paid_bill=True),  # who asked, settled without one
        Seat(amount_msat=28_000_000, **own[1], part=part),
        Seat(amount_msat=28_000_000, **own[2]),
    )


async def test_an_invoice_of_before_is_its_persons_own_part_or_none(file: Path) -> None:
    write(file)
    async with opened(file) as store:
        for number in (5, 6):
            row = await read(store, number)
            new = (row.part_kind, row.part_for, row.requester_id, row.hidden, row.suggested_msat)
            assert new == (PartKind.OWN, "", 0, False, 0)


async def test_a_bill_of_before_goes_on(file: Path) -> None:
    """It is read once more, as its face says more than before, and nothing is sent anew."""
    write(file)
    async with opened(file) as store:
        there = await board(store)
        assert next_board_step(there, AS_READ, NOW) == Step(Do.REARRANGE)  # who paid leaves no more
        await store.do(lambda tx: tx.boards.rearrange(3, NOW))
        there = await board(store)
        assert there.seats[1].is_paid
        assert next_board_step(there, AS_READ, NOW + 20).do is Do.EDIT_CARD
