"""Writing a session of a DMED4: transparency XML, OCMF, and everything as JSON.

The record after E holds begin and end, so it alone is the session; a begin beside it would be refused as a second one
(specification, section 8.8).
"""

from __future__ import annotations

import json

from wattproof.drivers.charging import NO_STATION, Format, Station
from wattproof.errors import InvalidValue
from wattproof.meters.dmed4.taken import SessionRecord, Taken
from wattproof.signed.formats import safe_xml


def _end(record: SessionRecord, what: str) -> Taken:
    if record.end is None:
        raise InvalidValue(f"{what} needs the end record, and it is missing: write json instead")
    return record.end


def safe_xml_document(record: SessionRecord, station: Station = NO_STATION) -> bytes:
    """Transparency XML with one value and no context. Raises :class:`~wattproof.errors.InvalidValue` without an end."""
    end = _end(record, "safe-xml")
    encoding = "utf-8" if _is_utf8(end.record.text) else "latin-1"
    return safe_xml.write([safe_xml.Signed(end.record.text, None, end.key)], encoding=encoding)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def ocmf_document(record: SessionRecord, station: Station = NO_STATION) -> bytes:
    """The OCMF text of the end as the meter wrote it, on one line."""
    return _end(record, "ocmf").record.text + b"\n"


def json_document(record: SessionRecord, station: Station = NO_STATION) -> bytes:
    """Everything there is, whole or not: all records, key, failure."""
    return (json.dumps(record.as_dict(), indent=2, ensure_ascii=False) + "\n").encode("utf-8")


FORMATS = {
    row.name: row
    for row in (
        Format("safe-xml", ".xml", True, safe_xml_document),
        Format("ocmf", ".ocmf", True, ocmf_document, keyed=False),
        Format("json", ".json", False, json_document),
    )
}
