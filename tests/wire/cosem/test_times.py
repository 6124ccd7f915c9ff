"""Date and time with wild cards, and the rules of summer time."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem.data import decode
from wattproof.wire.cosem.times import DST_ACTIVE, LAST_BUT_ONE, LAST_DAY, Date, DateTime, DstRule, Time, compare

Examples = dict[str, dict[str, Any]]


def test_the_clock_of_the_examples_reads_as_it_says(examples: Examples) -> None:
    octets = decode(examples["get-clock-rsp"]["octets"][4:]).value
    assert isinstance(octets, bytes)
    moment = DateTime.decode(octets)
    assert moment == DateTime(Date(2012, 8, 5, 7), Time(1, 11, 31, 0), None, DST_ACTIVE)
    assert moment.encode() == octets
    assert moment.dst
    assert moment.to_datetime() == datetime.datetime(2012, 8, 5, 1, 11, 31)  # noqa: DTZ001
    assert DateTime.of(datetime.datetime(2012, 8, 5, 1, 11, 31), DST_ACTIVE) == moment  # noqa: DTZ001


def test_the_rules_of_summer_time_of_the_examples(examples: Examples) -> None:
    begin, end = examples["get-dst-rsp"]["octets"][6:], examples["set-dst"]["octets"][-12:]
    assert DstRule.decode(begin) == DstRule(month=3, weekday=7, week=254, hour=2)
    assert DstRule.decode(end) == DstRule(month=10, weekday=1, week=1, hour=1)
    assert (DstRule(3, 7, 254, 2).encode(), DstRule(10, 1, 1, 1).encode()) == (begin, end)
    assert DstRule(3, 7, 5, 2).encode() == begin
    assert [DstRule(10, 7, 254, 3).in_year(year).isoformat() for year in (2023, 2024)] == [  # type: ignore[union-attr]
        "2023-10-29T03:00:00", "2024-10-27T03:00:00",
    ]  # fmt: skip
    for week, day in ((1, 1), (2, 8), (3, 15), (4, 22)):
        rule = DstRule(5, 3, week, 4)
        assert rule.encode()[3] == day
        assert DstRule.decode(rule.encode()) == rule
        assert rule.in_year(2024) == datetime.datetime(2024, 5, day, 4)  # noqa: DTZ001  (1 May 2024 is a Wednesday)
    with pytest.raises(InvalidValue):
        DstRule(5, 3, 6, 4).encode()
    for open_rule in (
        DateTime(Date(None, 3, 1), Time(2)),
        DateTime(Date(None, 3, LAST_BUT_ONE, 7), Time(2)),
        DateTime(),
    ):
        with pytest.raises(FrameError):
            DstRule.decode(open_rule.encode())


def test_a_date_names_the_day_that_the_standard_means() -> None:
    day = datetime.date
    for date, year, expected in (
        (Date(None, 10, LAST_DAY), 2024, day(2024, 10, 31)),
        (Date(None, 2, LAST_BUT_ONE), 2024, day(2024, 2, 28)),
        (Date(None, 10, LAST_DAY, 7), 2023, day(2023, 10, 29)),
        (Date(None, 10, 1, 1), 2024, day(2024, 10, 7)),
        (Date(2023, 5, 1), 2024, None),
        (Date(None, 2, 30), 2024, None),
        (Date(None, 0xFE, 1), 2024, None),
        (Date(None, None, 1), 2024, None),
    ):
        assert date.in_year(year) == expected, date
    for date, yes, no in (
        (Date(None, 12, 25), day(2031, 12, 25), day(2031, 11, 25)),
        (Date(weekday=7), day(2024, 1, 7), day(2024, 1, 8)),
        (Date(2024, 1), day(2024, 1, 31), day(2025, 1, 31)),
        (Date(None, None, LAST_DAY), day(2024, 2, 29), day(2024, 2, 28)),
        (Date(None, 11, 8, 2), day(2024, 11, 12), day(2024, 11, 5)),
    ):
        assert date.matches(yes)
        assert not date.matches(no)


def test_moments_compare_by_the_fields_that_both_have() -> None:
    low, high = DateTime(Date(2012, 7, 1), Time(0, 0, 0)), DateTime(Date(2012, 7, 2, 4), Time(0, 0, 0, 5), -60)
    assert (compare(low, high), compare(high, low), compare(low, low)) == (-1, 1, 0)
    assert compare(DateTime(Date(None, 7, 2)), high) == 0
    assert compare(DateTime(time=Time(1)), high) == 1


@given(st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)), st.integers(-720, 840) | st.none())  # noqa: DTZ001
def test_moments_come_back(moment: datetime.datetime, minutes: int | None) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 10_000 * 10_000)
    if minutes is not None:
        moment = moment.replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=-minutes)))
    found = DateTime.of(moment)
    assert found.deviation == minutes
    assert DateTime.decode(found.encode()) == found
    assert found.to_datetime() == moment


@given(st.binary(min_size=12, max_size=12))
def test_any_twelve_bytes_are_a_moment_or_a_frame_error(octets: bytes) -> None:
    try:
        moment = DateTime.decode(octets)
    except FrameError:
        return
    assert moment.encode() == octets
    moment.to_datetime()


def test_what_no_clock_shows_is_refused() -> None:
    for wrong in (Date(month=13), Date(day=32), Date(weekday=0), Date(year=0xFFFF), Time(24), Time(1, 60),
                  Time(hundredths=100), DateTime(deviation=900), DateTime(status=256)):  # fmt: skip
        with pytest.raises(InvalidValue):
            wrong.encode()
    for short in (Date.decode, Time.decode, DateTime.decode):
        with pytest.raises(FrameError):
            short(b"\xff\xff\xff")
    assert DateTime(Date(2024, 2, 30), Time(1, 1)).to_datetime() is None
    assert DateTime(Date(2024, 2, 3), Time(1)).to_datetime() is None
