"""A verifier whose Argon2id is real but light, a store, and a house with two users and two meters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.auth.house import LIGHT, House
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    verifier = Verifier(LIGHT)
    yield verifier
    verifier.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    folder = tmp_path / "store"
    folder.mkdir()
    store = await open_store("sqlite", folder)
    yield store
    await store.close()


@pytest.fixture
async def house(store: Store, verifier: Verifier) -> AsyncIterator[House]:
    house = House(store, verifier)
    await house.furnish()
    yield house
    for gate in house.gates:
        await gate.close()
