"""How much of hostile input is read at all. Source: specification of the verifier, 0.4."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, nesting in levels, numbers in digits."""

    document: int = 32 * 1024 * 1024
    row: int = 1024 * 1024
    record: int = 1024 * 1024
    units: int = 100_000
    readings: int = 10_000
    json_depth: int = 32
    xml_depth: int = 64
    xml_elements: int = 500_000  # not in the specification: what 100 000 units need, so that memory stays bounded
    key: int = 64 * 1024
    sml_message: int = 64 * 1024
    sml_depth: int = 16
    sml_elements: int = 256
    digits: int = 40
    exponent: int = 30
    members: int = 10_000
    unpacked: int = 100 * 1024 * 1024
    ratio: int = 200
    nesting: int = 3
    pages: int = 500
    attachments: int = 100
    images: int = 200
    pixels: int = 50_000_000
    codes: int = 20


DEFAULT = Limits()
