"""The whole demo without a browser: stage, page and the bot's process, steered as the page does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.demo import stage, web
from bot.demo.stage import Stage
from bot.demo.storm import request_on
from bot.demo.telegram import Message, User
from bot.demo.web import Page

WAIT_S = 30.0


class Live:
    """A demo that runs."""

    def __init__(self, opened: Stage) -> None:
        self.stage = opened
        self.page = Page(opened)
        self.ada, self.ben, self.chloe, self.dmitri = opened.telegram.users()

    @property
    def shown(self) -> dict[str, Any]:
        """What stands behind the scenes."""
        return self.page.backstage.shown()

    async def until(self, condition: Callable[[], object], timeout_s: float = WAIT_S) -> None:
        """Wait for it; checked after every change and each look."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                await self.stirred()

    async def stirred(self) -> None:
        """Something has changed, or the page looked again."""
        events = self.page.feed.read(dict)
        await anext(events)
        try:
            async with asyncio.timeout(1.0):
                await anext(events)
        except TimeoutError:
            pass
        finally:
            await events.aclose()

    def say(self, person: User, text: str) -> Message:
        """In the dinner's group."""
        return self.stage.telegram.say(self.stage.dinner, person, text)

    def card(self, asked: Message) -> Message | None:
        """The newest card that answers a command."""
        found = [
            each
            for each in self.stage.telegram.messages(asked.chat)
            if each.photo is not None and each.reply_to is asked
        ]
        return found[-1] if found else None

    def answers(self, asked: Message) -> list[Message]:
        """What the bot has replied to a message."""
        there = self.stage.telegram.messages(asked.chat)
        return [each for each in there if each.reply_to is asked]

    def is_recorded(self, asked: Message) -> bool:
        """Whether the bot has written down that the card is there: a kill before makes a copy."""
        card = self.card(asked)
        rows = self.page.backstage.rows.all
        return card is not None and any(row.card_id == card.id for row in rows)

    async def ask(self, person: User, text: str) -> Message:
        """Ask, and wait until the card is there, and its row knows it."""
        asked = self.say(person, text)
        await self.until(lambda: self.is_recorded(asked))
        card = self.card(asked)
        assert card is not None
        return card

    async def pay(self, person: User, card: Message) -> None:
        """By the picture."""
        seen = await self.page.scan(web.Scan(chat=card.chat.id, message=card.id))
        await self.page.pay(web.Pay(user=person.id, request=seen["request"]))

    async def pay_directly(self, person: User, card: Message) -> None:
        """By the text of a card that may be gone."""
        request = request_on(card)
        await self.page.pay(web.Pay(user=person.id, request=request))

    async def story(self, message: Message) -> list[dict[str, Any]]:
        """Its time line."""
        told = await self.page.story(web.Choice(chat=message.chat.id, message=message.id))
        entries: list[dict[str, Any]] = told["entries"]
        return entries

    async def said(self, message: Message, beginning: str) -> list[str]:
        """The lines of its time line, once one of them begins like that.

        Which message an announcement is, the database knows a little after it can be seen.
        """
        async with asyncio.timeout(WAIT_S):
            while True:
                lines: list[str] = [each["text"] for each in await self.story(message)]
                if any(line.startswith(beginning) for line in lines):
                    return lines
                await asyncio.sleep(0.05)


@asynccontextmanager
async def live(folder: Path) -> AsyncIterator[Live]:
    """A demo whose bot works."""
    async with stage.opened(folder) as opened:
        demo = Live(opened)
        looking = [
            asyncio.ensure_future(each)
            for each in (demo.page.forward(), demo.page.backstage.look_on())
        ]
        await opened.process.start()
        await opened.ready(timeout_s=WAIT_S)
        try:
            yield demo
        finally:
            await demo.page.backstage.close()
            for task in looking:
                task.cancel()
            await asyncio.wait(looking)
            demo.page.end()
