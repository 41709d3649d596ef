"""HTTP that this process answers, at addresses of its own. Knows aiohttp's server, and no route."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from bot.errors import AddressInUse, AddressUnusable

#: How one path of one method is answered.
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Of each method and path, such as ("GET", "/healthz").
Routes: TypeAlias = Mapping[tuple[str, str], Handler]

log = logging.getLogger(__name__)

#: Of what is no HTTP anybody can send any amount, and aiohttp would log a traceback for each.
_NOBODYS = logging.getLogger(f"{__name__}.of_nobody")
_NOBODYS.disabled = True

#: The largest body that is read, in bytes. Telegram's longest update is below a tenth of it.
MAX_BODY = 1 << 20
#: Seconds that calls under way get at the end.
STOP_S = 1.0


class Listener:
    """What is answered where, and everything else with 404.

    Whoever answers something says so by `add`, before `open`; one address can have many of them.
    """

    def __init__(self) -> None:
        self._routes: dict[str, dict[tuple[str, str], Handler]] = {}
        self._runners: list[web.AppRunner] = []
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
                await self._open(address, routes)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """No call is taken from now on; those under way end first. Once more does nothing."""
        runners, self._runners = self._runners, []
        self.ports.clear()
        for runner in runners:
            await runner.cleanup()

    async def _open(self, address: str, routes: Routes) -> None:
        application = web.Application(client_max_size=MAX_BODY, middlewares=[_or_nothing])
        for (method, path), handler in routes.items():
            application.router.add_route(method, path, handler)
        application.on_response_prepare.append(_say_nothing_of_us)
        runner = web.AppRunner(
            application, access_log=None, logger=_NOBODYS, shutdown_timeout=STOP_S
        )
        self._runners.append(runner)
        await runner.setup()
        host, _, port = address.rpartition(":")
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(address=address) from error
            raise AddressUnusable(address=address, reason=error.strerror or str(error)) from error
        self.ports[address] = runner.addresses[0][1]


def nothing() -> web.Response:
    """What is answered where nothing is: the same for each path, method and reason."""
    return web.Response(status=404)


@web.middleware
async def _or_nothing(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return nothing()
    except (web.RequestPayloadError, ConnectionError):  # a body that breaks off, or is none
        return web.Response(status=400)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("a call could not be answered")
        return web.Response(status=500)


async def _say_nothing_of_us(_request: web.Request, response: web.StreamResponse) -> None:
    """Nobody needs to know what listens here, and in which version."""
    response.headers["Server"] = "invoice-bot"
