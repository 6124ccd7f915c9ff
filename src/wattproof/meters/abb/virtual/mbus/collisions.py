"""Faults of an answer on M-Bus: wrong address, wrong check sum, a second meter that answers at once (3.13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from wattproof.wire.mbus import ci_fields
from wattproof.wire.mbus.frames import EVERY_ANSWERS, SELECTED, Long, Short, decode, frame_end

#: Where the identification number stands behind the CI field.
_NUMBER = slice(0, 4)


def spoil(fault: str, value: object, request: Short | Long, answer: bytes) -> bytes | None:
    """The answer as the fault leaves it; ``None`` for a single ``E5``, which cannot be hit."""
    frame = decode(answer)
    if not isinstance(frame, Long):
        return None
    return _SPOILED[fault](frame, value, request)


def _wrong_address(frame: Long, value: object, request: Short | Long) -> bytes | None:
    return replace(frame, address=(frame.address + 1) & 0xFF).encode()


def _bad_checksum(frame: Long, value: object, request: Short | Long) -> bytes | None:
    encoded = frame.encode()
    return encoded[:-2] + bytes(((encoded[-2] + 1) & 0xFF,)) + encoded[-1:]


def _collision(frame: Long, value: object, request: Short | Long) -> bytes | None:
    """What two meters give that are meant by the same request: by address the one, by number the other."""
    by_number = request.address == SELECTED
    if by_number != (value == "number") or (request.address == EVERY_ANSWERS and by_number):
        return None
    mine = frame.encode()
    for other in _others(frame, by_number):
        mixed = bytes(a & b for a, b in zip(mine, other.encode(), strict=True))
        if not isinstance(frame_end(mixed, 0), int):
            return mixed
    return None


def _others(frame: Long, by_number: bool) -> Iterator[Long]:
    """What the second meter may answer: the same from another address, or under another identification number."""
    if by_number:
        yield from (replace(frame, address=frame.address ^ bits) for bits in range(1, 128))
    elif frame.ci in (ci_fields.VARIABLE, ci_fields.FIXED):
        for digit in range(1, 10):
            number = bytes(_shifted(byte, digit) for byte in frame.data[_NUMBER])
            yield replace(frame, data=number + frame.data[_NUMBER.stop :])


def _shifted(byte: int, by: int) -> int:
    """Two decimal digits, each counted on."""
    return ((byte >> 4) + by) % 10 << 4 | ((byte & 0x0F) + by) % 10


_SPOILED: Mapping[str, Callable[[Long, object, Short | Long], bytes | None]] = {
    "wrong-address": _wrong_address,
    "bad-checksum": _bad_checksum,
    "collision": _collision,
}
