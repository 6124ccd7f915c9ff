"""Messages in information fields: the LLC header, and segments (IEC 62056-46; abb-meters.md 2.3)."""

from __future__ import annotations

from collections.abc import Iterator

#: Three bytes in front of every message: destination, source, quality.
COMMAND, RESPONSE = b"\xe6\xe6\x00", b"\xe6\xe7\x00"
#: Longest message that is put together from segments.
LONGEST_MESSAGE = 0x1_0000 + len(COMMAND)


def segments(message: bytes, size: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of at most ``size`` bytes, each with whether more follow.

    >>> list(segments(b"abcdef", 3)), list(segments(b"abcdefg", 3))[-1]
    ([(b'abc', True), (b'def', False)], (b'g', False))
    """
    for at in range(0, len(message), size):
        yield message[at : at + size], at + size < len(message)
