"""EMH readings signed and written into the JSON container of chargeIT.

Source: specification of the verifier, 2.9 and 2.11. The reader is :mod:`.emh`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed import curves
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.edl import Block
from wattproof.signed.formats.samples import Sample

CURVES = ("secp192r1",)
SERIAL = "0901454D480000000001"


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


def reading(
    sample: Sample, *, serial: str = SERIAL, user: str = "1F2D3A4F5506C7", identified: int | None = None
) -> Reading:
    """A neutral reading as this meter states it. ``identified``: when the user was. Raises ``InvalidValue``."""
    common.server_id(serial)
    return Reading(
        serial,
        sample.page,
        sample.counter(-1),
        sample.time,
        user,
        sample.time if identified is None else identified,
        sample.offset,
        sample.second_index,
    )


def value(reading: Reading, signature: bytes, public_key: PublicKey | None) -> dict[str, Any]:
    """The object of the container for a reading, its signature (r and s side by side), and its key, if any."""
    contract: dict[str, Any] = {"id": reading.contract, "type": "RFID_TAG_ID"}
    if reading.contract_time:
        contract["timestampLocal"] = _local(reading.contract_time, reading.offset)
    meter = {"firmwareVersion": "1.0", "meterId": reading.meter, "type": "eHZ", "manufacturer": "EMH"}
    if public_key is not None:
        meter["publicKey"] = common.coordinates(public_key).hex().upper()
    return {
        "timestamp": reading.time,
        "meterInfo": meter,
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
        "signature": signature.hex().upper(),
    }


def _local(seconds: int, offset: int) -> dict[str, int]:
    return {"timestamp": seconds, "localOffset": offset, "seasonOffset": 0}


def file(values: Iterable[dict[str, Any]], *, evse: str = "DE*TST*E0001*1") -> bytes:
    """The container of such objects, begin first and end last, as JSON text."""
    document = {
        "placeInfo": {
            "geoLocation": {"lat": 0.0, "lon": 0.0},
            "address": {"street": "", "town": "", "zipCode": ""},
            "evseId": evse,
        },
        "signedMeterValues": list(values),
    }
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


def signed(
    samples: Sequence[Sample], key: SigningKey, serial: str, user: str, changes: Mapping[str, Any] | None = None
) -> Iterator[tuple[Reading, bytes]]:
    """Readings and their signatures; ``changes`` replace fields of the last one after it was signed."""
    common.on_curve(key, *CURVES)
    for position, sample in enumerate(samples):
        found = reading(sample, serial=serial, user=user, identified=samples[0].time)
        try:
            signature = common.sign_raw(key, found.block.encode())
        except ValueError as error:
            raise InvalidValue(str(error)) from None
        yield common.changed(found, changes if position == len(samples) - 1 else None), signature


def write(
    samples: Sequence[Sample],
    key: SigningKey,
    *,
    serial: str = SERIAL,
    user: str = "1F2D3A4F5506C7",
    public_key: PublicKey | None = None,
    embed: bool = True,
    changes: Mapping[str, Any] | None = None,
) -> bytes:
    """The container of these readings. ``public_key`` stands in it instead of the signer's, none without ``embed``.

    ``changes`` replace fields of the last reading after it was signed. Raises ``InvalidValue``.
    """
    beside = (public_key or curves.public_key(key)) if embed else None
    return file(value(found, signature, beside) for found, signature in signed(samples, key, serial, user, changes))
