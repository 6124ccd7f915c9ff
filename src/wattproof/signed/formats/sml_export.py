"""SML telegrams, written. The reader is :mod:`.sml`; source: specification of the verifier, 2.4."""

from __future__ import annotations

from collections.abc import Sequence

from wattproof.signed.formats import sml
from wattproof.signed.formats.sml import BOOLEAN, ESCAPE, INTEGER, LIST, OCTETS, START, UNSIGNED, crc

ABSENT = b"\x01"
_CLIENT, _OPEN_TAG, _CLOSE_TAG = b"wattproof", 0x0101, 0x0201


def _head(kind: int, length: int) -> bytes:
    """Type and length; the length counts these bytes too, except for lists."""
    size = 1
    while length + (size if kind != LIST else 0) >= 1 << 4 * size:
        size += 1
    total = length + (size if kind != LIST else 0)
    nibbles = [total >> 4 * position & 15 for position in reversed(range(size))]
    found = bytearray(nibbles)
    found[0] |= kind << 4
    for position in range(size - 1):
        found[position] |= 0x80
    return bytes(found)


def octets(data: bytes) -> bytes:
    return _head(OCTETS, len(data)) + data


def unsigned(number: int, size: int = 1) -> bytes:
    return _head(UNSIGNED, size) + number.to_bytes(size, "big")


def integer(number: int, size: int = 1) -> bytes:
    return _head(INTEGER, size) + number.to_bytes(size, "big", signed=True)


def boolean(value: bool) -> bytes:
    return _head(BOOLEAN, 1) + bytes((value,))


def sequence(*elements: bytes) -> bytes:
    return _head(LIST, len(elements)) + b"".join(elements)


def choice(tag: int, element: bytes) -> bytes:
    return sequence(unsigned(tag), element)


def index_time(seconds: int) -> bytes:
    return choice(1, unsigned(seconds, 4))


def utc_time(seconds: int) -> bytes:
    return choice(2, unsigned(seconds, 4))


def local_time(local: int, offset: int) -> bytes:
    """The time whose local seconds are ``local``; ``offset`` in minutes."""
    return choice(3, sequence(unsigned(local - 60 * offset, 4), integer(offset, 2), integer(0, 2)))


def entry(
    code: bytes,
    value: bytes,
    *,
    status: bytes = ABSENT,
    time: bytes = ABSENT,
    unit: int | None = None,
    scaler: int | None = None,
    signature: bytes | None = None,
) -> bytes:
    """A row of a value list; ``value`` is an element."""
    return sequence(
        octets(code),
        status,
        time,
        ABSENT if unit is None else unsigned(unit),
        ABSENT if scaler is None else integer(scaler),
        value,
        ABSENT if signature is None else octets(signature),
    )


def message(number: int, tag: int, data: bytes) -> bytes:
    """One message with its checksum and end."""
    body = sequence(unsigned(tag, 2), data)
    covered = b"\x76" + octets(number.to_bytes(4, "big")) + unsigned(0) + unsigned(0) + body
    return covered + _head(UNSIGNED, 2) + crc(covered).to_bytes(2, "little") + b"\0"


def telegram(content: bytes) -> bytes:
    """The transport around messages."""
    fill = -len(content) % 4
    data = START + content.replace(ESCAPE, ESCAPE * 2) + bytes(fill) + ESCAPE + bytes((0x1A, fill))
    return data + crc(data).to_bytes(2, "little")


def list_telegram(server_id: bytes, list_name: bytes, entries: Sequence[bytes], signature: bytes) -> bytes:
    """A telegram of three messages, of which the second is the list response."""
    opened = sequence(ABSENT, octets(_CLIENT), octets(b"\1"), octets(server_id), ABSENT, ABSENT)
    data = sequence(
        octets(_CLIENT),
        octets(server_id),
        octets(list_name),
        ABSENT,
        sequence(*entries),
        octets(signature),
        ABSENT,
    )
    closed = sequence(ABSENT)
    return telegram(
        message(1, _OPEN_TAG, opened) + message(2, sml.LIST_RESPONSE, data) + message(3, _CLOSE_TAG, closed)
    )
