"""Ways to spoil a virtual DMED4: its registers, its exceptions, its connections, its answers over REST."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.conformance.dmed4 import ModbusWorks, Turn
from wattproof.errors import ResponseTimeout
from wattproof.io.http import Request
from wattproof.meters.dmed4.points import MAP
from wattproof.wire.http1 import Response
from wattproof.wire.modbus.pdu import read_request

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


def heads(change: Callable[..., tuple[int, ...]]) -> type[ModbusWorks]:
    """Other headers of Modbus TCP: transaction, protocol, length and node in and out."""

    class Headed(ModbusWorks):
        def head(self, *fields: int) -> tuple[int, ...]:
            return change(*fields)

    return Headed


def takes(most: int = 2, protocols: tuple[int, ...] = (0,)) -> type[ModbusWorks]:
    """So many connections, and these protocols."""
    return type("Taking", (ModbusWorks,), {"most": most, "protocols": protocols})


def watching(seen: list[bytes]) -> type[ModbusWorks]:
    """A link that notes every request."""

    class Watched(ModbusWorks):
        async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
            seen.append(pdu)
            return await super().exchange(unit, pdu, timeout=timeout)

    return Watched


class Narrow(ModbusWorks):
    """A meter that reads at most 100 registers."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        return b"\x84\3" if pdu[0] == 4 and int.from_bytes(pdu[3:5], "big") > 100 else answer


class Whole(ModbusWorks):
    """A meter that reads values only from their beginning."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        return b"\x84\2" if pdu[0] == 4 and int.from_bytes(pdu[1:3], "big") == 0x4004 else answer


class Promiscuous(ModbusWorks):
    """A meter that answers every node of a line, and does what a broadcast says, whatever it says."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if unit == 0:
            return self.works.meter.execute(pdu, self.works.now()) or b""
        return await super().exchange(self.works.meter.unit, pdu, timeout=timeout)


class Deaf(ModbusWorks):
    """A meter that hears its own node alone."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if unit in (0, 255):
            if not self.network:
                return b""
            raise ResponseTimeout("silence")
        return await super().exchange(unit, pdu, timeout=timeout)


class Tireless(ModbusWorks):
    """A meter that acknowledges the save and answers while it restarts."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if self.works.meter.silent and pdu[0] == 4 and pdu[3:] == b"\0\1":
            return b"\x04\x02\x00\x20"
        try:
            return await super().exchange(unit, pdu, timeout=timeout)
        except ResponseTimeout:
            if pdu[0] == 6:
                return pdu
            raise


class Remembering(Reading):
    """A meter that keeps staged values over a restart."""

    kept = b""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if pdu[0] == 16 and int.from_bytes(pdu[1:3], "big") == place("parameter_value")[0]:
            self.kept = pdu[6:]
        return await super().exchange(unit, pdu, timeout=timeout)

    def overlay(self, address: int, data: bytearray) -> None:
        if self.kept:
            self.lay(address, data, place("parameter_value")[0], self.kept)


class Stubborn(ModbusWorks):
    """A meter that refuses commands and the clock by state."""

    def turned(self, pdu: bytes, answer: bytes) -> bytes:
        written = int.from_bytes(pdu[1:3], "big")
        stubborn = pdu[0] in (6, 16) and written in (place("command")[0], place("datetime")[0])
        return bytes((pdu[0] | 0x80, 4)) if stubborn else answer


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
