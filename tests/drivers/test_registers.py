from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wattproof.drivers.modbus import run_blocking
from wattproof.drivers.registers import read_consistent, read_planned, read_spans, write_registers
from wattproof.errors import InvalidValue, ModbusRefused, ProtocolError
from wattproof.wire.modbus.framing.rtu import frame as rtu_frame
from wattproof.wire.modbus.plan import Span

Make = Callable[..., Any]


async def test_far_spans_are_read_apart_and_near_ones_together(bench: Make) -> None:
    one = bench("rtu")
    image = await one.run(read_spans(one.client, 42, [Span(10, 2), Span(12, 3), Span(900, 1)]))
    assert image.read(10, 5) == bytes.fromhex("000a000b000c000d000e")
    assert image.read(900, 1) == bytes.fromhex("0384")
    assert [request.pdu.hex() for _, request in one.asked] == ["03000a0005", "0303840001"]


async def test_input_registers_and_the_limit_of_the_device(bench: Make) -> None:
    one = bench("tcp", depth=8)
    image = await one.run(read_spans(one.client, 42, [Span(0, 250)], function=4, maximum=100))
    assert len(image) == 250
    assert [request.pdu.hex() for _, request in one.asked] == ["0400000064", "0400640064", "0400c80032"]


def test_spans_are_read_without_an_event_loop(bench: Make) -> None:
    one = bench("tcp", depth=8)
    image = run_blocking(read_planned(one.client, 42, [Span(0, 125), Span(125, 125)]))
    assert image.read(124, 2) == bytes.fromhex("007c007d")


async def test_a_refused_span_is_named(bench: Make) -> None:
    one = bench("rtu")
    one.bend = lambda bench, request, frame: rtu_frame(request.unit, b"\x83\x02")
    with pytest.raises(ModbusRefused, match="unit 42 at memory://bench refused the read of registers 7 to 8"):
        await read_spans(one.client, 42, [Span(7, 2)])


def changing(times: int) -> Callable[[Any, Any, bytes], bytes]:
    """A unit whose register 5 changes with each of the first ``times`` reads of it."""
    reads = [0]

    def bend(bench: Any, request: Any, frame: bytes) -> bytes:
        if request.pdu != b"\x03\x00\x05\x00\x01":
            return frame
        reads[0] += 1
        return rtu_frame(request.unit, b"\x03\x02" + min(reads[0], times).to_bytes(2, "big"))

    return bend


async def test_what_belongs_together_is_read_again_when_it_changed_meanwhile(bench: Make) -> None:
    one = bench("rtu")
    one.bend = changing(2)
    image = await one.run(read_consistent(one.client, 42, [Span(100, 254)], guard=Span(5, 1)))
    assert image.covers(100, 254)
    assert image.read(5, 1) == b"\0\2"
    assert len(one.asked) == 2 * 5  # guard, 3 parts, guard; twice


async def test_a_unit_that_never_rests_is_reported(bench: Make) -> None:
    one = bench("rtu")
    one.bend = changing(1000)
    with pytest.raises(ProtocolError, match="changed registers 5 to 5 while 3 requests"):
        await read_consistent(one.client, 42, [Span(100, 254)], guard=Span(5, 1))


async def test_registers_are_written_in_one_request(bench: Make) -> None:
    one = bench("tcp")
    await write_registers(one.client, 42, 40068, bytes.fromhex("002b8000"))
    assert one.asked[0][1].pdu == bytes.fromhex("109c840002 04 002b8000")
    for data in (b"", b"\0", bytes(248)):
        with pytest.raises(InvalidValue):
            await write_registers(one.client, 42, 40068, data)
    assert len(one.asked) == 1
