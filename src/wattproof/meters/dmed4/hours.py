"""What the hour counters count: the manual gives a name and no unit (specification, 4.3; DEC-19)."""

from __future__ import annotations

from decimal import Decimal

from wattproof.model.readings import Reading
from wattproof.model.units import SECOND

POINTS = frozenset({"hours.hours_total", "hours.hours_work"})
#: The meter's own clock, so that it holds at any speed of a virtual meter.
CLOCK = "clock.datetime"
#: The most that a counter of hours grows in one, and the least growth that says anything: clocks are set back too.
MOST_AN_HOUR, LEAST = 2, 60


class HourCounters:
    """Judges the counters by the readings that a driver sees. ``seconds`` settles it beforehand."""

    def __init__(self, seconds: bool | None) -> None:
        self._seconds = seconds
        self._first: dict[str, tuple[Decimal, Decimal]] = {}

    def judged(self, readings: list[Reading]) -> list[Reading]:
        """The readings, those of the counters with the unit that they are found to have.

        Found out where the meter's clock is read together with them, as a read without points does.
        """
        found = {reading.point: reading.value for reading in readings}
        now = found.get(CLOCK)
        if self._seconds is None and isinstance(now, Decimal):
            for point in POINTS & found.keys():
                self._compare(point, now, found[point])
        if not self._seconds:
            return readings
        return [one._replace(unit=SECOND.symbol) if one.point in POINTS else one for one in readings]

    def _compare(self, point: str, now: Decimal, value: object) -> None:
        if not isinstance(value, Decimal):
            return
        began, first = self._first.setdefault(point, (now, value))
        hours = max(Decimal(0), now - began) / 3600
        if value - first >= LEAST and value - first > MOST_AN_HOUR * hours:
            self._seconds = True
