"""move-database at a terminal: how far it is, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.store import Reader, Store
from tests.store.made import row

PASSWORD = "what-only-the-server-knows"


def moved(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code, and all that is said."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "move-database", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, (done.stdout + done.stderr).splitlines()


async def test_a_file_becomes_another_one_and_each_table_is_told(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'old.db'}")
    await row(store, 1)
    await store.close()
    code, said = moved(tmp_path, "sqlite:///old.db", "sqlite:///new.db")
    assert code == 0, said
    assert "1 row copied. Now set database.url to it." in said
    assert "invoices: 1 of 1" in said
    new = Reader(f"sqlite:///{tmp_path / 'new.db'}")
    assert new.do(lambda tx: tx.invoices.get(1)) is not None


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("old.db", "sqlite:///new.db", "FROM is not a database's address."),
        ("sqlite:///old.db", "mysql://x/y", "TO is not a database's address."),
        (
            "sqlite:///old.db",
            f"postgresql://bot:{PASSWORD}@db.example/x",
            "TO has a password in it, which other users of this machine can read.",
        ),
        ("sqlite:///old.db", "sqlite:///old.db", "FROM and TO are the same database."),
        ("sqlite:///old.db", "sqlite:///new.db", "FROM: there is no database "),
    ],
)
def test_what_cannot_be_moved_is_refused_in_one_line(
    tmp_path: Path, source: str, target: str, said: str
) -> None:
    code, lines = moved(tmp_path, source, target)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(said)
    assert list(tmp_path.iterdir()) == []
