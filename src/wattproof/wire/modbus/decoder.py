"""Decoding the same points again and again: everything that depends on the rows alone is worked out once.

Plain numbers and texts, nearly all of a device, take a short way; whatever needs judgement (blobs, floats, bit fields,
registers that are missing) goes the way of :func:`~wattproof.wire.modbus.bindings.decode_reading`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from wattproof.model.readings import Reading
from wattproof.model.values import Quality
from wattproof.wire.modbus.bindings import BoundPoint, decode_raw, decode_reading
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.types import SUNSSF, Integer, Text

_GOOD, _MISSING = Quality.GOOD, Quality.MISSING
#: Exact multiplication by a power of ten, ready to be appended to the digits.
_POWERS: dict[int, str] = {
    exponent: f"E{exponent}" if exponent else "" for exponent in range(SUNSSF.low, SUNSSF.high + 1)
}


@dataclass(frozen=True, slots=True)
class _Row:
    """What is known of a point before any register is. ``scale``: place of its power of ten among those looked up."""

    bound: BoundPoint
    path: str
    quantity: str
    unit: str
    obis: str | None
    start: int
    end: int
    number: Integer | None
    text: bool
    symbols: dict[int, str] | None
    scale: int


class Decoder:
    """Readings of ``bounds``, in their order, from any image of the device's registers."""

    __slots__ = ("_places", "_rows", "_scales")

    def __init__(self, bounds: Iterable[BoundPoint]) -> None:
        self._scales: list[BoundPoint | int] = []
        self._places: dict[tuple[int, str | int], int] = {}
        self._rows = [self._row(bound) for bound in bounds]

    def _row(self, bound: BoundPoint) -> _Row:
        point = bound.point
        kind = point.type
        number = kind if type(kind) is Integer and not kind.swap and point.factor == 1 else None
        quantity = point.quantity
        return _Row(
            bound,
            bound.path,
            quantity.name,
            quantity.unit.symbol,
            quantity.obis,
            2 * bound.address,
            2 * (bound.address + bound.registers),
            number,
            isinstance(kind, Text) and not kind.swap,
            dict(point.symbols) if point.symbols is not None else None,
            self._scale(bound),
        )

    def _scale(self, bound: BoundPoint) -> int:
        """Where the power of ten of this point will stand in the list of those that are looked up, once each."""
        scale = bound.point.scale or 0
        key = (bound.block.address if isinstance(scale, str) else -1, scale)
        if key not in self._places:
            self._places[key] = len(self._scales)
            self._scales.append(bound.block.bind(scale) if isinstance(scale, str) else scale)
        return self._places[key]

    def _power(self, scale: BoundPoint | int, image: RegisterImage) -> str | None:
        """A power of ten as the end of a number's text; ``None`` if it is unavailable or none."""
        exponent = scale if isinstance(scale, int) else decode_raw(scale, image)
        return _POWERS.get(exponent) if isinstance(exponent, int) else None

    def decode(self, image: RegisterImage, time: datetime | None) -> list[Reading]:
        """Every point's reading, as :func:`~wattproof.wire.modbus.bindings.decode_reading` gives it."""
        powers = [self._power(scale, image) for scale in self._scales]
        readings = []
        first = last = 0
        data = b""
        for row in self._rows:
            if not first <= row.start <= row.end <= last:
                first, data = image.around(row.start // 2)
                first *= 2
                last = first + len(data)
            found = data[row.start - first : row.end - first] if first <= row.start and row.end <= last else None
            reading = None if found is None else _quick(row, found, powers[row.scale], time)
            readings.append(reading or decode_reading(row.bound, image, time))
        return readings


def _quick(row: _Row, data: bytes, power: str | None, time: datetime | None) -> Reading | None:
    """The reading of a plain number or text; ``None`` for what needs judgement."""
    number = row.number
    if number is not None:
        raw = int.from_bytes(data, "big", signed=number.signed)
        if raw == number.unavailable:
            return Reading(row.path, row.quantity, None, row.unit, row.obis, _MISSING, time, None)
        if row.symbols is not None:
            name = row.symbols.get(raw) or str(raw)
            return Reading(row.path, row.quantity, name, row.unit, row.obis, _GOOD, time, raw)
        if power is None:
            return None
        value = Decimal(f"{raw}{power}") if power else Decimal(raw)
        return Reading(row.path, row.quantity, value, row.unit, row.obis, _GOOD, time, raw)
    if row.text:
        text = data.rstrip(b"\0").decode("latin-1")
        if text:
            return Reading(row.path, row.quantity, text, row.unit, row.obis, _GOOD, time, text)
        return Reading(row.path, row.quantity, None, row.unit, row.obis, _MISSING, time, None)
    return None
