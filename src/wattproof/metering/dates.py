"""Civil dates as days since 2000-01-01, and dates with wildcards as meters are configured with them.

Instants of a meter's clock are whole milliseconds since 2000-01-01 00:00 of its own standard (winter) time, so that
midnight is a multiple of :data:`DAY`. Weekdays are 1 Monday to 7 Sunday.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: Seconds in a day.
DAY_SECONDS = 86_400
_EPOCH = date(2000, 1, 1).toordinal()
#: Days of a month that are counted from its end (IEC 62056-62, date).
LAST, LAST_BUT_ONE = 254, 253
#: Any day, month or weekday; any year.
ANY, ANY_YEAR = 255, 65535


class Fields(NamedTuple):
    """A moment taken apart."""

    year: int
    month: int
    day: int
    weekday: int
    hour: int
    minute: int
    second: int


def day_number(year: int, month: int, day: int) -> int:
    """Days since 2000-01-01. Raises ``ValueError`` for a date that does not exist.

    >>> day_number(2000, 1, 1), day_number(2024, 2, 29)
    (0, 8825)
    """
    return date(year, month, day).toordinal() - _EPOCH


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number."""
    found = date.fromordinal(days + _EPOCH)
    return found.year, found.month, found.day


def weekday(days: int) -> int:
    """1 Monday to 7 Sunday; 2000-01-01 was a Saturday.

    >>> weekday(0), weekday(2)
    (6, 1)
    """
    return (days + 5) % 7 + 1


def fields(seconds: int) -> Fields:
    """Seconds since 2000-01-01 00:00 taken apart."""
    days, rest = divmod(seconds, DAY_SECONDS)
    year, month, day = civil(days)
    return Fields(year, month, day, weekday(days), rest // 3600, rest // 60 % 60, rest % 60)


def seconds_of(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Seconds since 2000-01-01 00:00. Raises ``ValueError`` for a moment that does not exist.

    >>> fields(seconds_of(2012, 8, 5, 1, 11, 31))
    Fields(year=2012, month=8, day=5, weekday=7, hour=1, minute=11, second=31)
    """
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        raise ValueError(f"{hour:02d}:{minute:02d}:{second:02d} is no time of day")
    return day_number(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second


def month_length(year: int, month: int) -> int:
    """Days in a month."""
    return monthrange(year, month)[1]


def day_of_month(year: int, month: int, day: int) -> int:
    """The day of a month: 1 to 31, or counted from the end (254 last, 253 last but one), cut to the month's length."""
    length = month_length(year, month)
    if day == LAST:
        return length
    if day == LAST_BUT_ONE:
        return length - 1
    return min(day, length)


@dataclass(frozen=True, slots=True)
class DatePattern:
    """A date with wildcards: 65535 any year, 255 any month, day, weekday; day 254 last, 253 last but one."""

    year: int = ANY_YEAR
    month: int = ANY
    day: int = ANY
    weekday: int = ANY

    def __post_init__(self) -> None:
        bad = (
            (self.year != ANY_YEAR and not 2000 <= self.year <= 2099 and f"year {self.year}")
            or (self.month != ANY and not 1 <= self.month <= 12 and f"month {self.month}")
            or (self.day not in (LAST, LAST_BUT_ONE, ANY) and not 1 <= self.day <= 31 and f"day {self.day}")
            or (self.weekday != ANY and not 1 <= self.weekday <= 7 and f"weekday {self.weekday}")
        )
        if bad:
            raise ValueError(f"{bad} is neither a date nor a wildcard")

    def matches(self, days: int) -> bool:
        """Whether a day is meant."""
        year, month, day = civil(days)
        if self.day == ANY:
            fits = True
        elif self.day in (LAST, LAST_BUT_ONE):
            fits = day == day_of_month(year, month, self.day)
        else:
            fits = day == self.day
        return (
            fits
            and self.year in (year, ANY_YEAR)
            and self.month in (month, ANY)
            and self.weekday in (weekday(days), ANY)
        )
