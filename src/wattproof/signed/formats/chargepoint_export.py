"""ChargePoint records built and signed: the files of one charging session, with their names.

Source: specification of the verifier, 2.13. The reader is :mod:`.chargepoint`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal

from wattproof.errors import InvalidValue
from wattproof.signed import curves
from wattproof.signed.curves import SigningKey
from wattproof.signed.formats.chargepoint import HASHES
from wattproof.signed.formats.chargepoint_files import SUFFIX

NAME = "secrrct"


@dataclass(frozen=True, slots=True)
class Session:
    """What the record states. Readings in ``unit`` (kWh or Wh) as printed; times in Unix seconds."""

    meter: str
    begin: str
    end: str
    start: int
    stop: int
    station: str = "0000b1000000aa00"
    outlet: int = 1
    number: int = 1
    driver: str = "test-driver"
    unit: str = "kWh"


def record(session: Session) -> bytes:
    """The file that is signed: JSON, numbers as given. Raises ``InvalidValue`` for a reading that is no number."""
    try:
        begin, end = Decimal(session.begin), Decimal(session.end)
    except ArithmeticError:
        raise InvalidValue(f"readings are decimal numbers, not {session.begin!r} and {session.end!r}") from None
    fields: dict[str, str | int | Decimal] = {
        "outlet": session.outlet,
        "session_id": session.number,
        "station_mac": session.station,
        "driver_info": session.driver,
        "meter_serial": session.meter,
        "meter_startreading": begin,
        "meter_endreading": end,
        "total_energy": end - begin,
        "energy_units": session.unit,
        "start_time": session.start,
        "end_time": session.stop,
    }
    lines = (f" {json.dumps(name)}: {_written(value)}" for name, value in fields.items())
    return ("{\n" + ",\n".join(lines) + "\n}").encode("ascii")


def _written(value: str | int | Decimal) -> str:
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def sign(data: bytes, key: SigningKey) -> bytes:
    """The signature file of a record: DER. The curve decides the hash; ``InvalidValue`` for one not in use here."""
    name = curves.public_key(key).curve.name
    if name not in HASHES:
        raise InvalidValue(f"{name} signs no ChargePoint record: take one of {', '.join(HASHES)}")
    return curves.sign_digest(key, hashlib.new(HASHES[name], data).digest())


def files(session: Session, key: SigningKey) -> dict[str, bytes]:
    """The three files of a session by name: record, signature, public key as PEM."""
    data = record(session)
    lines = base64.encodebytes(curves.spki(key)).decode("ascii")
    station = session.station.replace(":", "").lower()
    return {
        NAME: data,
        NAME + SUFFIX: sign(data, key),
        f"{station}_{session.outlet}.pem": f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n".encode(
            "ascii"
        ),
    }
