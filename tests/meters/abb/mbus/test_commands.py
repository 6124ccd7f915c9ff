"""Writing to ABB meters over M-Bus: what is acknowledged is not yet done (abb-meters.md 1.15, AD-10, 2.13, 2.15)."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.meters.abb.mbus.bench import CLOCK, AbbMeter, demand, record
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import InvalidValue, ReadOnly, ResponseTimeout, UnknownName
from wattproof.meters.abb.driver import Cause, MeterRefused, cause_of
from wattproof.meters.abb.mbus.settings import RESETS, SETTINGS, is_protected, password
from wattproof.meters.abb.rights import WRITINGS
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.requests import Request

DENIED = "received READ_WRITE_DENIED response from COSEM"

WRITES: list[tuple[dict[str, object], list[Request], str]] = [
    ({"TARIFF_ACTIVE": "2"}, [Request("set_tariff", 2)], "TARIFF_ACTIVE"),
    ({"nrg_conversion_factor_co2": "0.432"}, [Request("set_co2_factor", 432)], "NRG_CONVERSION_FACTOR_CO2"),
    ({"83": Decimal("999999")}, [Request("set_currency_factor", 999999000)], "NRG_CONVERSION_FACTOR_CURR"),
    ({"TRAFO_CT_RATIO_NUMERATOR": 100}, [Request("set_ratio", 100, "ct_primary")], "TRAFO_CT_RATIO_NUMERATOR"),
    (
        {"clock.CLOCK": "2024-12-31T23:59:58+01:00"},
        [Request("set_date_time", Moment(2024, 12, 31, 23, 59, 58))],
        "CLOCK",
    ),
    ({"ports.OUTPUT_STATE_1": True}, [Request("set_output", 1, 1)], ""),
    ({"IO_CURRENT_OUTPUT_STATE": 1}, [Request("set_output", int(port == 1), port) for port in (1, 2, 3, 4)], ""),
]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return run_blocking(work)


@pytest.mark.parametrize(("values", "requests", "name"), WRITES, ids=[next(iter(row[0])) for row in WRITES])
def test_a_value_is_sent_and_read_back(values: dict[str, object], requests: list[Request], name: str) -> None:
    meter = AbbMeter()
    driver = meter.driver()
    run(driver.write(values))
    assert meter.done == requests
    if name:
        (written,) = run(driver.read(list(values)))
        assert written.value is not None


@pytest.mark.proves("A-182")
@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize(
    "values", [{"TRAFO_CT_RATIO_NUMERATOR": 100}, {"CLOCK": "2030-01-01T00:00:00"}], ids=["ratio", "clock"]
)
def test_a_protected_value_of_a_closed_meter_is_denied(level: int, values: dict[str, object]) -> None:
    meter = AbbMeter()
    meter.level = level
    driver = meter.driver(secret="wrong")
    name = next(iter(values)).replace("CLOCK", "clock.CLOCK")
    with pytest.raises(MeterRefused) as caught:
        run(driver.write({name: next(iter(values.values()))}))
    assert str(caught.value).startswith(DENIED)
    assert f"{name} is " in str(caught.value).replace("device.", "")
    assert cause_of(caught.value) is Cause.READ_WRITE_DENIED and caught.value.exit_code == 1
    assert meter.done == []


@pytest.mark.proves("A-182")
def test_an_unprotected_value_that_does_not_change_is_denied_too() -> None:
    meter = AbbMeter()
    meter.registers["TARIFF_ACTIVE"] = 1
    meter.execute = lambda records: None  # type: ignore[method-assign]  # acknowledges everything
    with pytest.raises(MeterRefused, match=f"^{DENIED}: .*tariffs.TARIFF_ACTIVE is 1, not 3; another setting"):
        run(meter.driver().write({"TARIFF_ACTIVE": 3}))


def test_a_password_opens_a_meter_right_before_the_command() -> None:
    meter = AbbMeter()
    meter.level = 2
    driver = meter.driver(secret="secret")
    run(driver.write({"TRAFO_CT_RATIO_NUMERATOR": 5, "TARIFF_ACTIVE": 4}))
    assert [request.name for request in meter.asked] == ["send_password", "set_ratio", "set_tariff"]
    assert driver.obeyed is True


@pytest.mark.proves("A-183")
def test_a_meter_that_falls_silent_stops_a_composite_write_and_is_named_with_what_was_done() -> None:
    meter = AbbMeter()
    driver = meter.driver()
    sent = driver.command

    async def command(*requests: Request) -> None:
        meter.mute = requests[0].name == "set_co2_factor"
        await sent(*requests)

    driver.command = command  # type: ignore[method-assign]
    values = {"TARIFF_ACTIVE": 2, "NRG_CONVERSION_FACTOR_CO2": 1, "NRG_CONVERSION_FACTOR_CURR": 1}
    with pytest.raises(ResponseTimeout) as caught:
        run(driver.write(values))
    assert str(caught.value).startswith("conversion.NRG_CONVERSION_FACTOR_CO2 was being written: mbus://test")
    assert str(caught.value).endswith("written before: tariffs.TARIFF_ACTIVE")
    assert [request.name for request in meter.asked] == ["set_tariff"]


@pytest.mark.proves("A-183")
def test_a_refusal_stops_a_composite_write_and_says_what_was_done() -> None:
    meter = AbbMeter()
    meter.level = 1
    with pytest.raises(MeterRefused, match=r"written before: tariffs.TARIFF_ACTIVE$") as caught:
        run(meter.driver().write({"TARIFF_ACTIVE": 2, "143": 3, "NRG_CONVERSION_FACTOR_CO2": 1}))
    assert caught.value.done == ("tariffs.TARIFF_ACTIVE",)
    assert caught.value.cause is Cause.OBJECT_UNDEFINED  # it has no voltage transformers at all
    assert [request.name for request in meter.asked] == ["set_tariff", "set_ratio"]


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"TARIFF_ACTIVE": 5}, InvalidValue, "TARIFF_ACTIVE is a whole number from 1 to 4, not 5"),
        ({"TARIFF_ACTIVE": "x"}, InvalidValue, "is a number"),
        ({"TARIFF_ACTIVE": "1.5"}, InvalidValue, "whole number"),
        ({"TARIFF_ACTIVE": "NaN"}, InvalidValue, "finite"),
        ({"TRAFO_CT_RATIO_NUMERATOR": 0}, InvalidValue, "from 1 to 999999"),
        ({"NRG_CONVERSION_FACTOR_CO2": "0.0001"}, InvalidValue, "three decimal places"),
        ({"NRG_CONVERSION_FACTOR_CO2": "-1"}, InvalidValue, "from 0"),
        ({"clock.CLOCK": "yesterday"}, InvalidValue, "a date and time such as"),
        ({"clock.CLOCK": "1999-12-31T00:00:00"}, InvalidValue, "between the years 2000 and 2099"),
        ({"VOLTAGE_L1": 1}, ReadOnly, "instrument.VOLTAGE_L1 cannot be written over M-Bus; these can: tariffs.TARIFF"),
        ({"TARIFF_INPUT_CONFIG": 1}, ReadOnly, "cannot be written over M-Bus"),
        ({"energy": 1}, ReadOnly, "group of 52 points"),
        ({"NONSENSE": 1}, UnknownName, "no point 'NONSENSE'"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    values: dict[str, object], error: type[Exception], words: str
) -> None:
    driver = AbbMeter().driver()
    with pytest.raises(error, match=words):
        run(driver.write({"TARIFF_ACTIVE": 1} | values))
    assert driver.bus.line.statistics.requests == 0


def test_what_no_telegram_shows_is_sent_and_said_to_be_unconfirmed() -> None:
    meter = AbbMeter()
    driver = meter.driver()
    run(driver.write({"TARIFF_SOURCE": 1}))
    assert meter.done == [Request("set_tariff_source", 1)]
    assert driver.warnings[0].startswith("tariffs.TARIFF_SOURCE: acknowledged, but the meter has no record")


RECORDED = {
    "PREVIOUS_VALUES": ("previous_values", None),
    "DEMAND": ("demand", None),
    "LOAD_PROFILE_CH_1": ("load_profile_channel", 1),
    "SYSTEM_LOG": ("log", "system"),
    "EVENT_LOG": ("log", "event"),
    "NET_QUALITY_LOG": ("log", "net_quality"),
}


def filled() -> AbbMeter:
    """A meter that has something of all that can be reset."""
    meter = AbbMeter()
    stored = [record("01 / FD A5", 15), record("4E / ED EB", Moment.of(CLOCK)), record("4E / 84", 5)]
    log = {"system": "FF F9 B3", "event": "FF F9 B7", "net_quality": "FF F9 B5"}
    meter.lists |= {
        ("previous_values", None): stored,
        ("demand", None): demand(2),
        ("load_profile_channel", 1): stored,
        **{
            ("log", name): [
                record("01 / FD A5", 15),
                *(record(f"02 / {vib}", 1008), record("0E / ED B9", Moment.of(CLOCK)), record("04 / A0", 7)),
            ]
            for name, vib in log.items()
        },
    }
    return meter


PRESENT = ["RSTREG_ACT_ENERGY_IMP", "IO_INPUT_CUMULATION_3", "IO_STORED_INPUT_STATE_3", "POWER_FAIL_COUNTER",
           "POWER_OUTAGE_TIME", *RECORDED]  # fmt: skip


@pytest.mark.parametrize("name", PRESENT)
def test_what_is_reset_is_looked_at(name: str) -> None:
    meter = filled()
    run(meter.driver().reset(name))
    assert meter.done == [RESETS[name].request]


@pytest.mark.proves("A-182")
@pytest.mark.parametrize("name", [name for name in PRESENT if RESETS[name].request.form.protected])
def test_a_reset_that_a_closed_meter_acknowledges_is_denied(name: str) -> None:
    meter = filled()
    meter.level = 1
    driver = meter.driver()
    with pytest.raises(MeterRefused, match=f"^{DENIED}.*{name} is as before; open its write access"):
        run(driver.reset(name.lower()))
    assert driver.obeyed is False


def test_resets_that_there_are_not() -> None:
    driver = AbbMeter().driver()
    with pytest.raises(UnknownName, match="known: RSTREG_ACT_ENERGY_IMP"):
        run(driver.reset("ACTIVE_ENERGY_IMPORT_TOTAL"))
    with pytest.raises(MeterRefused, match="OBJECT_UNDEFINED"):
        run(driver.reset("IO_INPUT_CUMULATION_1"))
    assert set(driver.resettable) == {WRITINGS[id].name for id in range(201, 221)}


def test_a_demand_period_is_closed_or_the_meter_has_refused() -> None:
    meter = filled()
    meter.lists["demand", None] = demand(1)
    run(meter.driver().freeze_demand())
    assert meter.done == [Request("freeze_demand")]
    meter.level = 1
    with pytest.raises(MeterRefused, match="the demand period goes on"):
        run(meter.driver().freeze_demand())
    with pytest.raises(MeterRefused, match=r"OBJECT_UNDEFINED.*measures no demand"):
        run(AbbMeter().driver().freeze_demand())


def test_the_clock_and_the_date() -> None:
    meter = AbbMeter()
    driver = meter.driver()
    run(driver.set_clock(datetime.fromisoformat("2025-03-01T08:00:00")))
    time = run(driver.read_clock()).time
    assert timedelta(0) <= time - datetime.fromisoformat("2025-03-01T08:00:00") < timedelta(minutes=1)
    run(driver.set_date(date(2025, 4, 2)))
    assert run(driver.read_clock()).time.date() == date(2025, 4, 2)
    meter.level = 1
    with pytest.raises(MeterRefused, match=r"the date is 2025-04-02"):
        run(driver.set_date(date(2026, 1, 1)))


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_the_mode_of_record_status(mode: int) -> None:
    meter = AbbMeter()
    meter.status["TARIFF_ACTIVE"] = 0x18
    driver = meter.driver()
    run(driver.set_status_mode(mode))
    assert meter.mode == mode
    found = {item.point: item.value for item in run(driver.read(["ACTIVE_ENERGY_IMPORT_TOTAL", "OUTPUT_STATE_2"]))}
    assert found == {"energy.ACTIVE_ENERGY_IMPORT_TOTAL": 39130, "ports.OUTPUT_STATE_2": 1}


def test_another_primary_address() -> None:
    meter = AbbMeter()
    other = AbbMeter(meter.link, address=9)
    other.identity = type(other.identity)("00000001", 0x0442, 0x20, 2)
    driver = meter.driver()
    run(driver.set_address(7))
    assert (meter.address, str(driver.address)) == (7, "7")
    assert len(run(driver.read(["energy"]))) == 2
    with pytest.raises(InvalidValue, match="0 to 250"):
        run(driver.set_address(253))


def test_rate_password_access_level_and_reset_are_sent() -> None:
    meter = AbbMeter()
    driver = meter.driver(secret=b"secret\0\0")
    run(driver.set_password("0011223344556677"))
    assert [request.name for request in meter.asked] == ["send_password", "set_password"]
    assert meter.password == bytes.fromhex("0011223344556677")
    run(driver.set_write_access(2))
    assert (meter.level, driver.warnings[0].partition(":")[0]) == (2, "the write access level")
    run(driver.write({"TRAFO_CT_RATIO_NUMERATOR": 3}))  # with the new password
    run(driver.application_reset())
    with pytest.raises(InvalidValue, match="no rate of 1000"):
        run(driver.set_baudrate(1000))


@pytest.mark.proves("A-016")
def test_another_bit_rate_is_acknowledged_at_the_old_one_and_forgotten_without_traffic() -> None:
    meter = AbbMeter()
    driver = meter.driver()
    run(driver.set_baudrate(9600))  # acknowledged while the line is still at 2400 bit/s
    assert meter.slave.rate == 9600
    meter.slave.advance(meter.link.clock.now() + 29 * 10**9)
    assert meter.slave.rate == 9600
    meter.link.clock.advance(31)
    meter.slave.advance(meter.link.clock.now())
    assert meter.slave.rate == 2400


def test_passwords_have_eight_bytes() -> None:
    assert password("abc") == b"abc\0\0\0\0\0"
    assert password("0102030405060708") == bytes(range(1, 9))
    for wrong in ("123456789", "x" * 16, b"short"):
        with pytest.raises(InvalidValue) as caught:
            password(wrong)
        assert str(wrong) not in str(caught.value)


def test_rights_follow_the_readout_the_commands_and_the_access_seen() -> None:
    meter = AbbMeter()
    driver = meter.driver()
    rights = run(driver.rights())
    assert rights.role == "Configure" and len(rights.flags) == 241
    readable = {id for id in range(1, 201) if id in rights}
    assert readable == {1, 13, 51 + 2, 55 + 2, 70, 83, 84, 96, 138, 139, 141, 142, 146, 151, 152, 154, 171, 175, 189}
    assert {id for id in range(201, 242) if id in rights} == {*range(201, 221), 230, 231, 236, 237, 239}
    meter.level = 1
    with pytest.raises(MeterRefused):
        run(driver.write({"TRAFO_CT_RATIO_NUMERATOR": 9}))
    rights = run(driver.rights())
    assert rights.role == "View Only"
    assert {id for id in range(201, 242) if id in rights} == {*range(205, 215), 230, 231, 236, 239}


def test_the_tables_agree_with_the_rights_list() -> None:
    for id, writing in WRITINGS.items():
        assert (is_protected(id) is not None) == bool(writing.record), writing.name
    assert is_protected(145) is None
    assert {name for name, setting in SETTINGS.items() if setting.protected} == {
        *(f"device.TRAFO_{kind}_RATIO_{part}" for kind in ("CT", "VT") for part in ("NUMERATOR", "DENOMINATOR")),
        *("clock.CLOCK", "tariffs.TARIFF_SOURCE"),
    }
