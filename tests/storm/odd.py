"""Answers that are no answers, of the node's and of Telegram's, for a while each.

Knows what a broken node or a proxy in between can make of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bot.chat.transport import MAX_ANSWER_BYTES
from bot.core.notices import Kind
from bot.demo.node import SETTLED
from bot.demo.node.calls import METHODS
from bot.lnrpc import lightning_pb2 as pb
from tests.storm.book import Book
from tests.storm.outside import Outside
from tests.storm.plan import Plan, PlannedTrouble
from tests.test_odd_node import ODD as ODD_AT_NODE
from tests.test_odd_node import of_invoices

#: More answers than there are in a trouble.
MANY = 10_000
#: The last number that a column holds: a cursor of it would keep back all later payments.
LAST_INDEX = 2**63 - 1
_CHANGES = {
    **ODD_AT_NODE,
    "the last index": of_invoices(add_index=LAST_INDEX, settle_index=LAST_INDEX),
}
#: Of a list of channels these read like one without any.
_NO_CHANNELS = ("empty", "the ends of the ranges")
#: Payments of these kinds of events are not missed.
_TELLING = ("another amount",)

#: Methods of Telegram's that are garbled, None for all but getUpdates.
_TELEGRAM_METHODS = (
    *(None, "sendPhoto", "sendPhoto", "sendMessage", "editMessageMedia", "editMessageCaption"),
    *("editMessageText", "getUpdates", "answerCallbackQuery", "getChatMember"),
)
_WITHOUT_NUMBER = ('{"ok":true}', '{"ok":true,"result":true}', '{"ok":true,"result":{"date":1}}')
_HALVES = ('{"ok":true,"result":{"message_id":', '{"ok":tr', "")
_NOT_TELEGRAMS = '{"description":"no such route"}'
_PAGES = (
    *((200, "<html>"), (502, "<html>"), (503, "<html>"), (404, "<html>")),
    *((200, _NOT_TELEGRAMS), (400, _NOT_TELEGRAMS), (403, _NOT_TELEGRAMS), (404, _NOT_TELEGRAMS)),
)


class Odd:
    """What the bot is answered now and then."""

    def __init__(self, outside: Outside, book: Book, plan: Plan) -> None:
        self._outside = outside
        self._node = outside.node
        self._telegram = outside.telegram
        self._book = book
        self._plan = plan

    async def at_node(self) -> None:
        """One kind after the other, of one call or of all."""
        for trouble in self._plan.odd_at_node:
            await asyncio.sleep(trouble.after_s)
            name = f"odd node: {trouble.what}"
            with self._book.trouble(name):
                self._book.count(name)
                method = trouble.dice.choice((*METHODS, "all", "all", "all"))
                methods = list(METHODS) if method == "all" else [method]
                self._book.note(f"{trouble.what}: {method}")
                self._garble(methods, trouble)
                if trouble.what in _NO_CHANNELS and "ListChannels" in methods:
                    self._book.owners_hear.add(Kind.INBOUND_TOO_LITTLE)
                await asyncio.sleep(trouble.for_s)
                self._node.end_odd()
                if trouble.what not in _CHANGES and "SubscribeInvoices" in methods:
                    self._node.break_connections()  # or a stream would be silent for ever

    def _garble(self, methods: list[str], trouble: PlannedTrouble) -> None:
        for method in methods:
            if trouble.what in _CHANGES:
                change = self._noted(trouble.what)
                self._node.garble(method, change, times=MANY)
            else:
                self._node.hang(method, headers=True, times=MANY)

    def _noted(self, what: str) -> Callable[[Any], Any]:
        def changed(message: Any) -> Any:
            self._book.count("answers of the node that were odd")
            is_paid = isinstance(message, pb.Invoice) and message.state == SETTLED
            if is_paid and what not in _TELLING:
                self._outside.odd_events.add(message.r_hash)
            return _CHANGES[what](message)

        return changed

    async def at_telegram(self) -> None:
        """One kind after the other, of one method or of all."""
        for trouble in self._plan.odd_at_telegram:
            await asyncio.sleep(trouble.after_s)
            name = f"odd Telegram: {trouble.what}"
            with self._book.trouble(name):
                self._book.count(name)
                method = trouble.dice.choice(_TELEGRAM_METHODS)
                self._book.note(f"{trouble.what}: {method or 'all'}")
                faults = self._telegram._faults
                self._garble_telegram(method, trouble)
                mine = faults[-1]
                await asyncio.sleep(trouble.for_s)
                if mine in faults:
                    faults.remove(mine)

    def _garble_telegram(self, method: str | None, trouble: PlannedTrouble) -> None:
        """What says that it was done was done: only a page says nothing of it."""
        dice, garble = trouble.dice, self._telegram.garble
        match trouble.what:
            case "ok without a number":
                garble(method, dice.choice(_WITHOUT_NUMBER), acted=True, times=None)
            case "half an answer":
                garble(method, dice.choice(_HALVES), acted=True, times=None)
            case "a page":
                status, page = dice.choice(_PAGES)
                acted = dice.random() < 0.5
                garble(method, page, status=status, acted=acted, times=None)
            case "an answer that is too large":
                body = "x" * (MAX_ANSWER_BYTES + 1)
                garble(method, body, acted=True, times=dice.choice([1, 2, 3]))
            case unknown:
                raise ValueError(unknown)
