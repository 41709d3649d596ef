"""One HTTP request to Telegram. Knows aiohttp, and what PTB expects of its request class.

PTB's own carrier, httpx, makes a command take a third more of the processor's time.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import os
import re
import socket
import zlib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot.chat.ages import Told
from bot.chat.parsing import parse
from bot.chat.received import is_group_id
from bot.clock import steady
from bot.errors import TermLost
from bot.fence import Fence

#: Seconds to connect, the wait for a place in the pool included.
CONNECT_TIMEOUT_S = 5.0
#: Seconds for one answer of Telegram's. Repeating a message sooner may put it there twice.
ANSWER_TIMEOUT_S = 30.0
#: Seconds until a connection counts as dead whose other end does not even confirm packets.
DEAD_AFTER_S = 10.0
#: Seconds for which an idle connection is kept, so that a quiet time costs no TLS handshake.
KEEP_CONNECTION_S = 60.0

#: Bytes of an answer at most, also unpacked. A whole batch of updates is far below.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
#: What is asked for and can be unpacked here: never more than asked for is unpacked.
_PACKED = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

_OK, _REDIRECTED = 200, 300
#: Of an error, the parameter that has a group's new id.
_MOVED_TO = "migrate_to_chat_id"
#: And the seconds to wait; more than a year are as good as a year.
_WAIT, _LONGEST_WAIT_S = "retry_after", 366 * 86_400
_NO_CONNECTION = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,  # a proxy did not let it through
)


class NeverSent(NetworkError):
    """There was no connection to Telegram: nothing was sent."""


class _Stale(Exception):
    """By now another process may act."""


#: How Telegram's own answer begins where it did it, wherever that breaks off. A status alone says
#: nothing: pages of others have it too.
_DID = re.compile(rb'\s*\{\s*"ok"\s*:\s*t')
#: Bytes of an answer that are looked at for it, and kept where nobody can read the answer.
_BEGINS = 64 * 1024


class Unreadable(NetworkError):
    """Telegram did it, to go by how its answer begins; the rest of it nobody can read.

    `begins`: the first bytes of an answer that came whole, or is too large; empty where it broke
    off, and may be another one the next time.
    """

    def __init__(self, message: str, *, begins: bytes = b"") -> None:
        super().__init__(message)
        self.begins = begins[:_BEGINS]


class NotTelegrams(NetworkError):
    """JSON that no Bot API answers: what the call did is unknown.

    A Bot API says `"ok": true` where it did it, and `"ok": false` where it did not.
    """


class Transport(BaseRequest):
    """Carries PTB's requests over a pool of so many `connections`, which stays warm.

    `fence`: nothing is sent but where it is open, at the moment that it would leave.
    `told`: the time that the latest answer was made at, None where it does not say.
    `do_request` raises `NeverSent` where nothing was sent; `TimedOut`, `Unreadable` or
    `NetworkError` where Telegram may have got it. It repeats nothing.
    """

    __slots__ = ("_connections", "_fence", "_proxies", "_session", "told")

    def __init__(self, *, connections: int, fence: Fence | None = None) -> None:
        self.told: Told | None = None
        self._connections = connections
        self._fence = None if fence is None or fence.is_always_open else fence
        self._proxies: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds for an answer, where a call does not say otherwise."""
        return ANSWER_TIMEOUT_S

    async def initialize(self) -> None:
        """Make the pool; no connection yet."""
        if self._session is None:
            self._proxies = getproxies()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    keepalive_timeout=KEEP_CONNECTION_S,
                    socket_factory=functools.partial(_socket, self._fence),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self.USER_AGENT, "Accept-Encoding": ", ".join(_PACKED)},
                auto_decompress=False,
                trace_configs=[] if self._fence is None else [_trace(self._fence)],
            )

    async def shutdown(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The answer's object: a success, which has a result, if only None, or a refusal.

        Raises `Unreadable` for what is left of a success, `NotTelegrams` for other JSON,
        `NetworkError` for anything else.
        """
        try:
            answer = _json(payload)
        except ValueError as error:
            if _DID.match(payload):
                raise Unreadable("unreadable answer", begins=payload) from error
            raise NetworkError("unreadable answer") from error
        if _is_success(answer):
            answer.setdefault("result", None)
        elif not _is_refusal(answer):
            raise NotTelegrams("not an answer of Telegram's")
        else:
            _shorten(answer.get("parameters"))
        read: dict[str, Any] = answer
        return read

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,  # within the answer's
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,  # within connecting's
    ) -> tuple[int, bytes]:
        """Make one request; the status and the answer's body."""
        if self._session is None:
            raise NeverSent("The connection to Telegram is closed.")
        if self._fence is not None:
            try:
                await self._fence.passed()
            except TermLost as error:
                raise NeverSent("Another process acts.") from error
        answer_s = _or_default(read_timeout, ANSWER_TIMEOUT_S)
        connect_s = _or_default(connect_timeout, CONNECT_TIMEOUT_S)
        opened = ExitStack()
        try:
            async with self._session.request(
                method,
                url,
                **await _form(request_data, opened),
                proxy=proxy_for(url, self._proxies),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=connect_s + answer_s, connect=connect_s),
            ) as response:
                self.told = _told_at(response)
                return _read(response, await _body(response))
        except (*_NO_CONNECTION, _Stale) as error:
            raise NeverSent(_said(error)) from error
        except TimeoutError as error:
            raise TimedOut from error
        except aiohttp.ClientError as error:
            raise NetworkError(_said(error)) from error
        finally:
            opened.close()


def _trace(fence: Fence) -> aiohttp.TraceConfig:
    """Looks at the fence once more when there is a connection, which may have taken long, and right
    before the bytes go out: a process can stand still in between."""

    async def look(*_: object) -> None:
        if not fence.is_open():
            raise _Stale

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(look)
    trace.on_connection_reuseconn.append(look)
    trace.on_request_chunk_sent.append(look)  # called before it is sent, and headers go with it
    return trace


def _told_at(response: aiohttp.ClientResponse) -> Told | None:
    """When an answer was made, to go by its header; None where that is missing or no date."""
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
        return Told(date.replace(tzinfo=date.tzinfo or UTC).timestamp(), steady())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _read(response: aiohttp.ClientResponse, body: bytes) -> tuple[int, bytes]:
    """An answer's status and body: Telegram did it, whatever a proxy made of the status.

    Raises `NotTelegrams` for an error's status over what says that it is none, and not what came
    of it: nobody says so but a proxy.
    """
    if not _has_good_status(response) and body.lstrip().startswith(b"{"):
        with suppress(ValueError):
            answer = _json(body)
            if _is_success(answer) and "result" in answer:
                return _OK, body
            if _is_success(answer):
                raise NotTelegrams(f"{response.reason} ({response.status})")
    return response.status, body


def _json(body: bytes) -> Any:
    """Raises `ValueError`."""
    return parse(body.decode(errors="replace"))


def _has_good_status(response: aiohttp.ClientResponse) -> bool:
    return _OK <= response.status < _REDIRECTED


def _is_success(answer: Any) -> bool:
    """Whether Telegram says so, of what an answer's JSON is: in no other way than this."""
    return isinstance(answer, dict) and answer.get("ok") is True


def _is_refusal(answer: Any) -> bool:
    """Whether Telegram says that it did nothing, and why: what others answer has a status too."""
    if not isinstance(answer, dict) or answer.get("ok") is not False:
        return False
    if {"description", "error_code"}.isdisjoint(answer):
        return False
    parameters = answer.get("parameters") or {}
    if not isinstance(parameters, dict):
        return False
    return _MOVED_TO not in parameters or is_group_id(parameters[_MOVED_TO])


def _shorten(parameters: Any) -> None:
    """The patience that a refusal asks for is no more than PTB can count with."""
    wait_s = parameters.get(_WAIT) if isinstance(parameters, dict) else None
    if isinstance(wait_s, int | float):
        parameters[_WAIT] = min(max(0, wait_s), _LONGEST_WAIT_S)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """An answer's body, unpacked.

    Raises `Unreadable` where a success breaks off or is too large, else `NetworkError`.
    """
    body = bytearray()
    encoding = response.headers.get("Content-Encoding", "").lower()
    try:
        await _packed(response.content, body)
        return _unpacked(bytes(body), encoding)
    except (aiohttp.ClientError, zlib.error, _TooLarge) as error:
        begins = _beginning(bytes(body), encoding)
        if _has_good_status(response) and _DID.match(begins):
            comes_again = begins if isinstance(error, _TooLarge) else b""
            raise Unreadable(_said(error), begins=comes_again) from error
        raise NetworkError(_said(error)) from error


class _TooLarge(Exception):
    """More than `MAX_ANSWER_BYTES`."""


async def _packed(content: aiohttp.StreamReader, body: bytearray) -> None:
    """Put what comes into `body`, which has what came where the rest does not."""
    async for part in content.iter_any():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise _TooLarge


def _beginning(body: bytes, encoding: str) -> bytes:
    """The first bytes of a body of which the rest may be missing."""
    if encoding in _PACKED:
        try:
            return zlib.decompressobj(_PACKED[encoding]).decompress(body, _BEGINS)
        except zlib.error:
            pass  # it is not packed at all
    return body[:_BEGINS]


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding not in _PACKED:  # what nobody asked for is no JSON, and found to be none
        return body
    unpacking = zlib.decompressobj(_PACKED[encoding])
    unpacked = unpacking.decompress(body, MAX_ANSWER_BYTES)
    if unpacking.unconsumed_tail:
        raise _TooLarge
    if not unpacking.eof:
        raise zlib.error("the answer breaks off")
    return unpacked


class _FencedSocket(socket.socket):
    """Sends only while the fence is open: the last thing that happens before bytes go out.

    A process that stands still between an earlier look and this sends nothing once it goes on, nor
    what of a body has waited for room.
    """

    fence: Fence

    def send(self, data: Any, flags: int = 0, /) -> int:
        self._look()
        return super().send(data, flags)

    def sendmsg(self, buffers: Any, *others: Any) -> int:
        self._look()
        return super().sendmsg(buffers, *others)

    def _look(self) -> None:
        if not self.fence.is_open():
            raise ConnectionAbortedError(errno.ECONNABORTED, "another process may act")


def _socket(fence: Fence | None, address: aiohttp.AddrInfoType) -> socket.socket:
    if fence is None:
        made = socket.socket(*address[:3])
    else:
        made = _FencedSocket(*address[:3])
        made.fence = fence
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_AFTER_S * 1000))
    return made


def proxy_for(url: str, proxies: Mapping[str, str]) -> str | None:
    """The one of the environment's proxies that leads to this address, but for NO_PROXY.

    aiohttp's own `trust_env` would also read ~/.netrc, at each call, and send what it finds there.
    """
    parts = urlsplit(url)
    proxy = proxies.get(parts.scheme)
    if not proxy or _is_here(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    """Whether no proxy elsewhere could reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _form(request_data: RequestData | None, opened: ExitStack) -> dict[str, Any]:
    """The parameters as a form; one with bytes in one piece, or its parts would go one by one.

    A file that is open is read as it goes, from its beginning, and is left open: `opened` closes
    what was opened for it.
    """
    if request_data is None:
        return {}
    form = aiohttp.FormData(request_data.json_parameters)
    files = request_data.multipart_data
    if not files:
        return {"data": form}
    is_small = True
    for name, (filename, content, kind) in files.items():
        if hasattr(content, "fileno"):
            is_small = False
            content = opened.enter_context(os.fdopen(os.dup(content.fileno()), "rb"))
            content.seek(0)
        form.add_field(name, content, filename=filename, content_type=kind)
    if not is_small:
        return {"data": form}
    parts = form()
    return {"data": await parts.as_bytes(), "headers": {"Content-Type": parts.content_type}}


def _or_default(timeout_s: Any, default_s: float) -> float:
    return default_s if timeout_s is BaseRequest.DEFAULT_NONE else timeout_s


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
