"""The clocks of meters that follow the gateway's: a stated policy (g13-api.md 10.3).

A clock is set once every 24 hours, and whenever it is found to be more than 2 seconds off; it is looked at once an
hour and when the meter comes back. Never while the meter charges or one of our sessions runs. Where summer time is kept
by us, its offset is written at the change.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from wattproof.errors import WattproofError
from wattproof.gateway.acquire.buses import Urgency
from wattproof.gateway.acquire.site import MILLISECOND, Site
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.acquire.timetable import Appointment
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Setting

#: Seconds: between two settings, between two looks, until a look that was not possible is tried again.
EVERY, LOOK, AGAIN = 86400.0, 3600.0, 60.0
SET_CLOCK = 42
#: Milliseconds that a clock may be off.
TOLERANCE = 2000
#: Seconds that a look may take, the wait for the bus included.
WAIT = 30.0
_log = logging.getLogger(__name__)


@runtime_checkable
class Timed(Protocol):
    """A source whose meter may have a clock that can be set. Times are UTC ms; ``writes``: what can be, by resource."""

    writes: Mapping[int, Any]

    async def time(self) -> int | None:
        """The meter's clock, ``None`` while nobody has set it."""
        ...

    async def set_time(self, time: int) -> None:
        """Set it."""
        ...

    async def follow_summer_time(self) -> bool:
        """Write the offset of local time if another one holds now."""
        ...

    async def is_charging(self) -> bool:
        """Whether its clock is to be left alone now."""
        ...


@dataclass(slots=True)
class Kept:
    """What is known of one meter's clock. ``set_at``: host time, UTC ms; ``deviation``: ms, as last seen."""

    set_at: int | None = None
    known: bool = False
    settings: int = 0
    deviation: int | None = None
    appointment: Appointment | None = None


class Timekeeper:
    """Keeps the clocks of the stations that it is given."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._kept: dict[str, Kept] = {}

    def keep(self, station: Station) -> None:
        """Look after this meter's clock from now on, if it has one that can be set."""
        if isinstance(station.source, Timed) and station.serial not in self._kept:
            self._kept[station.serial] = Kept()
            station.returned = self.came_back
            self._look_in(station, 0.0)

    def leave(self, serial: str) -> None:
        """No more."""
        kept = self._kept.pop(serial, None)
        if kept is not None and kept.appointment is not None:
            kept.appointment.cancel()

    def of(self, serial: str) -> Kept | None:
        """What is known of a meter's clock."""
        return self._kept.get(serial)

    def came_back(self, station: Station) -> None:
        """A meter has been away, perhaps without supply: its clock is looked at soon."""
        if station.serial in self._kept:
            self._look_in(station, 0.0)

    def moved(self, stations: Iterable[Station]) -> None:
        """The gateway's time was set: the clocks of meters follow it."""
        for station in stations:
            self.came_back(station)

    def _look_in(self, station: Station, seconds: float) -> None:
        kept = self._kept[station.serial]
        if kept.appointment is not None:
            kept.appointment.cancel()
        kept.appointment = self._site.timetable.after(seconds, lambda: self._site.spawn(self._look(station)))

    async def _look(self, station: Station) -> None:
        kept = self._kept.get(station.serial)
        if kept is None:
            return
        kept.appointment = None
        done = False
        if not station.presence.is_offline:
            try:
                done = await station.runner.ask(
                    lambda: station.attempt(lambda: self._right(station, kept)), Urgency.READ, WAIT
                )
            except WattproofError as error:
                if isinstance(error, CommandFailed) and error.kind is Failing.GONE:
                    return
                _log.warning("the clock of %s could not be kept: %s", station.serial, error)
        if station.serial in self._kept:
            self._look_in(station, LOOK if done else AGAIN)

    async def _right(self, station: Station, kept: Kept) -> bool:
        """Look at the clock and set it if need be; whether it may be left alone for a while."""
        source: Any = station.source
        if SET_CLOCK not in source.writes:
            return True
        if not kept.known:
            kept.set_at, kept.known = await self._site.store.setting(name_of(station.serial)), True
        if await source.is_charging():
            return False
        now = self._site.now
        shown = await source.time()
        kept.deviation = None if shown is None else shown - self._site.time // MILLISECOND
        due = kept.set_at is None or now - kept.set_at >= EVERY * 1000
        if due or kept.deviation is None or abs(kept.deviation) > TOLERANCE:
            await source.set_time(self._site.time // MILLISECOND)
            kept.set_at, kept.settings = now, kept.settings + 1
            self._site.ledger.add(Setting(name_of(station.serial), now))
        else:
            await source.follow_summer_time()
        return True


def name_of(serial: str) -> str:
    """Name of the setting that says when a meter's clock was set."""
    return f"timekeeping/{serial}"
