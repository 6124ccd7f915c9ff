"""Masters, a proxy and a line of scripted units, all in memory and on one virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.drivers.conftest import Bench, bench
from wattproof.bridge.line import Reopening
from wattproof.bridge.proxy import Proxy
from wattproof.drivers.bus import Bus
from wattproof.model.clock import VirtualClock
from wattproof.virtual.line import Delivery, LineFaults
from wattproof.virtual.listeners import framer
from wattproof.virtual.station import Stream
from wattproof.wire.modbus.framing import Request
from wattproof.wire.modbus.framing.messages import ServerFramer

__all__ = ["bench"]

SILENT = 9


def deaf(bench: Bench, request: Request, frame: bytes) -> list[tuple[float, bytes]] | None:
    """Unit 9 is dead, all others take 20 ms."""
    return None if request.unit == SILENT else [(0.02, frame)]


class ClockTimers:
    """The timers of a virtual clock."""

    class Timer:
        def __init__(self, task: asyncio.Task[None]) -> None:
            self.task = task

        def cancel(self) -> None:
            self.task.cancel()

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.tasks: set[asyncio.Task[None]] = set()
        self.now = clock.now

    def utc(self) -> int:
        return self.clock.time() - self.clock.now()

    def call_at(self, when: int, callback: Callable[[], None]) -> ClockTimers.Timer:
        task = asyncio.ensure_future(self._later(when, callback))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return self.Timer(task)

    async def _later(self, when: int, callback: Callable[[], None]) -> None:
        await self.clock.sleep(max(0, when - self.clock.now()) / 1e9)
        callback()


class Master:
    """One master: what it asks, and what comes back with its second."""

    def __init__(self, site: Site, name: str, framing: str, *, network: bool) -> None:
        self.site = site
        self.client = site.proxy.client(network=network)
        self.framer: ServerFramer = framer(framing, self.client)
        self.got: list[tuple[float, bytes]] = []
        self.closed = False
        self.stream = Stream(
            self.client, self.framer, self._write, close=self._close if network else None, tcp=framing == "tcp"
        )
        self.client.arrive(name)

    def _write(self, delivery: Delivery, arrived: int) -> None:
        self.got.append((round(self.site.clock.now() / 1e9, 3), b"".join(delivery.before) + delivery.data))

    def _close(self) -> None:
        self.closed = True
        self.client.depart()

    def frame(self, pdu: bytes, unit: int = 1, transaction: int = 1) -> bytes:
        """A frame, question and answer alike."""
        return self.framer.encode(Request(unit, pdu, transaction), pdu)

    def ask(self, pdu: bytes, unit: int = 1, transaction: int = 1) -> None:
        self.stream.receive(self.frame(pdu, unit, transaction), self.site.clock.now())

    @property
    def answers(self) -> list[bytes]:
        return [data for _, data in self.got]


class Site:
    """A proxy in front of a scripted line."""

    def __init__(self, line: Bench, seed: int = 1, retries: int = 0, **options: Any) -> None:
        self.line = line
        line.bend = deaf
        self.clock = line.clock
        self.opening = line.client._opener = Reopening(line._open, line.clock)
        self.timers = ClockTimers(self.clock)
        bus = Bus(line.client, name="rtu://bench", retries=retries)
        self.proxy = Proxy(bus, self.timers, LineFaults(random.Random(seed)), **options)

    def master(self, name: str = "10.0.0.1:5000", framing: str = "tcp", *, network: bool = True) -> Master:
        return Master(self, name, framing, network=network)

    async def run(self, seconds: float) -> None:
        await self.clock.run(seconds)

    @property
    def asked(self) -> list[int]:
        """The units that were asked on the line."""
        return [request.unit for _, request in self.line.asked]


@pytest.fixture
def site(bench: Callable[..., Bench]) -> Iterator[Callable[..., Site]]:
    """Makes proxies: ``site("rtu", seed=1, access=Access(...), rates=Rates(...))``."""
    made: list[Site] = []

    def make(framing: str = "rtu", **options: Any) -> Site:
        made.append(Site(bench(framing), to_line=framing != "tcp", **options))
        return made[-1]

    yield make
    for one in made:
        for task in one.timers.tasks:
            task.cancel()
