"""Chats as places: which id each has now, and whether it can be reached. Knows no Telegram.

The one truth for both, kept in memory and in the store. A group that becomes a supergroup gets a
new id, and its old message numbers are void there. So are those of all chats where another bot
serves them. Where the bot was blocked or removed nothing is tried until the chat is heard of again,
or until a start after so long that Telegram has forgotten what there was to hear.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from bot import logs
from bot.clock import Lately
from bot.core.notices import Kind, Notice
from bot.store import Bell, Store, Tx

log = logs.get(__name__)

#: Seconds in which an answer may be older than what was heard of its chat.
WELCOME_S = 60.0
#: Seconds for which Telegram keeps what it could not deliver: a day.
FORGOTTEN_S = 86_400.0

P = ParamSpec("P")


class Places:
    """All chats. `load` comes first; every change is written before it is known here.

    `must`: wait until the database takes it. Without, `StoreUnavailable` is raised while it does
    not, which an update needs: it is delivered again.
    """

    def __init__(self, store: Store, clock: Callable[[], float], bell: Bell) -> None:
        self._store = store
        self._clock = clock
        self._bell = bell
        self._bot_id = 0
        self._not_met: set[int] = set()  # people who had not opened the bot when it started
        self._when_reached: list[Callable[[], None]] = []
        self._unreachable: set[int] = set()
        self._sealed: set[int] = set()  # of these, groups that take no edits either
        self._welcomed = Lately(WELCOME_S)  # chats that were just heard of
        self._now: dict[int, int] = {}  # of groups that moved: any id → the present one
        self._ids: dict[int, frozenset[int]] = {}  # of the same: any id → all of them

    async def load(self) -> None:
        """Read what is known from earlier processes, as soon as that can be read."""
        moves, unreachable, self._bot_id = await self._store.must(_known, self._clock())
        for old, new in moves.items():
            self._remember(old, new)
        self._unreachable |= unreachable

    @property
    def bot_id(self) -> int:
        """The bot whose messages are known, by Telegram's id; 0 before the first one."""
        return self._bot_id

    async def serve(self, bot_id: int) -> int:
        """This bot serves the chats from now on; how many open invoices are shown afresh for it.

        Nothing is written where it is the same as before.
        """
        if bot_id == self._bot_id:
            return 0
        count = await self._store.must(_begin, bot_id, self._clock())
        if self._bot_id:
            self._unreachable.clear()
            self._sealed.clear()
            self._bell.ring_all()
        self._bot_id = bot_id
        return count

    def now(self, chat_id: int) -> int:
        """The present id of the chat that has or had this one."""
        return self._now.get(chat_id, chat_id)

    def ids(self, chat_id: int) -> frozenset[int]:
        """The present id and every former one of the chat that has or had this one."""
        return self._ids.get(chat_id, frozenset({chat_id}))

    def is_unreachable(self, chat_id: int) -> bool:
        """Whether nothing reaches this chat until it is heard of again."""
        return chat_id in self._unreachable

    def takes_edits(self, chat_id: int) -> bool:
        """Whether a group that is unreachable may take edits still: where it only mutes the bot.

        Of a former process's groups nobody knows it before one was refused.
        """
        return chat_id < 0 and chat_id not in self._sealed

    def not_met(self, person_id: int, *, asked_at: float) -> None:
        """This person had not opened the bot, by an answer to what was asked then."""
        if not self._was_heard_since(person_id, asked_at):
            self._not_met.add(person_id)

    def is_met(self, person_id: int) -> bool:
        """Whether a message reaches this person, as far as it is known without a try."""
        return person_id not in self._not_met and not self.is_unreachable(person_id)

    def when_reached(self, call: Callable[[], None]) -> None:
        """Call this each time a chat can be reached again that could not."""
        self._when_reached.append(call)

    async def lost(
        self, chat_id: int, *, must: bool, asked_at: float = math.inf, is_muted: bool = False
    ) -> None:
        """The bot was blocked or removed there, or only muted.

        `asked_at`, on the steady clock: when that was asked for, where it is an answer. What was
        heard of the chat since then is newer.
        """
        if self._was_heard_since(chat_id, asked_at):
            return
        await self._write(must, _set_unreachable, chat_id, True, self._clock())
        self._unreachable.add(chat_id)
        if not is_muted:
            self._sealed.add(chat_id)
        log.info("chat unreachable", chat=chat_id)
        if self._was_heard_since(chat_id, asked_at):  # while it was written
            await self._reached(chat_id, must=must)

    async def heard(self, chat_id: int, *, surely: bool = False) -> None:
        """An update came from there: it can be written to. Raises `StoreUnavailable`.

        Not `surely`: a group where the bot is muted may talk as well.
        """
        self._not_met.discard(chat_id)
        if surely:
            self._welcomed.note(chat_id)
        if chat_id in self._unreachable:
            await self._reached(chat_id, must=False)

    async def _reached(self, chat_id: int, *, must: bool) -> None:
        await self._write(must, _set_unreachable, chat_id, False, self._clock())
        self._unreachable.discard(chat_id)
        self._sealed.discard(chat_id)
        log.info("chat reachable again", chat=chat_id)
        self._bell.ring_all()
        for call in self._when_reached:
            call()

    async def moved(self, old: int, new: int, *, must: bool) -> bool:
        """A group has a new id. Written also where that is known: a row may have come late.

        False, and nothing is written, where the group would be back at an id that it has left.
        """
        if self.now(new) == self.now(old) != new or old == new:
            log.error("group moved in a circle: not believed", chat=old, to=new)
            return False
        await self._write(must, _move, old, new, self._clock())
        self._remember(old, new)
        self._bell.ring_all()
        return True

    def _was_heard_since(self, chat_id: int, moment: float) -> bool:
        return self._welcomed.at(chat_id) > moment

    def _remember(self, old: int, new: int) -> None:
        present = self.now(new)
        ids = self.ids(old) | self.ids(new)
        for each in ids:
            self._now[each] = present
            self._ids[each] = ids

    async def _write(
        self,
        must: bool,
        job: Callable[Concatenate[Tx, P], None],
        *values: P.args,
        **named: P.kwargs,
    ) -> None:
        if must:
            await self._store.must(job, *values, **named)
        else:
            await self._store.do(job, *values, **named)


def _known(tx: Tx, now: float) -> tuple[dict[int, int], set[int], int]:
    beat_at = tx.memory.beat_at()
    if beat_at is not None and now - beat_at > FORGOTTEN_S:
        # A group may have let the bot in again, and nobody says so any longer.
        tx.chats.reach_all(now)
    return tx.chats.moves(), tx.chats.unreachable(), tx.bots.last()


def _begin(tx: Tx, bot_id: int, now: float) -> int:
    before = tx.bots.last()
    count = tx.bots.begin(bot_id, now)
    if before not in (0, bot_id):
        tx.occasions.begin(Notice(Kind.OTHER_BOT, count=count), now)
    return count


def _set_unreachable(tx: Tx, chat_id: int, is_unreachable: bool, now: float) -> None:
    tx.chats.set_unreachable(chat_id, is_unreachable, now)


def _move(tx: Tx, old: int, new: int, now: float) -> None:
    tx.chats.move(old, new, now)
