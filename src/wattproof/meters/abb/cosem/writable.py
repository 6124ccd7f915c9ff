"""Points of ABB meters that can be written over COSEM, and what may be written there (abb-meters.md 1.12, 2.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from wattproof.drivers.cosem.writing import flag, whole
from wattproof.errors import InvalidValue, ReadOnly
from wattproof.meters.abb.cosem.binding import PLACES
from wattproof.meters.abb.points import PORT_NUMBERS, Point, find
from wattproof.meters.abb.rows import Row
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.data import Data, array, boolean, octet_string, unsigned
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.times import DateTime

Encode = Callable[[object], Data]
_MAKERS: Mapping[str, Callable[[int], Data]] = {
    "u8": axdr.unsigned,
    "u16": axdr.long_unsigned,
    "u32": axdr.double_long_unsigned,
    "enum": axdr.enum,
}
_BILLION = 10**9


@dataclass(frozen=True)
class Assignment:
    """A point with the data to write there."""

    point: Point
    attribute: Attribute
    data: Data


def _number(low: int, high: int) -> Callable[[Row], Encode]:
    """Raw values from ``low`` to ``high``, given in the unit of the quantity."""

    def encoder(row: Row) -> Encode:
        def encode(value: object) -> Data:
            raw = whole(value, row.scale)
            if not low <= raw <= high:
                raise InvalidValue(f"{row.name} {value} is not possible: raw values {low} to {high} are")
            return _MAKERS[row.type](raw)

        return encode

    return encoder


def _clearing(row: Row) -> Encode:
    """Something that may only be cleared."""

    def encode(value: object) -> Data:
        if row.type == "bool":
            if flag(value):
                raise InvalidValue(f"{row.name} can only be cleared: write 0")
            return boolean(False)
        if whole(value, row.scale):
            raise InvalidValue(f"{row.name} can only be cleared: write 0")
        return _MAKERS[row.type](0)

    return encode


def _tariffs(row: Row) -> Encode:
    """One to four tariffs, as a list or with commas between them."""

    def encode(value: object) -> Data:
        given = value if isinstance(value, list | tuple) else str(value).strip("[]").split(",")
        numbers = [whole(str(item).strip()) for item in given]
        if not 1 <= len(numbers) <= 4 or any(not 1 <= number <= 4 for number in numbers):
            raise InvalidValue(
                f"{row.name} {value} is not possible: write up to four tariffs of 1 to 4, such as 1,2,3,4"
            )
        return array(map(unsigned, numbers))

    return encode


def _moment(row: Row) -> Encode:
    """Date and time of the meter; a zone is ignored."""

    def encode(value: object) -> Data:
        try:
            time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            raise InvalidValue(f"{value!r} is no date and time: write it as 2024-12-31T23:59:00") from None
        return octet_string(DateTime.of(time.replace(tzinfo=None, microsecond=0)).encode())

    return encode


#: Rows that can be written, and how.
_ROWS: Mapping[int, Callable[[Row], Encode]] = {
    **dict.fromkeys((45, 46, 47), _number(10, 990)),
    **dict.fromkeys((48, 49, 50), _number(1, 1_000_000)),
    **dict.fromkeys((55, 56, 57, 58), _clearing),
    **dict.fromkeys((83, 84), _number(0, _BILLION - 1)),
    140: _tariffs,
    **dict.fromkeys((141, 142, 143, 144), _number(1, 999_999)),
    146: _moment,
    **dict.fromkeys((151, 152), _clearing),
    153: _number(0, 4),
    154: _number(0, 15),
    189: _number(1, 4),
    190: _number(0, 2),
}
_OUTPUTS = frozenset(f"OUTPUT_STATE_{port}" for port in PORT_NUMBERS)


def assignment(name: str, value: object) -> Assignment:
    """What to write for a point.

    Raises:
        UnknownName: no such point.
        ReadOnly: a point that cannot be written.
        InvalidValue: a name of several points, or a value that the point cannot have.
    """
    points = find(name)
    if len(points) != 1:
        raise InvalidValue(f"{name} are {len(points)} points: write one of them")
    point = points[0]
    encoder = None if point.row is None else _ROWS.get(point.row.id)
    if encoder is not None and point.row is not None and point in PLACES:
        return Assignment(point, PLACES[point], encoder(point.row)(value))
    if point.name in _OUTPUTS:
        return Assignment(point, PLACES[point], boolean(flag(value)))
    raise ReadOnly(f"{point.full_name} of an ABB meter cannot be written")
