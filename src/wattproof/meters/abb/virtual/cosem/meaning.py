"""Frames and APDUs in words, for the journal: service, object with its class and name, attribute, result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wattproof.errors import FrameError
from wattproof.meters.abb.quantities import by_logical_name
from wattproof.wire.cosem import acse, apdus
from wattproof.wire.cosem.acse import AssociationRequest, AssociationResponse, Diagnostic
from wattproof.wire.cosem.apdus import ExceptionResponse
from wattproof.wire.cosem.classes import interface_class
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method, written
from wattproof.wire.cosem.fields import Outcome
from wattproof.wire.cosem.results import Result
from wattproof.wire.hdlc import Frame, Kind
from wattproof.wire.hdlc.llc import COMMAND, RESPONSE

#: Characters of a value, and attributes of a list, that are told.
_LONGEST, _LISTED = 80, 4


def frame_meaning(frame: Frame) -> str:
    """An HDLC frame, and the APDU inside if it holds a whole one."""
    text = str(frame)
    if frame.kind is not Kind.I or frame.segmented or frame.information[:3] not in (COMMAND, RESPONSE):
        return text
    return f"{text.rpartition(',')[0]}: {apdu_meaning(frame.information[3:])}"


def apdu_meaning(octets: bytes) -> str:
    """An APDU.

    >>> apdu_meaning(bytes.fromhex("C001C100030100200700FF0200"))
    'GET Register 1-0:32.7.0*255 value (VOLTAGE_L1)'
    >>> apdu_meaning(bytes.fromhex("C401C1000600000902"))
    'GET response: 2306'
    """
    try:
        if octets[:1] and octets[0] in acse.TAGS:
            return _acse_meaning(acse.decode(octets))
        return _service_meaning(apdus.decode(octets))
    except FrameError as error:
        return f"no APDU: {error}"


def _acse_meaning(apdu: acse.Acse) -> str:
    if isinstance(apdu, AssociationRequest):
        return f"association request {'without password' if apdu.password is None else 'with password'}"
    if isinstance(apdu, AssociationResponse):
        known = Diagnostic(apdu.diagnostic).name.lower() if apdu.diagnostic in set(Diagnostic) else "unknown"
        return "association accepted" if apdu.result == 0 else f"association rejected: {known} ({apdu.diagnostic})"
    return "release request" if isinstance(apdu, acse.ReleaseRequest) else "release response"


def _service_meaning(apdu: apdus.Apdu) -> str:
    words = _WORDS[type(apdu)]
    parts = [_FIELDS.get(field, _told)(getattr(apdu, field)) for field in apdu.__slots__ if field != "invoke"]
    separator = " " if words in _SERVICES else ": "
    return words + separator + ", ".join(part for part in parts if part)


def _raw(value: bytes | Result) -> str:
    """The piece in a block, or why there is none."""
    return value.text if isinstance(value, Result) else f"{len(value)} bytes"


#: Fields of APDUs that are told in a way of their own.
_FIELDS: Mapping[str, Callable[[Any], str]] = {
    "last": lambda last: "last" if last else "",
    "block": lambda number: f"block {number}",
    "raw": _raw,
    "state": lambda state: f"state {state}",
    "service": lambda service: f"service {service}",
}
#: Requests, whose object follows their name.
_SERVICES = ("GET", "SET", "ACTION")


def _told(value: object) -> str:
    if isinstance(value, Attribute):
        return _attribute(value)
    if isinstance(value, Method):
        return f"{_object(value.class_id, value.name)} {_row(value.class_id, value.method_id, 'method')}"
    if isinstance(value, Data):
        return _shortened(str(value.plain))
    if isinstance(value, Result):
        return value.text
    if isinstance(value, Outcome):
        return value.result.text if value.value is None else f"{value.result.text}, {_told(value.value)}"
    if isinstance(value, tuple):
        more = f" and {len(value) - _LISTED} more" if len(value) > _LISTED else ""
        return "; ".join(map(_told, value[:_LISTED])) + more
    return "" if value is None else _shortened(str(value))


def _attribute(attribute: Attribute) -> str:
    row = by_logical_name(attribute.name, attribute.attribute_id)
    name = "" if row is None else f" ({row.name})"
    part = "" if attribute.selection is None else f" by selector {attribute.selection.selector}"
    what = _row(attribute.class_id, attribute.attribute_id, "attribute")
    return f"{_object(attribute.class_id, attribute.name)} {what}{name}{part}"


def _object(class_id: int, name: bytes) -> str:
    known = interface_class(class_id)
    return f"{f'class {class_id}' if known is None else known.name} {written(name)}"


def _row(class_id: int, number: int, what: str) -> str:
    """The name of an attribute or method, or its number."""
    known = interface_class(class_id)
    rows = () if known is None else known.attributes if what == "attribute" else known.methods
    return next((row.name for row in rows if row.id == number), f"{what} {number}")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... {len(text)} characters"


_WORDS = {
    kind: f"{service}{' response' if answer else ''}"
    for service, forms, answer in (
        ("GET", (apdus.GetRequest, apdus.GetNext, apdus.GetList), False),
        ("GET", (apdus.GetResponse, apdus.GetBlock, apdus.GetListResponse), True),
        ("SET", (apdus.SetRequest, apdus.SetFirstBlock, apdus.SetBlock, apdus.SetList, apdus.SetListFirstBlock), False),
        ("SET", (apdus.SetResponse, apdus.SetBlockResponse, apdus.SetLastBlockResponse,
                 apdus.SetListLastBlockResponse, apdus.SetListResponse), True),
        ("ACTION", (apdus.ActionRequest, apdus.ActionNext, apdus.ActionList, apdus.ActionFirstBlock,
                    apdus.ActionListFirstBlock, apdus.ActionBlock), False),
        ("ACTION", (apdus.ActionResponse, apdus.ActionResponseBlock, apdus.ActionListResponse,
                    apdus.ActionBlockResponse), True),
        ("exception", (ExceptionResponse,), False),
        ("confirmed service error", (apdus.ConfirmedServiceError,), False),
    )
    for kind in forms
}  # fmt: skip
