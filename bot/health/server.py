"""/healthz, /readyz and /metrics, answered in a thread of their own. Knows their answers.

A loop that stands still could not say so. So this one has a loop of its own: it answers whatever
the bot's does, and a scrape takes no time from a card.
"""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import Future
from typing import TypeAlias

from aiohttp import web

from bot.health.exposition import Exposition
from bot.health.readings import BEAT_S, Readings
from bot.listener import Listener

_FINE, _MISSING = 200, 503

#: The loop of the thread, and what ends it.
_Opened: TypeAlias = "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]"


class Health:
    """Listens at `address` (host:port) once it is open."""

    def __init__(self, address: str, readings: Readings) -> None:
        self.readings = readings
        self._address = address
        self._exposition = Exposition(readings)
        self._opened: _Opened = Future()
        self._beating: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    async def open(self) -> None:
        """Answer from now on; to be called in the loop that is watched.

        Raises `AddressInUse` or `AddressUnusable`.
        """
        self._beat()
        self._thread.start()
        try:
            await asyncio.wrap_future(self._opened)
        except BaseException:
            self._rest()
            self._opened.add_done_callback(_stop)
            raise

    async def close(self) -> None:
        """Answer nothing from now on; what is under way ends first."""
        _stop(self._opened)
        await asyncio.to_thread(self._thread.join)
        self._rest()

    # in the loop that is watched

    def _beat(self) -> None:
        self.readings.beat()
        self._beating = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _rest(self) -> None:
        if self._beating is not None:
            self._beating.cancel()

    # in the thread

    def _run(self) -> None:
        self._opened.set_running_or_notify_cancel()  # nobody can cancel it from now on
        asyncio.run(self._answer())

    async def _answer(self) -> None:
        listener, stop = Listener(), asyncio.Event()
        listener.add(
            self._address,
            {
                ("GET", "/healthz"): self._healthz,
                ("GET", "/readyz"): self._readyz,
                ("GET", "/metrics"): self._metrics,
            },
        )
        try:
            await listener.open()
        except BaseException as error:  # noqa: BLE001 -- whoever waits for it raises it
            self._opened.set_exception(error)
            return
        self._opened.set_result((asyncio.get_running_loop(), stop))
        try:
            await stop.wait()
        finally:
            await listener.close()

    async def _healthz(self, _request: web.BaseRequest) -> web.Response:
        is_alive = self.readings.is_alive
        return _line({"alive": is_alive}, is_fine=is_alive)

    async def _readyz(self, _request: web.BaseRequest) -> web.Response:
        missing = self.readings.missing()
        said = {"ready": not missing, "role": self.readings.role, "missing": missing}
        return _line(said, is_fine=not missing)

    async def _metrics(self, _request: web.BaseRequest) -> web.Response:
        return web.Response(
            body=self._exposition.text(), headers={"Content-Type": self._exposition.content_type}
        )


def _stop(opened: _Opened) -> None:
    if opened.exception() is None:
        loop, stop = opened.result()
        loop.call_soon_threadsafe(stop.set)


def _line(said: dict[str, object], *, is_fine: bool) -> web.Response:
    text = json.dumps(said) + "\n"
    return web.Response(
        text=text, status=_FINE if is_fine else _MISSING, content_type="application/json"
    )
