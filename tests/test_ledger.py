"""status, list and export at the command line, beside a bot that runs; lists after a restart."""

from __future__ import annotations

import asyncio
import csv
import fcntl
import io
import json
import os
import re
import sqlite3
import struct
import sys
import termios
from contextlib import closing
from pathlib import Path

import pytest

from bot import __version__, texts
from bot.core.invoice import Face
from bot.core.ledger import PAGE
from bot.core.wishes import OutputProblem
from bot.demo.telegram import Message
from bot.errors import (
    DatabaseMissing,
    InvoiceBotError,
    LimitRefused,
    NodeUnreachable,
    OptionsExclude,
    OutputRefused,
)
from tests.test_cli import Ended, ran
from tests.world import World

ROOT = Path(__file__).parent.parent
#: What reading takes at most, however many rows there are, beyond what a start takes: bytes.
MEMORY = 40_000_000


@pytest.fixture
def env(world: World) -> dict[str, str]:
    """The settings, without Telegram's: none of these commands needs it."""
    return {
        "INVOICE_BOT_LND__HOST": world.node.address,
        "INVOICE_BOT_LND__TLS_CERT": str(world.node.folder / "tls.cert"),
        "INVOICE_BOT_LND__MACAROON": str(world.node.folder / "admin.macaroon"),
        "INVOICE_BOT_DATABASE__URL": f"sqlite:///{world.folder}/bot.db",
        "TZ": "UTC",
    }


async def some_invoices(world: World) -> None:
    """One that is paid and one that is open, by a bot that still runs."""
    await world.start_process()
    paid = await world.ask(world.group, world.anna, "/invoice 2100 =pizza")
    world.node.pay(world.request_in(paid))
    await world.announced(world.group)
    await world.ask(world.private(world.bert), world.bert, "/invoice 5 tea")


def shown(ended: Ended) -> str:
    assert (ended.code, ended.err) == (0, "")
    return ended.out


async def test_status_tells_of_a_bot_that_runs(world: World, env: dict[str, str]) -> None:
    await some_invoices(world)
    await world.until((world.folder / "bot.alive").read_text)
    out = shown(await ran("status", env=env))
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert lines["Bot"].startswith("running since 20")
    assert lines["Bot"].endswith(f"version {__version__}")
    assert "on simnet, synced, at block" in lines["Node"]
    assert lines["Open"] == "1 invoice, 5 sats"
    assert lines["Paid today"] == "1 payment, 2,100 sats"
    assert lines["Last payment"].startswith("2,100 sats, 20")
    assert "can't be finished" not in out
    found = json.loads(shown(await ran("status", "--json", env=env)))
    assert (found["running"], found["version"]) == (True, __version__)
    assert found["open"] == {"count": 1, "msat": 5000}
    assert (found["paid_today"]["count"], found["paid_today"]["msat"]) == (1, 2_100_000)
    assert found["last_payment"]["msat"] == 2_100_000
    assert (found["node"]["answers"], found["node"]["problem"]) == (True, None)
    for at in (found["started_at"], found["paid_today"]["since"], found["last_payment"]["at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)


def test_the_names_in_json_are_those_of_the_readme() -> None:
    section = (ROOT / "README.md").read_text().partition("## At the command line")[2]
    for name in ("running", "started_at", "paid_today", "last_payment", "stuck", "inbound_msat"):
        assert f"`{name}`" in section


async def test_status_of_a_bot_and_a_node_that_are_away(world: World, env: dict[str, str]) -> None:
    await some_invoices(world)
    await world.kill_process()
    await world.node.down()
    out = shown(await ran("status", env=env))
    assert "Bot: not running\n" in out
    assert f"Node: {texts.why(NodeUnreachable())}\n" in out
    assert "Paid today: 1 payment, 2,100 sats\n" in out
    found = json.loads(shown(await ran("status", "--json", env=env)))
    assert (found["running"], found["version"], found["started_at"]) == (False, None, None)
    assert (found["node"]["answers"], found["node"]["problem"]) == (False, "node-unreachable")


@pytest.mark.parametrize("command", ["status", "list", "export"])
async def test_a_database_that_is_not_there_is_one_sentence(
    world: World, env: dict[str, str], command: str
) -> None:
    ended = await ran(command, env=env)
    why = texts.why(DatabaseMissing(path=str(world.folder / "bot.db")))
    assert (ended.code, ended.out, ended.err) == (2, "", f"{why}\n")
    assert not (world.folder / "bot.db").exists()


@pytest.mark.parametrize("command", ["status", "list", "export"])
async def test_nothing_is_changed_by_reading(
    world: World, env: dict[str, str], command: str
) -> None:
    await some_invoices(world)
    await world.end_process()
    before = {each.name: each.stat().st_mtime_ns for each in world.folder.glob("bot.db*")}
    shown(await ran(command, env=env))
    assert {each.name: each.stat().st_mtime_ns for each in world.folder.glob("bot.db*")} == before


# list


async def test_list_shows_the_newest_first(world: World, env: dict[str, str]) -> None:
    await some_invoices(world)
    heads, tea, pizza = shown(await ran("list", env=env)).splitlines()
    assert heads.split() == ["ASKED", "STATE", "AMOUNT", "BY", "IN", "MEMO"]
    assert re.split(" {2,}", tea)[1:] == ["open", "5 sats", "Bert", "private", "tea"]
    assert re.split(" {2,}", pizza)[1:] == [
        "paid",
        "2,100 sats",
        "Anna Berg",
        "Friday dinner",
        "=pizza",
    ]
    assert "tea" not in shown(await ran("list", "--paid", env=env))
    assert "pizza" not in shown(await ran("list", "--open", env=env))
    one = await ran("list", "--all", "--limit", "1", env=env)
    assert (one.code, one.err) == (0, f"{texts.more_than(1)}\n")
    assert len(one.out.splitlines()) == 2


async def test_nobody_breaks_a_line_of_the_list_or_writes_to_the_terminal(
    world: World, env: dict[str, str]
) -> None:
    await some_invoices(world)
    await world.end_process()
    hostile = "x\n\x1b[31mred\x1b]0;t\x07\r\u202e\u2028" + "\u6f22" * 60
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        names = "asker_name = ?, chat_title = ?, memo = ?"
        database.execute(f"UPDATE invoices SET {names}", (hostile, hostile, hostile))
        database.commit()
    for columns in ("40", "80", "200"):
        out = shown(await ran("list", env={**env, "COLUMNS": columns, "PYTHONUTF8": "1"}))
        assert len(out.splitlines()) == 3
        assert not set(out) & set("\x1b\x07\r\u202e\u2028")
        assert max(len(line) + line.count("\u6f22") for line in out.splitlines()) <= int(columns)


async def test_the_list_fits_the_terminal_also_through_a_pipe(
    world: World, env: dict[str, str]
) -> None:
    await some_invoices(world)
    leader, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "list"),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=terminal,
    )
    out, _ = await process.communicate()
    os.close(leader)
    os.close(terminal)
    lines = out.decode().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 50


@pytest.mark.parametrize(
    ("show", "said"),
    [
        ("--all", "No invoices."),
        ("--open", "No open invoices."),
        ("--paid", "No paid invoices."),
    ],
)
async def test_where_nothing_is_listed_it_says_of_which_kind(
    world: World, env: dict[str, str], show: str, said: str
) -> None:
    await world.start_process()
    await world.end_process()
    ended = await ran("list", show, env=env)
    assert (ended.code, ended.out, ended.lines) == (0, "", [said])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("list", "--open", "--paid"), OptionsExclude(options="--open, --paid and --all")),
        (("list", "--all", "--open"), OptionsExclude(options="--open, --paid and --all")),
        (("export", "--csv", "--json"), OptionsExclude(options="--csv and --json")),
        *(
            (("list", f"--limit={limit}"), LimitRefused(text=limit, most=100_000))
            for limit in ("0", "-1", "100001", "ten", "", "1.5", "\u0663")
        ),
    ],
)
async def test_a_wrong_argument_is_one_sentence(
    env: dict[str, str], arguments: tuple[str, ...], error: InvoiceBotError
) -> None:
    ended = await ran(*arguments, env={**env, "PYTHONUTF8": "1"})
    assert (ended.code, ended.out, ended.lines) == (2, "", [texts.why(error)])


# export


async def test_export_writes_csv_and_json_lines(world: World, env: dict[str, str]) -> None:
    await some_invoices(world)
    out = shown(await ran("export", env={**env, "PYTHONIOENCODING": "ascii"}))
    assert out.startswith("\ufeffasked_at,")
    pizza, tea = csv.DictReader(io.StringIO(out.removeprefix("\ufeff"), newline=""))
    assert (pizza["memo"], pizza["state"], pizza["paid_sats"]) == ("'=pizza", "paid", "2100")
    assert (tea["memo"], tea["state"], tea["settle_index"]) == ("tea", "open", "")
    lines = shown(await ran("export", "--json", env=env)).splitlines()
    first, second = map(json.loads, lines)
    assert (first["memo"], first["paid_msat"], second["paid_msat"]) == ("=pizza", 2_100_000, 0)
    assert list(first) == list(pizza)


async def test_export_takes_a_time_and_writes_a_file_for_its_owner_alone(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    await some_invoices(world)
    file = tmp_path / "out.csv"
    nothing = await ran("export", "--until", "2020", "--output", str(file), env=env)
    assert (nothing.code, nothing.out, len(file.read_text().splitlines())) == (0, "", 1)
    assert nothing.lines == [f"The file {file} has 0 invoices."]
    asked = ("export", "--since", "2020-01-01", "--output", str(file))
    again = await ran(*asked, env=env)
    why = texts.why(OutputRefused(problem=OutputProblem.EXISTS, option="--output", path=str(file)))
    assert (again.code, again.out, again.lines) == (2, "", [why])
    assert len(file.read_text().splitlines()) == 1
    replaced = await ran(*asked, "--force", env=env)
    assert (replaced.code, replaced.lines) == (0, [texts.exported_to(str(file), 2)])
    assert len(file.read_text().splitlines()) == 3
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.glob(".invoice*")] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "2026-10", "--until", "2026-09"),
        ("--output", "/nowhere/out.csv"),
        ("--csv", "--json"),
    ],
)
async def test_what_cannot_be_exported_is_said_and_exits_with_2(
    world: World, env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    await some_invoices(world)
    ended = await ran("export", *arguments, env=env)
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
    assert ended.err


async def test_no_file_is_written_through_a_link(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    await some_invoices(world)
    target = tmp_path / "target"
    (tmp_path / "out.csv").symlink_to(target)
    ended = await ran("export", "--output", str(tmp_path / "out.csv"), env=env)
    assert ended.code == 2
    assert not target.exists()


async def test_many_rows_do_not_fill_the_memory(world: World, env: dict[str, str]) -> None:
    await some_invoices(world)
    await world.end_process()

    async def peak() -> tuple[int, int]:
        """How many lines come, and the most memory that it took."""
        measure = (
            "import resource, runpy, sys\n"
            "sys.argv[1:] = ['export']\n"
            "try:\n    runpy.run_module('bot', run_name='__main__')\n"
            "finally:\n"
            "    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "    print(used, file=sys.stderr)\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", measure),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return len(out.splitlines()), 1024 * int(err)

    _, few = await peak()
    with closing(sqlite3.connect(world.folder / "bot.db")) as database:
        of = [each[1] for each in database.execute("PRAGMA table_info(invoices)")]
        own = {"id": "NULL", "origin_message_id": "n + 1000", "payment_hash": "randomblob(32)"}
        chosen = ", ".join(own.get(name, name) for name in of)
        database.execute(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) "
            f"INSERT INTO invoices SELECT {chosen} FROM c, (SELECT * FROM invoices LIMIT 1)"
        )
        database.commit()
    lines, many = await peak()
    assert lines == 20_003
    assert many - few < MEMORY


# lists after a restart


async def test_an_old_page_turns_after_a_restart(world: World) -> None:
    await world.start_bot()
    chat = world.private(world.anna)
    for number in range(1, PAGE + 3):
        await world.open_card(chat, world.anna, f"/invoice {number}")
    world.telegram.say(chat, world.anna, "/invoices")
    found = await world.until(lambda: [m for m in world.ours(chat) if is_list(m)])
    await world.stop_bot()
    await world.start_bot()
    world.telegram.press(chat, world.anna, found[0].id, text=texts.OLDER_BUTTON)
    await world.until(lambda: texts.NEWER_BUTTON in str(found[0].reply_markup))
    assert re.findall(r"· (\d+) sats?", found[0].text or "") == ["2", "1"]


async def test_the_list_of_an_anonymous_admin_is_turned_by_the_groups_admins(
    world: World,
) -> None:
    world.access = {"chats": frozenset({world.group.id})}
    world.telegram.set_anonymous(world.group, world.owner)
    world.telegram.promote(world.group, world.bot_user)  # only admins see who is an anonymous one
    await world.start_bot()
    for number in range(1, PAGE + 2):
        world.telegram.say(world.group, world.owner, f"/invoice {number}")
        await world.shown(world.group, Face.OPEN, number)
    world.telegram.say(world.group, world.owner, f"/invoices@{world.bot_user.username}")
    found = await world.until(lambda: [m for m in world.ours(world.group) if is_list(m)])
    press = world.telegram.press(world.group, world.bert, found[0].id, text=texts.OLDER_BUTTON)
    async with asyncio.timeout(30):
        assert (await press.answer).text == texts.LIST_OF_ANOTHER
    world.telegram.press(world.group, world.owner, found[0].id, text=texts.OLDER_BUTTON)
    await world.until(lambda: texts.NEWER_BUTTON in str(found[0].reply_markup))


def is_list(message: Message) -> bool:
    return "list:" in str(message.reply_markup)
