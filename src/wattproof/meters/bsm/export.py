"""Writing the snapshots of a session: transparency XML, OCMF, Chargy JSON, and everything as JSON.

Source: specification of the BSM, sections 15 to 17 and 29.
"""

from __future__ import annotations

import json
import uuid

from wattproof.drivers.charging import NO_STATION, Format, Station
from wattproof.errors import InvalidValue
from wattproof.meters.bsm.session import EVSE_TAG, SessionRecord
from wattproof.meters.bsm.taken import Snapshot
from wattproof.signed.formats import bsm_export, chargeit, safe_xml
from wattproof.version import __version__

BEGIN, END = "Transaction.Begin", "Transaction.End"
SOFTWARE_TAG = "csc-sw-version: "


def _pair(record: SessionRecord, what: str) -> tuple[Snapshot, Snapshot]:
    if record.begin is None or record.end is None:
        missing = "begin" if record.begin is None else "end"
        raise InvalidValue(f"{what} needs a begin and an end record; the {missing} is missing: write json instead")
    return record.begin, record.end


def _text(taken: Snapshot, what: str) -> bytes:
    if taken.ocmf is None:
        raise InvalidValue(
            f"{what} needs OCMF texts; the {taken.kind.word} snapshot T{taken.counter} has none: write chargy or json"
        )
    return taken.ocmf


def safe_xml_document(record: SessionRecord, station: Station = NO_STATION) -> bytes:
    """Transparency XML of begin and end. Raises :class:`~wattproof.errors.InvalidValue` if one is missing."""
    begin, end = _pair(record, "safe-xml")
    return safe_xml.write(
        [
            safe_xml.Signed(_text(taken, "safe-xml"), context, taken.meter.public_key or b"")
            for taken, context in ((begin, BEGIN), (end, END))
        ]
    )


def ocmf_document(record: SessionRecord, station: Station = NO_STATION) -> bytes:
    """The two OCMF texts as the meter wrote them, one a line, begin first."""
    return b"".join(_text(taken, "ocmf") + b"\n" for taken in _pair(record, "ocmf"))


def chargy_document(record: SessionRecord, station: Station = NO_STATION) -> bytes:
    """Chargy document of the register snapshots; evidence in between is not part of it."""
    begin, end = _pair(record, "chargy")
    return chargeit.write(
        [_chargy_snapshot(taken) for taken in (begin, end)],
        identifier=str(uuid.uuid4()),
        charge_point=chargeit.charge_point(tagged(begin, EVSE_TAG) or ""),
        station=chargeit.station(
            station.manufacturer,
            station.type,
            serial_number=station.serial,
            controller_software_version=tagged(begin, SOFTWARE_TAG) or f"wattproof {__version__}",
            compliance=station.compliance,
        ),
    )


def _chargy_snapshot(taken: Snapshot) -> dict[str, object]:
    meter = bsm_export.Meter(
        taken.meter.public_key or b"", taken.meter.firmware, taken.meter.manufacturer, taken.meter.type
    )
    return bsm_export.write(taken.registers, meter, encoding=text_encoding(taken))


def text_encoding(taken: Snapshot) -> str:
    """The encoding in which all texts of a snapshot can be read; ISO-8859-1 where it makes no difference."""
    texts = [value.encode("latin-1") for value in taken.fields.values() if isinstance(value, str)]
    if all(text.isascii() for text in texts):
        return "ISO-8859-1"
    try:
        for text in texts:
            text.decode("utf-8")
    except UnicodeDecodeError:
        return "ISO-8859-1"
    return "UTF-8"


def tagged(taken: Snapshot, tag: str) -> str | None:
    """What follows a tag at the begin of one of the metadata texts (section 7)."""
    for name in ("Meta1", "Meta2", "Meta3"):
        text = taken.fields[name]
        if isinstance(text, str) and text.startswith(tag):
            return text.removeprefix(tag).encode("latin-1").decode(text_encoding(taken))
    return None


def json_document(record: SessionRecord, station: Station = NO_STATION) -> bytes:
    """Everything there is, whole or not: registers, texts, key, failure."""
    return (json.dumps(record.as_dict(), indent=2, ensure_ascii=False) + "\n").encode("utf-8")


FORMATS = {
    row.name: row
    for row in (
        Format("safe-xml", ".xml", True, safe_xml_document),
        Format("ocmf", ".ocmf", True, ocmf_document, keyed=False),
        Format("chargy", ".chargy.json", False, chargy_document),
        Format("json", ".json", False, json_document),
    )
}
