"""The activity calendar."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from wattproof.metering.dates import ANY, ANY_YEAR, DAY, HOUR, MINUTE, DatePattern, day_number
from wattproof.metering.tariffs import (
    Action,
    ActivityCalendar,
    Calendar,
    DayProfile,
    Season,
    SpecialDay,
    WeekProfile,
    output_of,
)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return day_number(year, month, day) * DAY + hour * HOUR + minute * MINUTE


WORKDAY = DayProfile(1, (Action(22 * 60, 2), Action(6 * 60, 1), Action(7 * 60, 5), Action(8 * 60, 6)))
WEEKEND = DayProfile(2, (Action(0, 2),))
WINTER_DAY = DayProfile(3, (Action(5 * 60 + 30, 3),))
HOLIDAY = DayProfile(9, (Action(12 * 60, 4),))
CALENDAR = ActivityCalendar(
    Calendar(
        b"year",
        (
            Season(b"Winter", DatePattern(month=10, day=254), b"W"),
            Season(b"Summer", DatePattern(month=5, day=1), b"S"),
        ),
        (WeekProfile(b"S", (1, 1, 1, 1, 1, 2, 2)), WeekProfile(b"W", (3,) * 7)),
        (WORKDAY, WEEKEND, WINTER_DAY, HOLIDAY),
    )
)
CALENDAR.insert(SpecialDay(7, DatePattern(month=6, day=254), 9))
CALENDAR.insert(SpecialDay(3, DatePattern(2024, 12, 24), 9))


def expected(moment: date, minutes: int) -> int | None:
    """The rules of 2.10 written down a second time, for this calendar."""
    if (moment.month == 6 and moment.day == 30) or moment == date(2024, 12, 24):
        return 4 if minutes >= 12 * 60 else None
    if date(moment.year, 5, 1) <= moment < date(moment.year, 10, 31):
        if moment.isoweekday() >= 6:
            return 2
        return 2 if minutes >= 22 * 60 else 1 if minutes >= 6 * 60 else None
    return 3 if minutes >= 5 * 60 + 30 else None


@pytest.mark.proves("A-153")
def test_a_year_of_tariffs():
    """Special days, both seasons, the last day of a month as start, and yesterday's tariff before the first action."""
    day = date(2024, 1, 1)
    last = 3
    while day < date(2025, 2, 1):
        for minutes in (0, 329, 330, 359, 360, 421, 719, 720, 1319, 1320, 1439):
            found = expected(day, minutes)
            if found is not None:
                last = found
            assert CALENDAR.tariff(at(day.year, day.month, day.day) + minutes * MINUTE) == last, (day, minutes)
        day += timedelta(days=1)


def test_the_valid_day_and_season():
    assert CALENDAR.valid(day_number(2024, 6, 3)) == (1, 2)
    assert CALENDAR.valid(day_number(2024, 6, 30)) == (9, 2)
    assert CALENDAR.valid(day_number(2024, 10, 30)) == (1, 2)
    assert CALENDAR.valid(day_number(2024, 10, 31)) == (3, 1)
    assert CALENDAR.valid(day_number(2025, 2, 1)) == (3, 1)


def test_special_days_go_by_index():
    calendar = ActivityCalendar(CALENDAR.active)
    calendar.insert(SpecialDay(5, DatePattern(2024, 6, 3), 2))
    calendar.insert(SpecialDay(4, DatePattern(ANY_YEAR, ANY, ANY, 1), 9))
    assert calendar.valid(day_number(2024, 6, 3)).day == 9
    assert calendar.delete(4)
    assert not calendar.delete(4)
    assert calendar.valid(day_number(2024, 6, 3)).day == 2


def test_the_next_action_and_its_outputs():
    monday = at(2024, 6, 3)
    assert CALENDAR.next_action(monday) == monday + 6 * HOUR
    assert CALENDAR.next_action(monday + 6 * HOUR) == monday + 7 * HOUR
    assert CALENDAR.next_action(monday + 22 * HOUR) == monday + DAY
    assert list(CALENDAR.outputs(monday + 6 * HOUR, monday + 7 * HOUR)) == [(1, True)]
    assert list(CALENDAR.outputs(monday + 6 * HOUR, monday + 8 * HOUR)) == [(1, True), (1, False)]
    assert list(CALENDAR.outputs(monday + 8 * HOUR, monday + 23 * HOUR)) == []
    assert [output_of(selector) for selector in (5, 6, 7, 8, 11, 12)] == [
        (1, True), (1, False), (2, True), (2, False), (4, True), (4, False)]  # fmt: skip


def test_seasons_that_leave_the_month_open():
    """From the 15th of every month on one week, from the 1st on another."""
    seasons = (Season(b"a", DatePattern(day=15), b"A"), Season(b"b", DatePattern(day=1), b"B"))
    calendar = ActivityCalendar(Calendar(seasons=seasons))
    found = [calendar.valid(day_number(2024, 2, day)).season for day in (1, 14, 15, 29)]
    assert found == [2, 2, 1, 1]


@pytest.mark.proves("A-152")
def test_passive_tables_do_nothing_until_they_are_activated():
    calendar = ActivityCalendar()
    assert calendar.tariff(at(2024, 6, 3, 12)) == 1
    calendar.write_passive(days=CALENDAR.active.days, weeks=CALENDAR.active.weeks)
    with pytest.raises(ValueError, match="at most 4"):
        calendar.write_passive(seasons=tuple(Season(bytes([n]), DatePattern(month=1, day=1), b"") for n in range(5)))
    calendar.write_passive(seasons=CALENDAR.active.seasons)
    assert (calendar.empty, calendar.tariff(at(2024, 6, 3, 23))) == (True, 1)
    calendar.activate()
    assert (calendar.empty, calendar.tariff(at(2024, 6, 3, 23))) == (False, 2)


@pytest.mark.proves("A-151")
def test_limits_of_the_tables():
    days = tuple(DayProfile(number) for number in range(17))
    assert Calendar(days=days[:16]).day(15) == days[15]
    assert len(DayProfile(1, (Action(0, 1),) * 30).actions) == 30
    weeks = tuple(WeekProfile(b"%d" % number, (1,) * 7) for number in range(5))
    assert Calendar(weeks=weeks[:4]).weeks == weeks[:4]
    bad = [
        lambda: Calendar(days=days),
        lambda: Calendar(days=(days[1], days[1])),
        lambda: Calendar(weeks=weeks),
        lambda: DayProfile(1, (Action(0, 1),) * 31),
        lambda: DayProfile(256),
        lambda: DayProfile(1, (Action(1440, 1),)),
        lambda: DayProfile(1, (Action(0, 13),)),
        lambda: WeekProfile(b"w", (1,) * 6),
        lambda: WeekProfile(b"w" * 30, (1,) * 7),
        lambda: Season(b"s", DatePattern(month=13), b""),
        lambda: Season(b"s", DatePattern(day=0), b""),
        lambda: SpecialDay(51, DatePattern(), 1),
        lambda: SpecialDay(0, DatePattern(), 1),
        lambda: SpecialDay(1, DatePattern(), 256),
        lambda: ActivityCalendar().write_special([SpecialDay(1, DatePattern(), 1)] * 2),
    ]
    for number, make in enumerate(bad):
        with pytest.raises(ValueError, match=r"write|repeat|possible|wildcard|needs"):
            raise AssertionError(f"{number} was accepted: {make()}")
    calendar = ActivityCalendar()
    calendar.write_special(SpecialDay(number, DatePattern(2024, 1, 1), 1) for number in range(50, 0, -1))
    assert list(calendar.special) == list(range(1, 51))


def test_a_calendar_is_kept():
    again = ActivityCalendar.restore(json.loads(json.dumps(CALENDAR.save())))
    assert again == CALENDAR
