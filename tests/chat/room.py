"""A Telegram, people, and the bot as far as its rows: no node, and nobody who works on them."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, Unpack

from pydantic import SecretStr

from bot.access import Access
from bot.actions import Actions, BoardActions, Grants, Knocks, Ledger
from bot.chat.admission import Admission
from bot.chat.ages import Ages
from bot.chat.cards import Cards
from bot.chat.chats import Chats
from bot.chat.client import make_bot
from bot.chat.commands.about import About
from bot.chat.commands.boards import Boards
from bot.chat.commands.claims import Claims
from bot.chat.commands.export import Export
from bot.chat.commands.grants import GrantCommands
from bot.chat.commands.invoices import Invoices
from bot.chat.commands.knocks import KnockPresses
from bot.chat.commands.listing import Listing
from bot.chat.commands.status import Status
from bot.chat.faults import Faults
from bot.chat.handling import Handling, made_application
from bot.chat.inbox import Inbox
from bot.chat.intake import Intake
from bot.chat.invitations import Invitations
from bot.chat.knocks import KnockChats
from bot.chat.membership import Membership
from bot.chat.presses import Presses
from bot.chat.replies import Replies
from bot.chat.targets import Targets
from bot.chat.updates import ALLOWED_UPDATES, PtbApplication
from bot.config import AccessSettings, InvoicesSettings, LimitsSettings, Rate, TelegramSettings
from bot.core.answers import NodeInfo, NodeStatus
from bot.core.invoice import Columns, Face, Invoice, State
from bot.core.steps import AS_READ, Around
from bot.core.work import Do
from bot.demo.telegram import Chat, Message, SimTelegram, User
from bot.errors import NodeError, NodeNotAsked
from bot.findings import Finding
from bot.pauses import Holds
from bot.places import Places
from bot.store import Bell, Store, Tx

P = ParamSpec("P")
T = TypeVar("T")

TOKEN = "123456789:AAE-a-token-that-only-the-simulator-takes"
NAME = "test_invoice_bot"
PAYMENT_REQUEST = "lnbc21u1p" + "q" * 251
ALIAS = "carrot"
WITHIN = InvoicesSettings().range_sats
#: When the bot was started, as it says.
STARTED_AT = 1_790_000_000.0
INFO = NodeInfo("02" * 33, ALIAS, "0.19.0-beta", "regtest", True, 812_000)


def started(telegram: SimTelegram, name: str) -> int:
    """A private chat where somebody has pressed Start."""
    person = telegram.add_user(name)
    chat = telegram.private_chat(person)
    telegram.say(chat, person, "/start")
    return chat.id


class Clock:
    """Real time, moved by hand."""

    ahead_s = 0.0

    def __call__(self) -> float:
        """Unix seconds."""
        return time.time() + self.ahead_s


class Node:
    """A node that says how it is; or does not, or not soon."""

    def __init__(self) -> None:
        self.says: NodeStatus | NodeError = NodeStatus(None, INFO)
        self.hindrance: NodeError | None = None
        self.away: NodeError | None = None
        self.inbound_msat: int | None = None
        self.is_slow = False

    async def status(self) -> NodeStatus:
        """How it is."""
        if self.is_slow:
            await asyncio.Event().wait()
        if isinstance(self.says, NodeError):
            raise self.says
        return self.says


class Room:
    """The bot's own parts, made in the order in which the bot makes them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "bot.db"
        self.clock = Clock()
        self.telegram = SimTelegram(clock=self.clock)
        self.bot_user = self.telegram.add_bot(TOKEN, NAME, "Invoices")
        self.owner = self.telegram.add_user("Olga")
        self.anna = self.telegram.add_user("Anna")
        self.bert = self.telegram.add_user("Bert")
        self.stranger = self.telegram.add_user("Sven")
        people = [self.anna, self.owner, self.bert]
        self.group = self.telegram.add_group("Friday dinner", people)  # Anna adds the bot
        self.group.members.update({self.owner.id: "creator", self.anna.id: "member"})
        self.node = Node()
        #: What is found of the macaroon.
        self.macaroon: list[Finding] = []
        self._offset = 0

    async def open(self) -> None:
        """Start Telegram, and the bot."""
        await self.telegram.start()
        self.store = await Store.open(f"sqlite:///{self.file}")
        self.bell = Bell()
        settings = TelegramSettings(token=SecretStr(TOKEN), api_url=self.telegram.url)
        self.telegram_bot = make_bot(settings)
        self.places = Places(self.store, self.clock, self.bell)
        access = self.access = self.access_with()
        self.chats = Chats(self.telegram_bot)
        self.cards = Cards(
            self.chats, self.store, access=access, payee=lambda _: ALIAS, within=WITHIN
        )
        self.replies = Replies(self.chats, folder=self.file.parent)
        self.knocks = Knocks(store=self.store, access=access, places=self.places, clock=self.clock)
        self.grants = Grants(
            store=self.store,
            access=access,
            places=self.places,
            knocks=self.knocks,
            clock=self.clock,
            bell=self.bell,
        )
        self.knock_chats = KnockChats(self.chats, self.knocks, self.places)
        ledger = Ledger(store=self.store, access=access, clock=self.clock)
        actions = Actions(
            store=self.store,
            access=access,
            places=self.places,
            settings=InvoicesSettings(),
            clock=self.clock,
            bell=self.bell,
        )
        boards = BoardActions(
            store=self.store,
            access=access,
            places=self.places,
            settings=InvoicesSettings(),
            clock=self.clock,
            bell=self.bell,
            holds=Holds(self.clock),
        )
        self.application = self.new_application()
        self.faults = Faults(access=access, places=self.places, replies=self.replies)
        self.rivals: list[float] = []
        self.ages = Ages(self.clock)
        self.handling = Handling(self.telegram_bot, self.application, on_bug=self.faults.apologize)
        self.inbox = Inbox(
            self.store,
            self.handling,
            bot_id=self.bot_user.id,
            ages=self.ages,
            told=lambda: self.telegram_bot.told_lately,
        )
        self.intake = Intake(self.telegram_bot, self.handling, on_rival=list, ages=self.ages)
        admission = Admission(
            store=self.store,
            access=access,
            places=self.places,
            knocks=self.knocks,
            clock=self.clock,
            ages=self.ages,
        )
        targets = Targets(actions, self.places, WITHIN)
        self.invitations = Invitations(
            store=self.store,
            access=access,
            places=self.places,
            knocks=self.knocks,
            chats=self.chats,
            clock=self.clock,
        )
        self.export = Export(ledger=ledger, admission=admission, replies=self.replies)
        self.boards = Boards(
            actions=boards,
            node=self.node,
            admission=admission,
            places=self.places,
            replies=self.replies,
            targets=targets,
            telegram_bot=self.telegram_bot,
        )
        for family in (
            Membership(places=self.places, chats=self.chats),
            self.invitations,
            Claims(grants=self.grants, admission=admission, replies=self.replies),
            GrantCommands(
                grants=self.grants,
                access=access,
                admission=admission,
                places=self.places,
                replies=self.replies,
                telegram_bot=self.telegram_bot,
            ),
            KnockPresses(
                grants=self.grants, knocks=self.knocks, access=access, replies=self.replies
            ),
            Invoices(
                actions=actions,
                boards=boards,
                node=self.node,
                admission=admission,
                places=self.places,
                replies=self.replies,
                targets=targets,
                telegram_bot=self.telegram_bot,
            ),
            self.boards,
            Listing(
                ledger=ledger,
                admission=admission,
                places=self.places,
                replies=self.replies,
            ),
            Presses(
                actions=actions,
                boards=boards,
                node=self.node,
                targets=targets,
                replies=self.replies,
            ),
            Status(
                node=self.node,
                ledger=ledger,
                admission=admission,
                replies=self.replies,
                macaroon=lambda _: self.macaroon,
                clock=self.clock,
                started_at=STARTED_AT,
                within_s=0.0,
            ),
            self.export,
            About(
                access=access,
                admission=admission,
                replies=self.replies,
                telegram_bot=self.telegram_bot,
            ),
        ):
            family.register(self.application)
        await self.places.load()
        await self.grants.load()
        await self.application.initialize()
        await self.handled()

    def access_with(self, *, chats: Collection[int] = ()) -> Access:
        """Who is on the list."""
        return Access(
            AccessSettings(
                owners=frozenset({self.owner.id}),
                users=frozenset({self.anna.id, self.bert.id}),
                chats=frozenset(chats),
            ),
            LimitsSettings(invoices_per_user=Rate(20, 600)),
        )

    async def close(self) -> None:
        """End the bot, and Telegram."""
        await self.chats.close(timeout_s=1.0)
        await self.telegram_bot.shutdown()
        await self.store.close()
        await self.telegram.stop()

    def new_application(self) -> PtbApplication:
        """One where nobody handles anything yet."""
        return made_application(self.telegram_bot)

    def cards_for(self, *owners: User) -> Cards:
        """Cards of a bot with these owners."""
        ids = frozenset(owner.id for owner in owners)
        access = Access(AccessSettings(owners=ids), LimitsSettings())
        return Cards(self.chats, self.store, access=access, payee=lambda _: ALIAS, within=WITHIN)

    def private(self, person: User) -> Chat:
        """A person's chat with the bot."""
        return self.telegram.private_chat(person)

    async def handled(self) -> None:
        """All that was written and pressed has been handled."""
        while batch := await self.updates():
            await self.intake.handle(batch)

    async def updates(self) -> Sequence[dict[str, int]]:
        """What came since the last time."""
        batch = await self.telegram_bot.raw_updates(
            offset=self._offset, poll_s=0, limit=100, allowed=ALLOWED_UPDATES
        )
        assert isinstance(batch, list)
        self._offset = max([self._offset, *(raw["update_id"] + 1 for raw in batch)])
        return batch

    async def say(
        self, chat: Chat, person: User, text: str, *, reply_to: Message | None = None
    ) -> Message:
        """A message, which the bot has handled."""
        message = self.telegram.say(chat, person, text, reply_to=reply_to)
        await self.handled()
        return message

    async def do(
        self, job: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs
    ) -> T:
        """A job in the store."""
        return await self.store.do(job, *values, **named)

    async def row_of(self, message: Message) -> Invoice | None:
        """The row that a command made."""
        return await self.do(_row_of, message.chat.id, message.id)

    async def row(self, command: Message) -> Invoice:
        """The same, where there is one."""
        row = await self.row_of(command)
        assert row is not None
        return row

    async def noted(self, command: Message, message: Message) -> None:
        """Wait until a question's row knows this message of the bot's as well."""
        async with asyncio.timeout(30):
            while message.id not in (await self.row(command)).duplicates:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def change(self, row: Invoice, **columns: Unpack[Columns]) -> Invoice:
        """What the node has done with a row."""
        return await self.do(_change, row.id, columns)

    async def copies(self, row: Invoice, count: int) -> None:
        """So many more rows like this one, of other messages."""
        await self.do(_copy, row, count)

    async def take(self, do: Do, row: Invoice, around: Around = AS_READ) -> Invoice:
        """A step in the chat, recorded as the bot records it."""
        shown = await self.cards.do(do, row, around, NodeNotAsked())
        return await self.do(_change, row.id, shown.columns)

    async def open_card(self, chat: Chat, person: User, text: str) -> tuple[Invoice, Message]:
        """A command, and its card."""
        row = await self.row(await self.say(chat, person, text))
        opened = {
            "payment_request": "lnbc21u1p" + "q" * 251,
            "expires_at": int(self.clock()) + 3600,
        }
        row = await self.change(row, state=State.OPEN, **opened)
        row = await self.take(Do.SEND_CARD, row)
        assert row.card_shown is Face.OPEN
        return row, self.telegram.messages(chat)[-1]

    def ours(self, chat: Chat) -> list[str]:
        """What the bot has said in a chat."""
        messages = self.telegram.messages(chat)
        return [message.text or "" for message in messages if message.sender is self.bot_user]

    async def said(self, chat: Chat, count: int = 1) -> list[str]:
        """Wait for so many messages of the bot's."""
        await self.telegram.wait_for(lambda: len(self.ours(chat)) >= count)
        return self.ours(chat)

    async def told(self, chat: Chat, markup: str, count: int = 1) -> None:
        """Wait until the bot's last of so many messages says this."""
        said = await self.said(chat, count)
        assert said[count - 1 :] == [plain(markup)]


def plain(markup: str) -> str:
    """Telegram HTML as people read it."""
    return html.unescape(re.sub("<[^>]*>", "", markup))


def _change(tx: Tx, row_id: int, columns: Columns) -> Invoice:
    return tx.invoices.update(row_id, **columns)


def _copy(tx: Tx, row: Invoice, count: int) -> None:
    names = Invoice.__dataclass_fields__.keys() - {"id"}
    for number in range(count):
        own = {name: getattr(row, name) for name in names}
        own |= {"origin_message_id": 10**6 + number, "payment_hash": number.to_bytes(32)}
        tx.invoices.add(**own)


def _row_of(tx: Tx, chat_id: int, message_id: int) -> Invoice | None:
    return tx.invoices.by_origin(chat_id, message_id)
