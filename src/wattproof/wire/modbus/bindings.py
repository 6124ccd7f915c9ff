"""Where quantities lie on Modbus: points, blocks of points, and the map of a whole device.

A row binds one quantity to registers. The driver decodes with it, the virtual meter encodes with it, the planner plans
with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final

from wattproof.errors import InvalidValue, ReadOnly, UnknownName
from wattproof.model.quantities import Quantity
from wattproof.model.readings import Reading
from wattproof.model.values import Quality, Scaled, to_decimal
from wattproof.wire.modbus.image import MissingRegisters, RegisterImage
from wattproof.wire.modbus.plan import Span
from wattproof.wire.modbus.types import SUNSSF, Bits, Blob, Float, Raw, Text, WireType


class Access(StrEnum):
    READ = "r"
    WRITE = "w"
    READ_WRITE = "rw"


class Absent(Enum):
    """The type of :data:`ABSENT`, which differs from ``None``: a constant may be "unavailable"."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One row.

    ``offset``: registers from the first register of the block, header included.
    ``scale``: the power of ten, as a number or as the name of the scale-factor point in the same block.
    ``factor``: what a number is multiplied by beside that; the wire value of 4 with factor 25 and scale -2 means 1.
    ``symbols``: names of an enumeration's values, or of a bit field's bits by number.
    ``allowed``: what may be written: a container (range, set) or a test; ``None``: whatever the type holds.
    ``constant``: what the device always answers, raw; :data:`ABSENT` if it varies.
    ``length``: name of the point that holds the used bytes of a blob.
    ``source``: section of the manual.
    """

    name: str
    offset: int
    type: WireType
    quantity: Quantity
    access: Access = Access.READ
    scale: str | int | None = None
    symbols: Mapping[int, str] | None = None
    allowed: Container[Raw] | Callable[[Raw], bool] | None = None
    constant: Raw | Absent | None = ABSENT
    source: str = ""
    length: str | None = None
    factor: int = 1

    @property
    def registers(self) -> int:
        return self.type.registers

    @property
    def writable(self) -> bool:
        return self.access is not Access.READ

    @property
    def readable(self) -> bool:
        return self.access is not Access.WRITE

    def permits(self, raw: Raw) -> bool:
        """Whether ``raw`` may be written, apart from what the type can hold."""
        if self.allowed is None:
            return True
        return raw in self.allowed if isinstance(self.allowed, Container) else self.allowed(raw)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A SunSpec model instance, or any contiguous group of ``registers`` registers from 0-based ``address``.

    ``id`` is the model's number, ``label`` its title, ``aliases`` other names it is found by. Raises ``InvalidValue``
    if points reach beyond the block, share a name, or name a scale or length that is no point.
    """

    name: str
    address: int
    registers: int
    points: tuple[Point, ...]
    id: int | None = None
    label: str = ""
    aliases: tuple[str, ...] = ()
    _by_name: dict[str, Point] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        index = {point.name: point for point in self.points}
        object.__setattr__(self, "_by_name", index)
        if len(index) != len(self.points):
            raise InvalidValue(f"block {self.name} has two points of one name")
        for point in self.points:
            if not 0 <= point.offset <= self.registers - point.registers:
                raise InvalidValue(
                    f"{self.name}.{point.name} reaches beyond the {self.registers} registers of the block"
                )
            for other in (point.scale, point.length):
                if isinstance(other, str) and other not in index:
                    raise InvalidValue(f"{self.name}.{point.name} names {other}, which is no point of the block")

    @property
    def span(self) -> Span:
        return Span(self.address, self.registers)

    def point(self, name: str) -> Point:
        """The point of exactly this name. Raises ``UnknownName``."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownName(f"{self.name} has no point {name!r}{_similar(name, self._by_name)}") from None

    def address_of(self, name: str) -> int:
        """0-based address of a point's first register. Raises ``UnknownName``."""
        return self.address + self.point(name).offset

    def bind(self, name: str) -> BoundPoint:
        """A point together with this block. Raises ``UnknownName``."""
        return BoundPoint(self, self.point(name))

    def __iter__(self) -> Iterator[BoundPoint]:
        return (BoundPoint(self, point) for point in self.points)


@dataclass(frozen=True, slots=True)
class BoundPoint:
    """A point at its place on the device."""

    block: Block
    point: Point

    @property
    def path(self) -> str:
        """ "ac_meter.W" """
        return f"{self.block.name}.{self.point.name}"

    @property
    def address(self) -> int:
        """0-based address of the first register."""
        return self.block.address + self.point.offset

    @property
    def registers(self) -> int:
        return self.point.type.registers

    @property
    def span(self) -> Span:
        return Span(self.address, self.registers)


class RegisterMap:
    """All blocks of a device, found by name. Raises ``InvalidValue`` if blocks overlap or share a name."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks: tuple[Block, ...] = tuple(sorted(blocks, key=lambda block: block.address))
        for before, after in zip(self.blocks, self.blocks[1:], strict=False):
            if before.span.end > after.address:
                raise InvalidValue(f"blocks {before.name} and {after.name} overlap")
        self._names: dict[str, Block] = {}
        self._bare: dict[str, list[BoundPoint]] = {}
        for block in self.blocks:
            for name in (block.name, *block.aliases):
                if self._names.setdefault(name.casefold(), block) is not block:
                    raise InvalidValue(f"two blocks are called {name}")
            for point in block.points:
                self._bare.setdefault(point.name.casefold(), []).append(BoundPoint(block, point))

    def block(self, name: str) -> Block:
        """The block of this name or alias, case ignored. Raises ``UnknownName``."""
        try:
            return self._names[name.casefold()]
        except KeyError:
            raise UnknownName(f"no block is called {name!r}{_similar(name, self._names)}") from None

    def find(self, text: str) -> list[BoundPoint]:
        """Points by name, case ignored: "ac_meter.W", "ac_meter/W", "tpm/W" (alias), "W" if only one block has it.

        A block's name gives all its points. Raises ``UnknownName`` that says what there is instead.
        """
        head, separator, tail = text.replace("/", ".").partition(".")
        if separator:
            block = self.block(head)
            return [BoundPoint(block, _point(block, tail))]
        if head.casefold() in self._names:
            block = self._names[head.casefold()]
            return [BoundPoint(block, point) for point in block.points]
        found = self._bare.get(head.casefold(), [])
        exact = [bound for bound in found if bound.point.name == head]
        if len(exact) == 1 or len(found) == 1:
            return exact if len(exact) == 1 else found
        if found:
            choices = ", ".join(bound.path for bound in found)
            raise UnknownName(f"{text!r} is the name of several points; say which: {choices}")
        raise UnknownName(f"no point or block is called {text!r}{_similar(text, self._all_names())}")

    def _all_names(self) -> list[str]:
        return [*self._names, *(bounds[0].point.name for bounds in self._bare.values())]

    def at(self, address: int) -> BoundPoint | None:
        """The point that holds the register at a 0-based address."""
        for block in self.blocks:
            if block.address <= address < block.span.end:
                for point in block.points:
                    if 0 <= address - block.address - point.offset < point.registers:
                        return BoundPoint(block, point)
        return None

    def boundaries(self) -> list[int]:
        """First addresses of all points, ascending: where the planner may divide reads."""
        return sorted(block.address + point.offset for block in self.blocks for point in block.points)


def decode_reading(bound: BoundPoint, values: RegisterImage, time: datetime | None) -> Reading:
    """What the registers say about a point: scale factor, symbols and quality applied.

    Unavailable values and values whose scale factor is unavailable are MISSING, so are registers that were not read;
    a scale factor beyond -10..10, an infinity or bytes that are no value of the type are INVALID.
    """
    return _reading(bound.block, bound.point, values, time, {})


def decode_readings(bounds: Iterable[BoundPoint], values: RegisterImage, time: datetime | None) -> list[Reading]:
    """:func:`decode_reading` for many points, in their order; each scale factor is looked up once."""
    factors: _Factors = {}
    return [_reading(bound.block, bound.point, values, time, factors) for bound in bounds]


def decode_block(block: Block, values: RegisterImage, time: datetime | None) -> list[Reading]:
    """:func:`decode_reading` for every point of a block, in order."""
    factors: _Factors = {}
    return [_reading(block, point, values, time, factors) for point in block.points]


#: Powers of ten by the address of their scale-factor point.
_Factors = dict[int, int | None]
#: A raw value, the value it means, and its quality.
_Judgement = tuple[Raw | None, Decimal | str | bytes | None, Quality]

_MISSING: _Judgement = (None, None, Quality.MISSING)
_INVALID: _Judgement = (None, None, Quality.INVALID)


def _reading(block: Block, point: Point, values: RegisterImage, time: datetime | None, factors: _Factors) -> Reading:
    quantity = point.quantity
    raw, value, quality = _judge(block, point, values, factors)
    shown = raw.hex() if isinstance(raw, bytes) else repr(raw) if isinstance(raw, float) else raw
    path = f"{block.name}.{point.name}"
    return Reading(path, quantity.name, value, quantity.unit.symbol, quantity.obis, quality, time, shown)


def _judge(block: Block, point: Point, values: RegisterImage, factors: _Factors) -> _Judgement:
    kind = point.type
    try:
        raw = kind.decode(values.read(block.address + point.offset, kind.registers))
    except MissingRegisters:
        return _MISSING
    except InvalidValue:
        return _INVALID
    if raw is None:
        return _MISSING
    if isinstance(raw, str):
        return raw, raw, Quality.GOOD
    if isinstance(raw, bytes):
        return _cut_blob(block, point, values, raw)
    if point.symbols is not None and isinstance(raw, int):
        return raw, symbol_text(point, raw), Quality.GOOD
    scale = point.scale
    exponent = _factor(block, scale, values, factors) if isinstance(scale, str) else scale or 0
    if exponent is None:
        return raw, None, Quality.MISSING
    if not SUNSSF.low <= exponent <= SUNSSF.high:
        return raw, None, Quality.INVALID
    if isinstance(raw, int):
        return raw, to_decimal(raw * point.factor, exponent), Quality.GOOD
    number = kind.decimal(raw)
    if number is None:
        return raw, None, Quality.INVALID
    exact = Scaled.of(number)
    return raw, to_decimal(exact.mantissa * point.factor, exact.exponent + exponent), Quality.GOOD


def _factor(block: Block, name: str, values: RegisterImage, factors: _Factors) -> int | None:
    address = block.address_of(name)
    if address not in factors:
        factor = decode_raw(block.bind(name), values)
        factors[address] = factor if isinstance(factor, int) else None
    return factors[address]


def _cut_blob(block: Block, point: Point, values: RegisterImage, data: bytes) -> _Judgement:
    """The used bytes of a blob; MISSING if none are used, INVALID if more are claimed than there is room for."""
    if point.length is None:
        return data, data, Quality.GOOD
    used = decode_raw(block.bind(point.length), values)
    if not isinstance(used, int) or not used:
        return _MISSING
    if used > len(data):
        return data, None, Quality.INVALID
    return data[:used], data[:used], Quality.GOOD


def decode_raw(bound: BoundPoint, values: RegisterImage) -> Raw | None:
    """The raw value, ``None`` if unavailable or not read. Raises ``InvalidValue`` where bytes are no value."""
    if not values.covers(bound.address, bound.registers):
        return None
    return bound.point.type.decode(values.read(bound.address, bound.registers))


def exponent_of(bound: BoundPoint, values: RegisterImage) -> int | None:
    """The power of ten of a point: 0 without scale, ``None`` if its scale-factor point is unavailable or not read."""
    scale = bound.point.scale
    return _factor(bound.block, scale, values, {}) if isinstance(scale, str) else scale or 0


def symbol_text(point: Point, raw: int) -> str:
    """The name of an enumeration's value, or the names of the bits that are set ("none" if no bit is).

    What has no name is shown as its number.
    """
    symbols = point.symbols or {}
    if not isinstance(point.type, Bits):
        return symbols.get(raw, str(raw))
    names = [symbols.get(bit, f"bit {bit}") for bit in range(raw.bit_length()) if raw >> bit & 1]
    return ", ".join(names) or "none"


def encode_value(bound: BoundPoint, value: Decimal | int | str | bytes | None, exponent: int = 0) -> bytes:
    """The register bytes that write ``value`` to a point.

    ``value``: a number in the point's unit (as text too), the name of a symbol, a text, bytes, or ``None`` for
    "unavailable"; ``exponent``: the power of ten that :func:`exponent_of` gives.
    Raises ``ReadOnly`` if the point cannot be written, ``InvalidValue`` if the value is not allowed.
    """
    point = bound.point
    if not point.writable:
        raise ReadOnly(f"{bound.path} can only be read")
    raw = None if value is None else to_raw(bound, value, exponent)
    if raw is not None and not point.permits(raw):
        raise InvalidValue(f"{bound.path} cannot be set to {value!r}{_allowed_text(point)}")
    try:
        return point.type.encode(raw)
    except InvalidValue as error:
        raise InvalidValue(f"{bound.path}: {error}") from None


def to_raw(bound: BoundPoint, value: Decimal | int | str | bytes, exponent: int = 0) -> Raw:
    """The raw value that stands for ``value``; see :func:`encode_value`. Raises ``InvalidValue``."""
    point = bound.point
    if isinstance(point.type, Text):
        return str(value) if isinstance(value, int | Decimal) else value
    if isinstance(point.type, Blob):
        if not isinstance(value, bytes):
            raise InvalidValue(f"{bound.path} takes bytes, not {value!r}")
        return value
    if isinstance(value, str) and point.symbols:
        for number, name in point.symbols.items():
            if name.casefold() == value.casefold():
                return 1 << number if isinstance(point.type, Bits) else number
    if isinstance(value, bytes):
        raise InvalidValue(f"{bound.path} takes a number, not {value!r}")
    try:
        if isinstance(point.type, Float):
            exact = Scaled.of(value)
            return float(to_decimal(exact.mantissa, exact.exponent - exponent)) / point.factor
        raw, rest = divmod(Scaled.of(value).at(exponent).mantissa, point.factor)
        if rest:
            raise InvalidValue(f"it is no multiple of {to_decimal(point.factor, exponent)}")
        return raw
    except InvalidValue as error:
        raise InvalidValue(f"{bound.path} cannot be set to {value!r}: {error}{_allowed_text(point)}") from None


def _allowed_text(point: Point) -> str:
    allowed = point.allowed
    if isinstance(allowed, range) and allowed.step == 1:
        return f"; allowed are {allowed.start} to {allowed.stop - 1}"
    if isinstance(allowed, set | frozenset | tuple | list | range):
        return f"; allowed are {', '.join(map(str, sorted(allowed)))}"
    if point.symbols:
        return f"; allowed are {', '.join(point.symbols.values())}"
    return ""


def _point(block: Block, name: str) -> Point:
    """A point of a block by name; case is ignored where the exact name does not exist."""
    folded = [point for point in block.points if point.name.casefold() == name.casefold()]
    exact = [point for point in folded if point.name == name]
    return (exact or folded or [block.point(name)])[0]


def _similar(name: str, known: Iterable[str]) -> str:
    names = {each.casefold(): each for each in known}
    near = [names[each] for each in difflib.get_close_matches(name.casefold(), list(names), 3)]
    return f"; did you mean {' or '.join(near)}?" if near else ""
