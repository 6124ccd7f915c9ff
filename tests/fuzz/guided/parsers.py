"""Questions to single parsers: each is held against another reading of the same bytes, mostly that of a library."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from wattproof.signed import der, jsonscan, keys, numbers, recognise, xmlscan
from wattproof.signed.curves import CURVES, PublicKey, encode_signature
from wattproof.signed.encoding import Form, Refused, decode, without_trailing
from wattproof.signed.formats import edl_sml, ocmf_times, sml, sml_export
from wattproof.signed.jsonscan import JsonProblem
from wattproof.signed.limits import DEFAULT
from wattproof.signed.numbers import NumberRefused
from wattproof.signed.sources import archives, lines, table
from wattproof.signed.sources.rows import Row
from wattproof.signed.sources.source import Refused as Unpackable
from wattproof.signed.sources.source import from_bytes, read_all
from wattproof.signed.stamps import time_text
from wattproof.signed.xmlscan import Element, XmlProblem


class InPieces(io.BytesIO):
    """Bytes that come a few at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._size if size is None or size < 0 else min(size, self._size))


# -- JSON, XML -----------------------------------------------------------------------------------------------------


def json_text(data: bytes) -> None:
    """``jsonscan`` reads what the standard library reads, and refuses what it refuses."""
    try:
        value, findings = jsonscan.load(data)
    except JsonProblem as problem:
        assert problem.code in ("F-JSON", "F-JSON-DEPTH", "F-SIZE")
        if problem.code == "F-JSON-DEPTH":
            assert sum(map(data.count, (b"[", b"{"))) > DEFAULT.json_depth
            return
        try:
            json.loads(_decoded(data), strict=False, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return
        raise AssertionError("the standard library reads it") from None
    other = json.loads(_decoded(data), parse_int=str, parse_float=str, strict=False)
    assert _whole(other) == value
    repeated = list(jsonscan.repeated_keys(value))
    jsonscan.repeated_findings(iter(repeated))
    assert bool(repeated) == _repeats(_decoded(data))
    for finding in findings:
        json.dumps(finding.message).encode()


def _decoded(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    return text.removeprefix("\ufeff")


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _repeats(text: str) -> bool:
    found = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len({key for key, _ in items}) < len(items))
        return dict(items)

    json.loads(text, object_pairs_hook=pairs, strict=False)
    return any(found)


def xml_text(data: bytes) -> None:
    """``xmlscan`` sees the elements and texts that ElementTree sees; the root is known before parsing."""
    name = xmlscan.root_name(data)
    try:
        found = xmlscan.parse(data)
    except XmlProblem as problem:
        assert problem.code in ("F-XML", "F-XML-DTD", "F-XML-DEPTH", "F-SIZE")
        return
    assert b"<!DOCTYPE" not in data.partition(b"<" + found.root.name.encode())[0]
    if name is not None and found.root.name.isascii():
        assert name == found.root.name, "the root that decides is not the root that is read"
    assert found.single_byte_encoding is None or isinstance(found.single_byte_encoding, str)
    try:
        other = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        assert b":" in data, error  # a prefix without namespace is no reason to refuse
        return
    _same_element(found.root, other)


def _same_element(found: Element, other: ElementTree.Element) -> None:
    assert found.name == other.tag.rpartition("}")[2]
    own = (other.text or "") + "".join(child.tail or "" for child in other)
    assert "".join(found.pieces) == own
    assert len(found.children) == len(other)
    for one, two in zip(found.children, other, strict=True):
        _same_element(one, two)


# -- numbers, times ------------------------------------------------------------------------------------------------


def number(data: bytes) -> None:
    """A literal that is read is what ``decimal`` reads."""
    text = data.decode("utf-8", "replace")
    try:
        value = numbers.exact(text)
    except NumberRefused as refused:
        assert refused.code in ("F-RV", "F-RV-RANGE")
    else:
        assert value == Decimal(text.strip(" "))
        assert value.is_finite() and abs(value.adjusted()) < 100
        assert len(format(value, "f")) < 200
    stamp = ocmf_times.parse(text)
    if stamp.time is not None:
        shown = time_text(stamp.time)
        assert shown is None or shown[-6:].count(":") or shown.endswith("Z") or stamp.time.offset is None


# -- keys, signatures ------------------------------------------------------------------------------------------------

_CURVES = list(CURVES.values())


def key(data: bytes) -> None:
    """A key that is read lies on its curve, and its own form is read as the same key."""
    if not data:
        return
    curve = ([None, "Ed25519", "Ed448", *_CURVES])[data[0] % (len(_CURVES) + 3)]
    declared = (None, "hex", "base64", "base32", "nonsense")[data[0] // 16 % 5]
    body = data[1:]
    forms: list[str | bytes] = [body]
    if body.isascii():
        forms.append(body.decode("ascii"))
    for form in forms:
        found = keys.decode(form, declared, curve)
        if found.key is None:
            assert found.reason in ("V-KEY-ENCODING", "V-KEY-POINT", "V-CURVE-MISMATCH")
            continue
        if isinstance(found.key, PublicKey):
            assert found.key.curve.holds(found.key.x, found.key.y)
        assert keys.decode(found.key.spki).key == found.key
        assert keys.decode(found.key.spki.hex(), "hex").key == found.key
    keys.looks_like_key(body)
    elements = der.elements(body)
    if elements is not None:
        assert b"".join(der.element(tag, content) for tag, content in elements) == body
    der.sequence(body)


def signature(data: bytes) -> None:
    """r and s are those that a library reads, and lie in their range; DER is written again byte for byte."""
    if len(data) < 2:
        return
    curve, body = _CURVES[data[0] % len(_CURVES)], data[1:]
    without_trailing(curve, body)
    for der_too, raw in ((True, True), (True, False), (False, True)):
        try:
            found = decode(curve, body, der=der_too, raw=raw)
        except Refused as refused:
            assert refused.reason in ("V-SIG-ENCODING", "V-SIG-RANGE")
            continue
        assert 0 < found.r < curve.order and 0 < found.s < curve.order
        assert found.der == encode_signature(found.r, found.s)
        assert decode_dss_signature(found.der) == (found.r, found.s)
        if found.form is Form.DER:
            assert found.der == body
        elif found.form is Form.RAW:
            size = curve.order_bytes
            assert body == found.r.to_bytes(size, "big") + found.s.to_bytes(size, "big")
        else:
            assert der_too and body[:1] == b"\x30"


# -- SML -------------------------------------------------------------------------------------------------------------


def telegram(data: bytes) -> None:
    """Content comes out of a telegram as it went in; whatever it is, the reader only refuses it."""
    data += b"\0"  # the end of a message
    whole = sml_export.telegram(data)
    content, end = sml.telegram(whole, 0)
    assert (content, end) == (data, len(whole))
    for each in (whole, sml_export.telegram(sml_export.message(1, sml.LIST_RESPONSE, data)), data):
        assert edl_sml.parse(each)
    try:
        sml.list_responses(data)
    except sml.SmlProblem as problem:
        assert problem.code in ("F-SML", "F-SML-CRC", "F-SIZE")


# -- streams ---------------------------------------------------------------------------------------------------------


def json_lines(data: bytes) -> None:
    """Lines are those of the bytes, however they arrive."""
    most = DEFAULT.row
    whole = list(lines.lines(io.BytesIO(data), most))
    assert b"".join(whole) == data
    assert list(lines.lines(InPieces(data, 1 + len(data) % 7), most)) == whole
    assert b"".join(line for line in lines.lines(InPieces(data, 5), 16) if not isinstance(line, lines.Overlong)) in (
        data,
        b"".join(line for line in _lines(data) if len(line.rstrip(b"\n")) <= 16),
    )
    rows = list(lines.read(io.BytesIO(data), DEFAULT))
    assert rows == list(lines.read(InPieces(data, 3), DEFAULT))
    for line in whole[:4]:
        lines.is_complete(line, DEFAULT)
        body = line.strip(b" \t\r\n\v\f")
        quick = lines.quick(body, DEFAULT) if body else None
        assert quick is None or quick == lines.parse_any(body, DEFAULT), "quick and careful reading differ"


def _lines(data: bytes) -> list[bytes]:
    *found, last = data.split(b"\n")
    return [line + b"\n" for line in found] + ([last] if last else [])


def csv_text(data: bytes) -> None:
    """Cells are those that the standard library reads, as long as it reads the same rows."""
    for delimiter in (b",", b";", b"\t"):
        rows = list(table.records(io.BytesIO(data), delimiter, DEFAULT))
        assert rows == list(table.records(InPieces(data, 3), delimiter, DEFAULT))
        if any(isinstance(row, Row) for row in rows) or re.search(rb"\r(?!\n)|\0|\n\n|\r\n\r|\n\r|^\s", data):
            continue
        if any(not line.strip() or line.isspace() for line in data.split(b"\n")):
            continue
        text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
        try:
            other = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter.decode(), strict=True))
        except csv.Error:
            continue
        found = [[cell.decode("latin-1") for cell in row] for row in rows if not isinstance(row, Row)]
        assert [row for row in other if row] == found
    how = table.layout(data)
    if how is not None:
        list(table.read(io.BytesIO(data), how, DEFAULT))


# -- wrappers, what a document is ------------------------------------------------------------------------------------


def gunzip(data: bytes) -> None:
    """What is unpacked is what the standard library unpacks."""
    try:
        found = read_all(archives.gunzip(from_bytes(data), DEFAULT).reader(), 1 << 22)
    except Unpackable:
        return
    try:
        other = gzip.decompress(data)
    except Exception:  # it refuses what follows the last member, and whatever zlib raises
        return
    assert found == other[: 1 << 22]


def recognised(data: bytes) -> None:
    """The questions of recognition agree with each other, and raise for nothing."""
    body = recognise.stripped(data)
    inner = recognise.inner(body)
    if recognise.names_record(body):
        assert inner is None
        assert recognise.is_recognised(data)
    if inner is not None:
        assert recognise.is_recognised(inner) or recognise.wrapper(inner) is not None
    recognise.wrapper(data)
