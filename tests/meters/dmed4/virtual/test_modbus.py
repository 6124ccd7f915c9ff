"""Functions, exceptions and node numbers of the Modbus side: sections 1.1, 2.2, 2.7 and 3."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from wattproof.model.codec.crc import crc16_modbus
from wattproof.wire.modbus.framing import Request, rtu
from wattproof.wire.modbus.framing import ascii as ascii_framing

Make = Callable[..., Any]
READ = "04 00 01 00 04"
LINES = {"rtu": rtu.frame, "ascii": ascii_framing.frame}
#: First and last register of every readable stretch of 4.3 to 4.5, as printed.
STRETCHES = (
    (0x0002, 0x0021), (0x0030, 0x0037), (0x0200, 0x020A), (0x020D, 0x020E), (0x0220, 0x0221), (0x4000, 0x4005),
    (0x4080, 0x4081), (0x4200, 0x4204), (0x4280, 0x4284), (0x4400, 0x48BF), (0x4A00, 0x4BFF), (0x5000, 0x5002),
)  # fmt: skip

# 1.1 and 3.4: function 0x11


@pytest.mark.proves("D-051", "D-052", "D-053", "D-298")
@pytest.mark.parametrize(
    ("size", "code"),
    [
        pytest.param("404{}1500", 0x4A, marks=pytest.mark.proves("D-001")),
        pytest.param("404{}0600", 0x48, marks=pytest.mark.proves("D-002")),
        pytest.param("404{}0400", 0x47, marks=pytest.mark.proves("D-003")),
        pytest.param("404{}0150", 0x46, marks=pytest.mark.proves("D-004")),
        pytest.param("403{}1500", 0x45, marks=pytest.mark.proves("D-005")),
        pytest.param("403{}0600", 0x43, marks=pytest.mark.proves("D-006")),
        pytest.param("403{}0400", 0x42, marks=pytest.mark.proves("D-007")),
        pytest.param("403{}0150", 0x41, marks=pytest.mark.proves("D-008")),
    ],
)
@pytest.mark.parametrize("letter", ["R", "D"])
def test_each_meter_shows_its_code(bench: Make, size: str, code: int, letter: str) -> None:
    variant = size.format(letter)
    meter = bench(variant)
    assert meter.ask("11") == bytes((0x11, 8, code, 0x05, 0x01, 0x03, 0x02, 0x07, 0x00, 0x00))
    meter.set_time().begin()
    assert f'"MM":"DMED{variant}"' in meter.get("ocmf")["OCMF_BUFF"]


@pytest.mark.proves("D-298", "D-011")
def test_each_meter_shows_its_number(bench: Make) -> None:
    sizes = ("1500", "0600", "0400", "0150")
    order = [f"{family}{letter}{size}" for family, letter, size in product(("404", "403"), "RD", sizes)]
    assert [bench(variant).get("system_status")["model_code"] for variant in order] == list(range(16))


@pytest.mark.proves("D-009", "D-010", "D-299")
@pytest.mark.parametrize(("variant", "code"), [("DC1", 0x0C), ("dc1", 0x0C), ("DC2", 0x0D)])
def test_displays_know_function_17_alone(bus: Make, bench: Make, variant: str, code: int) -> None:
    line = bus(variant)
    assert line.meter.execute(b"\x11", 0)[:3] == bytes((0x11, 8, code))
    for pdu in ("04 00 01 00 04", "03 41 FF 00 01", "06 42 83 00 78", "10 40 7F 00 02 04 00 00 00 01"):
        asked = bytes.fromhex(pdu)
        assert line.meter.execute(asked, 0) == bytes((asked[0] | 0x80, 2))
    assert line.meter.execute(b"\x01\0\1\0\1", 0) == b"\x81\x01"


@pytest.mark.proves("D-299")
@pytest.mark.parametrize(("channels", "serials"), [("1,2,3,4", "0123"), ("1,3", "02")])
def test_a_dc1_serves_its_channels(bench: Make, channels: str, serials: str) -> None:
    display = bench("DC1", serial="20000000", channels=channels)
    numbers = [int(part) for part in channels.split(",")]
    assert list(display.meter.channels) == numbers
    found = [display.http("GET", f"/v1/{number}/system_status") for number in (1, 2, 3, 4)]
    assert [answer.status for answer in found] == [200 if number in numbers else 404 for number in (1, 2, 3, 4)]
    shown = [answer.body for answer in found if answer.status == 200]
    assert [b'"serial_number":2000000%c,' % digit in body for digit, body in zip(serials.encode(), shown, strict=True)]
    assert all(b'"model_code":0,' in body for body in shown)


# 3.1: reading


@pytest.mark.proves("D-041", "D-071", "D-073")
def test_both_functions_read_the_same_registers(bench: Make) -> None:
    meter = bench(energy="1234.567", energy_export="7", load="constant:5000")
    meter.set_time().begin()
    meter.put(0x5000, 2)
    meter.put(0x5002, 1)
    meter.wait(2.5)
    for first, last in STRETCHES:
        whole = b"".join(meter.read(at, min(120, last + 1 - at), function=4) for at in range(first, last + 1, 120))
        for at in range(first, last + 1):
            assert meter.read(at, 1, function=3) == whole[2 * (at - first) : 2 * (at - first) + 2]
    assert meter.read(0x5004, 28, function=3) == meter.read(0x5004, 28, function=4)
    assert meter.read(0x0003, 2) == meter.read(0x0002, 4)[2:6]
    assert meter.read(0x4001, 2) == meter.read(0x4000, 4)[2:6]


@pytest.mark.proves("D-042", "D-043", "D-044")
@pytest.mark.parametrize("function", [3, 4])
@pytest.mark.parametrize("count", [0, 121, 125, 126, 0xFFFF])
def test_the_number_of_registers_is_limited(bench: Make, function: int, count: int) -> None:
    meter = bench()
    assert len(meter.read(0x4400, 120, function)) == 240
    assert meter.refused(struct.pack(">BHH", function, 0x43FF, count)) == 3
    assert meter.refused(struct.pack(">BHH", function, 0x0000, count)) == 3, "the count is judged before the address"


@pytest.mark.proves("D-057", "D-075")
@pytest.mark.parametrize("function", [3, 4])
def test_an_unassigned_register_anywhere_in_a_read(bench: Make, function: int) -> None:
    meter, lenient = bench(), bench(unassigned="zeros")
    assigned = {register for first, last in STRETCHES for register in range(first, last + 1)}
    assigned |= {0x2F03, 0x4F10, 0x4F11, *range(0x5004, 0x5020)}
    for first, last in STRETCHES:
        for start, count in ((first - 1, 2), (last, 2), (first - 1, 1), (last + 1, 1)):
            if not set(range(start, start + count)) <= assigned:
                pdu = struct.pack(">BHH", function, start - 1, count)
                assert meter.refused(pdu) == 2, hex(start)
                if not {0x2F03, 0x4F10, 0x4F11, 0x5004} & set(range(start, start + count)):
                    answer = lenient.ask(pdu)
                    assert answer is not None and len(answer) == 2 + 2 * count
                    for at in {start, start + count - 1} - assigned:
                        assert answer[2 + 2 * (at - start) : 4 + 2 * (at - start)] == b"\0\0"
    for made in (meter, lenient):
        assert made.refused(struct.pack(">BHH", function, 0xFFFF, 2)) == 2
        assert made.refused(struct.pack(">BHH", function, 0xFFFE, 100)) == 2
    assert lenient.ask(struct.pack(">BHH", function, 0xFFFF, 1)) == bytes((function, 2, 0, 0))


@pytest.mark.proves("D-059")
@pytest.mark.parametrize("function", [3, 4])
@pytest.mark.parametrize(("register", "count"), [(0x2F03, 1), (0x4F10, 1), (0x4F11, 1), (0x4F10, 2)])
def test_write_only_registers_are_not_read(bench: Make, function: int, register: int, count: int) -> None:
    for unassigned in ("error", "zeros"):
        assert bench(unassigned=unassigned).refused(struct.pack(">BHH", function, register - 1, count)) == 4


# 3.2, 3.3: writing


@pytest.mark.proves("D-045")
@pytest.mark.parametrize("value", [0, 15, 900, -900, -60])
def test_function_6_is_echoed(bench: Make, value: int) -> None:
    request = struct.pack(">BHh", 6, 0x4283, value)
    assert bench().ask(request) == request


@pytest.mark.proves("D-046", "D-047", "D-048", "D-049", "D-101")
@pytest.mark.parametrize(
    ("count", "given", "data", "code"),
    [
        (1, b"\x02", 2, 0), (120, b"\xf0", 240, 0), (1, b"", 2, 0), (120, b"", 240, 0), (121, b"\xf2", 242, 3),
        (121, b"", 242, 3), (0, b"\x00", 0, 3), (0, b"", 0, 3), (2, b"\x02", 4, 3), (2, b"\x06", 4, 3),
        (2, b"\x04", 2, 3), (2, b"\x04", 6, 3), (2, b"\x02", 2, 3), (1, b"\x03", 3, 3), (2, b"", 3, 3), (2, b"", 5, 3),
        (0xFFFF, b"\xfe", 240, 3),
    ],
)  # fmt: skip
def test_the_lengths_of_function_16(bench: Make, count: int, given: bytes, data: int, code: int) -> None:
    meter = bench()
    request = struct.pack(">BHH", 16, 0x49FF, count) + given + b"\xa5" * data
    if code:
        assert meter.refused(request) == code
        assert not any(meter.read(0x4A00, 120))
    else:
        assert meter.ask(request) == request[:5]
        assert meter.read(0x4A00, 120) == (b"\xa5" * data).ljust(240, b"\0")


# 3.5: exceptions and their order


@pytest.mark.proves("D-055", "D-056")
def test_every_other_function_is_unknown(bench: Make) -> None:
    meter = bench()
    for function in set(range(1, 0x80)) - {3, 4, 6, 16, 17}:
        for rest in (b"", b"\0\1\0\4", bytes(250)):
            assert meter.ask(bytes((function,)) + rest) == bytes((function | 0x80, 1))
    assert meter.refused("11 00") == 3


@pytest.mark.proves("D-058", "D-057", "D-060", "D-061", "D-062")
@pytest.mark.parametrize(
    ("state", "request_", "code"),
    [
        # length before address, address before access, access before value, value before state
        ("idle", "10 00 00 00 02 03 00 00", 3),
        ("idle", "04 00 00 00 79", 3),
        ("idle", "06 00 00 00 01", 2),
        ("idle", "10 42 84 00 02 04 00 01 00 01", 2),
        ("idle", "10 42 7F 00 04 08 42 00 00 00 00 00 00 00", 4),
        ("idle", "06 00 01 00 00", 4),
        ("idle", "06 41 FF 00 01", 4),
        ("idle", "06 45 FF 00 01", 4),
        ("idle", "10 42 7F 00 02 04 41 00 07 D0", 3),
        ("idle", "06 42 7F 42 42", 3),
        ("idle", "06 42 7F 00 00", 3),
        ("idle", "06 42 7F 41 00", 3),
        ("idle", "06 42 7F 43 00", 4),
        ("idle", "06 2F 02 00 04", 3),
        ("active", "06 42 7F 41 00", 3),
        ("active", "06 42 83 00 01", 3),
        ("active", "06 42 83 00 0F", 4),
        ("active", "06 42 80 00 00", 4),
        ("active", "06 42 80 04 01", 3),
        ("active", "06 49 FF 00 00", 4),
        ("active", "06 2F 02 00 05", 4),
        ("active", "06 2F 02 00 06", 3),
        ("active", "10 40 7F 00 02 04 00 00 00 00", 3),
        ("active", "10 40 7F 00 02 04 00 00 00 01", 4),
        ("signing", "06 42 7F 41 00", 3),
        ("signing", "06 42 7F 43 00", 6),
        ("signing", "06 42 7F 42 00", 6),
        ("signing", "06 42 7F 58 00", 6),
        ("signing", "06 42 80 00 00", 6),
        ("signing", "06 42 80 04 01", 3),
        ("signing", "06 49 FF 00 00", 6),
        ("signing", "10 40 7F 00 02 04 00 00 00 01", 6),
        ("signing", "10 40 7F 00 02 04 00 00 00 00", 3),
        ("signing", "06 2F 02 00 05", 4),
        ("ending", "06 42 7F 42 00", 6),
        ("ending", "10 49 FF 00 01 02 00 00", 6),
        ("ending", "10 40 7F 00 02 04 00 00 00 01", 6),
    ],
)  # fmt: skip
def test_the_first_objection_counts(bench: Make, state: str, request_: str, code: int) -> None:
    meter = bench().set_time()
    if state != "idle":
        meter.message()
        meter.command("B")
    if state in ("active", "ending"):
        meter.wait(1)
    if state == "ending":
        meter.command("E")
    before = meter.read(0x4200, 2), meter.read(0x4280, 5), meter.read(0x4080, 2), meter.read(0x4A00, 120)
    assert meter.refused(request_) == code
    after = meter.read(0x4200, 2), meter.read(0x4280, 5), meter.read(0x4080, 2), meter.read(0x4A00, 120)
    status = int.from_bytes(after[0], "big") & ~0x8000
    assert (status, *after[1:]) == (int.from_bytes(before[0], "big"), *before[1:])
    assert code != 6 or meter.errors == 0, "busy sets no error bit (8.3)"


# 2.2, 2.7: nodes


@pytest.mark.proves("D-017", "D-018", "D-022", "D-301")
@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_wrong_checks_and_other_nodes_are_silent(bus: Make, framing: str) -> None:
    line = bus(unit=8)
    make = LINES[framing]
    right = make(8, bytes.fromhex(READ))
    assert line.send(right, framing)
    for node in (1, 2, 7, 9, 247, 255):
        assert line.send(make(node, bytes.fromhex(READ)), framing) == ""
    for at in range(1, len(right) - 2):
        damaged = bytearray(right)
        damaged[at] ^= 1
        assert line.send(bytes(damaged), framing, seconds=0.1) == "", at
        assert line.send(right, framing)


@pytest.mark.proves("D-035", "D-036", "D-037", "D-063", "D-301")
@pytest.mark.parametrize("framing", ["rtu", "ascii"])
@pytest.mark.parametrize(
    ("pdu", "done"),
    [
        ("06 42 83 00 78", True),
        ("06 42 83 00 01", False),  # an exception, if anybody asked
        ("06 00 01 00 00", False),
        ("06 00 00 00 00", False),
        ("10 42 83 00 01 02 00 78", False),
        ("10 42 83 00 01 00 78", False),
        ("03 42 83 00 01", False),
        ("04 42 83 00 01", False),
        ("11", False),
        ("01 00 00 00 01", False),
    ],
)
def test_node_0_on_a_line(bus: Make, framing: str, pdu: str, done: bool) -> None:
    line = bus()
    assert line.send(LINES[framing](0, bytes.fromhex(pdu)), framing) == ""
    assert line.registers(0x4284) == (b"\x00\x78" if done else b"\0\0")
    assert line.registers(0x4000, 4) == bytes(8)
    assert line.send(LINES[framing](1, b"\x11"), framing) != ""


@pytest.mark.proves("D-112", "D-113", "D-063")
def test_a_save_by_broadcast_reboots_without_an_answer(bus: Make) -> None:
    line = bus()
    assert line.send("00 06 2F 02 00 05 E1 0C") == ""
    assert line.meter.silent
    line.timers.run(6)
    assert line.send("01 11 C0 2C") != ""


@pytest.mark.proves("D-038", "D-039", "D-300")
@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
def test_every_node_is_answered_on_the_network(bus: Make, framing: str) -> None:
    line = bus(unit=8)
    wire = line.wire(framing, network=True)
    for node in (0, 1, 7, 8, 9, 247, 248, 255):
        for pdu in (b"\x11", bytes.fromhex(READ), bytes.fromhex("06 42 83 00 0F"), bytes.fromhex("06 42 83 00 01")):
            wire.ask(pdu, unit=node, transaction=node + 1)
            line.timers.run(0.2)
            data = wire.answers[-1]
            answer = line.meter.execute(pdu, line.runtime.advance())
            assert data == wire.framer.encode(Request(node, b"", node + 1), answer)
    assert len(wire.answers) == 32


@pytest.mark.proves("D-063")
def test_a_broadcast_reaches_every_meter_of_a_line(bus: Make, bench: Make) -> None:
    line = bus(unit=1)
    more = [bench(unit=unit, serial=str(unit), answer_delay="0") for unit in (2, 3)]
    shared = type(line)(line.benches[0], *more)
    frame = rtu.frame(0, bytes.fromhex("06 42 83 00 78"))
    assert shared.send(frame) == ""
    for runtime in shared.runtimes:
        assert runtime.meter.execute(bytes.fromhex("04 42 83 00 01"), runtime.advance()) == b"\x04\x02\x00\x78"
    for unit in (3, 1, 2):
        assert shared.send(rtu.frame(unit, b"\x11")).startswith(f"{unit:02X} 11 08 4A")


@pytest.mark.proves("D-301", "D-304")
@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_in_the_gateway_role_the_line_is_silent_and_the_network_answers_for_itself(bus: Make, framing: str) -> None:
    line = bus(P05_05="1", unit=8)
    for node in (0, 8, 9):
        assert line.send(LINES[framing](node, bytes.fromhex("06 42 83 00 78")), framing) == ""
    assert line.registers(0x4284) == b"\0\0"
    network = line.wire("tcp")
    for node in (0, 8, 255):
        network.ask(bytes.fromhex(READ), unit=node)
    line.timers.run(0.1)
    assert [answer[6:9] for answer in network.answers] == [bytes((node, 4, 8)) for node in (0, 8, 255)]


@pytest.mark.proves("D-016", "D-014")
def test_answers_carry_a_right_check_low_byte_first(bus: Make) -> None:
    answer = bytes.fromhex(bus(energy="1").send("01 04 00 01 00 04 A0 09"))
    assert crc16_modbus(answer[:-2]) == int.from_bytes(answer[-2:], "little")
    assert answer[3:11] == (1000).to_bytes(8, "big")
