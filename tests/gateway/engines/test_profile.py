"""Load profile: which reading a row takes, and what is wrong with it (10.3, 5.6)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tests.gateway.engines.bench import BSM, DAY, HOUR, MINUTE, SECOND, Bench, bench_at, constant, utc
from wattproof.gateway.engines.facts import MBUS_REACH, Facts
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Kind
from wattproof.metering.load_profile import Status

MBUS = Facts("12345678", frozenset({1}), reach=MBUS_REACH)
RESTART, LONG, SHORT, CHANGED, BAD = 0x02, 0x04, 0x08, 0x10, 0x20


def rows_of(bench: Bench, channel: int = 1, *, estimated: bool = False) -> list[tuple[int, int | None]]:
    """Status and value of each row."""
    found = bench.kept.all(Kind.PROFILE, channel)
    return [(row.status, row.values[0]) for row in found if row.estimated is estimated]


@pytest.mark.proves("G-356", "G-173")
async def test_a_kilowatt_for_an_hour():
    start = utc(2026, 6, 1, 10)
    bench = Bench(BSM, start, constant(1000, start, 5_000_000), lambda at: {96: 100_000})
    await bench.start()
    bench.run(start + HOUR)
    values = bench.engine.values(bench.at)
    assert {id: values[id].mantissa for id in (9, 10, 11, 12)} == {9: 1_000_000, 10: 0, 11: 0, 12: 0}
    head, items = await bench.rows(73, channel=1)
    assert head == {"mapping": ["active_energy_import_total", "Wh"], "interval": 900}
    assert items == [
        {"status": 1, "timestamp": f"2026-06-01T{time}:00", "value": value}
        for time, value in (("12:15", "5250.000"), ("12:30", "5500.000"), ("12:45", "5750.000"), ("13:00", "6000.000"))
    ]
    head, items = await bench.rows(73, channel="2")
    assert head == {"mapping": ["active_power_total", "W"], "interval": 900}
    assert [item["value"] for item in items] == ["1000.00"] * 4


@pytest.mark.parametrize(
    ("facts", "before", "after", "taken"),
    [
        (BSM, 3000, 2000, 2000),
        (BSM, 2000, 3000, -2000),
        (BSM, 2000, 2000, -2000),
        (BSM, 5000, 6900, -5000),
        (BSM, 7000, 5000, 5000),
        (BSM, 5001, 5001, None),
        (MBUS, 40_000, 20_000, 20_000),
        (MBUS, 60_000, 90_000, -60_000),
        (MBUS, 60_001, 60_001, None),
    ],
)
async def test_a_row_takes_the_reading_nearest_to_its_end(facts, before, after, taken):
    bench = await bench_at(2026, 6, 1, 10, facts=facts)
    start, end = bench.at, bench.at + 15 * MINUTE
    bench.polls = DAY
    for moment in (end - before, end + after):
        bench.run(moment)
        bench.feed(bench.energy(moment), -3)
    bench.run(end + 2 * MINUTE)
    [(status, value), *_] = rows_of(bench)
    if taken is None:
        assert (status, value) == (1 | BAD, 1_000_000 + end - before - start)
    else:
        assert (status, value) == (1, 1_000_000 + end + taken - start)


async def test_a_reading_that_comes_in_time_closes_the_row_at_once():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 15 * MINUTE)
    assert len(rows_of(bench)) == 1


@pytest.mark.proves("G-375")
async def test_without_a_meter_rows_show_the_last_good_value():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    last = bench.energy(bench.at)[1]
    bench.online = False
    bench.run(bench.at + HOUR)
    bench.online = True
    bench.run(bench.at + 15 * MINUTE)
    good = 1_000_000
    assert rows_of(bench) == [
        (1, good + 15 * MINUTE), *[(1 | BAD, last)] * 4, (1, good + 90 * MINUTE)]  # fmt: skip
    _, items = await bench.rows(73)
    assert [item["status"] for item in items] == [1, *[1 | BAD] * 4, 1]


async def test_a_meter_that_never_answered_has_rows_without_value():
    bench = Bench(BSM, utc(2026, 6, 1, 10), lambda at: {})
    bench.online = False
    await bench.start()
    bench.run(bench.at + 16 * MINUTE)
    _, items = await bench.rows(73)
    assert items == [{"status": 1 | BAD, "timestamp": "2026-06-01T12:15:00", "value": None}]


@pytest.mark.proves("G-357")
async def test_while_the_service_was_down_there_are_no_rows():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    await bench.restart(bench.at + 2 * HOUR)
    bench.run(bench.at + 30 * MINUTE)
    found = [
        (row.local % 86400 // 60 - 12 * 60, row.status) for row in bench.kept.all(Kind.PROFILE, 1) if not row.estimated
    ]
    assert found == [(15, 1), (150, 1 | RESTART), (165, 1)]


async def test_a_week_down():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    await bench.restart(bench.at + 7 * DAY)
    bench.run(bench.at + 15 * MINUTE)
    assert [status for status, _ in rows_of(bench)] == [1, 1 | RESTART]
    week = rows_of(bench, estimated=True)
    assert len(week) == 7 * 96
    start = 1_000_000 + 15 * MINUTE
    assert [value for _, value in week] == [start + number * 15 * MINUTE for number in range(1, 7 * 96 + 1)]
    values = bench.engine.values(bench.at)
    assert values[9].mantissa == bench.energy(bench.at)[1] - 1_000_000


async def test_the_gateway_sleeps_through_an_end_without_being_restarted():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 10 * MINUTE)
    bench.at += 10 * MINUTE
    bench.feed(bench.energy(bench.at), -3)
    bench.run(bench.at + 10 * MINUTE)
    assert rows_of(bench) == [(1 | RESTART, 1_000_000 + 30 * MINUTE)]


@pytest.mark.parametrize(
    ("day", "hours", "repeated"), [((2026, 3, 28, 23), 23, 0), ((2026, 10, 24, 22), 25, 4)], ids=["begin", "end"]
)
@pytest.mark.proves("G-357")
async def test_days_on_which_summer_time_begins_and_ends(day, hours, repeated):
    bench = await bench_at(*day)
    bench.polls = 5 * MINUTE
    bench.run(bench.at + hours * HOUR)
    found = bench.kept.all(Kind.PROFILE, 1)
    assert len(found) == 4 * hours and {row.status for row in found} == {1}
    assert [row.time for row in found] == [utc(*day) + number * 15 * MINUTE for number in range(1, 4 * hours + 1)]
    assert len({row.local for row in found}) == 4 * hours - repeated
    _, items = await bench.rows(73)
    assert items[-1]["timestamp"].endswith("T00:00:00")
    if repeated:
        twice = [item["value"] for item in items if item["timestamp"].endswith("T02:15:00")]
        assert float(twice[0]) < float(twice[1])


@pytest.mark.proves("G-333")
@pytest.mark.parametrize(
    ("moved", "bits"), [(3_600_000, CHANGED | SHORT), (-3_600_000, CHANGED | LONG), (2001, CHANGED | SHORT)]
)
async def test_a_jump_of_the_gateways_time_marks_the_open_interval(moved, bits):
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    bench.set_clock(moved)
    bench.run(bench.at + 30 * MINUTE)
    found = bench.kept.all(Kind.PROFILE, 1)
    assert [row.status for row in found] == [1, 1 | bits, 1]
    assert [row.local % 900 for row in found] == [0, 0, 0]
    if moved == 3_600_000:
        assert [row.local % 86400 // 60 for row in found] == [735, 810, 825]
    assert found[1].time < found[2].time


@pytest.mark.proves("G-333")
@pytest.mark.parametrize("moved", [2000, -2000, 1])
async def test_a_small_change_marks_nothing(moved):
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    bench.set_clock(moved)
    bench.run(bench.at + 30 * MINUTE)
    assert [row.status for row in bench.kept.all(Kind.PROFILE, 1)] == [1, 1, 1]
    assert len(bench.kept.log) == 0


async def test_the_gateways_time_set_while_the_service_was_down():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    bench.offset = HOUR
    await bench.restart(bench.at + SECOND)
    bench.run(bench.at + 15 * MINUTE)
    assert [row.status for row in bench.kept.all(Kind.PROFILE, 1)] == [1, 1 | CHANGED | SHORT]
    await bench.restart()
    bench.run(bench.at + 15 * MINUTE)
    assert [row.status for row in bench.kept.all(Kind.PROFILE, 1)][2:] == [1]


async def test_the_hosts_clock_goes_back():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 40 * MINUTE)
    bench.at -= 30 * MINUTE
    before = bench.energy
    bench.energy = lambda at: before(at + 30 * MINUTE)
    bench.run(bench.at + 30 * MINUTE)
    found = bench.kept.all(Kind.PROFILE, 1)
    assert [row.status for row in found] == [1, 1, 1 | CHANGED | LONG, 1]
    assert [row.local % 86400 // 60 for row in found] == [735, 750, 735, 750]
    assert sorted(row.time for row in found) == [row.time for row in found]
    assert bench.engine.values(bench.at)[9].mantissa == bench.energy(bench.at)[1] - 1_000_000


# Resources 73 to 76 ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("G-173")
async def test_windows_of_rows():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 2 * HOUR)

    async def times(**arguments: object) -> list[str]:
        return [item["timestamp"][11:16] for item in (await bench.rows(73, channel=1, **arguments))[1]]

    assert len(await times()) == 8
    first, last = "2026-06-01T12:30:00", "2026-06-01T13:00:00"
    assert await times(**{"from": first, "to": last}) == ["12:30", "12:45", "13:00"]
    assert await times(**{"from": first, "count": 2}) == ["12:30", "12:45"]
    assert await times(**{"from": last, "to": first}) == []
    for wrong, text in (({"count": 0}, "invalid count"), ({"from": "yesterday"}, "invalid datetime"),
                        ({"channel": 0}, "invalid channel"), ({"channel": 9}, "invalid channel")):  # fmt: skip
        with pytest.raises(CommandFailed, match=text) as failed:
            await bench.rows(73, **wrong)
        assert failed.value.kind is Failing.INVALID


@pytest.mark.proves("G-174")
async def test_the_configuration_that_a_meter_begins_with():
    bench = await bench_at(2026, 6, 1, 10)
    unused = [[0, 0, 0]] * 6
    assert await bench.get(74) == {"lpconfig": [[900, 1, 35040], [900, 96, 4960], *unused]}
    assert await bench.rows(73, channel=3) == ({"interval": 0}, [])


@pytest.mark.proves("G-175", "G-378")
async def test_changed_channels_are_emptied_and_others_kept():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + HOUR)
    await bench.put(75, {"lpconfig": [[900, 1, 35040], [60, 69, 100], [3600, 113, 10]]})
    assert len((await bench.rows(73, channel=1))[1]) == 4
    assert (await bench.rows(73, channel=2))[1] == []
    bench.power = lambda at: {69: 23_000 + at // 1000 % 2 * 100}
    bench.run(bench.at + HOUR)
    assert len((await bench.rows(73, channel=1))[1]) == 8
    head, items = await bench.rows(73, channel=2)
    assert head == {"mapping": ["voltage_l1", "V"], "interval": 60} and len(items) == 60
    assert {item["value"] for item in items[1:]} == {"230.5"}
    head, items = await bench.rows(73, channel=3)
    assert head["mapping"] == ["nrg_energy_value_curr", "currency"]
    assert [item["value"] for item in items] == ["8.20"]


@pytest.mark.proves("G-175")
@pytest.mark.parametrize(
    ("config", "text"),
    [
        ([[450, 1, 10]], "invalid interval"),
        ([[900, 1, 20000], [900, 69, 20001]], "too many items"),
        ([[900, 9, 10]], "invalid quantity"),
        ([[900, 2, 10]], "invalid quantity"),
        ([[900, 1, 10]] * 9, "Invalid Request"),
        ([[900, 1]], "Invalid Request"),
        (None, "missing lpconfig in JSON"),
    ],
)
async def test_configurations_that_are_refused(config, text):
    bench = await bench_at(2026, 6, 1, 10)
    before = await bench.get(74), bench.kept.commits
    with pytest.raises(CommandFailed, match=text) as failed:
        await bench.put(75, {} if config is None else {"lpconfig": config})
    assert failed.value.kind is Failing.INVALID and failed.value.text == text
    assert (await bench.get(74), bench.kept.commits) == before


@pytest.mark.proves("G-175")
async def test_forty_thousand_rows_are_possible():
    bench = await bench_at(2026, 6, 1, 10)
    await bench.put(75, {"lpconfig": [[60, 1, 20000], [120, 69, 20000]]})
    await bench.put(75, {"lpconfig": []})
    assert await bench.get(74) == {"lpconfig": [[0, 0, 0]] * 8}


async def test_a_channel_holds_no_more_rows_than_it_was_given():
    bench = await bench_at(2026, 6, 1, 10)
    await bench.put(75, {"lpconfig": [[60, 1, 5]]})
    bench.run(bench.at + 8 * MINUTE)
    assert len(bench.kept.all(Kind.PROFILE, 1)) == 8
    _, items = await bench.rows(73)
    assert [item["timestamp"][14:16] for item in items] == ["04", "05", "06", "07", "08"]
    _, items = await bench.rows(73, count=2, **{"from": "2026-06-01T12:01:00"})
    assert [item["timestamp"][14:16] for item in items] == ["04", "05"]


@pytest.mark.proves("G-176")
async def test_one_channel_or_all_are_cleared():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + HOUR)
    await bench.put(76, {}, channel=2)
    assert [len((await bench.rows(73, channel=channel))[1]) for channel in (1, 2)] == [4, 0]
    await bench.put(76, {})
    bench.run(bench.at + 15 * MINUTE)
    assert rows_of(bench) == [(1, 1_000_000 + 75 * MINUTE)]
    with pytest.raises(CommandFailed, match="invalid channel"):
        await bench.put(76, {}, channel=9)


async def test_intervals_end_where_local_time_says():
    """A zone with three quarters of an hour, and rows of a day on the day on which it has 23 hours."""
    bench = await bench_at(2026, 6, 1, 10, zone=ZoneInfo("Asia/Kathmandu"))
    await bench.put(75, {"lpconfig": [[3600, 1, 100]]})
    bench.run(bench.at + HOUR)
    assert [row.time for row in bench.kept.all(Kind.PROFILE, 1)] == [utc(2026, 6, 1, 10, 15)]
    bench = await bench_at(2026, 3, 28, 12)
    await bench.put(75, {"lpconfig": [[86400, 1, 100]]})
    bench.polls = 5 * MINUTE
    bench.run(bench.at + 50 * HOUR)
    assert [(row.time, row.status) for row in bench.kept.all(Kind.PROFILE, 1)] == [
        (utc(2026, 3, 28, 23), 1 | Status.SHORT), (utc(2026, 3, 29, 22), 1 | Status.SHORT)]  # fmt: skip
