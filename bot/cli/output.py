"""Where output goes: standard output, and the file of a picture. Knows what can go wrong there."""

from __future__ import annotations

import codecs
import io
import os
import secrets
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from bot.core.wishes import OutputProblem
from bot.errors import OutputFailed, OutputRefused

if TYPE_CHECKING:
    from bot.chat.qr import Drawing

#: In a file's place: standard output.
STANDARD_OUTPUT = "-"

#: What not every terminal has, and what is written there instead; of all else a question mark.
_PLAIN = {"✓": "+", "✗": "x", "…": "...", "–": "-"}


def prepare() -> None:
    """The standard streams, as they have to be before anything else is opened."""
    # Where one is closed, the next file that is opened gets its number: a database, into which
    # libraries then write what they have to say on standard error.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    # With PYTHONUNBUFFERED (the image sets it) nothing waits to be written, so that afterwards
    # nobody could tell that the output was lost.
    if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(sys.stdout.buffer),
            encoding=sys.stdout.encoding,
            line_buffering=sys.stdout.isatty(),
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_PLAIN)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in letters), error.end


_AS_PLAIN = "invoice-bot.plain"
codecs.register_error(_AS_PLAIN, _plain)


def check_open() -> None:
    """Before the node is asked: somebody can see the invoice. Raises OutputRefused."""
    if sys.stdout is None:
        raise OutputRefused(problem=OutputProblem.CLOSED)


def printed(text: str) -> str:
    """Print what nobody may lose; the reason where that fails, or ""."""
    try:
        _print(text)
    except OSError as error:
        return _reason(error)
    return ""


def shown(text: str) -> None:
    """Print what a command is about. Raises OutputFailed."""
    try:
        _print(text)
    except BrokenPipeError:  # nobody wants to read on
        raise
    except OSError as error:
        raise OutputFailed(problem=OutputProblem.LOST, reason=_reason(error)) from None


def _print(text: str) -> None:
    typer.echo(text, color=True)  # `drawn` has seen whether colours can be shown


def _reason(error: OSError) -> str:
    return why_lost(sys.stdout) or error.strerror or str(error)


def said(text: str) -> None:
    """Write it to standard error; where that fails, nobody could read why."""
    try:
        typer.echo(text, err=True)
    except OSError:
        why_lost(sys.stderr)


def printed_picture(picture: bytes) -> str:
    """Write a picture to standard output; the reason where that fails, or ""."""
    try:
        sys.stdout.buffer.write(picture)
        sys.stdout.buffer.flush()
    except OSError as error:
        return _reason(error)
    return ""


def drawn(payment_request: str) -> str:
    """The QR code as standard output can show it, or a sentence in its place."""
    from bot import texts  # noqa: PLC0415
    from bot.chat import qr  # noqa: PLC0415

    drawing = _drawing()
    if drawing is None:
        return texts.NO_CODE_HERE
    try:
        code = qr.terminal(payment_request, drawing)
    except ValueError:
        return texts.NO_CODE
    columns = _columns()
    return code.text if code.columns <= columns else texts.code_too_wide(code.columns, columns)


def _drawing() -> Drawing | None:
    """How a code can be shown there; None where it could not be scanned."""
    from bot.chat.qr import Drawing  # noqa: PLC0415

    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    in_colour = sys.stdout.isatty() and not is_plain
    if codecs.lookup(sys.stdout.encoding).name.startswith("utf"):
        return Drawing.COLOURED if in_colour else Drawing.PLAIN
    return Drawing.SPACES if in_colour else None


def _columns() -> float:
    """The terminal's width; a file has any."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or float("inf")
    except OSError:
        return float("inf")


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


def check_target(png: str, *, as_json: bool, own: Iterable[Path], force: bool) -> None:
    """Before the node is asked: a picture can be written there. Raises OutputRefused."""
    if png != STANDARD_OUTPUT:
        check_file(png, own=own, force=force)
    elif as_json:
        raise OutputRefused(problem=OutputProblem.TWO_OUTPUTS)
    elif sys.stdout.isatty():
        raise OutputRefused(problem=OutputProblem.IS_TERMINAL)


def check_file(
    name: str, *, option: str = "--png", own: Iterable[Path] = (), force: bool = False
) -> None:
    """Before anything is asked: a file can be written there. Raises OutputRefused.

    `option`: the one that names it; `own`: the bot's files, none of which is replaced; `force`:
    another one that is there may be.
    """
    from bot.store import targets  # noqa: PLC0415

    if (found := targets.why_not(Path(name), own=own, force=force)) is not None:
        values = {"reason": found.reason} if found.reason else {}
        path = str(found.path)
        raise OutputRefused(problem=found.problem, path=path, option=option, **values)


def write(file: Path, picture: bytes, *, force: bool = True) -> None:
    """Whole or not at all; `force`: one that is there is replaced. Raises OutputFailed."""
    _write(file, [picture], mode=0o666, option="--png", force=force)


def write_private(name: str, parts: Iterable[bytes], *, option: str, force: bool) -> None:
    """The same, a part at a time, with mode 0600. Raises OutputFailed."""
    _write(Path(name), parts, mode=0o600, option=option, force=force)


def _write(file: Path, parts: Iterable[bytes], *, mode: int, option: str, force: bool) -> None:
    # Nobody knows its name beforehand, to lay a link there; and to replace one follows it nowhere.
    part = file.with_name(f".invoice-{secrets.token_hex(8)}{file.suffix}")
    try:
        with open(part, "xb", opener=partial(os.open, mode=mode)) as opened:
            opened.writelines(parts)
        if not force and os.path.lexists(file):  # it has come meanwhile
            raise OutputFailed(problem=OutputProblem.EXISTS, path=str(file), option=option)
        part.replace(file)
    except OSError as error:
        raise OutputFailed(
            problem=OutputProblem.NOT_WRITTEN,
            path=str(file),
            reason=error.strerror or str(error),
            option=option,
        ) from None
    finally:  # whatever came between, nothing half-written is left
        with suppress(OSError):
            part.unlink(missing_ok=True)
