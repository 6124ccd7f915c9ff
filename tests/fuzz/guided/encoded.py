"""Octets that stand as text in a file, octets changed as such, and SML telegrams whose check sums are made right."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from random import Random

from wattproof.signed.formats import sml, sml_export
from wattproof.signed.formats.sml import SmlProblem
from wattproof.signed.limits import DEFAULT

#: What may be octets in hexadecimal, Base64 or Base32.
TOKEN = re.compile(rb"[A-Za-z0-9+/=_-]{16,}")
ENCODINGS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "hex": (binascii.unhexlify, binascii.hexlify),
    "HEX": (binascii.unhexlify, lambda data: binascii.hexlify(data).upper()),
    "base64": (lambda text: base64.b64decode(text, validate=True), base64.b64encode),
    "base32": (base64.b32decode, base64.b32encode),
}


def readings_of(token: bytes) -> list[tuple[str, bytes]]:
    """What a piece of text means in each encoding that gives the same text again."""
    found = []
    for name, (decode, encode) in ENCODINGS.items():
        try:
            data = decode(token)
        except ValueError:
            continue
        if encode(data) == token:
            found.append((name, data))
    return found


def octets(data: bytes, source: Random) -> bytes:
    """Octets with one change: a bit, a byte, a number of several bytes, a piece moved."""
    if not data:
        return b"\0"
    changed, at = bytearray(data), source.randrange(len(data))
    kind = source.randrange(5)
    if kind == 0:
        changed[at] ^= 1 << source.randrange(8)
    elif kind == 1:
        changed[at] = source.choice((0, 1, 0x1B, 0x7F, 0x80, 0xFF))
    elif kind == 2:
        size = source.choice((2, 4, 8))
        changed[at : at + size] = source.choice((b"\0", b"\xff", b"\x80")) * min(size, len(data) - at)
    elif kind == 3:
        other = source.randrange(len(data))
        changed[at : at + 8] = data[other : other + 8]
    else:
        changed[at:at] = data[at : at + source.randrange(1, 20)]
    return bytes(changed)


def repaired_telegram(data: bytes) -> bytes:
    """A telegram whose check sums are right. Raises ``ValueError`` if its messages cannot be found."""
    end = data.rfind(sml.ESCAPE + b"\x1a")
    if not data.startswith(sml.START) or end < 0:
        raise ValueError("no telegram")
    content = data[len(sml.START) : end].replace(sml.ESCAPE * 2, sml.ESCAPE)
    reader = sml._Reader(content, DEFAULT)
    messages = b""
    try:
        while reader.at < len(content) and content[reader.at] == 0x76:
            start = reader.at
            reader.at += 1
            for _ in range(4):
                reader.element(2)
            covered = content[start : reader.at]
            reader.element(2)
            reader.at += 1
            messages += covered + b"\x63" + sml.crc(covered).to_bytes(2, "little") + b"\0"
    except (SmlProblem, RecursionError):
        pass
    if not messages:
        raise ValueError("no message")
    return sml_export.telegram(messages)


def repaired(data: bytes) -> bytes:
    """Every telegram in it, bare or encoded, with right check sums."""
    if data.startswith(sml.START):
        try:
            return repaired_telegram(data)
        except ValueError:
            return data

    def again(match: re.Match[bytes]) -> bytes:
        for name, inner in readings_of(match[0]):
            if inner.startswith(sml.START):
                try:
                    return ENCODINGS[name][1](repaired_telegram(inner))
                except ValueError:
                    break
        return match[0]

    return TOKEN.sub(again, data)
