"""ChargePoint records: one charging session as a JSON file ``secrrct``, signed as a whole in ``secrrct.sign``.

The signed bytes are the file exactly, so everything shown is read from those bytes. The key decides curve and hash.
In a compact record the fields stand at the top, in an older one in ``additional_info`` beside lists of billed items.
Source: specification of the verifier, 2.13. Which files belong together: :mod:`.chargepoint_files`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from wattproof.signed import jsonscan
from wattproof.signed.curves import CURVES
from wattproof.signed.formats import enclosing
from wattproof.signed.jsonscan import JsonProblem, Number
from wattproof.signed.keys import decode_base64, decode_hex
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.numbers import NumberRefused, exact
from wattproof.signed.records import Clock, Finding, Moment, Reading, Record, Severity, Time
from wattproof.signed.units import NO_CARRIER, Algorithm, Carrier, Unit, stopped

TOKEN, CONTAINER = "ChargePoint", "CHARGEPOINT"
#: The register that the two readings are of; the record does not name it.
OBIS = "1-0:1.8.0*255"
HASHES = {"secp224k1": "sha256", "secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}
BY_KEY = Algorithm(
    None,
    by_curve={
        name: Algorithm(f"ECDSA-{name}-{hash.upper()}", "ECDSA", CURVES[name], hash) for name, hash in HASHES.items()
    },
)
_UNITS = {"kwh": "kWh", "wh": "Wh"}
_LONGEST_TIME = 12
#: Keys that some check uses; if one of them stands there twice, the record can be read in two ways.
_CHECKED = frozenset(
    "outlet session_id station_mac driver_info meter_serial meter_startreading meter_endreading total_energy "
    "energy_units start_time end_time additional_info energy parking start_time_utc end_time_utc".split()
)


class _Stop(Exception):
    """The record cannot be read: ``code`` and message of its finding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def detect(document: Any) -> bool:
    """Whether a parsed JSON document is such a record."""
    fields = _fields(document)
    return fields is not None and "session_id" in fields and ("station_mac" in fields or "outlet" in fields)


def _fields(document: Any) -> dict[str, Any] | None:
    """The object that holds the fields of the meter."""
    if not isinstance(document, dict):
        return None
    inner = document.get("additional_info")
    return inner if isinstance(inner, dict) and "session_id" not in document else document


def read(document: Any, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """The unit of a record file; without the file of its signature it cannot be verified."""
    detached = carrier.detached
    inside = Carrier(CONTAINER, carrier.source, carrier.keys, findings=carrier.findings)
    if detached is None:
        message = "the signature is missing: it stands in another file, secrrct.sign"
        return [stopped(TOKEN, "F-SD", message, carrier=inside)]
    return [signed_file(detached.data, detached.signature, inside, limits)]


def signed_file(data: bytes, signature: bytes, carrier: Carrier, limits: Limits = DEFAULT) -> Unit:
    """The unit of a record's bytes and its signature: DER, or that in hexadecimal or Base64."""
    try:
        if len(data) > limits.record:
            raise _Stop("F-SIZE", f"a record of {len(data)} bytes, at most {limits.record} are read")
        der = _signature(signature, limits)
        try:
            document, findings = jsonscan.load(data, limits)
        except JsonProblem as problem:
            raise _Stop(problem.code, str(problem)) from None
        if not detect(document):
            raise _Stop("F-FORMAT", "the signed file is no ChargePoint record")
    except _Stop as stop:
        return stopped(TOKEN, stop.code, str(stop), carrier=carrier)
    known = {(finding.code, finding.where) for finding in findings}
    beside = (item for item in carrier.findings if (item.code, item.where) not in known)
    record = _record(document, data, carrier, [*beside, *findings])
    return Unit(record, der, BY_KEY, carrier.keys, raw=False)


def names(data: bytes, limits: Limits = DEFAULT) -> list[str]:
    """By which names the key of a record's bytes may be known: its meter, its station with and without outlet."""
    try:
        document, _ = jsonscan.load(data[: limits.record], limits)
    except JsonProblem:
        return []
    fields = _fields(document) or {}
    meter, station, outlet = (
        enclosing.identifier(fields.get(name)) for name in ("meter_serial", "station_mac", "outlet")
    )
    plain = (station or "").replace(":", "")
    found = [meter, *(f"{plain}{sign}{outlet}" for sign in "_-" if plain and outlet), station, plain]
    return [name for name in found if name]


def _signature(data: bytes, limits: Limits) -> bytes:
    if len(data) > limits.key:
        raise _Stop("F-SIZE", f"a signature of {len(data)} bytes")
    if data[:1] == b"\x30" and not data.isascii():
        return data
    text = b"".join(data.split())
    if not text:
        raise _Stop("F-SD", "the signature is empty")
    if not text.isascii():
        return data
    for decode in (decode_hex, decode_base64):
        try:
            return decode(text.decode("ascii"))
        except ValueError:
            continue
    return data


def _record(document: dict[str, Any], data: bytes, carrier: Carrier, findings: list[Finding]) -> Record:
    fields = _fields(document) or document
    meter, station = enclosing.identifier(fields.get("meter_serial")), enclosing.identifier(fields.get("station_mac"))
    repeated = list(islice(jsonscan.repeated_keys(document), jsonscan.MOST_REPEATED + 1))
    findings += jsonscan.repeated_findings(iter(repeated))
    start, end = _Bounds.of(document, fields)
    unit = enclosing.text(fields.get("energy_units"))
    unit = None if unit is None else _UNITS.get(unit.strip().lower(), unit)
    readings = [
        *_reading(fields, "meter_startreading", Moment.BEGIN, unit, start, findings),
        *_reading(fields, "meter_endreading", Moment.END, unit, end, findings),
    ]
    total = _number(fields, "total_energy", findings)
    return Record(
        TOKEN,
        carrier.container,
        carrier.source,
        text=jsonscan.windows_1252(data) if any(f.code == "F-UTF8" for f in findings) else data.decode(),
        signed=data,
        findings=findings,
        readings=readings,
        gateway_serial=station,
        meter_serial=meter,
        identification=enclosing.identifier(fields.get("driver_info")),
        identity_texts=tuple(name for name in (meter or station,) if name),
        ambiguous=[enclosing.where(path) for path in repeated if _CHECKED.intersection(path)],
        context=carrier.context,
        transaction=carrier.transaction,
        session=enclosing.identifier(fields.get("session_id")) or carrier.session,
        extra={**carrier.extra(), "total_energy": total},
    )


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A time as it stands in the record."""

    stated: Any

    @staticmethod
    def of(document: dict[str, Any], fields: dict[str, Any]) -> tuple[_Bounds, _Bounds]:
        """Begin and end: of the compact form, else of the billed energy, else of the billed parking."""
        if "start_time" in fields or "end_time" in fields:
            return _Bounds(fields.get("start_time")), _Bounds(fields.get("end_time"))
        for name in ("energy", "parking"):
            items = document.get(name)
            if isinstance(items, list) and items:
                starts = list(_stated(items, "start_time_utc"))
                ends = list(_stated(items, "end_time_utc"))
                return _Bounds(min(starts, key=_order, default=None)), _Bounds(max(ends, key=_order, default=None))
        return _Bounds(None), _Bounds(None)

    @property
    def time(self) -> Time | None:
        seconds = _seconds(self.stated)
        return None if seconds is None else Time(seconds, None, utc=True)

    @property
    def text(self) -> str | None:
        return str(self.stated)[:64] if isinstance(self.stated, str) else None


def _stated(items: list[Any], name: str) -> Iterator[Any]:
    return (found for item in items if (found := enclosing.member(item, name)) is not None)


def _seconds(stated: Any) -> int | None:
    whole = isinstance(stated, Number) and stated.isdecimal() and len(stated) <= _LONGEST_TIME
    return int(stated) if whole else None


def _order(stated: Any) -> int:
    """What is no time is the latest, and then unreadable."""
    seconds = _seconds(stated)
    return 10**_LONGEST_TIME if seconds is None else seconds


def _number(fields: dict[str, Any], name: str, findings: list[Finding]) -> Decimal | None:
    """A stated number; what is wrong with it is a finding."""
    stated = fields.get(name)
    if stated is None:
        return None
    try:
        value = exact(stated if isinstance(stated, str) else "")
    except NumberRefused as refused:
        findings.append(Finding(refused.code, Severity.ERROR, str(refused), f"/{name}"))
        return None
    if not enclosing.is_number(stated):
        findings.append(Finding("F-RV-STRING", Severity.WARNING, "the number is written as text", f"/{name}"))
    return value


def _reading(
    fields: dict[str, Any], name: str, moment: Moment, unit: str | None, bound: _Bounds, findings: list[Finding]
) -> Iterator[Reading]:
    stated = fields.get(name)
    if stated is None:
        return
    value = _number(fields, name, findings)
    literal = str(stated)[:64] if isinstance(stated, str) else None
    yield Reading(
        moment,
        None,
        OBIS,
        value,
        literal,
        unit,
        bound.time,
        bound.text,
        Clock.INFORMATIVE,
        value_error=value is None,
        where=f"/{name}",
    )
