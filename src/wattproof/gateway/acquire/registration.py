"""Which meters belong to the gateway: by the configuration file and by the interface (g13-api.md 10.1, 33, 34).

What the file says is taken over at each start; alias and location that the interface has changed stay. A meter that is
no longer in the file is registered no more; its history stays, as that of any meter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from wattproof.errors import InvalidURL
from wattproof.gateway.acquire.fleet import Awaited, Fleet
from wattproof.gateway.acquire.naming import named
from wattproof.gateway.acquire.newcomers import Newcomer
from wattproof.gateway.acquire.places import WIRELESS, address_of, bus_named, configured_place
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.auth.firststart import ADMIN
from wattproof.gateway.config import MeterConfig
from wattproof.gateway.events import Id
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Access, Audit, Binding, Meter, Write

Who = Mapping[str, str]
_log = logging.getLogger(__name__)
#: Seconds that a meter has to show that it is still where it was, when its serial turns up elsewhere.
STILL_THERE = 10.0
#: Families whose engines are off unless asked for (10.3).
WITHOUT_ENGINES = ("abb", "g13")
FILE, API = "file", "api"
#: What a place has learnt from its meter.
LEARNT = frozenset({"identity", "measured"})


class Registration:
    """The meters of a fleet and their records."""

    def __init__(self, fleet: Fleet, site: Site) -> None:
        self.fleet = fleet
        self._site = site
        # Held from the look whether a serial is free until it is taken. Who waits for an answer of a bus must not hold
        # it: the bus itself may wait for it with a meter that has just arrived.
        self._admitting = asyncio.Lock()

    # at the start

    async def load(self) -> None:
        """Open all buses and admit all meters; those of the file whose serial is not known yet are asked for it."""
        config = self._site.config
        for bus in config.buses:
            self.fleet.add_bus(bus)
        stored = await self._site.store.meters()
        placed = {(meter.bus, str(meter.address), meter.family): meter for meter in stored}
        writes: list[Write] = []
        kept: set[str] = set()
        for entry in config.meters:
            record = self._place(entry)
            found = placed.get((record.bus, str(record.address), record.family))
            if found is None:
                self._await_newcomer(entry, record)
                continue
            current = merged(found, entry, record)
            if current != found:
                writes.append(current)
            kept.add(found.serial)
            self.fleet.files[found.serial] = entry
            await self.fleet.admit(current)
        for meter in stored:
            if meter.serial in kept:
                continue
            if meter.origin == FILE:
                writes += [msgspec.structs.replace(meter, active=False), self._deleted(meter.serial)]
            else:
                await self._readmit(meter)
        if writes:
            await self._site.commit(*writes)

    async def _readmit(self, meter: Meter) -> None:
        """A meter of the interface, on a bus of the file or on one that only its address names."""
        try:
            if meter.bus not in self.fleet.buses and "url" in meter.place:
                self.fleet.add_bus(bus_named(meter.place["url"]), adhoc=True)
            if meter.bus in self.fleet.buses:
                await self.fleet.admit(meter)
                return
        except InvalidURL as error:
            _log.error("the bus of meter %s cannot be opened: %s", meter.serial, error)
        self.fleet.absent[meter.serial] = meter
        if meter.protocol == WIRELESS:
            return
        _log.error("meter %s is on the bus %s, which is not configured any more", meter.serial, meter.bus)
        self.fleet.absent[meter.serial] = gone = msgspec.structs.replace(meter, status=-1)
        self._site.ledger.add(gone)

    def _place(self, entry: MeterConfig) -> Meter:
        """The record of a meter of the file, without a serial."""
        lanes = self.fleet.buses[entry.bus]
        place = configured_place(entry, lanes.url)
        place["file"] = {"alias": entry.alias, "location": entry.location}
        return Meter(
            "",
            entry.family,
            lanes.protocol,
            address_of(entry.bus, lanes.url, place),
            entry.bus,
            place=place,
            alias=entry.alias or "",
            location=entry.location,
            origin=FILE,
            engines=entry.engines or engines_of(entry.family),
        )

    def _await_newcomer(self, entry: MeterConfig, record: Meter) -> None:
        place = (record.bus, str(record.address))
        self.fleet.newcomers[place] = entry
        self.fleet.awaited[place] = Awaited(record.bus, record.family, record.address, "it has not been asked yet")
        runner = self.fleet.buses[record.bus].free()
        runner.add(Newcomer(record, runner, self.fleet, self._arrived))

    async def _arrived(self, newcomer: Newcomer, identity: str) -> None:
        """A meter of the file has said who it is."""
        record = newcomer.record
        entry = self.fleet.newcomers.pop((record.bus, str(record.address)))
        newcomer.runner.remove(newcomer)
        async with self._admitting:
            await self._settle(record, entry, identity)

    async def _settle(self, record: Meter, entry: MeterConfig, identity: str) -> None:
        """Take a newcomer in, unless its serial is taken."""
        ever = await self._site.store.meters(active=False)
        serial, known = named(record.family, identity, record.bus, record.address, ever)
        if serial in self.fleet.stations:
            other = self.fleet.stations[serial].record
            _log.error(
                "%s at %s on %s says it is %s, which is registered at %s on %s: it is left out",
                record.family, record.address, record.bus, identity, other.address, other.bus,
            )  # fmt: skip
            why = f"left out: it says it is {identity}, which is registered at {other.address} on {other.bus}"
            self.fleet.awaited[record.bus, str(record.address)].why = why
            return
        self.fleet.files[serial] = entry
        current = record if known is None else merged(known, entry, record)
        await self._admit(msgspec.structs.replace(current, serial=serial, active=True, status=0), identity, known)
        del self.fleet.awaited[record.bus, str(record.address)]

    # by the interface

    async def register(self, found: Meter, alias: str, location: str, who: Who) -> None:
        """Register a scanned meter, move one that turned up elsewhere, or rename one that is registered there.

        Raises ``CommandFailed``: ``conflict``, the same serial answers at two addresses.
        """
        async with self.fleet.changing:
            await self._register(found, alias, location, who)

    async def _register(self, found: Meter, alias: str, location: str, who: Who) -> None:
        station = self.fleet.stations.get(found.serial)
        known = await self._site.store.meter(found.serial)
        if station is not None:
            if _same_place(station.record, found):
                await self.rename(found.serial, alias, location, who)
                return
            await self._check_moved(station)
            await self.fleet.dismiss(found.serial)
        if found.bus not in self.fleet.buses:
            self.fleet.add_bus(bus_named(found.place["url"]), adhoc=True)
        kept = {} if known is None else {"registered": known.registered, "provides": known.provides}
        record = msgspec.structs.replace(
            found,
            alias=alias or found.serial,
            location=location or "Unknown",
            status=0,
            active=True,
            origin=API,
            **kept,
        )
        identity = str(found.place.get("identity", found.serial))
        async with self._admitting:
            if found.serial in self.fleet.stations:
                detail = f"a meter of the file has just said that it is {found.serial}"
                raise CommandFailed(Failing.CONFLICT, "serial already registered", detail=detail)
            await self._admit(record, identity, known, who)

    async def register_wireless(self, serial: str, alias: str, location: str, who: Who) -> None:
        """Register a wireless meter that may join (8.6). Nothing here speaks its radio: it stays registered only."""
        known = await self._site.store.meter(serial)
        record = Meter(serial, "abb", WIRELESS, "", "", alias=alias, location=location, engines="off")
        await self._admit(record, serial, known, who)

    async def _check_moved(self, station: Station) -> None:
        """A meter that still answers at its old place is not the one that was found. Raises ``CommandFailed``."""
        if station.record.origin == FILE:
            raise CommandFailed(Failing.CONFLICT, "configured by file")
        try:
            await station.values(station.provides[:1], 0.0, STILL_THERE)
        except CommandFailed:
            return
        raise CommandFailed(
            Failing.CONFLICT,
            "serial already registered",
            detail=f"{station.serial} still answers at {station.record.address} on {station.record.bus}",
        )

    async def _admit(self, record: Meter, identity: str, known: Meter | None, who: Who | None = None) -> None:
        """Store a meter with its bindings, then poll it."""
        place = {**record.place, "identity": identity}
        record = msgspec.structs.replace(
            record,
            place=place,
            alias=record.alias or record.serial,
            registered=record.registered or self._site.now,
        )
        writes: list[Write] = [record, self._site.record(Id.DEVICE_ADDED, record.serial)]
        if known is None or not known.active:
            writes += await self._bindings(record.serial, who)
        if who is not None:
            writes.append(self._audit(who, "register", record.serial, f"{record.address} on {record.bus}"))
        await self._site.commit(*writes)
        if record.protocol == WIRELESS:
            self.fleet.absent[record.serial] = record
        else:
            await self.fleet.admit(record)

    async def _bindings(self, serial: str, who: Who | None) -> list[Binding]:
        """Who may see a new meter (GD-43): bindings that it had before count again."""
        store = self._site.store
        given = []
        for user in await store.users():
            if serial in await store.bindings(user.name):
                continue
            if user.name == ADMIN or (who is not None and user.name == who["user"]):
                given.append(Binding(user.name, serial, Access.CONFIGURE))
            elif self._site.config.compat == "g13":
                given.append(Binding(user.name, serial, Access.VIEW))
        return given

    async def rename(self, serial: str, alias: str, location: str, who: Who) -> None:
        """Give a meter another alias and location. Raises ``CommandFailed`` (``unknown``)."""
        before = self.fleet.record(serial)
        after = self.fleet.change(serial, alias=alias, location=location)
        try:
            await self._site.commit(
                after,
                self._site.record(Id.ALIAS_CHANGED, serial),
                self._audit(who, "rename", serial, f"{alias}, {location}"),
            )
        except CommandFailed:
            self.fleet.change(serial, alias=before.alias, location=before.location)
            raise

    async def deregister(self, serial: str, who: Who) -> None:
        """Poll a meter no more and hide it; its history stays. Raises ``CommandFailed``: ``unknown``, ``conflict``."""
        record = self.fleet.record(serial)
        if record.origin == FILE:
            raise CommandFailed(Failing.CONFLICT, "configured by file")
        gone = msgspec.structs.replace(record, active=False, status=0)
        await self._site.commit(gone, self._deleted(serial), self._audit(who, "deregister", serial))
        await self.fleet.dismiss(serial)
        await self.fleet.drop_unused()

    def _deleted(self, serial: str) -> Write:
        return self._site.record(Id.DEVICE_DELETED, serial)

    def _audit(self, who: Who, action: str, subject: str = "", detail: str = "") -> Audit:
        return Audit(self._site.now, who["user"], who["address"], action, subject, detail)


def engines_of(family: str) -> str:
    """Whether a family's meters get engines when nothing is said (10.3)."""
    return "off" if family in WITHOUT_ENGINES else "auto"


def merged(found: Meter, entry: MeterConfig, record: Meter) -> Meter:
    """A stored meter with what the file says now; alias and location changed by the interface win (10.4)."""
    before: Mapping[str, Any] = found.place.get("file") or {}
    alias = entry.alias or found.serial
    learnt = {name: found.place[name] for name in LEARNT & found.place.keys()}
    changes: dict[str, Any] = {
        "alias": alias if found.alias in (before.get("alias") or found.serial, found.serial) else found.alias,
        "location": entry.location if found.location == before.get("location", found.location) else found.location,
        "place": {"identity": found.serial, **learnt, **record.place},
        "bus": record.bus,
        "protocol": record.protocol,
        "address": record.address,
        "origin": FILE,
        "engines": record.engines,
    }
    return msgspec.structs.replace(found, **changes)


def _same_place(one: Meter, other: Meter) -> bool:
    return (one.bus, str(one.address)) == (other.bus, str(other.address))
