"""SML telegrams: transport, checksums, TLV coding and the list response that carries signed values.

Sizes, nesting and list lengths are limited, and both checksums must hold before anything is believed.
Source: specification of the verifier, 2.4 and 0.4 (Smart Message Language, BSI TR-03109-1 annex IV).
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from wattproof.signed.limits import DEFAULT, Limits

ESCAPE, START = b"\x1b" * 4, b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01"
LIST_RESPONSE = 0x0701
OCTETS, BOOLEAN, INTEGER, UNSIGNED, LIST = 0, 4, 5, 6, 7

#: An element of a message: octets, number, truth value, list, or ``None`` where it is left out.
Element: TypeAlias = "bytes | int | bool | list[Element] | None"

_SIGNIFICANT = re.compile(re.escape(ESCAPE))
_LONGEST_TL = 4


class SmlProblem(ValueError):
    """A telegram that is not read: ``F-SML``, ``F-SML-CRC`` or ``F-SIZE``, and where it ends if that is known."""

    def __init__(self, code: str, message: str, end: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.end = end


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc(data: bytes) -> int:
    """CRC-16/X-25: the library's CRC of the same polynomial, over the bits in reverse order."""
    value = binascii.crc_hqx(data.translate(_REVERSED), 0xFFFF)
    return (_REVERSED[value & 0xFF] << 8 | _REVERSED[value >> 8]) ^ 0xFFFF


# --- transport ------------------------------------------------------------------------------------------------------


def telegram(data: bytes, at: int, limits: Limits = DEFAULT) -> tuple[bytes, int]:
    """The messages of the telegram that begins at ``at``, without escapes and fill bytes, and where it ends.

    Raises :class:`SmlProblem`.
    """
    if not data.startswith(START, at):
        raise SmlProblem("F-SML", "no start of a telegram")
    pieces: list[bytes] = []
    position = at + len(START)
    while True:
        found = _SIGNIFICANT.search(data, position, at + limits.record)
        if found is None:
            if at + limits.record < len(data):
                raise SmlProblem("F-SIZE", f"a telegram of more than {limits.record} bytes")
            raise SmlProblem("F-SML", "the telegram has no end")
        pieces.append(data[position : found.start()])
        after = found.end()
        if data.startswith(ESCAPE, after):
            pieces.append(ESCAPE)
            position = after + 4
        elif data[after : after + 1] == b"\x1a" and after + 4 <= len(data):
            break
        else:
            raise SmlProblem("F-SML", "an escape sequence that means nothing")
    end, fill = after + 4, data[after + 1]
    if crc(data[at : after + 2]) != int.from_bytes(data[after + 2 : end], "little"):
        raise SmlProblem("F-SML-CRC", "the checksum of the telegram is wrong", end)
    content = b"".join(pieces)
    if fill > 3 or fill > len(content) or any(content[len(content) - fill :]):
        raise SmlProblem("F-SML", f"{fill} fill bytes that are none", end)
    return content[: len(content) - fill], end


# --- TLV ------------------------------------------------------------------------------------------------------------


class _Reader:
    """Reads elements of one telegram. Raises :class:`SmlProblem`."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.at = 0
        self._limits = limits

    def _head(self) -> tuple[int, int]:
        """Type and length of the next element; the position is behind them."""
        start = self.at
        byte = self.data[start] if start < len(self.data) else 0x80
        if byte < 0x80:  # nearly every element
            self.at = start + 1
            kind, length = byte >> 4, byte & 15
            return kind, length if kind == LIST else length - 1
        kind = length = 0
        while True:
            if self.at >= len(self.data):
                raise SmlProblem("F-SML", "the telegram ends inside an element")
            byte = self.data[self.at]
            if self.at == start:
                kind = byte >> 4 & 7
            elif byte & 0x70:
                raise SmlProblem("F-SML", f"a length byte {byte:#04x} at @{self.at}")
            length = length << 4 | byte & 15
            self.at += 1
            if not byte & 0x80:
                break
            if self.at - start >= _LONGEST_TL:
                raise SmlProblem("F-SML", f"the length at @{start} has too many bytes")
        return kind, length if kind == LIST else length - (self.at - start)

    def element(self, depth: int = 1) -> Element:
        """The next element with everything inside it."""
        start = self.at
        kind, length = self._head()
        if kind == LIST:
            if depth > self._limits.sml_depth:
                raise SmlProblem("F-SML", f"nested deeper than {self._limits.sml_depth} levels")
            if length > self._limits.sml_elements:
                raise SmlProblem("F-SML", f"a list of more than {self._limits.sml_elements} elements")
            return [self.element(depth + 1) for _ in range(length)]
        if length < 0:
            raise SmlProblem("F-SML", f"an end of message inside one at @{start}")
        content = self.data[self.at : self.at + length]
        if len(content) < length:
            raise SmlProblem("F-SML", "the telegram ends inside an element")
        self.at += length
        if kind == OCTETS:
            return content if length else None
        if kind == BOOLEAN and length == 1:
            return content != b"\0"
        if kind in (INTEGER, UNSIGNED) and 1 <= length <= 8:
            return int.from_bytes(content, "big", signed=kind == INTEGER)
        raise SmlProblem("F-SML", f"an element of type {kind} with {length} bytes at @{start}")

    def message(self) -> tuple[int, Element]:
        """Tag and data of the next message, its checksum and end included."""
        start = self.at
        if self.data[start : start + 1] != b"\x76":
            raise SmlProblem("F-SML", f"no message of six elements at @{start}")
        self.at += 1
        _, _, _, body = (self.element(2) for _ in range(4))
        covered = self.data[start : self.at]
        stated = self.element(2)
        if self.data[self.at : self.at + 1] != b"\0":
            raise SmlProblem("F-SML", f"the message at @{start} has no end")
        self.at += 1
        if self.at - start > self._limits.sml_message:
            raise SmlProblem("F-SML", f"a message of more than {self._limits.sml_message} bytes")
        if type(stated) is not int or not 0 <= stated <= 0xFFFF:
            raise SmlProblem("F-SML", f"the message at @{start} has no checksum")
        if crc(covered) != (stated & 0xFF) << 8 | stated >> 8:
            raise SmlProblem("F-SML-CRC", f"the checksum of the message at @{start} is wrong")
        if type(body) is not list or len(body) != 2 or type(body[0]) is not int:
            raise SmlProblem("F-SML", f"the message at @{start} has no body")
        return body[0], body[1]


def messages(content: bytes, limits: Limits = DEFAULT) -> list[tuple[int, Element]]:
    """Tag and data of every message of a telegram. Raises :class:`SmlProblem`."""
    reader = _Reader(content, limits)
    found: list[tuple[int, Element]] = []
    while reader.at < len(content):
        found.append(reader.message())
        if len(found) > limits.sml_elements:
            raise SmlProblem("F-SML", f"more than {limits.sml_elements} messages in one telegram")
    return found


# --- list response --------------------------------------------------------------------------------------------------


class Stamp(NamedTuple):
    """A time: ``kind`` 1 is an index of seconds, 2 UTC, 3 UTC with the ``offset`` of its place in minutes."""

    kind: int
    seconds: int
    offset: int = 0

    @property
    def local(self) -> int:
        """Seconds of local time; the number itself where no offset is stated."""
        return self.seconds + 60 * self.offset


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a value list; elements that are left out are ``None``."""

    obis: bytes
    status: Element
    time: Element
    unit: Element
    scaler: Element
    value: Element
    signature: Element

    def number(self, element: Element, what: str) -> int:
        """An element that must be a number. Raises :class:`SmlProblem`."""
        if type(element) is not int:
            raise SmlProblem("F-SML", f"{what} of {self.obis.hex()} is missing or no number")
        return element

    def octets(self, element: Element, what: str) -> bytes:
        """An element that must be octets; left out means none. Raises :class:`SmlProblem`."""
        if element is None:
            return b""
        if type(element) is not bytes:
            raise SmlProblem("F-SML", f"{what} of {self.obis.hex()} holds no octets")
        return element

    def stamp(self) -> Stamp:
        """The time of the value. Raises :class:`SmlProblem`."""
        return stamp(self.time, f"the time of {self.obis.hex()}")


@dataclass(frozen=True, slots=True)
class ListResponse:
    """A GetListResponse: the first entry of each code, and the codes that occur more than once."""

    server_id: bytes
    list_name: bytes
    entries: dict[bytes, Entry]
    repeated: tuple[bytes, ...]
    signature: bytes


def stamp(element: Element, what: str) -> Stamp:
    """A time element. Raises :class:`SmlProblem`."""
    if type(element) is list and len(element) == 2 and type(element[0]) is int:
        kind, value = element
        if kind in (1, 2) and type(value) is int and type(kind) is int:
            return Stamp(kind, value)
        if kind == 3 and type(value) is list and len(value) == 3:
            seconds, local, season = value
            if type(seconds) is int and type(local) is int and type(season) is int:
                return Stamp(3, seconds, local + season)
    raise SmlProblem("F-SML", f"{what} is missing or no time")


def list_responses(content: bytes, limits: Limits = DEFAULT) -> list[ListResponse]:
    """Every GetListResponse of a telegram. Raises :class:`SmlProblem`."""
    return [_list_response(data) for tag, data in messages(content, limits) if tag == LIST_RESPONSE]


def _list_response(data: Element) -> ListResponse:
    if type(data) is not list or len(data) != 7:
        raise SmlProblem("F-SML", "a list response without its seven elements")
    _, server, name, _, values, signature, _ = data
    if type(server) is not bytes:
        raise SmlProblem("F-SML", "a list response without server id")
    if type(values) is not list:
        raise SmlProblem("F-SML", "a list response without values")
    entries: dict[bytes, Entry] = {}
    repeated = []
    for value in values:
        if type(value) is not list or len(value) != 7 or type(value[0]) is not bytes or len(value[0]) != 6:
            raise SmlProblem("F-SML", "a value without its seven elements or without code")
        if value[0] in entries:
            repeated.append(value[0])
        else:
            entries[value[0]] = Entry(value[0], *value[1:])
    return ListResponse(
        server,
        name if type(name) is bytes else b"",
        entries,
        tuple(dict.fromkeys(repeated)),
        signature if type(signature) is bytes else b"",
    )
