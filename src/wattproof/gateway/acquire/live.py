"""New values as they come, for those who watch: at most once a second for each meter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

from wattproof.gateway.acquire.fleet import Fleet
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.records import Value

#: Seconds between two messages about the same meter.
PACE = 1.0


class Live:
    """Watches stations for one reader; what comes too fast is put together."""

    def __init__(self, fleet: Fleet, serials: Iterable[str]) -> None:
        self._fleet = fleet
        self._serials = frozenset(serials)
        self._pending: dict[str, dict[int, Value]] = {}
        self._arrived = asyncio.Event()

    async def stream(self) -> AsyncGenerator[dict[str, Any], None]:
        """First what is known, then what is new, until closed. Meters that are registered later come too."""
        self._fleet.watchers.add(self._take)
        for serial in sorted(self._serials):
            station = self._fleet.stations.get(serial)
            if station is not None and station.latest:
                self._take(station, station.latest)
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                pending, self._pending = self._pending, {}
                for serial, values in pending.items():
                    yield {"serial": serial, "values": values}
                await self._fleet.site.clock.sleep(PACE)
        finally:
            self._fleet.watchers.discard(self._take)

    def _take(self, station: Station, values: Mapping[int, Value]) -> None:
        if station.serial in self._serials:
            self._pending.setdefault(station.serial, {}).update(values)
            self._arrived.set()
