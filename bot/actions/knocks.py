"""Asking to be let in, and what owners answer: once a day for each person, all of it in rows."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from bot import logs
from bot.access import Access
from bot.actions.values import Asker, Place
from bot.core.grants import Grant, Granted, Role
from bot.core.knocks import (
    ANSWERS,
    ASKER,
    GROUPS_IN_ALL,
    KEPT_S,
    KNOCKS_EVERY_S,
    MORE,
    OPEN_GROUPS,
    OPEN_IN_ALL,
    REFUSED_FOR_S,
    TOLD_IN_ALL,
    Answering,
    Due,
    Knock,
    Knocking,
    KnockState,
    Verb,
)
from bot.places import Places
from bot.store import Store, Tx

log = logs.get(__name__)

#: Bytes of what a button carries: a number would name somebody else in another database.
HANDLE_BYTES = 12
_REFUSED = "refused"
#: What is noted a day, so that the counts hold whatever becomes of the rows: of each person and of
#: each group that knocked, of whom the owners are told, and of what each of them was sent.
_KNOCKED, _GROUP_KNOCKED, _TOLD, _SHOWN = "knocked", "group knocked", "knock told", "knock sent to"
#: Who has to be let in where the chat is: nobody.
_NOBODY = 0


@dataclass(frozen=True, slots=True)
class Hint:
    """What is said once in a while: claimed in the same transaction."""

    kind: str
    subject_id: int
    every_s: float


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat by its present id, and all that it ever had."""

    id: int
    ids: frozenset[int]


class Knocks:
    """People who ask to be let in. Raises `StoreUnavailable`."""

    def __init__(
        self, *, store: Store, access: Access, places: Places, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._access = access
        self._places = places
        self._clock = clock
        #: Set where somebody is to be shown something; whoever shows it clears it first.
        self.rung = asyncio.Event()
        # an owner who is back is shown what is open
        places.when_reached(self.rung.set)

    async def knock(
        self, asker: Asker, place: Place, hint: Hint, *, for_group: bool = False
    ) -> tuple[Knocking, bool]:
        """This person is not let in there, and wants to be; whether `hint` can be said.

        `for_group`: it is the group that they want to be let in.
        """
        asked = Knock(
            id=0,
            handle=secrets.token_urlsafe(HANDLE_BYTES),
            person_id=asker.id,
            name=asker.name,
            username=asker.username,
            chat_id=place.chat_id,
            chat_title=place.title,
            thread_id=place.thread_id,
            reply_to=place.reply_to,
            asked_at=self._clock(),
            told=True,
        )
        owners = self._access.owners
        here = self._places.ids(place.chat_id)
        came = await self._store.do(_knock, asked, owners, hint, here, for_group=for_group)
        if came.is_first:
            log.info("not let in", who=asker.id, name=asker.name, chat=place.chat_id)
        if came.is_new:
            self.rung.set()
        is_asked = came.knocking in (Knocking.ASKED, Knocking.ASKED_BEFORE)
        if is_asked and not any(map(self._places.is_met, owners)):
            return Knocking.NOT_ASKED, came.may_be_said
        return came.knocking, came.may_be_said

    async def due(self) -> list[Due]:
        """Who is to be shown something, and can be; of the owners whoever is one by now."""
        due = await self._store.do(_due, self._access.owners)
        return [each for each in due if not self._is_out_of_reach(each)]

    def may_read(self, what: Due) -> bool:
        """Whether its reader can be shown it now: an owner, or where somebody asked who is let in.

        Asked again when it goes out.
        """
        if what.reader_id != ASKER:
            return self._access.is_owner(what.reader_id)
        asked = what.knock
        person_id = asked.person_id if asked.state is KnockState.ALLOWED else _NOBODY
        ids = self._places.ids(asked.chat_id)
        return what.shows_nothing or self._access.may_ask(person_id, ids)

    async def is_for(self, what: Due) -> bool:
        """Whether its reader is to be shown it now.

        Not somebody who is no longer an owner, or let in no longer; not while an owner can't be
        reached, and no more new ones than an owner is told of in a day.
        """
        if not self.may_read(what):
            await self._store.do(_drop, what.knock.id, what.reader_id)
            return False
        if what.reader_id == ASKER:
            return True
        if self._is_out_of_reach(what):
            return False
        if what.message_id is not None or what.shows_nothing:
            return True
        if await self._store.do(_may_show, what, self._clock()):
            return True
        self.rung.set()  # one that stands for it may be due in its place
        return False

    def _is_out_of_reach(self, what: Due) -> bool:
        """An owner whom nothing reaches: it rings once something does."""
        return what.reader_id != ASKER and self._places.is_unreachable(what.reader_id)

    async def by_handle(self, handle: str) -> Knock | None:
        """The knock that a button names."""
        return await self._store.do(_by_handle, handle)

    async def shown(self, what: Due, message_id: int | None) -> None:
        """This was shown, in this message, or never can be; written whatever happens."""
        await self._store.must(_show, what.knock, what.reader_id, message_id)

    async def message_of(self, shown: Knock, reader_id: int) -> int | None:
        """The number of the message that this owner has of it."""
        return await self._store.do(_message_of, shown.id, reader_id)


@dataclass(frozen=True, slots=True)
class Knocked:
    """What came of it."""

    knocking: Knocking
    is_new: bool  # owners are to be asked
    is_first: bool  # within a day
    may_be_said: bool


def _knock(
    tx: Tx,
    asked: Knock,
    owners: Collection[int],
    hint: Hint,
    here: Collection[int],
    *,
    for_group: bool,
) -> Knocked:
    """Write it down, once a day for each person; the owners are told of a few each day.

    `here`: all ids of the chat where it is asked.
    """
    now = asked.asked_at
    may_be_said = tx.memory.claim_hint(hint.kind, hint.subject_id, now=now, every_s=hint.every_s)
    is_first = tx.memory.claim_hint(_REFUSED, asked.person_id, now=now, every_s=KNOCKS_EVERY_S)
    last = tx.knocks.newest_of(asked.person_id)
    if last is not None and last.state is not KnockState.OPEN:
        kept_s = REFUSED_FOR_S if last.state is KnockState.REFUSED else KNOCKS_EVERY_S
        if _is_within(kept_s, last.answered_at, now):
            return Knocked(Knocking.REFUSED, False, is_first, may_be_said)
    kind, most = (_GROUP_KNOCKED, GROUPS_IN_ALL) if asked.is_group else (_KNOCKED, math.inf)
    before = _count(tx, kind, now)
    if not tx.memory.claim_hint(kind, asked.person_id, now=now, every_s=KNOCKS_EVERY_S):
        if last is not None and last.chat_id in here:
            return Knocked(Knocking.ASKED, False, is_first, may_be_said)
        if last is None or last.in_group or not for_group:
            return Knocked(Knocking.ASKED_BEFORE, False, is_first, may_be_said)
        tx.knocks.name_group(last.id, asked)  # one each: its buttons let in no more
        return Knocked(Knocking.ASKED, True, is_first, may_be_said)
    if before >= most:
        tx.memory.forget_hint(kind, asked.person_id)
        return Knocked(Knocking.NOT_ASKED, False, is_first, may_be_said)
    told = _count(tx, _TOLD, now) < TOLD_IN_ALL
    tx.knocks.add(replace(asked, told=told), owners if told else ())
    if told:
        tx.memory.claim_hint(_TOLD, asked.person_id, now=now, every_s=0.0)
    else:
        _tell_of_more(tx, asked, owners, now)
    tx.knocks.prune(
        now - KEPT_S,
        keep_open=OPEN_IN_ALL,
        keep_groups=OPEN_GROUPS,
        told_since=now - KNOCKS_EVERY_S,
    )
    return Knocked(Knocking.ASKED, True, is_first, may_be_said)


def _count(tx: Tx, kind: str, now: float) -> int:
    """How many there were within a day, whatever has become of their rows."""
    return tx.memory.count_hints(kind, since=now - KNOCKS_EVERY_S, until=now)


def _tell_of_more(tx: Tx, asked: Knock, readers: Collection[int], now: float) -> None:
    """One knock a day stands for all that these owners are not told of one by one."""
    more = tx.knocks.newest_of(MORE)
    if more is not None and _is_within(KNOCKS_EVERY_S, more.asked_at, now):
        for reader_id in readers:
            tx.knocks.add_reader(reader_id, of=more.id)
        return
    stands_for_all = replace(
        asked,
        handle=secrets.token_urlsafe(HANDLE_BYTES),
        person_id=MORE,
        name="",
        username="",
        asked_at=now,
        told=False,
        state=KnockState.OPEN,
    )
    tx.knocks.add(stands_for_all, readers)


def _is_within(span_s: float, before: float, now: float) -> bool:
    # What was asked in the future was asked before the clock was set back.
    return 0 <= now - before < span_s


def answer(
    tx: Tx,
    handle: str,
    verb: Verb,
    by: Asker,
    listed: Collection[int],
    here: Chat,
    now: float,
) -> tuple[tuple[Answering, Knock | None], Granted]:
    """An owner answers a knock, which becomes as it is then. `listed`: owners in the settings.

    `here`: the chat in which it was asked, as it is now.
    """
    granted = tx.grants.granted()
    if by.id not in granted.owners.union(listed):
        return (Answering.NOT_OWNER, None), granted
    asked = tx.knocks.by_handle(handle)
    if asked is None or (verb is Verb.GROUP and not asked.in_group):
        return (Answering.GONE, None), granted
    if asked.state is not KnockState.OPEN:
        return (Answering.ALREADY, asked), granted
    state, role = ANSWERS[verb]
    if asked.is_group and role is Role.USER:
        state, role = ANSWERS[Verb.GROUP]
    if role is Role.USER:
        let_in(tx, Grant(asked.person_id, role, asked.name, asked.username, by.id, now), listed)
    elif role is Role.CHAT:
        let_in(tx, Grant(here.id, role, asked.chat_title, "", by.id, now), listed)
    person_id = 0 if role is Role.CHAT else asked.person_id
    settle(tx, person_id, here.ids, state, by.name, now)
    return (Answering.DONE, tx.knocks.by_handle(handle)), tx.grants.granted()


def let_in(tx: Tx, grant: Grant, listed: Collection[int]) -> None:
    """Write a grant, which lowers nobody: an owner stays one. `listed`: owners in the settings."""
    before = tx.grants.of(grant.subject_id)
    is_owner = grant.subject_id in listed or (before is not None and before.role is Role.OWNER)
    if grant.role is Role.OWNER or not is_owner:
        tx.grants.put(grant)


def settle(
    tx: Tx,
    person_id: int,
    chat_ids: Collection[int],
    state: KnockState,
    by: str,
    now: float,
    *,
    is_told: bool = False,
) -> None:
    """All open knocks of a person, or with 0 of a group's members, have this answer.

    One of them says so where it was asked, unless `is_told`: somebody says it there already.
    """
    those = [
        each
        for each in tx.knocks.open()
        if (each.person_id == person_id if person_id else each.chat_id in chat_ids)
    ]
    if not those:
        return
    tx.knocks.answer([each.id for each in those], state, by, now)
    silent = those if is_told else those[1:]
    tx.knocks.pass_over([each.id for each in silent], ASKER, state)


def _by_handle(tx: Tx, handle: str) -> Knock | None:
    """The knock that a button names."""
    return tx.knocks.by_handle(handle)


def _due(tx: Tx, owners: Collection[int]) -> list[Due]:
    """Who was shown something else than what is so; these owners are readers, since when ever."""
    for owner in owners:
        tx.knocks.add_reader(owner)
    return tx.knocks.due()


def _drop(tx: Tx, knock_id: int, reader_id: int) -> None:
    """This reader is one no longer."""
    tx.knocks.drop_reader(knock_id, reader_id)


def _may_show(tx: Tx, what: Due, now: float) -> bool:
    """Whether an owner is sent this one: of very many that wait for them, the newest of a day."""
    asked, reader_id = what.knock, what.reader_id
    if asked.is_more:
        newest = tx.knocks.newest_of(MORE)
        if newest is None or newest.id == asked.id:
            return True
    else:
        kind = f"{_SHOWN} {reader_id}"
        # one that was tried before is tried again
        if tx.memory.was_said(kind, asked.id):
            return True
        waiting = tx.knocks.count_unsent(reader_id, after=asked.id)
        if _count(tx, kind, now) + waiting < TOLD_IN_ALL:
            tx.memory.claim_hint(kind, asked.id, now=now, every_s=0.0)
            return True
        _tell_of_more(tx, asked, [reader_id], now)
    tx.knocks.show(asked.id, reader_id, asked.state, None)
    return False


def _show(tx: Tx, shown: Knock, reader_id: int, message_id: int | None) -> None:
    """This reader was shown this; which may name another chat by now."""
    now = tx.knocks.by_handle(shown.handle)
    is_old = now is not None and now.chat_id != shown.chat_id and message_id is not None
    tx.knocks.show(shown.id, reader_id, "" if is_old else shown.state, message_id)


def _message_of(tx: Tx, knock_id: int, reader_id: int) -> int | None:
    """The number of the message that this reader has of it."""
    return tx.knocks.message_of(knock_id, reader_id)
