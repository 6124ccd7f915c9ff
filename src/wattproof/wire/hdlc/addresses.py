"""HDLC addresses of one, two and four bytes (IEC 62056-46, 6.4.2.2; abb-meters.md 2.1).

Seven bits a byte; the lowest bit is 0 except in the last byte. Upper: the logical device; lower: the physical one.

>>> Address.server(17).octets.hex(), Address.client(16).octets.hex(), Address.server(0x1234).octets.hex()
('0223', '21', '00024869')
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from wattproof.errors import FrameError, InvalidValue

#: Clients: the management process and the public client.
MANAGEMENT, PUBLIC = 1, 16
#: Upper address of a server: the management logical device. Lower: the first usable, and the last.
LOGICAL_DEVICE = 1
FIRST, LAST = 16, 125
CALLING, ALL_STATIONS = 126, 127
#: All stations and first free value of the four-byte form.
ALL_STATIONS_LONG = 0x3FFF

_SIZES = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Address:
    """One address. With ``size`` 1 there is only ``lower``, and ``upper`` is ``None``. ``octets`` are its bytes."""

    upper: int | None
    lower: int
    size: int
    octets: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.size not in _SIZES:
            raise InvalidValue(f"an HDLC address has 1, 2 or 4 bytes, not {self.size}")
        if (self.upper is None) != (self.size == 1):
            raise InvalidValue(
                f"an HDLC address of {self.size} bytes {'has no' if self.size == 1 else 'needs an'} upper part"
            )
        limit = 0x3FFF if self.size == 4 else 0x7F
        for part in (self.upper or 0, self.lower):
            if not 0 <= part <= limit:
                raise InvalidValue(f"HDLC address {part} is outside 0 to {limit}")
        object.__setattr__(self, "octets", _encode(self.upper, self.lower, self.size))

    @classmethod
    def client(cls, address: int) -> Address:
        """The address of a client: always one byte, 0 to 127. Raises ``InvalidValue``."""
        return cls(None, address, 1)

    @classmethod
    def server(cls, lower: int, upper: int = LOGICAL_DEVICE, size: int | None = None) -> Address:
        """The address of a logical device in a physical one; by default two bytes, above 125 four: in two
        bytes 126 and 127 are nobody's own.

        ``size`` 1 leaves ``upper`` out. Raises ``InvalidValue``.
        """
        if size is None:
            size = 2 if lower <= LAST and upper <= 0x7F else 4
        return cls(None if size == 1 else upper, lower, size)

    @property
    def all_stations(self) -> bool:
        """Whether every physical device is meant."""
        return self.lower == (ALL_STATIONS_LONG if self.size == 4 else ALL_STATIONS)

    def __str__(self) -> str:
        return str(self.lower) if self.upper is None else f"{self.upper}/{self.lower}"


def _encode(upper: int | None, lower: int, size: int) -> bytes:
    seven = [lower & 0x7F] if size < 4 else [lower >> 7, lower & 0x7F]
    if upper is not None:
        seven = [upper, *seven] if size == 2 else [upper >> 7, upper & 0x7F, *seven]
    return bytes(part << 1 for part in seven[:-1]) + bytes((seven[-1] << 1 | 1,))


@lru_cache(maxsize=4096)
def decode(octets: bytes) -> Address:
    """The address of exactly these bytes. Raises ``FrameError`` where they are none."""
    size = len(octets)
    if size not in _SIZES or length(octets, 0) != size:
        raise FrameError(f"{octets.hex()} is no HDLC address of 1, 2 or 4 bytes")
    seven = [octet >> 1 for octet in octets]
    if size == 1:
        return Address(None, seven[0], 1)
    half = size // 2
    upper, lower = seven[:half], seven[half:]
    return Address(_join(upper), _join(lower), size)


def length(data: bytes, at: int) -> int:
    """Bytes of the address that begins ``at``: 1, 2 or 4; 0 if ``data`` ends before it; -1 if there is none."""
    known = len(data) - at
    if known < 1:
        return 0
    if data[at] & 1:
        return 1
    if known < 2:
        return 0
    if data[at + 1] & 1:
        return 2
    if known > 2 and data[at + 2] & 1:
        return -1
    return 0 if known < 4 else 4 if data[at + 3] & 1 else -1


def _join(seven: list[int]) -> int:
    value = 0
    for part in seven:
        value = value << 7 | part
    return value
