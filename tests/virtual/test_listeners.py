"""The short way of Modbus TCP answers exactly what the long one does, and nothing breaks it."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.virtual.base import Admission
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.station import Station
from wattproof.virtual.tcp import Connections, ModbusTcp


class Pipe(asyncio.Transport):
    """What a client would receive."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self.data = b""
        self.writes = 0
        self.closed = False
        self.reading = True
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.data += bytes(data)
        self.writes += 1

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.protocol.connection_lost(None)

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def connection(timers: Any, small: Any, *, fast: bool) -> tuple[Runtime, Pipe]:
    meter = small()
    meter.delay = 0
    runtime = Runtime(meter, timers)
    if not fast:
        runtime.watch_closely()
    return runtime, Pipe(ModbusTcp(Station([runtime], network=True), Connections()))


def frame(transaction: int, pdu: bytes, unit: int = 42) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


requests = st.one_of(
    st.builds(lambda address, count: struct.pack(">BHH", 3, address, count), st.integers(0, 12), st.integers(0, 12)),
    st.builds(lambda value: struct.pack(">BHHBH", 16, 5, 1, 2, value), st.integers(0, 0xFFFF)),
    st.binary(min_size=1, max_size=1).map(lambda byte: byte.replace(b"\x10", b"\x01").replace(b"\x03", b"\x01")),
)
frames = st.lists(st.builds(frame, st.integers(0, 0xFFFF), requests, st.sampled_from([42, 42, 42, 0, 43])), max_size=12)


@settings(max_examples=150)
@given(frames, st.lists(st.integers(1, 60), max_size=30), st.binary(max_size=12))
def test_the_short_way_is_the_long_way(
    timers_class: Any, small: Any, sent: list[bytes], cuts: list[int], rest: bytes
) -> None:
    data = b"".join(sent) + rest
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(data[at : at + cut])
        at += cut
    pieces.append(data[at:])
    answers, journals = [], []
    for fast in (True, False):
        runtime, pipe = connection(timers_class(), small, fast=fast)
        for piece in pieces:
            if piece and not pipe.closed:
                pipe.protocol.data_received(piece)
        answers.append((pipe.data, pipe.closed))
        journals.append([(entry["kind"], entry.get("bytes"), entry.get("meaning")) for entry in runtime.journal()])
    assert answers[0] == answers[1]
    assert journals[0] == journals[1]


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=40), max_size=10))
def test_no_bytes_break_it(timers_class: Any, small: Any, pieces: list[bytes]) -> None:
    _, pipe = connection(timers_class(), small, fast=True)
    for piece in pieces:
        if piece and not pipe.closed:
            pipe.protocol.data_received(piece)
    if not pipe.closed:
        assert len(pipe.protocol._rest) < 260


def test_requests_of_one_piece_are_answered_in_one_write(timers: Any, small: Any, read: bytes) -> None:
    _, pipe = connection(timers, small, fast=True)
    pipe.protocol.data_received(b"".join(frame(number, read) for number in range(8)))
    assert pipe.writes == 1
    assert [pipe.data[at : at + 2] for at in range(0, len(pipe.data), 11)] == [bytes((0, n)) for n in range(8)]


def test_the_short_way_ends_at_the_meters_next_event(timers: Any, small: Any, read: bytes) -> None:
    runtime, pipe = connection(timers, small, fast=True)
    runtime.meter.plan(5 * 10**9, lambda: runtime.meter.registers.__setitem__(8, 77))
    runtime.refresh()
    for _ in range(3):
        timers.run(2)
        pipe.protocol.data_received(frame(1, read))
    assert [pipe.data[at + 9 : at + 11] for at in (0, 11, 22)] == [b"\0\0", b"\0\0", b"\0\x4d"]


def test_a_client_that_does_not_read_is_not_asked_for_more(timers: Any, small: Any) -> None:
    _, pipe = connection(timers, small, fast=True)
    pipe.protocol.pause_writing()
    assert not pipe.reading
    pipe.protocol.resume_writing()
    assert pipe.reading


def test_of_too_many_connections_the_longest_idle_one_goes(timers: Any, small: Any, read: bytes) -> None:
    runtime = Runtime(small(), timers)
    connections = Connections(Admission(3))
    pipes = [Pipe(ModbusTcp(Station([runtime], network=True), connections)) for _ in range(3)]
    for pipe in (pipes[1], pipes[0], pipes[2]):
        timers.run(1)
        pipe.protocol.data_received(frame(1, read))
    newcomer = Pipe(ModbusTcp(Station([runtime], network=True), connections))
    assert [pipe.closed for pipe in pipes] == [False, True, False]
    assert len(connections) == 3
    connections.close()
    assert all(pipe.closed for pipe in (*pipes, newcomer))
    assert len(connections) == 0


def test_an_answer_to_a_closed_connection_goes_nowhere(timers: Any, small: Any, read: bytes) -> None:
    meter = small()
    pipe = Pipe(ModbusTcp(Station([Runtime(meter, timers)], network=True), Connections()))
    pipe.protocol.data_received(frame(1, read))
    pipe.close()
    timers.run(1)
    assert pipe.data == b""
    assert len(meter.executed) == 1


@pytest.mark.parametrize("header", ["0001000100062a", "0001000000012a", "0001000000ff2a", "00010000", "0001000000"])
def test_a_header_is_judged_as_soon_as_it_can_be(timers: Any, small: Any, header: str) -> None:
    _, pipe = connection(timers, small, fast=True)
    for byte in bytes.fromhex(header):
        if not pipe.closed:
            pipe.protocol.data_received(bytes((byte,)))
    assert pipe.closed == (len(header) > 10)
