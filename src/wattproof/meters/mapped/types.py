"""Wire types of map files: any order of registers and bytes, and raw values that mean "nothing" (g13-api.md 10.5).

``f32``, ``f64`` and ``bcd`` know "nothing" by themselves (not a number, all bits set); integers only what the file
says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from wattproof.wire.modbus.types import FLOAT32, FLOAT64, SUNSSF, Integer, Raw, WireType, bcd


def _unsigned(name: str, registers: int) -> Integer:
    return Integer(name, registers, low=0, high=(1 << 16 * registers) - 1)


def _signed(name: str, registers: int) -> Integer:
    limit = 1 << (16 * registers - 1)
    return Integer(name, registers, signed=True, low=-limit, high=limit - 1)


#: By the names of map files; ``bool`` and ``str`` are made where they stand.
NUMBERS: Mapping[str, WireType] = MappingProxyType(
    {
        "u16": _unsigned("u16", 1),
        "s16": _signed("s16", 1),
        "u32": _unsigned("u32", 2),
        "s32": _signed("s32", 2),
        "u64": _unsigned("u64", 4),
        "s64": _signed("s64", 4),
        "f32": replace(FLOAT32, name="f32"),
        "f64": replace(FLOAT64, name="f64"),
        "bcd16": replace(bcd(1), name="bcd16"),
        "bcd32": replace(bcd(2), name="bcd32"),
        "bcd64": replace(bcd(4), name="bcd64"),
    }
)
#: One coil or discrete input, as a register that is 0 or 1.
BIT = Integer("bool", 1, low=0, high=1)


@dataclass(frozen=True, slots=True)
class Arranged(WireType):
    """``inner`` in another order. ``words``: the register with the lowest bits comes first; ``octets``: so does the low
    byte of each register. ``nothing``: raw bits, in the usual order, that are no value."""

    inner: WireType = BIT
    words: bool = False
    octets: bool = False
    nothing: frozenset[int] = frozenset()

    def decode(self, data: bytes) -> Raw | None:
        data = self._arranged(self._ordered(data))
        return None if int.from_bytes(data, "big") in self.nothing else self.inner.decode(data)

    def encode(self, value: Raw | None) -> bytes:
        if value is None and self.nothing:
            return self._arranged(min(self.nothing).to_bytes(2 * self.registers, "big"))
        return self._arranged(self.inner.encode(value))

    def decimal(self, value: Raw) -> Decimal | None:
        return self.inner.decimal(value)

    def _arranged(self, data: bytes) -> bytes:
        """The other order; twice is the same again."""
        registers = [data[at : at + 2] for at in range(0, len(data), 2)]
        if self.words:
            registers.reverse()
        return b"".join(one[::-1] if self.octets else one for one in registers)


def arranged(
    kind: WireType, *, words: bool = False, octets: bool = False, nothing: frozenset[int] = frozenset()
) -> WireType:
    """A type in this order; the type itself where nothing about it is special."""
    if not (octets or nothing or (words and kind.registers > 1)):
        return kind
    return Arranged(kind.name, kind.registers, inner=kind, words=words, octets=octets, nothing=nothing)


@dataclass(frozen=True, slots=True)
class RegisterBit(WireType):
    """Bit ``bit`` (0 the lowest) of a register, to be read alone."""

    bit: int = 0
    octets: bool = False

    def decode(self, data: bytes) -> int:
        return int.from_bytes(self._ordered(data), "little" if self.octets else "big") >> self.bit & 1

    def encode(self, value: Raw | None) -> bytes:
        """A register with this bit alone, for those who serve it."""
        return ((1 if value else 0) << self.bit).to_bytes(2, "little" if self.octets else "big")


@dataclass(frozen=True, slots=True)
class PowerOfTen(WireType):
    """A register with a power of ten, s16. ``shift`` is added: from the unit that a file names to the quantity's."""

    inner: WireType = SUNSSF
    shift: int = 0

    def decode(self, data: bytes) -> int | None:
        power = self.inner.decode(data)
        return power + self.shift if isinstance(power, int) else None

    def encode(self, value: Raw | None) -> bytes:
        return self.inner.encode(value - self.shift if isinstance(value, int) else value)


def pattern(kind: WireType, value: int | str) -> int:
    """A raw value of a map file as bits: hexadecimal text as it stands, a number in two's complement.

    Raises ``ValueError`` that says what it should be.
    """
    bits = 16 * kind.registers
    if isinstance(value, str):
        try:
            number = int(value, 16) if value.lower().startswith("0x") else int(value)
        except ValueError:
            raise ValueError(f"{value!r} is no raw value: write a number or hexadecimal text such as 0xFFFF") from None
    else:
        number = value
    if not -(1 << bits - 1) <= number < 1 << bits:
        raise ValueError(f"{value} does not fit into {bits} bits")
    return number % (1 << bits)
