"""Binary coded decimal: two digits a byte, most significant first."""

from __future__ import annotations

from wattproof.errors import InvalidValue


def decode(data: bytes) -> int:
    """The number of packed digits. Raises ``InvalidValue`` if a nibble is no digit. Empty data is 0."""
    digits = data.hex()
    if not digits.isdecimal() and digits:
        raise InvalidValue(f"{digits} is not binary coded decimal")
    return int(digits or "0")


def encode(value: int, octets: int) -> bytes:
    """``value`` as ``octets`` bytes. Raises ``InvalidValue`` if it is negative or has too many digits."""
    digits = f"{value:0{2 * octets}d}" if octets or value else ""
    if value < 0 or len(digits) > 2 * octets:
        raise InvalidValue(f"{value} does not fit into {2 * octets} decimal digits")
    return bytes.fromhex(digits)
