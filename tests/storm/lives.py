"""The bot's lives: how they end, as which bot they begin. Knows the points where it can die.

Also what is taken from under it while it lives: its database's file, the reader of its log.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from bot.core.notices import Kind
from bot.demo.node import SETTLED, SimInvoice
from tests.faces import Role, role_of
from tests.storm.book import Book
from tests.storm.outside import Outside
from tests.storm.people import People
from tests.storm.plan import NODE_METHODS, Plan, PlannedKill, PlannedTrouble
from tests.storm.traps import Trap

#: Seconds that a transaction may take which was under way as a file was moved away.
UNDER_WAY_S = 3.0
#: Seconds after which the log's pipe is looked at again.
LOOK_S = 0.1
#: Figures of the book.
FULL = "log: tenths of a second with its pipe full"
WHILE_FULL = "log: calls of the bot's meanwhile"
#: Seconds for which a kill waits for its point.
POINT_S = 6.0


class Lives:
    """Whatever happens to the process, its token, its database's file and its log."""

    def __init__(self, outside: Outside, book: Book, plan: Plan, people: People) -> None:
        self._outside = outside
        self._bot = outside.bot
        self._node = outside.node
        self._telegram = outside.telegram
        self._book = book
        self._plan = plan
        self._people = people

    # kills

    async def kills(self) -> None:
        """Kill the bot at each point, and start it again."""
        for kill in self._plan.kills:
            await asyncio.sleep(kill.after_s)
            async with self._bot.life:
                await self._kill(kill)

    async def _kill(self, kill: PlannedKill) -> None:
        try:
            async with asyncio.timeout(POINT_S), self._armed(kill):
                await self._bot.down.wait()
            self._book.count(f"kills at {kill.point}")
        except TimeoutError:
            self._bot.kill(f"at random: {kill.point} was not reached")
            self._book.count("kills at random")
        self._book.count("kills")
        await self._bot.gone()
        await asyncio.sleep(kill.down_s)
        await self._bot.start()

    @asynccontextmanager
    async def _armed(self, kill: PlannedKill) -> AsyncIterator[None]:
        where, _, when = kill.point.partition(" ")
        if where == "random":
            self._bot.kill("at random")
            yield
        elif where == "settled":
            with self._at_settled(kill.delay_s):
                yield
        elif where in NODE_METHODS:
            async with self._at_node(where, before=when == "before", dropped=kill.dropped):
                yield
        else:
            self._telegram.trap = _trap(where, when, kill)
            try:
                yield
            finally:
                self._telegram.trap = None

    @contextlib.contextmanager
    def _at_settled(self, delay_s: float) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def watch(invoice: SimInvoice) -> None:
            if invoice.state == SETTLED:
                where = f"{1000 * delay_s:.0f} ms after a payment"
                loop.call_later(delay_s, self._bot.kill, where)

        end = self._node.watch(watch)
        try:
            yield
        finally:
            end()

    @asynccontextmanager
    async def _at_node(self, method: str, *, before: bool, dropped: bool) -> AsyncIterator[None]:
        stall = self._node.stall(method, before=before)

        async def strike() -> None:
            await stall.reached(POINT_S)
            self._bot.kill(f"{'before' if before else 'after'} {method} acts")

        striking = asyncio.create_task(strike())
        try:
            yield
        finally:
            striking.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await striking
            if not self._node.withdraw(method, stall) and dropped:
                stall.drop()
            stall.release()

    # its token

    async def tokens(self) -> None:
        """Another bot's token in the settings, on the same database."""
        for trouble in self._plan.tokens:
            await asyncio.sleep(trouble.after_s)
            async with self._bot.life:
                with self._named(f"another bot's token: {trouble.what}"):
                    await self._change_token(is_killed=trouble.what == "after a kill")

    async def _change_token(self, *, is_killed: bool) -> None:
        if is_killed:
            self._bot.kill_all("before another bot's token")
            await self._bot.gone()
        elif code := await self._bot.end():
            self._book.wrongs.append(f"exit code {code} before another bot's token")
        self._outside.another_bot()
        self._book.owners_hear.add(Kind.OTHER_BOT)
        await self._bot.start()
        self._people.cancel_former()

    # its database's file

    async def files(self) -> None:
        """The database's file, or the journal beside it, is moved away and put back."""
        for trouble in self._plan.files:
            await asyncio.sleep(trouble.after_s)
            self._book.owners_hear |= {Kind.DATABASE_AWAY, Kind.DATABASE_BACK}
            with self._named(f"database: {trouble.what}"):
                ending = "-wal" if trouble.what.startswith("journal") else ""
                if trouble.what.endswith("and a kill"):
                    await self._kill_without(ending, trouble)
                else:
                    await self._bot.up.wait()
                    with self._bot.database.away(ending, self._book):
                        await self._without_a_write(trouble.for_s)

    async def _without_a_write(self, for_s: float) -> None:
        """Nothing is written meanwhile, but for what was under way."""
        under_way_s = min(UNDER_WAY_S, for_s)
        await asyncio.sleep(under_way_s)
        before = self._bot.database.stamp()
        await asyncio.sleep(for_s - under_way_s)
        if (after := self._bot.database.stamp()) != before:
            self._book.wrongs.append(f"written while a file was away: {before}, {after}")

    async def _kill_without(self, ending: str, trouble: PlannedTrouble) -> None:
        async with self._bot.life:
            with self._bot.database.away(ending, self._book):
                await self._without_a_write(trouble.for_s)
                self._bot.kill("while a file of the database is away")
                await self._bot.gone()
            await self._bot.start()

    # its database's server, and processes that wait

    async def servers(self) -> None:
        """The server is away, or the way to it."""
        server = self._outside.server
        assert server is not None
        for trouble in self._plan.servers:
            await asyncio.sleep(trouble.after_s)
            self._book.owners_hear |= {Kind.DATABASE_AWAY, Kind.DATABASE_BACK}
            with self._named(f"database server: {trouble.what}"):
                await server.trouble(trouble)

    async def replicas(self) -> None:
        """The process that acts stands still, or one that waits dies."""
        for trouble in self._plan.replicas:
            await asyncio.sleep(trouble.after_s)
            async with self._bot.life:
                with self._named(f"processes: {trouble.what}"):
                    if trouble.what == "stop":
                        await self._bot.stop_the_one_that_acts(trouble.for_s)
                    else:
                        await self._bot.kill_one_that_waits()

    # its log

    async def logs(self) -> None:
        """Nobody reads the log for a while."""
        for trouble in self._plan.logs:
            await asyncio.sleep(trouble.after_s)
            with self._named(f"log: {trouble.what}"), self._bot.log.unread():
                await self._watch_log(asyncio.get_running_loop().time() + trouble.for_s)

    async def _watch_log(self, until: float) -> None:
        """What the bot does while its log's pipe is full: nobody tells of that, so it is asked."""
        while asyncio.get_running_loop().time() < until:
            process, calls = self._bot.process, self._calls()
            was_full = self._bot.log.is_full and self._bot.up.is_set()
            await asyncio.sleep(LOOK_S)
            if was_full and self._bot.up.is_set() and self._bot.process is process:
                self._book.count(FULL)
                self._book.count(WHILE_FULL, self._calls() - calls)

    def _calls(self) -> int:
        """How many the bot has made, of whatever kind."""
        return self._telegram.count + self._node.calls.total()

    @contextlib.contextmanager
    def _named(self, what: str) -> Iterator[None]:
        with self._book.trouble(what):
            self._book.count(what)
            yield


def _trap(where: str, when: str, kill: PlannedKill) -> Trap:
    matches: Callable[[dict[str, object]], bool] = lambda _: True  # noqa: E731
    method = where
    if where == "notice":
        method = "sendmessage"
        matches = lambda params: role_of(str(params.get("text", ""))) is Role.ANNOUNCEMENT  # noqa: E731
    elif where == "confirm":
        method = "getupdates"
        matches = lambda params: int(str(params.get("offset") or 0)) > 0  # noqa: E731
    assert when in ("before", "after")
    return Trap(
        method,
        "before" if when == "before" else "after",
        delay_s=kill.delay_s if when == "after" else 0.0,
        dropped=kill.dropped,
        matches=matches,
    )
