"""The score: zeros that are counted, and that can be a one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest
from PIL import Image

from bot import texts
from bot.core.invoice import Face, Invoice, State
from bot.demo.score import GRACE_S, Late, Score, World, count
from bot.demo.telegram import Chat, Message, SimTelegram, User
from bot.texts.cards import MAY_BE_DUPLICATE
from tests.faces import plain
from tests.rows import HASH, invoice


class Chats:
    """A group, a bot that says what a test makes it say, and a clock that the test reads."""

    def __init__(self) -> None:
        self.telegram = SimTelegram()
        self.bot = self.telegram.add_bot("1:AAE-a-token-of-nobody-in-particular-1", "a_bot", "Bot")
        self.anna = self.telegram.add_user("Anna")
        self.group = self.telegram.add_group("Friday dinner", [self.anna])
        self.late = Late()

    def asks(self, text: str = "/invoice 2100 pizza") -> Message:
        return self.telegram.say(self.group, self.anna, text)

    def says(self, text: str, reply_to: Message, *, photo: bool = False) -> Message:
        """The bot says it."""
        message = self.telegram.new_message(self.group, self.bot, text=plain(text))
        message.reply_to = reply_to
        if photo:
            message.photo = self.telegram.photos.add(PICTURE, self.bot.id)
        return self.telegram.publish(message)

    def card(
        self, row: Invoice, asked: Message, *, face: Face = Face.OPEN, again: bool = False
    ) -> Message:
        made = texts.card(row, face, may_be_duplicate=again).html
        return self.says(made, asked, photo=True)

    def edits(self, message: Message, row: Invoice, face: Face) -> None:
        message.text = plain(texts.card(row, face).html)
        self.telegram.edited(message)

    def row(self, asked: Message, state: State, **changes: object) -> Invoice:
        where = {"chat_id": self.group.id, "reply_to": asked.id}
        origin = {"origin_chat_id": self.group.id, "origin_message_id": asked.id}
        return invoice(state, **{**where, **origin, **changes})

    def count(
        self,
        rows: Sequence[Invoice] = (),
        *,
        paid: Sequence[bytes] = (),
        at_node: Sequence[bytes] = (),
        now: float = 0.0,
        calm_since: float | None = 0.0,
    ) -> Score:
        world = World(self.telegram.chats(), self.bot, rows, paid, at_node)
        return count(world, self.late, now=now, calm_since=calm_since)


def png() -> bytes:
    made = io.BytesIO()
    Image.new("L", (32, 32)).save(made, "PNG")
    return made.getvalue()


PICTURE = png()


@pytest.fixture
def chats() -> Chats:
    return Chats()


def test_what_is_asked_shown_paid_and_told_is_counted(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.OPEN)
    card = chats.card(row, asked)
    row = chats.row(asked, State.OPEN, card_id=card.id)
    assert chats.count([row]) == Score(asked=1, cards=1)

    assert chats.count([row], paid=[HASH]) == Score(asked=1, cards=1, paid=1)
    row = chats.row(asked, State.SETTLED, card_id=card.id, paid_msat=2_100_000)
    chats.edits(card, row, Face.PAID)
    chats.says(texts.announcement(row), asked)
    assert chats.count([row], paid=[HASH]) == Score(asked=1, cards=1, paid=1, told=1)


def test_a_command_that_nobody_answers_is_lost_once_all_was_there_for_long_enough(
    chats: Chats,
) -> None:
    chats.asks()
    assert chats.count(now=0.0) == Score(asked=1)
    assert chats.count(now=GRACE_S - 1) == Score(asked=1)
    assert chats.count(now=GRACE_S) == Score(asked=1, lost=1)


def test_nothing_is_lost_while_something_is_away(chats: Chats) -> None:
    chats.asks()
    assert chats.count(now=0.0, calm_since=None).lost == 0
    assert chats.count(now=10 * GRACE_S, calm_since=None).lost == 0
    assert chats.count(now=10 * GRACE_S, calm_since=10 * GRACE_S - 1).lost == 0
    assert chats.count(now=11 * GRACE_S, calm_since=10 * GRACE_S).lost == 1


def test_what_comes_late_is_no_longer_lost(chats: Chats) -> None:
    asked = chats.asks()
    chats.count(now=0.0)
    assert chats.count(now=GRACE_S).lost == 1
    row = chats.row(asked, State.OPEN)
    row = chats.row(asked, State.OPEN, card_id=chats.card(row, asked).id)
    assert chats.count([row], now=GRACE_S) == Score(asked=1, cards=1)


def test_a_card_that_the_row_believes_in_and_nobody_sees_is_lost(chats: Chats) -> None:
    row = chats.row(chats.asks(), State.OPEN, card_id=999)
    chats.count([row], now=0.0)
    assert chats.count([row], now=GRACE_S).lost == 1


def test_a_payment_that_the_card_does_not_show_is_lost(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.SETTLED)
    row = chats.row(asked, State.SETTLED, card_id=chats.card(row, asked).id)
    chats.count([row], paid=[HASH], now=0.0)
    assert chats.count([row], paid=[HASH], now=GRACE_S) == Score(1, 1, 1, 0, lost=1)


def test_a_payment_of_what_no_row_knows_is_lost(chats: Chats) -> None:
    chats.count(paid=[HASH], now=0.0)
    assert chats.count(paid=[HASH], now=GRACE_S) == Score(paid=1, lost=1)


def test_a_second_card_that_does_not_say_so_is_twice(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.OPEN)
    chats.card(row, asked)
    row = chats.row(asked, State.OPEN, card_id=chats.card(row, asked).id)
    assert chats.count([row]) == Score(asked=1, cards=1, twice=1)


def test_a_second_card_that_says_so_is_repeated_also_once_it_is_paid(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.OPEN)
    chats.card(row, asked)
    again = chats.card(row, asked, again=True)
    row = chats.row(asked, State.OPEN, card_id=again.id)
    assert chats.count([row]) == Score(asked=1, cards=1, repeated=1)
    row = chats.row(asked, State.SETTLED, card_id=again.id)
    chats.edits(again, row, Face.PAID)
    assert chats.count([row], paid=[HASH]) == Score(1, 1, 1, 1, repeated=1)


def test_a_payment_that_is_announced_twice_without_a_word_is_twice(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.SETTLED)
    card = chats.card(row, asked, face=Face.PAID)
    row = chats.row(asked, State.SETTLED, card_id=card.id)
    chats.says(texts.announcement(row), asked)
    chats.says(texts.announcement(row, may_be_duplicate=True), asked)
    assert chats.count([row], paid=[HASH]) == Score(1, 1, 1, 1, repeated=1)
    chats.says(texts.announcement(row), asked)
    assert chats.count([row], paid=[HASH]) == Score(1, 1, 1, 1, twice=1, repeated=1)


def test_a_bill_that_is_all_paid_and_its_end_are_no_payment_that_is_told_twice(
    chats: Chats,
) -> None:
    sign = texts.FACE_SIGNS[Face.PAID]
    board = chats.says(f"{sign} Split: 84,000 sats, all paid", chats.asks("/split 84k/4 dinner"))
    chats.says(f"{sign} All parts of 84,000 sats are paid.", board)
    assert chats.count() == Score()


def test_a_question_that_became_the_card_of_its_answer_is_one_card(chats: Chats) -> None:
    link, answer = chats.asks("/start token"), chats.asks("12345")
    row = chats.row(link, State.SETTLED, reply_to=answer.id)
    card = chats.card(row, link, face=Face.PAID)
    row = chats.row(link, State.SETTLED, reply_to=answer.id, card_id=card.id)
    chats.says(texts.announcement(row), answer)
    assert chats.count([row], paid=[HASH]) == Score(1, 1, 1, 1)

    # a copy that no row knows is one too many, and one that says so was sent again
    chats.card(row, answer, face=Face.PAID)
    assert chats.count([row], paid=[HASH]) == Score(1, 1, 1, 1, twice=1)
    chats.card(row, answer, again=True)
    assert chats.count([row], paid=[HASH]) == Score(1, 1, 1, 1, twice=1, repeated=1)


def test_an_invoice_at_the_node_that_no_row_knows_is_twice(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.OPEN)
    row = chats.row(asked, State.OPEN, card_id=chats.card(row, asked).id)
    assert chats.count([row], at_node=[HASH]).twice == 0
    assert chats.count([row], at_node=[HASH, b"another"]).twice == 1


def test_a_notice_that_a_command_waits_is_no_card_yet(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.PENDING, card_id=chats.says("One moment.", asked).id)
    row = replace(row, card_shown=Face.WAITING)
    assert chats.count([row]) == Score(asked=1)
    card = chats.card(row, asked)
    row = replace(row, state=State.OPEN, card_shown=Face.OPEN, card_id=card.id)
    assert chats.count([row]) == Score(asked=1, cards=1)


def test_a_renewal_is_another_invoice_and_not_twice(chats: Chats) -> None:
    asked = chats.asks()
    first = chats.row(asked, State.EXPIRED)
    first = chats.row(asked, State.EXPIRED, card_id=chats.card(first, asked).id)
    fresh = {"id": 2, "renewal": 1, "payment_hash": b"other"}
    second = chats.row(asked, State.OPEN, **fresh)
    second = chats.row(asked, State.OPEN, card_id=chats.card(second, asked).id, **fresh)
    assert chats.count([first, second], at_node=[HASH, b"other"]) == Score(asked=2, cards=2)


def test_a_question_a_refusal_and_what_is_over_wait_for_no_card(chats: Chats) -> None:
    question = chats.asks("/invoice")
    chats.says("how many?", question)
    refused = chats.asks("/invoice none")
    chats.says("That is no amount.", refused)
    failed = chats.asks("/invoice 5")
    chats.says("No invoice was made.", failed)
    over = chats.asks("/invoice 6")
    rows = [
        chats.row(question, State.ASKING, id=1),
        chats.row(failed, State.FAILED, id=2, payment_hash=b"2"),
        chats.row(over, State.EXPIRED, id=3, payment_hash=b"3"),
    ]
    chats.count(rows, now=0.0)
    assert chats.count(rows, now=GRACE_S).lost == 0


def test_what_people_only_say_is_asked_by_nobody(chats: Chats) -> None:
    chats.asks("the /invoice command is good")
    chats.asks("/invoices")
    chats.asks("/invoicing")
    assert chats.count() == Score()


def test_after_a_group_moved_its_old_cards_still_count(chats: Chats) -> None:
    asked = chats.asks()
    row = chats.row(asked, State.SETTLED)
    chats.card(row, asked, face=Face.PAID)
    chats.says(texts.announcement(row), asked)
    moved: Chat = chats.telegram.migrate(chats.group)
    row = chats.row(asked, State.SETTLED, card_id=None, chat_id=moved.id, reply_to=None)
    assert chats.count([row], paid=[HASH]) == Score(1, 1, 1, 1)


def test_after_a_group_moved_what_came_again_there_still_counts(chats: Chats) -> None:
    asked, dinner = chats.asks(), chats.asks("/split 84k/4 dinner")
    row = chats.row(asked, State.SETTLED)
    chats.card(row, asked, face=Face.PAID)
    chats.card(row, asked, again=True)
    chats.says(texts.announcement(row), asked)
    chats.says(f"{texts.announcement(row)}\n{MAY_BE_DUPLICATE}", asked)
    chats.says(f"{texts.FACE_SIGNS[Face.PAID]} Split.\n{MAY_BE_DUPLICATE}", dinner)
    row = chats.row(asked, State.SETTLED, card_id=None)
    before = chats.count([row], paid=[HASH])
    assert (before.twice, before.repeated) == (0, 2)
    moved: Chat = chats.telegram.migrate(chats.group)
    row = chats.row(asked, State.SETTLED, card_id=None, chat_id=moved.id, reply_to=None)
    assert chats.count([row], paid=[HASH]) == before


def test_a_score_is_made_of_whole_numbers_only(chats: Chats) -> None:
    assert set(asdict(chats.count()).values()) == {0}
    assert isinstance(chats.anna, User)
