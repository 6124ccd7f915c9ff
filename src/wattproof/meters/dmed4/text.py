"""The texts of the charge cycle: fixed fields that go in, signed OCMF records that come out. Nothing here does I/O.

A signed text stays the bytes that it came in. Source: communication manual, `v1/ocmf` and charge cycle; specification,
sections 8.7, 9 and 10.5; DEC-51 to DEC-59.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any

from wattproof.errors import InvalidValue, ProtocolError
from wattproof.signed import keys
from wattproof.signed.curves import CURVES, PublicKey
from wattproof.signed.encoding import Refused, decode_der
from wattproof.signed.records import Verdict

SEPARATOR = b"|"
HEAD = b"OCMF"
CURVE = "secp256r1"
ALGORITHM = f"ECDSA-{CURVE}-SHA256"
#: Bytes that the JSON input message may have, and characters of TT (2.8, 9.3).
LONGEST_INPUT, LONGEST_TARIFF = 1024, 250
#: Where the counters wrap, in Wh: 100 000 000 kWh (8.7).
ROLL_OVER = 100_000_000_000
#: Positions of the tuples of RD (9.2); RI is settable, so they are known by their place (DEC-55).
BEGIN_IMPORT, END_IMPORT, END_CYCLE, TUPLES = 0, 3, 5, 6

_EMPTY_SIGNATURE = '{"SA":"","SE":"","SD":""}'
_CARD = re.compile(r"(?:[0-9A-Fa-f]{2}){4}(?:(?:[0-9A-Fa-f]{2}){3})?")
_CONTRACT = re.compile(r"[A-Z]{2}-?[A-Z0-9]{3}-?C?[A-Z0-9]{8}(-?[A-Z0-9])?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d),(\d{3})([+-]\d{4}) ([A-Z])")


# Going in: fixed fields (9.3) -----------------------------------------------------------------------------------------


def fixed_fields(identification: str | None = None, evse: str | None = None, **others: Any) -> dict[str, Any]:
    """The fields that a client sets before a cycle, in their order: who charges (ID), where (CI).

    ``others`` replace or add fields by their OCMF keys, such as ``TT="Tariff 1"``, ``GS="42"``. Without
    ``identification`` nobody is assigned (IS false). Its kind is told by its form: a card number of 4 or 7 bytes in
    hexadecimal digits, a contract number, else undefined.

    Raises :class:`~wattproof.errors.InvalidValue` for what the meter would refuse.
    """
    kind, flags = _kind(identification)
    fields: dict[str, Any] = {
        "FV": "1.0",
        "GI": "Wattproof",
        "GS": "",
        "IS": bool(identification),
        "IF": flags,
        "IT": kind,
        "ID": identification or "",
        "TT": "",
        "CT": "EVSEID",
        "CI": evse or "",
        **others,
    }
    _check(fields)
    return fields


def _kind(identification: str | None) -> tuple[str, list[str]]:
    if not identification:
        return "NONE", []
    if _CARD.fullmatch(identification):
        return "ISO14443", ["RFID_PLAIN"]
    return ("EMAID" if _CONTRACT.fullmatch(identification) else "UNDEFINED"), []


def _check(fields: Mapping[str, Any]) -> None:
    text = payload_text(fields)
    used = len(text.encode("utf-8"))
    rules = (
        ("|" not in text, "holds '|', which separates the sections of a record"),
        ("\\u0000" not in text, "holds a NUL character"),
        (len(str(fields.get("TT", ""))) <= LONGEST_TARIFF, f"TT is longer than {LONGEST_TARIFF} characters"),
        (used <= LONGEST_INPUT, f"needs {used} bytes, and the meter takes {LONGEST_INPUT}"),
    )
    for holds, problem in rules:
        if not holds:
            raise InvalidValue(f"the fixed fields cannot be sent: {text[:80]!r}... {problem}")


class Form(Enum):
    """How fixed fields are wrapped for the meter (DEC-54)."""

    RECORD = "F1"  # a whole record without readings and signature, in a JSON object
    PAYLOAD = "F3"  # the payload object itself


def payload_text(fields: Mapping[str, Any]) -> str:
    """The fields as JSON without white space."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


def input_body(fields: Mapping[str, Any], form: Form) -> bytes:
    """The body of POST `v1/ocmf` in one of its forms."""
    if form is Form.PAYLOAD:
        return payload_text(fields).encode("utf-8")
    record = f"OCMF|{payload_text({**fields, 'RD': []})}|{_EMPTY_SIGNATURE}"
    return json.dumps({"OCMF_BUFF": record}, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


# Coming out: bodies of REST (9.7) -------------------------------------------------------------------------------------


def body_text(body: bytes, key: str) -> bytes:
    """The text under ``key`` of a REST answer; also where the meter left the quotes in it unescaped (DEC-59).

    Raises :class:`~wattproof.errors.ProtocolError` if there is no such text; an absent key is an empty text.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        plain = re.search(rb'"' + re.escape(key.encode()) + rb'"\s*:\s*"(.*)"\s*\}', body, re.DOTALL)
        if plain is None:
            raise ProtocolError(f"the answer holds no text {key}: {body[:60]!r}") from None
        return plain.group(1)
    text = found.get(key, "") if isinstance(found, dict) else None
    if text is None or not isinstance(text, str):
        raise ProtocolError(f"the answer holds no text {key}: {body[:60]!r}")
    return text.encode("utf-8", "surrogatepass")


# Coming out: registers (9.5) ------------------------------------------------------------------------------------------


def rebuilt(payload: bytes, signature: bytes, *, base64: bool = False) -> bytes:
    """The record that registers 4400h and 4640h make together; a payload that is a whole record stays what it is.

    ``base64``: what the meter's signature format says (4282h); a signature that lies there as text keeps its form.
    Raises :class:`~wattproof.errors.ProtocolError` if the signature has none of the known forms.
    """
    if payload.startswith(HEAD + SEPARATOR):
        return payload
    encoding, text = signature_text(signature, base64=base64)
    section = json.dumps({"SA": ALGORITHM, "SE": encoding, "SD": text}, separators=(",", ":"))
    return SEPARATOR.join((HEAD, payload, section.encode("ascii")))


def signature_text(data: bytes, *, base64: bool = False) -> tuple[str, str]:
    """SE and SD of a signature as it lies at 4640h: binary DER, or its text in hexadecimal or Base64 digits."""
    if data[:1] == b"\x30" and len(data) > 2 and data[1] == len(data) - 2:
        if not base64:
            return "hex", data.hex().upper()
        return "base64", b64encode(data).decode("ascii")
    text = data.rstrip(b"\0").decode("latin-1")
    if text.startswith("30") and _decodes("hex", text):
        return "hex", text
    if text.startswith("ME") and _decodes("base64", text):
        return "base64", text
    raise ProtocolError(f"the signature at register 4640h is neither DER nor its text: {data[:16].hex()}...")


def _decodes(encoding: str, text: str) -> bool:
    try:
        return bool(keys.ENCODINGS[encoding](text))
    except ValueError:
        return False


def public_key(raw: bytes) -> bytes:
    """X and Y, 32 bytes each, as DER SubjectPublicKeyInfo.

    Raises :class:`~wattproof.errors.ProtocolError` for bytes that are no point of the curve, as a meter without keys
    shows them, and for text (DEC-24).
    """
    if raw and all(octet in b"0123456789abcdefABCDEF" for octet in raw):
        raise ProtocolError("the public key at register 4600h is text, half of the key: read it over REST")
    try:
        return PublicKey(CURVES[CURVE], int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")).spki
    except InvalidValue as error:
        raise ProtocolError(f"the meter shows no public key: {error}") from None


# Records --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """One signed OCMF text, ``OCMF|payload|signature``, as the bytes that the meter gave.

    Properties raise :class:`~wattproof.errors.ProtocolError` where the text is not what they need.
    """

    text: bytes

    @cached_property
    def _sections(self) -> list[bytes]:
        parts = self.text.split(SEPARATOR)
        if len(parts) != 3 or parts[0] != HEAD:
            raise ProtocolError(f"no OCMF record of three sections: {self.text[:60]!r}")
        return parts

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers."""
        return self._sections[1]

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The payload, numbers exact."""
        return _object(self._sections[1])

    @cached_property
    def _signature(self) -> dict[str, Any]:
        return _object(self._sections[2])

    def field(self, key: str) -> str:
        """A text of the payload, empty where there is none: ``ID``, ``CI``, ``MS``, ``MM``."""
        value = self.payload.get(key, "")
        return value if isinstance(value, str) else str(value)

    @property
    def counter(self) -> int | None:
        """The progressive number in PG."""
        page = self.field("PG")
        return int(page[1:]) if page[:1] == "T" and page[1:].isdecimal() and len(page) < 22 else None

    @property
    def transaction(self) -> str:
        """What made it: TX of the fourth tuple, ``B``, ``C`` or ``E``."""
        return str(self._tuple(END_IMPORT, "TX"))

    @property
    def begin_energy(self) -> Decimal:
        """Total imported energy at the begin, Wh."""
        return self._energy(BEGIN_IMPORT)

    @property
    def end_energy(self) -> Decimal:
        """Total imported energy at the command, Wh."""
        return self._energy(END_IMPORT)

    @property
    def energy(self) -> Decimal:
        """Wh between the two, across a roll-over of the counter if need be (DEC-51)."""
        delta = self.end_energy - self.begin_energy
        return delta + ROLL_OVER if delta < 0 else delta

    @property
    def cycle_energy(self) -> Decimal:
        """The cycle's own counter at the command, Wh."""
        return self._energy(END_CYCLE)

    @property
    def begin_time(self) -> datetime | None:
        return self._time(BEGIN_IMPORT)

    @property
    def time(self) -> datetime | None:
        """When the command was given, by the meter; ``None`` if it cannot be read."""
        return self._time(END_IMPORT)

    @property
    def error_flags(self) -> str:
        """EF of the fourth tuple: ``t`` after a power failure in the cycle, ``E`` with a measurement fault."""
        return str(self._tuple(END_IMPORT, "EF"))

    def valid(self, key: bytes) -> bool:
        """Whether the signature is right under a public key (DER), by the algorithm that SA names (DEC-56)."""
        if not key:
            return False
        try:
            if self._signature.get("SA", ALGORITHM) != ALGORITHM:
                return self._judged(key)
            signature = keys.ENCODINGS[str(self._signature.get("SE") or "hex")](str(self._signature["SD"]))
            point = PublicKey(CURVES[CURVE], int.from_bytes(key[-64:-32], "big"), int.from_bytes(key[-32:], "big"))
            r, s = decode_der(point.curve, signature)
        except (KeyError, ValueError, Refused, ProtocolError):
            return False
        return point.verify(hashlib.sha256(self.signed).digest(), r, s)

    def _judged(self, key: bytes) -> bool:
        """The same by the verifier, which knows the other algorithms of OCMF."""
        from wattproof.signed import examine

        verdicts = [record.signature.verdict for record in examine(self.text, public_key=key.hex()).records]
        return verdicts == [Verdict.VALID]

    def _tuple(self, position: int, key: str) -> Any:
        """A key of a tuple of RD, inherited from the tuples before it (9.2)."""
        readings = self.payload.get("RD")
        if not isinstance(readings, list) or len(readings) < TUPLES:
            raise ProtocolError(f"record {self.field('PG')}: RD has not the six tuples of a DMED4")
        for reading in reversed(readings[: position + 1]):
            if isinstance(reading, dict) and key in reading:
                return reading[key]
        return ""

    def _energy(self, position: int) -> Decimal:
        value = self._tuple(position, "RV")
        if not isinstance(value, Decimal):
            raise ProtocolError(f"record {self.field('PG')}: RV {value!r} of tuple {position + 1} is no number")
        return value.scaleb(3)

    def _time(self, position: int) -> datetime | None:
        found = _TIME.fullmatch(str(self._tuple(position, "TM")))
        if found is None:
            return None
        return datetime.strptime(f"{found[1]}.{found[2]}{found[3]}", "%Y-%m-%dT%H:%M:%S.%f%z")

    @property
    def words(self) -> str:
        """The text for people and JSON."""
        return self.text.decode("utf-8", "backslashreplace")


def _object(section: bytes) -> dict[str, Any]:
    try:
        found = json.loads(section, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a section of the record is no JSON ({error}): {section[:60]!r}") from None
    if not isinstance(found, dict):
        raise ProtocolError(f"a section of the record is no object: {section[:60]!r}")
    return found


# Events (10.5) --------------------------------------------------------------------------------------------------------


def event(text: bytes) -> dict[str, str]:
    """Date, time, code and arguments of an ``EVENT|{...}`` text, passed through unread (DEC-65)."""
    head, _, content = text.partition(SEPARATOR)
    if head != b"EVENT":
        raise ProtocolError(f"no event: {text[:60]!r}")
    return {str(key): str(value) for key, value in _object(content).items()}
