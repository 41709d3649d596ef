"""The store's tests run on both kinds of database; those that look at the file, on SQLite alone."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.store import Store
from tests import postgres
from tests.postgres import Cluster
from tests.store.made import leading
from tests.store.made import url as url_of_file
from tests.ways import Way

KINDS = ("sqlite", "postgres")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = inspect.signature(metafunc.function).parameters
    if "database_kind" in metafunc.fixturenames and "file" not in names:
        metafunc.parametrize(
            "database_kind", getattr(metafunc.module, "KINDS", KINDS), indirect=True
        )


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which kind of database."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a row."""
    if database_kind == "sqlite":
        file = tmp_path / "bot.db"
        file.write_bytes(request.getfixturevalue("empty"))
        yield url_of_file(file)
    else:
        cluster = request.getfixturevalue("cluster")
        with postgres.database(cluster) as name:
            yield cluster.url(name)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with leading(url) as store:
        yield store


@pytest.fixture
def server(cluster: Cluster) -> Iterator[str]:
    """The name of a database of a server, without a table."""
    with postgres.database(cluster) as name:
        yield name


@pytest.fixture
async def way(cluster: Cluster) -> AsyncIterator[Way]:
    """A way to the server that can be cut."""
    async with Way(cluster.port) as way:
        yield way
