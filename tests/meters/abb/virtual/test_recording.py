"""Load profile, previous values, demand and logs of the body."""

from __future__ import annotations

import pytest

from tests.meters.abb.virtual.rigs import DAY, HOUR, Rig
from wattproof.metering.clock import SUMMER
from wattproof.metering.dates import seconds_of
from wattproof.metering.demand import NOTHING, Entry
from wattproof.metering.intervals import Period, Span
from wattproof.metering.load_profile import Status
from wattproof.meters.abb.virtual.refusals import Reason, Refusal
from wattproof.meters.abb.virtual.sources import recorded

QUARTER = 900


def rows(rig: Rig, number: int = 1) -> list:
    return list(rig.body.recorder.channels[number - 1].rows())


def refused(reason: Reason, command, *arguments, **options) -> None:
    with pytest.raises(Refusal) as refusal:
        command(*arguments, **options)
    assert refusal.value.reason is reason


@pytest.mark.proves("A-213")
def test_a_year_in_one_step():
    """Summer time on: four rows less in spring, four more in autumn."""
    rig = Rig(load="curve:day", summer=True)
    rig.body.set_channel(1, 1, QUARTER, 35_040)
    rig.run(365 * DAY)
    found = rows(rig)
    assert len(found) == 35_040
    assert found[-1].value == rig.body.value(1) == 578_160
    days: dict[tuple[int, ...], int] = {}
    for row in found:
        day = row.stamp._replace(seconds=row.stamp.seconds - 1).fields[1:3]
        days[day] = days.get(day, 0) + 1
    assert {day: count for day, count in days.items() if count != 96} == {(3, 31): 92, (10, 27): 100}
    assert [row.stamp.status for row in found if row.stamp.fields[1:3] == (10, 27)].count(SUMMER) == 3 * 4
    assert {row.status for row in found} == {Status.EXISTS}


def test_registers_are_read_and_gauges_averaged():
    load = recorded("csv:x", "t,w\n0,1000\n300,4000\n600,-2500\n900,100\n")
    rig = Rig(load=load)
    for number, (quantity, interval) in enumerate([(1, 900), (96 - 25, 900), (70, 900), (69, 60), (51 + 2, 900)], 1):
        rig.body.set_channel(number, quantity, interval, 100)
    rig.control(input_3=True)
    rig.run(900)
    (energy,), (factor,), (current,), volts, (count,) = (rows(rig, number) for number in range(1, 6))
    assert energy.value == (1000 + 4000) * 300 // 3600 // 10
    assert factor.value == round((1000 + 1000 - 1000) / 3)
    assert current.value == round(100 * (1000 + 4000 + 2500) / 3 / 690)
    assert [row.value for row in volts] == [2300] * 15
    assert count.value == 1


def test_harmonics_are_averaged_as_arrays():
    rig = Rig(load="constant:3000")
    rig.control(harmonics="u1:3=100")
    rig.body.set_channel(1, 179, 60, 10)
    rig.body.set_channel(2, 59, 60, 10)
    rig.run(90)
    rig.control(harmonics="u1:3=200,u1:4=1")
    rig.run(30)
    assert [row.value[:5] for row in rows(rig, 1)] == [(1000, 0, 100, 0, 0), (1000, 0, 150, 1, 0)]
    assert [row.value for row in rows(rig, 2)] == [100, 150]
    rig.fault("power-cut", 50)
    rig.run(60)
    assert (rows(rig, 1)[-1].status, rows(rig, 1)[-1].value) == (0x23, (0,) * 16)


@pytest.mark.parametrize("ratio", [999, 999_999])
def test_an_average_beyond_its_type_is_a_bad_value_and_no_demand(ratio):
    rig = Rig(load="constant:10000000")
    rig.body.set_ratio(141, ratio)
    rig.body.set_ratio(143, ratio)
    rig.body.set_channel(1, 96, QUARTER, 10)
    rig.body.set_channel(2, 170, QUARTER, 10)
    rig.body.set_demand([Entry(96, 5), Entry(170, 5)], 900, 900, Period())
    rig.run(QUARTER)
    assert [(row.status, row.value) for number in (1, 2) for row in rows(rig, number)] == [(0x21, 0), (1, 5000)]
    assert [cell[:2] for cell in rig.body.recorder.demand.cells()] == [(0, NOTHING), (1, 5000)]


def test_limits_of_the_load_profile():
    body = Rig().body
    body.set_channel(1, 1, QUARTER, 30_000)
    body.set_channel(2, 69, 60, 10_000)
    refused(Reason.RANGE, body.set_channel, 3, 1, QUARTER, 1)
    refused(Reason.RANGE, body.set_channel, 2, 1, QUARTER, 10_001)
    refused(Reason.RANGE, body.set_channel, 2, 1, 450, 1)
    refused(Reason.RANGE, body.set_channel, 2, 146, QUARTER, 1)
    refused(Reason.UNDEFINED, body.set_channel, 9, 1, QUARTER, 1)
    refused(Reason.UNDEFINED, Rig("A41-413-100").body.set_channel, 1, 1, QUARTER, 1)
    refused(Reason.RANGE, Rig("A42").body.set_channel, 1, 72, QUARTER, 1)
    assert [channel.capacity for channel in body.recorder.channels[:2]] == [30_000, 10_000]
    assert body.recorder.channels[2] is None


def test_a_configuration_clears_its_channel_only():
    rig = Rig(load="constant:1000")
    for number in (1, 2):
        rig.body.set_channel(number, number, 60, 100)
    rig.run(600)
    rig.body.set_channel(1, 1, 60, 200)
    assert (len(rows(rig, 1)), len(rows(rig, 2))) == (0, 10)
    rig.run(60)
    rig.body.clear_channel(2)
    assert (len(rows(rig, 1)), len(rows(rig, 2))) == (1, 0)


@pytest.mark.proves("A-147")
@pytest.mark.parametrize(
    ("period", "ends"),
    [
        (Period(), [(1, 30), (1, 31), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)]),
        (Period(Span.WEEKLY, 5), [(2, 3)]),
        (Period(Span.MONTHLY), [(2, 1)]),
    ],
)
def test_previous_values(period, ends):
    rig = Rig(load="constant:1000", start=(2024, 1, 29, 12))
    columns = [1, 2, 21, 22, *range(9, 13), *range(3, 9), 53, 54, 113, 122, *range(171, 176)]
    assert len(columns) == 23
    rig.body.set_previous_values(columns, period)
    refused(Reason.RANGE, rig.body.set_previous_values, [*columns, 33])
    refused(Reason.RANGE, rig.body.set_previous_values, [69])
    rig.run(7 * DAY)
    found = list(rig.body.recorder.previous.rows())
    assert [row.stamp.fields[1:3] for row in found] == ends
    for row in found:
        hours = (row.stamp.seconds - seconds_of(2024, 1, 29, 12)) // HOUR
        assert row.values[:5] == (100 * hours, 0, 0, 0, 100 * hours)
    assert rig.states[-1][1] in ("interval-end", "period-end")


@pytest.mark.proves("A-148")
def test_demand():
    rows_of_load = "\n".join(f"{60 * minute},{1000 + 60 * minute}" for minute in range(120))
    rig = Rig(load=recorded("csv:x", f"t,w\n{rows_of_load}\n"), start=(2024, 1, 1, 22))
    entries = [Entry(1, 5), Entry(1, 7), Entry(1, 1), Entry(96, 13), Entry(53, 5), Entry(2, 5), Entry(70, 9)]
    rig.body.set_demand(entries, 900, 300, Period())
    for _ in range(3):
        rig.control(input_3=True)
        rig.control(input_3=False)
    rig.run(2 * HOUR)
    (row,) = rig.body.recorder.demand.rows()
    averages = [1000 + 60 * (minute + 7) for minute in range(0, 120, 15)]
    assert row.stamp.fields[2:6] == (2, 2, 0, 0)
    assert [cell.value for cell in row.cells[:4]] == [
        100 * averages[7], 100 * averages[5], 100 * averages[0], 100 * averages[7]]  # fmt: skip
    assert (row.cells[4].value, row.cells[4].stamp.fields[4:6]) == (3 * 4, (22, 15))
    assert (row.cells[5].value, row.cells[5].status) == (0, 1)
    assert row.cells[6].value == round(100 * averages[0] / 690)
    assert {cell[:2] for cell in rig.body.recorder.demand.cells()} == {(0, NOTHING)}
    assert (rig.body.at, "period-end") in rig.states


@pytest.mark.parametrize(("fault", "value"), [("overflow", True), ("counter-jump", 10**6)])
def test_a_register_that_is_tampered_with_is_no_demand(fault, value):
    rig = Rig(load="constant:20000")
    rig.body.set_demand([Entry(1, 5), Entry(9, 5), Entry(10, 5)], 900, 900, Period())
    rig.run(60)
    rig.fault(fault, value)
    rig.run(HOUR)
    assert [cell.value for cell in rig.body.recorder.demand.cells()] == [2_000_000, 2_000_000, 0]


def test_demand_is_frozen_cleared_and_limited():
    rig = Rig(load="constant:600")
    rig.body.set_demand([Entry(1, 5)], 60, 60, Period(Span.MONTHLY))
    rig.run(90)
    rig.body.freeze_demand()
    (row,) = rig.body.recorder.demand.rows()
    assert (row.cells[0].value, row.stamp.fields[5:]) == (60_000, (1, 30))
    rig.run(60)
    rig.body.clear_demand()
    assert len(list(rig.body.recorder.demand.rows())) == 0
    assert rig.body.recorder.demand.cells()[0].status == 0
    refused(Reason.RANGE, rig.body.set_demand, [Entry(1, 5)] * 51, 900, 900, Period())
    refused(Reason.RANGE, rig.body.set_demand, [Entry(1, 4)], 900, 900, Period())
    refused(Reason.RANGE, rig.body.set_demand, [Entry(1, 5)], 900, 600, Period())
    refused(Reason.RANGE, rig.body.set_demand, [Entry(190, 5)], 900, 900, Period())
    assert len(rig.body.recorder.demand.entries) == 1


@pytest.mark.proves("A-162")
def test_a_power_failure():
    rig = Rig(load="constant:1000", start=(2024, 1, 1, 23, 0))
    rig.body.set_previous_values([1], Period())
    rig.body.set_channel(1, 1, QUARTER, 10)
    rig.body.set_channel(2, 96 - 27, QUARTER, 10)
    rig.run(5 * 60)
    rig.fault("power-cut", HOUR + 60)
    assert not rig.body.supplied
    rig.run(HOUR + 59)
    assert (rig.body.supplied, rig.states) == (False, [])
    rig.run(1)
    assert (rig.body.supplied, rig.states) == (True, [(rig.body.at, "power-up")])
    assert rig.values(152, 151) == [1, HOUR + 60]
    assert rig.body.status_word == 1 << 55
    rig.run(60)
    assert rig.body.status_word == 0
    rig.run(8 * 60)
    energy = [(row.stamp.fields[4:6], row.status, row.value) for row in rows(rig, 1)]
    assert energy == [((23, 15), 3, 8), ((0, 15), 3, 8 + 15)]
    assert [row.value for row in rows(rig, 2)] == [2300, 2300]
    (previous,) = rig.body.recorder.previous.rows()
    assert (previous.stamp.fields[2:6], previous.status, previous.values) == ((2, 2, 0, 0), 5, (8,))
    entry = [entry for entry in rig.body.watch.system.rows() if entry.code == 2055]
    assert [(one.stamp.fields[4:6], one.duration, one.category) for one in entry] == [((23, 5), HOUR + 60, 8)]
    rig.body.reset_power_fails()
    rig.body.reset_outage()
    assert rig.values(152, 151) == [0, 0]


@pytest.mark.proves("A-205")
@pytest.mark.parametrize(
    ("fault", "status", "end"), [("clock-back", 0x15, (11, 15)), ("clock-forward", 0x19, (13, 15))]
)
def test_a_clock_that_is_set_marks_its_row(fault, status, end):
    rig = Rig(load="constant:1000", start=(2024, 1, 1, 11, 30))
    rig.body.set_channel(1, 1, QUARTER, 10)
    rig.run(35 * 60)
    rig.fault(fault, 3600)
    rig.run(30 * 60)
    assert [(row.stamp.fields[4:6], row.status) for row in rows(rig)] == [
        ((11, 45), 1), ((12, 0), 1), (end, status), ((end[0], 30), 1)]  # fmt: skip
    noon = seconds_of(2024, 1, 1, 12)
    channel = rig.body.recorder.channels[0]
    assert [channel.row(number).stamp.seconds for number in channel.between(noon - QUARTER, noon)] == [
        noon - QUARTER, noon]  # fmt: skip
    assert [entry.code for entry in rig.body.watch.system.rows()][-1] == 2058


def test_the_named_states():
    rig = Rig(start=(2024, 1, 1, 23, 50))
    rig.body.set_channel(1, 1, 300, 10)
    rig.run(601)
    assert rig.states == [(300_000, "interval-end"), (600_000, "interval-end"), (600_000, "period-end")]
