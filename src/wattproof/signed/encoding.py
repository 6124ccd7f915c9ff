"""From the bytes of a signature to its two integers, by the three encodings that are accepted and no other.

DER (canonical), DER-INT (the same frame, but an INTEGER without its sign byte or with a superfluous one: real meters)
and RAW (r and s side by side). Every refusal has a reason; no library decides about encodings.
Source: specification of the verifier, 0.2 and 4.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from wattproof.signed.curves import encode_signature
from wattproof.signed.parameters import Curve


class Form(StrEnum):
    DER = "DER"
    DER_INT = "DER-INT"
    RAW = "RAW"


_DER = Form.DER


class Refused(ValueError):
    """A signature that is not accepted; ``reason`` is ``V-SIG-ENCODING`` or ``V-SIG-RANGE``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Decoded(NamedTuple):
    """``der`` is the canonical DER of r and s, whatever form they were in."""

    r: int
    s: int
    form: Form
    der: bytes


def _frame(data: bytes) -> tuple[bytes, bytes, int] | None:
    """Contents of the two INTEGERs and the end of the SEQUENCE, lengths in their shortest form; ``None`` otherwise."""
    if len(data) < 8 or data[0] != 0x30:
        return None
    size, at = data[1], 2
    if size == 0x81:
        size, at = data[2], 3
        if size < 0x80:
            return None
    elif size > 0x7F:
        return None
    end = at + size
    if end > len(data) or size < 6 or data[at] != 2:
        return None
    first = at + 2 + data[at + 1]
    if data[at + 1] > 0x7F or first + 2 > end or data[first] != 2:
        return None
    second = first + 2 + data[first + 1]
    if data[first + 1] > 0x7F or second != end:
        return None
    return data[at + 2 : first], data[first + 2 : second], end


def usual(curve: Curve, data: bytes) -> Decoded | None:
    """What nearly all signatures are, canonical DER with short lengths and numbers in their range; else ``None``."""
    size = len(data)
    if not 8 <= size < 0x82 or data[0] != 0x30 or data[1] != size - 2 or data[2] != 2:
        return None
    middle = 4 + data[3]
    if not 5 < middle < size - 3 or data[middle] != 2 or data[middle + 1] != size - middle - 2:
        return None
    one, two = data[4], data[middle + 2]
    if one > 0x7F or (one == 0 and data[5] < 0x80) or two > 0x7F or (two == 0 and data[middle + 3] < 0x80):
        return None
    r, s = int.from_bytes(data[4:middle], "big"), int.from_bytes(data[middle + 2 :], "big")
    return Decoded(r, s, _DER, data) if 0 < r < curve.order and 0 < s < curve.order else None


def _canonical(content: bytes) -> bool:
    """A positive INTEGER in its shortest form (X.690, 8.3.2)."""
    return bool(content) and content[0] < 0x80 and (content[0] > 0 or len(content) == 1 or content[1] > 0x7F)


def _ranged(curve: Curve, r: int, s: int) -> None:
    order = curve.order
    if not (0 < r < order and 0 < s < order):
        raise Refused("V-SIG-RANGE", f"r or s lies outside 1..order-1 of {curve.name}")


def decode_der(curve: Curve, data: bytes) -> tuple[int, int]:
    """r and s of a canonical DER signature. Raises :class:`Refused` for anything else."""
    found = decode(curve, data, raw=False)
    if found.form is not Form.DER:
        raise Refused("V-SIG-ENCODING", "an INTEGER of the signature is not in its canonical form")
    return found.r, found.s


def decode(curve: Curve, data: bytes, *, der: bool = True, raw: bool = True) -> Decoded:
    """r and s of a signature, tried as DER, then DER-INT, then RAW where the length is that of two numbers.

    ``der`` and ``raw`` say which frames the format defines. Raises :class:`Refused`.
    """
    found = usual(curve, data) if der else None
    return decode_any(curve, data, der=der, raw=raw) if found is None else found


def decode_any(curve: Curve, data: bytes, *, der: bool = True, raw: bool = True) -> Decoded:
    """The same for signatures of any kind."""
    frame = _frame(data) if der else None
    if frame is not None and frame[2] == len(data):
        one, two, _ = frame
        r, s = int.from_bytes(one, "big"), int.from_bytes(two, "big")
        if _canonical(one) and _canonical(two):
            _ranged(curve, r, s)
            return Decoded(r, s, _DER, data)
        if 0 < len(one) <= curve.integer_bytes and 0 < len(two) <= curve.integer_bytes:
            _ranged(curve, r, s)
            return Decoded(r, s, Form.DER_INT, encode_signature(r, s))
    size = curve.order_bytes
    if raw and len(data) == 2 * size:
        r, s = int.from_bytes(data[:size], "big"), int.from_bytes(data[size:], "big")
        _ranged(curve, r, s)
        return Decoded(r, s, Form.RAW, encode_signature(r, s))
    raise Refused("V-SIG-ENCODING", f"{len(data)} bytes that are no signature on {curve.name} in an accepted encoding")


def without_trailing(curve: Curve, data: bytes) -> Decoded | None:
    """The signature that stands before trailing bytes, for the hint that it would verify without them."""
    frame = _frame(data)
    if frame is None or frame[2] >= len(data):
        return None
    try:
        return decode(curve, data[: frame[2]], raw=False)
    except Refused:
        return None
