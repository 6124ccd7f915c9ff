"""Errors that faults set, and parts of the meter that they break: sections 8.5, 15.2 and 15.3."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.meters.dmed4.virtual.shown import dwords, flag, page, readings

Make = Callable[..., Any]
EPOCH = 1695970042
JSON_OK, SIGNING, OK, FAILED, ERROR = 2, 4, 8, 0x10, 0x8000
ERRORS = {
    "error-json-syntax": (1 << 0, 0), "error-json-not-full-packet": (1 << 1, 0), "error-json-sequence": (1 << 2, 0),
    "error-json-value": (1 << 3, 0), "error-elliptic-curve-init": (1 << 9, 0), "error-pubkey-init": (1 << 10, 0),
    "error-privkey-init": (1 << 11, 0), "error-generation-key-pair": (1 << 12, 0),
    "error-ecdsa-sign-struct-init": (1 << 13, 0), "error-sha-failed": (1 << 14, 0), "error-ecdsa-sign": (1 << 15, 0),
    "error-ecdsa-verify-sign": (1 << 16, 0), "error-eeprom-read": (0, 1), "error-dmed-comm": (0, 2),
    "error-dmed-frame": (0, 4),
}  # fmt: skip
INIT = [name for name, (first, _) in ERRORS.items() if first & 0x1E00]
SIGNING_FAILS = [name for name, (first, second) in ERRORS.items() if first & 0x1FE00 or second]

# 15.2


@pytest.mark.proves("D-313", "D-107", "D-106", "D-224", "D-092")
@pytest.mark.parametrize("name", ERRORS)
def test_an_error_lasts_as_long_as_its_cause_and_then_until_x(bench: Make, name: str) -> None:
    meter = bench()
    meter.fault(name)
    assert dwords(meter) == ERRORS[name]
    assert meter.word & 0xFF80 == ERROR
    status = meter.get("charge_status")
    assert (status["error_status_1"], status["error_status_2"]) == ERRORS[name]
    assert meter.meter.logbook.events[-1].text.endswith(
        '"event_code":"9","arguments":"{:08X};{:08X}"}}'.format(*ERRORS[name])
    )
    assert meter.put(0x4280, 0x5800) is not None
    assert dwords(meter) == ERRORS[name] and meter.word & ERROR
    meter.power_cycle()
    assert dwords(meter) == ERRORS[name], "nor does a restart clear it"
    meter.fault(name, False)
    assert dwords(meter) == ERRORS[name], "the bit stays"
    assert meter.put(0x4280, 0x5800) is not None
    assert dwords(meter) == (0, 0) and not meter.word & ERROR
    assert meter.wait(1).measurement == 1


@pytest.mark.proves("D-313", "D-230")
@pytest.mark.parametrize("name", ["error-json-syntax", "error-json-not-full-packet", "error-json-value"])
def test_json_faults_refuse_every_message(bench: Make, name: str) -> None:
    meter = bench()
    assert meter.message() == 200
    meter.fault(name)
    assert meter.message() == 400 and not meter.word & JSON_OK
    assert meter.put(0x4A00, 0x7B7D) is not None
    assert meter.put(0x4281, 2) == bytes.fromhex("06 42 80 00 02"), "acknowledged over Modbus"
    assert not meter.word & JSON_OK and dwords(meter) == ERRORS[name]
    meter.fault(name, False)
    assert dwords(meter) == ERRORS[name]
    assert meter.put(0x4281, 2) is not None
    assert dwords(meter) == (0, 0) and meter.word == JSON_OK, "the next valid message clears it"


@pytest.mark.proves("D-313")
def test_the_sequence_fault_refuses_every_command_but_x(bench: Make) -> None:
    meter = bench()
    meter.begin()
    meter.fault("error-json-sequence")
    for letter in "BCEr":
        assert meter.put(0x4280, ord(letter) << 8) == b"\x86\x04"
        assert meter.command(letter) == 400
    assert meter.measurement == 2
    meter.fault("error-json-sequence", False)
    assert meter.signed("E")


@pytest.mark.proves("D-314", "D-218", "D-105")
@pytest.mark.parametrize("name", INIT)
@pytest.mark.parametrize("when", ["start", "idle", "power-up"])
def test_initialisation_faults_keep_status_0(bench: Make, name: str, when: str) -> None:
    meter = bench(faults=(name,)) if when == "start" else bench()
    if when == "idle":
        meter.fault(name)
    if when == "power-up":
        meter.fault(name, when="power-up")
        meter.power_cycle()
    assert (meter.wait(1).measurement, meter.word) == (0, 0x8001)
    assert meter.message() == 200, "a message may come before the keys are ready"
    for letter in "BCEr":
        assert meter.put(0x4280, ord(letter) << 8) == b"\x86\x04"
    key = meter.read(0x4600, 32)
    assert any(key) == (name not in ("error-pubkey-init", "error-generation-key-pair"))
    assert meter.get("charge_settings")["public_key"] == key.hex().upper()
    meter.fault(name, False)
    assert meter.put(0x4280, 0x5800) is not None
    assert (meter.wait(1).measurement, meter.word & 1) == (1, 0)
    assert any(meter.read(0x4600, 32))


@pytest.mark.proves("D-313")
@pytest.mark.parametrize("name", SIGNING_FAILS)
def test_crypto_errors_fail_every_signing_until_x_clears_a_cause_that_is_gone(bench: Make, name: str) -> None:
    meter = bench()
    assert page(meter.begin()) == "T1"
    meter.fault(name)
    for _ in range(2):
        assert meter.put(0x4280, 0x4300) is not None
        meter.wait(0.3)
        assert meter.word & (OK | FAILED) == FAILED and meter.measurement == 2
    assert flag(meter, "signature_err") == 1
    meter.fault(name, False)
    meter.command("C")
    assert meter.wait(1).word & FAILED, "the bit still stands"
    meter.command("X")
    assert not meter.word & (FAILED | ERROR) and flag(meter, "signature_err") == 0
    assert page(meter.signed("C")) == "T2"


@pytest.mark.proves("D-314")
@pytest.mark.parametrize("name", INIT)
def test_an_initialisation_fault_while_the_last_record_is_signed(bench: Make, name: str) -> None:
    meter = bench()
    meter.begin()
    meter.command("E")
    meter.fault(name)
    meter.wait(1)
    assert (meter.measurement, meter.word & 1) == (0, 1)
    assert meter.word & (SIGNING | OK | FAILED) == FAILED


@pytest.mark.proves("D-313", "D-098")
def test_without_its_eeprom_the_parameters_read_their_defaults(bench: Make) -> None:
    meter = bench(P04_02="7", P06_01="1", P06_02="5")
    meter.fault("error-eeprom-read")
    for menu, number, value in ((4, 2, 3), (6, 1, 0), (6, 2, 1440)):
        meter.put(0x5000, menu), meter.put(0x5002, number)
        assert int.from_bytes(meter.read(0x5004), "big") == value
    assert struct.unpack(">HH", meter.read(0x4282, 2)) == (0, 1440)
    charge = meter.get("charge_settings")
    assert (charge["signature_format"], charge["sync_timeout"]) == (0, 1440)
    assert meter.meter.state()["parameters"]["P04_02"] == 3
    meter.fault("error-eeprom-read", False)
    assert int.from_bytes(meter.read(0x5004), "big") == 5


# 15.3: sensors


@pytest.mark.proves("D-317")
@pytest.mark.parametrize("sensor", [1, 2])
@pytest.mark.parametrize("kind", ["", "init-"])
def test_a_broken_sensor_has_no_value(bench: Make, sensor: int, kind: str) -> None:
    meter = bench()
    meter.fault(f"board2-temp-i{sensor}-{kind}err")
    broken, whole = b"\x80\x00\x80\x00", bytes.fromhex("00 FA 03 02")
    assert meter.wait(1).read(0x0012, 4) == (broken + whole if sensor == 1 else whole + broken)
    assert [meter.get("measure")[f"temperature_i{sensor}{unit}"] for unit in ("", "_fahrenheit")] == [-32768, -32768]
    assert {found["ST"] for found in readings(meter.begin())} == {"E"}
    meter.fault(f"board2-temp-i{sensor}-{kind}err", False)
    assert meter.wait(1).read(0x0012, 4) == whole + whole


@pytest.mark.proves("D-087", "D-088")
@pytest.mark.parametrize("name", ["board2-adconv-err", "board2-adconv-init-err"])
def test_without_a_converter_nothing_is_measured(bench: Make, name: str) -> None:
    meter = bench(load="constant:36000", load_follows="always").set_time()
    meter.wait(10)
    energy, sampled = meter.raw("energy_import_total"), meter.raw("sample_time")
    meter.fault(name)
    meter.wait(100)
    assert struct.unpack(">IIq", meter.read(0x000A, 8)) == struct.unpack(">IIq", meter.read(0x0200, 8)) == (0, 0, 0)
    assert (meter.raw("energy_import_total"), meter.raw("sample_time")) == (energy, sampled)
    found = readings(meter.begin())
    assert (found[0]["EF"], found[3]["ST"]) == ("E", "E")
    meter.fault(name, False)
    meter.wait(10.5)
    assert meter.raw("energy_import_total") == energy + 105 and meter.raw("voltage") == 40000
