"""What the processes of one bot have to have alike, as marks that show no setting.

A mark is a hash with the token as its key: whoever reads it learns nothing, and two processes that
have the same have the same mark. Where each of them finds its files, its node and its Bot API
server, and where it listens, is its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from bot.config.settings import Settings

_CONTEXT = b"invoice-bot: a mark of the settings"
#: Hex digits of a mark: two that differ are taken for the same once in 2^48 times.
_DIGITS = 12


def marks(settings: Settings) -> str:
    """A mark of each section, as one line of JSON."""
    key = settings.telegram.token.get_secret_value().encode()
    said = {section: _mark(key, values) for section, values in _alike(settings).items()}
    return json.dumps({"token": _mark(key, "token"), **said})


def differing(ours: str, theirs: str) -> list[str]:
    """The sections that are not the same in both; none where one of them has said nothing."""
    here, there = _read(ours), _read(theirs)
    if not (here and there):
        return []
    if here.get("token") != there.get("token"):
        return ["telegram"]  # its marks all differ, and say nothing of the rest
    return [each for each in here if each in there and here[each] != there[each]]


def _alike(settings: Settings) -> dict[str, Any]:
    """Of each section what has to be alike; defaults are left out, as a version may add some."""
    chosen = settings.model_dump(exclude_defaults=True)
    webhook = settings.telegram.webhook
    return {
        "telegram": webhook,
        "lnd": settings.lnd.private_route_hints,
        **{
            section: chosen.get(section, {})
            for section in ("invoices", "access", "limits", "notices")
        },
        "database": settings.database.keep_s,
    }


def _mark(key: bytes, values: object) -> str:
    text = json.dumps(values, sort_keys=True, default=_plain)
    return hmac.digest(key, _CONTEXT + text.encode(), hashlib.sha256).hex()[:_DIGITS]


def _plain(value: Any) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)


def _read(text: str) -> Mapping[str, object]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
