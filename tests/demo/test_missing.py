"""A package without the demo, as in the image: every other command is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot import texts
from bot.errors import DemoMissing

DEMO_MISSING = texts.why(DemoMissing())
ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 30


def copy_package(to: Path, *left_out: str) -> None:
    """The package `bot` without some of its files or folders, in the folder `to`."""

    def ignore(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(ROOT)
        return {name for name in names if name == "__pycache__" or str(inside / name) in left_out}

    shutil.copytree(ROOT / "bot", to / "bot", ignore=ignore)


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line of the package in this folder."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("leftover", [False, True])
def test_without_the_package_the_demo_says_how_to_get_it(tmp_path: Path, leftover: bool) -> None:
    copy_package(tmp_path, "bot/demo")
    if leftover:  # as Python leaves a folder behind whose modules were deleted
        (tmp_path / "bot" / "demo" / "__pycache__").mkdir(parents=True)

    told = ran(tmp_path, "demo")

    assert (told.returncode, told.stdout, told.stderr) == (2, "", f"{DEMO_MISSING}\n")


def test_without_the_package_every_other_command_works(tmp_path: Path) -> None:
    copy_package(tmp_path, "bot/demo")

    assert ran(tmp_path, "--version").returncode == 0
    for command in ("run", "check", "invoice"):
        assert ran(tmp_path, command, "--help").returncode == 0
    assert ran(tmp_path, "run").returncode == 2  # no settings: it got as far as reading them


def test_a_demo_that_is_damaged_is_not_said_to_be_missing(tmp_path: Path) -> None:
    copy_package(tmp_path, "bot/demo/stage.py")

    told = ran(tmp_path, "demo")

    assert told.returncode == 1
    assert DEMO_MISSING not in told.stderr
    assert "stage" in told.stderr


def test_the_image_is_built_without_the_demo() -> None:
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    # of the patterns that match, Docker obeys the last one
    matching = [each for each in patterns if each.lstrip("!") in ("*", "bot", "bot/demo")]
    assert matching[-1] == "bot/demo"
