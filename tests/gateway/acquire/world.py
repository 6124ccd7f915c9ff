"""The whole process ``acquire`` without sockets: the real store, virtual meters in memory, a clock moved by hand."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing, contextmanager
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
    """The store, and how much of it is at work in threads: virtual time waits for that."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.working = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if inspect.isasyncgenfunction(found):
            return self._rows(found)
        return self._answer(found) if inspect.iscoroutinefunction(found) else found

    def _answer(self, found: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(*arguments: Any, **options: Any) -> Any:
            with self._at_work():
                return await found(*arguments, **options)

        return counted

    def _rows(self, found: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., AsyncGenerator[Any, None]]:
        async def counted(*arguments: Any, **options: Any) -> AsyncGenerator[Any, None]:
            async with aclosing(found(*arguments, **options)) as rows:
                while True:
                    with self._at_work():
                        row = await anext(rows, self)
                    if row is self:
                        return
                    yield row

        return counted

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1


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
        self.threads: set[asyncio.Future[Any]] = set()
        self.told: list[tuple[str, Any]] = []
        self.acquire = Acquire(self.store, clock, config, opener=self._open)
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
        self._watch_threads()
        await self.run(self.acquire.start())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.run(self.acquire.stop())
        await self.store.store.close()

    def _watch_threads(self) -> None:
        """Count what the process gives to threads of its own, such as the check of a record."""
        loop = asyncio.get_running_loop()
        give = loop.run_in_executor

        def counted(*arguments: Any) -> asyncio.Future[Any]:
            future = give(*arguments)
            self.threads.add(future)
            future.add_done_callback(self.threads.discard)
            return future

        loop.run_in_executor = counted  # type: ignore[assignment]

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
        while self.store.working or self.threads:
            await asyncio.sleep(0.0002)
            await self.clock.run(0)

    async def users(self, *names: str) -> None:
        """Make users, admin among them."""
        await self.run(self.site.commit(*(User(name, "hash", admin=name == "admin") for name in ("admin", *names))))

    async def events(self) -> list[int]:
        """Ids of the events so far, oldest first."""
        return [event.id for _, event in reversed(await self.store.events()) if isinstance(event, Event)]
