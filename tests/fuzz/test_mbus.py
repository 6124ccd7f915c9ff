"""Arbitrary bytes into everything of M-Bus that reads bytes: nothing raises, hangs or grows."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.mbus.line import Meter
from wattproof.errors import LinkError, ProtocolError, Refused
from wattproof.wire.mbus import (
    Ack,
    Damaged,
    Echo,
    Expect,
    Long,
    Master,
    MasterReceiver,
    Request,
    Search,
    Short,
    Slave,
    SlaveReceiver,
    Telegram,
    decode_answer,
    decode_records,
    encode_answer,
    maker_of,
    run,
    scan,
)
from wattproof.wire.mbus.ci_fields import ANSWERS, COMMANDS
from wattproof.wire.mbus.frames import FRAME_LIMIT
from wattproof.wire.mbus.master import Exchange, Outcome

ABB = maker_of(0x0442)
CONTROLS = st.one_of(st.sampled_from([0x40, 0x53, 0x73, 0x5B, 0x7B, 0x5A, 0x08, 0x18]), st.integers(0, 255))
ADDRESSES = st.one_of(st.sampled_from([5, 253, 254, 255]), st.integers(0, 255))
LIVELY = (
    "0E8400, 04FFA015, 8E804084FFF207, 0DFD8E0007, 2F, 01FF1302, 0E6D, 02FC0348522574, FFF9B8FFF8, 1F0F, 848080, "
    "FDFD81, 07FD16, 017A"
)
#: Bytes that look like records more often than chance would have it.
RECORDS = st.lists(
    st.one_of(
        st.sampled_from([bytes.fromhex(piece) for piece in LIVELY.split(", ")]),
        st.binary(max_size=12),
    ),
    max_size=20,
).map(lambda parts: b"".join(parts)[:240])
SHORTS = st.builds(Short, CONTROLS, ADDRESSES)
LONGS = st.builds(Long, CONTROLS, ADDRESSES, st.sampled_from([*COMMANDS, *ANSWERS]) | st.integers(0, 255), RECORDS)
PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\xe5", b"\x68", b"\x10", b"\x16", b"\x68\xf0\xf0\x68", b"\x10\x40\x05\x45\x16"]),
    (SHORTS | LONGS).map(lambda frame: frame.encode()),
    LONGS.map(lambda frame: frame.encode()[:-3]),
)
STREAMS = st.lists(PIECES, max_size=10)


@settings(max_examples=150, deadline=None)
@given(STREAMS, st.integers(1, 50))
def test_slaves_hear_the_same_however_the_bytes_are_cut(stream: list[bytes], cut: int) -> None:
    octets = b"".join(stream)
    whole, pieces = SlaveReceiver(), SlaveReceiver()
    heard = [event for at in range(0, len(octets), cut) for event in pieces.receive(octets[at : at + cut])]
    assert heard == whole.receive(octets)
    for event in heard + whole.gap():
        assert isinstance(event, Damaged) or event.encode() in octets
    assert not whole.unfinished


@settings(max_examples=150, deadline=None)
@given(STREAMS, st.sampled_from(Expect), st.none() | st.booleans())
def test_masters_hear_at_most_one_answer(stream: list[bytes], expect: Expect, echoes: bool | None) -> None:
    receiver, echo = MasterReceiver(), Echo(echoes)
    receiver.expecting(expect)
    echo.sent(b"\x10\x40\x05\x45\x16")
    for piece in stream:
        rest = echo.receive(piece)
        heard = receiver.receive(rest) if isinstance(rest, bytes) else None
        assert receiver.missing() >= 0
        if isinstance(heard, Ack):
            assert expect in (Expect.ACK, Expect.EITHER)
    verdict = receiver.gap()
    assert verdict == receiver.gap()
    assert verdict is None or str(verdict)


@settings(max_examples=200, deadline=None)
@given(LONGS)
def test_any_answer_is_an_answer_or_one_typed_error(frame: Long) -> None:
    with suppress(ProtocolError):
        answer = decode_answer(frame, ABB)
        again = encode_answer(answer)
        if frame.ci != 0x70:
            assert again == (frame.ci, frame.data)
        if isinstance(answer, Telegram):
            for record in answer:
                assert record.problem or record.value is not None or not record.data
                assert str(record)
                Request.of(record)


@settings(max_examples=100, deadline=None)
@given(st.lists(SHORTS | LONGS, max_size=12))
def test_a_slave_takes_any_frames_and_still_works(frames: list[Short | Long]) -> None:
    slave = Slave(Meter())
    for now, frame in enumerate(frames):
        answer = slave.handle(frame, now)
        assert answer is None or answer.encode()
    address = slave.application.address
    assert slave.handle(Short(0x40, address), 100) == Ack()
    answer = slave.handle(Short(0x7B, address), 100)
    assert isinstance(answer, Long)
    telegram = decode_answer(answer)
    assert isinstance(telegram, Telegram)
    assert telegram.records[0].content // 1000 == 1  # type: ignore[operator]


OUTCOMES = st.one_of(
    st.none(), st.just(Ack()), st.just(Damaged("noise")), SHORTS, LONGS, st.builds(Long, st.just(8), ADDRESSES)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(OUTCOMES, min_size=1, max_size=30), st.sampled_from(["read", "send", "select", "scan", "search"]))
def test_every_procedure_ends_whatever_comes_back(outcomes: list[Outcome], procedure: str) -> None:
    asked = 0

    def exchange(step: Exchange) -> Outcome:
        nonlocal asked
        asked += 1
        assert len(step.request.encode()) <= FRAME_LIMIT
        return outcomes[asked % len(outcomes)]

    master = Master()
    with suppress(ProtocolError, LinkError, Refused):
        if procedure == "read":
            run(master.read(5), exchange)
        elif procedure == "send":
            run(master.send(5, b"\x01\x7a\x05"), exchange)
        elif procedure == "select":
            run(master.select(Meter().identity), exchange)
        elif procedure == "scan":
            run(scan(range(20)), exchange)
        else:
            assert run(Search(limit=60).steps(), exchange).selections <= 60
    assert asked <= 400


#: The worst that can be sent: every place claims to begin a long frame.
FLOODS = {
    "starts": b"\x68",
    "headers": bytes.fromhex("68f0f068"),
    "short": b"\x10",
    "cut requests": bytes.fromhex("1040054516")[:-1],
    "acknowledgements": b"\xe5",
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("size", [1, 4096])
def test_floods_take_time_in_proportion_and_no_memory(flood: str, size: int) -> None:
    stream = FLOODS[flood] * (8_192 // len(FLOODS[flood]))
    slave, master = SlaveReceiver(), MasterReceiver()
    master.expecting(Expect.RESPONSE)
    for reader in (slave, master):
        begin = time.process_time()
        for at in range(0, len(stream), size):
            reader.receive(stream[at : at + size])
        reader.gap()
        assert time.process_time() - begin < 5
        assert len(reader._buffer) <= 2 * FRAME_LIMIT


@pytest.mark.parametrize("unit", [b"\x01\x7a\x05", b"\x2f", b"\x04\x84\x00\x00\x00\x00\x00", b"\x0d\x78\x00"])
def test_long_records_take_time_in_proportion(unit: bytes) -> None:
    data = unit * (200_000 // len(unit))
    begin = time.process_time()
    found = decode_records(data)
    assert time.process_time() - begin < 5
    assert found.encode() == data
