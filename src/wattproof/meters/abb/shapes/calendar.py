"""The activity calendar and special days (abb-meters.md 2.10; IEC 62056-62, classes 20 and 11).

Attributes 3, 4, 5 of the calendar are the active seasons, weeks and days; 7, 8, 9 the passive ones.
"""

from __future__ import annotations

from wattproof.errors import InvalidValue
from wattproof.metering.dates import ANY, ANY_YEAR, DatePattern
from wattproof.metering.tariffs import Action, DayProfile, Season, SpecialDay, WeekProfile
from wattproof.meters.abb.shapes.shape import Shape, moment, nothing_after
from wattproof.wire.cosem.data import Data, long_unsigned, octet_string, structure, unsigned
from wattproof.wire.cosem.descriptors import logical_name, written
from wattproof.wire.cosem.shapes import fields, number, octets
from wattproof.wire.cosem.times import Date, DateTime, Time

#: The script table that actions name (2.16).
SCRIPT_TABLE = logical_name("0-0:10.0.100")


def _date(pattern: DatePattern) -> Date:
    year, month, day, weekday = pattern.year, pattern.month, pattern.day, pattern.weekday
    return Date(None if year == ANY_YEAR else year, _given(month), _given(day), _given(weekday))


def _pattern(date: Date) -> DatePattern:
    year = ANY_YEAR if date.year is None else date.year
    return DatePattern(year, *(ANY if part is None else part for part in (date.month, date.day, date.weekday)))


def _given(part: int) -> int | None:
    return None if part == ANY else part


def _write_action(action: Action) -> Data:
    start = Time(*divmod(action.minute, 60), 0, 0)
    return structure(octet_string(start.encode()), octet_string(SCRIPT_TABLE), long_unsigned(action.selector))


def _read_action(data: Data) -> Action:
    start, table, selector = fields(data, 3)
    time, name = moment(Time.decode, start, 4), octets(table, 6)
    if name != SCRIPT_TABLE:
        raise InvalidValue(f"an action names the script table {written(name)}: {written(SCRIPT_TABLE)} is the only one")
    if time.hour is None or time.minute is None:
        raise InvalidValue("an action has no time of day")
    nothing_after("an action begins at a full minute", time.second, time.hundredths)
    return Action(60 * time.hour + time.minute, number(selector))


_ACTION = Shape(_write_action, _read_action)


def _write_day(day: DayProfile) -> Data:
    return structure(unsigned(day.id), _ACTION.table.write(day.actions))


def _read_day(data: Data) -> DayProfile:
    day, actions = fields(data, 2)
    return DayProfile(number(day), _ACTION.table.read(actions))


def _write_week(week: WeekProfile) -> Data:
    return structure(octet_string(week.name), *map(unsigned, week.days))


def _read_week(data: Data) -> WeekProfile:
    name, *days = fields(data, 8)
    return WeekProfile(octets(name), tuple(map(number, days)))


def _write_season(season: Season) -> Data:
    start = DateTime(_date(season.start), Time(0, 0, 0, 0))
    return structure(octet_string(season.name), octet_string(start.encode()), octet_string(season.week))


def _read_season(data: Data) -> Season:
    name, start, week = fields(data, 3)
    begin = moment(DateTime.decode, start, 12)
    nothing_after("a season begins with a day", *begin.parts[3:])
    return Season(octets(name), _pattern(begin.date), octets(week))


def _write_special_day(day: SpecialDay) -> Data:
    return structure(long_unsigned(day.index), octet_string(_date(day.date).encode()), unsigned(day.day))


def _read_special_day(data: Data) -> SpecialDay:
    index, date, day = fields(data, 3)
    return SpecialDay(number(index), _pattern(moment(Date.decode, date, 5)), number(day))


DAY = Shape(_write_day, _read_day)
WEEK = Shape(_write_week, _read_week)
SEASON = Shape(_write_season, _read_season)
#: An entry of attribute 2 of the special days table, and the parameter of its method 1.
SPECIAL_DAY = Shape(_write_special_day, _read_special_day)
DAYS, WEEKS, SEASONS, SPECIAL_DAYS = DAY.table, WEEK.table, SEASON.table, SPECIAL_DAY.table
