"""The driver in front of a virtual meter, joined in memory: virtual time, no event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tests.meters.abb.virtual.cosem.bench import PASSWORD, Bench
from wattproof.drivers.cosem.bus import Bus
from wattproof.drivers.cosem.line import Line
from wattproof.drivers.cosem.place import HDLC, TCP, UDP, Place
from wattproof.drivers.cosem.timing import WRAPPED, Timing
from wattproof.drivers.modbus import run_blocking
from wattproof.io.memory import MemoryLink, memory_pair
from wattproof.meters.abb.cosem.driver import AbbCosemDriver
from wattproof.model.clock import VirtualClock

T = TypeVar("T")
Spoil = Callable[[bytes], bytes | None]


class Rig:
    """``driver`` asks, ``bench`` has the meter. Real time of the bench goes with the driver's clock."""

    def __init__(
        self, variant: str | None = None, transport: str = HDLC, *, client: int | None = None, **options: Any
    ) -> None:
        self.bench = Bench(variant, **options)
        self.clock = VirtualClock()
        self.requests: list[bytes] = []
        self.spoil_answer: Spoil = lambda data: data
        self._transport = transport
        self._elapsed = 0.0
        timing = Timing(answer=0.58 if transport == HDLC else WRAPPED, network=True)
        self.bus = Bus(Line(self._open, name="memory", clock=self.clock, timing=timing))
        self.driver = self.as_client(client or 1)

    def as_client(self, client: int, password: bytes = PASSWORD) -> AbbCosemDriver:
        place = Place(self._transport, self.bench.meter.hdlc_address, client, password if client == 1 else None)
        return AbbCosemDriver(self.bus.station(place))

    async def _open(self) -> MemoryLink:
        near, far = memory_pair(self.clock, "memory")
        far.answer = self._answer
        return near

    def _answer(self, data: bytes) -> bytes:
        self.requests.append(data)
        elapsed = self.clock.now() / 1e9
        if elapsed > self._elapsed:
            self.bench.wait(elapsed - self._elapsed)
            self._elapsed = elapsed
        bench = self.bench
        exchanges = {
            HDLC: bench.hdlc,
            TCP: bench._wrapped(bench.tcp, "here"),
            UDP: bench._wrapped(bench.udp, "here"),
        }
        answer = exchanges[self._transport](data)
        return self.spoil_answer(answer) or b"" if answer else b""

    def run(self, coroutine: Any) -> Any:
        return run_blocking(coroutine)

    def read(self, *names: str) -> dict[str, Any]:
        """Values by bare point name."""
        return {one.point.partition(".")[2]: one for one in self.run(self.driver.read(names))}
