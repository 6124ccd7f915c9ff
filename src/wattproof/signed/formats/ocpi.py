"""Signed data of OCPI, read and written: the object ``signed_data`` of a charge detail record, or lists of them.

One such object is one charging session. Values are Base64 by definition and plain text or hexadecimal in practice;
``plain_data`` beside them is unsigned and only compared. Source: specification of the verifier, 2.16.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from msgspec.structs import replace

from wattproof.signed import jsonscan
from wattproof.signed.formats import enclosing, format_rows, ocmf
from wattproof.signed.formats.enclosing import Repetitions
from wattproof.signed.formats.safe_xml import Signed
from wattproof.signed.jsonscan import JsonProblem, Number, Path
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.numbers import NumberRefused, exact
from wattproof.signed.records import Finding, Record, Severity
from wattproof.signed.units import NO_CARRIER, Carrier, Item, Unit, stopped

CONTAINER = "OCPI"
_NATURES = {"start": enclosing.BEGIN, "end": enclosing.END}
_DIFFERS = "the unsigned plain_data contradicts the signed record"


def detect(document: Any) -> bool:
    """Whether a parsed JSON document holds such an object."""
    return next(_objects(document), None) is not None


def _objects(document: Any, path: Path = (), deep: int = 2) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The objects with signed values: the document itself, its ``signed_data``, those of a list or an answer."""
    if isinstance(document, dict):
        inner = document.get("signed_data")
        if isinstance(document.get("signed_values"), list):
            yield path, document
        elif isinstance(inner, dict):
            yield (*path, "signed_data"), inner
        elif deep and isinstance(document.get("data"), (list, dict)):
            yield from _objects(document["data"], (*path, "data"), deep - 1)
    elif isinstance(document, list) and deep:
        for position, item in enumerate(document):
            yield from _objects(item, (*path, str(position)), deep - 1)


def read(document: Any, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Item]:
    """Every signed value, in file order; at least one item, and never an exception for bad content."""
    inside = replace(carrier, container=CONTAINER)
    objects = list(_objects(document))
    places = [
        (*path, "signed_values", str(position)) for path, found in objects for position, _ in enumerate(_values(found))
    ]
    if len(places) > limits.units:
        return [stopped("unknown", "F-SIZE", f"{len(places)} signed values in one document", carrier=inside)]
    repeated = Repetitions(document, places)
    items: list[Item] = []
    for path, found in objects:
        keys = (*carrier.keys, *_key(found))
        holder = replace(inside, keys=keys, label=enclosing.text(found.get("encoding_method")))
        values = _values(found)
        if not values:
            message = "the signed data hold no value"
            items.append(stopped("unknown", "F-EMPTY", message, carrier=holder, where=enclosing.where(path)))
        for position, value in enumerate(values):
            items.append(_item(value, holder, (*path, "signed_values", str(position)), repeated, enclosing.where(path)))
    return items


def _values(found: dict[str, Any]) -> list[Any]:
    values = found.get("signed_values")
    return values if isinstance(values, list) else []


def _key(found: dict[str, Any]) -> tuple[Any, ...]:
    """The key of the object; the older form has it in the description of the meter."""
    return enclosing.key(found.get("public_key")) or enclosing.key(enclosing.member(found, "meterInfo", "publicKey"))


def _item(value: Any, holder: Carrier, place: Path, repeated: Repetitions, group: str) -> Item:
    nature = enclosing.text(enclosing.member(value, "nature"))
    context = None if nature is None else _NATURES.get(nature.strip().lower(), nature)
    inside = replace(holder, context=context, findings=(*holder.findings, *repeated.findings(place)))
    content = enclosing.text(enclosing.member(value, "signed_data"))
    if content is None:
        return stopped(
            "unknown", "F-EMPTY", "the value holds no signed data", carrier=inside, where=enclosing.where(place)
        )
    then = partial(
        _beside, plain=value.get("plain_data"), ambiguous=repeated.ambiguous(place), group=group, place=place
    )
    return replace(enclosing.enclosed(content, inside), then=then)


# -- the unsigned copy --------------------------------------------------------------------------------------------


def _beside(units: list[Unit], plain: Any, ambiguous: list[str], group: str, place: Path) -> None:
    enclosing.mark(units, ambiguous, group)
    enclosing.unlabelled(units)
    copy = enclosing.text(plain)
    if copy is not None and len(units) == 1 and _contradicts(copy.strip(), units[0].record):
        finding = Finding("F-PLAIN-DIFFERS", Severity.WARNING, _DIFFERS, f"{enclosing.where(place)}/plain_data")
        units[0].record.findings.append(finding)


def _contradicts(copy: str, record: Record) -> bool:
    """Whether the copy is of the record's kind and says something else; what is of another kind says nothing."""
    if not record.signed or copy == record.text.strip():
        return False
    data = copy.encode("utf-8", "surrogatepass")
    if len(data) > DEFAULT.record:
        return False
    if record.format == ocmf.TOKEN and copy.startswith("{"):
        stated = _json(data)
        return isinstance(stated, dict) and not _same(stated, _json(record.signed))
    row = next((row for row in format_rows() if row.token == record.format), None)
    if row is None or not row.detect(data):
        return False
    units = row.parse(data, NO_CARRIER, DEFAULT)
    if len(units) != 1 or not units[0].record.signed:
        return False
    other = units[0].record
    if record.format == ocmf.TOKEN:
        return not _same(_json(other.signed), _json(record.signed))
    return other.signed != record.signed


def _json(data: bytes) -> Any:
    try:
        return jsonscan.load(data)[0]
    except JsonProblem:
        return None


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same: numbers by their value, objects in any order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Number) and isinstance(other, Number) and one != other:
        try:
            return exact(one) == exact(other)
        except NumberRefused:
            return False
    return bool(one == other)


# --- writing --------------------------------------------------------------------------------------------------------


def write(records: Iterable[Signed], *, identifier: str) -> bytes:
    """A charge detail record ``identifier`` with these signed values, as JSON text.

    The first record's format and key hold for all. ``plain_data`` is the payload of an OCMF record, else the record.
    """
    signed = list(records)
    document = {
        "id": identifier,
        "signed_data": {
            "encoding_method": signed[0].format,
            "encoding_method_version": 1,
            "public_key": signed[0].public_key.hex(),
            "signed_values": [
                {
                    "nature": "Start" if value.context == enclosing.BEGIN else "End",
                    "plain_data": _plain(value),
                    "signed_data": base64.b64encode(value.record).decode("ascii"),
                }
                for value in signed
            ],
            "url": "",
        },
    }
    return (json.dumps(document, indent=2) + "\n").encode("ascii")


def _plain(value: Signed) -> str:
    data = value.record
    if value.format == ocmf.TOKEN:
        data = ocmf.parse(value.record)[0].record.signed or value.record
    return data.decode("utf-8", "replace")
