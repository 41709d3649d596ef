"""Which invoice somebody means, and whether they may change it. Knows cards and admins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from telegram import MaybeInaccessibleMessage, Message, User

from bot import texts
from bot.actions import Actions, Asker
from bot.chat import messages
from bot.chat.buttons import named, under
from bot.chat.client import Naming
from bot.chat.replies import IfAdmin, IfNamed, Reply
from bot.core.board import Board
from bot.core.invoice import AT_THE_NODE, Invoice
from bot.core.wishes import Cancelling
from bot.core.work import Lane
from bot.errors import NodeError
from bot.places import Places


class AtNode(Protocol):
    """What is known of cancelling at the node."""

    @property
    def hindrance(self) -> NodeError | None:
        """Why nothing can be cancelled now; None: nothing is known to hinder it."""

    @property
    def away(self) -> NodeError | None:
        """Why it cannot be asked at all now."""

    @property
    def inbound_msat(self) -> int | None:
        """What its channels can receive, None where nobody knows."""


class Targets:
    """What presses and commands aim at."""

    def __init__(self, actions: Actions, places: Places, within: range) -> None:
        """`within`: the satoshi that an invoice may have."""
        self._actions = actions
        self._within = within
        self._places = places

    async def of_card(
        self, payment_hash: bytes, message: MaybeInaccessibleMessage
    ) -> Invoice | None:
        """The row that a card is of, by the payment hash on its button."""
        chat_id = self._places.now(message.chat.id)
        has_button: bool | None = None
        # Of old messages only the number comes; where the group moved on its old numbers are void.
        if isinstance(message, Message) and message.chat.id == chat_id:
            has_button = named(message) == payment_hash
        row = await self._actions.of_card(
            payment_hash, chat_id, message.message_id, has_button=has_button
        )
        is_its_card = row is not None and row.card_id == message.message_id
        if row is None or not (has_button and is_its_card) or row.card_shown is not row.face:
            return row
        # An edit that came late took the place of the last one: Telegram says what is there now.
        there = list(messages.button_data(message))
        is_as_shown = there == list(messages.data_of(under(row, row.face, self._within)))
        return row if is_as_shown else await self._actions.redraw(row)

    async def if_allowed(
        self,
        row: Invoice | Board,
        asker: Asker,
        then: Callable[[], Awaitable[Sequence[Reply]]],
        otherwise: Sequence[Reply],
        unknown: Sequence[Reply],
    ) -> Sequence[Reply]:
        """The asker, the owners, and a group's admins may cancel and renew.

        `unknown` is said where Telegram does not say whether somebody is an admin.
        """
        if self._actions.may_change(row, asker):
            return await then()
        if row.chat_id > 0:  # a private chat has no admins
            return otherwise
        return [IfAdmin(row.chat_id, asker.id, then, otherwise, unknown)]


def hindered(node: AtNode, parts: Iterable[Invoice]) -> str:
    """What is said where parts that are to be cancelled can't be cancelled now.

    "" where nothing is known to hinder it, or none of them is open.
    """
    live = [part for part in parts if part.state in AT_THE_NODE]
    if any(part.lane is Lane.OTHER_NODE for part in live):
        return texts.asked_to_cancel(Cancelling.NODE_AWAY)
    if not live or node.hindrance is None:
        return ""
    return texts.asked_to_cancel(Cancelling.CANCELLING, node.hindrance)


def as_named(
    chat_id: int,
    person: User,
    then: Callable[[Asker], Awaitable[Sequence[Reply]]],
    unknown: Sequence[Reply],
) -> Sequence[Reply]:
    """What everybody in a group reads of who pressed is their public name: an admin may be hidden.

    `unknown`: nothing could be written.
    """

    async def by_name(naming: Naming) -> Sequence[Reply]:
        return await then(messages.presser(person, naming))

    # Who is not there may be a hidden admin: whether others can press is all the same.
    return [IfNamed(chat_id, person.id, is_public=True, then=by_name, unknown=unknown)]
