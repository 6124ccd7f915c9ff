"""ABB meters on M-Bus, wired or through the infrared window (abb-meters.md 1). What it cannot carry is absent or
refused: hardware versions, alarms, pulse outputs, configurations, calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.bus import Bus
from wattproof.gateway.acquire.sources.abb import AbbSource
from wattproof.gateway.acquire.sources.base import Arguments, Options
from wattproof.gateway.acquire.sources.failures import unsupported
from wattproof.gateway.answers import Trait
from wattproof.gateway.quantities import NUMBERS, grouped
from wattproof.gateway.records import Group, Meter
from wattproof.meters.abb.mbus.driver import AbbMbusDriver
from wattproof.meters.abb.points import ALL, find
from wattproof.model.values import Quality
from wattproof.wire.mbus.frames import SELECTED

#: Distortions are asked for apart, so they are read on request and not polled.
DISTORTIONS = frozenset(range(59, 69))
#: What a meter has on M-Bus by a quantity of its readout.
BY_ID: Mapping[Trait, tuple[int, ...]] = {
    Trait.FACTORS: (83, 84),
    Trait.TRANSFORMER: (141, 143),
    Trait.TARIFF: (189,),
}
PORTS = ("INPUT_STATE", "OUTPUT_STATE")


class AbbMbusSource(AbbSource):
    """A meter at ``meter.place["address"]`` (primary, or eight digits and more: secondary) on ``bus``."""

    def __init__(self, meter: Meter, options: Options, bus: Bus) -> None:
        address = Address.parse(str(meter.place.get("address", meter.address)))
        super().__init__(meter, options, AbbMbusDriver(bus, address, secret=options.password), bus.clock)

    async def _look(self) -> None:
        """By what is sent: one readout, and one telegram of each special one (2.13)."""
        readings = [reading for reading in await self.driver.read([ALL]) if reading.quality is not Quality.MISSING]
        present = [point for reading in readings for point in find(reading.point) if point.group != "previous"]
        ids = {point.row.id for point in present if point.row is not None and point.row.id in NUMBERS}
        traits = [trait for trait, needed in BY_ID.items() if ids & {*needed}] + [Trait.CLOCK, Trait.CLOCK_SET]
        if any(point.name.startswith(PORTS) for point in present):
            traits.append(Trait.PORTS)
        traits += await self._recorded()
        if Trait.VOLTAGE_HARMONICS in traits:
            ids |= DISTORTIONS
        self._ids, self._traits = frozenset(ids), tuple(traits)

    async def _recorded(self) -> list[Trait]:
        """What special readouts the meter has. Logs and previous values may be empty, which tells nothing: so they are
        asked for."""
        traits = [Trait.LOGS, Trait.PREVIOUS]
        if (await self.driver.load_profile(1, count=1)).interval:
            traits.append(Trait.PROFILES)
        if (await self.driver.demand(count=1)).interval:
            traits.append(Trait.DEMAND)
        for kind, trait in (("voltage", Trait.VOLTAGE_HARMONICS), ("current", Trait.CURRENT_HARMONICS)):
            if await self.driver.harmonics(kind):
                traits.append(trait)
        return traits

    def groups(self) -> Mapping[Group, frozenset[int]]:
        return grouped(self._ids - DISTORTIONS)

    async def _mbus_info(self, arguments: Arguments) -> dict[str, Any]:
        header = (await self.driver.readout(lambda telegram: True)).header
        if header is None:
            raise unsupported("M-Bus information")
        who, address = header.address, self.driver.address
        return {
            "manufacturer": who.letters,
            "devicetype": who.medium,
            "addressingmode": SELECTED if address.secondary is not None else address.primary,
            "version": who.version,
            "id": int(who.number) if who.number.isdecimal() else 0,
        }

    async def _previous_head(self, document: dict[str, Any], times: Sequence[str]) -> dict[str, Any]:
        """No telegram tells the period; two ends and more show it."""
        period = period_of([datetime.fromisoformat(time) for time in times])
        return document if period is None else {"mapping": document["mapping"], "interval": period}

    async def _clear_profiles(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        if arguments.get("channel"):
            raise unsupported("clearing one channel")
        await self.driver.reset("LOAD_PROFILE_CH_1")

    async def _tariff(self, arguments: Arguments) -> dict[str, Any]:
        (tariff,) = (await self.driver.read(["189"]))[:1]
        return {"tariff": 0 if tariff.value is None else int(tariff.value)}

    async def _set_tariff(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """No telegram tells the source, so whether it allows the tariff shows when that is read back."""
        if "inputconfig" in body:
            raise unsupported("tariff inputs")
        for member, id in (("source", 190), ("tariff", 189)):
            if member in body:
                await self._write(member, id, body[member])


def period_of(ends: Sequence[datetime]) -> str | None:
    """Of which periods these are the ends, oldest first: a period that has no row makes a gap of several.

    >>> period_of([datetime(2026, 1, 1), datetime(2026, 2, 1)]), period_of([datetime(2026, 1, 5)])
    ('monthly', None)
    """
    gaps = {(after.date() - before.date()).days for before, after in pairwise(ends)} - {0}
    if not gaps:
        return None
    if all(end.day == 1 for end in ends) and min(gaps) >= 28:
        return "monthly"
    return "weekly" if all(gap % 7 == 0 for gap in gaps) else "daily"
