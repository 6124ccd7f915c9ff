from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from wattproof.drivers.bus import Bus
from wattproof.drivers.schedule import BackOff, Priority
from wattproof.errors import Disconnected, ModbusRefused, ResponseTimeout, Unreachable
from wattproof.wire.modbus.framing.rtu import frame as rtu_frame
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

Make = Callable[..., Any]
READ = read_request(3, 100, 2)
ANSWER = bytes.fromhex("030400640065")
WRITE = write_multiple_request(100, b"\0\1")
DEAD = 9


def deaf(bench: Any, request: Any, frame: bytes) -> list[tuple[float, bytes]] | None:
    """Unit 9 is dead, all others take 20 ms."""
    return None if request.unit == DEAD else [(0.02, frame)]


async def test_one_dead_meter_does_not_stall_the_others(bench: Make) -> None:
    one = bench("rtu", timeout=1.0)
    one.bend = deaf
    bus = Bus(one.client, name="rtu://bench")
    late: dict[int, list[float]] = {unit: [] for unit in (1, 2, 3, DEAD)}

    async def poll(unit: int) -> None:
        """Once a second, a minute long; notes how late each answer was."""
        for number in range(60):
            due = 1.0 * number
            await one.clock.sleep(due - one.clock.now() / 1e9)
            try:
                await bus.exchange(unit, READ)
                late[unit].append(one.clock.now() / 1e9 - due)
            except ResponseTimeout:
                pass

    await one.run(asyncio.gather(*(poll(unit) for unit in late)))
    assert late[DEAD] == []
    for unit in (1, 2, 3):
        assert len(late[unit]) == 60
        assert sum(wait > 0.1 for wait in late[unit]) <= 16  # eight silences, each in the way of two polls at most
        assert max(late[unit]) < 2.5
    asked = [moment for moment, request in one.asked if request.unit == DEAD]
    probes = asked[3:]
    assert 4 <= len(probes) <= 6
    gaps = [after - before for before, after in pairwise(probes)]
    assert gaps == sorted(gaps)


async def test_a_resting_unit_fails_at_once_with_the_reason(bench: Make) -> None:
    one = bench("rtu", timeout=1.0)
    one.bend = deaf
    bus = Bus(one.client, name="rtu://bench", back_off=BackOff(first=10))
    with pytest.raises(ResponseTimeout, match="check the unit number"):
        await one.run(bus.exchange(DEAD, READ))
    before = one.clock.now()
    with pytest.raises(ResponseTimeout, match=r"unit 9 on rtu://bench .* rests.*next probe is in 10\.0 s"):
        await bus.exchange(DEAD, READ)
    assert one.clock.now() == before
    await one.clock.run(10)
    one.bend = lambda bench, request, frame: frame
    assert await bus.exchange(DEAD, READ) == ANSWER
    assert await bus.exchange(DEAD, READ) == ANSWER


async def test_requests_that_wait_behind_a_dead_one_of_their_unit_fail_with_it(bench: Make) -> None:
    one = bench("rtu", timeout=1.0)
    one.bend = deaf
    bus = Bus(one.client)
    results = await one.run(
        asyncio.gather(*(bus.exchange(DEAD, read_request(3, n, 2)) for n in range(20)), return_exceptions=True)
    )
    assert [type(result) for result in results] == [ResponseTimeout] * 20
    assert one.clock.now() / 1e9 < 4


async def test_equal_reads_are_asked_once_and_answered_to_all(bench: Make) -> None:
    one = bench("rtu")
    one.bend = deaf
    bus = Bus(one.client)
    answers = await one.run(asyncio.gather(*(bus.exchange(1, READ) for _ in range(5))))
    assert answers == [ANSWER] * 5
    assert len(one.asked) == 1
    assert bus.statistics[1].shared == 4


async def test_a_caller_who_leaves_does_not_take_the_answer_from_the_others(bench: Make) -> None:
    one = bench("rtu")
    one.bend = deaf
    bus = Bus(one.client)
    first, second, lonely = (asyncio.create_task(bus.exchange(unit, READ)) for unit in (1, 1, 2))
    await one.clock.run(0.001)
    first.cancel()
    lonely.cancel()
    await one.clock.run(1)
    assert second.result() == ANSWER
    assert first.cancelled()
    assert [request.unit for _, request in one.asked] == [1]  # nobody waited for unit 2 any more


async def test_the_urgent_overtakes(bench: Make) -> None:
    one = bench("rtu")
    one.bend = deaf
    bus = Bus(one.client)
    polls = [asyncio.create_task(bus.exchange(unit, READ)) for unit in (1, 2, 3)]
    person = asyncio.create_task(bus.on(Priority.COMMAND).exchange(4, WRITE))
    await one.clock.run(1)
    assert [request.unit for _, request in one.asked] == [4, 1, 2, 3]
    assert person.result() == WRITE[:5]
    assert [poll.result() for poll in polls] == [ANSWER] * 3


async def test_a_gateways_word_that_nobody_answered_is_silence(bench: Make) -> None:
    one = bench("rtu")
    one.bend = lambda bench, request, frame: rtu_frame(request.unit, b"\x83\x0b")
    bus = Bus(one.client)
    with pytest.raises(ModbusRefused) as caught:
        await bus.exchange(5, READ)
    assert caught.value.code == 0x0B
    assert not bus.statistics[5].is_healthy
    one.bend = lambda bench, request, frame: rtu_frame(request.unit, b"\x83\x02")
    with pytest.raises(ModbusRefused):
        await bus.exchange(6, READ)
    assert bus.statistics[6].is_healthy
    assert bus.statistics[6].refusals == 1


async def test_several_are_under_way_on_tcp(bench: Make) -> None:
    one = bench("tcp", depth=4)
    one.bend = lambda bench, request, frame: [(0.5, frame)]
    bus = Bus(one.client, depth=4)
    await one.run(asyncio.gather(*(bus.exchange(unit, READ) for unit in range(1, 9))))
    assert one.clock.now() == 1_000_000_000


async def test_a_lost_line_is_told_and_no_unit_blamed(bench: Make) -> None:
    one = bench("tcp")

    async def refuse() -> Any:
        raise Unreachable("cannot connect to memory://bench")

    one.client._opener = refuse
    bus = Bus(one.client)
    for _ in range(5):
        with pytest.raises(Unreachable):
            await bus.exchange(1, READ)
    assert bus.statistics[1].is_healthy


async def test_closing_ends_every_wait(bench: Make) -> None:
    one = bench("rtu")
    one.bend = lambda bench, request, frame: None
    bus = Bus(one.client)
    waiting = [asyncio.create_task(bus.exchange(unit, READ)) for unit in (1, 2)]
    await one.clock.run(0.01)
    await bus.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Disconnected] * 2


async def test_an_idle_bus_takes_up_work_again(bench: Make) -> None:
    one = bench("rtu")
    one.bend = deaf
    bus = Bus(one.client)
    for _ in range(3):
        assert await one.run(bus.exchange(1, READ)) == ANSWER
        assert await one.run(bus.exchange(1, WRITE)) == WRITE[:5]
    assert bus.clock is one.clock
