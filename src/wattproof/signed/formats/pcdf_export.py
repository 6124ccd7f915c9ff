"""A PCDF line, written. The reader is :mod:`.pcdf`; source: specification of the verifier, 2.8."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal

from wattproof.errors import InvalidValue
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.pcdf import HEAD, ORDER
from wattproof.signed.formats.samples import Sample

CURVES = ("secp256r1",)
SERIAL = "TEST0000001"
_LONGEST = 10_000  # kWh that four digits hold


def fields(
    samples: Sequence[Sample],
    public_key: PublicKey | None,
    *,
    serial: str = SERIAL,
    user: str = "1F2D3A4F5506C7",
    session: str = "1",
) -> dict[str, str]:
    """The signed fields of a session from its first to its last reading. ``serial`` is HW. Raises ``InvalidValue``."""
    first, last = samples[0], samples[-1]
    seconds = last.time - first.time
    energy = Decimal(last.counter(0) - first.counter(0)).scaleb(-3)
    if len(serial) != 11 or any(character in serial for character in "()"):
        raise InvalidValue(f"{serial!r} are not the 11 characters of HW, without brackets")
    if not (0 <= energy < _LONGEST and 0 <= seconds < 100 * 3600):
        raise InvalidValue("a PCDF session has less than 10,000 kWh in less than 100 hours, and runs forward")
    values = {
        "ST": _stamp(first.time),
        "CT": _stamp(last.time),
        "CD": f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}",
        "TV": "1",
        "BV": "1",
        "CSC": str(last.page),
        "SP": "1",
        "RV": f"{energy:08.3f}*kWh",
        "SI": f"{user}*1*{session}",
        "CS": "513f627b",
        "HW": serial,
        "DT": "0",
        "PK": public_key.point.hex() if public_key is not None else "",
    }
    return {name: values[name] for name in ORDER}


def _stamp(seconds: int) -> str:
    return time.strftime("%y%m%d%H%M%S", time.gmtime(seconds))


def signed(values: Mapping[str, str]) -> bytes:
    """Exactly the bytes that are signed."""
    return HEAD + "".join(f"({name}:{value})" for name, value in values.items()).encode()


def line(values: Mapping[str, str], signature: bytes) -> bytes:
    """The line of its fields and a DER signature."""
    return signed(values) + f"(SG:{signature.hex()})\n".encode("ascii")


def write(
    samples: Sequence[Sample],
    key: SigningKey,
    *,
    serial: str = SERIAL,
    user: str = "1F2D3A4F5506C7",
    session: str = "1",
    public_key: PublicKey | None = None,
    embed: bool = True,
    changes: Mapping[str, str] | None = None,
) -> bytes:
    """One line for the session of the readings, first to last.

    ``public_key`` stands in it instead of the signer's, none without ``embed``; ``changes`` replace fields after
    signing. Raises ``InvalidValue``.
    """
    public = common.on_curve(key, *CURVES)
    values = fields(samples, (public_key or public) if embed else None, serial=serial, user=user, session=session)
    signature = common.sign_der(key, signed(values))
    return line({**values, **(changes or {})}, signature)
