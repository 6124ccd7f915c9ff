"""A TCP connection under the IP wrapper, its time moved by hand (abb-meters.md 2.17)."""

from __future__ import annotations

import pytest

from tests.meters.abb.virtual.cosem.bench import Bench
from tests.virtual.test_reading import Pipe
from wattproof.virtual.wrapped import Streams, WrapperStream
from wattproof.wire.cosem.acse import AssociationRequest
from wattproof.wire.cosem.initiate import InitiateRequest
from wattproof.wire.cosem.wrapper import Message

AARQ = Message(16, 1, AssociationRequest.of(InitiateRequest()).encode()).encode()
GET = Message(16, 1, bytes.fromhex("C001C100030100200700FF0200")).encode()
ANSWER = bytes.fromhex("0001000100100009C401C10006000008FC")
DENIED = bytes.fromhex("0001000100100003D80101")


def opened(streams: Streams) -> Pipe:
    return Pipe(WrapperStream(streams))


@pytest.mark.proves("A-191")
def test_the_rest_of_a_message_must_come_within_thirty_seconds() -> None:
    bench = Bench()
    pipe = opened(Streams(bench.tcp))
    pipe.protocol.data_received(GET + GET[:9])
    bench.timers.run(20)
    pipe.protocol.data_received(GET[9:12])
    bench.timers.run(9.9)
    pipe.protocol.data_received(GET[12:])
    assert pipe.data == DENIED * 2
    bench.timers.run(100)
    assert not pipe.closed
    pipe.protocol.data_received(GET[:1])
    bench.timers.run(29.9)
    assert not pipe.closed
    bench.timers.run(0.2)
    assert pipe.closed and bench.journal("rubbish")


@pytest.mark.proves("A-193")
def test_a_newcomer_takes_the_place_of_a_client_that_was_silent_for_two_minutes() -> None:
    bench = Bench()
    streams = Streams(bench.tcp)
    first = opened(streams)
    first.protocol.data_received(AARQ)
    bench.timers.run(119)
    assert opened(streams).closed and not first.closed
    bench.timers.run(1)
    second = opened(streams)
    assert first.closed and not second.closed
    second.protocol.data_received(GET + AARQ + GET)
    assert second.data.startswith(DENIED) and second.data.endswith(ANSWER)
    streams.close()
    assert second.closed and not opened(streams).closed


@pytest.mark.proves("A-201")
def test_late_answers_keep_their_order() -> None:
    bench = Bench()
    pipe = opened(Streams(bench.tcp))
    pipe.protocol.data_received(AARQ)
    greeted = len(pipe.data)
    bench.fault("late", 2)
    pipe.protocol.data_received(GET)
    bench.fault("late", False)
    pipe.protocol.data_received(GET[:-1] + b"\1")  # a selection that is cut off
    assert len(pipe.data) == greeted
    bench.timers.run(2)
    assert pipe.data[greeted:].startswith(ANSWER) and len(pipe.data) > greeted + len(ANSWER)
    pipe.protocol.data_received(GET)
    assert pipe.data.endswith(ANSWER)
