"""The systemd unit that `unit` prints: what systemd thinks of it, and what the bot can do."""

from __future__ import annotations

import asyncio
import getpass
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot
from bot import texts
from bot.cli import NEEDS_FIXING
from bot.errors import PathForUnitRefused, UserUnknown
from bot.listener import CONNECTIONS
from bot.store import Store, say_alive
from bot.texts.service import STOP_S
from tests.test_cli import END_S, ROOT, Ended, ran
from tests.world import TOKEN, World

#: systemd's own measure of what a service can do, from 0 to 10.
MOST_EXPOSED = 2.5

analyze = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(analyze is None, reason="no systemd here")


def settings(world: World, folder: Path, *, database: str = "invoice-bot.db") -> Path:
    """A settings file in a folder of the bot's own, its macaroon beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(world.node.folder / "invoice.macaroon", folder / "bot.macaroon")
    file = folder / "config.toml"
    file.write_text(
        f"""
        [telegram]
        token = "{TOKEN}"
        [lnd]
        tls_cert = "{world.node.folder}/tls.cert"
        macaroon = "bot.macaroon"
        [database]
        url = "sqlite:///{database}"
        """
    )
    return file


async def printed(file: Path, *arguments: str, env: dict[str, str] | None = None) -> Ended:
    result = await ran("unit", *arguments, "--config", str(file), env=env)
    assert result.code == 0, result.err
    return result


def lines(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        if match := re.fullmatch(r"([A-Z]\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def analyzed(folder: Path, unit: str, *what: str) -> str:
    """What systemd-analyze prints of it."""
    file = folder / "invoice-bot.service"
    file.write_text(unit)
    assert analyze is not None
    result = subprocess.run([analyze, *what, file], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


@needs_systemd
@pytest.mark.parametrize("folder", ["bot", "my own bot", "50%h of $HOME"])
async def test_systemd_finds_nothing_wrong_with_the_unit(
    world: World, tmp_path: Path, folder: str
) -> None:
    unit = (await printed(settings(world, tmp_path / folder))).out
    assert analyzed(tmp_path, unit, "verify", "--man=no") == ""


@needs_systemd
async def test_the_unit_lets_the_bot_do_little(world: World, tmp_path: Path) -> None:
    unit = (await printed(settings(world, tmp_path / "bot"))).out
    said = analyzed(tmp_path, unit, "security", "--offline=true", "--no-pager")
    exposed = re.search(r"exposure level for invoice-bot\.service: ([\d.]+)", said)
    assert exposed is not None
    assert float(exposed[1]) < MOST_EXPOSED


async def test_the_unit_has_this_machines_paths_and_user(world: World, tmp_path: Path) -> None:
    file = settings(world, tmp_path / "bot")
    unit = lines((await printed(file)).out)
    assert unit["User"] == [getpass.getuser()]
    assert unit["WorkingDirectory"] == [str(file.parent)]
    program = Path(sys.executable).with_name("invoice-bot")
    assert unit["ExecStart"] == [f"{program} run --config {file}"]
    assert (await printed(file, "--user", "daemon")).out.count("\nUser=daemon\n") == 1


async def test_only_the_databases_folder_can_be_written(world: World, tmp_path: Path) -> None:
    file = settings(world, tmp_path / "bot", database="data/bot.db")
    unit = lines((await printed(file)).out)
    assert unit["BindPaths"] == [str(file.parent / "data")]
    assert "ReadWritePaths" not in unit
    assert (unit["ProtectSystem"], unit["ProtectHome"]) == (["strict"], ["tmpfs"])
    seen = [Path(each.removeprefix("-")) for each in unit["BindReadOnlyPaths"]]
    for needed in (file, world.node.folder / "tls.cert", file.parent / "bot.macaroon"):
        assert [each for each in seen if needed.is_relative_to(each)], needed


async def test_a_database_that_is_hidden_from_nobody_is_made_writable(
    world: World, tmp_path: Path
) -> None:
    file = settings(world, tmp_path / "bot", database="/var/lib/invoice-bot/bot.db")
    unit = lines((await printed(file)).out)
    assert unit["ReadWritePaths"] == ["/var/lib/invoice-bot"]
    assert "BindPaths" not in unit


async def test_the_program_cannot_be_written_even_in_the_databases_folder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(bot.__file__).parent.parent
    file = settings(world, world.folder / "bot", database=f"{root}/bot.db")
    unit = lines((await printed(file)).out)
    inside = "BindPaths" if "BindPaths" in unit else "ReadWritePaths"
    assert unit[inside] == [str(root)]
    assert f"-{root}/bot" in unit["BindReadOnlyPaths"]


async def test_what_needs_fixing_first_is_not_started_again(world: World, tmp_path: Path) -> None:
    unit = lines((await printed(settings(world, tmp_path / "bot"))).out)
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == [str(NEEDS_FIXING)]


async def test_the_unit_waits_for_a_sign_of_life_and_for_an_orderly_end(
    world: World, tmp_path: Path
) -> None:
    unit = lines((await printed(settings(world, tmp_path / "bot"))).out)
    assert unit["Type"] == ["notify"]
    assert int(unit["WatchdogSec"][0]) > 0
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert END_S < STOP_S


async def test_what_to_do_with_the_unit_is_beside_it_and_not_in_it(
    world: World, tmp_path: Path
) -> None:
    file = settings(world, tmp_path / "bot")
    proxy = "http://me:secret@127.0.0.1:3128"
    env = {"INVOICE_BOT_LOG__LEVEL": "debug", "https_proxy": proxy}
    result = await printed(file, env=env)
    for step in ("| sudo tee /etc/systemd", "systemctl daemon-reload", "systemctl enable --now"):
        assert step in result.err
    assert texts.proxy_left_out(["https_proxy"]) in result.err
    assert "secret" not in result.out + result.err
    assert texts.variables_left_out(["INVOICE_BOT_LOG__LEVEL"]) in result.err
    assert "systemctl" not in result.out
    assert TOKEN not in result.out + result.err


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_what_the_services_user_cannot_reach_is_said_with_the_cure(world: World) -> None:
    file = settings(world, world.folder / "bot")
    inside = (file, file.parent / "bot.macaroon")
    for each in (file.parent, *inside):
        each.chmod(0o700)
    assert cures(await printed(file, "--user", "daemon")) == [given(file.parent, *inside)]
    file.parent.chmod(0o755)
    assert cures(await printed(file, "--user", "daemon")) == [given(file.parent, *inside)]
    for each in (file.parent, *inside):
        shutil.chown(each, "daemon")
    assert cures(await printed(file, "--user", "daemon")) == []
    assert cures(await printed(settings(world, world.folder / "mine"))) == []


def given(*places: Path) -> str:
    return f"chown daemon {' '.join(map(str, sorted(places)))}"


def cures(result: Ended) -> list[str]:
    """The commands that are printed, each without sudo."""
    lines = [line.strip() for line in result.err.splitlines() if line.startswith("    sudo ch")]
    return [each.removeprefix("sudo ") for line in lines for each in line.split(" && ")]


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder of this user's alone, as setup makes files; nothing above it is closed."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


#: Root does all of it with another bot first: what is loaded late is loaded while it can be read.
AS_SOMEBODY = """
import asyncio, os, sys
from pathlib import Path
import bot.app, bot.cli
from bot.config import load
from bot.errors import InvoiceBotError
from bot.store import Store, say_alive

async def written(url):
    store = await Store.open(url)
    await store.do(lambda tx: tx.memory.beat(1.0))
    await store.close()

def start(file):
    settings = load(Path(file), {})
    asyncio.run(written(settings.database.address))
    say_alive(settings.database.file, version="1", started_at=1.0)

start(sys.argv[1])
number = int(sys.argv[3])
os.setgroups([]); os.setgid(number); os.setuid(number)
try:
    start(sys.argv[2])
except InvoiceBotError as error:
    print(type(error).__name__, error.values)
"""


def as_somebody(file: Path, another: Path, name: str = "daemon") -> str:
    """A start of the bot's by this user, up to the node and Telegram; what is wrong, or ""."""
    number = str(pwd.getpwnam(name).pw_uid)
    done = subprocess.run(
        [sys.executable, "-c", AS_SOMEBODY, another, file, number],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not done.stderr, done.stderr
    return done.stdout


def all_in(world: World, folder: Path, *, database: str = "invoice-bot.db") -> Path:
    """Settings with all that they name in one folder."""
    file = settings(world, folder, database=database)
    shutil.copy(world.node.folder / "tls.cert", folder / "lnd.cert")
    (folder / "token").write_text(TOKEN)
    text = file.read_text().replace(f'token = "{TOKEN}"', 'token_file = "token"')
    file.write_text(text.replace(f"{world.node.folder}/tls.cert", "lnd.cert"))
    return file


#: What a bot that was killed leaves, beside what is always there.
LEFT = ("-wal", "-shm", ".pid")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("database", ["invoice-bot.db", "data/bot.db"])
@pytest.mark.parametrize("mode", [0o600, 0o400])
async def test_after_the_printed_commands_the_services_user_can_start_the_bot(
    world: World, tmp_path: Path, closed_folder: Path, database: str, mode: int
) -> None:
    file = all_in(world, closed_folder, database=database)
    path = closed_folder / database
    path.parent.mkdir(exist_ok=True)
    store = await Store.open(f"sqlite:///{path}")
    kept = {end: path.with_name(path.name + end) for end in LEFT}
    content = {end: each.read_bytes() for end, each in kept.items() if each.exists()}
    await store.close()
    for end, left in content.items():
        kept[end].write_bytes(left)
    say_alive(path, version="1", started_at=1.0)
    every = [each for each in closed_folder.rglob("*") if each.is_file()]
    assert len(every) > 7
    for each in every:
        each.chmod(mode)
    for folder in (closed_folder, path.parent):
        folder.chmod(0o700)
    result = await printed(file, "--user", "daemon")
    for command in cures(result):
        done = await asyncio.create_subprocess_exec(*shlex.split(command))
        assert await done.wait() == 0
    assert as_somebody(file, settings(world, tmp_path / "another")) == ""
    assert cures(await printed(file, "--user", "daemon")) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("ending", [".lock", "-wal", "-shm"])
async def test_a_file_beside_the_database_that_its_user_cannot_open_is_named_and_not_its_folder(
    world: World, tmp_path: Path, closed_folder: Path, ending: str
) -> None:
    file = all_in(world, closed_folder)
    path = closed_folder / "invoice-bot.db"
    store = await Store.open(f"sqlite:///{path}")
    closed = path.with_name(path.name + ending)
    content = closed.read_bytes()
    await store.close()
    closed.write_bytes(content)
    closed.chmod(0o600)
    for each in (closed_folder, *closed_folder.iterdir()):
        if each != closed:
            shutil.chown(each, "daemon")
    said = f"DatabaseFileClosed {{'path': '{closed}', 'reason': 'Permission denied'}}\n"
    assert as_somebody(file, settings(world, tmp_path / "another")) == said
    assert cures(await printed(file, "--user", "daemon")) == [given(closed)]


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_a_program_that_the_services_user_cannot_use_is_said(
    world: World, tmp_path: Path, closed_folder: Path
) -> None:
    copy = closed_folder / "program"
    shutil.copytree(ROOT / "bot", copy / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "bot").chmod(0o700)
    file = settings(world, tmp_path / "bot")
    asked = ("unit", "--user", "daemon", "--config", str(file))
    result = await ran(*asked, env={"PYTHONPATH": str(copy)}, cwd=copy)
    assert texts.program_not_reached("daemon", copy / "bot" / "__init__.py") in result.err


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_lnds_own_certificate_is_copied_and_not_given_away(
    world: World, tmp_path: Path
) -> None:
    file = settings(world, tmp_path / "bot")
    certificate = world.node.folder / "tls.cert"
    certificate.chmod(0o600)
    result = await printed(file, "--user", "daemon")
    assert texts.not_reached_elsewhere("daemon", certificate) in result.err
    assert str(certificate) not in [
        word for line in result.err.splitlines() if "chown" in line for word in line.split()
    ]


@pytest.mark.parametrize("folder", ["a\nb", "C:\\bot", 'the "bot"', "x:y"])
async def test_a_path_that_systemd_would_read_otherwise_is_refused(
    world: World, tmp_path: Path, folder: str
) -> None:
    file = settings(world, tmp_path / folder)
    result = await ran("unit", "--config", str(file))
    refusal = texts.why(PathForUnitRefused(path=str(file.parent)))
    assert (result.code, result.out, result.lines) == (2, "", [refusal])


async def test_a_user_that_nobody_knows_is_refused(world: World, tmp_path: Path) -> None:
    file = settings(world, tmp_path / "bot")
    result = await ran("unit", "--user", "no-such-user", "--config", str(file))
    refusal = texts.why(UserUnknown(name="no-such-user"))
    assert (result.code, result.out, result.lines) == (2, "", [refusal])


async def test_the_service_has_descriptors_for_far_more_than_may_connect(
    world: World, tmp_path: Path
) -> None:
    unit = await printed(settings(world, tmp_path / "bot"))
    (most,) = lines(unit.out)["LimitNOFILE"]
    assert int(most) >= 10 * CONNECTIONS
