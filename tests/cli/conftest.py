"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest

from tests.cli.owner import NewOwner
from tests.world import World


@pytest.fixture
def owner(world: World) -> NewOwner:
    return NewOwner(world)
