"""A client that sends very much at once does not hold up the others."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from wattproof.virtual.optical import OpticalConnection, OpticalPort
from wattproof.virtual.reading import PIECE, Reading
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.station import Station
from wattproof.virtual.tcp import Connections, ModbusStream, ModbusTcp
from wattproof.wire.modbus.framing import rtu


class Pipe(asyncio.Transport):
    """A client that sends what ``send`` is given, as long as it is asked for more."""

    def __init__(self, protocol: Reading) -> None:
        super().__init__()
        self.protocol = protocol
        self.data = b""
        self.reading = True
        self.closed = False
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.data += bytes(data)

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

    def get_write_buffer_size(self) -> int:
        return 0


class Taker(Reading):
    """Keeps what it takes, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[bytes] = []

    def take(self, data: bytes) -> None:
        self.taken.append(data)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_one_piece_is_taken_in_each_turn() -> None:
    taker = Taker()
    pipe = Pipe(taker)
    taker.data_received(b"few")
    assert taker.taken == [b"few"] and pipe.reading
    much = bytes(range(256)) * (PIECE // 256 * 3) + b"end"
    taker.data_received(much)
    assert len(taker.taken) == 2 and not pipe.reading
    await turns(1)
    assert len(taker.taken) == 3 and not pipe.reading
    await turns(2)
    assert b"".join(taker.taken[1:]) == much and max(map(len, taker.taken)) == PIECE
    assert pipe.reading


async def test_who_does_not_read_is_asked_for_nothing_and_nothing_is_lost() -> None:
    taker = Taker()
    pipe = Pipe(taker)
    taker.data_received(b"a" * (4 * PIECE))
    taker.pause_writing()
    await turns(5)
    assert len(taker.taken) == 1 and not pipe.reading
    taker.resume_writing()
    taker.pause_writing()
    taker.resume_writing()
    before = len(taker.taken)
    await turns(1)
    assert len(taker.taken) == before + 1
    await turns(5)
    assert b"".join(taker.taken) == b"a" * (4 * PIECE) and pipe.reading


async def test_a_client_that_has_gone_is_not_served() -> None:
    taker = Taker()
    pipe = Pipe(taker)
    taker.data_received(b"a" * (4 * PIECE))
    pipe.close()
    await turns(5)
    assert len(taker.taken) == 1


@pytest.mark.parametrize("fast", [True, False])
async def test_many_requests_at_once_are_answered_in_order(timers: Any, small: Any, read: bytes, fast: bool) -> None:
    meter = small()
    meter.delay = 0
    runtime = Runtime(meter, timers)
    if not fast:
        runtime.watch_closely()
    pipe = Pipe(ModbusTcp(Station([runtime]), Connections()))
    sent = [struct.pack(">HHHB", number, 0, 6, 42) + read for number in range(1000)]
    pipe.protocol.data_received(b"".join(sent))
    assert len(meter.executed) <= PIECE // 12
    await turns(len(sent) * 12 // PIECE + 2)
    answers = [pipe.data[at : at + 11] for at in range(0, len(pipe.data), 11)]
    assert [struct.unpack_from(">H", answer)[0] for answer in answers] == list(range(1000))


async def test_rubbish_on_a_line_over_tcp_leaves_time_for_others(timers: Any, small: Any, read: bytes) -> None:
    meter = small()
    meter.delay = 0
    runtime = Runtime(meter, timers)
    station = Station([runtime])
    pipe = Pipe(ModbusStream(station, Connections(), rtu.ServerFramer(station), timers.now, tcp=False))
    pipe.protocol.data_received(b"\x2a" * 20_000 + rtu.frame(42, read))
    assert not pipe.reading and not meter.executed
    await turns(20_000 // PIECE + 2)
    assert [pdu for _, pdu in meter.executed] == [read] and pipe.reading


class DeafHead:
    """An optical head that keeps what it hears."""

    paced = broadcasts = False
    baudrate = 300

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def receive(self, data: bytes, now: int) -> None:
        self.heard.append(data)

    def due(self, now: int) -> list[Any]:
        return []

    def next_event(self) -> int | None:
        return None

    def reset(self) -> None: ...


async def test_rubbish_at_the_optical_head_is_thrown_away_as_it_comes(timers: Any, small: Any) -> None:
    head = DeafHead()
    loop = asyncio.get_running_loop()
    port = OpticalPort(head, Runtime(small(), timers), loop, lambda data, rate: None, lambda: None)
    port.receive(b"x" * 1025 + b"/?!\r\n" + b"\x95" + b"y" * 1025 + b"\x15")
    assert head.heard == [b"/?!\r\n", b"\x95", b"\x15"]
    pipe = Pipe(OpticalConnection(port, set()))
    pipe.protocol.data_received(b"\n" * (2 * PIECE))
    assert len(head.heard) == 3 + PIECE and not pipe.reading
    await turns(2)
    assert len(head.heard) == 3 + 2 * PIECE and pipe.reading
