"""What fails no call yet and soon will: an unsynced chain, a certificate or macaroon that expires.

Knows GetInfo and the credentials in use. The owners are told; nothing else depends on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot import logs
from bot.clock import steady
from bot.config import DAY_S
from bot.core.notices import Kind, Notice, Owners
from bot.errors import ConfigError, NodeError
from bot.node.channel import expires_at
from bot.node.client import Node
from bot.node.gate import Gate
from bot.node.macaroon import read_macaroon, valid_until

log = logs.get(__name__)

#: Seconds between two looks.
LOOK_EVERY_S = 60.0
#: Seconds for which the chain has to stay unsynced: LND falls behind for a moment now and then.
UNSYNCED_FOR_S = 300.0
#: Seconds before a credential's end in which the owners are told, and between two such notices.
EXPIRES_SOON_S = 14 * DAY_S
TOLD_EVERY_S = DAY_S


class Health:
    """Looks now and then; `run` until cancelled."""

    def __init__(
        self, *, node: Node, gate: Gate, owners: Owners, clock: Callable[[], float]
    ) -> None:
        self._node = node
        self._gate = gate
        self._owners = owners
        self._clock = clock
        self._unsynced_since: float | None = None  # by the loop's clock
        self._told_of = ""  # the node whose chain the owners were told of
        self._told_at: dict[Kind, float] = {}  # by a clock that nobody can set

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        while True:
            self._look_at_credentials()
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look_at_chain()

    def _look_at_credentials(self) -> None:
        for kind, expiry in (
            (Kind.CERTIFICATE_EXPIRES, self._certificate_expiry),
            (Kind.MACAROON_EXPIRES, self._macaroon_expiry),
        ):
            try:
                at = expiry()
            except (ConfigError, ValueError):  # told where it is used
                continue
            if at is not None and at - self._clock() <= EXPIRES_SOON_S:
                self._expires(kind, at, left_s=at - self._clock())

    def _certificate_expiry(self) -> float | None:
        pem = self._node.certificate()
        return None if pem is None else expires_at(pem)

    def _macaroon_expiry(self) -> float | None:
        _, caveats = read_macaroon(bytes.fromhex(self._node.macaroon_hex()))
        return valid_until(caveats)

    def _expires(self, kind: Kind, at: float, *, left_s: float) -> None:
        """Tell the owners, unless they were told within a day."""
        told_at = self._told_at.get(kind)
        if told_at is not None and steady() - told_at < TOLD_EVERY_S:
            return
        self._told_at[kind] = steady()
        log.warning(str(kind), left_s=round(left_s))
        setting = self._node.certificate_key
        self._owners.notify(Notice(kind, expires_at=at, left_s=left_s, setting=setting))

    async def _look_at_chain(self) -> None:
        if not self._gate.is_open:
            self._unsynced_since = None
            return
        try:
            info = await self._node.info()
        except NodeError as error:
            log.debug("chain not looked at", detail=error.detail)
            return
        node_id, now = info.identity_pubkey, asyncio.get_running_loop().time()
        if info.synced_to_chain:
            self._unsynced_since = None
            if self._told_of == node_id:
                log.info("node is synced again")
                self._owners.notify(Notice(Kind.SYNCED_AGAIN))
            self._told_of = ""
            return
        if self._unsynced_since is None:
            self._unsynced_since = now
        if now - self._unsynced_since >= UNSYNCED_FOR_S and self._told_of != node_id:
            self._told_of = node_id
            log.warning("node is not synced", block_height=info.block_height)
            self._owners.notify(Notice(Kind.NOT_SYNCED))
