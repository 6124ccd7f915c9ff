"""Load profile, previous values, demand and logs, fed by hand."""

from __future__ import annotations

import json

import pytest

from wattproof.metering.clock import SUMMER, Clock, Stamp
from wattproof.metering.dates import DAY, HOUR, MINUTE, SECOND, fields, seconds_of
from wattproof.metering.demand import NOTHING, Demand, Entry
from wattproof.metering.dst import EUROPE, SummerTime
from wattproof.metering.intervals import Period, Span
from wattproof.metering.load_profile import Channel, Status
from wattproof.metering.logs import Log
from wattproof.metering.previous_values import PreviousValues


def clock_at(*moment: int, summer: bool = False) -> Clock:
    clock = Clock(summer=SummerTime(*EUROPE, summer))
    clock.set_local(0, seconds_of(*moment))
    return clock


def record(channel: Channel, clock: Clock, now: int, until: int) -> None:
    """Close every interval with its own end as reading."""
    while (moment := clock.when(channel.due)) <= until:
        assert moment > now
        channel.close(channel.end(clock, moment), (moment,), ())
        now = moment


def moments(channel: Channel) -> list[tuple[int, ...]]:
    return [row.stamp.fields[2:3] + row.stamp.fields[4:6] for row in channel.rows()]


def test_rows_stand_at_multiples_from_midnight():
    clock = clock_at(2024, 5, 6, 23, 20)
    channel = Channel(900, 10)
    channel.begin(clock, 0, ())
    record(channel, clock, 0, HOUR)
    assert moments(channel) == [(6, 23, 30), (6, 23, 45), (7, 0, 0), (7, 0, 15)]
    assert [row.status for row in channel.rows()] == [Status.EXISTS | Status.SHORT, 1, 1, 1]
    assert [row.value for row in channel.rows()] == [10 * MINUTE, 25 * MINUTE, 40 * MINUTE, 55 * MINUTE]


@pytest.mark.parametrize(("day", "rows"), [((2024, 3, 31), 92), ((2024, 10, 27), 100), ((2024, 6, 1), 96)])
def test_days_of_summer_time_have_other_lengths(day, rows):
    clock = clock_at(*day, summer=True)
    channel = Channel(900, 200)
    channel.begin(clock, 0, ())
    record(channel, clock, 0, 27 * HOUR)
    found = [row.stamp for row in channel.rows() if fields(row.stamp.seconds - 1)[:3] == day]
    assert len(found) == rows
    assert len(set(found)) == rows
    if rows == 100:
        repeated = [stamp for stamp in found if stamp.fields[3:6] == (7, 2, 30)]
        assert [stamp.status for stamp in repeated] == [SUMMER, 0]


def test_a_ring_keeps_the_last_rows_and_finds_them_by_time():
    clock = clock_at(2024, 1, 1)
    channel = Channel(3600, 5)
    channel.begin(clock, 0, ())
    record(channel, clock, 0, 12 * HOUR)
    assert [row.value // HOUR for row in channel.rows()] == [8, 9, 10, 11, 12]
    assert [row.value // HOUR for row in channel.rows(newest_first=True)] == [12, 11, 10, 9, 8]
    nine, eleven = seconds_of(2024, 1, 1, 9), seconds_of(2024, 1, 1, 11)
    assert [channel.row(number).value // HOUR for number in channel.between(nine, eleven)] == [9, 10, 11]
    assert channel.between(eleven + 1, eleven + 3599) == []
    kept = Channel.restore(json.loads(json.dumps(channel.save())))
    assert list(kept.rows()) == list(channel.rows())
    record(channel, clock, 12 * HOUR, 14 * HOUR)
    record(kept, clock, 12 * HOUR, 14 * HOUR)
    assert list(kept.rows()) == list(channel.rows())
    with pytest.raises(IndexError):
        channel.row(5)


def test_wide_rows():
    clock = clock_at(2024, 1, 1)
    channel = Channel(60, 2, width=3)
    channel.begin(clock, 0, ())
    for number in range(3):
        channel.close(channel.end(clock, (number + 1) * MINUTE), (number, 10 + number, 20 + number), ())
    assert [row.value for row in channel.rows()] == [(1, 11, 21), (2, 12, 22)]


@pytest.mark.proves("A-205")
@pytest.mark.parametrize(
    ("by", "flag", "end"),
    [
        (-3600, Status.LONG, (11, 15)),
        (3600, Status.SHORT, (13, 15)),
        (60, Status.SHORT, (12, 15)),
        (-360, Status.LONG, (12, 0)),  # it lasts 6 minutes
        (600, Status.SHORT, (12, 30)),  # it lasts 20 minutes
    ],
)
def test_a_clock_set_marks_its_interval(by, flag, end):
    clock = clock_at(2024, 1, 1, 12)
    channel = Channel(900, 9)
    channel.begin(clock, 0, ())
    clock.move(5 * MINUTE, by * SECOND)
    channel.flag(Status.CLOCK_CHANGED | flag)
    channel.plan(clock, 5 * MINUTE)
    record(channel, clock, 5 * MINUTE, clock.when(channel.due) + 15 * MINUTE)
    first, second = channel.rows()
    assert (first.stamp.fields[4:6], first.status) == (end, Status.EXISTS | Status.CLOCK_CHANGED | flag)
    assert second.status == Status.EXISTS


def test_a_power_failure_leaves_out_what_it_covers():
    clock = clock_at(2024, 1, 1, 12)
    channel = Channel(900, 9)
    channel.begin(clock, 0, ())
    channel.resume(clock, 5 * MINUTE, 40 * MINUTE, (5,), ())
    record(channel, clock, 40 * MINUTE, HOUR)
    marked = Status.EXISTS | Status.POWER_FAILURE
    assert [(row.stamp.fields[5], row.status, row.value) for row in channel.rows()] == [
        (15, marked, 5),
        (45, marked, 45 * MINUTE),
        (0, Status.EXISTS, HOUR),
    ]


def test_a_bad_reading_is_marked():
    clock = clock_at(2024, 1, 1)
    channel = Channel(60, 9)
    channel.begin(clock, 0, ())
    channel.close(channel.end(clock, MINUTE), (), ())
    assert next(channel.rows())[1:] == (Status.EXISTS | Status.BAD, 0)


def test_previous_values_of_each_period():
    clock = clock_at(2024, 2, 28, 12)
    kept = PreviousValues([1, 2], Period())
    kept.plan(clock, 0)
    for number in range(3):
        kept.close(clock, (number, 7))
    kept.catch_up(clock, 6 * DAY, (9, 9), 4)
    assert [row.stamp.fields[1:3] for row in kept.rows()] == [(2, 29), (3, 1), (3, 2), (3, 3)]
    assert [row.status for row in kept.rows(newest_first=True)] == [5, 1, 1, 1]
    assert kept.due == clock.standard(0) + 4 * DAY + 36 * HOUR + DAY
    assert kept.between(seconds_of(2024, 3, 1), seconds_of(2024, 3, 2)) == [1, 2]
    again = PreviousValues.restore(json.loads(json.dumps(kept.save())))
    assert (list(again.rows()), again.due, again.period) == (list(kept.rows()), kept.due, kept.period)


@pytest.mark.proves("A-147")
def test_previous_values_have_23_columns():
    assert len(PreviousValues(range(23)).columns) == 23
    with pytest.raises(ValueError, match="at most 23"):
        PreviousValues(range(24))


class Meter:
    """A meter whose quantity 1 grows by given amounts a minute."""

    def __init__(self, demand: Demand, clock: Clock) -> None:
        self.demand, self.clock, self.now, self.total = demand, clock, 0, 0
        demand.begin(clock, 0, self.readings)

    @property
    def readings(self) -> dict[int, tuple[int, ...]]:
        return {1: (self.total,), 2: (2 * self.total,)}

    @staticmethod
    def average(quantity: int, before, after, elapsed: int) -> int:
        return (after[0] - before[0]) * MINUTE // elapsed

    def run(self, *rates: int) -> None:
        for rate in rates:
            self.now += MINUTE
            self.total += rate
            if self.demand.due <= self.clock.standard(self.now):
                self.demand.tick(self.clock, self.now, self.readings, self.average)
            if self.demand.ends <= self.clock.standard(self.now):
                self.demand.close(self.clock, self.clock.stamp_of(self.demand.ends), self.demand.ends)


ALL_CODES = (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)


@pytest.mark.proves("A-148")
def test_demand_levels_fixed_and_sliding():
    rates = [(7 * minute * minute + 3 * minute) % 101 for minute in range(60)]
    clock = clock_at(2024, 1, 1, 23, 0)
    meter = Meter(Demand([Entry(1, code) for code in ALL_CODES], 900, 180), clock)
    meter.run(*rates)
    (row,) = meter.demand.rows()
    assert row.stamp == Stamp(seconds_of(2024, 1, 2))
    fixed = [(sum(rates[end - 15 : end]) // 15, end) for end in range(15, 61, 15)]
    sliding = [(sum(rates[end - 15 : end]) // 15, end) for end in range(15, 61, 3)]
    expected = []
    for code in ALL_CODES:
        ends = sliding if code & 8 else fixed
        ranked = sorted(ends, key=lambda found: (-found[0] if code & 4 else found[0], found[1]))
        value, end = ranked[(code & 3) - 1]
        expected.append((1, value, Stamp(seconds_of(2024, 1, 1, 23) + 60 * end), code & 3))
    assert list(row.cells) == expected
    assert {cell[:3] for cell in meter.demand.cells()} == {(0, NOTHING, row.stamp)}


@pytest.mark.proves("A-148")
def test_demand_has_50_entries_and_only_these_codes():
    assert len(Demand([Entry(1, 5)] * 50).entries) == 50
    with pytest.raises(ValueError, match="at most 50"):
        Demand([Entry(1, 5)] * 51)
    for code in set(range(20)) - set(ALL_CODES):
        with pytest.raises(ValueError, match="demand code"):
            Demand([Entry(1, code)])


@pytest.mark.proves("A-149")
@pytest.mark.parametrize(("interval", "sub_interval"), [(900, 600), (900, 1800), (900, 90), (7200, 900)])
def test_a_sub_interval_divides_the_interval(interval, sub_interval):
    with pytest.raises(ValueError, match="interval"):
        Demand([], interval, sub_interval)


def test_a_period_frozen_and_a_demand_kept():
    clock = clock_at(2024, 1, 1, 12)
    meter = Meter(Demand([Entry(1, 5), Entry(2, 13), Entry(1, 3)], 300, 60, Period(Span.MONTHLY)), clock)
    meter.run(*range(12))
    meter.demand.close(clock, clock.stamp(meter.now), clock.standard(meter.now))
    kept = Demand.restore(json.loads(json.dumps(meter.demand.save())))
    for demand in (meter.demand, kept):
        assert [cell.value for cell in next(demand.rows()).cells] == [7, 18, NOTHING]
        assert demand.between(seconds_of(2024, 1, 1, 12, 12), seconds_of(2024, 1, 1, 12, 12)) == [0]
    other = Meter(Demand(), clock)
    other.demand, other.now, other.total = kept, meter.now, meter.total
    meter.run(*range(9))
    other.run(*range(9))
    assert kept.save() == meter.demand.save()
    assert [cell.value for cell in kept.cells()] == [(3 + 4 + 5 + 6 + 7) // 5, 2 * (8 + 9 + 10 + 11 + 0) // 5, NOTHING]


def test_the_interval_of_a_power_failure_counts_and_the_period_ends_late():
    clock = clock_at(2024, 1, 1, 23, 40)
    meter = Meter(Demand([Entry(1, 5)], 900, 900), clock)
    meter.run(*[30] * 10)
    meter.demand.resume(clock, 10 * MINUTE, 50 * MINUTE, meter.readings, meter.average)
    (row,) = meter.demand.rows()
    assert row.stamp.fields[2:6] == (2, 2, 0, 0)
    assert row.cells == ((5, 30, Stamp(seconds_of(2024, 1, 1, 23, 45)), 1),)
    assert clock.when(meter.demand.due) == 65 * MINUTE


def test_a_clock_set_over_the_end_of_a_period_ends_it():
    clock = clock_at(2024, 1, 1, 12)
    meter = Meter(Demand([Entry(1, 13)], 300, 60), clock)
    meter.run(*[6] * 7)
    clock.move(meter.now, DAY)
    meter.demand.clock_set(clock, meter.now)
    (row,) = meter.demand.rows()
    assert (row.stamp, row.cells[0].value) == (Stamp(seconds_of(2024, 1, 2)), 6)
    meter.run(*[9] * 5)
    assert meter.demand.cells()[0].status == 0
    meter.run(9)
    assert meter.demand.cells()[0].value == 9


@pytest.mark.proves("A-150")
def test_a_log_keeps_500_entries_and_fills_in_durations():
    log = Log()
    for number in range(501):
        log.note(Stamp(number), 4, 1000, since=number * SECOND)
    log.note(Stamp(600), 8, 2013, since=0)
    log.end(1000, 520 * SECOND)
    log.end(2013, 90_999)
    assert len(log) == 500
    newest = list(log.rows(newest_first=True))
    assert (newest[0].code, newest[0].duration) == (2013, 90)
    assert (newest[1].stamp.seconds, newest[1].duration, newest[2].duration) == (500, 20, 0)
    assert [log.between(599, 600), log.between(0, 2)] == [[499], [0]]
    kept = Log()
    kept.restore(json.loads(json.dumps(log.save())))
    assert list(kept.rows()) == list(log.rows())
    log.clear()
    assert len(log) == 0
