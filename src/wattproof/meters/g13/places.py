"""Where the interface of a G13 shows the quantities of a meter (g13-api.md 3, 4).

Ids and names are those of section 4, which are the ABB meters' own (:mod:`wattproof.meters.abb.quantities`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wattproof.g13.composition import CONVERTED, COUNTERS, ENERGY, INSTRUMENT, POWER, RESETTABLE, Member, Table

#: Steps to a value inside a document: names of members, numbers of items.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A value in the answer of a resource. ``arguments``: of its path beside the serial number."""

    resource: int
    path: Path
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def request(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        """What has to be asked for it."""
        return self.resource, self.arguments

    def find(self, document: Any) -> Any:
        """The value in a document. Raises ``LookupError`` if the meter lacks it."""
        for step in self.path:
            match document, step:
                case dict(), _:
                    document = document[step]
                case list(), int():
                    document = document[step]
                case _:
                    raise KeyError(step)
        return document


def _composed(resource: int, table: Table, *arguments: tuple[str, str]) -> dict[int, Place]:
    return {member.id: Place(resource, path, arguments) for path, member in _walk(table, ())}


def _walk(table: Table, above: Path) -> Iterator[tuple[Path, Member]]:
    for name, entry in table.items():
        if isinstance(entry, Member):
            yield (*above, name), entry
        else:
            yield from _walk(entry, (*above, name))


_VOLTAGES = ("l1", "l2", "l3", "l1-l2", "l2-l3", "l1-l3")
_CURRENTS = ("l1", "l2", "l3", "neutral")
_INPUTS = range(4)
#: Places of quantities by id.
PLACES: Mapping[int, Place] = MappingProxyType(
    {
        **{id: place for kind, table in ENERGY.items() for id, place in _composed(54, table, ("type", kind)).items()},
        **{
            id: place
            for mode, table in CONVERTED.items()
            for id, place in _composed(55, table, ("type", "active"), ("mode", mode)).items()
        },
        **_composed(56, RESETTABLE),
        **_composed(58, COUNTERS),
        **_composed(59, POWER),
        **_composed(60, INSTRUMENT),
        **{59 + at: Place(61, (name, "thd")) for at, name in enumerate(_VOLTAGES)},
        **{65 + at: Place(62, (name, "thd")) for at, name in enumerate(_CURRENTS)},
        **{51 + at: Place(63, ("iostatus", at, "counter")) for at in _INPUTS},
        **{55 + at: Place(63, ("iostatus", at, "storedstate")) for at in _INPUTS},
        83: Place(44, ("conversionfactor", "currency")),
        84: Place(44, ("conversionfactor", "co2")),
        138: Place(43, ("manufacturing", "label")),
        139: Place(43, ("manufacturing", "firmwareversion")),
        141: Place(43, ("ratio", "ctnum")),
        142: Place(43, ("ratio", "ctdenum")),
        143: Place(43, ("ratio", "vtnum")),
        144: Place(43, ("ratio", "vtdenum")),
        146: Place(41, ("datetime",)),
        149: Place(81, ("daytype",)),
        150: Place(81, ("season",)),
        151: Place(43, ("power", "poweroutagetime")),
        152: Place(43, ("power", "powerfailcounter")),
        189: Place(81, ("tariff",)),
        190: Place(81, ("source",)),
        **{191 + at: Place(46, ("version", at)) for at in range(8)},
    }
)
#: Words of the status flags by the name of their point.
FLAGS: Mapping[str, Place] = MappingProxyType(
    {
        "ERRORS": Place(50, ("errors",)),
        "WARNINGS": Place(50, ("warnings",)),
        "INFORMATION": Place(50, ("informationflags",)),
    }
)
