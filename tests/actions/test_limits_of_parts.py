"""Bills from before other limits: of their parts no new invoice passes these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bot.core.amount_problems import Problem
from bot.core.board import BoardState
from bot.core.invoice import State
from bot.core.wishes import Change, Changing, Parting, Renewing
from bot.errors import AmountRefused
from tests.actions.table import ANNA, BERT, CORA, GROUP, Table

LIMITS = pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"max_sats": 27_999}, Problem.PART_TOO_LARGE),
        ({"min_sats": 28_001}, Problem.PART_TOO_SMALL),
    ],
    ids=["too large", "too small"],
)


@contextmanager
def refused_as(problem: Problem) -> Iterator[None]:
    """What is done here is refused for this reason."""
    with pytest.raises(AmountRefused) as refused:
        yield
    assert refused.value.problem == problem


STILL = {"min_sats": 28_000, "max_sats": 28_000}


@LIMITS
async def test_a_seat_whose_part_no_invoice_may_have_is_not_taken(
    table: Table, limits: dict[str, Any], problem: Problem
) -> None:
    board = await table.split("84k/3")
    before = await table.fresh(board)
    table.set(**limits)
    with refused_as(problem):
        await table.boards.sit(board.handle, GROUP, BERT, press="1")
    assert await table.fresh(board) == before
    table.set(**STILL)
    _, token, _ = await table.boards.sit(board.handle, GROUP, BERT, press="1")
    assert (await table.follow(token, BERT))[0] is Parting.THERE


@LIMITS
@pytest.mark.parametrize("number", [None, 3], ids=["one's own", "somebody else's"])
async def test_no_link_and_no_press_brings_one_that_passes_the_limits(
    table: Table, limits: dict[str, Any], problem: Problem, number: int | None
) -> None:
    board = await table.split("84k/3")
    token = await table.link(board, BERT)
    table.set(**limits)
    with refused_as(problem):
        await table.follow(token, BERT, number, press="2")
    assert not any(seat.live for seat in (await table.fresh(board)).seats)
    table.set(**STILL)
    assert (await table.follow(token, BERT, number, press="2"))[0] is Parting.ASKED


@LIMITS
async def test_nobodys_invoice_is_cancelled_for_one_that_passes_the_limits(
    table: Table, limits: dict[str, Any], problem: Problem
) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, state=State.OPEN)
    token = await table.token(board, CORA)
    table.set(**limits)
    with refused_as(problem):
        await table.follow(token, CORA, row.part)
    assert not (await table.row(row)).cancel_wanted


@LIMITS
async def test_what_can_be_paid_is_shown_whatever_its_amount(
    table: Table, limits: dict[str, Any], problem: Problem
) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, state=State.OPEN)
    token = await table.token(board, BERT)
    table.set(**limits)
    assert (await table.follow(token, BERT))[0] is Parting.THERE
    await table.boards.leave(row.payment_hash)
    with refused_as(problem):  # theirs would follow once it is cancelled
        await table.follow(await table.token(board, BERT), BERT)


@pytest.mark.parametrize("state", [State.SETTLED, None], ids=["paid", "settled otherwise"])
@LIMITS
async def test_of_what_is_done_that_is_said(
    table: Table, limits: dict[str, Any], problem: Problem, state: State | None
) -> None:
    assert problem
    board = await table.split("84k/3")
    if state is None:
        await table.token(board, BERT)
        await table.change(board, Change.SETTLE, 2)
    else:
        await table.part(board, BERT, state=state)
    token = await table.token(board, BERT)
    table.set(**limits)
    assert await table.follow(token, BERT) == (Parting.PAID_OWN, None)
    await table.boards.sit(board.handle, GROUP, BERT)


@LIMITS
async def test_no_part_is_added_that_passes_the_limits(
    table: Table, limits: dict[str, Any], problem: Problem
) -> None:
    board = await table.split("84k/3")
    table.set(**limits)
    with refused_as(problem):
        await table.change(board, Change.ADD)
    assert len((await table.fresh(board)).seats) == 3
    for wish in (Change.SETTLE, Change.UNSETTLE, Change.CLOSE):
        assert await table.change(board, wish, 1) is Changing.DONE
    assert (await table.fresh(board)).state is BoardState.CLOSED
    assert await table.change(board, Change.ADD) is Changing.CLOSED


@LIMITS
async def test_of_a_renewal_the_same_is_said(
    table: Table, limits: dict[str, Any], problem: Problem
) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, state=State.EXPIRED)
    table.set(**limits)
    with refused_as(problem):
        await table.actions.renew(row.payment_hash, BERT)
    table.set(**STILL)
    assert await table.actions.renew(row.payment_hash, BERT) is Renewing.RENEWING


async def test_a_goal_passes_any_limit_and_a_gift_none(table: Table) -> None:
    board = await table.collect("84k")
    table.set(max_sats=1000)
    row = await table.part(board, ANNA)
    with pytest.raises(AmountRefused):
        await table.actions.give(row.payment_hash, 28_000_000)
    assert await table.actions.give(row.payment_hash, 1_000_000)
