"""Where the points of ABB meters are among COSEM objects, and what their data mean (abb-meters.md 1.12, 2.8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from wattproof.errors import FrameError
from wattproof.meters.abb.points import FLAGS, LEVELS, POINTS, Point
from wattproof.meters.abb.records import Category
from wattproof.meters.abb.rows import Row
from wattproof.meters.abb.statusword import BITS
from wattproof.model.readings import Reading
from wattproof.model.units import OTHER, UNITLESS, Unit
from wattproof.model.values import Quality, to_decimal
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import flag, items, number, octets, text
from wattproof.wire.cosem.times import INVALID, DateTime

STATUS_WORD, ALARM_WORD = Attribute.of(1, "0-0:97.97.0"), Attribute.of(1, "0-0:97.98.0")
#: Bits of the status word by class; the word of a class keeps them where they are (3.9).
MASKS: Mapping[str, int] = {
    name: sum(1 << bit.number for bit in BITS.values() if bit.category is category)
    for name, category in (
        ("ERRORS", Category.ERROR),
        ("WARNINGS", Category.WARNING),
        ("INFORMATION", Category.INFORMATION),
    )
}
#: Scaler and unit as a register says them; ``None`` where it says none.
Scale = tuple[int, Unit] | None
Value = Decimal | str | bytes | None


def _place(point: Point) -> Attribute:
    if point.row is not None:
        return attribute_of(point.row)
    return STATUS_WORD if point.name in MASKS else Attribute.of(1, str(point.quantity.obis))


def attribute_of(row: Row) -> Attribute:
    """The attribute of a quantity."""
    return Attribute(row.class_id, row.ln, row.attribute)


#: The attribute of each point; previous values have rows of their profile instead.
PLACES: Mapping[Point, Attribute] = MappingProxyType(
    {
        point: Attribute.of(1, "0-0:97.98.0") if point.name == "ALARMS" and point.row is None else _place(point)
        for point in dict.fromkeys(
            (*(point for group, points in POINTS.items() if group != "previous" for point in points), *FLAGS, *LEVELS)
        )
    }
)


def scale_of(row: Row, told: Scale) -> tuple[int, Unit]:
    """Scaler and unit of a quantity: what the meter says counts, the table where it says none."""
    if told is None:
        return row.scale, row.unit
    scaler, unit = told
    return scaler, row.unit if unit.dlms in (OTHER, UNITLESS) else unit


def number_of(row: Row, data: Data, told: Scale = None) -> Decimal:
    """The number of a quantity in its unit. Raises ``FrameError``."""
    return to_decimal(int(data.value) if isinstance(data.value, bool) else number(data), scale_of(row, told)[0])


def numbers_of(row: Row, data: Data) -> tuple[Decimal, ...]:
    """The numbers of a quantity that is an array. Raises ``FrameError``."""
    return tuple(to_decimal(number(item), row.scale) for item in items(data))


def _moment(row: Row, data: Data, told: Scale) -> Value:
    moment = DateTime.decode(octets(data, 12))
    found = None if (moment.status or 0) & INVALID else moment.to_datetime()
    return None if found is None else found.replace(tzinfo=None, microsecond=0).isoformat()


def _list(row: Row, data: Data, told: Scale) -> Value:
    return json.dumps([float(value) if value % 1 else int(value) for value in numbers_of(row, data)])


#: What the value of a quantity is, by its type in the table; numbers else.
_VALUES: Mapping[str, Callable[[Row, Data, Scale], Value]] = {
    "bool": lambda row, data, told: Decimal(flag(data)),
    "text": lambda row, data, told: text(data).rstrip("\0 "),
    "date-time": _moment,
    "u16[16]": _list,
    "u8[4]": _list,
}


def reading_of(point: Point, data: Data | Result, told: Scale, time: datetime) -> Reading:
    """A point as a reading; ``Quality.MISSING`` where the meter does not have it, invalid where it cannot tell it."""
    row, unit = point.row, point.quantity.unit
    if row is not None and row.class_id == 3:
        unit = scale_of(row, told)[1]
    if isinstance(data, Result):
        failed = data in (Result.TEMPORARY_FAILURE, Result.HARDWARE_FAULT)
        return _reading(point, None, unit, Quality.INVALID if failed else Quality.MISSING, time, None)
    try:
        value = _beside(point, data) if row is None else _VALUES.get(row.type, number_of)(row, data, told)
    except FrameError:
        value = None
    raw = int(data.value) if isinstance(data.value, int) else data.encode().hex()
    return _reading(point, value, unit, Quality.INVALID if value is None else Quality.GOOD, time, raw)


def _beside(point: Point, data: Data) -> Decimal:
    """The value of a point beside the table of quantities."""
    if isinstance(data.value, bool):
        return Decimal(flag(data))
    return Decimal(number(data) & MASKS.get(point.name, -1))


def missing(point: Point, time: datetime) -> Reading:
    """The reading of a point that the meter does not have."""
    return _reading(point, None, point.quantity.unit, Quality.MISSING, time, None)


def stored(point: Point, value: Value, time: datetime) -> Reading:
    """The reading of a stored value."""
    quality = Quality.MISSING if value is None else Quality.GOOD
    return _reading(point, value, point.quantity.unit, quality, time, None)


def _reading(
    point: Point, value: Value, unit: Unit, quality: Quality, time: datetime, raw: int | str | None
) -> Reading:
    quantity = point.quantity
    return Reading(point.full_name, quantity.name, value, unit.symbol, quantity.obis, quality, time, raw)
