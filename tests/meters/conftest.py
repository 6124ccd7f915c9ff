"""A driver and a virtual meter joined in memory, on a clock that moves only when somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from wattproof.drivers.answers import accept
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import ResponseTimeout
from wattproof.meters.bsm.driver import BsmDriver
from wattproof.meters.bsm.session import Session
from wattproof.meters.bsm.virtual.meter import create
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import Meter, SimulationOptions

SECOND = 10**9
USUAL_TIMEOUT = 1.0


class Joined:
    """A :class:`~wattproof.drivers.modbus.ModbusLink` to a meter beside it; requests wait as on a real line."""

    def __init__(self, meter: Meter, clock: VirtualClock) -> None:
        self.meter = meter
        self.clock = clock
        self.requests: list[tuple[int, bytes]] = []
        self.before: Callable[[bytes], None] = lambda pdu: None
        self._late: list[bytes] = []

    @property
    def now(self) -> int:
        """Meter time."""
        return int(self.clock.now() * self.meter.speed)

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        self.requests.append((unit, pdu))
        self.before(pdu)
        deadline = self.clock.now() + int((timeout or USUAL_TIMEOUT) * SECOND)
        if unit == self.meter.unit and self._wait(deadline):
            answer = self.meter.execute(pdu, self.now)
            if answer is not None:
                self._move(self.clock.now() + int(self.meter.answer_delay / self.meter.speed))
                return accept(pdu, answer, f"unit {unit} of the joined meter")
        elif unit == self.meter.unit:
            self._late.append(pdu)
        self._move(deadline)
        raise ResponseTimeout(f"unit {unit} did not answer within {timeout or USUAL_TIMEOUT:g} s")

    def _wait(self, deadline: int) -> bool:
        """Let time pass while the meter is busy; then what waited longest is done first."""
        self.meter.advance(self.now)
        while self.meter.blocked:
            event = self.meter.next_event()
            if event is None or -(-event // self.meter.speed) > deadline:
                return False
            self._move(-(-event // self.meter.speed))
        if self.meter.silent:
            return False
        while self._late and not self.meter.blocked:
            self.meter.execute(self._late.pop(0), self.now)
        return not self.meter.blocked or self._wait(deadline)

    def _move(self, until: int) -> None:
        self.clock.advance(max(0, int(until) - self.clock.now()) / SECOND)
        self.meter.advance(self.now)

    async def close(self) -> None:
        self.requests.append((0, b"closed"))


class Bench:
    """One virtual meter, its link, its driver; ``run`` steps a coroutine to its end without an event loop."""

    def __init__(self, options: SimulationOptions, **driver: Any) -> None:
        self.clock = VirtualClock()
        self.meter = create(options)
        self.link = Joined(self.meter, self.clock)
        self.driver = BsmDriver(self.link, **driver)

    run = staticmethod(run_blocking)

    def fault(self, when: str | None = None, **faults: object) -> None:
        """Set faults, ``contactor_slow=1`` for contactor-slow."""
        self.meter.patch(self.link.now, {}, {name.replace("_", "-"): value for name, value in faults.items()}, when)

    def control(self, when: str | None = None, **controls: object) -> None:
        self.meter.patch(self.link.now, {name.replace("_", "-"): value for name, value in controls.items()}, {}, when)

    def wait(self, seconds: float) -> None:
        """Let real seconds pass."""
        self.run(self.clock.sleep(seconds))
        self.meter.advance(self.link.now)

    def session(self, **options: Any) -> Session:
        return Session(self.driver, **options)


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Makes a bench: ``bench("cm12", speed=60, load="constant:11040", settings={...})``."""

    def make(
        variant: str | None = None, *, speed: int = 1, driver: dict[str, Any] | None = None, **options: Any
    ) -> Bench:
        return Bench(SimulationOptions("bsm", variant, seed=1, speed=Fraction(speed), **options), **(driver or {}))

    return make
