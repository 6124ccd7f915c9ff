"""Every test of the store runs on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store

ENGINES = ("sqlite",)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    """An empty store."""
    return str(request.param)


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """The writing store, open."""
    opened = await open_store(url, tmp_path)
    yield opened
    await opened.close()
