"""The stage: the demo's node, Telegram, people, wallets, clock and bot. Knows settings, no page.

Makes every part, starts them in order and ends them in reverse.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from bot.demo.node import SimNode
from bot.demo.process import BotProcess
from bot.demo.telegram import SimTelegram, User
from bot.demo.wallets import Wallets
from bot.errors import DemoNotReady
from bot.node.check import RIGHTS

NodeState = Literal["up", "starting", "locked", "down"]

BOT_TOKEN = "5550001234:AAE-simulated-by-the-demo-0123456789"  # noqa: S105
BOT_USERNAME = "dinner_invoice_bot"
BOT_NAME = "Invoice bot"
STARTING_S = 0.8
ALIAS = "Ada's node"
CONFIG = "config.toml"
DATABASE = "invoice-bot.db"
_MACAROON = "bot.macaroon"
#: The last that was said in the group before somebody opens the page: whose message, and what.
TALK = (
    ("Chloé", "What an evening. Thanks for finding that place, Dmitri!"),
    ("Dmitri", "And thanks for getting the bill, Ada. We split it, right?"),
    ("Ben", "I still owe you for Thursday's pizza as well. How much was it?"),
)


class Clock:
    """The one clock of the demo, in Unix seconds: real time, moved forward by hand."""

    def __init__(self) -> None:
        self._ahead_s = 0
        self._watchers: list[Callable[[], None]] = []

    def __call__(self) -> float:
        return time.time() + self._ahead_s

    @property
    def ahead_s(self) -> int:
        """By how many seconds it is ahead of this machine's clock."""
        return self._ahead_s

    def move(self, seconds: int) -> None:
        """Move forward by so many seconds, and call the watchers."""
        self._ahead_s += seconds
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call this whenever the clock has been moved."""
        self._watchers.append(watcher)


class Stage:
    """The demo's parts. Made by `opened`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        #: Of the bot's macaroon.
        self.root_key_id = 0
        self.telegram = SimTelegram(clock=self.clock)
        self.node = SimNode(folder / "node", clock=self.clock, alias=ALIAS)
        self.wallets = Wallets(self.node, self.clock)
        self.bot = self.telegram.add_bot(BOT_TOKEN, BOT_USERNAME, BOT_NAME)
        self.owner = self._seat_people()
        self.process = BotProcess(
            folder / CONFIG,
            clock=self.clock,
            ahead_s=lambda: self.clock.ahead_s,
            is_up=self._asked_for_updates,
        )
        self.clock.watch(self.node.clock_changed)
        self.clock.watch(self.process.clock_changed)
        self._switching = asyncio.Lock()

    def _seat_people(self) -> User:
        """Add the people and their chats. Returns the bot's owner."""
        add = self.telegram.add_user
        people = [
            add("Ada", last_name="Quist", username="ada_q"),
            add("Ben", last_name="Okafor", username="ben_o"),
            add("Chloé", last_name="Martin", username="chloe_m"),
            add("Dmitri", last_name="Volkov", username="dmitri_v"),
        ]
        self.dinner = self.telegram.add_group("Friday dinner", people, admins=[people[0]])
        garden = self.telegram.add_group("Allotment", people[1:], admins=[people[1]], forum=True)
        self.telegram.add_topic(garden, "Seeds")
        for person in people:
            self.telegram.private_chat(person)
        # that is how she got her id for the settings
        self.telegram.private_chat(people[0]).started = True
        for first_name, text in TALK:
            speaker = next(each for each in people if each.first_name == first_name)
            self.telegram.say(self.dinner, speaker, text)
        return people[0]

    async def start(self) -> None:
        """Start node and Telegram on free ports, and write the bot's settings."""
        await self.node.start()
        self.bake()
        await self.telegram.start()
        config = self.folder / CONFIG
        config.touch(mode=0o600)
        config.write_text(self.settings(), encoding="utf-8")

    def bake(self) -> None:
        """Bake the bot a macaroon with a root key of its own, in the file that it reads."""
        # only what the bot needs, as the bot's owner would bake it
        needed = [f"uri:{right.method}" for right in RIGHTS]
        self.root_key_id += 1
        self.node.bake(needed, root_key_id=self.root_key_id, save_to=_MACAROON)

    async def stop(self) -> None:
        """Stop them, the bot first."""
        await self.process.end()
        await self.telegram.stop()
        await self.node.stop()

    async def _asked_for_updates(self, since: float) -> None:
        """Wait until the bot that began at that time asks for updates."""
        calls = self.telegram.calls

        def asked() -> bool:
            for call in reversed(calls):
                if call.at < since:
                    return False
                if call.method == "getUpdates":
                    return True
            return False

        while True:
            with contextlib.suppress(TimeoutError):
                await self.telegram.wait_for(asked, 60.0)
                return

    async def ready(self, *, timeout_s: float) -> None:
        """Wait until the bot works. Raises `DemoNotReady`."""
        over = asyncio.Event()
        self.process.watch(over.set)
        try:
            async with asyncio.timeout(timeout_s):
                while self.process.state == "starting":
                    over.clear()
                    await over.wait()
        except TimeoutError:
            raise DemoNotReady(timeout_s=timeout_s) from None

    def settings(self) -> str:
        """The bot's settings file, as the bot's owner would write it."""
        people = [user.id for user in self.telegram.users()]
        groups = [chat.id for chat in self.telegram.chats() if chat.type != "private"]
        # somebody who is trying things out asks more often than a guest at dinner; what a real
        # owner would be warned of is on the page, and its terminal has errors alone
        return f"""\
[telegram]
token = "{BOT_TOKEN}"
api_url = "{self.telegram.url}"

[lnd]
host = "{self.node.address}"
tls_cert = "node/tls.cert"
macaroon = "node/{_MACAROON}"

[access]
owners = [{self.owner.id}]
users = {people}
chats = {groups}

[limits]
invoices_per_user = "1000/10m"
open_per_chat = 1000

[database]
url = "sqlite:///{DATABASE}"

[log]
level = "error"
"""

    @property
    def node_state(self) -> NodeState:
        """How the node is, in plain words."""
        if not self.node.alive:
            return "down"
        if self.node.state == "LOCKED":
            return "locked"
        return "up" if self.node.state == "SERVER_ACTIVE" else "starting"

    async def set_node(self, state: Literal["up", "locked", "down"]) -> None:
        """Switch the node. One that comes up is still starting when this returns."""
        async with self._switching:
            if state == "down":
                if self.node.alive:
                    await self.node.kill()
            elif not self.node.alive:
                await self.node.start(locked=True)
            elif state == "locked":
                self.node.lock()
            if state == "up" and self.node.state == "LOCKED":
                self.node.set_state("UNLOCKED")

    @asynccontextmanager
    async def node_stopped(self) -> AsyncIterator[None]:
        """For what can be done to a node that is stopped only; it runs afterwards."""
        async with self._switching:
            if self.node.alive:
                await self.node.kill()
            yield
            await self.node.start()

    async def node_started(self) -> None:
        """Let a node that is starting come up. Returns when it has, or was switched meanwhile."""
        if self.node_state == "starting":
            await self.node.unlock(starting_s=STARTING_S)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stage]:
    """A stage that runs, with its data in `folder`; the bot is not started, but prepared."""
    stage = Stage(folder)
    try:
        await stage.process.prepare()
        await stage.start()
        yield stage
    finally:
        await stage.stop()
