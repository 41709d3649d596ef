"""One row, one step: plan, do, judge, commit. Knows who takes which step, and nothing of when.

`step` takes what `next_step` says, hands its result to `judge`, and commits the verdict. Anybody
may be faster meanwhile: `commit` writes an outcome only where it is still so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from bot import logs
from bot.clock import steady
from bot.core import delivery
from bot.core.answers import (
    Added,
    Cancelled,
    Dropped,
    GivenUp,
    Lapsed,
    Notified,
    Rendered,
    Result,
    SoFar,
)
from bot.core.invoice import Audience, Columns, Face, Invoice
from bot.core.notices import Owners
from bot.core.outcomes import Verdict, judge
from bot.core.steps import EXPIRY_GRACE_S, NOTICE_AFTER_S, Around, Step, next_step, resting
from bot.core.work import AT_NODE, EDITS, RESTS, Do, Lane
from bot.engine import commit, effects
from bot.engine.hand import TICK_S, Hand, IsSo
from bot.engine.patience import Patience
from bot.errors import ChatMoved, NodeError, StoreUnavailable, TermLost
from bot.metrics import METER
from bot.node.gate import Gate
from bot.node.identity import Identity
from bot.occasions import Occasions
from bot.pauses import jitter
from bot.places import Places
from bot.store import Bell, Store

log = logs.get(__name__)

#: Two clocks are read one after the other: the same moment is not quite the same number.
SAME_MOMENT_S = 0.1
#: Seconds after which a message that waits for its turn may say what is no longer so.
SOON_S = 0.5
#: What a message shows before there is a card to pay.
NO_CARD = (Face.NOTHING, Face.QUESTION, Face.WAITING)
#: Seconds between two looks at whether a waiting notice still gives the right reason.
REASON_EVERY_S = 5.0


class AtNode(Protocol):
    """One invoice at the node."""

    async def do(self, do: Do, row: Invoice, around: Around) -> Added | Cancelled:
        """Take a step. Raises `NodeError`."""


class InChat(Protocol):
    """One invoice in its chat."""

    async def do(
        self,
        do: Do,
        row: Invoice,
        around: Around,
        reason: NodeError,
        is_so: IsSo | None = None,
        so_far: SoFar = ...,
    ) -> Rendered:
        """Take a step; `reason` is why the node keeps the row waiting. Raises `ChatError`.

        `is_so`: whether what can be paid still can. It is `NotSent` where it can't be when its
        turn comes. `so_far`: writes what of it is known while the rest takes long.
        """

    async def notify(self, row: Invoice, people: Collection[int], so_far: SoFar) -> Notified:
        """Tell these people in private that it is paid."""


class Queues(Protocol):
    """The chats' queues."""

    def is_free(self, chat_id: int) -> bool:
        """Whether a message to this chat would go out at once."""

    def is_slow(self, chat_id: int) -> bool:
        """Whether messages to this chat take long."""


class Worker:
    """Takes steps. Everything that a step needs to know, and no more."""

    def __init__(
        self,
        *,
        store: Store,
        gate: Gate,
        identity: Identity,
        at_node: AtNode,
        cards: InChat,
        chats: Queues,
        places: Places,
        owners: Owners,
        occasions: Occasions,
        patience: Patience,
        bell: Bell,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._bell = bell
        self._gate = gate
        self._identity = identity
        self._at_node = at_node
        self._cards = cards
        self._chats = chats
        self._places = places
        self._owners = owners
        self._occasions = occasions
        self._patience = patience
        self._clock = clock

    async def read(self, row_id: int) -> Invoice | None:
        """The row as it is."""
        return await self._store.must(commit.read, row_id)

    async def take_up(self, row: Invoice) -> Invoice:
        """A row that comes into a hand: whether a message of another process arrived is unknown."""
        if row.board_id:  # what became of it may be on its board already
            self._bell.ring_due()
        if marker := delivery.left_behind(row):
            return await self._store.must(commit.mark, row.id, marker)
        return row

    async def put_down(self, hand: Hand) -> None:
        """The hand is done with its row: what it has marked and not sent is not on its way."""
        if hand.armed is not None:
            await self._store.must(commit.mark, hand.key.id, delivery.overtaken())

    async def step(self, row: Invoice, hand: Hand) -> Invoice | None:
        """Take the row's next step; the row afterwards, None to let it go."""
        around, now = self._around(row), self._clock()
        step = next_step(row, around, now)
        if step.do in RESTS:
            return await self._rest(row, around, step, hand)
        if step.do is Do.ADD and not self._gate.is_open:
            return await self._wait_for_node(row, around, hand)
        began_at = steady()
        try:
            result: Result = await self._do(step.do, row, around, hand)
        except ChatMoved as moved:
            if await effects.follow(
                row, moved.new_chat_id, patience=self._patience, places=self._places
            ):
                return await self.read(row.id)
            result = moved
        except (TermLost, MemoryError):
            raise  # whoever acts next goes on with it
        except Exception as error:  # noqa: BLE001 -- judged like any result: it stops nothing else
            result = error
        self._patience.learn(step.do, row, result)
        verdict = judge(
            step.do,
            row,
            result,
            around,
            self._around(row),  # a step may take long: the chat, the node or the clock is another
            gate_is_open=self._gate.is_open,
            began_at=now,
            now=self._clock(),
        )
        await self._spread(verdict, row, began_at)
        return await self._record(verdict, step.do, row, hand)

    def _around(self, row: Invoice) -> Around:
        owners = [each for each in self._notified(row) if not self._places.is_unreachable(each)]
        free = tuple(filter(self._chats.is_free, owners))
        return self._patience.around(
            row,
            now=self._clock(),
            steady_s=asyncio.get_running_loop().time(),
            unreachable=frozenset(
                audience
                for audience in Audience
                if all(map(self._places.is_unreachable, self._chats_of(row, audience)))
            ),
            takes_edits=self._places.takes_edits(row.chat_id),
            owners=free,
            busy_owners=tuple(each for each in owners if each not in free),
            is_free=self._chats.is_free(row.chat_id),
            away=self._gate.away,
            node_away=self._gate.is_gone,
            outage=self._gate.openings,
            other_node=self._identity.is_others(row),
            perhaps_other_node=self._identity.is_perhaps_others(row),
            jitter=jitter(),
        )

    def _notified(self, row: Invoice) -> Sequence[int]:
        return row.hearers(self._owners.of_payments)

    async def _do(self, do: Do, row: Invoice, around: Around, hand: Hand) -> Result:
        """Take the step. Raises what the node or the chat answers."""
        if do in AT_NODE:
            return await self._at_node.do(do, row, around)
        if do is Do.DROP:
            return Dropped()
        if do is Do.LAPSE:
            return Lapsed()

        async def so_far(columns: Columns) -> None:
            await self._store.must(commit.mark, row.id, columns)

        if do is Do.NOTIFY_OWNERS:
            people = row.to_notify(around.owners)
            maybe = row.with_notified(people, surely=False)
            await self._store.must(commit.mark, row.id, {"notified": maybe})
            with hand.in_chat(hand.slow_down, is_slow=any(map(self._chats.is_slow, people))):
                return await self._cards.notify(row, people, so_far)
        if marker := delivery.before(row, do, hand.armed):
            await self._store.must(commit.mark, row.id, marker)
        hand.armed = None
        # an edit says what made it due
        reason = (around.waits_for if do in EDITS else None) or self._patience.reason(
            row, self._gate.away
        )
        if do is Do.FAIL:
            return GivenUp(reason)
        is_so = None
        if row.face is Face.OPEN:
            payable = partial(self._is_payable, row.id, steady())
            is_so = IsSo(payable, partial(self._cancelled, row.id, hand))
        with hand.in_chat(hand.slow_down, is_slow=self._chats.is_slow(row.chat_id)):
            return await self._cards.do(do, row, around, reason, is_so, so_far)

    async def _is_payable(self, row_id: int, began_at: float) -> bool:
        """Whether what was rendered as payable then is: its message may have waited for long."""
        if steady() - began_at <= SOON_S:
            return True
        try:
            row = await self._store.do(commit.read, row_id)
        except StoreUnavailable:
            return True
        now = self._clock()
        return row is not None and row.face is Face.OPEN and now < row.expires_at + EXPIRY_GRACE_S

    async def _cancelled(self, row_id: int, hand: Hand) -> None:
        """Until the row has more urgent things to do than to be shown as payable."""
        was_nudged = False
        try:
            while True:
                await hand.nudge.wait()
                was_nudged = True
                hand.nudge.clear()
                with suppress(StoreUnavailable):
                    row = await self._store.do(commit.read, row_id)
                    if row is None or row.cancel_wanted or row.face is not Face.OPEN:
                        return
        finally:
            if was_nudged:  # it is read again before its next step
                hand.nudge.set()

    async def _spread(self, verdict: Verdict, row: Invoice, began_at: float) -> None:
        """Tell what came of it to whoever has to know beside the row."""
        effects.tell(verdict, row)
        for kind in verdict.over:
            self._occasions.over(kind)
        for audience in verdict.unreachable:
            is_muted = audience is Audience.CHAT and not verdict.is_sealed
            for chat_id in self._chats_of(row, audience):
                await self._places.lost(chat_id, must=True, asked_at=began_at, is_muted=is_muted)
        for owner in verdict.lost_owners:
            await self._places.lost(owner, must=True, asked_at=began_at)

    def _chats_of(self, row: Invoice, audience: Audience) -> Collection[int]:
        match audience:
            case Audience.CHAT:
                return (row.chat_id,)
            case Audience.ASKER:
                return (row.asker_id,)
        return self._owners.chat_ids

    async def _record(self, verdict: Verdict, do: Do, row: Invoice, hand: Hand) -> Invoice | None:
        """Write the outcome, and with it what the next step needs written before."""
        columns, notices = verdict.columns, verdict.notices
        if columns is None:
            if notices:
                await self._store.must(commit.begin, notices, self._clock())
                self._occasions.began(notices)
            return row
        fresh, written = await self._store.must(
            commit.record, row, do, columns, self._clock(), notices
        )
        self._occasions.began(notices)
        hand.armed = columns.get("sending") if written else None
        if written:
            self._count(row, fresh, hand)
        if written and fresh.state is not row.state:
            log.info(str(fresh.state), **row.tag)
        if row.board_id and fresh.state is not row.state:  # by whomever
            self._bell.ring_due()
        _log_unannounced(fresh)
        return fresh

    def _count(self, before: Invoice, row: Invoice, hand: Hand) -> None:
        """What is recorded now and was not before."""
        if row.announced and not before.announced:
            METER.payments.add()
        if row.card_shown in (Face.OPEN, Face.OUTDATED) and before.card_shown in NO_CARD:
            METER.cards.add()
            if hand.written_at is not None:
                METER.command_to_card.add(steady() - hand.written_at)
            elif not row.board_id:  # a part's card may have waited for its person's START
                METER.command_to_card.add(max(0.0, self._clock() - row.asked_at))

    # letting go

    async def _rest(self, row: Invoice, around: Around, step: Step, hand: Hand) -> Invoice | None:
        """Let the row go until it is due; a short wait is waited for in the hand."""
        if step.do is Do.WAIT and step.at - self._clock() <= TICK_S:
            return await self._nudged(row, hand, step.at - self._clock())
        columns = resting(row, step, around, self._clock())
        is_armed = hand.armed is not None
        if is_armed or row.due_at != columns["due_at"] or row.lane != columns["lane"]:
            fresh, written = await self._store.must(
                commit.let_go, row, columns, self._clock(), is_armed=is_armed
            )
            if not written or fresh is None:
                return fresh
            hand.armed = None
            _log_unannounced(fresh)
            again = next_step(fresh, self._around(fresh), self._clock())
            if again.do is not step.do or abs(again.at - step.at) > SAME_MOMENT_S:
                return fresh
        if step.do is Do.WAIT:
            hand.due_at = step.at
        return None

    async def _wait_for_node(self, row: Invoice, around: Around, hand: Hand) -> Invoice | None:
        """Until the gate opens, or the row has something to say."""
        waited_s = self._clock() - around.waiting_since
        moments = [NOTICE_AFTER_S, around.patience_s]
        until_s = min((m - waited_s for m in moments if m > waited_s), default=TICK_S)
        if row.card_shown is Face.WAITING:  # the reason in its notice may be another one by then
            until_s = min(until_s, REASON_EVERY_S)
        with hand.aside():
            return await self._nudged(row, hand, until_s)

    async def _nudged(self, row: Invoice, hand: Hand, timeout_s: float) -> Invoice | None:
        """The row as it is once something happened to it or the time is over."""
        await hand.nudged(timeout_s)
        return await self.read(row.id)


def _log_unannounced(row: Invoice) -> None:
    """A payment comes to rest that nobody was told."""
    if row.is_news and row.lane is Lane.UNREACHABLE:
        log.error("payment could not be announced to anybody yet", **row.tag)
