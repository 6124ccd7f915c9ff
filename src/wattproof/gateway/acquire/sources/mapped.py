"""Asking a meter of a map file for the resources of the interface (g13-api.md 10.3, column map; 10.5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from wattproof.drivers.modbus import ModbusLink
from wattproof.gateway.acquire.sources.base import Arguments, Options
from wattproof.gateway.acquire.sources.failures import denied, invalid, told, unsupported
from wattproof.gateway.acquire.sources.localtime import LocalTime, datetime_document
from wattproof.gateway.acquire.sources.points import Binding, Bound, PointSource
from wattproof.gateway.acquire.sources.serials import placed, sanitised
from wattproof.gateway.answers import Trait, associations
from wattproof.gateway.quantities import IDS, group_of
from wattproof.gateway.records import Group, Meter, Value
from wattproof.meters.mapped.driver import MappedDriver
from wattproof.meters.mapped.keys import CLOCK
from wattproof.meters.mapped.mapfile import MeterMap, find_map, load_map
from wattproof.model.readings import Reading

POLLED = {"live": Group.LIVE, "energy": Group.ENERGY, "static": Group.STATIC}
PORTS = (1, 2, 3, 4)
#: What a port is called by what it is; one that is not bound stays as it is.
FUNCTIONS = {"input": "input", "output": "communiation_out", "": "dont_change"}
OUTPUTS = "io_current_output_state"
#: Seconds by which the clock may differ when it is read back.
TOLERANCE = 2


class MapSource(PointSource):
    """A meter at ``meter.place["unit"]`` behind ``link``, described by the map ``meter.place["map"]``: a path, or the
    name of a file in one of the folders."""

    def __init__(self, meter: Meter, options: Options, link: ModbusLink) -> None:
        self.map: MeterMap = loaded(find_map(meter.place["map"], options.folders))
        self.driver = MappedDriver(link, meter.place.get("unit"), meter_map=self.map)
        self._paths = {point.quantity: point.path for point in self.map.points if point.quantity}
        bindings: dict[int, Binding] = {IDS[name]: Bound(path) for name, path in self._paths.items() if name in IDS}
        super().__init__(meter, options, self.driver, bindings)
        self.local = LocalTime(options.zone, options.kept)
        self.label = self.map.title
        self.transformer = self.map.transformer
        self._polls = {
            IDS[point.quantity]: POLLED[point.poll] for point in self.map.points if point.poll and point.quantity in IDS
        }
        self._kinds = {port: self._kind(port) for port in PORTS}
        self._take()

    def _take(self) -> None:
        """The resources for which the file binds something."""
        self.reads |= {30: self._associations, 43: self._info, 49: self._status, 50: self._flags}
        if CLOCK in self.map.identity:
            self.reads[41] = self._datetime
        if self.map.clock_writable:
            self.writes[42] = self._set_datetime
        if "hardware" in self.map.identity:
            self.reads[46] = self._hardware
        if any(self._kinds.values()):
            self.reads |= {63: self._ports, 64: self._port_functions}
            self.writes[66] = self._set_ports

    def _kind(self, port: int) -> str:
        """``input``, ``output`` or ``""``: what the file binds of a port."""
        if {f"input_state_{port}", f"io_stored_input_state_{port}", f"io_input_cumulation_{port}"} & {*self._paths}:
            return "input"
        return "output" if {f"output_state_{port}", OUTPUTS} & {*self._paths} else ""

    @property
    def traits(self) -> tuple[str, ...]:
        has = {
            Trait.CLOCK: 41 in self.reads,
            Trait.CLOCK_SET: 42 in self.writes,
            Trait.HARDWARE: 46 in self.reads,
            Trait.TRANSFORMER: self.map.transformer,
            Trait.PORTS: 63 in self.reads,
            Trait.PORTS_SET: any(point.writable for point in self.map.points),
            Trait.INTEGRATE: self.options.integrate,
        }
        return tuple(trait for trait, present in has.items() if present)

    async def read(self, ids: Collection[int]) -> dict[int, Value]:
        """See :class:`~wattproof.gateway.acquire.station.Source`: on the primary side of its transformers."""
        return self.primary(await super().read(ids))

    @property
    def kept(self) -> dict[str, Any]:
        return self.local.kept

    @property
    def moduli(self) -> Mapping[int, tuple[int, int]]:
        return {
            IDS[point.quantity]: (point.modulus.mantissa, point.modulus.exponent)
            for point in self.map.points
            if point.modulus is not None and point.quantity in IDS
        }

    def groups(self) -> Mapping[Group, frozenset[int]]:
        """By what the file says about polling, else by the quantity."""
        found: dict[Group, set[int]] = {}
        for id in self.ids():
            found.setdefault(self._polls.get(id, group_of(id)), set()).add(id)
        return {group: frozenset(ids) for group, ids in sorted(found.items())}

    async def open(self) -> None:
        info = await self.driver.info()
        if not info.serial and not self.map.identity:
            await self.driver.read(self.map.points[0].path)  # whether anybody is there
        name = self.options.serial or sanitised(info.serial)
        self.serial = name or placed("map", self.meter.bus, self.driver.unit)

    # Time -------------------------------------------------------------------------------------------------------------

    async def time(self) -> int | None:
        """The meter's clock (UTC ms); ``None`` without one, or while it shows nothing."""
        seconds = await self._clock() if 41 in self.reads else None
        return None if seconds is None else seconds * 1000

    async def set_time(self, time: int) -> None:
        """Set the clock to a moment (UTC ms)."""
        await self.driver.write({self.map.identity[CLOCK]: round(time / 1000)})

    async def follow_summer_time(self) -> bool:
        """Nothing: the clock of a map file is UTC."""
        return False

    async def is_charging(self) -> bool:
        """Whether a session of ours runs."""
        return self.options.charging()

    async def _clock(self) -> int | None:
        path = self.map.identity[CLOCK]
        raw = (await self.points([path]))[0][path].raw
        return raw if isinstance(raw, int) and raw else None

    async def _datetime(self, arguments: Arguments) -> dict[str, Any]:
        seconds = await self._clock()
        offset = 0 if seconds is None else self.local.offset(seconds)
        return datetime_document(seconds, offset, self.local, self.now // 1000, is_set=seconds is not None)

    async def _set_datetime(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        local = LocalTime(self.options.zone, self.local.kept)
        local.set(body)
        seconds = local.seconds(datetime.fromisoformat(body["datetime"]))
        with told(writing=True, where="datetime"):
            await self.set_time(seconds * 1000)
            read = await self._clock()
        if read is None or abs(read - seconds) > TOLERANCE:
            raise denied(f"the clock was set to {seconds} s and reads {read}")
        self.local = local

    # Identity and state -----------------------------------------------------------------------------------------------

    async def _associations(self, arguments: Arguments) -> dict[str, Any]:
        writable = self.map.clock_writable or any(point.writable for point in self.map.points)
        role = "Configure" if writable else "View Only"
        return {"associationobjects": associations(self.record), "role": role, "serial": self.meter.serial}

    async def _info(self, arguments: Arguments) -> dict[str, Any]:
        names = {"powerfailcounter": "power_fail_counter", "poweroutagetime": "power_outage_time"}
        bound = {member: self._paths[name] for member, name in names.items() if name in self._paths}
        firmware = self.map.identity.get("firmware")
        readings, _ = await self.points([*bound.values(), *([firmware] if firmware else [])])
        who = {"serial": self.serial, "label": self.label}
        if firmware:
            who["firmwareversion"] = _text(readings[firmware])
        power = {member: readings[path].raw for member, path in bound.items()}
        return {"manufacturing": who, **({"power": power} if power else {})}

    async def _hardware(self, arguments: Arguments) -> dict[str, Any]:
        path = self.map.identity["hardware"]
        readings, _ = await self.points([path])
        return {"version": [_text(readings[path])]}

    async def _status(self, arguments: Arguments) -> dict[str, Any]:
        return {"serial": self.serial, "label": self.label}

    async def _flags(self, arguments: Arguments) -> dict[str, Any]:
        flags = {point.path: point.flag for point in self.map.points if point.flag}
        readings, _ = await self.points(flags)
        errors = [flag for path, flag in flags.items() if readings[path].raw]
        return {"errors": errors, "warnings": [], "informationflags": []}

    # Ports ------------------------------------------------------------------------------------------------------------

    async def _ports(self, arguments: Arguments) -> dict[str, Any]:
        members = {port: self._members(port) for port, kind in self._kinds.items() if kind}
        readings, _ = await self.points(path for paths in members.values() for path in paths.values())
        return {"iostatus": [self._port(port, paths, readings) for port, paths in members.items()]}

    def _members(self, port: int) -> dict[str, str]:
        """Points of a port by the member that shows them."""
        names = (
            {"currentstate": f"input_state_{port}", "storedstate": f"io_stored_input_state_{port}",
             "counter": f"io_input_cumulation_{port}"}
            if self._kinds[port] == "input"
            else {"currentstate": f"output_state_{port}" if f"output_state_{port}" in self._paths else OUTPUTS}
        )  # fmt: skip
        return {member: self._paths[name] for member, name in names.items() if name in self._paths}

    def _port(self, port: int, paths: Mapping[str, str], readings: Mapping[str, Reading]) -> dict[str, Any]:
        shown: dict[str, Any] = {"port": port, "currentstate": None}
        for member, path in paths.items():
            raw = readings[path].raw
            mask = path.rpartition(".")[2] == OUTPUTS
            shown[member] = raw >> port - 1 & 1 if mask and isinstance(raw, int) else raw
        return shown

    async def _port_functions(self, arguments: Arguments) -> dict[str, Any]:
        last = max(port for port, kind in self._kinds.items() if kind)
        return {"ioconfig": [FUNCTIONS[self._kinds[port]] for port in PORTS if port <= last]}

    async def _set_ports(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        writable = {point.quantity for point in self.map.points if point.writable}
        wanted: dict[str, int] = {}
        for port in body["iostatus"]:
            if "reset" in port:
                raise unsupported("stored state")
            if self._kinds.get(port["port"]) != "output":
                raise invalid("invalid port", f"port {port['port']} is no output")
            name = f"output_state_{port['port']}"
            if name not in writable:
                raise denied(f"{name} has no access rw in the map")
            wanted[self._paths[name]] = port["currentstate"]
        for path, state in wanted.items():
            with told(writing=True, where="currentstate"):
                await self.driver.write({path: state})
                readings, _ = await self.points([path])
            if readings[path].raw != state:
                raise denied(f"{path} was set to {state} and reads {readings[path].raw}")


def _text(reading: Reading) -> str:
    return "" if reading.value is None else str(reading.value).strip()


def loaded(path: Path) -> MeterMap:
    """The map of a file; hundreds of meters of one type share it. A file that has changed is read again."""
    try:
        found = path.stat()
    except OSError:
        return load_map(path)  # says what is wrong
    return _loaded(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=64)
def _loaded(path: Path, changed: int, size: int) -> MeterMap:
    return load_map(path)
