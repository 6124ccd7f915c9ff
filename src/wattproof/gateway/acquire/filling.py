"""What a load profile lacks after a gap: the meter's own profile is read first, only the rest is estimated (issue 5).

The rows are read beside the runner, between two transactions, so that a week of them delays no poll. A meter whose
clock is not right is not asked: its rows would be those of other moments.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wattproof.errors import LinkError, ProtocolError, WattproofError
from wattproof.gateway.acquire.site import MILLISECOND, Site
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.engines.gaps import Gap, Recorded

_log = logging.getLogger(__name__)
#: How often reading a profile is tried, and the seconds between two times.
ATTEMPTS, AGAIN = 3, 60.0


@dataclass(slots=True)
class _Attempts:
    """How often it went wrong with one meter, and before when it is not tried again (ns of the clock's ``now``)."""

    failed: int = 0
    wait: int = 0


class Filling:
    """Fills the gaps of the stations that say what they lack."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._busy: set[str] = set()
        self._attempts: dict[str, _Attempts] = {}

    def lacking(self, station: Station) -> None:
        """The meter is there, and its engine lacks rows that it may have."""
        attempts = self._attempts.setdefault(station.serial, _Attempts())
        if station.serial not in self._busy and self._site.clock.now() >= attempts.wait:
            self._busy.add(station.serial)
            self._site.spawn(self._fill(station, attempts))

    async def _fill(self, station: Station, attempts: _Attempts) -> None:
        engine: Any = station.engine
        try:
            while gaps := engine.lacks():
                channel = gaps[0].channel
                lacks = _of(channel, gaps)
                found = await self._own_rows(station, lacks, attempts)
                if found is None:
                    return
                if _of(channel, engine.lacks()) == lacks:  # else another gap has ended meanwhile: it is asked for too
                    self._site.ledger.add(*engine.fill(channel, found, self._site.now))
        finally:
            self._busy.discard(station.serial)

    async def _own_rows(self, station: Station, lacks: Sequence[Gap], attempts: _Attempts) -> list[Recorded] | None:
        """The meter's own rows for the gaps of a channel; ``None`` where it is to be asked again later."""
        try:
            async with station.runner.aside:
                rows = await self._read(station, lacks)
        except WattproofError as error:
            attempts.failed += 1
            passing = isinstance(error, LinkError | ProtocolError) and attempts.failed < ATTEMPTS
            _log.warning("the load profile of %s could not be read: %s", station.serial, error)
            if passing:
                attempts.wait = self._site.clock.now() + round(AGAIN * 1e9)
                return None
            rows = []
        attempts.failed = 0
        return rows

    async def _read(self, station: Station, lacks: Sequence[Gap]) -> list[Recorded]:
        source: Any = station.source
        engine: Any = station.engine
        if not source.recorded:
            return []
        shown, now = await source.time(), self._site.time // MILLISECOND
        if shown is None or abs(shown - now) > engine.facts.reach:
            clock = "is not set" if shown is None else f"is off by {(shown - now) / 1000:g} s"
            _log.warning("the load profile of %s is not used: its clock %s", station.serial, clock)
            return []
        offset = self._site.offset
        first, last = min(gap.first for gap in lacks), max(gap.last for gap in lacks)
        rows: list[Recorded] = await source.own_rows(lacks[0].quantity, first + offset, last + offset)
        return [row._replace(time=row.time - offset) for row in rows]


def _of(channel: int, gaps: Sequence[Gap]) -> list[Gap]:
    return [gap for gap in gaps if gap.channel == channel]
