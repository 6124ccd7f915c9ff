"""COSEM data: a type and a value, and the A-XDR bytes of both (IEC 61334-6; abb-meters.md 2.6).

The type is kept beside the value, so what was decoded is encoded to the same bytes:

>>> decode(bytes.fromhex("02020FFF1623"))
Data(tag=<Tag.STRUCTURE: 2>, value=(Data(tag=<Tag.INTEGER: 15>, value=-1), Data(tag=<Tag.ENUM: 22>, value=35)))
>>> structure(integer(-1), enum(35)).encode().hex()
'02020fff1623'
>>> structure(integer(-1), enum(35)).plain
[-1, 35]

=============================================  ==========================================
value of                                       is
=============================================  ==========================================
null, don't care                               ``None``
boolean                                        ``bool``
integers, enum, bcd (the byte as it is)        ``int``
float32, float64                               ``float``
bit-string                                     ``str`` of ``0`` and ``1``, first bit first
visible-string (one byte a letter), utf8       ``str``
octet-string, date-time, date, time            ``bytes``
array, structure                               ``tuple`` of :class:`Data`
=============================================  ==========================================

The compact array (13) is not decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem.lengths import decode_length, encode_length, take, take_counted

#: Arrays and structures stand inside each other at most so deep, and hold together at most so many elements.
DEEPEST = 16
MOST_ELEMENTS = 100_000

Value: TypeAlias = "bool | int | float | str | bytes | tuple[Data, ...] | None"
Plain: TypeAlias = "bool | int | float | str | bytes | list[Plain] | None"


class Tag(IntEnum):
    """Types by their tag (IEC 62056-53, Data)."""

    NULL = 0x00
    ARRAY = 0x01
    STRUCTURE = 0x02
    BOOLEAN = 0x03
    BIT_STRING = 0x04
    DOUBLE_LONG = 0x05
    DOUBLE_LONG_UNSIGNED = 0x06
    OCTET_STRING = 0x09
    VISIBLE_STRING = 0x0A
    UTF8_STRING = 0x0C
    BCD = 0x0D
    INTEGER = 0x0F
    LONG = 0x10
    UNSIGNED = 0x11
    LONG_UNSIGNED = 0x12
    COMPACT_ARRAY = 0x13
    LONG64 = 0x14
    LONG64_UNSIGNED = 0x15
    ENUM = 0x16
    FLOAT32 = 0x17
    FLOAT64 = 0x18
    DATE_TIME = 0x19
    DATE = 0x1A
    TIME = 0x1B
    DONT_CARE = 0xFF


class Data(NamedTuple):
    """One value with its type. Build it with the functions below, which are called as the types are."""

    tag: Tag
    value: Value

    @property
    def plain(self) -> Plain:
        """The value alone, arrays and structures as lists of plain values."""
        value = self.value
        return [item.plain for item in value] if isinstance(value, tuple) else value

    def encode(self) -> bytes:
        """The A-XDR bytes. Raises ``InvalidValue`` where the value does not fit its type."""
        parts: list[bytes] = []
        _write(self, parts, 0)
        return b"".join(parts)


#: Types of fixed size: their values as ``struct`` formats.
_FORMATS: dict[Tag, str] = {
    Tag.BOOLEAN: "?",
    Tag.DOUBLE_LONG: "i",
    Tag.DOUBLE_LONG_UNSIGNED: "I",
    Tag.BCD: "B",
    Tag.INTEGER: "b",
    Tag.LONG: "h",
    Tag.UNSIGNED: "B",
    Tag.LONG_UNSIGNED: "H",
    Tag.LONG64: "q",
    Tag.LONG64_UNSIGNED: "Q",
    Tag.ENUM: "B",
    Tag.FLOAT32: "f",
    Tag.FLOAT64: "d",
}
_FIXED = {
    int(tag): (tag, struct.Struct(f">{letter}"), struct.calcsize(f">{letter}")) for tag, letter in _FORMATS.items()
}
_TAGGED = {tag: struct.Struct(f">B{letter}") for tag, letter in _FORMATS.items()}
_TIMES = {Tag.DATE_TIME: 12, Tag.DATE: 5, Tag.TIME: 4}
_NOTHING = (Tag.NULL, Tag.DONT_CARE)


def decode(octets: bytes) -> Data:
    """The one value that these bytes are.

    Raises:
        FrameError: they are none, there are more, or a limit of depth or number is passed.
    """
    data, end = decode_from(octets, 0)
    if end != len(octets):
        raise FrameError(f"{len(octets) - end} bytes too many after the {data.tag.name.lower()} that ends at {end}")
    return data


def decode_from(octets: bytes, at: int) -> tuple[Data, int]:
    """The value that begins ``at``, and where it ends. Raises ``FrameError`` as :func:`decode` does."""
    return _Decoder(octets).item(at, 0)


class _Decoder:
    """Bytes to data; counts elements, so that no message costs more than its length and the limits allow."""

    __slots__ = ("left", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.left = MOST_ELEMENTS

    def item(self, at: int, depth: int) -> tuple[Data, int]:
        octets = self.octets
        if at >= len(octets):
            raise FrameError(f"the bytes end at {at} where a type should stand")
        number = octets[at]
        if fixed := _FIXED.get(number):
            tag, layout, size = fixed
            end = at + 1 + size
            if end > len(octets):
                raise FrameError(f"the bytes end within the {tag.name.lower()} at {at}")
            return Data(tag, layout.unpack_from(octets, at + 1)[0]), end
        row = _READERS.get(number)
        if row is None:
            raise FrameError(f"type {number:02X} at byte {at} is not known")
        tag, read = row
        value, end = read(self, at + 1, depth)
        return Data(tag, value), end

    def elements(self, at: int, depth: int) -> tuple[Value, int]:
        start = at - 1
        count, at = decode_length(self.octets, at)
        if depth >= DEEPEST:
            raise FrameError(f"more than {DEEPEST} levels of arrays and structures at byte {start}")
        if count > len(self.octets) - at:  # an element has at least its type
            raise FrameError(f"{count} elements announced at byte {start}, {len(self.octets) - at} bytes are there")
        self.left -= count
        if self.left < 0:
            raise FrameError(f"more than {MOST_ELEMENTS} elements at byte {start}")
        items = []
        for _ in range(count):
            item, at = self.item(at, depth + 1)
            items.append(item)
        return tuple(items), at


def _read_bits(decoder: _Decoder, at: int, depth: int) -> tuple[Value, int]:
    count, at = decode_length(decoder.octets, at)
    packed, end = take(decoder.octets, at, (count + 7) // 8)
    bits = f"{int.from_bytes(packed, 'big'):0{8 * len(packed)}b}" if packed else ""
    return bits[:count], end


def _read_text(encoding: str) -> Callable[[_Decoder, int, int], tuple[Value, int]]:
    def read(decoder: _Decoder, at: int, depth: int) -> tuple[Value, int]:
        text, end = take_counted(decoder.octets, at)
        try:
            return text.decode(encoding), end
        except UnicodeDecodeError as error:
            raise FrameError(f"the text that ends at byte {end} is no {encoding}: {error.reason}") from None

    return read


def _read_size(size: int) -> Callable[[_Decoder, int, int], tuple[Value, int]]:
    return lambda decoder, at, depth: take(decoder.octets, at, size)


_READERS: dict[int, tuple[Tag, Callable[[_Decoder, int, int], tuple[Value, int]]]] = {
    int(tag): (tag, read)
    for tag, read in (
        *((tag, lambda decoder, at, depth: (None, at)) for tag in _NOTHING),
        (Tag.ARRAY, _Decoder.elements),
        (Tag.STRUCTURE, _Decoder.elements),
        (Tag.BIT_STRING, _read_bits),
        (Tag.OCTET_STRING, lambda decoder, at, depth: take_counted(decoder.octets, at)),
        (Tag.VISIBLE_STRING, _read_text("latin-1")),
        (Tag.UTF8_STRING, _read_text("utf-8")),
        *((tag, _read_size(size)) for tag, size in _TIMES.items()),
    )
}


def _write(data: Data, parts: list[bytes], depth: int) -> None:
    tag, value = data
    if layout := _TAGGED.get(tag):
        try:
            parts.append(layout.pack(tag, value))
        except (struct.error, OverflowError):
            raise InvalidValue(f"{value!r} does not fit into {name(tag)}") from None
        return
    write = _WRITERS.get(tag)
    if write is None:
        raise InvalidValue(f"data of type {name(tag)} cannot be encoded")
    write(data, parts, depth)


def _write_elements(data: Data, parts: list[bytes], depth: int) -> None:
    items = _value(data, tuple)
    if depth >= DEEPEST:
        raise InvalidValue(f"more than {DEEPEST} levels of arrays and structures")
    parts.append(bytes((data.tag,)) + encode_length(len(items)))
    for item in items:
        _write(item, parts, depth + 1)


def _write_bits(data: Data, parts: list[bytes], depth: int) -> None:
    bits = _value(data, str)
    if set(bits) - {"0", "1"}:
        raise InvalidValue(f"bit-string {bits!r} has something else than 0 and 1")
    octets = (len(bits) + 7) // 8
    packed = int(bits.ljust(8 * octets, "0") or "0", 2).to_bytes(octets, "big")
    parts.append(bytes((data.tag,)) + encode_length(len(bits)) + packed)


def _write_text(encoding: str) -> Callable[[Data, list[bytes], int], None]:
    def write(data: Data, parts: list[bytes], depth: int) -> None:
        text = _value(data, str)
        try:
            octets = text.encode(encoding)
        except UnicodeEncodeError:
            raise InvalidValue(f"{text!r} cannot be written as {name(data.tag)} ({encoding})") from None
        parts.append(bytes((data.tag,)) + encode_length(len(octets)) + octets)

    return write


def _write_octets(data: Data, parts: list[bytes], depth: int) -> None:
    octets = _value(data, bytes)
    parts.append(bytes((data.tag,)) + encode_length(len(octets)) + octets)


def _write_time(data: Data, parts: list[bytes], depth: int) -> None:
    octets, size = _value(data, bytes), _TIMES[data.tag]
    if len(octets) != size:
        raise InvalidValue(f"{name(data.tag)} has {size} bytes, not {len(octets)}")
    parts.append(bytes((data.tag,)) + octets)


def _write_nothing(data: Data, parts: list[bytes], depth: int) -> None:
    if data.value is not None:
        raise InvalidValue(f"{data.value!r} does not fit into {name(data.tag)}")
    parts.append(bytes((data.tag,)))


_WRITERS: dict[Tag, Callable[[Data, list[bytes], int], None]] = {
    **dict.fromkeys(_NOTHING, _write_nothing),
    Tag.ARRAY: _write_elements,
    Tag.STRUCTURE: _write_elements,
    Tag.BIT_STRING: _write_bits,
    Tag.OCTET_STRING: _write_octets,
    Tag.VISIBLE_STRING: _write_text("latin-1"),
    Tag.UTF8_STRING: _write_text("utf-8"),
    **dict.fromkeys(_TIMES, _write_time),
}


def _value(data: Data, kind: type) -> Any:
    if not isinstance(data.value, kind):
        raise InvalidValue(f"{data.value!r} does not fit into {name(data.tag)}")
    return data.value


def name(tag: int) -> str:
    """A type as the standard writes it: ``long64-unsigned``; an unknown one as two hexadecimal digits."""
    return tag.name.lower().replace("_", "-") if isinstance(tag, Tag) else f"{tag:02X}"


NULL = Data(Tag.NULL, None)
DONT_CARE = Data(Tag.DONT_CARE, None)
TRUE, FALSE = Data(Tag.BOOLEAN, True), Data(Tag.BOOLEAN, False)


def boolean(value: bool) -> Data:
    return TRUE if value else FALSE


def array(items: Iterable[Data]) -> Data:
    return Data(Tag.ARRAY, tuple(items))


def structure(*items: Data) -> Data:
    return Data(Tag.STRUCTURE, items)


def bit_string(bits: str) -> Data:
    return Data(Tag.BIT_STRING, bits)


def double_long(value: int) -> Data:
    return Data(Tag.DOUBLE_LONG, value)


def double_long_unsigned(value: int) -> Data:
    return Data(Tag.DOUBLE_LONG_UNSIGNED, value)


def octet_string(value: bytes) -> Data:
    return Data(Tag.OCTET_STRING, value)


def visible_string(value: str) -> Data:
    return Data(Tag.VISIBLE_STRING, value)


def utf8_string(value: str) -> Data:
    return Data(Tag.UTF8_STRING, value)


def bcd(value: int) -> Data:
    return Data(Tag.BCD, value)


def integer(value: int) -> Data:
    return Data(Tag.INTEGER, value)


def long(value: int) -> Data:
    return Data(Tag.LONG, value)


def unsigned(value: int) -> Data:
    return Data(Tag.UNSIGNED, value)


def long_unsigned(value: int) -> Data:
    return Data(Tag.LONG_UNSIGNED, value)


def long64(value: int) -> Data:
    return Data(Tag.LONG64, value)


def long64_unsigned(value: int) -> Data:
    return Data(Tag.LONG64_UNSIGNED, value)


def enum(value: int) -> Data:
    return Data(Tag.ENUM, value)


def float32(value: float) -> Data:
    return Data(Tag.FLOAT32, value)


def float64(value: float) -> Data:
    return Data(Tag.FLOAT64, value)


def date_time(value: bytes) -> Data:
    return Data(Tag.DATE_TIME, value)


def date(value: bytes) -> Data:
    return Data(Tag.DATE, value)


def time(value: bytes) -> Data:
    return Data(Tag.TIME, value)
