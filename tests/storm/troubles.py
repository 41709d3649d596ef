"""Outages and faults, as planned. Whatever is broken works again when its time is over."""

from __future__ import annotations

import asyncio
import time

from tests.storm.book import Book
from tests.storm.outside import Outside
from tests.storm.people import People
from tests.storm.plan import NODE_METHODS, Plan, PlannedTrouble


class Troubles:
    """What goes wrong outside of the bot."""

    def __init__(self, outside: Outside, book: Book, plan: Plan, people: People) -> None:
        self._outside = outside
        self._node = outside.node
        self._telegram = outside.telegram
        self._book = book
        self._plan = plan
        self._people = people

    # the node

    async def at_node(self) -> None:
        """One trouble of the node's after the other."""
        for trouble in self._plan.node:
            await asyncio.sleep(trouble.after_s)
            with self._book.trouble(f"node: {trouble.what}"):
                self._book.count(f"node: {trouble.what}")
                await self._node_trouble(trouble)

    async def _node_trouble(  # noqa: C901 -- a table
        self, trouble: PlannedTrouble
    ) -> None:
        node, dice = self._node, trouble.dice
        method = dice.choice(NODE_METHODS[:4])
        match trouble.what:
            case "kill":
                await node.kill()
                await asyncio.sleep(trouble.for_s)
                await node.start(starting_s=dice.choice([0, 0.5, 1.5]))
            case "stop":
                await node.stop(draining_s=dice.choice([0, 0.3]))
                await asyncio.sleep(trouble.for_s)
                await node.start(starting_s=dice.choice([0, 0.5]))
            case "lock":
                node.lock()
                await asyncio.sleep(trouble.for_s)
                await node.unlock(starting_s=dice.choice([0, 0.5]))
            case "away":
                await node.down()
                await asyncio.sleep(trouble.for_s)
                await node.up()
            case "slow":
                node.slow(method, dice.uniform(0.2, 4))
                await asyncio.sleep(trouble.for_s)
                node.slow(method, 0)
            case "lose":
                node.lose_answer(method, times=dice.choice([1, 2, 3]))
            case "hang":
                node.hang(dice.choice(NODE_METHODS[:3]))
            case "fail":
                node.fail(method, text="database is locked", times=dice.choice([1, 3]))
            case "break":
                node.break_connections()
            case "end streams":
                node.end_streams()
            case "late":
                node.appear_late(dice.uniform(0.05, 1))
                node.lose_answer("AddInvoice")
            case "tell again":
                for payment_hash in list(node.invoices)[-5:]:
                    node.send_again(payment_hash)
            case unknown:
                raise ValueError(unknown)

    # Telegram

    async def at_telegram(self) -> None:
        """One trouble of Telegram's after the other."""
        for trouble in self._plan.telegram:
            await asyncio.sleep(trouble.after_s)
            with self._book.trouble(f"Telegram: {trouble.what}"):
                self._book.count(f"Telegram: {trouble.what}")
                before = list(self._telegram._faults)
                await self._telegram_trouble(trouble)
                faults = self._telegram._faults
                mine = [fault for fault in faults if fault not in before]
                await asyncio.sleep(trouble.for_s)
                faults[:] = [fault for fault in faults if fault not in mine]
                if trouble.what == "away":
                    await self._telegram.up()

    async def lost_answers(self) -> None:
        """One send after the other acts and is not answered. It costs the bot no time to speak of.

        The troubles above meet any call, and most are no sends.
        """
        for trouble in self._plan.lost:
            await asyncio.sleep(trouble.after_s)
            faults = self._telegram._faults
            self._telegram.drop(trouble.what, acted=True)
            mine = faults[-1]
            await asyncio.sleep(trouble.for_s)
            if mine in faults:
                faults.remove(mine)
            else:
                self._book.count(f"answers to {trouble.what} lost")

    async def _telegram_trouble(self, trouble: PlannedTrouble) -> None:
        telegram, dice = self._telegram, trouble.dice
        times = dice.choice([1, 2, 5, 15])
        match trouble.what:
            case "429":
                telegram.fail(None, times=times, status=429, retry_after=dice.choice([1, 1, 3]))
            case "500" | "502":
                telegram.fail(None, times=times, status=int(trouble.what))
            case "drop before" | "drop after":
                telegram.drop(None, acted=trouble.what == "drop after", times=min(times, 5))
            case "slow chat":
                chat = dice.choice(self._outside.places).chat
                telegram.slow(None, dice.uniform(0.5, 5), chat_id=chat.id)
            case "slow":
                telegram.slow(None, dice.uniform(0.05, 0.4))
            case "polls fail":
                telegram.fail("getUpdates", times=times, status=502)
            case "polls conflict":
                text = "Conflict: terminated by other getUpdates request"
                telegram.fail("getUpdates", times=min(times, 2), status=409, description=text)
            case "away":
                self._book.breaks.append(time.time())
                await telegram.down()
            case unknown:
                raise ValueError(unknown)

    # chats

    async def in_chats(self) -> None:
        """Blocked, removed, and moved."""
        for trouble in self._plan.chats:
            await asyncio.sleep(trouble.after_s)
            if trouble.what == "migrate":
                self._migrate(trouble)
                continue
            with self._book.trouble(f"chats: {trouble.what}"):
                self._book.count(f"chats: {trouble.what}")
                await self._unreachable(trouble)

    def _migrate(self, trouble: PlannedTrouble) -> None:
        every = [*self._outside.groups, *self._outside.doors]
        groups = [p for p in every if p.chat.type == "group" and not p.away]
        if not groups:
            return
        place = trouble.dice.choice(groups)
        old = place.chat
        if trouble.dice.random() < 0.5:
            self._people.press_all(old)
        place.chat = self._telegram.migrate(old)
        self._outside.moved[old] = place.chat
        self._book.count("chats: migrate")
        self._book.note(f"{place.name} moves from {old.id} to {place.chat.id}")

    async def _unreachable(self, trouble: PlannedTrouble) -> None:
        blocked = trouble.what == "block"
        outside, telegram = self._outside, self._telegram
        place = trouble.dice.choice(outside.privates if blocked else outside.groups)
        self._book.note(f"{place.name} is the one")
        outside.were_lost.add(place.chat)
        place.leave()
        bot = outside.bot_user
        if blocked:
            telegram.block(place.people[0], bot=bot)
        else:
            telegram.remove_bot(place.chat, bot=bot)
        await asyncio.sleep(trouble.for_s)
        if not blocked:
            telegram.readd_bot(place.chat, bot=outside.bot_user)
        elif outside.bot_user is bot:  # nobody has blocked the one that took its place
            telegram.unblock(place.people[0], bot=bot)
        place.come_back()

    def over(self) -> None:
        """Everything works again."""
        self._node.clear_faults()
        self._telegram.clear_faults()
