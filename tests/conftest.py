"""Fixtures that several tests share."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bot import logs
from bot.store import Store
from tests import postgres
from tests.postgres import Cluster
from tests.store.made import opened
from tests.world import World

# How long an example takes says more of the machine than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# What is imported and collected stays to the end: it is never looked through for garbage.
gc.disable()


#: Seconds after which a test that is late, and has survived that, is ended once more.
AGAIN_S = 5.0

#: What `make test` leaves out: below tests/, files and folders whose tests start processes, kill
#: them, drive a browser or wait for what takes its time; and single tests that try very much.
SLOW = (
    "actions/test_managing.py::test_what_comes_of_each_wish_in_each_state",
    "chat/test_boards.py::test_a_forged_press_changes_nothing_and_is_answered",
    "chat/test_grants.py::test_an_edited_or_forwarded_command_changes_nothing_also_of_an_owner",
    "chat/test_qr.py::test_an_open_picture_is_read_back",
    "chat/test_qr.py::test_an_open_picture_is_read_back_by_another_library",
    "chat/test_qr.py::test_each_module_is_where_qrcode_puts_it",
    "chat/test_turns.py",
    "cli",
    "demo/test_backstage.py",
    "demo/test_page.py",
    "demo/test_page_behind.py",
    "demo/test_page_boards.py",
    "demo/test_page_crowd.py",
    "demo/test_page_everybody.py",
    "demo/test_page_links.py",
    "demo/test_page_split.py",
    "demo/test_page_tabs.py",
    "demo/test_page_tour.py",
    "demo/test_page_wallet.py",
    "demo/test_pictures.py",
    "demo/test_process.py",
    "demo/test_run.py",
    "engine/test_engine.py",
    "engine/test_payment_notices.py",
    "health/test_health_app.py",
    "node/test_sweep.py",
    "store/test_cost.py",
    "store/test_migrations.py::test_each_version_becomes_the_newest",
    "store/test_move.py",
    "store/test_office.py",
    "store/test_reading.py::test_whatever_the_file_says_nothing_breaks",
    "store/test_receipts.py",
    "store/test_rows.py::test_what_is_expected_is_packed_as_what_is_written",
    "test_absences.py",
    "test_abuse.py",
    "test_bench.py",
    "test_board_attacks.py",
    "test_board_crowds.py",
    "test_board_faults.py",
    "test_board_orders.py",
    "test_boards.py",
    "test_breakage_database.py",
    "test_breakage_messages.py",
    "test_breakage_node.py",
    "test_cli.py",
    "test_cli_at_node.py",
    "test_collections.py",
    "test_crash.py",
    "test_guests.py",
    "test_ledger.py",
    "test_logs.py::test_a_log_that_nobody_reads_holds_up_neither_the_process_nor_its_end",
    "test_logs.py::test_lines_that_nobody_read_in_time_are_counted_in_their_place",
    "test_notices.py",
    "test_odd_answers.py",
    "test_odd_node.py",
    "test_orders.py",
    "test_parts.py",
    "test_refusals.py",
    "test_restore.py",
    "test_scale.py",
    "test_splits.py",
    "test_storm.py",
    "test_turns.py",
    "test_unit.py",
    "test_webhook.py",
    "texts/test_texts_boards.py::test_fifty_parts_with_the_longest_names_fit",
    "texts/test_texts_boards.py::test_five_hundred_gifts_with_the_longest_names_fit",
    "texts/test_texts_cards.py::test_every_card_is_parsed_and_fits_whatever_people_wrote",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        path = item.path.relative_to(here).as_posix()
        name = f"{path}::{getattr(item, 'originalname', item.name)}"
        if any(slow in (path, name) or path.startswith(f"{slow}/") for slow in SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


class _Named:
    """Names what failed at once, where nobody may wait for the end."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.write_line(f"\nfailed after {report.duration:.1f} s: {report.nodeid}")


def pytest_sessionstart(session: pytest.Session) -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:  # nohup: what a test starts would ignore it
            signal.signal(number, signal.SIG_DFL)
    plugins = session.config.pluginmanager
    terminal = plugins.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(session.config, "workerinput") and "CI" in os.environ:
        plugins.register(_Named(terminal))


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(settings: Any) -> Generator[None, object, object]:
    """A loop's callback that is under way at that moment swallows what ends the test."""
    is_set = yield
    if settings.method == "signal":
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, AGAIN_S)
    return is_set


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own secrets: searching for all that ever were costs seconds."""
    monkeypatch.setattr(logs, "_secrets", set())
    monkeypatch.setattr(logs, "_user_infos", {})
    monkeypatch.setattr(logs, "_pattern", logs._RECOGNIZED)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A node, a Telegram and people; the bot is started by the test."""
    world = World(tmp_path)
    await world.open()
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Cluster]:
    """A PostgreSQL of this test run's own, started by the first test that needs it."""
    if not postgres.is_installed():
        pytest.skip("needs Debian's package postgresql")
    root = tmp_path_factory.getbasetemp()
    root = (root if worker_id == "master" else root.parent) / "postgres"
    with postgres.shared(root, worker_id) as cluster:
        postgres.prepared(cluster, root)
        yield cluster


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """The name of a PostgreSQL database of its own, with all tables and no row."""
    with postgres.database(cluster) as name:
        yield name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a database without a row: to make one takes longer than most tests."""
    file = tmp_path_factory.mktemp("empty") / "bot.db"

    async def make() -> None:
        async with opened(file):
            pass

    asyncio.run(make())
    return file.read_bytes()


@pytest.fixture
async def store(file: Path, empty: bytes) -> AsyncIterator[Store]:
    file.write_bytes(empty)
    async with opened(file) as store:
        yield store
