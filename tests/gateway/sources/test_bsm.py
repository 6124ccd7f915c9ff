"""A BSM behind the gateway."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tests.gateway.sources.rig import bsm
from wattproof.errors import ResponseTimeout
from wattproof.gateway.acquire.sources import Options
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.records import Group
from wattproof.model.values import Quality


@pytest.mark.proves("G-353")
def test_who_it_is() -> None:
    rig = bsm(serial="001BZR1521070006").opened()
    assert rig.source.serial == "001BZR1521070006"
    assert rig.source.label == "BSM-WS36A-H01-1311-0000"


def test_values_come_from_one_planned_read_with_the_time_before_it() -> None:
    rig = bsm(load="constant:11040").opened()
    rig.run(rig.source.driver.snapshot("turn-on"))
    rig.wait(30)
    before, asked = rig.clock.time() // 10**6, len(rig.link.requests)
    values = rig.run(rig.source.read([1, 69, 71, 96, 100, 104, 170, 999, 2]))
    assert len(rig.link.requests) - asked == 1
    assert set(values) == {1, 69, 71, 96, 100, 104, 170}
    assert {value.time for value in values.values()} == {before}
    assert {value.quality for value in values.values()} == {Quality.GOOD}
    assert values[69].exponent == -1 and 2200 < values[69].mantissa < 2400
    assert values[96].exponent == 1 and values[96].mantissa == 1104
    assert values[71].exponent == -3 and 900 < values[71].mantissa <= 1000
    assert values[1][:2] == (9, 1)  # 11.04 kW for half a minute, in steps of 10 Wh
    assert values[170].exponent == -1


def test_groups() -> None:
    groups = bsm().source.groups()
    assert groups[Group.ENERGY] == {1}
    assert {69, 70, 71, 93, 96, 104, 170} <= groups[Group.LIVE]
    assert set(groups) == {Group.LIVE, Group.ENERGY}


BERLIN = Options(zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.proves("G-141")
def test_the_clock_is_not_set_until_somebody_does() -> None:
    rig = bsm(BERLIN).opened()
    document = rig.get(41)
    assert document["status"] == "not set"
    assert document["datetime"] is None
    assert rig.get(50)["warnings"] == ["Date Not Set", "Time Not SET"]
    assert rig.run(rig.source.time()) is None
    rig.put(42, {"datetime": "2026-07-05T01:11:31"})
    document = rig.get(41)
    assert document["datetime"] == "2026-07-05T01:11:31"
    assert (document["dayofweek"], document["dst"], document["dstenable"], document["status"]) == (7, 1, True, "set")
    assert document["dststart"] == {"month": 3, "day": 7, "week": 254, "hour": 2}
    assert rig.get(50)["warnings"] == []
    epoch, offset = rig.run(rig.source.driver.read("bs_meter.Epoch", "bs_meter.TZO"))
    assert (epoch.raw, offset.raw) == (1783206691, 120)


@pytest.mark.proves("G-142")
def test_a_rule_of_summer_time_is_kept_for_the_change() -> None:
    rig = bsm(BERLIN).opened()
    begin, end = {"month": 6, "day": 1, "week": 1, "hour": 2}, {"month": 10, "day": 1, "week": 1, "hour": 1}
    rig.put(42, {"datetime": "2026-05-31T23:59:58", "dstenable": True, "dststart": begin, "dstend": end})
    assert rig.source.kept == {"dstenable": True, "dststart": begin, "dstend": end}
    assert rig.get(41)["dst"] == 0
    again = bsm(Options(zone=BERLIN.zone, kept=rig.source.kept)).source
    assert again.local.members(1783206691)["dststart"] == begin
    assert rig.run(rig.source.follow_summer_time()) is False
    rig.wait(2 * 3600 + 5)
    assert rig.run(rig.source.follow_summer_time()) is True
    assert rig.get(41)["datetime"].startswith("2026-06-01T03:00:0")


def test_a_clock_is_set_to_a_moment_with_the_offset_of_then() -> None:
    rig = bsm(BERLIN).opened()
    rig.run(rig.source.set_time(1783206691_400))
    assert rig.run(rig.source.time()) // 1000 - 1783206691 in (0, 1)
    assert rig.get(41)["datetime"][:16] == "2026-07-05T01:11"


@pytest.mark.proves("G-143", "G-146")
def test_who_and_what_it_is() -> None:
    rig = bsm(serial="001BZR1521070006").opened()
    who = {"serial": "001BZR1521070006", "label": "BSM-WS36A-H01-1311-0000"}
    assert rig.get(49) == who
    info = rig.get(43)
    assert info["manufacturing"] == {**who, "firmwareversion": rig.get(46)["version"][0]}
    assert list(info) == ["manufacturing", "power"]
    assert isinstance(info["power"]["powerfailcounter"], int)
    versions = rig.get(46)["version"]
    assert len(versions) == 2 and all(0 < len(version) <= 17 for version in versions)
    rights = rig.get(30)
    assert (rights["role"], rights["serial"]) == ("Configure", "X")  # as registered
    assert rights["associationobjects"][:2] == [1, 0]


@pytest.mark.proves("G-150")
def test_status_flags() -> None:
    rig = bsm().opened()
    rig.put(42, {"datetime": "2026-07-05T01:11:31"})
    assert rig.get(50) == {"errors": [], "warnings": [], "informationflags": []}
    rig.meter.patch(rig.link.now, {}, {"phase-lost": 2, "meter-fatal": "00100000"}, None)
    flags = rig.get(50)
    assert flags["warnings"] == ["U2 Missing"]
    assert flags["errors"] == ["Meter_Fatal_Error", "ErrM 00100000"]


@pytest.mark.proves("G-360", "G-359")
def test_the_output_is_switched_on_request_and_outside_sessions_alone() -> None:
    wanted = {"iostatus": [{"port": 2, "currentstate": 1}]}
    rig = bsm().opened()
    with pytest.raises(CommandFailed) as refused:
        rig.put(66, wanted)
    assert (refused.value.kind, refused.value.text) == ("denied", "received READ_WRITE_DENIED response from COSEM")
    running = [True]
    allowed = bsm(Options(allow_switching=True, charging=lambda: running[0])).opened()
    with pytest.raises(CommandFailed, match="session"):
        allowed.put(66, wanted)
    running[0] = False
    allowed.put(66, wanted)
    assert allowed.get(63)["iostatus"][1] == {"port": 2, "currentstate": 1}
    assert allowed.get(64) == {"ioconfig": ["input", "communiation_out"]}
    for body, text in (
        ({"iostatus": [{"port": 1, "currentstate": 1}]}, "invalid port"),
        ({"iostatus": [{"port": 1, "reset": ["counter"]}]}, "not supported by this meter: stored state"),
    ):
        with pytest.raises(CommandFailed) as refused:
            allowed.put(66, body)
        assert refused.value.text == text


@pytest.mark.proves("G-377")
def test_a_silent_meter_in_the_words_of_the_interface() -> None:
    rig = bsm().opened()
    rig.meter.patch(rig.link.now, {"power": False}, {}, None)
    with pytest.raises(CommandFailed) as failed:
        rig.get(43)
    assert (failed.value.kind, failed.value.text) == ("meter", "received invalid response from COSEM.")
    with pytest.raises(CommandFailed) as failed:
        rig.put(42, {"datetime": "2026-07-05T01:11:31"})
    assert failed.value.where == "datetime"
    with pytest.raises(ResponseTimeout):
        rig.run(rig.source.read([1]))


def test_an_object_by_the_table_of_quantities() -> None:
    rig = bsm().opened()
    voltage = bytes((1, 0, 32, 7, 0, 255))
    wanted = {"value": 2, "unit": 3}
    (value,) = rig.run(rig.source.execute(voltage, 3, wanted))["values"]
    assert value["unit"] == "V" and 220 < float(value["value"]) < 240
    assert rig.run(rig.source.execute(voltage, 1, {"value": 2}))["values"] == [{"value": value["value"]}]
    undefined = {"values": [], "error": "OBJECT_UNDEFINED"}
    for obis, class_id, attributes in (
        (bytes((1, 0, 2, 8, 0, 255)), 3, wanted),
        (voltage, 8, wanted),
        (voltage, 3, {"value": 4}),
    ):
        assert rig.run(rig.source.execute(obis, class_id, attributes)) == undefined
