"""Sources joined to virtual meters in memory, on a clock that moves only when somebody waits."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from tests.mbusline import BusLink
from tests.meters.abb.cosem.rig import Rig as CosemRig
from tests.meters.abb.virtual.mbusmaster import made
from tests.meters.conftest import Joined
from tests.meters.dmed4.conftest import JoinedWeb
from wattproof.drivers.modbus import run_blocking
from wattproof.g13.bodies import encode, validate
from wattproof.g13.resources import BY_NUMBER
from wattproof.gateway.acquire.sources import Options, open_source
from wattproof.gateway.records import Meter
from wattproof.meters.bsm.virtual.meter import create as create_bsm
from wattproof.meters.dmed4.virtual.creation import create as create_dmed4
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import SimulationOptions


def record(family: str, **fields: Any) -> Meter:
    """A registered meter, online."""
    given = {"protocol": 5, "address": "joined:502/1", "bus": "hall", "engines": "auto", "status": 1} | fields
    return Meter(given.pop("serial", "X"), family, **given)


class Rig:
    """A source and its virtual meter. ``run`` steps a coroutine to its end without an event loop."""

    run = staticmethod(run_blocking)

    def __init__(self, meter: Any, link: Any, clock: VirtualClock, of: Meter, options: Options) -> None:
        self.meter = meter
        self.link = link
        self.clock = clock
        self.source: Any = open_source(of, link, options)

    def opened(self) -> Rig:
        self.run(self.source.open())
        return self

    def wait(self, seconds: float) -> None:
        self.run(self.clock.sleep(seconds))
        self.meter.advance(self.clock.now())

    def get(self, resource: int, **arguments: Any) -> Any:
        return shown(resource, self.run(self.source.get(resource, arguments)).body)

    def put(self, resource: int, body: dict[str, Any], **arguments: Any) -> None:
        self.run(self.source.put(resource, taken(resource, body), arguments))

    def stream(self, resource: int, **arguments: Any) -> tuple[Any, list[Any]]:
        """Head and items of a resource of rows."""

        async def collect() -> list[Any]:
            return [part async for part in self.source.rows(resource, arguments)]

        head, *parts = self.run(collect())
        items = [item for part in parts for item in part]
        shown(resource, {**head, "items": items})
        return head, items


def shown(resource: int, document: Any) -> Any:
    """A document, which the interface can show in both modes."""
    for compat in (False, True):
        encode(BY_NUMBER[resource], document, compat=compat)
    return document


def taken(resource: int, body: dict[str, Any]) -> dict[str, Any]:
    """A body as it comes from the interface."""
    return validate(BY_NUMBER[resource], json.dumps(body).encode())


def bsm(options: Options | None = None, *, variant: str | None = None, **simulation: Any) -> Rig:
    clock = VirtualClock()
    meter = create_bsm(SimulationOptions("bsm", variant, seed=1, speed=Fraction(1), **simulation))
    link = Joined(meter, clock)
    return Rig(meter, link, clock, record("bsm", place={"unit": 42}), options or Options())


def dmed4(way: str, options: Options | None = None, *, place: dict[str, Any] | None = None, **simulation: Any) -> Rig:
    """A DMED4 over ``modbus`` or ``rest``, five seconds after its start."""
    clock = VirtualClock()
    meter: Any = create_dmed4(SimulationOptions("dmed4", None, seed=1, speed=Fraction(1), **simulation))
    link: Any = Joined(meter, clock) if way == "modbus" else JoinedWeb(meter, clock)
    of = record("dmed4", protocol=5 if way == "modbus" else 7, place=place or {})
    rig = Rig(meter, link, clock, of, options or Options())
    rig.wait(5)
    return rig


class AbbRig:
    """An ABB meter on ``eq`` or ``mbus`` behind its source."""

    run = staticmethod(run_blocking)

    def __init__(self, way: str, variant: str | None = None, options: Options | None = None, **simulation: Any) -> None:
        simulation = {"load": "constant:1000", **simulation}
        if way == "eq":
            self.line: Any = CosemRig(variant, **simulation)
            place = {"address": str(self.line.bench.meter.hdlc_address)}
            bus, protocol = self.line.bus, 3
        else:
            self.line = MbusLine(variant or "A44", **simulation)
            bus, protocol, place = self.line.bus(), 1, {"address": "5"}
        options = options or Options(password="00000000")
        of = record("abb", protocol=protocol, address=int(place["address"]), place=place, engines="off")
        self.bus = bus
        self.source: Any = open_source(of, bus, options)

    @property
    def clock(self) -> VirtualClock:
        return self.line.clock

    def opened(self) -> AbbRig:
        self.run(self.source.open())
        return self

    get, put, stream = Rig.get, Rig.put, Rig.stream


class MbusLine(BusLink):
    """A line with one virtual meter at address 5."""

    def __init__(self, variant: str, **simulation: Any) -> None:
        super().__init__([self])
        self.meter = made(variant, unit=5, serial="00217819", **simulation)
        self.face = self.meter.face("mbus")
        self.delay = 0.0

    def answer(self, frame: Any) -> bytes | None:
        now = self.clock.now()
        self.meter.advance(now)
        return self.face.answer(frame, now)
