"""A server on a disturbed line answers the first valid request after every disturbance.

The first five rows are those at which other servers were measured; the rest are what a line does besides.
"""

from __future__ import annotations

import random
from collections.abc import Container

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.wire.modbus.framing import Request, rtu
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

UNIT = 42
POLL = read_request(3, 40_000, 10)
FRAME = rtu.frame(UNIT, POLL)
WRITE = rtu.frame(UNIT, write_multiple_request(40_000, bytes(range(246))))
FOREIGN_REQUEST = rtu.frame(5, read_request(3, 0, 20))
FOREIGN_ANSWER = rtu.frame(5, bytes((3, 40)) + bytes(range(40, 80)))
FOREIGN_WRITE = rtu.frame(5, write_multiple_request(0, bytes(range(246))))

DISTURBANCES = {
    "one noise byte": b"\x91",
    "truncated request": FRAME[:5],
    "request with bad CRC": FRAME[:-1] + bytes((FRAME[-1] ^ 0x10,)),
    "cut function-16 header that claims 246 bytes": WRITE[:7],
    "another unit's request and response": FOREIGN_REQUEST + FOREIGN_ANSWER,
    "noise that is our unit": b"\x2a",
    "noise that is a broadcast": b"\x00",
    "noise that begins another unit's answer": b"\x05\x03",
    "truncated write": WRITE[:200],
    "another unit's answer alone": FOREIGN_ANSWER,
    "another unit's answer, cut": FOREIGN_ANSWER[:20],
    "another unit's longest write": FOREIGN_WRITE + rtu.frame(5, FOREIGN_WRITE[1:6]),
    "another unit's write, cut behind its header": FOREIGN_WRITE[:8],
    "another unit's exception": FOREIGN_REQUEST + rtu.frame(5, b"\x83\x02"),
    "another unit's function of unknown form": rtu.frame(5, b"\x41\x01\x02\x03"),
    "another unit's traffic with bad CRC": FOREIGN_REQUEST + FOREIGN_ANSWER[:-1] + b"\x00",
    "noise before another unit's traffic": b"\xf8" + FOREIGN_REQUEST + FOREIGN_ANSWER,
    "a request that lacks its last byte": FRAME[:-1],
    "three headers, each of them cut": WRITE[:7] * 3,
    "a full frame of zeros": bytes(256),
    "a full frame of our unit": b"\x2a" * 256,
    "more headers than a buffer holds": WRITE[:7] * 60,
    "an answer with our own unit": rtu.frame(UNIT, b"\x03\x14" + bytes(range(20))),
}


def answers(framer: rtu.ServerFramer, data: bytes, size: int, gaps: bool) -> list[Request]:
    found = [request for at in range(0, len(data), size) for request in framer.receive(data[at : at + size])]
    return [request for request in found + (framer.gap() if gaps else []) if request.unit == UNIT]


@pytest.mark.proves("B-003")
@pytest.mark.parametrize("gaps", [True, False], ids=["with gaps", "without gaps"])
@pytest.mark.parametrize("size", [1, 3, 16, 10_000])
@pytest.mark.parametrize("units", [frozenset({UNIT}), None], ids=["one unit", "any unit"])
@pytest.mark.parametrize("name", DISTURBANCES)
def test_the_first_valid_request_is_answered(name: str, units: Container[int] | None, size: int, gaps: bool) -> None:
    framer = rtu.ServerFramer(units)
    assert answers(framer, DISTURBANCES[name], size, gaps) == []
    for _ in range(3):
        assert answers(framer, FRAME, size, gaps) == [Request(UNIT, POLL)]
    assert answers(framer, WRITE, size, gaps) == [Request(UNIT, WRITE[1:-2])]


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("first", DISTURBANCES)
@pytest.mark.parametrize("second", DISTURBANCES)
def test_disturbances_after_each_other_leave_nothing_behind(first: str, second: str, size: int) -> None:
    framer = rtu.ServerFramer({UNIT})
    assert answers(framer, DISTURBANCES[first] + DISTURBANCES[second] + FRAME, size, False) == [Request(UNIT, POLL)]


@pytest.mark.parametrize("split", range(1, len(FRAME)))
def test_a_silence_inside_a_request_does_not_lose_it(split: int) -> None:
    framer = rtu.ServerFramer({UNIT})
    assert framer.receive(FRAME[:split]) == []
    assert framer.gap() == []
    assert framer.receive(FRAME[split:]) == [Request(UNIT, POLL)]


@given(st.binary(max_size=300), st.integers(1, 40), st.booleans())
def test_after_any_noise_the_next_request_is_answered_and_the_buffer_is_bounded(
    noise: bytes, size: int, gaps: bool
) -> None:
    framer = rtu.ServerFramer({UNIT})
    answers(framer, noise, size, gaps)
    assert len(framer._buffer) <= rtu.LONGEST
    assert len(framer._since) <= rtu.LONGEST + 1
    assert answers(framer, FRAME, size, gaps)[-1:] == [Request(UNIT, POLL)]


@pytest.mark.parametrize("size", [1, 256])
@pytest.mark.parametrize("units", [frozenset({UNIT}), frozenset(range(40, 60))], ids=["one unit", "twenty units"])
def test_noise_is_not_taken_for_requests(units: Container[int], size: int) -> None:
    noise = random.Random(1).randbytes(30_000)
    framer = rtu.ServerFramer(units)
    assert answers(framer, noise, size, False) == []


#: Functions whose length the table does not know, and requests longer or shorter than their function says.
ODD = [b"\x41\x01\x02", b"\x64", b"\x07", b"\x08\0\0\0\0"]
WRONG_LENGTH = [b"\x03\x9c\x40\0\x0a\xff", b"\x03\x9c\x40", b"\x10\x9c\x40\0\x01\x02\0", b"\x06\0"]


@pytest.mark.parametrize("gaps", [True, False])
@pytest.mark.parametrize("pdu", ODD, ids=lambda pdu: pdu.hex())
def test_functions_of_unknown_form_are_handed_over_to_be_refused(pdu: bytes, gaps: bool) -> None:
    framer = rtu.ServerFramer({UNIT})
    assert answers(framer, rtu.frame(UNIT, pdu), 10_000, gaps) == [Request(UNIT, pdu)]
    assert answers(framer, FRAME, 1, gaps) == [Request(UNIT, POLL)]


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("pdu", WRONG_LENGTH + ODD, ids=lambda pdu: pdu.hex())
def test_between_two_silences_any_length_is_handed_over_to_be_refused(pdu: bytes, size: int) -> None:
    framer = rtu.ServerFramer({UNIT})
    framer.receive(b"\x99")
    framer.gap()
    assert answers(framer, rtu.frame(UNIT, pdu), size, True) == [Request(UNIT, pdu)]
    assert framer.gap() == []
    assert answers(framer, rtu.frame(9, pdu), size, True) == []
    assert answers(framer, FRAME, size, True) == [Request(UNIT, POLL)]
