"""Load profile, previous values, demand and logs of the virtual meter as the driver gives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.meters.abb.cosem.rig import Rig
from wattproof.errors import FrameError, InvalidValue, UnknownName
from wattproof.metering.demand import Entry
from wattproof.metering.dst import EUROPE
from wattproof.metering.intervals import Period, Span
from wattproof.meters.abb.cosem import recording
from wattproof.meters.abb.cosem.recorded import SpectrumRow
from wattproof.meters.abb.cosem.settings import ChannelSettings, PreviousSettings
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.records import Category, Log, PeriodStatus, ProfileStatus
from wattproof.meters.abb.shapes.recording import DemandSettings
from wattproof.wire.cosem.data import double_long_unsigned


def at(day: int, hour: int = 0, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute)  # noqa: DTZ001 - the meter knows no zones


def times(profile) -> list[datetime]:
    return [row.time for row in profile.rows]


@pytest.mark.proves("A-146")
def test_a_load_profile_by_times_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(load="constant:1000")
    rig.bench.step(10 * 86400 + 100)
    profile = rig.run(rig.driver.load_profile(1))
    assert (profile.interval, profile.channel, profile.column.name) == (900, 1, "active_energy_import_total")
    everything = times(profile)
    assert len(everything) == 961
    assert all(after - before == timedelta(minutes=15) for before, after in pairwise(everything))
    assert profile.rows[0].status == ProfileStatus.EXISTS | ProfileStatus.SHORT
    assert profile.rows[-1].value - profile.rows[-5].value == 1000
    for limits, expected in (
        (
            {"start": at(2).replace(tzinfo=UTC), "end": at(2, 1).replace(tzinfo=UTC)},
            [at(2, 0, quarter) for quarter in (0, 15, 30, 45)] + [at(2, 1)],
        ),
        ({"start": at(2, 0, 1), "count": 2}, [at(2, 0, 15), at(2, 0, 30)]),
        ({"end": at(28, 12, 15, month=2)}, [at(28, 12, month=2), at(28, 12, 15, month=2)]),
        ({"start": at(9), "end": at(9), "count": 5}, [at(9)]),
        ({"count": 1}, everything[-1:]),
        ({"count": 700}, everything[-700:]),
        ({"end": at(2, 1), "count": 3}, [at(2, 0, 30), at(2, 0, 45), at(2, 1)]),
        ({"end": at(20), "count": 600}, everything[-600:]),
        ({"start": at(20)}, []),
        ({"start": at(1), "end": at(1) - timedelta(seconds=1)}, []),
    ):
        assert times(rig.run(rig.driver.load_profile("active_energy_import_total", **limits))) == expected, limits
    rig.requests.clear()
    assert times(rig.run(rig.driver.load_profile(1, start=datetime(2000, 1, 1)))) == everything  # noqa: DTZ001
    assert len(rig.requests) < 100
    monkeypatch.setattr(recording, "PIECE", 7)
    assert times(rig.run(rig.driver.load_profile(1))) == everything
    monkeypatch.setattr(recording, "MOST_PIECES", 5)
    for endless in ({}, {"start": at(1)}, {"end": at(9), "count": 100}):
        with pytest.raises(FrameError, match="more than 5 pieces"):
            rig.run(rig.driver.load_profile(1, **endless))
    for wrong in (0, 9, 2, "VOLTAGE_L1", "nothing"):
        with pytest.raises(UnknownName):
            rig.run(rig.driver.load_profile(wrong))
    with pytest.raises(InvalidValue):
        rig.run(rig.driver.load_profile(1, count=0))


@pytest.mark.proves("A-146")
def test_the_hour_that_is_passed_twice_keeps_its_order() -> None:
    rig = Rig(load="constant:60000", time="2026-10-24T12:00:00")
    rig.run(rig.driver.set_summer_time(True, *EUROPE))
    asking = rig.bench.client(1, "tcp")
    assert asking.set(7, "1-0:99.1.1", double_long_unsigned(60), 4) == 0
    rig.bench.step(16 * 3600)
    for limits in ({"start": at(24, 18, 10, month=10)}, {"end": at(25, 2, 50, month=10), "count": 20}, {}):
        rows = rig.run(rig.driver.load_profile(1, **limits)).rows
        assert all(after.value - before.value == 1000 for before, after in pairwise(rows)), limits
        assert sum(row.time == at(25, 2, 45, month=10) for row in rows) == (1 if "count" in limits else 2)


@pytest.mark.proves("A-146")
def test_a_full_buffer_may_turn_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PIECE", 10)
    rig = Rig(load="constant:1000")
    rig.run(rig.driver.set_load_profile([ChannelSettings(2, 60, ROWS[96], 60)]))
    rig.bench.step(2 * 3600)
    plain = rig.driver._entries
    asked = 0

    async def turning(name: str, first: int, last: int):
        nonlocal asked
        asked += 1
        if asked in (3, 5):
            rig.bench.step(120)
        return await plain(name, first, last)

    monkeypatch.setattr(rig.driver, "_entries", turning)
    found = times(rig.run(rig.driver.load_profile(2)))
    assert len(found) >= 56
    assert len(set(found)) == len(found)
    assert all(after - before == timedelta(minutes=1) for before, after in pairwise(found))


def test_channels_of_averages_and_of_harmonics() -> None:
    rig = Rig(load="constant:1000")
    channels = [ChannelSettings(3, 300, ROWS[69], 100), ChannelSettings(4, 300, ROWS[179], 100)]
    rig.run(rig.driver.set_load_profile(channels))
    rig.bench.control("harmonics", "u1:3=50")
    rig.bench.step(3600)
    voltage = rig.run(rig.driver.load_profile(3))
    assert (voltage.column.unit.symbol, voltage.rows[-1].value) == ("V", Decimal("230.0"))
    row = rig.run(rig.driver.load_profile("HARMONICS_VOLTAGE_L1")).rows[-1]
    assert isinstance(row, SpectrumRow)
    assert row.orders[:3] == (Decimal("100.0"), Decimal("0.0"), Decimal("5.0"))
    assert row.as_dict()["value"][2] == "5.0"


@pytest.mark.proves("A-147")
def test_previous_values_by_their_settings() -> None:
    rig = Rig(load="constant:1000")
    assert rig.run(rig.driver.previous_values()).rows == ()
    chosen = tuple(ROWS[id] for id in (1, 9, 51, 171))
    rig.run(rig.driver.set_previous(PreviousSettings(Period(Span.WEEKLY, 3), chosen)))
    assert rig.run(rig.driver.previous_settings()) == PreviousSettings(Period(Span.WEEKLY, 3), chosen)
    rig.bench.step(20 * 86400)
    found = rig.run(rig.driver.previous_values())
    assert found.interval == "weekly"
    assert [row.time for row in found.rows] == [at(5), at(12), at(19)]
    assert [value.value for value in found.rows[-1].values][:2] == [Decimal("444000")] * 2
    assert found.rows[0].values[0].status == PeriodStatus.EXISTS
    assert found.as_dict()["mapping"][0] == ["active_energy_import_total", "Wh"]
    assert [row.time for row in rig.run(rig.driver.previous_values(start=at(6), count=1)).rows] == [at(12)]
    columns = [ROWS[id] for id in (*range(1, 13), *range(21, 32))]
    rig.run(rig.driver.set_previous(PreviousSettings(Period(), tuple(columns))))
    with pytest.raises(InvalidValue, match="24"):
        rig.run(rig.driver.set_previous(PreviousSettings(Period(), (*columns, ROWS[33]))))
    rig.run(rig.driver.reset("PREVIOUS_VALUES"))


@pytest.mark.proves("A-148", "A-149")
def test_demand_by_its_settings() -> None:
    rig = Rig(load="constant:1000")
    entries = (Entry(1, 5), Entry(1, 6), Entry(96, 1), Entry(96, 13))
    settings = DemandSettings(900, 300, Period(Span.DAILY), entries)
    rig.run(rig.driver.set_demand(settings))
    assert rig.run(rig.driver.demand_settings()) == settings
    rig.bench.step(86400)
    found = rig.run(rig.driver.demand())
    assert (found.interval, found.sub_interval, len(found.rows)) == (900, 300, 1)
    row = found.rows[0]
    assert row.end == at(1)
    assert [(value.value, value.column.unit.symbol, value.level) for value in row.values] == [
        (Decimal("1000.00"), "W", 1), (Decimal("1000.00"), "W", 2), (Decimal("1000.00"), "W", 1),
        (Decimal("1000.00"), "W", 1),
    ]  # fmt: skip
    assert [(value.maximum, value.sliding, value.code) for value in row.values] == [
        (True, False, 5), (True, False, 6), (False, False, 1), (True, True, 13),
    ]  # fmt: skip
    rig.run(rig.driver.freeze_demand())
    rig.run(rig.driver.freeze_demand())
    empty = rig.run(rig.driver.demand()).rows[-1].values[0]
    assert (empty.value, empty.status, empty.as_list()[1]) == (None, 0, 4_294_967_295)
    for wrong in (
        settings._replace(sub_interval=400),
        settings._replace(interval=7),
        settings._replace(entries=(Entry(1, 5),) * 51),
    ):
        with pytest.raises(InvalidValue):
            rig.run(rig.driver.set_demand(wrong))
    rig.run(rig.driver.set_demand(settings._replace(entries=(Entry(96, 5),) * 50)))


@pytest.mark.proves("A-150")
def test_logs_come_newest_first() -> None:
    rig = Rig(load="constant:1000")
    rig.run(rig.driver.reset("NET_QUALITY_LOG"))
    for _ in range(3):
        rig.bench.fault("phase-lost", 2)
        rig.bench.step(60)
        rig.bench.fault("phase-lost", False)
        rig.bench.step(3600)
    entries = rig.run(rig.driver.log(Log.QUALITY))
    assert [entry.code for entry in entries] == [1001] * 3
    assert [entry.duration for entry in entries] == [60] * 3
    assert entries[0].category is Category.WARNING
    assert entries == sorted(entries, key=lambda entry: entry.time, reverse=True)
    assert rig.run(rig.driver.log(Log.QUALITY, count=2)) == entries[:2]
    assert rig.run(rig.driver.log(Log.QUALITY, until=entries[1].time)) == entries[1:]
    assert rig.run(rig.driver.log(Log.QUALITY, until=entries[1].time, count=1)) == entries[1:2]
    assert rig.run(rig.driver.log(Log.SYSTEM)) == []
    rig.run(rig.driver.reset("NET_QUALITY_LOG"))
    assert rig.run(rig.driver.log(Log.QUALITY)) == []


@pytest.mark.proves("A-146")
def test_sizes_of_channels_and_their_sum() -> None:
    rig = Rig()
    rig.run(
        rig.driver.set_load_profile([ChannelSettings(1, 900, ROWS[1], 35000), ChannelSettings(2, 60, ROWS[69], 5000)])
    )
    swapped = [ChannelSettings(1, 900, ROWS[1], 5000), ChannelSettings(2, 60, ROWS[69], 35000)]
    rig.run(rig.driver.set_load_profile(swapped))
    assert rig.run(rig.driver.load_profile_settings())[:2] == swapped
    assert swapped[0].as_list() == [900, 1, 5000]
    rig.requests.clear()
    rig.run(rig.driver.set_load_profile(swapped))
    assert not any(b"\xc1\x01" in request for request in rig.requests), "a channel that stays as it is keeps its rows"
    for wrong in (
        [ChannelSettings(3, 900, ROWS[1], 1)], [ChannelSettings(2, 61, ROWS[69], 1)],
        [ChannelSettings(9, 60, ROWS[69], 1)],
    ):  # fmt: skip
        with pytest.raises(InvalidValue):
            rig.run(rig.driver.set_load_profile(wrong))
    with pytest.raises(MeterRefused) as refused:
        rig.run(rig.driver.set_load_profile([ChannelSettings(2, 60, ROWS[189], 1)]))
    assert refused.value.cause is Cause.SCOPE_OF_ACCESS_VIOLATED
    rig.run(rig.driver.set_load_profile([ChannelSettings(2, 60, None, 0)]))
    assert rig.run(rig.driver.load_profile_settings())[1].quantity is None
