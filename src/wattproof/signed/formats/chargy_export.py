"""Charge transparency records written: sessions of EMH meters and of ChargePoint.

Source: specification of the verifier, 2.14. The reader is :mod:`.chargy`.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Sequence
from typing import Any

from wattproof.signed import curves
from wattproof.signed.curves import SigningKey
from wattproof.signed.formats import chargepoint_export, emh_export
from wattproof.signed.formats.chargy import CONTEXT
from wattproof.signed.formats.emh_export import Reading

_SCHEMES = "https://open.charging.cloud/contexts/SessionSignatureFormats/"


def write_emh(readings: Sequence[Reading], key: SigningKey, *, identifier: str = "1") -> bytes:
    """One session of an EMH meter, begin first and end last; the times are stated with the meter's offset."""
    first = readings[0]
    session: dict[str, Any] = {
        "@id": identifier,
        "@context": f"{_SCHEMES}EMHCrypt01+json",
        "begin": _iso(first.time, first.offset),
        "end": _iso(readings[-1].time, readings[-1].offset),
        "authorizationStart": {"@id": first.contract},
        "measurements": [
            {
                "energyMeterId": first.meter,
                "name": "ENERGY_TOTAL",
                "obis": "0100011100FF",
                "unit": "WATT_HOUR",
                "unitEncoded": 30,
                "scale": -1,
                "values": [_value(reading, key) for reading in readings],
            }
        ],
    }
    if first.contract_time:
        session["authorizationStart"]["timestamp"] = _iso(first.contract_time, first.offset)
    return _document(identifier, session, first.meter, key)


def write_chargepoint(session: chargepoint_export.Session, key: SigningKey) -> bytes:
    """One session of ChargePoint with its signed file."""
    data = chargepoint_export.record(session)
    stated = {
        "@id": str(session.number),
        "@context": f"{_SCHEMES}ChargePointCrypt01+json",
        "original": base64.b64encode(data).decode("ascii"),
        "signature": chargepoint_export.sign(data, key).hex(),
    }
    return _document(str(session.number), stated, session.meter, key)


def _value(reading: Reading, key: SigningKey) -> dict[str, Any]:
    signature = emh_export.sign(reading.block.encode(), key).hex().upper()
    half = len(signature) // 2
    return {
        "timestamp": _iso(reading.time, reading.offset),
        "value": str(reading.value),
        "infoStatus": f"{reading.status:02X}",
        "secondsIndex": reading.second_index,
        "paginationId": f"{reading.page:08X}",
        "logBookIndex": reading.log.hex().upper(),
        "signatures": [{"r": signature[:half], "s": signature[half:]}],
    }


def _iso(seconds: int, offset: int) -> str:
    zone = datetime.timezone(datetime.timedelta(minutes=offset))
    return datetime.datetime.fromtimestamp(seconds, zone).isoformat()


def _document(identifier: str, session: dict[str, Any], meter: str, key: SigningKey) -> bytes:
    public = curves.public_key(key)
    stated = {"algorithm": public.curve.name, "format": "DER", "value": public.point.hex().upper()}
    if "original" in session:
        stated["value"] = public.spki.hex().upper()
    document = {
        "@id": identifier,
        "@context": CONTEXT,
        "chargingStationOperators": [
            {"chargingStations": [{"EVSEs": [{"meters": [{"@id": meter, "publicKeys": [stated]}]}]}]}
        ],
        "chargingSessions": [session],
    }
    return (json.dumps(document, indent=1) + "\n").encode("ascii")
