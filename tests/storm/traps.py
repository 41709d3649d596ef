"""Telegram as the storm has it: it notes how each message came to be. Knows where a bot can die."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.demo.telegram import Message, SimTelegram
from bot.demo.telegram.faults import Garbled
from tests.storm.book import Book, Sent


@dataclass(slots=True, eq=False)
class Trap:
    """Kills the bot at a call of Telegram's: `before` it acts, or `after`, and a moment later.

    A call before which the bot is killed still arrives, unless it is `dropped`.
    """

    method: str
    when: Literal["before", "after"]
    delay_s: float = 0.0
    dropped: bool = False
    matches: Callable[[dict[str, Any]], bool] = lambda _: True
    reached: asyncio.Event = field(default_factory=asyncio.Event)


_call: ContextVar[Sent | None] = ContextVar("_call", default=None)
_params: ContextVar[dict[str, Any]] = ContextVar("_params")


class StormTelegram(SimTelegram):
    """Notes each message of the bot's as it stands, and springs traps."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self.book = book
        self.polls = 0
        self.on_call: Callable[[int], None] = lambda _: None
        self.count = 0
        self.trap: Trap | None = None
        self.kill: Callable[[str], None] = lambda _: None
        self.on_shown: Callable[[Message, Sent], None] = lambda *_: None
        self.on_edited: Callable[[Message], None] = lambda _: None

    async def before(self, method: str, chat_id: int | None) -> bool:
        """A call has arrived."""
        self.on_call(self.calls[-1].peer_port)
        self.polls += method == "getupdates"
        self.count += 1
        _call.set(Sent(time.time(), 0.0))
        _params.set(self.calls[-1].params)  # noted just before this, and nothing in between
        if self._springs("before", method):
            trap, self.trap = self.trap, None
            assert trap is not None
            trap.reached.set()
            self.kill(f"before {method} acts{' and it never arrives' if trap.dropped else ''}")
            if trap.dropped:
                return False
        return await super().before(method, chat_id)

    def after(self, method: str, chat_id: int | None) -> bool:
        """A call has acted; False where its answer is lost."""
        sent = _call.get()
        try:
            answered = super().after(method, chat_id)
        except Garbled:
            self.book.count("answers of Telegram that were odd")
            if sent is not None:
                sent.lost = sent.odd = True
            raise
        if self._springs("after", method):
            trap, self.trap = self.trap, None
            assert trap is not None
            trap.reached.set()
            where = f"{1000 * trap.delay_s:.0f} ms after {method} acted"
            if trap.delay_s:
                asyncio.get_running_loop().call_later(trap.delay_s, self.kill, where)
            else:
                self.kill(where)
                answered = False
        if sent is not None:
            sent.lost = not answered
        return answered

    def _springs(self, when: str, method: str) -> bool:
        trap = self.trap
        if trap is None or trap.when != when or trap.method != method:
            return False
        return trap.matches(_params.get())

    def publish(self, message: Message) -> Message:
        """A message is in a chat."""
        super().publish(message)
        sent = _call.get()
        if message.author is not None and message.author.is_bot and sent is not None:
            sent.acted_at = time.time()
            self.on_shown(message, sent)
        return message

    def edited(self, message: Message) -> None:
        """A message reads otherwise now."""
        super().edited(message)
        self.on_edited(message)
