"""What people want becomes rows: limits, questions, cancellations and renewals, in a real store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from bot.access import Access
from bot.actions import Actions, Asker, Origin, Place
from bot.actions.jobs import COPIES_WITHIN_S, QUESTIONS
from bot.config import AccessSettings, InvoicesSettings, LimitsSettings, Rate
from bot.core.failure import Failure
from bot.core.invoice import Face, Invoice, PartKind, State
from bot.core.ledger import Scope, Show
from bot.core.steps import QUESTION_S
from bot.core.wishes import Answered, Asked, Cancelling, Renewing
from bot.core.work import Do, Lane
from bot.errors import (
    AmountRefused,
    ChatLimitReached,
    MacaroonRefused,
    MemoRefused,
    MemoTooLong,
    NodeLocked,
    ShareLimitReached,
    StoreUnavailable,
    UserLimitReached,
)
from bot.places import Places
from bot.store import Bell, Store, Tx

P = ParamSpec("P")
T = TypeVar("T")

NOW = 1_800_000_000.0
GROUP, SUPERGROUP = -100, -1_000_100
OWNER, ANNA, BERT = Asker(1, "Olga"), Asker(2, "Anna"), Asker(3, "Bert")
STRANGER = Asker(4, "Sven")


class Desk:
    """The actions over a store of their own, and what becomes of rows between them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bell = Bell()
        self.now = NOW
        self.places = Places(store, lambda: self.now, self.bell)
        self._messages = 0
        self.set()

    def set(
        self,
        *,
        rate: Rate = Rate(100, 600),  # noqa: B008 -- a value
        open_per_chat: int = 50,
        chats: frozenset[int] = frozenset(),
        max_sats: int = 1_000_000,
    ) -> None:
        """Settings, as after a restart."""
        people = frozenset({ANNA.id, BERT.id})
        self.actions = Actions(
            store=self.store,
            access=Access(
                AccessSettings(owners=frozenset({OWNER.id}), users=people, chats=chats),
                LimitsSettings(invoices_per_user=rate, open_per_chat=open_per_chat),
            ),
            places=self.places,
            settings=InvoicesSettings(max_sats=max_sats),
            clock=lambda: self.now,
            bell=self.bell,
        )

    def message(self, part: int = 0, chat_id: int = GROUP) -> Origin:
        """A new message."""
        self._messages += 1
        return Origin(chat_id, self._messages, part)

    async def ask(self, asker: Asker, what: str, origin: Origin | None = None) -> Asked:
        """/invoice in the group."""
        origin = origin or self.message()
        place = Place(GROUP, reply_to=origin.message_id)
        return await self.actions.ask(asker, origin, place, what)

    async def asked(self, asker: Asker, what: str, **columns: Any) -> Invoice:
        """A row that was asked for, and what became of it."""
        origin = self.message()
        await self.ask(asker, what, origin)
        return await self.change(await self.row(origin), **columns)

    async def answer(
        self,
        asker: Asker,
        what: str,
        *,
        replied_to: int | None = None,
        replied_at: float = 0.0,
        named: bytes | None = None,
        age_s: float = 0.0,
    ) -> Answered:
        """A text in the group."""
        origin = self.message()
        place = Place(GROUP, reply_to=origin.message_id)
        return await self.actions.answer(
            asker,
            origin,
            place,
            what,
            replied_to=replied_to,
            replied_at=replied_at,
            named=named,
            age_s=age_s,
        )

    async def row(self, origin: Origin, renewal: int = 0) -> Invoice:
        """The row that a command made."""
        row = await self.store.do(_by_origin, origin, renewal)
        assert row is not None
        return row

    async def change(self, row: Invoice, **columns: Any) -> Invoice:
        """What the node or the chat has done with a row."""
        return await self.store.do(_change, row.id, columns) if columns else row

    async def fresh(self, row: Invoice) -> Invoice:
        """The row as it is now."""
        again = await self.store.do(_get, row.id)
        assert again is not None
        return again

    def rung(self) -> set[int]:
        """Rows that the bell was rung for."""
        return {each.key.id for each in self.bell.take().rows}

    async def count(self) -> int:
        """How many rows there are of the three people."""
        people = (OWNER, ANNA, BERT)
        return sum([await self.store.do(_count, each.id) for each in people])


def _by_origin(tx: Tx, origin: Origin, renewal: int) -> Invoice | None:
    return tx.invoices.by_origin(origin.chat_id, origin.message_id, origin.part, renewal)


def _count(tx: Tx, asker_id: int) -> int:
    return len(tx.ledger.invoices(Scope(asker_id), Show.ALL, None, most=100))


def _get(tx: Tx, row_id: int) -> Invoice | None:
    return tx.invoices.get(row_id)


def _change(tx: Tx, row_id: int, columns: dict[str, Any]) -> Invoice:
    return tx.invoices.update(row_id, **columns)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}")
    yield Desk(store)
    await store.close()


# asking


async def test_what_is_asked_for_is_a_row_that_waits_for_the_node(desk: Desk) -> None:
    origin = desk.message()
    assert await desk.ask(ANNA, "2100 pizza", origin) is Asked.WAITING
    row = await desk.row(origin)
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "pizza")
    assert (row.asker_id, row.asker_name, row.asked_at) == (ANNA.id, "Anna", NOW)
    assert (row.chat_id, row.reply_to, row.expiry_s) == (GROUP, origin.message_id, 3600)
    assert row.preimage is not None
    assert row.payment_hash == hashlib.sha256(row.preimage).digest()
    assert row.lane is Lane.COMMAND
    assert row.due_at is not None
    assert row.due_at < NOW
    (rung,) = desk.bell.take().rows
    assert (rung.key, rung.chat_id, rung.fresh) == (row.key, GROUP, row)


async def test_a_command_that_is_delivered_again_makes_no_second_row(desk: Desk) -> None:
    desk.set(rate=Rate(1, 600))
    origin = desk.message()
    await desk.ask(ANNA, "2100 pizza", origin)
    row = await desk.row(origin)
    desk.rung()
    assert await desk.ask(ANNA, "2100 pizza", origin) is Asked.AGAIN
    assert await desk.row(origin) == row
    assert desk.rung() == {row.id}


async def test_the_quoted_text_is_the_memo_where_there_is_no_other(desk: Desk) -> None:
    for what, memo in (("2100", "for the pizza"), ("2100 beer", "beer"), ("", "for the pizza")):
        origin = desk.message()
        await desk.actions.ask(BERT, origin, Place(GROUP), what, quoted="for the pizza")
        assert (await desk.row(origin)).memo == memo


@pytest.mark.parametrize(
    ("what", "error"),
    [("pizza", AmountRefused), ("2,000,000", AmountRefused), ("21 " + "x" * 640, MemoRefused)],
)
async def test_what_is_refused_makes_no_row(desk: Desk, what: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await desk.ask(ANNA, what)
    assert await desk.count() == 0


async def test_a_command_written_long_ago_is_not_carried_out(desk: Desk) -> None:
    origin = desk.message()
    for age_s, came_of_it in (
        (601.0, Asked.TOO_LATE),
        (599.0, Asked.WAITING),
        (601.0, Asked.AGAIN),
    ):
        asked = await desk.actions.ask(ANNA, origin, Place(GROUP), "2100", age_s=age_s)
        assert asked is came_of_it
    assert (await desk.row(origin)).asked_at == NOW - 599.0
    assert await desk.count() == 1


async def test_the_rate_of_a_person_is_checked_where_the_row_is_written(desk: Desk) -> None:
    desk.set(rate=Rate(2, 600))
    for _ in range(2):
        await desk.ask(ANNA, "2100")
    with pytest.raises(UserLimitReached) as caught:
        await desk.ask(ANNA, "2100")
    assert caught.value.values == {"count": 2, "per_s": 600, "who": ""}
    await desk.ask(BERT, "2100")
    desk.now += 601
    assert await desk.ask(ANNA, "2100") is Asked.WAITING


async def test_what_was_asked_for_while_the_clock_was_ahead_takes_no_place_for_long(
    desk: Desk,
) -> None:
    desk.set(rate=Rate(2, 600))
    desk.now += 86_400
    for _ in range(2):
        await desk.ask(ANNA, "2100")
    desk.now -= 86_400
    assert await desk.ask(ANNA, "2100") is Asked.WAITING


async def test_one_member_fills_no_group(desk: Desk) -> None:
    desk.set(open_per_chat=7)
    rows = [await desk.asked(ANNA, "2100") for _ in range(3)]
    with pytest.raises(ShareLimitReached) as caught:
        await desk.ask(ANNA, "2100")
    assert caught.value.values == {"count": 3, "who": ""}
    await desk.asked(BERT, "2100")
    await desk.change(rows[0], state=State.SETTLED)
    assert await desk.ask(ANNA, "2100") is Asked.WAITING


async def test_alone_with_the_bot_a_person_gets_all_of_a_chats_places(desk: Desk) -> None:
    desk.set(open_per_chat=3)
    for _ in range(3):
        origin = desk.message(chat_id=ANNA.id)
        assert await desk.actions.ask(ANNA, origin, Place(ANNA.id), "2100") is Asked.WAITING


async def test_open_invoices_of_a_chat_are_limited(desk: Desk) -> None:
    desk.set(open_per_chat=2)
    paid = await desk.asked(ANNA, "2100")
    await desk.asked(BERT, "2100", state=State.OPEN)
    with pytest.raises(ChatLimitReached) as caught:
        await desk.ask(ANNA, "2100")
    assert caught.value.values == {"count": 2}
    await desk.change(paid, state=State.SETTLED)
    assert await desk.ask(ANNA, "2100") is Asked.WAITING


async def test_a_row_that_could_not_be_written_is_rung_for_nobody(desk: Desk) -> None:
    await desk.store.close()
    with pytest.raises(StoreUnavailable):
        await desk.ask(ANNA, "2100")
    assert desk.rung() == set()


# the question


async def test_a_command_alone_asks_for_its_amount(desk: Desk) -> None:
    origin = desk.message()
    assert await desk.ask(ANNA, "", origin) is Asked.QUESTION
    row = await desk.row(origin)
    assert (row.state, row.amount_msat) == (State.ASKING, None)


async def test_one_question_is_asked_at_a_time(desk: Desk) -> None:
    first = await desk.asked(ANNA, "")
    berts = await desk.asked(BERT, "")
    desk.rung()
    second = await desk.asked(ANNA, "")
    assert desk.rung() == {first.id, second.id}
    dropped = await desk.fresh(first)
    assert (dropped.state, dropped.due_at) == (State.DROPPED, None)
    assert (await desk.fresh(berts)).state is State.ASKING


async def test_a_command_with_an_amount_ends_the_question_before_it(desk: Desk) -> None:
    question = await desk.asked(ANNA, "", card_id=70)
    with pytest.raises(AmountRefused):
        await desk.ask(ANNA, "pizza")
    assert (await desk.fresh(question)).state is State.ASKING  # it may still be answered
    row = await desk.asked(ANNA, "2100")
    assert desk.rung() == {question.id, row.id}
    assert (await desk.fresh(question)).state is State.DROPPED
    assert await desk.answer(ANNA, "4200") is Answered.NO_QUESTION
    assert await desk.answer(ANNA, "4200", replied_to=70) is Answered.CLOSED


async def test_an_answer_makes_the_question_an_invoice_with_a_card_of_its_own(desk: Desk) -> None:
    asked = {"card_id": 70, "card_shown": Face.QUESTION}
    unsure = {"sending": Do.SEND_CARD, "unsure": frozenset({Do.SEND_CARD})}
    question = await desk.asked(ANNA, "", **asked, **unsure)
    desk.rung()
    assert await desk.answer(ANNA, "2100 pizza", replied_to=70) is Answered.TAKEN
    row = await desk.fresh(question)
    assert (row.state, row.amount_msat, row.memo) == (State.PENDING, 2_100_000, "pizza")
    assert (row.card_id, row.card_shown, row.reply_to) == (None, Face.NOTHING, 2)
    assert (row.sending, row.unsure) == (None, frozenset())
    assert row.payment_hash != question.payment_hash  # a restored backup may have it at the node
    assert row.due_at is not None
    assert desk.rung() == {row.id}


async def test_of_many_messages_that_ask_one_question_the_newest_are_known(desk: Desk) -> None:
    """Each answer that can't be read is asked for once more, and that may go on for an hour."""
    question = await desk.asked(ANNA, "", card_id=70, card_shown=Face.QUESTION)
    for number in range(71, 71 + 3 * QUESTIONS):
        await desk.actions.asked_again(ANNA, Place(GROUP), number)
    newest = range(71 + 2 * QUESTIONS, 71 + 3 * QUESTIONS)
    assert list((await desk.fresh(question)).duplicates) == list(newest)
    assert await desk.answer(ANNA, "2100", replied_to=newest[0]) is Answered.TAKEN


async def test_an_answer_that_is_delivered_again_changes_nothing(desk: Desk) -> None:
    question = await desk.asked(ANNA, "")
    origin = desk.message()
    place = Place(GROUP, reply_to=origin.message_id)
    for came_of_it in (Answered.TAKEN, Answered.AGAIN):
        desk.rung()
        assert await desk.actions.answer(ANNA, origin, place, "2100") is came_of_it
        assert desk.rung() == {question.id}


async def test_an_answer_beside_which_its_question_is_cancelled_asks_for_nothing(
    desk: Desk,
) -> None:
    # an admin's press waits for Telegram, and is beside what the asker writes
    question = await desk.asked(ANNA, "", card_id=50)
    answered, cancelled = await asyncio.gather(
        desk.answer(ANNA, "21", replied_to=50),
        desk.actions.cancel(question.payment_hash, OWNER),
    )
    assert cancelled is Cancelling.NOT_ASKED
    assert answered is Answered.CLOSED
    assert (await desk.fresh(question)).state is State.DROPPED


async def test_of_two_answers_at_once_the_first_counts(desk: Desk) -> None:
    question = await desk.asked(ANNA, "")
    came = await asyncio.gather(desk.answer(ANNA, "21"), desk.answer(ANNA, "42"))
    assert came == [Answered.TAKEN, Answered.CLOSED]
    assert (await desk.fresh(question)).amount_msat == 21_000


async def test_of_two_gifts_chosen_at_once_the_first_counts(desk: Desk) -> None:
    question = await desk.asked(ANNA, "", part_kind=PartKind.GIFT)
    give, payment_hash = desk.actions.give, question.payment_hash
    came = await asyncio.gather(give(payment_hash, 21_000), give(payment_hash, 42_000))
    assert came == [True, False]
    assert (await desk.fresh(question)).amount_msat == 21_000


async def test_the_buttons_of_the_message_that_is_replied_to_say_which_gift_is_meant(
    desk: Desk,
) -> None:
    gift = {"part_kind": PartKind.GIFT, "board_id": 1}
    old = await desk.asked(ANNA, "", **gift)  # a message of it is there, and nobody knows which
    new = await desk.asked(ANNA, "", **gift)
    reply: dict[str, Any] = {"replied_to": 70, "replied_at": NOW}
    for named, came_of_it in (
        (old.payment_hash, Answered.GIFT_CLOSED),
        (bytes(32), Answered.NO_QUESTION),
        (None, Answered.NO_QUESTION),
    ):
        assert await desk.answer(ANNA, "21", named=named, **reply) is came_of_it
        assert (await desk.fresh(new)).state is State.ASKING
    assert await desk.answer(ANNA, "21", named=new.payment_hash, **reply) is Answered.TAKEN


async def test_only_the_person_who_was_asked_answers(desk: Desk) -> None:
    question = await desk.asked(ANNA, "", card_id=70)
    assert await desk.answer(BERT, "2100") is Answered.NO_QUESTION
    assert await desk.answer(BERT, "2100", replied_to=70) is Answered.OTHER_CARD
    assert (await desk.fresh(question)).state is State.ASKING


async def test_what_is_said_to_another_card_is_no_answer(desk: Desk) -> None:
    await desk.asked(ANNA, "2100", card_id=60)
    question = await desk.asked(ANNA, "", card_id=70)
    assert await desk.answer(ANNA, "2100", replied_to=60) is Answered.OTHER_CARD
    assert (await desk.fresh(question)).state is State.ASKING
    assert await desk.answer(ANNA, "2100", replied_to=99) is Answered.NO_QUESTION  # nobody's card
    assert await desk.answer(ANNA, "2100", replied_to=70) is Answered.TAKEN


async def test_a_question_that_has_expired_says_so_to_the_person_who_was_asked(desk: Desk) -> None:
    await desk.asked(ANNA, "", card_id=70, state=State.DROPPED)
    desk.now += QUESTION_S - 1
    assert await desk.answer(ANNA, "2100", replied_to=70) is Answered.CLOSED
    desk.now += 1
    assert await desk.answer(ANNA, "2100", replied_to=70) is Answered.EXPIRED
    assert await desk.answer(BERT, "2100", replied_to=70) is Answered.OTHER_CARD


async def test_an_answer_written_long_ago_is_not_carried_out(desk: Desk) -> None:
    question = await desk.asked(ANNA, "")
    assert QUESTION_S > 601  # it is still asked
    assert await desk.answer(ANNA, "2100", age_s=601.0) is Answered.TOO_LATE
    assert (await desk.fresh(question)).state is State.ASKING


async def test_what_the_bot_said_after_its_question_is_no_copy_of_it(desk: Desk) -> None:
    twice = {"card_id": 70, "unsure": frozenset({Do.SEND_CARD})}
    question = await desk.asked(ANNA, "", **twice)
    assert await desk.answer(ANNA, "1000", replied_to=71) is Answered.NO_QUESTION
    assert await desk.answer(ANNA, "1000", replied_to=69) is Answered.TAKEN
    assert (await desk.fresh(question)).state is State.PENDING


async def test_of_a_question_whose_number_nobody_knows_only_a_message_of_its_time_is_a_copy(
    desk: Desk,
) -> None:
    await desk.asked(ANNA, "", card_shown=Face.QUESTION)
    later = NOW + COPIES_WITHIN_S + 1
    said = await desk.answer(ANNA, "1000", replied_to=90, replied_at=later)
    assert said is Answered.NO_QUESTION
    assert await desk.answer(ANNA, "1000", replied_to=90, replied_at=NOW + 9) is Answered.TAKEN


async def test_an_answer_that_is_no_amount_leaves_the_question(desk: Desk) -> None:
    question = await desk.asked(ANNA, "")
    with pytest.raises(AmountRefused):
        await desk.answer(ANNA, "pizza")
    assert await desk.answer(ANNA, "2100") is Answered.TAKEN
    assert (await desk.fresh(question)).amount_msat == 2_100_000


async def test_a_question_counts_once_and_its_answer_does_not_count_again(desk: Desk) -> None:
    desk.set(rate=Rate(1, 600))
    await desk.asked(ANNA, "")
    assert await desk.answer(ANNA, "2100") is Answered.TAKEN
    with pytest.raises(UserLimitReached):
        await desk.ask(ANNA, "2100")


# cancelling


@pytest.mark.parametrize(
    ("state", "came_of_it", "becomes"),
    [
        (State.OPEN, Cancelling.CANCELLING, State.OPEN),
        (State.PENDING, Cancelling.NOT_CONFIRMED, State.PENDING),
        (State.ASKING, Cancelling.NOT_ASKED, State.DROPPED),
        (State.SETTLED, Cancelling.ALREADY_PAID, State.SETTLED),
        (State.EXPIRED, Cancelling.ALREADY_CLOSED, State.EXPIRED),
        (State.CANCELLED, Cancelling.ALREADY_CLOSED, State.CANCELLED),
        (State.FAILED, Cancelling.ALREADY_CLOSED, State.FAILED),
        (State.DROPPED, Cancelling.NOT_TRACKED, State.DROPPED),
    ],
)
async def test_what_a_cancellation_finds_decides(
    desk: Desk, state: State, came_of_it: Cancelling, becomes: State
) -> None:
    row = await desk.asked(ANNA, "2100", state=state)
    desk.rung()
    assert await desk.actions.cancel(row.payment_hash, BERT) is came_of_it
    after = await desk.fresh(row)
    is_wanted = state in (State.OPEN, State.PENDING)
    assert (after.state, after.cancel_wanted) == (becomes, is_wanted)
    assert after.cancelled_by == ("Bert" if is_wanted else "")
    assert after.lane is (Lane.CANCELLATION if is_wanted else Lane.COMMAND)
    assert desk.rung() == {row.id}


async def test_what_has_expired_and_is_not_confirmed_is_the_nodes_to_say(desk: Desk) -> None:
    row = await desk.asked(ANNA, "2100", state=State.OPEN, unconfirmed=True)
    assert await desk.actions.cancel(row.payment_hash, BERT) is Cancelling.UNCONFIRMED
    assert not (await desk.fresh(row)).cancel_wanted  # it becomes expired, or paid


async def test_the_asker_is_not_named_as_the_one_who_cancelled(desk: Desk) -> None:
    row = await desk.asked(ANNA, "2100", state=State.OPEN)
    await desk.actions.cancel(row.payment_hash, ANNA)
    assert (await desk.fresh(row)).cancelled_by == ""


async def test_a_cancellation_gives_a_stuck_row_another_chance(desk: Desk) -> None:
    row = await desk.asked(ANNA, "2100", state=State.OPEN, faults=10, retry_at=NOW + 60)
    await desk.actions.cancel(row.payment_hash, ANNA)
    after = await desk.fresh(row)
    assert (after.faults, after.retry_at) == (0, 0.0)


async def test_an_invoice_of_another_node_is_cancelled_once_that_is_back(desk: Desk) -> None:
    aside = {"lane": Lane.OTHER_NODE, "due_at": None, "state": State.OPEN}
    row = await desk.asked(ANNA, "2100", **aside)
    assert await desk.actions.cancel(row.payment_hash, ANNA) is Cancelling.NODE_AWAY
    after = await desk.fresh(row)
    assert after.cancel_wanted
    assert (after.lane, after.due_at) == (Lane.OTHER_NODE, None)


async def test_what_nobody_tracks_is_neither_cancelled_nor_renewed(desk: Desk) -> None:
    assert await desk.actions.cancel(bytes(32), ANNA) is Cancelling.NOT_TRACKED
    assert await desk.actions.renew(bytes(32), ANNA) is Renewing.NOT_TRACKED
    assert desk.rung() == set()


# renewing

CLOSED = {"state": State.EXPIRED, "card_shown": Face.EXPIRED, "due_at": None, "card_id": 70}


@pytest.mark.parametrize(
    ("columns", "came_of_it"),
    [
        ({"state": State.EXPIRED}, Renewing.RENEWING),
        ({"state": State.CANCELLED}, Renewing.RENEWING),
        ({"state": State.CANCELLED, "undeliverable": True}, Renewing.IN_VAIN),
        ({"state": State.FAILED}, Renewing.RENEWING),
        ({"state": State.FAILED, "failure": Failure.of(NodeLocked())}, Renewing.RENEWING),
        ({"state": State.FAILED, "failure": Failure.of(MacaroonRefused())}, Renewing.RENEWING),
        ({"state": State.FAILED, "failure": Failure.of(MemoTooLong())}, Renewing.IN_VAIN),
        ({"state": State.FAILED, "replaced": True}, Renewing.ALREADY_RENEWED),
        ({"state": State.SETTLED}, Renewing.ALREADY_PAID),
        ({"state": State.OPEN}, Renewing.STILL_OPEN),
        ({"state": State.PENDING}, Renewing.STILL_OPEN),
        ({"state": State.EXPIRED, "replaced": True}, Renewing.ALREADY_RENEWED),
    ],
)
async def test_only_a_closed_invoice_is_renewed_and_only_once(
    desk: Desk, columns: dict[str, Any], came_of_it: Renewing
) -> None:
    row = await desk.asked(ANNA, "2100", **columns)
    assert await desk.actions.renew(row.payment_hash, ANNA) is came_of_it
    assert await desk.count() == (2 if came_of_it is Renewing.RENEWING else 1)


async def test_a_renewal_asks_for_the_same_with_a_hash_of_its_own(desk: Desk) -> None:
    origin = desk.message()
    await desk.ask(ANNA, "2100 pizza", origin)
    row = await desk.change(await desk.row(origin), **CLOSED)
    desk.rung()
    desk.now += 7200
    await desk.actions.renew(row.payment_hash, BERT)
    old, new = await desk.fresh(row), await desk.row(origin, renewal=1)
    assert (old.replaced, old.lane, old.face) == (True, Lane.COMMAND, Face.EXPIRED_REPLACED)
    assert old.due_at is not None
    assert (new.state, new.amount_msat, new.memo) == (State.PENDING, 2_100_000, "pizza")
    assert (new.asker_id, new.asker_name, new.asked_at) == (ANNA.id, "Anna", NOW + 7200)
    assert (new.chat_id, new.reply_to, new.card_id) == (GROUP, origin.message_id, None)
    assert new.payment_hash != old.payment_hash
    assert desk.rung() == {old.id, new.id}


async def test_each_part_of_a_command_is_renewed_once_for_three_presses_and_then_again(
    desk: Desk,
) -> None:
    first = desk.message()
    parts = [Origin(GROUP, first.message_id, part) for part in range(3)]
    for number, origin in enumerate(parts):
        await desk.ask(ANNA, f"{number + 1}000 pizza", origin)
        await desk.change(await desk.row(origin), **CLOSED)
    for origin in parts:
        payment_hash = (await desk.row(origin)).payment_hash
        came_of_it = [await desk.actions.renew(payment_hash, ANNA) for _ in range(3)]
        assert came_of_it == [Renewing.RENEWING, *[Renewing.ALREADY_RENEWED] * 2]
    assert await desk.count() == 6
    for number, origin in enumerate(parts):  # each renewal is of its own part
        renewal = await desk.row(origin, renewal=1)
        assert renewal.amount_msat == (number + 1) * 1_000_000
        await desk.change(renewal, **CLOSED)
        came_of_it = [await desk.actions.renew(renewal.payment_hash, ANNA) for _ in range(3)]
        assert came_of_it == [Renewing.RENEWING, *[Renewing.ALREADY_RENEWED] * 2]
        assert (await desk.row(origin, renewal=2)).state is State.PENDING
    assert await desk.count() == 9


async def test_a_renewal_needs_permission_by_any_id_that_the_group_ever_had(desk: Desk) -> None:
    row = await desk.asked(ANNA, "2100", **CLOSED)
    assert await desk.actions.renew(row.payment_hash, STRANGER) is Renewing.NOT_ALLOWED
    desk.set(chats=frozenset({GROUP}))
    await desk.places.moved(GROUP, SUPERGROUP, must=False)
    assert (await desk.fresh(row)).chat_id == SUPERGROUP
    assert await desk.actions.renew(row.payment_hash, STRANGER) is Renewing.RENEWING


async def test_a_renewal_counts_as_the_askers_and_names_them_to_others(desk: Desk) -> None:
    desk.set(rate=Rate(1, 600))
    row = await desk.asked(ANNA, "2100", **CLOSED)
    for by, who in ((ANNA, ""), (BERT, "Anna")):
        with pytest.raises(UserLimitReached) as caught:
            await desk.actions.renew(row.payment_hash, by)
        assert caught.value.values["who"] == who
    assert not (await desk.fresh(row)).replaced
    assert await desk.actions.renew(row.payment_hash, OWNER) is Renewing.RENEWING


async def test_an_amount_that_is_out_of_range_by_now_is_not_renewed(desk: Desk) -> None:
    row = await desk.asked(ANNA, "2100", **CLOSED)
    desk.set(max_sats=2000)
    with pytest.raises(AmountRefused):
        await desk.actions.renew(row.payment_hash, ANNA)
    assert not (await desk.fresh(row)).replaced


@pytest.mark.parametrize(
    ("by", "may"),
    [
        (ANNA, True),
        (OWNER, True),
        (BERT, False),
        (Asker(GROUP, "Friday dinner", is_chat=True), True),
        (Asker(-5, "A channel", is_chat=True), False),
    ],
)
async def test_who_may_change_an_invoice_without_being_an_admin(
    desk: Desk, by: Asker, may: bool
) -> None:
    row = await desk.asked(ANNA, "2100")
    assert desk.actions.may_change(row, by) is may


# copies of cards


async def seen(
    desk: Desk, row: Invoice, message_id: int, *, has_button: bool | None
) -> Invoice | None:
    desk.rung()
    return await desk.actions.of_card(row.payment_hash, GROUP, message_id, has_button=has_button)


@pytest.fixture
async def card(desk: Desk) -> Invoice:
    shown = {"card_id": 70, "card_shown": Face.OPEN, "duplicates": {80: Face.OPEN}}
    return await desk.asked(ANNA, "2100", state=State.OPEN, due_at=None, **shown)


async def test_a_press_on_the_card_makes_no_copy_of_it(desk: Desk, card: Invoice) -> None:
    assert await seen(desk, card, 70, has_button=True) == card
    assert desk.rung() == {card.id}


@pytest.mark.parametrize("has_button", [True, False])
async def test_a_known_copy_is_inspected_again(desk: Desk, card: Invoice, has_button: bool) -> None:
    row = await seen(desk, card, 80, has_button=has_button)
    assert row is not None
    assert row.duplicates == {80: Face.NOTHING}
    assert row.due_at is not None
    assert desk.rung() == {card.id}


async def test_a_new_copy_needs_the_button(desk: Desk, card: Invoice) -> None:
    assert await seen(desk, card, 90, has_button=False) is None
    assert desk.rung() == set()
    assert (await desk.fresh(card)).duplicates == {80: Face.OPEN}
    row = await seen(desk, card, 90, has_button=True)
    assert row is not None
    assert row.duplicates == {80: Face.OPEN, 90: Face.NOTHING}


async def test_a_message_of_which_only_the_number_is_known_is_no_copy(
    desk: Desk, card: Invoice
) -> None:
    assert await seen(desk, card, 90, has_button=None) == card
    assert (await desk.fresh(card)).duplicates == {80: Face.OPEN}


async def test_a_hash_counts_only_in_its_own_chat(desk: Desk, card: Invoice) -> None:
    there = await desk.actions.of_card(card.payment_hash, -7, 70, has_button=True)
    assert there is None
