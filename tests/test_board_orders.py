"""Any event after any step, of boards: tests/test_orders.py with a bill or a collection.

People sit, join, pay for others, give, leave and manage it, while all that happens there happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from bot import texts
from bot.actions import Actions, Asker, BoardActions, Origin, Place
from bot.config import InvoicesSettings
from bot.core.board import Board, BoardState
from bot.core.invoice import Face, Invoice, PartKind, State
from bot.core.split import Person
from bot.core.wishes import Change
from bot.core.work import READ_LANES
from bot.demo.node import OPEN
from bot.store import Tx, tables
from bot.texts.cards import MAY_BE_DUPLICATE
from tests.bills import LIVES_S
from tests.faces import plain
from tests.in_memory import Call, Message
from tests.test_orders import (
    ASKER,
    DICE,
    EXPIRY_S,
    GROUP,
    OWNER,
    Orders,
    _one_of,
    buttons,
    try_orders,
)

T = TypeVar("T")

ANNA, BERT, CORA = Asker(ASKER, "Anna"), Asker(8, "Bert", username="bert"), Asker(9, "Cora")
OLGA = Asker(OWNER, "Olga")
PEOPLE = st.sampled_from([ANNA, BERT, CORA, OLGA])
AT_BERT = Person("@bert", username="bert")
BILLS = ("/split 3000/3", "/split 3001", "/split 3000 @bert", "/collect 5000/2000", "/collect any")
#: After so many refusals, of this or that message, it may have been given up.
MAY_BE_GIVEN_UP = 3


class Boards(Orders):
    """A board, in a group with four people."""

    @initialize(
        what=st.sampled_from(BILLS),
        by=st.sampled_from([ANNA, ANNA, OLGA]),
        node_ahead_s=st.integers(-30, 30),
        up=st.sampled_from([True, True, False]),
        begun=st.integers(0, 5),
        come=st.lists(st.tuples(PEOPLE, st.integers(0, 8)), max_size=4),
        lag=st.integers(0, 2),
        seed=DICE,
    )
    def a_command(  # type: ignore[override]
        self,
        what: str,
        by: Asker,
        node_ahead_s: int,
        up: bool,
        begun: int,
        come: list[tuple[Asker, int]],
        lag: int,
        seed: int,
    ) -> None:
        self._begin(GROUP, node_ahead_s=node_ahead_s, up=up, lag=lag, seed=seed)
        self.tokens: dict[int, str] = {}
        self.refused: Counter[str] = Counter()
        self.ended_once = False
        command, _, rest = what.partition(" ")
        self.place.count += 1
        origin, place = Origin(GROUP, self.place.count), Place(GROUP, reply_to=self.place.count)
        if command == "/split":
            self._do(self._boards.split(by, origin, place, rest, [AT_BERT]))
        else:
            self._do(self._boards.collect(by, origin, place, rest))
        self._go_on(begun)
        for who, calls in come:  # in the beginning all goes well
            if self._board.state is BoardState.JOINING:
                self.a_person_is_in_or_out(who, is_in=True, asks=calls > 4)
            self.a_person_wants_their_part(who, number=None, sats=3000, calls=calls, dice=None)

    # --- what is

    @property
    def _boards(self) -> BoardActions:
        """Of the process that runs now."""
        parts = self.process.parts
        return BoardActions(
            store=parts.store,
            access=parts.access,
            places=parts.places,
            settings=InvoicesSettings(expiry=f"{EXPIRY_S}s"),
            clock=parts.clock,
            bell=parts.bell,
            holds=parts.holds,
        )

    @property
    def _actions(self) -> Actions:
        parts = self.process.parts
        return Actions(
            store=parts.store,
            access=parts.access,
            places=parts.places,
            settings=InvoicesSettings(expiry=f"{EXPIRY_S}s"),
            clock=parts.clock,
            bell=parts.bell,
        )

    def _do(self, wish: Awaitable[T]) -> T:
        """Somebody wants something, and all that comes of it."""
        self._happened()
        result = self.ground.run(wish)
        assert result is not None
        return result

    @property
    def _board(self) -> Board:
        def job(tx: Tx) -> Board | None:
            number = tx.boards._connection.execute(sa.select(tables.boards.c.id)).scalar_one()
            return tx.boards.get(number)

        found = self.ground.store.at_once(job)
        assert found is not None
        return found

    @property
    def _parts(self) -> list[Invoice]:
        return [row for row in self.ground.rows() if row.board_id]

    @property
    def _at_work(self) -> int:
        return 4 + len(self.commands) + len(self._parts)

    @property
    def _shown(self) -> list[Message]:
        """The board's messages that people see and can press."""
        return [m for m in self._visible if m.markup and _handle(m) == self._board.handle]

    # --- people

    def _sit(self, who: Asker) -> str:
        self._happened()
        found = self.ground.run(self._boards.sit(self._board.handle, self.place.id, who))
        assert found is not None
        _, token, _ = found
        if token:
            self.tokens[who.id] = token
        return token

    @precondition(lambda self: self._is_reachable)
    @rule(
        who=PEOPLE,
        number=st.sampled_from([None, None, 1, 2, 3]),
        sats=st.sampled_from([None, 0, 2000, 5000]),
        calls=st.integers(0, 8),
        dice=DICE,
    )
    def a_person_wants_their_part(
        self, who: Asker, number: int | None, sats: int | None, calls: int, dice: int | None
    ) -> None:
        """Or somebody else's; of a collection they say how much they give."""
        token = self._sit(who)
        if not token:
            return
        self._do(self._boards.part(token, who, Place(who.id), number))
        asked = [row for row in self._parts if row.state is State.ASKING]
        if asked and sats is not None:
            self._do(self._actions.give(asked[-1].payment_hash, 1000 * sats))
        self._go_on(calls, None if dice is None else self._mixed(dice))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), number=st.sampled_from([None, 1, 2, 3]), by=PEOPLE)
    def somebody_tries_another_ones_link(
        self, data: st.DataObject, number: int | None, by: Asker
    ) -> None:
        token = self.tokens[_one_of(data, sorted(self.tokens))]
        if token != self.tokens.get(by.id):
            before = [row.id for row in self._parts]
            self._do(self._boards.part(token, by, Place(by.id), number))
            assert [row.id for row in self._parts] == before, "another's link"

    @precondition(lambda self: any(row.part_kind is PartKind.GIFT for row in self._parts))
    @rule(data=st.data(), is_hidden=st.booleans())
    def a_giver_hides_their_name(self, data: st.DataObject, is_hidden: bool) -> None:
        gift = _one_of(data, [row for row in self._parts if row.part_kind is PartKind.GIFT])
        self._do(self._boards.hide(gift.payment_hash, is_hidden=is_hidden))

    @precondition(lambda self: self._parts)
    @rule(data=st.data(), wish=st.sampled_from(["leave", "cancel", "renew", "once more"]))
    def a_person_wants_something_of_a_part(self, data: st.DataObject, wish: str) -> None:
        row = _one_of(data, self._parts)
        who = Asker(row.asker_id, row.asker_name)
        if wish == "leave":
            self._do(self._boards.leave(row.payment_hash))
        elif wish == "cancel":
            self._do(self._actions.cancel(row.payment_hash, who))
        elif wish == "renew":
            self._do(self._actions.renew(row.payment_hash, who))
        elif token := self.tokens.get(row.asker_id):
            self._do(self._boards.part(token, who, Place(who.id)))

    @precondition(lambda self: self._is_reachable and self._board.state is BoardState.JOINING)
    @rule(who=PEOPLE, is_in=st.sampled_from([True, True, False]), asks=st.booleans())
    def a_person_is_in_or_out(self, who: Asker, is_in: bool, asks: bool) -> None:
        board = self._board
        self._do(self._boards.join(board.handle, self.place.id, who, is_in=is_in))
        if asks:
            self._do(self._boards.fix(board.id))

    @rule(wish=st.sampled_from(sorted({*Change} - {Change.CLOSE})), number=st.integers(1, 4))
    def somebody_manages_it(self, wish: Change, number: int) -> None:
        note(f"  {self._do(self._boards.change(self._board.id, wish, number, OLGA))}")

    @precondition(lambda self: self.desk.calls and self._parts)
    @rule(by=PEOPLE, which=st.integers(0, 5), writes=st.sampled_from([None, None, 0, 1]))
    def somebody_closes_it(self, by: Asker, which: int, writes: int | None) -> None:
        """While something is on its way: it arrives, or the bot dies before it is written down."""
        call = self._acts_and_arrives(which, None)
        self._do(self._boards.close(self._board.id, by))
        if writes is None:
            self._arrives(call)
        else:
            self._dies_as_it_arrives(call, writes)

    @precondition(lambda self: self._shown)
    @rule(data=st.data(), who=PEOPLE)
    def a_copy_is_pressed(self, data: st.DataObject, who: Asker) -> None:
        """Whichever message of the board: from now on it is kept true."""
        message, board = _one_of(data, self._shown), self._board
        self._happened()
        chat_id = self.process.parts.places.now(self.place.id)
        found = self.ground.run(self._boards.of_button(board.handle, chat_id, message.number))
        if found is not None:
            message.pressed = True
            self._sit(who)

    def _act(self, call: Call, dice: object) -> None:
        super()._act(call, dice)  # type: ignore[arg-type]
        if call.error is not None and "Something new" in str(call.error):
            self.refused[call.name] += 1

    # --- what always holds

    @invariant()
    def a_seat_has_one_invoice_at_a_time(self) -> None:
        odd = self.denied | self.appeared | self.forgotten
        ledger = self.node.ledger.invoices
        payable = [
            (row.board_id, row.part)
            for row in self._parts
            if row.payment_hash in ledger and ledger[row.payment_hash].state == OPEN
        ]
        assert len({*payable}) == len(payable) or odd, "two invoices of one seat"

    @invariant()
    def nobody_has_two_seats_of_a_bill(self) -> None:
        board = self._board
        people = [seat.person_id for seat in board.seats if seat.person_id]
        assert not board.is_split or len({*people}) == len(people)

    @invariant()
    def what_is_closed_stays_closed_and_nothing_of_it_can_be_paid(self) -> None:
        board = self._board
        is_closed = board.state is BoardState.CLOSED
        assert is_closed or not self.ended_once, "it is open again"
        self.ended_once = is_closed
        live = [row for row in self._parts if row.state in (State.PENDING, State.OPEN)]
        assert not is_closed or not live, "closed, and payable"

    @invariant()
    def what_the_node_was_paid_is_what_the_board_says(self) -> None:
        paid = sum(row.paid_msat for row in self._parts if row.state is State.SETTLED)
        assert self._board.paid_msat == paid
        assert sum(seat.amount_msat for seat in self._board.seats) in (0, self._board.sum_msat)

    # --- the judgement

    def judge(self, *, now: bool) -> None:
        """Compare rows, node, board and chats; `now`: before its end."""
        if not now:
            self._pass(LIVES_S)
            self._behaves()
            for _ in range(3):
                self._pass(61.0)
                self._behaves()
            assert self._board.state is BoardState.CLOSED, "open after its end"
        rows = self.ground.rows()
        for row in rows:
            self._as_at_the_node(row)
        for row in self._reached(rows):
            self._ended(row, now=now)
        board = self._board
        assert board.lane in READ_LANES, f"left in lane {board.lane}"
        assert board.sending is None, "on its way for ever"
        assert board.state is not BoardState.CLOSING, "it closes for ever"
        assert not [seat for seat in board.seats if seat.leaving], "somebody leaves for ever"
        assert not board.is_over or board.state is BoardState.CLOSED
        if board.state in (BoardState.JOINING, BoardState.OPEN):
            assert board.due_at is not None, "nobody closes it"
        self._is_shown(board)
        self._is_told(board)
        for row in self._parts:
            self._says_whether_it_is_hidden(row)

    def _says_whether_it_is_hidden(self, row: Invoice) -> None:
        """What can be pressed below a gift is what is not so."""
        is_shown = row.card_id is not None and row.card_shown is Face.OPEN
        if row.part_kind is not PartKind.GIFT or not is_shown:
            return
        message = self.telegram.room(row.chat_id).messages[row.card_id or 0]
        if message.deleted or message.refused:
            return
        label = texts.SHOW_BUTTON if row.hidden else texts.HIDE_BUTTON
        assert label in [button.text for button in buttons(message)], f"{message} says otherwise"

    def _is_shown(self, board: Board) -> None:
        """Its message, and each copy that the bot knows of, say what is."""
        if board.undeliverable or self.refused.total() >= MAY_BE_GIVEN_UP:
            return
        assert board.shown
        assert not board.move_wanted
        assert board.before_id is None
        said = _said(board)
        room = self.telegram.room(board.chat_id)
        for number in {board.card_id, *board.duplicates} - {None}:
            message = room.messages[number or 0]
            if message.deleted or message.refused:
                continue
            lines = [line for line in _lines(message.texts[-1]) if line != plain(MAY_BE_DUPLICATE)]
            assert lines == _lines(said), f"{message} is not true"
            assert bool(buttons(message)) is (board.state is not BoardState.CLOSED)
        known = {board.card_id, *board.duplicates}
        for message in self._shown:
            assert message.number in known or message.unrecorded, f"two boards: {message}"

    def _is_told(self, board: Board) -> None:
        """Once, unless nobody knows; and nobody is reminded without a reason."""
        if self.refused.total() >= MAY_BE_GIVEN_UP or board.undeliverable:
            return
        assert not board.remind_wanted
        is_news = board.state is BoardState.CLOSED or board.is_reached
        assert board.announced or not is_news, "nobody was told"
        for earlier, later in pairwise(self._all("board end")):
            assert earlier.unrecorded, f"told twice: {later}"


def _handle(message: Message) -> str:
    return str(buttons(message)[0].callback_data).partition(":")[2] if buttons(message) else ""


def _said(board: Board) -> str:
    return texts.board(board, None if board.asker_id == OWNER else "")


def _lines(text: str) -> list[str]:
    return plain(text).splitlines()


@pytest.mark.timeout(3600)  # as many as are asked for
def test_any_event_after_any_step_of_a_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_orders(Boards, tmp_path, monkeypatch, orders=40)
