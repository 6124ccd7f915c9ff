"""One meter behind a gateway that is made of the printed examples: names, units, qualities; what is set, and how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.g13.fake import SERIAL, FakeG13, error
from wattproof.drivers.base import MeterDriver
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import InvalidURL, InvalidValue, ReadOnly, UnknownName, UsageError
from wattproof.g13.composition import ids
from wattproof.g13.failures import GatewayRefused, MeterFailed
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.connecting import open_meter_sync
from wattproof.meters.g13 import places
from wattproof.meters.g13.driver import OVERVIEW, G13Meter, find_all
from wattproof.model.readings import Reading
from wattproof.model.values import Quality


def driver(fake: FakeG13, serial: str | None = SERIAL) -> G13Meter:
    return G13Meter(fake.client(), serial)


def read(fake: FakeG13, *points: str, serial: str | None = SERIAL) -> dict[str, Reading]:
    return {reading.point: reading for reading in run_blocking(driver(fake, serial).read(points))}


def test_every_place_is_that_of_its_quantity() -> None:
    assert set(places.PLACES) <= set(ROWS) | {1001, 1002}
    for table in (places.RESETTABLE, places.COUNTERS, places.POWER, places.INSTRUMENT):
        assert set(ids(table)) <= set(places.PLACES)
    for id, place in places.PLACES.items():
        if id in ROWS and place.resource in (54, 59, 60):
            name = ROWS[id].name.lower()
            kind = place.path[0] if place.resource == 59 else dict(place.arguments).get("type", name.split("_")[0])
            assert name.startswith(str(kind))
            phase = (ROWS[id].phase or "total").lower().replace("n", "neutral")
            tariff = f"t{name[-1]}" if name[:-1].endswith("tar") else phase
            assert tariff in place.path or name == "frequency"


@pytest.mark.parametrize("compat", [False, True])
def test_values_have_names_and_the_printed_units(compat: bool) -> None:
    fake = FakeG13(compat=compat)
    found = read(
        fake, "ACTIVE_ENERGY_IMPORT_L1", "69", "instrument.POWER_FACTOR_L1", "reactive_power_l1", "tariff_active"
    )
    shown = [(reading.point, str(reading.value), reading.unit, reading.obis) for reading in found.values()]
    assert shown == [
        ("energy.ACTIVE_ENERGY_IMPORT_L1", "1758307.29", "kWh", "1-0:21.8.0"),
        ("instrument.VOLTAGE_L1", "227.1", "V", "1-0:32.7.0"),
        ("instrument.POWER_FACTOR_L1", "0.000", "", "1-0:33.7.0"),
        ("instrument.REACTIVE_POWER_L1", "100000", "var", "1-0:151.7.0"),  # GD-18: the original writes W
        ("tariffs.TARIFF_ACTIVE", "1", "", "0-0:96.14.0"),
    ]
    assert found["instrument.VOLTAGE_L1"].quantity == "voltage_l1"
    assert len(fake.asked) == 4


def test_every_kind_of_place_is_read() -> None:
    found = read(
        FakeG13(compat=True),
        *("146", "METER_TYPE_DESIGNATION", "TRAFO_CT_RATIO_NUMERATOR", "POWER_FAIL_COUNTER", "HARDWARE_VERSION_1"),
        *("IO_INPUT_CUMULATION_2", "IO_INPUT_CUMULATION_1", "NRG_CONVERSION_FACTOR_CO2", "THD_VOLTAGE_L1"),
        *("flags", "RSTREG_ACT_ENERGY_IMP", "RSTREG_ACT_CNTR_IMP", "NRG_ENERGY_VALUE_CO2"),
    )
    values = {name.partition(".")[2]: reading.value for name, reading in found.items()}
    assert values == {
        "CLOCK": "2012-08-05T01:11:31",
        "METER_TYPE_DESIGNATION": "A44 514-100",
        "TRAFO_CT_RATIO_NUMERATOR": Decimal(1),
        "POWER_FAIL_COUNTER": Decimal(4),
        "HARDWARE_VERSION_1": "ABCDEFGHIJKLMNOP_1",
        "IO_INPUT_CUMULATION_2": Decimal(292939),
        "IO_INPUT_CUMULATION_1": None,
        "NRG_CONVERSION_FACTOR_CO2": Decimal("1.123"),
        "THD_VOLTAGE_L1": Decimal(0),
        "ERRORS": "ABB Specific Str 2, ABB Specific Str 3",
        "WARNINGS": "NEG_POW Element2",
        "INFORMATION": "Alarm6 Active, Alarm7 Active",
        "RSTREG_ACT_ENERGY_IMP": Decimal("1758397.363"),
        "RSTREG_ACT_CNTR_IMP": Decimal(3),
        "NRG_ENERGY_VALUE_CO2": Decimal("0.00"),
    }
    assert found["ports.IO_INPUT_CUMULATION_1"].quality is Quality.MISSING
    assert found["conversion.NRG_ENERGY_VALUE_CO2"].unit == "KG"


def test_what_the_meter_lacks_is_missing_and_what_is_bad_is_invalid() -> None:
    fake = FakeG13(compat=False)
    fake.answers["GET", f"/meters/{SERIAL}/instrument"] = (200, b'{"l1":{"voltage":[null,"V"]},"l2":{}}')
    fake.answers["GET", f"/meters/{SERIAL}/harmonics/voltage"] = (400, error("not supported by this meter: harmonics"))
    found = read(fake, "VOLTAGE_L1", "VOLTAGE_L3", "THD_VOLTAGE_L1")
    assert [(reading.value, reading.quality.value) for reading in found.values()] == [
        (None, "invalid"),
        (None, "missing"),
        (None, "missing"),
    ]


def test_no_value_is_newer_than_its_reading() -> None:
    fake = FakeG13(compat=False)
    fake.age = 42
    (reading,) = read(fake, "VOLTAGE_L1").values()
    assert reading.time == datetime.fromtimestamp(fake.clock.time() // 10**9, UTC) - timedelta(seconds=42)


def test_failures_other_than_lacking_are_raised() -> None:
    fake = FakeG13(compat=True)
    for status, kind in ((403, GatewayRefused), (404, GatewayRefused), (500, MeterFailed)):
        fake.answers["GET", f"/meters/{SERIAL}/instrument"] = (status, error("x"))
        with pytest.raises(kind, match=f"meter {SERIAL}"):
            read(fake, "VOLTAGE_L1")


def test_names_are_checked_before_anything_is_sent() -> None:
    fake = FakeG13(compat=True)
    for name in ("nonsense", "flags.ALARMS", "previous", "LOAD_PROFILE_CH_1"):
        with pytest.raises(UnknownName):
            read(fake, name)
    assert not fake.asked
    assert {point.group for point, _ in find_all(OVERVIEW)} >= {"energy", "instrument", "tariffs", "flags"}
    assert len(find_all(["all"])) > 130


def test_the_driver_is_one_and_says_who_the_meter_is() -> None:
    fake = FakeG13(compat=True)
    meter = driver(fake)
    assert isinstance(meter, MeterDriver)
    info = run_blocking(meter.info())
    assert (info.model, info.serial, info.type, info.firmware) == ("g13", SERIAL, "A44 514-100", "A0.0.0.0")
    gateway = run_blocking(driver(fake, None).info())
    assert (gateway.manufacturer, gateway.type, gateway.serial, gateway.firmware) == ("ABB", "G13", "1234", "G0.0.0.0")
    run_blocking(meter.close())


def test_without_a_serial_number_the_meters_are_listed() -> None:
    fake = FakeG13(compat=True)
    found = read(fake, serial=None)
    assert [name for name in found if name.startswith("ABB_9.")] == [
        f"ABB_9.{name}" for name in ("alias", "location", "protocol", "address", "status")
    ]
    assert (found["ABB_9.address"].value, found["ABB_9.status"].value) == ("18", "online")
    assert set(read(fake, "ABB_6", serial=None)) == {
        f"ABB_6.{n}" for n in "alias location protocol address status".split()
    }
    with pytest.raises(UnknownName, match="ABB_8, ABB_9, ABB_6"):
        read(fake, "ABB_7", serial=None)
    with pytest.raises(UsageError, match="serial=S"):
        run_blocking(driver(fake, None).write({"TARIFF_ACTIVE": 1}))


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"TARIFF_ACTIVE": 2}, [("tariff", {"tariff": 2})]),
        ({"tariffs.tariff_source": "1"}, [("tariff", {"source": "1"})]),
        (
            {"NRG_CONVERSION_FACTOR_CO2": Decimal("1.5"), "NRG_CONVERSION_FACTOR_CURR": "2.25"},
            [("energy/conversionfactor", {"conversionfactor": {"co2": 1.5, "currency": "2.25"}})],
        ),
        (
            {"TRAFO_CT_RATIO_NUMERATOR": 50},
            [("transformersettings", {"ctdenum": 1, "ctnum": 50, "vtdenum": 1, "vtnum": 1})],
        ),
        (
            {"CLOCK": datetime(2026, 5, 1, 12, 0, tzinfo=UTC), "TARIFF_ACTIVE": 1},
            [("datetime", {"datetime": "2026-05-01T12:00:00"}), ("tariff", {"tariff": 1})],
        ),
    ],
)
def test_points_are_set_by_their_resources(values: Mapping[str, Any], sent: list[tuple[str, Any]]) -> None:
    fake = FakeG13(compat=True)
    run_blocking(driver(fake).write(values))
    posted = [
        (path.partition(f"{SERIAL}/")[2], json.loads(body)) for method, path, body in fake.asked if method == "POST"
    ]
    assert posted == sent


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"TARIFF_ACTIVE": 5}, InvalidValue),
        ({"TARIFF_ACTIVE": 1, "NRG_CONVERSION_FACTOR_CO2": 10}, InvalidValue),
        ({"CLOCK": "now"}, InvalidValue),
        ({"VOLTAGE_L1": 1}, ReadOnly),
        ({"instrument": 1}, ReadOnly),
        ({"nonsense": 1}, UnknownName),
    ],
)
def test_what_cannot_be_set_is_refused_before_anything_is_sent(
    values: Mapping[str, Any], kind: type[Exception]
) -> None:
    fake = FakeG13(compat=True)
    with pytest.raises(kind):
        run_blocking(driver(fake).write(values))
    assert not [method for method, *_ in fake.asked if method != "GET"]


def test_addresses_lead_to_the_driver() -> None:
    with open_meter_sync("g13+https://192.168.1.12?serial=ABB_1&user=reader") as meter:
        assert (meter.serial, meter.client.user, meter.link.name) == ("ABB_1", "reader", "https://192.168.1.12:443")
    with pytest.raises(InvalidURL, match="https://"), open_meter_sync("g13+http://192.168.1.12"):
        pass
