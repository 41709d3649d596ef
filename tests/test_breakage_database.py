"""The bot as a process whose database breaks under it: nothing lost, nothing of another's."""

from __future__ import annotations

import itertools
import os
import re
import resource
import shutil
import sqlite3
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot import app, texts
from bot.core.invoice import Face
from bot.core.notices import Kind
from bot.demo.telegram import Chat, Message
from bot.errors import LinkInTheWay
from bot.findings import About, bad
from bot.findings import Kind as FindingKind
from tests.store.made import until
from tests.world import World, ordinary_rights

LATER_S = 30.0


async def held_back(world: World, times: int = 2) -> None:
    """Wait until the bot has asked again, `times` more than once, for what it could not write."""
    since = len(world.telegram.calls)

    def asked_again() -> bool:
        calls = itertools.islice(world.telegram.calls, since, None)
        offsets = Counter(c.params["offset"] for c in calls if c.method == "getUpdates")
        return any(count > times for count in offsets.values())

    await world.until(asked_again, LATER_S)


def cards(world: World, chat: Chat) -> list[int]:
    """The amount in sats of each card that looks payable, sorted."""
    lines = [(m.text or "").split("\n")[0] for m in world.showing(chat, Face.OPEN)]
    amounts = [re.search(r"([\d,]+) sat", line) for line in lines]
    return sorted(int(found[1].replace(",", "")) for found in amounts if found)


# the disk


def room(process: Process, most: int = resource.RLIM_INFINITY) -> None:
    """How far the files of this process may grow from now on, in bytes."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "is killed"])
async def test_on_a_full_disk_no_command_and_no_payment_is_lost(world: World, killed: bool) -> None:
    process = await world.start_process()
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 1")
    sent = len(world.ours(chat))
    updates = world.telegram.bots[world.token].updates
    room(process, 0)
    for sats in (2, 3, 4):
        world.telegram.say(chat, world.anna, f"/invoice {sats}")
    world.node.pay(world.request_in(card))
    await held_back(world)
    assert len(updates) == 3
    assert len(world.node.invoices) == 1
    assert len(world.ours(chat)) == sent
    if killed:
        await world.kill_process()
        await world.start_process()
    else:
        room(process)
    await world.until(lambda: world.shows(card, Face.PAID, sats=1), LATER_S)
    await world.until(lambda: len(cards(world, chat)) == 3, LATER_S)
    await world.until(lambda: len(updates) == 0, LATER_S)
    assert cards(world, chat) == [2, 3, 4]
    assert len(world.node.invoices) == 4
    await world.announced(chat, "Anna Berg")
    assert len(world.announcements(chat, "Anna Berg")) == 1
    world.no_trouble()


async def test_a_disk_that_is_full_by_the_nodes_answer_sends_no_card_without_its_row(
    world: World,
) -> None:
    process = await world.start_process()
    chat = world.private(world.anna)
    await world.ask(chat, world.anna, "/invoice 1")
    answer = world.node.stall("LookupInvoice")
    world.telegram.say(chat, world.anna, "/invoice 2100")
    await answer.reached()
    room(process, 0)
    answer.release()
    world.telegram.say(chat, world.anna, "/invoice 3")
    await held_back(world)
    assert cards(world, chat) == [1]
    room(process)
    await world.until(lambda: len(cards(world, chat)) == 3, LATER_S)
    assert len(world.node.invoices) == 3
    world.no_trouble()


async def test_a_disk_that_is_full_at_the_start_is_told_in_a_sentence(world: World) -> None:
    code, said = await world.run_refused(
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    )
    assert code == 1
    assert len(said) == 1
    assert str(world.folder / "bot.db") in said[0]


# the file


@pytest.mark.parametrize("with_a_full_disk", [False, True])
async def test_a_stop_while_the_database_takes_nothing_is_orderly(
    world: World, with_a_full_disk: bool
) -> None:
    process = await world.start_process()
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 1")
    with closing(sqlite3.connect(world.folder / "bot.db", isolation_level=None)) as other:
        if with_a_full_disk:
            room(process, 0)
        else:
            other.execute("BEGIN EXCLUSIVE")
        world.node.pay(world.request_in(card))  # which the bot hears, and can't write
        world.telegram.say(chat, world.anna, "/invoice 2100")
        await held_back(world, 0)
        assert await world.end_process() == 0
    world.no_trouble()
    await world.start_process()
    await world.announced(chat, "Anna Berg")
    await world.until(lambda: cards(world, chat) == [2100], LATER_S)


async def test_while_another_program_has_the_database_nothing_is_lost(world: World) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 1")
    with closing(sqlite3.connect(world.folder / "bot.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        world.telegram.say(chat, world.anna, "/invoice 2100")
        world.node.pay(world.request_in(card))
        await held_back(world, 0)
        assert len(world.node.invoices) == 1
        other.execute("ROLLBACK")
    await world.until(lambda: cards(world, chat) == [2100], LATER_S)
    await world.announced(chat, "Anna Berg")
    assert len(world.node.invoices) == 2
    world.no_trouble()


async def test_a_read_only_database_confirms_nothing_and_is_used_once_it_may_be_written(
    world: World,
) -> None:
    chat = world.private(world.anna)
    await world.start_process()
    await world.ask(chat, world.anna, "/invoice 1")
    assert await world.end_process() == 0
    file = world.folder / "bot.db"
    file.chmod(0o400)
    await world.start_process(prepare=ordinary_rights)
    world.telegram.say(chat, world.anna, "/invoice 2")
    await held_back(world)
    assert len(world.node.invoices) == 1
    assert (
        texts.found(bad(About.DATABASE, FindingKind.FILE_READ_ONLY, path=str(file))) in world.log()
    )
    assert world.log().count("updates not confirmed") == 1  # not at each try
    for each in world.folder.glob("bot.db*"):
        each.chmod(0o600)
    await world.until(lambda: len(cards(world, chat)) == 2, LATER_S)
    world.no_trouble()


@contextmanager
def editing(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as connection, connection:
        yield connection


def newer(file: Path) -> None:
    with editing(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def cut_short(file: Path) -> None:
    with file.open("r+b") as database:
        database.truncate(file.stat().st_size // 2)


def scribbled(file: Path) -> None:
    with file.open("r+b") as database:
        database.write(b"\xff" * 5000)


def emptied(file: Path) -> None:
    file.write_bytes(b"")
    file.with_name("bot.db-wal").write_bytes(b"left behind")


def of_another_program(file: Path) -> None:
    file.unlink()
    with editing(file) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


@pytest.mark.parametrize("harm", [newer, cut_short, scribbled, emptied, of_another_program])
async def test_a_database_that_can_not_be_used_is_told_in_a_sentence_and_untouched(
    world: World, harm: Callable[[Path], None]
) -> None:
    await world.start_bot()
    await world.ask(world.private(world.anna), world.anna, "/invoice 1")
    await world.stop_bot()
    file = world.folder / "bot.db"
    harm(file)
    before = file.read_bytes()
    code, said = await world.run_refused()
    assert code == 2
    assert len(said) == 1
    assert "database" in said[0]
    assert file.read_bytes() == before


async def test_a_link_in_the_place_of_the_sign_of_life_is_told_in_a_sentence(world: World) -> None:
    target = world.folder / "precious"
    (world.folder / "bot.alive").symlink_to(target)
    code, said = await world.run_refused()
    assert code == 2
    assert said == [texts.why(LinkInTheWay(path=str(world.folder / "bot.alive")))]
    assert not target.exists()


# the file, while it is open


@pytest.mark.parametrize("ending", ["", "-wal"])
async def test_a_file_that_is_removed_holds_everything_back_until_it_is_put_back(
    world: World, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "HEARTBEAT_S", 0.05)
    chat, owners = world.private(world.anna), world.private(world.owner)
    world.telegram.say(owners, world.owner, "/start")
    await world.start_bot()
    card = await world.ask(chat, world.anna, "/invoice 1")
    file, alive = world.folder / f"bot.db{ending}", world.folder / "bot.alive"
    await world.until(alive.exists)
    file.rename(away := world.folder / "away")
    await world.notified(owners, Kind.DATABASE_AWAY)
    touched = alive.stat().st_mtime_ns
    world.telegram.say(chat, world.anna, "/invoice 2")
    world.node.pay(world.request_in(card))
    await held_back(world)
    assert (len(world.node.invoices), world.face(card)) == (1, Face.OPEN)
    assert alive.stat().st_mtime_ns == touched
    assert not file.exists()
    away.rename(file)
    await world.becomes(card, Face.PAID, LATER_S)
    await world.until(lambda: cards(world, chat) == [2], LATER_S)
    assert len(world.notices(owners, Kind.DATABASE_AWAY)) == 1
    await world.stop_bot()


def empty(file: Path) -> None:
    os.truncate(file, 0)


def zeroed_behind_its_first_page(file: Path) -> None:
    size = file.stat().st_size
    with file.open("r+b") as database:
        database.seek(4096)
        database.write(bytes(size - 4096))


@pytest.mark.parametrize("harm", [empty, zeroed_behind_its_first_page])
async def test_a_file_that_is_cut_short_where_it_is_holds_everything_back(
    world: World, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "HEARTBEAT_S", 0.05)
    chat, owners = world.private(world.anna), world.private(world.owner)
    world.telegram.say(owners, world.owner, "/start")
    await world.start_bot()
    card = await world.ask(chat, world.anna, "/invoice 1")
    file = world.folder / "bot.db"
    before = file.read_bytes()
    harm(file)
    harmed = file.read_bytes()
    notice = await world.notified(owners, Kind.DATABASE_AWAY)
    assert str(file) in notice.text
    world.telegram.say(chat, world.anna, "/invoice 2")
    world.node.pay(world.request_in(card))
    await held_back(world)
    assert (len(world.node.invoices), world.face(card)) == (1, Face.OPEN)
    assert file.read_bytes() == harmed
    file.write_bytes(before)
    await world.becomes(card, Face.PAID, LATER_S)
    await world.until(lambda: cards(world, chat) == [2], LATER_S)
    assert len(world.notices(owners, Kind.DATABASE_AWAY)) == 1
    await world.stop_bot()


async def test_an_older_copy_of_the_same_size_holds_everything_back(world: World) -> None:
    chat, owners = world.private(world.anna), world.private(world.owner)
    file, journal = world.folder / "bot.db", world.folder / "bot.db-wal"
    world.telegram.say(owners, world.owner, "/start")
    await world.start_bot()
    made = [await world.ask(chat, world.anna, f"/invoice {sats}") for sats in range(1, 9)]
    await until(lambda: journal.stat().st_size == 0)
    older = file.read_bytes()
    for card in made[:4]:
        world.node.pay(world.request_in(card))
        await world.becomes(card, Face.PAID)
    await world.until(lambda: len(world.announcements(chat, "Anna Berg")) == 4)
    await until(lambda: journal.stat().st_size == 0)
    newer = file.read_bytes()
    assert len(newer) == len(older)
    file.write_bytes(older)
    world.telegram.say(chat, world.anna, "/invoice 2100")
    world.node.pay(world.request_in(made[4]))
    await held_back(world)
    assert world.face(made[4]) is Face.OPEN
    assert len(world.node.invoices) == len(made)
    assert file.read_bytes() == older
    file.write_bytes(newer)
    await world.becomes(made[4], Face.PAID, LATER_S)
    await world.until(lambda: 2100 in cards(world, chat), LATER_S)
    await world.until(lambda: len(world.announcements(chat, "Anna Berg")) == 5, LATER_S)
    await world.stop_bot()


# a backup


async def backed_up(world: World) -> Path:
    """A copy of the database as it is now, the bot being down."""
    assert await world.end_process() == 0
    return Path(shutil.copy(world.folder / "bot.db", world.folder / "backup.db"))


async def put_back(world: World, backup: Path) -> None:
    """The bot starts with the copy in the place of its database."""
    assert await world.end_process() == 0
    shutil.copy(backup, world.folder / "bot.db")
    await world.start_process()


async def pressed(world: World, chat: Chat, message: Message, text: str) -> str:
    """What a press on a button is answered with."""
    press = world.telegram.press(chat, world.anna, message.id, text=text)
    return (await press.answer).text or ""


async def test_a_plain_copy_of_a_bot_that_waits_knows_its_open_invoices(world: World) -> None:
    process = await world.start_process()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 2100 pizza")
    file, journal = world.folder / "bot.db", world.folder / "bot.db-wal"
    await until(lambda: journal.stat().st_size == 0)
    copy = file.read_bytes()
    process.kill()
    await process.wait()
    journal.unlink()
    file.write_bytes(copy)

    world.node.pay(world.request_in(card))
    await world.start_bot()
    await world.becomes(card, Face.PAID)


async def test_after_a_backup_an_old_button_never_acts_on_another_invoice(world: World) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    known = await world.ask(chat, world.anna, "/invoice 1 known")
    backup = await backed_up(world)
    await world.start_process()
    lost = await world.ask(chat, world.anna, "/invoice 2 lost")
    over = await world.ask(chat, world.anna, "/invoice 3 over")
    await pressed(world, chat, over, "Cancel")
    await world.until(lambda: world.buttons(over) == ["Renew"])
    await put_back(world, backup)
    # Their rows have the numbers that those of the lost cards had.
    new = [await world.ask(chat, world.anna, f"/invoice {sats} new") for sats in (4, 5)]
    for card, button in ((lost, "Cancel"), (over, "Renew")):
        assert await pressed(world, chat, card, button) == texts.NOT_TRACKED
    world.telegram.say(chat, world.anna, "/cancel", reply_to=lost)
    await world.said(chat, texts.NOT_TRACKED)
    await pressed(world, chat, known, "Cancel")
    await world.becomes(known, Face.CANCELLED)
    states = {i.memo: i.state_name for i in world.node.invoices.values()}
    assert states == {"known": "canceled", "lost": "open", "over": "canceled", "new": "open"}
    assert [world.buttons(card) for card in new] == [["Cancel"], ["Cancel"]]
    world.no_trouble()


async def test_after_a_backup_payments_since_are_told_all_the_same(world: World) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    first, second = [await world.ask(chat, world.anna, f"/invoice {sats}") for sats in (1, 2)]
    backup = await backed_up(world)
    await world.start_process()
    world.node.pay(world.request_in(first))
    await world.announced(chat, "Anna Berg", sats=1)
    assert await world.end_process() == 0
    world.node.pay(world.request_in(second))
    shutil.copy(backup, world.folder / "bot.db")
    await world.start_process()
    await world.announced(chat, "Anna Berg", sats=2)
    assert world.shows(first, Face.PAID, sats=1)
    world.no_trouble()


async def test_after_a_backup_a_question_that_was_answered_since_gets_an_invoice_of_its_own(
    world: World,
) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    world.telegram.say(chat, world.anna, "/invoice")
    await world.shown(chat, Face.QUESTION)
    backup = await backed_up(world)
    await world.start_process()
    await world.ask(chat, world.anna, "500")
    await put_back(world, backup)
    card = await world.ask(chat, world.anna, "21")
    assert world.shows(card, Face.OPEN, sats=21)
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg", sats=21)


# two of them


async def test_a_second_process_on_the_same_database_leaves_the_first_alone(world: World) -> None:
    process = await world.start_process()
    code, said = await world.run_refused()
    assert code == 1
    assert len(said) == 1
    assert f"process {process.pid}" in said[0]
    card = await world.ask(world.private(world.anna), world.anna, "/invoice 1")
    assert world.request_in(card)


async def test_two_bots_with_one_token_say_so_and_the_one_that_is_left_goes_on(
    world: World,
) -> None:
    chat = world.private(world.anna)
    await world.start_process()
    await world.start_process(database="elsewhere.db")
    await world.until(lambda: "another copy of this bot" in world.log(), LATER_S)
    assert await world.end_process() == 0
    card = await world.ask(chat, world.anna, "/invoice 1")
    world.node.pay(world.request_in(card))
    await world.announced(chat, "Anna Berg")
    assert len(world.node.invoices) == 1
    world.no_trouble()
