"""Data types: how values lie in the data bytes, decode and encode side by side (EN 13757-3, annex A).

Bytes come least significant first. Decoding never raises on content: what is no value of its type is :class:`Invalid`
and says why. ``encode`` raises ``InvalidValue`` for what does not fit.

=====  ==========================================  =====  ===================================
type   class                                       type   class
=====  ==========================================  =====  ===================================
A      :class:`Bcd`                                G      :class:`DateG`
B      :class:`Integer`, signed                    H      :class:`Real`
C, D   :class:`Integer`, unsigned                  I      :class:`DateTimeI`
F      :class:`DateTimeF`                          J      :class:`TimeJ`
E K L  :class:`Raw`                                LVAR   :class:`Variable`
=====  ==========================================  =====  ===================================
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from wattproof.errors import InvalidValue
from wattproof.wire.mbus.moments import EVERY_YEAR, Moment, year_of

_REAL = struct.Struct("<f")
#: The number of every byte of binary coded decimal, -1 for a byte that is none.
_DECIMAL = tuple(int(f"{byte:02x}") if f"{byte:02x}".isdecimal() else -1 for byte in range(256))
#: LVAR F0..F6: bytes of a binary value (EN 13757-3, table of LVAR; the vector ``example_binary16_lvar`` has F0).
_LONG_BINARY = {0xF0: 16, 0xF1: 20, 0xF2: 24, 0xF3: 28, 0xF4: 32, 0xF5: 48, 0xF6: 64}
_LONG_CODES = {size: code for code, size in _LONG_BINARY.items()}


@dataclass(frozen=True, slots=True)
class Invalid:
    """In place of a value: the bytes are none of their type, and why."""

    reason: str

    def __str__(self) -> str:
        return self.reason


#: What data bytes hold, before scale and meaning. ``None``: there are no data.
Content = int | float | str | bytes | Moment | Invalid | None


@dataclass(frozen=True, slots=True)
class DataType:
    """A type of ``size`` bytes; -1 if the first data byte tells."""

    name: str
    size: int

    def decode(self, data: bytes) -> Content:
        """The value in exactly these bytes, or :class:`Invalid`."""
        raise NotImplementedError

    def encode(self, value: Content) -> bytes:
        """The bytes of a value. Raises ``InvalidValue`` if it does not fit."""
        raise NotImplementedError

    def _refuse(self, value: object, allowed: str) -> InvalidValue:
        return InvalidValue(f"{value!r} is no value of type {self.name}; allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Nothing(DataType):
    """No data: an action, a selection, a request."""

    def decode(self, data: bytes) -> None:
        return None

    def encode(self, value: Content) -> bytes:
        if value is not None:
            raise self._refuse(value, "None, the record has no data")
        return b""


@dataclass(frozen=True, slots=True)
class Integer(DataType):
    """Types B, C and D. The most negative value of a signed one says "invalid"."""

    signed: bool = True

    def decode(self, data: bytes) -> int | Invalid:
        value = int.from_bytes(data, "little", signed=self.signed)
        if value < 0 and value == -1 << 8 * self.size - 1:
            return Invalid("the meter says that the value is invalid")
        return value

    def encode(self, value: Content) -> bytes:
        low, high = (1 - (1 << 8 * self.size - 1), 1 << 8 * self.size - 1) if self.signed else (0, 1 << 8 * self.size)
        if not isinstance(value, int) or not low <= value < high:
            raise self._refuse(value, f"{low} to {high - 1}")
        return value.to_bytes(self.size, "little", signed=self.signed)


@dataclass(frozen=True, slots=True)
class Bcd(DataType):
    """Type A: two digits a byte. ``F`` as the top digit is a minus sign, other letters say "invalid"."""

    def decode(self, data: bytes) -> int | Invalid:
        digits = data[::-1].hex()
        try:
            return int(digits)
        except ValueError:
            if digits[0] == "f" and digits[1:].isdecimal():
                return -int(digits[1:])
        return Invalid(f"{digits.upper()} is not binary coded decimal")

    def encode(self, value: Content) -> bytes:
        digits = 2 * self.size
        low, high = -(10 ** (digits - 1)), 10**digits
        if not isinstance(value, int) or not low < value < high:
            raise self._refuse(value, f"{low + 1} to {high - 1}")
        text = f"{value:0{digits}d}" if value >= 0 else f"F{-value:0{digits - 1}d}"
        return bytes.fromhex(text)[::-1]


@dataclass(frozen=True, slots=True)
class Real(DataType):
    """Type H: IEEE 754, 32 bits. What is no finite number says "invalid"."""

    def decode(self, data: bytes) -> float | Invalid:
        value: float = _REAL.unpack(data)[0]
        return value if math.isfinite(value) else Invalid(f"the meter sends {value} for a number")

    def encode(self, value: Content) -> bytes:
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise self._refuse(value, "finite numbers")
        try:
            return _REAL.pack(value)
        except (OverflowError, struct.error):
            raise self._refuse(value, "what 32 bits can hold") from None


def shortest(value: float) -> tuple[int, int]:
    """Mantissa and decimal exponent of the shortest decimal number whose 32 bit real is ``value``."""
    pattern = _REAL.pack(value)
    text = next(text for digits in range(5, 9) if _REAL.pack(float(text := f"{value:.{digits}e}")) == pattern)
    number, _, exponent = text.partition("e")
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return int(whole + fraction), int(exponent) - len(fraction)


@dataclass(frozen=True, slots=True)
class DateTimeF(DataType):
    """Type F: 32 bits, minute to year, invalid in bit 7, summer time in bit 15, hundred years in bits 13 and 14."""

    def decode(self, data: bytes) -> Moment | Invalid:
        first, second, third, fourth = data
        if first & 0x80:
            return Invalid("the meter says that its date and time are invalid")
        year = year_of(third >> 5 | (fourth & 0xF0) >> 1, second >> 5 & 3)
        return Moment(year, fourth & 15, third & 31, second & 31, first & 63, None, bool(second & 0x80))

    def encode(self, value: Content) -> bytes:
        year, month, day, hour, minute, _ = _fields(self, value, 4, 1981, 2299)
        hundreds, digits = _century(year)
        summer = 0x80 * value.summer_time if isinstance(value, Moment) else 0
        return bytes((minute, hour | hundreds << 5 | summer, day | (digits & 7) << 5, month | (digits & 0x78) << 1))


@dataclass(frozen=True, slots=True)
class DateG(DataType):
    """Type G: 16 bits, day to year; all bits set says "invalid"."""

    def decode(self, data: bytes) -> Moment | Invalid:
        first, second = data
        if first == second == 0xFF:
            return Invalid("the meter says that its date is invalid")
        return Moment(year_of(first >> 5 | (second & 0xF0) >> 1), second & 15, first & 31)

    def encode(self, value: Content) -> bytes:
        year, month, day, *_ = _fields(self, value, 3, 1981, 2127)
        hundreds, digits = _century(year)
        if hundreds and year != 2000 + EVERY_YEAR:
            raise self._refuse(str(value), "years 1981 to 2080")
        return bytes((day | (digits & 7) << 5, month | (digits & 0x78) << 1))


@dataclass(frozen=True, slots=True)
class DateTimeI(DataType):
    """Type I: 48 bits, second to year, summer time in bit 6, invalid in bit 15; day and week of year are not given."""

    def decode(self, data: bytes) -> Moment | Invalid:
        if data[1] & 0x80:
            return Invalid("the meter says that its date and time are invalid")
        year = 2000 + (data[3] >> 5 | (data[4] & 0xF0) >> 1)
        return Moment(
            *(year, data[4] & 15, data[3] & 31, data[2] & 31, data[1] & 63, data[0] & 63), bool(data[0] & 0x40)
        )

    def encode(self, value: Content) -> bytes:
        year, month, day, hour, minute, second = _fields(self, value, 6, 2000, 2127)
        digits = year - 2000
        leap = 0x80 * (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
        summer = 0x40 * value.summer_time if isinstance(value, Moment) else 0
        return bytes((second | summer | leap, minute, hour, day | (digits & 7) << 5, month | (digits & 0x78) << 1, 0))


@dataclass(frozen=True, slots=True)
class TimeJ(DataType):
    """Type J: 24 bits, second, minute, hour; all bits set says "invalid"."""

    def decode(self, data: bytes) -> Moment | Invalid:
        if data == b"\xff\xff\xff":
            return Invalid("the meter says that its time is invalid")
        return Moment(hour=data[2] & 31, minute=data[1] & 63, second=data[0] & 63)

    def encode(self, value: Content) -> bytes:
        if not isinstance(value, Moment) or value.year is not None or value.hour is None or value.minute is None:
            raise self._refuse(value, "a time of day")
        return bytes((value.second or 0, value.minute & 63, value.hour & 31))


@dataclass(frozen=True, slots=True)
class BcdDateTime(DataType):
    """Date and time of ABB: six bytes BCD second, minute, hour, day, month, year since 2000 (abb-meters.md 1.9)."""

    def decode(self, data: bytes) -> Moment | Invalid:
        second, minute, hour, day, month, year = (_DECIMAL[byte] for byte in data)
        if min(second, minute, hour, day, month, year) < 0:
            return Invalid(f"{data[::-1].hex().upper()} is no date and time in binary coded decimal")
        return Moment(2000 + year, month, day, hour, minute, second)

    def encode(self, value: Content) -> bytes:
        year, *rest = _fields(self, value, 6, 2000, 2099)
        return bytes.fromhex("".join(f"{part:02d}" for part in (year - 2000, *rest)))[::-1]


@dataclass(frozen=True, slots=True)
class BcdDuration(DataType):
    """A duration of ABB in seconds: BCD second, minute, hour and three bytes days (abb-meters.md 1.11, code 6C)."""

    def decode(self, data: bytes) -> int | Invalid:
        digits = data[::-1].hex()
        if not digits.isdecimal():
            return Invalid(f"{digits.upper()} is no duration in binary coded decimal")
        days, hours, minutes, seconds = int(digits[:6]), int(digits[6:8]), int(digits[8:10]), int(digits[10:])
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    def encode(self, value: Content) -> bytes:
        if not isinstance(value, int) or not 0 <= value < 86_400 * 10**6:
            raise self._refuse(value, "0 to 999999 days in seconds")
        minutes, seconds = divmod(value, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        return bytes.fromhex(f"{days:06d}{hours:02d}{minutes:02d}{seconds:02d}")[::-1]


@dataclass(frozen=True, slots=True)
class Raw(DataType):
    """Bytes that nobody interprets here, in the order of the wire: types E, K, L, M and what a VIF does not fit."""

    def decode(self, data: bytes) -> bytes:
        return data

    def encode(self, value: Content) -> bytes:
        if not isinstance(value, bytes) or len(value) != self.size:
            raise self._refuse(value, f"{self.size} bytes")
        return value


@dataclass(frozen=True, slots=True)
class Variable(DataType):
    """LVAR: text (last character first), decimal number, or binary (as bytes, most significant first)."""

    def decode(self, data: bytes) -> str | int | bytes | Invalid:
        code, body = data[0], data[:0:-1]
        if code < 0xC0:
            return body.decode("latin-1")
        if code < 0xE0:
            digits = body.hex()
            if digits and not digits.isdecimal():
                return Invalid(f"{digits.upper()} is not binary coded decimal")
            return int(digits or "0") * (-1 if code >= 0xD0 else 1)
        return body

    def encode(self, value: Content) -> bytes:
        if isinstance(value, str):
            try:
                body = value.encode("latin-1")[::-1]
            except UnicodeEncodeError:
                raise self._refuse(value, "characters of ISO 8859-1") from None
            code, limit = len(body), 0xBF
        elif isinstance(value, int):
            digits = f"{abs(value):d}"
            body = bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))[::-1]
            code, limit = (0xD0 if value < 0 else 0xC0) + len(body), 0xDF if value < 0 else 0xCF
        elif isinstance(value, bytes):
            body = value[::-1]
            code, limit = _LONG_CODES.get(len(body), 0xE0 + len(body)), 0xF6 if len(body) in _LONG_CODES else 0xEF
        else:
            raise self._refuse(value, "text, a whole number, bytes")
        if code > limit:
            raise self._refuse(value, "191 characters, 30 digits, 15, 16, 20, 24, 28, 32, 48 or 64 bytes")
        return bytes((code,)) + body


def variable_size(code: int) -> int | None:
    """Bytes behind the LVAR byte; ``None`` for a reserved code."""
    if code < 0xC0:
        return code
    return code & 0x0F if code < 0xF0 else _LONG_BINARY.get(code)


def _fields(kind: DataType, value: Content, needed: int, first: int, last: int) -> tuple[int, int, int, int, int, int]:
    """Year to second of a moment, of which the first ``needed`` + 1 must be there. Raises ``InvalidValue``."""
    if not isinstance(value, Moment):
        raise InvalidValue(f"{value!r} is no value of type {kind.name}; allowed: moments")
    fields = (value.year, value.month, value.day, value.hour, value.minute, value.second)
    limits = ((first, last), (0, 15), (0, 31), (0, 31), (0, 63), (0, 63))
    if None in fields[:needed] or any(
        field is not None and not low <= field <= high for field, (low, high) in zip(fields, limits, strict=True)
    ):
        raise InvalidValue(f"{value} is no value of type {kind.name}; allowed: years {first} to {last}")
    year, month, day, hour, minute, second = (field or 0 for field in fields)
    return year, month, day, hour, minute, second


def _century(year: int) -> tuple[int, int]:
    """Hundred-year bits and seven bits of a year of types F and G."""
    if year == 2000 + EVERY_YEAR:
        return 0, EVERY_YEAR
    if 1981 <= year <= 2080:
        return 0, year % 100
    return (year - 1900) // 100, year % 100


NOTHING = Nothing("none", 0)
VARIABLE = Variable("LVAR", -1)
REAL = Real("H", 4)
DATE_TIME_F, DATE_G, DATE_TIME_I, TIME_J = DateTimeF("F", 4), DateG("G", 2), DateTimeI("I", 6), TimeJ("J", 3)
BCD_DATE_TIME, BCD_DURATION = BcdDateTime("ABB date and time", 6), BcdDuration("ABB duration", 6)
SIGNED = {size: Integer("B", size) for size in (1, 2, 3, 4, 6, 8)}
UNSIGNED = {size: Integer("C", size, signed=False) for size in (1, 2, 3, 4, 6, 8)}
BCD = {size: Bcd("A", size) for size in (1, 2, 3, 4, 6)}
RAW = {size: Raw("bytes", size) for size in (1, 2, 3, 4, 6, 8)}
