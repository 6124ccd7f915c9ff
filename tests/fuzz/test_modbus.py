"""Arbitrary bytes into everything of Modbus that reads bytes: nothing raises, hangs or grows."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue, ModbusRefused
from wattproof.wire.modbus.framing import FRAMINGS, Request, Response, framing, rtu
from wattproof.wire.modbus.framing import ascii as ascii_framing
from wattproof.wire.modbus.pdu import check_response, decode_request, decode_response, request_size, response_size

#: Bytes that look like Modbus more often than chance would have it.
LIVELY = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from([b"\x2a", b"\x03", b"\x10", b"\x17", b"\x00", b"\xff", b":", b"\r\n", b"2A03", b"\x00\x06"]),
        max_size=80,
    ).map(b"".join),
    st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=253)).map(lambda parts: rtu.frame(*parts)),
    st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=253)).map(lambda parts: ascii_framing.frame(*parts)),
)
STREAMS = st.lists(LIVELY, max_size=12)
ASKED = st.sampled_from([b"\x03\0\0\0\x0a", b"\x01\0\0\0\x0a", b"\x06\0\0\0\x0a", b"\x11", b"\x2b\x0e\x01\0", b"\x41"])


@settings(max_examples=200)
@pytest.mark.parametrize("name", FRAMINGS)
@given(stream=STREAMS, gaps=st.booleans())
def test_servers_take_anything(name: str, stream: list[bytes], gaps: bool) -> None:
    server = framing(name).server()
    for chunk in stream:
        for request in server.receive(chunk) + (server.gap() if gaps else []):
            assert 0 <= request.unit <= 255
            assert 1 <= len(request.pdu) <= 253


@settings(max_examples=200)
@pytest.mark.parametrize("name", FRAMINGS)
@given(stream=STREAMS, asked=ASKED)
def test_clients_take_anything(name: str, stream: list[bytes], asked: bytes) -> None:
    client = framing(name).client()
    client.expecting(Request(42, asked))
    answers = [event for chunk in stream for event in client.receive(chunk) if isinstance(event, Response)]
    if not framing(name).transactions:
        assert len(answers) <= 1
        assert all(answer.unit == 42 and answer.pdu[0] & 0x7F == asked[0] for answer in answers)


@given(st.binary(max_size=260), ASKED)
def test_messages_take_anything(pdu: bytes, asked: bytes) -> None:
    with suppress(ModbusRefused):
        assert decode_request(pdu).encode() == pdu
    with suppress(ModbusRefused, FrameError):
        answer = decode_response(pdu)
        with suppress(InvalidValue):
            assert decode_response(answer.encode()) == answer
    if asked != b"\x41":
        with suppress(ModbusRefused, FrameError):
            check_response(asked, pdu)
    for size in (request_size(pdu), response_size(pdu)):
        assert size is None or size >= 0


#: The worst that can be sent: every place claims to begin a long frame.
FLOODS = {
    "headers": bytes.fromhex("2a1000000000f6"),
    "own unit": b"\x2a",
    "reads and writes": bytes.fromhex("2a17000000000000000000f2"),
    "foreign answers": b"\x03\x03\xfa",
    "identification": bytes.fromhex("2a2b0e01010000ff"),
    "zeros": b"\0",
    "colons": b":",
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("name", ["rtu", "ascii"])
@pytest.mark.parametrize("size", [1, 4_096])
def test_floods_take_time_in_proportion_and_no_memory(name: str, flood: str, size: int) -> None:
    stream = FLOODS[flood] * (8_192 // len(FLOODS[flood]))
    server, client = framing(name).server(), framing(name).client()
    client.expecting(Request(42, b"\x11"))
    for reader in (server, client):
        begin = time.process_time()
        for at in range(0, len(stream), size):
            reader.receive(stream[at : at + size])
        assert time.process_time() - begin < 5
    for reader in (server, client):
        held = getattr(reader, "_buffer", None)
        assert held is None or len(held) <= rtu.LONGEST
