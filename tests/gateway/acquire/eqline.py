"""An EQ bus in memory: several virtual ABB meters hear every frame, on the clock of the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.wires import HandTimers
from wattproof.drivers.cosem import bus as cosem
from wattproof.drivers.cosem.line import Line
from wattproof.drivers.cosem.timing import Timing
from wattproof.drivers.schedule import BackOff
from wattproof.gateway.acquire.lines import CosemLine
from wattproof.gateway.config import BusConfig
from wattproof.io.memory import MemoryLink, memory_pair
from wattproof.io.url import parse_url
from wattproof.meters.abb.virtual.creation import create
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import SimulationOptions
from wattproof.virtual.framed import FrameBus, FrameStream
from wattproof.virtual.runtime import Runtime

EQ = "hdlc:///dev/eq"


class EqLine:
    """``meters`` by HDLC address. ``requests``: what was sent, with the second; ``lose``: takes an answer away."""

    def __init__(self, clock: VirtualClock, addresses: Sequence[int], **options: Any) -> None:
        self.clock = clock
        self.timers = HandTimers()
        self.meters: dict[int, Any] = {}
        self.requests: list[tuple[float, bytes]] = []
        self.lose: Any = lambda data: False
        self._elapsed = 0.0
        runtimes = []
        for number, address in enumerate(addresses, 1):
            settings = {"hdlc-address": str(address), "time": "2026-02-28T11:59:50"}
            meter = create(
                SimulationOptions(
                    "abb", None, seed=number, serial=f"{number:08}", load="constant:1000", settings=settings
                )
            )
            self.meters[address] = meter
            runtimes.append(Runtime(meter, self.timers))
        self._runtimes = runtimes
        self.sent: list[bytes] = []
        self._stream = FrameStream(FrameBus(runtimes, "hdlc"), self.sent.append, None, network=False)

    def line(self, config: BusConfig) -> CosemLine:
        """What the gateway opens."""

        async def opener() -> MemoryLink:
            near, far = memory_pair(self.clock, "eq")
            far.answer = self._answer
            return near

        line = Line(opener, name=config.name, clock=self.clock, timing=Timing(answer=0.58, network=True))
        back_off = BackOff(limit=1, first=10, factor=2, most=60)
        return CosemLine(config.name, parse_url(config.url), cosem.Bus(line, back_off=back_off))

    def _answer(self, data: bytes) -> bytes:
        now = self.clock.now() / 1e9
        self.requests.append((now, data))
        if now > self._elapsed:
            self.timers.run(now - self._elapsed)
            for runtime in self._runtimes:
                runtime.catch_up()
            self._elapsed = now
        self.sent.clear()
        self._stream.receive(data, self.timers.now())
        return b"" if self.lose(data) else b"".join(self.sent)

    def fault(self, address: int, name: str, value: object) -> None:
        runtime = self._runtimes[list(self.meters).index(address)]
        runtime.patch({}, {name: value})
