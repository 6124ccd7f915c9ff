"""Registers as they stood at the end of each day, week or month (g13-api.md 69 to 72, 10.3; abb-meters.md 3.10).

A column takes the reading nearest to the end, as a load profile does; without one it is marked as wrong (0x02) and
shows the last good value. Where the service was down at the end of a period, the row is made when the first readings
are there again, with these, and marked 0x04.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from wattproof.g13.parameters import STORABLE
from wattproof.gateway.engines.books import Books, Part
from wattproof.gateway.engines.failing import invalid, whole
from wattproof.gateway.engines.measured import Measured, Ordering, Taken
from wattproof.gateway.engines.scales import EXPORT, IMPORT, column_of, exponent_of
from wattproof.gateway.records import ClearRows, Kind, Series
from wattproof.metering.dst import FAR
from wattproof.metering.intervals import Period, Span
from wattproof.metering.previous_values import COLUMNS, PreviousValues, Status

#: How long readings are waited for after the service was down, ms.
PATIENCE = 60_000


class Previous(Part):
    """One series, channel 0."""

    name = "previous"

    def __init__(self, books: Books, measured: Measured) -> None:
        super().__init__()
        self._books, self._measured = books, measured
        self._values = PreviousValues()
        self._order = Ordering()
        #: The period ended while nobody could read: since when readings are waited for, and how the row is marked.
        self._late: tuple[int, int] | None = None

    @property
    def columns(self) -> tuple[int, ...]:
        return self._values.columns

    # configuration

    def begin(self, at: int) -> None:
        """A new meter: daily, import and export as far as it has them (10.3)."""
        columns = [id for id in (IMPORT, EXPORT) if self._measured.has(id)]
        self._configure(PreviousValues(columns), at)

    def check(self, body: Mapping[str, Any]) -> PreviousValues:
        """What 71 asks for. Raises ``CommandFailed``."""
        period = period_of(body)
        columns = body.get("pvconfig")
        if not isinstance(columns, list):
            raise invalid("missing pvconfig in JSON")
        ids = [whole(id, "invalid pvconfig") for id in columns]
        if len(ids) > COLUMNS or len(set(ids)) < len(ids) or not set(ids) <= set(STORABLE["pv"]):
            raise invalid("invalid pvconfig")
        lacking = [id for id in ids if not self._measured.has(id)]
        if lacking:
            raise invalid("invalid pvconfig", f"this meter has no quantities {lacking}")
        return PreviousValues(ids, period)

    def put(self, values: PreviousValues, at: int) -> None:
        """Other previous values; the old rows are forgotten."""
        self.clear(at)
        self._configure(values, at)

    def _configure(self, values: PreviousValues, at: int) -> None:
        self._values, self._late, self.changed = values, None, True
        values.plan(self._books.clock, at)
        columns = tuple((id, exponent_of(id)) for id in values.columns)
        self._books.write(Series(self._books.facts.serial, Kind.PREVIOUS, 0, at, columns, self._interval))

    def clear(self, at: int) -> None:
        """Forget all rows."""
        self._books.write(ClearRows(self._books.facts.serial, Kind.PREVIOUS, 0, at))

    @property
    def _interval(self) -> str:
        return self._values.period.span.name.lower()

    def document(self) -> dict[str, Any]:
        """The body of 70."""
        return {**period_dict(self._values.period, "interval"), "pvconfig": list(self.columns)}

    def head(self) -> dict[str, Any]:
        """What #69 says before its items."""
        return {"mapping": [column_of(id).as_list() for id in self.columns], "interval": self._interval}

    # time

    def wanted(self) -> int:
        """The end of the period (host time)."""
        return self._books.clock.when(self._values.due) if self.columns else FAR

    def due(self) -> int:
        """When it has something to do although nothing is read."""
        if self._late is not None:
            return self._late[0] + PATIENCE
        found = self.wanted()
        return found if found >= FAR else found + self._books.facts.patience

    def close(self, at: int, late: int) -> None:
        """End the periods that can be ended at ``at``; ``late`` as in `LoadProfile.close`."""
        while self.columns and (moment := self.wanted()) <= at:
            if self._late is not None:
                since, mark = self._late
                if not self._measured.ready(self.columns, since, since) and late < since + PATIENCE:
                    return
                self._end(moment, [self._measured.take_since(id, since) for id in self.columns], mark)
                self._late = None
                self._values.plan(self._books.clock, since)
            elif self._measured.ready(self.columns, moment, late):
                self._end(moment, [self._measured.take(id, moment, ()) for id in self.columns])
            else:
                return

    def _end(self, moment: int, taken: Sequence[Taken], mark: int = 0) -> None:
        """The period ended at ``moment`` with these readings."""
        statuses = tuple(int(Status.EXISTS) | mark | (0 if one.good else int(Status.ERROR)) for one in taken)
        self._values.close(self._books.clock, [one.value or 0 for one in taken], reduce(or_, statuses))
        serial, values = self._books.facts.serial, tuple(one.value for one in taken)
        for row in self._values.take():
            self._books.write(
                self._order.row(serial, Kind.PREVIOUS, 0, moment, row.stamp, row.status, values, statuses)
            )
        self.changed = True

    def skip(self, at: int) -> None:
        """The service was down until ``at``."""
        if self.columns and self.wanted() + self._books.facts.patience < at:
            self._late, self.changed = (at, int(Status.POWER_OFF)), True

    def clock_moved(self, at: int) -> None:
        """The gateway's time was set: a period that ended thereby ends with the next readings."""
        if self.columns and self._values.due <= self._books.clock.standard(at):
            self._late = self._late or (at, 0)
        else:
            self._values.plan(self._books.clock, at)
        self.changed = True

    # what stays

    def save(self) -> Any:
        return {"values": self._values.save(), "last": self._order.last, "late": self._late and list(self._late)}

    def restore(self, data: Any) -> None:
        self._values = PreviousValues.restore(data["values"])
        self._order.last = data["last"]
        self._late = data["late"] and (data["late"][0], data["late"][1])


def period_of(body: Mapping[str, Any], member: str = "interval") -> Period:
    """A period of 71 or 79. Raises ``CommandFailed``."""
    try:
        span = Span[str(body[member]).upper()]
    except KeyError:
        raise invalid(f"invalid {member}" if member in body else f"missing {member} in JSON") from None
    if span is not Span.WEEKLY:
        return Period(span)
    weekday = body.get("weekday")
    if isinstance(weekday, bool) or not isinstance(weekday, int) or not 1 <= weekday <= 7:
        raise invalid("invalid weekday")
    return Period(span, weekday)


def period_dict(period: Period, member: str) -> dict[str, Any]:
    """The same as 70 and 78 write it."""
    weekday = {"weekday": period.weekday} if period.span is Span.WEEKLY else {}
    return {member: period.span.name.lower(), **weekday}
