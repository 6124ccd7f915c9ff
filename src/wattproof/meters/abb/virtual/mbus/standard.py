"""The standard readout: which records stand in which telegram, by what a variant has (abb-meters.md 1.13).

The layouts are those of an A41 (captured) and of the three phase meters (printed). What a variant lacks is left out;
a telegram of which nothing is left is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import BRONZE, GOLD, IRON, SILVER
from wattproof.meters.abb.variants import RATIOS, Variant, variant
from wattproof.meters.abb.virtual.mbus.fields import (
    BESIDE_CLOCK,
    ELEMENTS,
    FINE,
    FLAGS,
    INPUTS,
    OUTPUTS,
    QUANTITIES,
    Field,
)

#: The level from which on a meter has what has no row.
_LEVELS = {
    **dict.fromkeys(map(id, FLAGS), IRON),
    **dict.fromkeys(map(id, (*INPUTS, *OUTPUTS)), SILVER),
    id(BESIDE_CLOCK): GOLD,
    id(ELEMENTS): BRONZE,
}
Item = int | Field

_IMPORT, _EXPORT = (1, 9, 10, 11, 12), (2, 85, 86, 87, 88)
_REACTIVE_IMPORT, _REACTIVE_EXPORT = (21, 17, 18, 19, 20), (22, 89, 90, 91, 92)
_CONNECTION = (141, 143, 142, 144)
_IDENTITY = (139, 138)
_FIRST: tuple[Item, ...] = (
    *_IMPORT, *_EXPORT, 189, *_CONNECTION, *FLAGS, 146, BESIDE_CLOCK, *_IDENTITY,
)  # fmt: skip
_STORED_INPUTS, _COUNTERS = (55, 56, 57, 58), (51, 52, 53, 54)
_PORTS: tuple[Item, ...] = (*OUTPUTS, *INPUTS, *_STORED_INPUTS, *_COUNTERS)
_RESETTABLE = (171, 172, 173, 174, 175, 176, 177, 178)
_COSTS: tuple[Item, ...] = (*_RESETTABLE, 122, 113, 84, 83, 33, 34)

SINGLE_PHASE: tuple[tuple[Item, ...], ...] = (
    _FIRST,
    (152, 151, 96, 100, 104, 69, 70, 170, 82, 108, 158, 159, 169, *_REACTIVE_IMPORT, *_REACTIVE_EXPORT, ELEMENTS),
    _PORTS,
    (*_COSTS, 13, 29, 41),
)
THREE_PHASES: tuple[tuple[Item, ...], ...] = (
    _FIRST,
    (
        152, 96, 93, 94, 95, 100, 97, 98, 99, 104, 101, 102, 103, 69, 72, 75, 78, 79, 80, 70, 73, 76, 81, 170,
    ),
    (
        151, 82, 71, 74, 77, 108, 105, 106, 107, 158, 161, 164, 159, 162, 165, 169, 160, 163, 166, *_REACTIVE_IMPORT,
    ),
    (*_REACTIVE_EXPORT, ELEMENTS, *_PORTS),
    _COSTS,
    (3, 4, 5, 23, 24, 25, 35, 36, 37, 6, 7, 8, 26, 27, 28, 38, 39, 40),
    (13, 14, 15, 16, 29, 30, 31, 32, 41, 42, 43, 44),
)  # fmt: skip
#: Order in which previous values are sent (telegram 5 of an A41); others follow by id.
PREVIOUS = (1, 2, 21, 22, 9, 10, 11, 12, 17, 18, 19, 20, 51, 52, 53, 54)


def field_of(item: Item, kind: Variant) -> Field:
    """The record of an item as this variant sends it."""
    if isinstance(item, Field):
        return item
    return FINE[item] if kind.fine_currents and item in FINE else QUANTITIES[item]


def _sends(item: Item, kind: Variant) -> bool:
    if isinstance(item, Field):
        return kind.level >= _LEVELS[id(item)]
    return kind.has(ROWS[item]) or (item in RATIOS and kind.level >= ROWS[item].level)


@cache
def layout(label: str) -> tuple[tuple[Field, ...], ...]:
    """The telegrams of a variant, without previous values."""
    kind = variant(label)
    found = (
        tuple(field_of(item, kind) for item in items if _sends(item, kind))
        for items in (SINGLE_PHASE if kind.phases == 1 else THREE_PHASES)
    )
    return tuple(telegram for telegram in found if telegram)


def previous_order(columns: Iterable[int]) -> Sequence[int]:
    """Columns in the order in which they are sent."""
    given = set(columns)
    return [*(id for id in PREVIOUS if id in given), *sorted(given.difference(PREVIOUS))]
