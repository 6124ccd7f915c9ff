"""Previous values: the registers as they stood at the end of each day, week or month (abb-meters.md 3.10)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import IntFlag
from typing import Any, NamedTuple

from wattproof.metering.clock import Clock, Stamp
from wattproof.metering.intervals import Period, Span

#: Columns and rows that a meter keeps.
COLUMNS, ROWS = 23, 255


class Status(IntFlag):
    """What the status of a row says."""

    EXISTS = 0x01
    ERROR = 0x02
    POWER_OFF = 0x04


class Row(NamedTuple):
    """One end of a period, with a value for each column."""

    stamp: Stamp
    status: int
    values: tuple[int, ...]


class PreviousValues:
    """``columns`` are whatever names quantities to the meter; ``due`` is the end of the present period (standard time,
    ms)."""

    __slots__ = ("columns", "due", "period", "table")

    def __init__(self, columns: Iterable[int] = (), period: Period | None = None) -> None:
        self.columns = tuple(columns)
        if len(self.columns) > COLUMNS:
            raise ValueError(f"{len(self.columns)} columns are not possible: write at most {COLUMNS}")
        self.period = period or Period()
        self.due = 0
        self.table: deque[Row] = deque(maxlen=ROWS)

    def plan(self, clock: Clock, now: int) -> None:
        """Find the end of the present period."""
        self.due = self.period.next_end(clock.summer, clock.standard(now))

    def close(self, clock: Clock, values: Sequence[int], status: int = 0) -> None:
        """The period ends at ``due`` with these values."""
        if self.columns:
            self.table.append(Row(clock.stamp_of(self.due), status | Status.EXISTS, tuple(values)))
        self.due = self.period.next_end(clock.summer, self.due)

    def catch_up(self, clock: Clock, now: int, values: Sequence[int], status: int = 0) -> None:
        """After a power failure or a change of the clock: a period that ended meanwhile ends with these values."""
        if self.due <= clock.standard(now):
            self.close(clock, values, status)
        self.plan(clock, now)

    def take(self) -> list[Row]:
        """Hand out all rows, oldest first, and keep none: for who keeps them elsewhere."""
        taken = list(self.table)
        self.table.clear()
        return taken

    def rows(self, newest_first: bool = False) -> Iterator[Row]:
        """All rows, oldest first unless said otherwise."""
        return reversed(self.table) if newest_first else iter(self.table)

    def between(self, first: int, last: int) -> list[int]:
        """Numbers of the rows between two local times, both included (s since 2000-01-01 00:00)."""
        return between(self.table, first, last)

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {
            "columns": list(self.columns),
            "period": [int(self.period.span), self.period.weekday],
            "due": self.due,
            "rows": [[*row.stamp, row.status, list(row.values)] for row in self.table],
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> PreviousValues:
        """The previous values of :meth:`save`."""
        span, weekday = data["period"]
        kept = cls(data["columns"], Period(Span(span), weekday))
        kept.due = data["due"]
        kept.table.extend(
            Row(Stamp(seconds, clock), status, tuple(values)) for seconds, clock, status, values in data["rows"]
        )
        return kept


def between(rows: Iterable[Any], first: int, last: int) -> list[int]:
    """Numbers of the rows whose local time lies between two moments, both included."""
    return [number for number, row in enumerate(rows) if first <= row.stamp.seconds <= last]
