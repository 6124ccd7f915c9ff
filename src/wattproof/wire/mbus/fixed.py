"""The fixed data structure of older meters, CI 73 and 77: two counters (EN 1434-3; abb-meters.md 1.7)."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import FrameError, InvalidValue
from wattproof.model import units as u
from wattproof.model.values import Scaled
from wattproof.wire.mbus import units as m
from wattproof.wire.mbus.addresses import decode_digits, encode_digits
from wattproof.wire.mbus.media import FIXED_MEDIA
from wattproof.wire.mbus.values import Bcd, Integer, Invalid

SIZE = 16
#: Status bits: counters are binary; counters were stored at a fixed date.
BINARY, STORED = 0x01, 0x02
#: Unit codes without power of ten: hours minutes seconds, day month year, the first counter's unit but an older value.
TIME_OF_DAY, CALENDAR_DATE, SAME_BUT_HISTORIC, UNITLESS = 0x00, 0x01, 0x3E, 0x3F


def _decades(first: int, unit: u.Unit, exponent: int, count: int) -> dict[int, tuple[u.Unit, int]]:
    return {first + step: (unit, exponent + step) for step in range(count)}


#: Unit and power of ten by the six unit bits; codes without a row are reserved.
UNITS: dict[int, tuple[u.Unit, int]] = {
    TIME_OF_DAY: (u.NONE, 0),
    CALENDAR_DATE: (u.NONE, 0),
    **_decades(0x02, u.WATT_HOUR, 0, 9),
    **_decades(0x0B, u.JOULE, 3, 9),
    **_decades(0x14, u.WATT, 0, 9),
    **_decades(0x1D, u.JOULE_PER_HOUR, 3, 9),
    **_decades(0x26, u.LITRE, -3, 6),
    **_decades(0x2C, u.CUBIC_METRE, 0, 3),
    **_decades(0x2F, m.LITRE_PER_HOUR, -3, 6),
    **_decades(0x35, u.CUBIC_METRE_PER_HOUR, 0, 3),
    0x38: (u.CELSIUS, -3),
    0x39: (m.ALLOCATOR_UNIT, 0),
    UNITLESS: (u.NONE, 0),
}
_DECIMAL, _BINARY = Bcd("A", 4), Integer("C", 4, signed=False)


@dataclass(frozen=True, slots=True)
class FixedData:
    """Two counters of four bytes. ``number``: eight digits; ``counters``: as sent, ``None`` if no value.

    ``units``: the six bits of each; ``medium``: four bits.
    """

    number: str
    access: int
    status: int
    medium: int
    units: tuple[int, int]
    data: tuple[bytes, bytes]
    msb: bool = False

    @classmethod
    def decode(cls, data: bytes, msb: bool = False) -> FixedData:
        """Raises ``FrameError`` for another length than 16 bytes."""
        if len(data) != SIZE:
            raise FrameError(f"fixed data have {SIZE} bytes, not {len(data)}")
        number, counters = data[:4], (data[8:12], data[12:])
        if msb:
            number, counters = number[::-1], (counters[0][::-1], counters[1][::-1])
        medium = data[6] >> 6 | (data[7] >> 6) << 2
        units = (data[6] & 0x3F, data[7] & 0x3F)
        return cls(decode_digits(number), data[4], data[5], medium, units, counters, msb)

    @classmethod
    def build(
        cls, number: str, access: int, status: int, medium: int, units: tuple[int, int], counters: tuple[int, int]
    ) -> FixedData:
        """From numbers as sent; BCD or binary as status bit 0 says. Raises ``InvalidValue`` for what does not fit."""
        kind = _BINARY if status & BINARY else _DECIMAL
        if len(number) != 8 or not 0 <= medium <= 15 or not all(0 <= unit <= 0x3F for unit in units):
            raise InvalidValue(f"no fixed data have number {number!r}, medium {medium}, units {units}")
        return cls(number, access, status, medium, units, (kind.encode(counters[0]), kind.encode(counters[1])))

    def encode(self) -> bytes:
        """The 16 bytes."""
        number, counters = encode_digits(self.number), b"".join(self.data)
        if self.msb:
            number, counters = number[::-1], self.data[0][::-1] + self.data[1][::-1]
        low = self.units[0] | (self.medium & 3) << 6
        high = self.units[1] | (self.medium >> 2) << 6
        return number + bytes((self.access, self.status, low, high)) + counters

    @property
    def medium_name(self) -> str:
        """The medium in words."""
        return FIXED_MEDIA[self.medium]

    @property
    def historic(self) -> bool:
        """Whether the second counter is an older value of the first."""
        return self.units[1] == SAME_BUT_HISTORIC

    @property
    def counters(self) -> tuple[tuple[Scaled | None, u.Unit], tuple[Scaled | None, u.Unit]]:
        """Value and unit of both counters; no value where the bytes are none or the unit is reserved."""
        first = self._counter(0, self.units[0])
        return first, self._counter(1, self.units[0] if self.historic else self.units[1])

    def _counter(self, index: int, code: int) -> tuple[Scaled | None, u.Unit]:
        number = (_BINARY if self.status & BINARY else _DECIMAL).decode(self.data[index])
        unit, exponent = UNITS.get(code, (u.NONE, None))
        if exponent is None or isinstance(number, Invalid):
            return None, unit
        return Scaled(number, exponent), unit
