"""What is signed: the snapshot's hash and signature, the OCMF text (bsm.md sections 13 and 15).

The checks look at every snapshot that is valid on the meter; reading is enough where there is one.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from wattproof.conformance.bsm.subject import Bsm, expect
from wattproof.conformance.engine import Evidence, Failed, Need, NotApplicable, Skipped, Statement
from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.points import OCMF_BLOCKS
from wattproof.meters.bsm.profiles import Profile
from wattproof.meters.bsm.taken import Snapshot

_SPACE = re.compile(rb'"(?:\\.|[^"\\])*"')
_KEYS = "FV GI GS GV PG MV MM MS IS IT ID X2 X3 RD"
_READING_KEYS = "TM TX RV RI RU XV XI XU XT RT EF ST"
_OPTIONAL = {"X2", "X3", "XT"}


def _payload(text: bytes) -> bytes:
    parts = text.split(b"|")
    expect(len(parts) == 3 and parts[0] == b"OCMF", f"the text has {len(parts)} parts, the first is {parts[0][:8]!r}")
    return parts[1]


def _json(section: bytes) -> dict[str, Any]:
    """A JSON section with its numbers as texts, so that no digit is lost."""
    try:
        found = json.loads(section.decode("latin-1"), parse_float=_Digits, parse_int=_Digits)
    except (ValueError, RecursionError) as error:
        raise Failed(f"a section of the OCMF text is no JSON: {error}") from None
    expect(isinstance(found, dict), "a section of the OCMF text is no JSON object")
    return dict(found)


class _Digits(str):
    """A number as written."""

    __slots__ = ()


def _reading(text: bytes) -> dict[str, Any]:
    readings = _json(_payload(text)).get("RD")
    if not isinstance(readings, list) or len(readings) != 1 or not isinstance(readings[0], dict):
        raise Failed("RD does not hold exactly one reading")
    return readings[0]


async def _profile(meter: Bsm) -> Profile:
    firmware = await meter.firmware()
    if firmware.profile is None:
        raise NotApplicable(f"firmware {firmware.text} is not in the table")
    return firmware.profile


async def signatures(meter: Bsm) -> str:
    found = await meter.records()
    for snapshot in found:
        expect(snapshot.valid, f"the signature of the {snapshot.kind.word} snapshot does not verify with PK")
    return f"{len(found)} verified"


async def signature_area(meter: Bsm) -> str:
    lengths = []
    for snapshot in await meter.records():
        used, area = snapshot.number("BSig") or 0, snapshot.registers[2 * 206 :]
        expect(snapshot.number("NSig") == 48, f"NSig is {snapshot.number('NSig')}")
        expect(68 <= used <= 72, f"BSig is {used}")
        expect(area[:1] == b"\x30" and area[1] == used - 2, f"BSig is {used}, the signature has {area[1] + 2} bytes")
        expect(not any(area[used:]), "the area behind the signature is not NUL")
        lengths.append(str(used))
    return f"BSig {', '.join(lengths)}"


async def three_parts(meter: Bsm) -> None:
    for _, text in await meter.texts():
        _payload(text)


async def key_order(meter: Bsm) -> None:
    for _, text in await meter.texts():
        payload = _payload(text)
        expect(not re.search(rb"\s", _SPACE.sub(b"", payload)), "there is white space outside strings")
        for found, wanted in ((list(_json(payload)), _KEYS.split()), (list(_reading(text)), _READING_KEYS.split())):
            present = [key for key in wanted if key in found or key not in _OPTIONAL]
            expect(found == present, f"keys are {' '.join(found)}")


async def text_signatures(meter: Bsm) -> str:
    found = await meter.texts()
    for snapshot, _ in found:
        expect(bool(snapshot.ocmf_valid), f"the OCMF signature of the {snapshot.kind.word} snapshot does not verify")
    return f"{len(found)} verified"


async def pagination(meter: Bsm) -> None:
    for snapshot, text in await meter.texts():
        found = _json(_payload(text)).get("PG")
        expect(found == f"T{snapshot.counter}", f"PG is {found!r}, RCnt {snapshot.counter}")


async def transaction(meter: Bsm) -> None:
    profile = await _profile(meter)
    for snapshot, text in await meter.texts():
        reading, kind = _reading(text), SnapshotType(snapshot.kind)
        expect(reading.get("TX") == kind.transaction, f"TX of {kind.word} is {reading.get('TX')!r}")
        wanted = str(kind.value) if profile.states_type else None
        expect(reading.get("XT") == wanted, f"XT of {kind.word} is {reading.get('XT')!r}")


async def digits(meter: Bsm) -> str:
    profile = await _profile(meter)
    form, unit = (r"\d+\.\d\d", "kWh") if profile.kilo else (r"\d+", "Wh")
    for _, text in await meter.texts():
        reading = _reading(text)
        for key in ("RV", "XV"):
            number = reading.get(key)
            right = isinstance(number, _Digits) and re.fullmatch(form, number) is not None
            expect(right, f"{key} is {number!r}, not a number of the form {form}")
        expect((reading.get("RU"), reading.get("XU")) == (unit, unit), f"units are {reading.get('RU')!r}")
    return unit


async def further_metadata(meter: Bsm) -> None:
    profile = await _profile(meter)
    for snapshot, text in await meter.texts():
        payload = _json(_payload(text))
        for key, name in (("X2", "Meta2"), ("X3", "Meta3")):
            wanted = profile.states_metadata and bool(_bytes(snapshot, name))
            expect((key in payload) == wanted, f"{key} is {'there' if key in payload else 'missing'}")


async def identification(meter: Bsm) -> None:
    for _, text in await meter.texts():
        expect(isinstance(_json(_payload(text)).get("ID"), str), "ID is missing")


async def escaped(meter: Bsm) -> None:
    for snapshot, text in await meter.texts():
        found = str(_json(_payload(text)).get("ID")).encode("latin-1")
        expect(found == _bytes(snapshot, "Meta1"), f"ID says {found!r}, Meta1 {_bytes(snapshot, 'Meta1')!r}")


def _bytes(snapshot: Snapshot, name: str) -> bytes:
    offset, registers = {"Meta1": (32, 70), "Meta2": (102, 50), "Meta3": (152, 50)}[name]
    return snapshot.registers[2 * offset : 2 * (offset + registers)].rstrip(b"\0")


async def time_text(meter: Bsm) -> str:
    seen = ""
    for snapshot, text in await meter.texts():
        found, time = str(_reading(text).get("TM")), snapshot.time
        if time is None:
            continue
        wanted = time.strftime("%Y-%m-%dT%H:%M:%S,000%z")
        expect(found[:-2] == wanted and found[-2:] in (" S", " U"), f"TM is {found!r}, the snapshot has {wanted}")
        seen = found
    if not seen:
        raise Skipped("no snapshot was taken with a valid time")
    return seen


async def error_flags(meter: Bsm) -> None:
    for snapshot, text in await meter.texts():
        reading, events = _reading(text), snapshot.number("Evt")
        found = reading.get("EF"), reading.get("ST")
        wanted = ("Et", "E") if events else ("" if snapshot.time is not None else "t", "G")
        expect(found == wanted, f"EF, ST are {found}, Evt {events:#x}")


async def same_energy(meter: Bsm) -> str:
    seen = []
    for snapshot, text in await meter.texts():
        reading = _reading(text)
        factor = 1000 if reading.get("RU") == "kWh" else 1
        for key, name in (("RV", "RCR"), ("XV", "TotWhImp")):
            wanted = snapshot.energy(name)
            found = Decimal(str(reading.get(key))) * factor
            expect(found == wanted, f"{key} is {found} Wh, {name} of the snapshot {wanted} Wh")
        seen.append(f"{reading.get('RV')} {reading.get('RU')}")
    return ", ".join(seen)


async def same_text(meter: Bsm) -> None:
    for snapshot, text in await meter.texts():
        again = (await meter.driver.existing(snapshot.kind)).ocmf
        expect(again == text, f"the OCMF text of the {snapshot.kind.word} snapshot differs at the second read")


async def too_long(meter: Bsm) -> None:
    kind = SnapshotType.CURRENT
    taken = await meter.take(kind, metadata=(b"\x01" * 140, b"\x01" * 100, b"\x01" * 100))
    expect(taken.snapshot is not None, f"the snapshot ended with St {taken.status.value}")
    status = int.from_bytes(await meter.read(OCMF_BLOCKS[kind].address_of("St"), 1), "big")
    await meter.take(kind)
    profile = await _profile(meter)
    wanted = (SnapshotStatus.FAILED_GENERAL,) if profile.states_metadata else tuple(SnapshotStatus)
    expect(status in wanted, f"St of an OCMF text of more than 992 bytes is {status}")


ROWS: tuple[Statement[Bsm], ...] = (
    Statement(
        "B-121", "Snapshot signatures verify in the order of the registers", Evidence.CAPTURE, Need.READ, signatures
    ),
    Statement(
        "B-122", "NSig 48, BSig the length of the signature, then NUL", Evidence.CAPTURE, Need.READ, signature_area
    ),
    Statement("B-125", "OCMF texts have three parts", Evidence.CAPTURE, Need.READ, three_parts),
    Statement("B-126", "Their keys are in order, without white space", Evidence.CAPTURE, Need.READ, key_order),
    Statement("B-127", "SD verifies over the bytes between the bars", Evidence.CAPTURE, Need.READ, text_signatures),
    Statement("B-130", "PG is T and RCnt", Evidence.CAPTURE, Need.READ, pagination, "BD-46"),
    Statement("B-131", "TX and XT follow the type", Evidence.CAPTURE, Need.READ, transaction),
    Statement("B-132", "RV and XV have the digits of the firmware", Evidence.CAPTURE, Need.READ, digits),
    Statement("B-134", "X2 and X3 are there if filled, from CM 1.3 on", Evidence.TOOL, Need.READ, further_metadata),
    Statement("B-135", "ID is always there", Evidence.INFERRED, Need.READ, identification, "BD-28"),
    Statement("B-136", "TM is the local time of the snapshot", Evidence.CAPTURE, Need.READ, time_text, "BD-29"),
    Statement("B-138", "EF and ST follow the events", Evidence.CAPTURE, Need.READ, error_flags, "BD-29"),
    Statement("B-140", "The escaped ID decodes to Meta1", Evidence.MANUAL, Need.READ, escaped, "BD-13"),
    Statement("B-143", "Repeated reads give the same text", Evidence.CAPTURE, Need.READ, same_text),
    Statement("B-165", "RV and XV agree with the registers", Evidence.CAPTURE, Need.READ, same_energy),
    Statement("B-141", "A text that is too long fails alone", Evidence.INFERRED, Need.WRITE, too_long),
)
