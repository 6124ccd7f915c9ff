"""A store, a verifier whose Argon2id is real but light, and the application in both modes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.serve.rig import LIGHT, Rig
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.store.sqlite import SQLiteStore


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    verifier = Verifier(LIGHT)
    yield verifier
    verifier.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "store.sqlite3")
    yield opened
    await opened.close()


@pytest.fixture
async def rig(tmp_path: Path, store: SQLiteStore, verifier: Verifier) -> AsyncIterator[Rig]:
    """In the default mode."""
    made = Rig(tmp_path, store, verifier)
    await made.furnish()
    yield made
    await made.close()


@pytest.fixture
async def original(tmp_path: Path, store: SQLiteStore, verifier: Verifier) -> AsyncIterator[Rig]:
    """With ``compat=g13``; on the same store as ``rig`` where a test has both."""
    made = Rig(tmp_path, store, verifier, compat="g13")
    if not await store.users():
        await made.furnish()
    yield made
    await made.close()
