"""The S.A.F.E. XML container: ``values`` with ``value``, ``signedData`` and ``publicKey``, read and written.

Reading keeps each signed text as it stands after XML parsing, with the encoding the file declares: a BSM's metadata
bytes pass unchanged through files declared ISO-8859-1. Writing gives the layout of the maker's tool, byte for byte.
Sources: specification of the verifier, 2.1 and 1.1; BSM specification, 17.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from msgspec.structs import replace

from wattproof.errors import InvalidValue
from wattproof.signed import xmlscan
from wattproof.signed.formats import edl_xml, labels, mennekes
from wattproof.signed.keys import ENCODINGS
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Finding, KeySource, Severity, Verdict
from wattproof.signed.units import NO_CARRIER, Carrier, Enclosed, Item, KeyText, Unit, stopped
from wattproof.signed.xmlscan import Element, XmlProblem

CONTAINER = "SAFE-XML"
BEGIN, END = "Transaction.Begin", "Transaction.End"
#: Local root names of this container; the last two are fragments without a root.
ROOTS = frozenset(("values", "value", "signedData", "encodedData"))

_TOKENS = {
    "OCMF": "OCMF",
    "ALFEN": "ALFEN",
    "EDL_40_P": "EDL_40_P",
    "SML_EDL40_P": "EDL_40_P",
    "ISA_EDL_40_P": "ISA_EDL_40_P",
    "EDL_40_SIG": "EDL_40_SIG",
    "EDL_40_MENNEKES": "EDL_40_MENNEKES",
    "PCDF": "PCDF",
}
#: Elements inside ``signedData`` that are records themselves.
_NESTED: dict[str, Callable[[Element, Carrier], list[Unit]]] = {
    **dict.fromkeys(edl_xml.ROOTS, edl_xml.units),
    **dict.fromkeys(mennekes.ROOTS, mennekes.units),
}
_SHARED = Finding(
    "F-KEY-SHARED", Severity.INFO, "the key stands beside another value of the same transaction", "publicKey"
)
#: Keys of one value that are compared; every signed text in it is judged with all of them.
_MOST_KEYS = 16
_MANY_KEYS = Finding("F-SIZE", Severity.WARNING, f"more than {_MOST_KEYS} keys, of which the first count", "publicKey")
_NAMESPACE = Finding("F-XML-NAMESPACE", Severity.INFO, "the container lies in a namespace", "/values")
_FRAGMENT = Finding("F-XML-FRAGMENT", Severity.WARNING, "the container has no root element", "/")


def detect(root: str) -> bool:
    """Whether a file whose first element has this local name is such a container."""
    return root in ROOTS


def read(data: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Item]:
    """Every signed text of the container, in file order; at least one item, and never an exception for bad content."""
    root = xmlscan.root_name(data)
    fragment = root is not None and root != "values" and root in ROOTS
    try:
        document = xmlscan.parse(data, limits, wrap="values" if fragment else None)
    except XmlProblem as problem:
        return [_document_problem(problem.code, str(problem), carrier, problem.where)]
    if document.root.name != "values":
        message = f"the root element is {document.root.name[:64]!r}, not 'values'"
        return [_document_problem("F-XML", message, carrier, f"line {document.root.line}")]
    notes = carrier.findings
    if document.namespaced:
        notes = (*notes, _NAMESPACE)
    if fragment:
        notes = (*notes, _FRAGMENT)
    values = [_Value(element, position) for position, element in enumerate(_values(document.root))]
    if not values:
        return [_document_problem("F-EMPTY", "the container holds no value", carrier, "/values")]
    shared = _shared_keys(values)
    encoding = document.single_byte_encoding
    items: list[Item] = []
    for value in values:
        items += _items(value, carrier, notes, shared, encoding)
        if len(items) > limits.units:
            items[limits.units :] = [_document_problem("F-SIZE", f"more than {limits.units} values", carrier)]
            break
    return items


def _document_problem(code: str, message: str, carrier: Carrier, where: str = "") -> Item:
    inside = Carrier(CONTAINER, carrier.source, findings=carrier.findings)
    return stopped("unknown", code, message, carrier=inside, where=where)


def _values(root: Element) -> list[Element]:
    """The ``value`` elements; signed data that stands directly below the root counts as a value of its own."""
    return [
        child if child.name == "value" else Element("value", {}, child.line, [child])
        for child in root.children
        if child.name in ROOTS and child.name != "values"
    ]


class _Value:
    """One ``value`` element and what it says."""

    def __init__(self, element: Element, position: int) -> None:
        self.where = f"/values/value[{position + 1}]"
        self.signed = element.all("signedData")
        self.sealed = element.all("encodedData")
        stated_keys = dict.fromkeys(
            KeyText(key.text, KeySource.CONTAINER, key.attributes.get("encoding"))
            for key in element.all("publicKey")
            if key.text
        )
        self.keys = tuple(stated_keys)[:_MOST_KEYS]
        self.notes = (_MANY_KEYS,) if len(stated_keys) > _MOST_KEYS else ()
        stated = [element, *self.signed, *self.sealed]
        self.transaction = _attribute(stated, "transactionId")
        self.context = _attribute(stated, "context")


def _attribute(elements: Iterable[Element], name: str) -> str | None:
    """The attribute of the first element that has it, trimmed; ``None`` if it is missing or blank."""
    for element in elements:
        text = element.attributes.get(name, "").strip(xmlscan.ASCII_SPACE)
        if text:
            return text
    return None


def _shared_keys(values: list[_Value]) -> dict[str, tuple[KeyText, ...]]:
    """The keys of the first value of every transaction that has any, for its values that have none."""
    found: dict[str, tuple[KeyText, ...]] = {}
    for value in values:
        if value.keys and value.transaction is not None:
            found.setdefault(value.transaction, value.keys)
    return found


def _items(
    value: _Value,
    carrier: Carrier,
    notes: tuple[Finding, ...],
    shared: dict[str, tuple[KeyText, ...]],
    encoding: str | None,
) -> list[Item]:
    keys, notes = value.keys, (*notes, *value.notes)
    if not keys and value.transaction is not None and value.transaction in shared:
        keys, notes = shared[value.transaction], (*notes, _SHARED)
    items: list[Item] = []
    for element in [*value.signed, *value.sealed]:
        label = element.attributes.get("format")
        stated = element.attributes.get("encoding")
        inside = Carrier(
            CONTAINER,
            carrier.source,
            keys,
            label,
            stated,
            value.transaction,
            value.context,
            text_encoding=None,
            findings=notes,
        )
        text = element.text
        token = _TOKENS.get((label or "").upper(), "unknown")
        where = f"{value.where}/{element.name}"
        nested = [child for child in element.children if child.name in _NESTED]
        if not text and nested:
            items += _nested(nested, inside)
        elif not text:
            items.append(stopped(token, "F-EMPTY", "the signed data are empty", carrier=inside, where=where))
        elif element.name == "encodedData":
            items.append(_sealed(inside, text, where))
        else:
            items.append(_enclosed(text, stated, inside, encoding))
    if not items:
        inside = Carrier(
            CONTAINER, carrier.source, transaction=value.transaction, context=value.context, findings=notes
        )
        items.append(stopped("unknown", "F-EMPTY", "the value holds no signed data", carrier=inside, where=value.where))
    return items


def _nested(elements: list[Element], inside: Carrier) -> list[Item]:
    """Records in XML that stand inside the container without being escaped."""
    found: list[Item] = []
    for element in elements:
        for unit in _NESTED[element.name](element, inside):
            labels.check(unit.record, inside.label)
            found.append(unit)
    return found


def _sealed(inside: Carrier, text: str, where: str) -> Item:
    return stopped(
        "OCMF-SEALED",
        "F-FORMAT",
        "a sealed record: it is recognised, but opening it is not supported",
        carrier=inside,
        where=where,
        text=text[:1024],
        verdict=Verdict.UNSUPPORTED,
        reason="V-SEALED",
        severity=Severity.INFO,
    )


def _enclosed(text: str, stated: str | None, inside: Carrier, encoding: str | None) -> Enclosed:
    """The text as bytes, and what it means in the stated encoding; which of them is the record, its content decides."""
    decode = ENCODINGS.get((stated or "").lower())
    decoded = None
    if decode is not None:
        try:
            decoded = decode("".join(text.split()))
        except ValueError:
            decoded = None
    if encoding is not None and not text.isascii():
        inside = replace(inside, text_encoding=encoding)
    return Enclosed(text.encode(), inside, decoded)


# --- writing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signed:
    """A record to write: its text as bytes, the label (``Transaction.Begin`` or ``.End``) and the key (DER, X and Y).

    Without ``context`` there is no label: a record that holds begin and end is neither. Without key (empty) there is
    no element for it. ``encoding`` is that of record and key (a key in ``plain`` is hexadecimal); ``sealed`` data stand
    in an element of another name.
    """

    record: bytes
    context: str | None
    public_key: bytes
    format: str = "OCMF"
    encoding: str = "plain"
    sealed: bool = False

    def text(self, encoding: str) -> str:
        """The record as it stands in the file; ``encoding`` is that of a plain text."""
        return self.record.decode(encoding) if self.encoding == "plain" else ENCODED[self.encoding](self.record)

    @property
    def key_text(self) -> str:
        """The key as it stands in the file."""
        return ENCODED["hex" if self.encoding == "plain" else self.encoding](self.public_key)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii")


#: Bytes as text, by the name that the container has for it.
ENCODED: dict[str, Callable[[bytes], str]] = {"hex": bytes.hex, "base64": _base64, "base32": _base32}

#: Encodings that a container may declare, by the name that Python has for them.
_DECLARED = {"latin-1": "ISO-8859-1", "utf-8": "UTF-8"}


def write(records: Iterable[Signed], transaction: int | str = 1, *, encoding: str = "latin-1") -> bytes:
    """The container of ``records`` under one transaction id, declared ISO-8859-1 so that every byte stays as signed.

    ``encoding`` ``utf-8`` is for records whose text is that: readers hash the text in UTF-8.

    Raises ``InvalidValue`` for bytes that XML cannot carry (control characters other than tab and line feed).
    """
    lines = [f'<?xml version="1.0" encoding="{_DECLARED[encoding]}" standalone="yes"?>', "<values>"]
    for signed in records:
        text = signed.text(encoding)
        bad = next((c for c in text if c < " " and c not in "\t\n"), None)
        if bad is not None:
            raise InvalidValue(
                f"the record holds the control character U+{ord(bad):04X}, which XML cannot carry: write a bare file"
            )
        label = "" if signed.context is None else f" context={quoteattr(signed.context)}"
        name = "encodedData" if signed.sealed else "signedData"
        lines += [
            f"  <value transactionId={quoteattr(str(transaction))}{label}>",
            f'    <{name} format={quoteattr(signed.format)} encoding="{signed.encoding}">{escape(text)}</{name}>',
        ]
        if signed.public_key:
            lines.append(f'    <publicKey encoding="{signed.encoding}">{signed.key_text}</publicKey>')
        lines.append("  </value>")
    return ("\n".join([*lines, "</values>"]) + "\n").encode(encoding)
