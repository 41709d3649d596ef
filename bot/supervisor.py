"""The service manager: what it hears of this process. Knows sd_notify's socket, and no prose.

One datagram, ``NAME=value``, to the socket that NOTIFY_SOCKET names: a path, or with an @ in front
a name of its own (man sd_notify). Without that variable nobody listens, and nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Supervisor:
    """Tells the service manager how this process is; it never waits, and never fails."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        address = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        #: Seconds between two signs of life, half of what is allowed; 0 where none is wanted.
        self.sign_every_s = _allowed_s(env) / 2 if address else 0.0

    def ready(self) -> None:
        """The start is over."""
        self._send("READY=1")

    def stopping(self) -> None:
        """An orderly end has begun."""
        self._send("STOPPING=1")

    def status(self, sentence: str) -> None:
        """One line for people, which `systemctl status` shows."""
        self._send(f"STATUS={sentence}")

    def sign_of_life(self) -> None:
        """The process still turns. Without one in time it is ended, and started again."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a full queue is no reason to stand still
            sender.sendto(message.encode(), self._address)


def _allowed_s(env: Mapping[str, str]) -> float:
    """Seconds that may pass between two signs of life; 0: as many as there are."""
    is_others = env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid())
    allowed = env.get("WATCHDOG_USEC", "")
    return 0.0 if is_others or not allowed.isdecimal() else int(allowed) / 1e6
