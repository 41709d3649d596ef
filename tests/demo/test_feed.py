"""The page's feed: every reader gets everything, and none can stall it."""

from __future__ import annotations

import asyncio
import json

from bot.demo.feed import MAX_WAITING, Feed


async def test_a_reader_gets_a_snapshot_then_every_change() -> None:
    feed = Feed()
    events = feed.read(lambda: {"now": 1})
    first = (await anext(events)).decode()
    assert first.endswith('event: snapshot\ndata: {"now":1}\n\n')
    feed.send("clock", {"now": 2})
    assert await anext(events) == b'event: clock\ndata: {"now":2}\n\n'
    await events.aclose()
    assert len(feed) == 0


async def test_a_line_break_in_a_text_does_not_break_an_event() -> None:
    feed = Feed()
    events = feed.read(dict)
    await anext(events)
    feed.send("message", {"text": "one\ntwo\n\nevent: gone\r\ndata: {}"})
    lines = (await anext(events)).decode().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[1].removeprefix("data: "))["text"].startswith("one\ntwo")


async def test_a_reader_that_does_not_keep_up_has_to_start_again() -> None:
    feed = Feed()
    slow = feed.read(dict)
    quick = feed.read(dict)
    await anext(slow)
    await anext(quick)
    for number in range(MAX_WAITING + 1):
        feed.send("clock", {"now": number})
        assert b"clock" in await anext(quick)
    assert [event async for event in slow] == []
    assert len(feed) == 1
    await quick.aclose()


async def test_the_end_of_the_feed_ends_a_reader_that_waits() -> None:
    feed = Feed()
    events = feed.read(dict)
    await anext(events)
    waiting = asyncio.create_task(anext(events, b""))
    await asyncio.sleep(0)
    feed.close()
    async with asyncio.timeout(2):
        assert await waiting == b"event: ended\ndata: {}\n\n"  # else nobody knows that it was meant
        assert await anext(events, b"") == b""
