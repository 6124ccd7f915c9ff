"""The objects of the table of quantities (abb-meters.md 1.12): one for each logical name that holds a plain value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import Row
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import (
    CLOSED,
    TYPES,
    Members,
    Object,
    numbers,
    only_false,
    only_zero,
    resets,
    setting,
    shown,
)
from wattproof.meters.abb.virtual.recorder import COUNTERS
from wattproof.meters.abb.virtual.registers import RESETTABLE
from wattproof.wire.cosem.classes import DATA, REGISTER
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.objects import Bound, BoundMethod
from wattproof.wire.cosem.shapes import flag, number
from wattproof.wire.cosem.units import scaler_unit

#: Rows that pulse outputs serve with all their other settings.
_PULSES = frozenset({*range(45, 51), 153})
_STORED = range(55, 59)


def _by_id(command: Callable[[Body, int, int], object], id: int) -> Callable[[Body, int], object]:
    return lambda body, value: command(body, id, value)


def _stored(port: int) -> Callable[[Body, bool], object]:
    return only_false(lambda body: body.reset_stored(port))


#: What SET of attribute 2 does, and how its value is read.
_SETTERS: Mapping[int, tuple[Callable[[Body, Any], object], Callable[[Data], Any]]] = {
    **{id: (_by_id(Body.set_factor, id), number) for id in (83, 84)},
    **{id: (_by_id(Body.set_ratio, id), number) for id in (141, 142, 143, 144)},
    **{id: (_stored(port), flag) for port, id in enumerate(_STORED, 1)},
    140: (Body.set_tariff_inputs, numbers),
    151: (only_zero(Body.reset_outage), number),
    152: (only_zero(Body.reset_power_fails), number),
    154: (Body.set_outputs, number),
    189: (Body.set_tariff, number),
    190: (Body.set_tariff_source, number),
}


def _reset_register(id: int) -> BoundMethod[Body]:
    return resets(lambda body: body.reset_register(id))


def _reset_counter(port: int) -> BoundMethod[Body]:
    return resets(lambda body: body.reset_counter(port))


#: What method 1 of a register does.
_RESETS: Mapping[int, BoundMethod[Body]] = {
    **{id: _reset_register(id) for id in RESETTABLE},
    **{id: _reset_counter(port) for port, id in enumerate(COUNTERS, 1)},
}


def _value(row: Row) -> Bound[Body]:
    tag, _ = TYPES[row.type]
    setter = _SETTERS.get(row.id)
    return Bound(shown(row.id), tags=(tag,)) if setter is None else setting(shown(row.id), *setter, tag)


def quantity(row: Row) -> Object:
    """The object of one row."""
    if row.class_id == DATA.id:
        return Object(DATA, row.logical_name, {"value": _value(row)})
    attributes: Members = {"value": _value(row), "scaler_unit": scaler_unit(row.scale, row.unit)}
    return Object(REGISTER, row.logical_name, attributes, {"reset": _RESETS.get(row.id, CLOSED)})


def quantities(variant: Variant) -> Iterator[Object]:
    """Those that a variant has, in the order of their ids."""
    for row in ROWS.values():
        if row.type in TYPES and row.id not in _PULSES and variant.has(row):
            yield quantity(row)
