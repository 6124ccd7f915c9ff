"""The whole process ``acquire`` without sockets: the real store, virtual meters in memory, a clock moved by hand."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.gateway.acquire.rig import SECOND, Told, Wire
from wattproof.drivers.bus import Bus
from wattproof.drivers.schedule import BackOff
from wattproof.gateway.acquire.lines import Line, ModbusLine
from wattproof.gateway.acquire.service import Acquire
from wattproof.gateway.config import BusConfig, Config
from wattproof.gateway.records import Event, User
from wattproof.gateway.store.sqlite import SQLiteStore
from wattproof.io.url import parse_url
from wattproof.model.clock import Clock, VirtualClock

T = TypeVar("T")
WHO = {"user": "admin", "address": "127.0.0.1"}
HALL, YARD = "tcp://10.0.0.1:502", "tcp://10.0.0.2:502"
RESTING = BackOff(limit=3, first=10, factor=2, most=60)


class Watched:
    """The store, and how many of its threads are at work: virtual time waits for them."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.working = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def counted(*arguments: Any, **options: Any) -> Any:
            self.working += 1
            try:
                return await found(*arguments, **options)
            finally:
                self.working -= 1

        return counted


class World:
    """``wires``: what is at the end of each bus, by place of its URL; whoever is not there cannot be reached."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        wires: Mapping[str, Wire],
        clock: VirtualClock,
        lines: Mapping[str, Callable[[BusConfig], Line]] | None = None,
    ) -> None:
        self.clock = clock
        self.wires = dict(wires)
        self.lines = dict(lines or {})
        self.store = Watched(SQLiteStore(folder / "store.sqlite3"))
        self.told: list[tuple[str, Any]] = []
        self.acquire = Acquire(self.store, clock, config, opener=self._open)  # type: ignore[arg-type]
        self.acquire.site.teller = Told(self.told)
        self.fleet, self.site, self.scanning = self.acquire.fleet, self.acquire.site, self.acquire.scanning
        self.commands = self.acquire.commands

    def _open(self, config: BusConfig, clock: Clock) -> Line:
        url = parse_url(config.url)
        if url.place in self.lines:
            return self.lines[url.place](config)
        wire = self.wires.get(url.place)
        if wire is None:
            wire = self.wires[url.place] = Wire(self.clock, {})
            wire.down = True
        bus = Bus(wire, name=config.name, back_off=RESTING, retries=config.retries)
        return ModbusLine(config.name, url, bus)

    async def __aenter__(self) -> World:
        await self.run(self.acquire.start())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.run(self.acquire.stop())
        await self.store.store.close()

    async def run(self, coroutine: Coroutine[Any, Any, T], limit: float = 3600.0) -> T:
        """Let time pass until a coroutine has ended."""
        task = asyncio.ensure_future(coroutine)
        end = self.clock.now() + limit * SECOND
        while True:
            await self._settle()
            if task.done():
                return await task
            moment = self.clock.next_wake()
            assert moment is not None and moment < end, "the task does not end"
            self.clock.advance(max(0, moment - self.clock.now()) / SECOND)

    async def pass_(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.clock.now() + round(seconds * SECOND)
        while True:
            await self._settle()
            moment = self.clock.next_wake()
            if moment is None or moment > end:
                self.clock.advance((end - self.clock.now()) / SECOND)
                await self._settle()
                return
            self.clock.advance(max(0, moment - self.clock.now()) / SECOND)

    async def _settle(self) -> None:
        await self.clock.run(0)
        while self.store.working:
            await asyncio.sleep(0.0002)
            await self.clock.run(0)

    async def users(self, *names: str) -> None:
        """Make users, admin among them."""
        await self.run(self.site.commit(*(User(name, "hash", admin=name == "admin") for name in ("admin", *names))))

    async def events(self) -> list[int]:
        """Ids of the events so far, oldest first."""
        return [event.id for _, event in reversed(await self.store.events()) if isinstance(event, Event)]
