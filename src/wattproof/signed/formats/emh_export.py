"""EMH readings signed and written into the JSON container of chargeIT.

Source: specification of the verifier, 2.9 and 2.11. The reader is :mod:`.emh`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed import curves
from wattproof.signed.curves import SigningKey
from wattproof.signed.encoding import decode_der
from wattproof.signed.formats.edl import Block

CURVE = "secp192r1"


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. ``meter`` are 20 hexadecimal digits, ``value`` counts tenths of a watt hour, times are UTC seconds.

    ``offset`` are the minutes that the meter's clock stands before UTC; ``log`` is the index of its log book.
    """

    meter: str
    page: int
    value: int
    time: int
    contract: str = "04A1B2C3D4E5F6"
    contract_time: int = 0
    offset: int = 60
    second_index: int = 0
    status: int = 0x08
    log: bytes = b"\0\4"

    @property
    def block(self) -> Block:
        """What is signed of it. Raises ``ValueError`` for a meter that is not hexadecimal."""
        return Block(
            server_id=bytes.fromhex(self.meter),
            timestamp=self.time + 60 * self.offset,
            status=self.status,
            second_index=self.second_index,
            pagination=self.page,
            value=self.value,
            log=self.log,
            contract_id=self.contract.encode(),
            contract_time=self.contract_time + 60 * self.offset if self.contract_time else 0,
        )


def sign(block: bytes, key: SigningKey, curve: str = CURVE) -> bytes:
    """r and s side by side over a block. Raises ``InvalidValue`` for a key on another curve."""
    public = curves.public_key(key)
    if public.curve.name != curve:
        raise InvalidValue(f"these readings are signed on {curve}, this key lies on {public.curve.name}")
    r, s = decode_der(public.curve, curves.sign_digest(key, hashlib.sha256(block).digest()))
    size = public.curve.order_bytes
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def value(reading: Reading, key: SigningKey) -> dict[str, Any]:
    """The signed value of a reading, as an object of the container."""
    contract: dict[str, Any] = {"id": reading.contract, "type": "RFID_TAG_ID"}
    if reading.contract_time:
        contract["timestampLocal"] = _local(reading.contract_time, reading.offset)
    return {
        "timestamp": reading.time,
        "meterInfo": {
            "firmwareVersion": "1.0",
            "publicKey": curves.public_key(key).point[1:].hex().upper(),
            "meterId": reading.meter,
            "type": "eHZ",
            "manufacturer": "EMH",
        },
        "contract": contract,
        "measurementId": f"{reading.page:08X}",
        "measuredValue": {
            "timestampLocal": _local(reading.time, reading.offset),
            "value": str(reading.value),
            "unit": "WATT_HOUR",
            "unitEncoded": 30,
            "scale": -1,
            "valueType": "Integer64",
        },
        "measurand": {"id": "0100011100FF", "name": "ENERGY_TOTAL"},
        "additionalInfo": {
            "indexes": {"timer": reading.second_index, "logBook": reading.log.hex().upper()},
            "status": f"{reading.status:02X}",
        },
        "signature": sign(reading.block.encode(), key).hex().upper(),
    }


def _local(seconds: int, offset: int) -> dict[str, int]:
    return {"timestamp": seconds, "localOffset": offset, "seasonOffset": 0}


def write(readings: Iterable[Reading], key: SigningKey, *, evse: str = "DE*TST*E0001*1") -> bytes:
    """The container of these readings, begin first and end last, as JSON text."""
    document = {
        "placeInfo": {
            "geoLocation": {"lat": 0.0, "lon": 0.0},
            "address": {"street": "", "town": "", "zipCode": ""},
            "evseId": evse,
        },
        "signedMeterValues": [value(reading, key) for reading in readings],
    }
    return (json.dumps(document, indent=1) + "\n").encode("ascii")
