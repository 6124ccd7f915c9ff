"""All buses and all meters of the gateway, while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wattproof.errors import WattproofError
from wattproof.gateway.acquire.buses import Runner
from wattproof.gateway.acquire.lines import Line, open_line
from wattproof.gateway.acquire.places import MIRRORED, protocol_of
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.sources import Options, open_source
from wattproof.gateway.acquire.station import Source
from wattproof.gateway.acquire.stations import MakeEngine, Station, Watch, no_engine
from wattproof.gateway.config import BusConfig, MeterConfig, map_folders
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Group, Meter, Value
from wattproof.io.url import MeterURL, parse_url
from wattproof.meters.abb.driver import Cause
from wattproof.model.clock import Clock

_log = logging.getLogger(__name__)
#: Opens the line of a bus.
OpenLine = Callable[[BusConfig, Clock], Line]


class BusLanes:
    """One bus: a runner for each connection that it may have. ``adhoc``: only an address names it, not the file."""

    def __init__(self, config: BusConfig, runners: list[Runner], *, adhoc: bool) -> None:
        self.config = config
        self.adhoc = adhoc
        self.runners = runners
        self.url: MeterURL = runners[0].line.url

    @property
    def protocol(self) -> int:
        """As #31 counts them."""
        return protocol_of(self.url)

    def free(self) -> Runner:
        """The connection with the fewest meters."""
        return min(self.runners, key=lambda runner: len(runner.visitors))


@dataclass(slots=True)
class Awaited:
    """A meter of the configuration file that is not registered, and why."""

    bus: str
    family: str
    address: int | str
    why: str


class Fleet:
    """``buses`` by name, ``stations`` by serial. What the configuration file says of a meter is in ``files`` by serial,
    and in ``newcomers`` by bus and address while its serial is not known. ``watchers`` are told of all new values."""

    def __init__(self, site: Site, *, opener: OpenLine = open_line) -> None:
        self.site = site
        self.buses: dict[str, BusLanes] = {}
        self.stations: dict[str, Station] = {}
        self.files: dict[str, MeterConfig] = {}
        #: Registered meters to which no bus leads: it is not configured any more, or nothing here speaks their radio.
        self.absent: dict[str, Meter] = {}
        self.newcomers: dict[tuple[str, str], MeterConfig] = {}
        #: All meters of the file that are not registered, by bus and address.
        self.awaited: dict[tuple[str, str], Awaited] = {}
        self.watchers: set[Watch] = set()
        #: Held while buses come and go.
        self.changing = asyncio.Lock()
        #: Told of every meter that is polled from now on, and of the serials of those that are no more.
        self.admitted: Callable[[Station], None] = lambda station: None
        self.dismissed: Callable[[str], None] = lambda serial: None
        #: Whether a signed session of ours is open at a meter.
        self.charging: Callable[[str], bool] = lambda serial: False
        self._opener = opener
        #: Settings of buses by their kind (6, 7, 8), and what applies them to a bus.
        self.times: dict[str, Mapping[str, Any]] = {}
        self.timed: Callable[[BusConfig, Mapping[str, Mapping[str, Any]]], BusConfig] = lambda config, times: config
        #: Makes the engines of meters that shall have one.
        self.equip: MakeEngine = no_engine
        self._made = 0

    # buses

    def add_bus(self, config: BusConfig, *, adhoc: bool = False) -> BusLanes:
        """Open a bus, or find it. Raises ``InvalidURL``."""
        found = self.buses.get(config.name)
        if found is not None:
            return found
        runners = self.open_runners(config)
        self.buses[config.name] = lanes = BusLanes(config, runners, adhoc=adhoc)
        for runner in runners:
            runner.start()
        return lanes

    def open_runners(self, config: BusConfig) -> list[Runner]:
        """One for each connection that the bus may have, with the times that are stored for buses of its kind."""
        connections = config.max_connections if parse_url(config.url).framing == "tcp" else 1
        return [self._runner(self.timed(config, self.times)) for _ in range(connections)]

    def _runner(self, config: BusConfig) -> Runner:
        periods: dict[Group, float] = {}
        if config.poll_live_s is not None:
            periods[Group.LIVE] = config.poll_live_s
        if config.poll_energy_s is not None:
            periods[Group.ENERGY] = config.poll_energy_s
        line = self._opener(config, self.site.clock)
        return Runner(line, self.site.timetable, retries=config.retries, periods=periods)

    def bus_at(self, url: MeterURL) -> BusLanes | None:
        """The bus that leads to the same place, if there is one."""
        for lanes in self.buses.values():
            if lanes.url.place == url.place:
                return lanes
        return None

    async def drop_unused(self) -> None:
        """Close buses that only an address names and that no meter needs any more."""
        async with self.changing:
            for name, lanes in list(self.buses.items()):
                if lanes.adhoc and not any(runner.visitors for runner in lanes.runners):
                    del self.buses[name]
                    for runner in lanes.runners:
                        await runner.stop()

    def runners(self) -> Iterator[Runner]:
        """Of all buses."""
        for lanes in self.buses.values():
            yield from lanes.runners

    # meters

    def station(self, serial: str) -> Station:
        """The registered meter of a serial.

        Raises ``CommandFailed``: ``unknown``; ``meter`` where no bus leads to it.
        """
        station = self.stations.get(serial)
        if station is not None:
            return station
        if serial in self.absent:
            raise CommandFailed(
                Failing.METER, Cause.INVALID_RESPONSE.value, detail=f"no bus leads to the meter {serial}"
            )
        raise CommandFailed(Failing.UNKNOWN, "meter not found")

    async def admit(self, record: Meter) -> Station:
        """Poll a meter from now on; its bus exists."""
        runner = self.buses[record.bus].free()
        source = await self.source(record, runner)
        engine = self.equip if record.engines == "auto" else no_engine
        station = Station(record, source, runner, self.site, engine, self._made, self._watched)
        self._made += 1
        try:
            station.latest.update(await self.site.store.latest(record.serial))
        except WattproofError as error:
            _log.warning("the last values of %s cannot be read: %s", record.serial, error)
        await station.equip()
        self.stations[record.serial] = station
        runner.add(station)
        self.admitted(station)
        return station

    async def source(self, record: Meter, runner: Runner) -> Source:
        """What asks a meter on its bus; nothing is sent."""
        return open_source(record, runner.line.link(record.place), await self._options(record, runner))

    async def _options(self, record: Meter, runner: Runner) -> Options:
        config = self.files.get(record.serial) or self.newcomers.get((record.bus, str(record.address)))
        url = runner.line.url
        options = Options(
            user=url.options.get("user"),
            password=_password(_file(url)) if record.family == MIRRORED else None,
            zone=ZoneInfo(self.site.config.timezone),
            folders=map_folders(self.site.config),
            host=url.host or "",
            charging=lambda: self.charging(record.serial),
            kept=await self.site.store.setting(kept_by(record.serial), {}),
        )
        return options if config is None else with_config(options, config)

    def _watched(self, station: Station, values: Mapping[int, Value]) -> None:
        for watch in [*self.watchers]:
            watch(station, values)

    async def dismiss(self, serial: str) -> None:
        """Poll a meter no more."""
        self.absent.pop(serial, None)
        station = self.stations.pop(serial, None)
        if station is not None:
            self.dismissed(serial)
            await station.close()

    def record(self, serial: str) -> Meter:
        """The record of a registered meter. Raises ``CommandFailed`` (``unknown``)."""
        return self.absent[serial] if serial in self.absent else self.station(serial).record

    def change(self, serial: str, **changes: Any) -> Meter:
        """The record of a registered meter with other members, from now on."""
        record = msgspec.structs.replace(self.record(serial), **changes)
        if serial in self.absent:
            self.absent[serial] = record
        else:
            self.stations[serial].record = record
        return record

    async def close(self) -> None:
        """End all transactions, then all lines, all at the same time."""
        runners = list(self.runners())
        ends = await asyncio.gather(*(runner.stop() for runner in runners), return_exceptions=True)
        for runner, end in zip(runners, ends, strict=True):
            if isinstance(end, BaseException):
                _log.error("bus %s does not end cleanly", runner.name, exc_info=end)


def kept_by(serial: str) -> str:
    """Name of the setting in which the source of a meter keeps what it was told."""
    return f"source/{serial}"


def with_config(options: Options, config: MeterConfig) -> Options:
    """What the file says of a meter."""
    return replace(
        options,
        password=_password(config.password_file) or options.password,
        serial=config.serial,
        allow_switching=config.allow_switching,
        integrate=config.integrate,
    )


def _file(url: MeterURL) -> Path | None:
    """The password file that an address names."""
    name = url.options.get("password-file")
    return None if name is None else Path(name)


def _password(path: Path | None) -> str | None:
    """The first line of a password file. A file that cannot be read is told when the meter refuses."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        _log.error("the password file %s cannot be read: %s", path, error)
        return None
