"""A line in memory with COSEM meters at its far end, in virtual time and without an event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.wire.cosem.meter import new_device, new_meter
from wattproof.drivers.cosem.bus import Bus, Station
from wattproof.drivers.cosem.line import Line
from wattproof.drivers.cosem.place import HDLC, UDP, Place
from wattproof.drivers.cosem.timing import WRAPPED, Timing
from wattproof.io.memory import MemoryLink, memory_pair
from wattproof.model.clock import VirtualClock
from wattproof.wire.cosem.device import LogicalDevice
from wattproof.wire.cosem.sessions import DatagramSession, HdlcSession, StreamSession

DEVICE = new_device()
PASSWORD = b"12345678"
#: What happens to a request on its way: the bytes that arrive, or ``None`` if none do.
Spoil = Callable[[bytes], bytes | None]


class Rig:
    """``meters`` by address; ``requests`` is all that was sent, ``lost`` and ``late`` spoil the two directions."""

    def __init__(
        self, transport: str = HDLC, addresses: tuple[int, ...] = (17,), device: LogicalDevice[Any] = DEVICE,
        context: Callable[[], Any] = new_meter, **timing: Any,
    ) -> None:  # fmt: skip
        self.clock = VirtualClock()
        self.transport = transport
        self.device = device
        self.meters = {address: context() for address in addresses}
        self.requests: list[bytes] = []
        self.spoil_request: Spoil = lambda data: data
        self.spoil_answer: Spoil = lambda data: data
        self.far: MemoryLink | None = None
        self.start()
        chosen = Timing(**{"answer": 0.58 if transport == HDLC else WRAPPED, "network": True, **timing})
        self.line = Line(self._open, name="memory", clock=self.clock, timing=chosen)
        self.bus = Bus(self.line)

    def start(self, *silent: int) -> None:
        """Power up all meters but those that stay silent."""
        alive = {address: meter for address, meter in self.meters.items() if address not in silent}
        self.sessions: list[Any] = []
        if self.transport == HDLC:
            self.sessions = [HdlcSession(self.device, meter, address) for address, meter in alive.items()]
        elif alive:
            kind = DatagramSession if self.transport == UDP else StreamSession
            self.sessions = [kind(self.device, next(iter(alive.values())))]

    async def _open(self) -> MemoryLink:
        near, self.far = memory_pair(self.clock, "memory")
        self.far.answer = self._answer
        if self.transport not in (HDLC, UDP):
            self.start()
        return near

    def _answer(self, data: bytes) -> bytes:
        self.requests.append(data)
        arrived = self.spoil_request(data)
        if arrived is None:
            return b""
        now = self.clock.now()
        for session in self.sessions:
            session.tick(now)
        if self.transport == UDP:
            answer = b"".join(session.receive(arrived, "peer", now) for session in self.sessions)
        else:
            answer = b"".join(session.receive(arrived, now) for session in self.sessions)
        return self.spoil_answer(answer) or b"" if answer else b""

    def station(self, address: int = 17, client: int | None = 1, password: bytes | None = PASSWORD) -> Station:
        return self.bus.station(Place(self.transport, address, client, password))

    def kinds(self) -> str:
        """The HDLC control fields that were sent, in words."""
        return " ".join(_word(frame[6]) for frame in self.requests)


def _word(control: int) -> str:
    named = {0x93: "SNRM", 0x53: "DISC"}
    if control in named:
        return named[control]
    return "I" if not control & 1 else "RR"


def losing(*numbers: int) -> Spoil:
    """Loses the messages of these numbers, counted from 1."""
    count = 0

    def spoil(data: bytes) -> bytes | None:
        nonlocal count
        count += 1
        return None if count in numbers else data

    return spoil
