"""One bot in a process of its own; around it a node, a Telegram and people for it alone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import psutil

from bot.demo.node import SimNode
from bot.demo.telegram import Chat, SimTelegram, User

ROOT = Path(__file__).parent.parent.parent
TOKEN = "123456789:AAE-a-token-that-only-the-simulator-takes"
PEOPLE = 100
START_S = 30.0
END_S = 10.0
#: With its number a payment request of some 310 characters.
MEMO = "pizza for four on Friday, no "
#: Commands before anything is measured: connections stand then, and everything was used once.
WARM_UP = 10
_REQUEST = re.compile(r"\bln[a-z0-9]{100,}\b")


@dataclass(frozen=True)
class Load:
    """What became of a row of commands. Times in seconds."""

    said_at: Sequence[float]
    shown_at: Sequence[float | None]
    ended_at: float
    bot_cpu_s: float
    simulators_cpu_s: float

    @property
    def waited_s(self) -> list[float]:
        """From each command to its photo; where that never came, to the end."""
        pairs = zip(self.said_at, self.shown_at, strict=True)
        return [(shown or self.ended_at) - said for said, shown in pairs]

    @property
    def unanswered(self) -> int:
        return sum(shown is None for shown in self.shown_at)

    @property
    def queue(self) -> int:
        """How many waited for their photo when the last command was said."""
        return sum(shown is None or shown > self.said_at[-1] for shown in self.shown_at)

    @property
    def lasted_s(self) -> float:
        return max(shown or self.ended_at for shown in self.shown_at) - self.said_at[0]

    @property
    def photos_per_s(self) -> float:
        return (len(self.shown_at) - self.unanswered) / self.lasted_s

    @property
    def median_s(self) -> float:
        return statistics.median(self.waited_s)

    @property
    def p95_s(self) -> float:
        return statistics.quantiles(self.waited_s, n=20)[-1]

    @property
    def growth(self) -> float:
        """The last quarter's median against the first's."""
        quarter = len(self.said_at) // 4
        return statistics.median(self.waited_s[-quarter:]) / statistics.median(
            self.waited_s[:quarter]
        )


class Side:
    """One bot and its world. Made by `opened`."""

    _telegram: ClassVar[type[SimTelegram]] = SimTelegram

    def __init__(self, folder: Path, people: int) -> None:
        self.folder = folder
        self.node = SimNode(folder / "node")
        self.telegram = self._telegram()
        self.bot_user = self.telegram.add_bot(TOKEN, "bench_bot", "Bench")
        guests = [self.telegram.add_user(f"Guest {number}") for number in range(people)]
        self.chats = [self.telegram.private_chat(each) for each in guests]
        self._next_chat = itertools.cycle(self.chats)
        #: Sections of its settings, before it is started.
        self.access: dict[str, object] = {"open": True}
        self.limits: dict[str, object] = {
            "invoices_per_user": "100000/10m",
            "open_per_chat": 100_000,
        }
        self.database: dict[str, object] = {}
        self._numbers = itertools.count(1)
        self._bot: asyncio.subprocess.Process | None = None

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path, *, people: int = PEOPLE) -> AsyncIterator[Self]:
        """Node and Telegram are there; the bot is started by `start`."""
        folder.mkdir()
        side = cls(folder, people)
        async with side.node:
            await side.telegram.start()
            try:
                yield side
            finally:
                await side.end()
                await side.telegram.stop()

    async def start_plain(self) -> None:
        """The plain script."""
        await self._start(
            "tests.bench.plain",
            LND_HOST=self.node.address,
            LND_FOLDER=str(self.node.folder),
            API_URL=self.telegram.url,
            TOKEN=TOKEN,
        )

    async def start_ours(self, *, again: bool = False) -> None:
        """Our bot, as an owner starts it; `again`: its database was made by an earlier start."""
        await self._start(*self._command())
        if again:
            await self.end()
            await self._start(*self._command())

    async def first_answer_s(self) -> float:
        """Start our bot while a command waits for it: from there to the photo, in seconds."""
        started_at = time.time()
        await self._spawn(*self._command())
        load = await self.ask([0.0])
        return (load.shown_at[0] or load.ended_at) - started_at

    def _command(self) -> tuple[str, ...]:
        return ("bot", "run", "--config", str(self._settings()))

    async def start_watched(self) -> Path:
        """Our bot, and with it a look at its loop; gives the file that has the notes at the end."""
        notes = self.folder / "delays.json"
        await self._start("tests.bench.watched", str(self._settings()), str(notes))
        return notes

    def _settings(self) -> Path:
        """The defaults, but for who may ask and how much."""
        sections = {
            "telegram": {"token": TOKEN, "api_url": self.telegram.url},
            "lnd": {
                "host": self.node.address,
                "tls_cert": str(self.node.folder / "tls.cert"),
                "macaroon": str(self.node.folder / "invoice.macaroon"),
            },
            "access": self.access,
            "limits": self.limits,
            "database": self.database,
        }
        lines = []
        for section, values in sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        file = self.folder / "config.toml"
        file.write_text("\n".join(lines))
        return file

    async def _start(self, module: str, *arguments: str, **env: str) -> None:
        await self._spawn(module, *arguments, **env)
        await self._asked_for_updates()
        await self.warm_up()

    async def _asked_for_updates(self) -> None:
        self.telegram.calls.clear()
        calls = self.telegram.calls
        await self.telegram.wait_for(lambda: any(c.method == "getUpdates" for c in calls), START_S)

    async def warm_up(self) -> None:
        """Let the bot use everything once before something is measured."""
        await self.ask([0.0] * WARM_UP)

    async def _spawn(self, module: str, *arguments: str, **env: str) -> None:
        self._bot = await self._spawned(module, *arguments, **env)

    async def _spawned(
        self, module: str, *arguments: str, log: str = "log", **env: str
    ) -> asyncio.subprocess.Process:
        with (self.folder / log).open("wb") as file:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments),
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    async def end(self, *, in_order: bool = True) -> None:
        """End the bot; where it has nothing to write, it need not be `in_order`."""
        bot, self._bot = self._bot, None
        if bot is None or bot.returncode is not None:
            return
        if in_order:
            bot.terminate()
        else:
            bot.kill()
        try:
            async with asyncio.timeout(END_S):
                await bot.wait()
        except TimeoutError:
            bot.kill()
            await bot.wait()

    async def ask(
        self,
        moments: Sequence[float],
        *,
        patience_s: float = 60.0,
        group: Chat | None = None,
        member: User | None = None,
    ) -> Load:
        """Say a command at each moment, in seconds from now, and wait for the photos.

        Each in the next guest's chat, or all as one `member` in a `group`.
        What is not there `patience_s` after the last command counts as unanswered.
        """
        said_at: list[float] = []
        shown_at: list[float | None] = [None] * len(moments)
        waiting: dict[int, int] = {}
        before = self.cpu_of_both()

        async def say() -> None:
            started = time.monotonic()
            for place, moment in enumerate(moments):
                if (pause_s := started + moment - time.monotonic()) > 0:
                    await asyncio.sleep(pause_s)
                waiting[self._say(group, member)] = place
                said_at.append(time.time())

        async def look() -> None:
            async for change in listener:
                message = change.message
                if message is None or message.photo is None or message.reply_to is None:
                    continue
                place = waiting.pop(message.reply_to.id, None)
                if place is not None:
                    shown_at[place] = message.versions[-1].at
                if None not in shown_at:
                    return

        listener = self.telegram.listen()
        looking = asyncio.ensure_future(look())
        await say()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await looking
        listener.close()
        after = self.cpu_of_both()
        spent = [new - old for new, old in zip(after, before, strict=True)]
        return Load(said_at, shown_at, time.time(), *spent)

    def _say(self, group: Chat | None, member: User | None) -> int:
        chat = group or next(self._next_chat)
        person = member or chat.person
        assert person is not None
        text = f"/invoice 2100 {MEMO}{next(self._numbers)}"
        return self.telegram.say(chat, person, text).id

    def some_chats(self, count: int, turn: int) -> list[Chat]:
        """So many of the private chats, others at each turn."""
        first = turn * count
        return [self.chats[(first + number) % len(self.chats)] for number in range(count)]

    def newest_request(self, chat: Chat) -> str:
        """The payment request on the newest card of a private chat."""
        cards = [each for each in self.telegram.messages(chat) if each.photo is not None]
        found = _REQUEST.search(cards[-1].text or "")
        assert found is not None
        return found[0]

    def cpu_of_both(self) -> tuple[float, float]:
        """How long the bot has computed, and this process with the simulators."""
        return self.cpu_s(), _cpu_s(psutil.Process())

    def cpu_s(self) -> float:
        """How long the bot has computed since it was started."""
        return _cpu_s(self._process())

    def memory_mb(self) -> float:
        """The bot's resident memory."""
        return self._process().memory_info().rss / 1e6

    @property
    def invoices(self) -> int:
        """How many the bot has made."""
        return len(self.node.invoices)

    def _process(self) -> psutil.Process:
        assert self._bot is not None
        return psutil.Process(self._bot.pid)

    async def alone(self, count: int) -> tuple[float, float]:
        """AddInvoice and sendPhoto calls a second that the simulators do without a bot."""
        chat = next(self._next_chat)
        chat.started = True
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.alone"),
            *(self.node.address, str(self.node.folder)),
            *(f"{self.telegram.url}/bot{TOKEN}", str(chat.id), str(count)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await process.communicate()
        added, sent = json.loads(told)
        return added, sent


def moments(per_s: float, seconds: float) -> list[float]:
    """When to say a command, so many a second."""
    return [number / per_s for number in range(round(per_s * seconds))]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
