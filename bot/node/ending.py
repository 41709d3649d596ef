"""What becomes of one invoice: the node is asked until it says so. Knows the client, and no row.

For the command line: the bot itself has its stream and its sweep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.core.answers import NodeInvoice
from bot.core.ends import End, closed, end_of
from bot.errors import InvoiceUnknown, NodeError, PermissionMissing
from bot.node.client import Node
from bot.pauses import pause_s

#: Seconds between two look-ups, which take the node a millisecond each.
LOOK_EVERY_S = 1.0
#: Seconds between two tries at most, while the node is away.
LONGEST_PAUSE_S = 5.0
#: In the place of a key that nobody may know.
_UNKNOWN = "unknown"


async def ended(
    node: Node,
    made: NodeInvoice,
    *,
    now: Callable[[], float],
    on_trouble: Callable[[NodeError | None], None],
) -> tuple[End, NodeInvoice]:
    """Wait until `made` is paid, expired or cancelled; what the node said of it last.

    `now`: the node's time in Unix seconds. `on_trouble` hears of each outage once, and with None of
    its end. An outage ends nothing, however long it is, and nor does what another node does not
    know. What its own forgets is closed: where the macaroon hides which one that is, only
    what it forgets in the midst of its answers.
    """
    seen, whose, trouble, attempts = made, "", False, 0
    is_seen = True  # as it was made
    while True:
        try:
            try:
                seen, is_seen = await node.lookup(made.payment_hash), True
                whose = whose or await _identity(node)
            except InvoiceUnknown:
                is_its_own = is_seen if whose in ("", _UNKNOWN) else whose == await _identity(node)
                if not is_its_own:
                    raise
                return closed(seen, now()), seen
        except NodeError as error:
            attempts, is_seen = attempts + 1, False
            if not trouble:
                trouble = True
                on_trouble(error)
        else:
            if trouble:
                trouble, attempts = False, 0
                on_trouble(None)
            if end := end_of(seen, now()):
                return end, seen
        pause = pause_s(attempts, longest_s=LONGEST_PAUSE_S) if trouble else LOOK_EVERY_S
        await asyncio.sleep(pause)


async def _identity(node: Node) -> str:
    """Which node that is, by its key, where this macaroon may know. Raises other `NodeError`s."""
    try:
        return (await node.info()).identity_pubkey
    except PermissionMissing:
        return _UNKNOWN
