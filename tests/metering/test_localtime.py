"""Local time: dates, summer time, the clock, ends of intervals and periods."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.metering.clock import INVALID, SUMMER, Clock, Stamp
from wattproof.metering.dates import DAY, HOUR, MINUTE, SECOND, DatePattern, day_number, fields, seconds_of, weekday
from wattproof.metering.dst import EUROPE, FAR, Rule, SummerTime
from wattproof.metering.intervals import Period, Span, next_boundary
from wattproof.metering.rounding import nearest


def at(*moment: int) -> int:
    return seconds_of(*moment) * SECOND


def summer(begin: Rule = EUROPE[0], end: Rule = EUROPE[1]) -> SummerTime:
    return SummerTime(begin, end, True)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_day_numbers_and_weekdays(day):
    number = day_number(day.year, day.month, day.day)
    assert weekday(number) == day.isoweekday()
    assert fields(number * 86_400 + 3661) == (day.year, day.month, day.day, day.isoweekday(), 1, 1, 1)


@pytest.mark.parametrize(
    ("rule", "year", "expected"),
    [
        (Rule.of_week(3, 7, 254, 2), 2024, (2024, 3, 31, 2)),
        (Rule.of_week(10, 7, 5, 3), 2026, (2026, 10, 25, 3)),
        (Rule.of_week(10, 1, 1, 1), 2012, (2012, 10, 1, 1)),
        (Rule.of_week(6, 1, 1, 2), 2012, (2012, 6, 4, 2)),
        (Rule.of_week(11, 7, 2, 0), 2025, (2025, 11, 9, 0)),
        (Rule.of_week(4, 5, 3, 23), 2023, (2023, 4, 21, 23)),
        (Rule.of_week(9, 3, 4, 4), 2022, (2022, 9, 28, 4)),
        (Rule(2, 255, 254, 5), 2028, (2028, 2, 29, 5)),
    ],
)
def test_rules_of_summer_time(rule, year, expected):
    assert rule.instant(year) == at(*expected)


@pytest.mark.parametrize(("week", "day"), [(1, 1), (2, 8), (3, 15), (4, 22), (254, 254)])
def test_weeks_map_in_both_directions(week, day):
    rule = Rule.of_week(5, 3, week, 4)
    assert (rule.day, rule.week) == (day, week)


@pytest.mark.parametrize("bad", [(0, 1, 1, 0), (1, 8, 1, 0), (1, 1, 32, 0), (1, 1, 1, 24), (1, 1, 0, 0)])
def test_impossible_rules(bad):
    with pytest.raises(ValueError, match="not possible"):
        Rule(*bad)


def test_a_year_with_both_changes():
    clock = Clock(summer=summer())
    clock.set_local(0, seconds_of(2024, 1, 1))
    start = clock.standard(0)
    begin, end = at(2024, 3, 31, 2) - start, at(2024, 10, 27, 2) - start
    assert clock.stamp(begin - 1) == (seconds_of(2024, 3, 31, 1, 59, 59), 0)
    assert clock.stamp(begin) == (seconds_of(2024, 3, 31, 3), SUMMER)
    assert clock.stamp(end - 1) == (seconds_of(2024, 10, 27, 2, 59, 59), SUMMER)
    assert clock.stamp(end) == (seconds_of(2024, 10, 27, 2), 0)
    assert clock.summer.until(start) == at(2024, 3, 31, 2)
    assert clock.summer.until(start + begin) == at(2024, 10, 27, 2)


def test_summer_over_the_new_year():
    south = summer(Rule.of_week(10, 7, 1, 2), Rule.of_week(4, 7, 1, 3))
    assert south.shift(at(2025, 1, 1)) == HOUR
    assert south.shift(at(2025, 7, 1)) == 0
    assert south.until(at(2025, 1, 1)) == at(2025, 4, 6, 2)


@given(seconds=st.integers(seconds_of(2005, 1, 1), seconds_of(2095, 1, 1)))
def test_setting_local_time_shows_it_unless_it_does_not_exist(seconds):
    clock = Clock(summer=summer())
    clock.valid = False
    clock.set_local(7, seconds)
    shown = clock.stamp(7)
    assert clock.valid
    skipped = shown.seconds != seconds
    assert not shown.status & INVALID
    if skipped:
        assert shown.seconds == seconds + 3600
        assert fields(seconds)[1:5] == (3, fields(seconds).day, 7, 2)


@given(
    ppm=st.integers(-100_000, 100_000),
    first=st.integers(0, 10**9),
    to=st.integers(0, 10**12),
)
def test_when_is_the_first_moment(ppm, first, to):
    clock = Clock()
    clock.set_local(0, seconds_of(2024, 1, 1))
    clock.set_drift(first, ppm)
    goal = clock.standard(first) + to
    moment = clock.when(goal)
    assert clock.standard(moment) >= goal
    assert moment == first or clock.standard(moment - 1) < goal


def test_a_clock_is_kept():
    clock = Clock(summer=summer())
    clock.set_local(5, seconds_of(2030, 6, 1))
    clock.set_drift(99, 50)
    assert Clock.restore(clock.save()) == clock


INTERVALS = [MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY]


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("rules", [EUROPE, (Rule(3, 7, 254, 0), Rule(10, 7, 254, 1))])
def test_boundaries_are_the_moments_that_show_a_multiple(interval, rules):
    """Every minute around both changes is looked at; a midnight left out counts."""
    clock = summer(*rules)
    for day in ((2024, 3, 30), (2024, 10, 26)):
        start = at(*day)
        moments = []
        moment = start
        while moment < start + 3 * DAY:
            moment = next_boundary(clock, moment, interval)
            moments.append(moment)
        expected = [
            moment
            for moment in range(start + MINUTE, moments[-1] + 1, MINUTE)
            if clock.local(moment) % interval == 0 or (clock.local(moment) // DAY > clock.local(moment - 1) // DAY)
        ]
        assert moments == expected


@pytest.mark.parametrize(
    ("period", "ends"),
    [
        (Period(), [(2024, 2, 28), (2024, 2, 29), (2024, 3, 1)]),
        (Period(Span.WEEKLY, 7), [(2024, 3, 4), (2024, 3, 11), (2024, 3, 18)]),
        (Period(Span.WEEKLY, 2), [(2024, 2, 28), (2024, 3, 6), (2024, 3, 13)]),
        (Period(Span.MONTHLY), [(2024, 3, 1), (2024, 4, 1), (2024, 5, 1)]),
    ],
)
def test_ends_of_periods(period, ends):
    clock = summer()
    moment = at(2024, 2, 27, 12)
    for end in ends:
        moment = period.next_end(clock, moment)
        assert clock.local(moment) == at(*end)


@settings(max_examples=200)
@given(
    year=st.sampled_from([65535, 2024, 2025]),
    month=st.sampled_from([255, 2, 11]),
    day=st.sampled_from([255, 254, 253, 1, 30]),
    on=st.sampled_from([255, 1, 7]),
    offset=st.integers(0, 800),
)
def test_date_patterns(year, month, day, on, offset):
    found = date(2024, 1, 1) + timedelta(days=offset)
    last = (found.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    days = {255: found.day, 254: last.day, 253: last.day - 1}
    expected = (
        year in (65535, found.year)
        and month in (255, found.month)
        and found.day == days.get(day, day)
        and on in (255, found.isoweekday())
    )
    assert DatePattern(year, month, day, on).matches(day_number(found.year, found.month, found.day)) == expected


def test_no_summer_time_has_no_change():
    assert SummerTime().until(at(2024, 7, 1)) == FAR
    assert Stamp(seconds_of(2024, 7, 1), SUMMER).summer


@given(value=st.integers(-(10**30), 10**30), divisor=st.integers(1, 10**12))
def test_rounding_is_half_away_from_zero(value, divisor):
    doubled = 2 * abs(value - nearest(value, divisor) * divisor)
    assert doubled <= divisor
    if doubled == divisor:
        assert abs(nearest(value, divisor)) * divisor > abs(value)
