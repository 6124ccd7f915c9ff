"""The clocks of meters that follow the gateway's: a stated policy (g13-api.md 10.3).

A clock is set once every 24 hours, and whenever it is found to be more than 2 seconds off; it is looked at once an
hour and when the meter comes back. Never while the meter charges or one of our sessions runs. Where summer time is kept
by us, its offset is written at the change. A meter that refuses, or whose clock shows something else afterwards, is
left alone for a day. What goes wrong is told once a day.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from wattproof.errors import LinkError, Refused, UsageError, WattproofError
from wattproof.gateway.acquire.buses import Urgency
from wattproof.gateway.acquire.site import MILLISECOND, Site
from wattproof.gateway.acquire.stations import Station, may_repeat
from wattproof.gateway.acquire.timetable import Appointment
from wattproof.gateway.answers import Trait
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Setting

#: Seconds: between two settings, or after a refusal; between two looks, until a look that was not possible is tried
#: again.
EVERY, LOOK, AGAIN = 86400.0, 3600.0, 60.0
#: The same in nanoseconds.
DAY = round(EVERY * 1e9)
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
    """What is known of one meter's clock. ``set_at``: host time, UTC ms; ``deviation``: ms, as last seen; ``refused``,
    ``warned``: when that happened last (ns of the clock's ``now``)."""

    set_at: int | None = None
    known: bool = False
    settings: int = 0
    deviation: int | None = None
    appointment: Appointment | None = None
    refused: int | None = None
    warned: int | None = None


class Timekeeper:
    """Keeps the clocks of the stations that it is given."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._kept: dict[str, Kept] = {}

    def keep(self, station: Station) -> None:
        """Look after this meter's clock from now on, if it has one that can be set."""
        if isinstance(station.source, Timed) and station.serial not in self._kept:
            self._kept[station.serial] = Kept()
            station.returned.append(self.came_back)
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
        done = station.presence.is_offline or self._lately(kept.refused)  # one that comes back is looked at then
        if not done:
            try:
                done = await station.runner.ask(
                    lambda: station.attempt(lambda: self._right(station, kept)), Urgency.READ, WAIT
                )
            except WattproofError as error:
                if isinstance(error, CommandFailed) and error.kind is Failing.GONE:
                    return
                done = final(error)
                self._warn(station, kept, error)
        if station.serial in self._kept:
            self._look_in(station, LOOK if done else AGAIN)

    def _lately(self, moment: int | None) -> bool:
        """Whether something has happened within the last day."""
        return moment is not None and self._site.clock.now() - moment < DAY

    def _warn(self, station: Station, kept: Kept, error: WattproofError) -> None:
        if not self._lately(kept.warned):
            kept.warned = self._site.clock.now()
            hint = "; a meter that guards its clock needs password_file in its [[meter]]" if final(error) else ""
            _log.warning("the clock of %s could not be kept: %s%s", station.serial, error, hint)

    async def _right(self, station: Station, kept: Kept) -> bool:
        """Look at the clock and set it if need be; whether it may be left alone for a while."""
        source: Any = station.source
        if not settable(source) or self._lately(kept.refused):
            return True
        if not kept.known:
            kept.set_at, kept.known = await self._site.store.setting(name_of(station.serial)), True
        if await source.is_charging():
            return False
        now = self._site.now
        kept.deviation = await self._deviation(source)
        due = kept.set_at is None or now - kept.set_at >= EVERY * 1000
        try:
            if due or kept.deviation is None or abs(kept.deviation) > TOLERANCE:
                await self._set(source)
                kept.set_at, kept.settings = now, kept.settings + 1
                self._site.ledger.add(Setting(name_of(station.serial), now))
            else:
                await source.follow_summer_time()
        except WattproofError as error:
            if final(error):  # here, at the bus: another look may wait for it already
                kept.refused = self._site.clock.now()
            raise
        return True

    async def _set(self, source: Any) -> None:
        """Set a clock. Raises ``Refused``, also if it shows something else then."""
        await source.set_time(self._site.time // MILLISECOND)
        left = await self._deviation(source)
        if left is None or abs(left) > TOLERANCE:
            raise Refused("it was set and " + ("shows no time" if left is None else f"is off by {left / 1000:g} s"))

    async def _deviation(self, source: Any) -> int | None:
        """By how many ms a clock is beside all moments at which it can have been read; ``None``: it shows none."""
        before = self._site.time // MILLISECOND
        shown: int | None = await source.time()
        after = self._site.time // MILLISECOND
        return None if shown is None else min(shown - before, 0) or max(shown - after, 0)


def settable(source: Any) -> bool:
    """Whether a clock can be set, as far as its source knows. Families that tell what they have tell this too."""
    traits = source.traits
    return SET_CLOCK in source.writes and (Trait.CLOCK_SET in traits or Trait.CLOCK not in traits)


def final(error: WattproofError) -> bool:
    """Whether a meter has said no, and would say so again."""
    if isinstance(error, LinkError) or may_repeat(error, writing=True):
        return False
    return isinstance(error, Refused | UsageError)


def name_of(serial: str) -> str:
    """Name of the setting that says when a meter's clock was set."""
    return f"timekeeping/{serial}"
