"""What may take long, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from bot.aside import aside


async def test_what_it_returns_and_raises_is_the_calls() -> None:
    assert await aside(lambda: 21) == 21
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)


async def test_whoever_waits_no_longer_is_not_held_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = asyncio.ensure_future(aside(pipe.read_bytes))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reading
    assert [each.daemon for each in threading.enumerate() if each.name == "aside"] == [True]
    with pipe.open("wb") as writer:  # it ends when it can, and nobody hears of it
        writer.write(b"late")


def test_no_end_waits_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    async def begin() -> None:
        task = asyncio.ensure_future(aside(pipe.read_bytes))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(begin())
    with pipe.open("wb") as writer:
        writer.write(b"after the end of the loop")
    for each in threading.enumerate():
        if each.name == "aside":
            each.join()
