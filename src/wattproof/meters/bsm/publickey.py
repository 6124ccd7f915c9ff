"""The public key of a BSM in the four forms that the maker's tool shows.

Source: specification of the BSM, sections 14 and 29; SEC 1, 2.3.3 for the point formats.
"""

from __future__ import annotations

from wattproof.errors import InvalidValue, ProtocolError
from wattproof.meters.bsm.enums import KeyFormat
from wattproof.signed.curves import PublicKey
from wattproof.signed.keys import decode

#: What the front code writes before the key.
CODE_PREFIX = "AC"


def key_of(der: bytes) -> PublicKey:
    """The key of a SubjectPublicKeyInfo. Raises :class:`~wattproof.errors.ProtocolError` if it is none."""
    found = decode(der)
    if not isinstance(found.key, PublicKey):
        raise ProtocolError(f"the meter's public key is unreadable ({found.reason}): {der.hex() or 'empty'}")
    return found.key


def key_bytes(der: bytes, form: KeyFormat) -> bytes:
    """The key in the wanted form: DER as it is, or the bare coordinates in one of three ways."""
    if form is KeyFormat.DER:
        return der
    point = key_of(der).point
    size = len(point) // 2
    forms = {
        KeyFormat.RAW: point[1:],
        KeyFormat.SEC1_UNCOMPRESSED: point,
        KeyFormat.SEC1_COMPRESSED: bytes((2 + (point[-1] & 1),)) + point[1 : 1 + size],
    }
    return forms[form]


def key_format(text: str) -> KeyFormat:
    """The form of this name. Raises :class:`~wattproof.errors.InvalidValue`."""
    try:
        return KeyFormat(text.lower())
    except ValueError:
        raise InvalidValue(f"no key format {text!r}: take one of {', '.join(KeyFormat)}") from None


def front_code(der: bytes) -> str:
    """The text of the machine-readable code on the meter's front: ``AC`` and the key in hexadecimal."""
    return CODE_PREFIX + der.hex()
