"""What a record may show, read afresh from the bytes that were signed: a second, small reader of every format.

It knows layouts and nothing else, so that it does not share the mistakes of the parsers. Source: verifier
specification, chapters 1 and 2.
"""

from __future__ import annotations

import calendar
import contextlib
import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from wattproof.signed.records import Record

_EDL = struct.Struct("<10sIBII6sBbq2s128sIQQ")
_ALFEN = struct.Struct("<10s4s2s10sHHII6sBbq20sII")
_ISA = struct.Struct("<10sIB6sBbq2s66s128sI20sB6sBbq6sI42s")
_PCDF = re.compile(rb"\(([A-Za-z]{1,8}):([^()]*)\)")


@dataclass(slots=True)
class Content:
    """What may be shown: exact values, texts, and times in seconds (``local``: as the clock on the wall counts)."""

    values: set[Decimal] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    seconds: set[int] = field(default_factory=set)
    local: bool = False


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _atoms(value: Any) -> Iterator[str]:
    """Every text, and every number as it was written, of a JSON value; of repeated members all."""
    if isinstance(value, str):
        yield _whole(value)
    elif isinstance(value, list):
        for item in value:
            yield from _atoms(item)
    elif isinstance(value, tuple):
        for _, item in value:
            yield from _atoms(item)


def _json(data: bytes) -> Content:
    text = _text(data.removeprefix(b"\xef\xbb\xbf"))
    parsed = json.loads(text, parse_int=str, parse_float=str, strict=False, object_pairs_hook=tuple)
    found = Content(texts=set(_atoms(parsed)))
    for atom in found.texts:
        if re.fullmatch(r" *-?[0-9]{1,60}(\.[0-9]{1,90})?([eE][+-]?[0-9]{1,4})?", atom, re.ASCII):
            found.values.add(Decimal(atom.strip(" ")))
            if atom.isdigit():
                found.seconds.add(int(atom))
    return found


def _ocmf(data: bytes) -> Content:
    found = _json(data)
    for atom in [*found.texts]:
        found.texts |= {atom.strip(), *atom.split("#")}
    return found


def _octets(data: bytes) -> set[str]:
    """The ways in which signed octets are shown."""
    short = data.rstrip(b"\0")
    texts = {short.decode("utf-8", "replace"), short.decode("latin-1"), "0x" + data.hex().upper(), ""}
    texts |= {data.hex().upper(), short.hex().upper()}
    _, _, tariff = short.partition(b"#")
    if re.fullmatch(rb"(?:[0-9A-Fa-f\s]{2,})", tariff):
        with contextlib.suppress(ValueError):
            texts.add(bytes.fromhex(tariff.decode()).decode("ascii"))
    return texts


def _scaled(number: int, scaler: int) -> Decimal:
    return Decimal(number).scaleb(scaler)


def _edl(data: bytes) -> Content:
    fields = _EDL.unpack(data[: _EDL.size])
    values = {_scaled(fields[at], fields[7]) for at in (8, 12, 13)}  # the actual, the historical, the compensated one
    return Content(values, _octets(fields[0]) | _octets(fields[10]) | {str(fields[4])}, {fields[1]}, local=True)


def _alfen(data: bytes) -> Content:
    fields = _ALFEN.unpack(data)
    texts = {text for each in fields if isinstance(each, bytes) for text in _octets(each)}
    return Content({_scaled(fields[11], fields[10])}, texts | {str(fields[14]), str(fields[13])}, {fields[7]})


def _isa(data: bytes) -> Content:
    f = _ISA.unpack(data)
    values = {_scaled(f[6], f[5]), _scaled(f[16], f[15])}
    return Content(values, _octets(f[0]) | _octets(f[9]) | {str(f[18])}, {f[1], f[10]})


def _pcdf(data: bytes) -> Content:
    found = Content({Decimal(0)}, {"0"})  # the begin value, which is implied
    for name, raw in _PCDF.findall(data):
        text = raw.decode("utf-8", "replace")
        found.texts |= {text, *text.split("*")}
        if name == b"RV" and re.fullmatch(r" *-?[0-9.eE+-]+", text.split("*")[0], re.ASCII):
            try:
                value = Decimal(text.split("*")[0].strip(" "))
            except ArithmeticError:
                continue
            found.values.add(value)
            found.texts.add(format(Decimal(0).scaleb(int(value.as_tuple().exponent)), "f"))
        if re.fullmatch(rb"[0-9]{12}", raw):
            year, month, day, hour, minute, second = (int(raw[at : at + 2]) for at in range(0, 12, 2))
            if 1 <= month <= 12 and 1 <= day <= 31:
                found.seconds.add(calendar.timegm((2000 + year, month, day, hour, minute, second)))
    return found


#: Numbers and texts of a snapshot in the order of signing: today's, and that before December 2020.
_BSM = ("nnnntnnnnnnnntttn", "nnntnnnnnnnnnnnnnntttn")


def _bsm(data: bytes) -> Content:
    for order in _BSM:
        found, at = Content(), 0
        for kind in order:
            if kind == "n":
                number = int.from_bytes(data[at : at + 4], "big")
                scale = int.from_bytes(data[at + 4 : at + 5], "big", signed=True)
                found.values.add(_scaled(number, scale))
                found.texts.add(str(number))
                found.seconds.add(number)
                at += 6
            else:
                size = int.from_bytes(data[at : at + 4], "big")
                raw = data[at + 4 : at + 4 + size]
                text = raw.decode("latin-1") if not _is_utf8(raw) else raw.decode()
                found.texts |= {text, *(part.strip() for part in (text.partition(": ")[2],))}
                at += 4 + size
        if at == len(data):
            return found
    raise AssertionError("the signed bytes of a snapshot have neither order")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


#: Format to the reader of its signed bytes. A format that is not here is only held against its unchanged records.
READERS: dict[str, Callable[[bytes], Content]] = {
    "OCMF": _ocmf,
    "ALFEN": _alfen,
    "PCDF": _pcdf,
    "EDL_40_P": _edl,
    "EDL_40_SIG": _edl,
    "EDL_40_MENNEKES": _edl,
    "EMH": _edl,
    "GDF": _edl,
    "ISA_EDL_40_P": _isa,
    "BSM": _bsm,
    "ChargePoint": _json,
}


def check(record: Record) -> None:
    """Everything that a valid record shows stands in its signed bytes. Raises ``AssertionError``."""
    reader = READERS.get(record.format)
    if reader is None:
        return
    content = reader(record.signed)
    shown = [
        record.gateway_serial,
        record.gateway_model,
        record.meter_serial,
        record.meter_model,
        record.identification,
        record.assignment_level,
        record.evse,
        record.tariff,
        record.page_text,
        *record.firmware,
    ]
    for text in shown:
        assert text is None or text in content.texts, f"{text!r} is shown, but was not signed"
    for reading in record.readings:
        assert reading.value is None or reading.value in content.values, f"{reading.value} was not signed"
        if record.format in ("OCMF", "PCDF"):
            for text in (reading.literal, reading.time_text if record.format == "OCMF" else None):
                assert text is None or text in content.texts, f"{text!r} is shown, but was not signed"
        if record.format == "OCMF":
            for text in (reading.register, reading.unit, reading.status, reading.error_flags, reading.code):
                assert text is None or text in content.texts, f"{text!r} is shown, but was not signed"
        elif reading.time is not None:
            seconds = reading.time.seconds + (60 * (reading.time.offset or 0) if content.local else 0)
            assert seconds in content.seconds, f"the time {seconds} was not signed"
