"""How long to wait before the next try. Knows chance, and nothing of the product."""

from __future__ import annotations

import random

FIRST_PAUSE_S = 0.2


def pause_s(attempt: int, *, first_s: float = FIRST_PAUSE_S, longest_s: float) -> float:
    """The growing, jittered pause before try number `attempt` (from 1), in seconds."""
    grown_s: float = first_s * 2 ** min(attempt - 1, 16)
    return min(longest_s, grown_s) * jitter()


def jitter() -> float:
    """A factor around 1: those who failed together do not come back together."""
    return random.uniform(0.75, 1.25)  # noqa: S311 -- no secret
