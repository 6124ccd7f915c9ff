"""Which quantities the engines count, average and derive, and in which unit they do so (g13-api.md 4).

Inside, a number is a whole multiple of 10 ** :func:`exponent_of` of the base unit of its quantity: energies in
thousandths of a Wh, varh or VAh, averages with three digits more than they are shown with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.gateway.records import Value
from wattproof.meters.abb.quantities import HARMONICS, INSTRUMENT, ROWS
from wattproof.meters.abb.records import Column
from wattproof.model.quantities import Kind
from wattproof.model.values import Quality

IMPORT, EXPORT, REACTIVE_IMPORT, REACTIVE_EXPORT, APPARENT_IMPORT, APPARENT_EXPORT = 1, 2, 21, 22, 33, 34
ACTIVE_POWER, REACTIVE_POWER, APPARENT_POWER = 96, 100, 104
CURRENCY, CO2, CURRENCY_FACTOR, CO2_FACTOR = 113, 122, 83, 84

#: Energies that only grow: totals and phases of active, reactive and apparent import and export.
ENERGIES = frozenset({*range(1, 9), *range(21, 29), *range(33, 41)})
#: Counters of inputs.
INPUTS = frozenset(range(51, 55))
COUNTERS = ENERGIES | INPUTS
#: What is averaged: gauges whose values are one number.
GAUGES = frozenset(row.id for row in (*INSTRUMENT, *HARMONICS) if row.kind is Kind.GAUGE and "[" not in row.type)
#: Totals that tariffs and resettable registers follow, and the first of their four tariff registers.
FOLLOWED: Mapping[int, int] = MappingProxyType({IMPORT: 9, EXPORT: 85, REACTIVE_IMPORT: 17, REACTIVE_EXPORT: 89})
#: Tariff registers: the total they are of, and the tariff.
TARIFFS: Mapping[int, tuple[int, int]] = MappingProxyType(
    {first + k: (total, k + 1) for total, first in FOLLOWED.items() for k in range(4)}
)
#: Resettable registers, and the counters of their resets, by total.
RESETTABLE: Mapping[int, int] = MappingProxyType({171 + k: total for k, total in enumerate(FOLLOWED)})
RESETS: Mapping[int, int] = MappingProxyType({175 + k: total for k, total in enumerate(FOLLOWED)})
#: The counter that a derived register is computed from.
SOURCES: Mapping[int, int] = MappingProxyType(
    {**{id: total for id, (total, _) in TARIFFS.items()}, **RESETTABLE, **RESETS, CURRENCY: IMPORT, CO2: IMPORT}
)
REGISTERS = COUNTERS | SOURCES.keys()

#: Digits of energies behind the decimal point: thousandths, as G13 gateways show them.
ENERGY_EXPONENT = -3
#: Digits that averages are computed with beyond those shown.
GUARD = 3


def exponent_of(id: int) -> int:
    """The exponent of what is stored and shown of a quantity."""
    if id in ENERGIES or id in TARIFFS or id in RESETTABLE:
        return ENERGY_EXPONENT
    return ROWS[id].scale


def demand_exponent(id: int) -> int:
    """The exponent of a demand: hundredths of a watt of energies, pulses an hour of inputs."""
    return -2 if id in ENERGIES else exponent_of(id)


def column_of(id: int) -> Column:
    """Name and unit of a quantity as the interface writes them."""
    return Column.of(ROWS[id])


def scaled(value: Value, exponent: int) -> int | None:
    """A value as a multiple of 10 ** ``exponent``, cut where it has more digits; ``None`` if it is none to count on."""
    if value.mantissa is None or value.quality in (Quality.INVALID, Quality.MISSING):
        return None
    step = value.exponent - exponent
    if step >= 0:
        return value.mantissa * int(10**step)
    whole: int = abs(value.mantissa) // 10**-step
    return whole if value.mantissa >= 0 else -whole
