"""The parameter menu: chosen, read, staged, saved, and what a reboot makes of it; sections 4.5, 4.10 and 5."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.io.settings import SerialSettings
from wattproof.meters.dmed4.parameters import PARAMETERS, Parameter

Make = Callable[..., Any]
#: The parameters that 7.12 gives a range or an enumeration: values that are taken, values that are not.
LIMITS = {
    **dict.fromkeys(("P02_01", "P02_02", "P02_03", "P02_04", "P02_05", "P03_01", "P04_06"), ((0, 1), (2, 65535))),
    **dict.fromkeys(("P04_05", "P05_05", "P05_10", "P05_11", "P06_01"), ((0, 1), (2, 65535))),
    "P04_01": ((1, 8, 247), (0, 248, 0xFFFF)),
    "P04_02": (tuple(range(8)), (8, 0xFFFF)),
    "P04_03": (tuple(range(5)), (5,)),
    "P04_04": ((1, 2), (0, 3)),
    "P01_01": ((0, 0xFFFF), ()),
    "P03_02": ((0, 0xFFFF), ()),
    "P06_02": ((0, 0xFFFF), ()),
}


def choose(meter: Any, id: str) -> None:
    assert meter.put(0x5000, int(id[1:3])) is not None
    assert meter.put(0x5002, int(id[4:6])) is not None


@pytest.mark.proves("D-112", "D-113", "D-119", "D-065")
def test_the_manuals_example(bus: Make) -> None:
    line = bus()
    for frame in ("01 06 4F FF 00 02 2E EF", "01 06 50 01 00 01 08 CA", "01 06 50 03 00 01 A9 0A"):
        assert line.send(frame) == frame
    assert line.meter.active["P02_01"] == 0, "staged alone"
    assert line.send("01 06 2F 02 00 05 E0 DD") == ""
    for _ in range(4):
        assert line.send("01 04 41 FF 00 02 55 C7", seconds=1) == ""
    line.timers.run(0.9)
    assert line.send("01 04 41 FF 00 02 55 C7") == "01 04 04 00 00 00 01 3A 44", "status 0 for half a second"
    line.timers.run(0.5)
    assert line.send("01 04 41 FF 00 02 55 C7") == "01 04 04 00 01 00 00 AA 44"
    assert line.meter.state()["parameters"]["P02_01"] == 1
    assert line.registers(0x5000, 3) == bytes(6), "nothing is chosen any more"
    events = [event for event in line.meter.logbook.events if event.code == 4]
    assert [event.arguments for event in events] == ["P02_01"]


@pytest.mark.proves("D-119")
def test_the_silence_after_a_save_can_be_left_out(bus: Make) -> None:
    line = bus(reboot_delay="0", init_delay="0")
    assert line.send("01 06 2F 02 00 05 E0 DD") == ""
    assert line.send("01 04 41 FF 00 02 55 C7") == "01 04 04 00 01 00 00 AA 44"


@pytest.mark.proves("D-114")
@pytest.mark.parametrize("restart", ["supply", "reboot"])
def test_a_value_that_is_not_saved_is_lost(bench: Make, restart: str) -> None:
    meter = bench()
    choose(meter, "P04_02")
    assert meter.put(0x5004, 7) is not None
    assert meter.read(0x5004) == b"\0\7"
    if restart == "supply":
        meter.power_cycle()
    else:
        meter.fault("reboot")
        meter.wait(10)
    choose(meter, "P04_02")
    assert meter.read(0x5004) == b"\0\3"
    assert meter.put(0x2F03, 5) is None
    choose(meter.wait(10), "P04_02")
    assert meter.read(0x5004) == b"\0\3"


@pytest.mark.proves("D-115")
def test_a_new_menu_resets_the_choice_below_it(bench: Make) -> None:
    meter = bench()
    for register, value in ((0x5000, 4), (0x5001, 9), (0x5002, 3)):
        meter.put(register, value)
    assert struct.unpack(">3H", meter.read(0x5000, 3)) == (4, 9, 3)
    meter.put(0x5001, 8)
    assert struct.unpack(">3H", meter.read(0x5000, 3)) == (4, 8, 3)
    meter.put(0x5000, 4)
    assert struct.unpack(">3H", meter.read(0x5000, 3)) == (4, 0, 0)


@pytest.mark.proves("D-060")
@pytest.mark.parametrize("register", [0x5000, 0x5001, 0x5002])
def test_menu_numbers_end_at_99(bench: Make, register: int) -> None:
    meter = bench()
    for value, code in ((0, 0), (99, 0), (100, 3), (0xFFFF, 3)):
        assert (meter.put(register, value) == b"\x86\x03") == bool(code)


@pytest.mark.proves("D-116")
@pytest.mark.parametrize("choice", [(0, 0, 0), (1, 0, 2), (2, 1, 1), (3, 0, 0), (7, 0, 1), (99, 99, 99)])
def test_a_parameter_that_does_not_exist_is_chosen_and_not_read(bench: Make, choice: tuple[int, int, int]) -> None:
    meter = bench()
    for register, value in zip((0x5000, 0x5001, 0x5002), choice, strict=True):
        assert meter.put(register, value) == struct.pack(">BHH", 6, register - 1, value)
    assert struct.unpack(">3H", meter.read(0x5000, 3)) == choice
    for pdu in ("04 50 03 00 01", "03 50 03 00 1C", "06 50 03 00 01", "10 50 03 00 01 02 00 01", "04 50 04 00 01"):
        assert meter.refused(pdu) == 4


@pytest.mark.proves("D-117", "D-013")
@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.id)
def test_every_parameter_is_read_with_zeros_behind_it(bench: Make, row: Parameter) -> None:
    meter = bench()
    choose(meter, row.id)
    words = 2 if row.id in ("P05_01", "P05_02", "P05_03", "P05_04", "P05_06", "P05_07", "P05_08", "P05_09") else 1
    default = {"P05_03": 0xC0A80101, "P03_02": 2000, "P05_04": 4294967040}.get(row.id, meter.meter.active[row.id])
    assert meter.read(0x5004, 28) == default.to_bytes(2 * words, "big").ljust(56, b"\0")
    assert meter.refused("04 50 03 00 1D") == 2, "28 words, not 29"


@pytest.mark.proves("D-060", "D-195")
@pytest.mark.parametrize("id", LIMITS)
def test_the_limits_of_a_parameter(bench: Make, id: str) -> None:
    meter = bench()
    choose(meter, id)
    right, wrong = LIMITS[id]
    for value in right:
        assert meter.put(0x5004, value) == struct.pack(">BHH", 6, 0x5003, value)
        assert meter.put_many(0x5004, struct.pack(">H", value) + bytes(54)) == bytes.fromhex("10 50 03 00 1C")
        assert meter.read(0x5004) == struct.pack(">H", value)
    for value in wrong:
        assert meter.put(0x5004, value) == b"\x86\x03"
    assert meter.put_many(0x5004, struct.pack(">HH", right[0], 1)) == b"\x90\x03", "a word too many"
    assert meter.read(0x5004) == struct.pack(">H", right[-1])


@pytest.mark.proves("D-117", "D-013")
def test_an_address_has_two_words(bench: Make) -> None:
    meter = bench()
    choose(meter, "P05_03")
    assert meter.read(0x5004, 2) == bytes((192, 168, 1, 1))
    assert meter.put_many(0x5004, bytes((10, 0, 7, 250))) is not None
    assert meter.read(0x5004, 3) == bytes((10, 0, 7, 250, 0, 0))
    assert meter.put(0x5005, 0x0809) is not None
    meter.put(0x2F03, 5)
    assert meter.wait(10).meter.active["P05_03"] == 0x0A000809


@pytest.mark.proves("D-118", "D-062")
@pytest.mark.parametrize("state", ["operating", "charging", "interrupted"])
def test_locked_parameters_are_read_and_neither_written_nor_saved(bench: Make, state: str) -> None:
    meter = bench(commissioned="yes") if state == "operating" else bench()
    if state != "operating":
        meter.begin()
    if state == "interrupted":
        meter.power_cycle()
        assert meter.measurement == 3
    choose(meter, "P02_01")
    assert meter.read(0x5004) == bytes(2)
    assert meter.put(0x5004, 1) == b"\x86\x04"
    assert meter.put(0x5004, 2) == b"\x86\x03"
    assert meter.put_many(0x5004, b"\0\1") == b"\x90\x04"
    assert meter.put(0x2F03, 5) == b"\x86\x04"
    assert meter.read(0x5004) == bytes(2) and not meter.meter.silent
    assert meter.errors == 0, "locked parameters are no error of the cycle"


@pytest.mark.proves("D-111")
@pytest.mark.parametrize("value", [0, 1, 4, 6, 0x0500, 0xFFFF])
def test_only_5_saves(bench: Make, value: int) -> None:
    meter = bench()
    assert meter.put(0x2F03, value) == b"\x86\x03"
    assert meter.put_many(0x2F03, struct.pack(">H", value)) == b"\x90\x03"
    assert not meter.meter.silent


@pytest.mark.proves("D-113", "D-196")
def test_a_save_of_what_does_not_go_together_is_refused(bench: Make) -> None:
    meter = bench()
    choose(meter, "P04_03")
    assert meter.put(0x5004, 4) is not None
    assert meter.put(0x2F03, 5) == b"\x86\x03"
    choose(meter, "P04_05")
    assert meter.put(0x5004, 1) is not None
    assert meter.put_many(0x2F03, b"\0\5") is None
    assert meter.wait(10).meter.active["P04_03"] == 4
    assert meter.meter.own_line == ("ascii", SerialSettings(9600, "E", 7, 1))


@pytest.mark.proves("D-305")
@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_a_new_node_number_counts_after_the_reboot(bus: Make, framing: str) -> None:
    line = bus(unit=8)
    wire = line.wire(framing)
    for pdu in ("06 4F FF 00 04", "06 50 01 00 01", "06 50 03 00 09"):
        wire.ask(bytes.fromhex(pdu), unit=8)
        line.timers.run(0.1)
    assert len(wire.answers) == 3, "the old number until then"
    wire.ask(bytes.fromhex("06 2F 02 00 05"), unit=8)
    line.timers.run(10)
    for unit in (8, 9):
        wire.ask(b"\x11", unit=unit)
        line.timers.run(0.1)
    assert len(wire.answers) == 4
    assert line.send("00 01 00 00 00 02 08 11", "tcp") != "", "the network answers every number"


@pytest.mark.proves("D-305", "D-306", "D-300", "D-301", "D-302")
@pytest.mark.parametrize(
    ("listen", "settings", "unit", "expected"),
    [
        ((), {}, None, {"P04_01": 1, "P04_02": 3, "P04_03": 0, "P04_04": 1, "P04_05": 0, "P05_10": 1, "P05_11": 0}),
        (("tcp://127.0.0.1:0",), {}, 9, {"P05_10": 1, "P04_01": 9}),
        (("tcp://127.0.0.1:0?framing=rtu",), {}, None, {"P05_10": 0}),
        (("rtu://127.0.0.1:0",), {}, None, {"P04_05": 0, "P05_10": 1}),
        (("ascii://127.0.0.1:0",), {}, None, {"P04_05": 1}),
        (("ascii://127.0.0.1:0", "rtu://127.0.0.1:0"), {}, None, {"P04_05": 1}),
        (("rtu://127.0.0.1:0", "ascii://127.0.0.1:0"), {}, None, {"P04_05": 0}),
        (("pty:///tmp/x?protocol=ascii&baudrate=38400",), {}, None, {"P04_05": 1, "P04_02": 5}),
        (("rtu:///dev/ttyUSB0?baudrate=1200",), {}, None, {"P04_05": 0, "P04_02": 0}),
        (("http://127.0.0.1:0",), {}, None, {"P05_11": 0}),
        (("https://127.0.0.1:0",), {}, None, {"P05_11": 1}),
        (("https://127.0.0.1:0", "http://127.0.0.1:0"), {}, None, {"P05_11": 0}),
        (("tcp://127.0.0.1:0?framing=rtu", "ascii://127.0.0.1:0", "https://127.0.0.1:0"),
         {"P05_10": "TCP", "P04_05": "0", "P05_11": "OFF", "P04_01": "7"}, 9,
         {"P05_10": 1, "P04_05": 0, "P05_11": 0, "P04_01": 7}),
    ],
)  # fmt: skip
def test_what_a_listener_sets_at_first_and_what_wins_over_it(
    bench: Make, listen: tuple[str, ...], settings: dict[str, str], unit: int | None, expected: dict[str, int]
) -> None:
    meter = bench(listen=listen, unit=unit, **settings)
    assert {id: meter.meter.active[id] for id in expected} == expected
    other = bench(P04_05="1", P05_10="0", P05_11="1", P04_02="7", unit=5)
    after = bench(listen=listen, unit=unit, state=other.meter.checkpoint(), **settings)
    assert after.meter.active == other.meter.active, "what is stored wins"
