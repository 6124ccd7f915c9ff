"""The virtual clock: it moves when told to, and wakes who is due."""

from __future__ import annotations

import asyncio

import pytest

from wattproof.errors import InvalidValue
from wattproof.model.clock import DEFAULT_EPOCH, Clock, VirtualClock

SECOND = 10**9


def test_it_is_a_clock_and_stands_still() -> None:
    clock = VirtualClock(start=5)
    assert isinstance(clock, Clock)
    assert (clock.now(), clock.time()) == (5, DEFAULT_EPOCH)
    clock.advance(1.5)
    assert (clock.now(), clock.time()) == (5 + 1_500_000_000, DEFAULT_EPOCH + 1_500_000_000)
    clock.set_time(0)
    assert (clock.now(), clock.time()) == (5 + 1_500_000_000, 0)


def test_it_never_goes_back() -> None:
    with pytest.raises(InvalidValue):
        VirtualClock().advance(-1)


async def test_sleepers_wake_at_their_exact_moments_in_order() -> None:
    clock = VirtualClock()
    log: list[tuple[str, int]] = []

    async def sleeper(name: str, *pauses: float) -> None:
        for pause in pauses:
            await clock.sleep(pause)
            log.append((name, clock.now() // SECOND))

    tasks = [asyncio.ensure_future(sleeper("a", 3, 3)), asyncio.ensure_future(sleeper("b", 2, 2, 2))]
    await clock.run(5)
    assert log == [("b", 2), ("a", 3), ("b", 4)]
    await clock.run(1)
    assert sorted(log[3:]) == [("a", 6), ("b", 6)]
    await asyncio.gather(*tasks)


async def test_advance_wakes_everybody_who_is_due() -> None:
    clock = VirtualClock()
    tasks = [asyncio.ensure_future(clock.sleep(seconds)) for seconds in (0, 1, 2, 9)]
    await asyncio.sleep(0)
    clock.advance(2)
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, True, True, False]
    assert clock.next_wake() == 9 * SECOND
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert clock.next_wake() is None


def test_without_an_event_loop_sleeping_moves_it() -> None:
    clock = VirtualClock()
    with pytest.raises(StopIteration):
        clock.sleep(2.5).send(None)
    assert clock.now() == 2_500_000_000
