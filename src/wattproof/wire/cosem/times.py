"""Date and time of COSEM, twelve bytes with wild cards (IEC 62056-61, 4.1; abb-meters.md 2.6, 2.11).

A field that is not given is ``None``. Years, months and days that name no single day (``LAST_DAY``, ``DST_BEGIN``) keep
their codes; :meth:`Date.in_year` finds the day.

>>> moment = DateTime(Date(2012, 8, 5, 7), Time(1, 11, 31, 0), status=DST_ACTIVE)
>>> moment.encode().hex()
'07dc080507010b1f00800080'
>>> Date(None, 10, LAST_DAY, 7).in_year(2024)
datetime.date(2024, 10, 27)
"""

from __future__ import annotations

import calendar
import datetime
import struct
from collections.abc import Callable
from dataclasses import dataclass

from wattproof.errors import FrameError, InvalidValue

#: Codes of the month: summer time ends or begins in it.
DST_END, DST_BEGIN = 0xFD, 0xFE
#: Codes of the day of the month.
LAST_BUT_ONE, LAST_DAY = 0xFD, 0xFE
#: Bits of the clock status.
INVALID, DOUBTFUL, DIFFERENT_BASE, INVALID_STATUS, DST_ACTIVE = 0x01, 0x02, 0x04, 0x08, 0x80

_ANY, _ANY_YEAR, _NO_DEVIATION = 0xFF, 0xFFFF, -0x8000
_DATE = struct.Struct(">HBBB")
_TIME = struct.Struct(">4B")
_TAIL = struct.Struct(">hB")
_MONTHS = {*range(1, 13), DST_END, DST_BEGIN}
_DAYS = {*range(1, 32), LAST_BUT_ONE, LAST_DAY}
#: Deviation of local time to UTC in minutes.
_DEVIATIONS = range(-720, 841)


@dataclass(frozen=True, slots=True)
class Date:
    """Year, month 1..12, day 1..31, weekday 1 (Monday) to 7, each or all of them open, or as codes."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None

    def encode(self) -> bytes:
        """Five bytes. Raises ``InvalidValue`` where a field is out of range."""
        _check("month", self.month, _MONTHS)
        _check("day of month", self.day, _DAYS)
        _check("weekday", self.weekday, range(1, 8))
        _check("year", self.year, range(_ANY_YEAR))
        return _DATE.pack(
            _ANY_YEAR if self.year is None else self.year, _byte(self.month), _byte(self.day), _byte(self.weekday)
        )

    @classmethod
    def decode(cls, octets: bytes) -> Date:
        """The date of five bytes. Raises ``FrameError``: not five, or a month, day or weekday that there is not."""
        _size("date", octets, _DATE.size)
        year, month, day, weekday = _DATE.unpack(octets)
        date = cls(None if year == _ANY_YEAR else year, _open(month), _open(day), _open(weekday))
        _received(date.encode)
        return date

    @classmethod
    def of(cls, day: datetime.date) -> Date:
        return cls(day.year, day.month, day.day, day.isoweekday())

    def in_year(self, year: int) -> datetime.date | None:
        """The day that is meant in ``year``; ``None`` where there is none, or month or day are left open.

        Day and weekday both given: the first such weekday on or after that day; with ``LAST_DAY`` the last such weekday
        of the month.
        """
        if self.year not in (None, year) or self.month is None or self.month > 12 or self.day is None:
            return None
        last = calendar.monthrange(year, self.month)[1]
        number = {LAST_DAY: last, LAST_BUT_ONE: last - 1}.get(self.day, self.day)
        if number > last:
            return None
        day = datetime.date(year, self.month, number)
        if self.weekday is None:
            return day
        backwards = self.day == LAST_DAY
        step = (day.isoweekday() - self.weekday) % 7 if backwards else (self.weekday - day.isoweekday()) % 7
        return day + datetime.timedelta(days=-step if backwards else step)

    def matches(self, day: datetime.date) -> bool:
        """Whether ``day`` is such a day, as special days are compared: open fields match everything."""
        if self.day is None:
            wanted = (self.year or day.year, self.month or day.month, self.weekday or day.isoweekday())
            return wanted == (day.year, day.month, day.isoweekday())
        month = day.month if self.month is None else self.month
        return Date(self.year, month, self.day, self.weekday).in_year(day.year) == day


@dataclass(frozen=True, slots=True)
class Time:
    """Hour, minute, second, hundredths of a second, each or all of them open."""

    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    hundredths: int | None = None

    def encode(self) -> bytes:
        """Four bytes. Raises ``InvalidValue`` where a field is out of range."""
        _check("hour", self.hour, range(24))
        _check("minute", self.minute, range(60))
        _check("second", self.second, range(60))
        _check("hundredths", self.hundredths, range(100))
        return bytes(map(_byte, (self.hour, self.minute, self.second, self.hundredths)))

    @classmethod
    def decode(cls, octets: bytes) -> Time:
        """The time of four bytes. Raises ``FrameError``: not four, or an hour, minute or second that there is not."""
        _size("time", octets, _TIME.size)
        time = cls(*map(_open, octets))
        _received(time.encode)
        return time

    @classmethod
    def of(cls, moment: datetime.time | datetime.datetime) -> Time:
        return cls(moment.hour, moment.minute, moment.second, moment.microsecond // 10_000)


@dataclass(frozen=True, slots=True)
class DateTime:
    """Date, time, deviation (minutes from local time to UTC, ``None`` not given) and clock status."""

    date: Date = Date()
    time: Time = Time()
    deviation: int | None = None
    status: int | None = 0

    def encode(self) -> bytes:
        """Twelve bytes. Raises ``InvalidValue`` where a field is out of range."""
        _check("deviation", self.deviation, _DEVIATIONS)
        _check("clock status", self.status, range(_ANY))
        deviation = _NO_DEVIATION if self.deviation is None else self.deviation
        return self.date.encode() + self.time.encode() + _TAIL.pack(deviation, _byte(self.status))

    @classmethod
    def decode(cls, octets: bytes) -> DateTime:
        """The moment of twelve bytes. Raises ``FrameError``: not twelve, or a field that there is not."""
        _size("date-time", octets, 12)
        deviation, status = _TAIL.unpack_from(octets, 9)
        moment = cls(
            Date.decode(octets[:5]),
            Time.decode(octets[5:9]),
            None if deviation == _NO_DEVIATION else deviation,
            _open(status),
        )
        _received(moment.encode)
        return moment

    @classmethod
    def of(cls, moment: datetime.datetime, status: int = 0) -> DateTime:
        """A moment; with an offset from UTC its deviation is given, else it is left open."""
        offset = moment.utcoffset()
        deviation = None if offset is None else -round(offset.total_seconds() / 60)
        return cls(Date.of(moment), Time.of(moment), deviation, status)

    def to_datetime(self) -> datetime.datetime | None:
        """The moment, with its offset where the deviation is given; ``None`` where date, hour or minute are open.

        An open second counts as 0.
        """
        year, month, day = self.date.year, self.date.month, self.date.day
        hour, minute = self.time.hour, self.time.minute
        if year is None or month is None or day is None or hour is None or minute is None:
            return None
        zone = None if self.deviation is None else datetime.timezone(datetime.timedelta(minutes=-self.deviation))
        try:
            return datetime.datetime(
                year, month, day, hour, minute, self.time.second or 0, (self.time.hundredths or 0) * 10_000, zone
            )
        except ValueError:
            return None

    @property
    def dst(self) -> bool:
        """Whether the clock says that summer time is active."""
        return bool(self.status and self.status & DST_ACTIVE)

    @property
    def parts(self) -> tuple[int | None, ...]:
        """Year to hundredths, without the weekday, which follows from the date: what moments are compared by."""
        return (self.date.year, self.date.month, self.date.day,
                self.time.hour, self.time.minute, self.time.second, self.time.hundredths)  # fmt: skip


def compare(one: DateTime, other: DateTime) -> int:
    """-1, 0 or 1 as ``one`` is earlier, the same or later; fields that either leaves open are passed over."""
    for left, right in zip(one.parts, other.parts, strict=True):
        if left is not None and right is not None and left != right:
            return -1 if left < right else 1
    return 0


@dataclass(frozen=True, slots=True)
class DstRule:
    """When summer time begins or ends: the ``week``-th weekday of a month, at a full hour (abb-meters.md 2.11).

    ``weekday`` 1 (Monday) to 7, ``week`` 1 to 4 for the first such day on or after the 1st, 8th, 15th, 22nd; 254 for
    the last of the month, for which 5 is taken too.
    """

    month: int
    weekday: int
    week: int
    hour: int

    def encode(self) -> bytes:
        """Twelve bytes for attribute 5 or 6 of the clock. Raises ``InvalidValue``."""
        day = _WEEKS.get(self.week)
        if day is None:
            raise InvalidValue(f"week {self.week} of a rule for summer time: allowed are 1 to 5 and 254")
        return DateTime(Date(None, self.month, day, self.weekday), Time(self.hour, 0, 0, 0)).encode()

    @classmethod
    def decode(cls, octets: bytes) -> DstRule:
        """The rule of twelve bytes. Raises ``FrameError`` where they name no weekday of a month and no hour."""
        moment = DateTime.decode(octets)
        date, hour = moment.date, moment.time.hour
        if date.month is None or date.weekday is None or date.day is None or hour is None or date.day == LAST_BUT_ONE:
            raise FrameError(f"{octets.hex()} is no rule for summer time: it needs month, day, weekday and hour")
        week = LAST_DAY if date.day == LAST_DAY else (date.day - 1) // 7 + 1
        return cls(date.month, date.weekday, week, hour)

    def in_year(self, year: int) -> datetime.datetime | None:
        """The local moment in ``year``, on the clock that ran until then; ``None`` where there is no such day."""
        day = Date(None, self.month, _WEEKS[self.week], self.weekday).in_year(year)
        return None if day is None else datetime.datetime.combine(day, datetime.time(self.hour))


_WEEKS = {1: 1, 2: 8, 3: 15, 4: 22, 5: LAST_DAY, LAST_DAY: LAST_DAY}


def _byte(field: int | None) -> int:
    return _ANY if field is None else field


def _open(byte: int) -> int | None:
    return None if byte == _ANY else byte


def _check(what: str, field: int | None, allowed: range | set[int]) -> None:
    if field is not None and field not in allowed:
        raise InvalidValue(f"{what} {field} does not exist in a COSEM date or time")


def _size(what: str, octets: bytes, size: int) -> None:
    if len(octets) != size:
        raise FrameError(f"a {what} has {size} bytes, not {len(octets)}")


def _received(encode: Callable[[], bytes]) -> None:
    try:
        encode()
    except InvalidValue as error:
        raise FrameError(str(error)) from None
