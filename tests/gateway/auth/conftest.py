"""A verifier whose Argon2id is real but light, and a store of dictionaries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.auth.shelf import Shelf
from wattproof.gateway.auth.passwords import Hashing, Verifier

LIGHT = Hashing(memory=64, passes=1)


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    verifier = Verifier(LIGHT)
    yield verifier
    verifier.close()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
