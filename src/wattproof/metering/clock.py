"""The clock of a meter: local time that can be set, drifts, knows summer time, and may never have been set.

Meter time comes in as whole milliseconds from an arbitrary start and never decreases. ``run`` is the time that the
clock itself has counted, whatever it was set to; standard time is ``run`` plus what settings have shifted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wattproof.metering.dates import SECOND, Fields, fields
from wattproof.metering.dst import Rule, SummerTime

MILLION = 1_000_000
#: Clock status of IEC 62056-62: invalid value; daylight saving active.
INVALID, SUMMER = 0x01, 0x80


class Stamp(NamedTuple):
    """A local time as rows and log entries carry it: seconds since 2000-01-01 00:00, and the clock status."""

    seconds: int
    status: int = 0

    @property
    def fields(self) -> Fields:
        return fields(self.seconds)

    @property
    def summer(self) -> bool:
        return bool(self.status & SUMMER)


@dataclass(slots=True)
class Clock:
    """``run`` was the running time at meter time ``at``; ``shifted`` makes it standard time; ``drift`` in ppm."""

    at: int = 0
    base: int = 0
    shifted: int = 0
    drift: int = 0
    valid: bool = True
    summer: SummerTime = field(default_factory=SummerTime)

    def run(self, now: int) -> int:
        """Milliseconds that the clock has counted."""
        if not self.drift:
            return self.base + now - self.at
        return self.base + (now - self.at) * (MILLION + self.drift) // MILLION

    def standard(self, now: int) -> int:
        """Standard time, ms since 2000-01-01 00:00."""
        return self.run(now) + self.shifted

    def local(self, now: int) -> int:
        """Local time, ms since 2000-01-01 00:00."""
        return self.summer.local(self.standard(now))

    def when(self, standard: int) -> int:
        """The first whole ms of meter time at which standard time has come; only for moments not before ``at``."""
        distance = standard - self.shifted - self.base
        if not self.drift:
            return self.at + distance
        return self.at - -distance * MILLION // (MILLION + self.drift)

    def stamp(self, now: int) -> Stamp:
        """Local time with its status."""
        return self.stamp_of(self.standard(now))

    def stamp_of(self, standard: int) -> Stamp:
        """The stamp of a moment of standard time."""
        summer = self.summer
        status = (SUMMER if summer.active(standard) else 0) | (0 if self.valid else INVALID)
        return Stamp(summer.local(standard) // SECOND, status)

    def set_local(self, now: int, seconds: int) -> int:
        """Set to a local time, seconds since 2000-01-01 00:00; how far it moved, in ms."""
        return self.move(now, self.summer.standard(seconds * SECOND) - self.standard(now))

    def move(self, now: int, by: int) -> int:
        """Put on by ``by`` ms, negative: back. It counts as set from then on."""
        self.shifted += by
        self.valid = True
        return by

    def set_drift(self, now: int, ppm: int) -> None:
        """From now on the clock gains or loses."""
        self.base, self.at, self.drift = self.run(now), now, ppm

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        rules = [[rule.month, rule.weekday, rule.day, rule.hour] for rule in (self.summer.begin, self.summer.end)]
        return {
            "at": self.at,
            "base": self.base,
            "shifted": self.shifted,
            "drift": self.drift,
            "valid": self.valid,
            "summer": [*rules, self.summer.enabled, self.summer.deviation],
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Clock:
        """The clock of :meth:`save`."""
        begin, end, enabled, deviation = data["summer"]
        summer = SummerTime(Rule(*begin), Rule(*end), enabled, deviation)
        return cls(data["at"], data["base"], data["shifted"], data["drift"], data["valid"], summer)
