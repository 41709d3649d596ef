"""Who asks to be let in, and what each reader was shown of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from bot.core.knocks import ASKER, MORE, Due, Knock, KnockState
from bot.store.noun import COUNTED_BY_CHAT, Noun
from bot.store.tables import knock_messages, knocks

_k = knocks.c
_m = knock_messages.c
_NAMES = tuple(column.name for column in _k)
_ALL = sa.select(*_k)


def _read(row: Any) -> Knock:
    values = dict(zip(_NAMES, row, strict=False))
    return Knock(**{**values, "state": KnockState(str(values["state"]))})


class Knocks(Noun):
    """Knocks, newest first where there are many. Times in Unix seconds."""

    def add(self, knock: Knock, readers: Iterable[int]) -> Knock:
        """A new one, whose `id` is drawn here; each reader is still to be shown it.

        The chat in which it was asked knows that it is open.
        """
        values = {name: getattr(knock, name) for name in _NAMES if name != "id"}
        values["state"] = str(knock.state)
        made = self._connection.execute(sa.insert(knocks).values(**values))
        number = made.inserted_primary_key[0] if made.inserted_primary_key else 0
        for reader_id in readers:
            self._put_message(number, reader_id, shown="")
        if not knock.is_more:
            self._put_message(number, ASKER, shown=KnockState.OPEN)
        found = self._one_knock(_k.id == number)
        assert found is not None  # noqa: S101 -- it was just written
        return found

    def by_handle(self, handle: str) -> Knock | None:
        """The one that a button names."""
        return self._one_knock(_k.handle == handle)

    def newest_of(self, person_id: int) -> Knock | None:
        """The latest knock of a person, or of a group as itself."""
        return self._one_knock(_k.person_id == person_id)

    def open(self) -> list[Knock]:
        """Those without an answer."""
        statement = _ALL.where(_k.state == KnockState.OPEN, _k.person_id != MORE)
        return [_read(row) for row in self._connection.execute(_newest_first(statement))]

    def add_reader(self, reader_id: int, *, of: int | None = None) -> None:
        """An owner is to be shown all open knocks that owners are told of, or one by its number.

        What they were shown, or were to be, stays as it is.
        """
        those = (_k.state == KnockState.OPEN, _k.told, _k.person_id != MORE)
        is_theirs = sa.exists().where(_m.knock_id == _k.id, _m.reader_id == reader_id)
        which = sa.and_(*those) if of is None else _k.id == of
        new = sa.select(
            _k.id, sa.literal(reader_id), sa.cast(sa.null(), sa.BigInteger), sa.literal("")
        ).where(which, ~is_theirs)
        names = ["knock_id", "reader_id", "message_id", "shown"]
        self._connection.execute(sa.insert(knock_messages).from_select(names, new))

    def drop_reader(self, knock_id: int, reader_id: int) -> None:
        """This one is shown no more of it."""
        here = (_m.knock_id == knock_id) & (_m.reader_id == reader_id)
        self._connection.execute(sa.delete(knock_messages).where(here))

    def count_unsent(self, reader_id: int, *, after: int) -> int:
        """How many newer open knocks than this number the reader is still to be sent."""
        statement = (
            sa.select(sa.func.count())
            .select_from(knock_messages)
            .join(knocks, _m.knock_id == _k.id)
            .where(_m.reader_id == reader_id, _m.knock_id > after, _m.message_id.is_(None))
            .where(_m.shown == "", _k.state == KnockState.OPEN, _k.person_id != MORE)
        )
        return self._connection.execute(statement).scalar_one()

    def answer(self, ids: Collection[int], state: KnockState, by: str, now: float) -> None:
        """What became of them."""
        columns = {"state": str(state), "answered_by": by, "answered_at": now}
        self._connection.execute(sa.update(knocks).where(_k.id.in_(ids)).values(**columns))

    def due(self) -> list[Due]:
        """Who was shown something else than what is so, the oldest first."""
        statement = (
            sa.select(*_k, _m.reader_id, _m.message_id)
            .join(knock_messages, _m.knock_id == _k.id)
            .where(_m.shown != _k.state)
            .order_by(_k.id, _m.reader_id)
        )
        return [
            Due(_read(row), row.reader_id, row.message_id)
            for row in self._connection.execute(statement)
        ]

    def message_of(self, knock_id: int, reader_id: int) -> int | None:
        """The number of the message that this reader has of it."""
        here = (_m.knock_id == knock_id) & (_m.reader_id == reader_id)
        statement = sa.select(_m.message_id).where(here)
        return self._connection.execute(statement).scalar_one_or_none()

    def name_group(self, knock_id: int, asked: Knock) -> None:
        """It was asked in private, and asks for this group as well; the answer goes there.

        Owners who have a message of it are shown that.
        """
        columns = {
            "chat_id": asked.chat_id,
            "chat_title": asked.chat_title,
            "thread_id": asked.thread_id,
            "reply_to": asked.reply_to,
        }
        self._connection.execute(sa.update(knocks).where(_k.id == knock_id).values(**columns))
        have_it = (_m.knock_id == knock_id) & _m.message_id.is_not(None)
        self._connection.execute(sa.update(knock_messages).where(have_it).values(shown=""))

    def show(self, knock_id: int, reader_id: int, shown: str, message_id: int | None) -> None:
        """This reader was shown this state, or can't be; "": they are to be shown what is so."""
        here = (_m.knock_id == knock_id) & (_m.reader_id == reader_id)
        columns = {"shown": str(shown), "message_id": message_id}
        self._connection.execute(sa.update(knock_messages).where(here).values(**columns))

    def pass_over(self, ids: Collection[int], reader_id: int, shown: KnockState) -> None:
        """This reader needs to be shown nothing of these."""
        here = _m.knock_id.in_(ids) & (_m.reader_id == reader_id)
        statement = sa.update(knock_messages).where(here).values(shown=str(shown))
        self._connection.execute(statement)

    def void(self) -> None:
        """Another bot's messages: what is open is sent again, the rest is as it is.

        What it replied to is only still the same where the chat counts its messages for everybody.
        """
        is_open = sa.exists().where(_k.id == _m.knock_id, _k.state == KnockState.OPEN)
        owners = _m.reader_id != ASKER
        self._connection.execute(sa.update(knock_messages).values(message_id=None))
        self._connection.execute(sa.update(knock_messages).where(owners, is_open).values(shown=""))
        its_own = _k.chat_id > COUNTED_BY_CHAT
        self._connection.execute(sa.update(knocks).where(its_own).values(reply_to=None))

    def prune(self, before: float, *, keep_open: int, keep_groups: int, told_since: float) -> None:
        """Forget those of before then, and of those without an answer all but the newest.

        Of these few are groups' own. Those that owners are told of since `told_since` are kept all
        the same: there are few. An answer keeps as long as if it had been asked then.
        """
        is_old = sa.and_(_k.asked_at < before, _k.answered_at < before)
        too_many = self._open_beyond(keep_open)
        is_new = sa.and_(_k.told, _k.asked_at > told_since)
        too_many_groups = self._open_beyond(keep_groups, _k.person_id < 0)
        old = sa.or_(is_old, sa.and_(_k.id.in_(too_many), ~is_new), _k.id.in_(too_many_groups))
        ids = list(self._connection.execute(sa.select(_k.id).where(old)).scalars())
        if ids:
            self._connection.execute(sa.delete(knock_messages).where(_m.knock_id.in_(ids)))
            self._connection.execute(sa.delete(knocks).where(_k.id.in_(ids)))

    def _open_beyond(self, keep: int, *here: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
        """Those without an answer but for the newest so many."""
        is_open = (_k.state == KnockState.OPEN, _k.person_id != MORE, *here)
        return sa.select(_k.id).where(*is_open).order_by(_k.id.desc()).offset(keep)

    def _one_knock(self, *here: sa.ColumnElement[bool]) -> Knock | None:
        row = self._connection.execute(_newest_first(_ALL.where(*here)).limit(1)).first()
        return None if row is None else _read(row)

    def _put_message(self, knock_id: int, reader_id: int, *, shown: str) -> None:
        values = {"knock_id": knock_id, "reader_id": reader_id, "shown": str(shown)}
        self._connection.execute(sa.insert(knock_messages).values(**values))


def _newest_first(statement: sa.Select[tuple[object, ...]]) -> sa.Select[tuple[object, ...]]:
    return statement.order_by(_k.id.desc())
