"""The manual's frames and the reference frames, byte for byte in RTU, ASCII and MBAP: sections 2, 3.6 and 3.7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wattproof.model.codec.crc import crc16_modbus, lrc
from wattproof.wire.modbus.framing import Request

Make = Callable[..., Any]


def intact(frame: str) -> bool:
    return crc16_modbus(bytes.fromhex(frame)) == 0


@pytest.mark.proves("D-030", "D-031")
def test_the_crc_of_the_worked_example() -> None:
    assert crc16_modbus(b"\x02") == 0x813E
    assert crc16_modbus(b"\x02\x07") == 0x1241
    assert crc16_modbus(b"\x02\x07").to_bytes(2, "little") == bytes.fromhex("41 12")


@pytest.mark.proves("D-032", "D-033", "D-034", "D-020")
def test_the_lrc_of_the_worked_example_and_not_the_printed_one(bus: Make) -> None:
    assert lrc(bytes.fromhex("01 04 00 00 08")) == lrc(bytes.fromhex("01 04 00 00 00 08")) == 0xF3
    line = bus()
    assert line.send(":010400000008F3\r\n", "ascii") == ":01840279\r\n"  # 0001h is unassigned
    assert line.send(":010400000008F5\r\n", "ascii") == ""


@pytest.mark.proves("D-065")
@pytest.mark.parametrize(
    "frame",
    [
        "08 06 00 01 00 04 D9 50", "01 06 4F FF 00 02 2E EF", "01 06 50 01 00 01 08 CA", "01 06 50 03 00 01 A9 0A",
        "01 06 2F 02 00 05 E0 DD",
    ],
)  # fmt: skip
def test_the_printed_frames_have_right_checks(frame: str) -> None:
    assert intact(frame)


@pytest.mark.proves("D-064")
def test_the_printed_query_writes_and_is_refused(bus: Make) -> None:
    line = bus(unit=8, energy="1234.567")
    before = bytes(line.meter.registers.data)
    assert line.send("08 06 00 01 00 04 D9 50") == "08 86 04 93 A1"
    assert line.registers(0x0002, 4) == (1234567).to_bytes(8, "big")
    assert bytes(line.meter.registers.data[:64]) == before[:64]


#: Purpose, unit, request, answer ("" for none) of 3.6 and 3.7 over RTU.
RTU = [
    ("right request of 3.6", 8, "08 03 00 01 00 04 15 50", "08 03 08 00 00 00 00 00 12 D6 87"),
    ("total imported energy", 8, "08 04 00 01 00 04 A0 90", "08 04 08 00 00 00 00 00 12 D6 87 B4 96"),
    ("exception 02 to 0x04", 8, "08 04 00 00 00 01 31 53", "08 84 02 12 C3"),
    ("exception 01 to function 0x01", 8, "08 01 00 01 00 04 6C 90", "08 81 01 51 92"),
    ("121 registers", 1, "01 04 43 FF 00 79 14 5C", "01 84 03 03 01"),
    ("slave id", 8, "08 11 C6 7C", "08 11 08 4A 05 01 03 02 07 00 00 3F F3"),
    ("set time", 1, "01 10 40 7F 00 02 04 65 16 72 FA DE E3", "01 10 40 7F 00 02 65 D0"),
    ("offset +120 min", 1, "01 06 42 83 00 78 6C 78", "01 06 42 83 00 78 6C 78"),
    ("offset -60 min", 1, "01 06 42 83 FF C4 2C 39", "01 06 42 83 FF C4 2C 39"),
    ("command B, not allowed", 1, "01 06 42 7F 42 00 9C CA", "01 86 04 43 A3"),
    ("command B in the low byte, not allowed", 1, "01 06 42 7F 00 42 2C 5B", "01 86 04 43 A3"),
    ("command X", 1, "01 06 42 7F 58 00 97 AA", "01 06 42 7F 58 00 97 AA"),
    ("display off", 1, "01 06 4F 0F 00 00 AF 1D", "01 06 4F 0F 00 00 AF 1D"),
    ("display on", 1, "01 06 4F 0F 00 01 6E DD", "01 06 4F 0F 00 01 6E DD"),
    ("display page 3", 1, "01 06 4F 10 00 03 DE DA", "01 06 4F 10 00 03 DE DA"),
    ("submenu 0", 1, "01 06 50 00 00 00 98 CA", "01 06 50 00 00 00 98 CA"),
    ("value without parameter", 1, "01 04 50 03 00 01 D0 CA", "01 84 04 42 C3"),
    ("save by broadcast", 1, "00 06 2F 02 00 05 E1 0C", ""),
]


@pytest.mark.proves("D-066", "D-070", "D-043", "D-051", "D-052", "D-094", "D-045", "D-046", "D-099", "D-100", "D-056")
@pytest.mark.parametrize(("unit", "request_", "answer"), [row[1:] for row in RTU], ids=[row[0] for row in RTU])
def test_reference_frames(bus: Make, unit: int, request_: str, answer: str) -> None:
    assert intact(request_)
    found = bus(unit=unit, energy="1234.567").send(request_)
    assert found == answer or (found.startswith(answer) and answer and intact(found) and len(found) == len(answer) + 6)


@pytest.mark.proves("D-042", "D-071")
@pytest.mark.parametrize(
    ("request_", "count"),
    [
        ("01 04 43 FF 00 78 D5 9C", 120),
        ("01 04 41 FF 00 05 14 05", 5),
        ("01 04 01 FF 00 08 C0 00", 8),
        ("01 03 45 FF 00 20 61 2E", 32),
    ],
)
def test_reference_reads_are_answered_with_as_many_registers(bus: Make, request_: str, count: int) -> None:
    answer = bytes.fromhex(bus().send(request_))
    assert answer[2] == 2 * count and len(answer) == 5 + 2 * count and crc16_modbus(answer) == 0


@pytest.mark.proves("D-202")
@pytest.mark.parametrize("word", ["01 06 42 7F 42 00 9C CA", "01 06 42 7F 00 42 2C 5B"])
def test_command_b_in_either_byte(bus: Make, word: str) -> None:
    line = bus()
    assert line.benches[0].message() == 200
    assert line.send(word) == word
    assert line.registers(0x4200) == b"\x00\x02"
    assert line.registers(0x4280).hex(" ").upper() == word[12:17]


@pytest.mark.proves("D-067", "D-019", "D-021", "D-022", "D-023")
def test_ascii_frames(bus: Make) -> None:
    line = bus(unit=8, energy="1234.567")
    answer = ":080408000000000012D6877D\r\n"
    assert line.send(":080400010004EF\r\n", "ascii") == answer
    assert line.send(":0811E7\r\n", "ascii").startswith(":0811084A05010302070000")
    assert line.send(":080400010004ef\r\n", "ascii") == answer
    assert line.send(":080400000001F3\r\n", "ascii") == ":08840272\r\n"
    for silent in (":080400010004EE\r\n", ":08040001000EF\r\n", ":0804000100G4EF\r\n", ":090400010004EE\r\n"):
        assert line.send(silent, "ascii") == ""
    assert line.send(":08040001:080400010004EF\r\n", "ascii") == answer
    assert line.send(":0804", "ascii", seconds=3) == ""  # no time constraint between characters
    assert line.send("00010004EF\r\n", "ascii") == answer
    assert line.send(":0804", "ascii") == "" and line.send(":080400010004EF\r\n", "ascii") == answer


@pytest.mark.proves("D-068", "D-024", "D-025", "D-026")
def test_tcp_frames(bus: Make) -> None:
    line = bus(unit=8, energy="1234.567")
    data = "04 08 00 00 00 00 00 12 D6 87"
    assert line.send("00 01 00 00 00 06 08 04 00 01 00 04", "tcp") == f"00 01 00 00 00 0B 08 {data}"
    assert line.send("AB CD 00 00 00 06 63 04 00 01 00 04", "tcp") == f"AB CD 00 00 00 0B 63 {data}"
    assert line.send("00 02 00 00 00 02 08 11", "tcp") == "00 02 00 00 00 0B 08 11 08 4A 05 01 03 02 07 00 00"


@pytest.mark.proves("D-069", "D-080")
def test_negative_power_on_the_wire(bus: Make) -> None:
    line = bus(load="constant:-12345", load_follows="always")
    line.timers.run(1)
    assert line.registers(0x000E, 4).hex(" ").upper() == "FF FF FF FF FF FF CF C7"
    assert line.registers(0x0204, 4).hex(" ").upper() == "FF FF FF FF FF FF CF C7"


@pytest.mark.proves("D-047")
@pytest.mark.parametrize("framing", ["rtu", "ascii", "tcp"])
@pytest.mark.parametrize("value", ["65 16 72 FA", "00 00 00 07", "04 00 00 07", "FF FF FF FF"])
def test_function_16_without_byte_count_on_every_framing(bus: Make, framing: str, value: str) -> None:
    line = bus()
    wire = line.wire(framing)
    wire.ask(bytes.fromhex("10 40 7F 00 02" + value), unit=1)
    line.timers.run(0.2)
    assert wire.answers == [wire.framer.encode(Request(1, b"", 1), bytes.fromhex("10 40 7F 00 02"))]
    assert line.registers(0x4080, 2) == bytes.fromhex(value)
