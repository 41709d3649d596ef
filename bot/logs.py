"""The log: one line per event, text or JSON, on standard error. Knows every secret, to redact it.

Secrets are redacted in the finished line, so that none gets around it: tracebacks and the lines of
the libraries' own loggers pass here too.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import sys
import threading
from types import TracebackType
from typing import Literal, TextIO, cast
from urllib.parse import quote

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]

REDACTED = "[redacted]"

# Secrets that can be recognized: a token, as in the Bot API's addresses, and a macaroon in an
# lndconnect address.
_RECOGNIZED = re.compile(r"\d{6,}(?::|%3[Aa])[A-Za-z0-9_-]{30,}|(?<=macaroon=)[^&\s\"']{20,}")

# The lowest level of libraries that log too much: httpx logs each address, with the token, at INFO.
_LIBRARIES = {
    "alembic": logging.WARNING,
    "asyncio": logging.INFO,
    "grpc": logging.INFO,
    # it logs a traceback for each answer that cannot be decoded, which is an error of ours as well
    "grpc._common": logging.CRITICAL,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "telegram": logging.INFO,
    # it logs a traceback for each answer of a gateway that is not JSON
    "telegram.request": logging.CRITICAL,
}

_secrets: set[str] = set()
_pattern = _RECOGNIZED


def get(name: str) -> BoundLogger:
    """The logger of that name; it can be made before `setup`."""
    return structlog.stdlib.get_logger(name)


def redact(secret: str) -> None:
    """Redact this text in every line from now on, as it is and as written in an address.

    Hex is also found as base64. An empty text is ignored.
    """
    global _pattern  # noqa: PLW0603 -- one log for one process
    if not secret or secret in _secrets:
        return
    _secrets.update(_spellings(secret))
    # of two that begin alike the longer one must match
    longest_first = sorted(_secrets, key=len, reverse=True)
    _pattern = re.compile("|".join([_RECOGNIZED.pattern, *map(re.escape, longest_first)]))


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
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                *(_json() if format == "json" else _text(handler.stream)),
                _redacted,
            ],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
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


class _Handler(logging.StreamHandler[TextIO]):
    """Standard error, and nothing of a line that could not be made: it might hold a secret."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's own name
        """Name only the logger whose line is lost."""
        try:
            self.stream.write(f"a line of {record.name} could not be logged\n")
        except (OSError, ValueError):
            return  # nobody reads it


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
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [_printable, renderer]


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # what people wrote must not control a terminal
    return {
        key: repr(value)[1:-1] if isinstance(value, str) and not value.isprintable() else value
        for key, value in event.items()
    }


_SHARED: list[Processor] = [
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
