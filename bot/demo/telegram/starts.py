"""Links that open a bot's private chat and say why, `t.me/<bot>?start=<token>`. Knows no chats."""

from __future__ import annotations

import re

_LINK = re.compile(r"(?:https://)?t\.me/([A-Za-z0-9_]+)\?start=([A-Za-z0-9_-]{1,64})")


def start_token(url: str, username: str | None) -> str | None:
    """The token of a link that opens this bot's chat; None for any other link."""
    found = _LINK.fullmatch(url)
    return found[2] if found is not None and found[1] == username else None
