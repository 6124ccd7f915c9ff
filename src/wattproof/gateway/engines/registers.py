"""Registers that are computed from a total: resettable ones, CO2 and currency (g13-api.md 44, 45, 55 to 58, 10.3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from wattproof.gateway.engines.books import SYSTEM, Books, Part
from wattproof.gateway.engines.counters import Counters
from wattproof.gateway.engines.failing import invalid, unsupported
from wattproof.gateway.engines.readings import Point
from wattproof.gateway.engines.rows import number_text
from wattproof.gateway.engines.scales import (
    CO2,
    CURRENCY,
    FOLLOWED,
    IMPORT,
    RESETS,
    RESETTABLE,
    SOURCES,
    TARIFFS,
    exponent_of,
)
from wattproof.gateway.engines.tariffs import Tariffs
from wattproof.gateway.records import Value
from wattproof.metering.energy import Register
from wattproof.metering.rounding import nearest
from wattproof.model.values import Quality

#: Log entry: registers were reset (2000 + a bit that no meter sends).
REGISTERS_RESET = 2057
#: Members of 56 to 58 by the total that they follow.
MEMBERS: Mapping[str, int] = MappingProxyType(
    dict(zip(("activeimport", "activeexport", "reactiveimport", "reactiveexport"), FOLLOWED, strict=True))
)
#: Conversion factors: the largest one, in thousandths (45: 9.999 and 999999 are refused), and its unit.
FACTORS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {"co2": (9_998, "kg/kWh"), "currency": (999_998_999, "curr/kWh")}
)
#: Thousandths of a Wh x thousandths per kWh in a thousandth of what is computed.
_SCALE = 1_000_000


class Registers(Part):
    """What :attr:`Facts.derived` lists, by the name ``provides``. ``factors`` in thousandths."""

    name = "registers"

    def __init__(self, books: Books, counters: Counters, tariffs: Tariffs) -> None:
        super().__init__()
        self._books, self._counters, self._tariffs = books, counters, tariffs
        self.factors = dict.fromkeys(FACTORS, 1000)
        self.provides = books.facts.derived
        self._resettable = {RESETTABLE[id]: Register() for id in sorted(RESETTABLE.keys() & self.provides)}

    def begin(self, id: int, point: Point) -> None:
        """The first reading of a total: a resettable register shows it until it is reset."""
        register = self._resettable.get(id)
        if register is not None:
            register.offset = (0 if register.resets else point.value) - point.booked
            self.changed = True

    def at(self, id: int, point: Point) -> int | None:
        """What a register shows at a reading of its counter, in its own unit."""
        if id not in self.provides:
            return point.value
        if id in TARIFFS:
            return self._tariffs.content(id, point.booked)
        if id in RESETTABLE:
            return self._resettable[RESETTABLE[id]].content(point.booked)
        if id in RESETS:
            return self._resettable[RESETS[id]].resets
        factor = self.factors["co2" if id == CO2 else "currency"]
        return nearest(point.value * factor, _SCALE * 10 ** (exponent_of(id) + 3))

    def values(self) -> dict[int, Value]:
        """All of them, as of the last readings."""
        found = {}
        estimated = self._books.facts.integrated
        for id in self.provides:
            track = self._counters.tracks.get(SOURCES[id])
            point = None if track is None else track.latest
            number = None if point is None else self.at(id, point)
            if point is not None and number is not None:
                quality = Quality.ESTIMATED if SOURCES[id] in estimated else Quality.GOOD
                found[id] = Value(number, exponent_of(id), point.time, quality)
        return found

    # resources

    def factors_document(self) -> dict[str, Any]:
        """The body of 44."""
        shown = {name: [f"{self.factors[name] // 1000}.{self.factors[name] % 1000:03d}", unit]
                 for name, (_, unit) in FACTORS.items()}  # fmt: skip
        return {"conversionfactor": shown}

    def put_factors(self, body: Mapping[str, Any]) -> None:
        """Carry out 45. Raises ``CommandFailed``; nothing has changed then."""
        wanted = body.get("conversionfactor", body)
        if not isinstance(wanted, Mapping) or not FACTORS.keys() & wanted.keys():
            raise invalid("missing conversionfactor in JSON")
        found = {name: _factor(name, wanted[name]) for name in FACTORS if name in wanted}
        self.factors.update(found)
        self.changed = True

    def energy_document(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The body of 55: ``mode`` is ``co2`` or ``currency``."""
        mode = arguments.get("mode")
        if mode not in FACTORS or arguments.get("type", "active") != "active":
            raise invalid("invalid energy type")
        id, unit = (CO2, "KG") if mode == "co2" else (CURRENCY, "curr")
        if id not in self.provides:
            raise unsupported("active energy")
        track = self._counters.tracks.get(IMPORT)
        point = None if track is None else track.latest
        shown = number_text(exponent_of(id))(None if point is None else self.at(id, point))
        return {"importenergy": {"total": [shown, unit]}}

    def resettable_document(self, resource: int) -> dict[str, Any]:
        """The body of 56 or 58."""
        found = {}
        for member, total in MEMBERS.items():
            track = self._counters.tracks.get(total)
            if total not in self._resettable:
                continue
            if resource == 58:
                found[member] = [str(self._resettable[total].resets), None]
                continue
            point = None if track is None else track.latest
            unit = "Wh" if member.startswith("active") else "varh"
            held = None if point is None else self._resettable[total].content(point.booked)
            found[member] = [None if held is None else f"{held // 1000}.{held % 1000:03d}", unit]
        if not found:
            raise unsupported("resettable energy")
        return {"resettableenergy" if resource == 56 else "resetcounter": found}

    def reset(self, body: Mapping[str, Any], at: int) -> None:
        """Carry out 57: registers named with true begin at 0. Raises ``CommandFailed``; nothing has changed then."""
        wanted = body.get("resettableenergy")
        if not isinstance(wanted, Mapping):
            raise invalid("missing resettableenergy in JSON")
        if not wanted.keys() <= MEMBERS.keys():
            raise invalid("Invalid Request", f"no resettable registers: {sorted(wanted.keys() - MEMBERS.keys())}")
        chosen = [MEMBERS[member] for member, yes in wanted.items() if yes is True]
        for total in chosen:
            if total not in self._resettable:
                raise unsupported("resettable energy")
        for total in chosen:
            track = self._counters.tracks.get(total)
            point = None if track is None else track.latest
            self._resettable[total].clear(0 if point is None else point.booked)
        if chosen:
            self._books.note(SYSTEM, REGISTERS_RESET, at)
            self.changed = True

    # what stays

    def save(self) -> Any:
        return {
            "factors": [list(pair) for pair in self.factors.items()],
            "resettable": [[id, register.offset, register.resets] for id, register in self._resettable.items()],
        }

    def restore(self, data: Any) -> None:
        self.factors |= {name: factor for name, factor in data["factors"] if name in FACTORS}
        for id, offset, resets in data["resettable"]:
            if id in self._resettable:
                self._resettable[id] = Register(offset, resets)


def _factor(name: str, value: Any) -> int:
    """A conversion factor in thousandths, from a number or a decimal text (GD-49)."""
    most, _ = FACTORS[name]
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal(str(value))
    except InvalidOperation:
        raise invalid(f"invalid {name}") from None
    if isinstance(value, bool) or not number.is_finite() or number < 0:
        raise invalid(f"invalid {name}")
    thousandths = number * 1000
    if thousandths != thousandths.to_integral_value() or thousandths > most:
        raise invalid(f"invalid {name}", f"{value} is not one of 0.000 to {most // 1000}.{most % 1000:03d}")
    return int(thousandths)
