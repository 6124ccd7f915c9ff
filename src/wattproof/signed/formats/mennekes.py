"""EDL_40_MENNEKES: start and end of a charging process in XML, each with its own signature over an EDL block.

Everything outside ``ChargingProcess``, and in it the metering point and the address, is unsigned. Of a time only the
local clock is signed, of the meter status only the low byte. Source: specification of the verifier, 2.6.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from wattproof.signed import xmlscan
from wattproof.signed.formats import edl
from wattproof.signed.formats.edl import Block
from wattproof.signed.keys import decode_hex
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Finding, KeySource, Moment, Severity
from wattproof.signed.units import NO_CARRIER, WRAPPERS, Carrier, KeyText, Unit, stopped
from wattproof.signed.xmlscan import Element, XmlProblem

TOKEN = "EDL_40_MENNEKES"  # noqa: S105 (the name of the format)
CONTAINER = "MENNEKES-XML"
NAMESPACE = "http://www.mennekes.de/Mennekes.EdlVerification.xsd"
PROCESS, BILLING = "ChargingProcess", "Billing"
ROOTS = frozenset((PROCESS, BILLING))

MEASUREMENTS = (("MeasurementStart", Moment.BEGIN), ("MeasurementEnd", Moment.END))
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_BLANK = re.compile(r"\s+")


Fields = dict[str, str]


class _Stop(Exception):
    """The measurement cannot be read: ``code`` and message of its finding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A clock reading: seconds of local time, and minutes east of UTC, ``None`` without zone."""

    local: int
    offset: int | None


def detect(root: str) -> bool:
    """Whether a file whose first element has this local name is such a container."""
    return root in ROOTS


def read(data: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """Two units for every charging process of the file; at least one unit, and never an exception for bad content."""
    if carrier.container in WRAPPERS:
        carrier = replace(carrier, container=CONTAINER)
    try:
        document = xmlscan.parse(data, limits)
    except XmlProblem as problem:
        return [stopped(TOKEN, problem.code, str(problem), carrier=carrier, where=problem.where)]
    return units(document.root, carrier, limits)


def units(root: Element, carrier: Carrier, limits: Limits = DEFAULT) -> list[Unit]:
    """The measurements of an element: it is a charging process, or holds some."""
    found: list[Unit] = []
    for position, process in enumerate(_processes(root)):
        found += _process(process, root.name, carrier, limits, f"/{PROCESS}[{position + 1}]")
        if len(found) > limits.units:
            message = f"more than {limits.units} measurements"
            found[limits.units :] = [stopped(TOKEN, "F-SIZE", message, carrier=carrier)]
            break
    if not found:
        found.append(stopped(TOKEN, "F-EMPTY", "the file holds no charging process", carrier=carrier, where="/"))
    return found


def _processes(root: Element) -> Iterator[Element]:
    """Every charging process at or below the root, in file order; none lies in another."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.name == PROCESS:
            yield element
        else:
            waiting += reversed(element.children)


def _process(process: Element, root: str, carrier: Carrier, limits: Limits, where: str) -> list[Unit]:
    """Start and end. Their labels are their names: what the container calls them does not count."""
    carrier = replace(carrier, context=None)
    together = object()
    common = _fields(process)
    found = []
    for name, moment in MEASUREMENTS:
        for measurement in process.all(name)[: limits.units + 1]:
            place = f"{where}/{name}"
            try:
                unit = _unit(common, _fields(measurement), moment, carrier, place)
            except _Stop as stop:
                unit = stopped(TOKEN, stop.code, str(stop), carrier=carrier, where=place)
            unit.record.group = together
            unit.record.extra["root"] = root
            found.append(unit)
    return found or [stopped(TOKEN, "F-EMPTY", "the process holds no measurement", carrier=carrier, where=where)]


def _unit(process: Fields, measurement: Fields, moment: Moment, carrier: Carrier, where: str) -> Unit:
    stamp = time_of(measurement.get("Timestamp", ""))
    if stamp is None:
        raise _Stop("F-FORMAT", "Timestamp is no date and time")
    identified = measurement.get("TimestampCustomerIdent", "") or process.get("TimestampCustomerIdent", "")
    contract_time = time_of(identified) if identified else LocalTime(0, None)
    if contract_time is None:
        raise _Stop("F-FORMAT", "TimestampCustomerIdent is no date and time")
    try:
        signature = decode_hex(_packed(measurement, "Signature"))
    except ValueError:
        raise _Stop("F-SD", "Signature is not hexadecimal") from None
    if not signature:
        raise _Stop("F-SD", "Signature is missing or empty")
    stated = _number(measurement, "EventCounter") if measurement.get("EventCounter", "") else None
    log = signature[48:] if len(signature) == 50 else _two_bytes(stated)
    try:
        block = Block(
            decode_hex(_packed(process, "ServerId")),
            stamp.local,
            _number(measurement, "MeterStatus") & 0xFF,
            _number(measurement, "SecondIndex"),
            _number(measurement, "Pagination"),
            edl.signed64(_number(measurement, "Value")),
            log,
            decode_hex(_packed(process, "CustomerIdent")).rstrip(b"\0"),
            contract_time.local,
            scaler=_number(measurement, "Scaler"),
        )
        signed = block.encode()
    except ValueError as error:
        raise _Stop("F-FORMAT", str(error)) from None
    record = edl.record(TOKEN, block, signed, carrier, moment, stamp.offset)
    if stated is not None and stated != int.from_bytes(log, "big"):
        message = "EventCounter is not the log index that was signed"
        record.findings.append(Finding("F-EDL-LOG", Severity.WARNING, message, f"{where}/EventCounter"))
    keys = carrier.keys
    key = process.get("PublicKey", "")
    if key:
        keys = (*keys, KeyText(key, KeySource.EMBEDDED, "hex"))
        record.extra["embedded_key"] = key
    parts = signature[:48] if len(signature) == 50 else signature
    return Unit(record, parts, edl.ALGORITHMS[48], keys, der=False, raw=True)


def _two_bytes(counter: int | None) -> bytes:
    if counter is None or not 0 <= counter <= 0xFFFF:
        raise _Stop("F-FORMAT", "EventCounter is missing or has more than two bytes")
    return counter.to_bytes(2, "big")


def _fields(element: Element) -> Fields:
    """The texts inside an element by name; of several with one name the first counts."""
    return {child.name: child.text for child in reversed(element.children)}


def _packed(fields: Fields, name: str) -> str:
    return _BLANK.sub("", fields.get(name, ""))


def _number(fields: Fields, name: str) -> int:
    text = fields.get(name, "")
    if not _WHOLE.fullmatch(text):
        raise _Stop("F-FORMAT", f"{name} is missing or no whole number")
    return int(text)


def time_of(text: str) -> LocalTime | None:
    """The local clock of an ISO time; a fraction is not signed and does not count. ``None`` for anything else."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(max(year, 1), month)[1] and year > 0):
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    _, sign, hours, minutes = match.groups()[6:]
    offset = 0 if match[7] else None
    if sign is not None:
        offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)
        if abs(offset) > 14 * 60 or int(minutes) > 59:
            return None
    return LocalTime(calendar.timegm((year, month, day, hour, minute, second)), offset)
