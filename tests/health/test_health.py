"""What a process says of itself by HTTP, whatever its loop, its database and Telegram do."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from bot import app, texts
from bot.chat import intake
from bot.chat.client import POLL_GRACE_S
from bot.chat.transport import CONNECT_TIMEOUT_S
from bot.clock import steady
from bot.errors import AddressInUse
from bot.fence import FRESH_S, Fence
from bot.health import Health, Readings, readings
from bot.health.readings import DATABASE_S, STILL_S, TELEGRAM_FAILS_S, TELEGRAM_S
from bot.metrics import Meter, Role
from tests.health.asked import Answer, free_address, got


class Opened(NamedTuple):
    address: str
    meter: Meter
    readings: Readings

    async def get(self, path: str) -> Answer:
        return await got(self.address, path)


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """One that is active, and has seen its database and Telegram just now."""
    meter = Meter()
    meter.role = Role.ACTIVE
    meter.database.saw(steady())
    meter.telegram.saw(steady())
    made, address = Readings(meter=meter), free_address()
    health = Health(address, made)
    await health.open()
    yield Opened(address, meter, made)
    await health.close()


async def test_a_process_that_turns_is_alive(opened: Opened) -> None:
    answer = await opened.get("/healthz")
    assert (answer.status, answer.said) == (200, {"alive": True})


async def test_a_loop_that_stands_still_is_said_to_while_it_does(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question comes from another thread: this one's loop answers nobody."""
    monkeypatch.setattr(readings, "STILL_S", 0.2)
    host, _, port = opened.address.partition(":")
    heard: list[bytes] = []

    def ask() -> None:
        deadline = time.monotonic() + 10
        while not (heard and b" 503 " in heard[-1]) and time.monotonic() < deadline:
            with socket.create_connection((host, int(port))) as asking:
                asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n")
                heard.append(b"".join(iter(lambda: asking.recv(4096), b"")))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()  # meanwhile the loop stands still

    assert b'{"alive": false}' in heard[-1]
    opened.readings.beat()
    assert (await opened.get("/healthz")).status == 200


async def test_an_active_process_is_ready(opened: Opened) -> None:
    answer = await opened.get("/readyz")
    assert answer == (200, '{"ready": true, "role": "active", "missing": []}\n')


async def test_one_that_waits_for_its_term_is_ready_without_telegram(opened: Opened) -> None:
    opened.meter.role = Role.WAITING
    opened.meter.telegram.saw(-math.inf)
    answer = await opened.get("/readyz")
    assert (answer.status, answer.said["role"]) == (200, "waiting")


@pytest.mark.parametrize("role", [Role.STARTING, Role.STOPPING])
async def test_one_that_starts_or_stops_is_not_ready(opened: Opened, role: Role) -> None:
    opened.meter.role = role
    answer = await opened.get("/readyz")
    assert (answer.status, answer.said["missing"]) == (503, ["term"])


async def test_what_was_not_seen_lately_is_named(opened: Opened) -> None:
    opened.meter.database.saw(steady() - DATABASE_S - 1)
    opened.meter.telegram.saw(steady() - TELEGRAM_S - 1)
    answer = await opened.get("/readyz")
    assert answer.status == 503
    assert answer.said["missing"] == ["database", "telegram"]


async def test_a_database_that_takes_nothing_is_missing_at_once_and_until_it_takes_something(
    opened: Opened,
) -> None:
    opened.meter.database.missed(steady())
    answer = await opened.get("/readyz")
    assert (answer.status, answer.said["missing"]) == (503, ["database"])
    assert (await opened.get("/metrics")).number("missing", part="database") == 1
    opened.meter.database.saw(steady())
    assert (await opened.get("/readyz")).status == 200
    assert (await opened.get("/metrics")).number("missing", part="database") == 0


async def test_a_call_to_telegram_that_fails_makes_nothing_missing_and_calls_that_go_on_failing_do(
    opened: Opened,
) -> None:
    opened.meter.telegram.missed(steady())
    assert (await opened.get("/readyz")).status == 200
    opened.meter.telegram.missed(steady() - TELEGRAM_FAILS_S)
    assert (await opened.get("/readyz")).said["missing"] == ["telegram"]


class Time:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_process_whose_fence_is_shut_is_not_the_active_one(opened: Opened) -> None:
    clock = Time()
    fence = opened.readings.fence = Fence(clock)
    opened.readings.is_gate_open = lambda: True
    opened.meter.term = 7
    fence.begin(clock.now, after_s=0.0)
    said = await opened.get("/metrics")
    names = ("active", "term", "node_gate_open", "ready")
    assert [said.number(name) for name in names] == [1, 7, 1, 1]

    clock.now += FRESH_S  # it is cut off, or has stood still: another one may act
    said = await opened.get("/metrics")
    assert [said.number(name) for name in names] == [0, 0, 0, 0]
    answer = await opened.get("/readyz")
    assert (answer.status, answer.said["role"]) == (503, "waiting")
    assert answer.said["missing"] == ["database"]

    fence.seen(clock.now)
    assert (await opened.get("/readyz")).said["role"] == "waiting"  # for whoever acts meanwhile
    clock.now += FRESH_S / 2
    fence.seen(clock.now)
    clock.now += FRESH_S / 2
    assert (await opened.get("/readyz")).said["role"] == "active"


async def test_one_that_waits_for_the_calls_of_the_process_before_is_ready_and_not_active(
    opened: Opened,
) -> None:
    clock = Time()
    fence = opened.readings.fence = Fence(clock)
    fence.begin(clock.now, after_s=FRESH_S / 2)
    assert (await opened.get("/readyz")) == (
        200,
        '{"ready": true, "role": "waiting", "missing": []}\n',
    )
    assert (await opened.get("/metrics")).number("active") == 0
    clock.now += FRESH_S / 2
    assert (await opened.get("/metrics")).number("active") == 1


async def test_one_that_waits_and_is_cut_off_from_its_database_could_not_take_over(
    opened: Opened,
) -> None:
    opened.meter.role = Role.WAITING
    opened.readings.is_cut_off = lambda: True
    assert (await opened.get("/readyz")).said["missing"] == ["database"]


async def test_nothing_else_is_answered(opened: Opened) -> None:
    answers = [await opened.get(path) for path in ("/", "/healthz/", "/metrics/x")]
    assert {answer.status for answer in answers} == {404}


async def test_an_address_that_is_taken_is_named(opened: Opened) -> None:
    other = Health(opened.address, Readings(meter=Meter()))
    with pytest.raises(AddressInUse) as caught:
        await other.open()
    assert opened.address in texts.why_here(caught.value)
    await other.close()


async def test_a_question_that_nobody_finishes_does_not_keep_the_end_waiting() -> None:
    address = free_address()
    health = Health(address, Readings(meter=Meter()))
    await health.open()
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: bot\r\n\r\nGET /read")
    assert await reader.readuntil(b"}\n")
    async with asyncio.timeout(3):
        await health.close()
    writer.close()


def test_what_is_called_lately_is_longer_than_what_takes_as_long() -> None:
    assert DATABASE_S > 2 * app.HEARTBEAT_S
    assert app.QUIET_S > intake.POLL_S + POLL_GRACE_S
    assert TELEGRAM_S > app.QUIET_S * 5 / 4
    assert TELEGRAM_FAILS_S >= app.QUIET_S / 4 + CONNECT_TIMEOUT_S
    assert STILL_S > 2 * readings.BEAT_S
