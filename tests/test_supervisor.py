"""What the service manager hears, on a real socket of its kind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import app, texts
from bot.supervisor import Supervisor
from tests.world import NAME, World

#: Seconds between two signs of life in these tests, and without one before the bot counts as hung.
EVERY_S, HUNG_S = 0.1, 1.5
#: A bot whose loop stands still at SIGUSR1.
_MAY_HANG = (
    "import signal, time\n"
    "signal.signal(signal.SIGUSR1, lambda *_: time.sleep(60))\n"
    "from bot.__main__ import main\n"
    "main()\n"
)


class Manager:
    """A service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hears(self, timeout_s: float = 20.0) -> str:
        """The next message. Raises TimeoutError."""
        self._socket.settimeout(timeout_s)
        return self._socket.recv(4096).decode()

    def heard(self) -> list[str]:
        """All that has come."""
        messages = []
        try:
            while True:
                messages.append(self.hears(0.01))
        except TimeoutError:
            return messages

    async def until(self, message: str) -> list[str]:
        """What comes until this does."""
        messages: list[str] = []
        while not messages or messages[-1] != message:
            messages.append(await asyncio.to_thread(self.hears))
        return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "name"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """One with a path, and one with a name that is in no folder."""
    is_path = request.param == "path"
    manager = Manager(str(tmp_path / "notify") if is_path else f"@{tmp_path}/notify")
    yield manager
    manager.close()


def environment(manager: Manager) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(round(2 * EVERY_S * 1e6))}


def test_the_service_manager_gets_each_message_as_it_wants_it(manager: Manager) -> None:
    supervisor = Supervisor(environment(manager))
    supervisor.ready()
    supervisor.status("Waiting for … Telegram")
    supervisor.sign_of_life()
    supervisor.stopping()
    assert manager.heard() == [
        "READY=1",
        "STATUS=Waiting for … Telegram",
        "WATCHDOG=1",
        "STOPPING=1",
    ]
    assert supervisor.sign_every_s == EVERY_S


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "/nowhere/notify"},
        {"NOTIFY_SOCKET": "@nobody-listens-here"},
        {"NOTIFY_SOCKET": "/" + 300 * "x"},
    ],
)
def test_where_nobody_listens_nothing_happens(env: dict[str, str]) -> None:
    supervisor = Supervisor(env)
    supervisor.ready()
    supervisor.sign_of_life()
    supervisor.stopping()


@pytest.mark.parametrize(
    "watchdog",
    [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}],
)
def test_without_a_watchdog_for_this_process_there_is_no_sign_of_life(
    watchdog: dict[str, str],
) -> None:
    assert Supervisor({"NOTIFY_SOCKET": "/run/notify", **watchdog}).sign_every_s == 0
    mine = {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
    assert Supervisor({"NOTIFY_SOCKET": "/run/notify", **mine}).sign_every_s == 30
    assert Supervisor(mine).sign_every_s == 0


def test_a_manager_that_reads_nothing_holds_up_nobody(manager: Manager) -> None:
    supervisor = Supervisor(environment(manager))
    began_at = time.monotonic()
    for _ in range(2000):  # far more than wait for anybody
        supervisor.sign_of_life()
    assert time.monotonic() - began_at < 5


async def test_a_bot_is_ready_once_telegram_has_answered_and_says_when_it_stops(
    world: World, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(manager).items():
        monkeypatch.setenv(name, value)
    await world.telegram.down()
    starting = asyncio.ensure_future(world.start_bot())
    await manager.until(f"STATUS={texts.WAITING_FOR_TELEGRAM}")
    assert "READY=1" not in manager.heard()
    await world.telegram.up()
    before = await manager.until("READY=1")
    assert f"STATUS={texts.running_as(NAME)}" in before
    await starting
    await manager.until("WATCHDOG=1")
    await world.stop_bot()
    assert [each for each in manager.heard() if each != "WATCHDOG=1"] == [
        "STOPPING=1",
        f"STATUS={texts.STOPPING}",
    ]


async def test_a_start_that_waits_for_telegram_is_no_failed_start(
    world: World, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "READY_AT_LATEST_S", 0.1)
    for name, value in environment(manager).items():
        monkeypatch.setenv(name, value)
    await world.telegram.down()
    starting = asyncio.ensure_future(world.start_bot())
    await manager.until("READY=1")
    await manager.until("WATCHDOG=1")
    await world.telegram.up()
    await starting


async def test_a_loop_that_stands_still_gives_no_sign_of_life(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(str(tmp_path / "notify"))
    for name, value in environment(manager).items():
        monkeypatch.setenv(name, value)
    process = await world.start_process("-c", _MAY_HANG)
    await manager.until("READY=1")
    for _ in range(3):
        await manager.until("WATCHDOG=1")
    process.send_signal(signal.SIGUSR1)
    with contextlib.suppress(TimeoutError):  # what is on its way comes first
        for _ in range(50):
            await asyncio.to_thread(manager.hears, HUNG_S)
        pytest.fail("there are signs of life")
    manager.close()
