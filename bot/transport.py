"""One HTTP request to Telegram. Knows aiohttp, and what PTB asks of whoever carries its requests.

PTB's own carrier, httpx, takes three times the processor time for a photo.
"""

from __future__ import annotations

from typing import Any

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

#: Seconds until a connection stands, a place in the pool included.
CONNECT_TIMEOUT_S = 5.0
#: Seconds for one answer of Telegram's.
ANSWER_TIMEOUT_S = 15.0
#: Seconds for which an idle connection is kept, so that a quiet time costs no TLS handshake.
KEEP_CONNECTION_S = 60.0


class NeverSent(NetworkError):
    """There was no connection to Telegram: nothing was sent."""


class Transport(BaseRequest):
    """Carries PTB's requests over a pool of so many `connections`, which stays warm.

    `do_request` raises `NeverSent` where nothing was sent, `TimedOut` or `NetworkError` where
    Telegram may have got it. It repeats nothing.
    """

    __slots__ = ("_connections", "_session")

    def __init__(self, *, connections: int) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds for an answer, where a call does not say otherwise."""
        return ANSWER_TIMEOUT_S

    async def initialize(self) -> None:
        """Make the pool; no connection yet."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=KEEP_CONNECTION_S
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self.USER_AGENT},
            )

    async def shutdown(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

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
        answer_s = _or_default(read_timeout, ANSWER_TIMEOUT_S)
        connect_s = _or_default(connect_timeout, CONNECT_TIMEOUT_S)
        try:
            async with self._session.request(
                method,
                url,
                **await _form(request_data),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=connect_s + answer_s, connect=connect_s),
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NeverSent(_told(error)) from error
        except TimeoutError as error:
            raise TimedOut from error
        except aiohttp.ClientError as error:
            raise NetworkError(_told(error)) from error


async def _form(request_data: RequestData | None) -> dict[str, Any]:
    """The parameters as a form; one with a file in one piece, or its parts would go one by one."""
    if request_data is None:
        return {}
    form = aiohttp.FormData(request_data.json_parameters)
    files = request_data.multipart_data
    if not files:
        return {"data": form}
    for name, (filename, content, kind) in files.items():
        form.add_field(name, content, filename=filename, content_type=kind)
    parts = form()
    return {"data": await parts.as_bytes(), "headers": {"Content-Type": parts.content_type}}


def _or_default(timeout_s: Any, default_s: float) -> float:
    return default_s if timeout_s is BaseRequest.DEFAULT_NONE else timeout_s


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
