"""ALFEN: lines of six fields, of which one is the signed data set of 82 bytes.

The letter of the line (start, stop, intermediate) is not signed; the adapter's status bits are, and the order of pages,
values and times shows whether the letters are true. Source: specification of the verifier, 2.2.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields

from wattproof.signed.formats import edl
from wattproof.signed.keys import decode_base32
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.obis_classes import classify, text_of
from wattproof.signed.records import Clock, Finding, KeySource, Moment, Reading, Record, Severity, Time
from wattproof.signed.stamps import time_text
from wattproof.signed.units import NO_CARRIER, Carrier, KeyText, Unit, stopped

TOKEN = "ALFEN"  # noqa: S105 (the name of the format)
SIZE = 82
OBIS = bytes.fromhex("0100010800ff")
#: Letter of a line to what it stands for, and to the bit of the adapter status that says the same.
MOMENTS = {"0": Moment.BEGIN, "1": Moment.END, "2": Moment.INTERMEDIATE}
COMMANDS = {"0": 13, "1": 12, "2": 11}
_ALL_COMMANDS = 1 << 11 | 1 << 12 | 1 << 13

#: Bits that make a reading unusable (2.2); the others have rules of their own.
METER_FATAL = {1: "EEPROM error", 2: "data flash error"}
ADAPTER_FATAL = {0: "adapter fatal error", 14: "adapter memory error", 15: "no communication with the meter"}
CLOCK_ERROR = 1  # bit 0 of the meter status

_LAYOUT = struct.Struct("<10s4s2s10sHHII6sBbq20sII")
_START = re.compile(rb'"?AP;')
#: Line ends, also as a JSON text writes them: such a text in quotes is recognised as a line in quotes.
_LINE_END = re.compile(rb"(?:[\r\n]|\\r|\\n)+")
_FIELDS = 6


@dataclass(frozen=True, slots=True)
class DataSet:
    """The signed fields, in their order."""

    adapter_id: bytes
    firmware: bytes
    checksum: bytes
    meter_id: bytes
    meter_status: int
    adapter_status: int
    second_index: int
    timestamp: int
    obis: bytes
    unit: int
    scaler: int
    value: int
    uid: bytes
    session_id: int
    page: int

    def encode(self) -> bytes:
        """The 82 signed bytes. Raises ``ValueError`` for a field that does not fit its place."""
        sizes = (("adapter_id", 10), ("firmware", 4), ("checksum", 2), ("meter_id", 10), ("obis", 6))
        if any(len(getattr(self, name)) != size for name, size in sizes) or len(self.uid) > 20:
            raise ValueError("a field of the data set has another length than its place")
        try:
            return _LAYOUT.pack(*(getattr(self, field.name) for field in fields(self)))
        except struct.error as error:
            raise ValueError(f"a field does not fit the data set: {error}") from None


def decode(data: bytes) -> DataSet:
    """The fields of a data set. Raises ``ValueError`` unless it has 82 bytes."""
    if len(data) != SIZE:
        raise ValueError(f"a data set has {SIZE} bytes, not {len(data)}")
    return DataSet(*_LAYOUT.unpack(data))


def detect(data: bytes) -> bool:
    """Whether the bytes begin with such a line."""
    return _START.match(data) is not None


def parse(body: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """Every line, in file order; at least one unit, and never an exception."""
    units: list[Unit] = []
    for number, line in enumerate(_lines(body)):
        for unit in _of_line(line, carrier, limits, f"line {number + 1}"):
            if len(units) >= limits.units:
                units.append(stopped(TOKEN, "F-SIZE", f"more than {limits.units} records", carrier=carrier))
                return units
            units.append(unit)
    return units or [stopped(TOKEN, "F-EMPTY", "there is no line", carrier=carrier)]


def _lines(body: bytes) -> Iterator[bytes]:
    """The lines without blanks and quotes; what does not begin like a line belongs to the one before it."""
    parts: list[bytes] = []
    for line in _LINE_END.split(body):
        packed = b"".join(line.split()).strip(b'"')
        if not packed:
            continue
        if packed.startswith(b"AP;") and parts:
            yield b"".join(parts)
            parts = []
        parts.append(packed)
    if parts:
        yield b"".join(parts)


def _of_line(data: bytes, carrier: Carrier, limits: Limits, where: str) -> Iterator[Unit]:
    """The records of a line; there is one, or several whose semicolons follow each other."""
    if len(data) > limits.record:
        yield stopped(TOKEN, "F-SIZE", f"a line of {len(data)} bytes", carrier=carrier, where=where)
        return
    line = data.decode("ascii", "replace")
    stated = line.split(";")
    if stated[-1] == "":
        stated.pop()
    if len(stated) % _FIELDS:
        message = f"{len(stated)} fields separated by semicolons instead of {_FIELDS}"
        yield stopped(TOKEN, "F-FORMAT", message, carrier=carrier, where=where, text=line[:512])
        return
    for at in range(0, len(stated), _FIELDS):
        yield _unit(stated[at : at + _FIELDS], carrier, where)


def _unit(stated: list[str], carrier: Carrier, where: str) -> Unit:
    head, letter, version, key, data, signature_text = stated
    text = ";".join(stated)
    if head != "AP":
        return stopped(TOKEN, "F-FORMAT", "a record does not begin with AP", carrier=carrier, where=where, text=text)
    try:
        signed = decode_base32(data)
        found = decode(signed)
    except ValueError as error:
        return stopped(TOKEN, "F-FORMAT", f"the data set: {error}", carrier=carrier, where=where, text=text)
    try:
        signature = decode_base32(signature_text)
    except ValueError:
        signature = b""
    if not signature:
        return stopped(TOKEN, "F-SD", "the signature is no Base32", carrier=carrier, where=where, text=text)
    record = _record(found, signed, letter, text, carrier, where)
    if version != "3":
        message = f"blob version {version[:16]!r} instead of '3'"
        record.findings.append(Finding("F-ALFEN-BLOB", Severity.WARNING, message, where))
    keys = carrier.keys
    if key:
        keys = (*keys, KeyText(key, KeySource.EMBEDDED, "base32"))
        record.extra["embedded_key"] = key
    return Unit(record, signature, edl.ALGORITHMS[48], keys, der=False, raw=True)


def _record(data: DataSet, signed: bytes, letter: str, text: str, carrier: Carrier, where: str) -> Record:
    findings = list(carrier.findings)
    command = COMMANDS.get(letter)
    if command is None or data.adapter_status & _ALL_COMMANDS != 1 << command:
        message = f"the adapter status {data.adapter_status:#06x} does not say that this is a record of type {letter!r}"
        findings.append(Finding("F-ALFEN-TYPE", Severity.INFO, message[:200], where))
    time = Time(data.timestamp, 0, utc=True)
    value, literal = edl.scaled(data.value, data.scaler, findings, where)
    adapter = data.adapter_id.hex().upper()
    reading = Reading(
        MOMENTS.get(letter),
        letter,
        text_of(data.obis),
        value,
        literal,
        edl.unit_text(data.unit),
        time,
        time_text(time),
        Clock.UNKNOWN if data.meter_status & CLOCK_ERROR else Clock.INFORMATIVE,
        _status(data),
        value_error=value is None,
        where=where,
        counts=classify(data.obis.hex()),
    )
    return Record(
        TOKEN,
        carrier.container,
        carrier.source,
        text=text,
        signed=signed,
        findings=findings,
        readings=[reading],
        gateway_serial=adapter,
        meter_serial=data.meter_id.hex().upper(),
        firmware=(shown(data.firmware), data.checksum.hex().upper()),
        identification=shown(data.uid) or None,
        page=data.page,
        page_text=str(data.page),
        identity_texts=(adapter,),
        context=carrier.context,
        transaction=carrier.transaction,
        session=str(data.session_id),
        group=TOKEN,
        extra={
            "meter_status": data.meter_status,
            "adapter_status": data.adapter_status,
            "second_index": data.second_index,
            "scalers": (data.scaler,),
            "unchanged": (data.obis, data.unit, data.scaler),
            **carrier.extra(),
        },
    )


def _status(data: DataSet) -> str:
    """``G``, or what makes the reading unusable."""
    names = [text for bit, text in METER_FATAL.items() if data.meter_status >> bit & 1]
    names += [text for bit, text in ADAPTER_FATAL.items() if data.adapter_status >> bit & 1]
    return ", ".join(names) or "G"


def shown(data: bytes) -> str:
    """Signed text: printable ASCII as it is, everything else in hexadecimal; NUL at the end is filling."""
    text = data.rstrip(b"\0").decode("latin-1")
    return text if text.isascii() and text.isprintable() else "0x" + data.hex().upper()
