"""ChargePoint records built and signed: the files of one charging session, with their names.

Source: specification of the verifier, 2.13. The reader is :mod:`.chargepoint`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed import curves
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.chargepoint import HASHES
from wattproof.signed.formats.chargepoint_files import SUFFIX
from wattproof.signed.formats.samples import Sample

NAME = "secrrct"
CURVES = tuple(HASHES)
SERIAL, STATION = "TEST000001", "0000b1000000aa00"


@dataclass(frozen=True, slots=True)
class Session:
    """What the record states. Readings in ``unit`` (kWh or Wh) as printed; times in Unix seconds."""

    meter: str
    begin: str
    end: str
    start: int
    stop: int
    station: str = STATION
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


def files(
    data: bytes, signature: bytes, public_key: PublicKey | None, *, station: str = STATION, outlet: int = 1
) -> dict[str, bytes]:
    """The files of a session by name: record, signature (DER), and the key as PEM, if any."""
    found = {NAME: data, NAME + SUFFIX: signature}
    if public_key is not None:
        lines = base64.encodebytes(public_key.spki).decode("ascii")
        text = f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n"
        found[f"{station.replace(':', '').lower()}_{outlet}.pem"] = text.encode("ascii")
    return found


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of files, the same bytes at any time."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        for name, data in files.items():
            packed.writestr(zipfile.ZipInfo(name), data)
    return target.getvalue()


def session(samples: Sequence[Sample], *, serial: str = SERIAL, user: str = "1F2D3A4F5506C7") -> Session:
    """What a record states about the first and the last of neutral readings."""
    first, last = samples[0], samples[-1]
    begin, end = (format(Decimal(sample.energy).scaleb(-3), "f") for sample in (first, last))
    return Session(serial, begin, end, first.time, last.time, number=first.page, driver=user)


def write(
    samples: Sequence[Sample],
    key: SigningKey,
    *,
    serial: str = SERIAL,
    user: str = "1F2D3A4F5506C7",
    public_key: PublicKey | None = None,
    embed: bool = True,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:
    """The files of one session. ``public_key`` stands beside it instead of the signer's, none without ``embed``.

    ``changes`` replace fields of :class:`Session` after it was signed. Raises ``InvalidValue``.
    """
    stated = session(samples, serial=serial, user=user)
    signature = sign(record(stated), key)
    stated = common.changed(stated, changes)
    beside = (public_key or curves.public_key(key)) if embed else None
    return files(record(stated), signature, beside, station=stated.station, outlet=stated.outlet)
