from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.bridge.gateway import QUEUE, Gateway
from wattproof.errors import InvalidURL, Unreachable
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import Onward
from wattproof.wire.modbus.framing import Request
from wattproof.wire.modbus.framing.rtu import frame as rtu_frame
from wattproof.wire.modbus.pdu import read_request

Make = Callable[..., Any]
READ = read_request(4, 1, 4)
ANSWER = bytes.fromhex("04080001000200030004")
SILENT = 9
PLAIN = Onward()


def deaf(bench: Any, request: Request, frame: bytes) -> list[tuple[float, bytes]] | None:
    """Unit 9 is dead, all others take 20 ms."""
    return None if request.unit == SILENT else [(0.02, frame)]


class Asker:
    """Forwards requests and notes each answer with its second, in the order of the answers."""

    def __init__(self, gateway: Gateway, clock: VirtualClock) -> None:
        self.gateway = gateway
        self.clock = clock
        self.got: list[tuple[Any, bytes | None, float]] = []

    def ask(self, unit: int, pdu: bytes = READ, *, name: Any = None, onward: Onward = PLAIN) -> None:
        def reply(answer: bytes | None) -> None:
            self.got.append((unit if name is None else name, answer, round(self.clock.now() / 1e9, 3)))

        self.gateway.forward(Request(unit, pdu, 7), onward, reply)

    @property
    def answers(self) -> list[bytes | None]:
        return [answer for _, answer, _ in self.got]


def on(bench: Make, framing: str = "rtu", bend: Any = deaf) -> tuple[Any, Asker]:
    one = bench(framing)
    one.bend = bend
    return one, Asker(Gateway(one.client, asyncio.get_running_loop()), one.clock)


@pytest.mark.parametrize("framing", ["rtu", "ascii", "tcp"])
async def test_the_answer_of_a_unit_comes_back(bench: Make, framing: str) -> None:
    one, asker = on(bench, framing)
    asker.ask(8)
    await one.clock.run(0.1)
    assert asker.got == [(8, ANSWER, 0.02)]
    assert [(request.unit, request.pdu) for _, request in one.asked] == [(8, READ)]


async def test_requests_go_out_one_at_a_time_in_the_order_of_arrival(bench: Make) -> None:
    one, asker = on(bench)
    for name, unit in enumerate((3, 1, 1, 2, 3)):  # equal ones too: a gateway asks as often as it is asked
        asker.ask(unit, name=name)
    await one.clock.run(1)
    assert [request.unit for _, request in one.asked] == [3, 1, 1, 2, 3]
    assert [name for name, _, _ in asker.got] == [0, 1, 2, 3, 4]
    assert [round(moment, 3) for moment, _ in one.asked] == [0.0, 0.02, 0.04, 0.06, 0.08]


async def test_beyond_eight_that_wait_the_gateway_is_busy_at_once(bench: Make) -> None:
    one, asker = on(bench)
    for name in range(QUEUE + 3):
        asker.ask(1, name=name)
    assert asker.got == [(9, b"\x84\x06", 0.0), (10, b"\x84\x06", 0.0)]
    await one.clock.run(1)
    assert len(one.asked) == QUEUE + 1
    assert [answer for _, answer, _ in asker.got[2:]] == [ANSWER] * (QUEUE + 1)
    asker.ask(1)
    await one.clock.run(1)
    assert asker.answers[-1] == ANSWER


async def test_a_silent_unit_is_named_after_the_timeout_and_asked_once(bench: Make) -> None:
    one, asker = on(bench)
    asker.ask(SILENT, onward=Onward(timeout=250_000_000))
    asker.ask(1)
    await one.clock.run(5)
    assert asker.got == [(SILENT, b"\x84\x0b", 0.25), (1, ANSWER, 0.27)]
    assert [request.unit for _, request in one.asked] == [SILENT, 1]


async def test_a_gateway_may_be_silent_itself(bench: Make) -> None:
    one, asker = on(bench)
    asker.ask(SILENT, onward=Onward(speaks=False))
    await one.clock.run(2)
    assert asker.got == [(SILENT, None, 1.0)]


async def test_a_damaged_answer_counts_as_none(bench: Make) -> None:
    one, asker = on(bench, bend=lambda bench, request, frame: frame[:-1] + bytes((frame[-1] ^ 1,)))
    asker.ask(1)
    await one.clock.run(2)
    assert asker.got == [(1, b"\x84\x0b", 1.0)]


@pytest.mark.proves("D-290")
@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 0x0A, 0x0B, 0x55])
async def test_an_exception_of_the_unit_passes_unchanged(bench: Make, code: int) -> None:
    one, asker = on(bench, bend=lambda bench, request, frame: rtu_frame(request.unit, bytes((0x84, code))))
    asker.ask(1)
    await one.clock.run(2)
    assert asker.got == [(1, bytes((0x84, code)), 0.0)]


@pytest.mark.parametrize("pdu", [b"\x11", b"\x41\x01\x02", b"\x64", b"\x2b\x0e\x01\x00"])
async def test_any_function_is_forwarded(bench: Make, pdu: bytes) -> None:
    answers = {0x11: b"\x11\x02\x98\xff", 0x2B: b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x01x"}
    back = answers.get(pdu[0], pdu[:1] + b"\x05\x06\x07")
    one, asker = on(bench, bend=lambda bench, request, frame: rtu_frame(request.unit, back))

    def take(data: bytes) -> bytes:  # the scripted unit knows no function 0x41; the line carries it all the same
        taken.append(data)
        return rtu_frame(5, back)

    taken: list[bytes] = []
    opener = one.client._opener

    async def opened() -> Any:
        near = await opener()
        one.far.answer = take
        return near

    one.client._opener = opened
    asker.ask(5, pdu)
    await one.clock.run(2)
    assert taken == [rtu_frame(5, pdu)]
    assert asker.got == [(5, back, 0.0)]


async def test_lost_units_cost_their_time_and_the_others_get_their_turn(bench: Make) -> None:
    one, asker = on(bench)
    lost = Onward(lost=frozenset({4}))
    asker.ask(4, onward=lost)
    asker.ask(5, onward=lost)
    await one.clock.run(3)
    assert asker.got == [(4, b"\x84\x0b", 1.0), (5, ANSWER, 1.02)]
    assert [request.unit for _, request in one.asked] == [5]


async def test_without_a_line_every_unit_is_silent() -> None:
    clock = VirtualClock()
    asker = Asker(Gateway(None, asyncio.get_running_loop(), clock=clock), clock)
    asker.ask(1)
    asker.ask(2, onward=Onward(speaks=False))
    await clock.run(5)
    assert asker.got == [(1, b"\x84\x0b", 1.0), (2, None, 2.0)]


async def test_a_line_that_cannot_be_opened_is_silent_and_tried_again(bench: Make) -> None:
    one, asker = on(bench)
    opener, tries = one.client._opener, []

    async def opens_later() -> Any:
        tries.append(one.clock.now())
        if len(tries) < 3:
            raise Unreachable("no such device")
        return await opener()

    one.client._opener = opens_later
    assert not tries
    for _ in range(3):
        asker.ask(1)
    await one.clock.run(5)
    assert asker.got == [(1, b"\x84\x0b", 1.0), (1, b"\x84\x0b", 2.0), (1, ANSWER, 2.02)]


async def test_a_lost_line_is_opened_again(bench: Make) -> None:
    one, asker = on(bench)
    asker.ask(1)
    await one.clock.run(1)
    one.far.cut()
    asker.ask(1)
    await one.clock.run(1)
    assert asker.answers == [ANSWER, ANSWER]
    assert one.opened == 2


async def test_a_broadcast_goes_out_and_is_not_answered(bench: Make) -> None:
    one, asker = on(bench, bend=lambda bench, request, frame: None)
    asker.ask(0, b"\x06\x00\x01\x00\x02")
    await one.clock.run(1)
    assert [request.unit for _, request in one.asked] == [0]
    assert asker.got == [(0, None, 0.1)]


async def test_a_reply_that_fails_does_not_stop_the_line(bench: Make) -> None:
    one, asker = on(bench)
    loop = asyncio.get_running_loop()
    seen: list[Any] = []
    loop.set_exception_handler(lambda loop, context: seen.append(context["exception"]))

    def fail(answer: bytes | None) -> None:
        raise KeyError("the connection is gone")

    asker.gateway.forward(Request(1, READ), Onward(), fail)
    asker.ask(2)
    await one.clock.run(1)
    loop.set_exception_handler(None)
    assert asker.got == [(2, ANSWER, 0.04)]
    assert [type(error) for error in seen] == [KeyError]


async def test_closing_answers_everything_with_silence(bench: Make) -> None:
    one, asker = on(bench)
    for name in range(3):
        asker.ask(SILENT, name=name)
    await one.clock.run(0.1)
    await asker.gateway.close()
    assert [(name, answer) for name, answer, _ in asker.got] == [(0, None), (1, None), (2, None)]
    assert one.far.closed
    asker.ask(1)
    assert asker.answers[3] is None


def test_an_address_that_carries_no_modbus_is_refused_at_once() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(InvalidURL, match="does not carry Modbus"):
            Gateway.to("http://127.0.0.1:80", loop)
    finally:
        loop.close()
