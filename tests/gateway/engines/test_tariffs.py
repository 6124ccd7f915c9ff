"""Tariffs from a calendar, and what is booked to each (81 to 90)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.engines.bench import BSM, DMED4, HOUR, MINUTE, SECOND, Bench, bench_at, utc
from wattproof.gateway.local import CommandFailed, Failing

TARIFFS = (9, 10, 11, 12)
DAY_AND_NIGHT = [[2, "06:00"], [1, "22:00"]]
WEEK = {"weekprofiles": [{"dayid": [1, 1, 1, 1, 1, 2, 2], "profile": "W"}]}
YEAR = {"seasonprofiles": [{"day": 1, "month": 1, "profile": "Y", "weekprofile": "W"}]}


def booked(bench: Bench) -> list[int | None]:
    """What the four tariffs of import hold."""
    values = bench.engine.values(bench.at)
    return [values[id].mantissa for id in TARIFFS]


async def with_calendar(bench: Bench) -> Bench:
    """Workdays from 6 to 22 h tariff 2, else 1; at weekends tariff 3."""
    await bench.put(84, {"actions": DAY_AND_NIGHT, "profile": 1})
    await bench.put(84, {"actions": [[3, "00:00"]], "profile": 2})
    await bench.put(86, WEEK)
    await bench.put(88, YEAR)
    await bench.put(82, {"source": 0})
    return bench


@pytest.mark.proves("G-181", "G-356")
async def test_one_tariff_to_begin_with():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + HOUR)
    assert await bench.get(81) == {"daytype": 0, "season": 0, "tariff": 1, "source": 1}
    assert booked(bench) == [3_600_000, 0, 0, 0]


@pytest.mark.proves("G-182")
async def test_communication_chooses():
    bench = await bench_at(2026, 6, 1, 10)
    for tariff in (4, 1, 2):
        await bench.put(82, {"tariff": tariff})
        bench.run(bench.at + HOUR)
        assert (await bench.get(81))["tariff"] == tariff
    assert booked(bench) == [3_600_000, 3_600_000, 0, 3_600_000]


@pytest.mark.proves("G-182")
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"tariff": 0}, "invalid tariff"),
        ({"tariff": 5}, "invalid tariff"),
        ({"source": 0, "tariff": 2}, "tariff source is not communication"),
        ({"source": 1, "inputconfig": [1, 2]}, "invalid inputconfig"),
        ({"inputconfig": [1, 2]}, "invalid inputconfig"),
        ({"source": 2, "inputconfig": [1, 2, 3, 4]}, "not supported by this meter: tariff inputs"),
        ({"source": 3}, "invalid source"),
        ({}, "missing tariff in JSON"),
    ],
)
async def test_what_is_refused(body, text):
    bench = await bench_at(2026, 6, 1, 10)
    with pytest.raises(CommandFailed) as failed:
        await bench.put(82, body)
    assert failed.value.text == text
    assert failed.value.kind is (Failing.UNSUPPORTED if "meter" in text else Failing.INVALID)


async def test_with_the_clock_as_source_nobody_else_chooses():
    bench = await bench_at(2026, 6, 1, 10)
    await bench.put(82, {"source": 0})
    with pytest.raises(CommandFailed, match="tariff source is not communication"):
        await bench.put(82, {"tariff": 2})


@pytest.mark.proves("G-181")
async def test_a_week_by_the_calendar():
    """Monday 00:00 local time to the next Monday: 5 x 16 h, 5 x 8 h less and more at the ends, 48 h."""
    bench = await with_calendar(await bench_at(2026, 5, 31, 22))
    await bench.put(75, {"lpconfig": []})
    bench.polls = HOUR
    bench.run(bench.at + HOUR)
    assert await bench.get(81) == {"daytype": 1, "season": 1, "tariff": 3, "source": 0}
    bench.run(utc(2026, 6, 7, 22))
    hours = [value // 3_600_000 for value in booked(bench)]
    assert hours == [4 * 8 + 2, 5 * 16, 6 + 48, 0]
    assert sum(booked(bench)) == 168 * 3_600_000


@pytest.mark.parametrize(("online", "polls"), [(True, 7 * MINUTE), (False, 15 * SECOND)], ids=["seldom", "offline"])
async def test_what_was_counted_around_a_change_is_shared_by_time(online, polls):
    """Readings do not lie at the change, or there is none for hours: 06:00 local is 04:00 UTC."""
    bench = await with_calendar(await bench_at(2026, 6, 2, 3))
    bench.polls = polls
    bench.online = online
    bench.run(utc(2026, 6, 2, 5))
    bench.online = True
    bench.polls = 15 * SECOND
    bench.run(utc(2026, 6, 2, 5, 1))
    assert booked(bench) == [3_600_000, 3_660_000, 0, 0]


async def test_a_week_down_is_shared_among_the_tariffs_that_were_valid():
    bench = await with_calendar(await bench_at(2026, 5, 31, 22, 30))
    bench.run(bench.at + MINUTE)
    await bench.restart(utc(2026, 6, 7, 22))
    bench.run(bench.at + 15 * SECOND)
    found = booked(bench)
    assert [round(value / 3_600_000, 2) for value in found] == [34, 80, 53.5, 0]
    assert sum(found) == bench.energy(bench.at)[1] - 1_000_000


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 28, 23), (2, 21)), ((2026, 10, 24, 22), (4, 21))], ids=["begin", "end"]
)
async def test_days_of_summer_time(day, hours):
    bench = await bench_at(*day)
    bench.polls = 5 * MINUTE
    await bench.put(84, {"actions": [[1, "00:00"], [2, "03:00"]], "profile": 1})
    await bench.put(86, {"weekprofiles": [{"dayid": [1] * 7, "profile": "W"}]})
    await bench.put(88, YEAR)
    await bench.put(82, {"source": 0})
    bench.run(bench.at + sum(hours) * HOUR)
    assert [value // 3_600_000 for value in booked(bench)] == [*hours, 0, 0]


async def test_a_special_day():
    bench = await with_calendar(await bench_at(2026, 6, 1, 22))
    await bench.put(90, {"specialdayprofiles": [
        {"date": {"day": 2, "month": 6, "week": 255, "year": 65535}, "dayprofile": 2, "profile": 9}]})  # fmt: skip
    bench.polls = HOUR
    bench.run(bench.at + 24 * HOUR)
    assert [value // 3_600_000 for value in booked(bench)] == [0, 0, 24, 0]


@pytest.mark.proves("G-333")
async def test_the_tariff_follows_the_gateways_time():
    bench = await with_calendar(await bench_at(2026, 6, 2, 3))
    bench.set_clock(HOUR)
    assert (await bench.get(81))["tariff"] == 2
    bench.run(bench.at + HOUR)
    bench.set_clock(0)
    bench.run(bench.at + MINUTE)
    assert booked(bench) == [0, 3_660_000, 0, 0]


async def test_import_and_export_have_registers_of_their_own():
    start = utc(2026, 6, 1, 10)
    bench = Bench(DMED4, start, lambda at: {1: (at - start) // 2, 2: (at - start) // 4})
    await bench.start()
    bench.run(start + HOUR)
    await bench.put(82, {"tariff": 2})
    bench.run(start + 2 * HOUR)
    values = bench.engine.values(bench.at)
    assert [values[id].mantissa for id in (9, 10, 85, 86)] == [1_800_000, 1_800_000, 900_000, 900_000]


@settings(max_examples=25, deadline=None)
@given(
    powers=st.lists(st.integers(0, 40_000), min_size=4, max_size=20),
    polls=st.lists(st.integers(1, 4_000), min_size=4, max_size=20),
    switches=st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 4)), max_size=12),
)
async def test_tariffs_share_what_was_booked_and_nothing_else(powers, polls, switches):
    """However readings and changes of the tariff lie, the sum of the tariffs is the sum of the increments."""
    start = utc(2026, 6, 1, 10)
    bench = Bench(BSM, start, lambda at: {1: 7})
    await bench.start()
    shown, changes = 7, sorted(switches)
    for power, seconds in zip(powers, polls, strict=False):
        bench.at += seconds * SECOND
        while changes and start + changes[0][0] * SECOND <= bench.at:
            await bench.put(82, {"tariff": changes.pop(0)[1]})
        shown += power * seconds
        bench.feed({1: shown}, -3)
        assert sum(booked(bench)) == shown - 7


# Resources 83 to 90 ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("G-183", "G-184", "G-185", "G-186", "G-187", "G-188", "G-189")
async def test_tables_are_served_as_they_were_written():
    bench = await bench_at(2026, 6, 1, 10)
    assert await bench.get(83) == {"dayprofiles": []}
    await bench.put(84, {"actions": [[12, "12:00"], [2, "06:00"], [5, "23:59"]], "profile": 16})
    await bench.put(84, {"actions": [[1, "00:00"]], "profile": 1})
    await bench.put(84, {"actions": [[3, f"{k // 2:02d}:{k % 2 * 30:02d}"] for k in range(30)], "profile": 1})
    found = (await bench.get(83))["dayprofiles"]
    assert [day["profile"] for day in found] == [1, 16] and len(found[0]["actions"]) == 30
    assert found[1]["actions"] == [[2, "06:00"], [12, "12:00"], [5, "23:59"]]
    weeks = [{"dayid": [1, 1, 1, 1, 1, 16, 16], "profile": f"{k}" * 29} for k in range(4)]
    await bench.put(86, {"weekprofiles": weeks})
    assert await bench.get(85) == {"weekprofiles": weeks}
    seasons = [{"day": day, "month": 3 * k + 1, "profile": f"S{k}", "weekprofile": weeks[k]["profile"]}
               for k, day in enumerate((1, 253, 254, 255))]  # fmt: skip
    await bench.put(88, {"seasonprofiles": seasons})
    assert await bench.get(87) == {"seasonprofiles": seasons}
    assert await bench.get(89) == {"specialdayprofiles": []}


@pytest.mark.proves("G-184", "G-186", "G-188")
@pytest.mark.parametrize(
    ("resource", "body", "text"),
    [
        (84, {"actions": [[1, "00:00"]] * 31, "profile": 1}, "invalid actions"),
        (84, {"actions": [[13, "00:00"]], "profile": 1}, "invalid actions"),
        (84, {"actions": [[1, "24:00"]], "profile": 1}, "invalid actions"),
        (84, {"actions": [], "profile": 17}, "invalid profile"),
        (86, {"weekprofiles": [{"dayid": [1] * 7, "profile": f"{k}"} for k in range(5)]}, "invalid weekprofiles"),
        (86, {"weekprofiles": [{"dayid": [1] * 6, "profile": "W"}]}, "invalid weekprofiles"),
        (86, {"weekprofiles": [{"dayid": [1] * 8, "profile": "W"}]}, "invalid weekprofiles"),
        (86, {"weekprofiles": [{"dayid": [1] * 7, "profile": "W" * 30}]}, "invalid weekprofiles"),
        (86, {"weekprofiles": [{"dayid": [1, 1, 1, 1, 1, 1, 9], "profile": "W"}]}, "invalid weekprofiles"),
        (88, {"seasonprofiles": [{"day": 1, "month": 1, "profile": "S", "weekprofile": "X"}]},
         "invalid seasonprofiles"),
        (88, {"seasonprofiles": [{"day": 1, "month": 1, "profile": f"S{k}", "weekprofile": "W"} for k in range(5)]},
         "invalid seasonprofiles"),
        (88, {"seasonprofiles": [{"day": 0, "month": 1, "profile": "S", "weekprofile": "W"}]},
         "invalid seasonprofiles"),
    ],
)  # fmt: skip
async def test_tables_that_are_refused(resource, body, text):
    bench = await with_calendar(await bench_at(2026, 6, 1, 10))
    before = [await bench.get(number) for number in (83, 85, 87, 89)]
    with pytest.raises(CommandFailed) as failed:
        await bench.put(resource, body)
    assert failed.value.text == text
    assert [await bench.get(number) for number in (83, 85, 87, 89)] == before


@pytest.mark.proves("G-190")
async def test_special_days_are_replaced_by_date_and_added_by_id():
    bench = await with_calendar(await bench_at(2026, 6, 1, 10))

    def entry(profile: int, day: int, dayprofile: int = 1) -> dict[str, object]:
        return {
            "date": {"day": day, "month": 12, "week": 255, "year": 2026},
            "dayprofile": dayprofile,
            "profile": profile,
        }

    await bench.put(90, {"specialdayprofiles": [entry(1, 24), entry(2, 25)]})
    await bench.put(90, {"specialdayprofiles": [entry(7, 25, 2)]})
    await bench.put(90, entry(50, 26))
    assert await bench.get(89) == {"specialdayprofiles": [entry(1, 24), entry(2, 25, 2), entry(50, 26)]}
    for wrong, text in (
        (entry(1, 31), "profile id in use"),
        (entry(51, 1), "invalid date"),
        (entry(3, 32), "invalid date"),
    ):
        with pytest.raises(CommandFailed) as failed:
            await bench.put(90, {"specialdayprofiles": [entry(9, 9), wrong]})
        assert failed.value.text == text
    assert len((await bench.get(89))["specialdayprofiles"]) == 3
    await bench.put(90, {"specialdayprofiles": [entry(3 + k, 1 + k % 23) | {"date": {
        "day": 1 + k % 23, "month": 1 + k // 23, "week": 255, "year": 65535}} for k in range(46)]})  # fmt: skip
    assert len((await bench.get(89))["specialdayprofiles"]) == 49
