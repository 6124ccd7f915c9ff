"""Predicts S.A.F.E. transparenzsoftware 1.4.1: tables "container", "OCMF record" and "readings" of section 3.6."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from wattproof.signed.curves import PublicKey
from wattproof.signed.formats import ocmf_times
from wattproof.signed.profiles import accepted, safe_others, safe_values
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
    spki_of,
)
from wattproof.signed.profiles.safe_values import ENDS
from wattproof.signed.records import KeySource, Record, Verdict
from wattproof.signed.rules.status import FAILED_LEVELS
from wattproof.signed.sessions import BEGIN_LABEL, END_LABEL, Session
from wattproof.signed.units import KeyText

_BARE = frozenset({"none", "SAFE-XML", "JSONL", "CSV", "PARQUET", "ZIP", "TAR", "GZIP", "PDF", "QR"})
_LABELS = frozenset(
    {"OCMF", "ALFEN", "EDL_40_P", "SML_EDL40_P", "ISA_EDL_40_P", "EDL_40_SIG", "EDL_40_MENNEKES", "PCDF"}
)
_TEXTS = ("FV", "GI", "GS", "GV", "PG", "MV", "MM", "MS", "MF", "IS", "IL", "IT", "ID", "TT", "CF", "CT", "CI")
_READING_TEXTS = ("TM", "TX", "RV", "RI", "RU", "RT", "CL", "EF", "EI", "ST")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d),(\d{3})([+-])(\d\d)(\d\d) ([UISR])", re.ASCII)


@dataclass(slots=True)
class _Values:
    """The records that stand under one transaction id, in file order."""

    records: list[Record]
    pair: bool


_ACCEPTED = Prediction(VALID)


def predict(records: Sequence[Record], _session: Session | None, surroundings: Surroundings) -> Prediction:
    """The verdict for a session: of its pair, or the worst of its records, each judged alone."""
    if records[0].format == safe_others.MENNEKES:  # both measurements stand in one value
        return first(_CONTAINER, _Values(list(records), False)) or _judge(list(records), surroundings)
    group = surroundings.transaction(records[0])
    if len(group) > 1 and re.fullmatch(r"\s*[+-]?\d+\s*", records[0].transaction or "", re.ASCII) is not None:
        place = ("safe", records[0].source, records[0].transaction or "")
        if place not in surroundings.known:
            surroundings.known[place] = first(_CONTAINER, _Values(group, True)) or _judge(group, surroundings)
        return surroundings.known[place]
    found = [_alone(record, surroundings) for record in records]
    for verdict in (REFUSED, INVALID, UNKNOWN):
        for prediction in found:
            if prediction.verdict == verdict:
                return prediction
    return _ACCEPTED


def _alone(record: Record, surroundings: Surroundings) -> Prediction:
    if record.format == "OCMF" and record.container in _BARE and accepted.by_safe(record, surroundings):
        return _ACCEPTED
    return first(_CONTAINER, _Values([record], False)) or _judge([record], surroundings)


class _Text(OcmfText):
    """A record with the key that it is verified with: of a pair, that of the last value."""

    def __init__(self, record: Record, key: KeyText | None) -> None:
        super().__init__(record)
        self.key = key


def _judge(records: list[Record], surroundings: Surroundings) -> Prediction:
    if any(record.format in safe_others.FORMATS for record in records):
        return safe_others.judge(records)
    if any(record.format != "OCMF" for record in records):
        return Prediction(UNKNOWN)
    key = surroundings.key(records[-1])
    texts: list[OcmfText] = [_Text(record, key) for record in records]
    for text in texts:
        found = first(_RECORD, text)
        if found is not None:
            return found
        if text.record.signature.verdict is Verdict.FORMAT_ERROR:
            return Prediction(UNKNOWN)
    if len(records) > 1:
        texts.sort(key=lambda text: text.record.context == END_LABEL)
    elif not _is_whole(texts[0]):
        return Prediction(VALID)
    return first(_READINGS, _Chosen(texts)) or Prediction(VALID)


def _is_whole(text: OcmfText) -> bool:
    codes = {reading.get("TX") for reading in text.readings}
    return text.get("PG").startswith("T") and "B" in codes and bool(codes & ENDS)


# -- container ----------------------------------------------------------------------------------------------------


def _has(record: Record, *codes: str) -> bool:
    return any(finding.code in codes for finding in record.findings)


def _no_key(values: _Values) -> bool:
    record = values.records[-1]
    if record.signature.verdict is Verdict.NO_KEY:
        return True
    lent = _has(record, "F-KEY-SHARED") and not record.extra.get("embedded_key")
    if lent and record.signature.key_source is not KeySource.TRUSTED:
        return True
    return record.format == "OCMF" and record.signature.key_source is KeySource.EMBEDDED


def _not_a_pair(values: _Values) -> bool:
    if not values.pair:
        return False
    contexts = [record.context for record in values.records]
    labels = [record.extra.get("label") for record in values.records]
    return contexts.count(BEGIN_LABEL) != 1 or contexts.count(END_LABEL) != 1 or not _LABELS.issuperset(labels)


_CONTAINER: tuple[Row, ...] = (
    Row(
        "P-S-FORMAT",
        REFUSED,
        "it does not know this record format or algorithm",
        lambda v: any(
            record.format in ("BSM", "EMH", "GDF", "ChargePoint")
            or (record.signature.algorithm or "").startswith(("EdDSA", "ML-DSA"))
            for record in v.records
        ),
    ),
    Row(
        "P-S-CONTAINER",
        REFUSED,
        "it does not know this container",
        lambda v: any(
            record.container not in _BARE
            and not (record.container == "MENNEKES-XML" and record.extra.get("root") == "Billing")
            for record in v.records
        ),
    ),
    Row(
        "P-S-XML",
        REFUSED,
        "it wants the root element values without namespace",
        lambda v: any(_has(record, "F-XML-NAMESPACE", "F-XML-FRAGMENT") for record in v.records),
    ),
    Row(
        "P-S-MIXED",
        REFUSED,
        "one transaction has different format labels",
        lambda v: len({record.extra.get("label") for record in v.records}) > 1,
    ),
    Row("P-S-EMPTY", INVALID, "signedData is empty", lambda v: any(_has(record, "F-EMPTY") for record in v.records)),
    Row("P-S-NOKEY", REFUSED, "it finds no key", _no_key),
    Row("P-S-PAIR", REFUSED, "one transaction needs exactly one begin and one end value", _not_a_pair),
)


# -- OCMF record --------------------------------------------------------------------------------------------------


def _not_split(text: OcmfText) -> bool:
    parts = text.parts
    if parts[0] != "OCMF" or len(parts) < 3:
        return True
    return any(not (part.strip().startswith("{") and part.strip().endswith("}")) for part in parts[1:3])


def _version(text: OcmfText) -> bool:
    value = text.payload.get("FV")
    try:
        return not (isinstance(value, str) and Decimal("0.1") <= Decimal(value) <= Decimal("1.3"))
    except InvalidOperation:
        return True


def _number(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value).strip()) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _wrong_types(text: OcmfText) -> bool:
    payload, readings = text.payload, payload_readings(text)
    if any(isinstance(payload.get(name), (list, Fields)) for name in _TEXTS):
        return True
    if not isinstance(payload.get("IF", []), (list, type(None))) or not isinstance(
        payload.get("LC", Fields()), (Fields, type(None))
    ):
        return True
    if readings is None or len(readings) != len(text.readings):
        return True
    for reading in text.readings:
        if any(isinstance(reading.get(name), (list, Fields)) for name in _READING_TEXTS):
            return True
        if reading.get("RV") is not None and _number(reading["RV"]) is None:
            return True
    return False


def payload_readings(text: OcmfText) -> list[object] | None:
    """RD as it stands; ``None`` if it is there and no array."""
    readings = text.payload.get("RD", [])
    return readings if isinstance(readings, list) else None


def _key_unknown(text: _Text) -> bool:
    return text.key is not None and spki_of(text.key) is None


def _public_key(text: _Text) -> PublicKey | None:
    return safe_values.point(text.algorithm, spki_of(text.key))


def _signature_refused(text: OcmfText) -> bool:
    found = lenient_integers(text.signature_bytes)
    if found is None:
        return True
    return any(
        not content or (len(content) > 1 and ((content[0] == 0 and content[1] < 0x80) or content[:2] >= b"\xff\x80"))
        for content in found[:2]
    )


def _not_verified(text: _Text) -> bool:
    """Its own check: SHA-256 over the text between the pipes, lenient about the frame of the signature."""
    record = text.record
    changed = _has(record, "F-PAYLOAD-TRIM", "F-UTF8", "F-XML-ENCODING")
    signature = record.signature
    same = (signature.algorithm or "").endswith("SHA256") and spki_of(text.key) == signature.public_key
    if signature.verdict is Verdict.VALID and same and not changed:
        return False
    key, found = _public_key(text), lenient_integers(text.signature_bytes)
    if key is None or found is None:
        return True
    r, s = (int.from_bytes(content, "big") for content in found[:2])
    if not (0 < r < key.curve.order and 0 < s < key.curve.order):
        return True
    return not key.verify(hashlib.sha256(text.parts[1].encode()).digest(), r, s)


_RECORD: tuple[Row, ...] = (
    Row("P-S-SPLIT", REFUSED, "it splits at every pipe and finds no two JSON objects", _not_split),
    Row("P-S-DUPKEY", REFUSED, "a key stands twice in the payload", lambda t: t.payload.repeated),
    Row("P-S-FV", REFUSED, "FV is missing or not between 0.1 and 1.3", _version),
    Row("P-S-TYPE", REFUSED, "a field has another type than it expects", _wrong_types),
    Row(
        "P-S-SA",
        REFUSED,
        "SA is not ECDSA, curve and hash",
        lambda t: not safe_values.is_ecdsa(t.algorithm),
    ),
    Row(
        "P-S-CURVE",
        INVALID,
        "it does not know the curve by this name",
        lambda t: not safe_values.knows_curve(t.algorithm),
    ),
    Row(
        "P-S-SE",
        INVALID,
        "it cannot decode the signature text",
        lambda t: t.signature.get("SE", "hex") not in ("hex", "base64", "base32", "plain") or t.signature_bytes is None,
    ),
    Row("P-S-KEY", INVALID, "the key is not SubjectPublicKeyInfo in Base32, Base64 or hexadecimal", _key_unknown),
    Row(
        "P-S-POINT",
        INVALID,
        "the key is not a point on the curve of SA",
        lambda t: t.key is not None and _public_key(t) is None,
    ),
    Row("P-S-SIG", INVALID, "the signature is no ASN.1 sequence of two minimal integers", _signature_refused),
    Row(
        "P-S-HASH", INVALID, "the signature does not verify with SHA-256 over the text between the pipes", _not_verified
    ),
    Row("P-S-PG", INVALID, "PG is missing or has fewer than two characters", lambda t: len(t.get("PG")) < 2),
)


# -- readings -----------------------------------------------------------------------------------------------------


class _Chosen:
    """The readings it compares: only relevant registers, and of those only compensated ones if there are any."""

    def __init__(self, texts: list[OcmfText]) -> None:
        self.texts = texts
        self.sides = [[reading for reading in text.readings if _relevance(reading)] for text in texts]
        every = [reading for side in self.sides for reading in side]
        compensated = [reading for reading in every if _relevance(reading) == 2]
        self.readings = compensated or every
        self.begins = [reading for reading in self.readings if reading.get("TX") == "B"]
        self.ends = [reading for reading in self.readings if reading.get("TX") in ENDS]

    @property
    def begin(self) -> Fields:
        return self.begins[0]

    @property
    def end(self) -> Fields:
        return self.ends[0]

    def inherited(self, reading: Fields, name: str) -> object:
        """ST and RU go on from the chosen reading before."""
        value: object = None
        for other in self.readings:
            value = other.get(name, value)
            if other is reading:
                break
        return value

    def level(self) -> list[object]:
        name = "IL" if all(_number(text.get("FV")) is None or text.get("FV") >= "0.5" for text in self.texts) else "IS"
        return [text.payload.get(name) for text in self.texts]

    @property
    def old(self) -> bool:
        """Format version below 0.5: event counters are compared."""
        version = _number(self.texts[0].get("FV"))
        return version is not None and version < Decimal("0.5")


def _relevance(reading: Fields) -> int:
    register = reading.get("RI")
    return safe_values.relevance(register) if isinstance(register, str) and not isinstance(register, Number) else 0


def _instant(reading: Fields) -> tuple[str, int] | None:
    """Status and milliseconds of a TM of the form of 1.8; a date that no calendar has is not compared."""
    match = _TIME.fullmatch(str(reading.get("TM", "")))
    if match is None:
        return None
    time = ocmf_times.parse(match[0]).time
    return None if time is None else (match[6], time.seconds * 1000 + time.milliseconds)


def _clock(reading: Fields) -> str:
    text = str(reading.get("TM", ""))
    return text[-1] if len(text) > 1 and text[-2] == " " and text[-1] in "UISR" else ""


def _later(chosen: _Chosen) -> bool:
    begin, end = _instant(chosen.begin), _instant(chosen.end)
    return begin is not None and end is not None and begin[1] > end[1]


def _greater(first_value: object, second: object) -> bool:
    one, two = _number(first_value), _number(second)
    return one is not None and two is not None and one > two


def _crossed(chosen: _Chosen) -> bool:
    if len(chosen.texts) < 2:
        return False
    begin, end = chosen.texts[0].readings, chosen.texts[-1].readings
    return any(reading.get("TX") in ENDS for reading in begin) or any(reading.get("TX") == "B" for reading in end)


def _lists(chosen: _Chosen) -> bool:
    if len(chosen.texts) < 2:
        return False
    begin, end = (
        [
            number * (1 if reading.get("RU") == "kWh" else Decimal("0.001"))
            for reading in side
            if (number := _number(reading.get("RV"))) is not None
        ]
        for side in (chosen.sides[0], chosen.sides[-1])
    )
    return not begin or not end or max(begin) > min(end)


_READINGS: tuple[Row, ...] = (
    Row("P-S-CONTEXT", INVALID, "the begin record holds an end or the end record a begin", _crossed),
    Row(
        "P-S-FIRST",
        INVALID,
        "the first relevant reading lacks ST or RU",
        lambda c: bool(c.readings) and not ({"ST", "RU"} <= c.readings[0].keys()),
    ),
    Row("P-S-MULTI", INVALID, "more than one begin or end reading", lambda c: len(c.begins) > 1 or len(c.ends) > 1),
    Row("P-S-NONE", INVALID, "no begin or no end reading of a relevant register", lambda c: not (c.begins and c.ends)),
    Row("P-S-VALUE", INVALID, "the begin value is greater", lambda c: _greater(c.begin.get("RV"), c.end.get("RV"))),
    Row("P-S-TIME", INVALID, "the begin is later than the end", _later),
    Row("P-S-IL", INVALID, "the user assignment failed", lambda c: bool(FAILED_LEVELS & set(map(str, c.level())))),
    Row(
        "P-S-ST",
        INVALID,
        "the meter status is not G",
        lambda c: any(c.inherited(reading, "ST") != "G" for reading in (c.begin, c.end)),
    ),
    Row(
        "P-S-CLOCK",
        INVALID,
        "the time status is missing, or relative time was not continued",
        lambda c: not _clock(c.begin) or (_clock(c.begin) == "R" != _clock(c.end)),
    ),
    Row(
        "P-S-EI",
        INVALID,
        "the event counter differs",
        lambda c: c.old and c.end.get("EI") is not None and c.end.get("EI") != c.begin.get("EI"),
    ),
    Row(
        "P-S-EF",
        INVALID,
        "an error flag marks the energy",
        lambda c: any("E" in str(reading.get("EF") or "") for reading in (c.begin, c.end)),
    ),
    Row("P-S-LIST", INVALID, "begin and end values of the pair do not fit each other", _lists),
)

#: What the verification page shares: the tables, and the lists that their conditions use.
TABLES = {"container": _CONTAINER, "record": _RECORD, "readings": _READINGS}
LISTS = {
    "bare": sorted(_BARE),
    "labels": sorted(_LABELS),
    "texts": list(_TEXTS),
    "readingTexts": list(_READING_TEXTS),
    "curves": sorted(safe_values.KNOWN_CURVES),
    "compensated": sorted(safe_values.COMPENSATED),
    "relevant": sorted(safe_values.RELEVANT),
    "failed": sorted(FAILED_LEVELS),
}
