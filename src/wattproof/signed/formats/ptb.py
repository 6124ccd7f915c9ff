"""The PTB container, read and written: one charging session as two OCMF records, key and charge point beside them.

Source: specification of the verifier, 2.15.
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

from msgspec.structs import replace

from wattproof.signed.formats import enclosing, ocmf
from wattproof.signed.formats.enclosing import Repetitions
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.units import NO_CARRIER, Carrier, Item, stopped

CONTAINER = "PTB"
_RECORDS = {"ocmfBegin": enclosing.BEGIN, "ocmfEnd": enclosing.END}


def detect(document: Any) -> bool:
    """Whether a parsed JSON document is such a container."""
    if not isinstance(document, dict) or _RECORDS.keys().isdisjoint(document):
        return False
    name = document.get("format")
    named = type(name) is str and name.strip().lower() == "ptb"
    return all(key in document for key in _RECORDS) or named


def read(document: Any, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Item]:
    """Begin and end record; a record that is named but empty is a unit that says so."""
    keys = (*carrier.keys, *enclosing.key(document.get("publicKey"), "base64"))
    inside = replace(carrier, container=CONTAINER, keys=keys, label=ocmf.TOKEN, encoding=None)
    stated = [name for name in _RECORDS if document.get(name) is not None]
    repeated = Repetitions(document, ())
    items: list[Item] = []
    for name in stated or list(_RECORDS):
        findings = (*inside.findings, *repeated.findings(()))
        labelled = replace(inside, context=_RECORDS[name], findings=findings)
        content = enclosing.text(document.get(name))
        if content is None:
            items.append(
                stopped(ocmf.TOKEN, "F-EMPTY", "the record is missing or empty", carrier=labelled, where=f"/{name}")
            )
            continue
        then = partial(enclosing.mark, ambiguous=repeated.ambiguous(()))
        items.append(replace(enclosing.enclosed(content, labelled), then=then))
    return items


# --- writing --------------------------------------------------------------------------------------------------------


def write(begin: bytes, end: bytes, public_key: bytes, *, charge_box: str = "") -> bytes:
    """The container of two OCMF records (UTF-8) and their key (SubjectPublicKeyInfo, DER), as JSON text."""
    document = {
        "format": "ptb",
        "formatVersion": "1.0",
        "publicKey": base64.b64encode(public_key).decode("ascii"),
        "chargeboxIdentifier": charge_box,
        "ocmfBegin": begin.decode(),
        "ocmfEnd": end.decode(),
    }
    return (json.dumps(document, indent=2) + "\n").encode("ascii")
