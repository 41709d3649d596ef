"""What commands write, and never over the bot's own files."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from bot import texts
from bot.core.wishes import BackupProblem, OutputProblem
from bot.errors import BackupRefused, OutputRefused
from tests.test_cli import ran
from tests.world import TOKEN, World

#: The commands that write a file, each with the option that names it.
COMMANDS = [("invoice 5 --png", "--png"), ("export --output", "--output"), ("backup", "")]
OWN = ["config.toml", "token", "tls.cert", "bot.macaroon", "bot.db", "bot.db.lock", "bot.alive"]


@pytest.fixture
async def folder(world: World, tmp_path: Path) -> Path:
    """Of a bot that has run."""
    shutil.copy(world.node.folder / "tls.cert", tmp_path / "tls.cert")
    shutil.copy(world.node.folder / "invoice.macaroon", tmp_path / "bot.macaroon")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "config.toml").write_text(
        f"""
        [telegram]
        token_file = "token"
        [lnd]
        host = "{world.node.address}"
        tls_cert = "tls.cert"
        macaroon = "bot.macaroon"
        [database]
        url = "sqlite:///bot.db"
        """
    )
    await world.start_bot()
    await world.stop_bot()
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


@pytest.mark.parametrize(("command", "option"), COMMANDS)
async def test_no_command_writes_over_the_bots_own_files(
    world: World, folder: Path, command: str, option: str
) -> None:
    before = content(folder)
    for name in OWN:
        result = await ran(*command.split(), name, "--force", cwd=folder)
        if option:
            values = {"path": name, "option": option}
            error = texts.why(OutputRefused(problem=OutputProblem.IS_OURS, **values))
        else:
            of_database = name.startswith("bot.") and name != "bot.macaroon"
            problem = BackupProblem.IS_DATABASE if of_database else BackupProblem.IS_OURS
            error = texts.why(BackupRefused(problem=problem, path=name))
        assert (result.code, result.out, result.lines) == (2, "", [error])
    assert content(folder) == before
    assert not world.node.invoices


@pytest.mark.parametrize(("command", "option"), COMMANDS)
async def test_a_file_that_is_there_is_replaced_by_no_command_without_force(
    world: World, folder: Path, command: str, option: str
) -> None:
    (folder / "theirs").write_bytes(b"precious")
    result = await ran(*command.split(), "theirs", cwd=folder)
    assert (result.code, result.out) == (2, "")
    assert (folder / "theirs").read_bytes() == b"precious"
    assert not world.node.invoices
    assert (await ran(*command.split(), "theirs", "--force", cwd=folder)).code == 0
    assert (folder / "theirs").read_bytes() != b"precious"


async def test_a_file_that_comes_while_the_node_is_asked_is_not_replaced(
    world: World, folder: Path
) -> None:
    stall = world.node.stall("AddInvoice")
    asked = asyncio.create_task(ran("invoice", "5", "--png", "theirs", cwd=folder))
    await stall.reached(30.0)
    (folder / "theirs").write_bytes(b"precious")
    stall.release()
    result = await asked
    exists = OutputRefused(problem=OutputProblem.EXISTS, path="theirs", option="--png")
    assert (result.code, result.lines) == (1, [texts.why(exists)])
    assert len(world.node.invoices) == 1
    assert next(iter(world.node.invoices.values())).payment_request in result.out.lower()
    assert (folder / "theirs").read_bytes() == b"precious"
