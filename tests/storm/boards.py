"""The truths about boards compared: what people did, what the node received, what the chats say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import sqlalchemy as sa

from bot import texts
from bot.core.board import Board, BoardState, Seat
from bot.core.invoice import State
from bot.demo.node import CANCELED, OPEN, SETTLED
from bot.demo.telegram import User
from bot.store import Tx, tables
from tests.faces import may_be_duplicate, plain
from tests.storm.book import CLOSING, Bill, Book, Shown
from tests.storm.breaks import BOARD, END, PAYABLE, SUM, TWICE, Break
from tests.storm.outside import ALIAS, Outside

#: What the simulated node is on.
NETWORK = "simnet"
#: Of one person in ten minutes, and open in one chat, before the bot refuses; owners have no limit.
BILLS_A_PERSON, BILLS_A_CHAT = 3, 5
_SATS = re.compile(r"([\d,]+) sats?\b")
_STATES = {OPEN: State.OPEN, SETTLED: State.SETTLED, CANCELED: State.CANCELLED}


def boards_of(outside: Outside) -> dict[str, Board]:
    """The boards that the bot has, by their memo, which each bill has for its own."""
    with outside.connected() as connection:
        tx = Tx(connection)
        ids = connection.execute(sa.select(tables.boards.c.id)).scalars().all()
        found = [board for each in ids if (board := tx.boards.get(each)) is not None]
    return {board.memo: board for board in found}


def seats_of(outside: Outside) -> dict[bytes, tuple[int, int]]:
    """Which seat of its board each invoice was made for, and for whom."""
    names = "payment_hash, part, asker_id"
    rows = outside.read(f"SELECT {names} FROM invoices WHERE board_id > 0")
    return {payment_hash: (seat, person) for payment_hash, seat, person in rows}


def know_parts(outside: Outside) -> None:
    """Whose each part is, by its row: one that was over before its card went out told nobody."""
    people = {person.id: person for person in outside.people}
    seats = seats_of(outside)
    for part in outside.parts:
        _, person_id = seats.get(part.invoice.payment_hash, (0, 0))
        if person_id in people and (not part.is_known or part.asker.id != person_id):
            outside.know(part, people[person_id])
    outside.find_commands()


class BoardTruths:
    """Looks at every bill as it stands."""

    def __init__(self, outside: Outside, book: Book) -> None:
        self._outside = outside
        self._book = book
        self._breaks: list[Break] = []
        self._explained: Counter[str] = Counter()

    def compare(self) -> tuple[list[Break], Counter[str]]:
        """Every promise about boards that does not hold now; what is odd and explained."""
        self._breaks, self._explained = [], Counter()
        boards = boards_of(self._outside)
        seats = {each: seat for each, (seat, _) in seats_of(self._outside).items()}
        for bill in self._outside.bills:
            board = boards.get(bill.memo)
            for wrong in bill.wrongs:
                self._broken(PAYABLE, wrong, bill)
            self._one_at_a_time(bill, seats)
            if board is None:
                self._unasked(bill, boards)
                continue
            board = self._as_the_node_has_it(board)
            self._sum(bill, board)
            self._over(bill, board)
            self._people(bill, board)
            if bill.chat.id in self._outside.lost_moves:
                # the bot cannot write there, and no update will ever tell it where that is now
                self._explained["bills of a group whose move was told to a former bot"] += 1
                continue
            self._copies(bill)
            self._notices(bill)
            self._ends(bill, board)
            self._true(bill, board)
        return self._breaks, self._explained

    def _broken(self, promise: int, what: str, bill: Bill) -> None:
        self._breaks.append(Break(promise, what, bill))

    # asked for

    def _unasked(self, bill: Bill, boards: Mapping[str, Board]) -> None:
        """A bill that no board came of."""
        if bill.is_unheard:
            self._explained["bills that a former bot never confirmed"] += 1
        elif not self._may_be_refused(bill, boards):
            self._broken(0, "no board", bill)
        elif bill.shown:
            self._explained["bills above a limit"] += 1
        elif self._book.calm_after(bill.said_at, 1.0) == bill.said_at:
            self._broken(0, "no sentence", bill)
        else:  # it goes out once
            self._explained["sentences lost to a kill or a fault"] += 1
        if bill.parts:
            self._broken(0, "invoices without a board", bill)

    def _may_be_refused(self, bill: Bill, boards: Mapping[str, Board]) -> bool:
        now = self._outside.now
        before = [each for each in self._outside.bills[: bill.number] if each.memo in boards]
        theirs = sum(each.asker is bill.asker for each in before)
        here = sum(now(each.chat) is now(bill.chat) for each in before)
        return not bill.is_owners and (theirs >= BILLS_A_PERSON or here >= BILLS_A_CHAT)

    # what the node has

    def _as_the_node_has_it(self, board: Board) -> Board:
        """With the node's word on each part in place of the bot's."""
        return replace(board, seats=tuple(map(self._seat, board.seats)))

    def _seat(self, seat: Seat) -> Seat:
        part = seat.part
        invoice = None if part is None else self._outside.node.invoices.get(part.payment_hash)
        if part is None or invoice is None:
            return seat
        state = _STATES.get(invoice.state, part.state)
        return replace(seat, part=replace(part, state=state, paid_msat=invoice.paid_msat))

    def _sum(self, bill: Bill, board: Board) -> None:
        """Whatever was paid for any of its seats is in its sum, to the satoshi."""
        received = sum(p.invoice.paid_msat for p in bill.parts if p.invoice.state == SETTLED)
        otherwise = sum(seat.amount_msat for seat in board.seats if seat.otherwise)
        if board.done_msat != received + otherwise:
            what = f"{board.done_msat} msat on the board, {received} at the node, {otherwise} else"
            self._broken(SUM, what, bill)
        if sum(seat.amount_msat for seat in board.seats) != bill.amount_msat:
            self._broken(SUM, f"its parts do not add up to {bill.amount_msat} msat", bill)

    def _one_at_a_time(self, bill: Bill, seats: dict[bytes, int]) -> None:
        """At no time had the node two for one seat that could be paid."""
        now_payable: defaultdict[int, set[bytes]] = defaultdict(set)
        paid: dict[int, bytes] = {}
        for _, payment_hash, is_payable in bill.payable:
            seat = seats.get(payment_hash)
            short = payment_hash[:4].hex()
            if seat is None:
                self._broken(TWICE, f"{short} is of no seat", bill)
                continue
            if not is_payable:
                now_payable[seat].discard(payment_hash)
                if self._outside.node.invoices[payment_hash].state == SETTLED:
                    paid[seat] = payment_hash
                continue
            now_payable[seat].add(payment_hash)
            if len(now_payable[seat]) > 1 or paid.get(seat, payment_hash) != payment_hash:
                self._broken(TWICE, f"{short} beside another one of seat {seat}", bill)

    def _over(self, bill: Bill, board: Board) -> None:
        wanted = bill.close_wanted_at is not None
        payable = [part.name for part in bill.parts if part.is_payable]
        if board.state is not BoardState.OPEN and payable:
            self._broken(PAYABLE, f"{board.state}, and could be paid: {payable}", bill)
        if wanted and board.state is not BoardState.CLOSED:
            if CLOSING in bill.unheard:
                self._explained["closings that a former bot never confirmed"] += 1
            else:
                self._broken(6, f"is {board.state}, and somebody wanted it closed", bill)
        if not wanted and board.state is not BoardState.OPEN and not board.is_all_done:
            self._broken(6, f"is {board.state}, and nobody wanted it closed", bill)
        if board.is_all_done and board.state is not BoardState.CLOSED:
            self._broken(BOARD, f"is {board.state}, and all is paid", bill)

    def _people(self, bill: Bill, board: Board) -> None:
        """Who has a seat wanted it; who was given the link has one, unless they left."""
        names = {person.id: person for person in [self._outside.owner, *self._outside.people]}
        seated = {names[seat.person_id]: seat for seat in board.seats if seat.person_id}
        if len(seated) != sum(bool(seat.person_id) for seat in board.seats):
            self._broken(6, "somebody has two seats", bill)
        for person, seat in seated.items():
            if person is not bill.asker and person not in bill.pressed:
                self._broken(6, f"{person.first_name} has a seat and did not press", bill)
            left_at = bill.left.get(person, 0.0)
            is_gone = left_at and left_at > bill.pressed.get(person, 0.0) and not seat.is_done
            if is_gone and not self._is_unheard(bill, person):
                self._broken(6, f"{person.first_name} left and has a seat", bill)
        for person in bill.linked:
            if person not in seated and person not in bill.left:
                self._broken(6, f"{person.first_name} was given the link, and has no seat", bill)

    def _is_unheard(self, bill: Bill, person: User) -> bool:
        return any(part.unheard for part in bill.parts if part.asker is person)

    # what the chats say

    def _copies(self, bill: Bill) -> None:
        """A second board in one chat needs its reason, and the line that says so."""
        chats: defaultdict[tuple[int, User | None], list[Shown]] = defaultdict(list)
        for shown in _in_order(bill.shown, "board"):
            chats[shown.message.chat.id, shown.message.author].append(shown)
        for boards in chats.values():
            self._again(bill, boards, BOARD, "second boards")

    def _notices(self, bill: Bill) -> None:
        """The owner hears of each payment, and who asked for the bill; nobody of one twice without
        a reason and the line that says so."""
        paid = Counter(p.paid_sats for p in bill.parts if p.invoice.state == SETTLED)
        for reader in {self._outside.owner, bill.asker}:
            notices = [
                each
                for each in _in_order(bill.shown, "payment notice")
                if each.message.chat.person is reader
            ]
            read = Counter(self._sats(each) for each in notices)
            afresh = [each for each in notices if not may_be_duplicate(each.message.text or "")]
            for sats, count in (Counter(map(self._sats, afresh)) - paid).items():
                self._broken(3, f"{count} more than were paid hear of {sats} sats", bill)
            again = [each for each in notices if each not in afresh]
            self._explained["notices of parts that came twice"] += len(again)
            # One that says so may be the first of its part: what was marked was never sent.
            founded = Counter(self._sats(each) for each in again if self._is_founded(each, notices))
            for sats, count in (read - paid - founded).items():
                self._broken(3, f"told of {sats} sats {count} times without a reason", bill)
            if reader is not self._outside.owner:
                continue
            own = Counter(p.paid_sats for p in bill.parts if p.asker is reader)
            told = Counter(
                part.paid_sats
                for part in bill.parts
                for each in part.of_role("announcement")
                if each.message.chat.person is reader
            )
            for sats, count in (paid - own - read - told).items():
                self._broken(3, f"the owner does not know {count} payments of {sats} sats", bill)

    def _is_founded(self, notice: Shown, notices: Sequence[Shown]) -> bool:
        """Whether one before it may not have been recorded."""
        before = [each for each in notices if each.sent.called_at < notice.sent.called_at]
        return any(self._book.unsure(each.sent) for each in before)

    @staticmethod
    def _sats(notice: Shown) -> int:
        """Of how much it tells."""
        found = _SATS.search(notice.message.text or "")
        return int(found[1].replace(",", "")) if found else 0

    def _again(self, bill: Bill, messages: Sequence[Shown], promise: int, what: str) -> None:
        for earlier, later in pairwise(messages):
            first = later.message.versions[0].text or ""
            if not self._book.unsure(earlier.sent):
                self._broken(promise, f"{_where(later)} is one of {what}, without a reason", bill)
            elif not may_be_duplicate(first):
                self._broken(promise, f"{_where(later)} is one of {what}, without its line", bill)
            else:
                self._explained[what] += 1

    def _ends(self, bill: Bill, board: Board) -> None:
        """One message when all was paid or when it closed, and none for anything else."""
        ends = _in_order(bill.shown, "board end")
        if board.state is not BoardState.CLOSED:
            if ends:
                self._broken(END, f"{_where(ends[0])} tells an end of what is open", bill)
            return
        if not ends and bill.of_role("board"):
            self._broken(END, "its end is not told", bill)
        rights = {plain(texts.board_announcement(board, may_be_duplicate=d)) for d in (False, True)}
        # Where the node denied an invoice that was paid, the end is told once more, as it is then.
        is_paid = any(part.invoice.state == SETTLED for part in bill.parts)
        later = [end for end in ends if end.message.text in rights]
        if is_paid and later and ends[: -len(later)] and ends[-len(later) :] == later:
            self._explained["ends of boards told before a payment was known"] += 1
            ends = later
        self._again(bill, ends, END, "ends of boards told twice")
        for end in ends:
            if end.message.text not in rights:
                self._broken(END, f"{_where(end)} says {end.message.text!r}", bill)

    def _true(self, bill: Bill, board: Board) -> None:
        live = [
            shown
            for shown in _in_order(bill.shown, "board")
            if self._outside.is_live(shown.message)
        ]
        if not live and not bill.deleted_cards and not board.announced:
            self._broken(BOARD, "no board in its chat", bill)
        for shown in live[-1:]:
            if shown.message.text not in self._right(bill, board):
                self._broken(BOARD, f"{_where(shown)} says {shown.message.text!r}", bill)
            buttons = (shown.message.reply_markup or {}).get("inline_keyboard", [])
            if bool(buttons) != (board.state is BoardState.OPEN):
                self._broken(BOARD, f"{_where(shown)} is {board.state}, with {buttons}", bill)
        for stray in live[:-1]:  # why it is there was looked at above
            is_true = stray.message.text in self._right(bill, board)
            self._explained["stray boards that are out of date"] += not is_true

    def _right(self, bill: Bill, board: Board) -> set[str]:
        """What its message may say."""
        payees = [None] if bill.is_owners else [ALIAS, ""]
        return {
            plain(texts.board(board, payee, network=network, may_be_duplicate=is_duplicate))
            for payee in payees
            for is_duplicate in (False, True)
            for network in ("", NETWORK)  # which is not known before the node has answered
        }


def _in_order(shown: Sequence[Shown], role: str) -> list[Shown]:
    """Those that began as this, as they were sent."""
    of_role = [each for each in shown if each.roles[0] == role]
    return sorted(of_role, key=lambda each: each.sent.called_at)


def _where(shown: Shown) -> str:
    return f"{shown.message.chat.id}/{shown.message.id}"
