"""Demand: the highest and lowest averages of a period (77 to 80)."""

from __future__ import annotations

import pytest

from tests.gateway.engines.bench import BSM, HOUR, MINUTE, Bench, bench_at, utc
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.records import Kind

EMPTY = 4_294_967_295


def stepped(*watts: int, begin: int, length: int) -> Bench:
    """Counters that grow by so many W, one power after the other, each for ``length`` ms."""
    bench = Bench(BSM, begin, lambda at: {1: 0}, lambda at: {96: 0})

    def power(at: int) -> int:
        return watts[min(max(at - begin, 0) // length, len(watts) - 1)]

    def energy(at: int) -> int:
        parts = (watts[min(k, len(watts) - 1)] * min(length, max(at - begin - k * length, 0)) for k in range(12))
        return sum(parts) // 3600

    bench.energy = lambda at: {1: energy(at)}
    bench.power = lambda at: {96: power(at) * 100}
    bench.polls = MINUTE
    return bench


@pytest.mark.proves("G-177", "G-356")
async def test_maxima_and_minima_of_a_day():
    start = utc(2026, 6, 1, 20)
    bench = stepped(1000, 4000, 2000, 3000, 500, 500, 500, 500, begin=start, length=15 * MINUTE)
    await bench.start()
    codes = [[1, 5], [1, 6], [1, 7], [1, 1], [1, 2], [96, 5], [96, 1], [1, 3]]
    await bench.put(79, {"dmc": codes, "interval": [900, 900], "period": "daily"})
    bench.run(utc(2026, 6, 1, 22, 1))
    head, [item] = await bench.rows(77)
    assert head == {"mapping": [["active_energy_import_total", "W"]] * 5 + [["active_power_total", "W"]] * 2
                    + [["active_energy_import_total", "W"]]}  # fmt: skip
    assert item["time"] == "2026-06-02T00:00:00"
    shown = [(status, value, time[11:16], level) for status, value, time, level in item["values"]]
    assert shown == [
        (1, "4000.00", "22:30", 1),
        (1, "3000.00", "23:00", 2),
        (1, "2000.00", "22:45", 3),
        (1, "500.00", "23:15", 1),
        (1, "500.00", "23:30", 2),
        (1, "4000.00", "22:30", 1),
        (1, "500.00", "23:15", 1),
        (1, "500.00", "23:45", 3),
    ]


async def test_sliding_intervals_find_what_fixed_ones_miss():
    start = utc(2026, 6, 1, 20)
    bench = stepped(0, 6000, 0, begin=start, length=10 * MINUTE)
    await bench.start()
    await bench.put(79, {"dmc": [[1, 5], [1, 13]], "interval": [900, 300], "period": "daily"})
    bench.run(utc(2026, 6, 1, 22, 1))
    [row] = bench.kept.all(Kind.DEMAND)
    assert [cell[1] for cell in row.values] == [200_000, 400_000]


@pytest.mark.proves("G-177")
async def test_entries_without_a_value():
    bench = await bench_at(2026, 6, 1, 21)
    await bench.put(79, {"dmc": [[1, 5], [1, 7], [72, 5]], "interval": [3600, 60], "period": "daily"})
    bench.online = False
    bench.run(utc(2026, 6, 1, 22, 1))
    _, [item] = await bench.rows(77)
    assert item["values"] == [[0, EMPTY, "2026-06-01T23:00:00", level] for level in (1, 3, 1)]
    with pytest.raises(CommandFailed, match="invalid count"):
        await bench.rows(77, count=501)
    assert len((await bench.rows(77, **{"from": "2026-06-01T00:00:00", "count": 500}))[1]) == 1


async def test_an_interval_without_a_reading_at_its_ends_counts_for_nothing():
    bench = await bench_at(2026, 6, 1, 20)
    await bench.put(79, {"dmc": [[1, 1]], "interval": [900, 900], "period": "daily"})
    bench.run(utc(2026, 6, 1, 20, 20))
    bench.online = False
    bench.run(utc(2026, 6, 1, 20, 40))
    bench.online = True
    bench.run(utc(2026, 6, 1, 22, 1))
    [row] = bench.kept.all(Kind.DEMAND)
    assert row.values[0][:2] == [1, 360_000]


@pytest.mark.proves("G-357")
async def test_the_service_was_down():
    bench = await bench_at(2026, 6, 1, 20)
    await bench.put(79, {"dmc": [[1, 5], [1, 1]], "interval": [900, 900], "period": "daily"})
    bench.run(utc(2026, 6, 1, 20, 20))
    bench.energy = lambda at: {1: 500_000_000}
    await bench.restart(utc(2026, 6, 3, 6, 7))
    bench.polls = MINUTE
    bench.run(utc(2026, 6, 3, 22, 1))
    found = bench.kept.all(Kind.DEMAND)
    assert [[cell[:2] for cell in row.values] for row in found] == [
        [[5, 360_000], [5, 360_000]], [[1, 0], [1, 0]]]  # fmt: skip


@pytest.mark.proves("G-178", "G-179", "G-180")
async def test_configuration():
    bench = await bench_at(2026, 6, 1, 21)
    assert await bench.get(78) == {"dmc": [], "interval": [900, 900], "period": "daily"}
    wanted = {"dmc": [[1, 5], [96, 15]], "interval": [900, 60], "period": "weekly", "weekday": 2}
    await bench.put(79, wanted)
    assert await bench.get(78) == wanted
    await bench.put(79, {"dmc": [[1, code] for code in (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)] * 4 + [[1, 1]] * 2,
                         "interval": [60, 60], "period": "daily"})  # fmt: skip
    bench.run(utc(2026, 6, 1, 22, 1))
    assert len(bench.kept.all(Kind.DEMAND)) == 1
    await bench.put(80, {})
    assert (await bench.rows(77))[1] == []
    await bench.put(79, {"dmc": [], "interval": [900, 900], "period": "daily"})
    assert await bench.get(78) == {"dmc": [], "interval": [900, 900], "period": "daily"}


@pytest.mark.proves("G-179")
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        *(({"dmc": [[1, code]]}, "invalid demand code") for code in (0, 4, 8, 12, 16)),
        ({"dmc": [[1, 5]] * 51}, "Invalid Request"),
        ({"dmc": [[2, 5]]}, "invalid quantity"),
        ({"dmc": [[170, 5]]}, "invalid quantity"),
        ({"interval": [900, 120]}, "invalid interval"),
        ({"interval": [450, 450]}, "invalid interval"),
        ({"period": "weekly"}, "invalid weekday"),
        ({"period": "yearly"}, "invalid period"),
    ],
)
async def test_what_is_refused(changes, text):
    bench = await bench_at(2026, 6, 1, 21)
    with pytest.raises(CommandFailed) as failed:
        await bench.put(79, {"dmc": [[1, 5]], "interval": [900, 900], "period": "daily", **changes})
    assert failed.value.text == text
    assert (await bench.get(78))["dmc"] == []


@pytest.mark.proves("G-333")
async def test_a_jump_ends_the_period_it_passes():
    bench = await bench_at(2026, 6, 1, 21)
    await bench.put(79, {"dmc": [[1, 5]], "interval": [900, 900], "period": "daily"})
    bench.run(utc(2026, 6, 1, 21, 20))
    bench.set_clock(HOUR)
    assert [row.values[0][:2] for row in bench.kept.all(Kind.DEMAND)] == [[1, 360_000]]
