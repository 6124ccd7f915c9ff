"""Demand: the highest and lowest averages of each period, over fixed or sliding intervals (abb-meters.md 3.10, AD-21).

The engine does not measure either. Whoever measures gives it a *reading* of each quantity, something that only grows
(an energy, a count, a sum of value times duration), and a function that makes an average of two readings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wattproof.metering.clock import Clock, Stamp
from wattproof.metering.dates import SECOND
from wattproof.metering.intervals import Period, Span, next_boundary
from wattproof.metering.previous_values import Status, between

#: Entries and rows that a meter keeps.
ENTRIES, ROWS = 50, 100
#: Intervals and sub-intervals, seconds.
INTERVALS = (60, 120, 180, 300, 600, 900, 1800, 3600)
#: What an entry without a value shows.
NOTHING = 0xFFFFFFFF
LEVELS = 3

#: What only grows: one number, or a sum and the time over which it was taken.
Reading = Sequence[int]
#: The average of a quantity between two readings that lie so many ms apart; ``None`` if there is none.
Average = Callable[[int, Reading, Reading, int], int | None]


class Entry(NamedTuple):
    """A quantity, and what is kept of it: bits 0..1 of ``code`` the level, bit 2 maximum, bit 3 sliding."""

    quantity: int
    code: int

    @property
    def level(self) -> int:
        return self.code & 3

    @property
    def maximum(self) -> bool:
        return bool(self.code & 4)

    @property
    def sliding(self) -> bool:
        return bool(self.code & 8)


class Cell(NamedTuple):
    """The value of an entry in a period: status, average, the end of its interval, level."""

    status: int
    value: int
    stamp: Stamp
    level: int


class Row(NamedTuple):
    """One period: its end, and a cell for each entry."""

    stamp: Stamp
    cells: tuple[Cell, ...]


class Demand:
    """All entries of a meter.

    :param interval: seconds; :param sub_interval: seconds, divides the interval; both of :data:`INTERVALS`.

    ``due`` is the next moment at which averages are taken, ``ends`` the end of the period (standard time, ms).
    """

    __slots__ = ("_best", "_fixed", "_history", "began", "due", "ends", "entries", "interval", "period", "quantities",
                 "started", "sub_interval", "table")  # fmt: skip

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        interval: int = 900,
        sub_interval: int = 900,
        period: Period | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.interval, self.sub_interval = interval * SECOND, sub_interval * SECOND
        self.period = period or Period()
        self._check(interval, sub_interval)
        self.quantities = tuple(dict.fromkeys(entry.quantity for entry in self.entries))
        self.table: deque[Row] = deque(maxlen=ROWS)
        self.started = Stamp(0)
        self.due = self.ends = self.began = 0
        self._fixed: Mapping[int, Reading] = {}
        self._history: deque[tuple[int, Mapping[int, Reading]]] = deque(maxlen=interval // sub_interval)
        self._restart(Stamp(0))

    def _check(self, interval: int, sub_interval: int) -> None:
        if len(self.entries) > ENTRIES:
            raise ValueError(f"{len(self.entries)} entries are not possible: write at most {ENTRIES}")
        for entry in self.entries:
            if not (1 <= entry.level <= LEVELS and 0 < entry.code < 16):
                raise ValueError(f"demand code {entry.code} is not possible")
        if interval not in INTERVALS or sub_interval not in INTERVALS:
            raise ValueError(f"intervals of {interval} and {sub_interval} s are not possible: write two of {INTERVALS}")
        if interval % sub_interval:
            raise ValueError(f"a sub-interval of {sub_interval} s does not divide {interval} s")

    def _restart(self, started: Stamp) -> None:
        self.started = started
        self._best: dict[tuple[int, int], list[tuple[int, Stamp]]] = {
            (entry.quantity, entry.code & 12): [] for entry in self.entries
        }

    @property
    def slides(self) -> bool:
        """Whether an entry needs the sub-intervals."""
        return any(entry.sliding for entry in self.entries)

    # measuring

    def begin(self, clock: Clock, now: int, readings: Mapping[int, Reading]) -> None:
        """Measuring begins now, with a new period."""
        self._restart(clock.stamp(now))
        self.ends = self.period.next_end(clock.summer, clock.standard(now))
        self._start(clock, now, readings)

    def _start(self, clock: Clock, now: int, readings: Mapping[int, Reading]) -> None:
        """An interval begins now, whatever the time of day."""
        self._history.clear()
        self._fixed, self.began = readings, clock.run(now)
        if clock.local(now) % self.sub_interval == 0:
            self._history.append((self.began, readings))
        self.plan(clock, now)

    def plan(self, clock: Clock, now: int) -> None:
        """Find when averages are taken next."""
        self._plan(clock, clock.standard(now))

    def _plan(self, clock: Clock, standard: int) -> None:
        self.due = next_boundary(clock.summer, standard, self.sub_interval if self.slides else self.interval)

    def clock_set(self, clock: Clock, now: int) -> None:
        """The clock shows another time: a sliding interval begins anew, the fixed one goes on to its next end."""
        self._history.clear()
        if self.ends <= clock.standard(now):
            self.close(clock, clock.stamp_of(self.ends), self.ends)
        self.ends = self.period.next_end(clock.summer, clock.standard(now))
        self.plan(clock, now)

    def replan(self, clock: Clock, now: int) -> None:
        """Other rules of summer time hold from now on."""
        self.ends = self.period.next_end(clock.summer, clock.standard(now))
        self.plan(clock, now)

    def resume(self, clock: Clock, off: int, now: int, readings: Mapping[int, Reading], average: Average) -> None:
        """The supply is back, ``off`` being the moment at which it failed: the interval in which it failed counts,
        those missed as a whole don't, and a period that ended meanwhile ends now."""
        standard = clock.standard(now)
        end = next_boundary(clock.summer, clock.standard(off), self.interval)
        self._history.clear()
        if end <= standard:
            run = clock.run(clock.when(end))
            if clock.run(off) > self.began:
                self._rate(0, self._fixed, readings, run - self.began, clock.stamp_of(end), average)
            begin = next_boundary(clock.summer, standard - self.interval, self.interval)
            self._fixed, self.began = readings, clock.run(clock.when(begin))
        if self.ends <= standard:
            self.close(clock, clock.stamp_of(self.ends), standard, Status.POWER_OFF)
        self.plan(clock, now)

    def tick(self, clock: Clock, now: int, readings: Mapping[int, Reading], average: Average) -> None:
        """``due`` has come: take the averages that end now."""
        self._take(clock, clock.run(now), readings, average)
        self._plan(clock, self.due)

    def _take(self, clock: Clock, run: int, readings: Mapping[int, Reading], average: Average) -> None:
        stamp = clock.stamp_of(self.due)
        if (self.due + clock.summer.shift(self.due)) % self.interval == 0:
            self._rate(0, self._fixed, readings, run - self.began, stamp, average)
            self._fixed, self.began = readings, run
        if self.slides:
            if len(self._history) == self._history.maxlen:
                since, before = self._history[0]
                self._rate(8, before, readings, run - since, stamp, average)
            self._history.append((run, readings))

    def _rate(
        self,
        sliding: int,
        before: Mapping[int, Reading],
        after: Mapping[int, Reading],
        elapsed: int,
        stamp: Stamp,
        average: Average,
    ) -> None:
        if abs(elapsed - self.interval) <= 1:
            elapsed = self.interval
        taken: dict[int, int | None] = {}
        for (quantity, kind), best in self._best.items():
            if kind & 8 != sliding or elapsed <= 0:
                continue
            if quantity not in taken:
                taken[quantity] = average(quantity, before[quantity], after[quantity], elapsed)
            value = taken[quantity]
            if value is not None:
                _insert(best, value, stamp, bool(kind & 4))

    def close(self, clock: Clock, stamp: Stamp, standard: int, status: int = 0) -> None:
        """The period ends (or is frozen) with a row, and the next one begins."""
        if self.entries:
            self.table.append(Row(stamp, self.cells(status)))
        self._restart(stamp)
        self.ends = self.period.next_end(clock.summer, standard)

    # reading

    def cells(self, status: int = 0) -> tuple[Cell, ...]:
        """The running period."""
        return tuple(self._cell(entry, status) for entry in self.entries)

    def _cell(self, entry: Entry, status: int) -> Cell:
        best = self._best[entry.quantity, entry.code & 12]
        if len(best) < entry.level:
            return Cell(0, NOTHING, self.started, entry.level)
        value, stamp = best[entry.level - 1]
        return Cell(status | Status.EXISTS, value, stamp, entry.level)

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

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {
            "entries": [list(entry) for entry in self.entries],
            "interval": self.interval // SECOND,
            "sub_interval": self.sub_interval // SECOND,
            "period": [int(self.period.span), self.period.weekday],
            "due": self.due,
            "ends": self.ends,
            "began": self.began,
            "started": list(self.started),
            "best": [[*key, [[value, *stamp] for value, stamp in best]] for key, best in self._best.items()],
            "fixed": _plain(self._fixed),
            "history": [[run, _plain(readings)] for run, readings in self._history],
            "rows": [[*row.stamp, [[*cell[:2], *cell.stamp, cell.level] for cell in row.cells]] for row in self.table],
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Demand:
        """The demand of :meth:`save`."""
        span, weekday = data["period"]
        entries = [Entry(*entry) for entry in data["entries"]]
        kept = cls(entries, data["interval"], data["sub_interval"], Period(Span(span), weekday))
        kept.due, kept.ends, kept.began = data["due"], data["ends"], data["began"]
        kept.started = Stamp(*data["started"])
        for quantity, kind, best in data["best"]:
            kept._best[quantity, kind] = [(value, Stamp(*stamp)) for value, *stamp in best]
        kept._fixed = _readings(data["fixed"])
        kept._history.extend((run, _readings(readings)) for run, readings in data["history"])
        for seconds, clock, cells in data["rows"]:
            found = tuple(Cell(status, value, Stamp(*stamp), level) for status, value, *stamp, level in cells)
            kept.table.append(Row(Stamp(seconds, clock), found))
        return kept


def _insert(best: list[tuple[int, Stamp]], value: int, stamp: Stamp, maximum: bool) -> None:
    """Keep a value if it is one of the three best; of equal ones the first stays first."""
    place = len(best)
    while place and (value > best[place - 1][0] if maximum else value < best[place - 1][0]):
        place -= 1
    if place < LEVELS:
        best.insert(place, (value, stamp))
        del best[LEVELS:]


def _plain(readings: Mapping[int, Reading]) -> list[list[Any]]:
    return [[key, list(reading)] for key, reading in readings.items()]


def _readings(data: list[list[Any]]) -> dict[int, Reading]:
    return {key: tuple(reading) for key, reading in data}
