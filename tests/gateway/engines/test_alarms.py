"""Alarms with delays and hysteresis, and the meter's log (51 to 53)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.gateway.engines.bench import BSM, HOUR, MINUTE, SECOND, Bench, utc
from wattproof.gateway.local import CommandFailed, Failing

VOLTAGE = {
    "id": 3,
    "quantity": 69,
    "onthreshold": 250,
    "offthreshold": "245.5",
    "ondelay": 20,
    "offdelay": 60,
    "log": True,
}


async def watched(*alarms: dict[str, Any]) -> Bench:
    bench = Bench(BSM, utc(2026, 6, 1, 10), lambda at: {1: 0}, lambda at: {})
    await bench.start()
    await bench.put(53, {"alarmconfig": list(alarms)})
    return bench


def show(bench: Bench, seconds: int, **values: float) -> list[str]:
    """The meter shows these for so many seconds; the alarms that are active then."""
    ids = {"volts": 69, "watts": 96}
    found = {ids[name]: round(value * 100) for name, value in values.items()}
    bench.power = lambda at: found
    bench.run(bench.at + seconds * SECOND)
    return bench.engine.alarm_flags


@pytest.mark.proves("G-356")
async def test_delays_and_hysteresis():
    bench = await watched(VOLTAGE)
    assert show(bench, 60, volts=250) == []
    assert show(bench, 20, volts=250.01) == []
    assert show(bench, 5, volts=249) == ["Alarm3 Active"]
    assert show(bench, 300, volts=245.5) == ["Alarm3 Active"]
    assert show(bench, 60, volts=245.4) == ["Alarm3 Active"]
    assert show(bench, 10, volts=250.5) == []
    assert show(bench, 5, volts=240) == []
    assert show(bench, 60, volts=240) == []
    assert (await bench.get(50))["informationflags"] == []
    found = await bench.get(51, datetime="2026-06-01T23:00:00")
    assert found["quality"] == [{"datetime": "2026-06-01T12:01:25", "duration": 365, "category": 8, "logid": 2015}]
    assert found["event"] == [] and [entry["logid"] for entry in found["system"]] == [2056]


async def test_without_a_break_is_what_counts():
    bench = await watched(VOLTAGE)
    for _ in range(5):
        show(bench, 15, volts=255)
        assert show(bench, 5, volts=240) == []


async def test_a_low_alarm_and_one_without_delay():
    bench = await watched(
        {"id": 1, "quantity": 96, "onthreshold": -100, "offthreshold": 0, "ondelay": 0, "offdelay": 0, "log": True},
        {"id": 25, "quantity": 96, "onthreshold": 1000, "offthreshold": 1000},
    )
    assert show(bench, 5, watts=-50) == []
    assert show(bench, 5, watts=-100.5) == ["Alarm1 Active"]
    assert show(bench, 5, watts=-50) == ["Alarm1 Active"]
    assert show(bench, 5, watts=1500) == ["Alarm25 Active"]
    found = await bench.get(51, datetime="2026-06-01T23:00:00")
    assert [(entry["logid"], entry["duration"]) for entry in found["event"]] == [(2013, 10)]


async def test_a_delay_ends_by_itself_and_survives_a_restart():
    bench = await watched(VOLTAGE)
    show(bench, 5, volts=260)
    bench.online = False
    await bench.restart()
    bench.run(bench.at + 19 * SECOND)
    assert bench.engine.alarm_flags == []
    bench.run(bench.at + 2 * SECOND)
    assert bench.engine.alarm_flags == ["Alarm3 Active"]
    await bench.restart()
    assert bench.engine.alarm_flags == ["Alarm3 Active"]
    [entry] = [entry for (log, _), entry in bench.kept.log.items() if log == "quality"]
    assert entry.local % 60 == 25 and entry.duration == 0


@pytest.mark.proves("G-152", "G-153")
async def test_configuration():
    bench = await watched(VOLTAGE)
    found = (await bench.get(52))["alarmconfig"]
    assert found == [{"id": k} if k != 3 else {**VOLTAGE, "offthreshold": "245.5", "output": 0} for k in range(1, 26)]
    await bench.put(53, {"alarmconfig": [{**VOLTAGE, "id": 25, "output": 0}, {"id": 1, "quantity": 96}]})
    assert [entry["id"] for entry in (await bench.get(52))["alarmconfig"] if len(entry) > 1] == [1, 3, 25]
    await bench.put(53, {"alarmconfig": [{"id": 3}]})
    assert [entry["id"] for entry in (await bench.get(52))["alarmconfig"] if len(entry) > 1] == [1, 25]
    await bench.put(53, {"alarmconfig": []})
    assert (await bench.get(52))["alarmconfig"] == [{"id": k} for k in range(1, 26)]


async def test_an_active_alarm_ends_when_it_is_switched_off():
    bench = await watched(VOLTAGE)
    assert show(bench, 60, volts=255) == ["Alarm3 Active"]
    await bench.put(53, {"alarmconfig": [VOLTAGE]})
    assert bench.engine.alarm_flags == ["Alarm3 Active"]
    await bench.put(53, {"alarmconfig": [{"id": 3}]})
    assert bench.engine.alarm_flags == []
    [entry] = [entry for (log, _), entry in bench.kept.log.items() if log == "quality"]
    assert entry.duration == 35


@pytest.mark.proves("G-153")
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"id": 0}, "invalid id"),
        ({"id": 26}, "invalid id"),
        ({"quantity": 1}, "invalid quantity"),
        ({"quantity": 78}, "invalid quantity"),
        ({"output": 5}, "invalid output"),
        ({"output": 1}, "not supported by this meter: outputs"),
        ({"ondelay": -1}, "invalid ondelay"),
        ({"onthreshold": "high"}, "invalid onthreshold"),
        ({"log": 4000}, "invalid log"),
    ],
)
async def test_what_is_refused(changes, text):
    bench = await watched()
    with pytest.raises(CommandFailed) as failed:
        await bench.put(53, {"alarmconfig": [{"id": 1, "quantity": 96}, {**VOLTAGE, **changes}]})
    assert failed.value.text == text
    assert failed.value.kind is (Failing.UNSUPPORTED if "meter" in text else Failing.INVALID)
    assert (await bench.get(52))["alarmconfig"][0] == {"id": 1}


@pytest.mark.proves("G-151")
async def test_entries_newest_first_and_how_many():
    bench = await watched()
    for tariff in (2, 3, 4):
        bench.run(bench.at + MINUTE)
        await bench.put(82, {"tariff": tariff})
    bench.set_clock(HOUR)
    found = (await bench.get(51, datetime="2026-06-01T23:00:00", count=100))["system"]
    assert [entry["logid"] for entry in found] == [2058, 2056, 2056, 2056, 2056]
    assert [entry["datetime"][11:] for entry in found] == ["13:03:00", "12:03:00", "12:02:00", "12:01:00", "12:00:00"]
    found = (await bench.get(51, datetime="2026-06-01T12:02:00", count="1"))["system"]
    assert found == [{"datetime": "2026-06-01T12:02:00", "duration": 0, "category": 8, "logid": 2056}]
    for count in (0, 101, "x"):
        with pytest.raises(CommandFailed, match="invalid count"):
            await bench.get(51, datetime="2026-06-01T12:02:00", count=count)
    with pytest.raises(CommandFailed, match="invalid datetime"):
        await bench.get(51, datetime="2026-06-31T12:02:00")


async def test_what_a_meters_own_values_say_is_wrong():
    """U1 missing below 46 V, power given back, frequency: each lasts until it is right again."""
    facts = replace(BSM, nominal=230)
    bench = Bench(facts, utc(2026, 6, 1, 10), lambda at: {1: 0})
    await bench.start()
    for values in ({69: 23_000, 96: 100, 170: 5000}, {69: 4599, 170: 4499}, {69: 4600}, {96: -1, 170: 5000}, {96: 0}):
        bench.at += 30 * SECOND
        bench.feed(values, -2)
    found = await bench.get(51, datetime="2026-06-01T23:00:00")
    assert {(entry["logid"], entry["duration"], entry["category"]) for entry in found["quality"]} == {
        (1008, 60, 4), (1000, 30, 4)}  # fmt: skip
    assert [(entry["logid"], entry["duration"]) for entry in found["event"]] == [(1007, 30)]
    assert await bench.get(50) == {"errors": [], "warnings": [], "informationflags": []}


async def test_a_restart_that_missed_something_is_in_the_log():
    bench = await watched()
    bench.run(bench.at + MINUTE)
    await bench.restart()
    await bench.restart(bench.at + HOUR)
    found = (await bench.get(51, datetime="2026-06-01T23:00:00"))["system"]
    assert [(entry["logid"], entry["duration"]) for entry in found] == [(2059, 3600), (2056, 0)]
