"""PCDF: one charging session as a line of named fields in round brackets; begin is zero, so one line is complete.

Source: specification of the verifier, 2.8.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from wattproof.signed import numbers
from wattproof.signed.algorithms import DEFAULT as P256_SHA256
from wattproof.signed.keys import decode_hex
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.numbers import NumberRefused
from wattproof.signed.obis_classes import IMPORT, MAINS, SESSION, energy_class
from wattproof.signed.records import Clock, Finding, KeySource, Moment, Reading, Record, Severity, Time
from wattproof.signed.stamps import time_text
from wattproof.signed.units import NO_CARRIER, Carrier, KeyText, Unit, stopped

TOKEN = "PCDF"  # noqa: S105 (the name of the format)
HEAD = b"128.8.0"
#: The signed fields in their order; the signature follows.
ORDER = "ST CT CD TV BV CSC SP RV SI CS HW DT PK".split()

_BEGIN = re.compile(rb'"?(?:\x02|\\u0002)?128\.8\.0\(')
_LINE_END = re.compile(rb"[\r\n]+")
#: What stands around records, also as a JSON text writes it: such a text in quotes is recognised as a record in quotes.
_BETWEEN = re.compile(rb'(?:[\s"\x02\x03]|\\u000[23]|\\[rn])*')
_FIELD = re.compile(rb"\(([A-Za-z]{1,8}):([^()]*)\)")
_SHOWN = 512  # bytes of a broken record that are kept for display
_ENERGY = energy_class(IMPORT, MAINS, SESSION)
_DATE = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_KWH = re.compile(r"([^*]*)\*([^*]*)")
#: Forms that 2.8 gives.
_FORMS = {
    "ST": r"\d{12}",
    "CT": r"\d{12}",
    "CD": r"\d{6}",
    "TV": r"[01]",
    "BV": r"[01]",
    "CSC": r"\d{1,20}",
    "SP": r"[01]",
    "RV": r"\d{4}\.\d{3}\*kWh",
    "SI": r"[^*]{1,36}\*[1-5]\*[^*]{1,36}",
    "CS": r"[0-9A-Fa-f]{8}",
    "HW": r".{11}",
    "DT": r"0",
    "PK": r"[0-9A-Fa-f]{130}",
}
_FORM = {name: re.compile(form, re.ASCII) for name, form in _FORMS.items()}


@dataclass(frozen=True, slots=True)
class _Line:
    """One record: its signed bytes, its fields in the order of the text, and the text of its signature."""

    signed: bytes
    fields: tuple[tuple[str, str], ...]
    signature: str


@dataclass(frozen=True, slots=True)
class _Broken:
    """What is no record: code and message of the finding, and how it begins."""

    code: str
    message: str
    text: str


def detect(data: bytes) -> bool:
    """Whether the bytes begin with such a record."""
    return _BEGIN.match(data) is not None


def parse(body: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """Every record of the text, in file order; at least one unit, and never an exception."""
    units: list[Unit] = []
    for found in _records(_LINE_END.sub(b"", body), limits):
        if len(units) >= limits.units:
            units.append(stopped(TOKEN, "F-SIZE", f"more than {limits.units} records", carrier=carrier))
            break
        if isinstance(found, _Line):
            units.append(_unit(found, carrier))
        else:
            units.append(stopped(TOKEN, found.code, found.message, carrier=carrier, text=found.text))
    return units or [stopped(TOKEN, "F-EMPTY", "there is no record", carrier=carrier)]


def _records(text: bytes, limits: Limits) -> Iterator[_Line | _Broken]:
    """The records that follow each other; behind one that cannot be read, reading goes on at the next."""
    at = _skip(text, 0)
    while at < len(text):
        start = at
        found, at = _record_at(text, start, limits)
        yield found
        if isinstance(found, _Broken):
            at = text.find(HEAD + b"(", start + 1)
            if at < 0:
                return
        at = _skip(text, at)


def _record_at(text: bytes, start: int, limits: Limits) -> tuple[_Line | _Broken, int]:
    """The record that begins at a place, and where it ends."""

    def broken(code: str, message: str) -> tuple[_Broken, int]:
        return _Broken(code, message, text[start : start + _SHOWN].decode("utf-8", "replace")), start

    if not text.startswith(HEAD, start):
        return broken("F-PCDF", f"at @{start} no record begins")
    at = start + len(HEAD)
    fields: list[tuple[str, str]] = []
    while match := _FIELD.match(text, at):
        name = match[1].decode("ascii")
        if name == "SG":
            break
        fields.append((name, match[2].decode("utf-8", "replace")))
        at = match.end()
        if at - start > limits.record:
            return broken("F-SIZE", f"a record of more than {limits.record} bytes")
    if match is None:
        return broken("F-PCDF", f"at @{at} neither a field nor the signature follows")
    return _Line(text[start:at], tuple(fields), match[2].decode("utf-8", "replace")), match.end()


def _skip(text: bytes, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _unit(line: _Line, carrier: Carrier) -> Unit:
    try:
        signature = decode_hex(line.signature)
    except ValueError:
        signature = b""
    text = line.signed.decode("utf-8", "replace")
    if not signature:
        return stopped(TOKEN, "F-SD", "SG is no hexadecimal text", carrier=carrier, where="SG", text=text)
    findings = list(carrier.findings)
    fields = dict(line.fields)
    names = [name for name, _ in line.fields]
    if names != ORDER:
        message = f"the fields are {' '.join(names)[:120]} instead of {' '.join(ORDER)}"
        findings.append(Finding("F-PCDF-FIELDS", Severity.WARNING, message))
    for name, value in fields.items():
        form = _FORM.get(name)
        if form is not None and not form.fullmatch(value):
            findings.append(Finding("F-PCDF", Severity.WARNING, f"{name} is {value[:40]!r}", name))
    try:
        line.signed.decode()
    except UnicodeDecodeError:
        findings.append(Finding("F-UTF8", Severity.ERROR, "the record is not UTF-8"))
    record = _record(fields, line, findings, carrier)
    record.ambiguous = [name for name in ORDER if names.count(name) > 1]
    keys = carrier.keys
    key = fields.get("PK")
    if key:
        keys = (*keys, KeyText(key, KeySource.EMBEDDED, "hex"))
        record.extra["embedded_key"] = key
    return Unit(record, signature, P256_SHA256, keys, raw=False)


def _record(fields: dict[str, str], line: _Line, findings: list[Finding], carrier: Carrier) -> Record:
    identity = fields.get("SI", "").split("*")
    user, transaction = (identity[0], identity[2]) if len(identity) == 3 else (None, None)
    hardware = fields.get("HW")
    ended = fields.get("SP") == "1"
    start, stop = _time(fields.get("ST"), findings, "ST"), _time(fields.get("CT"), findings, "CT")
    clock = Clock.SYNCHRONISED if fields.get("TV") == "1" else Clock.UNKNOWN
    value, literal, unit = _energy(fields.get("RV"), findings)
    zero = Decimal(0) if value is None else Decimal(0).scaleb(_exponent(value))
    begin = Reading(
        Moment.BEGIN, None, "RV", zero, format(zero, "f"), unit, start, time_text(start) or fields.get("ST"), clock
    )
    end = Reading(
        Moment.END if ended else Moment.INTERMEDIATE,
        None,
        "RV",
        value,
        literal,
        unit,
        stop,
        time_text(stop) or fields.get("CT"),
        clock,
        value_error=value is None,
    )
    begin.where, end.where, begin.counts, end.counts = "ST", "RV", _ENERGY, _ENERGY
    return Record(
        TOKEN,
        carrier.container,
        carrier.source,
        text=line.signed.decode("utf-8", "replace"),
        signed=line.signed,
        findings=findings,
        readings=[begin, end],
        meter_serial=hardware or None,
        identification=user or None,
        identity_texts=(hardware,) if hardware else (),
        context=carrier.context,
        transaction=carrier.transaction,
        session=transaction or carrier.session,
        group=None if ended else object(),
        extra={**fields, "seconds": _difference(start, stop, fields.get("CD")), **carrier.extra()},
    )


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _time(text: str | None, findings: list[Finding], name: str) -> Time | None:
    """YYMMDDhhmmss in UTC."""
    match = _DATE.fullmatch(text or "")
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    year += 2000
    real = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    if not real or hour > 23 or minute > 59 or second > 59:
        findings.append(Finding("F-PCDF", Severity.WARNING, f"{name} is no date of the calendar", name))
        return None
    if year < 2019:
        findings.append(Finding("F-PCDF", Severity.WARNING, f"{name} lies before 2019", name))
    return Time(calendar.timegm((year, month, day, hour, minute, second)), 0, utc=True)


def _energy(text: str | None, findings: list[Finding]) -> tuple[Decimal | None, str | None, str | None]:
    """Value, its text and its unit."""
    match = _KWH.fullmatch(text or "")
    if match is None:
        return None, text, None
    try:
        return numbers.exact(match[1]), match[1], match[2]
    except NumberRefused as refused:
        findings.append(Finding(refused.code, Severity.ERROR, str(refused), "RV"))
        return None, match[1], match[2]


def _difference(start: Time | None, stop: Time | None, stated: str | None) -> tuple[int, int] | None:
    """Seconds between the times, and those that CD states; ``None`` if one of them cannot be read."""
    if start is None or stop is None or not _FORM["CD"].fullmatch(stated or ""):
        return None
    digits = stated or ""
    return stop.seconds - start.seconds, int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
