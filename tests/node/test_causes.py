"""Why there is no connection, out of what gRPC really says."""

from __future__ import annotations

import pytest

from bot.node.explain import cause

AT = "UNAVAILABLE: failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9: "


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        (AT + "Failed to connect to remote host: Connection refused", "connection refused"),
        (AT + "Failed to connect to remote host: connect: No route to host (113)", "no route"),
        (AT + "Failed to connect to remote host: connect: Connection timed out (110)", "in time"),
        (AT + "Failed to connect to remote host: Timeout occurred: FD Shutdown", "in time"),
        (AT + "Handshake read failed (Socket closed)", "handshake"),
        ("UNAVAILABLE: errors resolving x:1: [field: Domain name not found]", "no such name"),
        ("UNAVAILABLE: errors resolving x:1: [something new]", "looked up"),
        ("UNAVAILABLE: Stream removed (Socket closed)", "breaks"),
        ("UNAVAILABLE: something new", ""),
        ("", ""),
    ],
)
def test_the_cause_is_read_from_grpcs_text(detail: str, said: str) -> None:
    assert said in cause(detail)
    assert bool(said) is bool(cause(detail))
