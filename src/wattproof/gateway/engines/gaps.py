"""What a load profile lacks, and how it is filled: first from the meter's own profile, the rest by estimate (issue 5).

A moment is missed when the meter gave no reading (there is a row marked 0x20) or when the service was down (there is
none). Rows that exist never change. What is estimated, by a straight line between the readings on both sides of the
gap, is written as a row of its own, marked; where there is a row already, a millisecond behind it. #73 shows what was
measured, without estimates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from wattproof.gateway.engines.books import Books, Part
from wattproof.gateway.engines.counters import Counters
from wattproof.gateway.engines.measured import Taken
from wattproof.gateway.engines.readings import Point
from wattproof.gateway.engines.scales import COUNTERS, exponent_of, scaled
from wattproof.gateway.records import Kind, Row, Value
from wattproof.metering.dates import SECOND
from wattproof.metering.intervals import next_boundary
from wattproof.metering.load_profile import Status

#: Gaps that are kept open at most, the oldest give way.
MOST_GAPS = 64
#: By how much the time of a meter's own row may differ from that of ours, ms.
NEAR = 1_000


class Recorded(NamedTuple):
    """A row of the meter's own profile: UTC ms of its end, value, status bits."""

    time: int
    value: Value
    status: int = int(Status.EXISTS)


@dataclass
class Gap:
    """Moments of one channel from ``first`` to ``last`` (host time, both included).

    ``down``: the service was; ``held``: no row of it is written yet; ``shown``: the last good value before it;
    ``before`` and ``after``: the readings on both sides.
    """

    channel: int
    quantity: int
    first: int
    last: int
    down: bool
    held: bool
    shown: int | None
    before: Point | None = None
    after: Point | None = None


class Gaps(Part):
    """``open`` gaps, oldest first. ``setting``: interval (s), quantity and rows of a channel."""

    name = "gaps"

    def __init__(self, books: Books, counters: Counters, setting: Callable[[int], tuple[int, int, int]]) -> None:
        super().__init__()
        self._books, self._counters, self._setting = books, counters, setting
        self.open: list[Gap] = []

    def missed(self, channel: int, quantity: int, moment: int, taken: Taken) -> bool:
        """An interval ended without a good reading; whether its row is to be written now."""
        if quantity not in COUNTERS:
            return True
        held = self._books.facts.recorded
        newest = next((gap for gap in reversed(self.open) if gap.channel == channel), None)
        if newest is not None and not newest.down and newest.after is None:
            newest.last = moment
        else:
            self._add(Gap(channel, quantity, moment, moment, False, held, taken.value))
        self.changed = True
        track = self._counters.tracks.get(quantity)
        if track is not None and track.passed(moment + 1):  # closed late: the reading behind it is there already
            self.grown(quantity, track.before(self.open[-1].first), track.points[-1])
        return not held

    def skipped(self, channel: int, quantity: int, first: int, last: int) -> None:
        """The service was down: no rows from ``first`` to ``last``."""
        if quantity in COUNTERS:
            track = self._counters.tracks.get(quantity)
            shown = None if track is None else track.before(first)
            self._add(Gap(channel, quantity, first, last, True, self._books.facts.recorded, shown and shown.value))

    def _add(self, gap: Gap) -> None:
        self.open.append(gap)
        del self.open[:-MOST_GAPS]
        self.changed = True

    def grown(self, quantity: int, before: Point | None, after: Point) -> None:
        """A reading was believed: gaps of its counter that it ends can be estimated."""
        for gap in [gap for gap in self.open if gap.quantity == quantity and gap.after is None]:
            if after.time > gap.last:
                gap.before, gap.after = before, after
                self.changed = True
                if not gap.held:
                    self._settle(gap, [])

    def fill(self, channel: int, rows: Iterable[Recorded]) -> None:
        """The meter's own rows for what a channel lacks; what they lack too is estimated."""
        found = sorted(rows)
        for gap in [gap for gap in self.open if gap.channel == channel and gap.after is not None]:
            self._settle(gap, found)

    def forget(self, channel: int) -> None:
        """The channel records something else from now on, or nothing."""
        self.open = [gap for gap in self.open if gap.channel != channel]
        self.changed = True

    def _settle(self, gap: Gap, found: Sequence[Recorded]) -> None:
        self.open.remove(gap)
        self.changed = True
        for moment in self._moments(gap):
            place = bisect_left(found, moment - NEAR, key=lambda row: row.time)
            row = found[place] if place < len(found) and found[place].time <= moment + NEAR else None
            value = None if row is None else scaled(row.value, exponent_of(gap.quantity))
            if row is not None and value is not None:
                self._write(gap.channel, moment, row.status | Status.EXISTS, value)
                continue
            if gap.held and not gap.down:
                self._write(gap.channel, moment, int(Status.EXISTS | Status.BAD), gap.shown)
            guess = _between(gap.before, gap.after, moment)
            if guess is not None:
                self._write(gap.channel, moment, int(Status.EXISTS), guess, behind=0 if gap.down else 1)

    def _moments(self, gap: Gap) -> list[int]:
        """The ends of intervals in a gap, at most as many of the last as the channel holds."""
        interval, _, rows = self._setting(gap.channel)
        clock, moments = self._books.clock, deque[int](maxlen=rows)
        standard, last = clock.standard(gap.first), clock.standard(gap.last)
        while standard <= last:
            moments.append(clock.when(standard))
            standard = next_boundary(clock.summer, standard, interval * SECOND)
        return list(moments)

    def _write(self, channel: int, moment: int, status: int, value: int | None, *, behind: int | None = None) -> None:
        """A row; ``behind``: it is estimated, and stands so many ms behind its moment."""
        serial, local = self._books.facts.serial, self._books.local(moment)
        estimated = behind is not None
        row = Row(serial, Kind.PROFILE, channel, moment + (behind or 0), local, int(status), (value,), (), estimated)
        self._books.write(row)

    # what stays

    def save(self) -> Any:
        return [
            [gap.channel, gap.quantity, gap.first, gap.last, gap.down, gap.held, gap.shown,
             gap.before and list(gap.before), gap.after and list(gap.after)]
            for gap in self.open
        ]  # fmt: skip

    def restore(self, data: Any) -> None:
        self.open = [
            Gap(channel, quantity, first, last, down, held, shown, before and Point(*before), after and Point(*after))
            for channel, quantity, first, last, down, held, shown, before, after in data
        ]


def _between(before: Point | None, after: Point | None, moment: int) -> int | None:
    """What the counter showed in between, if it went on counting; ``None`` where nobody can know."""
    if before is None or after is None or not before.time < moment < after.time:
        return None
    grown = after.value - before.value
    if grown != after.booked - before.booked:
        return None
    return before.value + grown * (moment - before.time) // (after.time - before.time)
