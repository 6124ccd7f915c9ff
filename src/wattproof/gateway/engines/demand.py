"""Highest and lowest averages of each period, over fixed and sliding intervals (g13-api.md 77 to 80; abb-meters.md
3.10).

Of an energy a reading is what was booked until it, and when; so an average is that of the time between two readings,
each at most :attr:`Facts.reach` away from its end of the interval. An interval without such readings counts for
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wattproof.g13.parameters import DEMANDED
from wattproof.gateway.engines.averages import HOUR, mean
from wattproof.gateway.engines.books import Books, Part
from wattproof.gateway.engines.failing import invalid, whole
from wattproof.gateway.engines.measured import Measured, Ordering
from wattproof.gateway.engines.previous import period_dict, period_of
from wattproof.gateway.engines.scales import COUNTERS, ENERGIES, ENERGY_EXPONENT, GAUGES, column_of, demand_exponent
from wattproof.gateway.records import ClearRows, Kind, Series
from wattproof.metering.demand import ENTRIES, INTERVALS, NOTHING, Entry, Reading, Row
from wattproof.metering.demand import Demand as Keeper
from wattproof.metering.dst import FAR
from wattproof.metering.rounding import nearest

#: Rows that one request may ask for (77).
MOST_ROWS = 500


class Demand(Part):
    """One series, channel 0."""

    name = "demand"

    def __init__(self, books: Books, measured: Measured) -> None:
        super().__init__()
        self._books, self._measured = books, measured
        self._keeper = Keeper()
        self._order = Ordering()

    @property
    def quantities(self) -> tuple[int, ...]:
        """Quantities of the entries, each as often as it is named."""
        return tuple(entry.quantity for entry in self._keeper.entries)

    @property
    def averaged(self) -> frozenset[int]:
        """Gauges that it averages."""
        return frozenset(self.quantities) & GAUGES

    # configuration

    def check(self, body: Mapping[str, Any]) -> Keeper:
        """What 79 asks for. Raises ``CommandFailed``."""
        wanted, intervals = body.get("dmc"), body.get("interval", [900, 900])
        if not isinstance(wanted, list):
            raise invalid("missing dmc in JSON")
        if len(wanted) > ENTRIES:
            raise invalid("Invalid Request", f"{len(wanted)} entries are more than {ENTRIES}")
        entries = [self._entry(entry) for entry in wanted]
        if not isinstance(intervals, list) or len(intervals) != 2:
            raise invalid("invalid interval")
        interval, sub = (whole(one, "invalid interval") for one in intervals)
        if interval not in INTERVALS or sub not in INTERVALS or interval % sub:
            raise invalid("invalid interval")
        return Keeper(entries, interval, sub, period_of(body, "period"))

    def _entry(self, entry: Any) -> Entry:
        if not isinstance(entry, list) or len(entry) != 2:
            raise invalid("Invalid Request", "an entry is [quantity, demand code]")
        quantity, code = whole(entry[0], "invalid quantity"), whole(entry[1], "invalid demand code")
        if quantity not in DEMANDED or not self._measured.has(quantity):
            raise invalid("invalid quantity", f"this meter has no quantity {quantity} for a demand")
        if not 0 < code < 16 or not code & 3:
            raise invalid("invalid demand code")
        return Entry(quantity, code)

    def put(self, keeper: Keeper, at: int) -> None:
        """Another demand; the old rows are forgotten."""
        self.clear(at)
        self._keeper, self.changed = keeper, True
        self._measured.averages.follow({*self._measured.averages.sums, *keeper.quantities} & GAUGES)
        keeper.begin(self._books.clock, at, self._readings(at))
        interval = keeper.period.span.name.lower()
        columns = tuple(tuple(entry) for entry in keeper.entries)
        self._books.write(Series(self._books.facts.serial, Kind.DEMAND, 0, at, columns, interval))

    def clear(self, at: int) -> None:
        """Forget all rows."""
        self._books.write(ClearRows(self._books.facts.serial, Kind.DEMAND, 0, at))

    def document(self) -> dict[str, Any]:
        """The body of 78."""
        keeper = self._keeper
        return {
            "dmc": [list(entry) for entry in keeper.entries],
            "interval": [keeper.interval // 1000, keeper.sub_interval // 1000],
            **period_dict(keeper.period, "period"),
        }

    def head(self) -> dict[str, Any]:
        """What #77 says before its items."""
        return {"mapping": [column_of(id).as_power.as_list() for id in self.quantities]}

    # time

    def wanted(self) -> int:
        """When averages are taken next (host time)."""
        keeper = self._keeper
        return self._books.clock.when(min(keeper.due, keeper.ends)) if keeper.entries else FAR

    def close(self, at: int, late: int) -> None:
        """Take the averages that can be taken at ``at``; ``late`` as in `LoadProfile.close`."""
        keeper, clock = self._keeper, self._books.clock
        while keeper.entries and (moment := self.wanted()) <= at:
            if not self._measured.ready(keeper.quantities, moment, late):
                return
            standard = clock.standard(moment)
            if keeper.due <= standard:
                keeper.tick(clock, moment, self._readings(moment), self._average)
            if keeper.ends <= standard:
                keeper.close(clock, clock.stamp_of(keeper.ends), keeper.ends)
            self._hand_out(moment)

    def skip(self, at: int) -> None:
        """The service was down until ``at``: intervals that it missed count for nothing."""
        keeper, clock = self._keeper, self._books.clock
        behind = at - self._books.facts.patience - 1
        if keeper.entries and (moment := self.wanted()) <= behind:
            nothing: dict[int, Reading] = dict.fromkeys(keeper.quantities, ())
            keeper.resume(clock, moment, behind, nothing, self._average)
            self._hand_out(behind)

    def clock_moved(self, at: int) -> None:
        """The gateway's time was set."""
        if self._keeper.entries:
            self._keeper.clock_set(self._books.clock, at)
            self._hand_out(at)

    def _readings(self, moment: int) -> dict[int, Reading]:
        return {id: self._reading(id, moment) for id in self._keeper.quantities}

    def _reading(self, id: int, moment: int) -> Reading:
        if id in COUNTERS:
            point = self._measured.near(id, moment)
            return () if point is None else (point.booked, point.time)
        return self._measured.averages.at(id, moment)

    def _average(self, id: int, before: Reading, after: Reading, elapsed: int) -> int | None:
        """What was booked between two readings, per hour; the average of a gauge. ``elapsed`` is what the clock says,
        the readings know it better."""
        if not before or not after:
            return None
        if id not in COUNTERS:
            return mean(_pair(before), _pair(after))
        grown, stretch = after[0] - before[0], after[1] - before[1]
        if stretch <= 0:
            return None
        shift = ENERGY_EXPONENT - demand_exponent(id) if id in ENERGIES else 0
        return nearest(grown * HOUR, stretch * 10**-shift)

    def _hand_out(self, moment: int) -> None:
        self.changed = True
        for row in self._keeper.take():
            values = tuple(_cell(row, place) for place in range(len(row.cells)))
            status = max((cell.status for cell in row.cells), default=0)
            serial = self._books.facts.serial
            self._books.write(self._order.row(serial, Kind.DEMAND, 0, moment, row.stamp, status, values))

    # what stays

    def save(self) -> Any:
        return {"keeper": self._keeper.save(), "last": self._order.last}

    def restore(self, data: Any) -> None:
        self._keeper = Keeper.restore(data["keeper"])
        self._order.last = data["last"]


def _cell(row: Row, place: int) -> tuple[int, int | None, int, int]:
    cell = row.cells[place]
    return (
        cell.status,
        None if cell.value == NOTHING and not cell.status else cell.value,
        cell.stamp.seconds,
        cell.level,
    )


def _pair(reading: Sequence[int]) -> tuple[int, int]:
    return reading[0], reading[1]
