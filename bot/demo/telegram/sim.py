"""The simulated Telegram as tests and the demo steer it. Knows all its parts, and no bot's insides.

A bot reaches it over HTTP only (`base_url=f"{sim.url}/bot"`,
`base_file_url=f"{sim.url}/file/bot"`). It refuses what the real one refuses, with the same codes
and texts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.routing import BaseRoute

from bot.demo.telegram.faults import Faults
from bot.demo.telegram.floods import Floods
from bot.demo.telegram.methods import BotApi
from bot.demo.telegram.people import People
from bot.demo.telegram.server import Door, HttpServer


class SimTelegram(People, Faults):
    """One Telegram. It outlives the bots that connect to it.

    Arguments named `chat` take a `Chat` or its id, `user` a `User` or its id. Times are Unix
    seconds of `clock`; only long polls, `slow` and the waiting methods run on the real clock.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        People.__init__(self, clock=clock)
        Faults.__init__(self)
        self._floods = Floods(clock)
        self._server = HttpServer()
        self._door = Door(self, BotApi(self, self._floods), self, self._server)

    @property
    def url(self) -> str:
        """http://host:port, with no slash at its end; known after `start`."""
        return self._server.url

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, routes: list[BaseRoute] | None = None
    ) -> None:
        """Listen; `routes` are served beside the Bot API. OSError when the port is in use."""
        await self._server.start(self._door.application(routes or []), host, port)

    async def stop(self) -> None:
        """Stop listening, end every connection and every listener. Chats and updates stay."""
        self.clear_faults()
        for bot in self.bots.values():
            bot.updates.finish_poll()
            await bot.webhook.stop()
        self.end_listeners()
        await self._server.stop()

    async def down(self) -> None:
        """Out of reach: connections are refused and the open ones are broken."""
        self._server.shut()

    async def up(self) -> None:
        """Back at the same address."""
        await self._server.open()

    def limit_floods(self, on: bool = True) -> None:
        """Apply Telegram's limits: 30/s overall, 20/min in a group, 5 in 5 s in a chat."""
        self._floods.on = on
