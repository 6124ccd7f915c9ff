"""What goes wrong between the meter and its wires, on each framing: section 15.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wattproof.model.codec.crc import crc16_modbus
from wattproof.wire.modbus.framing import Request

Make = Callable[..., Any]
FRAMINGS = ("tcp", "rtu", "ascii")
OFFSET = bytes.fromhex("06 42 83 00 78")
READ = bytes.fromhex("04 00 01 00 04")


class Broken:
    """A meter with one bus fault on one framing, and a wire without any to compare with."""

    def __init__(self, make: Make, framing: str, name: str, value: object = True) -> None:
        self.bus = make(energy="1234.567", seed=5)
        self.framing = framing
        self.bus.runtime.patch({}, {name: value})
        self.wire = self.bus.wire(framing)

    def right(self, pdu: bytes, answer: bytes, unit: int = 1, transaction: int = 1) -> bytes:
        return bytes(self.wire.framer.encode(Request(unit, pdu, transaction), answer))

    def ask(self, pdu: bytes = READ, seconds: float = 0.3) -> bytes:
        """Everything that comes back."""
        return bytes(self.wire.exchange(self.right(pdu, pdu), seconds))

    @property
    def offset(self) -> int:
        """Whether the write of the offset was executed."""
        return int.from_bytes(self.bus.registers(0x4284), "big")


ANSWER = bytes.fromhex("04 08 00 00 00 00 00 12 D6 87")


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("name", "executed"), [("drop", 0), ("drop-answer", 120), ("disconnect", 120)])
def test_lost_requests_and_lost_answers(bus: Make, framing: str, name: str, executed: int) -> None:
    broken = Broken(bus, framing, name, 100)
    assert broken.ask(OFFSET) == b"" and broken.offset == executed
    assert broken.wire.closed == (name == "disconnect")
    never = Broken(bus, framing, name, 0)
    assert never.ask() == never.right(READ, ANSWER)


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_a_line_has_no_connection_to_close(bus: Make, framing: str) -> None:
    from tests.wires import Wire

    broken = Broken(bus, framing, "disconnect", 100)
    broken.wire = Wire(broken.bus.timers, broken.bus.runtime, framing=framing, connection=False)
    assert broken.ask() == broken.right(READ, ANSWER)


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_late_answers(bus: Make, framing: str) -> None:
    broken = Broken(bus, framing, "late", 2.5)
    assert broken.ask(seconds=2.4) == b""
    broken.bus.timers.run(0.2)
    assert broken.wire.answers == [broken.right(READ, ANSWER)]


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_garbled_answers(bus: Make, framing: str) -> None:
    broken = Broken(bus, framing, "garble", 100)
    right = broken.right(READ, ANSWER)
    places = set()
    for _ in range(60):
        found = broken.ask()
        differs = [at for at in range(len(right)) if found[at] != right[at]]
        assert len(found) == len(right) and len(differs) == 1
        assert (found[differs[0]] ^ right[differs[0]]).bit_count() == 1
        places.add(differs[0])
    assert len(places) > 5 and (framing != "tcp" or min(places) >= 7), "with MBAP only in the PDU"


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_truncated_answers(bus: Make, framing: str) -> None:
    broken = Broken(bus, framing, "truncate", 100)
    right = broken.right(READ, ANSWER)
    found = [broken.ask() for _ in range(30)]
    assert all(0 < len(one) < len(right) and right.startswith(one) for one in found)
    assert len({len(one) for one in found}) > 4


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_answers_of_a_wrong_node(bus: Make, framing: str) -> None:
    assert (broken := Broken(bus, framing, "wrong-node")).ask() == broken.right(READ, ANSWER, unit=2)


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_answers_of_a_wrong_transaction(bus: Make, framing: str) -> None:
    broken = Broken(bus, framing, "wrong-transaction")
    assert broken.ask() == broken.right(READ, ANSWER, transaction=2 if framing == "tcp" else 1)


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("code", [1, 4, 11])
def test_every_request_gets_the_same_exception(bus: Make, framing: str, code: int) -> None:
    broken = Broken(bus, framing, "exception", code)
    for pdu in (READ, OFFSET, b"\x11"):
        assert broken.ask(pdu) == broken.right(pdu, bytes((pdu[0] | 0x80, code)))
    assert broken.offset == 0, "it is not executed"


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", ["line-noise", "foreign-traffic", "echo", "collision"])
def test_what_only_a_line_can_do(bus: Make, framing: str, name: str) -> None:
    broken = Broken(bus, framing, name, 100 if name in ("line-noise", "foreign-traffic") else True)
    right, found = broken.right(READ, ANSWER), broken.ask()
    if framing == "tcp":
        assert found == right
    elif name == "collision":
        assert found != right and len(found) == len(right)
        assert all(one & other == one for one, other in zip(found, right, strict=True))
    else:
        before = found.removesuffix(right)
        assert before and found.endswith(right)
        if name == "echo":
            assert before == broken.right(READ, READ)
        elif name == "line-noise":
            assert 1 <= len(before) <= 8
        elif framing == "rtu":
            assert before[0] != 1 and crc16_modbus(before[:8]) == 0 == crc16_modbus(before[8:])
        else:
            assert before.count(b":") == 2 and before[1:3] != b"01"


@pytest.mark.proves("D-327")
@pytest.mark.parametrize("name", ["drop", "garble", "line-noise"])
def test_chance_is_that_of_the_seed(bus: Make, name: str) -> None:
    one, other = (Broken(bus, "rtu", name, 50) for _ in range(2))
    found = [one.ask() for _ in range(40)]
    assert found == [other.ask() for _ in range(40)]
    assert 5 < sum(answer == one.right(READ, ANSWER) for answer in found) < 35
