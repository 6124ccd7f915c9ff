"""Previous values: ends of days, weeks and months (69 to 72)."""

from __future__ import annotations

import pytest

from tests.gateway.engines.bench import DAY, DMED4, HOUR, MINUTE, Bench, bench_at, utc
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.records import Kind

EXISTS, ERROR, POWER_OFF = 1, 2, 4


async def items_of(bench: Bench, **arguments: object) -> list[dict[str, object]]:
    return (await bench.rows(69, **arguments))[1]


def through(*moment: int) -> int:
    return utc(*moment) + MINUTE


@pytest.mark.proves("G-169", "G-356")
async def test_every_midnight_has_a_row():
    bench = await bench_at(2026, 6, 1, 21)
    bench.polls = 5 * MINUTE
    bench.run(through(2026, 6, 3, 22))
    head, items = await bench.rows(69)
    assert head == {"mapping": [["active_energy_import_total", "Wh"]], "interval": "daily"}
    assert items == [
        {"values": [[1, value]], "time": f"2026-06-0{day}T00:00:00"}
        for day, value in ((2, "4600.000"), (3, "91000.000"), (4, "177400.000"))
    ]
    assert await items_of(bench, **{"from": "2026-06-03T00:00:00", "to": "2026-06-04T00:00:00"}) == items[1:]
    assert await items_of(bench, **{"from": "2026-06-02T00:00:00", "count": 2}) == items[:2]
    assert await items_of(bench, **{"from": "2026-06-04T00:00:00", "to": "2026-06-02T00:00:00"}) == []
    with pytest.raises(CommandFailed, match="invalid count"):
        await items_of(bench, count=0)


@pytest.mark.proves("G-170")
async def test_what_a_meter_begins_with():
    assert await (await bench_at(2026, 6, 1)).get(70) == {"interval": "daily", "pvconfig": [1]}
    assert await (await bench_at(2026, 6, 1, facts=DMED4)).get(70) == {"interval": "daily", "pvconfig": [1, 2]}


@pytest.mark.proves("G-171")
async def test_weeks_and_months_and_more_columns():
    bench = await bench_at(2026, 5, 29, 12)
    await bench.put(75, {"lpconfig": []})
    bench.polls = HOUR
    bench.run(through(2026, 5, 29, 22))
    assert len(await items_of(bench)) == 1
    await bench.put(71, {"interval": "weekly", "weekday": 7, "pvconfig": [1, 9, 10, 171, 122, 113]})
    assert await items_of(bench) == []
    assert await bench.get(70) == {"interval": "weekly", "weekday": 7, "pvconfig": [1, 9, 10, 171, 122, 113]}
    bench.run(through(2026, 6, 2, 22))
    head, items = await bench.rows(69)
    assert [name for name, _ in head["mapping"]][-3:] == [
        "rstreg_act_energy_imp", "nrg_energy_value_co2", "nrg_energy_value_curr"]  # fmt: skip
    total = f"{1000 + 58 * 3600}.000"
    assert items == [
        {"values": [[1, total], [1, f"{58 * 3600}.000"], [1, "0.000"], [1, total], [1, "209.800"], [1, "209.80"]],
         "time": "2026-06-01T00:00:00"}]  # fmt: skip
    await bench.put(71, {"interval": "monthly", "pvconfig": [1]})
    bench.run(through(2026, 6, 30, 22))
    assert [item["time"] for item in await items_of(bench)] == ["2026-07-01T00:00:00"]
    await bench.put(71, {"interval": "daily", "pvconfig": []})
    assert await bench.rows(69) == ({"mapping": [], "interval": "daily"}, [])
    bench.run(bench.at + DAY)
    assert await items_of(bench) == []


@pytest.mark.proves("G-171")
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"interval": "daily", "pvconfig": [1, 2]}, "invalid pvconfig"),
        ({"interval": "daily", "pvconfig": [1, 1]}, "invalid pvconfig"),
        ({"interval": "daily", "pvconfig": [13]}, "invalid pvconfig"),
        ({"interval": "daily", "pvconfig": [*range(1, 13), *range(51, 55), 21, 22, 113, 122, *range(171, 175)]},
         "invalid pvconfig"),
        ({"interval": "weekly", "pvconfig": [1]}, "invalid weekday"),
        ({"interval": "weekly", "weekday": 0, "pvconfig": [1]}, "invalid weekday"),
        ({"interval": "weekly", "weekday": 8, "pvconfig": [1]}, "invalid weekday"),
        ({"interval": "hourly", "pvconfig": [1]}, "invalid interval"),
        ({"pvconfig": [1]}, "missing interval in JSON"),
        ({"interval": "daily"}, "missing pvconfig in JSON"),
    ],
)  # fmt: skip
async def test_what_is_refused(body, text):
    bench = await bench_at(2026, 6, 1)
    with pytest.raises(CommandFailed) as failed:
        await bench.put(71, body)
    assert failed.value.text == text
    assert await bench.get(70) == {"interval": "daily", "pvconfig": [1]}


@pytest.mark.proves("G-172")
async def test_rows_are_cleared():
    bench = await bench_at(2026, 6, 1, 21)
    bench.run(through(2026, 6, 1, 22))
    assert len(await items_of(bench)) == 1
    await bench.put(72, {})
    assert await items_of(bench) == []


async def test_without_a_reading_at_midnight():
    bench = await bench_at(2026, 6, 1, 21)
    bench.run(utc(2026, 6, 1, 21, 59))
    bench.online = False
    bench.run(utc(2026, 6, 1, 22, 5))
    assert await items_of(bench) == [{"values": [[EXISTS | ERROR, "4540.000"]], "time": "2026-06-02T00:00:00"}]


@pytest.mark.proves("G-357")
async def test_the_service_was_down_at_midnight():
    """The row is made with the first readings, and says so; a whole day that was missed has none."""
    bench = await bench_at(2026, 6, 1, 21)
    bench.run(utc(2026, 6, 1, 21, 30))
    await bench.restart(utc(2026, 6, 3, 6))
    bench.run(utc(2026, 6, 3, 22, 1))
    status, value = EXISTS | POWER_OFF, 1000 + 3600 * 33 + 15
    assert await items_of(bench) == [
        {"values": [[status, f"{value}.000"]], "time": "2026-06-02T00:00:00"},
        {"values": [[EXISTS, f"{1000 + 3600 * 49}.000"]], "time": "2026-06-04T00:00:00"},
    ]


async def test_the_service_was_down_and_the_meter_still_is():
    bench = await bench_at(2026, 6, 1, 21)
    bench.run(utc(2026, 6, 1, 21, 30))
    bench.online = False
    await bench.restart(utc(2026, 6, 2, 6))
    bench.run(utc(2026, 6, 2, 6, 2))
    [item] = await items_of(bench)
    assert item["values"] == [[EXISTS | ERROR | POWER_OFF, f"{1000 + 1800}.000"]]


@pytest.mark.proves("G-333")
async def test_a_period_that_a_jump_ends():
    bench = await bench_at(2026, 6, 1, 21)
    bench.run(utc(2026, 6, 1, 21, 30))
    bench.set_clock(HOUR)
    bench.run(utc(2026, 6, 1, 21, 31))
    assert [row.status for row in bench.kept.all(Kind.PREVIOUS)] == [EXISTS]
    bench.set_clock(0)
    bench.run(utc(2026, 6, 1, 22, 1))
    found = bench.kept.all(Kind.PREVIOUS)
    assert [row.status for row in found] == [EXISTS, EXISTS]
    assert [row.local % 86400 for row in found] == [0, 0] and found[0].local == found[1].local
    assert found[0].values == (1_000_000 + 30 * MINUTE,)


@pytest.mark.parametrize("moment", [(2026, 3, 29, 22), (2026, 10, 25, 23)])
async def test_midnights_after_a_change_of_summer_time(moment):
    bench = await bench_at(*moment[:2], moment[2] - 1, 12)
    bench.polls = 5 * MINUTE
    bench.run(through(*moment))
    found = bench.kept.all(Kind.PREVIOUS)
    assert len(found) == 2 and found[-1].time == utc(*moment)
    assert all(row.local % 86400 == 0 for row in found)
