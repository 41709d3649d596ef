"""Letting people in from the chat: each change is written first, and true for all parts then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from bot import logs
from bot.access import Access, Rights
from bot.actions import claims, knocks
from bot.actions.knocks import Chat, Knocks
from bot.actions.values import Asker
from bot.core import guests
from bot.core.grants import Allowing, Claiming, Denying, Grant, Granted, Role
from bot.core.guests import Guests
from bot.core.knocks import Answering, Knock, KnockState, Verb
from bot.places import Places
from bot.store import Bell, Store, Tx

log = logs.get(__name__)

#: Seconds for which a user name counts as that of who wrote under it.
NAME_KEPT_S = 600.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is meant: a person, or a group, whose id is below 0. "": nobody knows the name."""

    id: int
    name: str = ""
    username: str = ""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What came of letting somebody in; `name` as it is known."""

    came_of_it: Allowing
    name: str


@dataclass(frozen=True, slots=True)
class Denied:
    """What came of it; `key`: the setting that lists them all the same, "" for none.

    `removed`: what they were let in as until now, `is_open`: anyone can ask, whoever is removed.
    """

    came_of_it: Denying
    name: str
    key: str = ""
    removed: Role | None = None
    is_open: bool = False


class Grants:
    """Who is let in. `load` comes first; raises `StoreUnavailable`."""

    def __init__(
        self,
        *,
        store: Store,
        access: Access,
        places: Places,
        knocks: Knocks,
        clock: Callable[[], float],
        bell: Bell,
    ) -> None:
        self._store = store
        self._access = access
        self._places = places
        self._knocks = knocks
        self._clock = clock
        self._bell = bell
        self._one_at_a_time = asyncio.Lock()  # the last to be written is the last to be known

    async def load(self) -> None:
        """Read who was let in by earlier processes, as soon as that can be read."""
        async with self._one_at_a_time:
            self._access.grant(await self._store.must(_granted))

    async def claim_code(self) -> str:
        """The code of the claim link, "" while somebody owns the bot: no code is kept then."""
        if self._access.owners:
            await self._store.do(claims.void_code)
            return ""
        return await self._store.do(claims.claim_code, drawn=claims.draw())

    async def claim(self, code: str, by: Asker) -> Claiming:
        """Own the bot, by the code of its claim link."""
        listed = self._access.now.listed.owners
        came_of_it = await self._change(claims.claim, code, by, listed, self._clock())
        if came_of_it is Claiming.CLAIMED:
            log.info("claimed: the bot has an owner", owner=by.id)
            self._bell.ring_all()
            self._knocks.rung.set()
        return came_of_it

    async def allow(self, who: Subject, role: Role, by: Asker, *, is_told: bool = False) -> Allowed:
        """Let somebody in. `is_told`: where they asked it is said anyhow."""
        ids = self._places.ids(who.id)
        came = await self._change(
            _allow, who, role, by, self._access.now, ids, self._clock(), is_told=is_told
        )
        if came.came_of_it is Allowing.ALLOWED:
            log.info("let in", who=who.id, role=str(role), by=by.id)
            if role is Role.OWNER:
                self._bell.ring_all()
        self._knocks.rung.set()
        return came

    async def deny(self, who: Subject, by: Asker) -> Denied:
        """Take it back that somebody was let in. Their open invoices stay as they are."""
        ids = self._places.ids(who.id)
        came = await self._change(_deny, who, by, self._access.now, ids)
        if came.removed is not None:
            log.info("no longer let in", who=who.id, by=by.id)
        return came

    async def answer(self, handle: str, verb: Verb, by: Asker) -> tuple[Answering, Knock | None]:
        """Answer somebody who asks to be let in; the knock as it is then."""
        listed = self._access.now.listed.owners
        asked = await self._knocks.by_handle(handle)
        there = 0 if asked is None else asked.chat_id
        here = Chat(self._places.now(there), self._places.ids(there))
        came_of_it, asked = await self._change(
            knocks.answer, handle, verb, by, listed, here, self._clock()
        )
        if came_of_it is Answering.DONE and asked is not None:
            log.info("answered", who=asked.person_id, answer=str(asked.state), by=by.id)
            self._knocks.rung.set()
        return came_of_it, asked

    async def who(self) -> Guests:
        """Everybody who is let in or asks to be."""
        lists = self._access.now.listed
        ids = lists.owners | lists.users | lists.chats
        grants, asking, names = await self._store.do(_who, ids)
        listed = [
            *guests.listed(Role.OWNER, lists.owners, names),
            *guests.listed(Role.USER, lists.users, names),
            *guests.listed(Role.CHAT, lists.chats, names),
        ]
        waiting = {each.person_id: each for each in reversed(asking) if not self._is_in(each)}
        return Guests(
            (*listed, *guests.granted(grants, listed)),
            tuple(reversed(waiting.values())),
            is_open=lists.open,
        )

    def _is_in(self, asked: Knock) -> bool:
        """Whether somebody who asked needs no answer by now."""
        return self._access.may_ask(asked.person_id, self._places.ids(asked.chat_id))

    async def named(self, username: str) -> list[Subject]:
        """Who was known by this user name, without the @, perhaps long ago: to remove them."""
        found = await self._store.do(_named, username)
        return [Subject(number, name, username) for number, name in found]

    async def seen_as(self, username: str) -> list[Subject]:
        """Who has written under this user name just now: to let them in.

        A user name can be given away, and taken by anybody.
        """
        now = self._clock()
        found = await self._store.do(_seen_as, username, now - NAME_KEPT_S, now)
        return [Subject(number, name, username) for number, name in found]

    async def _change(
        self,
        job: Callable[Concatenate[Tx, P], tuple[T, Granted]],
        *values: P.args,
        **named: P.kwargs,
    ) -> T:
        """What came of a job, which is true for all parts as soon as it is written."""
        async with self._one_at_a_time:
            came_of_it, granted = await self._store.do(job, *values, **named)
            if granted != self._access.now.granted:
                self._access.grant(granted)
        return came_of_it


def _granted(tx: Tx) -> Granted:
    return tx.grants.granted()


def _allow(
    tx: Tx,
    who: Subject,
    role: Role,
    by: Asker,
    rights: Rights,
    ids: Collection[int],
    now: float,
    *,
    is_told: bool,
) -> tuple[Allowed, Granted]:
    granted = tx.grants.granted()
    name = who.name or tx.grants.name_of(who.id)
    if not _is_owner(by, rights, granted):
        return Allowed(Allowing.NOT_OWNER, name), granted
    fresh = Rights(rights.listed, rights.limits, granted)
    state = KnockState.GROUP_ALLOWED if role is Role.CHAT else KnockState.ALLOWED
    person_id = 0 if role is Role.CHAT else who.id
    knocks.settle(tx, person_id, ids, state, by.name, now, is_told=is_told)
    if _is_in_already(who, role, fresh, ids):
        return Allowed(Allowing.ALREADY, name), granted
    knocks.let_in(tx, Grant(who.id, role, name, who.username, by.id, now), fresh.listed.owners)
    if role is Role.OWNER:
        # payments that nobody could be told of may have somebody now
        tx.chats.wake_unannounced(now)
    return Allowed(Allowing.ALLOWED, name), tx.grants.granted()


def _is_in_already(who: Subject, role: Role, rights: Rights, ids: Collection[int]) -> bool:
    match role:
        case Role.OWNER:
            return rights.is_owner(who.id)
        case Role.USER:
            users = rights.listed.users | rights.granted.users
            return rights.is_owner(who.id) or who.id in users
    return not (rights.listed.chats | rights.granted.chats).isdisjoint(ids)


def _deny(
    tx: Tx, who: Subject, by: Asker, rights: Rights, ids: Collection[int]
) -> tuple[Denied, Granted]:
    granted = tx.grants.granted()
    name = who.name or tx.grants.name_of(who.id)
    if not _is_owner(by, rights, granted):
        return Denied(Denying.NOT_OWNER, name), granted
    if by.id in ids:
        return Denied(Denying.YOURSELF, name), granted
    removed = next((each.role for each in tx.grants.all() if each.subject_id in ids), None)
    tx.grants.remove(ids)
    key = _listing(rights, ids)
    came_of_it = Denying.DENIED if removed else Denying.NOT_THERE
    if key:
        came_of_it = Denying.IN_FILE
    denied = Denied(came_of_it, name, key, removed, is_open=rights.listed.open)
    return denied, tx.grants.granted()


def _listing(rights: Rights, ids: Collection[int]) -> str:
    """The key of the settings that lists one of these."""
    for name in ("owners", "users", "chats"):
        listed: frozenset[int] = getattr(rights.listed, name)
        if not listed.isdisjoint(ids):
            return f"access.{name}"
    return ""


def _is_owner(by: Asker, rights: Rights, granted: Granted) -> bool:
    """Whether this is an owner as it is written now: two owners may remove each other at once."""
    return not by.is_chat and by.id in (rights.listed.owners | granted.owners)


def _who(tx: Tx, listed: Collection[int]) -> tuple[list[Grant], list[Knock], dict[int, str]]:
    names = {number: tx.grants.name_of(number) for number in listed}
    return tx.grants.all(), tx.knocks.open(), names


def _seen_as(tx: Tx, username: str, since: float, until: float) -> list[tuple[int, str]]:
    return tx.grants.seen_as(username, since=since, until=until)


def _named(tx: Tx, username: str) -> list[tuple[int, str]]:
    return tx.grants.named(username)
