"""The bot as a process whose node, files, network and clock change under it: all is told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from bot import texts
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.telegram import Chat, Message
from tests.world import World

LATER_S = 20.0
MINUTE_S = 60.0
HOUR_S = 3600


async def paid(
    world: World, chat: Chat, card: Message, sats: int, within_s: float = LATER_S
) -> None:
    """Somebody pays, and the chat is told."""
    world.node.pay(world.request_in(card))
    await world.until(lambda: world.announcements(chat, "Anna Berg", sats=sats), within_s)
    await world.becomes(card, Face.PAID, LATER_S)


# the node


async def test_payments_are_told_by_a_node_that_was_restored_and_counts_from_1(
    world: World,
) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    for sats in (2, 3, 4):
        await paid(world, chat, await world.ask(chat, world.anna, f"/invoice {sats}"), sats)
    kept = await world.ask(chat, world.anna, "/invoice 5")
    (still,) = [i for i in world.node.invoices.values() if i.state_name == "open"]
    await world.node.stop()
    world.node.restore_from_seed(keep=[still.payment_hash])
    await world.node.start()
    for sats in (6, 7):
        await paid(world, chat, await world.ask(chat, world.anna, f"/invoice {sats}"), sats)
    assert await world.end_process() == 0
    world.node.pay(world.request_in(kept))
    await world.start_process()
    await world.announced(chat, "Anna Berg", sats=5)
    assert len(world.announcements(chat, "Anna Berg")) == 6
    world.no_trouble()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("how", ["indexes begin again", "silent stream"])
async def test_a_payment_that_the_stream_does_not_tell_is_told_within_the_minute(
    world: World, how: str
) -> None:
    """Some 40 s, nearly all of it waiting. What comes after that is told at once."""
    await world.start_process()
    chat = world.private(world.anna)
    for sats in (2, 3, 4):
        await paid(world, chat, await world.ask(chat, world.anna, f"/invoice {sats}"), sats)
    if how == "silent stream":
        world.node.mute_streams()
    else:
        world.node.begin_settle_indexes_again()
        await world.node.until(lambda: world.node.calls["SubscribeInvoices"] == 2)
    opened = world.node.calls["SubscribeInvoices"]
    await paid(world, chat, await world.ask(chat, world.anna, "/invoice 5"), 5, MINUTE_S)
    await world.node.until(lambda: world.node.calls["SubscribeInvoices"] > opened)
    await paid(world, chat, await world.ask(chat, world.anna, "/invoice 6"), 6, 5)
    assert len(world.announcements(chat, "Anna Berg")) == 5
    world.no_trouble()


async def test_payments_are_told_by_another_node_and_the_firsts_invoices_are_left_alone(
    world: World,
) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    await paid(world, chat, await world.ask(chat, world.anna, "/invoice 2"), 2)
    left = await world.ask(chat, world.anna, "/invoice 3")
    world.telegram.say(world.private(world.owner), world.owner, "/help")
    await world.node.stop()
    world.node.become_other_node()
    await world.node.start()
    await world.notified(world.private(world.owner), Kind.OTHER_NODE)
    for sats in (4, 5):
        await paid(world, chat, await world.ask(chat, world.anna, f"/invoice {sats}"), sats)
    assert world.shows(left, Face.OPEN, sats=3)
    assert world.node.calls["CancelInvoice"] == 0
    world.no_trouble()


async def test_a_new_certificate_and_a_new_macaroon_are_taken_while_it_runs(world: World) -> None:
    rights = ["invoices:read", "invoices:write", "info:read"]
    world.macaroon = "bot.macaroon"
    world.node.bake(rights, root_key_id=7, save_to=world.macaroon)
    process = await world.start_process()
    chat = world.private(world.anna)
    before = await world.ask(chat, world.anna, "/invoice 2")
    await world.node.stop()
    world.node.renew_certificate()
    world.node.revoke(7)
    await world.node.start()
    world.telegram.say(chat, world.anna, "/invoice 3")
    await world.until(lambda: "macaroon" in world.log().partition("node is away")[2], LATER_S)
    world.node.bake(rights, root_key_id=8, save_to=world.macaroon)
    after = await world.shown(chat, Face.OPEN, sats=3)
    await paid(world, chat, before, 2)
    await paid(world, chat, after, 3)
    assert world.process is process
    assert process.returncode is None
    world.no_trouble()


# the network


class Wire:
    """The way to the node, which can lose all that it carries."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lost = False
        self._cuts = 0
        self._tasks: set[asyncio.Task[None]] = set()
        #: Somebody has connected since the packets vanish.
        self.tried_anew = asyncio.Event()
        self.address = ""

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator[Wire]:
        """Listening; ended with all its connections."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def lose_all(self) -> None:
        """Connections stay and are made, and what is written to them vanishes: nobody is told."""
        self._lost = True
        self._cuts += 1

    def mend(self) -> None:
        """New connections work; those from before are lost for good."""
        self._lost = False
        self._cuts += 1

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._lost:
            self.tried_anew.set()
        self._tasks.add(asyncio.ensure_future(self._carry(reader, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cuts = self._cuts
        from_node, to_node = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pipe(reader, to_node, cuts))
                both.create_task(self._pipe(from_node, writer, cuts))
        finally:
            for end in (writer, to_node):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cuts: int
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self._lost and cuts == self._cuts:
                    writer.write(data)
            writer.write_eof()


@pytest.mark.timeout(100)
async def test_a_half_open_connection_is_noticed_within_45_s_and_the_payment_told(
    world: World,
) -> None:
    """Some 40 s: keepalive is the real one. Nearly all of it is waiting."""
    async with Wire(int(world.node.address.rpartition(":")[2])).laid() as wire:
        world.node_address = wire.address
        await world.start_process()
        chat = world.private(world.anna)
        card = await world.ask(chat, world.anna, "/invoice 2")
        wire.lose_all()
        world.node.pay(world.request_in(card))
        async with asyncio.timeout(45):
            await wire.tried_anew.wait()
        wire.mend()
        await world.until(lambda: world.announcements(chat, "Anna Berg", sats=2), LATER_S)
        assert await world.end_process() == 0
    world.no_trouble()


# the clock


@pytest.fixture
async def set_clock(world: World) -> Callable[[int], None]:
    """Sets the clock of the bot's host, and of nobody else, so many seconds ahead."""
    file = world.folder / "ahead"

    def set_ahead(seconds: int) -> None:
        part = file.with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(file)

    set_ahead(0)
    return set_ahead


async def start(world: World) -> None:
    """The bot, on a host whose clock is not ours."""
    polls = world.polls()
    await world.start_process("-m", "tests.clocked", str(world.folder / "ahead"))
    await world.until(lambda: world.polls() > polls + 1)  # the first brings what waited


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
async def test_a_clock_that_is_set_expires_nothing_early_and_nothing_late(
    world: World, set_clock: Callable[[int], None], ahead_s: int
) -> None:
    world.invoices = {"expiry": "6s"}
    await start(world)
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 2100")
    (invoice,) = world.node.invoices.values()
    set_clock(ahead_s)
    await world.becomes(card, Face.EXPIRED, LATER_S)
    shown_at = time.time()
    assert invoice.state_name == "canceled"
    assert world.node.calls["CancelInvoice"] == 0
    assert invoice.expires_at <= shown_at < invoice.expires_at + 8
    world.no_trouble()


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
async def test_no_command_is_too_late_and_no_question_too_old_where_the_clock_is_set(
    world: World, set_clock: Callable[[int], None], ahead_s: int
) -> None:
    await start(world)
    chat = world.private(world.anna)
    world.telegram.say(world.group, world.bert, "/invoice")
    question = await world.shown(world.group, Face.QUESTION)
    set_clock(ahead_s)
    for sats in (2, 3):
        card = await world.ask(chat, world.anna, f"/invoice {sats}")
        assert world.shows(card, Face.OPEN, sats=sats)
    await paid(world, chat, card, 3)
    world.telegram.say(world.group, world.bert, "21", reply_to=question)
    await world.shown(world.group, Face.OPEN, sats=21)
    assert not world.saying(chat, texts.TOO_LATE)
    world.no_trouble()


async def test_on_a_host_whose_clock_stood_still_no_command_of_hours_ago_is_carried_out(
    world: World, set_clock: Callable[[int], None]
) -> None:
    await start(world)
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 2100")
    await world.kill_process()
    world.telegram.say(chat, world.anna, "/invoice 3")
    world.telegram.say(chat, world.anna, "/cancel", reply_to=card)
    world.clock.ahead_s += 5 * HOUR_S
    await start(world)
    await world.said(chat, texts.TOO_LATE)
    await world.ask(chat, world.anna, "/invoice 4")
    assert world.node.calls["CancelInvoice"] == 0
    assert len(world.node.invoices) == 2


async def test_on_a_host_that_is_an_hour_ahead_from_the_start_commands_are_carried_out(
    world: World, set_clock: Callable[[int], None]
) -> None:
    set_clock(HOUR_S)
    await start(world)
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 2100")
    await world.kill_process()
    await start(world)
    await world.ask(chat, world.anna, "/invoice 3")
    assert world.shows(card, Face.OPEN, sats=2100)
    await paid(world, chat, card, 2100)
    assert world.node.calls["CancelInvoice"] == 0
    world.no_trouble()
