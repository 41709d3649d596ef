"""The stage: the demo's node, Telegram, people, wallets and clock. Knows the settings, no page.

Makes every part, starts them in order and ends them in reverse.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from bot.config import (
    AccessSettings,
    DatabaseSettings,
    InvoicesSettings,
    LimitsSettings,
    LndSettings,
    LogSettings,
    Rate,
    Settings,
    TelegramSettings,
)
from bot.demo.node import SimNode
from bot.demo.telegram import SimTelegram, User
from bot.demo.wallets import Wallets
from bot.errors import DemoNotReady
from bot.node.check import RIGHTS

NodeState = Literal["up", "starting", "locked", "down"]

BOT_TOKEN = "5550001234:AAE-simulated-by-the-demo-0123456789"  # noqa: S105
BOT_USERNAME = "dinner_invoice_bot"
BOT_NAME = "Invoice bot"
STARTING_S = 0.8
_MACAROON = "bot.macaroon"


class Clock:
    """The one clock of the demo, in Unix seconds: real time, moved forward by hand."""

    def __init__(self) -> None:
        self._ahead_s = 0
        self._watchers: list[Callable[[], None]] = []

    def __call__(self) -> float:
        return time.time() + self._ahead_s

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
        self.telegram = SimTelegram(clock=self.clock)
        self.node = SimNode(folder / "node", clock=self.clock)
        self.wallets = Wallets(self.node)
        self.bot = self.telegram.add_bot(BOT_TOKEN, BOT_USERNAME, BOT_NAME)
        self.owner = self._seat_people()
        self.clock.watch(self.node.clock_changed)
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
        self.telegram.add_group("Friday dinner", people, admins=[people[0]])
        garden = self.telegram.add_group("Allotment", people[1:], admins=[people[1]], forum=True)
        self.telegram.add_topic(garden, "Seeds")
        for person in people:
            self.telegram.private_chat(person)
        # that is how she got her id for the settings
        self.telegram.private_chat(people[0]).started = True
        return people[0]

    async def start(self) -> None:
        """Start node and Telegram on free ports."""
        await self.node.start()
        # only what the bot needs, as the bot's owner would bake it
        needed = [f"uri:{right.method}" for right in RIGHTS]
        self.node.bake(needed, root_key_id=1, save_to=_MACAROON)
        await self.telegram.start()

    async def stop(self) -> None:
        """Stop them."""
        await self.telegram.stop()
        await self.node.stop()

    async def ready(self, *, timeout_s: float) -> None:
        """Wait until the bot asks for updates. Raises `DemoNotReady`."""
        calls = self.telegram.calls
        try:
            await self.telegram.wait_for(
                lambda: any(call.method == "getUpdates" for call in calls), timeout_s
            )
        except TimeoutError:
            raise DemoNotReady(timeout_s=timeout_s) from None

    def settings(self) -> Settings:
        """The bot's settings, as the bot's owner would write them."""
        return Settings(
            telegram=TelegramSettings(token=SecretStr(BOT_TOKEN), api_url=self.telegram.url),
            lnd=LndSettings(
                host=self.node.address,
                tls_cert=self.node.folder / "tls.cert",
                macaroon=self.node.folder / _MACAROON,
            ),
            # where a friend asks, the card says whose node is paid
            invoices=InvoicesSettings(payee=f"{self.owner.first_name}'s node"),
            access=AccessSettings(
                owners=frozenset({self.owner.id}),
                users=frozenset(user.id for user in self.telegram.users()),
                chats=frozenset(chat.id for chat in self.telegram.chats()),
            ),
            # somebody who is trying things out asks more often than a guest at dinner
            limits=LimitsSettings(invoices_per_user=Rate(100, 600)),
            database=DatabaseSettings(url=f"sqlite:///{self.folder / 'invoice-bot.db'}"),
            log=LogSettings(level="warning"),
        )

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

    async def node_started(self) -> None:
        """Let a node that is starting come up. Returns when it has, or was switched meanwhile."""
        if self.node_state == "starting":
            await self.node.unlock(starting_s=STARTING_S)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stage]:
    """A stage that runs, with its data in `folder`."""
    stage = Stage(folder)
    await stage.start()
    try:
        yield stage
    finally:
        await stage.stop()
