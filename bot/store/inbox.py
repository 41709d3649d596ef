"""Updates that Telegram has delivered by the webhook, until they are handled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from bot.store.noun import Noun
from bot.store.tables import inbox

#: What `Store.notify` and `Store.listen` call it.
INBOX = "inbox"

#: Updates that are read at once, as many as in one answer to getUpdates.
BATCH = 100
#: Where more than that wait: of how many chats, and how many of each.
CHATS = 25
OF_A_CHAT = BATCH // CHATS

_i = inbox.c
_MINE = _i.bot_id == sa.bindparam("bot")
_READ = sa.select(_i.update_id, _i.chat_id, _i.raw)
_OLDEST = _READ.where(_MINE).order_by(_i.update_id).limit(BATCH)
# both databases have it, and SQLAlchemy has it twice, under two names
_PUT = sa.text(
    "INSERT INTO inbox (bot_id, update_id, chat_id, raw, received_at)"
    " VALUES (:bot_id, :update_id, :chat_id, :raw, :received_at) ON CONFLICT DO NOTHING"
)


def _in_turns() -> sa.Select[Any]:
    """A few of each of a few chats, from one chat on. Each chat costs a look into the index."""

    def next_after(chat_id: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
        other = inbox.alias()
        later = (other.c.bot_id == sa.bindparam("bot"), other.c.chat_id > chat_id)
        return sa.select(sa.func.min(other.c.chat_id)).where(*later).scalar_subquery()

    first = sa.select(next_after(sa.bindparam("after", type_=sa.BigInteger)).label("chat_id"))
    turns = first.cte("turns", recursive=True)
    turns = turns.union_all(
        sa.select(next_after(turns.c.chat_id)).where(turns.c.chat_id.is_not(None))
    )
    some = sa.select(turns.c.chat_id).limit(CHATS).subquery()
    each = inbox.alias()
    first_beyond = (
        sa.select(each.c.update_id)
        .where(each.c.bot_id == sa.bindparam("bot"), each.c.chat_id == some.c.chat_id)
        .order_by(each.c.update_id)
        .offset(OF_A_CHAT)
        .limit(1)
        .correlate(some)
        .scalar_subquery()
    )
    return (
        _READ.join_from(some, inbox, some.c.chat_id == _i.chat_id)
        .where(_MINE, sa.or_(first_beyond.is_(None), _i.update_id < first_beyond))
        .order_by(_i.update_id)
    )


_IN_TURNS = _in_turns()


class Delivered(NamedTuple):
    """An update as Telegram wrote it, in JSON; `chat_id` keeps it in order, 0 for none."""

    update_id: int
    chat_id: int
    raw: str


class Inbox(Noun):
    """Updates of bots, each by its number. Times in Unix seconds."""

    def put(self, bot_id: int, update: Delivered, received_at: float) -> None:
        """Keep an update; one that is there already stays as it is."""
        self._connection.execute(
            _PUT, {"bot_id": bot_id, "received_at": received_at, **update._asdict()}
        )

    def next(self, bot_id: int, *, done: Sequence[int], after: int) -> list[Delivered]:
        """Remove what is `done`; then the oldest of this bot's, in the order of their numbers.

        Where more than a batch wait, each chat gets its turn: the first few of each of those that
        follow the chat `after`, or begin again from the lowest.
        """
        self.remove(bot_id, done)
        found = self._read(_OLDEST, bot=bot_id)
        if len(found) < BATCH:
            return found
        # At the end of the chats they begin again: no id is lower.
        return self._read(_IN_TURNS, bot=bot_id, after=after) or self._read(
            _IN_TURNS, bot=bot_id, after=-(2**63)
        )

    def remove(self, bot_id: int, done: Iterable[int]) -> None:
        """These were handled."""
        numbers = list(done)
        if numbers:
            self._connection.execute(
                sa.delete(inbox).where(_i.bot_id == bot_id, _i.update_id.in_(numbers))
            )

    def count(self) -> int:
        """How many wait, of whichever bot."""
        return self._connection.execute(sa.select(sa.func.count()).select_from(inbox)).scalar_one()

    def prune(self, bot_id: int, before: float) -> None:
        """Forget what came before then for another bot: nobody handles it here."""
        others = (_i.bot_id != bot_id, _i.received_at < before)
        self._connection.execute(sa.delete(inbox).where(*others))

    def _read(self, statement: sa.Select[Any], **values: int) -> list[Delivered]:
        return [Delivered(*row) for row in self._connection.execute(statement, values)]
