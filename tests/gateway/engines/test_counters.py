"""Counters that fall or jump: judged, recorded, never booked (G-358)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.engines.bench import BSM, MINUTE, SECOND, Bench, bench_at, utc
from wattproof.gateway.engines.facts import Facts
from wattproof.gateway.records import Kind, Value
from wattproof.model.values import Quality

#: A counter of 1 Wh in 32 bits, as that of a BSM, in thousandths.
MODULUS = 2**32 * 1000
ROUND = replace(BSM, moduli={1: MODULUS})


async def reading(facts: Facts, *values: int) -> Bench:
    """An engine whose meter showed these, 15 s apart."""
    bench = Bench(facts, utc(2026, 6, 1, 10), lambda at: {1: values[0]})
    await bench.start()
    for value in values[1:]:
        bench.at += 15 * SECOND
        bench.feed({1: value}, -3)
    return bench


def corrections(bench: Bench) -> list[tuple[str, int | None, int, int]]:
    return [(one.verdict, one.before, one.after, one.booked) for one in bench.kept.corrected]


def booked(bench: Bench) -> int | None:
    return bench.engine.values(bench.at)[9].mantissa


async def logged(bench: Bench) -> list[tuple[int, int]]:
    found = await bench.get(51, datetime="2030-01-01T00:00:00")
    assert found["quality"] == found["event"] == []
    return [(entry["logid"], entry["category"]) for entry in found["system"]]


@pytest.mark.proves("G-358")
@pytest.mark.parametrize("glitches", [1, 2])
async def test_a_glitch(glitches):
    bench = await reading(BSM, 5_000_000, 5_000_100, *[0] * glitches, 5_000_300)
    assert booked(bench) == 300
    assert corrections(bench) == [("glitch", 5_000_100, 0, 200)]
    assert bench.kept.corrected[0].time == utc(2026, 6, 1, 10) + 30 * SECOND
    assert await logged(bench) == [(2060, 8)]


@pytest.mark.proves("G-358")
async def test_a_reset():
    bench = await reading(BSM, 5_000_000, 5_000_100, 0, 10, 20, 30)
    assert booked(bench) == 130
    assert corrections(bench) == [("reset", 5_000_100, 0, 20)]
    assert await logged(bench) == [(2061, 8)]


@pytest.mark.proves("G-358")
async def test_a_meter_that_restarts_at_zero_loses_nothing_of_what_it_counts_then():
    wh = 1000
    bench = await reading(BSM, 200 * wh, 220 * wh, *[n * wh for n in (0, 0, 50, 50, 130, 480)])
    assert booked(bench) == (20 + 480) * wh
    assert corrections(bench) == [("reset", 220 * wh, 0, 50 * wh)]


@pytest.mark.proves("G-358")
async def test_another_meter_in_its_place():
    bench = await reading(BSM, 5_000_000, 5_000_100)
    bench.engine.identify("A")
    bench.at += 15 * SECOND
    bench.feed({1: 5_000_200}, -3)
    bench.engine.identify("B")
    for value in (7_000_000, 7_000_050):
        bench.at += 15 * SECOND
        bench.feed({1: value}, -3)
    assert booked(bench) == 250
    assert corrections(bench) == [("replacement", 5_000_200, 7_000_000, 0)]
    assert await logged(bench) == [(2062, 8)]


@pytest.mark.proves("G-358")
async def test_a_roll_over_books_what_was_counted():
    bench = await reading(ROUND, MODULUS - 3000, MODULUS - 1000, 2000, 5000)
    assert booked(bench) == 8000
    assert corrections(bench) == [("roll-over", MODULUS - 1000, 2000, 3000)]
    assert await logged(bench) == [(2063, 8)]


@pytest.mark.proves("G-358")
async def test_a_jump_to_what_cannot_have_been_counted():
    """7FFFFFFFh is not energy: with 63 A on three phases a meter counts 45 kW at most."""
    facts = replace(BSM, most=45_000)
    bench = await reading(facts, 5_000_000, 0x7FFFFFFF * 1000, 5_000_180)
    assert booked(bench) == 180 and corrections(bench) == [("glitch", 5_000_000, 0x7FFFFFFF * 1000, 180)]
    bench = await reading(facts, 5_000_000, *[9_000_000 + k for k in range(4)])
    assert booked(bench) == 3 and corrections(bench) == [("reset", 5_000_000, 9_000_000, 2)]


@pytest.mark.proves("G-358")
async def test_rows_never_show_a_reading_that_is_not_believed():
    """A glitch at the end of an interval: the row takes a good reading near it, or says that it has none."""
    for away, status in ((3 * SECOND, 1), (15 * SECOND, 0x21)):
        bench = await bench_at(2026, 6, 1, 10)
        end = bench.at + 15 * MINUTE
        bench.polls = 60 * MINUTE
        bench.run(end - away)
        bench.feed(bench.energy(bench.at), -3)
        bench.run(end)
        bench.feed({1: 0}, -3)
        bench.run(end + MINUTE)
        bench.feed(bench.energy(bench.at), -3)
        [row] = bench.kept.all(Kind.PROFILE, 1)[:1]
        assert (row.status, row.values) == (status, (1_000_000 + 15 * MINUTE - away,))


@pytest.mark.proves("G-358")
async def test_history_stays_as_it_is():
    bench = await bench_at(2026, 6, 1, 21, 30)
    bench.run(bench.at + 31 * MINUTE)
    before = [*bench.kept.all(Kind.PROFILE, 1), *bench.kept.all(Kind.PREVIOUS)]
    bench.energy = lambda at: {1: at % 1000}
    bench.run(bench.at + 30 * MINUTE)
    after = [*bench.kept.all(Kind.PROFILE, 1), *bench.kept.all(Kind.PREVIOUS)]
    assert [row for row in after if row in before] == before and len(after) == len(before) + 2


@pytest.mark.proves("G-358")
async def test_a_roll_over_that_was_a_glitch_is_made_up_for():
    near = MODULUS - 3000
    bench = await reading(ROUND, near, 0, near + 1000, near + 2000, near + 2999, 500, 1500)
    assert booked(bench) == 4500


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 2)), min_size=1, max_size=30))
async def test_whatever_glitches_the_tariffs_hold_what_was_counted(steps):
    bench = await reading(BSM, 5_000_000)
    shown = 5_000_000
    for grown, glitches in steps:
        for _ in range(glitches):
            bench.at += 15 * SECOND
            bench.feed({1: 0}, -3)
        shown += grown
        bench.at += 15 * SECOND
        bench.feed({1: shown}, -3)
        assert booked(bench) == shown - 5_000_000
    assert len(bench.kept.corrected) == sum(bool(glitches) for _, glitches in steps)


async def test_values_that_are_none_say_nothing():
    bench = await reading(BSM, 5_000_000)
    for mantissa, quality in ((0, Quality.INVALID), (None, Quality.MISSING), (None, Quality.GOOD)):
        bench.at += 15 * SECOND
        bench.kept.keep(bench.engine.feed({1: Value(mantissa, 0, bench.at, quality)}, bench.at))
    bench.at += 15 * SECOND
    bench.kept.keep(bench.engine.feed({1: Value(5_010, 0, bench.at, Quality.ESTIMATED)}, bench.at))
    assert booked(bench) == 10_000 and not bench.kept.corrected


async def test_a_reading_that_is_not_newer_says_nothing():
    bench = await reading(BSM, 5_000_000, 5_000_100)
    bench.feed({1: 5_000_900}, -3)
    bench.feed({1: 5_000_900}, -3, at=bench.at - SECOND)
    assert booked(bench) == 100
