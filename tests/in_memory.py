"""A node and a Telegram in memory, under the bot's own `Node` and `Chats`; no server, no sockets.

Each call stops twice, before it acts and before it answers, until somebody lets it go on: so
that anything can happen in between.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from coincurve import PrivateKey
from telegram import ForceReply, InlineKeyboardMarkup
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    RetryAfter,
    TimedOut,
)

from bot.chat.transport import NeverSent
from bot.config import LndSettings
from bot.demo.node import Ledger, Refusal, SimInvoice, open_channels
from bot.lnrpc import invoices_pb2, state_pb2
from bot.lnrpc import lightning_pb2 as pb
from bot.node.client import Node

#: Seconds for which the bot waits for Telegram's answer.
TELEGRAM_TIMEOUT_S = 30.0
BOT_ID = 987_654_321
UNAVAILABLE, DEADLINE, UNKNOWN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNKNOWN,
)


class Steady(asyncio.SelectorEventLoop):
    """An event loop whose clock only moves when it is moved."""

    steady_s = 1000.0

    def time(self) -> float:
        """Seconds."""
        return self.steady_s


def rpc_error(code: grpc.StatusCode, text: str) -> grpc.aio.AioRpcError:
    """What a call raises."""
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=text)


@dataclass(eq=False)
class Call:
    """A call that has arrived."""

    name: str
    at_node: bool
    act: Callable[[Call], Any]
    deadline_s: float
    done: asyncio.Future[Any]
    text: str = ""
    payment_hash: bytes = b""  # that it asks the node for
    message: Message | None = None  # that it put into a chat
    target: Message | None = None  # that it edits
    acted: bool = False
    answer: Any = None
    error: BaseException | None = None

    def go(self) -> None:
        """Act, once."""
        if self.acted:
            return
        self.acted = True
        try:
            self.answer = self.act(self)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 -- it is the answer
            self.error = error

    def lose(self, error: BaseException) -> None:
        """Answer with this, whatever it did."""
        self.error = error
        if self.message is not None:
            self.message.unrecorded = True

    def arrive(self) -> None:
        """The answer gets through."""
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.answer)


class Desk:
    """The calls that wait."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.count = 0

    async def take(
        self,
        name: str,
        act: Callable[[Call], Any],
        *,
        at_node: bool,
        timeout_s: float,
        text: str = "",
        payment_hash: bytes = b"",
        target: Message | None = None,
    ) -> Any:
        """A call, until it is answered."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        call = Call(name, at_node, act, deadline_s, loop.create_future(), text, payment_hash)
        call.target = target
        self.calls.append(call)
        self.count += 1
        try:
            return await call.done
        finally:
            self.calls.remove(call)


# the node

_BROKEN: Any = object()


class _Channel:
    """What a stub of the node's calls."""

    def __init__(self, outside: NodeOutside) -> None:
        self._outside = outside

    def unary_unary(self, path: str, *_: object, **__: object) -> Callable[..., Any]:
        return lambda request, timeout, metadata: self._outside.answer(path, request, timeout)

    def unary_stream(self, path: str, *_: object, **__: object) -> Callable[..., Any]:
        return lambda request, metadata: _Stream(self._outside, request)


class _Stream:
    def __init__(self, outside: NodeOutside, request: pb.InvoiceSubscription) -> None:
        self._outside = outside
        self._request = request

    async def __aiter__(self) -> AsyncIterator[pb.Invoice]:
        outside = self._outside
        if not outside.up:
            raise rpc_error(UNAVAILABLE, "failed to connect to all addresses")
        follower = outside.ledger.subscribe(self._request.add_index, self._request.settle_index)
        outside.followers.append(follower)
        try:
            async for message in follower:
                await outside.flowing.wait()
                if message is _BROKEN:
                    raise rpc_error(UNAVAILABLE, "Stream removed (Socket closed)")
                yield message
        finally:
            outside.followers.remove(follower)
            outside.ledger.unsubscribe(follower)

    def cancel(self) -> None:
        """The caller has gone."""


class NodeOutside:
    """The simulated node's ledger behind calls that stop."""

    def __init__(self, desk: Desk, clock: Callable[[], float]) -> None:
        self._desk = desk
        self.up = True
        self.refuses = self.has_refused = False
        self.followers: list[Any] = []
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.hashes: dict[str, bytes] = {}  # payment requests → payment hashes, of all there were
        self.shown: set[bytes] = set()  # payment hashes whose request was seen in a chat
        self.ledger = Ledger(
            key=PrivateKey(b"k" * 32),
            clock=clock,
            channels=open_channels(1, capacity_sat=10_000_000_000),
            changed=self._changed,
        )

    def _changed(self, invoice: SimInvoice) -> None:
        self.hashes[invoice.payment_request] = invoice.payment_hash

    def connect(self) -> Node:
        """A node of the bot's that calls this one."""
        node = Node(LndSettings())
        node._channel = _Channel(self)  # type: ignore[assignment]
        return node

    async def answer(self, path: str, request: Any, timeout_s: float) -> Any:
        """A call."""
        name = path.rpartition("/")[2]
        if not self.up:
            raise rpc_error(UNAVAILABLE, "failed to connect to all addresses")
        if name == "AddInvoice":
            payment_hash = hashlib.sha256(request.r_preimage).digest()
            assert payment_hash not in self.shown, "a request that was shown is added again"
        if name == "GetState":
            return state_pb2.GetStateResponse(state=state_pb2.WalletState.Value("SERVER_ACTIVE"))
        if name == "GetInfo":
            return pb.GetInfoResponse(identity_pubkey=self.ledger.identity_pubkey)
        act = {
            "AddInvoice": lambda: self._add(request),
            "LookupInvoice": lambda: self.ledger.lookup(request.r_hash).message(),
            "CancelInvoice": lambda: self._cancel(request),
        }[name]
        if name == "LookupInvoice" and request.r_hash == bytes(32):  # whether it is there
            return _in_words(act)()
        answer = _in_words(act)
        return await self._desk.take(
            name,
            lambda _: answer(),
            at_node=True,
            timeout_s=timeout_s,
            payment_hash=getattr(request, "r_hash", b"") or getattr(request, "payment_hash", b""),
        )

    def _add(self, request: pb.Invoice) -> pb.AddInvoiceResponse:
        if self.refuses:
            self.has_refused = True
            raise Refusal("invoice amount is too large")
        invoice = self.ledger.add(request)
        return pb.AddInvoiceResponse(add_index=invoice.add_index)

    def _cancel(self, request: invoices_pb2.CancelInvoiceMsg) -> invoices_pb2.CancelInvoiceResp:
        self.ledger.cancel(request.payment_hash)
        return invoices_pb2.CancelInvoiceResp()

    def go(self) -> None:
        """It is gone, and its calls with it."""
        self.up = False
        for follower in self.followers:
            follower._queue.put_nowait(_BROKEN)
        self.flowing.set()
        for call in self._desk.calls:
            if call.at_node:
                call.lose(rpc_error(UNAVAILABLE, "Stream removed (Socket closed)"))
                call.arrive()

    def come_back(self) -> None:
        """It is there again, and has cancelled what is overdue."""
        self.up = True
        self.ledger.expire_due()


def _in_words(act: Callable[[], Any]) -> Callable[[], Any]:
    """As LND says it."""

    def answer() -> Any:
        try:
            return act()
        except Refusal as refusal:
            code = grpc.StatusCode.NOT_FOUND if refusal.not_found else UNKNOWN
            raise rpc_error(code, refusal.text) from None

    return answer


NODE_FAULTS: dict[str, Callable[[], BaseException]] = {
    "broken": lambda: rpc_error(UNAVAILABLE, "Stream removed (Socket closed)"),
    "late": lambda: rpc_error(DEADLINE, "Deadline Exceeded"),
    "odd": lambda: rpc_error(UNKNOWN, "database is locked"),
    "unknown": lambda: rpc_error(grpc.StatusCode.NOT_FOUND, "unable to locate invoice"),
}


# Telegram


@dataclass(eq=False, repr=False)
class Message:
    """A message of the bot's."""

    number: int
    room: Room
    texts: list[str]
    sent: int  # which message of all this was
    markup: Any = None
    forces: bool = False
    deleted: bool = False
    pressed: bool = False
    of: bytes = b""  # payment hash that its button has named
    unrecorded: bool = False  # its answer was lost, or the bot died before it wrote it down
    refused: bool = False  # Telegram takes no edit of it, and does not delete it

    def __repr__(self) -> str:
        begins = [text[:12] for text in self.texts]
        return f"<{self.room.id}/{self.number} {begins}>"

    @property
    def message_id(self) -> int:
        """As the bot reads it."""
        return self.number

    @property
    def photo(self) -> tuple[()]:
        """No file_id is remembered."""
        return ()


@dataclass(eq=False, repr=False)
class Room:
    """A chat. `lost`: the bot is blocked or was removed."""

    id: int
    messages: dict[int, Message] = field(default_factory=dict)
    count: int = 0
    lost: bool = False
    moved_to: Room | None = None


class TelegramOutside:
    """The chats, and the part of PTB's bot that the bot uses."""

    id = BOT_ID
    username = "invoices_bot"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.rooms: dict[int, Room] = {}
        self.on_text: Callable[[Message], None] = lambda _: None
        self._sent = 0

    def room(self, chat_id: int) -> Room:
        """The chat with this id."""
        return self.rooms.setdefault(chat_id, Room(chat_id))

    async def send_message(self, chat_id: int, text: str, **rest: Any) -> Message:
        """PTB's."""
        return await self._send("send_message", chat_id, text, rest)

    async def send_photo(self, chat_id: int, _photo: object, **rest: Any) -> Message:
        """PTB's."""
        return await self._send("send_photo", chat_id, rest["caption"], rest)

    async def edit_message_text(self, text: str, chat_id: int, number: int, **rest: Any) -> Message:
        """PTB's."""
        return await self._edit(chat_id, number, text, rest)

    async def edit_message_caption(self, chat_id: int, number: int, **rest: Any) -> Message:
        """PTB's."""
        return await self._edit(chat_id, number, rest["caption"], rest)

    async def edit_message_media(
        self, media: Any, chat_id: int, number: int, **rest: Any
    ) -> Message:
        """PTB's."""
        return await self._edit(chat_id, number, media.caption, rest)

    async def delete_message(self, chat_id: int, number: int) -> bool:
        """PTB's."""

        def act(_call: Call) -> bool:
            message = self._reach(chat_id).messages.get(number)
            if message is None or message.deleted:
                raise BadRequest("Message to delete not found")
            message.deleted = True
            return True

        return await self._desk.take(
            "delete",
            act,
            at_node=False,
            timeout_s=TELEGRAM_TIMEOUT_S,
            target=self.room(chat_id).messages.get(number),
        )

    async def send_chat_action(self, chat_id: int, _action: str) -> bool:
        """PTB's."""

        def act(_call: Call) -> bool:
            self._reach(chat_id)
            return True

        return await self._desk.take(
            "send_chat_action", act, at_node=False, timeout_s=TELEGRAM_TIMEOUT_S
        )

    async def answer_callback_query(self, *_: object, **__: object) -> None:
        """PTB's."""

    async def _send(self, name: str, chat_id: int, text: str, rest: dict[str, Any]) -> Message:
        def act(call: Call) -> Message:
            room = self._reach(chat_id)
            markup = rest.get("reply_markup")
            room.count += 1
            self._sent += 1
            message = Message(room.count, room, [text], self._sent)
            if isinstance(markup, InlineKeyboardMarkup):
                message.markup = markup
            message.forces = isinstance(markup, ForceReply)
            room.messages[message.number] = call.message = message
            self.on_text(message)
            return message

        return await self._desk.take(
            name, act, at_node=False, timeout_s=TELEGRAM_TIMEOUT_S, text=text
        )

    async def _edit(self, chat_id: int, number: int, text: str, rest: dict[str, Any]) -> Message:
        def act(_call: Call) -> Message:
            room = self.room(chat_id)
            message = room.messages.get(number)
            # an edit is told no more of a group that moved
            if message is None or message.deleted or room.moved_to is not None:
                raise BadRequest("Message to edit not found")
            self._reach(chat_id)
            if message.forces:
                raise BadRequest("Message can't be edited")
            markup = rest.get("reply_markup")
            if (text, markup) == (message.texts[-1], message.markup):
                raise BadRequest("Message is not modified: specified new message content")
            message.texts.append(text)
            message.markup = markup
            self.on_text(message)
            return message

        return await self._desk.take(
            "edit",
            act,
            at_node=False,
            timeout_s=TELEGRAM_TIMEOUT_S,
            text=text,
            target=self.room(chat_id).messages.get(number),
        )

    def _reach(self, chat_id: int) -> Room:
        room = self.room(chat_id)
        if room.moved_to is not None:
            raise ChatMigrated(room.moved_to.id)
        if room.lost:
            raise Forbidden("Forbidden: bot was blocked by the user")
        return room


CHAT_FAULTS: dict[str, Callable[[], BaseException]] = {
    "lost": TimedOut,
    "unsent": lambda: NeverSent("no way there"),
    "busy": lambda: RetryAfter(7),
    "refused": lambda: BadRequest("Something new"),
    "bug": lambda: ZeroDivisionError("a bug of ours"),
}
