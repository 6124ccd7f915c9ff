"""One BSM-WS36A snapshot as the JSON object of the charging-station container, read (written by :mod:`.bsm_export`).

The signed bytes are rebuilt from ``additionalValues``; everything else in the object is an unsigned copy and is only
compared. Sources: specification of the verifier, 2.10; BSM specification, 13 and 16.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed.algorithms import DEFAULT as P256_SHA256
from wattproof.signed.formats import bsm
from wattproof.signed.formats.bsm import CURRENT, FIELDS, LEGACY, Field, Kind, Value
from wattproof.signed.formats.edl import scaled
from wattproof.signed.jsonscan import Number
from wattproof.signed.keys import decode_hex
from wattproof.signed.records import Clock, Finding, KeySource, Moment, Reading, Record, Severity, Time
from wattproof.signed.units import Carrier, KeyText, Unit, stopped

TOKEN = "BSM"  # noqa: S105 (the name of the format)

OBIS = {"MA1": "1-0:0.0.0*255", "RCR": "1-0:1.8.0*198", "TotWhImp": "1-0:1.8.0*255", "W": "1-0:1.7.0*255"}
_ENCODINGS = frozenset({"ISO-8859-1", "UTF-8"})

_MOMENTS = {
    0: Moment.INTERMEDIATE,
    1: Moment.BEGIN,
    2: Moment.END,
    3: Moment.BEGIN,
    4: Moment.END,
}
#: Event bits (BSM specification, 6.3); any of them makes the reading unusable.
EVENTS = {
    2: "power failure",
    3: "under voltage",
    4: "low power factor",
    5: "over current",
    6: "over voltage",
    7: "missing sensor",
    **{bit: f"reserved event {bit}" for bit in range(8, 16)},
    16: "meter fatal error",
    17: "communication module init failed",
    18: "communication module firmware hash mismatch",
    19: "development mode",
    **{bit: f"manufacturer event {bit}" for bit in range(20, 31)},
}
_WHOLE = re.compile(r"-?\d{1,12}", re.ASCII)


class _Stop(Exception):
    """The snapshot cannot be read: ``code`` and message of its finding."""

    def __init__(self, code: str, message: str, where: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.where = where


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the container states beside the snapshots; nothing of it is signed."""

    evse: str | None = None
    controller_version: str | None = None


# --- reading --------------------------------------------------------------------------------------------------------


def read(snapshot: dict[str, Any], carrier: Carrier, surroundings: Surroundings, where: str = "") -> Unit:
    """The unit of one snapshot object; a snapshot that cannot be rebuilt stops as ``format-error``."""
    try:
        values, order = _values(snapshot)
        signed = bsm.hash_input(values, order)
        text = snapshot.get("signature")
        signature = decode_hex(text) if type(text) is str and text else b""
    except _Stop as stop:
        return stopped(TOKEN, stop.code, str(stop), carrier=carrier, where=where + stop.where)
    except ValueError as error:  # a value that does not fit, a signature that is not hexadecimal
        code = "F-SD" if not isinstance(error, InvalidValue) else "F-FORMAT"
        return stopped(TOKEN, code, str(error), carrier=carrier, where=where)
    if not signature:
        return stopped(TOKEN, "F-SD", "the signature is missing or empty", carrier=carrier, where=f"{where}/signature")
    record = _record(values, carrier)
    record.signed = signed
    if len(order) == len(LEGACY):
        note = "signed in the order of firmware before December 2020"
        record.findings.append(Finding("F-BSM-LEGACY", Severity.INFO, note, where))
    _compare(record, snapshot, values, surroundings, where)
    info = snapshot.get("meterInfo")
    key = info.get("publicKey") if isinstance(info, dict) else None
    embedded = (KeyText(key, KeySource.EMBEDDED, "hex"),) if type(key) is str and key.strip() else ()
    return Unit(record, signature, P256_SHA256, (*carrier.keys, *embedded), raw=False)


def _values(snapshot: dict[str, Any]) -> tuple[dict[str, Value | bytes | None], Sequence[Field]]:
    """The signed values in the order of signing, and that order; all of them, no others. Raises :class:`_Stop`.

    The order in the file means nothing: names that changed places must change the hash. A value that this order does
    not sign would be shown as if it were, so its snapshot is refused.
    """
    entries = snapshot.get("additionalValues")
    if not isinstance(entries, list):
        raise _Stop("F-FORMAT", "additionalValues, which hold the signed values, are missing")
    values: dict[str, Value | bytes | None] = {}
    for position, entry in enumerate(entries):
        where = f"/additionalValues/{position}"
        name = _path(entry, "measurand", "name")
        field = FIELDS.get(name) if type(name) is str else None
        if field is None:
            continue  # not signed: a value of another maker, never shown
        if field.name in values:
            raise _Stop("F-FORMAT", f"the signed value {field.name} occurs twice", where)
        measured = entry.get("measuredValue")
        if not isinstance(measured, dict):
            raise _Stop("F-FORMAT", f"{field.name} has no measuredValue", where)
        values[field.name] = (
            _text(field, measured, where) if field.kind is Kind.TEXT else _number(field, measured, where)
        )
    order = LEGACY if any("Chg" in name for name in values) else CURRENT
    names = [field.name for field in order]
    missing = [name for name in names if name not in values]
    if missing:
        raise _Stop("F-FORMAT", f"signed values are missing: {', '.join(missing)}", "/additionalValues")
    unsigned = [name for name in values if name not in names]
    if unsigned:
        raise _Stop("F-FORMAT", f"{', '.join(unsigned)} is not among the values that are signed", "/additionalValues")
    return {name: values[name] for name in names}, order


def _path(value: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _whole(value: Any) -> int | None:
    """A JSON integer of moderate size, ``None`` for everything else."""
    return int(value) if isinstance(value, Number) and _WHOLE.fullmatch(value) else None


def _number(field: Field, measured: dict[str, Any], where: str) -> Value | None:
    stated = measured.get("value")
    scale = _whole(measured["scale"]) if measured.get("scale") is not None else 0
    raw = field.unavailable if stated is None else _whole(stated)
    if raw is None or scale is None:
        raise _Stop("F-FORMAT", f"{field.name} is no integer, or its scale is none", where)
    return Value(raw, scale)


def _text(field: Field, measured: dict[str, Any], where: str) -> bytes:
    text = measured.get("value")
    name = measured.get("valueEncoding")
    if name is None:
        name = "UTF-8"
    if text is None:
        text = ""
    if type(text) is not str:
        raise _Stop("F-FORMAT", f"{field.name} is no text", where)
    encoding = name.upper() if type(name) is str else ""
    if encoding not in _ENCODINGS:
        raise _Stop("F-BSM-ENCODING", f"{field.name} is in an encoding other than ISO-8859-1 and UTF-8", where)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        raise _Stop("F-BSM-ENCODING", f"{field.name} cannot be expressed in {encoding}", where) from None


def _shown(data: Value | bytes | None) -> str:
    """Signed text for display and comparison: UTF-8 where it is, else Latin-1."""
    raw = data if isinstance(data, bytes) else b""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


_DAY = 1440  # minutes


def available(name: str, value: Value | bytes | None) -> int | None:
    """A signed number, ``None`` if the meter had no value. Energy has no such mark: 0 is a value."""
    if not isinstance(value, Value) or (value.raw == FIELDS[name].unavailable and name not in ("RCR", "TotWhImp")):
        return None
    return value.raw


def iso_time(epoch: int | None, offset: int | None) -> str | None:
    """``2022-07-08T10:00:28+02:00``; ``None`` if the meter had no time or no offset."""
    if epoch is None or offset is None or abs(offset) >= _DAY:
        return None
    return datetime.fromtimestamp(epoch, timezone(timedelta(minutes=offset))).isoformat()


def _record(values: dict[str, Value | bytes | None], carrier: Carrier) -> Record:
    numbers = {name: available(name, value) for name, value in values.items() if FIELDS[name].kind is not Kind.TEXT}
    texts = {name: _shown(value) for name, value in values.items() if FIELDS[name].kind is Kind.TEXT}
    serial, page, epoch, offset = texts["MA1"], numbers["RCnt"], numbers["Epoch"], numbers["TZO"]
    if offset is not None and abs(offset) >= _DAY:  # no zone; the epoch is UTC all the same
        offset = None
    time = None if epoch is None else Time(epoch, offset, utc=offset is None)
    event = numbers["Evt"]
    status = "G" if event == 0 else _status(event)
    code = numbers["Typ"]
    clock = Clock.SYNCHRONISED if epoch is not None else Clock.UNKNOWN
    moment = _MOMENTS.get(code) if code is not None else None
    readings = []
    findings = list(carrier.findings)
    for name in ("RCR", "TotWhImp"):
        value = values.get(name)
        if isinstance(value, Value):
            where = f"/additionalValues/{name}"
            exact, literal = scaled(value.raw, value.scale, findings, where)
            readings.append(
                Reading(
                    moment,
                    None if code is None else str(code),
                    OBIS[name],
                    exact,
                    literal,
                    "Wh",
                    time,
                    iso_time(epoch, offset),
                    clock,
                    status,
                    where=where,
                )
            )
    return Record(
        TOKEN,
        carrier.container,
        carrier.source,
        text="\n".join(f"{name}: {numbers[name] if name in numbers else texts[name]}" for name in values),
        findings=findings,
        readings=readings,
        meter_serial=serial,
        identification=texts["Meta1"],
        evse=tagged(texts, "evse-id: "),
        page=page,
        page_text=None if page is None else str(page),
        identity_texts=(serial,) if serial else (),
        context=carrier.context,
        transaction=carrier.transaction,
        session=carrier.session,
        extra={**numbers, **texts, **carrier.extra()},
    )


def _status(event: int | None) -> str:
    if event is None:
        return "no event state"
    names = [text for bit, text in EVENTS.items() if event >> bit & 1]
    return ", ".join(names) or f"event bits {event:#x}"


def tagged(texts: dict[str, str], tag: str) -> str | None:
    """What follows a tag such as ``evse-id: `` at the start of one of the metadata."""
    for name in ("Meta1", "Meta2", "Meta3"):
        if texts.get(name, "").startswith(tag):
            return texts[name][len(tag) :].strip()
    return None


# --- unsigned copies ------------------------------------------------------------------------------------------------


def _compare(
    record: Record,
    snapshot: dict[str, Any],
    values: dict[str, Value | bytes | None],
    surroundings: Surroundings,
    where: str,
) -> None:
    """Notes every unsigned copy that contradicts its signed value; missing copies say nothing."""
    said = record.unsigned_mismatches
    page = record.page_text or "-"
    measurement = snapshot.get("measurementId")
    if measurement is not None and str(measurement) != page:
        said.append(f"{where}/measurementId")
    name = snapshot.get("@id")
    if name is not None and not (type(name) is str and name.endswith(f"-{page}")):
        said.append(f"{where}/@id")
    stated = snapshot.get("time")
    if stated is not None and not _same_time(stated, record.readings[0].time):
        said.append(f"{where}/time")
    meter = _copy(snapshot.get("meterInfo"), "meterId")
    if meter is not None and meter != record.meter_serial:
        said.append(f"{where}/meterInfo/meterId")
    if not _same_value(_copy(snapshot.get("value"), "measuredValue"), values.get("RCR")):
        said.append(f"{where}/value")
    if not _same_contract(snapshot.get("contract"), record):
        said.append(f"{where}/contract")
    if surroundings.evse and record.evse and "unknown" not in (record.evse, surroundings.evse):
        record.evse_mismatch = record.evse != surroundings.evse
    version = tagged({name: str(record.extra.get(name)) for name in ("Meta1", "Meta2", "Meta3")}, "csc-sw-version: ")
    if version and surroundings.controller_version and version != surroundings.controller_version:
        message = f"the controller's version is stated as {surroundings.controller_version[:64]!r}, signed is another"
        record.findings.append(Finding("F-UNSIGNED-DIFFERS", Severity.INFO, message, "controllerSoftwareVersion"))


def _copy(holder: Any, name: str) -> Any:
    """What an object of the snapshot states; something else in its place is a statement too, and a wrong one."""
    return holder.get(name) if isinstance(holder, dict) else holder


def _same_time(stated: Any, signed: Time | None) -> bool:
    if type(stated) is not str or signed is None or len(stated) > 40:
        return False
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return False
    if moment.tzinfo is None:
        return False
    offset = moment.utcoffset() or timedelta()
    same_zone = signed.offset is None or offset == timedelta(minutes=signed.offset)
    return same_zone and moment == datetime.fromtimestamp(signed.seconds, UTC)


def _same_value(measured: Any, signed: Value | bytes | None) -> bool:
    if not isinstance(measured, dict):
        return measured is None
    if not isinstance(signed, Value):  # the older order signs no RCR
        return True
    unit = measured.get("unitEncoded")
    return (
        _whole(measured.get("value")) == signed.raw
        and (_whole(measured["scale"]) if measured.get("scale") is not None else 0) == signed.scale
        and (unit is None or _whole(unit) == bsm.WATT_HOUR)
        and measured.get("unit") in (None, "WATT_HOUR")
    )


def _same_contract(contract: Any, record: Record) -> bool:
    if not isinstance(contract, dict) or contract.get("id") is None:
        return contract is None or isinstance(contract, dict)
    kind = contract.get("type")
    text = f"contract-id: {kind}:{contract['id']}" if kind is not None else f"contract-id: {contract['id']}"
    return any(str(record.extra.get(name)).strip() == text for name in ("Meta1", "Meta2", "Meta3"))
