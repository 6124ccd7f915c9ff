"""Charge transparency records written: sessions of EMH meters, of GDF meters, and of ChargePoint.

Source: specification of the verifier, 2.12 and 2.14. The reader is :mod:`.chargy`.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats import chargepoint_export, emh, emh_export
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.chargy import CONTEXT, GDF
from wattproof.signed.formats.edl import Block
from wattproof.signed.formats.emh_export import Reading
from wattproof.signed.formats.samples import Sample

CURVES = {emh.TOKEN: "secp192r1", GDF: "secp256r1"}
_SCHEMES = "https://open.charging.cloud/contexts/SessionSignatureFormats/"


def write(
    samples: Sequence[Sample],
    key: SigningKey,
    *,
    format: str = emh.TOKEN,
    serial: str = emh_export.SERIAL,
    user: str = "1F2D3A4F5506C7",
    identifier: str = "1",
    public_key: PublicKey | None = None,
    embed: bool = True,
    changes: Mapping[str, Any] | None = None,
) -> bytes:
    """One session of an EMH or GDF meter, begin first and end last; times are stated with the meter's offset.

    ``public_key`` stands beside the readings instead of the signer's, none without ``embed``; ``changes`` replace
    fields of the last reading after it was signed. Raises ``InvalidValue``.
    """
    public = common.on_curve(key, CURVES[format])
    beside = (public_key or public) if embed else None
    if format == emh.TOKEN:
        return session(emh_export.signed(samples, key, serial, user, changes), beside, identifier=identifier)
    found = []
    for position, sample in enumerate(samples):
        reading = emh_export.reading(sample, user=user, identified=samples[0].time)
        reading = replace(reading, meter=serial)
        signature = common.sign_raw(key, gdf_block(reading).encode())
        found.append((common.changed(reading, changes if position == len(samples) - 1 else None), signature))
    return session(found, beside, identifier=identifier, format=GDF)


def gdf_block(reading: Reading) -> Block:
    """What a GDF meter signs of a reading: its id as text, the user's as bytes. Raises ``InvalidValue``."""
    name = reading.meter.encode()
    try:
        user = bytes.fromhex(reading.contract)
    except ValueError:
        raise InvalidValue("the user of a GDF reading is hexadecimal") from None
    if not 0 < len(name) <= 10:
        raise InvalidValue("the id of a GDF meter has 1 to 10 bytes")
    return Block(
        server_id=name.ljust(10, b"\0"),
        timestamp=reading.time + 60 * reading.offset,
        status=0,
        second_index=0,
        pagination=0,
        value=reading.value,
        log=bytes(2),
        contract_id=user,
        contract_time=reading.contract_time + 60 * reading.offset if reading.contract_time else 0,
    )


def session(
    signed: Iterable[tuple[Reading, bytes]],
    public_key: PublicKey | None,
    *,
    identifier: str = "1",
    format: str = emh.TOKEN,
) -> bytes:
    """The record of one session from readings and their signatures (r and s side by side), and their key, if any."""
    found = list(signed)
    first, last = found[0][0], found[-1][0]
    stated: dict[str, Any] = {
        "@id": identifier,
        "@context": f"{_SCHEMES}{format}Crypt01+json",
        "begin": _iso(first.time, first.offset),
        "end": _iso(last.time, last.offset),
        "authorizationStart": {"@id": first.contract},
        "measurements": [
            {
                "energyMeterId": last.meter,
                "name": "ENERGY_TOTAL",
                "obis": "0100011100FF",
                "unit": "WATT_HOUR",
                "unitEncoded": 30,
                "scale": -1,
                "values": [_value(reading, signature, format) for reading, signature in found],
            }
        ],
    }
    if first.contract_time:
        stated["authorizationStart"]["timestamp"] = _iso(first.contract_time, first.offset)
    key = None if public_key is None else public_key.point
    return _document(identifier, stated, first.meter, key)


def write_chargepoint(
    stated: chargepoint_export.Session, signature: bytes, public_key: PublicKey | None, data: bytes | None = None
) -> bytes:
    """One session of ChargePoint with its signed file (that of ``stated`` if none is given) and signature (DER)."""
    data = chargepoint_export.record(stated) if data is None else data
    found = {
        "@id": str(stated.number),
        "@context": f"{_SCHEMES}ChargePointCrypt01+json",
        "original": base64.b64encode(data).decode("ascii"),
        "signature": signature.hex(),
    }
    return _document(str(stated.number), found, stated.meter, None if public_key is None else public_key.spki)


def _value(reading: Reading, signature: bytes, format: str) -> dict[str, Any]:
    text = signature.hex().upper()
    half = len(text) // 2
    found: dict[str, Any] = {"timestamp": _iso(reading.time, reading.offset), "value": str(reading.value)}
    if format == emh.TOKEN:
        found["infoStatus"] = f"{reading.status:02X}"
        found["secondsIndex"] = reading.second_index
        found["paginationId"] = f"{reading.page:08X}"
        found["logBookIndex"] = reading.log.hex().upper()
    found["signatures"] = [{"r": text[:half], "s": text[half:]}]
    return found


def _iso(seconds: int, offset: int) -> str:
    zone = datetime.timezone(datetime.timedelta(minutes=offset))
    return datetime.datetime.fromtimestamp(seconds, zone).isoformat()


def _document(identifier: str, session: dict[str, Any], meter: str, key: bytes | None) -> bytes:
    keys = [] if key is None else [{"format": "DER", "value": key.hex().upper()}]
    document = {
        "@id": identifier,
        "@context": CONTEXT,
        "chargingStationOperators": [
            {"chargingStations": [{"EVSEs": [{"meters": [{"@id": meter, "publicKeys": keys}]}]}]}
        ],
        "chargingSessions": [session],
    }
    return (json.dumps(document, indent=1) + "\n").encode("ascii")
