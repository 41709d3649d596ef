"""Fixtures of the actions' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import Store
from tests.actions.table import Table


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[Table]:
    store = await Store.open(f"sqlite:///{tmp_path / 'bot.db'}")
    yield Table(store)
    await store.close()
