"""BER as ACSE uses it: one tag byte, a definite length, the content (ITU-T X.690)."""

from __future__ import annotations

from wattproof.errors import FrameError
from wattproof.wire.cosem.lengths import encode_length, take_counted

OCTET_STRING, INTEGER, OBJECT_IDENTIFIER = 0x04, 0x02, 0x06


def element(tag: int, content: bytes) -> bytes:
    """Tag, length, content."""
    return bytes((tag,)) + encode_length(len(content)) + content


def elements(content: bytes) -> list[tuple[int, bytes]]:
    """The elements that ``content`` consists of. Raises ``FrameError``: cut off, or a tag of more than one byte."""
    found = []
    at = 0
    while at < len(content):
        tag = content[at]
        if tag & 0x1F == 0x1F:
            raise FrameError(f"tag {tag:02X} of more than one byte at {at} of an ACSE APDU")
        value, at = take_counted(content, at + 1)
        found.append((tag, value))
    return found


def inner(tag: int, content: bytes, what: str) -> bytes:
    """The content of the one element that ``content`` is. Raises ``FrameError`` if its tag is another."""
    found = elements(content)
    if len(found) != 1 or found[0][0] != tag:
        raise FrameError(f"{what} should hold one element with tag {tag:02X}, not {content[:8].hex()}")
    return found[0][1]


def oid(content: bytes) -> str:
    """An object identifier in dots; ``?`` for what is none.

    >>> oid(bytes.fromhex("60857405080101"))
    '2.16.756.5.8.1.1'
    """
    arcs = []
    value = 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    if not arcs or value:
        return "?"
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
