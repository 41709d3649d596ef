"""A family of commands: /status, how the node is, for the bot's owners only, in private."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from telegram import Message
from telegram.ext import CommandHandler, filters

from bot import texts
from bot.access import Access
from bot.chat import messages
from bot.chat.admission import Admission, FromOwner
from bot.chat.replies import NODE_WITHIN_S, AskNode, Replies, Reply, reply
from bot.chat.updates import PtbApplication
from bot.core.answers import NodeStatus
from bot.findings import Finding


class Node(Protocol):
    """What this family needs of the node."""

    async def status(self) -> NodeStatus:
        """Whether it answers now, and who it is; may take seconds. Raises nothing."""


class Status:
    """Asks the node; `within_s` seconds for its answer.

    `macaroon`: what is found of the macaroon at a time in Unix seconds, by its file alone.
    """

    def __init__(
        self,
        *,
        node: Node,
        access: Access,
        admission: Admission,
        replies: Replies,
        macaroon: Callable[[float], Iterable[Finding]],
        clock: Callable[[], float],
        within_s: float = NODE_WITHIN_S,
    ) -> None:
        self._node = node
        self._access = access
        self._admission = admission
        self._replies = replies
        self._macaroon = macaroon
        self._clock = clock
        self._within_s = within_s

    def register(self, application: PtbApplication) -> None:
        """Who handles what. Of anybody else it is no command that the bot knows."""
        of_owners = messages.ADDRESSED & filters.ChatType.PRIVATE & FromOwner(self._access)
        status = self._replies.to_message(self.status)
        application.add_handler(CommandHandler("status", status, filters=of_owners))

    async def status(self, message: Message) -> Sequence[Reply]:
        """/status: how the node is."""
        late = await self._admission.late(message, messages.asker(message))
        if late is not None:
            return late
        return [AskNode(self._ask, partial(reply, message), self._within_s)]

    async def _ask(self) -> str:
        status = await self._node.status()
        return texts.node_status(status, self._macaroon(self._clock()))
