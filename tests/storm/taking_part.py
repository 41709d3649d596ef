"""The lives of boards: each is asked for, people take part in their ways, and it has an ending."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bot.demo.telegram import User
from tests.storm.at_boards import AtBoards
from tests.storm.book import Bill, Book
from tests.storm.managers import Managers
from tests.storm.outside import Outside
from tests.storm.plan import Plan, PlannedBill, PlannedPot
from tests.storm.wallets import Wallets

#: Of these one is an owner's, whose boards nobody counts.
OWNERS = 0.7
#: Seconds that a board has, above the time to pay.
PATIENCE_S = 75.0

Way = Callable[[Bill, User, random.Random], Awaitable[None]]
Ending = Callable[[Bill, random.Random], Awaitable[None]]
Planned = TypeVar("Planned", PlannedBill, PlannedPot)


class TakingPart(AtBoards, Generic[Planned]):
    """All boards of one kind. `_ways` and `_endings`: by their names in the plan."""

    _ways: dict[str, Way]
    _endings: dict[str, Ending]

    def __init__(self, outside: Outside, book: Book, plan: Plan, wallets: Wallets) -> None:
        super().__init__(outside, book, wallets)
        self._plan = plan
        self._managers = Managers(outside, book, wallets)

    def _ask(self, planned: Planned) -> tuple[Bill, list[User]]:
        """Ask for it; it, and its people."""
        raise NotImplementedError

    async def _is_ready(self, bill: Bill, person: User, way: str, dice: random.Random) -> bool:
        """Whether this person can take part now."""
        return True

    def _beside(self, bill: Bill, planned: Planned, lives: asyncio.TaskGroup) -> None:
        """What else goes on meanwhile."""

    async def _live_all(self, every: Sequence[Planned]) -> None:
        """Each at its time."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as lives:
            for planned in every:
                await asyncio.sleep(max(0.0, began + planned.at_s - time.monotonic()))
                lives.create_task(self._live(planned))

    async def _live(self, planned: Planned) -> None:
        bill, people = self._ask(planned)
        try:
            async with (
                asyncio.timeout(self._plan.expiry_s + PATIENCE_S),
                asyncio.TaskGroup() as all_,
            ):
                ending = random.Random(planned.dice.random())
                self._beside(bill, planned, all_)
                all_.create_task(self._endings[planned.ending](bill, ending))
                for person, way in zip(people, planned.ways, strict=False):
                    dice = random.Random(planned.dice.random())
                    all_.create_task(self._take_part(bill, person, way, dice))
        except TimeoutError:
            self._book.note("its people give up", bill)

    async def _take_part(self, bill: Bill, person: User, way: str, dice: random.Random) -> None:
        await self._board(bill)
        await asyncio.sleep(dice.choice([0, 0.1, 1, 3]) * dice.uniform(0.5, 1.5))
        self._book.note(f"{person.first_name}: {way}", bill)
        if await self._is_ready(bill, person, way, dice):
            await self._ways[way](bill, person, dice)
