"""The Bot API over HTTP: addresses, tokens, answers, broken connections. Knows no method."""

from __future__ import annotations

import asyncio
import json
import re
from email.utils import formatdate
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from bot.demo.telegram.faults import Faults, Garbled
from bot.demo.telegram.methods import BotApi
from bot.demo.telegram.request import Query, Refusal, read_query
from bot.demo.telegram.state import Bot, State
from bot.demo.telegram.updates import as_json
from bot.demo.telegram.world import Call, Json

MAX_BODY_BYTES = 50 * 1024 * 1024
# longer than any client keeps an idle connection
_KEEP_ALIVE_S = 75
_PATH = re.compile(r"/bot(?P<token>[^/]*)/(?:test/)?(?P<method>[^/]*)")
_FILE = re.compile(r"/file/bot(?P<token>[^/]*)/photos/(?P<name>[^/]*)\.jpg")
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")


class Door:
    """Reads a request, lets the method act and writes the answer, or breaks the connection."""

    def __init__(self, state: State, api: BotApi, faults: Faults, server: HttpServer) -> None:
        self._state = state
        self._api = api
        self._faults = faults
        self._server = server

    def application(self, extra: list[BaseRoute]) -> ASGIApp:
        """The whole server; `extra` routes come first."""
        return Starlette(routes=[*extra, Mount("/", app=self.answer)]) if extra else self.answer

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        send = self._dated(send)
        body = await _body(receive)
        if body is None:
            await _send_json(send, 413, _refused(Refusal(413, "Request Entity Too Large")))
            return
        if scope["path"].startswith("/file/"):
            await self._send_file(scope["path"], send)
            return
        answer = await self._act(scope, body)
        if answer is None:
            self._server.drop(scope)
            # wait until it has broken: uvicorn takes a silent return for a bug of the application
            await receive()
            return
        status, shown = answer
        if isinstance(shown, str):
            await _send(send, status, b"application/json", shown.encode())
        else:
            await _send_json(send, status, shown)

    def _dated(self, send: Send) -> Send:
        """Sends with a header that says when."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start" and self._state.date is not None:
                date = self._state.date or formatdate(self._state.clock(), usegmt=True)
                message = {**message, "headers": [*message["headers"], (b"date", date.encode())]}
            await send(message)

        return dated

    async def _act(self, scope: Scope, body: bytes) -> tuple[int, Json | str] | None:
        """Status and answer; None where the connection has to break."""
        call: Call | None = None
        try:
            bot, method = self._addressed(scope["path"])
            query = read_query(scope["query_string"], _content_type(scope), body)
            call = self._note(method, query, _peer_port(scope))
            name = method.lower()
            if not await self._faults.before(name, call.chat_id):
                return None
            result = await self._api.call(bot, name, query)
            if name == "getupdates" and self._server.is_connected(scope):
                self._state.note_fetched(bot, result)
            call.has_acted = True
            call.message_id = _message_id(result) or call.message_id
            if not self._faults.after(name, call.chat_id):
                return None
        except Refusal as refusal:
            if call is not None:
                call.status = refusal.code
            return refusal.code, _refused(refusal)
        except Garbled as garbled:
            return garbled.status, garbled.body
        finally:
            if call is not None:
                call.ended_at = self._state.clock()
            self._state.changed()
        call.status = 200
        if name == "getupdates":
            return 200, f'{{"ok":true,"result":[{",".join(map(as_json, result))}]}}'
        return 200, {"ok": True, "result": self._faults.altered(name, call.chat_id, result)}

    def _addressed(self, path: str) -> tuple[Bot, str]:
        found = _PATH.fullmatch(path)
        if found is None:
            raise Refusal(404, "Not Found")
        bot = self._state.bots.get(found["token"])
        if bot is None:
            known_form = _TOKEN.fullmatch(found["token"])
            raise Refusal(401, "Unauthorized") if known_form else Refusal(404, "Not Found")
        return bot, found["method"]

    def _note(self, method: str, query: Query, peer_port: int) -> Call:
        params: Json = {**query.params, **{name: up.data for name, up in query.files.items()}}
        chat_id = query.number("chat_id") or None
        call = Call(method, params, self._state.clock(), chat_id, peer_port=peer_port)
        call.message_id = query.number("message_id") or None
        self._state.calls.append(call)
        self._state.changed()
        return call

    async def _send_file(self, path: str, send: Send) -> None:
        found = _FILE.fullmatch(path)
        photo = None
        if found is not None and found["token"] in self._state.bots:
            photo = self._state.photos.find_named(found["name"])
        if photo is None:
            await _send_json(send, 404, _refused(Refusal(404, "Not Found")))
            return
        await _send(send, 200, b"application/octet-stream", photo.data)


def _message_id(result: Any) -> int | None:
    """Of the message that was made or changed."""
    return result.get("message_id") if isinstance(result, dict) else None


def _peer_port(scope: Scope) -> int:
    client = scope.get("client")
    return client[1] if client else 0


def _content_type(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return str(value.decode("latin-1"))
    return ""


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where it is larger than the Bot API accepts."""
    message = await receive()
    first: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return first
    chunks = [first]
    size = len(first)
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            return None
    return b"".join(chunks)


def _refused(refusal: Refusal) -> Json:
    shown: Json = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        shown["parameters"] = refusal.parameters
    return shown


async def _send_json(send: Send, status: int, shown: Json) -> None:
    await _send(
        send, status, b"application/json", json.dumps(shown, separators=(",", ":")).encode()
    )


async def _send(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class HttpServer:
    """uvicorn's HTTP on a socket that can be closed and opened again at the same address."""

    def __init__(self) -> None:
        self._state = ServerState()
        self._config: Config | None = None
        self._server: asyncio.Server | None = None
        self._address: tuple[str, int] | None = None

    @property
    def url(self) -> str:
        """http://host:port."""
        if self._address is None:
            raise RuntimeError("the simulator was not started")
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self, app: ASGIApp, host: str, port: int) -> None:
        """Listen. OSError when the port is in use."""
        self._config = Config(
            app,
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_S,
            date_header=False,
            server_header=False,
        )
        self._config.load()
        self._address = (host, port)
        await self.open()

    async def open(self) -> None:
        """Listen at the address that was given first."""
        if self._config is None or self._address is None:
            raise RuntimeError("the simulator was not started")
        config, host = self._config, self._address[0]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: H11Protocol(config=config, server_state=self._state, app_state={}, _loop=loop),
            *self._address,
        )
        self._address = (host, self._server.sockets[0].getsockname()[1])

    def shut(self) -> None:
        """Refuse new connections and break the open ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._connections():
            connection.transport.abort()

    def _connections(self) -> list[Any]:
        """The open ones; uvicorn's own type for them has more kinds than there are here."""
        return list(self._state.connections)

    async def stop(self) -> None:
        """Shut, and wait until the last request has ended."""
        self.shut()
        tasks = list(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=0.2)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def is_connected(self, scope: Scope) -> bool:
        """Whether somebody still waits for the answer to this request."""
        return any(each.client == tuple(scope["client"]) for each in self._connections())

    def drop(self, scope: Scope) -> None:
        """Break the connection that this request came on."""
        for connection in self._connections():
            if connection.client == tuple(scope["client"]):
                connection.transport.abort()
