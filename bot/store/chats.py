"""What became of chats: groups that have a new id, chats that cannot be reached; and their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bot.core import delivery, work
from bot.core.board import GOES_ON, BoardState
from bot.core.invoice import Face, State
from bot.core.work import Lane
from bot.store.agenda import LOST
from bot.store.noun import COUNTED_BY_CHAT, Noun
from bot.store.rows import BOARDS, packed
from bot.store.tables import boards, chats, hints, invoices

_c = invoices.c
_b = boards.c
#: Where only owners are still to be notified, the chat has seen it all.
_UNFINISHED = sa.or_(
    _c.state.in_([State.ASKING, State.PENDING, State.OPEN]),
    _c.due_at.is_not(None)
    & sa.not_((_c.state == State.SETTLED) & _c.announced & (_c.card_shown == Face.PAID)),
    _c.lane == Lane.UNREACHABLE,
)
_UNSEEN = (
    _c.lane == Lane.UNREACHABLE,
    _c.state == State.OPEN,
    _c.card_id.is_(None),
    _c.card_shown == Face.NOTHING,
    _c.unsure == packed(unsure=frozenset())["unsure"],
)
# What is shown of these stays true meanwhile, so they rest as ever.
_UNSENT = (
    _c.state == State.OPEN,
    _c.lane != Lane.OTHER_NODE,
    _c.card_id.is_(None) | _c.payment_request_separate & _c.payment_request_id.is_(None),
)
# By the state alone SQLite would read all that were ever paid.
_UNANNOUNCED = sa.and_(sa.func.coalesce(_c.state, "") == State.SETTLED, sa.not_(_c.announced))


def _either(
    condition: sa.ColumnElement[bool], these: Mapping[str, Any], others: Mapping[str, Any]
) -> dict[str, Any]:
    """`these` columns where it is so, else `others`; what only those name stays as it is."""
    return {
        name: sa.case((condition, these.get(name, _c[name])), else_=value)
        for name, value in others.items()
    }


class Chats(Noun):
    """Chats by Telegram's id. Times in Unix seconds."""

    def moves(self) -> dict[int, int]:
        """Groups' old ids → their new ones."""
        statement = sa.select(chats.c.chat_id, chats.c.moved_to).where(
            chats.c.moved_to.is_not(None)
        )
        return {row.chat_id: row.moved_to for row in self._connection.execute(statement)}

    def unreachable(self) -> set[int]:
        """Chats that the bot cannot write to until it hears of them."""
        statement = sa.select(chats.c.chat_id).where(chats.c.unreachable)
        return set(self._connection.execute(statement).scalars())

    def is_unreachable(self, chat_id: int) -> bool:
        """Whether the bot cannot write there."""
        statement = sa.select(chats.c.unreachable).where(chats.c.chat_id == chat_id)
        return bool(self._connection.execute(statement).scalar_one_or_none())

    def set_unreachable(self, chat_id: int, is_unreachable: bool, now: float) -> None:
        """Note whether a chat can be reached; where it can again, its rows are due.

        So are all payments that nobody could be told of: it may be somebody's private chat.
        """
        if is_unreachable and not self.is_unreachable(chat_id):
            self._put(hints, {"kind": LOST, "subject_id": chat_id}, {"said_at": now})
        self._put_chat(chat_id, unreachable=is_unreachable)
        if not is_unreachable:
            self._pass_over(now, _c.chat_id == chat_id)
            self._wake(now, sa.or_(_c.chat_id == chat_id, _UNANNOUNCED))
            self._write(packed(**work.reachable(now)), _c.chat_id == chat_id, *_UNSENT)
            self._wake_boards(now, chat_id)

    def reach_all(self, now: float) -> None:
        """Each that could not be reached counts as if it had been heard of."""
        for chat_id in self.unreachable():
            self.set_unreachable(chat_id, False, now)

    def wake_unannounced(self, now: float) -> None:
        """Payments that nobody could be told of are due: by now there may be other owners."""
        self._wake(now, _UNANNOUNCED)

    def _pass_over(self, now: float, here: sa.ColumnElement[bool]) -> None:
        """What expired here before anybody saw it counts as shown: nobody waits for its card.

        Where the node says that it was paid, that is shown.
        """
        # A row that rests here has nothing on its way: what it was marked for was not sent.
        shown = packed(card_shown=Face.EXPIRED, **delivery.overtaken())
        self._write(shown, here, *_UNSEEN, _c.expires_at < now)

    def _wake(self, now: float, *which: sa.ColumnElement[bool]) -> None:
        self._write(packed(**work.reachable(now)), _c.lane == Lane.UNREACHABLE, *which)

    def move(self, old: int, new: int, now: float) -> None:
        """A group has a new id. Old message ids are void there: what is open is shown afresh."""
        self._put_chat(old, moved_to=new)
        here = _c.chat_id == old
        self._void_messages(now, here)
        # The new group numbers its messages from 1: an old number may be somebody else's there.
        self._write(packed(chat_id=new, reply_to=None), here)
        self._void_boards(now, _b.chat_id == old)
        there = {"chat_id": new, "reply_to": None}
        moved = sa.update(boards).where(_b.chat_id == old).values(**there)
        self._connection.execute(moved)
        # An anonymous admin has the group's id.
        self._write(packed(asker_id=new), _c.asker_id == old)
        self._connection.execute(sa.update(boards).where(_b.asker_id == old).values(asker_id=new))

    def begin_again(self, now: float) -> int:
        """Another bot serves all chats: the messages of the one before are void.

        What is unfinished is shown afresh; how many of these are open. Where the one before was
        blocked or removed, this one may be welcome.
        """
        self._connection.execute(sa.update(chats).values(unreachable=False))
        self._wake(now)
        self._void_messages(now)
        self._void_boards(now)
        its_own = _b.chat_id > COUNTED_BY_CHAT
        self._connection.execute(sa.update(boards).where(its_own).values(reply_to=None))
        # In a supergroup the command that the card replied to has the same number for every bot.
        self._write(packed(reply_to=None), _c.chat_id > COUNTED_BY_CHAT)
        is_open = (_c.state == State.OPEN, _c.lane != Lane.OTHER_NODE)
        shown = sa.select(sa.func.count()).select_from(invoices).where(*is_open)
        return self._connection.execute(shown).scalar_one()

    def _void_messages(self, now: float, *here: sa.ColumnElement[bool]) -> None:
        """The messages of these rows can be edited no more: what is unfinished is shown afresh."""
        is_kept = _c.sending.in_(delivery.KEPT_IN_A_MOVE)
        is_other_nodes = _c.lane == Lane.OTHER_NODE
        self._write(
            packed(card_shown=Face.NOTHING, payment_request_shown=Face.NOTHING)
            | _either(is_kept, {}, packed(**delivery.overtaken()))
            | _either(is_other_nodes, packed(**work.set_aside(None)), packed(**work.moved(now))),
            _UNFINISHED,
            *here,
        )
        gone = packed(card_id=None, payment_request_id=None, duplicates={}, redraw_at=0.0)
        self._write(gone, *here)

    def _wake_boards(self, now: float, chat_id: int) -> None:
        """The boards of a chat are shown as they are; one that goes on waited for its end."""
        due = BOARDS.packed(work.reachable(now))
        goes_on = _b.state.in_(GOES_ON)
        waits = sa.or_(_b.lane == Lane.UNREACHABLE, goes_on)
        here = (_b.chat_id == chat_id, waits)
        self._connection.execute(sa.update(boards).where(*here).values(**due))

    def _void_boards(self, now: float, *here: sa.ColumnElement[bool]) -> None:
        """Boards that are unfinished are shown afresh; of the others nothing can be edited."""
        void: dict[str, Any] = {
            "card_id": None,
            "redraw_at": 0.0,
            "shown": "",
            "duplicates": {},
            "before_id": None,
            "move_wanted": False,
            **delivery.overtaken(),
        }
        afresh = BOARDS.packed({**void, **work.moved(now)})
        is_kept = _b.sending.in_(delivery.KEPT_IN_A_MOVE)
        afresh["sending"] = sa.case((is_kept, _b.sending), else_=afresh["sending"])
        # By the state alone SQLite would read all that were ever closed.
        is_closed = sa.func.coalesce(_b.state, "") == BoardState.CLOSED
        is_finished = sa.and_(is_closed, _b.announced)
        self._connection.execute(sa.update(boards).where(~is_finished, *here).values(**afresh))
        kept = ("card_id", "duplicates", "before_id", "move_wanted", *delivery.overtaken())
        gone = BOARDS.packed({name: void[name] for name in kept})
        self._connection.execute(sa.update(boards).where(is_finished, *here).values(**gone))

    def _put_chat(self, chat_id: int, **columns: Any) -> None:
        self._put(chats, {"chat_id": chat_id}, columns, new={"unreachable": False})
