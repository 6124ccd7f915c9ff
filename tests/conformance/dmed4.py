"""A virtual DMED4 behind both of its interfaces in virtual time, and ways to spoil each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from wattproof.io.memory import memory_pair
from wattproof.io.web import WebClient
from wattproof.meters.dmed4.driver import DmedDriver
from wattproof.meters.dmed4.points import MAP
from wattproof.meters.dmed4.rest import RestDriver
from wattproof.meters.dmed4.virtual.creation import create
from wattproof.meters.dmed4.virtual.meter import DmedMeter
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import SimulationOptions
from wattproof.wire.http1 import Response
from wattproof.wire.modbus.pdu import read_request

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


# Ways to spoil the registers -----------------------------------------------------------------------------------------


def place(name: str) -> tuple[int, int]:
    """Address and number of registers of a point."""
    (bound,) = MAP.find(name)
    return bound.address, bound.registers


class Reading(ModbusWorks):
    """A meter some of whose registers read otherwise; ``overlay`` says how."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        if pdu[0] not in (3, 4) or answer[0] & 0x80:
            return answer
        data = bytearray(answer[2:])
        self.overlay(int.from_bytes(pdu[1:3], "big"), data)
        return answer[:2] + bytes(data)

    def overlay(self, address: int, data: bytearray) -> None: ...

    @staticmethod
    def lay(address: int, data: bytearray, at: int, new: bytes) -> None:
        for offset, byte in enumerate(new):
            position = 2 * (at - address) + offset
            if 0 <= position < len(data):
                data[position] = byte


def reads(**values: int | bytes) -> type[ModbusWorks]:
    """Points that always read the same."""

    class Patched(Reading):
        def overlay(self, address: int, data: bytearray) -> None:
            for name, value in values.items():
                at, size = place(name)
                new = value if isinstance(value, bytes) else (value % (1 << 16 * size)).to_bytes(2 * size, "big")
                self.lay(address, data, at, new)

    return Patched


def changes(name: str, change: Callable[[bytes], bytes]) -> type[ModbusWorks]:
    """A point whose bytes are changed on their way."""

    class Changed(Reading):
        def overlay(self, address: int, data: bytearray) -> None:
            at, size = place(name)
            if address < at + size and at < address + len(data) // 2:
                parts = [(start, min(120, at + size - start)) for start in range(at, at + size, 120)]
                now = self.works.now()
                found = [self.works.meter.execute(read_request(4, start, count), now) or b"" for start, count in parts]
                self.lay(address, data, at, change(b"".join(part[2:] for part in found)))

    return Changed


def swapped(data: bytes) -> bytes:
    """Low word first."""
    return b"".join(data[at : at + 2] for at in range(len(data) - 2, -1, -2))


def answers(turn: Callable[[bytes, bytes], bytes]) -> type[ModbusWorks]:
    """A meter whose answers are changed: request and answer in, answer out."""

    class Turned(ModbusWorks):
        def turned(self, pdu: bytes, answer: bytes) -> bytes:
            return turn(pdu, answer)

    return Turned


def refuses_otherwise(code: int, *, instead: int | None = None) -> type[ModbusWorks]:
    """Exceptions with another code; only those with the code ``instead``, if it is given."""

    def turn(pdu: bytes, answer: bytes) -> bytes:
        hit = answer[0] & 0x80 and (instead is None or answer[1] == instead)
        return bytes((answer[0], code)) if hit else answer

    return answers(turn)


class Obedient(ModbusWorks):
    """A meter that acknowledges what it should refuse, and reads zeros where it should refuse to read."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        if not answer[0] & 0x80:
            return answer
        if pdu[0] in (3, 4):
            count = int.from_bytes(pdu[3:5], "big")
            return bytes((pdu[0], 2 * count & 0xFF)) + b"\x01" * (2 * count)
        return pdu[:5]


class Forgetful(ModbusWorks):
    """A meter that acknowledges every write and does nothing."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if pdu[0] in (6, 16):
            self.works.now()
            self.works.delay()
            return pdu[:5]
        return await super().exchange(unit, pdu, timeout=timeout)


def watching(seen: list[bytes]) -> type[ModbusWorks]:
    """A link that notes every request."""

    class Watched(ModbusWorks):
        async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
            seen.append(pdu)
            return await super().exchange(unit, pdu, timeout=timeout)

    return Watched


# Ways to spoil REST --------------------------------------------------------------------------------------------------


def path_of(request: Request) -> str:
    return request.path.removeprefix("/v1/")


def documents(path: str, change: Callable[[dict[str, Any]], object]) -> Turn:
    """Objects of one resource that are changed: ``change`` works on the object, or returns another."""

    def turn(request: Request, response: Response) -> Response:
        if request.method != "GET" or path_of(request) != path or response.status != 200:
            return response
        content = json.loads(response.body)
        found = change(content)
        return rebodied(response, json.dumps(content if found is None else found, separators=(",", ":")).encode())

    return turn


def rebodied(response: Response, body: bytes) -> Response:
    """The same answer with another body, in chunks of 256 bytes."""
    return replace(response, body=body, chunks=(256,) * ((len(body) - 1) // 256))


def says(path: str, **values: object) -> Turn:
    """Keys of one resource that always say the same."""
    return documents(path, lambda content: content.update(values))


def every(turn: Callable[[Response], Response], *, ok: bool | None = None) -> Turn:
    """A change of all answers, or of the successes or failures among them."""
    return lambda request, response: turn(response) if ok in (None, response.status == 200) else response


def granted(method: str, path: str, body: bytes = b"{}") -> Turn:
    """A meter that answers 200 where it should refuse."""

    def turn(request: Request, response: Response) -> Response:
        hit = request.method == method and request.path.startswith(f"/{path}" if path else "/")
        if not hit or response.status == 200:
            return response
        headers = (("Connection", "close"), ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"))
        return Response(200, headers, body, chunks=(), digits="X")

    return turn


def refused(method: str, path: str) -> Turn:
    """A meter that does what it is told and says that it did not."""

    def turn(request: Request, response: Response) -> Response:
        if request.method == method and path_of(request) == path:
            return Response(400, (("Connection", "close"),), reason="Bad request")
        return response

    return turn
