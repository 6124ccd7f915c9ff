"""Signed meter values written into messages of OCPP 1.6 and 2.0.1, as the calls that end a transaction.

Source: specification of the verifier, 2.17. The reader is :mod:`.ocpp`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from wattproof.signed.formats.safe_xml import END, Signed

_TIME = "2024-01-01T00:00:00Z"  # unsigned, and of no meaning


def write_16(records: Iterable[Signed], transaction: int = 1, *, time: str = _TIME) -> bytes:
    """The call ``StopTransaction`` of OCPP 1.6 with these records, as JSON text; the key stands beside the first."""
    values = [
        {
            "timestamp": time,
            "sampledValue": [
                {
                    "value": json.dumps(_object(record, with_key=position == 0)),
                    "format": "SignedData",
                    "context": record.context or END,
                }
            ],
        }
        for position, record in enumerate(records)
    ]
    payload = {"transactionId": transaction, "timestamp": time, "transactionData": values}
    return _call("StopTransaction", payload)


def write_201(records: Iterable[Signed], transaction: str = "1", *, time: str = _TIME) -> bytes:
    """The call ``TransactionEvent`` of OCPP 2.0.1 with these records, as JSON text; the key stands beside the first."""
    values = [
        {
            "timestamp": time,
            "sampledValue": [
                {
                    "value": 0,
                    "context": record.context or END,
                    "signedMeterValue": _object(record, with_key=position == 0),
                }
            ],
        }
        for position, record in enumerate(records)
    ]
    payload = {
        "eventType": "Ended",
        "timestamp": time,
        "triggerReason": "StopAuthorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": transaction},
        "meterValue": values,
    }
    return _call("TransactionEvent", payload)


def _object(record: Signed, *, with_key: bool) -> dict[str, str]:
    stated = with_key and record.public_key  # some formats hold their key themselves
    wrapped = f"oca:base16:asn1:{record.public_key.hex().upper()}".encode("ascii") if stated else b""
    return {
        "signedMeterData": base64.b64encode(record.record).decode("ascii"),
        "signingMethod": "",
        "encodingMethod": record.format,
        "publicKey": base64.b64encode(wrapped).decode("ascii"),
    }


def _call(action: str, payload: dict[str, Any]) -> bytes:
    return (json.dumps([2, "1", action, payload], indent=1) + "\n").encode("ascii")
