"""COSEM over HDLC on a byte-paced line at 115,200 bit/s: the time of a reading against what the wire itself needs.

The line (``bench/c/line.c``) delivers each byte when its stop bit would have arrived. The wire limit is that of all
bytes that go both ways, 10 bits each (8N1), with no pause between request and answer. Both ends are ours: ``simulate``
answers, the blocking ABB driver asks over a connection that stands.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.measure import Figure, Target, built, report, rounds, running, simulated
from wattproof.drivers.cosem.bus import Bus
from wattproof.drivers.cosem.line import Line
from wattproof.drivers.cosem.place import Place
from wattproof.drivers.cosem.timing import Timing
from wattproof.drivers.modbus import run_blocking
from wattproof.io.clock import BlockingClock
from wattproof.io.link import ByteLink
from wattproof.io.opening import open_link_blocking
from wattproof.io.url import parse_url
from wattproof.meters.abb.cosem.driver import AbbCosemDriver

BAUDRATE, BITS = 115_200, 10
LIMIT = 1.15
READINGS: dict[str, tuple[int, Callable[[AbbCosemDriver], Any]]] = {
    "one register": (20, lambda meter: meter.read(["ACTIVE_POWER_TOTAL"])),
    "all instrument values": (5, lambda meter: meter.read(["instrument"])),
    "a day of load profile": (2, lambda meter: meter.load_profile(1, count=96)),
}


class Counting:
    """A link that counts its bytes; everything else is the link's own."""

    def __init__(self, link: ByteLink) -> None:
        self._link = link
        self.octets = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def send(self, data: bytes) -> None:
        self.octets += len(data)
        await self._link.send(data)

    async def receive(self, timeout: float) -> bytes:
        data = await self._link.receive(timeout)
        self.octets += len(data)
        return data


def measured() -> dict[str, tuple[list[float], list[float]]]:
    """By reading: rounds of seconds, and of seconds that the wire needs."""
    line = built("line")
    assert line is not None
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in READINGS}
    with tempfile.TemporaryDirectory() as folder:
        ends = [str(Path(folder) / name) for name in ("meter", "master")]
        with (
            running([str(line), *ends, str(BAUDRATE), str(BITS)]),
            simulated("--listen", f"hdlc://{ends[0]}?baudrate={BAUDRATE}", "--set", "answer-delay=0", model="abb"),
        ):
            url = parse_url(f"hdlc://{ends[1]}?baudrate={BAUDRATE}")
            link = Counting(open_link_blocking(url))

            async def opener() -> Any:
                return link

            bus = Bus(Line(opener, name=url.place, clock=BlockingClock(), timing=Timing.of(url)))
            meter = AbbCosemDriver(bus.station(Place()))
            for _, ask in READINGS.values():
                run_blocking(ask(meter))
            for _ in range(rounds()):
                for name, (times, ask) in READINGS.items():
                    before, begin = link.octets, time.monotonic()
                    for _ in range(times):
                        run_blocking(ask(meter))
                    taken[name][0].append((time.monotonic() - begin) / times)
                    taken[name][1].append((link.octets - before) * BITS / BAUDRATE / times)
            run_blocking(meter.close())
    return taken


def main() -> bool:
    if built("line") is None:
        print("eq_bus needs a C compiler")
        return False
    figures, targets = {}, []
    for name, (seconds, limits) in measured().items():
        figure = Figure("eq_bus", name, "ms/reading", tuple(1000 * value for value in seconds))
        figures[name] = figure
        wire = sum(limits) / len(limits)
        targets.append(Target(f"{name} / wire limit ({1000 * wire:.3g} ms)", figure.median / 1000 / wire, LIMIT))
    return report("COSEM on a byte-paced EQ bus at 115,200 bit/s", figures, targets)
