"""Secondary addresses: who a meter is, wild cards, selection (EN 13757-3, clause 12; manufacturers: EN 62056-21 flags).

Eight bytes: identification number (4, BCD), manufacturer (2), version, medium. In a mask an ``F`` digit, manufacturer
``FFFF``, version ``FF`` and medium ``FF`` match anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from wattproof.errors import FrameError, InvalidValue

ANY_MANUFACTURER, ANY = 0xFFFF, 0xFF
#: Head of the record that an extended selection appends: 8 digit BCD, fabrication number.
FABRICATION = b"\x0c\x78"

_NUMBER = re.compile(r"[0-9A-F]{8}\Z")
_SIXTEEN = re.compile(r"[0-9A-F]{16}\Z")


def manufacturer_code(letters: str) -> int:
    """The 15 bit code of three letters: each letter minus 64 in five bits, the first in the top ones.

    >>> hex(manufacturer_code("ABB"))
    '0x442'

    Raises ``InvalidValue`` unless the letters are three of ``@A..Z[\\]^_``.
    """
    if len(letters) != 3 or not all("@" <= letter <= "_" for letter in letters):
        raise InvalidValue(f"{letters!r} is no manufacturer; it has three letters A to Z")
    first, second, third = (ord(letter) - 64 for letter in letters)
    return first << 10 | second << 5 | third


def manufacturer_letters(code: int) -> str:
    """The three letters of a code; its top bit does not count.

    >>> manufacturer_letters(0x0442)
    'ABB'
    """
    return chr((code >> 10 & 31) + 64) + chr((code >> 5 & 31) + 64) + chr((code & 31) + 64)


def decode_digits(data: bytes) -> str:
    """Hexadecimal digits of bytes that come least significant first: an identification number as it is printed."""
    return data[::-1].hex().upper()


def encode_digits(digits: str) -> bytes:
    """The reverse of :func:`decode_digits`."""
    return bytes.fromhex(digits)[::-1]


def _same_digits(mask: str, digits: str) -> bool:
    return all(wanted in ("F", digit) for wanted, digit in zip(mask, digits, strict=True))


@dataclass(frozen=True, slots=True)
class SecondaryAddress:
    """Who a meter is, or a mask for it.

    ``number``: eight digits; real meters also use A..F. ``manufacturer``: the 16 bit code. ``version`` and ``medium``
    0..255.
    """

    number: str = "FFFFFFFF"
    manufacturer: int = ANY_MANUFACTURER
    version: int = ANY
    medium: int = ANY

    def __post_init__(self) -> None:
        if not _NUMBER.match(self.number):
            raise InvalidValue(f"identification number {self.number!r} has not eight digits 0-9, A-F")
        if not (0 <= self.manufacturer <= 0xFFFF and 0 <= self.version <= 0xFF and 0 <= self.medium <= 0xFF):
            raise InvalidValue(
                f"manufacturer {self.manufacturer}, version {self.version} or medium {self.medium} is outside its bytes"
            )

    @classmethod
    def parse(cls, text: str) -> SecondaryAddress:
        """Eight digits, the rest any; or sixteen as other tools write them: number, then 4 bytes as sent.

        >>> SecondaryAddress.parse("00217819") == SecondaryAddress("00217819")
        True
        >>> SecondaryAddress.parse("0021781942042002").letters
        'ABB'

        Raises ``InvalidValue``.
        """
        text = text.upper()
        if _NUMBER.match(text):
            return cls(text)
        if not _SIXTEEN.match(text):
            raise InvalidValue(f"{text!r} is no secondary address; write 8 or 16 hexadecimal digits")
        return cls.decode(encode_digits(text[:8]) + bytes.fromhex(text[8:]))

    @classmethod
    def decode(cls, data: bytes, msb: bool = False) -> SecondaryAddress:
        """Eight bytes; ``msb``: number and manufacturer come most significant byte first. Raises ``FrameError``."""
        if len(data) != 8:
            raise FrameError(f"a secondary address has 8 bytes, not {len(data)}")
        return _remembered(data, msb)

    def encode(self, msb: bool = False) -> bytes:
        """The eight bytes."""
        number, manufacturer = bytes.fromhex(self.number), self.manufacturer.to_bytes(2, "big")
        if not msb:
            number, manufacturer = number[::-1], manufacturer[::-1]
        return number + manufacturer + bytes((self.version, self.medium))

    @property
    def letters(self) -> str:
        """The manufacturer's three letters, "any" for the wild card."""
        return "any" if self.manufacturer == ANY_MANUFACTURER else manufacturer_letters(self.manufacturer)

    @property
    def exact(self) -> bool:
        """Whether no wild card is in it."""
        known = self.manufacturer != ANY_MANUFACTURER and ANY not in (self.version, self.medium)
        return known and "F" not in self.number

    def matches(self, meter: SecondaryAddress) -> bool:
        """Whether this mask selects ``meter``."""
        return (
            self.manufacturer in (ANY_MANUFACTURER, meter.manufacturer)
            and self.version in (ANY, meter.version)
            and self.medium in (ANY, meter.medium)
            and _same_digits(self.number, meter.number)
        )

    def __str__(self) -> str:
        return self.encode()[3::-1].hex().upper() + self.encode()[4:].hex().upper()


@lru_cache(maxsize=1024)
def _remembered(data: bytes, msb: bool) -> SecondaryAddress:
    """The address in eight bytes; the meters of a bus send theirs again and again."""
    number, manufacturer = data[:4], data[4:6]
    if not msb:
        number, manufacturer = number[::-1], manufacturer[::-1]
    return SecondaryAddress(number.hex().upper(), int.from_bytes(manufacturer, "big"), data[6], data[7])


@dataclass(frozen=True, slots=True)
class Selection:
    """What a frame with CI 52 or 56 says: a mask, and a mask of the fabrication number if the selection is extended."""

    mask: SecondaryAddress
    fabrication: str | None = None

    def matches(self, meter: SecondaryAddress, fabrication: str | None = None) -> bool:
        """Whether a meter with this address and fabrication number (eight digits) is selected."""
        if not self.mask.matches(meter):
            return False
        return self.fabrication is None or (fabrication is not None and _same_digits(self.fabrication, fabrication))

    def encode(self, msb: bool = False) -> bytes:
        """The data behind CI 52, or 56 with ``msb``. Raises ``InvalidValue`` for a fabrication number of other form."""
        if self.fabrication is None:
            return self.mask.encode(msb)
        if not _NUMBER.match(self.fabrication):
            raise InvalidValue(f"fabrication number {self.fabrication!r} has not eight digits 0-9, F for any")
        digits = bytes.fromhex(self.fabrication)
        return self.mask.encode(msb) + FABRICATION + (digits if msb else digits[::-1])

    @classmethod
    def decode(cls, data: bytes, msb: bool = False) -> Selection:
        """Raises ``FrameError`` for another length, or another record than the fabrication number."""
        mask, rest = SecondaryAddress.decode(data[:8], msb), data[8:]
        if not rest:
            return cls(mask)
        if len(rest) != 6 or not rest.startswith(FABRICATION):
            raise FrameError(f"{rest.hex(' ')} behind the secondary address is no fabrication number (0C 78, 4 bytes)")
        digits = rest[2:]
        return cls(mask, (digits if msb else digits[::-1]).hex().upper())
