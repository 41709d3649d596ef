"""What `make demo` says to somebody who runs it for the first time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

if shutil.which("make") is None:
    pytest.skip("no make here", allow_module_level=True)


def planned(folder: Path, target: str) -> str:
    """What make would do for this target in a folder without .venv."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    done = subprocess.run(
        ["make", "--dry-run", target],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


def test_the_first_start_of_the_demo_says_what_it_installs_and_about_how_long(
    tmp_path: Path,
) -> None:
    lines = planned(tmp_path, "demo").splitlines()
    installs = next(at for at, line in enumerate(lines) if "pip install" in line)
    creates = next(at for at, line in enumerate(lines) if "-m venv" in line)
    assert any(line.startswith("echo") and "seconds" in line for line in lines[:creates])
    said = [line for line in lines[creates:installs] if line.startswith("echo")]
    assert any("packages" in line and "minute" in line for line in said)
