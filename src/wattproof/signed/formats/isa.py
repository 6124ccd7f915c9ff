"""ISA_EDL_40_P: the data set of an ISA meter, which holds the value at the start of charging and the actual one.

Its block has another layout than that of the EDL family. Status words are not documented: they are shown, not judged.
Source: specification of the verifier, 2.7.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from wattproof.signed.formats import edl
from wattproof.signed.formats.sml import Entry, ListResponse, SmlProblem
from wattproof.signed.obis_classes import IMPORT, MAINS, TOTAL, energy_class, text_of
from wattproof.signed.records import Finding, Moment, Reading, Record, Severity, Time
from wattproof.signed.stamps import time_text
from wattproof.signed.units import Carrier, Unit

TOKEN = "ISA_EDL_40_P"  # noqa: S105 (the name of the format)

ACTUAL_VALUE = bytes.fromhex("0100010800ff")
START_VALUE = bytes.fromhex("010001080080")
CONTRACT = bytes.fromhex("8182815401ff")
EVENT_STAMP = bytes.fromhex("8180816101ff")
PAGINATION = bytes.fromhex("8180c7f040ff")
LIST_NAMES = {bytes.fromhex(f"81808162{kind:02x}ff"): kind for kind in (0, 1, 2)}
BEGIN, UPDATE, END = 0, 1, 2

_LAYOUT = struct.Struct("<10sIB6sBbq2s66s128sI20sB6sBbq6sI42s")
_REGISTER = text_of(ACTUAL_VALUE)
_MAINS_TOTAL = energy_class(IMPORT, MAINS, TOTAL)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the data set: when (UTC), the low byte of its status word, and the counter."""

    timestamp: int
    status: int
    value: int
    unit: int = edl.WATT_HOUR
    scaler: int = 0


@dataclass(frozen=True, slots=True)
class DataSet:
    """The signed fields. ``inner`` is the signature of the actual value, which nobody can check."""

    server_id: bytes
    actual: Value
    log: bytes
    inner: bytes
    contract_id: bytes
    start: Value
    event_stamp: bytes
    list_name: bytes
    pagination: int

    def encode(self) -> bytes:
        """The 320 signed bytes. Raises ``ValueError`` for a field that does not fit its place."""
        actual, start = self.actual, self.start
        sizes = ((self.server_id, 10), (self.log, 2), (self.inner, 66), (self.event_stamp, 20), (self.list_name, 6))
        if any(len(field) != size for field, size in sizes) or len(self.contract_id) > 128:
            raise ValueError("a field of the data set has another length than its place in the block")
        try:
            return _LAYOUT.pack(
                self.server_id,
                actual.timestamp,
                actual.status,
                ACTUAL_VALUE,
                actual.unit,
                actual.scaler,
                actual.value,
                self.log,
                self.inner,
                self.contract_id,
                start.timestamp,
                self.event_stamp,
                start.status,
                START_VALUE,
                start.unit,
                start.scaler,
                start.value,
                self.list_name,
                self.pagination,
                bytes(42),
            )
        except struct.error as error:
            raise ValueError(f"a field does not fit the block: {error}") from None


def unit(response: ListResponse, carrier: Carrier) -> Unit:
    """The data set of a list response. Raises :class:`SmlProblem`, or ``ValueError`` for numbers that do not fit."""
    entries = response.entries
    missing = [
        code.hex() for code in (ACTUAL_VALUE, START_VALUE, CONTRACT, EVENT_STAMP, PAGINATION) if code not in entries
    ]
    if missing:
        raise SmlProblem("F-SML", f"the data set lacks {', '.join(missing)}")
    if len(response.signature) < 2:
        raise SmlProblem("F-SD", "the data set holds no signature")
    actual, page = entries[ACTUAL_VALUE], entries[PAGINATION]
    contract, event = entries[CONTRACT], entries[EVENT_STAMP]
    found = DataSet(
        response.server_id,
        _value(actual),
        response.signature[-2:],
        actual.octets(actual.signature, "the signature"),
        contract.octets(contract.value, "the contract id").rstrip(b"\0"),
        _value(entries[START_VALUE]),
        event.octets(event.value, "the value"),
        response.list_name,
        page.number(page.value, "the page"),
    )
    record = _record(found, found.encode(), carrier)
    return Unit(record, response.signature[:-2], edl.ALGORITHMS[64], carrier.keys, der=False, raw=True)


def _value(entry: Entry) -> Value:
    stamp = entry.stamp()
    if stamp.kind == 3:
        raise SmlProblem("F-SML", f"the time of {entry.obis.hex()} is a local one, these meters sign UTC")
    return Value(
        stamp.seconds,
        entry.number(entry.status, "the status") & 0xFF,
        edl.signed64(entry.number(entry.value, "the value")),
        entry.number(entry.unit, "the unit"),
        entry.number(entry.scaler, "the scaler"),
    )


def _record(data: DataSet, signed: bytes, carrier: Carrier) -> Record:
    findings = list(carrier.findings)
    kind = LIST_NAMES.get(data.list_name)
    if kind is None:
        message = f"the list name {data.list_name.hex()} is neither begin, update nor end"
        findings.append(Finding("F-SML", Severity.WARNING, message))
    server = data.server_id.hex().upper()
    contract = data.contract_id.hex().upper()
    last = Moment.END if kind == END else Moment.INTERMEDIATE
    log = int.from_bytes(data.log, "big")
    return Record(
        TOKEN,
        carrier.container,
        carrier.source,
        text=_text(data),
        signed=signed,
        findings=findings,
        readings=[
            _reading(Moment.BEGIN, data.start, None, findings, "start value"),
            _reading(last, data.actual, log, findings, "actual value"),
        ],
        meter_serial=server,
        identification=contract or None,
        page=data.pagination,
        page_text=str(data.pagination),
        identity_texts=(server,),
        context=carrier.context,
        transaction=carrier.transaction,
        session=carrier.session,
        extra={
            "scalers": (data.start.scaler, data.actual.scaler),
            "list": kind,
            "status": f"{data.actual.status:#04x}",
            "start_status": f"{data.start.status:#04x}",
            **carrier.extra(),
        },
    )


def _reading(moment: Moment, value: Value, log: int | None, findings: list[Finding], where: str) -> Reading:
    time = Time(value.timestamp, 0, utc=True)
    exact, literal = edl.scaled(value.value, value.scaler, findings, where)
    return Reading(
        moment,
        None,
        _REGISTER,
        exact,
        literal,
        edl.unit_text(value.unit),
        time,
        time_text(time),
        event_counter=log,
        value_error=exact is None,
        where=where,
        counts=_MAINS_TOTAL,
    )


def _text(data: DataSet) -> str:
    def shown(value: Value) -> str:
        return f"{value.value} x 10^{value.scaler} unit {value.unit}, status {value.status:#04x}, at {value.timestamp}"

    return "\n".join(
        (
            f"server_id: {data.server_id.hex().upper()}",
            f"list_name: {data.list_name.hex().upper()}",
            f"start value: {shown(data.start)}",
            f"actual value: {shown(data.actual)}",
            f"pagination: {data.pagination}",
            f"log: {data.log.hex().upper()}",
            f"contract_id: {data.contract_id.hex().upper()}",
            f"event_stamp: {data.event_stamp.hex().upper()}",
        )
    )
