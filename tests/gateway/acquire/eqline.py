"""An EQ bus in memory: virtual ABB meters by HDLC address, on the clock of a world."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from tests.meters.abb.virtual.cosem.bench import PASSWORD, Bench
from wattproof.drivers.cosem.bus import Bus
from wattproof.drivers.cosem.line import Line
from wattproof.drivers.cosem.timing import Timing
from wattproof.drivers.schedule import BackOff
from wattproof.gateway.acquire.lines import CosemLine
from wattproof.gateway.config import BusConfig
from wattproof.io.memory import MemoryLink, memory_pair
from wattproof.io.url import parse_url
from wattproof.model.clock import VirtualClock

SECOND = 10**9
#: ACTION of the second method of the image transfer, with the number of the block.
_BLOCK = re.compile(rb"\xc3\x01.\x00\x12\x00\x00\x2c\x00\x00\xff\x02\x01\x02\x02\x06(.{4})", re.DOTALL)
BLOCK = 448


def image(version: str = "A9.01.0", blocks: int = 12) -> bytes:
    """An image of so many blocks that keeps the rule of the virtual meter."""
    body = version.encode().ljust(16, b"\0") + bytes(number % 251 for number in range(blocks * BLOCK - 20))
    return body + zlib.crc32(body).to_bytes(4, "little")


class EqLine:
    """``meters`` by address. ``heard``: second and address of every request; ``blocks``: numbers of the blocks that
    were sent to an address. ``loses`` says whether a request gets lost. Each request takes 50 ms."""

    def __init__(self, clock: VirtualClock, *addresses: int) -> None:
        self.clock = clock
        self.meters = {
            address: Bench(settings={"hdlc-address": address}, serial=f"{address:08}") for address in addresses
        }
        self.heard: list[tuple[float, int]] = []
        self.blocks: dict[int, list[int]] = {address: [] for address in addresses}
        self.loses: Callable[[int, bytes], bool] = lambda address, data: False
        self._elapsed = clock.now()

    def line(self, config: BusConfig) -> CosemLine:
        """What a gateway opens."""
        timing = Timing(answer=0.58, network=True, pause=0.05)
        bus = Bus(
            Line(self._open, name=config.name, clock=self.clock, timing=timing),
            back_off=BackOff(limit=1, first=10, factor=2, most=60),
        )
        return CosemLine(config.name, parse_url(config.url), bus)

    def firmware(self, address: int) -> str:
        return self.meters[address].body.firmware

    async def _open(self) -> MemoryLink:
        near, far = memory_pair(self.clock, "memory")
        far.answer = self._answer
        return near

    def _answer(self, data: bytes) -> bytes:
        elapsed, self._elapsed = self.clock.now() - self._elapsed, self.clock.now()
        for bench in self.meters.values():
            bench.wait(elapsed / SECOND)
        address = data[4] >> 1
        self.heard.append((self.clock.now() / SECOND, address))
        if found := _BLOCK.search(data):
            self.blocks[address].append(int.from_bytes(found[1]))
        if self.loses(address, data):
            return b""
        return b"".join(bench.hdlc(data) for bench in self.meters.values())


PASSWORD_TEXT = PASSWORD.decode()
