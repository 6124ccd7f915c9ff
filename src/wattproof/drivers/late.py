"""Answers that may still come on a line where nothing in a frame says which request it answers.

A Modbus TCP answer carries its transaction; an RTU or ASCII answer carries only unit, function and length. When a
request was given up on, its answer may arrive while the next one is awaited, and two reads of 125 registers each look
alike: registers of one snapshot would be taken for those of another. So whoever gives up owes itself a check: before
a request that the late answer could be mistaken for, a *marker* is asked of the same unit, a short read whose answer
cannot be mistaken. A unit answers in order; when the marker's answer is here, everything before it has come or never
will.
"""

from __future__ import annotations

import struct

from wattproof.wire.modbus.messages import octets
from wattproof.wire.modbus.pdu import read_request

_READ = struct.Struct(">BHH")


class Owed:
    """Requests given up on, by unit; at most `LIMIT` a unit, of which older ones are forgotten."""

    LIMIT = 64

    def __init__(self) -> None:
        self._by_unit: dict[int, list[bytes]] = {}

    def give_up(self, unit: int, pdu: bytes) -> None:
        """No answer to ``pdu`` came in time; it may come yet."""
        owed = self._by_unit.setdefault(unit, [])
        if pdu not in owed:
            owed.append(pdu)
            del owed[: -self.LIMIT]

    def settle(self, unit: int) -> None:
        """Nothing can come any more: a marker was answered, or the connection is a new one."""
        self._by_unit.pop(unit, None)

    def settle_all(self) -> None:
        """The same for all units."""
        self._by_unit.clear()

    def endangers(self, unit: int, pdu: bytes) -> bool:
        """Whether an answer that may still come could be taken for the answer to ``pdu``."""
        return any(_alike(old, pdu) for old in self._by_unit.get(unit, ()) if not _same_read(old, pdu))

    def marker(self, unit: int, pdu: bytes) -> bytes:
        """A read near the registers of ``pdu`` whose answer fits neither ``pdu`` nor anything owed."""
        address = pdu[1] << 8 | pdu[2] if len(pdu) >= 5 else 0
        lengths = {_length(old) for old in (*self._by_unit.get(unit, ()), pdu)}
        count = next(count for count in range(1, 126) if count not in lengths)
        return read_request(3, min(address, 0xFFFF - count), count)


def _length(pdu: bytes) -> int | None:
    """Registers that a function 3 request asks for."""
    return _READ.unpack(pdu)[2] if len(pdu) == 5 and pdu[0] == 3 else None


def _same_read(one: bytes, other: bytes) -> bool:
    """A late answer to the very same read is as good as a new one. To the same write it is not: which of two
    triggers was acknowledged matters."""
    return one == other and one[0] in (1, 2, 3, 4)


def _alike(old: bytes, new: bytes) -> bool:
    """Whether the two requests have answers of one form."""
    if old[0] != new[0]:
        return False
    if old[0] in (1, 2, 3, 4) and len(old) == len(new) == 5:
        return octets(old[0], _READ.unpack(old)[2]) == octets(new[0], _READ.unpack(new)[2])
    if old[0] in (5, 6, 15, 16):
        return old[:5] == new[:5]
    return True
