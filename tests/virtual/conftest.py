"""A meter of ten registers, on the wire and the clock of ``tests.wires``."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from fractions import Fraction

import pytest

from tests.wires import HandTimers, Wire
from wattproof.errors import InvalidValue, UnknownName
from wattproof.virtual.base import Meter, ignore, sleep_on
from wattproof.virtual.line import LINE_FAULTS, LineFaults

SECOND = 10**9


class SmallMeter(Meter):
    """Ten registers from address 0. Writing 2 to register 9 begins five blocked seconds; register 8 counts them."""

    def __init__(self, speed: Fraction = Fraction(1), unit: int = 42, seed: int = 1) -> None:
        self.model, self.variant, self.serial, self.public_key = "small", "one", f"S{unit}", b""
        self.speed = speed
        self.line = LineFaults(random.Random(seed))
        self.journal = ignore
        self.wake = sleep_on
        self.registers = [0] * 10
        self.rate = 19200
        self.address = unit
        self.delay = 20_000_000
        self.supply = True
        self.events: list[tuple[int, Callable[[], None]]] = []
        self.time = 0
        self.busy = False
        self.kept: bytes | None = None
        self.executed: list[tuple[int, bytes]] = []

    unit = property(lambda self: self.address)
    baudrate = property(lambda self: self.rate)
    answer_delay = property(lambda self: self.delay)
    blocked = property(lambda self: self.busy)
    silent = property(lambda self: not self.supply)

    def plan(self, at: int, action: Callable[[], None]) -> None:
        self.events.append((at, action))
        self.events.sort(key=lambda event: event[0])

    def advance(self, now: int) -> None:
        assert now >= self.time
        while self.events and self.events[0][0] <= now:
            self.time, action = self.events.pop(0)
            action()
        self.time = now

    def next_event(self) -> int | None:
        return self.events[0][0] if self.events else None

    def execute(self, pdu: bytes, now: int) -> bytes | None:
        self.advance(now)
        self.executed.append((now, pdu))
        if pdu[0] == 3:
            address, count = struct.unpack(">HH", pdu[1:])
            if address + count > 10 or not count:
                return b"\x83\x02"
            return bytes((3, 2 * count)) + struct.pack(f">{count}H", *self.registers[address : address + count])
        if pdu[0] == 16:
            address, count = struct.unpack(">HH", pdu[1:5])
            self.registers[address : address + count] = struct.unpack(f">{count}H", pdu[6:])
            if address == 9 and self.registers[9] == 2:
                self.busy = True
                self.journal("state", {"name": "working"})
                self.plan(now + 5 * SECOND, self.finish)
            if address == 0:
                self.address = self.registers[0]
            if address == 1:
                self.rate = self.registers[1]
            return pdu[:5]
        return bytes((pdu[0] | 0x80, 1))

    def finish(self) -> None:
        self.busy = False
        self.registers[8] += 1
        self.journal("state", {"name": "done"})

    def foreign(self, unit: int, network: bool) -> int | None:
        return 0x0B if network else None

    def state(self) -> dict[str, object]:
        return {"model": self.model, "registers": list(self.registers), "time": self.time}

    def patch(
        self, now: int, controls: Mapping[str, object], faults: Mapping[str, object], when: str | None = None
    ) -> None:
        for name in controls:
            if name != "supply":
                raise UnknownName(f"no control {name!r}: take supply")
        for name in faults:
            if name not in LINE_FAULTS:
                raise UnknownName(f"no fault {name!r}")
        if "supply" in controls:
            if not isinstance(controls["supply"], bool):
                raise InvalidValue(f"control supply: {controls['supply']!r} is not possible: write true or false")
            self.supply = controls["supply"]
        for name, value in faults.items():
            if value is None or value is False:
                self.line.clear(name)
            else:
                self.line.set(name, LINE_FAULTS[name].default if value is True else value)  # type: ignore[arg-type]

    def checkpoint(self) -> bytes | None:
        state = struct.pack(">10H", *self.registers)
        if state == self.kept:
            return None
        self.kept = state
        return state


READ = b"\x03\x00\x08\x00\x01"
TRIGGER = b"\x10\x00\x09\x00\x01\x02\x00\x02"


@pytest.fixture
def timers() -> HandTimers:
    return HandTimers()


@pytest.fixture(scope="session")
def small() -> type[SmallMeter]:
    return SmallMeter


@pytest.fixture(scope="session")
def wire() -> type[Wire]:
    return Wire


@pytest.fixture(scope="session")
def read() -> bytes:
    return READ


@pytest.fixture(scope="session")
def trigger() -> bytes:
    return TRIGGER


@pytest.fixture(scope="session")
def timers_class() -> type[HandTimers]:
    return HandTimers
