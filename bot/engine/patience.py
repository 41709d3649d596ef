"""How long rows wait for the node, and which one gives its chat notice. Knows this process only."""

from __future__ import annotations

from bot.core.answers import Result
from bot.core.invoice import TOO_LATE_S, Audience, Invoice, State
from bot.core.outcomes import elsewhere
from bot.core.steps import NOTICE_AFTER_S, Around
from bot.core.work import Do, Key
from bot.errors import (
    AskedTooLongAgo,
    ChatError,
    ChatForbidden,
    ChatRefused,
    MessageGone,
    NodeError,
    NodeNotAsked,
    NodeRefused,
    NodeTimeout,
)

#: A row that came due for its notice so many seconds ago at most may give it, however short the
#: patience is.
FRESH_S = 2.0
#: Clocks that move apart by more were set, in seconds.
SET_S = 2.0
#: Seconds in which the group of a row moves once at most: it becomes a supergroup once in its life.
MOVES_ONCE_S = 30.0
#: In the place of a row: nobody gives this chat notice.
_NOBODY = 0


class Patience:
    """What a process knows of its rows, and what the rows do not say. Times in seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waiting: dict[int, float] = {}  # row → when it was taken up, on the steady clock
        self._speakers: dict[int, int] = {}  # chat → the row that gives it a waiting notice
        self._outage = 0  # the one that the speakers are of
        self._reasons: dict[int, NodeError] = {}  # row → what keeps it waiting
        self._reasons_of: dict[int, int] = {}  # row → the outage that this is of
        self._too_late: set[int] = set()  # rows that were asked for long before they were taken up
        self._asked: dict[int, float] = {}  # question → how far the clocks were apart at first
        self._moved: dict[Key, float] = {}  # row → when its group moved, on the steady clock

    def around(
        self,
        row: Invoice,
        *,
        now: float,
        steady_s: float,
        unreachable: frozenset[Audience],
        takes_edits: bool = False,
        owners: tuple[int, ...],
        busy_owners: tuple[int, ...],
        is_free: bool,
        away: NodeError | None = None,
        node_away: bool,
        outage: int,
        other_node: bool,
        perhaps_other_node: bool,
        jitter: float = 1.0,
    ) -> Around:
        """What is so of the row now.

        `steady_s` is read from a clock that nobody sets: a wall clock that is set must not use up
        anybody's patience, nor make a question old. `is_free`: nobody queues in its chat; a
        notice that has to queue would keep the row from the node meanwhile.
        `away`: why nobody may ask the node now. `outage`: how often it came back.
        """
        if outage != self._outage:  # the node was back: the next outage has notices of its own
            self._outage = outage
            self._speakers.clear()
        set_by_s = self._set_by_s(row, now - steady_s)
        waiting_since, gives_notice, waits_for = 0.0, False, None
        if row.state is State.PENDING:
            waited_s = self._waited_s(row, now, steady_s)
            waiting_since = now - waited_s
            gives_notice = waited_s >= NOTICE_AFTER_S and self._speaks(row, waited_s) and is_free
            waits_for = self._waits_for(row, away) if is_free else None
        elif row.id in self._waiting:
            self._forget(row)
        return Around(
            waiting_since=waiting_since,
            patience_s=0.0 if row.id in self._too_late else self._patience_s,
            gives_notice=gives_notice,
            waits_for=waits_for,
            unreachable=unreachable,
            takes_edits=takes_edits,
            owners=owners,
            busy_owners=busy_owners,
            node_away=node_away,
            other_node=other_node,
            perhaps_other_node=perhaps_other_node,
            clock_set_by_s=set_by_s,
            jitter=jitter,
        )

    def _set_by_s(self, row: Invoice, apart_s: float) -> float:
        """By how much the wall clock was set since the question was seen first."""
        if row.state is not State.ASKING:
            self._asked.pop(row.id, None)
            return 0.0
        set_by_s = apart_s - self._asked.setdefault(row.id, apart_s)
        # In whole seconds, so that the same moment is the same number each time.
        return float(round(set_by_s)) if abs(set_by_s) > SET_S else 0.0

    def _waited_s(self, row: Invoice, now: float, steady_s: float) -> float:
        if row.id not in self._waiting and now - row.asked_at > TOO_LATE_S:
            self._too_late.add(row.id)
        return steady_s - self._waiting.setdefault(row.id, steady_s)

    def _speaks(self, row: Invoice, waited_s: float) -> bool:
        """One row speaks for its chat, and once it has ended another one: the one before may have
        been somebody else's, or long ago. Not one that has little patience left."""
        is_fresh = waited_s <= max(NOTICE_AFTER_S + FRESH_S, self._patience_s / 2)
        if row.chat_id not in self._speakers and is_fresh:
            self._speakers[row.chat_id] = row.id
        return self._speakers.get(row.chat_id) == row.id

    def _forget(self, row: Invoice) -> None:
        """The row waits for the node no longer."""
        del self._waiting[row.id]
        self._reasons.pop(row.id, None)
        self._reasons_of.pop(row.id, None)
        self._too_late.discard(row.id)
        if self._speakers.get(row.chat_id) == row.id:
            del self._speakers[row.chat_id]

    def learn(self, do: Do, row: Invoice, result: Result) -> None:
        """What came of a step: what keeps the row waiting, or that its chat takes no notice."""
        match result:
            case NodeRefused() | ChatForbidden():
                return
            case NodeError() if row.id in self._waiting:
                self._reasons[row.id] = result
                self._reasons_of[row.id] = self._outage
            case ChatError() if elsewhere(do, row, result) is not None:
                return
            case ChatError() if do is Do.SEND_WAITING_NOTICE:
                self._speakers[row.chat_id] = _NOBODY  # none in this outage
            case MessageGone() | ChatRefused() if row.id in self._waiting:  # somebody removed it
                self._speakers[row.chat_id] = _NOBODY

    def believes_move(self, key: Key, steady_s: float) -> bool:
        """Whether this row's group may have moved, as Telegram says; not when it has just done so.

        Another new id at each call would be followed as fast as the calls go.
        """
        while self._moved:
            oldest = next(iter(self._moved))
            if steady_s - self._moved[oldest] < MOVES_ONCE_S:
                break
            del self._moved[oldest]
        if key in self._moved:
            return False
        self._moved[key] = steady_s
        return True

    def _waits_for(self, row: Invoice, away: NodeError | None) -> NodeError | None:
        """What keeps the row waiting now. None where it was not tried since the node was back, or
        this process since its start."""
        reason = away
        if away is None and self._reasons_of.get(row.id) == self._outage:
            reason = self._reasons[row.id]
        return None if isinstance(reason, NodeNotAsked) else reason

    def reason(self, row: Invoice, gate: NodeError | None) -> NodeError:
        """The latest that is known of what keeps the row waiting; `gate`: why everybody waits."""
        if row.id in self._too_late:
            return AskedTooLongAgo()
        return gate or self._reasons.get(row.id, NodeTimeout())
