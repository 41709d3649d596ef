"""The simulated node's process: started, killed, locked, out of reach. Knows nobody who pays."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bot.demo.node.calls import Calls
from bot.demo.node.expiry import Expiry
from bot.demo.node.files import Files
from bot.demo.node.ledger import Ledger
from bot.demo.node.onlookers import Onlookers
from bot.demo.node.server import Server
from bot.demo.node.wallet import Wallet

_RPC_ACTIVE_S = 0.1
_GRACE_S = 0.25


class Daemon:
    """Its ledger and files outlive `stop` and `kill`, and it comes back at the same port."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        files: Files,
        wallet: Wallet,
        server: Server,
        calls: Calls,
        onlookers: Onlookers,
        clock: Callable[[], float],
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self._files = files
        self._wallet = wallet
        self._server = server
        self._calls = calls
        self._onlookers = onlookers
        self._expiry = Expiry(ledger, wallet, clock)

    # --- how it is

    @property
    def folder(self) -> Path:
        """Where tls.cert, tls.key and the macaroon files are."""
        return self._files.folder

    @property
    def address(self) -> str:
        """host:port, known after the first start."""
        return self._server.address

    @property
    def state(self) -> str:
        """The wallet's state, by LND's name."""
        return self._wallet.state

    @property
    def calls(self) -> Counter[str]:
        """How many calls have arrived, by method: AddInvoice, GetState, ..."""
        return self._calls.counts

    @property
    def peer_ports(self) -> list[int]:
        """The callers' ports, of the newest calls."""
        return list(self._calls.peer_ports)

    @property
    def lookups(self) -> Counter[bytes]:
        """How often each payment hash was looked up."""
        return self._calls.lookups

    @property
    def synced_to_chain(self) -> bool:
        """What GetInfo says; without it AddInvoice hangs in RPC_ACTIVE, as LND's does."""
        return self._wallet.synced_to_chain

    @synced_to_chain.setter
    def synced_to_chain(self, synced: bool) -> None:
        self._wallet.synced_to_chain = synced

    @property
    def alive(self) -> bool:
        """Whether the process runs, even if it is out of reach."""
        return self._expiry.is_running

    # --- on and off

    async def start(self, *, starting_s: float = 0.0, locked: bool = False) -> None:
        """Listen, at the same port as before; what is overdue expires. Returns once active.

        With `starting_s` it is UNLOCKED for so long, then RPC_ACTIVE, then SERVER_ACTIVE; with
        `locked` it stays LOCKED. OSError when the port is in use.
        """
        if self.alive:
            raise RuntimeError("the node is running")
        self._files.prepare()
        self._calls.stopping = False
        self._wallet.become("LOCKED" if locked else "UNLOCKED")
        await self._listen()
        self._expiry.start()
        if not locked:
            await self.unlock(starting_s=starting_s)

    async def stop(self, *, draining_s: float = 0.0) -> None:
        """Shut down gracefully: streams end with OK. Invoices stay.

        For `draining_s` it still answers, and a new subscription ends cleanly at once.
        """
        self._calls.stopping = True
        self.ledger.end_streams()
        if draining_s:
            await asyncio.sleep(draining_s)
        await self._end()
        await self._server.close(grace_s=_GRACE_S)

    async def kill(self) -> None:
        """Die as by SIGKILL: connections break. Invoices stay."""
        await self._end()
        await self.down()

    async def down(self) -> None:
        """Out of reach: connections break and are refused, while the process itself runs on."""
        self.break_connections()
        await self._server.close(grace_s=0)
        self.ledger.end_streams()

    async def up(self) -> None:
        """In reach again after `down`."""
        if self.alive and not self._server.is_open:
            await self._listen()

    def break_connections(self) -> None:
        """Break all connections; new ones are welcome."""
        self._server.break_connections()

    def end_streams(self) -> None:
        """End every subscription cleanly, with OK."""
        self.ledger.end_streams()

    def mute_streams(self) -> None:
        """Every subscription that is there now stays open and carries nothing more.

        All else is answered, pings too. LND does nothing like this: a proxy in between does.
        """
        self.ledger.mute_streams()

    # --- the wallet

    def lock(self) -> None:
        """LOCKED, as after a restart: streams end, calls are refused, nothing expires."""
        self.ledger.end_streams()
        self.set_state("LOCKED")

    async def unlock(self, *, starting_s: float = 0.0) -> None:
        """To SERVER_ACTIVE, at once or as `start` does. Returns once it is there."""
        if starting_s:
            for state, lasts_s in (("UNLOCKED", starting_s), ("RPC_ACTIVE", _RPC_ACTIVE_S)):
                self.set_state(state)
                await asyncio.sleep(lasts_s)
                if not self.alive or self.state != state:
                    return  # stopped or locked meanwhile
        self.set_state("SERVER_ACTIVE")

    def set_state(self, state: str) -> None:
        """Put the wallet into one of LND's states, such as WAITING_TO_START or RPC_ACTIVE."""
        self._wallet.become(state)
        if self._wallet.is_active:
            self.ledger.expire_due()
        self.clock_changed()

    def clock_changed(self) -> None:
        """Read the clock again at once; by itself it is read every 50 ms."""
        self._expiry.wake()
        self._onlookers.check()

    # --- inside

    async def _listen(self) -> None:
        await self._server.open(self._calls.add_to, self._files.credentials())

    async def _end(self) -> None:
        self._calls.forget_late()
        await self._expiry.end()
