"""Searching buses for meters that can be registered (g13-api.md 35 to 37, 10.2).

One scan at a time. It takes its turns at the drivers, so that registered meters stay polled meanwhile, and ends when
:data:`MOST` meters are found. What was found stays in memory until it is forgotten or the next scan finds it anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from wattproof.errors import WattproofError
from wattproof.gateway.acquire.fleet import BusLanes, Fleet
from wattproof.gateway.acquire.naming import named
from wattproof.gateway.acquire.networks import Resolve, allowed, resolve
from wattproof.gateway.acquire.places import EQ_BUS, MBUS_IR, MBUS_WIRED, address_of, bus_named, protocol_of
from wattproof.gateway.acquire.registration import API, engines_of
from wattproof.gateway.acquire.searches import LINES, Hit, Search, modbus, rest
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.config import map_folders
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Meter
from wattproof.io.url import MODBUS as MODBUS_FRAMINGS
from wattproof.meters.mapped.mapfile import MeterMap, find_map, map_files

_log = logging.getLogger(__name__)
#: Meters that one scan finds at most, over all its parts (GD-29).
MOST = 32
NONE, COMPLETE, RUNNING = 0, 1, 2
MODBUS_SCHEMES = ("tcp", "tls", "rtu", "ascii")
REST_SCHEMES = ("http", "https")


UseRate = Callable[[str, int, Mapping[str, str]], Awaitable[None]]


async def same_rate(kind: str, rate: int, who: Mapping[str, str]) -> None:
    """Every bus speaks at its own rate."""


class Scanned(msgspec.Struct, frozen=True):
    """A meter that a scan has found: the record it would be registered with, and the scan's token."""

    meter: Meter
    token: int

    def row(self) -> dict[str, Any]:
        """As #35 lists it."""
        return {
            "token": self.token,
            "serial": self.meter.serial,
            "protocol": str(self.meter.protocol),
            "address": str(self.meter.address),
            "family": self.meter.family,
        }


class Scanning:
    """The scans of a gateway."""

    def __init__(self, fleet: Fleet, site: Site, resolver: Resolve = resolve) -> None:
        self.found: dict[str, Scanned] = {}
        self.state = NONE
        #: Sets the bit rate of buses of a kind: kind, rate, who asks.
        self.use_rate: UseRate = same_rate
        self._fleet = fleet
        self._site = site
        self._resolver = resolver
        self._task: asyncio.Task[None] | None = None
        self._parts: list[Search] = []
        self._seen: set[str] = set()

    async def begin(self, body: Mapping[str, Any], token: int, who: Mapping[str, str]) -> None:
        """Start a scan. Raises ``CommandFailed``: ``conflict``, one runs; ``invalid``, an address is not allowed."""
        if self.state == RUNNING:
            raise CommandFailed(Failing.CONFLICT, "scan in progress")
        self.state = RUNNING
        try:
            self._parts = await self._plan(body, who)
        except BaseException:
            self.state = COMPLETE if self._task is not None else NONE
            raise
        self._seen.clear()
        self._task = asyncio.create_task(self._run(token), name="scan")

    def scanned(self) -> dict[str, Any]:
        """What #35 answers."""
        rows = [found.row() for found in self.found.values()]
        return {"scanresult": rows, "scancomplete": self.state, "progress": self._progress()}

    def forget(self, serials: Sequence[str] | None) -> list[dict[str, Any]]:
        """Remove meters from the list, without names all; per serial 0, or 1 where it was not in it (#37)."""
        gone = list(self.found) if serials is None else serials
        return [{"serial": serial, "status": int(self.found.pop(serial, None) is None)} for serial in gone]

    def _progress(self) -> int:
        if self.state != RUNNING:
            return 100 if self.state == COMPLETE else 0
        shares = [part.progress for part in self._parts]
        return min(99, int(100 * sum(shares) / len(shares))) if shares else 0

    async def stop(self) -> None:
        """Break off."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    # planning

    async def _plan(self, body: Mapping[str, Any], who: Mapping[str, str]) -> list[Search]:
        parts: list[Search] = []
        for kind, protocol in (("eqbus", EQ_BUS), ("mbus-wired", MBUS_WIRED), ("mbus-ir", MBUS_IR)):
            if body.get(kind) is not None:
                if body[kind].get("baudrate") is not None:
                    await self.use_rate(kind, body[kind]["baudrate"], who)
                lines = [lanes for lanes in self._fleet.buses.values() if lanes.protocol == protocol]
                if not lines:
                    raise CommandFailed(Failing.INVALID, "Invalid Request", detail=f"no bus of kind {kind}")
                parts += [LINES[kind](lanes, body[kind]) for lanes in lines]
        parts += await self._modbus(body.get("modbus"))
        wanted = body.get("rest")
        for text in () if wanted is None else wanted.get("urls", ()):
            parts.append(rest(await self._lanes(text, REST_SCHEMES)))
        return parts

    async def _modbus(self, wanted: Mapping[str, Any] | None) -> list[Search]:
        if wanted is None:
            return []
        lines = []
        for name in wanted.get("bus") or ():
            lanes = self._fleet.buses.get(name)
            if lanes is None or lanes.url.framing not in MODBUS_FRAMINGS:
                raise CommandFailed(Failing.INVALID, "Invalid Request", detail=f"no Modbus bus {name!r}")
            lines.append(lanes)
        lines += [await self._lanes(text, MODBUS_SCHEMES) for text in wanted.get("urls") or ()]
        maps = self._maps()
        return [modbus(lanes, wanted, maps) for lanes in lines]

    def _maps(self) -> dict[str, MeterMap]:
        """The map files that recognise a meter, by the names that lead to them."""
        config = self._site.config
        folders = map_folders(config)
        found = map_files(folders, but=(config.path,))
        return {path.stem: one for path, one in found.items() if one.probes and find_map(path.stem, folders) == path}

    async def _lanes(self, text: str, schemes: Sequence[str]) -> BusLanes:
        """The bus at an address: one that there is, or one that lives as long as the scan, or its meters."""
        url = await allowed(text, schemes, self._site.config.scan_networks, self._resolver)
        found = self._fleet.bus_at(url)
        return found or self._fleet.add_bus(bus_named(str(url)), adhoc=True)

    # running

    async def _run(self, token: int) -> None:
        try:
            groups: dict[int, list[Search]] = {}
            for part in self._parts:
                groups.setdefault(id(part.lanes), []).append(part)
            tasks = [asyncio.create_task(self._all(parts, token)) for parts in groups.values()]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await self._fleet.drop_unused()
            self.state = COMPLETE

    async def _all(self, parts: Sequence[Search], token: int) -> None:
        """The searches of one line, one after the other. One that fails ends alone."""
        for part in parts:
            try:
                async with aclosing(part.run()) as hits:
                    async for hit in hits:
                        if len(self._seen) >= MOST:
                            return
                        await self._take(part.lanes, hit, token)
            except WattproofError as error:
                _log.warning("%s was not searched to its end: %s", part.lanes.config.name, error)
            part.progress = 1.0

    async def _take(self, lanes: BusLanes, hit: Hit, token: int) -> None:
        """Ask a meter that answers what its serial is, and put it on the list."""
        name = lanes.config.name
        if not hit.family:
            self._take_registered(name, hit.place, token)
            return
        place = dict(hit.place)
        if lanes.adhoc:
            place["url"] = str(lanes.config.url)
        address = address_of(name, lanes.url, place)
        stub = Meter(
            "", hit.family, protocol_of(lanes.url), address, name, place=place, origin=API,
            engines=engines_of(hit.family),
        )  # fmt: skip
        try:
            source = await self._fleet.source(stub, lanes.runners[0])
            try:
                await source.open()
            finally:
                await source.close()  # an association that stays open would keep others out
        except (WattproofError, KeyError) as error:
            _log.warning("what answers at %s on %s cannot be registered: %s", address, name, error)
            return
        ever = await self._site.store.meters(active=False)
        serial, _ = named(hit.family, source.serial, name, address, ever)
        if serial in self._seen:
            return  # it answers at more than one address, as on a network interface of its own
        self._seen.add(serial)
        place["identity"] = source.serial
        meter = msgspec.structs.replace(stub, serial=serial, alias=serial, label=source.label, place=place)
        self.found[serial] = Scanned(meter, token)

    def _take_registered(self, bus: str, place: Mapping[str, Any], token: int) -> None:
        """A meter that lets one client in at a time (HDLC) turns a scan away while its own polls are with it."""
        for station in self._fleet.stations.values():
            there = station.record
            if there.bus == bus and place.items() <= there.place.items() and there.serial not in self._seen:
                self._seen.add(there.serial)
                self.found[there.serial] = Scanned(there, token)
                return
        _log.warning("a meter at %s on %s lets nobody in: somebody else is with it", dict(place), bus)
