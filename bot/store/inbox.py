"""Updates that Telegram has delivered by the webhook, until they are handled."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from bot.store.noun import Noun
from bot.store.tables import handled, inbox

#: What `Store.notify` and `Store.listen` call it.
INBOX = "inbox"

#: Updates that are read at once, as many as in one answer to getUpdates.
BATCH = 100
#: Where more than that wait: of how many chats at once, each with as many as the others.
CHATS = 25
#: As many are counted: more is only more of the same, and each takes time.
COUNTED = 10_000
_LOWEST = -(2**63)

_i = inbox.c
_MINE = _i.bot_id == sa.bindparam("bot")
_READ = sa.select(_i.update_id, _i.chat_id, _i.raw, _i.received_at)
_OLDEST = _READ.where(_MINE).order_by(_i.update_id).limit(BATCH)
# both databases have it, and SQLAlchemy has it twice, under two names
_PUT = sa.text(
    "INSERT INTO inbox (bot_id, update_id, chat_id, raw, received_at)"
    " VALUES (:bot_id, :update_id, :chat_id, :raw, :received_at) ON CONFLICT DO NOTHING"
)
_NOTE_HANDLED = sa.text(
    "INSERT INTO handled (bot_id, update_id, received_at)"
    " SELECT bot_id, update_id, received_at FROM inbox"
    " WHERE bot_id = :bot AND update_id IN :numbers ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("numbers", expanding=True))

_OF_A_CHAT = (
    _READ.where(_MINE, _i.chat_id == sa.bindparam("chat"))
    .order_by(_i.update_id)
    .limit(sa.bindparam("most"))
)


def _next_chats() -> sa.Select[Any]:
    """A few chats with updates, the lowest after one. Each costs a look into the index."""

    def next_after(chat_id: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
        other = inbox.alias()
        later = (other.c.bot_id == sa.bindparam("bot"), other.c.chat_id > chat_id)
        return sa.select(sa.func.min(other.c.chat_id)).where(*later).scalar_subquery()

    first = sa.select(next_after(sa.bindparam("after", type_=sa.BigInteger)).label("chat_id"))
    turns = first.cte("turns", recursive=True)
    further = sa.select(next_after(turns.c.chat_id)).where(turns.c.chat_id.is_not(None))
    turns = turns.union_all(further)
    return sa.select(turns.c.chat_id).limit(CHATS)


_NEXT_CHATS = _next_chats()


_COUNT = sa.select(sa.func.count()).select_from(
    sa.select(_i.update_id).where(_MINE).limit(COUNTED).subquery()
)


class Delivered(NamedTuple):
    """An update as Telegram wrote it, in JSON; `chat_id` keeps it in order, 0 for none.

    `received_at`: when it was put in, in Unix seconds.
    """

    update_id: int
    chat_id: int
    raw: str
    received_at: float


class Batch(NamedTuple):
    """What is handled next, in the order of numbers; `after`: the chat that has its turn last.

    `is_all`: no others wait.
    """

    updates: list[Delivered]
    after: int
    is_all: bool


class Inbox(Noun):
    """Updates of bots, each by its number. Times in Unix seconds."""

    def put(self, bot_id: int, update: Delivered) -> None:
        """Keep an update; one that is there already stays as it is, one that was goes by `next`."""
        self._connection.execute(_PUT, {"bot_id": bot_id, **update._asdict()})

    def next(self, bot_id: int, *, done: Sequence[int], after: int) -> Batch:
        """Remove what is `done`, and late copies of it; then the oldest of this bot's.

        Where more than a batch wait, chats have their turns: the first few of each of those that
        follow the chat `after`, and from the lowest again.
        """
        self.remove(bot_id, done)
        batch = self._next(bot_id, after)
        while late := self._handled(bot_id, batch.updates):
            self.remove(bot_id, late)
            batch = self._next(bot_id, after)
        return batch

    def _next(self, bot_id: int, after: int) -> Batch:
        found = self._read(_OLDEST, bot=bot_id)
        if len(found) < BATCH:
            return Batch(found, after, is_all=True)
        turns = self._chats(bot_id, after)
        if len(turns) < CHATS:  # no id is lower than the lowest
            again = [chat_id for chat_id in self._chats(bot_id, _LOWEST) if chat_id <= after]
            turns += again[: CHATS - len(turns)]
        most = BATCH // len(turns)
        each = (self._read(_OF_A_CHAT, bot=bot_id, chat=chat_id, most=most) for chat_id in turns)
        updates = sorted(itertools.chain.from_iterable(each))
        return Batch(updates, turns[-1], is_all=False)

    def _handled(self, bot_id: int, updates: Iterable[Delivered]) -> list[int]:
        """Those that were handled: late copies, of a process that stood still meanwhile."""
        numbers = [each.update_id for each in updates]
        if not numbers:
            return []
        here = (handled.c.bot_id == bot_id, handled.c.update_id.in_(numbers))
        found = self._connection.execute(sa.select(handled.c.update_id).where(*here))
        return [*found.scalars()]

    def remove(self, bot_id: int, done: Iterable[int]) -> None:
        """These were handled: they are known by their numbers until `prune`."""
        numbers = list(done)
        if numbers:
            self._connection.execute(_NOTE_HANDLED, {"bot": bot_id, "numbers": numbers})
            self._connection.execute(
                sa.delete(inbox).where(_i.bot_id == bot_id, _i.update_id.in_(numbers))
            )

    def waiting(self, bot_id: int) -> int:
        """How many of this bot's wait, up to `COUNTED`; that takes longer the more there are."""
        return self._connection.execute(_COUNT, {"bot": bot_id}).scalar_one()

    def count(self) -> int:
        """How many wait, of whichever bot."""
        return self._connection.execute(sa.select(sa.func.count()).select_from(inbox)).scalar_one()

    def prune(self, bot_id: int, before: float) -> None:
        """Forget what came before then for another bot, which nobody handles here, and what was
        handled."""
        others = (_i.bot_id != bot_id, _i.received_at < before)
        self._connection.execute(sa.delete(inbox).where(*others))
        self._connection.execute(sa.delete(handled).where(handled.c.received_at < before))

    def _chats(self, bot_id: int, after: int) -> list[int]:
        found = self._connection.execute(_NEXT_CHATS, {"bot": bot_id, "after": after}).scalars()
        return [chat_id for chat_id in found if chat_id is not None]

    def _read(self, statement: sa.Select[Any], **values: int) -> list[Delivered]:
        return [Delivered(*row) for row in self._connection.execute(statement, values)]
