"""Every test of the store runs on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.postgres import Cluster, cluster, programs
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server, one a test process. What survives is tested elsewhere, so it need not sync."""
    if programs() is None:
        pytest.skip("no PostgreSQL: install the package postgresql, or put initdb into PATH")
    with cluster("fsync=off", "full_page_writes=off", "shared_buffers=32MB") as made:
        yield made


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    """An empty store."""
    if request.param == "sqlite":
        return "sqlite"
    made: Cluster = request.getfixturevalue("postgres")
    return made.emptied()


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """The writing store, open."""
    opened = await open_store(url, tmp_path)
    yield opened
    await opened.close()
