"""From a backup beside a running bot to a restored one: nothing that came since is doubled."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from bot import texts
from bot.core.invoice import Face
from bot.core.wishes import BackupProblem, Change
from bot.demo.node import CANCELED
from bot.demo.telegram import Message
from bot.errors import BackupRefused, DatabaseMissing
from bot.store.backup import back_up
from tests.faces import may_be_duplicate
from tests.store.made import until
from tests.test_board_faults import paid
from tests.test_boards import board, boards, my_part
from tests.test_cli import Ended, ended, ran, started
from tests.test_collections import asked, pot
from tests.test_docs import section
from tests.test_splits import panel, pressed
from tests.world import World

#: Seconds for what the bot tries again and again.
LATER_S = 30.0


async def backed_up(world: World, file: Path, *options: str) -> Ended:
    """What `backup` says."""
    return await ran("backup", str(file), *options, "--config", str(world.config()))


def commands() -> list[str]:
    """What the README says about a restore, but for the service."""
    told = re.findall(r"^    (.*)$", section("README.md", "### Backup and restore"), re.MULTILINE)
    begin, end = "sudo systemctl stop invoice-bot", "sudo systemctl start invoice-bot"
    return told[told.index(begin) + 1 : told.index(end)]


async def restored(world: World, backup: Path) -> None:
    """Do what the README says, and start the bot."""
    for command in commands():
        here = command.replace("/mnt/usb/invoice-bot.db", str(backup))
        shell = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", here.replace("invoice-bot.db", "bot.db")), cwd=world.folder
        )
        assert await shell.wait() == 0
    await world.start_process()


async def begun(world: World) -> Message:
    """The board of a split that a process in its group was asked for."""
    world.access["chats"] = frozenset({world.group.id})
    await world.start_process()
    world.telegram.say(world.group, world.anna, "/split 84k/3 pizza")
    return await board(world, world.group)


async def saved(world: World, backup: Path) -> tuple[Message, Message]:
    """The same with a part of Bert's, in a backup; the board, and the part's card."""
    shown = await begun(world)
    card = await my_part(world, shown, world.bert, 28_000)
    await world.recorded(card)
    await board(world, world.group, "Bert")
    assert (await backed_up(world, backup)).code == 0
    return shown, card


@pytest.fixture
def backup(world: World) -> Path:
    (world.folder / "usb").mkdir()
    return world.folder / "usb" / "saved.bak"


async def test_what_came_after_a_backup_is_not_doubled_by_its_restore(
    world: World, backup: Path
) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    await world.open_card(world.private(world.owner), world.owner, "/invoice 9")
    told, missed, paid_before = [
        await world.ask(chat, world.anna, f"/invoice {sats}") for sats in (1, 2, 3)
    ]
    world.node.pay(world.request_in(paid_before))
    await world.announced(chat, sats=3)
    await world.payment_noticed(world.owner, sats=3)
    await recorded_as_paid(world)

    result = await backed_up(world, backup)
    saved = texts.backed_up(str(backup), invoices=4, size_bytes=backup.stat().st_size, unhandled=0)
    assert (result.code, result.out, result.err) == (0, saved + "\n", "")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600

    since_open = await world.ask(chat, world.anna, "/invoice 4")
    since_paid = await world.ask(chat, world.anna, "/invoice 5")
    world.node.pay(world.request_in(since_paid))
    world.node.pay(world.request_in(told))
    await world.announced(chat, sats=5)
    await world.announced(chat, sats=1)
    await world.payment_noticed(world.owner, sats=1)
    await world.payment_noticed(world.owner, sats=5)
    await world.kill_process()
    world.node.pay(world.request_in(missed))
    before = world.ours(chat)

    await restored(world, backup)
    # found again by the node's settle index: one that nobody heard of, and one that was told
    await world.announced(chat, sats=2)
    await world.until(lambda: len(world.announcements(chat, sats=1)) == 2)
    first, again = world.announcements(chat, sats=1)
    assert not may_be_duplicate(first.text or "")
    assert may_be_duplicate(again.text or "")
    await world.becomes(missed, Face.PAID)
    assert world.shows(told, Face.PAID, sats=1)
    # what it has never heard of is left as it is, and no command is carried out again
    assert world.face(since_open) is Face.OPEN
    assert world.shows(since_paid, Face.PAID, sats=5)
    new = await world.ask(chat, world.anna, "/invoice 6")
    assert len(world.node.invoices) == 7
    for sats in (3, 5):
        assert len(world.announcements(chat, sats=sats)) == 1
        assert len(world.payment_notices(world.owner, sats)) == 1
    made = [m for m in world.ours(chat) if m not in before]
    assert [m.id for m in made if world.face(m) is Face.OPEN] == [new.id]
    press = world.telegram.press(chat, world.anna, since_open.id, text="Cancel")
    assert (await press.answer).text == texts.NOT_TRACKED
    world.no_trouble()


async def recorded_as_paid(world: World) -> None:
    """Wait until the database knows that all who should have heard of the payment have."""
    look = "SELECT 1 FROM invoices WHERE state = 'settled' AND announced AND notified <> ''"
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        await until(lambda: database.execute(look).fetchone() is not None)


async def test_a_board_that_was_closed_after_a_backup_shows_after_its_restore_that_it_goes_on(
    world: World, backup: Path
) -> None:
    """The chats are of a later moment than the backup is: what they say is made true."""
    shown, card = await saved(world, backup)
    world.telegram.say(world.group, world.anna, "/cancel", reply_to=shown)
    await world.becomes(card, Face.CANCELLED)
    await board(world, world.group, ", closed")
    await world.kill_process()
    await restored(world, backup)
    await world.until(lambda: world.buttons(shown), LATER_S)
    assert ", closed" not in (shown.text or "")
    await world.recorded(card, Face.CANCELLED)  # the node has said what became of the part
    await paid(world, shown, world.bert, 28_000)
    await board(world, world.group, "28,000 sats paid")


async def test_a_command_that_waited_for_the_node_has_one_invoice_after_a_restore(
    world: World, backup: Path
) -> None:
    """What the node has of it is shown, in a message that says that it may be a duplicate."""
    await world.start_process()
    chat = world.private(world.anna)
    await world.ask(chat, world.anna, "/invoice 1")
    await world.node.kill()
    world.telegram.say(chat, world.anna, "/invoice 2")
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        look = "SELECT 1 FROM invoices WHERE state = 'pending'"
        await until(lambda: database.execute(look).fetchone() is not None)
    saved = back_up(world.settings().database.url, backup, owners=[])
    assert (saved.invoices, saved.unhandled) == (2, 0)
    await world.node.start()
    await world.until(lambda: len(world.showing(chat, Face.OPEN)) == 2, LATER_S)
    card = world.showing(chat, Face.OPEN)[-1]
    await world.recorded(card)
    await world.kill_process()
    await restored(world, backup)
    await world.until(lambda: len(world.showing(chat, Face.OPEN)) == 3, LATER_S)
    copy = world.showing(chat, Face.OPEN)[-1]
    assert may_be_duplicate(copy.text or "")
    assert world.request_in(copy) == world.request_in(card)
    new = await world.ask(chat, world.anna, "/invoice 3")
    assert world.shows(new, Face.OPEN, sats=3)
    press = world.telegram.press(chat, world.anna, card.id, text=texts.CANCEL_BUTTON)
    await press.answer
    await world.becomes(card, Face.CANCELLED)
    await world.becomes(copy, Face.CANCELLED)
    assert len(world.node.invoices) == 3
    world.no_trouble()


@pytest.mark.parametrize("paid_before", [False, True])
async def test_a_payment_of_what_waited_for_the_node_at_a_backup_is_told_after_its_restore(
    world: World, backup: Path, paid_before: bool
) -> None:
    """Also where it was the first one ever, and nothing says from where on to look."""
    await world.start_process()
    chat = world.private(world.anna)
    hangs = world.node.stall("AddInvoice")
    world.telegram.say(chat, world.anna, "/invoice 2")
    await hangs.reached()
    back_up(world.settings().database.url, backup, owners=[])
    hangs.release()
    card = await world.shown(chat, Face.OPEN, sats=2)
    await world.recorded(card)
    await world.kill_process()
    if paid_before:
        world.node.pay(world.request_in(card))
    await restored(world, backup)
    if not paid_before:
        world.node.pay(world.request_in(card))
    await world.announced(chat, sats=2)
    assert len(world.announcements(chat)) == 1


async def test_an_owner_who_became_one_after_a_backup_is_told_that_it_may_be_a_duplicate(
    world: World, backup: Path
) -> None:
    world.telegram.start_bot(world.bert)
    await world.start_process()
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 5")
    back_up(world.settings().database.url, backup, owners=[world.owner.id])
    await world.end_process()
    world.access["owners"] = frozenset({world.owner.id, world.bert.id})
    await world.start_process()
    world.node.pay(world.request_in(card))
    await world.announced(chat, sats=5)
    await world.payment_noticed(world.bert, sats=5)
    await world.kill_process()
    await restored(world, backup)
    await world.until(lambda: len(world.payment_notices(world.bert, 5)) == 2, LATER_S)
    assert may_be_duplicate(world.payment_notices(world.bert, 5)[-1].text or "")


async def test_what_is_shown_where_a_group_moved_to_since_a_backup_says_that_it_may_be_a_duplicate(
    world: World, backup: Path
) -> None:
    await begun(world)
    card = await world.ask(world.group, world.anna, "/invoice 5")
    assert (await backed_up(world, backup)).code == 0
    moved = world.telegram.migrate(world.group)
    await world.shown(moved, Face.OPEN, sats=5)
    await board(world, moved)
    await world.kill_process()
    await restored(world, backup)
    world.node.pay(world.request_in(card))  # as that is told, the bot hears where the group is
    copy = await world.shown(moved, Face.PAID, sats=5)
    await world.until(lambda: len(boards(world, moved)) == 2, LATER_S)
    assert may_be_duplicate(copy.text or "")
    assert may_be_duplicate(boards(world, moved)[-1].text or "")


async def test_a_board_that_was_moved_since_a_backup_is_shown_once_more_after_its_restore(
    world: World, backup: Path
) -> None:
    shown, card = await saved(world, backup)
    here = await panel(world, shown, world.anna)
    await pressed(world, here, world.anna, texts.CHANGES[Change.MOVE])
    await world.until(lambda: shown.deleted)
    await world.kill_process()
    await restored(world, backup)
    world.node.pay(world.request_in(card))
    found = await board(world, world.group, "28,000 sats paid")
    assert may_be_duplicate(found.text or "")


async def test_where_a_group_moved_to_since_a_backup_is_found_as_its_board_is_made_true(
    world: World, backup: Path
) -> None:
    await saved(world, backup)
    moved = world.telegram.migrate(world.group)
    there = await board(world, moved, "Bert")
    await world.kill_process()
    await restored(world, backup)
    again = await world.until(lambda: [m for m in boards(world, moved) if m is not there], LATER_S)
    assert may_be_duplicate(again[0].text or "")
    await world.ask(moved, world.anna, "/invoice 7")  # who was let in there is
    world.telegram.say(moved, world.owner, "/cancel", reply_to=again[0])
    await board(world, moved, ", closed")


async def test_a_gift_that_was_chosen_since_a_backup_is_no_longer_tracked_after_its_restore(
    world: World, backup: Path
) -> None:
    """Its question became the card, and the backup knows the question alone."""
    world.access["chats"] = frozenset({world.group.id})
    await world.start_process()
    world.telegram.say(world.group, world.anna, "/collect 50k/21k speakers")
    question = await asked(world, await pot(world), world.bert)
    assert (await backed_up(world, backup)).code == 0
    assert await pressed(world, question, world.bert, "21,000 sats") == ""
    await world.becomes(question, Face.OPEN)
    await world.recorded(question)
    await world.kill_process()
    await restored(world, backup)
    assert await pressed(world, question, world.bert, texts.CANCEL_BUTTON) == texts.NOT_TRACKED
    world.telegram.say(question.chat, world.bert, "/cancel", reply_to=question)
    await world.until(lambda: texts.NOT_TRACKED in (world.ours(question.chat)[-1].text or ""))


@pytest.mark.parametrize("who", ["the asker", "an owner", "the group"])
async def test_who_let_the_bot_in_again_since_a_backup_is_told_after_its_restore(
    world: World, backup: Path, who: str
) -> None:
    for each in (world.anna, world.owner):
        world.telegram.say(world.private(each), each, "/help")
    await world.start_process()
    in_group = who == "the group"
    chat = world.group if in_group else world.private(world.anna)
    asked, lost = [await world.ask(chat, world.anna, f"/invoice {sats}") for sats in (5, 6)]
    person = world.anna if who == "the asker" else world.owner
    if in_group:
        world.telegram.remove_bot(world.group, bot=world.bot_user)
    else:
        world.telegram.block(person, bot=world.bot_user)
    world.node.pay(world.request_in(lost))  # so that the bot hears of it for sure
    place = world.group if in_group else world.private(person)
    await world.finds("SELECT 1 FROM chats WHERE chat_id = ? AND unreachable", place.id)
    assert (await backed_up(world, backup)).code == 0
    if in_group:
        world.telegram.readd_bot(world.group, bot=world.bot_user)
    else:
        world.telegram.unblock(person, bot=world.bot_user)
    await world.finds("SELECT 1 FROM chats WHERE chat_id = ? AND NOT unreachable", place.id)
    await world.ask(world.private(world.bert), world.bert, "/invoice 7")  # Telegram knows it too
    await world.kill_process()
    await restored(world, backup)
    world.node.pay(world.request_in(asked))
    await world.becomes(asked, Face.PAID)
    if who == "an owner":
        await world.payment_noticed(world.owner, sats=5)
    else:
        await world.announced(place, sats=5)


async def test_a_part_that_waited_for_the_node_at_a_backup_is_its_seats_after_the_restore(
    world: World, backup: Path
) -> None:
    shown = await begun(world)
    hangs = world.node.stall("AddInvoice")
    mine = asyncio.create_task(my_part(world, shown, world.bert, 28_000))
    await hangs.reached()
    back_up(world.settings().database.url, backup, owners=[])
    hangs.release()
    card = await mine
    await world.recorded(card)
    await board(world, world.group, "Bert")
    await world.kill_process()
    await restored(world, backup)
    private = world.private(world.bert)
    await world.until(lambda: len(world.showing(private, Face.OPEN)) == 2, LATER_S)
    press = world.telegram.press(private, world.bert, card.id, text=texts.LEAVE_BUTTON)
    await press.answer
    await world.becomes(card, Face.CANCELLED)
    assert [each.state for each in world.node.invoices.values()] == [CANCELED]


async def test_a_backup_that_is_restored_at_once_tells_of_payments_as_before(
    world: World, backup: Path
) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    card = await world.ask(chat, world.anna, "/invoice 1")
    assert (await backed_up(world, backup)).code == 0
    assert await world.end_process() == 0
    await restored(world, backup)
    world.node.pay(world.request_in(card))
    await world.announced(chat, sats=1)
    await world.becomes(card, Face.PAID)
    assert len(world.announcements(chat)) == 1


async def test_an_owner_who_claimed_the_bot_may_hear_twice_after_a_restore(
    world: World, backup: Path
) -> None:
    claimed = 4711
    await world.start_process()
    await world.ask(world.private(world.anna), world.anna, "/invoice 1")
    with closing(sqlite3.connect(world.settings().database.file)) as database, database:
        values = (claimed, "owner", "", "", 0, 0.0)
        columns = "subject_id, role, name, username, by_id, granted_at"
        database.execute(f"INSERT INTO grants ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)
    assert (await backed_up(world, backup)).code == 0
    with closing(sqlite3.connect(backup)) as database:
        (notified,) = database.execute("SELECT notified FROM invoices").fetchone()
    assert str(claimed) in notified


async def test_a_backup_disturbs_no_running_bot(world: World, backup: Path) -> None:
    await world.start_process()
    chat = world.private(world.anna)
    for number in range(1, 4):
        process = await started("backup", str(backup), "--force", "--config", str(world.config()))
        await world.ask(chat, world.anna, f"/invoice {number}")
        assert (await ended(process)).code == 0
    assert [each.name for each in backup.parent.iterdir()] == [backup.name]
    world.no_trouble()
    assert "[warning] database" not in world.log()


async def test_what_cannot_be_backed_up_is_one_sentence(world: World, backup: Path) -> None:
    nothing = await backed_up(world, backup)
    missing = texts.why(DatabaseMissing(path=str(world.folder / "bot.db")))
    assert (nothing.code, nothing.out, nothing.lines) == (2, "", [missing])
    await world.start_process()
    for file, problem, options in (
        (world.folder / "bot.db", BackupProblem.IS_DATABASE, ["--force"]),
        (backup.parent, BackupProblem.IS_FOLDER, []),
        (backup.parent / "no" / "x.db", BackupProblem.FOLDER_MISSING, []),
    ):
        result = await backed_up(world, file, *options)
        path = file.parent if problem is BackupProblem.FOLDER_MISSING else file
        sentence = texts.why(BackupRefused(problem=problem, path=str(path)))
        assert (result.code, result.out, result.lines) == (2, "", [sentence])
    assert not list(backup.parent.iterdir())


async def test_a_backup_that_is_ended_leaves_nothing(world: World, backup: Path) -> None:
    await world.start_process()
    await world.ask(world.private(world.anna), world.anna, "/invoice 1")
    with closing(sqlite3.connect(world.folder / "bot.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE large (x)")
        other.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
            "INSERT INTO large SELECT zeroblob(20000) FROM n"
        )
    process = await started("backup", str(backup), "--config", str(world.config()))
    await until(lambda: bool(list(backup.parent.iterdir())))
    process.send_signal(signal.SIGTERM)
    result = await ended(process)
    assert result.code == 1
    assert "Traceback" not in result.err
    assert not list(backup.parent.iterdir())
