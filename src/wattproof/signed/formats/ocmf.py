"""OCMF, the Open Charge Metering Format: ``OCMF|<payload>|<signature>``, all versions from 0.1 to 1.4.

The signed bytes are exactly those between the two section pipes. A scanner that knows JSON finds the pipes, so one
inside a string does not split; nothing is ever serialised again. Source: OCMF 1.4.1 and the specification of the
verifier, chapter 1. Fields: :mod:`.ocmf_fields`; readings: :mod:`.ocmf_readings`.
"""

from __future__ import annotations

import binascii
import contextlib
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from msgspec.structs import replace

from wattproof.signed import algorithms, jsonscan
from wattproof.signed.formats import ocmf_fields, ocmf_plain, ocmf_readings
from wattproof.signed.jsonscan import JsonProblem, Scanned
from wattproof.signed.keys import decode_base64
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import MOST_FINDINGS, Finding, KeySource, Record, Severity, Signature, Verdict, limit
from wattproof.signed.units import NO_CARRIER, Algorithm, Alternative, Carrier, KeyText, Unit, stopped

TOKEN = "OCMF"  # noqa: S105 (the name of the format)

_HEADER = re.compile(r"OCMF[ \t\r\n]*\|")
#: Where reading goes on behind a broken record: not inside a longer word, which would be a wrong header.
_NEXT = re.compile(r"(?<![A-Za-z0-9])OCMF[ \t\r\n]*\|")
_DETECTED = re.compile(rb"OCMF\s*\|")
_SPACE = " \t\r\n"
_BOM = b"\xef\xbb\xbf"
_KEPT = 16 * 1024  # bytes of a payload whose checks are kept for the next one
_SHOWN = 64 * 1024  # characters of an unreadable record that are kept for display

_TRIM = Finding("F-PAYLOAD-TRIM", Severity.WARNING, "white space around the payload was added after signing", "payload")
_XML_ENCODING = Finding(
    "F-XML-ENCODING", Severity.INFO, "the signed bytes are those of the XML file, not their UTF-8 form", "payload"
)


class _Stop(Exception):
    """The record cannot be read further: ``code`` and message of its finding."""

    def __init__(self, code: str, message: str, where: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.where = where


class _Text(NamedTuple):
    """Text with the way back to its bytes. ``single``: one character a byte; ``broken``: the bytes are no UTF-8."""

    text: str
    data: bytes
    single: bool
    findings: tuple[Finding, ...] = ()
    broken: bool = False

    def cut(self, start: int, end: int) -> bytes:
        """The original bytes of the characters from ``start`` to ``end``."""
        return self.data[start:end] if self.single else self.text[start:end].encode()


class _Sections(NamedTuple):
    """Offsets of one record: the record, its payload section, what stands where."""

    start: int
    end: int
    payload_start: int
    payload_end: int
    payload: Scanned
    signature: Scanned
    key: str | None
    findings: list[Finding]


def detect(data: bytes) -> bool:
    """Whether the text (stripped of BOM and white space) begins like OCMF."""
    return _DETECTED.match(data) is not None


def parse(data: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """Every record of a document, one behind the other; at least one unit, and never an exception for bad content."""
    plain = ocmf_plain.read(data, carrier, limits)
    return [plain] if plain is not None else parse_any(data, carrier, limits)


def parse_any(data: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """The same for records of any kind."""
    units: list[Unit] = []
    for unit in _records(_decode(data), carrier, limits):
        unit.record.index = len(units)
        units.append(unit)
        if len(units) > limits.units:
            units[-1] = stopped(
                TOKEN, "F-SIZE", f"more than {limits.units} records in one document: split it", carrier=carrier
            )
            break
    return units


def _decode(data: bytes) -> _Text:
    findings: tuple[Finding, ...] = ()
    if data.startswith(_BOM):
        data = data[3:]
        findings = (Finding("F-BOM", Severity.INFO, "a byte order mark stands before the record", "@0"),)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _Text(jsonscan.windows_1252(data), data, True, findings, broken=True)
    return _Text(text, data, len(text) == len(data), findings)


def _alone(text: _Text, start: int, end: int, payload: tuple[int, int] = (0, 0)) -> _Text:
    """One record of a document that is no UTF-8, decoded by itself: a byte elsewhere must not change what it shows.

    Neither must one beside the ``payload``, whose bytes alone are signed: they are decoded by themselves, too.
    """
    data = text.data[start:end]
    try:
        own = data.decode()
    except UnicodeDecodeError as error:
        note = Finding("F-UTF8", Severity.ERROR, "not valid UTF-8, shown as Windows-1252", f"@{start + error.start}")
        shown = text.text[start:end]
        first, last = (max(0, place - start) for place in payload)
        with contextlib.suppress(UnicodeDecodeError):
            shown = shown[:first] + data[first:last].decode() + shown[last:]
        return _Text(shown, data, len(shown) == len(data), (*text.findings, note))
    return _Text(own, data, len(own) == len(data), text.findings)


def _records(text: _Text, carrier: Carrier, limits: Limits) -> Iterator[Unit]:
    characters = text.text
    size = len(characters)
    shallow = jsonscan.is_shallow(characters, limits)
    at = jsonscan.skip_space(characters, 0)
    if size > limits.document:
        yield stopped(TOKEN, "F-SIZE", f"more than {limits.document} bytes in one document", carrier=carrier)
        return
    while True:
        start = at
        try:
            sections = _split(characters, at, shallow, limits)
            at = sections.end
            record = text
            if text.broken:
                record = _alone(text, start, at, (sections.payload_start, sections.payload_end))
                sections = _split(record.text, 0, shallow, limits)
            unit = _unit(record, sections, carrier, limits)
            if len(unit.record.findings) > MOST_FINDINGS:
                limit(unit.record.findings)
        except _Stop as stop:
            if at == start:  # no sections were found
                at = _next(characters, start)
            record = _alone(text, start, at) if text.broken else text
            shown = record.text[:_SHOWN] if text.broken else characters[start : min(at, start + _SHOWN)]
            unit = stopped(TOKEN, stop.code, str(stop), carrier=carrier, where=stop.where, text=jsonscan.whole(shown))
        if record.findings:
            unit.record.findings[:0] = record.findings
        yield unit
        at = jsonscan.skip_space(characters, at)
        if at >= size:
            return


def _next(text: str, start: int) -> int:
    """Where reading goes on behind a record at ``start`` that has no sections: the next header, or the end."""
    following = _NEXT.search(text, start + 1 if text.startswith("OCMF", start) else start)
    return following.start() if following else len(text)


def _split(text: str, start: int, shallow: bool, limits: Limits) -> _Sections:
    """Finds the sections of the record at ``start``. Raises :class:`_Stop`."""
    findings: list[Finding] = []
    if text.startswith("OCMF|", start):
        payload_start = start + 5
    else:
        header = _HEADER.match(text, start)
        if header is None:
            raise _Stop("F-JSON", "the record does not begin with OCMF and a pipe")
        payload_start = header.end()
        findings.append(Finding("F-HEADER-WS", Severity.WARNING, "white space between OCMF and the pipe", f"@{start}"))
    payload = _object(text, payload_start, "payload", shallow, limits)
    payload_end = payload.end
    if not text.startswith("|", payload_end):
        payload_end = jsonscan.skip_space(text, payload_end)
        if not text.startswith("|", payload_end):
            raise _Stop("F-JSON", "no pipe follows the payload", f"@{payload_end}")
    if text.find("|", payload_start, payload_end) >= 0:
        findings.append(Finding("F-PIPE", Severity.ERROR, "a pipe stands inside a text of the payload", "payload"))
    signature = _object(text, payload_end + 1, "signature", shallow, limits)
    end = signature.end
    if end < len(text):
        end = jsonscan.skip_space(text, end)
    key = None
    if end < len(text) and _HEADER.match(text, end) is None:
        if text[end] != "|":
            raise _Stop("F-JSON", "text after the signature", f"@{end}")
        following = _HEADER.search(text, end)
        end, key_start = following.start() if following else len(text), end + 1
        key = text[key_start:end]
        if "|" in key:
            raise _Stop("F-JSON", "more than four sections", f"@{key_start}")
        findings.append(
            Finding("F-SECTION4", Severity.INFO, "a fourth section was read as the public key", f"@{key_start}")
        )
    if end - start > limits.record:
        raise _Stop("F-SIZE", f"a record of {end - start} bytes, at most {limits.record} are read")
    return _Sections(start, end, payload_start, payload_end, payload, signature, key, findings)


def _object(text: str, start: int, name: str, shallow: bool, limits: Limits) -> Scanned:
    at = start if text.startswith("{", start) else jsonscan.skip_space(text, start)
    if not text.startswith("{", at):
        raise _Stop("F-JSON", f"the {name} is no JSON object", f"@{at}")
    try:
        return jsonscan.scan(text, at, limits, shallow=shallow)
    except JsonProblem as problem:
        raise _Stop(problem.code, f"the {name}: {problem}", f"@{problem.offset}") from None


def _unit(text: _Text, sections: _Sections, carrier: Carrier, limits: Limits) -> Unit:
    """The record of found sections, with what its verification needs. Raises :class:`_Stop`."""
    payload: dict[str, Any] = sections.payload.value
    section: dict[str, Any] = sections.signature.value
    findings = [*carrier.findings, *sections.findings]
    if sections.payload.controls or sections.payload.repeated:
        findings += jsonscan.form_findings(sections.payload)
    if sections.signature.controls or sections.signature.repeated:
        findings += jsonscan.form_findings(sections.signature, "signature/")
    version = ocmf_fields.version(payload, findings)
    record = _record(text, sections, carrier, limits, version, findings)
    algorithm = _algorithm(payload, section, version, findings)
    signature = _signature(section)
    keys = carrier.keys
    if sections.key is not None and sections.key.strip(_SPACE):
        keys = (*keys, KeyText(sections.key, KeySource.EMBEDDED))
    if algorithm is None:
        record.signature = Signature(Verdict.UNSUPPORTED, "V-ALG")
        return Unit(record, signature, None, keys)
    return Unit(
        record, signature, algorithm, keys, raw=None, alternatives=_alternatives(text, sections, carrier, limits)
    )


def _record(
    text: _Text,
    sections: _Sections,
    carrier: Carrier,
    limits: Limits,
    version: ocmf_fields.Version,
    findings: list[Finding],
) -> Record:
    """What the payload says, with findings about it. Raises :class:`_Stop`."""
    payload: dict[str, Any] = sections.payload.value
    record = Record(
        TOKEN,
        carrier.container,
        carrier.source,
        text=text.text[sections.start : sections.end],
        signed=text.cut(sections.payload_start, sections.payload_end),
        findings=findings,
        context=carrier.context,
        transaction=carrier.transaction,
        session=carrier.session,
        extra=carrier.extra() if carrier is not NO_CARRIER else {},
    )
    keep = len(record.signed) <= _KEPT
    layout = ocmf_fields.check_fields(payload, version, findings, keep=keep)
    ocmf_fields.fill(record, payload, layout)
    entries = payload.get("RD")
    if isinstance(entries, list):
        if len(entries) > limits.readings:
            raise _Stop("F-SIZE", f"{len(entries)} readings, at most {limits.readings} are read", "/RD")
        record.readings = ocmf_readings.read(entries, version, record.page_letter == "F", findings, limits, keep=keep)
    if sections.payload.repeated:
        checked = filter(ocmf_fields.is_checked, jsonscan.repeated_keys(payload))
        record.ambiguous = [jsonscan.path_text(path) for path in islice(checked, jsonscan.MOST_REPEATED)]
    return record


def _algorithm(
    payload: dict[str, Any], section: dict[str, Any], version: ocmf_fields.Version, findings: list[Finding]
) -> Algorithm | None:
    """The algorithm that SA names, or the default of the format version; ``None`` if it is not supported."""
    name = section.get("SA")
    if name is None and version == (0, 4):  # a draft of 0.4 placed SA in the payload
        name = payload.get("SA")
    if name is None:
        return algorithms.BY_KEY if version < (0, 4) else algorithms.DEFAULT
    if type(name) is not str:
        return None
    algorithm, notes = algorithms.named(name)
    if notes:
        findings += notes
    return algorithm


def _signature(section: dict[str, Any]) -> bytes:
    """The bytes of SD. Raises :class:`_Stop`."""
    encoding = section.get("SE", "hex")
    if type(encoding) is not str or encoding not in ("hex", "base64"):
        raise _Stop("F-SE", "SE is neither hex nor base64", "signature/SE")
    text = section.get("SD")
    if type(text) is not str or not text:
        raise _Stop("F-SD", "the signature SD is missing or empty", "signature/SD")
    try:
        signature = binascii.unhexlify(text) if encoding == "hex" else decode_base64(text)
    except ValueError:
        raise _Stop("F-SD", f"the signature SD is not {encoding}", "signature/SD") from None
    if not signature:
        raise _Stop("F-SD", f"the signature SD holds no byte in {encoding}", "signature/SD")
    return signature


def _alternatives(text: _Text, sections: _Sections, carrier: Carrier, limits: Limits) -> list[Alternative]:
    """What else may have been signed: the payload without white space around it, or the bytes of the XML file."""
    start, end = sections.payload_start, sections.payload_end
    outer = text.text[start:end]
    found = []
    if outer[0] in _SPACE or outer[-1] in _SPACE:
        found.append(
            Alternative(outer.strip(_SPACE).encode() if not text.single else _strip(text.cut(start, end)), _TRIM)
        )
    if carrier.text_encoding is not None and not text.single:
        try:
            raw = text.text[sections.start : sections.end].encode(carrier.text_encoding)
        except (UnicodeError, LookupError):
            return found
        plain = replace(carrier, text_encoding=None, keys=())
        other = parse(raw, plain, limits)
        if len(other) == 1 and other[0].algorithm is not None:
            record = other[0].record
            found.append(Alternative(record.signed, _XML_ENCODING, lambda: record))
    return found


def _strip(data: bytes) -> bytes:
    return data.strip(_SPACE.encode())
