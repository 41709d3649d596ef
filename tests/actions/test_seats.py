"""Who takes part in a board: seats for those who press, who are named, who join and who leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.actions import Asker
from bot.core.board import MAX_GIFTS, Board, BoardState, Seat, SeatState
from bot.core.invoice import Invoice, State
from bot.core.split import MAX_SEATS, Person
from bot.core.wishes import (
    Change,
    Changing,
    Fixing,
    Joining,
    Leaving,
    Parting,
    Sitting,
)
from bot.core.work import Lane
from bot.errors import AmountRefused
from tests.actions.table import (
    ANNA,
    AT_EVE,
    BERT,
    CORA,
    EVE,
    GHOST,
    GROUP,
    OWNER,
    Table,
)

JOINING, OPEN = BoardState.JOINING, BoardState.OPEN
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED


# sitting


async def test_a_press_takes_a_free_seat_and_a_second_press_takes_no_other(table: Table) -> None:
    board = await table.rests(await table.split("84k/3"))
    token = await table.token(board, BERT)
    seat = await table.seat(board, 2)
    assert (seat.person_id, seat.name, seat.token) == (BERT.id, "Bert", token)
    assert len(token) >= 22  # 128 bits
    assert await table.is_due(board)
    board = await table.rests(board)
    assert await table.sit(board, BERT) == (Sitting.SEATED, token)
    assert not await table.is_due(board)  # nothing is written for a press that repeats
    assert await table.token(board, CORA) != token
    assert await table.sit(board, EVE) == (Sitting.FULL, "")


async def test_where_one_pays_for_several_that_are_free_whoever_presses_gets_one_of_those(
    table: Table,
) -> None:
    board = await table.split("84k/6")
    for number in (3, 4):
        await table.part(board, BERT, number, state=State.OPEN)
    one_of_eve = await table.part(board, EVE, 6, state=State.OPEN)
    nemo = Asker(9, "Nemo")
    token = await table.token(board, nemo)
    seat = await table.seat(board, 3)
    assert seat.person_id == nemo.id
    assert (await table.follow(token, nemo))[0] is Parting.CANCELLING
    assert await table.sit(board, CORA) == (Sitting.FULL, "")  # of one each nobody is robbed
    assert not (await table.row(one_of_eve)).cancel_wanted


async def test_who_asked_presses_for_their_own_seat(table: Table) -> None:
    board = await table.split("84k/2")
    token = await table.token(board, ANNA)
    assert (await table.seat(board, 1)).token == token
    assert (await table.seat(board, 2)).is_free


@pytest.mark.parametrize("username", ["eve", "EVE", "Eve"])
async def test_a_seat_that_is_kept_for_a_user_name_is_that_persons_once_they_press(
    table: Table, username: str
) -> None:
    named = Person(f"@{username}", username=username)
    board = await table.split(f"84k @{username}", ANNA, named)
    assert await table.sit(board, BERT) == (Sitting.FULL, "")
    token = await table.token(board, EVE)
    seat = await table.seat(board, 2)
    assert (seat.person_id, seat.name, seat.username, seat.token) == (EVE.id, "Eve", "", token)
    assert seat.state is SeatState.TAKEN


async def test_a_seat_that_is_kept_for_somebody_known_keeps_their_name(table: Table) -> None:
    board = await table.split("84k Bertie", ANNA, Person("Bertie", id=BERT.id, name="Bertie"))
    await table.token(board, BERT)
    assert (await table.seat(board, 2)).name == "Bertie"


async def test_who_has_no_user_name_is_nobody_who_is_named(table: Table) -> None:
    board = await table.split("84k @eve", ANNA, AT_EVE)
    assert await table.sit(board, Asker(9, "Nemo")) == (Sitting.FULL, "")


async def test_a_named_seat_that_was_paid_otherwise_is_still_that_persons(table: Table) -> None:
    """They are asked for no other part."""
    board = await table.split("84k @eve", ANNA, AT_EVE)
    assert await table.change(board, Change.ADD) is Changing.DONE
    assert await table.change(board, Change.SETTLE, 2) is Changing.DONE
    token = await table.token(board, EVE)
    assert (await table.seat(board, 2)).person_id == EVE.id
    assert (await table.seat(board, 3)).is_free
    assert (await table.follow(token, EVE))[0] is Parting.PAID_OWN


@pytest.mark.parametrize("state", [None, *State])
async def test_who_has_a_seat_keeps_it_whatever_became_of_its_invoice(
    table: Table, state: State | None
) -> None:
    board = await table.split("84k/3")
    token = await table.token(board, BERT)
    if state is not None:
        await table.part(board, BERT, state=state)
    assert await table.sit(board, BERT) == (Sitting.SEATED, token)
    await table.token(board, CORA)
    assert (await table.seat(board, 3)).person_id == CORA.id


async def test_a_seat_that_is_being_left_is_nobody_elses_and_can_be_had_back(table: Table) -> None:
    board = await table.split("84k/2")
    row = await table.part(board, BERT, state=State.OPEN)
    assert await table.boards.leave(row.payment_hash) is Leaving.LEAVING
    assert await table.sit(board, CORA) == (Sitting.FULL, "")
    token = await table.token(board, BERT)
    assert not (await table.seat(board, 2)).leaving
    await table.becomes(row, State.CANCELLED)
    assert (await table.seat(board, 2)).token == token


async def test_a_seat_that_somebody_pays_for_is_free_for_nobody(table: Table) -> None:
    board = await table.split("84k/2")
    row = await table.part(board, ANNA, 2, state=State.OPEN)
    assert await table.sit(board, BERT) == (Sitting.FULL, "")
    await table.becomes(row, State.EXPIRED)
    await table.token(board, BERT)


async def test_an_anonymous_admin_is_never_named(table: Table) -> None:
    board = await table.split("84k/2")
    token = await table.token(board, GHOST)
    seat = await table.seat(board, 2)
    assert (seat.person_id, seat.public_name, seat.hidden) == (GHOST.id, "", True)
    known = Asker(GHOST.id, "Gustav")
    assert await table.sit(board, known) == (Sitting.SEATED, token)
    assert (await table.seat(board, 2)).public_name == ""


@pytest.mark.parametrize(
    ("state", "came_of_it"),
    [
        (JOINING, Sitting.JOINING),
        (OPEN, Sitting.SEATED),
        (CLOSING, Sitting.CLOSED),
        (CLOSED, Sitting.CLOSED),
    ],
)
@pytest.mark.parametrize("what", ["split", "collect"])
async def test_nobody_sits_before_it_is_asked_or_after_it_is_closed(
    table: Table, what: str, state: BoardState, came_of_it: Sitting
) -> None:
    board = await (table.split("84k/2") if what == "split" else table.collect())
    await table.rests(board, state=state)
    found, token = await table.sit(board, BERT)
    assert (found, bool(token)) == (came_of_it, came_of_it is Sitting.SEATED)


async def test_a_name_that_comes_after_the_seat_is_written_where_it_was_not_known(
    table: Table,
) -> None:
    board = await table.split("84k/3")
    nameless = replace(BERT, name="")
    _, token, is_named = await table.boards.sit(board.handle, GROUP, nameless)
    assert not is_named
    seat = await table.seat(board, 2)
    assert seat.part is not None
    assert (seat.name, seat.part.asker_name) == ("", "")
    await table.boards.name(token, GROUP, CORA)  # not theirs
    await table.boards.name(token, GROUP, nameless)  # nobody says
    assert (await table.seat(board, 2)).name == ""
    await table.boards.name(token, GROUP, BERT)
    await table.boards.name(token, GROUP, replace(BERT, name="Another"))
    seat = await table.seat(board, 2)
    assert seat.part is not None
    assert (seat.name, seat.part.asker_name) == (BERT.name, BERT.name)
    assert await table.boards.sit(board.handle, GROUP, nameless) == (Sitting.SEATED, token, True)
    assert (await table.seat(board, 2)).name == BERT.name


async def test_whose_name_is_known_has_it_on_each_invoice_of_theirs(table: Table) -> None:
    board = await table.split("84k")
    await table.boards.join(board.handle, GROUP, BERT, is_in=True)
    await table.boards.fix(board.id)
    nameless = replace(BERT, name="")
    _, _, is_named = await table.boards.sit(board.handle, GROUP, nameless)
    assert is_named
    seat = next(each for each in (await table.fresh(board)).seats if each.person_id == BERT.id)
    assert seat.part is not None
    assert seat.part.asker_name == BERT.name
    await table.becomes(seat.part, State.CANCELLED)
    await table.boards.sit(board.handle, GROUP, nameless)
    again = (await table.seat(board, seat.number)).part
    assert again is not None
    assert (again.id != seat.part.id, again.asker_name) == (True, BERT.name)


async def test_a_press_that_comes_late_takes_nothing_back_that_was_pressed_after_it(
    table: Table,
) -> None:
    board = await table.split("9000 dinner")
    for is_in, press in ((True, "1"), (False, "2")):
        await table.boards.join(board.handle, GROUP, BERT, is_in=is_in, press=press)
    late = await table.boards.join(board.handle, GROUP, BERT, is_in=True, press="1")
    assert late is Joining.OUT
    assert not (await table.fresh(board)).knows(BERT.id)


async def test_a_name_that_was_hidden_stays_so_when_an_older_press_comes_late(table: Table) -> None:
    board = await table.collect()
    row = await table.part(board, BERT)
    for is_hidden, press in ((False, "1"), (True, "2"), (False, "1")):
        await table.boards.hide(row.payment_hash, is_hidden=is_hidden, press=press)
    seat, row = await table.seat(board, 1), await table.row(row)
    assert (seat.hidden, row.hidden) == (True, True)


@pytest.mark.parametrize("is_shown", [True, False])
async def test_who_hides_before_their_name_is_known_stays_hidden_until_they_show_it(
    table: Table, is_shown: bool
) -> None:
    board = await table.collect()
    nameless = replace(BERT, name="")
    _, token, _ = await table.boards.sit(board.handle, GROUP, nameless)
    _, row = await table.follow(token, BERT)
    assert row is not None
    await table.boards.hide(row.payment_hash, is_hidden=True)
    await table.boards.name(token, GROUP, BERT)
    seat, row = await table.seat(board, 1), await table.row(row)
    assert (seat.public_name, seat.hidden, row.hidden) == ("", True, True)
    if is_shown:
        await table.boards.hide(row.payment_hash, is_hidden=False)
    row = await table.becomes(await table.row(row), State.SETTLED)
    _, token, _ = await table.boards.sit(board.handle, GROUP, nameless)  # another gift
    await table.boards.name(token, GROUP, BERT)
    seat, row = await table.seat(board, 1), await table.row(row)
    assert (seat.public_name, row.hidden) == ("Bert" if is_shown else "", not is_shown)
    assert (await table.seat(board, 2)).public_name == "Bert"


async def test_an_admin_whose_name_nobody_may_read_is_hidden_on_the_seat_and_its_invoice(
    table: Table,
) -> None:
    board = await table.split("84k/3")
    _, token, _ = await table.boards.sit(board.handle, GROUP, replace(GHOST, name="", hidden=False))
    await table.boards.name(token, GROUP, GHOST)
    seat = await table.seat(board, 2)
    assert seat.part is not None
    assert (seat.hidden, seat.public_name, seat.part.hidden) == (True, "", True)


async def test_a_button_counts_only_in_its_own_chat(table: Table) -> None:
    board = await table.split("84k/2")
    for handle, chat_id in ((board.handle, -7), ("", GROUP), ("x", GROUP)):
        assert await table.boards.sit(handle, chat_id, BERT) == (Sitting.NOT_TRACKED, "", False)
        joins = await table.boards.join(handle, chat_id, BERT, is_in=True)
        assert joins is Joining.NOT_TRACKED
        assert await table.boards.of_button(handle, chat_id, 70) is None
    assert (await table.seat(board, 2)).is_free


# gifts


async def test_each_who_gives_has_a_seat_and_one_more_once_it_is_paid(table: Table) -> None:
    board = await table.collect()
    first = await table.token(board, BERT)
    assert await table.token(board, BERT) == first
    assert len((await table.fresh(board)).seats) == 1
    row = await table.part(board, BERT, state=State.SETTLED)
    assert (await table.row(row)).part == 1
    assert await table.token(board, BERT) != first
    assert [seat.person_id for seat in (await table.fresh(board)).seats] == [BERT.id] * 2


async def test_as_many_gifts_as_that_and_a_seat_that_nobody_used_is_had_again(
    table: Table,
) -> None:
    board = await table.collect()
    await table.token(board, BERT)
    waits = await table.part(board, CORA)
    paid = {"amount_msat": 0, "otherwise": True}

    def fill(tx: Any) -> None:
        for number in range(3, MAX_GIFTS + 1):
            tx.boards.add_seat(board.id, Seat(number=number, **paid))

    await table.store.do(fill)
    await table.token(board, EVE)  # in the place of Bert, who never gave
    assert (await table.seat(board, 1)).person_id == EVE.id
    assert (await table.seat(board, 2)).person_id == CORA.id
    await table.part(board, EVE)
    assert await table.sit(board, BERT) == (Sitting.FULL, "")
    assert (await table.row(waits)).asker_id == CORA.id


# who is in


async def test_people_are_in_once_and_may_be_out_again(table: Table) -> None:
    board = await table.rests(await table.split("84k"))
    assert await table.join(board, BERT) is Joining.IN
    assert await table.is_due(board)
    assert await table.join(board, BERT) is Joining.IN
    assert await table.join(board, CORA) is Joining.IN
    assert await table.join(board, BERT, is_in=False) is Joining.OUT
    assert await table.join(board, BERT, is_in=False) is Joining.OUT
    seats = (await table.fresh(board)).seats
    assert [seat.person_id for seat in seats] == [ANNA.id, CORA.id]
    assert await table.join(board, ANNA, is_in=False) is Joining.OUT
    assert await table.join(board, GHOST) is Joining.IN
    seats = (await table.fresh(board)).seats
    assert [seat.public_name for seat in seats] == ["Cora", ""]
    assert len({seat.number for seat in seats}) == 2


async def test_who_says_again_that_they_are_in_is_named_once_their_name_is_known(
    table: Table,
) -> None:
    board = await table.split("84k")
    for by, hidden in ((BERT, False), (GHOST, True)):
        unnamed = Asker(by.id, "")
        for each in (unnamed, unnamed, by, unnamed):
            assert await table.join(board, each) is Joining.IN
            board = await table.rests(board) if each is unnamed else await table.fresh(board)
            assert await table.is_due(board) is (each is by)
        seat = next(each for each in board.seats if each.person_id == by.id)
        assert (seat.name, seat.hidden) == (by.name, hidden)


async def test_no_more_are_in_than_can_pay(table: Table) -> None:
    board = await table.split("84k")
    for number in range(MAX_SEATS - 1):
        assert await table.join(board, Asker(100 + number, f"P{number}")) is Joining.IN
    assert await table.join(board, BERT) is Joining.FULL
    assert await table.join(board, ANNA) is Joining.IN  # who is in
    assert await table.join(board, ANNA, is_in=False) is Joining.OUT
    assert await table.join(board, BERT) is Joining.IN


@pytest.mark.parametrize(
    ("state", "joins", "fixes"),
    [
        (OPEN, Joining.OVER, Fixing.ALREADY_FIXED),
        (CLOSING, Joining.CLOSED, Fixing.CLOSED),
        (CLOSED, Joining.CLOSED, Fixing.CLOSED),
    ],
)
async def test_who_is_in_changes_no_more_once_it_is_asked(
    table: Table, state: BoardState, joins: Joining, fixes: Fixing
) -> None:
    board = await table.split("84k")
    await table.join(board, BERT)
    board = await table.rests(board, state=state)
    before = await table.fresh(board)
    assert await table.join(board, CORA) is joins
    assert await table.join(board, BERT, is_in=False) is joins
    assert await table.boards.fix(board.id) is fixes
    assert (await table.fresh(board)).seats == before.seats
    assert await table.boards.fix(999) is Fixing.CLOSED


async def test_those_who_are_in_are_asked_for_a_part_each(table: Table) -> None:
    board = await table.split("84,001")
    assert await table.boards.fix(board.id) is Fixing.TOO_FEW
    for who in (BERT, CORA, EVE):
        await table.join(board, who)
    await table.join(board, BERT, is_in=False)
    await table.rests(board)
    assert await table.boards.fix(board.id) is Fixing.FIXED
    there = await table.fresh(board)
    assert (there.remind_wanted, there.reminded_at) == (True, table.now)
    assert await table.change(board, Change.REMIND) is Changing.TOO_SOON
    assert (there.state, await table.is_due(board)) == (OPEN, True)
    assert [(s.number, s.person_id, s.amount_msat) for s in there.seats] == [
        (1, ANNA.id, 28_001_000),
        (2, CORA.id, 28_000_000),
        (3, EVE.id, 28_000_000),
    ]
    assert await table.sit(board, BERT) == (Sitting.FULL, "")
    await table.part(board, CORA)


async def test_an_owner_who_asked_has_paid_whoever_is_in(table: Table) -> None:
    board = await table.split("84k", OWNER)
    await table.boards.fix(board.id)
    assert (await table.fresh(board)).state is JOINING
    await table.join(board, BERT)
    assert await table.boards.fix(board.id) is Fixing.FIXED
    seats = (await table.fresh(board)).seats
    assert [seat.state for seat in seats] == [SeatState.SETTLED, SeatState.NAMED]
    assert [seat.amount_msat for seat in seats] == [42_000_000] * 2


@pytest.mark.parametrize("by", [OWNER, ANNA], ids=["an owner", "a member"])
async def test_whose_part_is_settled_later_has_not_paid_the_bill(table: Table, by: Asker) -> None:
    board = await table.split("84k/3", by)
    assert [seat.paid_bill for seat in board.seats] == [by is OWNER, False, False]
    if by is OWNER:
        assert await table.change(board, Change.UNSETTLE, 1) is Changing.DONE
    for change in (Change.SETTLE, Change.UNSETTLE, Change.SETTLE):
        assert await table.change(board, change, 1) is Changing.DONE
        assert not (await table.fresh(board)).seats[0].paid_bill
    assert (await table.fresh(board)).seats[0].state is SeatState.SETTLED


async def test_parts_that_nobody_can_be_asked_for_leave_all_as_it_is(table: Table) -> None:
    board = await table.split("2")
    for who in (BERT, CORA):
        await table.join(board, who)
    with pytest.raises(AmountRefused):
        await table.boards.fix(board.id)
    assert (await table.fresh(board)).state is JOINING
    await table.join(board, CORA, is_in=False)
    assert await table.boards.fix(board.id) is Fixing.FIXED


# leaving


@pytest.mark.parametrize(
    ("state", "came_of_it", "is_free"),
    [
        (State.PENDING, Leaving.LEAVING, False),
        (State.OPEN, Leaving.LEAVING, False),
        (State.EXPIRED, Leaving.LEAVING, True),
        (State.CANCELLED, Leaving.LEAVING, True),
        (State.FAILED, Leaving.LEAVING, True),
        (State.SETTLED, Leaving.PAID, False),
    ],
)
async def test_a_seat_is_free_once_the_node_has_said_that_its_invoice_is(
    table: Table, state: State, came_of_it: Leaving, is_free: bool
) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, state=state)
    assert await table.boards.leave(row.payment_hash) is came_of_it
    seat = await table.seat(board, 2)
    assert seat.is_free is is_free
    is_live = state in (State.PENDING, State.OPEN)
    assert (await table.row(row)).cancel_wanted is is_live
    if is_live:
        assert (await table.row(row)).lane is Lane.CANCELLATION
        await table.becomes(row, State.CANCELLED)
        assert (await table.seat(board, 2)).is_free


async def test_a_payment_that_is_faster_than_leaving_wins(table: Table) -> None:
    board = await table.split("84k/2")
    row = await table.part(board, BERT, state=State.OPEN)
    await table.boards.leave(row.payment_hash)
    await table.becomes(row, State.SETTLED)
    seat = await table.seat(board, 2)
    assert (seat.state, seat.person_id, seat.leaving) == (SeatState.PAID, BERT.id, False)


async def test_nobody_frees_a_seat_that_is_not_theirs(table: Table) -> None:
    board = await table.split("84k/3")
    others = await table.part(board, ANNA, 2, state=State.OPEN)
    assert await table.boards.leave(others.payment_hash) is Leaving.NOT_TRACKED
    assert await table.boards.leave(bytes(32)) is Leaving.NOT_TRACKED
    await table.becomes(others, State.EXPIRED)
    old = await table.part(board, BERT, state=State.OPEN)
    await table.boards.leave(old.payment_hash)
    await table.becomes(old, State.CANCELLED)
    await table.token(board, CORA)
    assert await table.boards.leave(old.payment_hash) is Leaving.NOT_TRACKED
    assert (await table.seat(board, 2)).person_id == CORA.id


@pytest.mark.parametrize("set_by_s", [0, -60])
async def test_leaving_that_comes_again_leaves_the_invoice_after_it_alone(
    table: Table, set_by_s: float
) -> None:
    """After a kill Telegram delivers a press again, when its person may have come back, and the
    clock may have been set."""
    board = await table.split("84k/2")
    old = await table.part(board, BERT, state=State.OPEN)
    assert await table.boards.leave(old.payment_hash, press="1") is Leaving.LEAVING
    await table.becomes(old, State.CANCELLED)
    again = await table.part(board, BERT, state=State.OPEN)
    table.now += set_by_s
    assert await table.boards.leave(old.payment_hash, press="1") is Leaving.NOT_TRACKED
    assert not (await table.seat(board, 2)).leaving
    assert not (await table.row(again)).cancel_wanted
    await table.becomes(again, State.SETTLED)
    assert await table.boards.leave(old.payment_hash) is Leaving.PAID


async def test_who_leaves_has_no_seat_though_a_link_of_before_brought_a_new_invoice(
    table: Table,
) -> None:
    """Both waited until the bot was back, and their invoice had expired by then."""
    board = await table.split("84k/2")
    old = await table.part(board, BERT, state=State.EXPIRED)
    new = await table.part(board, BERT, state=State.OPEN)
    assert await table.boards.leave(old.payment_hash, press="1") is Leaving.LEAVING
    assert (await table.row(new)).cancel_wanted
    await table.becomes(new, State.CANCELLED)
    assert (await table.seat(board, 2)).is_free


async def taken_over(table: Table, board: Board, part: Invoice, who: Asker) -> Invoice:
    """The open invoice of somebody else, who pays for the part that this one was of."""
    await table.follow(await table.token(board, who), who, part.part)
    await table.becomes(part, State.CANCELLED)
    return await table.part(board, who, part.part, state=State.OPEN)


async def test_who_leaves_while_another_is_paying_for_them_has_no_seat_either(table: Table) -> None:
    """Their card can still have the button when the invoice is another one's."""
    board = await table.split("84k/3")
    own = await table.part(board, BERT, state=State.OPEN)
    others = await taken_over(table, board, own, CORA)
    assert await table.boards.leave(own.payment_hash, press="1") is Leaving.LEAVING
    assert (await table.row(others)).cancel_wanted
    await table.becomes(others, State.CANCELLED)
    assert (await table.seat(board, own.part)).is_free


async def test_leaving_that_comes_again_takes_no_seat_of_who_came_back_and_is_paid_for(
    table: Table,
) -> None:
    board = await table.split("84k/2")
    old = await table.part(board, BERT, state=State.OPEN)
    assert await table.boards.leave(old.payment_hash, press="1") is Leaving.LEAVING
    await table.becomes(old, State.CANCELLED)
    again = await table.part(board, BERT, state=State.OPEN)
    others = await taken_over(table, board, again, ANNA)
    assert await table.boards.leave(old.payment_hash, press="1") is Leaving.NOT_TRACKED
    assert not (await table.row(others)).cancel_wanted
    await table.becomes(others, State.SETTLED)
    assert await table.boards.leave(old.payment_hash, press="2") is Leaving.PAID


@pytest.mark.parametrize("is_free", [False, True])
async def test_sitting_that_comes_again_takes_nothing_back_that_was_left(
    table: Table, is_free: bool
) -> None:
    """After a kill Telegram delivers a press again, when its person may have left."""
    board = await table.split("84k/2")
    assert (await table.sit(board, BERT, press="p1"))[0] is Sitting.SEATED
    old = (await table.seat(board, 2)).part
    assert old is not None
    await table.becomes(old, State.OPEN)
    _, token = await table.sit(board, BERT, press="p1")  # its answer may have been lost
    assert token == (await table.seat(board, 2)).token
    await table.boards.leave(old.payment_hash)
    if is_free:
        await table.becomes(old, State.CANCELLED)
    left = await table.seat(board, 2)
    assert (left.is_free, left.leaving) == (is_free, not is_free)
    assert await table.sit(board, BERT, press="p1") == (Sitting.AGAIN, "")
    assert (await table.seat(board, 2)).leaving is not is_free
    assert (await table.seat(board, 2)).is_free is is_free
    assert (await table.sit(board, BERT, press="p2"))[0] is Sitting.SEATED


async def test_a_press_that_comes_again_makes_no_other_invoice(table: Table) -> None:
    board = await table.split("84k/2")
    await table.sit(board, BERT, press="p1")
    old = (await table.seat(board, 2)).part
    assert old is not None
    await table.becomes(old, State.EXPIRED)
    assert (await table.sit(board, BERT, press="p1"))[0] is Sitting.SEATED
    assert (await table.seat(board, 2)).part == await table.row(old)
    await table.sit(board, BERT, press="p2")
    assert (await table.seat(board, 2)).part != await table.row(old)


async def test_who_has_left_may_sit_again_with_another_link(table: Table) -> None:
    board = await table.split("84k/2")
    row = await table.part(board, BERT, state=State.EXPIRED)
    before = (await table.seat(board, 2)).token
    await table.boards.leave(row.payment_hash)
    assert (await table.follow(before, BERT))[0] is Parting.NOT_YOURS
    assert await table.token(board, BERT) != before
