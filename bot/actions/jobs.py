"""The jobs behind the actions: what is wanted, checked and written in one transaction.

A job is a function of the values that it gets: it may run twice, in the writer's thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.access import Rights
from bot.actions.values import Asker, Drawn, Origin, Place, Rules
from bot.core import delivery, work
from bot.core.board import HOUR_S, PARTS_AN_HOUR, Board, Seat
from bot.core.invoice import AT_ONCE, AT_THE_NODE, Columns, Face, Invoice, PartKind, State, changes
from bot.core.steps import QUESTION_S
from bot.core.wishes import Answered, Cancelling, Renewing
from bot.core.work import Do, Lane
from bot.store import Tx

#: Messages beside the first that ask a question, which an answer can reply to: the newest.
QUESTIONS = 10
#: Seconds within which all copies of a question are sent whose number Telegram does not tell.
COPIES_WITHIN_S = 120.0


def ask(
    tx: Tx, columns: Columns, access: Rights, now: float
) -> tuple[Invoice, bool, Invoice | None]:
    """The row, whether it is new, and the question that it replaces."""
    there = tx.invoices.by_origin(
        columns["origin_chat_id"],
        columns["origin_message_id"],
        columns["part"],
        bot_id=columns["bot_id"],
    )
    if there is not None:
        return there, False, None
    asker_id, chat_id = columns["asker_id"], columns["chat_id"]
    _check_limits(tx, access, asker_id, chat_id, now)
    # One question at a time, and none once the amount is said: the next text would answer it.
    dropped = drop_question(tx, chat_id, columns["thread_id"], asker_id)
    return (*tx.invoices.add(**columns), dropped)


def drop_question(tx: Tx, chat_id: int, thread_id: int | None, asker_id: int) -> Invoice | None:
    """The question that waited for this person's answer here: it waits no more."""
    question = tx.invoices.question(chat_id, thread_id, asker_id)
    if question is not None:
        _drop(tx, question)
    return question


@dataclass(frozen=True, slots=True)
class Found:
    """What a message may answer."""

    question: Invoice | None  # that waits for this person's answer here
    answered: Invoice | None  # by this very message, earlier
    number: int | None  # of the message that it replies to; None: it replies to nothing
    replied_at: float  # when that was sent, in Unix seconds
    replied_to: Invoice | None  # the row of that message
    has_hash: bool  # that message's own buttons say whose it is

    @property
    def meant(self) -> Invoice | None:
        """The question, unless the message replies to something else."""
        asks = self.question
        if asks is None or self.number is None or self.number == asks.card_id:
            return asks
        if self.has_hash:
            is_it = self.replied_to is not None and self.replied_to.id == asks.id
            return asks if is_it else None
        if self.number in asks.duplicates or self._may_be_a_copy(asks, self.number):
            return asks
        return None

    def _may_be_a_copy(self, asks: Invoice, number: int) -> bool:
        """Whether it may be the question, in a message whose number nobody has recorded.

        It has to lie between the command and the last copy: all that the bot said later is
        something else.
        """
        if asks.card_id is None:
            is_later = self.replied_at > asks.asked_at + COPIES_WITHIN_S
        else:
            is_later = number > asks.card_id or not asks.may_be_duplicate(Do.SEND_CARD)
        is_earlier = asks.chat_id == asks.origin_chat_id and number < asks.origin_message_id
        # How much somebody gives is asked with buttons, which say of which collection.
        is_other = self.replied_to is not None or asks.part_kind is PartKind.GIFT
        return not (is_other or is_later or is_earlier)

    def instead(self, asker_id: int, now: float) -> Answered:
        """What it is at `now` (Unix seconds) where no question is meant."""
        other = self.replied_to
        if other is None:
            return Answered.NO_QUESTION
        if other.state is not State.DROPPED or other.asker_id != asker_id:
            return Answered.OTHER_CARD
        if other.part_kind is PartKind.GIFT:
            return Answered.GIFT_CLOSED
        return Answered.EXPIRED if now >= other.asked_at + QUESTION_S else Answered.CLOSED


def question(
    tx: Tx,
    asker_id: int,
    origin: Origin,
    place: Place,
    replied_to: int | None,
    replied_at: float,
    named: bytes | None,
    bot_id: int,
) -> Found:
    """What a message in this place, as this bot counts them, may answer.

    `named`: the payment hash on the buttons of the message that it replies to. It is surer than a
    number, which nobody may have recorded.
    """
    other = None
    if named is not None:
        other = tx.invoices.by_hash(named)
    elif replied_to is not None:
        other = of_message(tx, place.chat_id, replied_to, bot_id)
    return Found(
        open_question(tx, asker_id, place),
        tx.invoices.answered(origin.chat_id, origin.message_id),
        replied_to,
        replied_at,
        other,
        has_hash=named is not None,
    )


def open_question(tx: Tx, asker_id: int, place: Place) -> Invoice | None:
    """The question that waits for this person's answer in this place."""
    return tx.invoices.question(place.chat_id, place.thread_id, asker_id)


def asked_again(tx: Tx, asker_id: int, place: Place, message_id: int) -> None:
    """One more message asks the question that is open."""
    question = open_question(tx, asker_id, place)
    if question is not None:
        duplicates = list(question.with_duplicate(message_id, Face.QUESTION).items())
        tx.invoices.update(question.id, duplicates=dict(duplicates[-QUESTIONS:]))


def answer(tx: Tx, question: Invoice, columns: Columns, access: Rights, now: float) -> bool:
    """The question becomes what `columns` ask for; not where it is answered or dropped by now."""
    row = tx.invoices.get(question.id)
    if row is None or row.state is not State.ASKING or row.cancel_wanted:
        return False
    # The question counted when it was asked, and a gift's among those of its board.
    if not row.board_id:
        _check_limits(tx, access, row.asker_id, row.chat_id, now, but_row=row.id)
    tx.invoices.update(row.id, **columns)
    return True


def cancel(tx: Tx, payment_hash: bytes, by: Asker, now: float) -> tuple[Invoice | None, Cancelling]:
    """The row as it is then, and what came of it."""
    row = tx.invoices.by_hash(payment_hash)
    if row is None or row.state is State.DROPPED:  # what its message shows may be newer
        return row, Cancelling.NOT_TRACKED
    if row.state is State.SETTLED:
        return row, Cancelling.ALREADY_PAID
    if row.state is State.ASKING:
        return _drop(tx, row), Cancelling.NOT_ASKED
    if row.state not in AT_THE_NODE:
        return row, Cancelling.ALREADY_CLOSED
    if row.face is Face.UNCONFIRMED:
        return row, Cancelling.UNCONFIRMED
    name = "" if by.id == row.asker_id or by.hidden else by.name
    row = tx.invoices.want_cancelled(row, now, by=name)
    if row.lane is Lane.OTHER_NODE:  # it is cancelled once its node is back
        return row, Cancelling.NODE_AWAY
    is_open = row.state is State.OPEN
    return row, Cancelling.CANCELLING if is_open else Cancelling.NOT_CONFIRMED


def taken_from_others(
    tx: Tx, board: Board, person_id: int, number: int, now: float, within_s: float
) -> list[Seat]:
    """The seats, beside that with this number, of which this person has had another one's invoice
    cancelled, and which nobody has paid."""
    kinds = {
        taken_by(seat, person_id): seat
        for seat in board.unpaid
        if seat.number != number and seat.person_id != person_id
    }
    said = tx.memory.said(kinds, board.id, since=now - within_s, until=now)
    return [seat for kind, seat in kinds.items() if kind in said]


def taken_by(seat: Seat, person_id: int) -> str:
    """The kind of hint, on its board, that somebody had another one's invoice cancelled."""
    return f"part {seat.number} taken by {person_id}"


def has_too_many_parts(tx: Tx, board: Board, person_id: int, number: int, now: float) -> bool:
    """Whether somebody has had so many invoices in an hour that none is made of the seat with this
    number, nor another one's cancelled. What they took from others counts as theirs."""
    asked = tx.boards.parts_since(board.id, person_id, now - HOUR_S, now + HOUR_S)
    taken = taken_from_others(tx, board, person_id, number, now, HOUR_S)
    return asked + len(taken) >= PARTS_AN_HOUR


def renew(
    tx: Tx,
    payment_hash: bytes,
    by: Asker,
    drawn: Drawn,
    rules: Rules,
    *,
    may_ask: bool,
    now: float,
) -> tuple[list[Invoice], Renewing]:
    """The rows that changed, or the one that did not, and what came of it."""
    row = tx.invoices.by_hash(payment_hash)
    if row is None:
        return [], Renewing.NOT_TRACKED
    if row.state is State.SETTLED:
        return [row], Renewing.ALREADY_PAID
    board = tx.boards.get(row.board_id) if row.board_id else None
    if row.replaced:
        is_gone = board is not None and not board.renewed_for(row)
        return [row], Renewing.PART_GONE if is_gone else Renewing.ALREADY_RENEWED
    if row.state not in (State.EXPIRED, State.CANCELLED, State.FAILED):
        return [row], Renewing.STILL_OPEN
    if not row.may_be_renewed:
        return [row], Renewing.IN_VAIN
    if row.board_id and (board is None or not board.may_renew(row)):
        return [row], Renewing.PART_GONE
    if not may_ask and not row.board_id:
        return [row], Renewing.NOT_ALLOWED
    if board is not None and has_too_many_parts(tx, board, row.asker_id, row.part, now):
        return [row], Renewing.TOO_MANY
    is_part = board is not None and board.is_split
    (rules.check_part if is_part else rules.check_range)(row.amount_msat or 0)
    # The renewal counts as its asker's, whoever pressed; an owner has no limits.
    counted = by.id if rules.access.is_owner(by.id) else row.asker_id
    who = "" if counted == by.id else row.asker_name
    _check_limits(tx, rules.access, counted, row.chat_id, now, who=who)
    renewal, _ = tx.invoices.add(
        origin_chat_id=row.origin_chat_id,
        origin_message_id=row.origin_message_id,
        part=row.part,
        renewal=row.renewal + 1,
        bot_id=row.bot_id,
        board_id=row.board_id,
        part_kind=row.part_kind,
        part_for=row.part_for,
        requester_id=row.requester_id,
        hidden=row.hidden,
        chat_id=row.chat_id,
        thread_id=row.thread_id,
        reply_to=row.reply_to,
        asker_id=row.asker_id,
        asker_name=row.asker_name,
        chat_title=row.chat_title,
        asked_at=now,
        amount_msat=row.amount_msat,
        memo=row.memo,
        state=State.PENDING,
        **drawn,
    )
    old = tx.invoices.update(row.id, replaced=True, **work.wanted(now, Lane.COMMAND))
    return [renewal, old], Renewing.RENEWING


def of_card(
    tx: Tx,
    payment_hash: bytes,
    chat_id: int,
    message_id: int,
    has_button: bool | None,
    now: float,
) -> Invoice | None:
    """The row that a press on this message is about."""
    row = tx.invoices.by_hash(payment_hash)
    if row is None and has_button:
        return _answered_question(tx, chat_id, message_id)
    if row is None or row.chat_id != chat_id:
        return None
    if message_id == row.card_id or has_button is None:
        return row
    if message_id not in row.duplicates and not has_button:
        return None
    duplicates = row.with_duplicate(message_id, Face.NOTHING)
    return tx.invoices.update(row.id, duplicates=duplicates, **work.touched(now))


def _answered_question(tx: Tx, chat_id: int, message_id: int) -> Invoice | None:
    """The gift whose question this message was as somebody pressed: with its amount it got another
    payment hash. In a restored database it may have got one since that no row has."""
    row = tx.invoices.by_message(chat_id, message_id)
    is_its_card = row is not None and message_id in (row.card_id, *row.duplicates)
    is_answered = row is not None and row.state not in (State.ASKING, State.DROPPED)
    return row if row and is_answered and is_its_card and row.part_kind is PartKind.GIFT else None


def redraw(tx: Tx, row_id: int, now: float) -> Invoice:
    """A card is not as the row says that it is."""
    return tx.invoices.update(row_id, redraw_at=AT_ONCE, **work.touched(now))


def by_origin(tx: Tx, origin: Origin, bot_id: int) -> Invoice | None:
    """The row that a command to this bot made."""
    return tx.invoices.by_origin(origin.chat_id, origin.message_id, origin.part, bot_id=bot_id)


def by_hash(tx: Tx, payment_hash: bytes) -> Invoice | None:
    """The row with this payment hash."""
    return tx.invoices.by_hash(payment_hash)


def of_message(tx: Tx, chat_id: int, message_id: int, bot_id: int) -> Invoice | None:
    """The row that a message, as this bot counts them, belongs to."""
    return tx.invoices.by_message(chat_id, message_id, bot_id=bot_id)


def _drop(tx: Tx, question: Invoice) -> Invoice:
    """Nobody waits for its answer, nor for its message."""
    ended = changes(state=State.DROPPED, **work.done(), **delivery.overtaken())
    return tx.invoices.update(question.id, **ended)


def _check_limits(
    tx: Tx,
    access: Rights,
    asker_id: int,
    chat_id: int,
    now: float,
    *,
    who: str = "",
    but_row: int | None = None,
) -> None:
    """Raises the limit that is reached; `but_row` does not count."""
    per_s = access.limits.invoices_per_user.per_s
    access.check_limits(
        asker_id,
        # What was asked for long after now was asked for while the host's clock was ahead.
        asked=tx.invoices.asked_since(asker_id, now - per_s, until=now + per_s, but_row=but_row),
        open_in_chat=tx.invoices.open_in_chat(chat_id),
        open_of_member=tx.invoices.open_in_chat(chat_id, of=asker_id) if chat_id < 0 else 0,
        who=who,
    )
