"""A storm: people ask and pay without end, the bot is killed again and again. Knows the stage.

It has a group of its own, so that nothing else is buried under it. All that it breaks is whole
again at its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Literal

from bot.demo.errors import Refused
from bot.demo.stage import Stage
from bot.demo.telegram import Chat, Json, Message, User
from bot.demo.telegram.text import text_in

LASTS_S = 30.0
TITLE = "The storm"
SLOW_S = 1.0
#: Seconds for which the bot may be late afterwards.
CALM_AFTER_S = 20.0

_THINGS = ("bread", "cheese", "olives", "wine", "soup", "rice", "figs", "cake", "tea", "beans")
_PAID_OF_TEN = 8

Phase = Literal["off", "storming", "calming", "over"]


class Storm:
    """One at a time. `changed` is called whenever it has something else to say."""

    def __init__(self, stage: Stage, *, changed: Callable[[], object]) -> None:
        #: Set while everything that was asked and paid is in the chats.
        self.is_told = asyncio.Event()
        self.phase: Phase = "off"
        self.is_slow = False
        self._stage = stage
        self._changed = changed
        self._says = ""
        self._ends_at = 0.0
        self._lasts_s = LASTS_S
        self._stop = asyncio.Event()
        self._run: asyncio.Task[None] | None = None
        self._dice = random.Random()  # noqa: S311 -- no secret depends on it
        self._tried: set[tuple[int, int]] = set()
        self._chat: Chat | None = None
        self.kills = self.asked = self.paid = 0

    def shown(self) -> Json:
        """How it is now; `ends_at` in Unix seconds of the demo's clock."""
        return {
            "phase": self.phase,
            "says": self._says,
            "ends_at": self._ends_at,
            "chat": self._chat.id if self._chat is not None else None,
            "kills": self.kills,
            "asked": self.asked,
            "paid": self.paid,
        }

    def start(self, *, lasts_s: float = LASTS_S) -> None:
        """Begin, unless one goes on."""
        if self._run is None or self._run.done():
            self._stop.clear()
            self._lasts_s = lasts_s
            self._run = asyncio.get_running_loop().create_task(self._whole())

    def stop(self) -> None:
        """End it before its time."""
        self._stop.set()

    async def close(self) -> None:
        """The demo ends."""
        if self._run is not None:
            self._run.cancel()
            await asyncio.wait({self._run})

    async def _whole(self) -> None:
        self.kills = self.asked = self.paid = 0
        self._tried.clear()
        self._chat = self._place()
        self._ends_at = self._stage.clock() + self._lasts_s
        self._become("storming", "Everybody asks and pays.")
        try:
            parts = (self._ask(), self._pay(), self._break())
            await asyncio.gather(*(self._until_over(part) for part in parts))
        finally:
            self._become("calming", "The bot catches up.")
        await self._stage.process.start()
        self.is_told.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CALM_AFTER_S):
                await self.is_told.wait()
        self._become("over", "")

    def _become(self, phase: Phase, says: str) -> None:
        self.phase, self._says = phase, says
        self._changed()

    def _say(self, says: str) -> None:
        self._says = says
        self._changed()

    def _place(self) -> Chat:
        """The storm's group, made the first time."""
        telegram = self._stage.telegram
        for chat in telegram.chats():
            if chat.title == TITLE and chat.migrated_to is None:
                return chat
        people = telegram.users()
        return telegram.add_group(TITLE, people, admins=[people[0]])

    async def _until_over(self, part: Awaitable[None]) -> None:
        """As long as the storm lasts, or is let to."""
        acting = asyncio.ensure_future(part)
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            left_s = max(0.0, self._ends_at - self._stage.clock())
            await asyncio.wait(
                {acting, stopped}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            if acting.done():
                acting.result()
        finally:
            for task in (acting, stopped):
                task.cancel()
            await asyncio.wait({acting, stopped})

    async def _ask(self) -> None:
        people = self._stage.telegram.users()
        while self._chat is not None:
            person, thing = self._dice.choice(people), self._dice.choice(_THINGS)
            sats = self._dice.randint(5, 90)
            self._stage.telegram.say(self._chat, person, f"/invoice {sats} {thing}")
            self.asked += 1
            await asyncio.sleep(self._dice.uniform(0.4, 1.1))

    async def _pay(self) -> None:
        """Most of the cards, the bot there or not."""
        while self._chat is not None:
            await asyncio.sleep(self._dice.uniform(0.2, 0.5))
            for message in self._stage.telegram.messages(self._chat):
                key = (self._chat.id, message.id)
                request = request_on(message)
                if request and key not in self._tried:
                    self._tried.add(key)
                    if self._dice.randrange(10) < _PAID_OF_TEN:
                        self._pay_one(self._dice.choice(self._stage.telegram.users()), request)
                        break

    def _pay_one(self, person: User, request: str) -> None:
        with contextlib.suppress(Refused):
            self._stage.wallets.pay(person.id, request)
            self.paid += 1

    async def _break(self) -> None:
        """Kill the bot, be slow, and again."""
        while True:
            await asyncio.sleep(self._dice.uniform(2.0, 3.5))
            self._say("The bot is killed. Everybody goes on.")
            await self._stage.process.kill()
            self.kills += 1
            await asyncio.sleep(self._dice.uniform(1.5, 3.0))
            self._say("The bot starts.")
            await self._stage.process.start()
            await asyncio.sleep(self._dice.uniform(2.0, 3.0))
            slow = self._stage.telegram.slow(None, SLOW_S)
            self.is_slow = True
            self._say("Telegram is slow.")
            try:
                await asyncio.sleep(self._dice.uniform(2.0, 4.0))
            finally:
                self._stage.telegram.withdraw(slow)
                self.is_slow = False
            self._say("Everybody asks and pays.")


def request_on(message: Message) -> str:
    """The payment request that a card shows as text; "" where it has none."""
    if message.photo is None:
        return ""
    codes = (mark for mark in message.entities if mark["type"] == "code")
    return next((text_in(message.text or "", mark) for mark in codes), "")
