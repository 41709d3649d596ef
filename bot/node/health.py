"""How the node is, apart from any call: away for minutes, unsynced, little to receive, expiring.

Knows the gate, GetInfo, the channels as they were listed last, and the credentials in use. The
owners are told; nothing else depends on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bot import logs
from bot.aside import aside
from bot.config import DAY_S
from bot.core.inbound import receivable_of
from bot.core.notices import Kind, Notice
from bot.errors import ConfigError, MacaroonRefused, NodeError
from bot.node.channel import expires_at
from bot.node.client import Node
from bot.node.gate import Gate
from bot.node.identity import Identity
from bot.node.macaroon import read_macaroon, valid_until
from bot.occasions import Occasions

log = logs.get(__name__)

#: Seconds between two looks.
LOOK_EVERY_S = 60.0
#: The same at a gate that is shut.
GATE_EVERY_S = 1.0
#: Seconds for which the node has to stay away; and for which it has to reject the macaroon, which
#: the client reads again meanwhile.
AWAY_FOR_S = 300.0
REFUSED_FOR_S = 30.0
#: Seconds for which it has to be back.
SETTLED_S = 60.0
#: Seconds for which the chain has to stay unsynced: LND falls behind for a moment now and then.
UNSYNCED_FOR_S = 300.0
#: Seconds for which little has to be what can be received: channels come and go with their peers.
INBOUND_LOW_FOR_S = 300.0
#: Seconds before a credential's end in which the owners are told, and once more.
EXPIRES_SOON_S = 14 * DAY_S
EXPIRES_NOW_S = DAY_S


class Health:
    """Looks now and then; `run` until cancelled."""

    def __init__(
        self,
        *,
        node: Node,
        gate: Gate,
        identity: Identity,
        occasions: Occasions,
        max_msat: int,
        clock: Callable[[], float],
    ) -> None:
        """`max_msat`: the most that can be asked for. `clock`: Unix seconds."""
        self._node = node
        self._gate = gate
        self._identity = identity
        self._occasions = occasions
        self._max_msat = max_msat
        self._clock = clock
        self._unsynced_since: float | None = None  # by the loop's clock
        self._low_since: float | None = None  # in Unix seconds

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_gate())
            tasks.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await self._look_at_credentials()
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look_at_chain()
            self._look_at_inbound()

    # whether it can be asked

    async def _watch_gate(self) -> None:
        """Each outage, from its beginning to its end; one of an earlier process goes on."""
        while True:
            await self._gate.closed()
            began_at = self._clock()
            await self._until_open(began_at)
            while not await self._stays_open(opened_at := self._clock()):
                await self._until_open(began_at)
            self._occasions.over(Kind.NODE_AWAY, at=opened_at)

    async def _until_open(self, began_at: float) -> None:
        refused_at: float | None = None
        while not self._gate.is_open:
            if not isinstance(self._gate.reason, MacaroonRefused):
                refused_at = None
            elif refused_at is None:
                refused_at = self._clock()
            self._look_at_outage(began_at, refused_at)
            with suppress(TimeoutError):
                async with asyncio.timeout(GATE_EVERY_S):
                    await self._gate.opened()
        self._occasions.over(Kind.MACAROON_REFUSED)

    async def _stays_open(self, opened_at: float) -> bool:
        """Whether it is so for a minute, where the owners know of the outage; else it goes on."""
        while self._occasions.lasts(Kind.NODE_AWAY) and self._clock() - opened_at < SETTLED_S:
            with suppress(TimeoutError):
                async with asyncio.timeout(GATE_EVERY_S):
                    await self._gate.closed()
                    return False
        return True

    def _look_at_outage(self, began_at: float, refused_at: float | None) -> None:
        now, why = self._clock(), self._gate.reason.key
        if refused_at is not None:  # it is there, and says what is wrong
            if now - refused_at >= REFUSED_FOR_S:
                self._say(Notice(Kind.MACAROON_REFUSED, why=why, began_at=refused_at))
        elif now - began_at >= AWAY_FOR_S:
            self._say(Notice(Kind.NODE_AWAY, why=why, began_at=began_at))

    # what expires

    async def _look_at_credentials(self) -> None:
        for kind, expiry in (
            (Kind.CERTIFICATE_EXPIRES, self._certificate_expiry),
            (Kind.MACAROON_EXPIRES, self._macaroon_expiry),
        ):
            try:
                at = await aside(expiry)
            except (ConfigError, ValueError):  # told where it is used
                continue
            left_s = EXPIRES_SOON_S + 1 if at is None else at - self._clock()
            if at is None or left_s > EXPIRES_SOON_S:
                self._occasions.over(kind)
                continue
            how_soon = "soon" if left_s > EXPIRES_NOW_S else "now"
            setting = self._node.certificate_key
            self._say(Notice(kind, subject=f"{at:.0f} {how_soon}", expires_at=at, setting=setting))

    def _certificate_expiry(self) -> float | None:
        pem = self._node.certificate()
        return None if pem is None else expires_at(pem)

    def _macaroon_expiry(self) -> float | None:
        _, caveats = read_macaroon(bytes.fromhex(self._node.macaroon_hex()))
        return valid_until(caveats)

    # what it says of itself

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
            self._occasions.over(Kind.NOT_SYNCED, node_id)
            return
        if self._unsynced_since is None:
            self._unsynced_since = now
        waited_s = now - self._unsynced_since
        if waited_s >= UNSYNCED_FOR_S:
            began_at = self._clock() - waited_s
            self._say(Notice(Kind.NOT_SYNCED, subject=node_id, began_at=began_at))

    def _look_at_inbound(self) -> None:
        """What all channels together can receive, beside the largest invoice."""
        inbound_msat, now = self._node.inbound_msat, self._clock()
        if not (self._gate.is_open and self._identity.is_known) or inbound_msat is None:
            self._low_since = None
            return
        node_id = self._identity.node_id
        receivable_msat = receivable_of(self._max_msat, inbound_msat)
        if receivable_msat is None:
            self._low_since = None
            self._occasions.over(Kind.INBOUND_LOW, node_id)
            return
        if self._low_since is None:
            self._low_since = now
        if now - self._low_since >= INBOUND_LOW_FOR_S:
            notice = Notice(
                Kind.INBOUND_LOW,
                subject=node_id,
                receivable_msat=receivable_msat,
                limit_msat=self._max_msat,
                began_at=self._low_since,
            )
            self._say(notice)

    def _say(self, notice: Notice) -> None:
        """Have the owners know; the log has it once, whatever they want to hear."""
        if not self._occasions.lasts(notice.kind, notice.about):
            log.warning(str(notice.kind), why=notice.why or None)
        self._occasions.notify(notice)
