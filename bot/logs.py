"""The log: one line per event, text or JSON, on standard error. Knows every secret, to redact it.

Secrets are redacted in the finished line, so that none gets around it: tracebacks and the lines of
the libraries' own loggers pass here too.

Logging never blocks: a thread of its own writes the lines. Where nobody reads them, they are
dropped and counted.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import os
import re
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, TextIO, cast
from urllib.parse import quote, unquote

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]

REDACTED = "[redacted]"
#: Characters of lines that wait for their reader; those beyond are dropped.
MAX_WAITING = 2_000_000
#: Seconds that the end of the process waits for a reader of its last lines who reads none.
LAST_LINES_S = 0.5

# Secrets that can be recognized: a token, as in the Bot API's addresses; a macaroon in an
# lndconnect address; the user and password in any address, such as a proxy's, and in a header; a
# password among a database's options. The user of our own examples is none.
_RECOGNIZED = re.compile(
    r"\d{6,}(?::|%3[Aa])[A-Za-z0-9_-]{30,}"
    r"|(?<=macaroon=)[^&\s\"']{20,}"
    r"|(?<=password=)[^&\s\"']+"
    r"|(?<=://)(?!user@host(?![^\s/?#\"'<>]*@))[^\s/?#\"'<>]+(?=@)"
    r"|(?<=%3A%2F%2F)(?:(?!%2F|%40)[^\s/?#&\"'<>])+(?=%40)"
    r"|(?:(?<=['\"]Basic )|(?<=: Basic ))[A-Za-z0-9+/_-]{4,}={0,2}"
)

# A shorter text is found where it means another thing: one byte of a macaroon in each time.
_SHORTEST = 16
# A password that a person has chosen may be short. A shorter one is found only before its @.
_SHORTEST_PASSWORD = 6
# Where whoever reads an address badly may cut a password that is not escaped.
_CUTS = re.compile(r"[\s/?#@:\[\]\\\"'<>]+")
# What an address may have there without an escape.
_UNESCAPED = "!$&'()*+,;=:~"

# The lowest level of libraries that log too much: httpx logs each address, with the token, at INFO.
_LIBRARIES = {
    "alembic": logging.WARNING,
    "asyncio": logging.INFO,
    "grpc": logging.INFO,
    # they log a traceback for each answer that cannot be decoded, which is an error of ours as well
    "grpc._common": logging.CRITICAL,
    "grpc._cython": logging.CRITICAL,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    # it warns of errors that come second, as a connection ends
    "psycopg": logging.ERROR,
    "telegram": logging.INFO,
    # it logs a traceback for each answer of a gateway that is not JSON
    "telegram.request": logging.CRITICAL,
}

_secrets: set[str] = set()
_user_infos: dict[str, str] = {}  # spelling → pattern
_pattern = _RECOGNIZED


def get(name: str) -> BoundLogger:
    """The logger of that name; it can be made before `setup`."""
    return structlog.stdlib.get_logger(name)


def redact(secret: str) -> None:
    """Redact this text in every line from now on, as it is and as written in an address.

    Hex is also found as base64. What has fewer than 16 letters is ignored.
    """
    if len(secret) < _SHORTEST or secret in _secrets:
        return
    _secrets.update(form for form in _spellings(secret) if len(form) >= _SHORTEST)
    _compile()


def redact_address(address: str) -> None:
    """Redact the user and the password in this address from now on, whatever letters they have.

    A password that is not escaped is no part of an address: who reads it sees other parts in it,
    and may quote each of them. So it is known as a text, whole and in such parts.
    """
    user_info, at, _host = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", address).rpartition("@")
    if at:
        _user_infos.update(_of_user_info(user_info))
        _compile()


def _compile() -> None:
    global _pattern  # noqa: PLW0603 -- one log for one process
    # Of two that begin alike the longer one must match. A password may go on where an address ends.
    _pattern = re.compile(
        "|".join(
            [
                *(_user_infos[form] for form in sorted(_user_infos, key=len, reverse=True)),
                _RECOGNIZED.pattern,
                *map(re.escape, sorted(_secrets, key=len, reverse=True)),
            ]
        )
    )


def redacted(text: str) -> str:
    """The text with every secret replaced."""
    return _pattern.sub(REDACTED, text)


def setup(
    level: Level,
    format: Format,  # noqa: A002 -- the setting's own name
    *,
    stream: TextIO | None = None,
) -> None:
    """Write all loggers' lines of `level` and above to `stream` (standard error)."""
    # gRPC's core writes to standard error past all loggers; what matters is also raised
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # without a standard error nobody reads any line
    stream = stream or sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115 -- as long as the log
    handler = _Handler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                *(_json() if format == "json" else _text(stream)),
                _redacted,
            ],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
        old.lines.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(capture=True)


def catch_uncaught() -> None:
    """Log what would end the process or a thread with a traceback, which might hold a secret."""
    log = get("bot")

    def uncaught(
        kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        log.critical("unexpected error", exc_info=(kind, error, traceback))

    sys.excepthook = uncaught
    threading.excepthook = lambda args: uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def flush(limit_s: float = LAST_LINES_S) -> None:
    """Wait until all lines are written, unless for `limit_s` none of them is."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            handler.lines.flush(limit_s)


class _Handler(logging.Handler):
    """Finished lines to the thread that writes them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lines = _Lines(stream, about_dropped=self._about_dropped)

    def emit(self, record: logging.LogRecord) -> None:
        """Make the line, here and now: what it shows may be another thing later."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 -- a line of a library's can be wrong in any way
            # nothing of it: it might hold a secret
            line = f"a line of {record.name} could not be logged"
        self.lines.put(line + "\n")

    def flush(self) -> None:
        """Called by `logging` at the end of the process."""
        self.lines.flush(LAST_LINES_S)

    def _about_dropped(self, count: int) -> str:
        fields = {"name": __name__, "levelname": "WARNING", "msg": "log lines dropped"}
        return self.format(logging.makeLogRecord({**fields, "dropped": count})) + "\n"


class _Lines:
    """Lines on their way to `stream`, in order. Whoever puts one never waits for its reader."""

    # as many bytes at once as a pipe holds
    _AT_ONCE = 65_536

    def __init__(self, stream: TextIO, *, about_dropped: Callable[[int], str]) -> None:
        self._stream = stream
        self._about_dropped = about_dropped
        # A line, or how many were dropped in this place. A lock that can be taken again: garbage
        # collection can log in the midst of `put`.
        self._waiting: deque[str | int] = deque()
        self._size = 0
        self._changed = threading.Condition(threading.RLock())
        self._is_writing = False
        self._written = 0
        self._is_closed = False
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def put(self, line: str) -> None:
        with self._changed:
            if self._size + len(line) <= MAX_WAITING:
                self._waiting.append(line)
                self._size += len(line)
            elif self._waiting and isinstance(self._waiting[-1], int):
                self._waiting[-1] += 1
            else:
                self._waiting.append(1)
            self._changed.notify_all()

    def flush(self, limit_s: float) -> None:
        """Wait until all is written, unless for `limit_s` nothing is."""
        with self._changed:
            while self._is_busy():
                before = self._written
                if not self._changed.wait_for(lambda: self._written != before, limit_s):  # noqa: B023
                    return

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self.flush(LAST_LINES_S)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _is_busy(self) -> bool:
        return bool(self._waiting) or self._is_writing

    def _write_all(self) -> None:
        goes_on = True
        while goes_on:
            # nobody reads it, or there is no memory for it
            with contextlib.suppress(OSError, ValueError, MemoryError):
                if goes_on := bool(text := self._next()):
                    self._write(text)
            with self._changed:
                self._is_writing = False
                self._written += 1
                self._changed.notify_all()

    def _next(self) -> str:
        """Some of the lines that wait; "" once there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            size = 0
            taken: list[str | int] = []
            while self._waiting and size < self._AT_ONCE:
                taken.append(self._waiting.popleft())
                size += len(str(taken[-1]))
            self._size -= sum(len(line) for line in taken if isinstance(line, str))
            self._is_writing = bool(taken)
        return "".join(
            line if isinstance(line, str) else self._about_dropped(line) for line in taken
        )

    def _write(self, text: str) -> None:
        """Past the stream's own buffer: its lock, held by a write that blocks, would block the end
        of the process. Raises OSError, ValueError."""
        try:
            descriptor = self._stream.fileno()
        except io.UnsupportedOperation:  # it is in memory
            self._stream.write(text)
            return
        left = memoryview(text.encode(self._stream.encoding or "utf-8", "backslashreplace"))
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:  # somebody else's setting of the same pipe
                select.select([], [descriptor], [])


def _spellings(secret: str) -> set[str]:
    forms = {secret}
    if len(secret) % 2 == 0 and re.fullmatch(r"[0-9A-Fa-f]{16,}", secret):
        content = bytes.fromhex(secret)
        forms |= {secret.lower(), secret.upper()}
        forms |= {
            encode(content).decode().rstrip("=")
            for encode in (base64.b64encode, base64.urlsafe_b64encode)
        }
    return forms | {quote(form, safe="") for form in forms}


def _of_user_info(user_info: str) -> dict[str, str]:
    """The spellings of what is before the @, of its password and of that one's parts."""
    patterns: dict[str, str] = {}
    for text in {user_info, unquote(user_info)}:
        user, colon, password = text.partition(":")
        parts = [part for part in _CUTS.split(password) if part]
        patterns |= {form: re.escape(form) + "(?=@|%40)" for form in _written(text)}
        sought = [text, password, *parts, base64.b64encode(text.encode()).decode()]
        if parts and user:
            sought.append(f"{user}{colon}{parts[0]}")  # taken for host and port
        patterns |= {
            form: re.escape(form)
            for each in sought
            if len(each) >= _SHORTEST_PASSWORD
            for form in _written(each)
        }
    return patterns


def _written(text: str) -> set[str]:
    """A text as an address, a line of JSON and Python's `repr` have it."""
    forms = {text, quote(text, safe=""), quote(text, safe=_UNESCAPED)}
    forms |= {form.replace("\\", "\\\\") for form in forms}
    forms |= {form.replace("'", "\\'") for form in forms}
    return forms | {
        json.dumps(form, ensure_ascii=is_ascii)[1:-1]
        for form in forms
        for is_ascii in (True, False)
    }


def _redacted(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    return redacted(cast(str, line))  # the renderer made it a string


def _in_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["event"] = " ".join(str(event["event"]).split())
    return event


def _json() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _text(stream: TextIO) -> list[Processor]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        pad_event_to=0,
        pad_level=False,
        exception_formatter=_indented_traceback,
    )
    return [_printable, renderer]


def _indented_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    """A traceback below its line: what somebody wrote may be in it, and must begin no line."""
    whole = io.StringIO()
    structlog.dev.plain_traceback(whole, exc_info)
    lines = whole.getvalue().strip("\n").split("\n")
    stream.writelines(f"\n    {_visible(line)}" for line in lines)


def _visible(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # what people wrote must not control a terminal
    return {
        key: _visible(value) if isinstance(value, str) else value for key, value in event.items()
    }


_SHARED: list[Processor] = [
    structlog.stdlib.ExtraAdder(allow=["dropped"]),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _in_one_line,
]

# Loggers are made, and some used, before `setup`: they write to `logging` from the first line on.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        *_SHARED,
        ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=BoundLogger,
    cache_logger_on_first_use=True,
)
