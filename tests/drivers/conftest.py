"""A Modbus unit on the far end of a memory pair, whose answers a test may bend."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from wattproof.drivers.client import ModbusClient
from wattproof.drivers.job import Timing, Wire
from wattproof.io.link import ByteLink
from wattproof.io.memory import MemoryLink, memory_pair
from wattproof.model.clock import VirtualClock
from wattproof.wire.modbus.framing import FRAMINGS, Request

T = TypeVar("T")
Bend = Callable[["Bench", Request, bytes], bytes | list[tuple[float, bytes]] | None]


def registers(address: int, count: int) -> bytes:
    """What register n holds: n."""
    return struct.pack(f">{count}H", *range(address, address + count))


def honest(pdu: bytes) -> bytes:
    """The answer of a unit with 65,536 registers in which register n holds n, and which takes every write."""
    address, count = struct.unpack_from(">HH", pdu, 1)
    if pdu[0] in (3, 4):
        return bytes((pdu[0], 2 * count)) + registers(address, count)
    return pdu[:5] if pdu[0] in (6, 16) else bytes((pdu[0] | 0x80, 1))


class Bench:
    """A client joined to a scripted unit. ``bend(bench, request, frame)`` decides what happens to an answer: the
    bytes to send, ``None`` for silence, or (delay, bytes) pairs. ``asked`` are the requests that arrived."""

    def __init__(self, framing: str, timing: Timing, depth: int, wire: Wire | None) -> None:
        row = FRAMINGS[framing]
        self.clock = VirtualClock()
        self.asked: list[tuple[float, Request]] = []
        self.bend: Bend = lambda bench, request, frame: frame
        self.opened = 0
        self.far: MemoryLink | None = None
        self._row = row
        self._tasks: set[asyncio.Task[None]] = set()
        self.client = ModbusClient(
            self._open,
            row.client,
            name="memory://bench",
            clock=self.clock,
            timing=timing,
            wire=None if row.transactions else wire or Wire(),
            depth=depth,
        )

    async def _open(self) -> ByteLink:
        near, far = memory_pair(self.clock, "memory://bench")
        server = self._row.server()
        far.answer = lambda data: self._answer(far, [*server.receive(data)], server.encode)
        self.opened += 1
        self.far = far
        return near

    def _answer(self, far: MemoryLink, requests: list[Request], encode: Callable[[Request, bytes], bytes]) -> bytes:
        for request in requests:
            self.asked.append((self.clock.now() / 1e9, request))
            bent = self.bend(self, request, encode(request, honest(request.pdu)))
            for delay, data in [(0.0, bent)] if isinstance(bent, bytes) else bent or []:
                if delay:
                    task = asyncio.create_task(self._later(far, delay, data))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                elif not far.closed:
                    far.put(data)
        return b""

    async def _later(self, far: MemoryLink, delay: float, data: bytes) -> None:
        await self.clock.sleep(delay)
        if not far.closed:
            far.put(data)

    async def run(self, coroutine: Coroutine[Any, Any, T], limit: float = 600.0) -> T:
        """Run ``coroutine`` to its end while virtual time passes."""
        task = asyncio.ensure_future(coroutine)
        await self.clock.run(0)
        while not task.done():
            moment = self.clock.next_wake()
            assert moment is not None, "nobody sleeps and the task does not end"
            assert self.clock.now() < limit * 1e9, f"not over after {limit} s"
            await self.clock.run(max(0.0, (moment - self.clock.now()) / 1e9))
        return await task


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Makes benches: ``bench("rtu", timeout=1.0, retries=2, pause=0.0, depth=1)``."""
    made: list[Bench] = []

    def make(
        framing: str = "tcp",
        *,
        timeout: float = 1.0,
        retries: int = 2,
        pause: float = 0.0,
        depth: int = 1,
        wire: Wire | None = None,
    ) -> Bench:
        made.append(Bench(framing, Timing(timeout, retries, pause), depth, wire))
        return made[-1]

    yield make
    for one in made:
        for task in one._tasks:
            task.cancel()
