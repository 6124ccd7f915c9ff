"""Predicts Chargy core 0.12: tables "container", "OCMF" and "other formats" of section 3.6."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from wattproof.signed.profiles import accepted, chargy_json, chargy_others, chargy_values
from wattproof.signed.profiles.prediction import (
    INVALID,
    REFUSED,
    UNKNOWN,
    VALID,
    Fields,
    Number,
    OcmfText,
    Prediction,
    Row,
    Surroundings,
    first,
    lenient_integers,
    own_key,
    spki_in,
)
from wattproof.signed.records import KeySource, Record, Verdict
from wattproof.signed.sessions import Session

#: Reason for a file whose records belong to several transactions and do not form one group.
GROUP = ("P-C-GROUP", "the file holds several transactions")
_GROUPED_BY = ("FV", "GI", "GS", "GV", "MV", "MM", "MS", "MF", "IS", "IL", "IT", "ID", "TT", "CF", "CT", "CI")
_TEXTS = ("GI", "GS", "GV", "PG", "MV", "MM", "MS", "MF", "IL", "IT", "ID", "TT", "CF", "CI")
_TIME = re.compile(r"\S+ [UISR]")
_BRACES = re.compile("[{}]")
_BSM_CODES = frozenset(
    "S-PAGE-SKIPPED S-PAGE-ORDER S-UNSIGNED-MISMATCH S-EVSE-MISMATCH S-METER-MISMATCH S-IDENT-MISMATCH S-TIME-SET "
    "S-TIME-ORDER S-VALUE-DECREASE S-BEGIN-MISSING S-END-MISSING S-BEGIN-MULTIPLE S-END-MULTIPLE S-BEGIN-NOT-FIRST "
    "S-END-NOT-LAST".split()
)


def predict(records: Sequence[Record], session: Session | None, surroundings: Surroundings) -> Prediction:
    """The verdict for a session; all values of one file are one session there."""
    record = records[0]
    if record.format == "OCMF":
        place = ("chargy", record.source)
        if place not in surroundings.known:
            surroundings.known[place] = _file(_read(record, surroundings), surroundings)
        return surroundings.known[place]
    if record.format == "BSM":
        return first(_BSM, (records, session)) or Prediction(VALID)
    if record.format in chargy_json.FORMATS:
        return first(_CONTAINER, list(records)) or chargy_json.judge(records)
    if record.format in chargy_others.FORMATS:
        return _other(records, surroundings)
    return Prediction(UNKNOWN)


def _read(record: Record, surroundings: Surroundings) -> list[Record]:
    """Records of the file in the same format; of OCPI signed data only the first value is read."""
    values = [other for other in surroundings.file(record) if other.format == record.format]
    return values[:1] if values[0].container == "OCPI" else values


def _other(records: Sequence[Record], surroundings: Surroundings) -> Prediction:
    """Records of another format: those of the session's charging process, or all of the file."""
    record = records[0]
    alone = record.format in (chargy_others.MENNEKES, "PCDF")
    values = list(records) if alone else _read(record, surroundings)
    return first(_CONTAINER, values) or chargy_others.judge(values)


def _file(values: list[Record], surroundings: Surroundings) -> Prediction:
    """All OCMF records of one file; most files are one row of a table, or one record that it accepts."""
    record = values[0]
    if record.container in chargy_values.UNKNOWN_CONTAINERS:  # no row before this one asks for these containers
        return _UNKNOWN_CONTAINER
    if len(values) == 1 and record.container == "none" and accepted.by_chargy(record, surroundings):
        return _ACCEPTED
    return _judge(values)


def _judge(values: list[Record]) -> Prediction:
    found = first(_CONTAINER, values)
    if found is not None:
        return found
    texts = [OcmfText(value) for value in values]
    groups = _groups(texts)
    if len(groups) > 1 and len({value.transaction for value in values}) > 1:
        return Prediction(REFUSED, (GROUP,))
    for text in groups[0]:
        found = first(_RECORD, text)
        if found is not None:
            return found
        if text.record.signature.verdict is Verdict.FORMAT_ERROR:
            return Prediction(UNKNOWN)
    return first(_SESSION, groups[0]) or Prediction(VALID)


def _groups(texts: list[OcmfText]) -> list[list[OcmfText]]:
    """Records that agree in everything but pages and readings; only the first group is shown."""
    found: dict[str, list[OcmfText]] = {}
    for text in texts:
        found.setdefault(repr([text.payload.get(name) for name in _GROUPED_BY]), []).append(text)
    return list(found.values())


def _stated(record: Record) -> tuple[object, ...]:
    key = own_key(record)
    return (
        record.extra.get("label"),
        record.extra.get("encoding"),
        "".join(key.split()) if key is not None else None,
        record.extra.get("key_encoding") if key is not None else None,
    )


def _label_unknown(records: list[Record]) -> bool:
    if records[0].container != "SAFE-XML":
        return False
    return any(str(record.extra.get("label") or "").lower() not in chargy_values.LABELS for record in records)


_OCPP = Row(
    "P-C-OCPP",
    UNKNOWN,
    "its reading of this container is not known",
    lambda records: records[0].container in chargy_values.UNKNOWN_CONTAINERS,
)
_CONTAINER: tuple[Row, ...] = (
    Row(
        "P-C-MIXED",
        REFUSED,
        "format, encoding or key differ between the values",
        lambda records: records[0].container == "SAFE-XML" and len(set(map(_stated, records))) > 1,
    ),
    Row("P-C-LABEL", REFUSED, "it does not know the format label", _label_unknown),
    _OCPP,
)
_ACCEPTED, _UNKNOWN_CONTAINER = Prediction(VALID), Prediction(UNKNOWN, ((_OCPP.code, _OCPP.text),))


# -- OCMF record --------------------------------------------------------------------------------------------------


def _unbalanced(text: OcmfText) -> bool:
    depth = 0
    for brace in _BRACES.findall(text.text, max(text.text.find("{"), 0)):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return True
    return depth != 0 or not text.readable


def _has(record: Record, *codes: str) -> bool:
    return any(finding.code in codes for finding in record.findings)


def _key_unreadable(text: OcmfText) -> bool:
    record = text.record
    if record.signature.verdict is Verdict.KEY_ERROR and record.signature.reason == "V-KEY-ENCODING":
        return True
    written = record.extra.get("key_text")
    if record.signature.key_source is KeySource.TRUSTED or not isinstance(written, str):
        return False
    data = spki_in(written, chargy_values.KEY_ENCODINGS)
    return data is None or b"\x00\x04" not in data


def _integers(text: OcmfText) -> tuple[bytes, bytes, bool] | None:
    return lenient_integers(text.signature_bytes)


def _not_verified(text: OcmfText) -> bool:
    signature = text.record.signature
    signed = text.record.signed
    return signature.verdict is not Verdict.VALID or (
        signed != signed.strip(b" \t\r\n") and not _has(text.record, "F-PAYLOAD-TRIM")
    )


def _fields(text: OcmfText) -> bool:
    payload = text.payload
    if not re.match(r"[TtFf]\d+", text.get("PG")) or not (text.get("MS") or text.get("GS")):
        return True
    if payload.get("IS") in (None, "") or not text.readings:
        return True
    return any(
        name in payload and (not isinstance(payload[name], str) or isinstance(payload[name], Number)) for name in _TEXTS
    )


def _readings(text: OcmfText) -> list[Fields]:
    """Readings with what they inherit; those that still lack something needed are left out."""
    before: dict[str, object] = {}
    found: list[Fields] = []
    for reading in text.readings:
        whole = Fields({name: before[name] for name in ("TM", "TX", "RI", "RU", "RT", "EF", "ST") if name in before})
        whole.update(reading)
        before = whole
        if all(whole.get(name) is not None for name in ("TM", "RV", "RU", "ST")):
            found.append(whole)
    return found


def _reading_refused(text: OcmfText) -> bool:
    return any(
        not _TIME.fullmatch(str(reading["TM"]))
        or reading.get("TX", "B") not in chargy_values.CODES
        or reading["RU"] not in chargy_values.UNITS
        or reading.get("RT", "AC") not in chargy_values.TYPES
        for reading in _readings(text)
    )


_RECORD: tuple[Row, ...] = (
    Row("P-C-SPLIT", REFUSED, "curly brackets inside strings are not balanced", _unbalanced),
    Row("P-C-JSON", REFUSED, "raw control characters stand in a string", lambda t: _has(t.record, "F-JSON-CTRL")),
    Row(
        "P-C-FV",
        REFUSED,
        "it does not know this format version",
        lambda t: (
            "FV" in t.payload and (isinstance(t.payload["FV"], Number) or t.payload["FV"] not in chargy_values.VERSIONS)
        ),
    ),
    Row(
        "P-C-SA",
        REFUSED,
        "it does not know the algorithm by this name",
        lambda t: "SA" in t.signature and t.algorithm not in chargy_values.ALGORITHMS,
    ),
    Row(
        "P-C-CURVE",
        REFUSED,
        "its library has no such curve",
        lambda t: chargy_values.lacks_curve(t.algorithm),
    ),
    Row(
        "P-C-NOKEY",
        REFUSED,
        "it finds no key",
        lambda t: t.record.signature.verdict is Verdict.NO_KEY or t.record.signature.key_source is KeySource.EMBEDDED,
    ),
    Row("P-C-KEY", REFUSED, "the key is not SubjectPublicKeyInfo with an uncompressed point", _key_unreadable),
    Row(
        "P-C-SE",
        REFUSED,
        "it does not know the encoding of the signature",
        lambda t: str(t.signature.get("SE") or "").lower() not in ("", "hex", "base64"),
    ),
    Row("P-C-SIG", INVALID, "the signature is no ASN.1 sequence of two integers", lambda t: _integers(t) is None),
    Row("P-C-SIG", UNKNOWN, "bytes follow the signature", lambda t: bool((_integers(t) or (b"", b"", False))[2])),
    Row("P-C-HASH", INVALID, "the signature does not verify with the hash that SA names", _not_verified),
    Row("P-C-FIELD", REFUSED, "a field it needs is missing or has another type", _fields),
    Row("P-C-READING", REFUSED, "a reading holds a time, reason, unit or type it does not know", _reading_refused),
)


def _fewer_than_two(texts: list[OcmfText]) -> bool:
    registers = [str(reading.get("RI")) for text in texts for reading in _readings(text)]
    return not registers or Counter(registers)[list(dict.fromkeys(registers))[-1]] < 2


_SESSION: tuple[Row, ...] = (Row("P-C-TWO", INVALID, "the last register has fewer than two readings", _fewer_than_two),)


# -- BSM snapshots ------------------------------------------------------------------------------------------------


def _not_one_by_one(subject: tuple[Sequence[Record], Session | None]) -> bool:
    records, session = subject
    pages = [record.page for record in records]
    if len(pages) < 2 or any(a is None or b is None or b - a != 1 for a, b in pairwise(pages)):
        return True
    return session is not None and any(finding.code in _BSM_CODES for finding in session.findings)


_BSM: tuple[Row, ...] = (
    Row(
        "P-C-BSM",
        INVALID,
        "a signature does not verify",
        lambda s: any(record.signature.verdict is not Verdict.VALID for record in s[0]),
    ),
    Row("P-C-BSM", INVALID, "its chain of snapshots is broken or an unsigned copy differs", _not_one_by_one),
)

#: What the verification page shares: the tables, and the lists that their conditions use.
TABLES = {"container": _CONTAINER, "record": _RECORD, "session": _SESSION, "bsm": _BSM}
LISTS = {
    "labels": sorted(chargy_values.LABELS),
    "versions": list(chargy_values.VERSIONS),
    "algorithms": sorted(chargy_values.ALGORITHMS),
    "missingCurves": list(chargy_values.MISSING_CURVES),
    "groupedBy": list(_GROUPED_BY),
    "texts": list(_TEXTS),
    "codes": list(chargy_values.CODES),
    "broken": sorted(_BSM_CODES),
}
