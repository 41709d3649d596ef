"""The demo's bot as a process: it is killed, started, told the time, and ends with the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from bot.config import load
from bot.core.invoice import Face
from bot.demo.run import ENDED
from bot.demo.stage import BOT_TOKEN, CONFIG, DATABASE
from tests.demo.live import Live, live
from tests.demo.visitor import ROOT, Demo
from tests.faces import role_of

GONE_WITHIN_S = 5.0


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path) as demo:
        yield demo


async def test_a_payment_while_the_bot_is_dead_is_told_once_it_is_started(demo: Live) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    pid = demo.stage.process.pid
    assert pid is not None

    await demo.stage.process.kill()
    assert demo.stage.process.state == "killed"
    assert not psutil.pid_exists(pid)
    await demo.pay(demo.ben, card)
    assert role_of(card.text or "") == Face.OPEN  # it still asks for money

    await demo.stage.process.start()
    await demo.until(lambda: role_of(card.text or "") == Face.PAID)
    assert demo.stage.process.pid != pid


async def test_what_is_asked_while_the_bot_is_dead_gets_its_card_afterwards(demo: Live) -> None:
    await demo.stage.process.kill()
    asked = demo.say(demo.ben, "/invoice 300 bread")
    await demo.stage.process.start()
    await demo.until(lambda: demo.card(asked))


async def test_the_demos_clock_reaches_the_bot(demo: Live) -> None:
    card = await demo.ask(demo.ada, "/invoice 2100 pizza")
    demo.stage.clock.move(3600)
    await demo.until(lambda: role_of(card.text or "") == Face.EXPIRED)

    await demo.stage.process.kill()  # and the next one begins with it
    await demo.stage.process.start()
    later = await demo.ask(demo.ada, "/invoice 900 wine")
    demo.stage.clock.move(3600)
    await demo.until(lambda: role_of(later.text or "") == Face.EXPIRED)


async def test_what_a_real_owner_is_warned_of_is_not_on_the_visitors_terminal(
    demo: Live, capfd: pytest.CaptureFixture[str]
) -> None:
    await demo.ask(demo.ada, "/invoice 2100 pizza")
    await demo.page.backstage.faults.switch("supergroup", on=True)
    await demo.stage.process.kill()
    await demo.stage.process.start()
    await demo.ask(demo.ada, "/invoice 900 after the move")
    await demo.stage.set_node("down")
    asked = demo.say(demo.ben, "/invoice 300 of a node that is down")
    await demo.until(lambda: demo.answers(asked))
    await demo.stage.process.end()
    assert capfd.readouterr() == ("", "")


async def test_a_bot_that_ends_by_itself_leaves_its_last_words(
    demo: Live, capfd: pytest.CaptureFixture[str]
) -> None:
    process = demo.stage.process
    await process.kill()
    database = demo.stage.folder / DATABASE
    content = database.read_bytes()
    database.write_bytes(b"no database at all" * 100)
    for beside in ("-wal", "-shm"):
        database.with_name(DATABASE + beside).unlink(missing_ok=True)

    await process.start()
    await demo.until(lambda: process.state == "ended")
    assert process.exit_code == 2
    assert DATABASE in " ".join(process.words)
    assert DATABASE in capfd.readouterr().err

    database.write_bytes(content)
    await process.start()
    await demo.until(lambda: process.state == "running")
    assert process.words == []


async def test_its_settings_are_a_file_that_run_reads_and_no_secret_is_in_a_list_of_processes(
    demo: Live,
) -> None:
    file = demo.stage.folder / CONFIG
    assert load(file).telegram.token.get_secret_value() == BOT_TOKEN
    assert file.stat().st_mode & 0o077 == 0
    assert BOT_TOKEN not in " ".join(psutil.Process(demo.stage.process.pid).cmdline())


async def test_two_starts_at_once_make_one_process(demo: Live) -> None:
    await demo.stage.process.kill()
    before = len(demo.stage.process.lives)
    for _ in range(2):
        await demo.stage.process.start()
    await demo.until(lambda: demo.stage.process.state == "running")
    assert len(demo.stage.process.lives) == before + 1
    mine = psutil.Process().children()
    assert [each.pid for each in mine if "bot.demo.bot" in each.cmdline()] == [
        demo.stage.process.pid
    ]


def bots_of(parent: int) -> list[psutil.Process]:
    return [each for each in psutil.Process(parent).children() if "bot.demo.bot" in each.cmdline()]


@pytest.mark.parametrize(
    "is_stopped",
    [
        False,
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="only Linux kills what is stopped with its parent"
            ),
        ),
    ],
)
def test_a_demo_that_is_killed_takes_its_bot_along(is_stopped: bool) -> None:
    with Demo("--port", "0") as demo:
        demo.address()
        (bot,) = bots_of(demo.pid)
        if is_stopped:
            bot.suspend()
        os.kill(demo.pid, signal.SIGKILL)
        demo.outcome()
        psutil.wait_procs([bot], timeout=GONE_WITHIN_S)
        assert not bot.is_running()


def test_a_demo_that_is_killed_while_it_starts_leaves_no_bot() -> None:
    with Demo("--port", "0") as demo:
        until = time.monotonic() + 20
        while not (bots := bots_of(demo.pid)):
            assert time.monotonic() < until
        os.kill(demo.pid, signal.SIGKILL)
        demo.outcome()
        psutil.wait_procs(bots, timeout=GONE_WITHIN_S)
        assert not any(bot.is_running() for bot in bots)


def test_ctrl_c_ends_the_bot_in_order_and_leaves_no_process() -> None:
    with Demo("--port", "0") as demo:
        demo.address()
        (bot,) = bots_of(demo.pid)
        assert demo.end() == (0, f"{ENDED}\n", "")
        assert not bot.is_running()


def test_a_bot_that_stands_still_keeps_no_demo_from_its_end() -> None:
    with Demo("--port", "0") as demo:
        demo.address()
        (bot,) = bots_of(demo.pid)
        bot.suspend()
        assert demo.end() == (0, f"{ENDED}\n", "")
        assert not bot.is_running()


def test_settings_of_a_real_bot_in_the_environment_are_not_the_demos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INVOICE_BOT_TELEGRAM__TOKEN", "123456789:AAE-a-real-bots-token-of-long-ago")
    monkeypatch.setenv("INVOICE_BOT_LND__HOST", "lnd.invalid:10009")
    with Demo("--port", "0") as demo:
        demo.address()
        assert len(bots_of(demo.pid)) == 1  # with that token it would have ended
        assert demo.end() == (0, f"{ENDED}\n", "")


def test_a_bot_without_a_demo_ends_at_once() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bot.demo.bot", "--config", "none.toml"],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        timeout=20,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_told_twice_to_end_leaves_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Demo("--port", "0") as demo:
        demo.address()
        (folder,) = tmp_path.glob("invoice-bot-demo-*")
        whole = psutil.Process(demo.pid)
        everybody = [whole, *whole.children(recursive=True)]
        for _ in range(2):
            os.kill(demo.pid, number)
        code, _, _ = demo.outcome()
        assert code in (0, 130)  # the second one may come after all is over
    psutil.wait_procs(everybody, timeout=GONE_WITHIN_S)
    assert not folder.exists()


def test_a_demo_that_is_killed_leaves_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Demo("--port", "0") as demo:
        demo.address()
        (folder,) = tmp_path.glob("invoice-bot-demo-*")
        whole = psutil.Process(demo.pid)
        everybody = whole.children(recursive=True)
        whole.kill()
        demo.outcome()
    psutil.wait_procs(everybody, timeout=GONE_WITHIN_S)
    assert not folder.exists()
