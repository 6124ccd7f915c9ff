"""ABB meters behind the gateway, on the EQ bus and on M-Bus."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.gateway.sources.rig import AbbRig
from wattproof.g13.bodies import BadRequest
from wattproof.gateway.acquire.sources import Options
from wattproof.gateway.answers import METER, Trait, answer, supported
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.records import Group


@pytest.fixture(scope="module")
def eq() -> AbbRig:
    """A platinum A44, which only is read."""
    return AbbRig("eq").opened()


@pytest.fixture(scope="module")
def wired() -> AbbRig:
    return AbbRig("mbus").opened()


@pytest.mark.proves("G-353")
def test_who_they_are(eq: AbbRig, wired: AbbRig) -> None:
    assert eq.source.label == wired.source.label == "A44 552-100"
    assert wired.source.serial == "00217819"
    assert eq.get(49) == {"serial": eq.source.serial, "label": "A44 552-100"}


def test_what_they_have(eq: AbbRig, wired: AbbRig) -> None:
    assert {*eq.source.traits} == {*Trait} - {Trait.INTEGRATE, Trait.PORTS_SET, Trait.SIGNS}
    assert {*wired.source.traits} == {
        *(Trait.FACTORS, Trait.TRANSFORMER, Trait.TARIFF, Trait.CLOCK, Trait.CLOCK_SET, Trait.PORTS, Trait.LOGS),
        *(Trait.PREVIOUS, Trait.PROFILES, Trait.DEMAND, Trait.VOLTAGE_HARMONICS, Trait.CURRENT_HARMONICS),
    }
    assert {*supported(eq.source.record)} == {30, *range(41, 91)}
    assert all(answer(eq.source.record, number) is METER for number in range(50, 91))
    absent = {46, 52, 53, 64, 65, 67, 68, 70, 71, 74, 75, 78, 79, *range(83, 91)}
    assert {*supported(wired.source.record)} == {30, *range(41, 91)} - absent
    steel = AbbRig("eq", "B23-112-100").opened()
    assert not {61, 62, 69, 73, 77, 83} & {*supported(steel.source.record)}


def test_values(eq: AbbRig, wired: AbbRig) -> None:
    for rig in (eq, wired):
        groups = rig.source.groups()
        assert {1, 9, 13, 21, 33, 113, 122, 151, 171, 175} <= groups[Group.ENERGY]
        assert {69, 78, 82, 96, 104, 108, 170, 189} <= groups[Group.LIVE]
        before = rig.clock.time() // 10**6
        values = rig.run(rig.source.read([1, 69, 82, 96, 83, 170, 116]))
        assert set(values) == {1, 69, 82, 96, 83, 170}
        assert {value.time for value in values.values()} == {before}
        assert values[69].exponent == -1 and values[69].mantissa == 2300
        assert values[96][:2] == (100000, -2)
        assert values[1].exponent == 1
        assert values[170].exponent == -2
    assert 59 in eq.source.groups()[Group.LIVE] and 59 not in wired.source.groups()[Group.LIVE]


@pytest.mark.proves("G-130")
def test_association_objects(eq: AbbRig, wired: AbbRig) -> None:
    for rig in (eq, wired):
        rights = rig.get(30)
        assert len(rights["associationobjects"]) == 241
        assert (rights["role"], rights["serial"]) == ("Configure", "X")  # as registered


@pytest.mark.proves("G-143", "G-144", "G-146", "G-147")
def test_identity(eq: AbbRig, wired: AbbRig) -> None:
    for rig in (eq, wired):
        info = rig.get(43)
        assert [*info] == ["manufacturing", "ratio", "conversionfactor", "power"]
        assert info["manufacturing"]["label"] == "A44 552-100" and info["manufacturing"]["firmwareversion"]
        assert info["ratio"] == {"ctdenum": 1, "ctnum": 1, "vtdenum": 1, "vtnum": 1}
        assert info["conversionfactor"] == rig.get(44)["conversionfactor"]
        assert info["conversionfactor"]["co2"][1] == "kg/kWh"
        assert len(info["conversionfactor"]["co2"][0].partition(".")[2]) == 3
        assert info["power"] == {"powerfailcounter": 0, "poweroutagetime": 0}
    assert 1 <= len(eq.get(46)["version"]) <= 8
    assert wired.get(47) == {
        "manufacturer": "ABB",
        "devicetype": 2,
        "addressingmode": 5,
        "version": 32,
        "id": 217819,
    }
    assert [*eq.get(47)] == ["manufacturer", "devicetype", "addressingmode", "version", "id"]


@pytest.mark.proves("G-141", "G-142")
def test_clock() -> None:
    rig = AbbRig("eq").opened()
    begin, end = {"month": 3, "day": 7, "week": 254, "hour": 2}, {"month": 10, "day": 7, "week": 254, "hour": 3}
    rig.put(42, {"datetime": "2026-07-05T01:11:31", "dstenable": True, "dststart": begin, "dstend": end})
    document = rig.get(41)
    assert document["datetime"][:16] == "2026-07-05T01:11"
    assert {name: document[name] for name in ("dayofweek", "dst", "dstenable", "dststart", "dstend", "status")} == {
        "dayofweek": 7, "dst": 1, "dstenable": True, "dststart": begin, "dstend": end, "status": "set",
    }  # fmt: skip
    rig.run(rig.source.set_time(1783206691_000))
    assert rig.get(41)["datetime"][:16] == "2026-07-04T23:11"
    assert abs(rig.run(rig.source.time()) // 1000 - 1783206691) <= 2


def test_mbus_has_no_rules_of_summer_time(wired: AbbRig) -> None:
    assert [*wired.get(41)] == ["datetime", "dayofweek", "status"]
    rule = {"month": 3, "day": 7, "week": 5, "hour": 2}
    with pytest.raises(CommandFailed) as refused:
        wired.put(42, {"datetime": "2026-07-05T01:11:31", "dstenable": True, "dststart": rule, "dstend": rule})
    assert refused.value.text == "not supported by this meter: summer time"
    wired.put(42, {"datetime": "2026-07-05T01:11:31", "dstenable": False})


@pytest.mark.proves("G-145", "G-148")
@pytest.mark.parametrize("way", ["eq", "mbus"])
def test_factors_and_ratios(way: str) -> None:
    rig = AbbRig(way).opened()
    rig.put(45, {"conversionfactor": {"co2": "1.123", "currency": "100.789"}})
    assert rig.get(44) == {"conversionfactor": {"co2": ["1.123", "kg/kWh"], "currency": ["100.789", "curr/kWh"]}}
    rig.put(48, {"ctnum": 100, "ctdenum": 5, "vtnum": 1, "vtdenum": 1})
    assert rig.get(43)["ratio"] == {"ctdenum": 5, "ctnum": 100, "vtdenum": 1, "vtnum": 1}
    rig.put(48, {"ctnum": 2, "ctdenum": 1, "vtnum": 1, "vtdenum": 1})
    assert rig.get(43)["ratio"]["ctnum"] == 2


@pytest.mark.proves("G-150", "G-151")
def test_flags_and_logs() -> None:
    for way in ("eq", "mbus"):
        rig = AbbRig(way).opened()
        assert rig.get(50) == {"errors": [], "warnings": [], "informationflags": []}
        logs = rig.get(51, datetime="2030-01-01T00:00:00", count=3)
        assert [*logs] == ["system", "quality", "event"]
        assert all(len(entries) <= 3 for entries in logs.values())


@pytest.mark.proves("G-152", "G-153")
def test_alarms() -> None:
    rig = AbbRig("eq").opened()
    assert rig.get(52) == {"alarmconfig": [{"id": number} for number in range(1, 26)]}
    alarm = {
        "id": 3, "quantity": 69, "onthreshold": "250.0", "offthreshold": "240.0", "ondelay": 5, "offdelay": 0,
        "log": True, "output": 0,
    }  # fmt: skip
    rig.put(53, {"alarmconfig": [alarm]})
    assert rig.get(52)["alarmconfig"][2] == alarm
    with pytest.raises(CommandFailed, match="invalid onthreshold"):
        rig.put(53, {"alarmconfig": [{"id": 4}, {**alarm, "onthreshold": "250.55"}]})
    rig.put(53, {"alarmconfig": [{"id": 3}]})
    assert rig.get(52)["alarmconfig"][2] == {"id": 3}
    rig.put(53, {"alarmconfig": [alarm]})
    rig.put(53, {"alarmconfig": []})
    assert rig.get(52)["alarmconfig"][2] == {"id": 3}


@pytest.mark.proves("G-157")
@pytest.mark.parametrize("way", ["eq", "mbus"])
def test_registers_are_reset(way: str) -> None:
    rig = AbbRig(way, load="constant:10000").opened()
    rig.put(57, {"resettableenergy": {"activeimport": True, "activeexport": False}})
    values = rig.run(rig.source.read([175, 176]))
    assert (values[175].mantissa, values[176].mantissa) == (1, 0)


@pytest.mark.proves("G-161", "G-162")
def test_harmonics(eq: AbbRig, wired: AbbRig) -> None:
    eq.line.bench.step(60)
    for rig in (eq, wired):
        voltages, currents = rig.get(61), rig.get(62)
        assert [*voltages] == ["l1", "l2", "l3", "l1-l2", "l2-l3", "l1-l3"]
        assert [*currents] == ["l1", "l2", "l3", "neutral"]
        assert len(voltages["l1"]["harmonics"]) == 16 and voltages["l1"]["harmonics"][0] == 100
    with pytest.raises(CommandFailed, match="harmonics"):
        AbbRig("eq", "A43-212-100").opened().get(61)


@pytest.mark.proves("G-163", "G-164", "G-165", "G-166", "G-167", "G-168")
def test_ports() -> None:
    rig = AbbRig("eq").opened()
    assert len(rig.get(63)["iostatus"]) == 4
    rig.put(67, {"ioconfig": [1, "input", 255, 3]})
    functions = rig.get(64)["ioconfig"]
    assert (functions[0], functions[1], functions[3]) == ("communiation_out", "input", "pulse_out")
    rig.put(66, {"iostatus": [{"port": 1, "currentstate": 1}, {"port": 2, "reset": ["storedstate", "counter"]}]})
    states = rig.get(63)["iostatus"]
    assert states[0] == {"port": 1, "currentstate": 1}
    assert {**states[1], "currentstate": 0} == {"port": 2, "currentstate": 0, "storedstate": 0, "counter": 0}
    for wrong in ({"port": 2, "currentstate": 1}, {"port": 1, "reset": ["counter"]}):
        with pytest.raises(CommandFailed) as refused:
            rig.put(66, {"iostatus": [wrong]})
        assert refused.value.text == "invalid port"
    pulse = {"id": 1, "length": 100, "frequency": 1000, "energytype": "reactive_import", "port": 4}
    rig.put(68, {"pulse": [{**pulse, "energytype": 2}]})
    assert rig.get(65)["pulse"][0] == pulse
    assert len(rig.get(65)["pulse"]) == 4


@pytest.mark.proves("G-170", "G-171", "G-172")
def test_previous_values() -> None:
    rig = AbbRig("eq").opened()
    configuration = {"interval": "weekly", "weekday": 1, "pvconfig": [1, 2, 9, 51]}
    rig.put(71, configuration)
    assert rig.get(70) == configuration
    head, items = rig.stream(69)
    assert (head["interval"], len(head["mapping"]), items) == ("weekly", 4, [])
    assert head["mapping"][0] == ["active_energy_import_total", "Wh"]
    rig.put(71, {"interval": "daily", "pvconfig": [1, 2]})
    assert rig.get(70) == {"interval": "daily", "pvconfig": [1, 2]}
    rig.line.bench.step(3 * 86400)
    head, items = rig.stream(69)
    assert len(items) == 3 and items[0]["values"][0][0] == 1
    assert rig.stream(69, **{"from": items[1]["time"], "count": 1})[1] == items[1:2]
    assert rig.stream(69, **{"from": items[1]["time"], "to": items[2]["time"]})[1] == items[1:]
    assert rig.stream(69, **{"from": items[2]["time"], "to": items[1]["time"]}) == (head, [])
    rig.put(72, {})
    assert rig.stream(69)[1] == []


@pytest.mark.parametrize("way", ["eq", "mbus"])
def test_its_own_rows_fill_what_the_gateway_lacks(way: str) -> None:
    rig = AbbRig(way, options=Options(password="00000000", zone=ZoneInfo("Europe/Berlin"))).opened()
    begun = 1_783_206_000
    rig.run(rig.source.set_time(begun * 1000))
    rig.run(rig.clock.sleep(3 * 3600))
    first, last = (begun + 3600) * 1000, (begun + 7200) * 1000
    rows = rig.run(rig.source.own_rows(1, first, last))
    assert [row.time for row in rows] == list(range(first, last + 1, 900_000))
    assert {row.status for row in rows} == {1}
    assert [(row.value.mantissa - rows[0].value.mantissa, row.value.exponent) for row in rows] == [
        (25 * number, 1) for number in range(5)
    ]
    assert rig.run(rig.source.own_rows(1, first + 60_000, first + 120_000)) == []
    assert rig.run(rig.source.own_rows(40, first, last)) == [], "no channel records it"


@pytest.mark.proves("G-174", "G-175", "G-176", "G-173")
def test_load_profile() -> None:
    rig = AbbRig("eq").opened()
    rig.put(75, {"lpconfig": [[900, 1, 1000], [0, 0, 0], [3600, 69, 500]]})
    lists = rig.get(74)["lpconfig"]
    assert (lists[:3], len(lists)) == ([[900, 1, 1000], [0, 0, 0], [3600, 69, 500]], 8)
    rig.line.bench.step(86400)
    head, items = rig.stream(73)
    assert (head, len(items)) == ({"mapping": ["active_energy_import_total", "Wh"], "interval": 900}, 96)
    assert [*items[0]] == ["status", "timestamp", "value"]
    assert rig.stream(73, channel=3)[0] == {"mapping": ["voltage_l1", "V"], "interval": 3600}
    assert rig.stream(73, channel=1, **{"from": items[10]["timestamp"], "count": 5})[1] == items[10:15]
    assert rig.stream(73, channel=1, **{"from": items[10]["timestamp"], "to": items[9]["timestamp"]}) == (head, [])
    rig.put(76, {}, channel=1)
    assert rig.stream(73)[1] == [] and rig.stream(73, channel=3)[1]
    rig.put(76, {})
    assert rig.stream(73, channel=3)[1] == []
    rig.put(75, {"lpconfig": []})
    assert rig.get(74)["lpconfig"] == [[0, 0, 0]] * 8


def test_a_long_load_profile_comes_in_pieces() -> None:
    rig = AbbRig("eq").opened()
    rig.put(75, {"lpconfig": [[60, 1, 2000]]})
    rig.line.bench.step(86400)

    async def collect() -> list[Any]:
        return [part async for part in rig.source.rows(73, {})]

    _, *parts = rig.run(collect())
    assert [len(part) for part in parts] == [500, 500, 440]


@pytest.mark.proves("G-177", "G-178", "G-179", "G-180")
def test_demand() -> None:
    rig = AbbRig("eq", load="constant:10000").opened()
    configuration = {"dmc": [[1, 5], [1, 6]], "interval": [900, 300], "period": "daily"}
    rig.put(79, configuration)
    assert rig.get(78) == configuration
    head, items = rig.stream(77)
    assert (head, items) == ({"mapping": [["active_energy_import_total", "W"]] * 2}, [])
    rig.line.bench.step(2 * 86400)
    _, items = rig.stream(77)
    assert len(items) == 2 and [len(value) for value in items[0]["values"]] == [4, 4]
    assert [value[3] for value in items[0]["values"]] == [1, 2]
    rig.put(80, {})
    assert rig.stream(77)[1] == []


@pytest.mark.proves("G-181", "G-182")
def test_tariff() -> None:
    rig = AbbRig("eq").opened()
    rig.put(82, {"source": 1, "tariff": 3})
    found = rig.get(81)
    assert (found["tariff"], found["source"]) == (3, 1) and {*found} == {"daytype", "season", "tariff", "source"}
    rig.put(82, {"source": 2, "inputconfig": [1, 2, 3, 4]})
    assert rig.get(81)["inputconfig"] == [1, 2, 3, 4]
    with pytest.raises(CommandFailed) as refused:
        rig.put(82, {"tariff": 2})
    assert refused.value.text == "tariff source is not communication"


def test_tariff_on_mbus() -> None:
    rig = AbbRig("mbus").opened()
    rig.put(82, {"source": 1, "tariff": 2})
    assert rig.get(81) == {"tariff": 2}


@pytest.mark.proves("G-183", "G-184", "G-185", "G-186", "G-187", "G-188", "G-189", "G-190")
def test_calendar() -> None:
    rig = AbbRig("eq").opened()
    day = {"actions": [[1, "00:00"], [2, "12:00"]], "profile": 1}
    rig.put(84, day)
    assert rig.get(83) == {"dayprofiles": [day]}
    week = {"dayid": [1] * 7, "profile": "Week1"}
    rig.put(86, {"weekprofiles": [week]})
    assert rig.get(85) == {"weekprofiles": [week]}
    season = {"day": 254, "month": 10, "profile": "Winter", "weekprofile": "Week1"}
    rig.put(88, {"seasonprofiles": [season]})
    assert rig.get(87) == {"seasonprofiles": [season]}
    special = {"date": {"day": 24, "month": 12, "week": 255, "year": 65535}, "dayprofile": 1, "profile": 1}
    rig.put(90, {"specialdayprofiles": [special]})
    assert rig.get(89) == {"specialdayprofiles": [special]}
    refusals = (
        (86, {"weekprofiles": [{**week, "dayid": [9] * 7}]}, "invalid weekprofiles"),
        (88, {"seasonprofiles": [{**season, "weekprofile": "Week9"}]}, "invalid seasonprofiles"),
        (90, {"specialdayprofiles": [{**special, "date": {**special["date"], "day": 25}}]}, "profile id in use"),
    )
    for resource, body, text in refusals:
        with pytest.raises(CommandFailed) as refused:
            rig.put(resource, body)
        assert (refused.value.kind, refused.value.text) == ("invalid", text)
    four = [{**week, "profile": f"Week{number}"} for number in range(1, 5)]
    rig.put(86, {"weekprofiles": four})
    with pytest.raises(BadRequest, match="invalid weekprofiles"):
        rig.put(86, {"weekprofiles": [*four, {**week, "profile": "Week5"}]})
    assert rig.get(85)["weekprofiles"] == four
    rig.put(86, {"weekprofiles": four[2:3]})
    assert rig.get(85)["weekprofiles"] == four[2:3], "the list is the whole table"
    four = [{**season, "profile": f"S{number}", "weekprofile": "Week3", "month": number} for number in range(1, 5)]
    for seasons in (four, four[1:2]):
        rig.put(88, {"seasonprofiles": seasons})
        assert rig.get(87)["seasonprofiles"] == seasons


def test_one_object_of_any_class(eq: AbbRig, wired: AbbRig) -> None:
    voltage = bytes((1, 0, 32, 7, 0, 255))
    wanted = {"value": 2, "unit": 3}
    for rig in (eq, wired):
        assert rig.run(rig.source.execute(voltage, 3, wanted)) == {"values": [{"value": "230.0", "unit": "V"}]}
        absent = {"values": [], "error": "OBJECT_UNDEFINED"}
        assert rig.run(rig.source.execute(bytes((1, 0, 99, 99, 99, 255)), 3, wanted)) == absent
        assert rig.run(rig.source.execute(voltage, 8, wanted)) == absent


@pytest.mark.proves("G-142", "G-377")
def test_a_closed_meter_denies() -> None:
    rig = AbbRig("eq", options=Options()).opened()
    for resource, body in ((42, {"datetime": "2026-07-05T01:11:31"}), (72, {})):
        with pytest.raises(CommandFailed) as refused:
            rig.put(resource, body)
        assert (refused.value.kind, refused.value.text) == ("denied", "received READ_WRITE_DENIED response from COSEM")


def test_a_quantity_that_the_meter_does_not_have() -> None:
    rig = AbbRig("eq", "A41-513-100").opened()
    alarm = {
        "id": 1, "quantity": 72, "onthreshold": "1", "offthreshold": "1", "ondelay": 0, "offdelay": 0, "log": False,
    }  # fmt: skip
    refusals = (
        (53, {"alarmconfig": [alarm]}, "invalid quantity"),
        (71, {"interval": "daily", "pvconfig": [3, 4]}, "invalid pvconfig"),
        (75, {"lpconfig": [[900, 72, 10]]}, "invalid quantity"),
        (79, {"dmc": [[72, 5]], "interval": [900, 900], "period": "daily"}, "invalid quantity"),
    )
    for resource, body, text in refusals:
        before = len(rig.line.requests)
        with pytest.raises(CommandFailed) as refused:
            rig.put(resource, body)
        assert (refused.value.kind, refused.value.text) == ("invalid", text)
        assert len(rig.line.requests) == before or resource == 75


@pytest.mark.proves("G-377")
def test_a_meter_on_mbus_that_acknowledges_and_does_not_obey() -> None:
    rig = AbbRig("mbus", set={"access": "closed"}).opened()
    for resource, body, member in (
        (48, {"ctnum": 2, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}, "ctnum"),
        (57, {"resettableenergy": {"activeimport": True}}, "activeimport"),
        (42, {"datetime": "2026-07-05T01:11:31"}, "datetime"),
    ):
        with pytest.raises(CommandFailed) as refused:
            rig.put(resource, body)
        assert (refused.value.kind, refused.value.where) == ("denied", member)


@pytest.mark.proves("G-378")
def test_a_composite_write_stops_where_it_fails() -> None:
    rig = AbbRig("eq").opened()
    requests = rig.line.requests
    written = 0

    def silent(data: bytes) -> bytes | None:
        nonlocal written
        written += b"\x01\x00\x00\x04\x81\xff\x02\x00" in requests[-1]
        return None if written else data

    rig.line.spoil_answer = silent
    with pytest.raises(CommandFailed) as failed:
        rig.put(45, {"conversionfactor": {"co2": "1.123", "currency": "100.789"}})
    assert failed.value.where == "currency"
    assert failed.value.text == "received invalid response from COSEM."
