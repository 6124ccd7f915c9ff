"""Load profile, previous values, demand and logs: columns, selections, configuration, clearing (abb-meters.md 2.9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.meters.abb.virtual.cosem.bench import Asking, Bench
from wattproof.metering.clock import Stamp
from wattproof.metering.dates import seconds_of
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period, Span
from wattproof.meters.abb.quantities import ROWS, by_name
from wattproof.meters.abb.shapes.recording import (
    DEMAND_CONFIGURATION,
    PERIOD,
    PREVIOUS_COLUMNS,
    PREVIOUS_STATUS,
    DemandSettings,
    captured,
    channel_columns,
    channel_status,
)
from wattproof.meters.abb.shapes.stamps import STAMP
from wattproof.wire.cosem.data import (
    Data,
    array,
    double_long_unsigned,
    enum,
    integer,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.data import decode as axdr
from wattproof.wire.cosem.descriptors import Selection
from wattproof.wire.cosem.selection import CLOCK_TIME, CaptureObject, EntryDescriptor, RangeDescriptor
from wattproof.wire.cosem.times import Date, DateTime, Time

DENIED, TYPE, RANGE = 3, 12, 13
ZERO = integer(0)
PROFILE, PREVIOUS, DEMAND = "1-0:99.1.1", "1-0:98.1.0", "1-0:98.2.0"
PERIODS, SETTINGS, LOG = "0-0:128.2.0", "0-0:128.3.0", "0-0:99.98.0"
DAY = 86_400
ENERGY = captured(ROWS[1])


def clock(*fields: int) -> Data:
    """Local time as a row has it."""
    return STAMP.write(Stamp(seconds_of(*fields)))


def times(rows: Any) -> list[str]:
    """Day, hour and minute of each row."""
    return [f"{row[0][3]:02d} {row[0][5]:02d}:{row[0][6]:02d}" for row in rows]


def span(begin: Data, end: Data, *columns: CaptureObject) -> Selection:
    return RangeDescriptor(begin, end, CLOCK_TIME, columns).selection


def from_to(begin: DateTime, end: DateTime) -> Selection:
    return RangeDescriptor.between(begin, end).selection


@pytest.fixture
def recorded() -> Asking:
    """A day of quarters from 2026-02-28 12:00 on, 250 Wh each."""
    bench = Bench()
    bench.step(DAY)
    return bench.client()


@pytest.mark.proves("A-146")
def test_a_range_of_the_load_profile(recorded: Asking, examples: dict[str, Any]) -> None:
    def rows(selection: Selection) -> Any:
        return recorded.get(7, PROFILE, 2, selection)

    assert recorded.get(7, PROFILE, 7) == 96 and len(recorded.get(7, PROFILE)) == 96
    assert recorded.data(7, PROFILE, 3) == axdr(examples["lp-capobj"]["octets"][4:])
    found = rows(span(clock(2026, 2, 28, 23, 45), clock(2026, 3, 1, 0, 15)))
    assert times(found) == ["28 23:45", "01 00:00", "01 00:15"]
    assert found[1][1:] == [1, 1200]
    assert times(rows(span(clock(2026, 2, 28, 23, 45, 1), clock(2026, 3, 1, 0, 14, 59)))) == ["01 00:00"]
    assert rows(span(clock(2026, 4, 1), clock(2026, 5, 1))) == rows(span(clock(2026, 3, 2), clock(2026, 3, 1))) == []
    status = channel_status(1)
    assert rows(span(clock(2026, 3, 1), clock(2026, 3, 1), ENERGY, status)) == [[1200, 1]]
    quarters = from_to(DateTime(Date(2026, 3, 1), Time(None, None, 0)), DateTime(Date(None, None, None), Time(3, 0)))
    assert times(rows(quarters))[::4] == ["01 00:00", "01 01:00", "01 02:00", "01 03:00"]
    whole_day = from_to(DateTime(Date(2026, 3, 1)), DateTime(Date(2026, 3, 1)))
    assert len(rows(whole_day)) == 48
    hundredth = DateTime(Date(2026, 3, 1), Time(0, 0, 0, 1))
    assert times(rows(from_to(hundredth, DateTime(Date(2026, 3, 1), Time(0, 15, 0, 0))))) == ["01 00:15"]
    thirtieth = DateTime(Date(2026, 2, 30), Time(0, 0, 0, 0))
    assert len(rows(from_to(thirtieth, DateTime(Date(2027, 1, 1), Time(0, 0, 0, 0))))) == 48


@pytest.mark.proves("A-146")
def test_entries_of_the_load_profile_and_what_cannot_be_selected(recorded: Asking) -> None:
    def rows(*entries: int) -> Any:
        return recorded.get(7, PROFILE, 2, EntryDescriptor(*entries).selection)

    assert times(rows(1, 2)) == ["28 12:00", "28 12:15"] and times(rows(95)) == ["01 11:30", "01 11:45"]
    assert rows(96, 0, 3, 3) == [[2375]]
    assert rows(96, 500, 2, 0) == [[1, 2375]] and rows(97) == []
    assert rows(0, 1) == rows(1, 2, 0) == rows(1, 2, 3, 2) == rows(1, 2, 1, 4) == RANGE
    whole = clock(2026, 2, 28), clock(2026, 3, 2)
    for selection in (
        Selection(3, structure()),
        RangeDescriptor(*whole, ENERGY).selection,
        RangeDescriptor(*whole, CaptureObject.of(8, "0-0:1.0.0", 3)).selection,
        span(*whole, captured(ROWS[2])),
        span(octet_string(bytes(3)), whole[1]),
        span(octet_string(bytes.fromhex("07ea0d010100000000800000")), whole[1]),
        Selection(1, structure(unsigned(1))),
        Selection(2, array(())),
    ):
        assert recorded.get(7, PROFILE, 2, selection) == RANGE
    assert recorded.get(7, PROFILE, 8, EntryDescriptor(1).selection) == RANGE


@pytest.mark.proves("A-146")
def test_a_channel_is_configured_and_cleared_by_that() -> None:
    bench = Bench()
    asking = bench.client()
    name, columns = "1-0:99.1.8", channel_columns(8)
    assert [asking.get(7, name, attribute) for attribute in (2, 4, 7, 8)] == [[], 900, 0, 0]
    assert asking.data(7, name, 3) == columns.write(())
    voltage, harmonics = by_name("VOLTAGE_L1"), by_name("HARMONICS_VOLTAGE_L1")
    assert asking.set(7, name, double_long_unsigned(100), 8) == asking.set(7, name, double_long_unsigned(60), 4) == 0
    assert asking.set(7, name, columns.write((voltage,)), 3) == 0
    assert [asking.get(7, name, attribute) for attribute in (4, 5, 8)] == [60, 1, 100]
    bench.step(180)
    assert [row[1:] for row in asking.get(7, name)] == [[9, 2300], [1, 2300], [1, 2300]]
    assert asking.get(1, "0-8:96.10.1") == 1
    for value, attribute in (
        (columns.write((harmonics,)), 3),
        (double_long_unsigned(300), 4),
        (double_long_unsigned(50), 8),
    ):
        bench.step(300)
        assert asking.get(7, name, 7) > 0 and asking.get(7, PROFILE, 7) > 0
        assert asking.set(7, name, value, attribute) == 0
        assert asking.get(7, name, 7) == 0
    bench.step(300)
    (row,) = asking.get(7, name)
    assert row[2][0] == 1000 and len(row[2]) == 16
    for bad, attribute, result in (
        (double_long_unsigned(61), 4, RANGE),
        (double_long_unsigned(40_000 - 2880 + 1), 8, RANGE),
        (double_long_unsigned(40_000 - 2880), 8, 0),
        (integer(60), 4, TYPE),
        (columns.write((voltage, voltage)), 3, RANGE),
        (columns.write((by_name("TARIFF_ACTIVE"),)), 3, RANGE),
        (array([channel_status(8).data, CLOCK_TIME.data, captured(voltage).data]), 3, RANGE),
        (array([CLOCK_TIME.data]), 3, RANGE),
        (array([CLOCK_TIME.data, channel_status(8).data, captured(voltage)._replace(name=bytes(6)).data]), 3, RANGE),
        (array([unsigned(1)]), 3, TYPE),
        (enum(2), 5, DENIED),
    ):
        assert asking.set(7, name, bad, attribute) == result
    assert asking.act(7, name, ZERO) == 0 and asking.get(7, name, 7) == 0
    assert asking.act(7, name, ZERO, 2) == DENIED
    assert asking.set(7, name, columns.write(()), 3) == 0 and asking.get(7, name) == []


@pytest.mark.proves("A-147")
def test_previous_values() -> None:
    bench = Bench(load="constant:1000")
    asking = bench.client()
    ids = [*range(1, 17), *range(21, 28)]
    columns = PREVIOUS_COLUMNS.write(tuple(ROWS[id] for id in ids))
    assert len(ids) == 23 and asking.set(7, PREVIOUS, columns, 3) == 0
    more = PREVIOUS_COLUMNS.write(tuple(ROWS[id] for id in (*ids, 28)))
    assert asking.set(7, PREVIOUS, more, 3) == RANGE and asking.data(7, PREVIOUS, 3) == columns
    assert asking.set(7, PREVIOUS, PREVIOUS_COLUMNS.write((by_name("VOLTAGE_L1"),)), 3) == RANGE
    bench.step(2 * DAY)
    rows = asking.get(7, PREVIOUS)
    assert times(rows) == ["01 00:00", "02 00:00"]
    assert [row[1:3] for row in rows] == [[1, 1200], [1, 3600]] and len(rows[0]) == 25
    one = asking.get(7, PREVIOUS, 2, span(clock(2026, 3, 2), clock(2026, 3, 3), CLOCK_TIME, PREVIOUS_STATUS))
    assert times(one) == ["02 00:00"] and len(one[0]) == 2
    assert asking.get(1, PERIODS) == [0, 7]
    assert asking.set(1, PERIODS, PERIOD.write(Period(Span.MONTHLY, 1))) == 0
    assert asking.get(7, PREVIOUS, 7) == 0 and asking.data(7, PREVIOUS, 3) == columns
    assert asking.set(1, PERIODS, structure(enum(3), unsigned(1))) == RANGE
    assert asking.set(1, PERIODS, structure(enum(1), unsigned(8))) == RANGE
    assert asking.set(1, PERIODS, structure(enum(1))) == TYPE
    bench.step(31 * DAY)
    assert times(asking.get(7, PREVIOUS)) == ["01 00:00"]
    assert asking.act(7, PREVIOUS, ZERO) == 0 and asking.get(7, PREVIOUS) == []


@pytest.mark.proves("A-148", "A-149")
def test_demand() -> None:
    bench = Bench(time="2026-03-02T00:00:00", load="curve:day")
    asking = bench.client()
    entries = (Entry(1, 5), Entry(1, 6), Entry(1, 1), Entry(96, 13), Entry(53, 5))
    wanted = DEMAND_CONFIGURATION.write(DemandSettings(900, 300, Period(Span.DAILY), entries))
    assert asking.set(1, SETTINGS, wanted) == 0 and asking.data(1, SETTINGS) == wanted
    assert asking.get(7, DEMAND, 3)[1] == [3, ENERGY.name, 2, 0] and len(asking.get(7, DEMAND, 3)) == 6
    bench.step(DAY)
    ((end, highest, second, lowest, sliding, pulses),) = asking.get(7, DEMAND)
    assert end == clock(2026, 3, 3).plain
    assert highest == [1, 180_000, clock(2026, 3, 2, 18, 15).plain, 1]
    assert second == [1, 180_000, clock(2026, 3, 2, 18, 30).plain, 2]
    assert lowest == [1, 25_000, clock(2026, 3, 2, 3, 15).plain, 1]
    assert sliding[:2] == [1, 180_000] and pulses[:2] == [1, 0]
    assert asking.act(7, DEMAND, ZERO, 2) == 0
    assert [cell[:2] for cell in asking.get(7, DEMAND)[1][1:]] == [[0, 0xFFFFFFFF]] * 5
    for settings, result in (
        (DemandSettings(900, 600, Period(), entries), RANGE),
        (DemandSettings(900, 900, Period(), (Entry(1, 5),) * 50), 0),
        (DemandSettings(900, 900, Period(), (Entry(1, 5),) * 51), RANGE),
        (DemandSettings(900, 900, Period(), (Entry(1, 4),)), RANGE),
        (DemandSettings(900, 900, Period(), (Entry(189, 5),)), RANGE),
    ):
        assert asking.set(1, SETTINGS, DEMAND_CONFIGURATION.write(settings)) == result
    assert asking.get(7, DEMAND, 7) == 0 and len(asking.get(1, SETTINGS)[4]) == 50
    assert asking.set(1, SETTINGS, structure(*[unsigned(1)] * 4)) == TYPE
    bench.step(DAY)
    assert asking.get(7, DEMAND, 7) == 1
    assert asking.act(7, DEMAND, ZERO) == 0 and asking.get(7, DEMAND) == []


def test_a_negative_demand_keeps_its_sign() -> None:
    bench = Bench(time="2026-03-02T00:00:00", load="constant:-500")
    asking = bench.client()
    settings = DemandSettings(900, 900, Period(), (Entry(96, 5), Entry(13, 1)))
    assert asking.set(1, SETTINGS, DEMAND_CONFIGURATION.write(settings)) == 0
    bench.step(DAY)
    assert [cell[1] for cell in asking.get(7, DEMAND)[0][1:]] == [-50_000, -50_000]


@pytest.mark.proves("A-150")
def test_logs() -> None:
    bench = Bench()
    asking = bench.client()
    bench.fault("phase-lost", 1)
    bench.step(60)
    bench.fault("phase-lost", False)
    quality = asking.get(7, "0-0:99.98.2")
    assert [row[1:] for row in quality] == [[4, 1000, 60]]
    bench.fault("power-cut", 300)
    bench.step(300)
    asking = bench.client()
    assert asking.get(1, "0-0:96.7.21") == 1 and asking.get(3, "0-0:96.7.128") == 300
    bench.fault("log-full")
    assert [asking.get(7, f"0-0:99.98.{log}", 7) for log in range(3)] == [500] * 3
    columns = asking.get(7, LOG, 3)
    assert [column[3] for column in columns] == [0, 1, 2, 3]
    first = asking.get(7, LOG, 2, EntryDescriptor(1, 1).selection)
    assert first[0][1:] == [8, 2055, 300] and times(first) == ["28 12:00"]
    system = asking.get(7, LOG, 2, span(clock(2026, 2, 28, 12), clock(2026, 2, 28, 12, 1)))
    assert system == first
    assert asking.act(7, LOG, ZERO) == 0 and asking.get(7, LOG) == []
    assert bench.client(16, "tcp").act(7, "0-0:99.98.1", ZERO) == DENIED


def test_a_year_of_the_load_profile_in_pieces() -> None:
    """A-213 seen from outside: a piece of the middle costs a piece."""
    bench = Bench(time="2026-01-01T00:00:00", load="curve:day")
    asking = bench.client()
    assert asking.set(7, PROFILE, double_long_unsigned(35_040), 8) == 0
    bench.step(365 * DAY)
    assert asking.get(7, PROFILE, 7) == 35_040
    piece = asking.get(7, PROFILE, 2, EntryDescriptor(17_473, 17_972).selection)
    assert (len(piece), times(piece[:1])) == (500, ["02 00:15"])
    day = asking.get(7, PROFILE, 2, span(clock(2026, 7, 2, 0, 15), clock(2026, 7, 3)))
    assert day == piece[:96]
    assert asking.get(7, PROFILE, 2, EntryDescriptor(35_040, 0).selection)[0][2] == 578_160
