"""A town whose Telegram runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.demo.telegram.town import Town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    await town.sim.start()
    # no TLS: nothing to verify
    async with httpx.AsyncClient(timeout=10, verify=False) as town.http:
        yield town
    await town.sim.stop()
