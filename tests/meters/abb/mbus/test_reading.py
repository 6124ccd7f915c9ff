"""Telegrams of real ABB meters as points (abb-meters.md 1.12, 1.13; decisions AD-06, AD-07, AD-09, AD-30)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.mbusline import BusLink, PlayedMeter, abb_frames, good_frame
from tests.meters.abb.mbus.bench import AbbMeter, record
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import InvalidValue, ProtocolError, UnknownName
from wattproof.meters.abb.driver import AbbDriver
from wattproof.meters.abb.mbus.binding import SENSES
from wattproof.meters.abb.mbus.driver import AbbMbusDriver
from wattproof.meters.abb.points import POINTS, find
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.records import Port
from wattproof.model.readings import Reading, value_text
from wattproof.model.values import Quality


@pytest.fixture(scope="module")
def frames(vectors: Path) -> dict[str, bytes]:
    return abb_frames(vectors)


@pytest.fixture(scope="module")
def a41(frames: dict[str, bytes]) -> AbbMbusDriver:
    """An A41 513-100 that sends what a real one has sent."""
    telegrams = [frames[f"a41-readout-{number}"] for number in range(1, 6)]
    return AbbMbusDriver(BusLink([PlayedMeter(telegrams, 1)]).bus(), Address.parse("1"))


@pytest.fixture(scope="module")
def everything(a41: AbbMbusDriver) -> dict[str, Reading]:
    return {reading.point: reading for reading in run_blocking(a41.read(["all"]))}


@pytest.fixture(scope="module")
def b23(frames: dict[str, bytes]) -> AbbMbusDriver:
    return AbbMbusDriver(BusLink([PlayedMeter([frames["b23-readout-1"]], 1)]).bus(), Address.parse("1"))


A41 = [
    ("energy.ACTIVE_ENERGY_IMPORT_TOTAL", "39130", "Wh", "A-050"),
    ("energy.ACTIVE_ENERGY_IMPORT_TAR1", "39130", "Wh", "A-050"),
    *[(f"energy.ACTIVE_ENERGY_IMPORT_TAR{tariff}", "0", "Wh", "A-050") for tariff in (2, 3, 4)],
    ("tariffs.TARIFF_ACTIVE", "1", "", "A-051"),
    ("flags.WARNINGS", "3072", "", "A-052"),
    ("flags.ERRORS", "0", "", "A-052"),
    ("flags.ALARMS", "0", "", "A-052"),
    ("device.FIRMWARE_VERSION", "A1.12.0", "", "A-053"),
    ("device.METER_TYPE_DESIGNATION", "A41 513-100", "", "A-053"),
    ("clock.POWER_FAIL_COUNTER", "927", "", "A-054"),
    ("clock.POWER_OUTAGE_TIME", "15", "s", "A-054"),
    ("instrument.ACTIVE_POWER_TOTAL", "18.68", "W", "A-055"),
    ("instrument.REACTIVE_POWER_TOTAL", "-3.33", "var", "A-055"),
    ("instrument.APPARENT_POWER_TOTAL", "38.10", "VA", "A-055"),
    ("instrument.VOLTAGE_L1", "230.6", "V", "A-055"),
    ("instrument.CURRENT_L1", "0.166", "A", "A-055"),
    ("instrument.FREQUENCY", "50.25", "Hz", "A-055"),
    ("instrument.POWER_FACTOR_TOTAL", "0.491", "", "A-055"),
    ("instrument.PHASE_ANGLE_POWER_TOTAL", "-60.6", "°", "A-055"),
    ("instrument.PHASE_ANGLE_VOLTAGE_L1", "0.0", "°", "A-055"),
    ("instrument.PHASE_ANGLE_CURRENT_L1", "-10.1", "°", "A-055"),
    ("instrument.CURRENT_QUADRANT_TOTAL", "4", "", "A-055"),
    ("energy.REACTIVE_ENERGY_EXPORT_TOTAL", "8550", "varh", "A-056"),
    ("energy.REACTIVE_ENERGY_EXPORT_TAR1", "8550", "varh", "A-056"),
    ("ports.OUTPUT_STATE_1", "0", "", "A-057"),
    ("ports.OUTPUT_STATE_2", "0", "", "A-057"),
    ("ports.INPUT_STATE_3", "0", "", "A-057"),
    ("ports.IO_STORED_INPUT_STATE_3", "1", "", "A-057"),
    ("ports.IO_STORED_INPUT_STATE_4", "1", "", "A-057"),
    ("ports.IO_CURRENT_OUTPUT_STATE", "0", "", "A-057"),
    *[(f"ports.IO_INPUT_CUMULATION_{port}", "1", "", "A-057") for port in (1, 2, 3, 4)],
    ("resettable.RSTREG_ACT_ENERGY_IMP", "39130", "Wh", "A-058"),
    ("resettable.RSTREG_ACT_CNTR_IMP", "0", "", "A-058"),
    ("conversion.NRG_ENERGY_VALUE_CO2", "39.139", "kg", "A-058"),
    ("conversion.NRG_ENERGY_VALUE_CURR", "39.14", "currency", "A-058"),
    ("conversion.NRG_CONVERSION_FACTOR_CO2", "1.000", "kg", "A-058"),
    ("conversion.NRG_CONVERSION_FACTOR_CURR", "1.000", "currency", "A-058"),
    ("energy.APPARENT_ENERGY_IMPORT_TOTAL", "76860", "VAh", "A-059"),
    ("energy.ACTIVE_ENERGY_NET_TOTAL", "39130", "Wh", "A-059"),
    ("energy.REACTIVE_ENERGY_NET_TOTAL", "-8550", "varh", "A-059"),
    ("energy.APPARENT_ENERGY_NET_TOTAL", "76860", "VAh", "A-059"),
    ("previous.TIME", "2000-01-01T00:00:00", "", "A-060"),
    ("previous.ACTIVE_ENERGY_IMPORT_TOTAL", "0", "Wh", "A-060"),
    ("previous.IO_INPUT_CUMULATION_4", "1", "", "A-060"),
]  # fmt: skip


@pytest.mark.proves(
    *("A-050", "A-051", "A-052", "A-053", "A-054", "A-055", "A-056", "A-057", "A-058", "A-059", "A-060")
)
@pytest.mark.parametrize(("point", "value", "unit", "statement"), A41, ids=[f"{row[3]} {row[0]}" for row in A41])
def test_the_values_of_a_real_a41(
    everything: dict[str, Reading], point: str, value: str, unit: str, statement: str
) -> None:
    reading = everything[point]
    assert (value_text(reading.value), reading.unit, reading.quality) == (value, unit, Quality.GOOD)


@pytest.mark.proves("A-051", "A-057", "A-180")
def test_what_the_meter_does_not_have_is_missing_and_a_bad_value_is_none(everything: dict[str, Reading]) -> None:
    absent = [name for name, reading in everything.items() if reading.quality is Quality.MISSING]
    assert sorted(absent) == [
        *(f"device.TRAFO_{kind}_RATIO_{part}" for kind in ("CT", "VT") for part in ("DENOMINATOR", "NUMERATOR")),
        *("ports.INPUT_STATE_1", "ports.INPUT_STATE_2"),
        *("ports.IO_STORED_INPUT_STATE_1", "ports.IO_STORED_INPUT_STATE_2"),
        *("ports.OUTPUT_STATE_3", "ports.OUTPUT_STATE_4"),
    ]
    clock = everything["clock.CLOCK"]
    assert (clock.value, clock.quality, clock.raw) == (None, Quality.INVALID, "010101010110")
    assert "instrument.VOLTAGE_L2" not in everything and "energy.ACTIVE_ENERGY_IMPORT_L1" not in everything
    assert all(reading.value is None for reading in everything.values() if reading.quality is not Quality.GOOD)


def test_a_point_that_was_named_is_there_even_if_missing(a41: AbbMbusDriver) -> None:
    named = run_blocking(
        a41.read(["voltage_l2", "69", "energy.active_energy_import_total", "device.HARDWARE_VERSION_0"])
    )
    assert [(item.point, item.quality) for item in named] == [
        ("instrument.VOLTAGE_L2", Quality.MISSING),
        ("instrument.VOLTAGE_L1", Quality.GOOD),
        ("energy.ACTIVE_ENERGY_IMPORT_TOTAL", Quality.GOOD),
        ("device.HARDWARE_VERSION_0", Quality.MISSING),
    ]
    assert named[0].unit == "V" and named[2].obis == "1-0:1.8.0" and named[2].raw == 3913
    group = run_blocking(a41.read(["resettable"]))
    assert len(group) == 8
    for text in ("VOLTAGE_L9", "PREVIOUS_VALUES", "109", "energy.VOLTAGE_L1"):
        with pytest.raises(UnknownName):
            run_blocking(a41.read([text]))


@pytest.mark.proves("A-052", "A-053", "A-057")
def test_who_a_real_a41_is(a41: AbbMbusDriver) -> None:
    run_blocking(a41.readout())
    info = run_blocking(a41.info())
    assert (info.model, info.variant, info.manufacturer, info.type) == ("abb", "A41-513-100", "ABB", "A41 513-100")
    assert (info.serial, info.firmware) == ("00217819", "A1.12.0")
    status = run_blocking(a41.status())
    assert status.as_dict() == {"errors": [], "warnings": ["Date Not Set", "Time Not SET"], "informationflags": []}
    assert run_blocking(a41.read_clock()).time is None
    assert run_blocking(a41.ports()) == [
        Port(1, False, False),
        Port(2, False, False),
        Port(3, True, False, True, 1),
        Port(4, True, False, True, 1),
    ]


@pytest.mark.proves("A-062")
def test_a_real_b23(b23: AbbMbusDriver) -> None:
    wanted = ["flags", "ACTIVE_ENERGY_EXPORT_TOTAL", "METER_TYPE_DESIGNATION", "FIRMWARE_VERSION"]
    found = {reading.point: reading for reading in run_blocking(b23.read(wanted))}
    information, alarms = found["flags.INFORMATION"].raw, found["flags.ALARMS"].raw
    assert isinstance(information, int) and alarms == information >> 13 == 0xD90DB0
    status = run_blocking(b23.status())
    assert status.as_dict()["warnings"] == ["U2 Missing", "U3 Missing"]
    assert status.alarms == tuple(k for k in range(1, 26) if 0xD90DB0 >> k - 1 & 1)
    info = run_blocking(b23.info())
    assert (info.type, info.variant) == ("B23 212-100", "B23-212-100")
    assert found["energy.ACTIVE_ENERGY_EXPORT_TOTAL"].unit == "Wh"


@pytest.mark.proves("A-198")
def test_an_iron_meter_has_no_power_rather_than_none_of_it() -> None:
    meter = AbbMeter()
    meter.registers = {"ACTIVE_ENERGY_IMPORT_TOTAL": 3913, "METER_TYPE_DESIGNATION": "A43 012-100"}
    driver = meter.driver()
    found = [reading.point for reading in run_blocking(driver.read(["energy", "instrument", "clock", "tariffs"]))]
    assert found == ["energy.ACTIVE_ENERGY_IMPORT_TOTAL"]
    (power,) = run_blocking(driver.read(["ACTIVE_POWER_TOTAL"]))
    assert (power.value, power.quality) == (None, Quality.MISSING)


def test_only_as_many_telegrams_are_read_as_are_needed(a41: AbbMbusDriver) -> None:
    link = a41.bus.line
    before = link.statistics.requests
    run_blocking(a41.read(["ACTIVE_ENERGY_IMPORT_TOTAL", "TARIFF_ACTIVE"]))
    assert link.statistics.requests - before == 2  # SND_NKE, REQ_UD2
    before = link.statistics.requests
    assert len(run_blocking(a41.read())) == 20
    assert link.statistics.requests - before == 6


@pytest.mark.proves("A-180")
def test_scales_and_forms_are_those_of_the_record() -> None:
    meter = AbbMeter()
    meter.status["ACTIVE_POWER_TOTAL"] = 0x18
    meter.status["POWER_FAIL_COUNTER"] = 0x15
    driver = meter.driver()
    found = {item.point: item for item in run_blocking(driver.read(["all"]))}
    assert found["instrument.CURRENT_L1"].value == Decimal("0.16")
    assert value_text(found["energy.ACTIVE_ENERGY_NET_TOTAL"].value) == "-50"
    assert (found["instrument.ACTIVE_POWER_TOTAL"].value, found["instrument.ACTIVE_POWER_TOTAL"].quality) == (
        None,
        Quality.INVALID,
    )
    assert found["clock.POWER_FAIL_COUNTER"].quality is Quality.MISSING
    assert found["ports.IO_CURRENT_OUTPUT_STATE"].value == 2
    meter._standard = lambda: [  # type: ignore[method-assign]
        record("04 / FD D9 FF 81", 166),
        record("8E 80 C0 40 / 84", 77),
    ]
    found = {item.point: item for item in run_blocking(driver.read(["all"]))}
    assert found["instrument.CURRENT_L1"].value == Decimal("0.166")
    assert value_text(found["energy.ACTIVE_ENERGY_NET_TOTAL"].value) == "770"


def test_harmonics_are_asked_for_separately() -> None:
    meter = AbbMeter()
    places = {0x81: "L1", 0x84: "N"}
    meter.lists["current_harmonics", None] = [
        record(f"02 / FF ED FF {place:02X} FF F8 {0x80 | order:02X}", 10 * order + 5, 0x15 if order == 16 else 0)
        for place in places
        for order in (0, *range(2, 17))
    ]
    driver = meter.driver()
    spectra = run_blocking(driver.harmonics("current"))
    assert [spectrum.place for spectrum in spectra] == ["L1", "N"]
    assert spectra[0].thd == Decimal("0.5")
    assert spectra[0].orders == (100, *(Decimal(10 * order + 5) / 10 for order in range(2, 16)), None)
    assert run_blocking(driver.harmonics("voltage")) == []  # the standard readout comes instead
    with pytest.raises(InvalidValue, match="of voltage or current"):
        run_blocking(driver.harmonics("power"))
    found = {item.point: item for item in run_blocking(driver.read(["harmonics", "THD_VOLTAGE_L1"]))}
    assert sorted(found) == [
        *("harmonics.HARMONICS_CURRENT_L1", "harmonics.HARMONICS_CURRENT_NEUTRAL"),
        *("harmonics.THD_CURRENT_L1", "harmonics.THD_CURRENT_NEUTRAL", "harmonics.THD_VOLTAGE_L1"),
    ]
    assert found["harmonics.HARMONICS_CURRENT_L1"].value == spectra[0].text
    assert spectra[0].text.startswith("100,2.5,3.5,") and spectra[0].text.endswith("15.5,")
    assert found["harmonics.THD_VOLTAGE_L1"].quality is Quality.MISSING
    assert not any(item.point.startswith("harmonics") for item in run_blocking(driver.read(["all"])))


def test_a_meter_that_sends_two_counters_is_no_abb_meter(vectors: Path) -> None:
    old = PlayedMeter([good_frame(vectors, "manual_frame2")], 5)
    driver = AbbMbusDriver(BusLink([old]).bus(), Address.parse("5"))
    with pytest.raises(ProtocolError, match="read it as mbus"):
        run_blocking(driver.read(["all"]))


def test_every_quantity_with_a_record_is_a_point_of_its_own() -> None:
    assert len(set(SENSES.values())) == len(SENSES)
    bound = {point.row.id for point in SENSES if point.row is not None}
    recorded = {row.id for row in ROWS.values() if row.record and row.type != "u16[16]"}
    thd = {point.row.id for point in POINTS["harmonics"] if point.row is not None}
    assert bound == recorded - thd - {154}
    assert find("146")[0].full_name == "clock.CLOCK"


def test_the_driver_is_what_both_buses_are() -> None:
    assert isinstance(AbbMeter().driver(), AbbDriver)
