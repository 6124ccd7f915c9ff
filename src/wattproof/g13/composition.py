"""Which quantity each member of #54 to #60 shows, and in which unit (g13-api.md 1.7, 3, 4; GD-18, GD-20).

The gateway composes its answers with these tables, a client reads answers with them. Ids are those of section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Temperatures that a DMED4 has (10.3, row 60); no ids of the interface.
TEMPERATURE_1, TEMPERATURE_2 = 1001, 1002
L1, L2, L3 = "l1", "l2", "l3"
PHASES = (L1, L2, L3)
TARIFFS = ("t1", "t2", "t3", "t4")
TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Unit:
    """How a kind of member is written: the unit's text, by how many powers of ten it is larger than the unit of the
    store, and how many digits stand behind the point where the meter does not say."""

    text: str | None
    power: int = 0
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A value with its unit: ``[text, unit]``."""

    id: int
    unit: Unit


#: A body: members by name, nested as in section 3.
Table = Mapping[str, "Member | Table"]

KWH, KVARH, KVAH = Unit("kWh", 3), Unit("kvarh", 3), Unit("kVAh", 3)
WH, VARH = Unit("Wh", decimals=3), Unit("varh", decimals=3)
WATT, VAR, VOLT_AMPERE = Unit("W"), Unit("var"), Unit("VA")
VOLT, AMPERE, DEGREE, HERTZ, CELSIUS = Unit("V"), Unit("A"), Unit("deg"), Unit("Hz"), Unit("°C")
CO2, CURRENCY = Unit("KG"), Unit("curr")
BARE = Unit(None)


def _row(unit: Unit, names: tuple[str, ...], ids: tuple[int, ...]) -> dict[str, Member]:
    return {name: Member(id, unit) for name, id in zip(names, ids, strict=True)}


def _energy(unit: Unit, imported: tuple[int, ...], exported: tuple[int, ...], net: tuple[int, ...]) -> Table:
    tariffs = (*PHASES, *TARIFFS, TOTAL)
    untariffed = (*PHASES, TOTAL)
    return {
        "importenergy": _row(unit, tariffs if len(imported) == 8 else untariffed, imported),
        "exportenergy": _row(unit, tariffs if len(exported) == 8 else untariffed, exported),
        "netenergy": _row(unit, untariffed, net),
    }


#: #54 by type. Ids: section 4.
ENERGY: Mapping[str, Table] = {
    "active": _energy(KWH, (3, 4, 5, 9, 10, 11, 12, 1), (6, 7, 8, 85, 86, 87, 88, 2), (14, 15, 16, 13)),
    "reactive": _energy(KVARH, (23, 24, 25, 17, 18, 19, 20, 21), (26, 27, 28, 89, 90, 91, 92, 22), (30, 31, 32, 29)),
    "apparent": _energy(KVAH, (35, 36, 37, 33), (38, 39, 40, 34), (42, 43, 44, 41)),
}
#: #55 by mode: of the active energy only.
CONVERTED: Mapping[str, Table] = {
    "co2": {"importenergy": {TOTAL: Member(122, CO2)}},
    "currency": {"importenergy": {TOTAL: Member(113, CURRENCY)}},
}
_REGISTERS = ("activeimport", "activeexport", "reactiveimport", "reactiveexport")
#: #56: the meter's registers with three decimals, whatever their resolution.
RESETTABLE: Table = {
    "resettableenergy": _row(WH, _REGISTERS[:2], (171, 172)) | _row(VARH, _REGISTERS[2:], (173, 174)),
}
#: #58.
COUNTERS: Table = {"resetcounter": _row(BARE, _REGISTERS, (175, 176, 177, 178))}
#: #59.
POWER: Table = {
    "active": _row(WATT, (*PHASES, TOTAL), (93, 94, 95, 96)),
    "reactive": _row(VAR, (*PHASES, TOTAL), (97, 98, 99, 100)),
    "apparent": _row(VOLT_AMPERE, (*PHASES, TOTAL), (101, 102, 103, 104)),
}


def _phase(current: int, quadrant: int, angles: tuple[int, int, int], factor: int, voltage: int) -> Table:
    of_current, of_power, of_voltage = angles
    return {
        "current": Member(current, AMPERE),
        "currentquadrant": Member(quadrant, BARE),
        "phaseanglecurrent": Member(of_current, DEGREE),
        "phaseanglepower": Member(of_power, DEGREE),
        "phaseanglevoltage": Member(of_voltage, DEGREE),
        "powerfactor": Member(factor, BARE),
        "voltage": Member(voltage, VOLT),
    }


#: #60.
INSTRUMENT: Table = {
    "l1": _phase(70, 160, (159, 105, 158), 71, 69),
    "l2": _phase(73, 163, (162, 106, 161), 74, 72),
    "l3": _phase(76, 166, (165, 107, 164), 77, 75),
    "l1-l2": {"voltage": Member(78, VOLT)},
    "l2-l3": {"voltage": Member(79, VOLT)},
    "l1-l3": {"voltage": Member(80, VOLT)},
    "neutral": {"current": Member(81, AMPERE)},
    "total": {
        "currentquadrant": Member(169, BARE),
        "phaseanglepower": Member(108, DEGREE),
        "powerfactor": Member(82, BARE),
    },
    "frequency": {"frequency": Member(170, HERTZ)},
    "temperature": {
        "i1": Member(TEMPERATURE_1, CELSIUS),
        "i2": Member(TEMPERATURE_2, CELSIUS),
    },
}


def members(table: Table) -> Iterator[Member]:
    """All members, in their order."""
    for entry in table.values():
        if isinstance(entry, Member):
            yield entry
        else:
            yield from members(entry)


def ids(table: Table) -> tuple[int, ...]:
    """The quantities that a table shows."""
    return tuple(member.id for member in members(table))
