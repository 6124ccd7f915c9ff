"""How values lie in registers: one type both decodes and encodes.

Registers and bytes are big endian; :meth:`WireType.swapped` gives the other order of registers. Ranges and unavailable
values: SunSpec information model specification, and the manual of the BSM-WS36A, chapter on data types.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from wattproof.errors import InvalidValue
from wattproof.model.codec import bcd as packed

#: What a register value is before scale and meaning; ``None`` stands for "unavailable".
Raw = int | str | bytes | float


@dataclass(frozen=True, slots=True)
class WireType:
    """A type of ``registers`` registers. ``swap``: the register with the lowest bits comes first."""

    name: str
    registers: int
    swap: bool = False

    def decode(self, data: bytes) -> Raw | None:
        """The value in exactly ``registers`` * 2 bytes; ``None`` if it says "unavailable".

        Raises ``InvalidValue`` for another length, or bytes that no value of this type has.
        """
        raise NotImplementedError

    def encode(self, value: Raw | None) -> bytes:
        """The bytes of ``value``; of "unavailable" for ``None``. Raises ``InvalidValue`` if it does not fit."""
        raise NotImplementedError

    def decimal(self, value: Raw) -> Decimal | None:
        """An exact number for a numeric raw value; ``None`` if this value is no number (infinite, or not numeric)."""
        return Decimal(value) if isinstance(value, int) else None

    def swapped(self) -> Self:
        """The same type with the other register order."""
        return replace(self, name=f"{self.name}-swapped", swap=not self.swap)

    def _ordered(self, data: bytes) -> bytes:
        if len(data) != self.registers * 2:
            raise InvalidValue(f"{self.name} has {self.registers * 2} bytes, not {len(data)}")
        return _reverse_registers(data) if self.swap else data

    def _refuse(self, value: object, allowed: str) -> InvalidValue:
        return InvalidValue(f"{value!r} is no {self.name} value; allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Integer(WireType):
    """A whole number ``low``..``high``. ``unavailable`` is the pattern for "no value", ``None`` if there is none."""

    signed: bool = False
    low: int = 0
    high: int = 0
    unavailable: int | None = None

    def decode(self, data: bytes) -> int | None:
        if len(data) != self.registers * 2:
            raise InvalidValue(f"{self.name} has {self.registers * 2} bytes, not {len(data)}")
        if self.swap:
            data = _reverse_registers(data)
        value = int.from_bytes(data, "big", signed=self.signed)
        return None if value == self.unavailable else value

    def encode(self, value: Raw | None) -> bytes:
        number = self.unavailable if value is None else value
        if not isinstance(number, int) or (value is not None and not self.low <= number <= self.high):
            raise self._refuse(value, f"{self.low} to {self.high}")
        data = number.to_bytes(self.registers * 2, "big", signed=self.signed)
        return _reverse_registers(data) if self.swap else data


@dataclass(frozen=True, slots=True)
class Bits(Integer):
    """Flags. The highest bit says "unavailable", whatever the others are (SunSpec; BD-05)."""

    def decode(self, data: bytes) -> int | None:
        value = int.from_bytes(self._ordered(data), "big")
        return None if value > self.high else value


@dataclass(frozen=True, slots=True)
class Float(WireType):
    """IEEE 754; not-a-number says "unavailable"."""

    def decode(self, data: bytes) -> float | None:
        (value,) = struct.unpack(_FLOAT[self.registers], self._ordered(data))
        return None if math.isnan(value) else float(value)

    def encode(self, value: Raw | None) -> bytes:
        number = math.nan if value is None else value
        if not isinstance(number, int | float):
            raise self._refuse(value, "numbers")
        try:
            return self._ordered(struct.pack(_FLOAT[self.registers], number))
        except (OverflowError, struct.error):
            raise self._refuse(value, f"what {self.registers * 16} bits can hold") from None

    def decimal(self, value: Raw) -> Decimal | None:
        """The shortest decimal number that encodes to the same bytes; ``None`` for an infinity."""
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if self.registers != 2:
            return Decimal(repr(float(value)))
        pattern = struct.pack(">f", value)
        texts = (format(value, f".{digits}g") for digits in range(6, 10))
        return Decimal(next(text for text in texts if struct.pack(">f", float(text)) == pattern))


_FLOAT = {2: ">f", 4: ">d"}


@dataclass(frozen=True, slots=True)
class Text(WireType):
    """Characters, two a register, first one in the high byte, NUL filled; no NUL if full. All NUL: unavailable.

    Bytes stay what they are: each is one character of Latin-1, so that encoding gives the same bytes again.
    """

    def decode(self, data: bytes) -> str | None:
        return self.text(data) or None

    def text(self, data: bytes) -> str:
        """The text, "" if all NUL."""
        return self._ordered(data).rstrip(b"\0").decode("latin-1")

    def encode(self, value: Raw | None) -> bytes:
        try:
            data = value.encode("latin-1") if isinstance(value, str) else b"" if value is None else value
        except UnicodeEncodeError:
            raise self._refuse(value, "characters of one byte") from None
        if not isinstance(data, bytes) or len(data) > self.registers * 2:
            raise self._refuse(value, f"text of at most {self.registers * 2} bytes")
        return self._ordered(data.ljust(self.registers * 2, b"\0"))


@dataclass(frozen=True, slots=True)
class Blob(WireType):
    """Bytes in registers, zero filled; how many are used stands in another point, so none is "unavailable" here."""

    def decode(self, data: bytes) -> bytes:
        return self._ordered(data)

    def encode(self, value: Raw | None) -> bytes:
        data = b"" if value is None else value
        if not isinstance(data, bytes) or len(data) > self.registers * 2:
            raise self._refuse(value, f"at most {self.registers * 2} bytes")
        return self._ordered(data.ljust(self.registers * 2, b"\0"))


@dataclass(frozen=True, slots=True)
class Bcd(WireType):
    """Binary coded decimal, four digits a register; all bits set says "unavailable"."""

    def decode(self, data: bytes) -> int | None:
        data = self._ordered(data)
        return None if data == b"\xff" * len(data) else packed.decode(data)

    def encode(self, value: Raw | None) -> bytes:
        if value is None:
            return b"\xff" * (self.registers * 2)
        if not isinstance(value, int):
            raise self._refuse(value, "whole numbers")
        return self._ordered(packed.encode(value, self.registers * 2))


def _reverse_registers(data: bytes) -> bytes:
    return b"".join(data[at : at + 2] for at in range(len(data) - 2, -2, -2))


def _unsigned(name: str, registers: int) -> Integer:
    top = (1 << 16 * registers) - 1
    return Integer(name, registers, low=0, high=top - 1, unavailable=top)


def _signed(name: str, registers: int) -> Integer:
    limit = 1 << (16 * registers - 1)
    return Integer(name, registers, signed=True, low=1 - limit, high=limit - 1, unavailable=-limit)


def _accumulator(name: str, registers: int) -> Integer:
    """Counters have no unavailable value: SunSpec says 0, but a reset counter really is 0 (BD-16)."""
    return Integer(name, registers, low=0, high=(1 << 16 * registers) - 1)


def _bits(name: str, registers: int, unavailable: int) -> Bits:
    return Bits(name, registers, low=0, high=(1 << (16 * registers - 1)) - 1, unavailable=unavailable)


INT16 = _signed("int16", 1)
INT32 = _signed("int32", 2)
INT48 = _signed("int48", 3)
INT64 = _signed("int64", 4)
UINT16 = _unsigned("uint16", 1)
UINT32 = _unsigned("uint32", 2)
UINT48 = _unsigned("uint48", 3)
UINT64 = _unsigned("uint64", 4)
ENUM16 = _unsigned("enum16", 1)
ENUM32 = _unsigned("enum32", 2)
ACC16 = _accumulator("acc16", 1)
ACC32 = _accumulator("acc32", 2)
ACC64 = _accumulator("acc64", 4)
BITFIELD16 = _bits("bitfield16", 1, 0xFFFF)
BITFIELD32 = _bits("bitfield32", 2, 0x8000_0000)
SUNSSF = Integer("sunssf", 1, signed=True, low=-10, high=10, unavailable=-0x8000)
PAD = Integer("pad", 1, low=0x8000, high=0x8000, unavailable=0x8000)
FLOAT32 = Float("float32", 2)
FLOAT64 = Float("float64", 4)

#: Types of fixed size by name; ``string``, ``blob`` and ``bcd`` take their size.
TYPES: dict[str, WireType] = {
    kind.name: kind
    for kind in (
        *(INT16, INT32, INT48, INT64, UINT16, UINT32, UINT48, UINT64, ENUM16, ENUM32, ACC16, ACC32, ACC64),
        *(BITFIELD16, BITFIELD32, SUNSSF, PAD, FLOAT32, FLOAT64),
    )
}


def string(registers: int) -> Text:
    """A text of up to 2 * ``registers`` bytes."""
    return Text("string", registers)


def blob(registers: int) -> Blob:
    """An area of 2 * ``registers`` bytes."""
    return Blob("blob", registers)


def bcd(registers: int) -> Bcd:
    """A decimal number of 4 * ``registers`` digits."""
    return Bcd("bcd", registers)
