"""A virtual DMED4 behind both of its interfaces in virtual time, and ways to spoil each of them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from wattproof.conformance.dmed4 import STATEMENTS, Dmed
from wattproof.conformance.dmed4.modbus import Registers
from wattproof.conformance.dmed4.rest import Resources
from wattproof.conformance.engine import Need, Result, run
from wattproof.drivers.answers import accept
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import ModbusRefused, ResponseTimeout
from wattproof.io.http import Paced, Request
from wattproof.io.link import ByteLink
from wattproof.io.memory import MemoryLink, memory_pair
from wattproof.io.web import WebClient
from wattproof.meters.dmed4.driver import DmedDriver
from wattproof.meters.dmed4.rest import RestDriver
from wattproof.meters.dmed4.virtual.creation import create
from wattproof.meters.dmed4.virtual.meter import DmedMeter
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import SimulationOptions
from wattproof.wire.http1 import Response

ALL = frozenset(Need)
PASSWORD = "2000"
#: What a test does to an answer of REST: request in, answer in, answer out.
Turn = Callable[[Request, Response], Response]


class Works:
    """One meter in virtual time: time passes only while somebody waits."""

    def __init__(self, meter: DmedMeter) -> None:
        self.meter = meter
        self.clock = VirtualClock()
        self.site = meter.site()

    def now(self) -> int:
        """Meter time, with everything done that is due."""
        now = int(self.clock.now() * self.meter.speed)
        self.meter.advance(now)
        return now

    def delay(self) -> None:
        """The time that the meter takes for an answer."""
        self.clock.advance(float(self.meter.answer_delay / self.meter.speed / 1e9) + 1e-9)


class ModbusWorks:
    """A Modbus link to the meter, without bytes on a wire: TCP (``network``), or a line."""

    def __init__(self, works: Works, *, network: bool = True) -> None:
        self.works = works
        self.clock = works.clock
        self.network = network
        self.lines: list[MemoryLink] = []

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        meter = self.works.meter
        now = self.works.now()
        if not self.network and unit == 0:
            meter.broadcast(pdu, now)
            return b""
        if not meter.takes(unit, self.network) or (not self.network and unit != meter.unit):
            code = meter.foreign(unit, self.network)
            if isinstance(code, int):
                raise ModbusRefused(code, f"unit {unit}: exception {code}")
            answer = None
        else:
            answer = meter.execute(pdu, now)
        if answer is None:
            self.clock.advance(timeout or 1.0)
            raise ResponseTimeout(f"unit {unit} does not answer")
        self.works.delay()
        return accept(pdu, self.turned(pdu, answer), f"unit {unit}")

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        """What becomes of an answer; subclasses lie."""
        return answer

    # further connections, with the bytes of Modbus TCP

    most = 2
    protocols = (0,)

    async def dial(self) -> ByteLink:
        near, far = memory_pair(self.clock, "memory")
        self.lines = [line for line in self.lines if not line.closed]
        if 1 + len(self.lines) >= self.most:
            far.cut()
            return near
        self.lines.append(far)

        def answer(data: bytes) -> bytes:
            transaction, protocol, _, node = struct.unpack_from(">HHHB", data)
            if protocol not in self.protocols:
                far.cut()
                return b""
            pdu = self.works.meter.execute(data[7:], self.works.now()) or b""
            return struct.pack(">HHHB", *self.head(transaction, 0, 1 + len(pdu), node)) + pdu

        far.answer = answer
        return near

    def head(self, *fields: int) -> tuple[int, ...]:
        """Transaction, protocol, length and node of an answer; subclasses lie."""
        return fields

    async def close(self) -> None: ...


class WebWorks(WebClient):
    """The real web client, its connections ending at the meter's site."""

    def __init__(self, works: Works, turn: Turn | None = None) -> None:
        async def opener() -> ByteLink:
            near, far = memory_pair(works.clock, "memory")

            def answer(data: bytes) -> bytes:
                now = works.now()
                if works.meter.silent:
                    far.cut()
                    return b""
                request = parsed(data)
                response = works.site.answer(request, now)
                response = response if turn is None else turn(request, response)
                works.delay()
                found = works.site.deliver(response)
                far.put(found.encode())
                if found.closes and not (isinstance(found, Paced) and found.linger):
                    far.cut()
                return b""

            far.answer = answer
            return near

        super().__init__(opener, name="http://memory", host="memory", clock=works.clock, retries=0)


def parsed(data: bytes) -> Request:
    """The request in bytes that a client of ours sends."""
    head, _, body = data.partition(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ")
    return Request(method, target.partition("?")[0], {}, {}, body, "1.1", target)


class Bench:
    """A meter, its links and the subject that checks see.

    ``sides``: the interfaces that the checks are given. ``modbus`` and ``turn`` spoil them. ``claims``: the variant
    that the address of the meter names.
    """

    def __init__(
        self,
        variant: str | None = None,
        sides: Sequence[str] = ("modbus", "rest"),
        *,
        speed: int = 1,
        faults: Sequence[str] = (),
        modbus: type[ModbusWorks] = ModbusWorks,
        turn: Turn | None = None,
        line: str = "",
        load: str | None = None,
        writes: bool = True,
        limit: float = 15.0,
        password: str | None = PASSWORD,
        claims: str | None = None,
        channel: int | None = None,
        tls: bool = False,
        **settings: str,
    ) -> None:
        self.meter = create(
            SimulationOptions(
                "dmed4",
                variant=variant,
                serial="12345678",
                seed=1,
                speed=Fraction(speed),
                load=load,
                faults=list(faults),
                settings={
                    (name if name.startswith("P0") else name.replace("_", "-")): text for name, text in settings.items()
                },
            )
        )
        self.works = Works(self.meter)
        self.clock = self.works.clock
        self.direct = modbus(self.works, network=not line)
        found: dict[str, Any] = {}
        if "modbus" in sides:
            driver = DmedDriver(self.direct, 1)
            found["modbus"] = Registers(driver, network=not line, framing=line or "tcp")
        if "rest" in sides:
            found["rest"] = Resources(
                RestDriver(WebWorks(self.works, turn), password=password, channel=channel), tls=tls
            )
        self.subject = Dmed(**found, writes=writes, limit=limit, variant=claims, power_cycle=self.power_cycle)

    async def power_cycle(self) -> None:
        self.meter.patch(self.works.now(), {}, {"power-cut": 10})
        await self.clock.sleep(60)
        self.works.now()

    def run(self, *ids: str, allowed: frozenset[Need] = ALL) -> list[Result]:
        """The results of some statements, or of all of them."""
        chosen = [statement for statement in STATEMENTS if not ids or statement.id in ids]
        return run_blocking(run(chosen, self.subject, allowed=allowed))
