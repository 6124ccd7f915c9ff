"""A meter behind another gateway, which is made of the printed examples: what is polled, and what is passed on."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.g13.fake import PASSWORD, SERIAL, TIME, FakeG13, error
from tests.gateway.sources.rig import record
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import Disconnected
from wattproof.g13.bodies import encode
from wattproof.g13.failures import MeterFailed
from wattproof.g13.resources import BY_NUMBER
from wattproof.gateway.acquire.lines import open_line
from wattproof.gateway.acquire.places import address_of, configured_place
from wattproof.gateway.acquire.sources import Options, open_source
from wattproof.gateway.acquire.sources.mirror import READS, WRITES, MirrorSource, as_numbers
from wattproof.gateway.config import BusConfig, MeterConfig
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Group, Value
from wattproof.io.url import parse_url
from wattproof.io.web import WebClient
from wattproof.model.clock import VirtualClock
from wattproof.model.values import Quality

COSEM = "received invalid response from COSEM."


def mirror(fake: FakeG13) -> MirrorSource:
    lacking = (400, error("Invalid Request"))
    for tail in ("energy/reactive", "energy/apparent", "energy/active/currency"):
        fake.answers.setdefault(("GET", f"/meters/{SERIAL}/{tail}"), lacking)
    link = WebClient(fake.open, name="https://fake", host="fake", clock=fake.clock, retries=0)
    of = record("g13", serial="", place={"serial": SERIAL}, protocol=7)
    source = open_source(of, link, Options(password=PASSWORD))
    assert isinstance(source, MirrorSource)
    return source


def opened(fake: FakeG13) -> MirrorSource:
    source = mirror(fake)
    run_blocking(source.open())
    fake.asked.clear()
    return source


def rows(source: MirrorSource, number: int, **arguments: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [part async for part in source.rows(number, arguments)]

    return run_blocking(collect())


both = pytest.mark.parametrize("compat", [False, True], ids=["ours", "original"])


@both
def test_opening_finds_out_what_the_meter_has(compat: bool) -> None:
    source = opened(FakeG13(compat=compat))
    assert (source.serial, source.label) == (SERIAL, "A44 514-100")
    groups = source.groups()
    assert {1, 2, 3, 6, 9, 122, 171, 175} <= groups[Group.ENERGY]
    assert {69, 70, 93, 96, 100, 104, 170} <= groups[Group.LIVE]
    assert not {21, 33, 72, 113} & {id for ids in groups.values() for id in ids}  # neither printed nor shown


def test_one_resource_that_fails_hides_no_other_and_all_of_them_the_meter() -> None:
    fake = FakeG13(compat=False)
    fake.answers["GET", f"/meters/{SERIAL}/energy/active/co2"] = (500, error(COSEM))
    assert 122 not in opened(fake).ids()
    assert 69 in opened(fake).ids()
    source = opened(fake)
    fake.answers["GET", f"/meters/{SERIAL}/power"] = (500, error(COSEM))
    values = run_blocking(source.read([69, 96]))
    assert (values[69].quality, values[96].quality) == (Quality.GOOD, Quality.MISSING)
    for tail in ("energy/active", "energy/resettable", "energy/resetcounter", "power", "instrument"):
        fake.answers["GET", f"/meters/{SERIAL}/{tail}"] = (500, error(COSEM))
    with pytest.raises(MeterFailed):
        opened(fake)


@both
def test_values_come_in_the_units_of_their_quantities(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    source = opened(fake)
    before = fake.clock.time() // 10**6
    values = run_blocking(source.read([3, 14, 69, 71, 100, 122, 171, 175, 158, 999]))
    exact = {id: (Decimal(value.mantissa or 0).scaleb(value.exponent), value.quality) for id, value in values.items()}
    good = Quality.GOOD
    assert exact == {
        3: (Decimal("1758307290"), good),
        14: (Decimal("-75824875120"), good),
        69: (Decimal("227.1"), good),
        71: (Decimal("0.000"), good),
        100: (Decimal("100000"), good),
        122: (Decimal("0.00"), good),
        171: (Decimal("1758397.363"), good),
        175: (Decimal(3), good),
        158: (Decimal("0.0"), good),
    }
    assert values[3] == Value(175830729, 1, before)
    assert len(fake.asked) == 6  # 54, 55, 56, 58, 59, 60, each once, without what is not polled


def test_bad_values_are_invalid_absent_ones_missing_and_none_is_newer_than_its_reading() -> None:
    fake = FakeG13(compat=False)
    source = opened(fake)
    fake.age = 7
    fake.answers["GET", f"/meters/{SERIAL}/instrument"] = (200, b'{"l1":{"voltage":[null,"V"]}}')
    time = fake.clock.time() // 10**6 - 7000
    assert run_blocking(source.read([69, 70])) == {
        69: Value(None, 0, time, Quality.INVALID),
        70: Value(None, 0, time, Quality.MISSING),
    }


@both
def test_documents_are_passed_on_in_the_default_form(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    source = opened(fake)
    for number in READS:
        resource = BY_NUMBER[number]
        arguments = {"datetime": TIME} if number == 51 else {"type": "active", "mode": "co2"} if number == 55 else {}
        if number == 54:
            arguments = {"type": "active"}
        if number != 30:
            found = run_blocking(source.get(number, {"serial": "ours", **arguments}))
            assert found.time <= fake.clock.time() // 10**6
            if not (number in (59, 65) and not compat):  # the examples of these are the original's
                assert encode(resource, found.body)
    for number in (69, 73, 77):
        head, items = rows(source, number, serial="ours")
        assert encode(BY_NUMBER[number], {**head, "items": items})


@both
def test_arguments_and_bodies_are_passed_on(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    source = opened(fake)
    path = f"/meters/{SERIAL}/loadprofiles/2/{TIME}/5"
    fake.answers["GET", path] = (200, b'{"items":[]}')
    assert rows(source, 73, channel=2, count=5, serial="ours", **{"from": TIME, "to": None}) == [{}]
    run_blocking(source.put(45, {"conversionfactor": {"co2": "1.10"}}, {"serial": "ours"}))
    run_blocking(source.put(76, {}, {"serial": "ours", "channel": 3}))
    run_blocking(source.put(67, {"ioconfig": [3, 255]}, {}))
    assert fake.asked == [
        ("GET", path, b""),
        ("POST", f"/meters/{SERIAL}/energy/conversionfactor", b'{"conversionfactor":{"co2":1.10}}'),
        ("DELETE", f"/meters/{SERIAL}/loadprofiles/3", b""),
        ("POST", f"/meters/{SERIAL}/io/configuration", b'{"ioconfig":[3,255]}'),
    ]
    assert as_numbers({"alarmconfig": [{"id": 1, "onthreshold": "310.5"}]}) == {
        "alarmconfig": [{"id": 1, "onthreshold": Decimal("310.5")}]
    }
    assert set(WRITES) >= {42, 72, 90}


def test_objects_are_read_through_the_other_gateway() -> None:
    fake = FakeG13(compat=True)
    source = opened(fake)
    device = {"serial": SERIAL, "values": [{"value": "230.1", "unit": "V"}]}
    fake.answers["POST", "/gateway/execute"] = (200, json.dumps({"devices": [device]}).encode())
    asked = source.execute(bytes([1, 0, 32, 7, 0, 255]), 3, {"value": 2, "unit": 3})
    assert run_blocking(asked) == {"values": [{"value": "230.1", "unit": "V"}]}
    assert json.loads(fake.asked[-1][2]) == {
        "devices": [SERIAL], "obis": "1.0.32.7.0.255", "classid": 3, "attributes": {"value": 2, "unit": 3},
    }  # fmt: skip
    fake.answers["POST", "/gateway/execute"] = (200, b'{"devices":[]}')
    again = source.execute(bytes([1, 0, 32, 7, 0, 255]), 3, {"value": 2})
    assert run_blocking(again)["error"] == "OBJECT_UNDEFINED"


#: Status and text of the other gateway, and what becomes of them for a reading and for a writing resource.
FAILURES = [
    (400, "not supported by this meter: demand", ("unsupported", "not supported by this meter: demand"), None),
    (400, "Invalid Request", ("unsupported", "not supported by this meter: demand"), ("invalid", "Invalid Request")),
    (403, "Forbidden: Access Denied", ("meter", COSEM), ("meter", COSEM)),
    (403, "received READ_WRITE_DENIED response from COSEM", ("denied",), ("denied",)),
    (200, "received READ_WRITE_DENIED response from COSEM", ("denied",), ("denied",)),
    (404, "meter not found", ("meter", COSEM), ("meter", COSEM)),
    (401, "x", ("meter", COSEM), ("meter", COSEM)),
    (500, COSEM, ("meter", COSEM), ("meter", COSEM)),
    (502, "received OTHER_REASON response from COSEM", ("meter", "received OTHER_REASON response from COSEM"), None),
    (500, "internal error", ("meter", COSEM), ("meter", COSEM)),
]


@both
@pytest.mark.parametrize(("status", "text", "reading", "writing"), FAILURES)
def test_failures_are_told_in_the_words_of_the_interface(
    status: int, text: str, reading: tuple[str, ...], writing: tuple[str, ...] | None, compat: bool
) -> None:
    fake = FakeG13(compat=compat)
    source = opened(fake)
    for method in ("GET", "DELETE"):
        fake.answers[method, f"/meters/{SERIAL}/demand"] = (status, error(text))
    wanted = {"read": reading, "write": writing or reading}
    for what, (kind, *said) in wanted.items():
        with pytest.raises(CommandFailed) as caught:
            if what == "read":
                rows(source, 77)
            else:
                run_blocking(source.put(80, {}, {}))
        assert caught.value.kind is Failing(kind)
        assert not said or caught.value.text == said[0]
        assert "https://fake" in caught.value.detail
        assert not isinstance(caught.value.__cause__, MeterFailed)  # no resource alone makes a meter offline


def test_a_gateway_that_is_away_or_has_lost_the_meter_makes_it_offline() -> None:
    fake = FakeG13(compat=True)
    source = opened(fake)
    fake.answers["GET", f"/meters/{SERIAL}/instrument"] = (500, error(COSEM))
    with pytest.raises(MeterFailed):
        run_blocking(source.read([69]))
    fake.deaf = 1
    with pytest.raises(Disconnected):
        run_blocking(source.read([69]))


def test_meters_of_one_gateway_differ_by_their_serial_numbers() -> None:
    url = parse_url("g13+https://192.168.1.12?user=reader")
    place = configured_place(MeterConfig(bus="site", family="g13", serial="ABB_8"), url)
    assert place == {"serial": "ABB_8"}
    assert address_of("site", url, place) == "192.168.1.12:443/ABB_8"
    one = parse_url("g13+https://192.168.1.12?serial=ABB_9")
    assert configured_place(MeterConfig(bus="site", family="g13"), one) == {"serial": "ABB_9"}
    line = open_line(BusConfig("site", str(one)), VirtualClock())
    assert (line.kind, line.link(place).name) == ("line", "https://192.168.1.12:443")
