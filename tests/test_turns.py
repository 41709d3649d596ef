"""Several bots on one PostgreSQL database: one acts, the others are ready to go on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
import pytest

from bot import app, config
from bot.chat import inbox
from bot.check import diagnose
from bot.config import DatabaseSettings, Settings
from bot.core.invoice import Face
from bot.findings import Kind
from bot.store import locks
from tests.faces import may_be_duplicate
from tests.health.asked import free_address, got
from tests.postgres import Cluster
from tests.ways import Way
from tests.world import WAIT_S, World

#: Seconds until the next process answers where the one before was killed or stands still.
TAKEN_OVER_S = 5.0
STANDS_STILL_S = 10.0


@dataclass
class Bot:
    """A process with ways of its own, by which the simulators know its calls."""

    process: asyncio.subprocess.Process
    log: Path
    to_telegram: Way
    to_node: Way

    async def said(self, words: str, since: int = 0) -> None:
        async with asyncio.timeout(WAIT_S):
            while words not in self.log.read_text()[since:]:  # noqa: ASYNC110 -- a file tells nobody
                await asyncio.sleep(0.01)


class Shared(World):
    """A world whose bots share a database of a server."""

    url = ""

    async def __aenter__(self) -> Self:
        self._stack = contextlib.AsyncExitStack()
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
        await self._stack.aclose()

    def settings(self) -> Settings:
        database = DatabaseSettings(url=self.url)
        database._folder = self.folder
        return super().settings().model_copy(update={"database": database})

    @contextlib.asynccontextmanager
    async def another(self) -> AsyncIterator[asyncio.Event]:
        """One more bot in this process, until the end or until its event is set."""
        stop = asyncio.Event()
        running = asyncio.ensure_future(app.run(self.settings(), clock=self.clock, stop=stop))
        try:
            yield stop
        finally:
            stop.set()
            async with asyncio.timeout(WAIT_S):
                await running

    async def start(self, name: str, *program: str) -> Bot:
        """A bot as a process of its own, which may have to wait for its turn."""
        telegram_port = int(self.telegram.url.rpartition(":")[2])
        node_port = int(self.node.address.rpartition(":")[2])
        to_telegram = await self._stack.enter_async_context(Way(telegram_port))
        to_node = await self._stack.enter_async_context(Way(node_port))
        file = self.config(name)
        file.write_text(
            file.read_text()
            .replace(f":{telegram_port}", f":{to_telegram.port}")
            .replace(f":{node_port}", f":{to_node.port}")
            .replace(f"sqlite:///{name}", self.url)
        )
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *(program or ("-m", "bot")), "run", "--config", str(file)),
                stderr=out,
            )
        self._processes.append(process)
        return Bot(process, log, to_telegram, to_node)

    def calls_of(self, bot: Bot) -> tuple[int, int]:
        """How many calls of Telegram and of the node it has made."""
        telegram = sum(call.peer_port in bot.to_telegram.ports for call in self.telegram.calls)
        return telegram, sum(port in bot.to_node.ports for port in self.node.peer_ports)

    def methods(self) -> set[str]:
        """What of the Bot API was called."""
        return {call.method for call in self.telegram.calls}

    async def answers(self, sats: int, within_s: float) -> None:
        """A command of Anna's gets a card in time, which is recorded."""
        self.telegram.say(self.group, self.anna, f"/invoice {sats} pizza")
        async with asyncio.timeout(within_s):
            card = await self.shown(self.group, Face.OPEN, sats=sats)
        with psycopg.connect(self.url, autocommit=True) as look:
            there = "SELECT 1 FROM invoices WHERE card_id = %s"
            async with asyncio.timeout(WAIT_S):
                while look.execute(there, (card.id,)).fetchone() is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


@pytest.fixture
async def world(tmp_path: Path, cluster: Cluster, database: str) -> AsyncIterator[Shared]:
    world = Shared(tmp_path)
    world.url = cluster.url(database)
    async with world:
        yield world


async def test_a_bot_on_a_server_makes_cards_and_announces_payments(world: Shared) -> None:
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    world.node.pay(world.request_in(card))
    await world.announced(world.group, "Anna Berg")
    await world.stop_bot()


async def test_a_payment_that_the_database_has_lost_is_announced_once_more_and_says_so(
    world: Shared,
) -> None:
    """A standby takes over without what was committed last, or an older copy is put there."""
    tables = ("invoices", "cursors", "receipts")
    await world.start_bot()
    card = await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
    with psycopg.connect(world.url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA before")
        recorded = "SELECT 1 FROM invoices WHERE card_id IS NOT NULL AND sending = ''"
        await world.until(lambda: admin.execute(recorded).fetchone())
        for table in tables:
            admin.execute(f"CREATE TABLE before.{table} AS TABLE {table}".encode())
        world.node.pay(world.request_in(card))
        first = await world.announced(world.group, "Anna Berg")
        with admin.transaction():
            admin.execute(locks.lock("pg_advisory_xact_lock", locks.TERM).encode())
            for table in tables:
                admin.execute(f"DELETE FROM {table}".encode())
                admin.execute(f"INSERT INTO {table} SELECT * FROM before.{table}".encode())
    world.telegram.say(world.group, world.anna, "/invoice 77 tea")  # it notices as it writes
    again = await world.announced(world.group, "Anna Berg", count=2)
    await world.shown(world.group, Face.OPEN, sats=77)
    await world.stop_bot()
    assert not may_be_duplicate(first.text or "")
    assert may_be_duplicate(again.text or "")


async def test_the_next_one_goes_on_within_a_second_of_an_orderly_end(world: Shared) -> None:
    await world.start_bot()
    async with world.another():
        await world.open_card(world.group, world.anna, "/invoice 2100 pizza")
        loop = asyncio.get_running_loop()
        before = world.polls()
        await world.stop_bot()
        ended_at = loop.time()
        await world.telegram.wait_for(lambda: world.polls() > before + 1, WAIT_S)
        assert loop.time() - ended_at < 1.0
        await world.answers(2200, WAIT_S)
        assert len(world.showing(world.group, Face.OPEN)) == 2


@pytest.mark.parametrize("answers", ["a lock", "nothing at all"])
async def test_a_stop_while_the_server_takes_nothing_is_orderly(
    world: Shared, cluster: Cluster, database: str, answers: str
) -> None:
    straight = world.url
    async with Way(cluster.port) as way:
        world.url = cluster.url(database, port=way.port)
        bot = await world.start("first")
        await bot.said("running")
        world.url = straight
        await world.answers(2100, WAIT_S)
        card = world.showing(world.group, Face.OPEN)[0]
        with psycopg.connect(straight) as other:
            if answers == "a lock":
                other.execute("LOCK TABLE invoices, hints, boards IN ACCESS EXCLUSIVE MODE")
            else:
                way.stall()
            world.node.pay(world.request_in(card))
            said = world.telegram.say(world.group, world.anna, "/invoice 2200 pizza")
            await world.until(lambda: said.fetched)
            bot.process.terminate()
            async with asyncio.timeout(WAIT_S):
                assert await bot.process.wait() == 0
            assert "Traceback" not in bot.log.read_text()
    await world.start_bot()
    await world.announced(world.group, "Anna Berg")
    await world.shown(world.group, Face.OPEN, sats=2200)


@pytest.mark.parametrize("way_is", ["refused", "silent"])
@pytest.mark.parametrize("acts", [True, False])
async def test_a_stop_while_the_server_can_not_be_reached_is_orderly(
    world: Shared, cluster: Cluster, database: str, acts: bool, way_is: str
) -> None:
    async with Way(cluster.port) as way:
        if not acts:
            await world.start_bot()
        world.url = cluster.url(database, port=way.port)
        bot = await world.start("first")
        await bot.said("running" if acts else "ready")
        world.url = cluster.url(database)
        await world.answers(2100, WAIT_S)
        if way_is == "refused":
            way.refuses = True
        else:
            way.stall()
        before = len(way.ports)
        way.cut()
        said = world.telegram.say(world.group, world.anna, "/invoice 2200 pizza")
        if acts:  # so its writer connects as well
            await world.until(lambda: said.fetched)
        await bot.said("database server lost")
        if way_is == "silent":  # both wait for a connection
            await world.until(lambda: len(way.ports) == before + 1 + acts)
        bot.process.terminate()
        async with asyncio.timeout(WAIT_S):
            assert await bot.process.wait() == 0
        assert "Traceback" not in bot.log.read_text()
        way.refuses = False
        way.flow()
        if not acts:
            await world.stop_bot()


async def test_a_stop_while_the_start_waits_for_the_server_is_orderly(
    world: Shared, cluster: Cluster, database: str
) -> None:
    async with Way(cluster.port) as way:
        way.stall()
        world.url = cluster.url(database, port=way.port)
        bot = await world.start("first")
        await world.until(lambda: way.ports)
        bot.process.terminate()
        async with asyncio.timeout(WAIT_S):
            assert await bot.process.wait() == 0
        assert "Traceback" not in bot.log.read_text()
        world.url = cluster.url(database)


#: A program in which the moment after the term was taken goes wrong, once.
FAILS = """
import builtins, sys
from bot.store.office import Office
error, whole = getattr(builtins, sys.argv.pop(1)), Office._note_back
def once(self):
    if self._term is not None:
        Office._note_back = whole
        raise error
    return whole(self)
Office._note_back = once
from bot.__main__ import main
main()
"""


@pytest.mark.parametrize("error", ["MemoryError", "RuntimeError"])
async def test_a_turn_that_is_lost_as_it_is_taken_leaves_nobody_deaf(
    world: Shared, error: str
) -> None:
    bot = await world.start("first", "-c", FAILS, error)
    world.telegram.say(world.group, world.anna, "/invoice 2100 pizza")
    if error == "MemoryError":
        async with asyncio.timeout(WAIT_S):
            assert await bot.process.wait() == 1
        await world.start("second")
    await world.shown(world.group, Face.OPEN, sats=2100)
    assert len(world.node.invoices) == 1


async def test_when_the_active_process_is_killed_a_ready_one_goes_on(world: Shared) -> None:
    first = await world.start("first")
    await first.said("running")
    second = await world.start("second")
    await second.said("ready: another process")
    assert world.calls_of(second) == (0, 0)
    await world.answers(2100, WAIT_S)
    first.process.kill()
    await world.answers(2200, TAKEN_OVER_S)
    for sats in (2100, 2200):
        assert len(world.showing(world.group, Face.OPEN, sats=sats)) == 1
    assert len(world.node.invoices) == 2


async def test_a_process_that_stood_still_sends_nothing_once_it_goes_on(world: Shared) -> None:
    first = await world.start("first")
    await first.said("running")
    second = await world.start("second")
    await second.said("ready: another process")
    await world.answers(2100, WAIT_S)
    first.process.send_signal(signal.SIGSTOP)
    stood_at = asyncio.get_running_loop().time()
    await world.answers(2200, 2 * STANDS_STILL_S)
    await second.said("running")
    left_s = stood_at + STANDS_STILL_S - asyncio.get_running_loop().time()
    async with asyncio.timeout(None if left_s <= 0 else left_s + 1):
        await asyncio.sleep(max(0.0, left_s))  # what is tried is the time itself
    before = world.calls_of(first)
    first.process.send_signal(signal.SIGCONT)
    await first.said("waits for its turn")
    await first.said("ready: another process")
    await world.answers(2300, WAIT_S)
    assert world.calls_of(first) == before
    for sats in (2100, 2200, 2300):
        assert len(world.showing(world.group, Face.OPEN, sats=sats)) == 1
    # and it takes its turn as any other
    second.process.kill()
    await world.answers(2400, TAKEN_OVER_S)


async def said_of_it(address: str, role: str, missing: list[str]) -> None:
    """Wait until /readyz says so."""
    async with asyncio.timeout(WAIT_S):
        while True:
            said = (await got(address, "/readyz")).said
            if (said["role"], said["missing"]) == (role, missing):
                return
            await asyncio.sleep(0.01)


@pytest.mark.timeout(180)  # it waits for two takeovers, and a busy machine takes its time
async def test_a_process_that_is_cut_off_is_not_called_active_while_another_one_acts(
    world: Shared, cluster: Cluster, database: str
) -> None:
    world.health = address = free_address()
    async with Way(cluster.port) as way:
        world.url = cluster.url(database, port=way.port)
        await world.start_bot()
        await said_of_it(address, "active", [])
        world.url, world.health = cluster.url(database), None
        second = await world.start("second")
        await second.said("ready: another process")
        way.stall()
        await said_of_it(address, "waiting", ["database"])
        await second.said("this process is the active one")
        await world.answers(2100, WAIT_S)
        said = await got(address, "/metrics")
        names = ("active", "term", "node_gate_open", "ready")
        assert [said.number(name) for name in names] == [0, 0, 0, 0]
        way.flow()
        await said_of_it(address, "waiting", [])
        second.process.kill()
        await said_of_it(address, "active", [])
        await world.answers(2200, WAIT_S)
        await world.stop_bot()


async def test_what_a_process_is_given_that_waits_the_active_one_carries_out(
    world: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LOOK_EVERY_S", 60.0)  # the server tells of it
    first = world.use_webhook()
    await world.start_bot()
    await world.telegram.wait_for(lambda: "setWebhook" in world.methods(), WAIT_S)
    second = world.use_webhook()  # another port, and the proxy leads there
    assert first.port != second.port
    async with world.another():
        await world.until(lambda: is_open(second.port), WAIT_S)
        chat = world.private(world.anna)
        for sats in (2100, 2200, 2300):
            world.telegram.say(chat, world.anna, f"/invoice {sats} pizza")
        for sats in (2100, 2200, 2300):
            await world.shown(chat, Face.OPEN, sats=sats)
        assert len(world.showing(chat, Face.OPEN)) == 3
        await world.stop_bot()
        world.telegram.say(chat, world.anna, "/invoice 2400 pizza")
        await world.shown(chat, Face.OPEN, sats=2400)
        assert len(world.node.invoices) == 4


async def test_what_was_taken_while_nobody_acted_is_carried_out_by_the_next(
    world: Shared,
) -> None:
    first = await world.start("first")
    await first.said("running")
    second = world.use_webhook()
    async with world.another():
        await world.until(lambda: is_open(second.port), WAIT_S)
        first.process.kill()
        await first.process.wait()
        chat = world.private(world.anna)
        world.telegram.say(chat, world.anna, "/invoice 2100 pizza")
        await world.shown(chat, Face.OPEN, sats=2100)
        assert len(world.node.invoices) == 1


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# settings


def change(world: Shared, name: str, before: str, after: str) -> None:
    """The settings of a process, in its file."""
    file = world.folder / f"{name}.toml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


async def test_a_process_that_waits_says_at_once_what_it_read_and_acts_by_it(
    world: Shared,
) -> None:
    await world.start_bot()
    bot = await world.start("second")
    await bot.said("another process is the active one")
    change(world, "second", "[access]", "[access]\nopen = perhaps")
    bot.process.send_signal(signal.SIGHUP)
    await bot.said("settings not reloaded")
    change(world, "second", "open = perhaps", "open = true")
    bot.process.send_signal(signal.SIGHUP)
    await bot.said("settings reloaded")
    assert "running" not in bot.log.read_text()
    await world.stop_bot()
    await world.open_card(world.private(world.stranger), world.stranger, "/invoice 2100")


async def test_what_was_read_again_counts_in_the_next_turn_of_the_same_process(
    world: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.access = {"open": False}
    before = world.settings()
    world.access = {"open": True}
    reloads, stop = app.Reloads(world.settings), asyncio.Event()
    running = asyncio.ensure_future(app.run(before, clock=world.clock, stop=stop, reloads=reloads))
    await world.until(world.polls)
    reloads.wanted.set()
    hers = world.private(world.stranger)
    await world.until(lambda: "settings reloaded" in caplog.text)
    with psycopg.connect(world.url, autocommit=True) as other:  # as another process, gone at once
        other.execute("INSERT INTO terms SELECT max(number) + 1, 'x', '', 0, true FROM terms")
    await world.until(lambda: "waits for its turn" in caplog.text, WAIT_S)
    await world.open_card(hers, world.stranger, "/invoice 2100")
    stop.set()
    async with asyncio.timeout(WAIT_S):
        await running


async def test_a_process_that_waits_says_which_settings_the_active_one_has_otherwise(
    world: Shared,
) -> None:
    await world.start("first")
    await world.until(world.polls, WAIT_S)
    with psycopg.connect(world.url, autocommit=True) as look:
        async with asyncio.timeout(WAIT_S):
            while look.execute("SELECT 1 FROM terms WHERE marks <> ''").fetchone() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    same = await world.start("second")
    await same.said("another process is the active one")
    world.access = {"users": frozenset({world.anna.id})}
    other = await world.start("third")
    await other.said("the active process has other settings than this one")
    (line,) = [each for each in other.log.read_text().splitlines() if "other settings" in each]
    assert line.endswith("sections=access")
    assert "other settings" not in same.log.read_text()
    third = config.load(world.folder / "third.toml", {})
    found = [each for each in await diagnose(third) if each.kind is Kind.OTHER_SETTINGS]
    assert [each.values["sections"] for each in found] == [("access",)]
    line = "Settings: the active process has others than these (access)"
    assert line in await status(world.folder / "third.toml")
    assert not any(
        each.startswith("Settings") for each in await status(world.folder / "second.toml")
    )


async def status(settings: Path) -> list[str]:
    """What the command says with these settings."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "status", "--config", str(settings)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().splitlines()
