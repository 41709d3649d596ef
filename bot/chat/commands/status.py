"""A family of commands: /status, how bot and node are, for the bot's owners only, in private."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from telegram import Message
from telegram.ext import CommandHandler

from bot import __version__, texts
from bot.actions import Ledger
from bot.aside import aside
from bot.chat import messages
from bot.chat.admission import Admission
from bot.chat.replies import NODE_WITHIN_S, AskNode, Replies, Reply, reply
from bot.chat.updates import PtbApplication
from bot.core.answers import NodeStatus
from bot.core.ledger import Overview
from bot.errors import NodeError, NodeTimeout, StoreUnavailable
from bot.findings import About, Finding, Kind, bad

#: Seconds for the macaroon's file, beside the node's answer; for the database's after them; and
#: beyond these for the rest.
FILE_WITHIN_S, DATABASE_WITHIN_S, REST_S = 5.0, 5.0, 1.0


class Node(Protocol):
    """What this family needs of the node."""

    async def status(self) -> NodeStatus:
        """Whether it answers now, and who it is; may take seconds. Raises nothing."""


class Status:
    """Asks the node; `within_s` seconds for its answer.

    `macaroon`: what is found of the macaroon at a time in Unix seconds, by its file alone.
    `started_at`: since when this process runs, likewise.
    """

    def __init__(
        self,
        *,
        node: Node,
        ledger: Ledger,
        admission: Admission,
        replies: Replies,
        macaroon: Callable[[float], Iterable[Finding]],
        clock: Callable[[], float],
        started_at: float,
        within_s: float = NODE_WITHIN_S,
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._admission = admission
        self._replies = replies
        self._macaroon = macaroon
        self._clock = clock
        self._started_at = started_at
        self._within_s = within_s

    def register(self, application: PtbApplication) -> None:
        """Who handles what."""
        status = self._replies.to_message(self.status)
        application.add_handler(CommandHandler("status", status, filters=messages.ADDRESSED))

    async def status(self, message: Message) -> Sequence[Reply]:
        """/status: how the node is, what is open and paid, and since when the bot runs."""
        asker = messages.asker(message)
        if (instead := await self._admission.owners_in_private(message, asker)) is not None:
            return instead
        within_s = max(self._within_s, FILE_WITHIN_S) + DATABASE_WITHIN_S + REST_S
        may_read = partial(self._admission.is_owner, asker.id)
        return [AskNode(self._ask, partial(reply, message), within_s, may_read)]

    async def _ask(self) -> str:
        node, macaroon = await asyncio.gather(self._of_node(), self._of_macaroon())
        return texts.status(
            node,
            await self._of_invoices(),
            macaroon,
            version=__version__,
            started_at=self._started_at,
        )

    async def _of_macaroon(self) -> list[Finding]:
        try:
            async with asyncio.timeout(FILE_WITHIN_S):
                return await aside(partial(list, self._macaroon(self._clock())))
        except TimeoutError:
            return [bad(About.MACAROON, Kind.NO_ANSWER, timeout_s=FILE_WITHIN_S)]

    async def _of_node(self) -> NodeStatus:
        try:
            async with asyncio.timeout(self._within_s):
                return await self._node.status()
        except TimeoutError:
            return NodeStatus(NodeTimeout(), None)
        except NodeError as error:
            return NodeStatus(error, None)

    async def _of_invoices(self) -> Overview | None:
        try:
            async with asyncio.timeout(DATABASE_WITHIN_S):
                return await self._ledger.overview()
        except (StoreUnavailable, TimeoutError):  # which is what the owner may want to see
            return None
