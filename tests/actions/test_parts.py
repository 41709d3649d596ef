"""The invoice of a seat: one at a time, for whom it is; others' parts, gifts, strangers' links."""

from __future__ import annotations

import pytest

from bot.actions import Asker, Origin, Place
from bot.actions.seats import COPIES, TAKEN_S
from bot.core.board import PARTS_AN_HOUR, BoardState
from bot.core.invoice import Face, PartKind, State
from bot.core.wishes import Answered, Change, Leaving, Parting, Renewing
from bot.core.work import Lane
from bot.errors import AmountRefused
from tests.actions.table import ANNA, BERT, CORA, EVE, GHOST, NOW, OWNER, Table

DEAD = (State.EXPIRED, State.CANCELLED, State.FAILED)
LIVE = (State.PENDING, State.OPEN)
CLOSING, CLOSED = BoardState.CLOSING, BoardState.CLOSED


# one's own


async def test_a_link_makes_the_invoice_of_its_seat(table: Table) -> None:
    board = await table.rests(await table.split("84k/3 pizza"))
    token = await table.link(board, BERT)
    board = await table.rests(board)
    came_of_it, row = await table.follow(token, BERT, reply_to=9)
    assert row is not None
    assert came_of_it is Parting.ASKED
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 28_000_000, "pizza")
    assert (row.board_id, row.part, row.renewal) == (board.id, 2, 0)
    assert (row.part_kind, row.part_for, row.requester_id) == (PartKind.OWN, "", ANNA.id)
    assert (row.chat_id, row.reply_to, row.asker_id) == (BERT.id, 9, BERT.id)
    assert (row.asked_at, row.lane) == (NOW, Lane.COMMAND)
    assert (await table.seat(board, 2)).part == row
    assert await table.is_due(board)
    assert row.key in [each.key for each in table.bell.take().rows]


@pytest.mark.parametrize("state", LIVE)
async def test_a_part_that_can_be_paid_is_there_already(table: Table, state: State) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, state=state)
    assert await table.follow(await table.token(board, BERT), BERT) == (Parting.THERE, row)


@pytest.mark.parametrize("state", DEAD)
async def test_another_one_is_made_once_the_one_before_is_closed(
    table: Table, state: State
) -> None:
    board = await table.split("84k/3")
    old = await table.part(board, BERT, state=state)
    new = await table.part(board, BERT)
    assert (new.part, new.renewal, new.amount_msat) == (old.part, 1, old.amount_msat)
    assert new.payment_hash != old.payment_hash
    old = await table.row(old)
    assert (old.replaced, old.lane) == (True, Lane.COMMAND)  # its card offers no renewal
    assert (await table.seat(board, 2)).part == new


async def test_no_other_one_is_made_before_the_node_has_cancelled(table: Table) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, state=State.OPEN)
    await table.boards.leave(row.payment_hash)
    token = await table.token(board, BERT)
    came_of_it, there = await table.follow(token, BERT)
    assert (came_of_it, there) == (Parting.CANCELLING, await table.row(row))
    await table.becomes(row, State.CANCELLED)
    assert (await table.follow(token, BERT))[0] is Parting.ASKED


async def test_what_is_paid_is_paid_and_others_may_be_paid_for(table: Table) -> None:
    board = await table.split("84k/3")
    await table.part(board, BERT, state=State.SETTLED)
    token = await table.token(board, BERT)
    assert await table.follow(token, BERT) == (Parting.PAID_OWN, None)
    assert await table.follow(token, BERT, 2) == (Parting.PAID, None)
    assert (await table.follow(token, BERT, 3))[0] is Parting.ASKED


async def test_who_has_paid_the_bill_has_nothing_to_pay(table: Table) -> None:
    board = await table.split("84k/3", OWNER)
    assert await table.follow(await table.token(board, OWNER), OWNER) == (Parting.PAID_OWN, None)


async def test_a_link_that_is_followed_twice_at_once_is_answered_once(table: Table) -> None:
    """The update is delivered again, after whatever happened."""
    board = await table.split("84k/3")
    token = await table.token(board, BERT)
    _, row = await table.follow(token, BERT, reply_to=9)
    assert row is not None
    assert await table.follow(token, BERT, reply_to=9) == (Parting.AGAIN, None)
    for state in (State.OPEN, *DEAD, State.SETTLED):
        await table.becomes(row, state)
        assert await table.follow(token, BERT, reply_to=9) == (Parting.AGAIN, None)


@pytest.mark.parametrize("state", [CLOSING, CLOSED])
@pytest.mark.parametrize("number", [None, 3])
async def test_nothing_can_be_paid_once_it_is_closed(
    table: Table, state: BoardState, number: int | None
) -> None:
    board = await table.split("84k/3")
    token = await table.token(board, BERT)
    await table.rests(board, state=state)
    assert await table.follow(token, BERT, number) == (Parting.CLOSED, None)
    await table.rests(board, state=BoardState.OPEN)
    await table.change(board, Change.SETTLE, number or 2)
    await table.rests(board, state=state)
    assert await table.follow(token, BERT, number) == (Parting.PAID, None)


async def test_what_says_that_it_is_open_takes_payments_though_the_clock_is_ahead(
    table: Table,
) -> None:
    """It ends where that is sure, and says so then."""
    board = await table.split("84k/3")
    token = await table.token(board, BERT)
    table.now = board.ends_at
    assert (await table.follow(token, BERT))[0] is Parting.THERE
    assert await table.boards.to_pay_for(token, BERT) is not None
    await table.rests(board, state=CLOSING)
    assert await table.follow(token, BERT) == (Parting.CLOSED, None)


# others' links


async def test_a_link_is_worth_nothing_to_anybody_else(table: Table) -> None:
    board = await table.split("84k/3")
    token = await table.link(board, BERT)
    for who in (ANNA, CORA, OWNER, GHOST):
        for number in (None, 1, 2, 3):
            assert await table.follow(token, who, number) == (Parting.NOT_YOURS, None)
        assert await table.boards.to_pay_for(token, who) is None
    for forged in ("", "x", token[:-1], token.swapcase()):
        assert await table.follow(forged, BERT) == (Parting.NOT_YOURS, None)
        assert await table.boards.to_pay_for(forged, BERT) is None
    assert (await table.seat(board, 2)).part is None


async def test_a_link_of_a_seat_that_was_freed_or_has_another_person_opens_nothing(
    table: Table,
) -> None:
    board = await table.split("84k/2")
    token = await table.link(board, BERT)
    await table.change(board, Change.FREE, 2)
    assert await table.follow(token, BERT) == (Parting.NOT_YOURS, None)
    other = await table.token(board, CORA)
    assert await table.follow(token, CORA) == (Parting.NOT_YOURS, None)
    assert await table.follow(other, BERT) == (Parting.NOT_YOURS, None)


async def test_no_seat_of_another_bill_and_none_that_is_not_there_is_paid(table: Table) -> None:
    board, _ = await table.split("84k/2"), await table.split("84k/5")
    token = await table.token(board, BERT)
    for number in (0, 3, 5, -1):
        assert await table.follow(token, BERT, number) == (Parting.NOT_YOURS, None)


async def test_whose_seat_a_part_is_of_has_its_token(table: Table) -> None:
    board, other = await table.split("84k/3"), await table.split("84k/3")
    row = await table.part(board, BERT)
    token = await table.token(board, BERT)
    assert await table.boards.token_of(row.payment_hash, BERT) == token
    assert await table.boards.token_of(row.payment_hash, CORA) == ""
    assert await table.boards.token_of(bytes(32), BERT) == ""
    await table.token(other, CORA)
    assert await table.boards.token_of(row.payment_hash, CORA) == ""


# others' parts


@pytest.mark.parametrize("what", ["free", "named", "theirs"])
async def test_somebody_pays_for_somebody_else(table: Table, what: str) -> None:
    board = await table.split("84k/3")
    if what == "theirs":
        await table.link(board, CORA)
        number, of = 2, "Cora"
    elif what == "named":  # who asked has not pressed
        number, of = 1, "Anna"
    else:
        number, of = 3, ""
    row = await table.part(board, BERT, number)
    assert (row.part, row.part_kind, row.part_for) == (number, PartKind.OTHERS, of)
    assert (row.asker_id, row.chat_id, row.amount_msat) == (BERT.id, BERT.id, 28_000_000)
    before = await table.seat(board, number)
    await table.becomes(row, State.SETTLED)
    seat = await table.seat(board, number)
    assert (seat.is_paid, seat.person_id, seat.name) == (True, before.person_id, before.name)
    own = next(s for s in (await table.fresh(board)).seats if s.person_id == BERT.id)
    assert not own.is_done


async def test_ones_own_seat_by_its_number_is_ones_own(table: Table) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, 2)
    assert (row.part_kind, row.part_for) == (PartKind.OWN, "")


async def test_an_invoice_that_somebody_else_has_is_cancelled_before_another_is_made(
    table: Table,
) -> None:
    """Each way: who pays for another, and whose own part it is."""
    board = await table.split("84k/3")
    mine = await table.part(board, CORA, state=State.OPEN)
    token, own = await table.token(board, BERT), await table.token(board, CORA)
    came_of_it, there = await table.follow(token, BERT, 2)
    assert there is not None
    assert (came_of_it, there.id) == (Parting.CANCELLING, mine.id)
    assert (there.cancel_wanted, there.cancelled_by) == (True, "Bert")
    assert (await table.follow(token, BERT, 2))[0] is Parting.CANCELLING
    await table.becomes(mine, State.CANCELLED)
    came_of_it, others = await table.follow(token, BERT, 2)
    assert others is not None
    assert (came_of_it, others.part_for) == (Parting.ASKED, "Cora")
    assert (await table.follow(own, CORA))[0] is Parting.CANCELLING
    await table.becomes(others, State.CANCELLED)
    assert (await table.follow(own, CORA))[0] is Parting.ASKED
    assert (await table.seat(board, 2)).person_id == CORA.id


async def test_who_is_hidden_is_named_neither_on_the_part_nor_as_who_cancelled(
    table: Table,
) -> None:
    board = await table.split("84k/4")
    mine = await table.part(board, CORA, state=State.OPEN)
    token = await table.token(board, GHOST)
    _, there = await table.follow(token, GHOST, 2)
    assert there is not None
    assert (there.cancel_wanted, there.cancelled_by) == (True, "")
    await table.becomes(mine, State.CANCELLED)
    _, row = await table.follow(token, GHOST, 2)
    assert row is not None
    assert (row.hidden, row.part_for) == (True, "Cora")
    own = await table.part(board, GHOST)
    assert own.hidden


async def test_who_pays_for_others_frees_no_seat_and_may_renew(table: Table) -> None:
    board = await table.split("84k/3")
    row = await table.part(board, BERT, 1, state=State.OPEN)
    assert await table.boards.leave(row.payment_hash) is Leaving.NOT_TRACKED
    await table.becomes(row, State.EXPIRED)
    assert await table.actions.renew(row.payment_hash, BERT) is Renewing.RENEWING
    seat = await table.seat(board, 1)
    assert seat.part is not None
    assert (seat.part.part_kind, seat.part.part_for) == (PartKind.OTHERS, "Anna")
    assert (seat.part.asker_id, seat.person_id) == (BERT.id, ANNA.id)


async def test_others_parts_are_offered_while_they_can_be_paid(table: Table) -> None:
    board = await table.split("84k/3")
    token = await table.token(board, BERT)
    assert await table.boards.to_pay_for(token, BERT) == await table.fresh(board)
    await table.rests(board, state=CLOSING)
    assert await table.boards.to_pay_for(token, BERT) is None
    pot = await table.collect()
    assert await table.boards.to_pay_for(await table.token(pot, BERT), BERT) is None


# limits


async def test_one_person_gets_five_invoices_of_a_board_in_an_hour(table: Table) -> None:
    board = await table.split("84k/3")
    for number in range(PARTS_AN_HOUR):
        await table.part(board, BERT, 2 + number % 2, state=State.EXPIRED)
    token = await table.token(board, BERT)
    for number in (None, 1, 3):
        assert await table.follow(token, BERT, number) == (Parting.TOO_MANY, None)
    row = (await table.seat(board, 2)).part
    assert row is not None
    assert await table.actions.renew(row.payment_hash, BERT) is Renewing.TOO_MANY
    other = await table.split("84k/3")
    await table.part(other, BERT)
    table.now += 3601
    assert (await table.follow(token, BERT))[0] is Parting.ASKED


async def test_whoever_has_asked_too_often_has_nobodys_invoice_cancelled(table: Table) -> None:
    board = await table.split("84k/3")
    mine = await table.part(board, CORA, state=State.OPEN)
    for _ in range(PARTS_AN_HOUR):
        await table.part(board, BERT, state=State.EXPIRED)
    token = await table.token(board, BERT)
    assert await table.follow(token, BERT, mine.part) == (Parting.TOO_MANY, None)
    assert not (await table.row(mine)).cancel_wanted


async def test_of_others_one_invoice_at_a_time_is_cancelled_until_that_part_is_paid(
    table: Table,
) -> None:
    board = await table.split("84k/4")
    first = await table.part(board, CORA, state=State.OPEN)
    second = await table.part(board, EVE, state=State.OPEN)
    token = await table.token(board, BERT)
    assert (await table.follow(token, BERT, first.part))[0] is Parting.CANCELLING
    not_yet = (Parting.ONE_AT_A_TIME, None)
    assert await table.follow(token, BERT, second.part) == not_yet
    await table.becomes(first, State.CANCELLED)
    assert await table.follow(token, BERT, second.part) == not_yet
    paid = await table.part(board, BERT, first.part, state=State.OPEN)
    assert await table.follow(token, BERT, second.part) == not_yet
    assert not (await table.row(second)).cancel_wanted
    await table.becomes(paid, State.SETTLED)
    assert (await table.follow(token, BERT, second.part))[0] is Parting.CANCELLING


async def test_a_part_that_nobody_pays_keeps_its_taker_from_others_for_half_an_hour(
    table: Table,
) -> None:
    board = await table.split("84k/4")
    first = await table.part(board, CORA, state=State.OPEN)
    second = await table.part(board, EVE, state=State.OPEN)
    token = await table.token(board, BERT)
    await table.follow(token, BERT, first.part)
    await table.becomes(first, State.CANCELLED)
    table.now += TAKEN_S - 1
    assert (await table.follow(token, BERT, second.part))[0] is Parting.ONE_AT_A_TIME
    table.now += 2
    assert (await table.follow(token, BERT, second.part))[0] is Parting.CANCELLING


async def test_a_part_that_has_no_open_invoice_is_nobodys_to_lose(table: Table) -> None:
    """Who pays for several people that have not asked for theirs waits for nothing."""
    board = await table.split("84k/5")
    taken = await table.part(board, CORA, state=State.OPEN)
    token = await table.token(board, BERT)
    await table.follow(token, BERT, taken.part)
    for number in (4, 5):
        assert (await table.follow(token, BERT, number))[0] is Parting.ASKED


async def test_what_others_had_cancelled_counts_against_them_and_not_whose_it_was(
    table: Table,
) -> None:
    board = await table.split("84k/9")
    takers = [Asker(100 + number, f"P{number}") for number in range(PARTS_AN_HOUR)]
    for taker in takers:
        mine = await table.part(board, CORA, state=State.OPEN)
        token = await table.token(board, taker)
        assert (await table.follow(token, taker, mine.part))[0] is Parting.CANCELLING
        await table.becomes(mine, State.CANCELLED)
    mine = await table.part(board, CORA, state=State.EXPIRED)
    assert await table.actions.renew(mine.payment_hash, CORA) is Renewing.RENEWING
    for _ in range(PARTS_AN_HOUR - 1):
        await table.part(board, takers[0], state=State.EXPIRED)
    own = await table.token(board, takers[0])
    assert await table.follow(own, takers[0]) == (Parting.TOO_MANY, None)


async def test_what_is_paid_is_no_invoice_in_vain(table: Table) -> None:
    board = await table.split("84k/9")
    for number in range(1, 9):
        await table.part(board, BERT, number, state=State.SETTLED)
    assert (await table.seat(board, 8)).is_paid


# gifts


async def test_a_giver_is_asked_how_much_and_their_answer_is_the_invoice(table: Table) -> None:
    board = await table.collect("500k/21k speakers")
    question = await table.part(board, BERT)
    assert (question.state, question.amount_msat) == (State.ASKING, None)
    assert (question.part_kind, question.suggested_msat) == (PartKind.GIFT, 21_000_000)
    token = await table.token(board, BERT)
    assert await table.follow(token, BERT) == (Parting.ASKING, question)
    with pytest.raises(AmountRefused):
        await table.actions.answer(BERT, Origin(BERT.id, 9), Place(BERT.id), "5k pizza")
    answered = await table.actions.answer(
        BERT, Origin(BERT.id, 9), Place(BERT.id, reply_to=9), "5k"
    )
    assert answered is Answered.TAKEN
    row = await table.row(question)
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 5_000_000, "speakers")
    assert row.payment_hash != question.payment_hash
    await table.becomes(row, State.SETTLED)
    assert (await table.fresh(board)).done_msat == 5_000_000


async def test_a_press_gives_so_much_or_what_the_wallet_decides_once(table: Table) -> None:
    board = await table.collect()
    for amount_msat, who in ((21_000_000, BERT), (0, CORA)):
        question = await table.part(board, who)
        assert await table.actions.give(question.payment_hash, amount_msat)
        assert (await table.row(question)).amount_msat == amount_msat
        assert not await table.actions.give(question.payment_hash, 1_000)
    assert not await table.actions.give(bytes(32), 1_000)


async def test_a_link_of_a_gift_that_is_paid_says_so(table: Table) -> None:
    board = await table.collect()
    token = await table.token(board, BERT)
    await table.part(board, BERT, state=State.SETTLED)
    assert await table.follow(token, BERT) == (Parting.GIVEN, None)
    assert await table.token(board, BERT) != token


async def test_nobody_gives_in_the_place_of_another_ones_gift(table: Table) -> None:
    board = await table.collect()
    await table.token(board, CORA)
    token = await table.token(board, BERT)
    assert await table.follow(token, BERT, 1) == (Parting.NOT_YOURS, None)
    assert (await table.seat(board, 1)).part is None


async def test_a_name_is_hidden_on_the_board_and_on_the_gift_and_shown_again(table: Table) -> None:
    board = await table.collect()
    row = await table.part(board, BERT, state=State.SETTLED)
    for is_hidden in (True, False):
        await table.rests(board)
        there = await table.boards.hide(row.payment_hash, is_hidden=is_hidden)
        assert there is not None
        assert there.hidden is is_hidden
        assert (await table.seat(board, 1)).public_name == ("" if is_hidden else "Bert")
        assert await table.is_due(board)
    await table.boards.hide(row.payment_hash, is_hidden=True)
    assert not (await table.part(board, BERT)).hidden  # each gift says for itself


async def test_only_a_gift_hides_a_name_and_only_its_givers(table: Table) -> None:
    bill, board = await table.split("84k/3"), await table.collect()
    own = await table.part(bill, BERT)
    assert await table.boards.hide(own.payment_hash, is_hidden=True) is None
    assert await table.boards.hide(bytes(32), is_hidden=True) is None
    assert not (await table.seat(bill, 2)).hidden
    row = await table.part(board, BERT, state=State.EXPIRED)
    await table.store.do(lambda tx: tx.boards.update_seat(board.id, 1, person_id=CORA.id))
    await table.boards.hide(row.payment_hash, is_hidden=True)
    assert not (await table.seat(board, 1)).hidden


async def test_another_question_drops_the_one_before(table: Table) -> None:
    """One at a time: the next text would answer it."""
    first, second = await table.collect(), await table.collect()
    old = await table.part(first, BERT)
    new = await table.part(second, BERT)
    assert [(await table.row(each)).state for each in (old, new)] == [State.DROPPED, State.ASKING]


# a card once more


async def test_a_card_that_somebody_asks_for_again_is_sent_again_now_and_then(
    table: Table,
) -> None:
    """They may have deleted it: nobody tells the bot."""
    board = await table.split("84k/3")
    shown = {"card_id": 70, "card_shown": Face.OPEN}
    row = await table.part(board, BERT, state=State.OPEN, **shown)
    token = await table.token(board, BERT)
    assert (await table.follow(token, BERT))[0] is Parting.THERE
    table.now += 11
    came_of_it, there = await table.follow(token, BERT, reply_to=71)
    assert there is not None
    assert (came_of_it, there.id) == (Parting.ASKED, row.id)
    assert (there.card_id, there.card_shown, there.reply_to) == (None, Face.NOTHING, 71)
    assert there.duplicates == {70: Face.OPEN}
    assert (await table.follow(token, BERT))[0] is Parting.THERE  # it is on its way


async def test_a_card_is_sent_again_only_so_often(table: Table) -> None:
    """All its messages are kept true: each change edits every one of them."""
    board = await table.split("84k/3")
    shown = {"card_id": 70, "card_shown": Face.OPEN}
    row = await table.part(board, BERT, state=State.OPEN, **shown)
    token = await table.token(board, BERT)
    for number in range(COPIES):
        table.now += 11
        assert (await table.follow(token, BERT))[0] is Parting.ASKED
        await table.becomes(row, State.OPEN, card_id=71 + number, card_shown=Face.OPEN)
    table.now += 11
    came_of_it, there = await table.follow(token, BERT)
    assert came_of_it is Parting.THERE  # it is pointed at
    assert there is not None
    assert len(there.duplicates) == COPIES


async def test_a_card_that_is_below_its_link_is_not_sent_again(table: Table) -> None:
    """The link was followed while the bot was down, and is heard of after the card was sent."""
    board = await table.split("84k/3")
    row = await table.part(board, BERT, state=State.OPEN, card_id=70, card_shown=Face.OPEN)
    token = await table.token(board, BERT)
    table.now += 11
    assert (await table.follow(token, BERT, reply_to=69))[0] is Parting.AGAIN
    there = await table.row(row)
    assert (there.card_id, there.duplicates) == (70, {})


@pytest.mark.parametrize("state", [State.OPEN, State.CANCELLED])
async def test_a_press_on_anothers_part_that_comes_again_brings_nothing(
    table: Table, state: State
) -> None:
    """It is delivered again after a crash: no second card, and no other invoice."""
    board = await table.split("84k/3")
    token = await table.token(board, BERT)
    came_of_it, row = await table.follow(token, BERT, 3, press="p1")
    assert came_of_it is Parting.ASKED
    assert row is not None
    await table.becomes(row, state, card_id=70, card_shown=Face.OPEN)
    table.now += 11
    assert await table.follow(token, BERT, 3, press="p1") == (Parting.AGAIN, None)
    there = await table.seat(board, 3)
    assert there.part is not None
    assert (there.part.id, there.part.card_id) == (row.id, 70)
    assert (await table.follow(token, BERT, 3, press="p2"))[0] is Parting.ASKED


@pytest.mark.parametrize("is_taken", [False, True])
async def test_who_lost_a_seat_renews_nothing(table: Table, is_taken: bool) -> None:
    board = await table.split("84k/2")
    row = await table.part(board, BERT, state=State.OPEN)
    await table.change(board, Change.FREE, 2)
    await table.becomes(row, State.CANCELLED)
    if is_taken:
        await table.token(board, EVE)
    assert await table.actions.renew(row.payment_hash, BERT) is Renewing.PART_GONE
