"""Summer time by rules such as "last Sunday of March at 02:00" (abb-meters.md 2.11).

The clock runs on in standard time; summer time only adds an hour to what it shows. At the begin 02:00 becomes 03:00; at
the end the hour is passed twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from wattproof.metering.dates import ANY, DAY, HOUR, LAST, MINUTE, civil, day_number, day_of_month, weekday

#: A moment that never comes.
FAR = 1 << 62
#: Days of the month that stand for the first to fourth week (AD-20).
WEEK_DAYS = {1: 1, 2: 8, 3: 15, 4: 22, 5: LAST, LAST: LAST}


@dataclass(frozen=True, slots=True)
class Rule:
    """The first ``weekday`` on or after ``day`` of a month, or the last one (``day`` 254), at a full hour.

    ``weekday`` 255: the day itself. The hour is that of the clock before the change.
    """

    month: int
    weekday: int
    day: int
    hour: int

    def __post_init__(self) -> None:
        bad = (
            (not 1 <= self.month <= 12 and f"month {self.month}")
            or (self.weekday != ANY and not 1 <= self.weekday <= 7 and f"weekday {self.weekday}")
            or (self.day != LAST and not 1 <= self.day <= 31 and f"day {self.day}")
            or (not 0 <= self.hour <= 23 and f"hour {self.hour}")
        )
        if bad:
            raise ValueError(f"{bad} is not possible in a rule of summer time")

    @classmethod
    def of_week(cls, month: int, weekday: int, week: int, hour: int) -> Rule:
        """A rule by the week of its month: 1 to 4, or 5 and 254 for the last. Raises ``ValueError``.

        >>> Rule.of_week(10, 1, 1, 1)
        Rule(month=10, weekday=1, day=1, hour=1)
        """
        if week not in WEEK_DAYS:
            raise ValueError(f"week {week} is not possible in a rule of summer time: write 1 to 4, 5 or 254")
        return cls(month, weekday, WEEK_DAYS[week], hour)

    @property
    def week(self) -> int:
        """1 to 5, 254 for the last."""
        return LAST if self.day == LAST else (self.day - 1) // 7 + 1

    def instant(self, year: int) -> int:
        """The moment in a year, in milliseconds as the clock shows it before the change."""
        start = day_number(year, self.month, day_of_month(year, self.month, self.day))
        if self.weekday != ANY:
            gap = (self.weekday - weekday(start)) % 7
            start += gap - 7 if self.day == LAST and gap else gap
        return start * DAY + self.hour * HOUR


#: Last Sunday of March 02:00 and last Sunday of October 03:00.
EUROPE = (Rule(3, 7, LAST, 2), Rule(10, 7, LAST, 3))


@dataclass(slots=True)
class SummerTime:
    """When the clock shows an hour more. ``deviation`` in minutes.

    The stretch of standard time around the last question is kept: asking in order costs next to nothing.
    """

    begin: Rule = EUROPE[0]
    end: Rule = EUROPE[1]
    enabled: bool = False
    deviation: int = 60
    _since: int = field(default=0, repr=False, compare=False)
    _until: int = field(default=0, repr=False, compare=False)
    _shift: int = field(default=0, repr=False, compare=False)

    def set(self, begin: Rule, end: Rule, enabled: bool, deviation: int = 60) -> None:
        """Other rules from now on."""
        self.begin, self.end, self.enabled, self.deviation = begin, end, enabled, deviation
        self._since = self._until = 0

    def shift(self, standard: int) -> int:
        """What summer time adds at a moment of standard time, ms."""
        if not self._since <= standard < self._until:
            self._find(standard)
        return self._shift

    def until(self, standard: int) -> int:
        """The next change after a moment of standard time, :data:`FAR` without one."""
        if not self._since <= standard < self._until:
            self._find(standard)
        return self._until

    def active(self, standard: int) -> bool:
        """Whether it is summer time at a moment of standard time."""
        return bool(self.shift(standard))

    def local(self, standard: int) -> int:
        """What the clock shows."""
        return standard + self.shift(standard)

    def standard(self, local: int) -> int:
        """The standard time at which the clock shows ``local``.

        Of an hour passed twice it is the first; one left out counts as if summer time had not begun yet.
        """
        ahead = self.deviation * MINUTE
        return local - ahead if self.shift(local - ahead) else local

    def changes(self, year: int) -> list[tuple[int, int]]:
        """Moments of standard time in a year, each with what is added from then on, in order."""
        ahead = self.deviation * MINUTE
        return sorted([(self.begin.instant(year), ahead), (self.end.instant(year) - ahead, 0)])

    def _find(self, standard: int) -> None:
        if not self.enabled:
            self._since, self._until, self._shift = -FAR, FAR, 0
            return
        year = civil(standard // DAY)[0]
        moments = [change for near in (year - 1, year, year + 1) for change in self.changes(near)]
        for (since, shift), (until, _) in pairwise(moments):
            if since <= standard < until:
                self._since, self._until, self._shift = since, until, shift
                return
