"""Conversion factors, CO2, currency, resettable registers, integrated energies (44, 45, 55 to 58)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.gateway.engines.bench import BSM, DMED4, HOUR, MINUTE, SECOND, Bench, bench_at, utc
from wattproof.gateway.engines.facts import Facts
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Value
from wattproof.model.values import Quality


@pytest.mark.proves("G-144", "G-145")
async def test_factors():
    bench = await bench_at(2026, 6, 1, 10)
    assert await bench.get(44) == {"conversionfactor": {"co2": ["1.000", "kg/kWh"], "currency": ["1.000", "curr/kWh"]}}
    await bench.put(45, {"conversionfactor": {"co2": "9.998", "currency": "999998.999"}})
    found = (await bench.get(44))["conversionfactor"]
    assert found == {"co2": ["9.998", "kg/kWh"], "currency": ["999998.999", "curr/kWh"]}
    await bench.put(45, {"conversionfactor": {"co2": 0}})
    found = (await bench.get(44))["conversionfactor"]
    assert (found["co2"][0], found["currency"][0]) == ("0.000", "999998.999")


@pytest.mark.proves("G-145", "G-378")
@pytest.mark.parametrize(
    ("factors", "text"),
    [
        ({"co2": "9.999"}, "invalid co2"),
        ({"co2": -1}, "invalid co2"),
        ({"currency": 999999}, "invalid currency"),
        ({"co2": "0.5", "currency": "-0.001"}, "invalid currency"),
        ({"co2": "NaN"}, "invalid co2"),
        ({"co2": True}, "invalid co2"),
        ({}, "missing conversionfactor in JSON"),
    ],
)
async def test_factors_that_are_refused(factors, text):
    bench = await bench_at(2026, 6, 1, 10)
    before = await bench.get(44), bench.kept.commits
    with pytest.raises(CommandFailed) as failed:
        await bench.put(45, {"conversionfactor": factors})
    assert failed.value.text == text and (await bench.get(44), bench.kept.commits) == before


@pytest.mark.proves("G-155")
async def test_co2_and_currency_follow_the_total_and_the_factor():
    """39.139 kWh: as an A41 was seen, whose factors were 1."""
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + 15 * SECOND)
    bench.feed({1: 39_139_000}, -3, at=bench.at + 1)
    assert await bench.get(55, mode="co2") == {"importenergy": {"total": ["39.139", "KG"]}}
    assert await bench.get(55, mode="currency") == {"importenergy": {"total": ["39.14", "curr"]}}
    await bench.put(45, {"conversionfactor": {"co2": "0.380", "currency": "0.287"}})
    assert (await bench.get(55, mode="co2"))["importenergy"]["total"] == ["14.873", "KG"]
    assert (await bench.get(55, mode="currency"))["importenergy"]["total"] == ["11.23", "curr"]
    values = bench.engine.values(bench.at)
    assert values[122][:2] == (14_873, -3) and values[113][:2] == (1123, -2)
    for wrong in ({"mode": "heat"}, {"type": "reactive", "mode": "co2"}):
        with pytest.raises(CommandFailed, match="invalid"):
            await bench.get(55, **wrong)


@pytest.mark.proves("G-156", "G-157", "G-158")
async def test_resettable_registers():
    start = utc(2026, 6, 1, 10)
    bench = Bench(DMED4, start, lambda at: {1: 5_000_000 + (at - start), 2: 7_000_000})
    await bench.start()
    bench.run(start + MINUTE)
    assert await bench.get(56) == {
        "resettableenergy": {"activeimport": ["5060.000", "Wh"], "activeexport": ["7000.000", "Wh"]}}  # fmt: skip
    assert await bench.get(58) == {"resetcounter": {"activeimport": ["0", None], "activeexport": ["0", None]}}
    await bench.put(57, {"resettableenergy": {"activeimport": True, "activeexport": False}})
    bench.run(start + 2 * MINUTE)
    values = bench.engine.values(bench.at)
    assert [values[id].mantissa for id in (171, 172, 175, 176)] == [60_000, 7_000_000, 1, 0]
    await bench.put(57, {"resettableenergy": {"activeimport": True}})
    await bench.put(57, {"resettableenergy": {}})
    assert await bench.get(58) == {"resetcounter": {"activeimport": ["2", None], "activeexport": ["0", None]}}
    assert sum(entry.logid == 2057 for entry in bench.kept.log.values()) == 2
    assert bench.engine.values(bench.at)[9].mantissa == 2 * MINUTE


@pytest.mark.proves("G-157")
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "missing resettableenergy in JSON"),
        ({"resettableenergy": {"activeimport": True, "activeexport": True}},
         "not supported by this meter: resettable energy"),
        ({"resettableenergy": {"heat": True}}, "Invalid Request"),
    ],
)  # fmt: skip
async def test_resets_that_are_refused(body, text):
    bench = await bench_at(2026, 6, 1, 10)
    with pytest.raises(CommandFailed) as failed:
        await bench.put(57, body)
    assert failed.value.text == text
    assert await bench.get(58) == {"resetcounter": {"activeimport": ["0", None]}}


async def test_a_counter_that_was_reset_does_not_touch_the_resettable_register():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + MINUTE)
    begin = bench.at
    bench.energy = lambda at: {1: (at - begin) // 10}
    bench.run(bench.at + 75 * SECOND)
    assert [one.verdict for one in bench.kept.corrected] == ["reset"]
    assert (await bench.get(56))["resettableenergy"]["activeimport"] == ["1066.000", "Wh"]


async def test_what_a_meter_without_energies_cannot_have():
    facts = Facts("x", frozenset({69}))
    bench = Bench(facts, utc(2026, 6, 1, 10), lambda at: {})
    await bench.start()
    assert bench.engine.provides == frozenset() and bench.engine.values(bench.at) == {}
    for resource, arguments in ((55, {"mode": "co2"}), (56, {}), (58, {}), (59, {})):
        with pytest.raises(CommandFailed) as failed:
            await bench.get(resource, **arguments)
        assert failed.value.kind is Failing.UNSUPPORTED
    with pytest.raises(CommandFailed, match="not supported"):
        await bench.put(66, {})
    with pytest.raises(CommandFailed, match="not supported"):
        await bench.rows(60)


@pytest.mark.proves("G-356")
async def test_energies_integrated_from_power():
    """An hour of 500 var capacitive and 1200 VA, then one of 800 var inductive while power is given back."""
    start = utc(2026, 6, 1, 10)
    facts = replace(BSM, integrate=True)
    bench = Bench(facts, start, lambda at: {1: 0}, lambda at: {100: -50_000, 104: 120_000, 96: 100_000})
    bench.polls = MINUTE
    await bench.start()
    assert {21, 22, 33, 34, 17, 89, 173, 174} <= bench.engine.provides
    bench.run(start + HOUR)
    bench.power = lambda at: {100: 80_000, 104: 120_000, 96: -100_000}
    bench.feed(bench.power(bench.at), -2, at=bench.at + 1)
    bench.run(start + 2 * HOUR)
    values = bench.engine.values(bench.at)
    assert [values[id].mantissa for id in (21, 22, 33, 34)] == [800_000 - 1, 500_000, 1_200_000, 1_200_000 - 1]
    assert all(values[id].quality is Quality.ESTIMATED for id in (21, 22, 33, 34, 17, 89))
    assert values[17].mantissa == 800_000 - 1 and values[89].mantissa == 500_000
    assert values[9].quality is Quality.GOOD
    await bench.restart()
    assert bench.engine.values(bench.at) == values


async def test_power_that_is_not_measured_is_not_integrated():
    start = utc(2026, 6, 1, 10)
    bench = Bench(replace(BSM, integrate=True), start, lambda at: {1: 0}, lambda at: {100: 36_000_00, 104: 0, 96: 0})
    await bench.start()
    bench.run(start + MINUTE)
    bench.online = False
    bench.run(start + HOUR)
    bench.online = True
    bench.run(start + HOUR + MINUTE)
    held = bench.facts.hold
    assert bench.engine.values(bench.at)[21].mantissa == 36_000 * (2 * MINUTE - 5000 + held) // 3600


async def test_values_are_as_old_as_the_reading_they_come_from():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + MINUTE)
    read = bench.at
    bench.online = False
    bench.run(bench.at + MINUTE)
    found = bench.engine.values(bench.at)
    assert {value.time for value in found.values()} == {read}
    assert found[9] == Value(60_000, -3, read, Quality.GOOD)


TRANSFORMED = Facts("M-hall-1", frozenset({1, 69, 70, 96}), transformer=True)


@pytest.mark.proves("G-148")
async def test_transformer_ratios_multiply_what_is_read():
    bench = Bench(TRANSFORMED, utc(2026, 6, 1, 10), lambda at: {1: 0})
    await bench.start()
    read = {
        1: Value(1000, 0, 7),
        69: Value(2301, -1, 7),
        70: Value(500, -2, 7),
        96: Value(None, 0, 7),
        170: Value(50, 0, 7),
    }
    assert bench.engine.transformed(read) == read
    await bench.put(48, {"ctnum": 200, "ctdenum": 5, "vtnum": 7, "vtdenum": 3})
    found = bench.engine.transformed(read)
    assert (found[1].mantissa, found[1].exponent) == (93_333_333, -3)
    assert (found[69].mantissa, found[69].exponent) == (5369, -1)
    assert (found[70].mantissa, found[70].exponent) == (20_000, -2)
    assert found[96] == read[96] and found[170] == read[170]
    assert (await bench.get(43))["ratio"] == {"ctdenum": 5, "ctnum": 200, "vtdenum": 3, "vtnum": 7}
    await bench.restart()
    assert bench.engine.transformed(read) == found


async def test_another_ratio_books_nothing():
    bench = Bench(TRANSFORMED, utc(2026, 6, 1, 10), lambda at: {1: 0})
    await bench.start()
    for energy in (5000, 5001):
        bench.at += 15 * SECOND
        bench.kept.keep(bench.engine.feed(bench.engine.transformed({1: Value(energy, 0, bench.at)}), bench.at))
    await bench.put(48, {"ctnum": 40, "ctdenum": 1, "vtnum": 1, "vtdenum": 1})
    for energy in (5002, 5003):
        bench.at += 15 * SECOND
        bench.kept.keep(bench.engine.feed(bench.engine.transformed({1: Value(energy, 0, bench.at)}), bench.at))
    assert bench.engine.values(bench.at)[9].mantissa == 5001_000 + 40_000
    assert not bench.kept.corrected


@pytest.mark.proves("G-148")
@pytest.mark.parametrize(("term", "value"), [("ctnum", 0), ("ctdenum", 1_000_000), ("vtdenum", 2), ("vtnum", "1")])
async def test_ratios_that_are_refused(term, value):
    bench = Bench(TRANSFORMED, utc(2026, 6, 1, 10), lambda at: {1: 0})
    await bench.start()
    with pytest.raises(CommandFailed, match="invalid ratio"):
        await bench.put(48, {"ctnum": 1, "ctdenum": 1, "vtnum": 1, "vtdenum": 1, term: value})
    await bench.put(48, {"ctnum": 999_999, "ctdenum": 1, "vtnum": 1, "vtdenum": 1})
    other = await bench_at(2026, 6, 1, 10)
    with pytest.raises(CommandFailed, match="transformer ratio"):
        await other.put(48, {"ctnum": 1, "ctdenum": 1, "vtnum": 1, "vtdenum": 1})
    assert "ratio" not in await other.get(43)


async def test_what_the_meter_has_itself_is_not_computed():
    """An ABB meter with tariffs and CO2, but without resettable registers: its own registers go into rows."""
    start = utc(2026, 6, 1, 21)
    facts = Facts("12345678", frozenset({1, 9, 10, 11, 12, 122}))
    bench = Bench(
        facts, start, lambda at: {1: 9_000_000 + (at - start), 9: 4_000_000, 10: 5_000_000 + at - start, 122: 7}
    )
    await bench.start()
    assert bench.engine.provides == {171, 175, 113}
    await bench.put(71, {"interval": "daily", "pvconfig": [1, 9, 10, 122, 113, 171]})
    bench.run(start + HOUR + MINUTE)
    _, [item] = await bench.rows(69)
    assert [value for _, value in item["values"]] == [
        "12600.000", "4000.000", "8600.000", "0.007", "12.60", "12600.000"]  # fmt: skip
    assert bench.engine.values(bench.at).keys() == {171, 175, 113}
    with pytest.raises(CommandFailed, match="active energy"):
        await bench.get(55, mode="co2")
