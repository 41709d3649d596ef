"""One row, or those of one person or chat: found, added, changed. Prepared statements only.

A statement is put together once: that costs more than what SQLite does for it.
"""

from __future__ import annotations

import functools
from typing import Any, Unpack

import sqlalchemy as sa

from bot.core import work
from bot.core.invoice import Columns, Invoice, State
from bot.core.work import Lane
from bot.store.noun import ALL, AT_THE_NODE, COUNTED_BY_CHAT, ROWS, Noun, touch
from bot.store.rows import COLUMNS, DEFAULTS, packed
from bot.store.tables import invoices

_c = invoices.c
_CHAT: sa.BindParameter[int] = sa.bindparam("chat")
_MESSAGE: sa.BindParameter[int] = sa.bindparam("message")
_BOT: sa.BindParameter[int] = sa.bindparam("bot")


def _newest(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return ROWS.where(*conditions).order_by(_c.id.desc()).limit(1)


_BY_ID = ROWS.where(_c.id == sa.bindparam("row_id"))
_BY_HASH = ROWS.where(_c.payment_hash == sa.bindparam("payment_hash"))
_BY_ORIGIN = ROWS.where(
    _c.origin_chat_id == _CHAT,
    _c.origin_message_id == _MESSAGE,
    _c.part == sa.bindparam("part"),
    _c.renewal == sa.bindparam("renewal"),
    _c.bot_id == _BOT,
)
_ANSWERED = _newest(_c.chat_id == _CHAT, _c.reply_to == _MESSAGE, _c.origin_message_id != _MESSAGE)
_FOLLOWED = _newest(_c.chat_id == _CHAT, _c.reply_to == _MESSAGE, _c.board_id > 0)
#: A row by each of its messages: its card, the payment request, a copy of the card, the command.
_BY_MESSAGE = (
    _newest(_c.chat_id == _CHAT, _c.card_id == _MESSAGE),
    _newest(_c.chat_id == _CHAT, _c.payment_request_id == _MESSAGE),
    _newest(
        _c.chat_id == _CHAT,
        _c.duplicates != "",
        (" " + _c.duplicates).contains(sa.bindparam("copy")),
    ),
    _newest(
        _c.origin_chat_id == _CHAT,
        _c.origin_message_id == _MESSAGE,
        _c.board_id == 0,  # that command's message is the board's
        (_c.bot_id == _BOT) | (_c.origin_chat_id < COUNTED_BY_CHAT),
    ),
)
_QUESTION = _newest(
    _c.chat_id == _CHAT,
    _c.state == State.ASKING,
    _c.thread_id.is_not_distinct_from(sa.bindparam("thread")),
    _c.asker_id == sa.bindparam("asker"),
)
_LATEST = (
    ROWS.where(_c.asker_id == sa.bindparam("asker"), _c.amount_msat.is_not(None))
    .order_by(_c.asked_at.desc(), _c.id.desc())
    .limit(sa.bindparam("most"))
)
_LATEST_IN_CHAT = _LATEST.where(_c.chat_id == _CHAT)
_COUNT = sa.select(sa.func.count()).select_from(invoices)
_ASKED_SINCE = _COUNT.where(
    _c.asker_id == sa.bindparam("asker"),
    _c.asked_at.between(sa.bindparam("since"), sa.bindparam("until")),
    _c.id.is_distinct_from(sa.bindparam("but_row")),
)
# One that has expired takes nobody's place, though its node cannot say so.
_OPEN_IN_CHAT = _COUNT.where(_c.chat_id == _CHAT, AT_THE_NODE, sa.not_(_c.unconfirmed))
_OPEN_OF_MEMBER = _OPEN_IN_CHAT.where(_c.asker_id == sa.bindparam("asker"))
_ADD = sa.insert(invoices).returning(*ALL)


@functools.lru_cache(maxsize=256)
def _update_of(names: tuple[str, ...], expected: tuple[str, ...] = ()) -> sa.Executable:
    still = [_c[name].is_not_distinct_from(sa.bindparam(f"old_{name}")) for name in expected]
    return (
        sa.update(invoices)
        .where(_c.id == sa.bindparam("row_id"), *still)
        .values({name: sa.bindparam(f"new_{name}") for name in names})
        .returning(*ALL)
    )


class Invoices(Noun):
    """The rows. Times in Unix seconds, amounts in millisatoshi."""

    def get(self, row_id: int) -> Invoice | None:
        """The row with this number."""
        return self._one(_BY_ID, row_id=row_id)

    def get_if(self, row_id: int, expected: Columns) -> Invoice | None:
        """The row with this number, if these columns are still so."""
        row = self.get(row_id)
        if row is None or any(getattr(row, name) != value for name, value in expected.items()):
            return None
        return row

    def by_hash(self, payment_hash: bytes) -> Invoice | None:
        """The row with this payment hash."""
        return self._one(_BY_HASH, payment_hash=payment_hash)

    def by_origin(
        self, chat_id: int, message_id: int, part: int = 0, renewal: int = 0, *, bot_id: int = 0
    ) -> Invoice | None:
        """The row that this command to this bot made: its `part`, and which renewal of that."""
        origin = {"chat": chat_id, "message": message_id, "part": part, "renewal": renewal}
        return self._one(_BY_ORIGIN, **origin, bot=bot_id)

    def by_message(self, chat_id: int, message_id: int, *, bot_id: int = 0) -> Invoice | None:
        """The row that one of these messages belongs to: its card's, or the command's.

        `bot_id`: the bot that counts them.
        """
        copy = f" {message_id}:"
        values = {"chat": chat_id, "message": message_id, "copy": copy, "bot": bot_id}
        found = (self._one(statement, **values) for statement in _BY_MESSAGE)
        return next((row for row in found if row is not None), None)

    def answered(self, chat_id: int, message_id: int) -> Invoice | None:
        """The row whose question this message answered."""
        return self._one(_ANSWERED, chat=chat_id, message=message_id)

    def followed(self, chat_id: int, message_id: int) -> Invoice | None:
        """The part of a board that this message's link brought."""
        return self._one(_FOLLOWED, chat=chat_id, message=message_id)

    def question(self, chat_id: int, thread_id: int | None, asker_id: int) -> Invoice | None:
        """The newest question that waits for this person's answer here."""
        return self._one(_QUESTION, chat=chat_id, thread=thread_id, asker=asker_id)

    def add(self, **columns: Unpack[Columns]) -> tuple[Invoice, bool]:
        """A new row, and True; or the one that its origin has already, and False.

        Columns without a default have to be given: `KeyError` names the first that is not.
        """
        kept = DEFAULTS | packed(**columns)
        there = self.by_origin(
            kept["origin_chat_id"],
            kept["origin_message_id"],
            kept["part"],
            kept["renewal"],
            bot_id=kept["bot_id"],
        )
        if there is not None:
            return there, False
        added = self._one(_ADD, **{name: kept[name] for name in COLUMNS if name != "id"})
        assert added is not None  # noqa: S101 -- the database returns what it has inserted
        if added.board_id:
            touch(self._connection, added.board_id)
        return added, True

    def update(self, row_id: int, **columns: Unpack[Columns]) -> Invoice:
        """Set these columns; the row as it is then. The row has to be there."""
        row = self.update_if(row_id, {}, **columns)
        if row is None:
            raise LookupError(f"no row {row_id}")
        return row

    def update_if(
        self, row_id: int, expected: Columns, **columns: Unpack[Columns]
    ) -> Invoice | None:
        """Set these columns, if those of `expected` are still so; the row as it is then."""
        values = {f"new_{name}": value for name, value in packed(**columns).items()}
        values |= {f"old_{name}": value for name, value in packed(**expected).items()}
        statement = _update_of(tuple(columns), tuple(expected))
        row = self._one(statement, row_id=row_id, **values)
        if row is not None and row.board_id and "state" in columns:
            is_paid = columns["state"] is State.SETTLED
            touch(self._connection, row.board_id, is_paid=is_paid)
        return row

    def want_cancelled(self, row: Invoice, now: float, *, by: str = "") -> Invoice:
        """Want an invoice cancelled that may be paid; one of another node once that is back.

        `by`: who wants it, where that is not its asker.
        """
        due = work.wanted(now, Lane.CANCELLATION)
        if row.lane is Lane.OTHER_NODE:
            due = {**due, **work.set_aside(row.due_at)}
        return self.update(row.id, cancel_wanted=True, cancelled_by=by, **due)

    def latest(self, asker_id: int, chat_id: int | None, limit: int) -> list[Invoice]:
        """The newest invoices that this person asked for, in one chat or in all."""
        if chat_id is None:
            return self._all(_LATEST, asker=asker_id, most=limit)
        return self._all(_LATEST_IN_CHAT, asker=asker_id, chat=chat_id, most=limit)

    def asked_since(
        self, asker_id: int, since: float, *, until: float = 1e12, but_row: int | None = None
    ) -> int:
        """How many invoices this person has asked for since then, unanswered questions too."""
        asked = {"asker": asker_id, "since": since, "until": until, "but_row": but_row}
        return self._connection.execute(_ASKED_SINCE, asked).scalar_one()

    def is_known(self, chat_id: int) -> bool:
        """Whether somebody has asked for an invoice in this chat."""
        statement = sa.select(sa.literal(1)).where(invoices.c.chat_id == chat_id).limit(1)
        return self._connection.execute(statement).first() is not None

    def open_in_chat(self, chat_id: int, *, of: int | None = None) -> int:
        """How many invoices of this chat, or `of` one person there, are open or on their way."""
        if of is not None:
            named = {"chat": chat_id, "asker": of}
            return self._connection.execute(_OPEN_OF_MEMBER, named).scalar_one()
        return self._connection.execute(_OPEN_IN_CHAT, {"chat": chat_id}).scalar_one()
