"""Opens the process ``acquire`` on a folder of the test, again and again on the same clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from tests.gateway.acquire.rig import Wire
from tests.gateway.acquire.world import HALL, YARD, World
from wattproof.gateway.config import BusConfig, Config, MeterConfig
from wattproof.model.clock import VirtualClock


class Opener(Protocol):
    """Opens the process, on the clock of the test."""

    clock: VirtualClock

    def __call__(self, *arguments: Any, **options: Any) -> AbstractAsyncContextManager[World]: ...


Open = Opener
BUSES = (BusConfig("hall", HALL), BusConfig("yard", YARD))


@pytest.fixture
def world(tmp_path: Path) -> Open:
    """Opens worlds on the same store: ``world(meters=..., hall={unit: meter})``."""
    clock = VirtualClock()

    @asynccontextmanager
    async def opened(
        meters: tuple[MeterConfig, ...] = (),
        hall: Any = None,
        yard: Any = None,
        buses: Any = BUSES,
        lines: Any = None,
        **config: Any,
    ) -> AsyncIterator[World]:
        wires = {HALL: Wire(clock, hall or {}), YARD: Wire(clock, yard or {})}
        settings = Config(data=tmp_path, buses=buses, meters=meters, timezone="Europe/Berlin", **config)
        async with World(tmp_path, settings, wires, clock, lines) as made:
            yield made

    opened.clock = clock  # type: ignore[attr-defined]
    return cast(Open, opened)
