"""HTTP that this process answers, at addresses of its own. Knows aiohttp's server, and no route.

Anybody may come, and stay: so each address has a few connections and no more, and none of them has
long for what it has to say. Descriptors for the database, the node and Telegram remain.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import resource
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from aiohttp import web

from bot.errors import AddressInUse, AddressUnusable

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

#: How one path of one method is answered.
Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
#: Of each method and path, such as ("GET", "/healthz").
Routes: TypeAlias = Mapping[tuple[str, str], Handler]

log = logging.getLogger(__name__)

#: Of what is no HTTP anybody can send any amount, and aiohttp would log a traceback for each.
_NOBODYS = logging.getLogger(f"{__name__}.of_nobody")
_NOBODYS.disabled = True

#: The largest body that is read, in bytes. Telegram's longest update is below a tenth of it.
MAX_BODY = 1 << 20
#: Of the headers: how many, and the bytes of each. They are in memory before anybody sees them.
MAX_HEADERS, MAX_HEADER = 64, 4096
#: Seconds from the first byte of a call, or from a connection, until its headers are there.
HEAD_S = 10.0
#: Seconds from there until all of it is read and answered.
CALL_S = 60.0
#: Seconds for which what is left of a body that nobody wants is dropped.
REST_S = 2.0
#: Seconds between two calls of one connection: more than proxies keep one for.
IDLE_S = 300.0
#: Connections at one address at once: an eighth of the descriptors, and no more than this.
CONNECTIONS = 128
#: Connections that are taken in one turn of the loop: those that are there have theirs.
AT_ONCE = 8
#: Seconds that each of these has before it can be cut for another one: what it says is on its way.
FRESH_S = 0.02
#: Seconds between looks at how long each connection takes.
LOOK_EVERY_S = 1.0
#: Seconds until connections are taken again, where the system gave none.
AGAIN_S = 1.0
#: Seconds after which the same trouble is another occasion, and said again.
SAID_EVERY_S = 600.0
#: Seconds that calls under way get at the end.
STOP_S = 1.0
#: Connections that wait at the system.
_BACKLOG = 128


class Listener:
    """What is answered where, and everything else with 404.

    Whoever answers something says so by `add`, before `open`; one address can have many of them.
    """

    def __init__(self) -> None:
        self._routes: dict[str, dict[tuple[str, str], Handler]] = {}
        self._doors: list[_Door] = []
        #: The ports that are open, by the address that was given: another one where that says 0.
        self.ports: dict[str, int] = {}

    def add(self, address: str, routes: Routes) -> None:
        """Answer `routes` at `address` (host:port). Raises ValueError where one is taken."""
        here = self._routes.setdefault(address, {})
        if taken := here.keys() & routes.keys():
            raise ValueError(f"answered already: {sorted(taken)}")
        here.update(routes)

    async def open(self) -> None:
        """Listen from now on. Raises `AddressInUse` or `AddressUnusable`, and listens nowhere."""
        try:
            for address, routes in self._routes.items():
                door = _Door(address, routes)
                self._doors.append(door)
                self.ports[address] = await door.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """No call is taken from now on; those under way end first. Once more does nothing."""
        doors, self._doors = self._doors, []
        self.ports.clear()
        for door in doors:
            await door.close()


class _Door:
    """One address: who comes in, who has to go, and what each call is answered."""

    def __init__(self, address: str, routes: Routes) -> None:
        self._address = address
        self._routes = routes
        self._loop = asyncio.get_running_loop()
        self._server = web.Server(self._answered, request_factory=_Request.made)
        self._sockets: list[socket.socket] = []
        self._most = most_connections()
        self._callers: dict[_Caller, None] = {}
        self._coming: set[asyncio.Task[None]] = set()
        self._is_full = False
        self._again: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._said: dict[str, float] = {}

    async def open(self) -> int:
        """The port. Raises `AddressInUse` or `AddressUnusable`."""
        try:
            self._sockets = await _bound(self._address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(address=self._address) from error
            reason = error.strerror or str(error)
            raise AddressUnusable(address=self._address, reason=reason) from error
        self._take()
        port: int = self._sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Take nobody from now on; calls under way end first."""
        self._take_none()
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            each.close()
        if self._again is not None:
            self._again.cancel()
        await asyncio.gather(*self._coming)
        await asyncio.sleep(0)  # what was said by now is heard
        self._server.pre_shutdown()
        await self._server.shutdown(STOP_S)
        if self._looking is not None:
            self._looking.cancel()

    # who comes in

    def _take(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._again, self._is_full = None, False
        for each in self._sockets:
            self._loop.add_reader(each, self._accept, each)

    def _take_none(self) -> None:
        for each in self._sockets:
            self._loop.remove_reader(each)

    def _rest(self, seconds: float) -> None:
        """Whoever comes meanwhile waits at the system."""
        self._take_none()
        self._again = self._loop.call_later(seconds, self._take)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if len(self._callers) >= self._most:
                self._say(f"{self._address}: too many connections: the idle ones are cut")
                if not self._make_room():
                    self._is_full = True
                    self._rest(FRESH_S)
                    return
            try:
                come, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:  # no descriptor, no memory: at once it would be the same
                self._say(f"{self._address}: no connection can be taken: {error.strerror}")
                self._make_room()
                self._rest(AGAIN_S)
                return
            come.setblocking(False)
            caller = _Caller(self._server, loop=self._loop, on_end=self._ended)
            self._callers[caller] = None
            task = self._loop.create_task(self._let_in(caller, come))
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)

    async def _let_in(self, caller: _Caller, come: socket.socket) -> None:
        self._look_later()
        try:
            await self._loop.connect_accepted_socket(lambda: caller, come)
        except OSError:  # gone already
            come.close()
            self._ended(caller)

    # who has to go

    def _make_room(self) -> bool:
        """Cut the one that has asked for nothing for longest; False: all ask, or only just came."""
        quiet = [each for each in self._callers if each.state is not State.CALLS]
        oldest = min(quiet, key=lambda each: each.since, default=None)
        if oldest is None or time.monotonic() - oldest.since < FRESH_S:
            return False
        self._cut(oldest)
        return True

    def _look_later(self) -> None:
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Cut whoever takes too long."""
        self._looking = None
        now = time.monotonic()
        for each in [each for each in self._callers if each.is_late(now)]:
            self._cut(each)
        if self._callers:
            self._look_later()

    def _cut(self, caller: _Caller) -> None:
        caller.cut()
        self._ended(caller)

    def _ended(self, caller: _Caller) -> None:
        self._callers.pop(caller, None)
        self._call_ended()

    def _call_ended(self) -> None:
        if self._is_full:
            self._take()

    def _say(self, what: str) -> None:
        """Once an occasion: strangers can cause it as often as they like."""
        now = time.monotonic()
        if now - self._said.get(what, -math.inf) >= SAID_EVERY_S:
            log.warning("%s", what)
        self._said[what] = now

    # what is answered

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        caller = request.protocol
        if isinstance(caller, _Caller):  # as all are
            caller.be(State.CALLS)
        await asyncio.sleep(0)  # of many calls in one go, each answered at once, each has a turn
        try:
            answer = await self._answer(request)
            if isinstance(caller, _Caller) and not request.content.is_eof():
                answer.force_close()
                await answer.prepare(request)
                await answer.write_eof()
                await caller.drop_rest()
            return answer
        finally:
            if isinstance(caller, _Caller):
                caller.be(State.WAITS)
            self._call_ended()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if "100-continue" in request.headers.get("Expect", "").lower():
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        handler = self._routes.get((request.method, request.path))
        if handler is None:
            return nothing()
        try:
            return await handler(request)
        except web.HTTPException as error:
            return web.Response(status=error.status)
        except (web.RequestPayloadError, ConnectionError):  # a body that breaks off, or is none
            return web.Response(status=400)
        except Exception:
            log.exception("a call could not be answered")
            return web.Response(status=500)


class State(Enum):
    """What a connection does."""

    SAYS = "says"  # what it asks for: its headers are not there yet
    CALLS = "calls"
    WAITS = "waits"  # one call is over, and the next one has not begun


#: For how many seconds at most it does that.
LONGEST_S = {State.SAYS: HEAD_S, State.CALLS: CALL_S, State.WAITS: IDLE_S}


class _Caller(web.RequestHandler):
    """One connection, and since when (on the monotonic clock) it does what it does."""

    def __init__(
        self,
        server: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[_Caller], object],
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            logger=cast("Any", _NOBODYS),
            access_log=cast("Any", None),
            keepalive_timeout=2 * IDLE_S,
            # What a stranger says takes the loop's time to read, and may take very much of it: none
            # is unpacked, and `drop_rest` sees to what nobody wants.
            lingering_time=0,
            auto_decompress=False,
            max_headers=MAX_HEADERS,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        self._on_end = on_end
        self._is_cut = False
        self._drops = False
        self._is_gone = asyncio.Event()
        self.state = State.SAYS
        self.since = time.monotonic()

    def is_late(self, now: float) -> bool:
        """Whether it has done that for too long."""
        return now - self.since > LONGEST_S[self.state]

    def be(self, state: State) -> None:
        """Do that from now on."""
        self.state, self.since = state, time.monotonic()

    def cut(self) -> None:
        """End it at once, whatever it has not read yet."""
        self._is_cut = True
        if self.transport is not None:
            self.transport.abort()

    async def drop_rest(self) -> None:
        """What comes from now on is dropped as it is, which takes next to no time.

        Until the other side has read its answer and ends it, or for a moment: were it ended here
        at once, a proxy would take its answer for lost, and this process for one that is down.
        """
        self._drops = True
        self.be(State.WAITS)
        self.resume_reading()  # what it said already may be as much as is kept
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_S):
                await self._is_gone.wait()

    # what asyncio and aiohttp call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._is_cut:
            self.cut()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._is_gone.set()
        super().connection_lost(exc)
        self._on_end(self)

    def eof_received(self) -> None:
        self._is_gone.set()
        super().eof_received()

    def data_received(self, data: bytes) -> None:
        if self._drops:
            return
        if self.state is State.WAITS:
            self.be(State.SAYS)
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP gets a status, and not a word of who could not read it."""
        if request.writer.output_size > 0:
            raise ConnectionError
        answer = web.Response(status=status)
        answer.force_close()
        return answer


class _Request(web.BaseRequest):
    """One call, whose answer says nothing of who gives it."""

    @classmethod
    def made(
        cls,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> _Request:
        """As aiohttp makes one."""
        loop = asyncio.get_running_loop()
        return cls(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # the one place that every answer passes once its headers are complete, errors too
        response.headers.popall("Server", None)


def nothing() -> web.Response:
    """What is answered where nothing is: the same for each path, method and reason."""
    return web.Response(status=404)


def most_connections() -> int:
    """How many connections one address has at once, so that most descriptors remain."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, soft // 8))


async def _bound(address: str) -> list[socket.socket]:
    """Sockets that listen at all that this name means here, one at least. Raises `OSError`."""
    host, _, port = address.rpartition(":")
    found = await asyncio.get_running_loop().getaddrinfo(
        host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    with contextlib.ExitStack() as undo:
        for family, kind, number, _, where in dict.fromkeys(found):
            try:
                each = undo.enter_context(socket.socket(family, kind, number))
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                each.bind(where)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error  # such as localhost's ::1 where there is no IPv6
                continue
            each.setblocking(False)
            each.listen(_BACKLOG)
            sockets.append(each)
        if not sockets and missing is not None:
            raise missing
        undo.pop_all()
    return sockets
