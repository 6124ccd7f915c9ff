"""Block transfer: values that are longer than an APDU (IEC 62056-53, 7.4.1.8.2; abb-meters.md 2.5).

The encoded value is cut anywhere; blocks count from 1; all of them joined are the value again.
"""

from __future__ import annotations

from wattproof.wire.cosem.lengths import encode_length

#: Bytes of an APDU before the raw data of a block, without their length: tag, form, invoke, last, block, choice.
HEADER = 9
#: APDUs shorter than this hold no block worth sending.
SHORTEST_PDU = 16


def room(pdu: int, header: int = HEADER) -> int:
    """How many raw bytes fit into an APDU of ``pdu`` bytes beside ``header`` and their own length."""
    raw = pdu - header - 1
    while header + len(encode_length(raw)) + raw > pdu:
        raw -= 1
    return raw


class Outgoing:
    """A value on its way out, block by block."""

    __slots__ = ("_at", "_data", "block", "last")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        #: Number of the block that went out last, 0 before the first, and whether it was the last of all.
        self.block = 0
        self.last = False

    def next(self, size: int) -> bytes:
        """The raw data of the next block, of at most ``size`` bytes."""
        end = self._at + size
        piece = self._data[self._at : end]
        self._at = end
        self.block += 1
        self.last = end >= len(self._data)
        return piece


class Incoming:
    """A value on its way in. ``block`` is the number that must come next."""

    __slots__ = ("block", "data", "limit")

    def __init__(self, limit: int) -> None:
        self.data = b""
        self.block = 1
        self.limit = limit

    def take(self, block: int, raw: bytes) -> bool:
        """Add a block; ``False`` if its number is wrong or the whole becomes longer than the limit."""
        if block != self.block or len(self.data) + len(raw) > self.limit:
            return False
        self.data += raw
        self.block += 1
        return True
