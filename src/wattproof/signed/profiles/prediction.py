"""What a profile says, and what it may look at: the record as written, its neighbours, its key as written."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from wattproof.signed.profiles import stated
from wattproof.signed.records import KeySource, Record
from wattproof.signed.sessions import Session
from wattproof.signed.units import KeyText

VALID, INVALID, REFUSED, UNKNOWN = "valid", "invalid", "refused", "unknown"


@dataclass(frozen=True, slots=True)
class Prediction:
    """``verdict`` is valid, invalid, refused or unknown; ``reasons`` are (code, sentence)."""

    verdict: str
    reasons: tuple[tuple[str, str], ...] = ()

    @property
    def codes(self) -> list[str]:
        """The codes of the reasons."""
        return [code for code, _ in self.reasons]

    def __str__(self) -> str:
        return f"{self.verdict}, " + "; ".join(f"{code}: {text}" for code, text in self.reasons)


class Row(NamedTuple):
    """One row of a table: the first whose ``applies`` is true decides."""

    code: str
    verdict: str
    text: str
    applies: Callable[[Any], bool]


def first(rows: Iterable[Row], subject: object) -> Prediction | None:
    """The prediction of the first row that applies to ``subject``."""
    for row in rows:
        if row.applies(subject):
            return Prediction(row.verdict, ((row.code, row.text),))
    return None


class Number(str):
    """A JSON number as written."""

    __slots__ = ()


class Fields(dict[str, Any]):
    """A JSON object that remembers whether a key stood there twice."""

    repeated = False


def _object(pairs: list[tuple[str, Any]]) -> Fields:
    fields = Fields(pairs)
    fields.repeated = len(fields) < len(pairs) or any(
        isinstance(item, Fields) and item.repeated
        for _, value in pairs
        for item in (value if isinstance(value, list) else [value])
    )
    return fields


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=Number, strict=False
)
_SPACE = re.compile(r"[ \t\r\n]*")


def _section(text: str, at: int) -> tuple[Fields, int] | None:
    """The JSON object that begins after blanks at ``at``, and where it ends."""
    match = _SPACE.match(text, at)
    try:
        value, end = _DECODER.raw_decode(text, match.end() if match else at)
    except (ValueError, RecursionError):
        return None
    return (value, end) if isinstance(value, Fields) else None


class OcmfText:
    """An OCMF record as another program finds it: its sections, and its fields as written."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.text = record.text.strip()
        self.parts = self.text.split("|")
        self.payload, self.signature = Fields(), Fields()
        self.readable = False
        found = _section(self.text, self.text.find("|") + 1)
        if found is not None:
            self.payload, end = found
            second = _section(self.text, self.text.find("|", end) + 1)
            if second is not None:
                self.signature = second[0]
                self.readable = True
        readings = self.payload.get("RD")
        self.readings: list[Fields] = (
            [item for item in readings if isinstance(item, Fields)] if isinstance(readings, list) else []
        )

    def get(self, name: str, default: str = "") -> str:
        """A payload field as text; what is missing or no text gives the default."""
        value = self.payload.get(name)
        return value if isinstance(value, str) else default

    @property
    def algorithm(self) -> str:
        value = self.signature.get("SA", "ECDSA-secp256r1-SHA256")
        return value if isinstance(value, str) else ""

    @property
    def signature_bytes(self) -> bytes | None:
        """SD decoded as SE says; ``None`` if it cannot be decoded."""
        data, encoding = self.signature.get("SD"), self.signature.get("SE", "hex")
        if not isinstance(data, str) or not data:
            return None
        decoders: dict[object, Callable[[str], bytes]] = {
            "hex": bytes.fromhex,
            "base64": lambda text: base64.b64decode(text + "=" * (-len(text) % 4), validate=True),
            "base32": lambda text: base64.b32decode(text + "=" * (-len(text) % 8)),
        }
        try:
            return decoders.get(encoding, bytes.fromhex)(data)
        except (ValueError, binascii.Error):
            return None


def lenient_integers(data: bytes | None) -> tuple[bytes, bytes, bool] | None:
    """Contents of the first two INTEGERs of a definite-length SEQUENCE, and whether anything follows them.

    Lengths need not be in their shortest form: what both programs' ASN.1 readers accept.
    """
    outer = _element(data or b"", 0)
    if outer is None or outer[0] != 0x30:
        return None
    _, start, end = outer
    one = _element(data or b"", start)
    two = _element(data or b"", one[2]) if one else None
    if data is None or one is None or two is None or one[0] != 2 or two[0] != 2 or two[2] > end:
        return None
    return data[one[1] : one[2]], data[two[1] : two[2]], two[2] < len(data)


def _element(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Tag, first and last position of the content of one element with definite length."""
    if at + 2 > len(data) or data[at + 1] == 0x80:
        return None
    size, start = data[at + 1], at + 2
    if size > 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[at + 2 : start], "big")
    end = start + size
    return (data[at], start, end) if end <= len(data) else None


_SPKI = re.compile(
    rb"\x30[\x38-\x7f\x81-\x82].{0,3}?\x30[\x08-\x20]\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06", re.DOTALL
)


def own_key(record: Record) -> str | None:
    """The text of the key that stands in the record's own value; not one that another value lends it."""
    text = record.extra.get("key_text")
    lent = any(finding.code == "F-KEY-SHARED" for finding in record.findings)
    return text if isinstance(text, str) and not lent else None


def spki_of(key: KeyText | None) -> bytes | None:
    """The SubjectPublicKeyInfo with named curve that a key is, in text or binary; ``None`` if it is another form."""
    return spki_in(key.text) if key is not None else None


def spki_in(key: str | bytes, encodings: tuple[str, ...] = ("base32", "base64", "hex")) -> bytes | None:
    """The SubjectPublicKeyInfo with named curve that a key is or, as text, holds in one of the encodings.

    Answers are kept, as a fleet repeats its keys.
    """
    if isinstance(key, bytes):
        return key if _SPKI.match(key) else None
    return (_kept_spki if len(key) <= KEPT_KEY else _spki_in)(key, encodings)


_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "base32": lambda value: base64.b32decode(value.upper() + "=" * (-len(value) % 8)),
    "base64": lambda value: base64.b64decode(value + "=" * (-len(value) % 4), validate=True),
    "hex": bytes.fromhex,
}


def _spki_in(text: str, encodings: tuple[str, ...]) -> bytes | None:
    packed = "".join(text.split())
    for encoding in encodings:
        try:
            data = _ENCODINGS[encoding](packed)
        except (ValueError, binascii.Error):
            continue
        if _SPKI.match(data):
            return data
    return None


#: Characters of a key that is kept.
KEPT_KEY = 2048
_kept_spki = lru_cache(maxsize=4096)(_spki_in)


class Surroundings:
    """All records of the run, so that a profile can see what stood in the same file, and the key that the user gave.

    ``known`` keeps predictions that hold for a whole file or transaction, so that each is made once.
    """

    def __init__(self, records: Sequence[Record], trusted: KeyText | None = None) -> None:
        self.trusted = trusted
        self._files: dict[str, list[Record]] = {}
        self._transactions: dict[tuple[str, str], list[Record]] = {}
        self.known: dict[tuple[str, ...], Prediction] = {}
        self._stated: dict[int, tuple[stated.Payload, stated.Section] | None] = {}
        for record in records:
            self._files.setdefault(record.source, []).append(record)
            if record.transaction is not None:
                self._transactions.setdefault((record.source, record.transaction), []).append(record)

    def key(self, record: Record) -> KeyText | None:
        """The key as the program is given it: the one that stands beside the record, else the user's."""
        written = own_key(record)
        if written is not None:
            return KeyText(written, KeySource.CONTAINER)
        return self.trusted

    def stated(self, record: Record) -> tuple[stated.Payload, stated.Section] | None:
        """What an OCMF record states, if it is a common one. Both programs ask for it."""
        place = id(record)
        if place not in self._stated:
            self._stated[place] = stated.read(record)
        return self._stated[place]

    def file(self, record: Record) -> list[Record]:
        """Every record of the same source."""
        return self._files[record.source]

    def transaction(self, record: Record) -> list[Record]:
        """Every record of the same source and transaction; a record without transaction stands alone."""
        if record.transaction is None:
            return [record]
        return self._transactions[record.source, record.transaction]


@dataclass(frozen=True, slots=True)
class Profile:
    """One incumbent program."""

    program: str
    predict: Callable[[Sequence[Record], Session | None, Surroundings], Prediction]
