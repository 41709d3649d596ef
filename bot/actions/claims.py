"""Claiming a bot that nobody owns: the one-time code, and the jobs that draw and use it.

The code is kept as it is while nobody has used it: every start prints the same link. It is worth
nothing afterwards, and is then removed.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection

from bot.actions.knocks import settle
from bot.actions.values import Asker
from bot.core.grants import Claiming, Grant, Granted, Role
from bot.core.knocks import KnockState
from bot.store import Tx

#: What a claim link's token begins with; the tokens of other links are drawn without it.
CLAIM_LINK = "claim-"
#: Bytes of a code that are drawn: 128 bits, which nobody guesses.
CODE_BYTES = 16


def draw() -> str:
    """A new code, as it is in the link behind `start=`."""
    return CLAIM_LINK + secrets.token_urlsafe(CODE_BYTES)


def link(bot_name: str, code: str) -> str:
    """The claim link; `bot_name` without the @."""
    return f"https://t.me/{bot_name}?start={code}"


def claim_code(tx: Tx, *, drawn: str) -> str:
    """The code that nobody has used yet; `drawn` is written where there is none.

    For a bot that has no owner, neither in its settings nor in the database.
    """
    code = tx.grants.code()
    if not code:
        tx.grants.set_code(drawn)
    return code or drawn


def is_owned(tx: Tx) -> bool:
    """Whether somebody owns the bot by what was granted in the chat."""
    return bool(tx.grants.granted().owners)


def void_code(tx: Tx) -> None:
    """No link claims the bot, also not once the owner is gone."""
    if tx.grants.code():
        tx.grants.set_code("")


def claim(
    tx: Tx, code: str, by: Asker, listed: Collection[int], now: float
) -> tuple[Claiming, Granted]:
    """Make this person the owner, where the code is right and nobody is one.

    `listed`: the owners that the settings list.
    """
    granted = tx.grants.granted()
    owners = granted.owners.union(listed)
    if by.id in owners:
        return Claiming.YOURS, granted
    if owners:
        return Claiming.OWNED, granted
    kept = tx.grants.code()
    # in constant time: how long it takes says nothing of how much is right
    if not kept or not hmac.compare_digest(kept.encode(), code.encode(errors="replace")):
        return Claiming.WRONG, granted
    tx.grants.put(Grant(by.id, Role.OWNER, by.name, by.username, by.id, now))
    tx.grants.set_code("")
    # who owns the bot needs no answer, and hears here that they do
    settle(tx, by.id, (), KnockState.ALLOWED, by.name, now, is_told=True)
    # payments that nobody could be told of have somebody now
    tx.chats.wake_unannounced(now)
    return Claiming.CLAIMED, tx.grants.granted()
