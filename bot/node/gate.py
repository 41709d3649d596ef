"""Whether the node can be asked: shut by a failed call, opened by a probe. Knows the client.

While it is shut nobody asks the node but the one that probes whether it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bot import logs, texts
from bot.clock import steady
from bot.core.answers import WalletState
from bot.errors import (
    CallMissing,
    InvoiceUnknown,
    NodeError,
    NodeLocked,
    NodeNotAsked,
    NodeOdd,
    NodePassing,
    NodeRefused,
    NodeSetting,
    NodeStarting,
    PermissionMissing,
    WalletMissing,
)
from bot.node.client import Node
from bot.pauses import pause_s

log = logs.get(__name__)

LONGEST_PAUSE_S = 5.0
#: Seconds for which the gate is shut before the node counts as gone: a blink changes no card.
GONE_AFTER_S = 5.0
#: Seconds that the gate has to stay open before the next pause is a short one again.
STABLE_S = 30.0
PROBE_TIMEOUT_S = 5.0

_NO_INVOICE = bytes(32)


async def probe(node: Node) -> None:
    """Whether the node can be asked for invoices right now. Raises `NodeError` if not.

    If it can, it is also known afterwards what its channels are like.
    """
    try:
        state = await node.state(timeout_s=PROBE_TIMEOUT_S)
    except CallMissing:  # a proxy may offer only the main service
        state = WalletState.SERVER_ACTIVE
    if state is WalletState.LOCKED:
        raise NodeLocked
    if state is WalletState.NON_EXISTING:
        raise WalletMissing(detail=state)
    if state is not WalletState.SERVER_ACTIVE:
        raise NodeStarting(detail=state)
    with suppress(InvoiceUnknown):
        await node.lookup(_NO_INVOICE, timeout_s=PROBE_TIMEOUT_S)
    await node.refresh_channels()


def is_away(error: NodeError) -> bool:
    """Whether the node is away for everybody, not for one invoice or one call only."""
    of_one = NodeOdd | PermissionMissing | CallMissing
    return isinstance(error, NodePassing | NodeSetting) and not isinstance(error, of_one)


class Gate:
    """Open, or shut for a reason."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._open = asyncio.Event()
        self._shut = asyncio.Event()
        self._shut.set()
        self._attempts = 0
        self._opened_at = 0.0
        self._shut_at = steady()
        self._probed_at = 0.0
        self._logged: NodeError | None = None
        #: How often it opened: each outage ends with one.
        self.openings = 0
        #: Why it is shut.
        self.reason: NodeError = NodeNotAsked()

    @property
    def is_open(self) -> bool:
        """Whether the node may be asked."""
        return self._open.is_set()

    @property
    def away(self) -> NodeError | None:
        """Why nobody may ask now; None while it is open."""
        return None if self.is_open else self.reason

    @property
    def is_gone(self) -> bool:
        """Whether it has been shut for seconds."""
        return not self.is_open and steady() - self._shut_at >= GONE_AFTER_S

    async def opened(self) -> None:
        """Wait until it is open."""
        await self._open.wait()

    async def closed(self) -> None:
        """Wait until it is shut."""
        await self._shut.wait()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """A call to the node. Raises the reason where the gate is shut; an outage shuts it."""
        if not self.is_open:
            raise self.reason
        try:
            yield
        except NodeRefused:
            raise
        except NodeError as error:
            if is_away(error):
                self.shut(error)
            raise

    def shut(self, reason: NodeError) -> None:
        """A call failed like this: nobody asks until a probe succeeds."""
        if self.is_open:  # else a probe has the newer word
            self.reason = reason
            self._shut_at = steady()
            self._open.clear()
            self._shut.set()

    async def watch(self) -> None:
        """Wait until it is shut, then probe until the node answers, and open it again.

        The pauses are between probes: after it was open for longer it is probed at once, so that
        the reason is soon the node's own, and not what a broken call made of it.
        """
        loop = asyncio.get_running_loop()
        await self._shut.wait()
        if self._opened_at and loop.time() - self._opened_at > STABLE_S:
            self._attempts = 0
        while not await self._probed():
            pass
        if self._logged is not None:
            log.info("node is back")
            self._logged = None
        self._opened_at = loop.time()
        self.openings += 1
        self._shut.clear()
        self._open.set()

    async def _probed(self) -> bool:
        loop = asyncio.get_running_loop()
        if self._opened_at or self._attempts:
            pause = pause_s(self._attempts + 1, longest_s=LONGEST_PAUSE_S)
            await asyncio.sleep(max(0.0, self._probed_at + pause - loop.time()))
        self._attempts += 1
        try:
            await probe(self._node)
        except NodeError as error:
            self.reason = error
            self._log(error)
            return False
        finally:
            self._probed_at = loop.time()
        return True

    def _log(self, error: NodeError) -> None:
        """An outage is logged once, and again only when its cause is another one."""
        if type(error) is not type(self._logged):
            log.warning("node is away", reason=texts.why(error), detail=error.detail)
            self._logged = error
