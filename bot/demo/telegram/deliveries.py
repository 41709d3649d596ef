"""What waits for a bot, posted to its webhook. Knows HTTP as its client, and no method.

As the real one does it: each chat's updates of one kind one after the other, chats side by side, as
many calls at once as were allowed. What is not answered with 2xx comes again: at once, then after
pauses that double, or after what Retry-After says; meanwhile the chat's other updates wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bot.demo.telegram.request import Refusal
from bot.demo.telegram.updates import UpdateQueue, as_json

Json = dict[str, Any]

PORTS = (443, 80, 88, 8443)
_LONGEST_PAUSE_S = 60.0
_LONGEST_RETRY_AFTER_S = 3600
_ANSWER_S = 60.0
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


@dataclass
class Front:
    """A proxy with a name that the world knows, and the port on this machine that it leads to.

    `strips`: it takes the address's path away. `says`: how it answers itself, None to ask.
    """

    port: int
    strips: bool = False
    says: int | None = None


@dataclass(frozen=True)
class Hook:
    """Where updates go, as setWebhook said it."""

    url: str
    secret: str = ""
    max_connections: int = 40

    def check(self) -> None:
        """Refuse what the real one refuses."""
        if not _SECRET.fullmatch(self.secret):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        if len(self.secret) > 256:
            raise Refusal(400, "Bad Request: secret token is too long")
        try:
            parts = urlsplit(self.url if "://" in self.url else f"https://{self.url}")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise Refusal(400, "Bad Request: invalid webhook URL specified") from None
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise Refusal(400, "Bad Request: invalid webhook URL specified")
        if parts.scheme == "http":
            raise _bad("An HTTPS URL must be provided for webhook")
        if port not in PORTS:
            raise _bad("Webhook can be set up only on ports 80, 88, 443 or 8443")
        _check_name(parts)


def _bad(what: str) -> Refusal:
    return Refusal(400, f"Bad Request: bad webhook: {what}")


def _check_name(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if host.endswith(".invalid"):  # nobody ever has such a name
        raise _bad("Failed to resolve host: Name or service not known")
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if address.version == 6:
            raise _bad("IPv6-only addresses are not allowed")
        if not address.is_global:
            raise _bad(f"IP address {address} is reserved")


@dataclass
class _Line:
    """One chat's updates of one kind: the first of them is on its way, or waits for its time."""

    due_at: float = 0.0
    failed: int = 0
    pause_s: float = 1.0
    is_busy: bool = False


@dataclass
class Failure:
    """The last one."""

    message: str = ""
    at: float = 0.0


@dataclass
class Deliveries:
    """The webhook of one bot. `fronts` are shared by all: proxies, by their names.

    `clock` in Unix seconds is what failures are dated by; pauses are of the real one. `changed` is
    called after each delivery.
    """

    updates: UpdateQueue
    fronts: dict[str, Front]
    clock: Callable[[], float]
    changed: Callable[[], object]
    hook: Hook | None = None
    failure: Failure = field(default_factory=Failure)
    #: Calls that were answered, by status; 0 for those without an answer.
    answers: list[int] = field(default_factory=list)
    #: How many answers are lost on their way: the bot has done what it was asked, and Telegram
    #: does not know.
    lost: int = 0
    #: Nothing is delivered.
    is_halted: bool = False
    #: The most calls that were under way at once.
    busiest: int = 0
    _lines: dict[object, _Line] = field(default_factory=dict)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)
    _runs: asyncio.Task[None] | None = None
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, hook: Hook) -> None:
        """Deliver there from now on. The same once more changes nothing. Raises Refusal."""
        if hook == self.hook:
            return
        self.end()  # a new one that is refused leaves none
        hook.check()
        self.hook = hook
        self.updates.on_push = self._rung.set
        self._runs = asyncio.get_running_loop().create_task(self._run(hook))

    def end(self) -> None:
        """Deliver nothing from now on. What is under way may still arrive."""
        self.hook = None
        self.failure = Failure()
        self._lines.clear()
        self.updates.on_push = None
        if self._runs is not None:
            self._runs.cancel()
            self._runs = None

    async def stop(self) -> None:
        """The simulator ends."""
        runs = [*self._calls, *([self._runs] if self._runs else [])]
        for task in runs:
            task.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    def shown(self) -> Json:
        """What getWebhookInfo says of it."""
        if self.hook is None:
            return {}
        shown: Json = {"max_connections": self.hook.max_connections, "ip_address": "203.0.113.7"}
        if self.failure.message:
            shown["last_error_date"] = int(self.failure.at)
            shown["last_error_message"] = self.failure.message
        return shown

    async def _run(self, hook: Hook) -> None:
        while True:
            self._rung.clear()
            next_at = self._begin(hook)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(next_at and max(0.0, next_at - time.monotonic())):
                    await self._rung.wait()

    def _begin(self, hook: Hook) -> float | None:
        """Begin what is due; when something else is."""
        seen: set[object] = set()
        next_at: float | None = None
        for update in self.updates.unconfirmed():
            key = _line_of(update)
            if key in seen:
                continue
            seen.add(key)
            line = self._lines.setdefault(key, _Line())
            if line.is_busy or self.is_halted or len(self._calls) >= hook.max_connections:
                continue
            if line.due_at <= time.monotonic():
                line.is_busy = True
                call = asyncio.get_running_loop().create_task(self._deliver(hook, line, update))
                self._calls.add(call)
                call.add_done_callback(partial(self._ended, line))
                self.busiest = max(self.busiest, len(self._calls))
            else:
                next_at = line.due_at if next_at is None else min(next_at, line.due_at)
        for key in [key for key in self._lines if key not in seen]:
            if not self._lines[key].is_busy:
                del self._lines[key]
        return next_at

    def _ended(self, line: _Line, call: asyncio.Task[None]) -> None:
        line.is_busy = False
        self._calls.discard(call)
        self._rung.set()
        self.changed()

    async def _deliver(self, hook: Hook, line: _Line, update: Json) -> None:
        try:
            async with asyncio.timeout(_ANSWER_S):
                status, retry_after_s = await _post(hook, self.fronts, as_json(update).encode())
        except (OSError, TimeoutError, ValueError):
            status, retry_after_s = 0, 0
        self.answers.append(status)
        if status and self.lost:
            self.lost -= 1
            status = 0
        if self.hook is not hook:
            return  # nobody heeds now whether it arrived
        if 200 <= status <= 299:
            self.updates.forget(update["update_id"])
            line.failed, line.pause_s, line.due_at = 0, 1.0, 0.0
            return
        message = "Connection closed"
        if status:
            message = f"Wrong response from the webhook: {status} {_PHRASES.get(status, 'Unknown')}"
        self.failure = Failure(message, self.clock())
        pause_s = float(min(retry_after_s, _LONGEST_RETRY_AFTER_S))
        if not pause_s and line.failed:
            longest_s = random.uniform(_LONGEST_PAUSE_S, 2 * _LONGEST_PAUSE_S)  # noqa: S311
            pause_s = line.pause_s = min(longest_s, 2 * line.pause_s)
        line.failed += 1
        line.due_at = time.monotonic() + pause_s


_PHRASES = {
    404: "Not Found",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


def _line_of(update: Json) -> object:
    """Whose updates come one after the other: a chat's of one kind, a person's presses."""
    kind = next((name for name in update if name != "update_id"), "")
    body = update.get(kind)
    if not isinstance(body, dict):
        return update["update_id"]
    place = body.get("from") if kind == "callback_query" else body.get("chat")
    if not isinstance(place, dict) or "id" not in place:
        return update["update_id"]
    return kind, place["id"]


async def _post(hook: Hook, fronts: dict[str, Front], body: bytes) -> tuple[int, int]:
    """Status and Retry-After of one call, by the proxy with that name. Raises OSError."""
    parts = urlsplit(hook.url if "://" in hook.url else f"https://{hook.url}")
    front = fronts.get(parts.hostname or "")
    if front is None:
        raise ConnectionRefusedError
    if front.says is not None:
        return front.says, 0
    path = "/" if front.strips else (parts.path or "/")
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        *([f"X-Telegram-Bot-Api-Secret-Token: {hook.secret}"] if hook.secret else []),
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Accept-Encoding: gzip, deflate",
        "Connection: close",
    ]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    except OSError:
        return 502, 0  # as a proxy says that finds nobody behind it
    try:
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except (OSError, asyncio.IncompleteReadError):
        return 502, 0
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    named = (line.partition(":") for line in lines[1:])
    fields = {name.lower(): value.strip() for name, _, value in named}
    return int(lines[0].split(" ")[1]), int(fields.get("retry-after", 0))
