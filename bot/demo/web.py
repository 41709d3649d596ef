"""The server side of the demo's page: actions come in over HTTP, changes go out as events.

Knows how the demo's parts are shown and steered, not how they are made.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from bot.demo import views, wallets
from bot.demo.backstage import Backstage
from bot.demo.errors import Refused
from bot.demo.feed import Feed
from bot.demo.stage import Stage
from bot.demo.telegram import Chat, Json, start_token
from bot.demo.telegram import Press as Pressed
from bot.demo.telegram.text import EntityError, utf16_length

PAGE = Path(__file__).parent / "page"
ANSWER_TIMEOUT_S = 10.0
MAX_TEXT = 4096
NO_BOT = "The bot is not running. It gets this press once you start it."

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_Input = TypeVar("_Input", bound=BaseModel)


class Whole(BaseModel):
    """A page has come to a connection that others have already."""


class Say(BaseModel):
    """A person writes a message."""

    chat: int
    user: int
    text: str
    reply_to: int | None = None
    thread: int | None = None


class Press(BaseModel):
    """A person presses a button."""

    chat: int
    user: int
    message: int
    data: str


class Start(BaseModel):
    """A person presses START in their private chat."""

    user: int
    token: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")


class Menu(BaseModel):
    """A person asks for the command menu."""

    chat: int
    user: int


class Scan(BaseModel):
    """A wallet scans a message's picture."""

    chat: int
    message: int


class Pay(BaseModel):
    """A person pays what was scanned; `amount_msat` where the request leaves it open."""

    user: int
    request: str
    amount_msat: int | None = None


class Switch(BaseModel):
    """The node is switched."""

    state: Literal["up", "locked", "down"]


class Life(BaseModel):
    """The bot's process is killed or started."""

    runs: bool


class Fault(BaseModel):
    """A fault begins, or ends."""

    name: str
    on: bool


class Weather(BaseModel):
    """A storm begins, or ends before its time."""

    on: bool


class Choice(BaseModel):
    """A card whose time line is asked for."""

    chat: int
    message: int


class Move(BaseModel):
    """The clock is moved forward."""

    seconds: int


class Page:
    """One method for each action on the page."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._telegram = stage.telegram
        self.feed = Feed()
        # which start of the demo this is: a page that outlives one takes nothing over from it
        self._start = secrets.token_hex(8)
        self._ended = asyncio.Event()
        self.backstage = Backstage(stage, self.feed.send)
        stage.wallets.watch(self._send_balance)
        stage.process.watch(lambda: self.feed.send("process", views.process(stage.process)))

    def end(self) -> None:
        """Release every request that waits here."""
        self._ended.set()
        self.feed.close()

    def snapshot(self) -> Json:
        """Everything as it is now."""
        people = self._telegram.users()
        return {
            "start": self._start,
            "now": self._stage.clock(),
            "bot": views.person(self._stage.bot),
            "owner": self._stage.owner.id,
            "people": [views.person(user) for user in people],
            "chats": [
                views.chat(chat, people, self._telegram.messages(chat))
                for chat in views.in_order(self._telegram.chats())
            ],
            "balances": [[user.id, self._stage.wallets.balance_msat(user.id)] for user in people],
            "node": self._stage.node_state,
            "process": views.process(self._stage.process),
            "backstage": self.backstage.shown(),
        }

    async def whole(self, _: Whole) -> Json:
        """Send a snapshot to the pages that came last, in its place between the changes."""
        self.feed.send("whole", self.snapshot())
        return {}

    async def forward(self) -> None:
        """Send every change in the chats to the pages, until cancelled."""
        async for change in self._telegram.listen():
            if change.kind in ("message", "edit") and change.message:
                self.feed.send("message", views.message(change.message))
            elif change.kind == "delete" and change.message:
                gone = {"chat": change.message.chat.id, "id": change.message.id}
                self.feed.send("gone", gone)
            elif change.kind == "chat" and change.chat_id is not None:
                chat = self._telegram.chat(change.chat_id)
                self.feed.send("chat", views.chat(chat, self._telegram.users()))

    async def say(self, said: Say) -> Json:
        """Write a message."""
        chat = self._chat_of(said.chat, said.user)
        if not said.text.strip() or utf16_length(said.text) > MAX_TEXT:
            raise Refused(f"A message has 1 to {MAX_TEXT} characters.")
        if chat.blocked:
            raise Refused("This person has blocked the bot. Unblock it first, among the faults.")
        there = {message.id for message in self._telegram.messages(chat)}
        try:
            self._telegram.say(
                chat,
                said.user,
                said.text,
                reply_to=said.reply_to if said.reply_to in there else None,
                thread=said.thread if said.thread in chat.topics else None,
            )
        except EntityError:
            raise Refused("Nothing of this message can be seen.") from None
        return {}

    async def press(self, pressed: Press) -> Json:
        """Press a button, and wait for what the bot answers."""
        chat = self._chat_of(pressed.chat, pressed.user)
        try:
            press = self._telegram.press(chat, pressed.user, pressed.message, data=pressed.data)
        except LookupError:
            raise Refused("That button is gone.") from None
        if self._stage.process.state in ("killed", "ended"):
            return {"text": NO_BOT, "alert": False, "opens": None}
        ended = asyncio.ensure_future(self._ended.wait())
        await asyncio.wait(
            (press.answer, ended), timeout=ANSWER_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        ended.cancel()
        if not press.answer.done():
            return {"text": None, "alert": False, "opens": None}
        answer = press.answer.result()
        return {"text": answer.text, "alert": answer.show_alert, "opens": self._open(press)}

    def _open(self, press: Pressed) -> Json | None:
        """The private chat that the answer's link opens, and the token of the START offered there.

        The token is None for somebody who uses the bot: their client has sent it.
        """
        try:
            sent = self._telegram.follow(press, presses_start=False)
        except LookupError:
            return None
        url = press.answer.result().url or ""
        token = None if sent else start_token(url, self._stage.bot.username)
        return {"chat": press.user.id, "start": token}

    async def start(self, started: Start) -> Json:
        """Press START, where a link offered it."""
        self._chat_of(started.user, started.user)
        self._telegram.start_bot(started.user, started.token)
        return {}

    async def commands(self, asked: Menu) -> Json:
        """The command menu."""
        return {
            "commands": self._telegram.commands(self._chat_of(asked.chat, asked.user), asked.user)
        }

    async def scan(self, asked: Scan) -> Json:
        """What a wallet reads in a message's picture."""
        request, read = await wallets.scan(self._picture(asked))
        return {
            "request": request,
            "amount_msat": read.amount_msat,
            "memo": read.memo,
            "payee": read.payee,
            "expires_at": read.expires_at,
        }

    async def pay(self, asked: Pay) -> Json:
        """Pay what a wallet has read."""
        purse = self._stage.wallets
        paid_msat = purse.pay(asked.user, asked.request, amount_msat=asked.amount_msat)
        return {"amount_msat": paid_msat}

    def _send_balance(self, person_id: int) -> None:
        msat = self._stage.wallets.balance_msat(person_id)
        self.feed.send("balance", {"user": person_id, "msat": msat})

    async def switch(self, asked: Switch) -> Json:
        """Switch the node."""
        await self._stage.set_node(asked.state)
        self._send_node()
        await self._stage.node_started()
        self._send_node()
        return {}

    async def live(self, asked: Life) -> Json:
        """Kill the bot, or start it: it is still starting when this returns."""
        if asked.runs:
            await self._stage.process.start()
        else:
            await self._stage.process.kill()
        return {}

    async def fault(self, asked: Fault) -> Json:
        """Let something go wrong, or be right again."""
        try:
            await self.backstage.faults.switch(asked.name, on=asked.on)
        finally:
            self.backstage.stir()
            self._send_node()
        return {}

    async def weather(self, asked: Weather) -> Json:
        """Let it storm, or be calm again."""
        if asked.on:
            self.backstage.storm.start()
        else:
            self.backstage.storm.stop()
        return {}

    async def story(self, asked: Choice) -> Json:
        """The time line of a card."""
        return await self.backstage.story(asked.chat, asked.message)

    def _send_node(self) -> None:
        self.feed.send("node", {"state": self._stage.node_state})

    async def move(self, asked: Move) -> Json:
        """Move the clock forward."""
        if not 0 < asked.seconds <= 7 * 86_400:
            raise Refused("The clock can move by up to a week at a time.")
        self._stage.clock.move(asked.seconds)
        self.feed.send("clock", {"now": self._stage.clock()})
        return {}

    def _chat_of(self, chat_id: int, user_id: int) -> Chat:
        try:
            chat = self._telegram.chat(chat_id)
        except KeyError:
            raise Refused("There is no such chat.") from None
        if chat.migrated_to is not None:
            raise Refused("This group has become a supergroup. Open it again.")
        if user_id not in {user.id for user in views.members(chat, self._telegram.users())}:
            raise Refused("That person is not in this chat.")
        return chat

    def _picture(self, asked: Scan) -> bytes:
        try:
            message = self._telegram.message(asked.chat, asked.message)
        except KeyError:
            raise Refused("That message is gone.") from None
        if message.photo is None or message.deleted:
            raise Refused("That picture is gone.")
        return message.photo.data

    def application(self) -> Starlette:
        """The page as an ASGI application."""

        async def index(_: Request) -> Response:
            return FileResponse(PAGE / "index.html")

        async def photo(request: Request) -> Response:
            found = self._telegram.photos.find(request.path_params["file_id"])
            if found is None:
                return Response(status_code=404)
            kept = {"Cache-Control": "private, max-age=31536000, immutable"}
            return Response(found.data, media_type="image/png", headers=kept)

        async def document(request: Request) -> Response:
            found = self._telegram.documents.find(request.path_params["file_id"])
            if found is None:
                return Response(status_code=404)
            how = {"Content-Disposition": 'attachment; filename="invoices.csv"'}
            return Response(found.data, media_type="application/octet-stream", headers=how)

        async def events(_: Request) -> Response:
            return StreamingResponse(self.feed.read(self.snapshot), media_type="text/event-stream")

        return Starlette(
            routes=[
                Route("/", index),
                Mount("/page", StaticFiles(directory=PAGE)),
                Route("/photo/{file_id}", photo),
                Route("/document/{file_id}", document),
                Route("/events", events),
                _action("/api/whole", Whole, self.whole),
                _action("/api/say", Say, self.say),
                _action("/api/press", Press, self.press),
                _action("/api/start", Start, self.start),
                _action("/api/commands", Menu, self.commands),
                _action("/api/wallet/scan", Scan, self.scan),
                _action("/api/wallet/pay", Pay, self.pay),
                _action("/api/node", Switch, self.switch),
                _action("/api/clock", Move, self.move),
                _action("/api/bot", Life, self.live),
                _action("/api/fault", Fault, self.fault),
                _action("/api/storm", Weather, self.weather),
                _action("/api/story", Choice, self.story),
            ],
            middleware=[Middleware(_Guarded)],
        )


def _action(path: str, model: type[_Input], act: Callable[[_Input], Awaitable[Json]]) -> Route:
    """A POST of JSON.

    A refusal is the answer's `error`, with status 200: it is an answer like any other, and browsers
    log any other status as a failure.
    """

    async def handle(request: Request) -> Response:
        # a page of another site cannot send this type without a preflight request
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"error": "Expected JSON."}, status_code=415)
        try:
            return JSONResponse(await act(model.model_validate_json(await request.body())))
        except ValidationError:
            return JSONResponse({"error": "That request is incomplete."}, status_code=400)
        except Refused as refused:
            return JSONResponse({"error": str(refused)})

    return Route(path, handle, methods=["POST"])


class _Guarded:
    """Adds the headers that keep other sites' code and frames out of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-cache")
                for key, value in _HEADERS.items():
                    headers[key] = value
            await send(message)

        await self._app(scope, receive, send_guarded)
