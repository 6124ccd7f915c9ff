from __future__ import annotations

import asyncio

import pytest

from wattproof.errors import Disconnected
from wattproof.io.memory import memory_pair
from wattproof.model.clock import VirtualClock


async def test_what_one_end_sends_the_other_receives() -> None:
    near, far = memory_pair(VirtualClock())
    await near.send(b"ab")
    await near.send(b"c")
    assert await far.receive(0) == b"abc"
    await far.send(b"d")
    assert await near.receive(0) == b"d"


async def test_receive_ends_with_the_time_of_its_clock_or_with_the_first_byte() -> None:
    clock = VirtualClock()
    near, far = memory_pair(clock)
    silent = asyncio.create_task(near.receive(2.0))
    await clock.run(1.9)
    assert not silent.done()
    await clock.run(0.2)
    assert await silent == b""
    waiting = asyncio.create_task(near.receive(2.0))
    await clock.run(0.5)
    await far.send(b"x")
    assert await waiting == b"x"
    assert near.heard == clock.now() == 2_600_000_000


async def test_a_cancelled_receive_loses_nothing() -> None:
    clock = VirtualClock()
    near, far = memory_pair(clock)
    waiting = asyncio.create_task(near.receive(2.0))
    await clock.run(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await far.send(b"x")
    assert await near.receive(0) == b"x"


async def test_a_cut_connection_is_read_to_its_end() -> None:
    near, far = memory_pair(VirtualClock(), "tcp://h:1")
    await far.send(b"x")
    far.cut()
    assert near.closed
    assert await near.receive(1) == b"x"
    with pytest.raises(Disconnected, match="tcp://h:1"):
        await near.receive(1)
    with pytest.raises(Disconnected, match="tcp://h:1"):
        await near.send(b"y")


def test_an_answering_end_needs_no_event_loop() -> None:
    clock = VirtualClock()
    near, far = memory_pair(clock)
    far.answer = lambda data: data.upper()

    async def talk() -> tuple[bytes, bytes]:
        await near.send(b"abc")
        return await near.receive(1), await near.receive(1)

    coroutine = talk()
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    assert done.value.value == (b"ABC", b"")
    assert clock.now() == 1_000_000_000
