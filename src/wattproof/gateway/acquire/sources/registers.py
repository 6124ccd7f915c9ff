"""Asking meters of which nothing but registers is known: SunSpec meters, and families outside this repository by their
bindings alone (g13-api.md 10.1, 10.3; G-363)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from wattproof.drivers.mapped import RegisterDriver, everything, readable
from wattproof.drivers.modbus import ModbusLink
from wattproof.gateway.acquire.sources.base import Arguments, Options
from wattproof.gateway.acquire.sources.points import Binding, Bound, PointSource, Sum
from wattproof.gateway.acquire.sources.serials import placed, sanitised
from wattproof.gateway.answers import Trait, associations
from wattproof.gateway.quantities import IDS, NUMBERS
from wattproof.gateway.records import Meter
from wattproof.meters.connecting import asking
from wattproof.meters.registry import family
from wattproof.meters.sunspec.driver import METERS, SunspecDriver
from wattproof.model.obis import Obis
from wattproof.model.quantities import Quantity
from wattproof.model.units import NONE, PERCENT
from wattproof.model.values import Quality
from wattproof.wire.modbus.bindings import BoundPoint

#: SunSpec tells no nominal voltage: that of Europe, V.
NOMINAL = 230
#: Percent of a quantity that has no unit, such as a power factor.
HUNDREDTHS = -2
#: Names that families give to quantities of a whole meter or of one phase, as the interface begins them, with what it
#: says where no phase is named: a meter with one voltage shows it as L1.
STEMS: Mapping[str, tuple[str, str]] = {
    "voltage": ("voltage", "l1"),
    "current": ("current", "l1"),
    "power_factor": ("power_factor", "total"),
    **{
        name: (f"{kind}_power", "total")
        for kind in ("active", "reactive", "apparent")
        for name in (f"{kind}_power", f"power_{kind}")
    },
    **{
        name: (f"{kind}_energy_{way}", "total")
        for kind in ("active", "reactive", "apparent")
        for way in ("import", "export", "net")
        for name in (f"{kind}_energy_{way}", f"{kind}_energy_{way}ed", f"energy_{kind}_{way}")
    },
}
_BY_OBIS = {Obis.parse(known.obis).to_bytes(): known.id for known in NUMBERS.values() if known.obis}


class RegisterSource(PointSource):
    """A meter behind ``driver`` that holds registers and no more. ``bindings`` come from its rows when it is opened."""

    def __init__(self, meter: Meter, options: Options, driver: RegisterDriver) -> None:
        self.driver = driver
        super().__init__(meter, options, driver, {})
        self.reads |= {30: self._associations, 43: self._info, 49: self._status, 50: self._flags}

    @property
    def traits(self) -> tuple[str, ...]:
        return (Trait.INTEGRATE,) if self.options.integrate else ()

    async def open(self) -> None:
        info = await self.driver.info()
        self.label = info.type or self.meter.family
        self.bindings = await self._bindings()
        name = self.options.serial or sanitised(info.serial)
        self.serial = name or placed(self.meter.family, self.meter.bus, self.driver.unit)

    async def _bindings(self) -> Mapping[int, Binding]:
        return bindings_of(readable(everything(await self.driver.map())))

    async def _associations(self, arguments: Arguments) -> dict[str, Any]:
        role = "Configure" if self._configurable else "View Only"
        return {"associationobjects": associations(self.record), "role": role, "serial": self.meter.serial}

    @property
    def _configurable(self) -> bool:
        """Whether anything at the meter is written from here."""
        return bool(self.writes)

    async def _info(self, arguments: Arguments) -> dict[str, Any]:
        info = await self.driver.info()
        version = {"firmwareversion": info.firmware} if info.firmware else {}
        return {"manufacturing": {"serial": self.serial, "label": self.label, **version}}

    async def _status(self, arguments: Arguments) -> dict[str, Any]:
        return {"serial": self.serial, "label": self.label}

    async def _flags(self, arguments: Arguments) -> dict[str, Any]:
        return {"errors": [], "warnings": [], "informationflags": []}


class SunspecSource(RegisterSource):
    """A SunSpec meter at ``meter.place["unit"]`` behind ``link``: the first of its AC meter models."""

    nominal: ClassVar[int | None] = NOMINAL

    def __init__(self, meter: Meter, options: Options, link: ModbusLink) -> None:
        super().__init__(meter, options, SunspecDriver(link, meter.place.get("unit")))
        self._instance = ""

    async def _bindings(self) -> Mapping[int, Binding]:
        """Points of the model that have a value: a model has more than its meter measures."""
        registers = await self.driver.map()
        block = next((block for block in registers.blocks if block.id in METERS), None)
        if block is None:
            return {}
        self._instance = block.name
        names = {point.name for point in block.points}
        found: dict[int, Binding] = {}
        for id, binding in sunspec_bindings(block.name).items():
            terms = binding.terms if isinstance(binding, Sum) else ((binding, 1),)
            if all(bound.point.rpartition(".")[2] in names for bound, _ in terms):
                found[id] = binding
        self.bindings = found
        values = await self.read(found)
        return {id: binding for id, binding in found.items() if values[id].quality is not Quality.MISSING}

    async def _flags(self, arguments: Arguments) -> dict[str, Any]:
        if not self._instance:
            return await super()._flags(arguments)
        readings, _ = await self.points([f"{self._instance}.Evt"])
        (events,) = readings.values()
        text = events.value if isinstance(events.value, str) else "none"
        return {"errors": [] if text == "none" else text.split(", "), "warnings": [], "informationflags": []}


def sunspec_bindings(instance: str) -> dict[int, Binding]:
    """Quantities of models 201 to 204 and 211 to 214 by id; line-to-line voltages have the names of either kind."""

    def at(name: str, shift: int = 0) -> Bound:
        return Bound(f"{instance}.{name}", shift)

    def phases(ids: Iterable[int], stem: str, shift: int = 0) -> Iterator[tuple[int, Binding]]:
        yield from ((id, at(f"{stem}{letter}", shift)) for id, letter in zip(ids, "ABC", strict=True))

    def quadrants(first: str, second: str) -> Sum:
        return Sum(((at(first), 1), (at(second), 1)))

    return {
        **dict(phases((69, 72, 75), "PhVph")),
        **dict(zip((78, 79, 80), (at(f"PhVph{pair}") for pair in ("AB", "BC", "CA")), strict=True)),
        **dict(phases((70, 73, 76), "Aph")),
        **dict(phases((71, 74, 77), "PFph", HUNDREDTHS)),
        82: at("PF", HUNDREDTHS),
        **dict(phases((93, 94, 95), "Wph")), 96: at("W"),
        **dict(phases((97, 98, 99), "VARph")), 100: at("VAR"),
        **dict(phases((101, 102, 103), "VAph")), 104: at("VA"),
        170: at("Hz"),
        1: at("TotWhImp"), **dict(phases((3, 4, 5), "TotWhImpPh")),
        2: at("TotWhExp"), **dict(phases((6, 7, 8), "TotWhExpPh")),
        33: at("TotVAhImp"), **dict(phases((35, 36, 37), "TotVAhImpPh")),
        34: at("TotVAhExp"), **dict(phases((38, 39, 40), "TotVAhExpPh")),
        21: quadrants("TotVArhImpQ1", "TotVArhImpQ2"), 22: quadrants("TotVArhExpQ3", "TotVArhExpQ4"),
    }  # fmt: skip


def by_bindings(meter: Meter, options: Options, link: ModbusLink) -> RegisterSource:
    """The source of a meter of any family with registers, by what its rows say.

    Raises :class:`~wattproof.errors.UnknownName` for a family that there is not, or that has none.
    """
    row = family(meter.family)
    unit = meter.place.get("unit", row.unit)
    return RegisterSource(meter, options, asking(row)(link, unit))


def bindings_of(bounds: Iterable[BoundPoint]) -> dict[int, Binding]:
    """Ids of quantities by what the points say they are; of two that are the same the first."""
    found: dict[int, Binding] = {}
    for bound in bounds:
        binding = id_of(bound.point.quantity)
        if binding is not None:
            found.setdefault(binding[0], Bound(bound.path, binding[1]))
    return found


def id_of(quantity: Quantity) -> tuple[int, int] | None:
    """The id of a quantity and the power of ten to its unit: by the whole name, by name and phase, or by OBIS code."""
    name = quantity.name.casefold()
    tries = [IDS.get(name)]
    if name in STEMS:
        stem, usual = STEMS[name]
        place = usual if quantity.phase is None else quantity.phase.casefold().replace("-", "_")
        tries.append(IDS.get(f"{stem}_{place}"))
    if quantity.obis is not None:
        tries.append(_BY_OBIS.get(Obis.parse(quantity.obis).to_bytes()))
    for id in tries:
        shift = None if id is None else _shift(quantity, id)
        if id is not None and shift is not None:
            return id, shift
    return None


def _shift(quantity: Quantity, id: int) -> int | None:
    """Power of ten from the unit of a quantity to that of the interface; ``None`` where they are of other kinds."""
    unit = NUMBERS[id].unit
    if quantity.unit == unit:
        return 0
    return HUNDREDTHS if unit is NONE and quantity.unit is PERCENT else None
