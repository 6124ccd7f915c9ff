"""Gaps: the meter's own profile first, then an estimate, marked (issue 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.gateway.engines.bench import BSM, DAY, HOUR, MINUTE, Bench, bench_at
from wattproof.gateway.engines.gaps import Recorded
from wattproof.gateway.records import Kind, Row, Value

OWN = replace(BSM, recorded=True)


def rows_of(bench: Bench, *, estimated: bool) -> list[Row]:
    return [row for row in bench.kept.all(Kind.PROFILE, 1) if row.estimated is estimated]


def shown(rows: list[Row]) -> list[tuple[int, int, object]]:
    """Minute after noon, status, and what was counted since the begin in minutes of 60000."""
    return [(row.local % 86400 // 60 - 720, row.status, (row.values[0] - 1_000_000) / MINUTE) for row in rows]


async def test_an_outage_of_the_meter_is_estimated_beside_its_rows():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    bench.online = False
    bench.run(bench.at + HOUR)
    assert rows_of(bench, estimated=True) == []
    bench.online = True
    bench.run(bench.at + 30 * MINUTE)
    assert shown(rows_of(bench, estimated=True)) == [(end, 1, end) for end in (30, 45, 60, 75)]
    assert shown(rows_of(bench, estimated=False)) == [
        (15, 1, 15), *[(end, 0x21, 20) for end in (30, 45, 60, 75)], (90, 1, 90), (105, 1, 105)]  # fmt: skip
    assert [item["status"] for item in (await bench.rows(73))[1]] == [1, *[0x21] * 4, 1, 1]
    assert len((await bench.rows(73, count=6, **{"from": "2026-06-01T12:00:00"}))[1]) == 6


async def test_a_week_without_the_meter_over_the_end_of_summer_time():
    bench = await bench_at(2026, 10, 20, 22)
    bench.run(bench.at + MINUTE)
    bench.online, bench.polls = False, HOUR
    bench.run(bench.at + 7 * DAY)
    bench.online, bench.polls = True, MINUTE
    bench.run(bench.at + 15 * MINUTE)
    rows, guesses = (rows_of(bench, estimated=estimated) for estimated in (False, True))
    assert [row.status for row in rows] == [*[0x21] * 672, 1]
    assert len(guesses) == 672 and {row.status for row in guesses} == {1}
    start = bench.kept.all(Kind.PROFILE, 1)[0].time - 15 * MINUTE
    assert all(row.values == (1_000_000 + row.time - 1 - start,) for row in guesses)
    assert [row.local for row in guesses] == [row.local for row in rows[: len(guesses)]]
    assert bench.engine.values(bench.at)[9].mantissa == bench.energy(bench.at)[1] - 1_000_000


async def test_an_outage_of_the_service_is_estimated_where_there_are_no_rows():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    await bench.restart(bench.at + HOUR)
    bench.run(bench.at + 15 * MINUTE)
    assert shown(rows_of(bench, estimated=True)) == [(end, 1, end) for end in (30, 45, 60, 75)]
    assert shown(rows_of(bench, estimated=False)) == [(15, 1, 15), (90, 3, 90)]
    assert [item["timestamp"][11:16] for item in (await bench.rows(73))[1]] == ["12:15", "13:30"]


async def test_nobody_guesses_over_a_reset():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 20 * MINUTE)
    bench.online = False
    bench.run(bench.at + HOUR)
    begin = bench.at
    bench.energy = lambda at: {1: at - begin}
    bench.online = True
    bench.run(bench.at + 30 * MINUTE)
    assert rows_of(bench, estimated=True) == []
    assert [one.verdict for one in bench.kept.corrected] == ["reset"]


async def test_averages_are_not_estimated():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + HOUR + MINUTE)
    assert [row.status for row in bench.kept.all(Kind.PROFILE, 2)] == [0x21] * 4


@pytest.mark.parametrize("down", [False, True], ids=["meter", "service"])
async def test_the_meters_own_profile_comes_first(down):
    """Its rows become rows of the profile; what it lacks as well is estimated."""
    bench = await bench_at(2026, 6, 1, 10, facts=OWN)
    start = bench.at
    bench.run(start + 20 * MINUTE)
    if down:
        await bench.restart(start + 80 * MINUTE)
    else:
        bench.online = False
        bench.run(start + 80 * MINUTE)
        bench.online = True
    bench.run(start + 92 * MINUTE)
    [gap] = bench.engine.lacks()
    assert (gap.channel, gap.quantity) == (1, 1)
    assert (gap.first, gap.last) == (start + 30 * MINUTE, start + 75 * MINUTE)
    await bench.restart()
    own = [
        Recorded(start + 30 * MINUTE + 400, Value(1000 + 1801, 0, 0)),
        Recorded(start + 45 * MINUTE, Value(1000 + 2702, 0, 0), status=1 | 0x02),
        Recorded(start + 50 * MINUTE, Value(9, 0, 0)),
        Recorded(start + 60 * MINUTE, Value(None, 0, 0)),
    ]
    bench.kept.keep(bench.engine.fill(1, own, bench.at))
    assert bench.engine.lacks() == []
    found = shown(rows_of(bench, estimated=False))
    lacking = [] if down else [(60, 0x21, 20), (75, 0x21, 20)]
    mark = 3 if down else 1
    assert found == [(15, 1, 15), (30, 1, 1801 / 60), (45, 3, 2702 / 60), *lacking, (90, mark, 90)]
    assert shown(rows_of(bench, estimated=True)) == [(60, 1, 60), (75, 1, 75)]
    assert bench.kept.keep(bench.engine.fill(1, own, bench.at)) is None


async def test_a_gap_of_a_channel_that_is_configured_anew_is_forgotten():
    bench = await bench_at(2026, 6, 1, 10, facts=OWN)
    bench.online = False
    bench.run(bench.at + HOUR)
    assert not bench.engine.lacks(), "nobody can be asked yet"
    bench.online = True
    bench.run(bench.at + MINUTE)
    assert bench.engine.lacks()
    await bench.put(75, {"lpconfig": [[60, 1, 100]]})
    assert bench.engine.lacks() == []


async def test_a_reading_that_comes_too_late_for_its_row_ends_the_gap():
    """Nobody ticked in time: the row is closed when the reading behind it is there already."""
    bench = await bench_at(2026, 6, 1, 10)
    end = bench.at + 15 * MINUTE
    bench.run(end - MINUTE)
    bench.at = end + 20_000
    bench.feed(bench.energy(bench.at), -3)
    assert shown(rows_of(bench, estimated=False)) == [(15, 0x21, 14)]
    assert shown(rows_of(bench, estimated=True)) == [(15, 1, 15)]
