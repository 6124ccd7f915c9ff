"""The parts of a scan: each searches one line, in its own way, and gives what answers (g13-api.md 36, 10.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, NamedTuple

from wattproof.drivers.bus import Bus
from wattproof.drivers.cosem import scan as cosem_scan
from wattproof.drivers.mbus import scan as mbus_scan
from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.scan import Found, LineProgress, Probe, knock, recognise
from wattproof.drivers.schedule import Priority
from wattproof.errors import Disconnected, LinkError, Unreachable, WattproofError
from wattproof.gateway.acquire.fleet import BusLanes
from wattproof.gateway.acquire.lines import CosemLine, MbusLine, ModbusLine, WebLine
from wattproof.gateway.acquire.places import place_of
from wattproof.meters import registry
from wattproof.meters.mapped.mapfile import MeterMap
from wattproof.meters.mapped.probe import recognise as recognise_mapped

#: Addresses of a Modbus line, and channels of a display.
FIRST_UNIT, LAST_UNIT = 1, 247
CHANNELS = (1, 2, 3, 4)
#: Seconds given to a Modbus unit on a network; a line has its own time-out (10.2).
KNOCK_TIMEOUT = 0.2
_DIGITS = "0123456789"
NO_MAPS: Mapping[str, MeterMap] = MappingProxyType({})


class Hit(NamedTuple):
    """A meter of a known ``family``, and its ``place`` on the line. Without a family: one that lets nobody in, since
    somebody is with it already."""

    family: str
    place: Mapping[str, Any]


Hits = AsyncGenerator[Hit, None]


class Search:
    """A search of one line. ``progress``: 0 to 1."""

    def __init__(self, lanes: BusLanes, run: Callable[[Search], Hits]) -> None:
        self.lanes = lanes
        self.progress = 0.0
        self._run = run

    def run(self) -> Hits:
        """What answers, as soon as it is known. Raises ``LinkError``: the line cannot be used."""
        return self._run(self)

    def told(self, progress: LineProgress) -> None:
        """How far a search of a driver is."""
        self.progress = progress.done / max(1, progress.total)


def addresses_of(wanted: Mapping[str, Any], first: int, last: int) -> Sequence[int]:
    """``range`` as it is given, else from ``start`` to ``end``."""
    if wanted.get("range"):
        return list(wanted["range"])
    start, end = wanted.get("start"), wanted.get("end")
    return range(first if start is None else start, (last if end is None else end) + 1)


def eq_bus(lanes: BusLanes, wanted: Mapping[str, Any]) -> Search:
    """HDLC addresses of an EQ bus; the one meter behind a wrapper."""
    line = lanes.runners[0].line
    assert isinstance(line, CosemLine)  # noqa: S101 - chosen by its protocol
    addresses = addresses_of(wanted, cosem_scan.ADDRESSES.start, cosem_scan.ADDRESSES.stop - 1)

    async def run(search: Search) -> Hits:
        found = cosem_scan.search(
            line.bus, line.url, addresses, search.told, recognise=lambda name: registry.on_cosem(name).name
        )
        async with aclosing(found):
            async for item in found:
                if item.family is not None:
                    yield _hit(item)
                elif item.answer == cosem_scan.REFUSES:
                    yield Hit("", place_of(item.url))

    return Search(lanes, run)


def mbus(lanes: BusLanes, wanted: Mapping[str, Any]) -> Search:
    """Primary addresses of an M-Bus line, or all identification numbers."""
    line = lanes.runners[0].line
    assert isinstance(line, MbusLine)  # noqa: S101 - chosen by its protocol

    def family(manufacturer: str, medium: int) -> str:
        return registry.on_mbus(manufacturer, medium).name

    async def primary(search: Search) -> Hits:
        asked = addresses_of(wanted, 0, mbus_scan.ADDRESSES.stop - 1)
        found = mbus_scan.scan_primary(line.bus, line.url, asked, search.told, recognise=family)
        async with aclosing(found):
            async for item in found:
                if item.family is not None:
                    yield _hit(item)

    async def secondary(search: Search) -> Hits:
        # Digit by digit, so that the polls of the line get their turns in between.
        for number, digit in enumerate(_DIGITS):
            found = mbus_scan.scan_secondary(line.bus, line.url, prefix=digit, recognise=family)
            async with aclosing(found):
                # The search holds the line, and whoever takes a hit asks that meter who it is.
                hits = [_hit(item) async for item in found if item.family is not None]
            for hit in hits:
                yield hit
            search.progress = (number + 1) / len(_DIGITS)

    by_number = wanted.get("mode") == "secondary" or wanted.get("secondary") is True
    return Search(lanes, secondary if by_number else primary)


def modbus(lanes: BusLanes, wanted: Mapping[str, Any], maps: Mapping[str, MeterMap] = NO_MAPS) -> Search:
    """Units of a Modbus line: whoever answers is recognised by the probes of the families, in their order, then by the
    rules of map files."""
    line = lanes.runners[0].line
    assert isinstance(line, ModbusLine)  # noqa: S101 - chosen by its protocol
    units = addresses_of(wanted, FIRST_UNIT, LAST_UNIT)
    probes = [Probe(family.name, family.load("probe")) for family in registry.probing()]

    async def run(search: Search) -> Hits:
        link = line.bus.on(Priority.BACKGROUND)
        hasty = Hasty(line.bus, KNOCK_TIMEOUT if line.kind == "network" else None)
        for done, unit in enumerate(units, 1):
            line.forgive({"unit": unit})
            if await knock(hasty, unit) is not None:
                family, _ = await recognise(link, unit, probes)
                name = await _map_of(link, unit, maps) if family is None else None
                if family is not None:
                    yield Hit(family, {"unit": unit})
                elif name is not None:
                    yield Hit("map", {"unit": unit, "map": name})
            search.progress = done / len(units)

    return Search(lanes, run)


async def _map_of(link: ModbusLink, unit: int, maps: Mapping[str, MeterMap]) -> str | None:
    """The name of the first map that is of this unit. Raises ``Unreachable`` and ``Disconnected``."""
    try:
        found = await recognise_mapped(link, unit, maps.values())
    except (Unreachable, Disconnected):
        raise
    except LinkError:
        return None
    return next((name for name, one in maps.items() if one is found), None)


class Hasty:
    """A Modbus bus that asks once only, for ``timeout`` seconds, and lets everybody go first."""

    def __init__(self, bus: Bus, timeout: float | None) -> None:
        self.clock = bus.clock
        self._bus = bus
        self._timeout = timeout

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        """See `wattproof.drivers.modbus.ModbusLink.exchange`."""
        limit = self._timeout if timeout is None else timeout
        return await self._bus.exchange(unit, pdu, timeout=limit, priority=Priority.BACKGROUND, retries=0)

    async def close(self) -> None:
        """Nothing: the bus belongs to others."""


def rest(lanes: BusLanes) -> Search:
    """The meter at a web address, or those behind a display."""
    line = lanes.runners[0].line
    assert isinstance(line, WebLine)  # noqa: S101 - chosen by its scheme

    async def run(search: Search) -> Hits:
        link = line.link({})
        channels: Sequence[int | None] = (None, *CHANNELS)
        for done, channel in enumerate(channels, 1):
            family = await _web_family(link, channel)
            if family is not None:
                yield Hit(family, {} if channel is None else {"channel": channel})
            search.progress = done / len(channels)
            if family is not None and channel is None:
                return

    return Search(lanes, run)


async def _web_family(link: Any, channel: int | None) -> str | None:
    for family in registry.web_probing():
        try:
            if await family.load("web_probe")(link, channel) is not None:
                return family.name
        except LinkError:
            raise
        except WattproofError:
            continue
    return None


def _hit(found: Found) -> Hit:
    assert found.family is not None  # noqa: S101 - checked by the callers
    return Hit(found.family, place_of(found.url))


#: Searches by the member of #36 that asks for them.
LINES: Mapping[str, Callable[[BusLanes, Mapping[str, Any]], Search]] = {
    "eqbus": eq_bus,
    "mbus-wired": mbus,
    "mbus-ir": mbus,
}
