"""The little of DER (X.690) that keys need: single-byte tags, definite lengths in their shortest form."""

from __future__ import annotations


def element(tag: int, content: bytes) -> bytes:
    """One element with the shortest length form."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return element(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def elements(data: bytes) -> list[tuple[int, bytes]] | None:
    """Tags and contents of the elements that follow each other in ``data``; ``None`` unless they fill it exactly."""
    found = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            return None
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            digits = data[at : at + count]
            if not 0 < count <= 4 or len(digits) < count or digits[0] == 0:
                return None
            size = int.from_bytes(digits, "big")
            at += count
            if size < 0x80:
                return None
        if at + size > len(data):
            return None
        found.append((tag, data[at : at + size]))
        at += size
    return found


def sequence(data: bytes) -> list[tuple[int, bytes]] | None:
    """The elements of the one SEQUENCE that ``data`` is, else ``None``."""
    outer = elements(data) if data[:1] == b"\x30" else None
    return elements(outer[0][1]) if outer is not None and len(outer) == 1 else None
