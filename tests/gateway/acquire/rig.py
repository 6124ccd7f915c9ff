"""A gateway's buses joined to virtual meters in memory, on a clock that moves from one sleeper to the next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from wattproof.drivers.answers import accept
from wattproof.drivers.bus import Bus
from wattproof.drivers.schedule import BackOff
from wattproof.errors import Disconnected, ResponseTimeout, StorageError, Unreachable
from wattproof.gateway.acquire.buses import Runner
from wattproof.gateway.acquire.lines import ModbusLine
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.sources import open_source
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.config import Config
from wattproof.gateway.records import Event, Group, Layout, Meter, Readings, Write
from wattproof.io.url import parse_url
from wattproof.meters.bsm.virtual.meter import create
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import SimulationOptions

T = TypeVar("T")
SECOND = 10**9


def virtual(unit: int, seed: int | None = None) -> Any:
    """A BSM; another seed, another serial."""
    options = SimulationOptions("bsm", unit=unit, seed=seed or unit, speed=Fraction(1), load="constant:11040")
    return create(options)


class Wire:
    """A Modbus line with virtual meters by unit: an `OnceLink`. ``delay``: seconds that a meter takes to answer.

    ``dead`` units do not answer; ``down``: there is no connection; ``cut``: how many requests lose it. ``asked``:
    second and unit of every request. ``answers`` replaces what a unit says.
    """

    def __init__(self, clock: VirtualClock, meters: Mapping[int, Any], delay: float = 0.02) -> None:
        self.clock = clock
        self.meters = dict(meters)
        self.delay = delay
        self.dead: set[int] = set()
        self.down = False
        self.cut = 0
        self.answers: dict[int, bytes] = {}
        self.asked: list[tuple[float, int, bytes]] = []
        self.busy = False

    async def exchange(
        self, unit: int, pdu: bytes, *, timeout: float | None = None, retries: int | None = None
    ) -> bytes:
        assert not self.busy, "two transactions at once on one line"
        self.busy = True
        try:
            return await self._exchange(unit, pdu, timeout or 0.3)
        finally:
            self.busy = False

    async def _exchange(self, unit: int, pdu: bytes, timeout: float) -> bytes:
        self.asked.append((self.clock.now() / SECOND, unit, pdu))
        if self.down:
            raise Unreachable("no connection")
        if self.cut:
            self.cut -= 1
            raise Disconnected("the connection ended")
        if unit in self.dead or unit not in self.meters:
            await self.clock.sleep(timeout)
            raise ResponseTimeout(f"unit {unit} did not answer")
        meter = self.meters[unit]
        meter.advance(self.clock.now())
        answer = self.answers.get(unit) or meter.execute(pdu, self.clock.now())
        await self.clock.sleep(self.delay)
        return accept(pdu, answer, f"unit {unit}")

    async def close(self) -> None:
        """Nothing to end."""

    def times(self, unit: int) -> list[float]:
        """When a unit was asked."""
        return [second for second, asked, _ in self.asked if asked == unit]


class MemoryStore:
    """Keeps writes; ``failing``: the disk is full."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.transactions: list[tuple[Write, ...]] = []
        self.layouts: dict[Any, int] = {}
        self.failing = False

    async def commit(self, *writes: Write) -> None:
        await self.clock.sleep(0.005)
        if self.failing:
            raise StorageError("no space left on the disk")
        self.transactions.append(writes)

    async def layout(self, columns: Mapping[int, int]) -> int:
        key = tuple(columns.items())
        if key not in self.layouts:
            self.layouts[key] = len(self.layouts) + 1
            await self.commit(Layout(self.layouts[key], tuple(columns), tuple(columns.values())))
        return self.layouts[key]

    def all(self, kind: type[T]) -> list[T]:
        """Everything stored of one kind."""
        return [write for writes in self.transactions for write in writes if isinstance(write, kind)]


class Told:
    """Keeps notices."""

    def __init__(self, told: list[tuple[str, Any]]) -> None:
        self.told = told

    def tell(self, kind: str, value: Any = None) -> None:
        self.told.append((kind, value))

    async def tell_and_wait(self, kind: str, value: Any = None) -> None:
        self.told.append((kind, value))


class Rig:
    """One Modbus bus with BSMs. ``run`` lets virtual time pass until a coroutine has ended, ``pass_`` for a while."""

    def __init__(
        self, units: Sequence[int] = (42,), *, kind: str = "tcp", delay: float = 0.02, config: Config | None = None,
        engines: Mapping[int, Any] | None = None, **runner: Any,
    ) -> None:  # fmt: skip
        self.clock = VirtualClock()
        self.wire = Wire(self.clock, {unit: virtual(unit) for unit in units}, delay)
        self.store = MemoryStore(self.clock)
        self.told: list[tuple[str, Any]] = []
        self.site = Site(self.store, self.clock, config or Config(), Told(self.told))  # type: ignore[arg-type]
        back_off = BackOff(limit=3, first=10, factor=2, most=60)
        bus = Bus(self.wire, name="hall", back_off=back_off, retries=2)
        url = {"tcp": "tcp://hall:502", "rtu": "rtu:///dev/null"}[kind]
        self.runner = Runner(ModbusLine("hall", parse_url(url), bus), self.site.timetable, **runner)
        self.stations = {
            unit: self.station(unit, index, engine=(engines or {}).get(unit)) for index, unit in enumerate(units)
        }
        self._tasks: list[asyncio.Task[Any]] = []

    def station(self, unit: int, index: int, engine: Any = None) -> Station:
        async def made(station: Station) -> Any:
            return engine

        record = Meter(f"M{unit}", "bsm", 5, f"hall:502/{unit}", "hall", place={"unit": unit})
        source = open_source(record, self.runner.line.link(record.place))
        station = Station(record, source, self.runner, self.site, made, index)
        self.runner.add(station)
        return station

    async def __aenter__(self) -> Rig:
        self._tasks.append(asyncio.create_task(self.site.timetable.run()))
        self.runner.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.run(self.runner.stop())
        await self.run(self.site.close())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, coroutine: Coroutine[Any, Any, T], limit: float = 3600.0) -> T:
        task = asyncio.ensure_future(coroutine)
        end = self.clock.now() + limit * SECOND
        await self.clock.run(0)
        while not task.done():
            moment = self.clock.next_wake()
            assert moment is not None, "nobody sleeps and the task does not end"
            assert moment < end, f"not over after {limit} s"
            await self.clock.run(max(0.0, (moment - self.clock.now()) / SECOND))
        return await task

    async def pass_(self, seconds: float) -> None:
        await self.clock.run(seconds)

    @property
    def now(self) -> float:
        return self.clock.now() / SECOND

    def events(self) -> Counter[int]:
        return Counter(event.id for event in self.store.all(Event))

    def readings(self, unit: int, group: Group) -> list[Readings]:
        serial = f"M{unit}"
        return [row for row in self.store.all(Readings) if row.serial == serial and row.group is group]
