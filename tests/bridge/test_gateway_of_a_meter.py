"""A meter that is a gateway, between two Modbus TCP connections and a line of scripted units."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.virtual.conftest import HandTimers, SmallMeter, Wire
from wattproof.bridge.gateway import Gateway
from wattproof.virtual.base import Onward
from wattproof.virtual.runtime import Runtime
from wattproof.wire.modbus.pdu import read_request

Make = Callable[..., Any]
READ = read_request(4, 1, 4)
ANSWER = bytes.fromhex("04080001000200030004")
SILENT = 9


class GatewayMeter(SmallMeter):
    """Answers for unit 42 itself and passes everything else on."""

    onward = Onward(timeout=500_000_000)

    def foreign(self, unit: int, network: bool) -> Onward:
        return self.onward


class Site:
    """Two masters with a connection each, and the line."""

    def __init__(self, bench: Make) -> None:
        self.line = bench("rtu")
        self.line.bend = lambda bench, request, frame: None if request.unit == SILENT else [(0.02, frame)]
        timers = HandTimers()
        meter = GatewayMeter()
        meter.delay = 0
        self.runtime = Runtime(meter, timers)
        self.runtime.forwarder = Gateway(self.line.client, asyncio.get_running_loop())
        self.masters = [Wire(timers, self.runtime) for _ in range(2)]

    async def run(self, seconds: float) -> None:
        await self.line.clock.run(seconds)

    @property
    def asked(self) -> list[tuple[int, bytes]]:
        return [(request.unit, request.pdu) for _, request in self.line.asked]


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu


async def test_an_answer_keeps_transaction_and_node(bench: Make) -> None:
    site = Site(bench)
    site.masters[0].ask(READ, unit=8, transaction=0x0007)
    site.masters[1].ask(READ, unit=247, transaction=0xFFFE)
    await site.run(0.1)
    assert site.masters[0].answers == [tcp_frame(0x0007, 8, ANSWER)]
    assert site.masters[1].answers == [tcp_frame(0xFFFE, 247, ANSWER)]
    assert site.asked == [(8, READ), (247, READ)]


@pytest.mark.proves("D-289")
async def test_a_silent_unit_is_named_after_the_timeout(bench: Make) -> None:
    site = Site(bench)
    site.masters[0].ask(READ, unit=SILENT, transaction=3)
    await site.run(0.49)
    assert site.masters[0].answers == []
    await site.run(0.02)
    assert site.masters[0].answers == [tcp_frame(3, SILENT, b"\x84\x0b")]


@pytest.mark.proves("D-291")
async def test_two_masters_are_served_in_the_order_in_which_they_asked(bench: Make) -> None:
    site = Site(bench)
    first, second = site.masters
    for transaction, (master, unit) in enumerate(((first, 1), (second, 2), (first, SILENT), (second, 3), (first, 4))):
        master.ask(READ, unit=unit, transaction=transaction)
    await site.run(2)
    assert [unit for unit, _ in site.asked] == [1, 2, SILENT, 3, 4]
    assert first.answers == [tcp_frame(0, 1, ANSWER), tcp_frame(2, SILENT, b"\x84\x0b"), tcp_frame(4, 4, ANSWER)]
    assert second.answers == [tcp_frame(1, 2, ANSWER), tcp_frame(3, 3, ANSWER)]


async def test_the_meter_itself_answers_while_the_line_is_busy(bench: Make) -> None:
    site = Site(bench)
    site.masters[0].ask(READ, unit=SILENT, transaction=1)
    site.masters[0].ask(read_request(3, 8, 1), unit=42, transaction=2)
    assert site.masters[0].answers == [tcp_frame(2, 42, b"\x03\x02\0\0")]


async def test_a_master_that_leaves_disturbs_nobody(bench: Make) -> None:
    site = Site(bench)
    first, second = site.masters
    site.runtime.meter.line.set("disconnect", 100)
    first.ask(READ, unit=1)
    site.runtime.meter.line.clear("disconnect")
    first.ask(READ, unit=2)
    second.ask(READ, unit=3)
    await site.run(1)
    assert first.closed
    assert [unit for unit, _ in site.asked] == [1, 2, 3]
    assert second.answers == [tcp_frame(1, 3, ANSWER)]
