"""A node, a Telegram and people, and the bot between them: for tests that cross modules."""

from __future__ import annotations

import asyncio
import ctypes
import re
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from bot import app
from bot.config import (
    AccessSettings,
    DatabaseSettings,
    HealthSettings,
    InvoicesSettings,
    LimitsSettings,
    LndSettings,
    LogSettings,
    NoticesSettings,
    Rate,
    Settings,
    TelegramSettings,
)
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.node import SimNode
from bot.demo.telegram import Chat, Front, Message, SimTelegram, User
from tests.faces import Role, kinds_of, names, plain, role_of

T = TypeVar("T")

TOKEN = "123456789:AAE-a-token-that-only-the-simulator-takes"
NAME = "test_invoice_bot"
WAIT_S = 30.0
#: Between two looks at what tells nobody of its changes.
LOOK_S = 0.05


class Clock:
    """Real time, moved by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


def ordinary_rights() -> None:
    """Root may write what is read-only: the process that is begun gives that up."""
    drop_from_bounding_set, override_permissions = 24, 1  # as the kernel numbers them
    ctypes.CDLL(None).prctl(drop_from_bounding_set, override_permissions, 0, 0, 0)


class World:
    """The outside of a bot, which outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.node = SimNode(folder / "node", clock=self.clock)
        self.telegram = SimTelegram(clock=self.clock)
        self.token = TOKEN
        self.bot_user = self.telegram.add_bot(TOKEN, NAME, "Invoices")
        self.owner = self.telegram.add_user("Olga")
        self.anna = self.telegram.add_user("Anna", last_name="Berg")
        self.bert = self.telegram.add_user("Bert")
        self.stranger = self.telegram.add_user("Sven")
        people = [self.anna, self.owner, self.bert]
        self.group = self.telegram.add_group("Friday dinner", people)  # Anna adds the bot
        self.group.members.update({self.owner.id: "creator", self.anna.id: "member"})
        self.macaroon = "admin.macaroon"
        #: The way to the node, where it is not the straight one.
        self.node_address = ""
        self.invoices: dict[str, Any] = {}
        #: Seconds, where the least that the settings accept is too long for a test.
        self.patience_s: int | None = None
        self.access: dict[str, Any] = {}
        self.limits: dict[str, Any] = {}
        self.notices_on: dict[str, Any] = {}
        #: `webhook` and `listen`, where updates do not come by polls.
        self.webhook: dict[str, str] = {}
        self.log_level = "info"
        #: Where the bot says how it is, host:port; None: nowhere.
        self.health: str | None = None
        self.keep = "90d"
        #: The newest process.
        self.process: asyncio.subprocess.Process | None = None
        self._processes: list[asyncio.subprocess.Process] = []
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def private(self, person: User) -> Chat:
        """A person's chat with the bot."""
        return self.telegram.private_chat(person, bot=self.bot_user)

    def settings(self) -> Settings:
        """What the bot's owner would have configured."""
        return Settings(
            telegram=TelegramSettings(
                token=SecretStr(self.token), api_url=self.telegram.url, **self.webhook
            ),
            lnd=LndSettings(
                host=self.node_address or self.node.address,
                tls_cert=self.node.folder / "tls.cert",
                macaroon=self.node.folder / self.macaroon,
            ),
            invoices=self._invoices(),
            access=AccessSettings(
                **{
                    "owners": frozenset({self.owner.id}),
                    "users": frozenset({self.anna.id, self.bert.id}),
                    **self.access,
                }
            ),
            limits=LimitsSettings(**{"invoices_per_user": Rate(1000, 60), **self.limits}),
            notices=NoticesSettings(**self.notices_on),
            database=DatabaseSettings(url=f"sqlite:///{self.folder / 'bot.db'}", keep=self.keep),
            health=HealthSettings(listen=self.health),
            log=LogSettings(),
        )

    def _invoices(self) -> InvoicesSettings:
        made = InvoicesSettings(**self.invoices)
        if self.patience_s is None:
            return made
        return made.model_copy(update={"patience_s": self.patience_s})

    async def open(self) -> None:
        """Start what is outside."""
        await self.node.start()
        await self.telegram.start()

    async def close(self) -> None:
        """Stop everything."""
        if self._running is not None:
            self._stop.set()
            await asyncio.wait({self._running}, timeout=WAIT_S)
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await self.telegram.stop()
        await self.node.stop()

    async def start_bot(self, clock: Callable[[], float] | None = None) -> None:
        """Start the bot; it is up once it asks for updates. `clock`: of its host alone."""
        self._stop = asyncio.Event()
        self._running = asyncio.ensure_future(
            app.run(self.settings(), clock=clock or self.clock, stop=self._stop)
        )
        before = self.polls()
        await self.until(lambda: self.polls() > before or self._running is None)

    async def stop_bot(self) -> None:
        """A clean end; raises what ended it."""
        if self._running is not None:
            running, self._running = self._running, None
            self._stop.set()
            async with asyncio.timeout(WAIT_S):
                await running

    # the bot as a process of its own, which can be killed

    def config(self, database: str = "bot.db") -> Path:
        """Write the settings to a file."""
        settings = self.settings()
        owners = ", ".join(map(str, sorted(settings.access.owners)))
        ids = ", ".join(map(str, sorted(settings.access.users)))
        chats = ", ".join(map(str, sorted(settings.access.chats)))
        webhook = "\n".join(f'{key} = "{value}"' for key, value in self.webhook.items())
        file = self.folder / f"{database}.toml"
        file.write_text(
            f"""
            [telegram]
            token = "{self.token}"
            api_url = "{self.telegram.url}"
            {webhook}
            [lnd]
            host = "{settings.lnd.host}"
            tls_cert = "node/tls.cert"
            macaroon = "node/{self.macaroon}"
            [invoices]
            expiry = "{settings.invoices.expiry_s}s"
            [access]
            owners = [{owners}]
            users = [{ids}]
            chats = [{chats}]
            [limits]
            invoices_per_user = "100000/1m"
            open_per_chat = 100000
            [database]
            url = "sqlite:///{database}"
            [health]
            {f'listen = "{self.health}"' if self.health else ""}
            [log]
            level = "{self.log_level}"
            """
        )
        return file

    async def start_process(
        self,
        *program: str,
        prepare: Callable[[], None] | None = None,
        database: str = "bot.db",
        is_up: Callable[[], object] | None = None,
    ) -> asyncio.subprocess.Process:
        """Start `python -m bot run`; it is up once it asks for updates, or `is_up`.

        `program` replaces `-m bot`; `prepare` runs in the process before it begins.
        """
        before = self.polls()
        with (self.folder / "log.txt").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(program or ("-m", "bot")),
                *("run", "--config", str(self.config(database))),
                stderr=log,
                preexec_fn=prepare,
            )
        self._processes.append(self.process)
        await self.telegram.wait_for(is_up or (lambda: self.polls() > before), WAIT_S)
        return self.process

    async def run_refused(self, prepare: Callable[[], None] | None = None) -> tuple[int, list[str]]:
        """`python -m bot run`, which does not get far: its exit code and what it says."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--config", str(self.config())),
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=prepare,
        )
        async with asyncio.timeout(WAIT_S):
            _, said = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode().splitlines()

    async def kill_process(self) -> None:
        """SIGKILL: nothing of it gets another word."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def end_process(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.process is not None
        self.process.terminate()
        async with asyncio.timeout(WAIT_S):
            return await self.process.wait()

    async def recorded(self, card: Message, face: Face | None = None) -> None:
        """Wait until the database knows this card, and that it shows this: a kill leaves no second
        one from now on."""
        look = "SELECT 1 FROM invoices WHERE chat_id = ? AND card_id = ? AND card_shown LIKE ?"
        await self.finds(look, card.chat.id, card.id, "%" if face is None else str(face))

    async def finds(self, look: str, *values: object) -> None:
        """Wait until this finds something in the database."""
        async with asyncio.timeout(WAIT_S):
            with closing(sqlite3.connect(self.folder / "bot.db")) as database:
                while not database.execute(look, values).fetchone():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # a file tells nobody of a change

    async def open_card(self, chat: Chat, person: User, text: str) -> Message:
        """A command, and the one more open card that comes."""
        before = len(self.showing(chat, Face.OPEN))
        self.telegram.say(chat, person, text)
        return await self.shown(chat, Face.OPEN, before + 1)

    async def ask(self, chat: Chat, person: User, text: str) -> Message:
        """A command, and its card, which the database knows."""
        before = self.ours(chat)
        self.telegram.say(chat, person, text)
        new = await self.until(
            lambda: [m for m in self.showing(chat, Face.OPEN) if m not in before], WAIT_S
        )
        await self.recorded(new[0])
        return new[0]

    def no_trouble(self) -> None:
        """The log has no traceback, no row that is stuck, and no update that nobody could read."""
        said = self.log()
        for sign in ("Traceback", "row is stuck", "step crashed", "skipped", "changed nothing"):
            assert sign not in said

    def log(self) -> str:
        """What all processes have written."""
        return (self.folder / "log.txt").read_text()

    async def until(self, condition: Callable[[], T], timeout_s: float = WAIT_S) -> T:
        """Wait until something is true, anywhere; fails at once where the bot has died."""
        waiting = asyncio.ensure_future(self._holds(condition, timeout_s))
        both = {waiting} | ({self._running} if self._running else set())
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if self._running is not None and self._running.done():
            waiting.cancel()
            self._running.result()
            raise AssertionError("the bot has ended")
        return await waiting

    async def _holds(self, condition: Callable[[], T], timeout_s: float) -> T:
        """Looked at after each change in Telegram, and beside: a log or a file tells nobody."""
        async with asyncio.timeout(timeout_s):
            while True:
                with suppress(TimeoutError):
                    return await self.telegram.wait_for(condition, LOOK_S)

    def use_webhook(self, *, path: str = "/telegram", strips: bool = False) -> Front:
        """From its next start the bot has a webhook; the proxy in front of it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.webhook = {
            "webhook": f"https://bot.example.org{path}",
            "listen": f"127.0.0.1:{port}",
        }
        front = self.telegram.fronts["bot.example.org"] = Front(port, strips=strips)
        return front

    def use_polls(self) -> None:
        """From its next start the bot polls."""
        self.webhook = {}

    def polls(self) -> int:
        """How often the bot has asked for updates, or where to deliver them."""
        asked = ("getUpdates", "setWebhook")
        return sum(call.method in asked for call in self.telegram.calls)

    # the chats as they stand now

    def ours(self, chat: Chat) -> list[Message]:
        """The bot's messages in a chat, oldest first."""
        return [m for m in self.telegram.messages(chat) if m.sender is self.bot_user]

    def showing(
        self, chat: Chat, what: Face | Role, *, sats: int | None = None, says: str = ""
    ) -> list[Message]:
        """The bot's messages that are this, with this amount (0: any), and these words of ours."""
        return [
            message
            for message in self.ours(chat)
            if self.face(message) is what
            and (sats is None or names(message.text or "", sats))
            and says in (message.text or "")
        ]

    async def shown(
        self,
        chat: Chat,
        what: Face | Role,
        count: int = 1,
        *,
        sats: int | None = None,
        says: str = "",
    ) -> Message:
        """Wait for so many messages that are this; the last of them."""
        found = await self.until(
            lambda: len(now := self.showing(chat, what, sats=sats, says=says)) >= count and now
        )
        assert found
        return found[-1]

    async def becomes(self, message: Message, face: Face, timeout_s: float = WAIT_S) -> None:
        """Wait until a message shows this."""
        await self.until(lambda: self.face(message) is face, timeout_s)

    @staticmethod
    def face(message: Message) -> Face | Role:
        """What a message shows now."""
        return role_of(message.text or "")

    def shows(self, message: Message, face: Face, *, sats: int) -> bool:
        """Whether a message shows this, with this amount (0: any)."""
        return self.face(message) is face and names(message.text or "", sats)

    def announcements(
        self, chat: Chat, person: str = "", *, sats: int | None = None
    ) -> list[Message]:
        """Payments that were announced, to this person."""
        found = self.showing(chat, Role.ANNOUNCEMENT, sats=sats)
        return [m for m in found if person in (m.text or "").partition("\n")[0]]

    async def announced(
        self, chat: Chat, person: str = "", count: int = 1, *, sats: int | None = None
    ) -> Message:
        """Wait for so many announcements; the last of them."""
        found = await self.until(
            lambda: len(now := self.announcements(chat, person, sats=sats)) >= count and now
        )
        assert found
        return found[-1]

    def payment_notices(self, owner: User, sats: int | None = None) -> list[Message]:
        """The payments that this owner was notified of in private."""
        return self.showing(self.private(owner), Role.PAYMENT_NOTICE, sats=sats)

    async def payment_noticed(
        self, owner: User, count: int = 1, *, sats: int | None = None
    ) -> Message:
        """Wait for so many of them; the last."""
        found = await self.until(
            lambda: len(now := self.payment_notices(owner, sats)) >= count and now
        )
        assert found
        return found[-1]

    def notices(self, chat: Chat, kind: Kind) -> list[Message]:
        """The notices to an owner of this kind."""
        return [m for m in self.ours(chat) if kind in kinds_of(m.text or "")]

    async def notified(self, chat: Chat, kind: Kind, count: int = 1) -> Message:
        """Wait for so many notices of this kind; the last of them."""
        found = await self.until(lambda: len(now := self.notices(chat, kind)) >= count and now)
        assert found
        return found[-1]

    def saying(self, chat: Chat, markup: str) -> list[Message]:
        """The bot's messages that say just this, which `texts` made."""
        return [m for m in self.ours(chat) if m.text == plain(markup)]

    async def said(self, chat: Chat, markup: str, count: int = 1) -> Message:
        """Wait for so many messages that say just this; the last of them."""
        found = await self.until(lambda: len(now := self.saying(chat, markup)) >= count and now)
        assert found
        return found[-1]

    def request_in(self, message: Message) -> str:
        """The payment request in a message's text, "" for none."""
        found = re.search(r"\bln[a-z0-9]{100,}\b", message.text or "")
        return found[0] if found else ""

    def buttons(self, message: Message) -> list[str]:
        """The texts of a message's buttons."""
        rows = (message.reply_markup or {}).get("inline_keyboard", [])
        return [button["text"] for row in rows for button in row]
