"""Local time by the rules of a place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.metering.clock import SUMMER, Clock
from wattproof.metering.dates import DAY, HOUR, MINUTE, fields, seconds_of
from wattproof.metering.dst import EUROPE, SummerTime
from wattproof.metering.intervals import next_boundary
from wattproof.metering.load_profile import Channel, Status
from wattproof.metering.zones import EPOCH_MS, Zone

BERLIN = Zone(ZoneInfo("Europe/Berlin"))
ZONES = ("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "UTC", "Africa/Casablanca")


@settings(max_examples=60)
@given(zone=st.sampled_from(ZONES), moment=st.integers(0, 3_000_000_000_000))
def test_it_adds_what_the_time_zone_database_says(zone, moment):
    found = Zone(ZoneInfo(zone))
    there = (datetime(2000, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).astimezone(ZoneInfo(zone))
    assert found.shift(moment) == there.utcoffset() / timedelta(milliseconds=1)
    assert found.active(moment) == bool(there.dst())
    assert found.shift(found.until(moment) - 1) == found.shift(moment)


def test_germany_changes_as_the_rule_of_europe_says():
    rule = SummerTime(*EUROPE, enabled=True)
    for year in (2024, 2026, 2031):
        assert [(moment + HOUR, shift - HOUR) for moment, shift in BERLIN.changes(year)] == rule.changes(year)


def test_hours_left_out_and_passed_twice():
    twice, left_out = (seconds_of(2026, *rest) * 1000 for rest in ((10, 25, 2, 30), (3, 29, 2, 30)))
    assert fields(BERLIN.standard(twice) // 1000)[3:6] == (7, 0, 30)
    assert BERLIN.exists(twice) and not BERLIN.exists(left_out)
    assert fields(BERLIN.local(BERLIN.standard(left_out)) // 1000)[4:6] == (3, 30)


def test_the_clock_marks_summer_time_only():
    clock = Clock(shifted=-EPOCH_MS, summer=BERLIN)
    winter, summer = (round(datetime(2026, month, 1, tzinfo=UTC).timestamp() * 1000) for month in (1, 7))
    assert clock.stamp(winter).status == 0 and clock.stamp(summer).status == SUMMER
    assert clock.stamp(winter).fields[3:6] == (4, 1, 0) and clock.stamp(summer).fields[3:6] == (3, 2, 0)


@pytest.mark.parametrize("zone", ZONES)
def test_boundaries_follow_each_other_through_a_year(zone):
    found = Zone(ZoneInfo(zone))
    moment, ends = seconds_of(2026, 1, 1) * 1000, []
    while moment < seconds_of(2027, 1, 1) * 1000:
        moment = next_boundary(found, moment, HOUR)
        ends.append(moment)
    assert all(0 < after - before <= 2 * HOUR for before, after in pairwise(ends))
    assert all(found.local(end) % HOUR == 0 for end in ends)


def test_rows_are_handed_out_and_missed_intervals_skipped():
    clock = Clock(shifted=-EPOCH_MS, summer=BERLIN)
    start = round(datetime(2026, 6, 1, 10, tzinfo=UTC).timestamp() * 1000)
    channel = Channel(900, 1)
    channel.begin(clock, start, ())
    channel.close(channel.end(clock, start + 15 * MINUTE), (7,), ())
    assert [(row.status, row.value) for row in channel.take()] == [(1, 7)] and len(channel) == 0
    channel.skip(clock, start + DAY + 20 * MINUTE, ())
    assert clock.when(channel.due) == start + DAY + 30 * MINUTE
    channel.close(channel.end(clock, start + DAY + 30 * MINUTE), (9,), ())
    assert [row.status for row in channel.take()] == [Status.EXISTS | Status.POWER_FAILURE]
