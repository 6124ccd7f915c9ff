"""What a write request means to a BSM: which writable points it covers, whether their values are allowed (2.5, 7)."""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import NamedTuple

from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.points import BASE, MAP, REGISTERS, SNAPSHOT_BLOCKS
from wattproof.wire.modbus.bindings import BoundPoint
from wattproof.wire.modbus.types import Integer

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY = 0x01, 0x02, 0x03, 0x06
READ, WRITE = 3, 16
END = BASE + REGISTERS
MOST_READ, MOST_WRITTEN = 125, 123

#: Writable points by ascending address, and their first addresses.
WRITABLE: tuple[BoundPoint, ...] = tuple(bound for block in MAP.blocks for bound in block if bound.point.writable)
_STARTS = [bound.address for bound in WRITABLE]
#: The snapshot that a St register starts, by 0-based address.
TRIGGERS = {block.address_of("St"): kind for kind, block in SNAPSHOT_BLOCKS.items()}


class Rejected(Exception):
    """The request is answered by an exception and has no effect."""

    def __init__(self, code: int) -> None:
        self.code = code


class Change(NamedTuple):
    """One writable point of a request, completely covered, with an allowed value."""

    name: str
    data: bytes
    value: int | None  # None for texts
    kind: SnapshotType | None = None  # of a trigger


class Written(NamedTuple):
    """A write request in order: address, registers, its changes in ascending order."""

    address: int
    registers: int
    changes: list[Change]


def parse(pdu: bytes) -> Written:
    """A request of function 16, checked by the steps 1 to 4 of section 2.5 as far as the tables know.

    Raises ``Rejected`` with the exception code (BD-12).
    """
    if len(pdu) < 6:
        raise Rejected(ILLEGAL_VALUE)
    address, count, size = struct.unpack_from(">HHB", pdu, 1)
    if not 1 <= count <= MOST_WRITTEN or size != 2 * count or len(pdu) != 6 + size:
        raise Rejected(ILLEGAL_VALUE)
    if address < BASE or address + count > END:
        raise Rejected(ILLEGAL_ADDRESS)
    found = []
    for bound in touched(address, count):
        start = bound.address - address
        if start < 0 or start + bound.registers > count:
            raise Rejected(ILLEGAL_ADDRESS)
        found.append((bound, pdu[6 + 2 * start : 6 + 2 * (start + bound.registers)]))
    return Written(address, count, [_change(bound, data) for bound, data in found])


def touched(address: int, count: int) -> list[BoundPoint]:
    """The writable points that have a register among ``count`` from ``address``."""
    index = bisect_right(_STARTS, address)
    if index and WRITABLE[index - 1].address + WRITABLE[index - 1].registers > address:
        index -= 1
    found = []
    while index < len(WRITABLE) and _STARTS[index] < address + count:
        found.append(WRITABLE[index])
        index += 1
    return found


def _change(bound: BoundPoint, data: bytes) -> Change:
    """``Rejected`` unless the row permits the value. "Unavailable" is never allowed; DO takes any bits."""
    point = bound.point
    kind = TRIGGERS.get(bound.address)
    if not isinstance(point.type, Integer):
        return Change(point.name, data, None)
    value = int.from_bytes(data, "big", signed=point.type.signed)
    if not point.permits(value):
        raise Rejected(ILLEGAL_VALUE)
    return Change(point.name, data, value, kind)
