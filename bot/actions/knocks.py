"""Asking to be let in, and what owners answer: once a day for each person, all of it in rows."""

from __future__ import annotations

import asyncio
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
    KEPT_S,
    KNOCKS_EVERY_S,
    MORE,
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
from bot.store import Store, Tx

log = logs.get(__name__)

#: Bytes of what a button carries: a number would name somebody else in another database.
HANDLE_BYTES = 12
_REFUSED = "refused"


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

    def __init__(self, *, store: Store, access: Access, clock: Callable[[], float]) -> None:
        self._store = store
        self._access = access
        self._clock = clock
        #: Set where somebody is to be shown something; whoever shows it clears it first.
        self.rung = asyncio.Event()

    async def knock(self, asker: Asker, place: Place, hint: Hint) -> tuple[Knocking, bool]:
        """This person is not let in there, and wants to be; whether `hint` can be said."""
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
        came = await self._store.do(_knock, asked, owners, hint)
        if came.is_first:
            log.info("not let in", who=asker.id, name=asker.name, chat=place.chat_id)
        if came.is_new:
            self.rung.set()
        return came.knocking, came.may_be_said

    async def due(self) -> list[Due]:
        """Who is to be shown something."""
        return await self._store.do(_due)

    async def by_handle(self, handle: str) -> Knock | None:
        """The knock that a button names."""
        return await self._store.do(_by_handle, handle)

    async def shown(self, what: Due, message_id: int | None) -> None:
        """This was shown, in this message, or never can be; written whatever happens."""
        state = what.knock.state
        await self._store.must(_show, what.knock.id, what.reader_id, state, message_id)

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


def _knock(tx: Tx, asked: Knock, owners: Collection[int], hint: Hint) -> Knocked:
    """Write it down, once a day for each person; the owners are told of a few each day."""
    now = asked.asked_at
    may_be_said = tx.memory.claim_hint(hint.kind, hint.subject_id, now=now, every_s=hint.every_s)
    is_first = tx.memory.claim_hint(_REFUSED, asked.person_id, now=now, every_s=KNOCKS_EVERY_S)
    last = tx.knocks.newest_of(asked.person_id)
    if last is not None and last.state is not KnockState.OPEN:
        kept_s = REFUSED_FOR_S if last.state is KnockState.REFUSED else KNOCKS_EVERY_S
        if _is_within(kept_s, last.answered_at, now):
            return Knocked(Knocking.REFUSED, False, is_first, may_be_said)
    if last is not None and _is_within(KNOCKS_EVERY_S, last.asked_at, now):
        return Knocked(Knocking.ASKED, False, is_first, may_be_said)
    told = tx.knocks.count_told(now - KNOCKS_EVERY_S) < TOLD_IN_ALL
    tx.knocks.add(replace(asked, told=told), owners if told else ())
    more = tx.knocks.newest_of(MORE)
    if not told and (more is None or not _is_within(KNOCKS_EVERY_S, more.asked_at, now)):
        stands_for_all = replace(
            asked, handle=f"{asked.handle}+", person_id=MORE, name="", username="", told=False
        )
        tx.knocks.add(stands_for_all, owners)
    tx.knocks.prune(now - KEPT_S, keep_open=OPEN_IN_ALL)
    return Knocked(Knocking.ASKED, True, is_first, may_be_said)


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
    granted = Granted.of(tx.grants.all())
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
        tx.grants.put(Grant(asked.person_id, role, asked.name, asked.username, by.id, now))
    elif role is Role.CHAT:
        tx.grants.put(Grant(here.id, role, asked.chat_title, "", by.id, now))
    person_id = 0 if role is Role.CHAT else asked.person_id
    settle(tx, person_id, here.ids, state, by.name, now)
    return (Answering.DONE, tx.knocks.by_handle(handle)), Granted.of(tx.grants.all())


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


def _due(tx: Tx) -> list[Due]:
    """Who was shown something else than what is so."""
    return tx.knocks.due()


def _show(tx: Tx, knock_id: int, reader_id: int, state: KnockState, message_id: int | None) -> None:
    """This reader was shown this."""
    tx.knocks.show(knock_id, reader_id, state, message_id)


def _message_of(tx: Tx, knock_id: int, reader_id: int) -> int | None:
    """The number of the message that this reader has of it."""
    return tx.knocks.message_of(knock_id, reader_id)
