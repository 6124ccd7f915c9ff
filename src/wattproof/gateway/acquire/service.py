"""The process ``acquire``: buses, meters, engines and the only writing store connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from wattproof.gateway import reset
from wattproof.gateway.acquire.buses import Runner
from wattproof.gateway.acquire.charging import Sessions
from wattproof.gateway.acquire.commands import Commands
from wattproof.gateway.acquire.configuring import Configuring, timed
from wattproof.gateway.acquire.equipping import Equipment
from wattproof.gateway.acquire.filling import Filling
from wattproof.gateway.acquire.firmware import MeterFirmware
from wattproof.gateway.acquire.fleet import Fleet, OpenLine
from wattproof.gateway.acquire.installing import Installation
from wattproof.gateway.acquire.judging import Judge
from wattproof.gateway.acquire.lines import open_line
from wattproof.gateway.acquire.places import meter_url
from wattproof.gateway.acquire.registration import Registration
from wattproof.gateway.acquire.scanning import Scanning
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.station import Source
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.acquire.timekeeping import Timekeeper
from wattproof.gateway.auth.clearing import keep_clearing
from wattproof.gateway.auth.firststart import first_password, first_start
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import Config
from wattproof.gateway.events import Id
from wattproof.gateway.identity import IDENTITY, new_identity
from wattproof.gateway.localsocket import SOCKET_NAME, LocalServer
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store
from wattproof.gateway.store.retention import Policy, keep_thinning
from wattproof.io.clock import SystemClock
from wattproof.io.journal import DirectoryLock, make_directory
from wattproof.model.clock import Clock

_log = logging.getLogger(__name__)


class Acquire:
    """Everything of the process, made in the order in which it depends on each other."""

    def __init__(self, store: Store, clock: Clock, config: Config, *, opener: OpenLine = open_line) -> None:
        self.site = Site(store, clock, config)
        self.fleet = Fleet(self.site, opener=opener)
        self.fleet.equip = Equipment(self.fleet).engine
        self.fleet.timed = timed
        self.configuring = Configuring(self.fleet, self.site)
        self.registration = Registration(self.fleet, self.site)
        self.scanning = Scanning(self.fleet, self.site)
        self.scanning.use_rate = self.configuring.use_rate
        self.timekeeper = Timekeeper(self.site)
        self.filling = Filling(self.site)
        self.sessions = Sessions(
            store,
            self._source_of,
            lambda: self.site.now,
            lambda serial: self.fleet.station(serial).signing(),
            commit=self.site.commit,
            away=self._away,
            judge=Judge(allow_test_keys=config.allow_test_keys),
        )
        self.fleet.charging = self.sessions.charging
        self.ending = asyncio.Event()
        self.commands = Commands(
            self.site, self.fleet, self.registration, self.scanning, self.timekeeper, self.ending.set
        )
        self.firmware = MeterFirmware(self.fleet, self.site, self.commands.busy)
        self.installation = Installation(self.site, self.commands.reboot)
        self._timetable: asyncio.Task[None] | None = None

    def table(self) -> dict[str, Callable[..., Any]]:
        """All commands by name."""
        return {
            **self.commands.table(),
            "configure_bus": self.configuring.configure_bus,
            "begin_session": self.sessions.begin,
            "end_session": self.sessions.end,
            "update_firmware": self.firmware.update,
            "firmware_status": self.firmware.status,
            "install_firmware": self.installation.install,
        }

    def _admitted(self, station: Station) -> None:
        station.lacking = self.filling.lacking
        station.returned.append(lambda station: self.sessions.returned(station.serial))
        config = self.fleet.files.get(station.serial)
        if config is None or config.keep_time:
            self.timekeeper.keep(station)

    def _away(self, serial: str) -> bool:
        station = self.fleet.stations.get(serial)
        return station is not None and station.presence.is_offline

    async def _source_of(self, serial: str) -> Source:
        return self.fleet.station(serial).source

    async def start(self) -> None:
        """Load what is stored and what the file says, and begin to poll."""
        clock = await self.site.store.setting("clock", {})
        self.site.offset = int(clock.get("offset_ms", 0))
        self._timetable = asyncio.create_task(self.site.timetable.run(), name="timetable")
        self.fleet.admitted, self.fleet.dismissed = self._admitted, self.timekeeper.leave
        await self.configuring.load()
        await self.registration.load()
        await self.sessions.resume()
        policy = Policy(self.site.config.retention_days, self.site.config.downsample_s)
        self.site.spawn(keep_thinning(self.site.store, policy, self.site.clock))
        self.site.spawn(keep_clearing(self.site.store, self.site.clock))
        await self.installation.recover()
        await self.site.commit(self.site.record(Id.STARTED))
        await self.firmware.resume()
        self.commands.busy.discard("starting")

    async def stop(self) -> None:
        """End all transactions, store what waits, let go of everything."""
        await self.scanning.stop()
        await self.sessions.close()
        await self.installation.close()
        await self.firmware.close()
        await self.fleet.close()
        await self.site.close()
        if self._timetable is not None:
            self._timetable.cancel()
            await asyncio.wait([self._timetable])

    def runners(self) -> list[Runner]:
        """Of all buses."""
        return list(self.fleet.runners())


async def run(config: Config, *, ready: Callable[[Mapping[str, Any]], None], stopping: asyncio.Event) -> int:
    """Be the process until ``stopping`` or a reboot is asked for; the exit code.

    ``ready`` is told what the ready object says of this process: the one-time password of the first start, the meters,
    and how many of the file have not said yet who they are.

    Raises:
        StorageError: the data directory is in use or cannot be used.
    """
    make_directory(config.data)
    with DirectoryLock(config.data):
        store = await open_store(config.store_url, config.data, password_file=config.store_password_file)
        try:
            await _serve(store, config, ready, stopping)
        finally:
            await store.close()
    return 0


async def _serve(
    store: Store, config: Config, ready: Callable[[Mapping[str, Any]], None], stopping: asyncio.Event
) -> None:
    clock = SystemClock()
    await reset.finish(store, config.data)
    password = await _first_password(store, config)
    if await store.setting(IDENTITY) is None:
        await store.commit(new_identity())
    acquire = Acquire(store, clock, config)
    server = LocalServer(config.data / SOCKET_NAME, acquire.table(), clock)
    acquire.site.teller = server
    try:
        await acquire.start()
        await server.start()
        awaited = len(acquire.fleet.newcomers)
        ready({"password": password, "meters": await _meters(store, acquire.fleet), "awaited": awaited})
        await _first_of(stopping, acquire.ending)
        server.tell("stopping")
    finally:
        await server.stop()
        await acquire.stop()


async def _first_password(store: Store, config: Config) -> str | None:
    verifier = Verifier()
    try:
        password = first_password(config.compat, config.listen)
        return await first_start(store, store.commit, verifier, config.data, password)
    finally:
        verifier.close()


async def _meters(store: Store, fleet: Fleet) -> list[dict[str, Any]]:
    """The meters as the ready object lists them."""
    return [
        {
            "model": meter.family,
            "serial": meter.serial,
            "url": meter_url(meter.family, fleet.buses[meter.bus].url, meter.place),
            "g13": True,
        }
        for meter in await store.meters()
        if meter.bus in fleet.buses
    ]


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
