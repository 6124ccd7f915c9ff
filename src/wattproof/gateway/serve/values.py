"""Composes #54 to #60 from the values of quantities, with the digits that these have (g13-api.md 1.2, 1.7, 3; GD-53).

This is the one place in which a unit of the store becomes a unit of the interface; the tables say which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattproof.g13.composition import (
    CONVERTED,
    COUNTERS,
    ENERGY,
    INSTRUMENT,
    POWER,
    RESETTABLE,
    Member,
    Table,
    Unit,
    ids,
    members,
)
from wattproof.gateway.records import Value
from wattproof.model.values import Quality

#: Registers that may have been computed to more digits than the meter counts.
TARIFFS = frozenset({"t1", "t2", "t3", "t4"})

__all__ = [
    "CONVERTED",
    "COUNTERS",
    "ENERGY",
    "INSTRUMENT",
    "POWER",
    "RESETTABLE",
    "Member",
    "Table",
    "compose",
    "ids",
    "members",
    "oldest",
    "written",
]


def compose(table: Table, values: Mapping[int, Value]) -> dict[str, Any]:
    """The body of ``table`` as far as there are values, in the default form; the shape of the resource turns it into
    that of ``compat=g13``. A bad value is ``null`` (GD-53), a missing one and an empty object are left out (1.2)."""
    body: dict[str, Any] = {}
    total = table.get("total")
    coarsest = values.get(total.id) if isinstance(total, Member) else None
    for name, entry in table.items():
        if isinstance(entry, Member):
            value = values.get(entry.id)
            if value is not None and value.quality is not Quality.MISSING:
                shown = _cut(value, coarsest) if name in TARIFFS else value
                body[name] = [_text(entry.unit, shown), entry.unit.text]
        elif inner := compose(entry, values):
            body[name] = inner
    return body


def _cut(value: Value, total: Value | None) -> Value:
    """A tariff register with the resolution of the total that is shown beside it: the meter counts no finer, though
    what was counted around a change of the tariff is shared by time."""
    if total is None or total.mantissa is None or value.mantissa is None or value.exponent >= total.exponent:
        return value
    return value._replace(mantissa=value.mantissa // 10 ** (total.exponent - value.exponent), exponent=total.exponent)


def _text(unit: Unit, value: Value) -> str | None:
    if value.mantissa is None or value.quality is Quality.INVALID:
        return None
    return written(value.mantissa, value.exponent - unit.power, unit.decimals)


def written(mantissa: int, exponent: int, decimals: int | None = None) -> str:
    """``mantissa`` x 10 ** ``exponent`` with the digits that it has, or rounded half up to so many ``decimals``.

    >>> written(2301, -1), written(5, 2), written(-12, -3), written(175839736, 1, 3), written(12345, -4, 3)
    ('230.1', '500', '-0.012', '1758397360.000', '1.235')
    """
    if decimals is not None:
        mantissa, exponent = _at(mantissa, exponent, -decimals), -decimals
    if exponent >= 0:
        return f"{mantissa}{'0' * exponent if mantissa else ''}"
    digits = str(abs(mantissa)).rjust(1 - exponent, "0")
    return f"{'-' if mantissa < 0 else ''}{digits[:exponent]}.{digits[exponent:]}"


def _at(mantissa: int, exponent: int, wanted: int) -> int:
    if exponent >= wanted:
        return mantissa * int("1" + "0" * (exponent - wanted))
    step = int("1" + "0" * (wanted - exponent))
    rounded = (2 * abs(mantissa) + step) // (2 * step)
    return -rounded if mantissa < 0 else rounded


def oldest(table: Table, values: Mapping[int, Value]) -> int | None:
    """The time of the oldest value that a body shows (UTC ms)."""
    times = [values[id].time for id in ids(table) if id in values and values[id].mantissa is not None]
    return min(times, default=None)
