"""What no event tells: open rows are looked up, one after the other, all the time.

A stream can be silent, or cut, and says nothing of a cancellation. Knows look-ups, the rows' ages
and when each was looked up; no stream, and no cursor. However many rows are open, a few are looked
up in a second, the newest first, and each again after a pause that grows with its age.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bot import logs
from bot.clock import Clock
from bot.core import outcomes
from bot.core.answers import NodeInvoice, NodeState
from bot.core.invoice import Invoice
from bot.core.notices import Kind, Notice
from bot.errors import InvoiceUnknown, NodeError, PermissionMissing
from bot.node.gate import Gate
from bot.node.identity import IDENTIFIED_WITHIN_S, Identity
from bot.node.invoices import NodeInvoices
from bot.occasions import Occasions
from bot.store import Bell, Ended, Open, Store, Tx

log = logs.get(__name__)

#: Seconds from one round to the next, and the look-ups of a round.
ROUND_S = 10.0
LOOKUPS = 20
#: Of these for the newest rows at most: the others get some, too.
LOOKUPS_OF_NEWEST = 15
#: The same while it hurries.
HURRIED_ROUND_S = 1.0
HURRIED_LOOKUPS = 200
#: Seconds from one hurry to the next: a stream may fail again and again.
HURRIES_EVERY_S = 60.0
#: Seconds between two look-ups of a row: this part of its age, within limits.
PART_OF_AGE = 0.25
SHORTEST_PAUSE_S = 20.0
LONGEST_PAUSE_S = 1800.0
#: Seconds after which it is forgotten when a row was looked up: most are closed by then.
FORGOTTEN_AFTER_S = 4 * LONGEST_PAUSE_S
#: Rows that one statement reads, and pages from the newest on, and from further down, in a round.
PAGE = 30
PAGES = 2
#: Rows that ended, and are looked up once more each time that the node is there again: it may have
#: been a wrong backup of itself, by whose word they ended, and nothing else tells of that.
LOOKS_BACK = 1000
#: Of these in a round: less than for what is open, nobody waits for them.
LOOKUPS_OF_ENDED = 50
#: Seconds for which a round of these begins another look-up: a node may need seconds for each.
LOOKS_BACK_FOR_S = 2.0
#: Seconds in which one that does not hurry should reach its end: it begins again no sooner.
LOOKS_BACK_EVERY_S = LOOKS_BACK / LOOKUPS_OF_ENDED * ROUND_S * 1.2
#: The same where the node seems to have been there all the time, and only its stream was cut.
LOOKS_BACK_FOR_STREAMS_EVERY_S = 2.5 * LOOKS_BACK_EVERY_S
#: The longest pause between two look-ups of one of these to which the node gave no answer.
LONGEST_AGAIN_S = 300.0
#: Look-ups at once: it leaves room for expiries among what nobody waits for.
AT_ONCE = 3

_CLOSED = (NodeState.SETTLED, NodeState.CANCELED)


@dataclass(slots=True)
class _Circle:
    """One way down through all open rows, from the newest on."""

    hurries: bool = False
    below: int | None = None  # how far down it is
    is_done: bool = False

    def go_back(self, below: int | None, row_id: int) -> None:
        """To where a round began, or to the first row that it left out, if that is further down."""
        self.below = row_id + 1 if below is None else min(below, row_id + 1)
        self.is_done = False


class _Unanswered(NamedTuple):
    """A row that ended, and has not ended by the node's word."""

    row: Ended
    pause_s: float
    again_at: float  # by the loop's clock


@dataclass(slots=True)
class _Back:
    """The way back through the rows of a node that ended, the newest first.

    It hurries where the node seems to be another one than before, or a row is other than it ended.
    """

    opening: int  # of the gate, when it began
    streams: int  # that had been opened
    began_at: float  # by the loop's clock
    node_id: str = ""  # "" before the first round
    hurries: bool = False
    left: int = LOOKS_BACK
    below: int | None = None
    #: What has not ended by the node's word, or got none: nothing else will ask again.
    unanswered: dict[int, _Unanswered] = field(default_factory=dict)

    def takes(self, row: Ended) -> bool:
        """Whether this row may be this node's, and is looked up on the way."""
        return row.node_id in ("", self.node_id) and row.row_id not in self.unanswered

    def due(self, now: float, most: int) -> list[Ended]:
        """What is asked for again, the longest due first."""
        due = [each for each in self.unanswered.values() if each.again_at <= now]
        return [each.row for each in sorted(due, key=lambda each: each.again_at)[:most]]

    def took(self, row: Ended, now: float, *, is_answered: bool) -> None:
        """A row was looked up; where it needs that again, it is so after a pause that grows."""
        before = self.unanswered.pop(row.row_id, None)
        if before is None:
            self.left, self.below = self.left - 1, row.row_id
        if not is_answered:
            pause_s = min(LONGEST_AGAIN_S, 2 * before.pause_s if before else SHORTEST_PAUSE_S)
            self.unanswered[row.row_id] = _Unanswered(row, pause_s, now + pause_s)


class Sweep:
    """Looks up what is open; `run` until cancelled."""

    def __init__(
        self,
        *,
        gate: Gate,
        identity: Identity,
        invoices: NodeInvoices,
        store: Store,
        bell: Bell,
        occasions: Occasions,
        clock: Clock,
    ) -> None:
        self._gate = gate
        self._identity = identity
        self._invoices = invoices
        self._store = store
        self._bell = bell
        self._occasions = occasions
        self._clock = clock
        self._looked_up: dict[int, float] = {}  # row → when, by the loop's clock
        self._circle = _Circle()
        self._streams = 0
        self._back = _Back(opening=0, streams=0, began_at=-math.inf)
        self._began_at = 0.0
        self._hurried_at = -math.inf  # the end of the last time
        self._woken = asyncio.Event()
        #: Payments that a look-up found first, and no event has told since.
        self.untold: dict[bytes, NodeInvoice] = {}
        #: One was added.
        self.found = asyncio.Event()

    def begin_again(self, *, hurries: bool, looks_back: bool) -> None:
        """What was looked up before says nothing more. It `hurries` where no event will tell.

        `looks_back`: rows that ended may have done so by the word of a node that was not as it is
        now. Here they may be paid, or open.
        """
        now = self._began_at = asyncio.get_running_loop().time()
        self._looked_up.clear()
        self._streams += 1
        if hurries and not self._circle.hurries and now - self._hurried_at >= HURRIES_EVERY_S:
            self._circle = _Circle(hurries=True)
        if looks_back:
            self._back = self._new_back(hurries=True)
        self._woken.set()

    async def run(self) -> None:
        """From the first `begin_again` on. Raises only what is a bug."""
        await self._woken.wait()
        while True:
            await self._gate.opened()
            is_known = await self._identity.known_within(IDENTIFIED_WITHIN_S)
            self._woken.clear()
            await self._look_up_due(is_known)
            if self._identity.is_known and not self._circle.hurries:
                await self._look_back(self._identity.node_id)
            looks_back = self._identity.is_known and self._back.hurries and self._back.left
            hurries = self._circle.hurries or looks_back
            await self._rest(HURRIED_ROUND_S if hurries else ROUND_S)

    async def _rest(self, rest_s: float) -> None:
        try:
            async with asyncio.timeout(rest_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _is_interrupted(self, opening: int) -> bool:
        """Whether something came in between: it begins again, or the gate shut since `opening`."""
        return self._woken.is_set() or not self._gate.is_open or self._gate.openings != opening

    async def _look_up_due(self, is_known: bool) -> None:
        """Look up what is due, for as long as nothing comes in between."""
        opening, circle = self._gate.openings, self._circle
        was_below = circle.below
        due = await self._due(circle, self._identity.node_id if is_known else "")
        failed: list[Open] = []
        for at in range(0, len(due), AT_ONCE):
            if self._is_interrupted(opening):
                left = [*failed, *due[at:]]
                self._looked_up.update((row.row_id, -math.inf) for row in left)
                circle.go_back(was_below, left[0].row_id)
                return
            group = due[at : at + AT_ONCE]
            looks = (self._look_up(row, opening, is_known) for row in group)
            answered = await asyncio.gather(*looks)
            failed += itertools.compress(group, (not each for each in answered))
        if circle.is_done and circle is self._circle:
            self._end_circle()

    async def _look_back(self, node_id: str) -> None:
        """A round of what ended, for as long as nothing comes in between, and not for long."""
        now = asyncio.get_running_loop().time()
        opening, back = self._gate.openings, self._way_back(node_id, now)
        most = HURRIED_LOOKUPS if back.hurries else LOOKUPS_OF_ENDED
        again = back.due(now, most // 2)
        await self._look_up_ended(again, back, self._for_a_while(opening))
        most -= len(again)
        goes_on = self._for_a_while(opening)
        for _ in range(HURRIED_LOOKUPS // PAGE):
            most = min(most, back.left)
            if not most:
                return
            page = await self._store.must(_ended_page, back.below)
            own = [each for each in page if back.takes(each)][:most]
            if not await self._look_up_ended(own, back, goes_on):
                return
            most -= len(own)
            if most and len(page) < PAGE:
                back.left = 0
            elif most:
                back.below = page[-1].row_id

    def _for_a_while(self, opening: int) -> Callable[[], bool]:
        """Whether a round may go on. The first look-ups are always made, if nothing came before."""
        ends_at = math.inf

        def goes_on() -> bool:
            nonlocal ends_at
            now = asyncio.get_running_loop().time()
            is_over = self._is_interrupted(opening) or now >= ends_at
            ends_at = min(ends_at, now + LOOKS_BACK_FOR_S)
            return not is_over

        return goes_on

    async def _look_up_ended(
        self, rows: list[Ended], back: _Back, goes_on: Callable[[], bool]
    ) -> bool:
        """A few at once, for as long as it goes on. Whether all have been looked up."""
        for at in range(0, len(rows), AT_ONCE):
            if not goes_on():
                return False
            group = rows[at : at + AT_ONCE]
            answered = await asyncio.gather(*(self._look_up_one_ended(row, back) for row in group))
            now = asyncio.get_running_loop().time()
            for row, is_answered in zip(group, answered, strict=True):
                back.took(row, now, is_answered=is_answered)
        return True

    def _way_back(self, node_id: str, now: float) -> _Back:
        """Where it goes on, or begins: for another node, or one that is there again.

        Not before the way that is under way had time to reach its end: a node may come and go.
        """
        was, since_s = self._back, now - self._back.began_at
        if was.node_id not in ("", node_id):
            self._back = self._new_back()
        elif self._begins_again(since_s):
            self._back = self._new_back(hurries=was.hurries and bool(was.left))
            newest = sorted(was.unanswered, reverse=True)[:LOOKS_BACK]
            self._back.unanswered = {each: was.unanswered[each] for each in newest}
        self._back.node_id = node_id
        return self._back

    def _begins_again(self, since_s: float) -> bool:
        """Whether the node may have been away since the way back began, so long ago."""
        back = self._back
        if back.opening != self._gate.openings:
            return not back.left or since_s >= LOOKS_BACK_EVERY_S
        is_over = not back.left and since_s >= LOOKS_BACK_FOR_STREAMS_EVERY_S
        return is_over and back.streams != self._streams

    def _new_back(self, *, hurries: bool = False) -> _Back:
        began_at = asyncio.get_running_loop().time()
        return _Back(self._gate.openings, self._streams, began_at, hurries=hurries)

    # which

    async def _due(self, circle: _Circle, node_id: str) -> list[Open]:
        """The rows of this round."""
        if circle.hurries:
            return await self._further(circle, node_id, HURRIED_LOOKUPS, HURRIED_LOOKUPS // PAGE)
        due: list[Open] = []
        below = None
        for _ in range(PAGES):
            page = await self._store.must(_open_page, below)
            due += self._due_of(page, node_id, LOOKUPS_OF_NEWEST - len(due))
            if len(page) < PAGE:
                break
            below = page[-1].row_id
        return due + await self._further(circle, node_id, LOOKUPS - len(due), PAGES)

    async def _further(self, circle: _Circle, node_id: str, most: int, pages: int) -> list[Open]:
        """The due ones of the circle's next pages down."""
        due: list[Open] = []
        for _ in range(pages):
            page = await self._store.must(_open_page, circle.below)
            due += self._due_of(page, node_id, most - len(due))
            if len(due) == most:
                circle.below = due[-1].row_id  # the rest comes next
                break
            if len(page) < PAGE:
                circle.is_done = True
                break
            circle.below = page[-1].row_id
        return due

    def _end_circle(self) -> None:
        """The next one begins with the newest again."""
        now = asyncio.get_running_loop().time()
        if self._circle.hurries:
            self._hurried_at = now
        self._circle = _Circle()
        since = now - FORGOTTEN_AFTER_S
        self._looked_up = {row: at for row, at in self._looked_up.items() if at > since}

    def _due_of(self, page: Iterable[Open], node_id: str, most: int) -> list[Open]:
        """The due rows of this page, `most` of them; they count as looked up."""
        now = asyncio.get_running_loop().time()
        due = (each for each in page if self._is_askable(each, node_id) and self._is_due(each, now))
        taken = list(itertools.islice(due, max(0, most)))
        self._looked_up.update((each.row_id, now) for each in taken)
        return taken

    def _is_askable(self, row: Open, node_id: str) -> bool:
        """Whether this node may have it. A row of no node was made just before it was known."""
        return not row.is_aside and (not node_id or row.node_id in ("", node_id))

    def _is_due(self, row: Open, now: float) -> bool:
        age_s = max(0.0, self._clock() - row.created_at)
        if row.row_id not in self._looked_up:
            is_new = age_s < now - self._began_at and not self._circle.hurries
            self._looked_up[row.row_id] = now if is_new else -math.inf
        pause_s = min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, PART_OF_AGE * age_s))
        return now - self._looked_up[row.row_id] >= pause_s

    # each

    async def _look_up(self, row: Open, opening: int, is_known: bool) -> bool:
        """Look up, and record what is news. Whether the node said what it has."""
        try:
            found: NodeInvoice | None = await self._invoices.lookup_behind(row.payment_hash)
        except InvoiceUnknown:
            is_same = self._gate.is_open and self._gate.openings == opening
            if not is_known or not is_same or row.node_id != self._identity.node_id:
                return False  # it may be another's
            found = None
        except NodeError as error:
            self._looked_up[row.row_id] = -math.inf
            log.debug("look-up failed", row=row.row_id, detail=error.detail)
            return False
        node_id = self._identity.node_id if is_known else ""
        is_news = row.is_unconfirmed or (node_id and not row.node_id)
        if found is not None and found.state not in _CLOSED and not is_news:
            return True  # as it was
        await self._record(row.row_id, found, node_id)
        return True

    async def _look_up_one_ended(self, row: Ended, back: _Back) -> bool:
        """Record it where it is paid, and cancel it where it is open: it says that nobody can pay
        it. Whether that is so now, by the node's word."""
        try:
            found = await self._invoices.lookup_behind(row.payment_hash)
            if found.state is NodeState.OPEN:
                await self._cancel_ended(row)
                log.info("cancelled at the node what had ended", row=row.row_id)
                back.hurries = True
                return True
        except InvoiceUnknown:
            return True
        except NodeError as error:
            log.debug("look-up failed", row=row.row_id, detail=error.detail)
            return False
        if found.state is NodeState.SETTLED and not row.is_paid:
            back.hurries = True
            await self._record(row.row_id, found, back.node_id)
        return found.state in _CLOSED

    async def _cancel_ended(self, row: Ended) -> None:
        """Raises `NodeError`; owners hear where it is not permitted."""
        try:
            await self._invoices.cancel_behind(row.payment_hash)
        except PermissionMissing:
            self._occasions.notify(Notice(Kind.CANCEL_NOT_PERMITTED))
            raise
        self._occasions.over(Kind.CANCEL_NOT_PERMITTED)

    async def _record(self, row_id: int, found: NodeInvoice | None, node_id: str) -> None:
        came = await self._store.must(_record_lookup, row_id, found, node_id, self._clock())
        if came.row is not None:
            self._bell.ring(came.row.key, came.row.chat_id, came.row.lane)
            if came.row.board_id:
                self._bell.ring_due()
        if came.row is not None and came.is_payment and found is not None:
            log.info("paid", **came.row.tag, paid_msat=found.paid_msat, told_by="look-up")
            self.untold[found.payment_hash] = found
            self.found.set()


# jobs of the store


def _ended_page(tx: Tx, below: int | None) -> list[Ended]:
    return tx.nodes.ended_page(below, PAGE)


class _Came(NamedTuple):
    """What came of a look-up: the row, if it changed, and whether that is a payment."""

    row: Invoice | None
    is_payment: bool = False


def _open_page(tx: Tx, below: int | None) -> list[Open]:
    return tx.nodes.open_page(below, PAGE)


def _record_lookup(
    tx: Tx, row_id: int, found: NodeInvoice | None, node_id: str, now: float
) -> _Came:
    """A row as this node has it, and that it is this node's."""
    if found is not None and node_id:
        tx.nodes.claim(row_id, node_id)
    if found is not None and found.state is NodeState.SETTLED:
        settled_id = tx.nodes.settle(found.payment_hash, now=now, **outcomes.paid(found))
        return _Came(tx.invoices.get(row_id), is_payment=settled_id is not None)
    if found is None or found.state is NodeState.CANCELED:
        tx.nodes.close(row_id, now)
        return _Came(tx.invoices.get(row_id))
    # It can be paid, by the node's word.
    return _Came(tx.nodes.confirm(row_id, now))
