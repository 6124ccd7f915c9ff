"""``v1/system_status``: identity, board flags and fatal errors, and the faults that set them (sections 7.8, 15.3)."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from typing import Any

import pytest

#: Table 1.2 and, from 8 on, the extension of 1.3.
MODELS = [
    f"{family}{letter}{size}"
    for family in ("404", "403")
    for letter in "RD"
    for size in ("1500", "0600", "0400", "0150")
]
#: The flags in the order of their bits (7.8).
BOARD_1 = "hw_test_ongoing flash_err mac_err flash_init_err udp_client_err meas_not_comm_err".split()
BOARD_2 = (
    "fram_init_err flash_init_err adconv_init_err display_init_err temp_i1_init_err temp_i2_init_err signature_err "
    "timer_irq_err fw_crc_err k_crc_err init_uncorrect_err temp_i1_err temp_i2_err adconv_err flash_err "
    "wiring_err osc_err fatal_err"
).split()
FATAL = [f"e_{number}" for number in range(1, 13)]
#: Fatal errors that come with a flag (15.3).
ALSO = {"fw_crc_err": "e_9", "k_crc_err": "e_2", "osc_err": "e_7", "fatal_err": "e_6"}
KEYS = (
    "meas_fw_rev meas_fw_cks pow_fw_rev pow_fw_cks serial_number model_code operative_status cable_res_locked "
    "system_status board_1_status board_1_status_bits board_2_status board_2_status_bits logged"
).split()


def fault(board: str, flag: str) -> str:
    return board + flag.replace("_", "-")


def flags(one: Any) -> tuple[set[str], set[str], set[str], int]:
    """Flags of both boards, fatal errors and ``system_status``; the masks are checked on the way."""
    shown = one.get("system_status")
    first, second = shown["board_1_status_bits"], dict(shown["board_2_status_bits"])
    fatal = second.pop("fatal_err_bits")
    assert (list(first), list(second), list(fatal)) == (BOARD_1, BOARD_2, FATAL)
    assert shown["board_1_status"] == sum(first[name] << bit for bit, name in enumerate(BOARD_1))
    assert shown["board_2_status"] == sum(second[name] << bit for bit, name in enumerate(BOARD_2))
    assert second["fatal_err"] == max(fatal.values())
    each = ({name for name, value in flags.items() if value} for flags in (first, second, fatal))
    return *each, shown["system_status"]  # type: ignore[return-value]


def last_readings(record: str) -> list[dict[str, Any]]:
    """Total import, total export and cycle energy of the moment of the record."""
    readings: list[dict[str, Any]] = json.loads(record.split("|")[1])["RD"][3:]
    return readings


def marks(record: str) -> tuple[str, set[str]]:
    """EF and ST of the readings of this moment."""
    return last_readings(record)[0]["EF"], {reading["ST"] for reading in last_readings(record)}


@pytest.mark.proves("D-011", "D-298")
@pytest.mark.parametrize(("number", "variant"), list(enumerate(MODELS)))
def test_every_model_has_its_number(bench: Callable[..., Any], number: int, variant: str) -> None:
    one = bench(variant)
    assert one.get("system_status")["model_code"] == number
    assert f'"MM":"DMED{variant}"' in one.begin()


@pytest.mark.proves("D-163", "D-166", "D-165", "D-164")
def test_a_sound_meter(bench: Callable[..., Any]) -> None:
    one = bench(serial="00000042")
    shown = one.get("system_status")
    assert list(shown) == KEYS
    assert flags(one) == (set(), set(), set(), 0)
    for key in ("meas_fw_cks", "pow_fw_cks"):
        assert re.fullmatch("[0-9A-F]{8}", shown[key])
    assert bytes.fromhex(shown["meas_fw_cks"]) == one.read(0x4004, 2)
    assert isinstance(shown["meas_fw_rev"], str) and isinstance(shown["pow_fw_rev"], str)
    assert (shown["serial_number"], shown["model_code"], shown["logged"]) == (42, 0, 0)
    assert shown["operative_status"] == "Ready" and shown["cable_res_locked"] == 0


@pytest.mark.proves("D-165")
@pytest.mark.parametrize(
    ("faults", "status"),
    [
        ((), 0), (("board2-timer-irq-err",), 1), (("board1-mac-err",), 10), (("board1-mac-err", "board2-osc-err"), 11),
        (("board1-hw-test-ongoing",), 22), (("board1-hw-test-ongoing", "board2-osc-err", "board1-mac-err"), 22),
        (("e-5",), 1),
        (("meas-board-silent",), 10), (("error-eeprom-read",), 0),
    ],
)  # fmt: skip
def test_system_status_sums_up_both_boards(bench: Callable[..., Any], faults: tuple[str, ...], status: int) -> None:
    one = bench(faults=faults)
    assert flags(one)[3] == status
    for name in faults:
        one.fault(name, False)
    assert flags(one)[3] == 0


@pytest.mark.proves("D-315")
@pytest.mark.parametrize("flag", BOARD_1)
def test_a_fault_of_board_1_is_its_flag(bench: Callable[..., Any], flag: str) -> None:
    one = bench()
    one.fault(fault("board1-", flag))
    assert flags(one) == ({flag}, set(), set(), 22 if flag == "hw_test_ongoing" else 10)
    assert marks(one.begin()) == ("", {"G"}) if flag != "meas_not_comm_err" else one.message() == 200
    one.fault(fault("board1-", flag), False)
    assert flags(one) == (set(), set(), set(), 0)


@pytest.mark.proves("D-315", "D-163")
@pytest.mark.parametrize("flag", BOARD_2)
def test_a_fault_of_board_2_is_its_flag(bench: Callable[..., Any], flag: str) -> None:
    one = bench()
    one.fault(fault("board2-", flag))
    expected = {flag, "fatal_err"} if flag in ALSO else {flag}
    assert flags(one) == (set(), expected, {ALSO[flag]} if flag in ALSO else set(), 1)
    one.fault(fault("board2-", flag), False)
    assert flags(one) == (set(), set(), set(), 0)


#: EF and ST of a record while the fault is in force (15.3).
MARKED = {
    **dict.fromkeys(
        ("fram_init_err", "flash_init_err", "timer_irq_err", "init_uncorrect_err", "flash_err"), ("", {"E"})
    ),
    **dict.fromkeys(
        ("display_init_err", "temp_i1_init_err", "temp_i1_err", "temp_i2_init_err", "temp_i2_err"), ("", {"E"})
    ),
    **dict.fromkeys(("adconv_init_err", "adconv_err", "k_crc_err", "wiring_err", "osc_err", "fatal_err"), ("E", {"E"})),
}


@pytest.mark.proves("D-315")
@pytest.mark.parametrize("flag", MARKED)
def test_records_tell_of_the_flag(bench: Callable[..., Any], flag: str) -> None:
    one = bench()
    assert marks(one.begin()) == ("", {"G"})
    one.fault(fault("board2-", flag))
    assert marks(one.signed("C")) == MARKED[flag]
    one.fault(fault("board2-", flag), False)
    assert marks(one.signed("E")) == ("", {"G"})


@pytest.mark.proves("D-315")
@pytest.mark.parametrize("flag", ["adconv_init_err", "adconv_err"])
def test_without_converter_nothing_is_measured(bench: Callable[..., Any], flag: str) -> None:
    one = bench(load="constant:36000", load_follows="always").wait(10)
    energy, sampled = one.get("measure")["energyPos"], one.raw("sample_time")
    one.fault(fault("board2-", flag))
    one.wait(10)
    shown = one.get("measure")
    assert (shown["voltage"], shown["current"], shown["power"], shown["energyPos"]) == (0, 0, 0, energy)
    assert [one.raw(name) for name in ("voltage_fast", "current_fast", "power_fast", "sample_time")] == [
        0,
        0,
        0,
        sampled,
    ]
    one.fault(fault("board2-", flag), False)
    assert one.wait(10).get("measure")["energyPos"] == energy + 100


@pytest.mark.proves("D-315", "D-317")
@pytest.mark.parametrize("sensor", [1, 2])
@pytest.mark.parametrize("kind", ["", "-init"])
def test_a_broken_sensor_has_no_temperature(bench: Callable[..., Any], kind: str, sensor: int) -> None:
    one = bench(faults=(f"board2-temp-i{sensor}{kind}-err",)).wait(1)
    shown = one.get("measure")
    for number in (1, 2):
        expected = (-32768, -32768) if number == sensor else (250, 770)
        assert (shown[f"temperature_i{number}"], shown[f"temperature_i{number}_fahrenheit"]) == expected
        assert one.read(0x0010 + 2 * number, 2) == struct.pack(">hh", *expected)


@pytest.mark.proves("D-315")
def test_display_and_signature_faults_act(bench: Callable[..., Any]) -> None:
    one = bench()
    one.fault("board2-display-init-err")
    assert one.meter.state()["display"] == {"on": False, "page": 1, "text": ""}
    one = bench()
    one.fault("board2-signature-err")
    assert one.message() == one.command("B") == 200
    one.wait(0.5)
    assert (one.measurement, one.errors, one.word) == (1, 1 << 15, 0x8012)


@pytest.mark.proves("D-315")
def test_a_stopped_system_takes_no_command(bench: Callable[..., Any]) -> None:
    one = bench()
    one.begin()
    one.fault("board2-fw-crc-err")
    for letter in "BCErX":
        assert one.command(letter) == 400
        assert one.refused(b"\x06\x42\x7f\x00" + letter.encode()) == 4
    assert one.errors == 0 and one.measurement == 2
    one.fault("board2-fw-crc-err", False)
    assert marks(one.signed("E")) == ("", {"G"})


@pytest.mark.proves("D-316", "D-163")
@pytest.mark.parametrize("error", FATAL)
def test_a_fatal_error_stops_the_next_cycle_but_not_this_one(bench: Callable[..., Any], error: str) -> None:
    name = error.replace("_", "-")
    one = bench()
    one.begin()
    one.fault(name)
    assert flags(one) == (set(), {"fatal_err"}, {error}, 1)
    event = one.get("logbook/events")["EVENT_LOG"]
    assert event.endswith(f'"event_code":"13","arguments":"{error}"}}')
    assert marks(one.signed("C")) == marks(one.signed("E")) == ("E", {"E"})
    assert one.message() == 200
    assert one.command("B") == 400 and one.refused("06 42 7F 42 00") == 4
    assert one.errors == 0 and one.measurement == 1
    one.signed("r")
    one.fault(name, False)
    assert flags(one) == (set(), set(), set(), 0)
    assert marks(one.signed("B")) == ("", {"G"})


@pytest.mark.proves("D-167", "D-320")
@pytest.mark.parametrize(
    ("variant", "wired"), [("404R0150", False), ("404D0150", True), ("403R1500", False), ("403D1500", True)]
)
@pytest.mark.parametrize("cause", ["wiring", "load"])
def test_negative_power_is_a_wiring_error_of_models_of_one_direction(
    bench: Callable[..., Any], cause: str, variant: str, wired: bool
) -> None:
    one = bench(variant, load="constant:-4000" if cause == "load" else "constant:4000", load_follows="always")
    if cause == "wiring":
        assert flags(one.wait(1)) == (set(), set(), set(), 0)
        one.fault("wiring")
    one.wait(1)
    assert one.get("measure")["power"] == -40
    assert flags(one) == (set(), {"wiring_err"} if wired else set(), set(), int(wired))
    one.control(operative="operating")
    expected = ({"wiring_err", "fatal_err"}, {"e_3"}) if wired else (set(), set())
    assert flags(one) == (set(), *expected, int(wired))
    one.control(load="none")
    assert flags(one) == (set(), set(), set(), 0)
