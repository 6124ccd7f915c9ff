"""When intervals and periods end: local times that are multiples of an interval from midnight, and ends of periods.

All moments are standard time in milliseconds since 2000-01-01 00:00.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from wattproof.metering.dates import DAY, civil, month_length, weekday
from wattproof.metering.dst import SummerTime


def next_boundary(summer: SummerTime, after: int, interval: int) -> int:
    """The first moment after ``after`` at which the clock shows a multiple of ``interval`` ms from midnight.

    ``interval`` divides a day. A midnight that the begin of summer time leaves out ends its day all the same.
    """
    while True:
        shift = summer.shift(after)
        found = after + interval - (after + shift) % interval
        change = summer.until(after)
        if found < change:
            return found
        shown = summer.local(change)
        if shown % interval == 0 or shown // DAY > (change - 1 + shift) // DAY:
            return change
        after = change


class Span(IntEnum):
    """How long a period is."""

    DAILY = 0
    WEEKLY = 1
    MONTHLY = 2


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a week whose last day is ``weekday`` (1 Monday to 7 Sunday), or a month."""

    span: Span = Span.DAILY
    weekday: int = 7

    def __post_init__(self) -> None:
        if not 1 <= self.weekday <= 7:
            raise ValueError(f"weekday {self.weekday} is not possible: write 1 (Monday) to 7 (Sunday)")

    def ends(self, day: int) -> bool:
        """Whether a local day (days since 2000-01-01) is the last of a period."""
        if self.span is Span.DAILY:
            return True
        if self.span is Span.WEEKLY:
            return weekday(day) == self.weekday
        year, month, number = civil(day)
        return number == month_length(year, month)

    def next_end(self, summer: SummerTime, after: int) -> int:
        """The first end of a period after ``after``: the midnight that follows its last day."""
        while True:
            after = next_boundary(summer, after, DAY)
            if self.ends(summer.local(after) // DAY - 1):
                return after
