"""What ``serve`` may ask ``acquire`` for: names and coroutines, as the local socket takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from wattproof.errors import InvalidValue
from wattproof.gateway.acquire import answering
from wattproof.gateway.acquire.fleet import Fleet
from wattproof.gateway.acquire.live import Live
from wattproof.gateway.acquire.registration import Registration, Who
from wattproof.gateway.acquire.scanning import Scanning
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.state import state
from wattproof.gateway.acquire.timekeeping import Timekeeper
from wattproof.gateway.events import Id
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import AnyWrite, Audit, Meter, Setting, Value, Write

#: Setting with the wireless meters that may join (8.6).
PERMITTED = "permitted"
#: Meters whose computed values are put together before others have a turn.
AT_ONCE = 20
#: Longest wait where a caller does not say (s).
WAIT = 10.0


class Commands:
    """The commands of a running gateway; ``reboot`` ends the process."""

    def __init__(
        self,
        site: Site,
        fleet: Fleet,
        registration: Registration,
        scanning: Scanning,
        timekeeper: Timekeeper,
        reboot: Callable[[], None],
    ) -> None:
        self._site = site
        self._fleet = fleet
        self._registration = registration
        self._scanning = scanning
        self._timekeeper = timekeeper
        self._reboot = reboot
        self.started = site.clock.now()
        self.busy: set[str] = {"starting"}

    def table(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        names = (
            "commit values engine_values get put rows execute register rename deregister scan scanned forget_scanned "
            "set_clock_offset reboot state live"
        )
        return {name: getattr(self, name) for name in names.split()}

    # the store

    async def commit(self, writes: Sequence[Any], who: Who | None = None) -> None:
        """Write what ``serve`` has decided."""
        try:
            decoded: list[Write] = [msgspec.convert(write, AnyWrite, strict=False) for write in writes]
        except msgspec.ValidationError as error:
            raise CommandFailed(Failing.INVALID, "Invalid Request", detail=str(error)) from error
        if any(isinstance(write, Meter) for write in decoded):
            raise CommandFailed(Failing.INVALID, "Invalid Request", detail="meters are changed by their own commands")
        try:
            await self._site.commit(*decoded)
        except InvalidValue as error:
            raise CommandFailed(Failing.INVALID, "Invalid Request", detail=str(error)) from error

    # meters

    async def values(self, serial: str, ids: Sequence[int], max_age: float, wait: float = WAIT) -> dict[int, Value]:
        """Values by id, not older than ``max_age`` seconds."""
        return await self._fleet.station(serial).values(ids, max_age, wait)

    async def engine_values(self, serials: Sequence[str]) -> dict[str, dict[int, Value]]:
        """What engines add to meters, as of their last readings. No bus is touched; meters without are left out."""
        found = {}
        for number, serial in enumerate(serials):
            station = self._fleet.stations.get(serial)
            if station is not None and (added := station.added()):
                found[serial] = added
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)  # polls of a thousand meters are not kept waiting
        return found

    async def get(
        self,
        serial: str,
        resource: int,
        arguments: Mapping[str, Any] | None = None,
        max_age: float | None = None,
        wait: float | None = None,
    ) -> dict[str, Any]:
        """The document of a resource and its time."""
        found = await answering.document(self._fleet.station(serial), resource, arguments or {}, max_age, wait)
        return {"document": found.body, "time": found.time}

    async def put(
        self,
        serial: str,
        resource: int,
        body: Mapping[str, Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        who: Who | None = None,
    ) -> None:
        """Carry out a writing resource."""
        station = self._fleet.station(serial)
        if who is not None:
            # Who wanted it is known before a meter is asked to change, whatever happens next.
            await self._site.ledger.durable(self._audit(who, f"put {resource}", serial))
        await answering.change(station, self._site, resource, body or {}, arguments or {})

    def rows(self, serial: str, resource: int, arguments: Mapping[str, Any] | None = None) -> AsyncGenerator[Any, None]:
        """The rows of a resource as a stream."""
        return answering.rows(self._fleet.station(serial), resource, arguments or {})

    async def execute(
        self, serials: Sequence[str], obis: Sequence[int], class_id: int, attributes: Sequence[Mapping[str, int]]
    ) -> list[dict[str, Any]]:
        """#16: the same object of several meters; those of different buses at the same time.

        ``obis``: six numbers; ``attributes``: pairs of those that hold ``value`` and ``unit``.
        """
        name = bytes(obis)

        async def one(serial: str) -> dict[str, Any]:
            found = await answering.execute(self._fleet.station(serial), name, class_id, attributes)
            return {"serial": serial, **found}

        return list(await asyncio.gather(*(one(serial) for serial in serials)))

    # registration

    async def register(self, serial: str, alias: str, location: str, who: Who) -> None:
        """#33: a meter that a scan has found, or a wireless one that may join."""
        found = self._scanning.found.get(serial)
        if found is not None:
            await self._registration.register(found.meter, alias, location, who)
        elif serial in self._fleet.stations or serial in self._fleet.absent:
            await self._registration.rename(serial, alias, location, who)
        elif serial in await self._site.store.setting(PERMITTED, []):
            await self._registration.register_wireless(serial, alias, location, who)
        else:
            raise CommandFailed(Failing.INVALID, "meter not scanned")

    async def rename(self, serial: str, alias: str, location: str, who: Who) -> None:
        """#32."""
        await self._registration.rename(serial, alias, location, who)

    async def deregister(self, serial: str, who: Who) -> None:
        """#34."""
        await self._registration.deregister(serial, who)

    async def scan(self, body: Mapping[str, Any], token: int, who: Who) -> None:
        """#36."""
        await self._scanning.begin(body, token, who)
        self._site.ledger.add(self._audit(who, "scan", str(token)))

    async def scanned(self) -> dict[str, Any]:
        """#35."""
        return self._scanning.scanned()

    async def forget_scanned(self, serials: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """#37."""
        return self._scanning.forget(serials)

    # the gateway

    async def set_clock_offset(self, offset_ms: int, who: Who) -> None:
        """#12: the gateway's time beside the host's; the host's clock is not touched (8.2).

        Engines are told when it is stored, so that a full disk changes nothing. One that ends before what they write
        about it is stored finds at its next start that the time was set.
        """
        await self._site.commit(
            Setting("clock", {"offset_ms": offset_ms}),
            self._site.record(Id.DATETIME_CHANGED, f"{offset_ms} ms"),
            self._audit(who, "clock", "", f"offset {offset_ms} ms"),
        )
        self._site.offset = offset_ms
        for station in self._fleet.stations.values():
            self._site.ledger.add(*station.clock_moved(offset_ms))
            station.regrid()
        self._timekeeper.moved(self._fleet.stations.values())

    async def reboot(self, who: Who) -> None:
        """#15: event 10 is on disk when this returns; then everything ends and is started again."""
        await self._site.commit(self._site.record(Id.REBOOT, who["user"]), self._audit(who, "reboot"))
        self._reboot()

    async def state(self) -> dict[str, Any]:
        """What runs, and how well."""
        return state(self._site, self._fleet, self._scanning, self.started, self.busy)

    def live(self, serials: Sequence[str]) -> AsyncGenerator[dict[str, Any], None]:
        """New values of meters as they come."""
        return Live(self._fleet, serials).stream()

    def _audit(self, who: Who, action: str, subject: str = "", detail: str = "") -> Audit:
        return Audit(self._site.now, who.get("user", ""), who.get("address", ""), action, subject, detail)
