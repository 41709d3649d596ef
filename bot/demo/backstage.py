"""What goes on behind the chats: money, score, faults, storm, time lines. Knows no HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict

from bot.demo import score, story
from bot.demo.errors import Refused
from bot.demo.faults import Faults
from bot.demo.node import OPEN, SETTLED
from bot.demo.rows import Rows
from bot.demo.score import Late, Score, World
from bot.demo.stage import DATABASE, Stage
from bot.demo.storm import Storm
from bot.demo.telegram import Json, Message

#: Seconds between two looks, while something happens and while something is late.
LOOK_S = 0.2
LATE_LOOK_S = 1.0
#: Seconds after the last call for which the rows may still change: the bot writes down what came.
WRITES_S = 5.0


class Backstage:
    """Looks on. `send` passes an event to the pages: its kind, and what it says."""

    def __init__(self, stage: Stage, send: Callable[[str, Json], None]) -> None:
        self.faults = Faults(stage)
        self.storm = Storm(stage, changed=self.stir)
        self.score = Score()
        self._stage = stage
        self._send = send
        self.rows = Rows(stage.folder / DATABASE, stage.clock, stage.bot.id)
        self.late = Late()
        self._calm_since: float | None = None
        self._twice_before = 0
        self._stirred = asyncio.Event()
        self._shown: Json = {}
        stage.telegram.watch(self.stir)
        stage.node.watch_calls(self.stir)
        stage.node.watch(lambda _: self.stir())
        stage.process.watch(self.stir)
        stage.clock.watch(self.stir)

    def stir(self) -> None:
        """Something may be different."""
        self._stirred.set()

    def shown(self) -> Json:
        """Money, score, faults and storm as they are now."""
        return {
            "money": self._money(),
            "score": asdict(self.score),
            "faults": self.faults.shown(),
            "storm": self.storm.shown(),
        }

    async def look_on(self) -> None:
        """Tell the pages whenever something is different, until cancelled."""
        stirred_at = time.monotonic()
        while True:
            is_late = bool(self.late.since) or self._twice_before > 0
            is_late = is_late or time.monotonic() - stirred_at < WRITES_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LATE_LOOK_S if is_late else None):
                    await self._stirred.wait()
            has_stirred = self._stirred.is_set()
            self._stirred.clear()
            rows = self.rows.all
            await self.look()
            if has_stirred:
                stirred_at = time.monotonic()
            shown = self.shown()
            if shown != self._shown:
                self._shown = shown
                self._send("backstage", shown)
            if has_stirred or self.rows.all != rows:
                self._send("stir", {})
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Count again."""
        await self.rows.refresh()
        now = time.monotonic()
        if not self._is_calm():
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        stage = self._stage
        world = World(
            chats=stage.telegram.chats(),
            bot=stage.bot,
            rows=self.rows.all,
            paid=stage.wallets.payments,
            at_node=stage.node.invoices,
        )
        counted = score.count(world, self.late, now=now, calm_since=self._calm_since)
        # the rows are a moment older than the chats: what is twice in two looks is twice
        twice = min(counted.twice, self._twice_before)
        self._twice_before = counted.twice
        self.score = Score(**{**asdict(counted), "twice": twice})

        if self._is_caught_up():
            self.storm.is_told.set()
        else:
            self.storm.is_told.clear()

    async def close(self) -> None:
        """The demo ends."""
        await self.storm.close()

    def _is_calm(self) -> bool:
        """Whether bot, node and Telegram are all there, and nothing is set to go wrong."""
        there = self._stage.process.state == "running" and self._stage.node_state == "up"
        return there and not self.faults.any_on and not self.storm.is_slow

    def _is_caught_up(self) -> bool:
        is_told = (self.score.cards, self.score.told) == (self.score.asked, self.score.paid)
        return is_told and self._is_calm()

    def _money(self) -> Json:
        """What the node that answers has: its name, what it received, what is open, in msat.

        `elsewhere`: what wallets paid that another node received.
        """
        node = self._stage.node
        payments = self._stage.wallets.payments
        elsewhere = [payments[each] for each in payments.keys() - node.invoices.keys()]
        paid = [each for each in node.invoices.values() if each.state == SETTLED]
        is_open = [each for each in node.invoices.values() if each.state == OPEN]
        return {
            "name": node.alias,
            "received_msat": sum(each.paid_msat for each in paid),
            "payments": len(paid),
            "open": len(is_open),
            "open_msat": sum(each.value_msat for each in is_open),
            "open_any": sum(not each.value_msat for each in is_open),
            "elsewhere": len(elsewhere),
            "elsewhere_msat": sum(each.msat for each in elsewhere),
        }

    async def story(self, chat_id: int, message_id: int) -> Json:
        """The time line of the invoice or board that a message belongs to. Raises Refused."""
        message = self._message(chat_id, message_id)
        if message is None:
            raise Refused("That message is gone.")
        asked = self._asked(message)
        await self.rows.refresh()
        board = await self.rows.board_of(message, *([] if asked is None else [asked]))
        if board is not None:
            row = None
            asked = self._message(board.origin_chat_id, board.origin_message_id) or asked
        else:
            row = self.rows.of_message(chat_id, message_id)
            if row is None and asked is not None:  # a copy that a crash left behind
                row = self.rows.of_message(asked.chat.id, asked.id)
            if row is not None and row.board_id:
                board = await self.rows.board(row.board_id)
        around = story.Around(
            calls=list(self._stage.telegram.calls),
            presses=self._stage.telegram.presses,
            node_calls=list(self._stage.node.log),
            lives=self._stage.process.lives,
            payments=self._stage.wallets.payments,
            seen=self.rows.seen,
            name=self._first_name,
            message=self._message,
            now=self._stage.clock(),
        )
        return {
            "chat": chat_id,
            "message": message_id,
            "title": story.title(asked, row, board, name=self._first_name),
            "row": None if row is None else row.state,
            "entries": [asdict(entry) for entry in story.tell(asked, row, around, board)],
        }

    def _first_name(self, person_id: int) -> str:
        return self._stage.telegram.user(person_id).first_name

    def _message(self, chat_id: int, message_id: int) -> Message | None:
        try:
            return self._stage.telegram.message(chat_id, message_id)
        except KeyError:
            return None

    def _asked(self, message: Message) -> Message | None:
        """The command that a message answers, or is."""
        if message.author is self._stage.bot:
            return message.reply_to
        return message
