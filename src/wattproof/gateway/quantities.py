"""The quantities of the interface by their ids (g13-api.md 4): names, units, and what is polled together.

Names and units are those of the ABB meters' own table, :data:`wattproof.meters.abb.quantities.ROWS`; two quantities of
ours stand behind its last id and are shown by no resource that lists ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattproof.g13.composition import TEMPERATURE_1, TEMPERATURE_2
from wattproof.gateway.records import Group
from wattproof.meters.abb.quantities import CONVERSION, ENERGY, INSTRUMENT, RESETTABLE, ROWS
from wattproof.model.quantities import Kind
from wattproof.model.units import CELSIUS, Unit


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a quantity: its name in capitals, how it behaves, and the unit of its values."""

    id: int
    name: str
    kind: Kind
    unit: Unit
    obis: str | None = None


#: Quantities whose values are numbers, by id.
NUMBERS: Mapping[int, Known] = MappingProxyType(
    {
        **{
            row.id: Known(row.id, row.name, row.kind, row.unit, row.logical_name)
            for row in ROWS.values()
            if row.type not in ("table", "text", "date-time") and "[" not in row.type
        },
        TEMPERATURE_1: Known(TEMPERATURE_1, "TEMPERATURE_I1", Kind.GAUGE, CELSIUS, "0-0:96.9.0"),
        TEMPERATURE_2: Known(TEMPERATURE_2, "TEMPERATURE_I2", Kind.GAUGE, CELSIUS, "0-0:96.9.0"),
    }
)
#: Ids by name, in small letters.
IDS: Mapping[str, int] = MappingProxyType({known.name.lower(): known.id for known in NUMBERS.values()})
ACTIVE_IMPORT, ACTIVE_EXPORT, ACTIVE_NET = 1, 2, 13
VOLTAGES = (69, 72, 75)
COUNTERS = frozenset({51, 52, 53, 54})
_STATES = frozenset({55, 56, 57, 58, 154, 189})
_LIVE = frozenset({row.id for row in INSTRUMENT} | set(range(59, 69)) | _STATES | {TEMPERATURE_1, TEMPERATURE_2})
_ENERGY = frozenset(
    {row.id for rows in (ENERGY, RESETTABLE, CONVERSION) for row in rows if row.kind is Kind.COUNTER}
    | COUNTERS
    | {151, 152}
)


def group_of(id: int) -> Group:
    """What a quantity is polled with: power, instrument and port values live, counters as energy, else static."""
    return Group.LIVE if id in _LIVE else Group.ENERGY if id in _ENERGY else Group.STATIC


def grouped(ids: Iterable[int]) -> dict[Group, frozenset[int]]:
    """The ids by group; groups without any are left out."""
    found: dict[Group, set[int]] = {}
    for id in ids:
        found.setdefault(group_of(id), set()).add(id)
    return {group: frozenset(members) for group, members in sorted(found.items())}
