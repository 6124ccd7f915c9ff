"""Readings around the moments at which something closes: a row takes the one nearest to its end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple


class Point(NamedTuple):
    """A counter that was believed: host time (ms), what it showed, and what was booked of it until then."""

    time: int
    value: int
    booked: int


class Track:
    """The last readings of one counter, oldest first: all that an open row may still want."""

    __slots__ = ("points",)

    def __init__(self) -> None:
        self.points: list[Point] = []

    @property
    def latest(self) -> Point | None:
        return self.points[-1] if self.points else None

    def add(self, point: Point, wanted: int) -> None:
        """Another reading; ``wanted`` is the earliest moment that an open row may still ask for."""
        self.points.append(point)
        keep = bisect_right(self.points, wanted, key=_time) - 1
        if keep > 0:
            del self.points[:keep]

    def nearest(self, moment: int, reach: int) -> Point | None:
        """The reading nearest to a moment and at most ``reach`` ms away, the earlier of two."""
        place = bisect_right(self.points, moment, key=_time)
        around = self.points[max(place - 1, 0) : place + 1]
        found = min(around, key=lambda point: (abs(point.time - moment), point.time), default=None)
        return found if found is not None and abs(found.time - moment) <= reach else None

    def before(self, moment: int) -> Point | None:
        """The last good reading at a moment."""
        place = bisect_right(self.points, moment, key=_time)
        return self.points[place - 1] if place else None

    def after(self, moment: int) -> Point | None:
        """The first reading at a moment or later."""
        place = bisect_left(self.points, moment, key=_time)
        return self.points[place] if place < len(self.points) else None

    def passed(self, moment: int) -> bool:
        """Whether a reading at or after a moment is there, so that no nearer one can come."""
        return bool(self.points) and self.points[-1].time >= moment

    def turn_back(self, at: int) -> None:
        """The host's clock was set back to ``at``: nothing was read later than now."""
        if self.points and self.points[-1].time > at:
            self.points = [self.points[-1]._replace(time=at)]


#: Sums of gauges begin anew there: only what lies between two of them counts.
ROUND = 1 << 62


class Sum(NamedTuple):
    """A gauge: host time (ms) and value of a reading, and the sum of value x ms over the ms measured until then."""

    time: int
    value: int
    total: int = 0
    measured: int = 0

    def grown(self, moment: int, hold: int) -> tuple[int, int]:
        """Sum and time at a later moment; the value holds for at most ``hold`` ms, then nothing is measured."""
        stretch = min(max(moment - self.time, 0), hold)
        return (self.total + self.value * stretch) % ROUND, self.measured + stretch


class Sums:
    """The last readings of one gauge, as :class:`Track` keeps those of a counter."""

    __slots__ = ("points",)

    def __init__(self) -> None:
        self.points: list[Sum] = []

    def add(self, time: int, value: int, hold: int, wanted: int) -> None:
        """Another reading."""
        latest = self.points[-1] if self.points else None
        self.points.append(Sum(time, value, *(latest.grown(time, hold) if latest else (0, 0))))
        keep = bisect_right(self.points, wanted, key=_time) - 1
        if keep > 0:
            del self.points[:keep]

    def at(self, moment: int, hold: int) -> tuple[int, int]:
        """Sum of value x ms and ms measured until a moment."""
        place = bisect_right(self.points, moment, key=_time)
        return self.points[place - 1].grown(moment, hold) if place else (0, 0)

    def passed(self, moment: int) -> bool:
        """Whether a reading at or after a moment is there."""
        return bool(self.points) and self.points[-1].time >= moment

    def turn_back(self, at: int) -> None:
        """The host's clock was set back to ``at``."""
        if self.points and self.points[-1].time > at:
            self.points = [self.points[-1]._replace(time=at)]


def _time(point: Point | Sum) -> int:
    return point.time
