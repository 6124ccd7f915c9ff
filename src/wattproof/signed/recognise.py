"""What a document is, by its content: the order of tests of the verifier specification, section 0.5.

Archives, tables and images are recognised here, too, and unpacked in :mod:`wattproof.signed.sources`; nothing is ever
guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from msgspec.structs import replace

from wattproof.signed import jsonscan, keys, xmlscan
from wattproof.signed.formats import (
    FormatRow,
    edl_sml,
    format_rows,
    json_rows,
    labels,
    ocmf,
    own_rows,
    safe_xml,
    xml_rows,
)
from wattproof.signed.jsonscan import JsonProblem
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Finding, Record, Severity, Signature, Verdict
from wattproof.signed.units import Carrier, Enclosed, Item, Unit, stopped

_SPACE = b" \t\r\n\v\f"
_BOM = Finding("F-BOM", Severity.INFO, "a byte order mark stands before the text", "@0")

#: The value of a JSON document and the findings about its text.
Loaded = tuple[Any, list[Finding]]
Read = Callable[[bytes, Carrier, Limits], Sequence[Item]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: the first whose ``test`` holds reads the document."""

    name: str
    test: Callable[[bytes], Any]
    read: Read


def read(
    data: bytes, carrier: Carrier, limits: Limits = DEFAULT, *, plain: bool = False, loaded: Loaded | None = None
) -> list[Unit]:
    """Every signed unit of a document, in file order; at least one, which says what is wrong if nothing can be read.

    ``plain``: it is known that the document itself is no text in hexadecimal, Base64 or Base32. ``loaded``: what a
    JSON object or array means, where that is known already.
    """
    return _units(data, carrier, limits, _PLAIN if plain else 0, loaded)


def is_recognised(data: bytes) -> bool:
    """Whether a document is anything but unknown."""
    if data[:5] == b"OCMF|":
        return True
    return _wrapper(data) is not None or any(row.test(stripped(data)) for row in _rows())


def failed(record: Record, error: BaseException) -> Record:
    """A record whose treatment crashed, which is a defect of this program: unreadable, the others go on."""
    record.signature = Signature(Verdict.FORMAT_ERROR, "F-FORMAT")
    record.findings.append(_crash(error))
    return record


def _crash(error: BaseException) -> Finding:
    return Finding("F-FORMAT", Severity.ERROR, f"internal error, please report it: {type(error).__name__}")


_PLAIN = -1  # the level of a document that was looked at in other encodings already
_MAX_NESTING = 3  # a container in a container in text of hexadecimal or Base64
_TOO_DEEP = {"XML": "F-XML-DEPTH", "JSON": "F-JSON-DEPTH"}


def _units(data: bytes, carrier: Carrier, limits: Limits, nested: int, loaded: Loaded | None = None) -> list[Unit]:
    try:
        if loaded is not None and data[:1] in _JSON_STARTS and not _is_tar(data) and len(data) <= limits.document:
            items: Sequence[Item] = _of_json(*loaded, carrier, limits)
        else:
            items = _items(data, carrier, limits, nested)
    except Exception as error:  # a crash on any input is a defect, but ends neither the run nor the file
        return [stopped("unknown", "F-FORMAT", _crash(error).message, carrier=carrier)]
    units: list[Unit] = []
    for item in items:
        if isinstance(item, Unit):
            units.append(item)
        else:
            decoded = item.decoded
            content = decoded if decoded is not None and _means_something(decoded) else item.content
            found = _units(content, item.carrier, limits, max(nested, 0) + 1)
            for unit in found:
                labels.check(unit.record, item.carrier.label)
            if item.then is not None:
                _finish(item.then, found)
            units += found
    return units


def _finish(then: Callable[[list[Unit]], None], found: list[Unit]) -> None:
    """What the container says about the units; a crash there ends neither the run nor the file."""
    try:
        then(found)
    except Exception as error:
        found[0].record.findings.append(_crash(error))


def _items(data: bytes, carrier: Carrier, limits: Limits, nested: int) -> Sequence[Item]:
    if len(data) > limits.document:
        message = f"more than the {limits.document} bytes that one document may have"
        return [stopped("unknown", "F-SIZE", message, carrier=carrier)]
    if data[:5] == b"OCMF|":  # by far the most; nothing else begins like this
        return _rows()[0].read(data, carrier, limits)
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        carrier = replace(carrier, findings=(*carrier.findings, _BOM))
    wrapped = _wrapper(data)
    if wrapped is not None:
        return wrapped.read(data, carrier, limits)
    body = data.strip(_SPACE)
    if not body:
        return [stopped("unknown", "F-EMPTY", "there is nothing in it", carrier=carrier)]
    if edl_sml.detect(body):  # the last bytes are a checksum, which may look like white space
        body = data.lstrip(_SPACE)
    for row in _rows():
        if row.test(body):
            if nested > _MAX_NESTING and row.name in _TOO_DEEP:
                message = f"a container inside more than {_MAX_NESTING} others"
                return [stopped("unknown", _TOO_DEEP[row.name], message, carrier=carrier)]
            return row.read(body, carrier, limits)
    if 0 <= nested <= _MAX_NESTING:
        decoded = _decoded(body)
        if decoded is not None:
            return [Enclosed(decoded, carrier)]
    return [_unknown(body, carrier)]


def _unknown(body: bytes, carrier: Carrier) -> Unit:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or body[1:2] == b"\0":
        message = "UTF-16 text is not read: save the file as UTF-8"
    elif keys.looks_like_key(body):
        message = "this is a public key, not a record: give it as the public key of a record"
    else:
        message = "nothing in it is a format of signed meter values"
    return stopped("unknown", "F-FORMAT", message, carrier=carrier, text=body[:200].decode("utf-8", "replace"))


# -- text of text -------------------------------------------------------------------------------------------------

_SHORTEST_TEXT = 14  # "OCMF|{}|{}" in Base64
_TEXT = re.compile(rb"[A-Za-z0-9+/=_\-\s]+")


def _decoded(body: bytes) -> bytes | None:
    """Row o: the content of hexadecimal, Base64 or Base32 text, if that is recognised."""
    if len(body) < _SHORTEST_TEXT or not _TEXT.fullmatch(body):
        return None
    text = b"".join(body.split()).decode("ascii")
    for decode in keys.ENCODINGS.values():
        try:
            data = decode(text)
        except ValueError:
            continue
        if _means_something(data):
            return data
    return None


def _means_something(data: bytes) -> bool:
    """Whether decoded text is recognised: a to m, so not as CSV, which chance may look like."""
    body = stripped(data)
    return bool(body) and (_wrapper(data) is not None or any(row.test(body) for row in _rows()))


# -- JSON documents -----------------------------------------------------------------------------------------------


def _json(body: bytes, carrier: Carrier, limits: Limits) -> list[Item]:
    """Row m: a JSON document, told apart by the keys it has."""
    try:
        value, findings = jsonscan.load(body, limits)
    except JsonProblem as problem:
        return [_broken_json(body, carrier, problem)]
    return _of_json(value, findings, carrier, limits)


def _of_json(value: Any, findings: list[Finding], carrier: Carrier, limits: Limits) -> list[Item]:
    if findings:
        carrier = replace(carrier, findings=(*carrier.findings, *findings))
    for row in json_rows():
        if row.detect(value):
            return list(row.read(value, carrier, limits))
    repeated = jsonscan.repeated_findings(jsonscan.repeated_keys(value))
    if repeated:
        carrier = replace(carrier, findings=(*carrier.findings, *repeated))
    return [stopped("unknown", "F-FORMAT", "JSON, but no container of signed meter values", carrier=carrier)]


def _broken_json(body: bytes, carrier: Carrier, problem: JsonProblem) -> Item:
    return stopped("unknown", problem.code, str(problem), carrier=carrier, where=f"@{problem.offset}")


# -- XML documents ------------------------------------------------------------------------------------------------


def _xml(body: bytes, carrier: Carrier, limits: Limits) -> list[Item]:
    """Row k: an XML document, told apart by its root; the container's reader names a root that nobody knows."""
    root = xmlscan.root_name(body) or ""
    for row in xml_rows():
        if row.detect(root):
            return list(row.read(body, carrier, limits))
    return safe_xml.read(body, carrier, limits)


# -- what holds documents ------------------------------------------------------------------------------------------


def _enclosed_elsewhere(name: str) -> Read:
    """An archive, a table or an image as the text of one record: :mod:`.sources` unpacks them only from outside in."""
    message = f"{name} inside a record's text or a container is not unpacked"
    return lambda _, carrier, __: [stopped("unknown", "F-ARCHIVE", message, carrier=carrier)]


def _is_tar(data: bytes) -> bool:
    """The mark at its place, and the NUL bytes that no text has."""
    return data[257:262] == b"ustar" and b"\0" in data[:257]


def _is_pdf(data: bytes) -> bool:
    """The mark near the beginning, unless that is the text of a record or container."""
    at = data[:1024].find(b"%PDF-")
    return at >= 0 and not (at > 0 and any(row.test(data[:at].lstrip(_SPACE)) for row in _rows()))


def _is_image(data: bytes) -> bool:
    return (
        data[:8] == b"\x89PNG\r\n\x1a\n"
        or data[:3] == b"\xff\xd8\xff"
        or data[:4] in (b"II*\0", b"MM\0*")
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    )


#: Rows a to f: documents with a signature of their own in the first bytes. A Parquet file has one at its end, too.
_WRAPPERS = (
    Row("GZIP", lambda d: d[:2] == b"\x1f\x8b", _enclosed_elsewhere("a gzip file")),
    Row("ZIP", lambda d: d[:4] == b"PK\x03\x04", _enclosed_elsewhere("a zip archive")),
    Row("TAR", _is_tar, _enclosed_elsewhere("a tar archive")),
    Row("PARQUET", lambda d: d[:4] == b"PAR1", _enclosed_elsewhere("a Parquet file")),
    Row("PDF", _is_pdf, _enclosed_elsewhere("a PDF file")),
    Row("QR", _is_image, _enclosed_elsewhere("an image")),
)


#: How JSON documents begin; a tar archive may, too, as it begins with the name of a file.
_JSON_STARTS = (b"{", b"[")
#: First bytes of the wrappers but tar and PDF.
_WRAPPER_STARTS = frozenset((b"\x1f", b"P", b"\x89", b"\xff", b"I", b"M", b"R"))


def _wrapper(data: bytes) -> Row | None:
    """The row of the wrapper that the first bytes belong to."""
    start = data[:1]
    if (
        start not in _WRAPPER_STARTS
        and data[257:262] != b"ustar"
        and (start in _JSON_STARTS or b"%PDF-" not in data[:1024])
    ):
        return None
    return next((row for row in _WRAPPERS if row.test(data)), None)


def wrapper(head: bytes) -> str | None:
    """The token of the wrapper that the first bytes belong to (rows a to f)."""
    if head[:5] == b"OCMF|":
        return None
    found = _wrapper(head)
    return None if found is None else found.name


def names_record(body: bytes) -> bool:
    """Whether text without BOM and outer white space begins like one of the records or containers of rows g to k."""
    if body[:5] == b"OCMF|":
        return True
    for row in _rows():
        if row.name == "JSON":
            return False
        if row.test(body):
            return True
    return False


def inner(body: bytes) -> bytes | None:
    """What hexadecimal, Base64 or Base32 text means, if that is recognised (row o)."""
    return None if names_record(body) else _decoded(body)


def stripped(data: bytes) -> bytes:
    """Without one byte order mark and surrounding white space."""
    return data.removeprefix(b"\xef\xbb\xbf").strip(_SPACE)


#: Rows k to m, in the order of the specification.
_ROWS = (
    Row("XML", re.compile(rb"<").match, _xml),
    Row("JSON", re.compile(rb"[\[{]").match, _json),
)

#: Sections of OCMF behind another header: its parser says what is wrong.
_MISSPELT = Row(
    "OCMF, misspelt",
    re.compile(rb"[A-Za-z]{1,16}\s*\|\s*\{").match,
    ocmf.parse,
)


@cache
def _rows() -> tuple[Row, ...]:
    """This version's record formats (rows g to j), the rows of the specification, formats of other packages."""
    own = [Row(row.token, row.detect, row.parse) for row in format_rows() if row in own_rows()]
    others = [_plug(row) for row in format_rows() if row not in own_rows()]
    return (*own, *_ROWS, _MISSPELT, *others)


def _plug(row: FormatRow) -> Row:
    """A row of another package, whatever it returns: what goes wrong goes wrong while this document is read."""
    return Row(row.token, row.detect, lambda body, carrier, limits: list(row.parse(body, carrier, limits)))
