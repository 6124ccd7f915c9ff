"""A driver and a virtual DMED4 joined in memory, over Modbus or REST, on a clock that moves when somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tests.meters.conftest import Joined
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import Unreachable
from wattproof.io.http import Request
from wattproof.io.web import WebAnswer
from wattproof.meters.dmed4.driver import DmedDriver
from wattproof.meters.dmed4.rest import RestDriver
from wattproof.meters.dmed4.session import DmedSession
from wattproof.meters.dmed4.virtual.creation import create
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import Meter, SimulationOptions


class JoinedWeb:
    """A :class:`~wattproof.io.web.WebLink` to a meter beside it. ``hits`` may take an answer away."""

    name = "http://joined"

    def __init__(self, meter: Meter, clock: VirtualClock) -> None:
        self.meter = meter
        self.clock = clock
        self.requests: list[tuple[str, str]] = []
        self.hits: Callable[[str, str], Exception | None] = lambda method, target: None

    async def exchange(
        self, method: str, target: str, body: bytes | None = None, *, timeout: float | None = None, secret: str = ""
    ) -> WebAnswer:
        self.requests.append((method, target))
        self.clock.advance(0.01)
        now = int(self.clock.now() * self.meter.speed)
        self.meter.advance(now)
        if self.meter.silent:
            raise Unreachable("cannot connect to the joined meter")
        site = self.meter.site()
        assert site is not None
        request = Request(method, target.partition("?")[0], {}, {}, body or b"", "1.1", target)
        response: Any = site.answer(request, now)
        lost = self.hits(method, target)
        if lost is not None:
            raise lost
        return WebAnswer(response.status, response.reason or "", {}, response.body)

    async def close(self) -> None:
        pass


class Bench:
    """One virtual meter, its link, its driver over ``way``: ``modbus`` or ``rest``."""

    def __init__(self, way: str, options: SimulationOptions, **driver: Any) -> None:
        self.way = way
        self.clock = VirtualClock()
        self.meter: Any = create(options)
        self.link: Any = Joined(self.meter, self.clock) if way == "modbus" else JoinedWeb(self.meter, self.clock)
        self.driver: Any = DmedDriver(self.link, **driver) if way == "modbus" else RestDriver(self.link, **driver)
        self.wait(5)

    run = staticmethod(run_blocking)

    @property
    def now(self) -> int:
        """Meter time."""
        return int(self.clock.now() * self.meter.speed)

    def wait(self, seconds: float) -> None:
        """Let real seconds pass."""
        self.clock.advance(seconds)
        self.meter.advance(self.now)

    def fault(self, when: str | None = None, **faults: object) -> None:
        self.meter.patch(self.now, {}, {name.replace("_", "-"): value for name, value in faults.items()}, when)

    def control(self, when: str | None = None, **controls: object) -> None:
        self.meter.patch(self.now, {name.replace("_", "-"): value for name, value in controls.items()}, {}, when)

    def session(self, **options: Any) -> DmedSession:
        return DmedSession(self.driver, **options)

    def commands(self) -> list[str]:
        """Letters that were sent, in their order."""
        if self.way == "rest":
            return [target[-1] for method, target in self.link.requests if "command=" in target]
        return [pdu[3:5].strip(b"\0").decode() for _, pdu in self.link.requests if pdu[:3] == b"\x06\x42\x7f"]


@pytest.fixture(params=["modbus", "rest"])
def meter(request: pytest.FixtureRequest) -> Callable[..., Bench]:
    """Makes a bench on each of both ways: ``meter(load="constant:20000", settings={...})``."""

    def make(*, speed: int = 1, driver: dict[str, Any] | None = None, **options: Any) -> Bench:
        given = SimulationOptions("dmed4", options.pop("variant", None), seed=1, speed=Fraction(speed), **options)
        return Bench(request.param, given, **(driver or {}))

    return make
