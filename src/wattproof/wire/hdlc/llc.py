"""Messages in information fields: the LLC header, and segments (IEC 62056-46; abb-meters.md 2.3)."""

from __future__ import annotations

#: Three bytes in front of every message: destination, source, quality.
COMMAND, RESPONSE = b"\xe6\xe6\x00", b"\xe6\xe7\x00"
#: Longest message that is put together from segments.
LONGEST_MESSAGE = 0x1_0000 + len(COMMAND)


def segments(message: bytes, size: int) -> list[tuple[bytes, bool]]:
    """Pieces of at most ``size`` bytes, each with whether more follow.

    >>> segments(b"abcdef", 3), segments(b"abcdefg", 3)[-1]
    ([(b'abc', True), (b'def', False)], (b'g', False))
    """
    length = len(message)
    return [(message[at : at + size], at + size < length) for at in range(0, length, size)]
