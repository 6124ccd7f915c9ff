"""The charging-station JSON container of chargeIT, which Chargy reads: one charging session, read and written.

Its signed values are BSM snapshots (:mod:`.bsm_json`), ALFEN lines or EMH readings; everything around them is
unsigned. Sources: specification of the verifier, 2.9; BSM specification, 16.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any

from msgspec.structs import replace

from wattproof.signed import jsonscan
from wattproof.signed.formats import bsm_json, emh, enclosing
from wattproof.signed.formats.bsm_json import Surroundings
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.units import NO_CARRIER, Carrier, Enclosed, Item, Unit, stopped

CONTAINER = "chargeIT-JSON"
CONTEXT = "https://www.chargeit-mobility.com/contexts/charging-station-json-v1"
_CONTEXTS = re.compile(
    r"https://(?:[a-z0-9-]+\.)*(?:chargeit-mobility\.com|lichtblick\.de|eneco\.com)/contexts/charging-station-json-v",
    re.IGNORECASE,
)
_SNAPSHOT = re.compile(r"bsm-ws36a-json-v[01]", re.IGNORECASE)


def detect(document: Any) -> bool:
    """Whether a parsed JSON document is such a container."""
    if not isinstance(document, dict) or not isinstance(document.get("signedMeterValues"), list):
        return False
    context = document.get("@context")
    return "placeInfo" in document if context is None else type(context) is str and bool(_CONTEXTS.match(context))


def read(document: Any, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Item]:
    """Every signed value of the container, in file order; at least one item, and never an exception for bad content."""
    name = document.get("@id")
    inside = replace(carrier, container=CONTAINER, session=name if type(name) is str else carrier.session)
    values = document["signedMeterValues"]
    if not values:
        return [stopped("unknown", "F-EMPTY", "the container holds no signed value", carrier=inside)]
    if len(values) > limits.units:
        return [stopped("unknown", "F-SIZE", f"{len(values)} signed values in one document", carrier=inside)]
    surroundings = _surroundings(document)
    items = [
        _item(value, inside, surroundings, f"/signedMeterValues/{position}") for position, value in enumerate(values)
    ]
    emh.place([item if isinstance(item, Unit) and item.record.format == emh.TOKEN else None for item in items])
    return _note_repeated(document, items)


def _note_repeated(document: dict[str, Any], items: list[Item]) -> list[Item]:
    """Keys that occur more than once: those of a value at its record, those around the values at the first one.

    A repeated key around the values makes every record ambiguous, for which one path is enough.
    """
    around = jsonscan.Repeated(document, signedMeterValues=None)
    around.keys_repeated = getattr(document, "keys_repeated", ())
    shared = [jsonscan.path_text(path) for path in islice(jsonscan.repeated_keys(around), 1)]
    first = jsonscan.repeated_findings(jsonscan.repeated_keys(around))
    noted: list[Item] = []
    for position, item in enumerate(items):
        value, where = document["signedMeterValues"][position], f"/signedMeterValues/{position}/"
        findings = [*first, *jsonscan.repeated_findings(jsonscan.repeated_keys(value), where)]
        first = []
        own = islice(jsonscan.repeated_keys(value), jsonscan.MOST_REPEATED)
        ambiguous = [*shared, *(where + jsonscan.path_text(path) for path in own)]
        if isinstance(item, Unit):
            item.record.findings += findings
            item.record.ambiguous = ambiguous
        else:
            carrier = replace(item.carrier, findings=(*item.carrier.findings, *findings))
            item = replace(item, carrier=carrier, then=partial(enclosing.mark, ambiguous=ambiguous))
        noted.append(item)
    return noted


def _surroundings(document: dict[str, Any]) -> Surroundings:
    point = document.get("chargePointInfo")
    place = document.get("placeInfo")
    station = document.get("chargingStationInfo")
    evse = None
    for holder in (point, place):
        if isinstance(holder, dict) and type(holder.get("evseId")) is str:
            evse = evse or holder["evseId"]
    version = station.get("controllerSoftwareVersion") if isinstance(station, dict) else None
    return Surroundings(evse, version if type(version) is str else None)


def _item(value: Any, inside: Carrier, surroundings: Surroundings, where: str) -> Item:
    if not isinstance(value, dict):
        return stopped("unknown", "F-FORMAT", "the signed value is no object", carrier=inside, where=where)
    context, label = value.get("@context"), value.get("format")
    if type(context) is str and _SNAPSHOT.search(context):
        return bsm_json.read(value, inside, surroundings, where)
    if any(type(text) is str and text.startswith("ALFEN") for text in (context, label)):
        payload = value.get("payload")
        if type(payload) is not str or not payload.strip():
            return stopped("ALFEN", "F-EMPTY", "the payload is missing or empty", carrier=inside, where=where)
        return Enclosed(jsonscan.whole(payload).encode(), replace(inside, label="ALFEN"))
    return emh.read(value, inside, where)


# --- writing --------------------------------------------------------------------------------------------------------


def charge_point(
    evse_id: str, *, street: str = "", town: str = "", zip_code: str = "", latitude: float = 0.0, longitude: float = 0.0
) -> dict[str, Any]:
    """``chargePointInfo`` of a file: where the charge point stands, and its EVSE id."""
    return {
        "placeInfo": {
            "geoLocation": {"lat": latitude, "lon": longitude},
            "address": {"street": street, "town": town, "zipCode": zip_code},
        },
        "evseId": evse_id,
    }


def station(
    manufacturer: str,
    type: str,
    *,
    serial_number: str | None = None,
    controller_software_version: str | None = None,
    compliance: str | None = None,
) -> dict[str, Any]:
    """``chargingStationInfo`` of a file; parts that are ``None`` are left out."""
    found = {
        "manufacturer": manufacturer,
        "type": type,
        "serialNumber": serial_number,
        "controllerSoftwareVersion": controller_software_version,
        "compliance": compliance,
    }
    return {key: value for key, value in found.items() if value is not None}


def write(
    snapshots: Iterable[dict[str, Any]],
    *,
    identifier: str,
    charge_point: dict[str, Any],
    station: dict[str, Any],
) -> bytes:
    """The container of snapshot objects (:func:`.bsm_json.write`), begin first and end last, as JSON text.

    ``identifier`` names the charging process and must be unique, such as a UUID.
    """
    document = {
        "@context": CONTEXT,
        "@id": identifier,
        "chargePointInfo": charge_point,
        "chargingStationInfo": station,
        "signedMeterValues": list(snapshots),
    }
    return (json.dumps(document, indent=2) + "\n").encode("ascii")
