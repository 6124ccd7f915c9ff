"""Lengths and counts as BER and A-XDR write them: one byte up to 7F, else 81..84 and so many bytes (IEC 61334-6)."""

from __future__ import annotations

from wattproof.errors import FrameError, InvalidValue

#: The most that four bytes can say.
LONGEST = 0xFFFF_FFFF
_ONE_BYTE = tuple(bytes((length,)) for length in range(0x80))


def encode_length(length: int) -> bytes:
    """The shortest form of ``length``. Raises ``InvalidValue`` for what four bytes cannot hold.

    >>> encode_length(127).hex(), encode_length(200).hex(), encode_length(1200).hex()
    ('7f', '81c8', '8204b0')
    """
    if 0 <= length < 0x80:
        return _ONE_BYTE[length]
    if not 0 <= length <= LONGEST:
        raise InvalidValue(f"length {length} does not fit into four bytes")
    octets = (length.bit_length() + 7) // 8
    return bytes((0x80 | octets,)) + length.to_bytes(octets, "big")


def decode_length(data: bytes, at: int) -> tuple[int, int]:
    """The length that begins ``at``, and where what it measures begins.

    Raises:
        FrameError: the bytes end before it, or it is none (80, and 85 to FF).
    """
    if at >= len(data):
        raise FrameError(f"the bytes end at {at} where a length should stand")
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    end = at + (first & 0x7F)
    if not 0x81 <= first <= 0x84:
        raise FrameError(f"{first:02X} at byte {at - 1} is no length: allowed are 00 to 7F and 81 to 84")
    if end > len(data):
        raise FrameError(f"the bytes end within the length at {at - 1}")
    return int.from_bytes(data[at:end], "big"), end


def take(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    """``length`` bytes from ``at``, and where they end. Raises ``FrameError`` if so many are not there."""
    end = at + length
    if end > len(data):
        raise FrameError(f"{length} bytes from {at} were announced, {max(0, len(data) - at)} are there")
    return data[at:end], end


def take_counted(data: bytes, at: int) -> tuple[bytes, int]:
    """A length and so many bytes. Raises ``FrameError`` as :func:`decode_length` and :func:`take` do."""
    length, at = decode_length(data, at)
    return take(data, at, length)
