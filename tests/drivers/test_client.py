from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.drivers.job import Wire
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import (
    Disconnected,
    FrameError,
    InvalidValue,
    ModbusRefused,
    ResponseTimeout,
    Unreachable,
)
from wattproof.wire.modbus.framing.rtu import frame as rtu_frame
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

ALL = ["tcp", "rtu", "ascii"]
LINES = ["rtu", "ascii"]
READ = read_request(3, 100, 2)
WRITE = write_multiple_request(100, b"\0\1")
Make = Callable[..., Any]


def answer_to(pdu: bytes) -> bytes:
    address, count = pdu[1] << 8 | pdu[2], pdu[3] << 8 | pdu[4]
    return bytes((3, 2 * count)) + b"".join(n.to_bytes(2, "big") for n in range(address, address + count))


@pytest.mark.parametrize("framing", ALL)
async def test_a_read_and_a_write_are_answered(bench: Make, framing: str) -> None:
    one = bench(framing)
    assert await one.client.exchange(42, READ) == answer_to(READ)
    assert await one.client.exchange(42, WRITE) == WRITE[:5]
    assert one.opened == 1


@pytest.mark.parametrize("framing", ALL)
def test_the_same_client_is_stepped_without_an_event_loop(bench: Make, framing: str) -> None:
    one = bench(framing, timeout=1.0, retries=1)
    assert run_blocking(one.client.exchange(42, READ)) == answer_to(READ)
    one.bend = lambda bench, request, frame: None
    with pytest.raises(ResponseTimeout):
        run_blocking(one.client.exchange(42, READ))
    assert 2.0 <= one.clock.now() / 1e9 < 2.1


@pytest.mark.parametrize("framing", ALL)
async def test_silence_ends_after_all_repetitions_with_cause_and_remedy(bench: Make, framing: str) -> None:
    one = bench(framing, timeout=0.5, retries=2)
    one.bend = lambda bench, request, frame: None
    with pytest.raises(ResponseTimeout) as caught:
        await one.run(one.client.exchange(43, READ))
    assert 1.5 <= one.clock.now() / 1e9 < 1.6
    assert len(one.asked) == 3
    for part in ("unit 43", "memory://bench", "0.5 s", "registers 100 to 101", "3 times", "check the unit number"):
        assert part in str(caught.value)


@pytest.mark.parametrize("framing", ALL)
async def test_a_write_is_never_repeated(bench: Make, framing: str) -> None:
    one = bench(framing)
    one.bend = lambda bench, request, frame: None
    with pytest.raises(ResponseTimeout):
        await one.run(one.client.exchange(42, WRITE))
    assert len(one.asked) == 1


@pytest.mark.parametrize("framing", ALL)
async def test_a_lost_answer_is_asked_for_again(bench: Make, framing: str) -> None:
    one = bench(framing)
    one.bend = lambda bench, request, frame: None if len(bench.asked) == 1 else frame
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)
    assert one.client.statistics.repeated == 1


@pytest.mark.parametrize("framing", ALL)
async def test_an_exception_answer_is_named_with_its_meaning(bench: Make, framing: str) -> None:
    one = bench(framing)
    with pytest.raises(ModbusRefused) as caught:
        await one.client.exchange(42, read_request(1, 7, 3))
    assert caught.value.code == 1
    assert "unit 42 at memory://bench refused the read of coils 7 to 9" in str(caught.value)


@pytest.mark.parametrize("framing", ALL)
async def test_a_time_out_of_one_request_replaces_that_of_the_link(bench: Make, framing: str) -> None:
    one = bench(framing, timeout=0.5, retries=0)
    one.bend = lambda bench, request, frame: [(3.0, frame)]
    assert await one.run(one.client.exchange(42, READ, timeout=15)) == answer_to(READ)


async def test_a_unit_may_have_its_own_patience(bench: Make) -> None:
    one = bench("rtu", timeout=1.0, retries=0)
    one.client.timings[7] = type(one.client.timing)(timeout=4.0, retries=0)
    one.bend = lambda bench, request, frame: [(3.0, frame)]
    assert await one.run(one.client.exchange(7, READ)) == answer_to(READ)
    with pytest.raises(ResponseTimeout):
        await one.run(one.client.exchange(8, READ))


@pytest.mark.parametrize("framing", ALL)
async def test_an_answer_in_single_bytes_is_one_answer(bench: Make, framing: str) -> None:
    one = bench(framing)
    one.bend = lambda bench, request, frame: [(0.01 * (n + 1), frame[n : n + 1]) for n in range(len(frame))]
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)
    assert len(one.asked) == 1


@pytest.mark.parametrize("framing", LINES)
async def test_noise_before_the_answer_is_overheard(bench: Make, framing: str) -> None:
    one = bench(framing)
    one.bend = lambda bench, request, frame: b"\x00\xff\x2a\x03" + frame
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)


@pytest.mark.parametrize("framing", LINES)
async def test_a_damaged_answer_is_said_to_be_damaged(bench: Make, framing: str) -> None:
    one = bench(framing, retries=1)
    one.bend = lambda bench, request, frame: frame[:5] + bytes((frame[5] ^ 1,)) + frame[6:]
    with pytest.raises(FrameError, match="no usable answer from unit 42 at memory://bench"):
        await one.run(one.client.exchange(42, READ))
    assert len(one.asked) == 2


async def test_a_damaged_answer_is_asked_for_again(bench: Make) -> None:
    one = bench("rtu")
    one.bend = lambda bench, request, frame: frame[:-1] + b"\0" if len(bench.asked) == 1 else frame
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)


async def test_half_an_answer_ends_in_time(bench: Make) -> None:
    one = bench("tcp", retries=0)
    one.bend = lambda bench, request, frame: frame[:9]
    with pytest.raises((ResponseTimeout, FrameError)):
        await one.run(one.client.exchange(42, READ))
    assert one.clock.now() == 1_000_000_000


async def test_the_answer_to_another_transaction_is_never_taken(bench: Make) -> None:
    one = bench("tcp", retries=1)
    one.bend = lambda bench, request, frame: (int.from_bytes(frame[:2], "big") + 1).to_bytes(2, "big") + frame[2:]
    with pytest.raises(ResponseTimeout):
        await one.run(one.client.exchange(42, READ))
    assert one.client.statistics.late == 2


async def test_a_server_out_of_step_hits_no_other_request_under_way(bench: Make) -> None:
    one = bench("tcp", depth=4, retries=0)
    one.bend = lambda bench, request, frame: (int.from_bytes(frame[:2], "big") + 1).to_bytes(2, "big") + frame[2:]
    with pytest.raises(ResponseTimeout):
        await one.run(one.client.exchange_all(42, [read_request(3, n, 2) for n in range(8)]))
    assert one.client.statistics.answers == 0


async def test_a_late_answer_of_an_earlier_transaction_is_dropped(bench: Make) -> None:
    one = bench("tcp", timeout=1.0, retries=0)
    one.bend = lambda bench, request, frame: [(1.5 if len(bench.asked) == 1 else 0.8, frame)]
    with pytest.raises(ResponseTimeout):
        await one.run(one.client.exchange(42, read_request(3, 500, 2)))
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)
    assert one.client.statistics.late == 1


@pytest.mark.parametrize("framing", LINES)
async def test_a_late_answer_on_a_line_is_not_taken_for_the_next(bench: Make, framing: str) -> None:
    one = bench(framing, timeout=1.0, retries=0)
    free = [0.0]

    def in_order(bench: Any, request: Any, frame: bytes) -> list[tuple[float, bytes]]:
        """A unit that is busy for 1.5 s at first and answers everything in its order."""
        now = bench.clock.now() / 1e9
        free[0] = max(free[0], now) + (1.5 if len(bench.asked) == 1 else 0.02)
        return [(free[0] - now, frame)]

    one.bend = in_order
    with pytest.raises(ResponseTimeout):
        await one.run(one.client.exchange(42, read_request(3, 500, 2)))
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)
    counts = [request.pdu[4] for _, request in one.asked]
    assert counts == [2, 1, 2]  # a marker of another length in between


async def test_requests_that_cannot_be_confused_need_no_marker(bench: Make) -> None:
    one = bench("rtu", timeout=1.0, retries=1)
    one.bend = lambda bench, request, frame: None if len(bench.asked) == 1 else frame
    await one.run(one.client.exchange(42, READ))
    await one.run(one.client.exchange(42, read_request(3, 0, 9)))
    await one.run(one.client.exchange(43, read_request(3, 7, 2)))
    assert [request.pdu[4] for _, request in one.asked] == [2, 2, 9, 2]


async def test_a_unit_that_does_not_answer_the_marker_is_silent(bench: Make) -> None:
    one = bench("rtu", timeout=1.0, retries=1)
    one.bend = lambda bench, request, frame: None
    for pdu in (READ, read_request(3, 7, 2)):
        with pytest.raises(ResponseTimeout, match="check the unit number"):
            await one.run(one.client.exchange(42, pdu))
    assert one.clock.now() / 1e9 == pytest.approx(4.0, abs=0.1)


async def test_another_units_answer_is_not_taken_on_tcp(bench: Make) -> None:
    one = bench("tcp", retries=0)
    one.bend = lambda bench, request, frame: frame[:6] + b"\x07" + frame[7:]
    with pytest.raises(FrameError, match="unit 7 answered instead"):
        await one.run(one.client.exchange(42, READ))


async def test_an_answer_of_the_wrong_length_is_damage(bench: Make) -> None:
    one = bench("tcp", retries=1)
    one.bend = lambda bench, request, frame: frame[:4] + b"\0\5\x2a\x03\x02\0\0"
    with pytest.raises(FrameError, match="unit 42 at memory://bench"):
        await one.run(one.client.exchange(42, READ))
    assert len(one.asked) == 2


async def test_a_stream_that_cannot_be_understood_is_opened_anew(bench: Make) -> None:
    one = bench("tcp")
    one.bend = lambda bench, request, frame: b"HTTP/1.1 400" if len(bench.asked) == 1 else frame
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)
    assert one.opened == 2


def cut(bench: Any, request: Any, frame: bytes) -> bytes | None:
    if len(bench.asked) == 1:
        bench.far.put(frame[:4])
        bench.far.cut()
        return None
    return frame


async def test_a_read_survives_a_connection_that_ends_in_mid_answer(bench: Make) -> None:
    one = bench("tcp")
    one.bend = cut
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)
    assert one.opened == 2


async def test_a_write_on_a_connection_that_ends_is_of_unknown_fate(bench: Make) -> None:
    one = bench("tcp")
    one.bend = cut
    with pytest.raises(Disconnected, match="whether it was done is unknown"):
        await one.run(one.client.exchange(42, WRITE))
    assert len(one.asked) == 1


async def test_a_connection_that_ended_while_idle_is_opened_anew_even_for_a_write(bench: Make) -> None:
    one = bench("tcp")
    await one.client.exchange(42, READ)
    one.far.cut()
    assert await one.client.exchange(42, WRITE) == WRITE[:5]
    assert one.opened == 2


async def test_a_connection_that_cannot_be_opened_again_is_unreachable(bench: Make) -> None:
    one = bench("tcp")
    await one.client.exchange(42, READ)
    one.far.cut()

    async def refuse() -> Any:
        raise Unreachable("cannot connect to memory://bench")

    one.client._opener = refuse
    results = await asyncio.gather(*(one.client.exchange(42, READ) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [Unreachable] * 3


async def test_a_connection_without_any_byte_is_given_up(bench: Make) -> None:
    one = bench("tcp", retries=2)
    one.bend = lambda bench, request, frame: None
    with pytest.raises(ResponseTimeout):
        await one.run(one.client.exchange(42, READ))
    one.bend = lambda bench, request, frame: frame
    assert await one.client.exchange(42, READ) == answer_to(READ)
    assert one.opened == 2


async def test_tcp_keeps_several_requests_under_way_and_sorts_their_answers(bench: Make) -> None:
    one = bench("tcp", depth=4)
    one.bend = lambda bench, request, frame: [(1.0 - 0.1 * len(bench.asked), frame)]
    pdus = [read_request(3, address, 2) for address in range(0, 60, 10)]
    answers = await one.run(one.client.exchange_all(42, pdus))
    assert answers == [answer_to(pdu) for pdu in pdus]
    first = [moment for moment, _ in one.asked]
    assert first[:4] == [0.0] * 4
    assert first[4] > 0


async def test_callers_share_a_link_without_waiting_for_each_others_patience(bench: Make) -> None:
    one = bench("tcp", depth=4, retries=0)
    one.bend = lambda bench, request, frame: (
        [(3.0, frame)] if request.unit == 1 else None if request.unit == 2 else frame
    )
    done: list[tuple[int, float]] = []

    async def ask(unit: int, timeout: float) -> None:
        with contextlib.suppress(ResponseTimeout):
            await one.client.exchange(unit, READ, timeout=timeout)
        done.append((unit, one.clock.now() / 1e9))

    await one.run(asyncio.gather(ask(1, 15), ask(2, 0.5), ask(3, 1)))  # type: ignore[arg-type]
    assert done == [(3, 0.0), (2, 0.5), (1, 3.0)]


async def test_a_batch_ends_with_its_first_failure(bench: Make) -> None:
    one = bench("rtu", timeout=1.0, retries=0)
    one.bend = lambda bench, request, frame: None
    with pytest.raises(ResponseTimeout, match="registers 0 to 1"):
        await one.run(one.client.exchange_all(42, [read_request(3, 10 * n, 2) for n in range(30)]))
    assert one.clock.now() == 1_000_000_000
    assert len(one.asked) == 1


async def test_a_line_carries_one_request_at_a_time(bench: Make) -> None:
    one = bench("rtu", depth=4)
    one.bend = lambda bench, request, frame: [(0.25, frame)]
    pdus = [read_request(3, address, 2) for address in (0, 10, 20)]
    answers = await one.run(asyncio.gather(*(one.client.exchange(42, pdu) for pdu in pdus)))  # type: ignore[arg-type]
    assert answers == [answer_to(pdu) for pdu in pdus]
    assert [moment for moment, _ in one.asked] == pytest.approx([0.0, 0.25, 0.5])


async def test_the_gap_of_three_and_a_half_characters_precedes_each_request(bench: Make) -> None:
    wire = Wire(character=11 / 9600, gap=3.5 * 11 / 9600)
    one = bench("rtu", wire=wire)
    one.bend = lambda bench, request, frame: [(0.1, frame)]
    await one.run(one.client.exchange(42, READ))
    await one.run(one.client.exchange(42, READ))
    assert one.asked[1][0] - one.asked[0][0] == pytest.approx(0.1 + wire.gap, rel=1e-6)


async def test_the_pause_lies_between_answer_and_next_request(bench: Make) -> None:
    one = bench("tcp", pause=0.3)
    await one.run(one.client.exchange(42, READ))
    await one.run(one.client.exchange(42, READ))
    assert one.asked[1][0] == pytest.approx(0.3)


async def test_a_cancelled_caller_leaves_the_link_usable(bench: Make) -> None:
    one = bench("rtu", timeout=1.0, retries=0)
    one.bend = lambda bench, request, frame: [(0.6, frame)]
    caller = asyncio.create_task(one.client.exchange(42, read_request(3, 500, 2)))
    await one.clock.run(0.1)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await one.run(one.client.exchange(42, READ)) == answer_to(READ)
    assert one.asked[1][0] >= 0.6  # the unit was let finish


async def test_a_cancelled_leader_hands_over(bench: Make) -> None:
    one = bench("rtu", timeout=1.0, retries=0)
    one.bend = lambda bench, request, frame: [(0.2, frame)]
    leader = asyncio.create_task(one.client.exchange(42, read_request(3, 500, 2)))
    followers = [asyncio.create_task(one.client.exchange(42, read_request(3, n, 2))) for n in (1, 2, 3)]
    await one.clock.run(0.1)
    leader.cancel()
    followers[1].cancel()
    await one.clock.run(2.0)
    assert followers[0].result() == answer_to(read_request(3, 1, 2))
    assert followers[1].cancelled()
    assert followers[2].result() == answer_to(read_request(3, 3, 2))
    assert len(one.asked) == 3


async def test_a_broadcast_on_a_line_is_sent_and_not_awaited(bench: Make) -> None:
    one = bench("rtu")
    one.bend = lambda bench, request, frame: None
    assert await one.run(one.client.exchange(0, WRITE)) == b""
    assert one.clock.now() == 100_000_000


@pytest.mark.parametrize("framing", ALL)
async def test_a_unit_out_of_range_harms_nobody_else(bench: Make, framing: str) -> None:
    one = bench(framing)
    results = await asyncio.gather(
        one.client.exchange(300, READ), one.client.exchange(42, READ), return_exceptions=True
    )
    assert isinstance(results[0], InvalidValue)
    assert results[1] == answer_to(READ)


async def test_requests_beyond_the_standard_are_carried_and_their_refusal_told(bench: Make) -> None:
    one = bench("rtu")

    def refuse(bench: Any, request: Any, frame: bytes) -> bytes:
        from wattproof.wire.modbus.framing.rtu import frame as wrap

        return wrap(request.unit, bytes((request.pdu[0] | 0x80, 3)))

    one.bend = refuse
    with pytest.raises(ModbusRefused, match="registers 100 to 225"):
        await one.client.exchange(42, b"\x03\x00\x64\x00\x7e")
    with pytest.raises(ModbusRefused, match="none at all"):
        await one.client.exchange(42, b"\x03\x00\x64\x00\x00")


async def test_a_line_full_of_noise_delays_but_does_not_stop(bench: Make) -> None:
    one = bench("rtu", timeout=1.0, retries=0, wire=Wire(0.001, 0.0035))

    async def babble() -> None:
        while True:
            one.far.put(b"\x55")
            await one.clock.sleep(0.002)

    await one.client.open()
    noise = asyncio.create_task(babble())
    one.bend = lambda bench, request, frame: None
    with pytest.raises((FrameError, ResponseTimeout)):
        await one.run(one.client.exchange(42, READ), limit=5)
    noise.cancel()


@pytest.mark.parametrize("code", [0x0A, 0x0B])
async def test_a_gateway_that_reaches_nobody_is_no_refusal_of_the_unit(bench: Make, code: int) -> None:
    one = bench("tcp")
    one.bend = lambda bench, request, frame: frame[:5] + bytes((3, request.unit, request.pdu[0] | 0x80, code))
    with pytest.raises(ResponseTimeout, match=f"no answer from unit 1 at memory://bench .*exception {code}") as caught:
        await one.run(one.client.exchange(1, read_request(3, 40000, 2)))
    assert isinstance(caught.value, ModbusRefused)
    assert (caught.value.exit_code, caught.value.code, caught.value.http_status) == (4, code, 504)


CHARACTER = 0.001


def paced(bench: Any, request: Any, frame: bytes) -> list[tuple[float, bytes]]:
    """Ten milliseconds after the request, a byte every millisecond."""
    return [(0.01 + CHARACTER * number, frame[number : number + 1]) for number in range(len(frame))]


async def test_an_answer_on_a_slow_line_is_there_with_its_last_byte(bench: Make) -> None:
    one = bench("rtu", wire=Wire(CHARACTER, 0.0))
    one.bend = paced
    looks = []
    receive = one.client._listen

    async def counted() -> None:
        looks.append(one.clock.now())
        await receive()

    one.client._listen = counted
    pdu = read_request(3, 100, 50)
    assert await one.run(one.client.exchange(42, pdu)) == answer_to(pdu)
    assert one.clock.now() / 1e9 == pytest.approx(0.01 + CHARACTER * 104, abs=1e-6)
    assert len(looks) <= 8  # and not one for each of 105 bytes


async def test_an_exception_on_a_slow_line_is_not_waited_for_as_long_as_for_what_was_asked(bench: Make) -> None:
    one = bench("rtu", wire=Wire(CHARACTER, 0.0))
    one.bend = lambda bench, request, frame: paced(bench, request, rtu_frame(request.unit, b"\x83\x02"))
    with pytest.raises(ModbusRefused):
        await one.run(one.client.exchange(42, read_request(3, 100, 125)))
    assert one.clock.now() / 1e9 == pytest.approx(0.01 + CHARACTER * 4, abs=1e-6)


async def test_an_answer_that_is_cut_costs_no_more_than_its_time(bench: Make) -> None:
    one = bench("rtu", timeout=0.1, retries=0, wire=Wire(CHARACTER, 0.0))
    one.bend = lambda bench, request, frame: paced(bench, request, frame)[:-1]
    with pytest.raises((FrameError, ResponseTimeout)):
        await one.run(one.client.exchange(42, read_request(3, 100, 125)))
    assert one.clock.now() / 1e9 == pytest.approx(0.1 + CHARACTER * (8 + 256), abs=1e-6)
