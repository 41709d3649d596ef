"""The truths about boards compared: what people did, what the node received, what the chats say."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import sqlalchemy as sa

from bot import texts
from bot.core.board import Board, BoardState, Seat
from bot.core.invoice import PartKind, State
from bot.core.wishes import Change
from bot.demo.node import CANCELED, OPEN, SETTLED
from bot.demo.telegram import User
from bot.store import Tx, tables
from tests.faces import may_be_duplicate, plain
from tests.storm.book import CLOSING, HEARD_WITHIN_S, Bill, Book, Shown
from tests.storm.breaks import BOARD, END, HIDDEN, PAYABLE, SUM, TWICE, Break
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


@dataclass(frozen=True, slots=True)
class Row:
    """An invoice of a board, as its row says: of which seat, for whom, and as what."""

    seat: int
    person_id: int
    kind: str
    hidden: bool


def seats_of(outside: Outside) -> dict[bytes, Row]:
    """The rows of all boards' invoices."""
    names = "payment_hash, part, asker_id, part_kind, hidden"
    rows = outside.read(f"SELECT {names} FROM invoices WHERE board_id > 0")
    return {each[0]: Row(each[1], each[2], each[3], bool(each[4])) for each in rows}


def know_parts(outside: Outside) -> None:
    """Whose each part is, by its row: one that was over before its card went out told nobody."""
    people = {person.id: person for person in outside.people}
    seats = seats_of(outside)
    for part in outside.parts:
        row = seats.get(part.invoice.payment_hash)
        if row is None:
            continue
        part.part_kind = row.kind
        if row.person_id in people and not part.is_known:
            outside.know(part, people[row.person_id])
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
        rows = seats_of(self._outside)
        seats = {each: row.seat for each, row in rows.items()}
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
            self._managed(bill, board)
            self._whose(bill, board, rows)
            self._unnamed(bill)
            if bill.chat.id in self._outside.lost_moves:
                # the bot cannot write there, and no update will ever tell it where that is now
                self._explained["bills of a group whose move was told to a former bot"] += 1
                continue
            self._copies(bill)
            self._reminders(bill)
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
        # what waited for the bot is heard chat by chat: one that was asked for later may come first
        heard_at = self._book.calm_after(bill.said_at, 1.0) or time.time()
        before = [
            each
            for each in self._outside.bills
            if each is not bill and each.memo in boards and each.said_at <= heard_at
        ]
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
        settled = (each for each in board.seats if each.otherwise and not each.is_paid)
        otherwise = sum(seat.amount_msat for seat in settled)
        if board.done_msat != received + otherwise:
            what = f"{board.done_msat} msat on the board, {received} at the node, {otherwise} else"
            self._broken(SUM, what, bill)
        if bill.is_collection or not board.is_asked:
            if board.sum_msat != bill.amount_msat:
                self._broken(SUM, f"is of {board.sum_msat} msat", bill)
            return
        parts = [seat.amount_msat for seat in board.seats]
        more = board.sum_msat - bill.amount_msat
        may_be_added = range(bill.added, bill.adds + 1)
        if sum(parts) != board.sum_msat or more not in [n * min(parts) for n in may_be_added]:
            what = f"its parts do not add up to {bill.amount_msat} msat, {bill.added} added"
            self._broken(SUM, f"{what}: {parts}", bill)

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
        wanted, tried = bill.close_wanted_at is not None, bill.close_tried_at is not None
        payable = [part.name for part in bill.parts if part.is_payable]
        if board.state is not BoardState.OPEN and payable:
            self._broken(PAYABLE, f"{board.state}, and could be paid: {payable}", bill)
        if wanted and board.state is not BoardState.CLOSED:
            if CLOSING in bill.unheard:
                self._explained["closings that a former bot never confirmed"] += 1
            else:
                self._broken(6, f"is {board.state}, and somebody wanted it closed", bill)
        if not tried and not _goes_on(board) and not board.is_all_done:
            self._broken(6, f"is {board.state}, and nobody wanted it closed", bill)
        if board.is_all_done and board.state is not BoardState.CLOSED:
            self._broken(BOARD, f"is {board.state}, and all is paid", bill)

    def _people(self, bill: Bill, board: Board) -> None:
        """Who has a seat wanted it; who was given the link has one, unless they left."""
        names = {person.id: person for person in [*self._outside.owners, *self._outside.people]}
        seated = {names[seat.person_id]: seat for seat in board.seats if seat.person_id}
        is_twice = len(seated) != sum(bool(seat.person_id) for seat in board.seats)
        if is_twice and not bill.is_collection:
            self._broken(6, "somebody has two seats", bill)
        for person, seat in seated.items():
            if person is not bill.asker and person not in bill.pressed:
                self._broken(6, f"{person.first_name} has a seat and did not press", bill)
            left_at = bill.left.get(person, 0.0)
            is_gone = left_at and left_at > bill.pressed.get(person, 0.0) and not seat.is_done
            if is_gone and not self._is_unheard(bill, person):
                self._broken(6, f"{person.first_name} left and has a seat", bill)
        for person in {*bill.linked, *bill.joined} - {*seated, *bill.left, *bill.freed}:
            how = "was given the link" if person in bill.linked else "said to be in"
            self._broken(6, f"{person.first_name} {how}, and has no seat", bill)

    def _is_unheard(self, bill: Bill, person: User) -> bool:
        return any(part.unheard for part in bill.parts if part.asker is person)

    def _managed(self, bill: Bill, board: Board) -> None:
        """What was done to a seat, as somebody heard, is so."""
        for number, (deed, is_sure) in bill.managed.items():
            seat = board.seat(number)
            if not is_sure or seat is None or seat.is_paid:
                continue
            if deed is Change.SETTLE and not seat.otherwise:
                self._broken(6, f"seat {number} was settled otherwise, and is not", bill)
            if deed is Change.UNSETTLE and seat.otherwise:
                self._broken(6, f"seat {number} was settled no longer, and is", bill)

    def _whose(self, bill: Bill, board: Board, rows: Mapping[bytes, Row]) -> None:
        """Each invoice is of the person who has its card; who paid another's part is said."""
        for part in bill.parts:
            row = rows.get(part.invoice.payment_hash)
            if row is not None and part.is_known and row.person_id != part.asker.id:
                what = f"{part.name} is {row.person_id}'s in the database"
                self._broken(BOARD, what, bill)
        for payment_hash, person in bill.for_others.items():
            row = rows.get(payment_hash)
            seat = None if row is None else board.seat(row.seat)
            if row is None or seat is None:
                self._broken(BOARD, f"{person.first_name}'s card for another is of no seat", bill)
                continue
            if row.kind != PartKind.OTHERS and seat.person_id != person.id:
                self._broken(BOARD, f"seat {row.seat} is shown as {person.first_name}'s own", bill)
            is_paid = payment_hash in {part.payment_hash for part in seat.paid}
            is_said = payment_hash in {part.payment_hash for part in seat.paid_by_others}
            if is_paid and not (is_said or seat.person_id == person.id):
                what = f"seat {row.seat} does not say that {person.first_name} paid it"
                self._broken(BOARD, what, bill)

    def _unnamed(self, bill: Bill) -> None:
        """Who hid their name with each gift that was paid is named to nobody but themselves."""
        gave: defaultdict[User, list[bool]] = defaultdict(list)
        for part in bill.parts:
            if part.invoice.state == SETTLED:
                is_hidden = bill.hidden.get(part.invoice.payment_hash) is part.asker
                gave[part.asker].append(is_hidden)
        hidden = [p for p, gifts in gave.items() if all(gifts) and p is not bill.asker]
        for person in hidden:
            for shown in bill.shown:
                if shown.message.chat.person is person:
                    continue
                if any(f'"{person.first_name} ' in (v.text or "") for v in shown.message.versions):
                    self._broken(HIDDEN, f"{_where(shown)} names {person.first_name}", bill)
            self._explained["givers whose name is nowhere"] += 1

    # what the chats say

    def _reminders(self, bill: Bill) -> None:
        """One where all were asked who said that they are in, and one an hour for whoever wants."""
        reminders = _in_order(bill.shown, "reminder")
        most = (bill.form == "who is in") + bool(bill.reminders)
        # One that says it may be a duplicate may be the first: what was marked was never sent.
        again = [
            each
            for each in reminders
            if may_be_duplicate(each.message.text or "") and self._is_founded(each, reminders)
        ]
        if len(reminders) - len(again) > most:
            self._broken(END, f"{len(reminders)} reminders, and {most} were wanted", bill)
        self._explained["reminders that came twice"] += len(again)

    def _copies(self, bill: Bill) -> None:
        """A second board in one chat needs its reason, and the line that says so."""
        chats: defaultdict[tuple[int, User | None], list[Shown]] = defaultdict(list)
        for shown in _in_order(bill.shown, "board"):
            chats[shown.message.chat.id, shown.message.author].append(shown)
        for boards in chats.values():
            for in_one_place in self._between_moves(bill, boards):
                self._again(bill, in_one_place, BOARD, "second boards")

    def _between_moves(self, bill: Bill, boards: Sequence[Shown]) -> list[list[Shown]]:
        """Apart where one is in the others' place, since it was wanted at the end.

        A wish that was not heard yet as the earlier one was sent, for another reason, is done later
        all the same. One that says that it may be a duplicate, of what may not have been recorded,
        is in its own place.
        """
        places: list[list[Shown]] = [[]]
        moves = sorted(bill.moves)
        for earlier, later in pairwise([None, *boards]):
            assert later is not None
            since = 0.0 if earlier is None else earlier.sent.called_at - HEARD_WITHIN_S
            wanted = [at for at in moves if since < at < later.sent.called_at]
            is_again = earlier is not None and self._book.unsure(earlier.sent)
            is_again = is_again and may_be_duplicate(later.message.versions[0].text or "")
            if earlier is None or not wanted or is_again:
                places[-1].append(later)
                continue
            places.append([later])
            moves.remove(wanted[0])
            self._explained["boards that were moved to the end"] += 1
            message = earlier.message
            is_gone = not self._outside.is_live(message) or message.text == texts.MOVED_DOWN
            if not is_gone and not self._book.unsure(earlier.sent):
                self._broken(BOARD, f"{_where(earlier)} is there, and was moved", bill)
        return places

    def _notices(self, bill: Bill) -> None:
        """The owner hears of each payment, and who asked for the bill; nobody of one twice without
        a reason and the line that says so."""
        paid = Counter(p.paid_sats for p in bill.parts if p.invoice.state == SETTLED)
        for reader in {*self._outside.owners, bill.asker}:
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
            if reader not in self._outside.owners:
                continue
            own = Counter(p.paid_sats for p in bill.parts if p.asker is reader)
            told = Counter(
                part.paid_sats
                for part in bill.parts
                for each in part.of_role("announcement")
                if each.message.chat.person is reader
            )
            for sats, count in (paid - own - read - told).items():
                what = f"{reader.first_name} does not know {count} payments of {sats} sats"
                self._broken(3, what, bill)

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
        if bill.is_collection and board.is_reached:
            self._goal(bill, board, ends)
            return
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

    def _goal(self, bill: Bill, board: Board, ends: Sequence[Shown]) -> None:
        """One message when it was reached, with what was given by then; its end is not told."""
        if not ends and bill.of_role("board"):
            self._broken(END, "its goal is reached, and nobody was told", bill)
        # It may have closed just before the payment that reached it was known.
        right = plain(texts.board_announcement(replace(board, memo=""))).partition(":")[0]
        later = [end for end in ends if (end.message.text or "").startswith(right)]
        if later and ends[: -len(later)] and board.state is BoardState.CLOSED:
            self._explained["ends of boards told before a payment was known"] += 1
        elif len(later) != len(ends):
            wrong = next(end for end in ends if end not in later)
            self._broken(END, f"{_where(wrong)} says {wrong.message.text!r}", bill)
        self._again(bill, later, END, "goals told twice")
        self._explained["goals that were reached"] += bool(later)

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
            if bool(buttons) != _goes_on(board):
                self._broken(BOARD, f"{_where(shown)} is {board.state}, with {buttons}", bill)
        not_moved = [each for each in live[:-1] if each.message.text != texts.MOVED_DOWN]
        for stray in not_moved:  # why it is there was looked at above
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


def _goes_on(board: Board) -> bool:
    return board.state in (BoardState.JOINING, BoardState.OPEN)


def _in_order(shown: Sequence[Shown], role: str) -> list[Shown]:
    """Those that began as this, as they were sent."""
    of_role = [each for each in shown if each.roles[0] == role]
    return sorted(of_role, key=lambda each: each.sent.called_at)


def _where(shown: Shown) -> str:
    return f"{shown.message.chat.id}/{shown.message.id}"
