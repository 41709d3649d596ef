"""Notices to the owners: what is to be told of occasions, sent to each of them in private.

Knows who can be reached and what came of a message. What is told when, is `core.occasions.plan`'s
to say; a row that a killed process left is told like any other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeAlias

from telegram import Message
from telegram.constants import ParseMode

from bot import logs, texts
from bot.chat.chats import Chats
from bot.chat.client import TelegramBot
from bot.chat.owners import OwnerChats
from bot.chat.tries import Tries
from bot.chat.turns import Sentence
from bot.clock import steady
from bot.core.notices import Kind, Notice
from bot.core.occasions import DAY_S, Occasion, Plan, Stage, Telling, plan
from bot.core.text import MAX_TEXT
from bot.core.work import MAX_COPIES
from bot.errors import (
    AnswerUnreadable,
    ChatError,
    ChatForbidden,
    ChatRefused,
    MaybeSent,
    StoreUnavailable,
)
from bot.occasions import Occasions
from bot.places import Places
from bot.store import Store, ToTell, Tx

log = logs.get(__name__)

#: Seconds for which what Telegram refuses is tried again.
REFUSED_FOR_S = DAY_S
#: Seconds in which what comes together gets into one message.
GATHER_S = 0.5
#: Seconds between two looks while there is something to tell, to somebody or sometime.
TICK_S = 1.0
#: Letters of one message, its last line apart: what is longer goes out as several.
AT_ONCE = MAX_TEXT - 200


#: What goes into one message: what it tells, and the text of each.
Together: TypeAlias = list[tuple[Telling, str]]


class Sent(NamedTuple):
    """What an owner was sent of an occasion: that it began, or that it is over."""

    owner: int
    occasion_id: int
    kind: Kind


class Notices:
    """Tells the owners; `run` until cancelled."""

    def __init__(
        self,
        *,
        store: Store,
        occasions: Occasions,
        chats: Chats,
        owners: OwnerChats,
        places: Places,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._occasions = occasions
        self._chats = chats
        self._owners = owners
        self._places = places
        self._clock = clock
        self._busy: set[int] = set()  # owners whose message is on its way
        self._tries = Tries()
        self._unanswered: Counter[Sent] = Counter()  # of these, what may have arrived

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        while True:
            self._occasions.changed.clear()
            try:
                await self._tell_all(await self._store.must(_to_tell))
            except StoreUnavailable:  # the process ends
                return
            await asyncio.sleep(GATHER_S)

    async def _tell_all(self, to_tell: ToTell) -> None:
        """Tell what was read, until something changes."""
        self._forget(to_tell)
        while not self._occasions.changed.is_set():
            made = self._plan(to_tell)
            if made.stages:
                self._log(made)
                await self._store.must(_enter, made.stages)
                self._occasions.changed.set()
            else:
                self._tell(made, to_tell)
                await self._rest(to_tell)

    def _plan(self, to_tell: ToTell) -> Plan:
        return plan(
            to_tell.occasions,
            readers=self._readers(),
            told=to_tell.told,
            topics=self._owners.topics,
            now=self._clock(),
        )

    def _readers(self) -> list[int]:
        """The owners who can be reached, as far as it is known."""
        owners = self._owners.chat_ids
        return [each for each in sorted(owners) if not self._places.is_unreachable(each)]

    async def _rest(self, to_tell: ToTell) -> None:
        """Until something changed, or is due; clocks are set, and owners come, meanwhile."""
        rest_s = TICK_S if to_tell.occasions else None
        with suppress(TimeoutError):
            async with asyncio.timeout(rest_s):
                await self._occasions.changed.wait()

    def _log(self, made: Plan) -> None:
        for occasion, stage in made.stages:
            if occasion.rule.topic not in self._owners.topics:
                log.info("owners not notified: switched off", kind=occasion.kind)
            elif stage is Stage.CLOSED and not occasion.people:
                log.info("owners not notified: it is over", kind=occasion.kind)

    # one owner

    def _tell(self, made: Plan, to_tell: ToTell) -> None:
        """Each owner, side by side: what one of them keeps waiting for delays no other."""
        for owner in self._readers():
            if owner in self._busy or not self._tries.may_begin(owner):
                continue
            left = [part for each in made.tellings if (part := each.to(owner)) is not None]
            if left:
                self._busy.add(owner)
                self._chats.post(self._tell_owner(owner, left, to_tell))

    async def _tell_owner(self, owner: int, tellings: Sequence[Telling], to_tell: ToTell) -> None:
        try:
            for together in self._messages(tellings, to_tell):
                if not await self._send(owner, together):
                    return
        except StoreUnavailable:  # the process ends; the rows say what may have been read
            log.info("owner not notified: the bot is stopping", owner=owner)
        finally:
            self._busy.discard(owner)
            self._occasions.changed.set()

    def _messages(self, tellings: Sequence[Telling], to_tell: ToTell) -> Iterator[Together]:
        """What goes into one message, in the order of coming; several where that is too long."""
        together: Together = []
        for each in tellings:
            text = texts.owner_notice(self._notice(each, to_tell))
            if together and sum(len(said) + 2 for _, said in together) + len(text) > AT_ONCE:
                yield together
                together = []
            together.append((each, text))
        yield together

    def _notice(self, telling: Telling, to_tell: ToTell) -> Notice:
        newest, first, now = telling.occasions[-1], telling.occasions[0], self._clock()
        until = newest.ended_at or now
        is_beginning = telling.kind is newest.kind
        return Notice(
            telling.kind,
            row_id=newest.row_id,
            why=newest.why,
            count=sum(each.count for each in telling.occasions),
            step=newest.step,
            receivable_msat=newest.receivable_msat,
            limit_msat=newest.limit_msat,
            expires_at=newest.expires_at,
            left_s=newest.expires_at - now if newest.expires_at else 0.0,
            setting=newest.setting,
            invoice=to_tell.invoices.get(newest.invoice_id),
            began_at=first.began_at,
            lasted_s=max(0.0, until - first.began_at),
            missed=to_tell.missed.get(newest.kind, 0) if is_beginning else 0,
        )

    async def _send(self, owner: int, together: Together) -> bool:
        """Whether the next message may follow. The rows say before that it may be read."""
        occasions = [each for telling, _ in together for each in telling.occasions]
        may_be_duplicate = any(owner in each.people for each in occasions)
        text = texts.owner_notices(
            [said for _, said in together], may_be_duplicate=may_be_duplicate
        )
        if not await self._store.must(_will_tell, occasions, owner):
            return False
        began_at = steady()
        try:
            message = await self._chats.send(
                owner, Sentence.KNOWN, partial(self._sent, owner, text)
            )
            if message is None:
                await self._store.must(_have_not_told, occasions, owner)
                return False
        except AnswerUnreadable:  # it is there, and nothing of it has to be edited
            pass
        except MaybeSent as error:
            enough = self._sent_enough(owner, together)
            if enough:
                log.warning("owner notified, to all appearance", owner=owner, count=MAX_COPIES)
                await self._told(owner, enough)
            if len(enough) < len(occasions):  # the others may have come only now
                self._put_off(owner, error)
                return False
            self._tries.got_there(owner)
            return True
        except ChatRefused as error:
            if len(together) > 1:  # one of them may be what is refused
                await self._store.must(_have_not_told, occasions, owner)
                sent = [await self._send(owner, [each]) for each in together]
                return all(sent)
            newest = max(each.began_at for each in occasions)
            if 0 <= self._clock() - newest <= REFUSED_FOR_S:
                await self._store.must(_have_not_told, occasions, owner)
                self._put_off(owner, error)
                return False
            log.warning("owner not notified: refused by Telegram", detail=error.detail, owner=owner)
        except ChatError as error:
            await self._store.must(_have_not_told, occasions, owner)
            if isinstance(error, ChatForbidden):
                await self._places.lost(owner, must=True, asked_at=began_at)
            else:
                self._put_off(owner, error)
            return False
        await self._told(owner, _sent_to(owner, together))
        self._tries.got_there(owner)
        kinds = ", ".join(telling.kind for telling, _ in together)
        log.info("owner notified", owner=owner, kinds=kinds)
        return True

    def _sent_enough(self, owner: int, together: Together) -> dict[Sent, Occasion]:
        """Of what was sent once more without an answer, what was sent as often as it ever is."""
        sent = _sent_to(owner, together)
        self._unanswered.update(sent.keys())
        return {each: sent[each] for each in sent if self._unanswered[each] >= MAX_COPIES}

    async def _told(self, owner: int, occasions: Mapping[Sent, Occasion]) -> None:
        """This owner has read it, as far as anybody can know."""
        await self._store.must(_have_told, list(occasions.values()), owner, self._clock())
        for sent in occasions:
            self._unanswered.pop(sent, None)

    def _forget(self, to_tell: ToTell) -> None:
        """What was counted of occasions that are closed by now."""
        numbers = {each.id for each in to_tell.occasions}
        for sent in [each for each in self._unanswered if each.occasion_id not in numbers]:
            del self._unanswered[sent]

    async def _sent(self, owner: int, text: str, bot: TelegramBot) -> Message | None:
        """None, and nothing is sent, where they are no owner by the time it goes out."""
        if owner not in self._owners.chat_ids:
            return None
        return await bot.send_message(owner, text, parse_mode=ParseMode.HTML)

    def _put_off(self, owner: int, error: ChatError) -> None:
        if self._tries.failed(owner) == 1:
            log.info("owner not notified", owner=owner, reason=error.detail or error.key)


def _sent_to(owner: int, together: Together) -> dict[Sent, Occasion]:
    """Each occasion of a message, by what this owner reads of it."""
    return {
        Sent(owner, each.id, telling.kind): each
        for telling, _ in together
        for each in telling.occasions
    }


# jobs of the store


def _to_tell(tx: Tx) -> ToTell:
    return tx.occasions.to_tell()


def _enter(tx: Tx, stages: Sequence[tuple[Occasion, Stage]]) -> None:
    tx.occasions.enter(stages)


def _will_tell(tx: Tx, occasions: Sequence[Occasion], owner: int) -> bool:
    return tx.occasions.will_tell(occasions, owner)


def _have_told(tx: Tx, occasions: Sequence[Occasion], owner: int, now: float) -> None:
    tx.occasions.have_told(occasions, owner, now)


def _have_not_told(tx: Tx, occasions: Sequence[Occasion], owner: int) -> None:
    tx.occasions.have_not_told(occasions, owner)
