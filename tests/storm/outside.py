"""The outside of the storm: node, Telegram, and the bot as a process. Knows where a bot can die."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot.demo.node import SimInvoice, SimNode
from bot.demo.telegram import Chat, Message, SimTelegram, User
from tests import faces
from tests.storm.book import Book, Command, Sent, Shown

TOKEN = "987654321:AAF-a-token-that-only-the-storm-takes"
START_S = 60.0

_NAMES = (
    *("Anna", "Bert", "Cara", "Dora", "Emil", "Fred"),
    *("Gina", "Hans", "Ines", "Jan", "Karl", "Lena"),
)

_REQUEST = re.compile(r"\bln[a-z0-9]{100,}\b")
_MARK = re.compile(r"\bq(\d+)q\b")
_AMOUNT = re.compile(r"([\d,]+) sats?\b")


def role_of(text: str) -> str:
    """What a text of the bot's is."""
    return str(faces.role_of(text))


def request_in(text: str) -> str:
    """The payment request in a text, "" for none."""
    found = _REQUEST.search(text)
    return found[0] if found else ""


def hash_on(message: Message) -> bytes:
    """The payment hash on a message's button."""
    for row in (message.reply_markup or {}).get("inline_keyboard", []):
        for button in row:
            encoded = button.get("callback_data", "").partition(":")[2]
            if encoded:
                return base64.urlsafe_b64decode(encoded + "=")
    return b""


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
        self.trap: Trap | None = None
        self.kill: Callable[[str], None] = lambda _: None
        self.on_shown: Callable[[Message, Sent], None] = lambda *_: None
        self.on_edited: Callable[[Message], None] = lambda _: None

    async def before(self, method: str, chat_id: int | None) -> bool:
        """A call has arrived."""
        self.polls += method == "getupdates"
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
        answered = super().after(method, chat_id)
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
        sent = _call.get()
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


@dataclass(slots=True, eq=False)
class Place:
    """Somewhere people write; `away`: they don't at present."""

    name: str
    chat: Chat
    people: list[User]
    thread: int | None = None
    away: bool = False
    back: asyncio.Event = field(default_factory=asyncio.Event)

    def leave(self) -> None:
        """Nobody writes here now."""
        self.away = True
        self.back.clear()

    def come_back(self) -> None:
        """They do again."""
        self.away = False
        self.back.set()


class BotEnded(Exception):
    """The bot ended, and nobody had killed it."""


class Outside:
    """Node, Telegram, people and their places; the bot's process. It outlives the bot."""

    def __init__(self, folder: Path, book: Book, *, expiry_s: int, log_level: str) -> None:
        self.folder = folder
        self.book = book
        self.expiry_s = expiry_s
        self.log_level = log_level
        self.node = SimNode(folder / "node")
        self.telegram = StormTelegram(book)
        self.telegram.kill = self.kill
        self.telegram.on_shown = self._shown
        self.telegram.on_edited = self._edited
        self.node.watch(self._changed_at_node)
        self.bot_user = self.telegram.add_bot(TOKEN, "storm_invoice_bot", "Invoices")
        self.commands: list[Command] = []
        self.by_message: dict[Message, Command] = {}
        self.by_amount: dict[int, Command] = {}
        self.by_request: dict[str, SimInvoice] = {}
        self.by_hash: dict[bytes, Command] = {}
        self.shown: dict[Message, Shown] = {}
        self.moved: dict[Chat, Chat] = {}
        self.down = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None
        self._down_number: int | None = None
        self._make_people()

    def _make_people(self) -> None:
        telegram = self.telegram
        self.owner = telegram.add_user("Olga")
        self.people = [telegram.add_user(name, last_name="O'Neill & Co") for name in _NAMES]
        for person in [self.owner, *self.people]:
            telegram.private_chat(person).started = True
        self.privates = [Place(p.first_name, telegram.private_chat(p), [p]) for p in self.people]
        self.groups = [
            Place(
                f"group {number}",
                telegram.add_group(
                    f"Group {number}", self.people[number:][:6], admins=[self.owner]
                ),
                self.people[number:][:6],
            )
            for number in range(5)
        ]
        forum = telegram.add_group("Forum", self.people[:8], admins=[self.owner], forum=True)
        self.topics = [
            Place(f"topic {name}", forum, self.people[:8], telegram.add_topic(forum, name))
            for name in ("Money", "Food")
        ]

    @property
    def places(self) -> list[Place]:
        """Everywhere people write."""
        return [*self.privates, *self.groups, *self.topics]

    async def open(self) -> None:
        """Start what is outside."""
        await self.node.start()
        await self.telegram.start()
        users = ", ".join(str(person.id) for person in self.people)
        chats = ", ".join(str(place.chat.id) for place in [*self.groups, self.topics[0]])
        (self.folder / "config.toml").write_text(
            f"""
            [telegram]
            token = "{TOKEN}"
            api_url = "{self.telegram.url}"
            [lnd]
            host = "{self.node.address}"
            tls_cert = "node/tls.cert"
            macaroon = "node/admin.macaroon"
            [invoices]
            expiry = "{self.expiry_s}s"
            max_sats = 100000000
            [access]
            owners = [{self.owner.id}]
            users = [{users}]
            chats = [{chats}]
            [limits]
            invoices_per_user = "100000/1m"
            open_per_chat = 100000
            [database]
            url = "sqlite:///bot.db"
            [log]
            level = "{self.log_level}"
            """
        )

    async def close(self) -> None:
        """Stop everything."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self.telegram.stop()
        await self.node.stop()

    # the bot's process

    async def start_bot(self) -> None:
        """Start the bot; it is up once it asks for updates."""
        polls = self.telegram.polls
        if self._down_number is None:
            self._down_number = self.book.begin("bot down")
        with (self.folder / "log.txt").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "always::ResourceWarning", "-m", "bot", "run"),
                *("--config", str(self.folder / "config.toml")),
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.book.note(f"bot started as process {self.process.pid}")
        with contextlib.suppress(TimeoutError):
            await self.telegram.wait_for(
                lambda: self.telegram.polls > polls or self._ended(), START_S
            )
        if self._ended():
            raise BotEnded(f"the bot ended by itself: {self.process.returncode}")
        if self._down_number is not None:
            self.book.end(self._down_number)
            self._down_number = None
        self.down.clear()

    def _ended(self) -> bool:
        return self.process is None or self.process.returncode is not None

    def kill(self, where: str) -> None:
        """SIGKILL, this very moment."""
        if self.process is None or self.process.returncode is not None or self.down.is_set():
            return
        self.process.kill()
        self.book.kills.append(time.time())
        self.book.note(f"KILL {where}")
        self._down_number = self.book.begin("bot down")
        self.down.set()

    async def end_bot(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.process is not None
        self.process.terminate()
        async with asyncio.timeout(30):
            return await self.process.wait()

    def log(self) -> str:
        """What all processes have written."""
        return (self.folder / "log.txt").read_text(errors="replace")

    # what is seen

    def now(self, chat: Chat) -> Chat:
        """The chat that this one has become."""
        while chat in self.moved:
            chat = self.moved[chat]
        return chat

    def command_of(self, message: Message) -> tuple[Command | None, bytes]:
        """Which command a message of the bot's belongs to, and which payment hash it shows."""
        text = message.text or ""
        invoice = self.by_request.get(request_in(text))
        payment_hash = invoice.payment_hash if invoice else hash_on(message)
        if payment_hash in self.by_hash:
            return self.by_hash[payment_hash], payment_hash
        if marked := _MARK.search(text):
            return self.commands[int(marked[1])], payment_hash
        target = message.reply_to
        while target is not None:
            if target in self.by_message:
                return self.by_message[target], payment_hash
            if target in self.shown:
                return self.shown[target].command, payment_hash
            target = target.reply_to
        if role_of(text) == "question":  # in a group that has moved it replies to nothing
            return self._asking(message), payment_hash
        for amount in _AMOUNT.findall(text):
            command = self.by_amount.get(int(amount.replace(",", "")))
            if command is not None:
                return command, payment_hash
        return None, payment_hash

    def _asking(self, message: Message) -> Command | None:
        """Who is asked for an amount, by name and place."""
        for command in reversed(self.commands):
            here = self.now(command.chat) is message.chat and not command.shown
            named = (message.text or "").startswith(command.asker.first_name)
            if command.kind == "question" and here and named:
                return command
        return None

    def _shown(self, message: Message, sent: Sent) -> None:
        text = message.text or ""
        command, payment_hash = self.command_of(message)
        shown = Shown(message, sent, role_of(text), command, payment_hash)
        shown.roles.append(shown.role)
        self.shown[message] = shown
        self._note(shown, "sends")
        if command is not None:
            command.shown.append(shown)
            command.news.set()

    def _edited(self, message: Message) -> None:
        shown = self.shown.get(message)
        if shown is None:
            return
        shown.role = role_of(message.text or "")
        shown.roles.append(shown.role)
        command, payment_hash = self.command_of(message)
        shown.payment_hash = shown.payment_hash or payment_hash
        if shown.command is None and command is not None:  # a word told nothing of whose it was
            shown.command = command
            command.shown.append(shown)
        self._note(shown, "edits")
        if shown.command is not None:
            shown.command.news.set()

    def _note(self, shown: Shown, verb: str) -> None:
        message = shown.message
        text = _REQUEST.sub(lambda found: found[0][:12] + "…", message.text or "")
        where = f"{message.chat.id}/{message.id}"
        self.book.note(f"{verb} {where} [{shown.role}] {text[:200]!r}", shown.command)

    def _changed_at_node(self, invoice: SimInvoice) -> None:
        marked = _MARK.search(invoice.memo)
        command = self.commands[int(marked[1])] if marked else None
        if command is None:
            command = self.by_amount.get(invoice.value_msat // 1000)
        self.by_request[invoice.payment_request] = invoice
        if command is None:  # another program's
            return
        if invoice.payment_hash not in self.by_hash:
            self.by_hash[invoice.payment_hash] = command
            command.invoices.append(invoice)
        short = invoice.payment_hash[:4].hex()
        self.book.note(f"node: {short} {invoice.state_name} {invoice.paid_msat} msat", command)
        command.news.set()
