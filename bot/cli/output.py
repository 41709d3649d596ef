"""Where output goes: standard output, and the file of a picture. Knows what can go wrong there."""

from __future__ import annotations

import io
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import typer

from bot.core.wishes import OutputProblem
from bot.errors import OutputFailed, OutputRefused


def prepare() -> None:
    """The standard streams, as they have to be before anything else is opened."""
    # Where one is closed, the next file that is opened gets its number: a database, into which
    # libraries then write what they have to say on standard error.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every terminal has a ✓


def check_open() -> None:
    """Before the node is asked: somebody can see the invoice. Raises OutputRefused."""
    if sys.stdout is None:
        raise OutputRefused(problem=OutputProblem.CLOSED)


def printed(text: str) -> str:
    """Print it; the reason where that fails, or ""."""
    try:
        # in colour wherever it goes: only so it can be scanned from a dark terminal
        typer.echo(text, color=True)
    except BrokenPipeError:  # nobody wants to read on
        raise
    except OSError as error:
        return why_lost(sys.stdout) or error.strerror or str(error)
    return ""


def why_lost(stream: TextIO | None) -> str:
    """Why what was printed before cannot be written; "" where it can.

    What waits is dropped then: Python would try it once more at the end.
    """
    if stream is None:
        return ""
    try:
        stream.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return error.strerror or str(error)
    return ""


def check_target(file: Path) -> None:
    """Before the node is asked: a picture can be written there. Raises OutputRefused."""
    try:
        if file.is_dir():
            raise OutputRefused(problem=OutputProblem.IS_FOLDER, path=str(file))
        if file.is_symlink() or (file.exists() and not file.is_file()):
            raise OutputRefused(problem=OutputProblem.NOT_A_FILE, path=str(file))
        if not file.parent.is_dir():
            raise OutputRefused(problem=OutputProblem.FOLDER_MISSING, path=str(file.parent))
    except OSError as error:  # a name that is too long, a folder that nobody can look into
        raise _not_written(OutputRefused, file, error) from None
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise OutputRefused(problem=OutputProblem.FOLDER_READ_ONLY, path=str(file.parent))


def write(file: Path, picture: bytes) -> None:
    """Whole or not at all. Raises OutputFailed."""
    # Nobody knows its name beforehand, to lay a link there; and to replace one follows it nowhere.
    part = file.with_name(f".invoice-{secrets.token_hex(8)}.png")
    try:
        with part.open("xb") as opened:
            opened.write(picture)
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise _not_written(OutputFailed, file, error) from None


def _not_written(kind: type[OutputRefused], file: Path, error: OSError) -> OutputRefused:
    return kind(
        problem=OutputProblem.NOT_WRITTEN, path=str(file), reason=error.strerror or str(error)
    )
