"""What earlier days left: rows, and what the node and the chats have of them.

Written through the store while the bot is down: to send ten thousand commands takes too long.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.chat.qr import payment_png
from bot.core.board import Board, BoardColumns, Seat, board_changes
from bot.core.board_steps import next_board_step
from bot.core.board_steps import resting as board_resting
from bot.core.cursor import Cursor
from bot.core.invoice import Face, Invoice, State
from bot.core.steps import AS_READ, next_step, resting
from bot.core.work import RESTS, Do
from bot.demo.node import SimInvoice, SimNode
from bot.demo.telegram import Chat, Message, SimTelegram, User
from bot.store import Store, Tx, rows, tables
from tests.bills import LIVES_S

#: Few enough that ten thousand payments fit into the simulated node's channels.
SATS = 21
EXPIRY_S = 86_400
DAY_S = 86_400
#: Done rows are spread over so many days; the bot keeps them for 90.
DAYS = 80
ROWS_AT_ONCE = 1000
#: Boards of one group, and in one transaction; of its seats so many are paid, and so many payable.
BOARDS_A_GROUP, BOARDS_AT_ONCE = 5, 100
PAID_SEATS, PAYABLE_SEATS = 3, 3

#: The columns of a part, by name.
Part = dict[str, Any]


class Open:
    """An open invoice of earlier: at the node, and its card in a chat."""

    def __init__(self, invoice: SimInvoice, said: Message, card: Message) -> None:
        self.invoice = invoice
        self.said = said
        self.card = card


class Past:
    """The rows of one bot. It has to be down while they are made.

    `node_id` is "" where its macaroon can't ask for the node's identity.
    """

    def __init__(
        self,
        database: Path,
        *,
        node: SimNode,
        telegram: SimTelegram,
        chats: Sequence[Chat],
        node_id: str = "",
    ) -> None:
        self._database = database
        self._node = node
        self._node_id = node_id
        self._telegram = telegram
        self._bot_id = telegram.first_bot().user.id
        self._chats = itertools.cycle(chats)
        self._numbers = itertools.count(1)
        self._group: Chat
        self._people: list[User] = []
        self._picture = telegram.photos.add(payment_png("lnsb21u1p" + "q" * 290))
        #: What is open, the oldest first.
        self.opened: list[Open] = []

    async def open(self, count: int) -> None:
        """So many open invoices more."""
        fresh = [self._open() for _ in range(count)]
        await self._write(map(self._open_row, fresh))
        self.opened += fresh

    async def boards(self, count: int, *, seats: int) -> None:
        """So many open boards, in groups of a few; of the seats some are paid, and some payable."""
        made = [self._board(number, seats) for number in range(count)]
        opened = await self._store()
        try:
            while some := made[:BOARDS_AT_ONCE]:
                made = made[BOARDS_AT_ONCE:]
                await opened.do(_add_boards, some)
        finally:
            await opened.close()

    async def requested(self, chat: Chat) -> None:
        """A command that a crash interrupted before the node knew of it."""
        preimage = secrets.token_bytes(32)
        said = self._telegram.new_message(chat, chat.person, text=f"/invoice {SATS} pizza")
        row = self._asked(chat, said.id) | {
            "node_id": "",
            "asked_at": time.time(),
            "state": State.PENDING,
            "preimage": preimage,
            "payment_hash": hashlib.sha256(preimage).digest(),
            "due_at": time.time(),
        }
        await self._do(lambda tx: tx.invoices.add(**row))

    async def record(self, paid: Sequence[Open]) -> None:
        """The bot heard of these payments, and got no further."""
        now = time.time()

        def job(tx: Tx) -> None:
            for each in paid:
                invoice = each.invoice
                tx.nodes.settle(
                    invoice.payment_hash,
                    now=now,
                    state=State.SETTLED,
                    paid_msat=invoice.paid_msat,
                    settle_index=invoice.settle_index,
                    settled_at=invoice.settled_at,
                )

        await self._do(job)

    async def done(self, count: int) -> None:
        """So many that are over, of every kind, and told."""
        await self._write(self._done_row(number, count) for number in range(count))

    async def one_paid(self) -> None:
        """The newest payment, which the node has too: from there it replays what came since."""
        invoice = self._node.add_invoice(SATS * 1000)
        self._node.pay(invoice.payment_request)
        row = self._done_row(0, 1) | {
            "state": State.SETTLED,
            "payment_hash": invoice.payment_hash,
            "settle_index": invoice.settle_index,
            "settled_at": invoice.settled_at,
        }
        await self._write([row])
        cursor = Cursor(invoice.settle_index, invoice.payment_hash, invoice.settled_at)
        await self._do(_set_cursor, self._node_id, cursor, time.time())

    def pay(self, count: int) -> list[Open]:
        """Somebody pays the oldest open ones."""
        paid, self.opened = self.opened[:count], self.opened[count:]
        for each in paid:
            self._node.pay(each.invoice.payment_request)
        return paid

    # a row

    def _open(self, chat: Chat | None = None) -> Open:
        chat = chat or next(self._chats)
        chat.started = True
        telegram = self._telegram
        invoice = self._node.add_invoice(SATS * 1000, memo="pizza", expiry_s=EXPIRY_S)
        # Not `say`: the bot is not to hear of it.
        said = telegram.new_message(chat, chat.person, text=f"/invoice {SATS} pizza")
        card = telegram.new_message(
            chat,
            chat.bot,
            text=invoice.payment_request,
            photo=self._picture,
            reply_to=said,
        )
        return Open(invoice, said, card)

    def _open_row(self, each: Open) -> dict[str, Any]:
        return self._asked(each.said.chat, each.said.id) | {
            "asked_at": each.invoice.created_at,
            "state": State.OPEN,
            "payment_hash": each.invoice.payment_hash,
            "payment_request": each.invoice.payment_request,
            "add_index": each.invoice.add_index,
            "expires_at": each.invoice.expires_at,
            "card_id": each.card.id,
            "card_shown": Face.OPEN,
        }

    def _done_row(self, number: int, count: int) -> dict[str, Any]:
        ended_at = int(time.time() - DAY_S - DAYS * DAY_S * (count - number) / count)
        state = (State.SETTLED, State.SETTLED, State.EXPIRED, State.CANCELLED)[number % 4]
        message_id = -2 * next(self._numbers)  # no message of the chats' has it
        paid = state is State.SETTLED
        return self._asked(next(self._chats), message_id) | {
            "asked_at": ended_at - 60,
            "state": state,
            "payment_hash": secrets.token_bytes(32),
            "payment_request": "lnsb210n1p" + "q" * 300,
            "add_index": number + 1,
            "expires_at": ended_at,
            "settle_index": number + 1 if paid else 0,
            "settled_at": ended_at if paid else 0,
            "paid_msat": SATS * 1000 if paid else 0,
            "card_id": message_id + 1,
            "card_shown": Face.PAID if paid else Face(state),
            "announced": paid,
        }

    def _asked(self, chat: Chat, message_id: int) -> dict[str, Any]:
        assert chat.person is not None
        return {
            "node_id": self._node_id,
            "origin_chat_id": chat.id,
            "origin_message_id": message_id,
            "bot_id": self._bot_id,
            "chat_id": chat.id,
            "reply_to": message_id,
            "asker_id": chat.person.id,
            "asker_name": chat.person.first_name,
            "amount_msat": SATS * 1000,
            "memo": "pizza",
            "expiry_s": EXPIRY_S,
        }

    # a board

    def _board(self, number: int, seats: int) -> tuple[BoardColumns, list[Seat], list[Part]]:
        """Its columns and seats, and what is kept of its parts, by the seat's number."""
        if number % BOARDS_A_GROUP == 0:
            chats = itertools.islice(self._chats, seats)
            self._people = [chat.person for chat in chats if chat.person is not None]
            self._group = self._telegram.add_group(f"Group {number}", self._people)
        group, people = self._group, self._people
        asker = people[0]
        said = self._telegram.new_message(group, asker, text=f"/split {SATS * seats}/{seats}")
        shown = self._telegram.new_message(group, self._telegram.first_bot().user, text="a board")
        made, parts = [], []
        for place, person in enumerate(people, 1):
            is_taken = place <= PAID_SEATS + PAYABLE_SEATS
            part = self._part(group, said.id, place, person) if is_taken else None
            if part is not None:
                parts.append(part)
            made.append(
                Seat(
                    number=place,
                    amount_msat=SATS * 1000,
                    person_id=person.id if is_taken else 0,
                    name=person.first_name if is_taken else "",
                    token=secrets.token_urlsafe(16) if is_taken else "",
                    part=None if part is None else Invoice(id=place, **part),
                )
            )
        now = time.time()
        columns = board_changes(
            handle=secrets.token_urlsafe(12),
            origin_chat_id=group.id,
            origin_message_id=said.id,
            bot_id=self._bot_id,
            chat_id=group.id,
            reply_to=said.id,
            asker_id=asker.id,
            asker_name=asker.first_name,
            chat_title=group.title or "",
            asked_at=now - DAY_S,
            sum_msat=SATS * 1000 * seats,
            memo="pizza",
            ends_at=now - DAY_S + LIVES_S,
            card_id=shown.id,
            shown_at=now - DAY_S,
        )
        board = Board(id=0, seats=tuple(made), **columns)
        board = replace(board, shown=board.face)
        step = next_board_step(board, AS_READ, now)
        assert step.do is Do.WAIT, step
        rests = board_resting(board, step, AS_READ, now)
        return board_changes(**columns, **rests, shown=board.shown), made, parts

    def _part(self, group: Chat, said_id: int, seat: int, person: User) -> Part:
        """One that is paid, or that the node has open and whose card is in that person's chat."""
        chat = self._telegram.private_chat(person)
        if seat <= PAID_SEATS:
            part = self._done_row(0, 1) | {"state": State.SETTLED, "paid_msat": SATS * 1000}
            part |= {"card_shown": Face.PAID, "announced": True, "settle_index": 1}
        else:
            part = self._open_row(self._open(chat))
        own = {"asker_id": person.id, "asker_name": person.first_name, "chat_id": chat.id}
        return part | own | {"origin_chat_id": group.id, "origin_message_id": said_id, "part": seat}

    # the database

    async def _write(self, many: Iterable[dict[str, Any]]) -> None:
        opened = await self._store()
        every = map(_at_rest, many)
        try:
            while some := list(itertools.islice(every, ROWS_AT_ONCE)):
                await opened.do(_insert, some)
        finally:
            await opened.close()

    async def _do(self, job: Callable[..., object], *values: Any) -> None:
        opened = await self._store()
        try:
            await opened.do(job, *values)
        finally:
            await opened.close()

    async def _store(self) -> Store:
        opened = await Store.open(f"sqlite:///{self._database}")
        await opened.do(_begin, self._bot_id, time.time())
        return opened


def _at_rest(columns: dict[str, Any]) -> dict[str, Any]:
    """The whole row, as the bot leaves it when there is nothing to do."""
    row = Invoice(id=0, **columns)
    now = time.time()
    step = next_step(row, AS_READ, now)
    assert step.do in RESTS, step
    row = replace(row, **resting(row, step, AS_READ, now))
    kept = {name: getattr(row, name) for name in rows.COLUMNS if name != "id"}
    return rows.packed(**kept)


def _add_boards(tx: Tx, some: Sequence[tuple[BoardColumns, list[Seat], list[Part]]]) -> None:
    for columns, seats, parts in some:
        board = tx.boards.add(seats, **columns)
        _insert(tx, [_at_rest(part | {"board_id": board.id}) for part in parts])
        tx.boards.update(board.id, due_at=columns["due_at"], lane=columns["lane"])


def _set_cursor(tx: Tx, node_id: str, cursor: Cursor, now: float) -> None:
    tx.nodes.set_cursor(node_id, cursor, now)


def _begin(tx: Tx, bot_id: int, now: float) -> None:
    tx.bots.begin(bot_id, now)


def _insert(tx: Tx, kept: Sequence[dict[str, Any]]) -> None:
    """Many at a stroke: the store's own way takes a minute for a hundred thousand."""
    tx.invoices._connection.execute(sa.insert(tables.invoices), kept)
