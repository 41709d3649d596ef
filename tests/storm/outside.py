"""The outside of the storm: node, Telegram, people and their places. Knows what they can see."""

from __future__ import annotations

import asyncio
import base64
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.demo.node import SETTLED, SimInvoice, SimNode
from bot.demo.telegram import Chat, Message, User
from bot.demo.telegram.state import Bot
from tests import faces
from tests.storm.book import CLOSING, PAYABLE, Bill, Book, Command, Part, Sent, Shown, Subject
from tests.storm.callers import Callers, port_in
from tests.storm.process import BotProcess
from tests.storm.server import Server
from tests.storm.traps import StormTelegram
from tests.storm.wallets import MORE_SATS

ALIAS = "a node in a storm"
TOKEN = "987654321:AAF-a-token-that-only-the-storm-takes"

_NAMES = (
    *("Anna", "Bert", "Cara", "Dora", "Emil", "Fred"),
    *("Gina", "Hans", "Ines", "Jan", "Karl", "Lena"),
)

_REQUEST = re.compile(r"\bln[a-z0-9]{100,}\b")
_MARK = re.compile(r"\bq(\d+)q\b")
_BILL_MARK = re.compile(r"\bb(\d+)b\b")
_AMOUNT = re.compile(r"([\d,]+) sats?\b")
#: The data of a card's button; a board's carries another name.
_CARDS = re.compile(r"[a-z]+:([\w-]{43})(?::\d+)?")


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
            if payment_hash := hash_in(button.get("callback_data", "")):
                return payment_hash
    return b""


def hash_in(data: str) -> bytes:
    """The payment hash in a button's data, none in that of a board's."""
    found = _CARDS.fullmatch(data)
    return base64.urlsafe_b64decode(found[1] + "=") if found else b""


def _as_it_says(bill: Bill, parts: list[Part], text: str) -> list[Part]:
    """Of parts of one amount somebody's own or another's, as the message says."""
    is_own = faces.is_of_own_part(text)
    others = bill.for_others
    return [part for part in parts if (part.invoice.payment_hash in others) is not is_own] or parts


def buttons_on(message: Message) -> list[tuple[str, str]]:
    """The labels and the data of a message's buttons, in order."""
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return [(each["text"], each.get("callback_data", "")) for row in rows for each in row]


def parts_on(message: Message) -> list[tuple[str, str]]:
    """Those of them that are others' parts of a bill."""
    return [each for each in buttons_on(message) if each[1].startswith("for:")]


@dataclass(slots=True, eq=False)
class Place:
    """Somewhere people write; `away`: they don't at present."""

    name: str
    chat: Chat
    people: list[User]
    thread: int | None = None
    away: bool = False
    back: asyncio.Event = field(default_factory=asyncio.Event)
    left_at: float = 0.0  # the last time

    def leave(self) -> None:
        """Nobody writes here now."""
        self.away = True
        self.left_at = time.time()
        self.back.clear()

    def come_back(self) -> None:
        """They do again."""
        self.away = False
        self.back.set()


class Outside:
    """Node, Telegram, people and their places; the bot's process. It outlives the bot."""

    def __init__(
        self,
        folder: Path,
        book: Book,
        *,
        expiry_s: int,
        log_level: str,
        bots: int = 1,
        server: Server | None = None,
    ) -> None:
        """`bots`: processes of the bot; `server`: what their database is at, None for a file."""
        self.folder = folder
        self.book = book
        self.expiry_s = expiry_s
        self.log_level = log_level
        self.node = SimNode(folder / "node", alias=ALIAS)
        self.telegram = StormTelegram(book)
        self.server = server
        self.callers = Callers()
        self.bot = BotProcess(folder, book, self.telegram, self.callers, count=bots)
        if server is not None:
            self.bot.was_away_since = server.was_away_since
        if bots > 1:
            self.telegram.on_call = self._called_telegram
            self._watch_node()
        self.telegram.kill = self.bot.kill
        self.telegram.on_shown = self._shown
        self.telegram.on_edited = self._edited
        self.node.watch(self._changed_at_node)
        self.token = TOKEN
        self.bot_user = self.telegram.add_bot(TOKEN, "storm_invoice_bot", "Invoices")
        self.commands: list[Command] = []
        self.bills: list[Bill] = []
        self.parts: list[Part] = []
        self._bills_by_sats: dict[int, Bill] = {}  # the sum, and either amount of a part
        self.by_message: dict[Message, Command] = {}
        self.by_amount: dict[int, Command] = {}
        self.by_request: dict[str, SimInvoice] = {}
        self.by_hash: dict[bytes, Command] = {}
        self.shown: dict[Message, Shown] = {}
        #: Groups and what they became; a former bot's private chats and the ones of the next bot.
        self.moved: dict[Chat, Chat] = {}
        #: Old ids of groups whose move a former bot may not have heard of; the next one never does.
        self.lost_moves: set[int] = set()
        #: Where strangers write, and all who may be let in; how owners were shown who asks.
        self.doors: list[Place] = []
        self.subjects: list[Subject] = []
        self.knocks: list[Shown] = []
        #: Groups that the settings list, by their ids as they were written there.
        self.listed_chats: list[int] = []
        #: Payment hashes whose payment the node told with an event that was none.
        self.odd_events: set[bytes] = set()
        self._make_people()

    def _make_people(self) -> None:
        telegram = self.telegram
        self.owners = [telegram.add_user(name) for name in ("Olga", "Otto")]
        self.owner = self.owners[0]
        self.people = [telegram.add_user(name, last_name="O'Neill & Co") for name in _NAMES]
        self.admin = telegram.add_user("Ada")  # of all groups, and no owner of the bot
        for person in [*self.owners, self.admin, *self.people]:
            telegram.private_chat(person).started = True
        self.were_lost: set[Chat] = set()  # where nothing reached anybody for a while
        self.privates = [Place(p.first_name, telegram.private_chat(p), [p]) for p in self.people]
        self.groups = [
            Place(
                f"group {number}",
                telegram.add_group(
                    f"Group {number}", self.people[number:][:6], admins=[*self.owners, self.admin]
                ),
                self.people[number:][:6],
            )
            for number in range(5)
        ]
        forum = telegram.add_group(
            "Forum", self.people[:8], admins=[*self.owners, self.admin], forum=True
        )
        self.topics = [
            Place(f"topic {name}", forum, self.people[:8], telegram.add_topic(forum, name))
            for name in ("Money", "Food")
        ]

    @property
    def places(self) -> list[Place]:
        """Everywhere people write."""
        return [*self.privates, *self.groups, *self.topics]

    @property
    def everywhere(self) -> list[Place]:
        """The same, and where strangers write."""
        return [*self.places, *self.doors]

    def add_stranger(self, name: str) -> Place:
        """Somebody whom the settings do not list, and their private chat."""
        person = self.telegram.add_user(name, last_name="Stranger & Co")
        chat = self.telegram.private_chat(person, bot=self.bot_user)
        place = Place(name, chat, [person])
        self.doors.append(place)
        self.subjects.append(Subject(name, person=person))
        return place

    def add_club(self, name: str, people: list[User], *, by: User) -> Place:
        """A group of strangers, with both owners in it; `by` has made it, and adds the bot."""
        first = [by] if by in self.owners else []
        chat = self.telegram.add_group(
            name, [*people, *self.owners], admins=first, bot_member=False
        )
        self.telegram.readd_bot(chat, bot=self.bot_user)
        place = Place(name, chat, people)
        self.doors.append(place)
        self.subjects.append(Subject(name, chat=chat))
        return place

    def may_ask(self, person: User, chat: Chat) -> list[Subject]:
        """Who would have to be let in, so that this person may ask there."""
        return [
            each
            for each in self.subjects
            if each.person is person
            or (each.chat is not None and self.now(each.chat) is self.now(chat))
        ]

    async def open(self) -> None:
        """Start what is outside."""
        if self.server is not None:
            await self.server.open()
        await self.node.start()
        await self.telegram.start()
        self._configure()

    def _configure(self) -> None:
        users = ", ".join(str(person.id) for person in self.people)
        self.listed_chats = [place.chat.id for place in [*self.groups, self.topics[0]]]
        chats = ", ".join(map(str, self.listed_chats))
        (self.folder / "config.toml").write_text(
            f"""
            [telegram]
            token = "{self.token}"
            api_url = "{self.telegram.url}"
            [lnd]
            host = "{self.node.address}"
            tls_cert = "node/tls.cert"
            macaroon = "node/admin.macaroon"
            [invoices]
            expiry = "{self.expiry_s}s"
            max_sats = 100000000
            [access]
            owners = [{", ".join(str(person.id) for person in self.owners)}]
            users = [{users}]
            chats = [{chats}]
            [limits]
            invoices_per_user = "100000/1m"
            open_per_chat = 100000
            [database]
            url = "{self.server.url if self.server else "sqlite:///bot.db"}"
            [log]
            level = "{self.log_level}"
            """
        )

    async def close(self) -> None:
        """Stop everything."""
        await self.bot.close()
        await self.telegram.stop()
        await self.node.stop()
        if self.server is not None:
            await self.server.close()

    def add_bill(self, bill: Bill) -> None:
        """Somebody will split it."""
        self.bills.append(bill)
        sats = bill.amount_msat // 1000
        if bill.is_collection:
            return
        self._bills_by_sats[sats] = bill
        counts = [bill.seats] if bill.form == "parts" else [bill.seats, *range(2, bill.seats + 4)]
        for count in counts:
            each = sats // count
            for known in (each, each + 1, each + MORE_SATS, each + 1 + MORE_SATS):
                self._bills_by_sats.setdefault(known, bill)

    def _called_telegram(self, port: int) -> None:
        self.callers.called((port, port_in(self.telegram.url)), time.time())

    def _watch_node(self) -> None:
        """Hear of each call to the node, but for streams."""
        calls = self.node._calls
        arrived = calls._arrived

        def called() -> None:
            if calls.peer_ports:
                ports = calls.peer_ports[-1], port_in(self.node.address)
                self.callers.called(ports, time.time())
            arrived()

        calls._arrived = called

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """A look into the database, whoever works on it."""
        if self.server is not None:
            engine = sa.create_engine("postgresql+psycopg://", creator=self.server.connect)
        else:
            file = f"file:{self.folder / 'bot.db'}?mode=ro"
            engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(file, uri=True))
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def read(self, statement: str) -> list[sa.Row[Any]]:
        """Rows of the database."""
        with self.connected() as connection:
            return list(connection.execute(sa.text(statement)))

    # the bots

    def another_bot(self) -> None:
        """From now on another bot's token is in the settings. People have begun a chat with it.

        The bot's process has ended. What the former bot never confirmed, nobody hears.
        """
        former = self.telegram.bots[self.token]
        self._note_unheard(former)
        self.token = TOKEN.replace("987654321", str(987_654_321 + len(self.telegram.bots)))
        name = f"storm_invoice_bot_{len(self.telegram.bots)}"
        self.bot_user = self.telegram.add_bot(self.token, name, "Invoices")
        own = [each for each in self.doors if each.chat.type == "private"]
        for place in [*self.privates, *own]:
            new = self.telegram.private_chat(place.people[0], bot=self.bot_user)
            new.started = place.chat.started
            self.moved[place.chat], place.chat = new, new
        for person in [*self.owners, self.admin]:
            self.telegram.private_chat(person, bot=self.bot_user).started = True
        clubs = [each for each in self.doors if each.chat.type != "private"]
        for place in [*self.groups, self.topics[0], *clubs]:
            if not place.away:  # else it joins where the former one would have been let in again
                self.telegram.remove_bot(place.chat, bot=former.user)
                self.telegram.readd_bot(place.chat, bot=self.bot_user)
        self._configure()
        self.book.note(f"{name} takes the place of {former.user.username}")

    def _note_unheard(self, former: Bot) -> None:
        """A process that was killed may have heard of it, or not."""
        here = {
            (message.chat.id, message.id): command
            for message, command in self.by_message.items()
            if message.chat.bot in (None, former.user)
            and message.chat.messages.get(message.id) is message
        }
        for update in former.updates.unconfirmed():
            if press := update.get("callback_query"):
                payment_hash = hash_in(press["data"])
                if command := self.by_hash.get(payment_hash):
                    command.unheard.add(payment_hash)
            said = update.get("message", {"chat": {"id": 0}, "message_id": 0})
            if "migrate_to_chat_id" in said:
                self.lost_moves.add(said["chat"]["id"])
            if command := here.get((said["chat"]["id"], said["message_id"])):
                command.unheard |= command.cancels.keys()
                if said["message_id"] == command.said.id:
                    command.is_unheard = True
                elif isinstance(command, Bill):  # its board may be there all the same
                    command.unheard.add(CLOSING)
            self.book.count("updates that a former bot never confirmed")

    def is_live(self, message: Message) -> bool:
        """Whether it is there, and the bot of now can edit it."""
        is_there = not message.deleted and message.chat not in self.moved
        return is_there and message.author is self.bot_user

    # what is seen

    def now(self, chat: Chat) -> Chat:
        """The chat that this one has become."""
        while chat in self.moved:
            chat = self.moved[chat]
        return chat

    def ids_of(self, chat: Chat) -> set[int]:
        """All that a group ever had."""
        here = self.now(chat)
        return {chat.id, here.id, *(each.id for each in self.moved if self.now(each) is here)}

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
        if role_of(text) == "board end" and target in self.shown:  # sums are not each one's own
            return self.shown[target].command, payment_hash
        if (bill := self.bill_of(text)) is not None:
            return self._of_bill(bill, message), payment_hash
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

    def bill_of(self, text: str) -> Bill | None:
        """By its mark, or by an amount of its own."""
        if marked := _BILL_MARK.search(text):
            return self.bills[int(marked[1])]
        for amount in _AMOUNT.findall(text.partition("\n")[0]):
            if bill := self._bills_by_sats.get(int(amount.replace(",", ""))):
                return bill
        return None

    def _of_bill(self, bill: Bill, message: Message) -> Command | None:
        """The bill in its group, else the part of this chat's person, or the one that is named."""
        if message.chat.person is None:
            return bill
        text, person, role = message.text or "", message.chat.person, role_of(message.text or "")
        if role == "payment notice":  # which need not say whose part was paid
            return bill
        if role in ("board", "question") or parts_on(message):  # how it is managed; no invoice yet
            return None
        target = self.shown.get(message.reply_to) if message.reply_to else None
        if target is not None and isinstance(target.command, Part):
            return target.command
        known = [part for part in bill.parts if part.is_known]
        theirs = [part for part in known if part.asker is person]
        if role in ("expired", "cancelled"):
            return self._over(theirs, text)
        if person in self.owners:  # who hear of everybody's
            named = [part for part in known if part.asker.first_name in text]
            theirs = named or [part for part in known if f"{part.paid_sats:,} sats" in text]
        paid = [part for part in theirs if part.invoice.state == SETTLED]
        said = [part for part in paid if f"{part.paid_sats:,} sats" in text]
        if role == "announcement":
            said = self._announced(bill, said, message)
        elif role == "paid" and not bill.is_collection:
            said = _as_it_says(bill, said, text)
        return (said or paid or theirs or [None])[-1]

    @staticmethod
    def _over(theirs: list[Part], text: str) -> Part | None:
        """Of which part a card without a button is, that says it can no longer be paid: one of this
        amount that was not. None: it was over before it was shown, and its row tells in the end."""
        line = text.partition("\n")[0]
        for part in reversed(theirs):
            says = f": {part.amount_msat // 1000:,} sat" if part.amount_msat else ": any amount"
            if says in line and part.invoice.state != SETTLED:
                return part
        return None

    def _announced(self, bill: Bill, said: list[Part], message: Message) -> list[Part]:
        """Of parts that this may announce those that it does: somebody's own or another's, as it
        says, and one that nobody was told of, where it says nothing."""
        if message.chat.person not in self.owners and not bill.is_collection:
            said = _as_it_says(bill, said, message.text or "")
        untold = [
            part
            for part in said
            if not any(
                each.message.chat is message.chat or each.message.chat.person is part.asker
                for each in part.of_role("announcement")
            )
        ]
        return untold or said

    def _asking(self, message: Message) -> Command | None:
        """Who is asked for an amount, by the person and the place."""
        for command in reversed(self.commands):
            here = self.now(command.chat) is message.chat and command.thread == message.thread_id
            is_asked = any(shown.message.author is message.author for shown in command.shown)
            named = any(e.get("user", {}).get("id") == command.asker.id for e in message.entities)
            if command.kind == "question" and here and named and not is_asked:
                return command
        return None

    def _shown(self, message: Message, sent: Sent) -> None:
        text = message.text or ""
        command, payment_hash = self.command_of(message)
        if any(faces.kinds_of(text)):  # what the owner hears of a command is not said of it
            command = None
        shown = Shown(message, sent, self._role(message), command, payment_hash)
        shown.roles.append(shown.role)
        self.shown[message] = shown
        self._know(command, payment_hash, message)
        self._in_private(shown)
        if shown.role == "knock":
            self.knocks.append(shown)
        self._note(shown, "sends")
        if command is not None:
            command.shown.append(shown)
        self._tell(command, message)

    def _edited(self, message: Message) -> None:
        shown = self.shown.get(message)
        if shown is None:
            return
        shown.role = self._role(message)
        shown.roles.append(shown.role)
        command, payment_hash = self.command_of(message)
        if payment_hash in self.by_hash or not shown.payment_hash:  # a question has another one
            shown.payment_hash = payment_hash
        self._know(command, payment_hash, message)
        if shown.command is None and command is not None:  # a word told nothing of whose it was
            shown.command = command
            command.shown.append(shown)
        self._note(shown, "edits")
        self._tell(shown.command, message)

    @staticmethod
    def _role(message: Message) -> str:
        role = role_of(message.text or "")
        return "panel" if role == "board" and message.chat.person is not None else role

    def _in_private(self, shown: Shown) -> None:
        """How somebody manages a board, or is asked how much they give: no part's, and no card."""
        if shown.role not in ("panel", "question") or shown.message.chat.person is None:
            return
        bill = self.bill_of(shown.message.text or "")
        if bill is not None:
            (bill.panels if shown.role == "panel" else bill.questions).append(shown)
            bill.news.set()

    def _know(self, command: Command | None, payment_hash: bytes, message: Message) -> None:
        """Whose part it is, by a card that names it."""
        person = message.chat.person
        is_card = payment_hash and person is not None and person not in self.owners
        if is_card and isinstance(command, Part) and not command.is_known:
            self.know(command, person)

    def know(self, part: Part, person: User) -> None:
        """Whose it is."""
        part.asker, part.chat = person, self.now(self.telegram.private_chat(person))
        part.is_known = True

    def find_commands(self) -> None:
        """Whose the messages are that told nothing of it as they came."""
        for shown in self.shown.values():
            if shown.command is None and shown.roles[0] not in ("sentence", "panel"):
                shown.command, _ = self.command_of(shown.message)
                if shown.command is not None:
                    shown.command.shown.append(shown)

    def _tell(self, command: Command | None, message: Message) -> None:
        """Whoever waits for news of it; and whether a board that is over is so at the node."""
        if command is None:
            return
        command.news.set()
        if isinstance(command, Part):
            command.of.news.set()
        if isinstance(command, Bill) and faces.board_is_over(message.text or ""):
            payable = [part.name for part in command.parts if part.is_payable and part.shown]
            if payable:
                command.wrongs.append(f"{message.chat.id}/{message.id} was over with {payable}")

    def _note(self, shown: Shown, verb: str) -> None:
        message = shown.message
        text = _REQUEST.sub(lambda found: found[0][:12] + "…", message.text or "")
        where = f"{message.chat.id}/{message.id}"
        self.book.note(f"{verb} {where} [{shown.role}] {text[:200]!r}", shown.command)

    def _changed_at_node(self, invoice: SimInvoice) -> None:
        self.by_request[invoice.payment_request] = invoice
        if marked := _BILL_MARK.search(invoice.memo):
            self._changed_part(self.bills[int(marked[1])], invoice)
            return
        marked = _MARK.search(invoice.memo)
        command = self.commands[int(marked[1])] if marked else None
        if command is None:
            command = self.by_amount.get(invoice.value_msat // 1000)
        if command is None:  # another program's
            return
        if invoice.payment_hash not in self.by_hash:
            self.by_hash[invoice.payment_hash] = command
            command.invoices.append(invoice)
        short = invoice.payment_hash[:4].hex()
        self.book.note(f"node: {short} {invoice.state_name} {invoice.paid_msat} msat", command)
        command.news.set()

    def _changed_part(self, bill: Bill, invoice: SimInvoice) -> None:
        part = self.by_hash.get(invoice.payment_hash)
        if part is None:
            # its first message tells whose it is
            part = Part(
                len(bill.parts), "part", bill.asker, bill.chat, None, invoice.value_msat, bill.memo,
                bill=bill,
            )  # fmt: skip
            part.invoices.append(invoice)
            self.by_hash[invoice.payment_hash] = part
            bill.parts.append(part)
            self.parts.append(part)
        bill.payable.append((time.time(), invoice.payment_hash, invoice.state in PAYABLE))
        short = invoice.payment_hash[:4].hex()
        self.book.note(f"node: {short} {invoice.state_name} {invoice.paid_msat} msat", part)
        part.news.set()
        bill.news.set()
