"""The signed records: their text, six readings, numbers, and the signature over them (section 9)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, expect, row
from wattproof.conformance.dmed4.subject import FIELDS, OFFSET, Dmed, Step
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.meters.dmed4.enums import Signature
from wattproof.meters.dmed4.resources import CHARGE_SETTINGS
from wattproof.meters.dmed4.text import ALGORITHM, Record, signature_text

#: The commands whose records are looked at, by the names of steps; what TX of the fourth reading says.
ALL = {"B": "B", "C": "C", "E": "E", "r": "E"}
LONG_KEYS, SHORT_KEYS = ["TM", "TX", "RV", "RI", "RU", "RT", "EF", "ST"], ["RV", "RI", "RU", "ST"]
_RV = re.compile(rb'"RV":([^,}]*)')
_TM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}[+-]\d{4} [USIR]")
#: Seconds by which the time in a record may lie behind the moment the clock was set (the meter may run fast).
LATEST = 3600

OfRecord = Callable[[Record], str | None]


def every(check: OfRecord) -> Callable[[Dmed], Awaitable[str | None]]:
    """A check of the records after B, C, E and r."""

    async def of_all(meter: Dmed) -> str | None:
        remark = None
        for name in ALL:
            try:
                remark = check(await meter.record(name)) or remark
            except Failed as failed:
                raise Failed(f"after {name}: {failed}") from None
        return remark

    return of_all


def _readings(record: Record) -> list[dict[str, Any]]:
    found = record.payload.get("RD")
    expect(isinstance(found, list) and all(isinstance(reading, dict) for reading in found), f"RD is {found!r:.60}")
    return list(found) if isinstance(found, list) else []


def _six(record: Record) -> list[dict[str, Any]]:
    found = _readings(record)
    expect(len(found) == 6, f"RD has {len(found)} readings")
    return found


def _section(record: Record) -> dict[str, Any]:
    """The signature section."""
    parts = record.text.split(b"|")
    expect(len(parts) == 3 and parts[0] == b"OCMF", f"no OCMF|payload|signature: {record.text[:40]!r}")
    try:
        found = json.loads(parts[2])
    except ValueError:
        found = None
    expect(
        isinstance(found, dict) and {"SA", "SE", "SD"} <= found.keys(), f"the signature section is {parts[2][:60]!r}"
    )
    return dict(found or {})


def form(record: Record) -> None:
    """Three sections, RD last, SA, SE, SD in this order."""
    section = _section(record)
    expect([*record.payload][-1:] == ["RD"], f"the last key of the payload is {[*record.payload][-1:]}")
    expect([*section] == ["SA", "SE", "SD"], f"the signature section has {' '.join(section)}")


def six_readings(record: Record) -> None:
    _six(record)


def keys(record: Record) -> None:
    for index, reading in enumerate(_six(record)):
        wanted = SHORT_KEYS if index % 3 else LONG_KEYS
        expect(sorted(reading) == sorted(wanted), f"reading {index + 1} has {' '.join(reading)}")


def zero_begin(record: Record) -> None:
    found = _six(record)[2]["RV"]
    expect(found == 0, f"the third reading, the cycle's energy at its begin, is {found}")


def decimals(record: Record) -> None:
    values = _RV.findall(record.signed)
    wrong = [value for value in values if not re.fullmatch(rb"\d+\.\d{3}", value)]
    expect(len(values) == 6 and not wrong, f"RV is {b', '.join(wrong or values)!r}")
    units = {str(reading.get("RU")) for reading in _six(record)}
    expect(units == {"kWh"}, f"RU is {', '.join(sorted(units))}")


def fields_kept(record: Record) -> None:
    sent = json.loads(FIELDS)
    kept = [key for key in record.payload if key in sent]
    expect(kept == [*sent], f"the fields come in the order {' '.join(kept)}")
    changed = [key for key, value in sent.items() if record.payload[key] != value]
    expect(not changed, f"fields that were changed: {', '.join(changed)}")


def page(record: Record) -> str:
    expect(record.counter is not None, f"PG is {record.field('PG')!r}")
    return record.field("PG")


def identity(record: Record) -> str:
    found = [record.field(key) for key in ("MV", "MM", "MS", "MF")]
    expect(all(found), f"MV, MM, MS, MF are {found}")
    return " ".join(found)


def der(record: Record) -> str | None:
    section = _section(record)
    try:
        data = (
            bytes.fromhex(section["SD"]) if section["SE"] == "hex" else base64.b64decode(section["SD"], validate=True)
        )
    except (ValueError, TypeError, binascii.Error):
        raise Failed(f"SD is no {section['SE']}: {str(section['SD'])[:20]}...") from None
    right = data[:1] == b"\x30" and len(data) == data[1] + 2 and data[2:3] == b"\x02"
    expect(right, f"SD is no DER signature: {data[:6].hex()}...")
    return None if section["SA"] == ALGORITHM else f"SA is {section['SA']} (DEC-56)"


# Against the meter ---------------------------------------------------------------------------------------------------


async def verifies(meter: Dmed) -> None:
    key = await meter.key()
    for name in ALL:
        expect((await meter.record(name)).valid(key), f"the record after {name} does not verify with the public key")


async def transactions(meter: Dmed) -> str | None:
    remark = None
    for name, wanted in ALL.items():
        record = await meter.record(name)
        first, fourth = (_six(record)[index].get("TX") for index in (0, 3))
        expect(first == "B", f"TX of the first reading after {name} is {first}")
        if name == "B" and fourth == "C":
            remark = "TX C after B (DEC-52)"
        else:
            expect(fourth == wanted, f"TX of the fourth reading after {name} is {fourth}")
    return remark


async def repeated_begin(meter: Dmed) -> str | None:
    found = _six(await meter.record("B"))
    pairs = [(found[index], found[index + 3]) for index in range(3)]
    later = all(two["RV"] >= one["RV"] for one, two in pairs)
    expect(later, "readings four to six after B are smaller than one to three")
    return None if all(one == two for one, two in pairs) else "later values (DEC-52)"


async def pages(meter: Dmed) -> str:
    """PG grows with the number of stored records: by one with each (10.4)."""
    for name in ALL:
        await meter.record(name)
    counted = [(step.record.counter, step.logged[1]) for step in meter.pages if step.record is not None]
    for (one, held), (two, then) in pairwise(counted):
        grown = (two or 0) - (one or 0)
        right = grown == then - held or (grown >= 1 and meter.pages[-1].full)
        expect(right, f"PG went from T{one} to T{two}, the log from {held} records to {then}")
    return f"T{counted[0][0]} to T{counted[-1][0]}"


async def stored(meter: Dmed) -> None:
    for name in ALL:
        step = await meter.step(name)
        expect(step.stored, f"{name} took the number of stored records from {step.logged[0]} to {step.logged[1]}")


async def times(meter: Dmed) -> None:
    for name in ALL:
        step, record = await meter.step(name), await meter.record(name)
        for index in (0, 3):
            text = str(_six(record)[index]["TM"])
            expect(_TM.fullmatch(text) is not None, f"TM after {name} is {text!r}")
        moment = record.time
        expect(moment is not None and moment.utcoffset() == timedelta(minutes=OFFSET), f"TM after {name}: {text}")
        passed = moment.timestamp() - step.set_at if moment is not None else -1
        expect(0 <= passed <= LATEST, f"TM after {name} is {passed:.0f} s behind the time that was set")


async def time_flags(meter: Dmed) -> None:
    for name in ALL:
        found = str(_six(await meter.record(name))[3]["TM"])[-1:]
        expect(found == "S", f"the time was set, and TM after {name} has the flag {found}")


async def encoding(meter: Dmed) -> str:
    base64_wanted = await _base64(meter)
    record = await meter.record("E")
    found = _section(record)["SE"]
    expect(found == ("base64" if base64_wanted else "hex"), f"SE is {found}, the signature format {int(base64_wanted)}")
    return str(found)


async def _base64(meter: Dmed) -> bool:
    if meter.has_rest:
        return bool(await meter.rest.value(CHARGE_SETTINGS, "signature_format"))
    return bool(await meter.modbus.number("signature_format"))


# Registers and REST --------------------------------------------------------------------------------------------------


async def _out(meter: Dmed) -> Step:
    """A step whose record is out now."""
    step = await meter.step("C")
    if meter.pages[-1] is not step:
        await meter.active()
        await meter.untroubled()
        step = await meter.take("C")
    return step


async def raw_signature(meter: Dmed) -> None:
    registers = meter.modbus
    await _out(meter)
    raw, length = await registers.octets("signature_raw"), await registers.number("signature_length")
    signature = (await registers.octets("signature_der"))[:length]
    numbers = _numbers(signature)
    expect(b"".join(numbers) == raw, f"4620h holds {raw[:8].hex()}..., r of 4640h is {numbers[0][:8].hex()}...")


def _numbers(signature: bytes) -> list[bytes]:
    """r and s of a DER signature, 32 bytes each."""
    encoding, text = signature_text(signature)
    data = bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text)
    size = data[3]
    return [part.lstrip(b"\0").rjust(32, b"\0") for part in (data[4 : 4 + size], data[6 + size :])]


async def signature_area(meter: Dmed) -> str:
    registers = meter.modbus
    await _out(meter)
    length = await registers.number("signature_length")
    data = await registers.octets("signature_der")
    expect(0 < length <= 72, f"the signature at 4640h has {length} bytes")
    expect(data[0] == 0x30 and data[1] == length - 2, f"4640h holds no DER of {length} bytes: {data[:4].hex()}...")
    expect(not any(data[length:]), "something stands behind the signature")
    return f"{length} bytes"


async def payload_area(meter: Dmed) -> str | None:
    registers = meter.modbus
    step = await _out(meter)
    length = await registers.number("output_length")
    data = (await registers.octets("output_json"))[:length]
    if data.startswith(b"OCMF|"):
        return "4400h holds the whole record (DEC-58)"
    right = step.record is not None and data == step.record.signed and step.record.valid(await meter.key())
    expect(right, "4400h holds another text than was signed")
    expect(data[:1] + data[-1:] == b"{}", f"4400h is no JSON object of {length} bytes")
    return None


async def rebuilt(meter: Dmed) -> None:
    registers, rest = meter.modbus, meter.rest
    await _out(meter)
    one, other = await registers.record(), await rest.record()
    expect(one == other, f"registers: ...{one[-60:]!r}; OCMF_BUFF: ...{other[-60:]!r}")


async def over_rest(meter: Dmed) -> None:
    rest = meter.rest
    step = await _out(meter)
    found = Record(await rest.record())
    expect(step.record is not None and found.signed == step.record.signed, "OCMF_BUFF is not the record just signed")
    expect(found.valid(await meter.key()), "OCMF_BUFF does not verify with the public key")


async def empty_while_signing(meter: Dmed) -> None:
    rest = meter.rest
    await meter.active()
    await meter.untroubled()
    await meter.side.command("C")
    found = await rest.record()
    signing = (await rest.states()).has(Signature.IN_PROGRESS)
    await meter.signed()
    if not signing:
        raise NotApplicable("signed too fast to be seen")
    expect(not found, f"OCMF_BUFF holds {found[:30]!r} while a record is being signed")


ROWS = (
    row("D-240", "A record is OCMF|payload|signature, RD last", MANUAL, Need.SWITCHING, every(form)),
    row("D-241", "The signature verifies over the payload text", MANUAL, Need.SWITCHING, verifies),
    row("D-242", "RD has six readings", MANUAL, Need.SWITCHING, every(six_readings)),
    row("D-243", "Readings 1 and 4 have 8 keys, the others 4", MANUAL, Need.SWITCHING, every(keys)),
    row("D-244", "TX of reading 4 is B, C, E, E", MANUAL, Need.SWITCHING, transactions, "DEC-52"),
    row("D-245", "After B readings 4 to 6 repeat 1 to 3", INFERRED, Need.SWITCHING, repeated_begin, "DEC-52"),
    row("D-246", "Reading 3 is 0.000", INFERRED, Need.SWITCHING, every(zero_begin)),
    row("D-280", "Every record is stored", MANUAL, Need.SWITCHING, stored),
    row("D-281", "Progressive numbers grow by 1", INFERRED, Need.SWITCHING, pages),
    row("D-247", "Fields of the client and their order are kept", MANUAL, Need.SWITCHING, every(fields_kept)),
    row("D-248", "PG is T and a number", INFERRED, Need.SWITCHING, every(page)),
    row("D-249", "MV, MM, MS, MF are filled by the meter", INFERRED, Need.SWITCHING, every(identity), "DEC-53"),
    row("D-253", "TM is local time with offset", MANUAL, Need.SWITCHING, times),
    row("D-254", "TM has the flag S behind a time write", INFERRED, Need.SWITCHING, time_flags),
    row("D-255", "RV has three decimals, RU is kWh", MANUAL, Need.SWITCHING, every(decimals)),
    row("D-257", "SE is hex or base64 by the signature format", INFERRED, Need.SWITCHING, encoding),
    row("D-258", "SD is a DER signature", MANUAL, Need.SWITCHING, every(der)),
    row("D-259", "4620h holds r and s, 32 bytes each", INFERRED, Need.SWITCHING, raw_signature),
    row("D-260", "4640h holds the DER with the length of 4204h", MANUAL, Need.SWITCHING, signature_area),
    row("D-261", "4400h holds the payload with the length of 4202h", INFERRED, Need.SWITCHING, payload_area, "DEC-58"),
    row("D-262", "The record of the registers equals OCMF_BUFF", INFERRED, Need.SWITCHING, rebuilt),
    row("D-160", "After a command GET ocmf gives the signed record", MANUAL, Need.SWITCHING, over_rest),
    row("D-159", "OCMF_BUFF is empty while there is no record", INFERRED, Need.SWITCHING, empty_while_signing),
)
