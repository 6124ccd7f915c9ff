"""How the parts of an APDU lie in bytes: each part reads and writes itself (A-XDR, IEC 61334-6).

A :class:`Field` reads ``(bytes, position)`` to ``(value, end)`` and writes a value to bytes. Reading raises
``FrameError``, writing ``InvalidValue``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem.data import Data, decode_from
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection
from wattproof.wire.cosem.lengths import decode_length, encode_length, take, take_counted
from wattproof.wire.cosem.results import RESULTS, Result

_REFERENCE = struct.Struct(">H6sb")


class Field(NamedTuple):
    """One part of an APDU, in both directions."""

    read: Callable[[bytes, int], tuple[Any, int]]
    write: Callable[[Any], bytes]


class Encoded(NamedTuple):
    """Data that is in bytes already; it may stand where data is written."""

    octets: bytes

    def encode(self) -> bytes:
        return self.octets


def _unsigned(size: int) -> Field:
    def read(data: bytes, at: int) -> tuple[int, int]:
        octets, end = take(data, at, size)
        return int.from_bytes(octets, "big"), end

    def write(value: int) -> bytes:
        try:
            return value.to_bytes(size, "big")
        except OverflowError:
            raise InvalidValue(f"{value} does not fit into {size} bytes") from None

    return Field(read, write)


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise FrameError(f"the APDU ends at byte {at}, where more should stand")
    return data[at]


def _choice(data: bytes, at: int, what: str) -> bool:
    """A byte that is 0 or 1."""
    byte = _byte(data, at)
    if byte > 1:
        raise FrameError(f"{byte:02X} at byte {at} should be 00 or 01: {what}")
    return byte == 1


OCTET = Field(lambda data, at: (_byte(data, at), at + 1), _unsigned(1).write)
U16 = _unsigned(2)
U32 = _unsigned(4)
FLAG = Field(lambda data, at: (bool(_byte(data, at)), at + 1), lambda value: b"\1" if value else b"\0")
RAW = Field(take_counted, lambda value: encode_length(len(value)) + value)
RESULT = Field(lambda data, at: (RESULTS[_byte(data, at)], at + 1), lambda value: bytes((value,)))
DATA = Field(decode_from, lambda value: value.encode())


def optional(field: Field) -> Field:
    """00, or 01 and the value; ``None`` where it is absent."""

    def read(data: bytes, at: int) -> tuple[Any, int]:
        return field.read(data, at + 1) if _choice(data, at, "is the optional part there") else (None, at + 1)

    return Field(read, lambda value: b"\0" if value is None else b"\1" + field.write(value))


def or_result(field: Field) -> Field:
    """00 and the value, or 01 and a result code."""

    def read(data: bytes, at: int) -> tuple[Any, int]:
        return (RESULT if _choice(data, at, "value or result") else field).read(data, at + 1)

    def write(value: Any) -> bytes:
        return b"\1" + RESULT.write(value) if isinstance(value, Result) else b"\0" + field.write(value)

    return Field(read, write)


def sequence_of(field: Field) -> Field:
    """A count and so many values, as a tuple."""

    def read(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        count, at = decode_length(data, at)
        if count > len(data) - at:  # none is shorter than a byte
            raise FrameError(f"{count} items announced at byte {at}, {len(data) - at} bytes are there")
        values = []
        for _ in range(count):
            value, at = field.read(data, at)
            values.append(value)
        return tuple(values), at

    return Field(read, lambda values: encode_length(len(values)) + b"".join(map(field.write, values)))


def _write_reference(class_id: int, name: bytes, number: int) -> bytes:
    if len(name) != 6:
        raise InvalidValue(f"a logical name has 6 bytes, not {len(name)}")
    try:
        return _REFERENCE.pack(class_id, name, number)
    except struct.error:
        raise InvalidValue(f"class {class_id} or attribute or method {number} is out of range") from None


def _read_selection(data: bytes, at: int) -> tuple[Selection, int]:
    selector = _byte(data, at)
    parameter, end = decode_from(data, at + 1)
    return Selection(selector, parameter), end


_SELECTION = optional(Field(_read_selection, lambda value: bytes((value.selector,)) + value.parameter.encode()))


def _read_attribute(data: bytes, at: int) -> tuple[Attribute, int]:
    end = at + _REFERENCE.size
    if end >= len(data):
        raise FrameError(f"the APDU ends within the attribute descriptor at byte {at}")
    class_id, name, number = _REFERENCE.unpack_from(data, at)
    if data[end] == 0:
        return Attribute(class_id, name, number), end + 1
    selection, after = _SELECTION.read(data, end)
    return Attribute(class_id, name, number, selection), after


def _read_method(data: bytes, at: int) -> tuple[Method, int]:
    octets, end = take(data, at, _REFERENCE.size)
    return Method(*_REFERENCE.unpack(octets)), end


def _write_attribute(value: Attribute) -> bytes:
    return _write_reference(*value[:3]) + (b"\0" if value.selection is None else _SELECTION.write(value.selection))


ATTRIBUTE = Field(_read_attribute, _write_attribute)
METHOD = Field(_read_method, lambda value: _write_reference(*value))


class Outcome(NamedTuple):
    """What one method came to: its result, and its return parameters or why there are none."""

    result: Result
    value: Data | Result | None = None


_RETURNED = optional(or_result(DATA))


def _read_outcome(data: bytes, at: int) -> tuple[Outcome, int]:
    result, at = RESULT.read(data, at)
    value, end = _RETURNED.read(data, at)
    return Outcome(result, value), end


OUTCOME = Field(_read_outcome, lambda value: RESULT.write(value.result) + _RETURNED.write(value.value))
