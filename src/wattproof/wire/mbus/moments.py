"""Points of time as meters say them: local, without a zone, and not always one point (EN 13757-3, annex A).

A meter may say "every day" or nothing sensible at all, so the fields are kept as they came; :attr:`Moment.datetime`
gives a calendar date where there is one.
"""

from __future__ import annotations

import datetime as calendar
from typing import NamedTuple

#: Years 81 to 99 are of the last century, where nothing says otherwise (EN 13757-3, note to types F and G).
PIVOT = 81
#: Year of types F, G and I that means "every year".
EVERY_YEAR = 127


class Moment(NamedTuple):
    """A date, a time of day, or both; ``None`` where the type on the wire has no such field.

    Fields outside the calendar mean "every" or nothing (day 0, month 0 and 15, hour 31, minute 63). ``year`` is the
    whole number; 2127 stands for "every year".
    """

    year: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    summer_time: bool = False

    @classmethod
    def of(cls, value: calendar.datetime | calendar.date | calendar.time) -> Moment:
        """The same as a moment; below a second it is cut, and a zone is ignored."""
        if isinstance(value, calendar.datetime):
            return cls(value.year, value.month, value.day, value.hour, value.minute, value.second)
        if isinstance(value, calendar.date):
            return cls(value.year, value.month, value.day)
        return cls(hour=value.hour, minute=value.minute, second=value.second)

    @property
    def date(self) -> calendar.date | None:
        """The day, if it is one of the calendar."""
        if self.year in (None, 2000 + EVERY_YEAR) or self.month is None or self.day is None:
            return None
        try:
            return calendar.date(self.year or 0, self.month, self.day)
        except ValueError:
            return None

    @property
    def time(self) -> calendar.time | None:
        """The time of day, if there is one; seconds are 0 where the wire has none."""
        if self.hour is None or self.minute is None:
            return None
        try:
            return calendar.time(self.hour, self.minute, self.second or 0)
        except ValueError:
            return None

    @property
    def datetime(self) -> calendar.datetime | None:
        """Day and time of day together, without a zone; midnight where the wire has only the day."""
        day = self.date
        if day is None or (self.hour is not None and self.time is None):
            return None
        return calendar.datetime.combine(day, self.time or calendar.time())

    @property
    def exact(self) -> bool:
        """Whether this is one point of the calendar, or of the day for a time alone."""
        hour, minute, second = self.hour, self.minute, self.second
        if hour is None:
            return self.date is not None
        if minute is None or hour > 23 or minute > 59 or (second or 0) > 59:
            return False
        return self.year is None or self.date is not None

    def __str__(self) -> str:
        day = "" if self.year is None else f"{self.year:04d}-{self.month or 0:02d}-{self.day or 0:02d}"
        if self.hour is None:
            return day
        time = f"{self.hour:02d}:{self.minute or 0:02d}" + ("" if self.second is None else f":{self.second:02d}")
        return f"{day} {time}".strip()


def year_of(two_digits: int, hundreds: int = 0) -> int:
    """The whole year of seven bits and of the hundred-year bits of type F, which count from 1900 if they are set."""
    if hundreds:
        return 1900 + 100 * hundreds + two_digits
    return 1900 + two_digits if PIVOT <= two_digits <= 99 else 2000 + two_digits
