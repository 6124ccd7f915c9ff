"""What the gateway adds to a meter: its engine, made from what is stored and what the meter turns out to have."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from wattproof.gateway.acquire.fleet import Fleet
from wattproof.gateway.acquire.station import Engine
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.engines.engine import open_engine
from wattproof.gateway.engines.facts import MBUS_REACH, REACH, Facts
from wattproof.gateway.engines.scales import exponent_of
from wattproof.gateway.records import Write


def facts_of(station: Station, *, integrate: bool = False) -> Facts:
    """What an engine has to know of its meter."""
    source: Any = station.source
    return Facts(
        station.serial,
        station.measured,
        reach=MBUS_REACH if station.mbus else REACH,
        moduli={id: _steps(id, *modulus) for id, modulus in source.moduli.items()},
        most=source.most,
        integrate=integrate,
        nominal=source.nominal,
        transformer=source.transformer,
        recorded=source.recorded,
    )


def _steps(id: int, mantissa: int, exponent: int) -> int:
    """A modulus in the steps in which engines count."""
    return int(mantissa * Fraction(10) ** (exponent - exponent_of(id)))


class Equipment:
    """Makes the engines of a fleet (`wattproof.gateway.acquire.stations.MakeEngine`)."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def engine(self, station: Station) -> Engine:
        """The engine of a station as it was left, or a new one."""
        site = self._fleet.site
        config = self._fleet.files.get(station.serial)

        async def commit(writes: Sequence[Write]) -> None:
            await site.ledger.durable(*writes)

        made, writes = await open_engine(
            facts_of(station, integrate=config is not None and config.integrate),
            ZoneInfo(site.config.timezone),
            site.offset,
            reader=site.store,
            commit=commit,
            now=lambda: site.now,
        )
        if made.facts.transformer:
            source: Any = station.source
            source.primary = made.transformed
        made.identify(str(station.record.place.get("identity", station.serial)))
        site.ledger.add(*writes)
        return made
