"""The demo's page with a bot of a few lines in place of the product, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from bot.demo.stage import BOT_TOKEN, Stage
from bot.demo.web import Page

Json = dict[str, Any]
Call = Callable[..., Awaitable[Any]]
#: Called with a way to call the Bot API, and an update.
Handle = Callable[[Call, Json], Awaitable[None]]


class Staged:
    """The stage without its node, the page, and a bot that handles each update with `handle`."""

    def __init__(self, folder: Path, handle: Handle) -> None:
        self.stage = Stage(folder)
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    @property
    def address(self) -> str:
        """The page's."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        """Start it all; the page answers as soon as it can."""
        self._thread.start()

    def stop(self) -> None:
        """End it all, and complain of what the bot or the page raised."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()
        self._listener.close()
        assert self._errors == []

    def do(self, act: Callable[[Stage], object]) -> None:
        """Let this happen on the stage, all of it before anything else does there."""
        done = threading.Event()

        def run() -> None:
            act(self.stage)
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10)

    async def _run(self) -> None:
        page = Page(self.stage)
        await self.stage.telegram.start()
        server = uvicorn.Server(
            uvicorn.Config(
                page.application(),
                log_config=None,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        acting = [asyncio.create_task(each) for each in (page.forward(), self._bot())]
        serving = asyncio.create_task(server.serve(sockets=[self._listener]))
        await self._ended.wait()
        for task in acting:
            task.cancel()
        server.should_exit = True
        page.end()
        await self.stage.telegram.stop()
        ends = await asyncio.gather(*acting, serving, return_exceptions=True)
        self._errors = [end for end in ends if isinstance(end, Exception)]

    async def _bot(self) -> None:
        base = f"{self.stage.telegram.url}/bot{BOT_TOKEN}"
        async with httpx.AsyncClient(timeout=30, verify=False) as http:

            async def call(method: str, **params: Any) -> Any:
                answer = (await http.post(f"{base}/{method}", json=params)).json()
                assert answer["ok"], answer
                return answer["result"]

            offset = 0
            while True:
                for update in await call("getUpdates", offset=offset, timeout=20):
                    offset = update["update_id"] + 1
                    await self._handle(call, update)


@contextmanager
def staged(folder: Path, handle: Handle) -> Iterator[Staged]:
    """A page with that bot, running."""
    made = Staged(folder, handle)
    made.start()
    try:
        yield made
    finally:
        made.stop()
