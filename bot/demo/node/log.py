"""What the node was asked and what it told, each with its time. Knows no answer's content."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["open", "answered", "refused", "lost"]

#: Of the newest calls it is known how they went.
KEPT = 10_000


@dataclass(slots=True, eq=False)
class NodeCall:
    """One call, or an event of SubscribeInvoices. `payment_hash` is b"" where it names none.

    Times in Unix seconds of the node's clock. `lost`: its caller never got an answer. `why`: the
    text with which the node refused it.
    """

    method: str
    payment_hash: bytes
    at: float
    outcome: Outcome = "open"
    ended_at: float | None = None
    why: str = ""


class Log:
    """The newest calls, the oldest first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.calls: deque[NodeCall] = deque(maxlen=KEPT)
        self._clock = clock
        self._watchers: list[Callable[[], object]] = []

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call this after every call that has ended."""
        self._watchers.append(watcher)

    def arrived(self, method: str, payment_hash: bytes = b"") -> NodeCall:
        """A call has arrived."""
        call = NodeCall(method, payment_hash, self._clock())
        self.calls.append(call)
        return call

    def ended(self, call: NodeCall, outcome: Outcome, why: str = "") -> None:
        """This is how it went."""
        call.why = why
        call.outcome, call.ended_at = outcome, self._clock()
        for watcher in self._watchers:
            watcher()
