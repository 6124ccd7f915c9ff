"""Telegrams of real meters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mbusline import abb_frames


@pytest.fixture(scope="session")
def frames(vectors: Path) -> dict[str, bytes]:
    """Frames of ABB meters by their ids."""
    return abb_frames(vectors)


@pytest.fixture(scope="session")
def a41(frames: dict[str, bytes]) -> list[bytes]:
    """The five telegrams of an A41."""
    return [frames[f"a41-readout-{number}"] for number in range(1, 6)]
