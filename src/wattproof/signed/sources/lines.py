"""JSON lines: one value a line. Source: verifier specification, 0.5, row l.

A text is a record. An object with a record column is read like a row of a table. Other objects and arrays are
containers, each of them a document of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from wattproof.signed import jsonscan
from wattproof.signed.jsonscan import JsonProblem, Number
from wattproof.signed.limits import Limits
from wattproof.signed.records import Finding, KeySource
from wattproof.signed.sources import rows
from wattproof.signed.sources.rows import Columns, Row
from wattproof.signed.sources.source import Reader
from wattproof.signed.units import KeyText

_CHUNK = 256 * 1024
_SHOWN = 200
_WHITE = b" \t\r\n\v\f"
#: Byte order mark of UTF-8.
BOM = b"\xef\xbb\xbf"
_STRUCTURE = re.compile(rb'["\\\[\]{}]')
#: Bytes of a plain line: at least those of an empty record.
_SHORTEST, _LONGEST = len('{"ocmf":""}'), 16 * 1024
#: What a further member costs besides its name: four quotes, a colon and a comma.
_MEMBER = 6
_CONTAINER = KeySource.CONTAINER

_text: Callable[[bytes], str] = msgspec.json.Decoder(str).decode
_Cell = str | int | bool | None  # a number with a fraction may be written longer than it was
_cells: Callable[[bytes], dict[str, _Cell]] = msgspec.json.Decoder(dict[str, _Cell]).decode
_written: Callable[[dict[str, _Cell]], bytes] = msgspec.json.Encoder().encode


class Overlong(bytes):
    """The beginning of a line that is longer than a line may be."""


def lines(reader: Reader, most: int) -> Iterator[bytes]:
    """Every line with its line end, none longer than ``most`` bytes: of those the beginning, as :class:`Overlong`."""
    rest = b""
    while chunk := reader.read(_CHUNK):
        rest += chunk
        found = rest.split(b"\n")
        rest = found.pop()
        for line in found:
            yield line + b"\n" if len(line) <= most else Overlong(line[:_SHOWN])
        if len(rest) > most:
            start = Overlong(rest[:_SHOWN])
            rest = _skipped(reader)
            yield start
    *found, rest = rest.split(b"\n")
    for line in found:
        yield line + b"\n"
    if rest:
        yield rest


def _skipped(reader: Reader) -> bytes:
    """Reads to the end of a line, and gives what was read behind it."""
    while chunk := reader.read(_CHUNK):
        _, end, rest = chunk.partition(b"\n")
        if end:
            return rest
    return b""


def read(reader: Reader, limits: Limits, *, first: bool = True) -> Iterator[Row]:
    """Every line that is not blank, as a row; ``first``: before the first there may be a byte order mark."""
    for line in lines(reader, limits.row):
        if first:
            line = line.removeprefix(BOM) if not isinstance(line, Overlong) else line
            first = False
        if isinstance(line, Overlong):
            yield rows.broken("F-SIZE", rows.too_long(limits), line.decode("utf-8", "replace"))
            continue
        body = line.strip(_WHITE)
        if body:
            yield parse(body, limits)


def parse(body: bytes, limits: Limits) -> Row:
    """One line."""
    plain = quick(body, limits)
    return parse_any(body, limits) if plain is None else plain


def quick(body: bytes, limits: Limits) -> Row | None:
    """The row of a line of the usual kind, a text or a flat object; ``None`` for whatever is not that plain.

    The answer is that of :func:`parse_any`: texts of ASCII mean the same to every reader of JSON. A name that stands
    there twice makes a line longer than its members, written as short as can be, account for.
    """
    size = len(body)
    if not _SHORTEST <= size <= _LONGEST or size > limits.document or limits.json_depth < 1 or not body.isascii():
        return None
    try:
        if body[:1] == b'"':
            text = _text(body)
            return Row(text.encode()) if text.isascii() else None
        if body[:2] != b'{"':
            return None
        value = _cells(body)
        found = rows.columns(value)
        if found is None:
            return None
        surplus = size - len(_written(value))
    except (ValueError, OverflowError):
        return None
    if surplus >= _MEMBER and surplus >= _MEMBER + min(map(len, value)) and not _stand_once(body, value):
        return None
    return _plain(found, [*value.values()])


def _stand_once(body: bytes, names: Iterable[str]) -> bool:
    """Whether each of these names stands in a line once, which is so if its text in quotes does and none is escaped."""
    return b"\\u" not in body and all(
        name.isidentifier() and body.count(b'"%b"' % name.encode()) == 1 for name in names
    )


def _plain(found: Columns, cells: list[_Cell]) -> Row | None:
    """The row of an object of which a record, a key and a transaction count at most, all of them texts of ASCII."""
    if found.record is None or found.twice or found.context is not None or found.encoding is not None:
        return None
    content, transaction = cells[found.record], None
    keys: tuple[KeyText, ...] = ()
    if type(content) is not str or not content.isascii():
        return None
    if found.keys:
        key = cells[found.keys[0]]
        if len(found.keys) > 1 or type(key) is not str or not key.isascii():
            return None
        keys = (KeyText(key, _CONTAINER),) if key else ()
    if found.transaction is not None:
        stated = cells[found.transaction]
        if type(stated) is not str or not stated.isascii():
            return None
        transaction = rows.label(stated)
    return Row(content.encode(), keys, transaction)


def parse_any(body: bytes, limits: Limits) -> Row:
    """The same for lines of any kind."""
    start = body[:1]
    if start not in (b"{", b"[", b'"'):
        return rows.broken("F-JSON", "the line is no JSON object, array or text", _shown(body))
    try:
        value, findings = jsonscan.load(body, limits)
    except JsonProblem as problem:
        return rows.broken(problem.code, str(problem), _shown(body))
    if start == b'"':
        return rows.row(_bytes(value, findings), findings=tuple(findings))
    if start == b"{":
        found = _like_a_row(value, findings)
        if found is not None:
            return found
    return Row(body, loaded=(value, findings))


def _like_a_row(value: dict[str, Any], findings: list[Finding]) -> Row | None:
    """An object with a text in a record column, as the row of a table."""
    names = list(value)
    found = rows.columns(names)
    if found is None or found.record is None:
        return None
    cells = list(value.values())
    record = cells[found.record]
    if not isinstance(record, str):
        if record is None:
            return rows.broken("F-EMPTY", "the row holds no record")
        return None  # a container that happens to have such a member
    findings = [*findings, *rows.twice(found)]
    ambiguous: tuple[str, ...] = ()
    if isinstance(value, jsonscan.Repeated):
        findings += jsonscan.repeated_findings((name,) for name in value.keys_repeated)
        ambiguous = tuple(name for name in value.keys_repeated if rows.normal(name) in rows.KNOWN)

    def text(position: int | None) -> str | None:
        cell = cells[position] if position is not None else None
        return cell if isinstance(cell, str) else None

    return rows.row(
        _bytes(record, findings),
        [text(position) for position in found.keys],
        text(found.transaction),
        text(found.context),
        text(found.encoding),
        nature=found.context is not None and rows.normal(names[found.context]) == "nature",
        findings=tuple(findings),
        ambiguous=ambiguous,
    )


def _bytes(text: str, findings: list[Finding]) -> bytes:
    """The bytes of a record's text: those of the line, also where that is no UTF-8."""
    if isinstance(text, Number):
        return b""
    if any(finding.code == "F-UTF8" for finding in findings):
        try:
            return text.encode("cp1252")
        except UnicodeEncodeError:
            pass
    return text.encode("utf-8", "surrogatepass")


def _shown(body: bytes) -> str:
    return body[:_SHOWN].decode("utf-8", "replace")


def is_complete(line: bytes, limits: Limits) -> bool:
    """Whether a first line alone is a JSON value; of one longer than a row may be, whether its brackets say so."""
    body = line.strip(_WHITE)
    if body[:1] not in (b"{", b"[", b'"'):
        return False
    if len(body) > limits.row:
        return _balanced(body)
    try:
        jsonscan.load(body, limits)
    except JsonProblem as problem:
        return problem.code == "F-JSON-DEPTH" and _balanced(body)
    return True


def _balanced(body: bytes) -> bool:
    """Whether the outermost bracket closes at the end, and not before."""
    depth, at, quoted, size = 0, 0, False, len(body)
    while at < size:
        match = _STRUCTURE.search(body, at)
        if match is None:
            return False
        at = match.end()
        mark = match[0]
        if mark == b"\\":
            at += quoted
        elif mark == b'"':
            quoted = not quoted
            if not quoted and depth == 0:
                return at == size
        elif not quoted:
            depth += 1 if mark in b"[{" else -1
            if depth == 0:
                return at == size
            if depth < 0:
                return False
    return False
