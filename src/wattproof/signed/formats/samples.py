"""What the writers of record formats are given: readings without a format, and a key.

Every ``*_export`` module of the binary and text formats has ``write(samples, key, ...)``; records are signed by
RFC 6979, so equal input gives equal bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from wattproof.errors import InvalidValue
from wattproof.signed import curves
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.encoding import decode
from wattproof.signed.records import Moment

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of a session. ``energy`` in Wh, ``time`` in Unix seconds, ``offset`` in minutes east of UTC."""

    moment: Moment
    energy: Decimal | int
    time: int
    page: int
    offset: int = 60
    second_index: int = 100_000

    def counter(self, scaler: int) -> int:
        """The reading in steps of ``10**scaler`` Wh. Raises ``InvalidValue`` if it has smaller digits."""
        steps = Decimal(self.energy).scaleb(-scaler)
        if steps != steps.to_integral_value():
            raise InvalidValue(f"{self.energy} Wh is no multiple of 10^{scaler} Wh: round it first")
        return int(steps)

    @property
    def local(self) -> int:
        """Local seconds as the EDL family signs them."""
        return self.time + 60 * self.offset


def sign_raw(key: SigningKey, signed: bytes) -> bytes:
    """r and s side by side, of the SHA-256 of ``signed``."""
    curve = curves.public_key(key).curve
    parts = decode(curve, sign_der(key, signed))
    size = curve.order_bytes
    return parts.r.to_bytes(size, "big") + parts.s.to_bytes(size, "big")


def sign_der(key: SigningKey, signed: bytes) -> bytes:
    """The DER signature of the SHA-256 of ``signed``."""
    return curves.sign_digest(key, hashlib.sha256(signed).digest())


def on_curve(key: SigningKey, *names: str) -> PublicKey:
    """The public half of a key that must lie on one of the curves. Raises ``InvalidValue``."""
    public = curves.public_key(key)
    if public.curve.name not in names:
        raise InvalidValue(f"this format is signed on {' or '.join(names)}, the key lies on {public.curve.name}")
    return public


def coordinates(key: PublicKey | None) -> bytes:
    """X and Y side by side; nothing without a key."""
    return b"" if key is None else key.point[1:]


def changed(record: T, fields: Mapping[str, Any] | None) -> T:
    """The record with other values in some fields, which its signature does not know."""
    return replace(record, **fields) if fields else record  # type: ignore[type-var]


def server_id(text: str) -> bytes:
    """Ten bytes of an identity in hexadecimal. Raises ``InvalidValue``."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 10:
        raise InvalidValue(f"{text!r} are not the 20 hexadecimal digits of a meter or adapter id")
    return found
