"""A DMED4 behind the gateway, over Modbus and over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.gateway.sources.rig import Rig, dmed4, record
from wattproof.errors import HttpRefused
from wattproof.gateway.acquire.sources import Options, open_source
from wattproof.gateway.acquire.sources.serials import fingerprint
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.quantities import TEMPERATURE_1
from wattproof.gateway.records import Group
from wattproof.model.values import Quality

BERLIN = Options(zone=ZoneInfo("Europe/Berlin"))


@pytest.fixture(params=["modbus", "rest"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


def charged(rig: Rig) -> Rig:
    """A cycle was charged for a minute and ended, so there is a record."""
    session = rig.source.driver.session(identification="1F2D3A4F5506C7")
    rig.run(session.begin())
    rig.wait(60)
    rig.run(session.end())
    return rig


@pytest.mark.proves("G-353")
def test_serial_numbers() -> None:
    over_rest = dmed4("rest", serial="12345678").opened()
    assert over_rest.source.serial == "12345678"
    over_modbus = dmed4("modbus", serial="12345678").opened()
    key = over_modbus.run(over_modbus.source.driver.public_key())
    assert over_modbus.source.serial == fingerprint(key)
    assert len(fingerprint(key)) == 14 and fingerprint(key) == fingerprint(key[-64:])
    named = dmed4("modbus", Options(serial="GATE-1")).opened()
    assert named.source.serial == "GATE-1"


@pytest.mark.proves("G-353")
def test_a_record_tells_the_serial_number_over_modbus() -> None:
    rig = charged(dmed4("modbus", serial="12345678", load="constant:20000"))
    assert rig.opened().source.serial == "12345678"
    name = fingerprint(rig.run(rig.source.driver.public_key()))
    known: Any = open_source(record("dmed4", serial=name), rig.link)
    rig.run(known.open())
    assert known.serial == name


def test_values(way: str) -> None:
    rig = dmed4(way, load="constant:20000").opened()
    charged(rig)
    values = rig.run(rig.source.read([1, 2, 13, 69, 70, 96, TEMPERATURE_1, 104]))
    assert set(values) == {1, 2, 13, 69, 70, 96, TEMPERATURE_1}
    assert all(value.quality is Quality.GOOD for value in values.values())
    assert 320 <= values[1].mantissa <= 345 and values[1].exponent == 0
    assert values[13].mantissa == values[1].mantissa - values[2].mantissa
    assert values[69].exponent == {"modbus": -2, "rest": -1}[way]
    assert {value.time for value in values.values()} == {values[1].time}
    assert rig.source.groups()[Group.ENERGY] == {1, 2, 13}


def test_one_resource_or_one_request(way: str) -> None:
    rig = dmed4(way).opened()
    before = len(rig.link.requests)
    rig.run(rig.source.read([1, 2, 13, 69, 70, 96]))
    assert len(rig.link.requests) == before + 1


@pytest.mark.proves("G-141", "G-142")
def test_clock(way: str) -> None:
    rig = dmed4(way, BERLIN).opened()
    assert rig.get(41)["status"] == "not set"
    assert rig.get(50)["warnings"] == ["Date Not Set"]
    assert rig.run(rig.source.time()) is None
    rig.put(42, {"datetime": "2026-07-05T01:11:31"})
    document = rig.get(41)
    assert document["datetime"][:16] == "2026-07-05T01:11"
    assert (document["dayofweek"], document["dst"], document["status"]) == (7, 1, "set")
    assert rig.get(50)["warnings"] == []
    assert rig.run(rig.source.time()) // 1000 - 1783206691 in (0, 1, 2)
    assert rig.run(rig.source.follow_summer_time()) is False


@pytest.mark.proves("G-142", "G-377")
def test_the_clock_is_locked_while_charging(way: str) -> None:
    rig = dmed4(way, load="constant:20000").opened()
    rig.run(rig.source.driver.session(identification="1F2D3A4F5506C7").begin())
    assert rig.run(rig.source.is_charging())
    with pytest.raises(CommandFailed) as refused:
        rig.put(42, {"datetime": "2026-07-05T01:11:31"})
    assert (refused.value.kind, refused.value.text) == ("denied", "received READ_WRITE_DENIED response from COSEM")
    assert refused.value.where == "datetime"


def test_identity(way: str) -> None:
    rig = dmed4(way).opened()
    info = rig.get(43)
    assert list(info) == ["manufacturing"]
    assert info["manufacturing"]["serial"] == rig.source.serial
    assert "404R1500" in info["manufacturing"]["label"].replace("DMED", "")
    assert info["manufacturing"]["firmwareversion"]
    assert len(rig.get(46)["version"]) == 2
    assert rig.get(49) == {"serial": rig.source.serial, "label": rig.source.label}
    assert rig.get(30)["role"] == "View Only"


def test_the_advanced_password_makes_a_role() -> None:
    assert dmed4("rest", Options(password="secret")).opened().get(30)["role"] == "Configure"


def test_errors_by_name(way: str) -> None:
    rig = dmed4(way).opened()
    rig.meter.patch(int(rig.clock.now()), {}, {"error-dmed-comm": True}, None)
    rig.wait(5)
    assert "ERROR_DMED_COMM" in rig.get(50)["errors"]


@pytest.mark.proves("G-351")
def test_the_log_of_the_meter_over_rest() -> None:
    rig = dmed4("rest", BERLIN).opened()
    rig.put(42, {"datetime": "2026-07-05T01:11:31"})
    logs = rig.get(51, datetime="2026-07-06T00:00:00", count=100)
    assert logs["quality"] == logs["event"] == []
    newest = logs["system"][0]
    assert newest["datetime"][:16] == "2026-07-05T01:11" and newest["category"] == 8
    assert {entry["logid"] for entry in logs["system"]} >= {3001, 3002}
    assert rig.get(51, datetime="2026-07-06T00:00:00", count=1)["system"] == [newest]
    assert all(entry["logid"] == 3001 for entry in rig.get(51, datetime="2026-01-01T00:00:00")["system"])


@pytest.mark.proves("G-359")
def test_no_resource_writes_into_the_charge_cycle(way: str) -> None:
    """Of all writing resources the meter itself has one, and that one writes clock and offset."""
    rig = dmed4(way).opened()
    assert set(rig.source.writes) == {42}
    rig.link.requests.clear()
    rig.put(42, {"datetime": "2026-07-05T01:11:31"})
    if way == "rest":
        (written,) = [target for method, target in rig.link.requests if method != "GET"]
        assert written == "/v1/charge_settings?datetime=1783213891&datetime_offset=0"
    else:
        written = [int.from_bytes(pdu[1:3], "big") for _, pdu in rig.link.requests if pdu[0] in (6, 16)]
        assert written == [0x407F, 0x4283]


@pytest.mark.proves("G-377")
@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (500, "received invalid response from COSEM.", "received invalid response from COSEM."),
        (403, "received invalid response from COSEM.", "received READ_WRITE_DENIED response from COSEM"),
        (400, "received invalid response from COSEM.", "received READ_WRITE_DENIED response from COSEM"),
    ],
)
def test_statuses_of_http(status: int, reading: str, writing: str) -> None:
    rig = dmed4("rest").opened()

    for method, text, act in (
        ("GET", reading, lambda: rig.get(43)),
        ("PUT", writing, lambda: rig.put(42, {"datetime": "2026-07-05T01:11:31"})),
    ):
        rig.link.hits = refusing(method, status)
        with pytest.raises(CommandFailed) as failed:
            act()
        assert failed.value.text == text
        assert failed.value.kind == ("denied" if "DENIED" in text else "meter")


def refusing(only: str, status: int) -> Callable[[str, str], Exception | None]:
    """Takes the answers to one method away."""
    return lambda method, target: HttpRefused(status, "no") if method == only else None
