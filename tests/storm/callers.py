"""Which of the bot's processes calls, and whether two ever did. Knows sockets and processes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import psutil

#: A connection: the caller's port, and the server's.
Ports = tuple[int, int]


@dataclass(slots=True)
class _Turn:
    """One process called, and no other one meanwhile."""

    pid: int
    since: float
    until: float


class Callers:
    """Processes by their connections, which are from one port to another.

    One port can be two processes' that are connected to two servers. They know nothing of being
    watched.
    """

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._by_ports: dict[Ports, int] = {}
        self._turns: list[_Turn] = []

    @property
    def last(self) -> int:
        """The process that called last, 0 before any."""
        return self._turns[-1].pid if self._turns else 0

    def began(self, pid: int) -> None:
        """A process may call from now on."""
        self._pids.add(pid)

    def called(self, ports: Ports, at: float) -> int:
        """A call came this way: whose it is, 0 where whoever called is gone by now."""
        pid = self._pid_at(ports)
        if pid and self._turns and self._turns[-1].pid == pid:
            self._turns[-1].until = at
        elif pid:
            self._turns.append(_Turn(pid, at, at))
        return pid

    def wrongs(self, began: dict[int, list[float]]) -> list[str]:
        """Processes that called after another one had; `began`: when each began a term of office.

        Whoever calls again after another one has to have begun another term since.
        """
        found = []
        for place, turn in enumerate(self._turns):
            earlier = [each for each in self._turns[:place] if each.pid == turn.pid]
            if not earlier:
                continue
            since = earlier[-1].until
            if not any(since < at <= turn.since for at in began.get(turn.pid, [])):
                others = self._turns[self._turns.index(earlier[-1]) + 1 : place]
                meanwhile = [(each.pid, round(each.since - since, 3)) for each in others]
                found.append(
                    f"process {turn.pid} called at {turn.since:.3f}, {turn.since - since:.3f} s "
                    f"after its last call, and {meanwhile} meanwhile; "
                    f"its terms: {[round(at, 3) for at in began.get(turn.pid, [])]}"
                )
        return found

    def _pid_at(self, ports: Ports) -> int:
        known = self._by_ports.get(ports, 0)
        if known and (known == self.last or self._has(known, ports)):
            return known
        for pid in list(self._pids):
            if self._has(pid, ports):
                self._by_ports[ports] = pid
                return pid
        return 0

    def _has(self, pid: int, ports: Ports) -> bool:
        with contextlib.suppress(psutil.Error):
            return ports in ports_of(pid)
        self._pids.discard(pid)
        return False


def ports_of(pid: int) -> set[Ports]:
    """All connections of a process. Raises `psutil.Error`."""
    connections = psutil.Process(pid).net_connections(kind="tcp")
    return {(each.laddr.port, each.raddr.port) for each in connections if each.raddr}


def port_in(address: str) -> int:
    """The port at the end of an address."""
    return int(address.rpartition(":")[2].rstrip("/"))
