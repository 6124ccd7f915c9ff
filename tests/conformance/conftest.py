"""A virtual BSM behind a link in virtual time, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from types import SimpleNamespace

import pytest

from wattproof.conformance.bsm import STATEMENTS, Bsm
from wattproof.conformance.engine import Need, Result, run
from wattproof.drivers.answers import accept
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import ModbusRefused, ResponseTimeout
from wattproof.meters.bsm.points import MAP, OCMF_BLOCKS
from wattproof.meters.bsm.virtual.meter import BsmMeter, create
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import SimulationOptions

ALL = frozenset(Need)


class MeterLink:
    """Modbus TCP to one virtual meter without bytes on a wire: time passes only while somebody waits."""

    def __init__(self, meter: BsmMeter, clock: VirtualClock) -> None:
        self.meter = meter
        self.clock = clock

    def now(self) -> int:
        """Meter time."""
        return int(self.clock.now() * self.meter.speed)

    def wait(self, until: int) -> None:
        """Let the clock run to a meter time."""
        self.clock.advance(max(0, until - self.now()) / self.meter.speed / 1e9 + 1e-9)

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        meter, limit = self.meter, self.now() + int((timeout or 1.0) * 1e9 * self.meter.speed)
        meter.advance(self.now())
        if unit != meter.unit:
            code = meter.foreign(unit, network=True)
            if code is None:
                raise self._silence(unit, timeout)
            raise ModbusRefused(code, f"unit {unit}: exception {code}")
        while meter.blocked or meter.silent:
            event = meter.next_event()
            if event is None or event > limit:
                raise self._silence(unit, timeout)
            self.wait(event)
            meter.advance(self.now())
        answer = meter.execute(pdu, self.now())
        if answer is None:
            raise self._silence(unit, timeout)
        self.wait(self.now() + meter.answer_delay)
        return accept(pdu, answer, f"unit {unit}")

    def _silence(self, unit: int, timeout: float | None) -> ResponseTimeout:
        self.clock.advance(timeout or 1.0)
        return ResponseTimeout(f"unit {unit} does not answer")

    async def close(self) -> None: ...


class Bench:
    """A meter, its link and the subject that checks see."""

    def __init__(
        self,
        variant: str = "cm13",
        speed: int = 1,
        faults: Sequence[str] = (),
        wrap: Callable[[MeterLink], object] = lambda link: link,
        writes: bool = True,
        limit: float = 20.0,
        **settings: str,
    ) -> None:
        self.meter = create(
            SimulationOptions(
                model="bsm",
                variant=variant,
                seed=1,
                speed=Fraction(speed),
                faults=list(faults),
                settings={name.replace("_", "-"): text for name, text in settings.items()},
            )
        )
        self.clock = VirtualClock()
        self.direct = MeterLink(self.meter, self.clock)
        link = wrap(self.direct)
        self.subject = Bsm(link, 42, writes=writes, limit=limit, power_cycle=self.power_cycle)  # type: ignore[arg-type]

    async def power_cycle(self) -> None:
        self.meter.patch(self.direct.now(), {}, {"power-cut": 10})
        await self.clock.sleep(60)
        self.meter.advance(self.direct.now())

    def run(self, *ids: str, allowed: frozenset[Need] = ALL) -> list[Result]:
        """The results of some statements, or of all of them."""
        chosen = [statement for statement in STATEMENTS if not ids or statement.id in ids]
        return run_blocking(run(chosen, self.subject, allowed=allowed))


@pytest.fixture
def bench() -> type[Bench]:
    return Bench


class Spoiled:
    """A link that passes everything on; subclasses lie."""

    def __init__(self, link: MeterLink) -> None:
        self.link = link
        self.clock = link.clock

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        answer = await self.link.exchange(unit, pdu, timeout=timeout)
        if pdu[0] != 3:
            return answer
        data, address = bytearray(answer[2:]), int.from_bytes(pdu[1:3], "big")
        self.overlay(address, data)
        return answer[:2] + bytes(data)

    def overlay(self, address: int, data: bytearray) -> None:
        """Change the registers of one answer."""

    def lay(self, address: int, data: bytearray, at: int, new: bytes) -> None:
        """Put bytes at a register address, as far as the answer covers it."""
        for offset, byte in enumerate(new):
            position = 2 * (at - address) + offset
            if 0 <= position < len(data):
                data[position] = byte

    async def close(self) -> None: ...


def _place(path: str) -> tuple[int, int]:
    (bound,) = MAP.find(path)
    return bound.address, bound.registers


def patched(**patches: int | bytes) -> Callable[[MeterLink], Spoiled]:
    """Points (``ac_meter__W`` for ac_meter.W) that always read the same."""

    class Patched(Spoiled):
        def overlay(self, address: int, data: bytearray) -> None:
            for name, value in patches.items():
                at, registers = _place(name.replace("__", "."))
                new = (
                    value
                    if isinstance(value, bytes)
                    else (value % (1 << 16 * registers)).to_bytes(2 * registers, "big")
                )
                self.lay(address, data, at, new)

    return Patched


def drifting(path: str, step: int = 1) -> Callable[[MeterLink], Spoiled]:
    """A point that reads otherwise every time."""

    class Drifting(Spoiled):
        reads = 1000

        def overlay(self, address: int, data: bytearray) -> None:
            at, registers = _place(path)
            if address <= at < address + len(data) // 2:
                self.reads += step
                self.lay(address, data, at, self.reads.to_bytes(min(2 * registers, 4), "big"))

    return Drifting


def retold(old: bytes, new: bytes) -> Callable[[MeterLink], Spoiled]:
    """OCMF texts in which something else stands."""
    assert len(old) == len(new)

    class Retold(Spoiled):
        def overlay(self, address: int, data: bytearray) -> None:
            for block in OCMF_BLOCKS.values():
                at = block.address_of("O")
                text = b""
                for start in range(at, at + 496, 124):
                    request = b"\x03" + start.to_bytes(2, "big") + b"\0\x7c"
                    text += (self.link.meter.execute(request, self.link.now()) or b"")[2:]
                if old in text:
                    self.lay(address, data, at, text.replace(old, new, 1))

    return Retold


def refusing(refuses: Callable[[bytes], bool]) -> Callable[[MeterLink], Spoiled]:
    """A meter that refuses some requests."""

    class Refusing(Spoiled):
        async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
            if refuses(pdu):
                raise ModbusRefused(2, "refused")
            return await super().exchange(unit, pdu, timeout=timeout)

    return Refusing


def forgetting(path: str) -> Callable[[MeterLink], Spoiled]:
    """A meter that acknowledges writes to a point and forgets them."""
    at, _ = _place(path)

    class Forgetting(Spoiled):
        async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
            if pdu[0] == 16 and int.from_bytes(pdu[1:3], "big") == at:
                return pdu[:5]
            return await super().exchange(unit, pdu, timeout=timeout)

    return Forgetting


class Counting(Spoiled):
    """A meter that counts every write of the time as a setting."""

    settings = 0

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        self.settings += pdu[0] == 16 and 40260 <= int.from_bytes(pdu[1:3], "big") <= 40262
        return await super().exchange(unit, pdu, timeout=timeout)

    def overlay(self, address: int, data: bytearray) -> None:
        at, registers = _place("bs_meter.EpochSetCnt")
        self.lay(address, data, at, (self.settings + 100).to_bytes(2 * registers, "big"))


class SlowToAnswer(Spoiled):
    """A meter that thinks for 3 s before it acknowledges a trigger."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if pdu[0] == 16 and pdu[-2:] == b"\0\2":
            self.clock.advance(3.0)
        return await super().exchange(unit, pdu, timeout=timeout)


class WrongEcho(Spoiled):
    """A meter whose answers to writes name another address."""

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        answer = await super().exchange(unit, pdu, timeout=timeout)
        return answer[:2] + b"\xff" + answer[3:] if pdu[0] == 16 else answer


class Dumb:
    """The registers of a meter and none of its behaviour: every unit, every function, every write."""

    def __init__(self, link: MeterLink) -> None:
        self.clock = link.clock
        self.registers = bytearray(2 * 65536)
        for start in range(40000, 44293, 125):
            count = min(125, 44293 - start)
            request = b"\x03" + start.to_bytes(2, "big") + count.to_bytes(2, "big")
            self.registers[2 * start : 2 * (start + count)] = (link.meter.execute(request, link.now()) or b"")[2:]

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        self.clock.advance(0.01)
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if pdu[0] in (3, 4):
            return pdu[:1] + bytes([2 * count & 0xFF]) + self.registers[2 * address : 2 * (address + count)]
        if pdu[0] == 16:
            self.registers[2 * address : 2 * address + len(pdu) - 6] = pdu[6:]
        return pdu[:5]

    async def close(self) -> None: ...


@pytest.fixture
def spoil() -> SimpleNamespace:
    """The ways to spoil a meter, by name."""
    return SimpleNamespace(
        patched=patched,
        drifting=drifting,
        retold=retold,
        refusing=refusing,
        forgetting=forgetting,
        counting=Counting,
        slow=SlowToAnswer,
        wrong_echo=WrongEcho,
        dumb=Dumb,
    )
