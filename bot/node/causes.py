"""Why there is no connection to the node, in a few words. Knows gRPC's and the system's phrases.

What an error is goes by `bot.node.explain`; this is only what people read beside it.
"""

from __future__ import annotations

#: A phrase in gRPC's text → the cause. The first that matches counts.
CAUSES: tuple[tuple[str, str], ...] = (
    ("Connection refused", "connection refused"),
    ("Domain name not found", "no such name"),
    ("Name or service not known", "no such name"),
    ("name resolution", "the name can't be looked up"),
    ("No address associated", "the name has no address"),
    ("errors resolving", "the name can't be looked up"),
    ("No route to host", "no route to it"),
    ("Network is unreachable", "no network"),
    ("Connection reset", "the connection breaks"),
    ("Handshake read failed", "no answer to the TLS handshake"),
    ("Socket closed", "the connection breaks"),
    ("imed out", "no answer in time"),
    ("imeout", "no answer in time"),
)


def cause(detail: str) -> str:
    """The cause in an error's `detail`; "" where nobody knows it."""
    return next((said for phrase, said in CAUSES if phrase in detail), "")
