"""Boards: each column is kept; a part that changes makes its board due in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.board import (
    ANY_FACE,
    FREED,
    Board,
    BoardColumns,
    BoardKind,
    BoardState,
    Rearranged,
    Seat,
    SeatColumns,
)
from bot.core.invoice import State
from bot.core.work import MAX_FAULTS, READ_LANES, Do, Lane, due_now
from bot.store import Store, Tx
from bot.store.tables import boards, seats
from tests.store.bills import BERT, END, bill, is_due, now, part, rest
from tests.store.made import CHAT, NOW, read
from tests.store.test_rows import kinds

HINTS = get_type_hints(Board)
text_, big = kinds[str], kinds[int]
NOT_KEPT_HERE = ("id", "seats")
of_boards: Mapping[Any, st.SearchStrategy[Any]] = {
    **kinds,
    BoardState: st.sampled_from(BoardState),
    BoardKind: st.sampled_from(BoardKind),
    Mapping[Do, int]: st.dictionaries(st.sampled_from(Do), st.integers(1, 9)),
    Mapping[int, str]: st.dictionaries(big, st.text("0123456789abcdef?"), max_size=5),
}
any_columns = st.fixed_dictionaries(
    {
        each.name: of_boards[HINTS[each.name]]
        for each in fields(Board)
        if each.name not in NOT_KEPT_HERE
    }
)
any_seat = st.builds(
    Seat,
    number=st.integers(1, 50),
    amount_msat=big,
    person_id=big,
    name=text_,
    username=text_,
    token=text_,
    leaving=st.booleans(),
    otherwise=st.booleans(),
    hidden=st.booleans(),
)


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=any_columns, made=st.lists(any_seat, max_size=4, unique_by=lambda seat: seat.number))
async def test_a_board_is_read_as_it_was_written(
    store: Store, values: BoardColumns, made: list[Seat]
) -> None:
    def job(tx: Tx) -> tuple[Board | None, ...]:
        connection = tx.boards._connection
        connection.execute(sa.delete(boards))
        connection.execute(sa.delete(seats))
        added = tx.boards.add(made, **values)
        for seat in made:
            own = {name: getattr(seat, name) for name in get_type_hints(SeatColumns)}
            tx.boards.update_seat(added.id, seat.number, **own)  # type: ignore[arg-type]
        return added, tx.boards.update(added.id, **values), tx.boards.get(added.id)

    for each in await store.do(job):
        assert each is not None
        assert {name: getattr(each, name) for name in values} == values
        assert each.seats == tuple(sorted(made, key=lambda seat: seat.number))


def test_each_column_of_a_board_is_tried() -> None:
    written = {each.name for each in fields(Board)} - {*NOT_KEPT_HERE}
    assert set(get_type_hints(BoardColumns)) == written
    kept = {column.name for column in seats.columns} - {"board_id"}
    assert kept == {each.name for each in fields(Seat)} - {"part", "others"}
    assert set(get_type_hints(SeatColumns)) == kept - {"number"}
    assert {*FREED} == kept - {"number", "amount_msat", "otherwise"}  # all that is a person's


PACKED: list[tuple[BoardColumns, object]] = [
    ({"kind": BoardKind.SPLIT}, "split"),
    ({"kind": BoardKind.COLLECTION}, "collection"),
    ({"state": BoardState.JOINING}, "joining"),
    ({"sending": Do.REMIND}, "remind"),
    ({"tried": Do.REMOVE_BEFORE}, "remove message before"),
    ({"unsure": frozenset({Do.REMIND, Do.SEND_CARD})}, "remind,send card"),
    ({"put_off": frozenset({Do.EDIT_CARD})}, "edit card"),
    ({"refused": {}}, ""),
    ({"refused": {Do.REMIND: 1, Do.EDIT_CARD: 2}}, "edit card:2,remind:1"),
    ({"duplicates": {}}, ""),
    (
        {"duplicates": {60: "0123456789abcdef", 61: ANY_FACE, 62: ""}},
        "60:0123456789abcdef 61:? 62:",
    ),
    ({"before_id": None}, None),
]


@pytest.mark.parametrize(("column", "kept"), PACKED)
async def test_what_no_database_has_a_type_for_is_kept_as_text(
    store: Store, column: BoardColumns, kept: object
) -> None:
    board = await bill(store, 1, **column)
    (name,) = column
    found = await store.do(
        lambda tx: tx.boards._connection.execute(sa.select(boards.c[name])).scalar_one()
    )
    assert found == kept
    assert {name: getattr(await now(store, board), name)} == column


# found


async def test_a_board_is_found_by_all_that_names_it(store: Store) -> None:
    first, second = await bill(store, 1), await bill(store, 2)

    def job(tx: Tx) -> list[Any]:
        there = tx.boards
        return [
            there.get(second.id),
            there.by_handle("h2"),
            there.by_message(CHAT, 52),
            there.by_origin(CHAT, 2, 0),
        ]

    assert await store.do(job) == [second] * 4
    found = await store.do(lambda tx: tx.boards.by_token("b2"))
    assert found == (second, second.seats[1])
    assert first != second


async def test_nothing_is_found_by_what_names_none(store: Store) -> None:
    await bill(store)

    def job(tx: Tx) -> list[Any]:
        there = tx.boards
        return [
            there.get(9),
            there.by_handle(""),
            there.by_token(""),  # as a seat has that nobody sat on
            there.by_token("b"),
            there.by_token("B1"),
            there.by_message(CHAT, 1),
            there.by_message(-9, 51),
            there.by_origin(CHAT, 1, 7),
        ]

    assert await store.do(job) == [None] * 8


async def test_a_command_makes_one_board(store: Store) -> None:
    await bill(store)
    with pytest.raises(sa.exc.IntegrityError):
        await bill(store, 1, handle="another")
    assert await bill(store, 1, handle="another", bot_id=7)


async def test_a_seat_has_its_newest_part_or_the_one_that_is_paid(store: Store) -> None:
    board = await bill(store)
    await part(store, board, 2, 900, state=State.EXPIRED)
    newest = await part(store, board, 2, 901, renewal=1)
    paid = await part(store, board, 3, 902, state=State.SETTLED)
    await part(store, board, 3, 903, state=State.FAILED, renewal=1)
    found = (await now(store, board)).seats
    assert [seat.part for seat in found] == [None, newest, paid]


SAYS = (State.ASKING, State.PENDING, State.OPEN, State.SETTLED)


@pytest.mark.parametrize("state", State)
async def test_a_further_invoice_of_a_seat_counts_where_it_is_paid_or_can_be(
    store: Store, state: State
) -> None:
    board = await bill(store)
    older = await part(store, board, 2, 900, state=state, replaced=True)
    newest = await part(store, board, 2, 901, state=State.OPEN, renewal=1)
    seat = (await now(store, board)).seats[1]
    if state is State.SETTLED:  # the money is there, whatever was asked for since
        assert (seat.part, seat.others) == (older, (newest,))
    else:
        assert (seat.part, seat.others) == (newest, (older,) if state in SAYS else ())


async def test_of_several_that_are_paid_or_can_be_the_newest_comes_first(store: Store) -> None:
    board = await bill(store)
    states = [State.SETTLED, State.OPEN, State.SETTLED, State.PENDING, State.EXPIRED]
    a, b, c, d, e = [
        await part(store, board, 2, 900 + number, state=state, renewal=number)
        for number, state in enumerate(states)
    ]
    seat = (await now(store, board)).seats[1]
    assert seat.part == c
    assert seat.others == (a, d, b)
    assert e not in seat.others  # it is the newest, and says nothing beside what is paid


async def test_a_replaced_invoice_says_nothing_once_it_is_closed(store: Store) -> None:
    board = await bill(store)
    await part(store, board, 2, 900, state=State.CANCELLED, replaced=True)
    assert (await now(store, board)).seats[1].part is None
    closed = await part(store, board, 2, 901, state=State.CANCELLED, renewal=1)
    assert (await now(store, board)).seats[1].part == closed


async def test_of_a_seat_all_is_found_that_somebody_asked_for(store: Store) -> None:
    board, other = await bill(store), await bill(store, 2, handle="another")
    of_seat = [
        await part(store, board, 2, 900, state=State.CANCELLED, replaced=True),
        await part(store, board, 2, 901, state=State.EXPIRED, renewal=1),
        await part(store, board, 2, 902, state=State.OPEN, renewal=2),
    ]
    await part(store, board, 3, 903, state=State.CANCELLED, replaced=True)
    await part(store, other, 2, 905, state=State.CANCELLED, replaced=True)
    found = await store.do(lambda tx: tx.boards.asked_for(board, 2, BERT))
    assert await store.do(lambda tx: tx.boards.asked_for(board, 2, BERT + 1)) == []
    assert {each.id for each in found} == {each.id for each in of_seat}


# seats


async def test_seats_are_replaced_as_a_whole(store: Store) -> None:
    board, other = await bill(store, 1), await bill(store, 2)
    made = [
        Seat(number=1, amount_msat=3000, person_id=9, name="Cora", hidden=True),
        Seat(number=2, amount_msat=3000, username="eve"),
    ]
    await store.do(lambda tx: tx.boards.replace_seats(board.id, made))
    assert (await now(store, board)).seats == tuple(made)
    assert await now(store, other) == other
    assert (await now(store, other)).seats == other.seats
    await store.do(lambda tx: tx.boards.replace_seats(board.id, []))
    assert (await now(store, board)).seats == ()


async def test_a_seat_more_comes_last_and_its_number_is_nobody_elses(store: Store) -> None:
    board = await bill(store)
    more = Seat(number=4, amount_msat=2000)
    await store.do(lambda tx: tx.boards.add_seat(board.id, more))
    assert (await now(store, board)).seats == (*board.seats, more)
    with pytest.raises(sa.exc.IntegrityError):
        await store.do(lambda tx: tx.boards.add_seat(board.id, more))


# what follows


async def test_what_follows_is_written_with_all_that_is_cancelled(store: Store) -> None:
    board = await bill(store)
    first = await part(store, board, 2, 900, replaced=True)
    second = await part(store, board, 2, 901, renewal=1)
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, leaving=True))
    done = await store.do(lambda tx: tx.boards.rearrange(board.id, NOW))
    assert done == Rearranged({}, follows_again=False)
    for each in (first, second):
        there = await read(store, each.id)
        assert (there.cancel_wanted, there.lane) == (True, Lane.CANCELLATION)
        assert there.cancelled_by == ""
    assert (await now(store, board)).seats[1].person_id == BERT  # until the node has said so


async def test_what_follows_frees_seats_and_ends_the_board(store: Store) -> None:
    board = await bill(store, remind_wanted=True)
    await store.do(lambda tx: tx.boards.update_seat(board.id, 2, leaving=True, hidden=True))
    done = await store.do(lambda tx: tx.boards.rearrange(board.id, END, END))
    ended: BoardColumns = {"state": BoardState.CLOSED, "remind_wanted": False}
    assert done == Rearranged(ended, follows_again=False)
    there = await now(store, board)
    assert (there.state, there.remind_wanted) == (BoardState.CLOSED, False)
    assert there.seats == (board.seats[0], Seat(number=2, amount_msat=2000), board.seats[2])


async def test_where_nothing_follows_nothing_is_written(store: Store) -> None:
    board = await bill(store)
    await part(store, board)
    await rest(store, board)
    before = await now(store, board)
    assert await store.do(lambda tx: tx.boards.rearrange(board.id, NOW)) == Rearranged({})
    assert await now(store, board) == before
    with pytest.raises(LookupError):
        await store.do(lambda tx: tx.boards.rearrange(999, NOW))


# due


async def test_a_part_that_changes_makes_its_board_due_in_the_same_transaction(
    store: Store,
) -> None:
    board, other = await bill(store, 1), await bill(store, 2)
    mine = await part(store, board)
    changes = {
        "settled": lambda tx: tx.nodes.settle(mine.payment_hash, now=NOW, state=State.SETTLED),
        "another state": lambda tx: tx.invoices.update(mine.id, state=State.EXPIRED),
        "closed by the node": lambda tx: (
            tx.invoices.update(mine.id, state=State.OPEN),
            tx.nodes.close(mine.id, NOW),
        ),
    }
    for change in changes.values():
        await rest(store, board)

        def job(tx: Tx, change: Any = change) -> bool:
            change(tx)
            there = tx.boards.get(board.id)
            return there is not None and there.due_at == 0.0

        assert await store.do(job)
        assert await is_due(store, board)
    assert not await is_due(store, other)


async def test_a_new_part_makes_its_board_due(store: Store) -> None:
    board = await bill(store)
    await part(store, board)
    assert await is_due(store, board)


async def test_a_change_that_is_undone_makes_nothing_due(store: Store) -> None:
    board = await bill(store)
    mine = await part(store, board)
    await rest(store, board)

    def job(tx: Tx) -> None:
        tx.nodes.settle(mine.payment_hash, now=NOW, state=State.SETTLED)
        raise LookupError("undone")

    with pytest.raises(LookupError):
        await store.do(job)
    assert not await is_due(store, board)


async def test_what_changes_nothing_of_a_part_leaves_its_board_alone(store: Store) -> None:
    board = await bill(store)
    mine = await part(store, board)
    await rest(store, board)
    await store.do(lambda tx: tx.invoices.update(mine.id, card_id=7))
    await store.do(lambda tx: tx.invoices.want_cancelled(mine, NOW))
    assert not await is_due(store, board)


async def test_a_part_makes_its_board_due_in_a_chat_that_cannot_be_reached(store: Store) -> None:
    """Its invoice is to be cancelled, whoever reads of it."""
    board = await bill(store)
    mine = await part(store, board)
    await rest(store, board, lane=Lane.UNREACHABLE, faults=MAX_FAULTS)
    await store.do(lambda tx: tx.invoices.update(mine.id, state=State.CANCELLED))
    assert await is_due(store, board)
    assert (await now(store, board)).faults == 0


async def test_due_boards_come_by_lane_then_by_time(store: Store) -> None:
    late = await bill(store, 1, due_at=NOW - 1)
    early = await bill(store, 2, due_at=NOW - 9)
    new = await bill(store, 3, due_at=NOW, lane=Lane.COMMAND)
    await bill(store, 4, due_at=NOW + 30)
    await bill(store, 5, due_at=NOW - 30, lane=Lane.UNREACHABLE)
    due = await store.do(lambda tx: tx.boards.due(READ_LANES, NOW, limit=9))
    assert due == ([new, early, late], False, NOW + 30)
    due = await store.do(lambda tx: tx.boards.due(READ_LANES, NOW, limit=1))
    assert due == ([new, early], True, NOW + 30)
    due = await store.do(lambda tx: tx.boards.due([Lane.PAYMENT, Lane.COMMAND], NOW, limit=9))
    assert due == ([new], False, None)


async def test_boards_of_crowded_chats_leave_their_places_to_others(store: Store) -> None:
    here = [await bill(store, number, due_at=NOW - 20 + number) for number in (1, 2, 3)]
    there = await bill(store, 4, due_at=NOW - 1, chat_id=-9)
    new = await bill(store, 5, due_at=NOW - 1, lane=Lane.COMMAND)

    async def due(*but: tuple[Lane, int], limit: int = 9) -> Any:
        return await store.do(lambda tx: tx.boards.due(READ_LANES, NOW, limit=limit, but=but))

    assert (await due()).rows == [new, *here, there]
    found = await due((Lane.BOARDS, CHAT), limit=1)
    assert (found.rows, found.more) == ([new, there], True)
    assert (await due((Lane.BOARDS, CHAT))).rows == [new, there]
    assert (await due((Lane.BOARDS, CHAT), (Lane.BOARDS, -9))).rows == [new]
    # each lane has hands of its own
    assert (await due((Lane.COMMAND, CHAT))).rows == [*here, there]
    assert (await due((Lane.PAYMENT, CHAT))).rows == [new, *here, there]


async def test_only_what_waits_for_its_next_try_is_made_due(store: Store) -> None:
    waits = await bill(store, 1, retry_at=NOW + 9000)
    at_rest = await bill(store, 2)
    stuck = await bill(store, 3, retry_at=NOW - 5, faults=MAX_FAULTS, due_at=None)
    soon = await bill(store, 4, retry_at=NOW + 5)
    await store.do(lambda tx: tx.boards.make_overdue(NOW))
    there = await now(store, waits)
    assert (there.due_at, there.retry_at) == (due_now(NOW), 0.0)
    assert [await now(store, each) for each in (at_rest, stuck, soon)] == [at_rest, stuck, soon]


async def test_what_waits_for_a_pause_by_a_clock_that_was_ahead_is_made_due(store: Store) -> None:
    """A board waits for its end alone; whatever else it waits for is no more than a minute away."""
    waits = await bill(store, 1, lane=Lane.BOARDS, due_at=NOW + 9000)
    ends = await bill(store, 2, lane=Lane.BOARDS)
    ends = await store.do(lambda tx: tx.boards.update(ends.id, due_at=ends.ends_at))
    await store.do(lambda tx: tx.boards.make_overdue(NOW))
    assert (await now(store, waits)).due_at == due_now(NOW)
    assert await now(store, ends) == ends


async def test_a_board_that_is_stuck_gets_another_chance(store: Store) -> None:
    stuck = await bill(store, 1, retry_at=NOW - 5, faults=MAX_FAULTS, attempts=10, due_at=None)
    trying = await bill(store, 2, retry_at=NOW - 5, faults=MAX_FAULTS - 1)
    await store.do(lambda tx: tx.boards.unstick(NOW))
    there = await now(store, stuck)
    assert (there.faults, there.attempts, there.due_at) == (0, 0, due_now(NOW))
    assert await now(store, trying) == trying
