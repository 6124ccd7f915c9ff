"""One BSM-WS36A snapshot written as the JSON object that Chargy reads, keys in the order of the maker's tool.

Source: BSM specification, 16. The reader is :mod:`.bsm_json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed.formats import bsm
from wattproof.signed.formats.bsm import CURRENT, FIELDS, Field, Kind, Value
from wattproof.signed.formats.bsm_json import OBIS, available, iso_time, tagged

CONTEXT = "https://www.chargeit-mobility.com/contexts/bsm-ws36a-json-v1"

_UNIT_NAMES = {bsm.WATT: "WATT", bsm.WATT_HOUR: "WATT_HOUR", bsm.MINUTE: "MINUTE", bsm.SECOND: "SECOND"}
_DISPLAYED = {"RCR": 2, "TotWhImp": 2, "W": 3}  # decimals behind the prefix kilo


@dataclass(frozen=True, slots=True)
class Meter:
    """The unsigned description of a meter in the file: firmware ``VrM, VrC``, manufacturer ``Mn``, type ``Md``."""

    public_key: bytes
    firmware_version: str
    manufacturer: str
    type: str


def write(registers: bytes | Sequence[int], meter: Meter, *, encoding: str = "ISO-8859-1") -> dict[str, Any]:
    """The snapshot object of 254 registers, keys in the order of the maker's tool.

    ``encoding`` (``ISO-8859-1`` or ``UTF-8``) is what the metadata were written in. Raises ``InvalidValue`` for a
    wrong number of registers or texts that are not in that encoding.
    """
    values = bsm.from_registers(registers)
    numbers = {name: available(name, value) for name, value in values.items()}
    texts = {name: _decoded(name, value, encoding) for name, value in values.items() if isinstance(value, bytes)}
    found: dict[str, Any] = {"@context": CONTEXT, "@id": f"{texts['MA1']}-{numbers['RCnt']}"}
    time = iso_time(numbers["Epoch"], numbers["TZO"])
    if time is not None:
        found["time"] = time
    found["meterInfo"] = {
        "firmwareVersion": meter.firmware_version,
        "publicKey": meter.public_key.hex(),
        "meterId": texts["MA1"],
        "manufacturer": meter.manufacturer,
        "type": meter.type,
    }
    found["contract"] = _contract(texts)
    found["measurementId"] = numbers["RCnt"]
    found["value"] = _value_object(FIELDS["RCR"], values["RCR"], texts, encoding)
    found["additionalValues"] = [_value_object(field, values[field.name], texts, encoding) for field in CURRENT]
    found["signature"] = bsm.signature(registers).hex()
    return found


def _decoded(name: str, value: bytes, encoding: str) -> str:
    try:
        return value.decode(encoding)
    except UnicodeDecodeError:
        raise InvalidValue(f"{name} is not written in {encoding}: name the encoding of the metadata") from None


def _contract(texts: dict[str, str]) -> dict[str, str | None] | None:
    rest = tagged(texts, "contract-id: ")
    if rest is None:
        return {"id": None}
    for kind in ("rfid", "sms"):
        if rest.startswith(f"{kind}:"):
            return {"id": rest[len(kind) + 1 :], "type": kind}
    return {"id": rest}


def _value_object(field: Field, value: Value | bytes, texts: dict[str, str], encoding: str) -> dict[str, Any]:
    measurand = {"name": field.name}
    if field.name in OBIS:
        measurand = {"id": OBIS[field.name], **measurand}
    measured: dict[str, Any]
    if isinstance(value, bytes):
        measured = {"value": texts[field.name], "valueType": "String", "valueEncoding": encoding}
    else:
        measured = {"scale": value.scale}
        if field.unit in _UNIT_NAMES:
            measured["unit"] = _UNIT_NAMES[field.unit]
        measured["unitEncoded"] = field.unit
        if (number := available(field.name, value)) is not None:
            measured["value"] = number
        measured["valueType"] = "Integer32" if field.kind is Kind.SIGNED else "UnsignedInteger32"
    found: dict[str, Any] = {"measurand": measurand, "measuredValue": measured}
    if field.name in _DISPLAYED:
        found["displayedFormat"] = {"prefix": "kilo", "precision": _DISPLAYED[field.name]}
    return found
