"""`python -m tests.bench.abuse`: how a friend fares while others do all they can.

One bot, a process of its own; the simulators are in this one. What a friend waits for a card is
measured in quiet and then under each attack, as ratios of one run. Its memory is watched.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.demo.telegram import Chat, Message, User
from tests.bench.report import Report, ended, parser
from tests.bench.side import Load, Side, moments

#: Commands of friends meanwhile, and so many friends that none asks for too many.
PER_S = 5
PEOPLE = 250
#: So much slower may a friend's card be.
AT_MOST = 1.5
#: Answers to presses take so long, in seconds, while Telegram is slow.
SLOW_S = 1.0
#: So much more memory may the bot have, at most and afterwards, in MB.
GROWN_MB = 20
WATCH_S = 0.2


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    strangers: int
    presses: int
    pressers: int
    hanging: int
    junk: int
    strangers_s: float
    attack_s: float  # each other attack
    rest_s: float  # the bot's rate for bursts is whole again then
    fill_s: float  # what one member made the bot say in a group is said by then
    in_group: int
    group_pause_s: float


WHOLE = Size(
    strangers=3000,
    presses=2000,
    pressers=20,
    hanging=130,
    junk=100,
    strangers_s=60.0,
    attack_s=20.0,
    rest_s=5.0,
    fill_s=25.0,
    in_group=4,
    group_pause_s=2.0,
)
QUICK = Size(
    strangers=60,
    presses=40,
    pressers=4,
    hanging=10,
    junk=8,
    strangers_s=1.0,
    attack_s=1.0,
    rest_s=0.2,
    fill_s=1.0,
    in_group=2,
    group_pause_s=0.1,
)


class Scene:
    """One bot, its friends, and others."""

    def __init__(self, side: Side, size: Size) -> None:
        self.side = side
        self._size = size
        telegram = side.telegram
        self._numbers = itertools.count()
        self.strangers = [telegram.add_user(f"Stranger {n}") for n in range(size.strangers)]
        self.pressers = self.strangers[: size.pressers]
        self.slow = [telegram.add_user(f"Slow {n}") for n in range(size.hanging)]
        self.friend = telegram.add_user("Friend")
        self.member = telegram.add_user("Member")
        everybody = [self.friend, self.member, *self.pressers]
        self.group = telegram.add_group("Friday dinner", everybody)
        self.quiet_group = telegram.add_group("Saturday dinner", everybody)
        friends = [*(chat.person for chat in side.chats), *self.slow, self.friend, self.member]
        side.access = {"users": [person.id for person in friends if person is not None]}
        side.limits = {}  # as they are by default

    async def over(self, seconds: float, what: Sequence[Callable[[], object]]) -> None:
        """Do all of it, evenly over that time."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        for number, each in enumerate(what):
            pause_s = began_at + seconds * number / len(what) - loop.time()
            await asyncio.sleep(max(0.0, pause_s))
            each()

    def say(self, chat: Chat, person: User, text: str) -> Callable[[], Message]:
        return lambda: self.side.telegram.say(chat, person, text)

    async def friends(self, seconds: float) -> Load:
        """What friends wait for their cards, each in a chat of their own."""
        await asyncio.sleep(self._size.rest_s)
        return await self.side.ask(moments(PER_S, seconds))

    async def in_group(self, group: Chat) -> Load:
        """What a friend waits in a group, where Telegram takes a message a second."""
        when = [number * self._size.group_pause_s for number in range(self._size.in_group)]
        return await self.side.ask(when, group=group, member=self.friend)

    # attacks

    async def strangers_write(self) -> None:
        telegram = self.side.telegram
        chats = ((telegram.private_chat(each), each) for each in self.strangers)
        await self.over(self._size.strangers_s, [self.say(*each, "/start") for each in chats])

    async def they_press(self) -> None:
        """While Telegram takes its time to answer."""
        telegram = self.side.telegram
        await self.side.ask([0.0], group=self.quiet_group, member=self.friend)
        message = next(m for m in reversed(telegram.messages(self.quiet_group)) if m.photo)
        telegram.slow("answerCallbackQuery", SLOW_S)
        telegram.slow("getChatMember", SLOW_S)
        people = itertools.cycle(self.pressers)

        def press() -> None:
            telegram.press(self.quiet_group, next(people), message.id)

        await self.over(self._size.attack_s, [press] * self._size.presses)
        telegram.clear_faults()

    async def chats_hang(self) -> None:
        telegram = self.side.telegram
        chats = [telegram.private_chat(each) for each in self.slow]
        for chat in chats:
            telegram.stall(None, chat_id=chat.id)
        pairs = zip(chats, self.slow, strict=True)
        for say in [self.say(*pair, "/invoice 21 that nobody sees yet") for pair in pairs]:
            say()
        await asyncio.sleep(self._size.attack_s)
        telegram.clear_faults()

    async def member_fills(self) -> None:
        """All that one member can write into a group, done before the friend asks there."""
        for number in range(self._size.junk):
            text = "/invoice junk" if number % 2 else f"/invoice {number + 1}"
            self.side.telegram.say(self.group, self.member, text)
        await asyncio.sleep(self._size.fill_s)


class Memory:
    """The most that the bot had."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self.before_mb = self.most_mb = side.memory_mb()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            self.most_mb = max(self.most_mb, self._side.memory_mb())


@asynccontextmanager
async def watched(side: Side) -> AsyncIterator[Memory]:
    memory = Memory(side)
    watching = asyncio.ensure_future(memory.watch())
    try:
        yield memory
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def compare(report: Report, what: str, quiet: Load, meanwhile: Load) -> None:
    medians_ms = [1000 * statistics.median(load.waited_s) for load in (quiet, meanwhile)]
    report.ratio(f"{what}: median ms", *medians_ms, at_most=AT_MOST)
    slowest = [f"{1000 * max(load.waited_s):.0f}" for load in (quiet, meanwhile)]
    report.figure("  the slowest one, ms", *slowest)
    report.none("  never answered", meanwhile.unanswered)


async def attacks(size: Size, report: Report, scene: Scene) -> None:
    """Each one, and beside it friends who ask."""
    each: tuple[tuple[str, float, Callable[[], Awaitable[None]]], ...] = (
        (f"{size.strangers} strangers write", size.strangers_s, scene.strangers_write),
        (f"{size.presses} presses while Telegram is slow", size.attack_s, scene.they_press),
        (f"{size.hanging} chats hang", size.attack_s, scene.chats_hang),
    )
    for what, lasts_s, attack in each:
        quiet = await scene.friends(size.attack_s)
        attacking = asyncio.ensure_future(attack())
        meanwhile = await scene.friends(lasts_s)
        await attacking
        compare(report, what, quiet, meanwhile)


async def group(size: Size, report: Report, scene: Scene) -> None:
    """One member, and a friend in the same group."""
    await asyncio.sleep(size.rest_s)
    scene.side.telegram.limit_floods()
    quiet = await scene.in_group(scene.quiet_group)
    await scene.member_fills()
    compare(report, "one member fills a group", quiet, await scene.in_group(scene.group))
    scene.side.telegram.limit_floods(on=False)


async def bench(size: Size) -> int:
    """Measure and print everything; how many targets were missed."""
    report = Report("quiet", "attack")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Side.opened(Path(folder) / "ours", people=PEOPLE) as side:
            scene = Scene(side, size)
            await side.start_ours(again=size is WHOLE)
            await scene.friends(size.attack_s)
            async with watched(side) as memory:
                await attacks(size, report, scene)
                await group(size, report, scene)
                await asyncio.sleep(size.rest_s)
            before, most = memory.before_mb, memory.most_mb
            report.below("memory grown at most, MB", most - before, GROWN_MB)
            report.below("  and afterwards", side.memory_mb() - before, GROWN_MB)
            log = (side.folder / "log").read_text()
            said = sum(log.count(event) for event in ("sentences dropped", "presses not answered"))
            report.figure("lines in the log of what was dropped", "", str(said))
    report.load()
    return report.missed


def main() -> int:
    options = parser("tests.bench.abuse", __doc__).parse_args()
    missed = asyncio.run(bench(QUICK if options.quick else WHOLE))
    return ended(missed, strict=options.strict)


if __name__ == "__main__":
    sys.exit(main())
