"""Whether the node can be asked: shut by a failed call, opened by a look at it. Knows lnd.

While it is shut nobody asks the node but the one that looks whether it is back.
"""

from __future__ import annotations

import asyncio
import random

from bot import logs
from bot.errors import InvoiceUnknown, NodeError, NodeLocked, NodeSetting, NodeStarting
from bot.lnd import Node

log = logs.get(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
#: Seconds that the gate has to stay open before the next pause is a short one again.
SETTLED_S = 30.0
LOOK_TIMEOUT_S = 5.0

_NO_INVOICE = bytes(32)


def pause_s(attempt: int, *, first_s: float = FIRST_PAUSE_S, longest_s: float) -> float:
    """The growing, jittered pause before try number `attempt` (from 1), in seconds."""
    grown_s: float = first_s * 2 ** min(attempt - 1, 16)
    return min(longest_s, grown_s) * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret


async def look(node: Node) -> None:
    """Whether the node can be asked for invoices right now. Raises `NodeError` if not."""
    try:
        state = await node.state(timeout_s=LOOK_TIMEOUT_S)
    except NodeSetting as error:
        if "UNIMPLEMENTED" not in error.detail:  # a proxy may offer only the main service
            raise
        state = "SERVER_ACTIVE"
    if state == "LOCKED":
        raise NodeLocked
    if state == "NON_EXISTING":
        raise NodeLocked(
            "The Lightning node has no wallet yet: its owner has to create one.", detail=state
        )
    if state != "SERVER_ACTIVE":
        raise NodeStarting(detail=state)
    try:
        await node.lookup(_NO_INVOICE, timeout_s=LOOK_TIMEOUT_S)
    except InvoiceUnknown:
        return


class Gate:
    """Open, or shut for a reason."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._open = asyncio.Event()
        self._shut = asyncio.Event()
        self._shut.set()
        self._attempts = 0
        self._opened_at = 0.0
        self._looked_at = 0.0
        self._told_of: NodeError | None = None
        #: Why it is shut.
        self.reason: NodeError = NodeStarting("The Lightning node was not asked yet.")

    @property
    def is_open(self) -> bool:
        """Whether the node may be asked."""
        return self._open.is_set()

    async def opened(self) -> None:
        """Wait until it is open."""
        await self._open.wait()

    def shut(self, reason: NodeError) -> None:
        """A call failed like this: nobody asks until a look succeeds."""
        if self.is_open:  # else a look has the newer word
            self.reason = reason
            self._open.clear()
            self._shut.set()

    async def watch(self) -> None:
        """Wait until it is shut, then look until the node answers, and open it again.

        The pauses are between looks: one that was open for longer is looked at at once, so that
        the reason is soon the node's own, and not what a broken call made of it.
        """
        loop = asyncio.get_running_loop()
        await self._shut.wait()
        if self._opened_at and loop.time() - self._opened_at > SETTLED_S:
            self._attempts = 0
        while True:
            if self._opened_at or self._attempts:
                pause = pause_s(self._attempts + 1, longest_s=LONGEST_PAUSE_S)
                await asyncio.sleep(max(0.0, self._looked_at + pause - loop.time()))
            self._attempts += 1
            try:
                await look(self._node)
            except NodeError as error:
                self.reason = error
                self._tell(error)
            else:
                break
            finally:
                self._looked_at = loop.time()
        if self._told_of is not None:
            log.info("node is back")
            self._told_of = None
        self._opened_at = loop.time()
        self._shut.clear()
        self._open.set()

    def _tell(self, error: NodeError) -> None:
        """An outage is logged once, and again only when its cause is another one."""
        if type(error) is not type(self._told_of):
            log.warning("node is away", reason=error.sentence, detail=error.detail)
            self._told_of = error
