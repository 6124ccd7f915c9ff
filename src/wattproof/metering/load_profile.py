"""A load profile: one reading at the end of every interval, with a status that says what was wrong with the interval
(abb-meters.md 3.10).

A channel does not measure. It is told when its interval ends, gets the reading, and keeps the last rows in a ring.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from enum import IntFlag
from typing import Any, NamedTuple

from wattproof.metering.clock import Clock, Stamp
from wattproof.metering.dates import SECOND
from wattproof.metering.intervals import next_boundary

#: Intervals that divide a day, seconds (2.9).
INTERVALS = (60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
#: Milliseconds by which an interval may be off because the clock drifts.
TOLERANCE = 1


class Status(IntFlag):
    """What the status of a row says."""

    EXISTS = 0x01
    POWER_FAILURE = 0x02
    LONG = 0x04
    SHORT = 0x08
    CLOCK_CHANGED = 0x10
    BAD = 0x20


EXISTS, LONG, SHORT, BAD = int(Status.EXISTS), int(Status.LONG), int(Status.SHORT), int(Status.BAD)


class Row(NamedTuple):
    """One reading; ``value`` is a tuple for a channel of several."""

    stamp: Stamp
    status: int
    value: int | tuple[int, ...]


class End(NamedTuple):
    """The end of an interval: when it was due, of which interval (both ms), the running time of the clock, the stamp,
    and when the next one is due."""

    due: int
    interval: int
    run: int
    stamp: Stamp
    following: int


class Channel:
    """One channel of a profile.

    :param interval: seconds, one of :data:`INTERVALS`; :param capacity: rows that it keeps; :param width: numbers that
        a reading consists of.

    ``due`` is the end of the present interval (standard time, ms), ``began`` the running time of the clock at its
    begin, ``start`` what whoever measures has to remember of that moment.
    """

    __slots__ = ("_first", "_stamps", "_statuses", "_values", "began", "capacity", "due", "flags", "interval", "start",
                 "width")  # fmt: skip

    def __init__(self, interval: int, capacity: int, width: int = 1) -> None:
        if interval not in INTERVALS:
            raise ValueError(f"an interval of {interval} s is not possible: write one of {INTERVALS}")
        if capacity < 0:
            raise ValueError(f"{capacity} rows are not possible")
        self.interval, self.capacity, self.width = interval * SECOND, capacity, width
        self.due = self.began = 0
        self.start: Sequence[int] = ()
        self.flags = 0
        self.clear()

    def clear(self) -> None:
        """Forget all rows; the running interval goes on."""
        self._stamps, self._statuses, self._values = array("q"), bytearray(), array("q")
        self._first = 0

    # recording

    def begin(self, clock: Clock, now: int, start: Sequence[int]) -> None:
        """An interval begins now, whatever the time of day."""
        self.flags = 0
        self.start, self.began = start, clock.run(now)
        self.plan(clock, now)

    def plan(self, clock: Clock, now: int) -> None:
        """Find the end of the present interval, as after a change of the clock."""
        self.due = next_boundary(clock.summer, clock.standard(now), self.interval)

    def flag(self, bits: int) -> None:
        """Something happened to the present interval."""
        self.flags |= bits

    def end(self, clock: Clock, now: int) -> End:
        """The end of the present interval, which is now; channels that end together share it."""
        following = next_boundary(clock.summer, self.due, self.interval)
        return End(self.due, self.interval, clock.run(now), clock.stamp_of(self.due), following)

    def close(self, end: End, reading: Sequence[int], start: Sequence[int]) -> None:
        """The interval ends with a reading, none (``()``) if it is bad; the next one begins with ``start``."""
        elapsed, flags = end.run - self.began - self.interval, self.flags | EXISTS
        if not flags & (LONG | SHORT):  # if the clock was set, the way it went counts, not how long this lasted
            flags |= LONG if elapsed > TOLERANCE else SHORT if elapsed < -TOLERANCE else 0
        self.store(end.stamp, flags if reading else flags | BAD, reading or (0,) * self.width)
        self.began, self.flags, self.start, self.due = end.run, 0, start, end.following

    def resume(self, clock: Clock, off: int, now: int, reading: Sequence[int], start: Sequence[int]) -> None:
        """The supply is back, ``off`` being the moment at which it failed.

        The interval in which it failed gets its row, those missed as a whole get none (3.7).
        """
        self.flags |= Status.POWER_FAILURE
        standard = clock.standard(now)
        if self.due > standard:
            return
        if clock.run(off) > self.began:
            self.close(self.end(clock, clock.when(self.due)), reading, start)
        self.skip(clock, now, start)

    def skip(self, clock: Clock, now: int, start: Sequence[int]) -> None:
        """Intervals that ended meanwhile get no row; the present one is marked and begins where it should have."""
        begin = next_boundary(clock.summer, clock.standard(now) - self.interval, self.interval)
        self.began, self.start, self.flags = clock.run(clock.when(begin)), start, int(Status.POWER_FAILURE)
        self.plan(clock, now)

    def store(self, stamp: Stamp, status: int, reading: Sequence[int]) -> None:
        """Keep a row; the oldest one makes room."""
        if not self.capacity:
            return
        packed = stamp[0] << 8 | stamp[1]
        if len(self._stamps) < self.capacity:
            self._stamps.append(packed)
            self._statuses.append(status)
            self._values.extend(reading)
            return
        place = self._first
        self._stamps[place], self._statuses[place] = packed, status
        if self.width == 1:
            self._values[place] = reading[0]
        else:
            self._values[place * self.width : (place + 1) * self.width] = array("q", reading)
        self._first = (place + 1) % self.capacity

    # reading

    def take(self) -> list[Row]:
        """Hand out all rows, oldest first, and keep none: for who keeps them elsewhere."""
        taken = list(self.rows())
        self.clear()
        return taken

    def __len__(self) -> int:
        return len(self._stamps)

    def row(self, index: int) -> Row:
        """The row of that number, 0 the oldest, -1 the newest."""
        count = len(self._stamps)
        if not -count <= index < count:
            raise IndexError(index)
        place = (self._first + index) % count
        packed, width = self._stamps[place], self.width
        value = self._values[place] if width == 1 else tuple(self._values[place * width : (place + 1) * width])
        return Row(Stamp(packed >> 8, packed & 0xFF), self._statuses[place], value)

    def rows(self, newest_first: bool = False) -> Iterator[Row]:
        """All rows, oldest first unless said otherwise."""
        count = len(self)
        return map(self.row, range(count - 1, -1, -1) if newest_first else range(count))

    def between(self, first: int, last: int) -> list[int]:
        """Numbers of the rows whose local time lies between two moments, both included (s since 2000-01-01 00:00).

        Times may repeat or go back where the clock did; so all rows are looked at.
        """
        low, high, stamps, begin = first << 8, last << 8 | 0xFF, self._stamps, self._first
        count = len(stamps)
        return sorted((place - begin) % count for place, packed in enumerate(stamps) if low <= packed <= high)

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything, the rows oldest first."""
        turn = self._first
        stamps, statuses, values = self._stamps, self._statuses, self._values
        return {
            "interval": self.interval // SECOND,
            "capacity": self.capacity,
            "width": self.width,
            "due": self.due,
            "began": self.began,
            "flags": self.flags,
            "start": list(self.start),
            "stamps": [*stamps[turn:], *stamps[:turn]],
            "statuses": [*statuses[turn:], *statuses[:turn]],
            "values": [*values[turn * self.width :], *values[: turn * self.width]],
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Channel:
        """The channel of :meth:`save`."""
        channel = cls(data["interval"], data["capacity"], data["width"])
        channel.due, channel.began, channel.flags = data["due"], data["began"], data["flags"]
        channel.start = tuple(data["start"])
        channel._stamps = array("q", data["stamps"])
        channel._statuses = bytearray(data["statuses"])
        channel._values = array("q", data["values"])
        return channel
