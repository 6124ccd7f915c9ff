"""pyMeterBus, an independent decoder: the same records and numbers, and it reads what we encode."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from wattproof.model.values import Scaled
from wattproof.wire.mbus import (
    Declaration,
    Identification,
    Moment,
    Record,
    SecondaryAddress,
    Telegram,
    decode,
    decode_answer,
    maker_of,
    manufacturer_code,
    req_ud2,
    rsp_ud,
    snd_nke,
    snd_ud,
)

meterbus = pytest.importorskip("meterbus", reason="pyMeterBus is not installed")

#: Frames that pyMeterBus 0.8.5 cannot read, and why.
UNREADABLE = {
    "manual_frame2": "CI 73, fixed data, is not implemented",
    "example_binary16_lvar": "it takes LVAR F0 for no bytes and reads the value as records",
}
#: Records that it reads otherwise, and why.
OTHERWISE = {
    "3c 2b bd eb dd dd": "it adds up digits beyond 9",
    "3b 3b bd eb dd": "it adds up digits beyond 9",
    "3c 2a dd b4 eb dd": "it adds up digits beyond 9",
    "3b 3a dd b4 eb": "it adds up digits beyond 9",
    "46 6d 00 00 08 16 27 00": "it reads the 48 bits of type I as type F",
    "04 6d a1 15 e9 17": "it does not see the bit that says invalid",
    "94 10 ad 6f 00 00 00 00": "it does not know the VIFE 6F, by which the value is a date",
    "94 10 bb 6f 00 00 00 00": "it does not know the VIFE 6F, by which the value is a date",
    "94 10 da 6f 32 14 7a 18": "it does not know the VIFE 6F, by which the value is a date",
    "94 10 de 6f 2b 0b 69 18": "it does not know the VIFE 6F, by which the value is a date",
    "84 8f 0f 6d 00 00 e1 f1": "year 127 is every year; it takes 27",
}
SECONDS = {"min": 60, "h": 3600, "d": 86_400}


def records_of(octets: bytes) -> list[dict[str, Any]]:
    """What pyMeterBus makes of the records of a frame, without end markers."""
    return [record.interpreted for record in meterbus.load(octets).records if not record.dib.is_eoud]


def same(record: Record, theirs: Any, scaled: bool = True) -> bool:
    """Whether a record has the value that pyMeterBus gives; it counts in floats and durations in seconds."""
    value, content = record.value if scaled else None, record.content
    if isinstance(value, Scaled):
        number = value.decimal * SECONDS.get(record.unit.symbol, 1)
        return abs(number - Decimal(theirs)) <= abs(number) * Decimal("1e-6")
    if isinstance(content, Moment):
        return str(content).replace(" ", "T").removesuffix(":00") == str(theirs).removesuffix(":00")
    return content == theirs


@pytest.mark.proves("A-030")
def test_pymeterbus_reads_the_same_values_in_every_good_frame(vectors: Path) -> None:
    compared, otherwise = 0, set()
    for path in sorted((vectors / "mbus" / "good").glob("*.hex")):
        octets = bytes.fromhex(path.read_text(encoding="ascii").strip())
        if path.stem in UNREADABLE:
            with pytest.raises((meterbus.MBusFrameDecodeError, AssertionError)):
                assert len(records_of(octets)) == 1
            continue
        ours = decode_answer(decode(octets))  # type: ignore[arg-type]
        assert isinstance(ours, Telegram)
        theirs = records_of(octets)
        assert len(theirs) == len(ours.records), path.stem
        for record, row in zip(ours, theirs, strict=True):
            numbers = (row["storage_number"], row.get("tariff", 0), row.get("device", 0))
            assert (record.storage, record.tariff, record.subunit) == numbers
            if record.raw.hex(" ") in OTHERWISE:
                otherwise.add(record.raw.hex(" "))
                assert not same(record, row["value"])
                continue
            assert same(record, row["value"]), (path.stem, record, row)
            compared += 1
    assert compared == 469
    assert otherwise == set(OTHERWISE)


@pytest.mark.proves("A-031")
def test_pymeterbus_reads_the_same_raw_numbers_in_every_abb_frame(vectors: Path) -> None:
    """It does not know ABB's codes, so numbers with such a code are compared unscaled; it misreads ABB's times."""
    compared = 0
    for row in json.loads((vectors / "mbus" / "abb" / "abb-frames.json").read_text(encoding="utf-8")):
        if "records" not in row or row["hex"][:2] != "68":
            continue
        octets = bytes.fromhex(row["hex"])
        ours = decode_answer(decode(octets))  # type: ignore[arg-type]
        assert isinstance(ours, Telegram)
        for record, one in zip(ours, records_of(octets), strict=True):
            if record.quantity == "date_time":
                continue
            plain = one["type"] == "VIFUnit.MANUFACTURER_SPEC" or record.status not in (None, 0)
            theirs = one["value"]
            if record.quantity == "power_outage_time":
                assert (record.content, theirs) == (15, 15)
            else:
                assert same(record, theirs, scaled=not plain), (row["id"], record, one)
            compared += 1
    assert compared == 155


ABB = maker_of(manufacturer_code("ABB"))
#: A declaration, what is put in, and what pyMeterBus takes out.
WRITTEN = [
    ("0E", "04", Scaled(3913, 1), Decimal(39130)),
    ("8E 80 40", "04", Scaled(855, 1), Decimal(8550)),
    ("04", "29", Scaled.of("-3.33"), Decimal("-3.33")),
    ("04", "FD C8 FF 01", Scaled.of("230.6"), Decimal("230.6")),
    ("8C 01", "13", Scaled.of("12.345"), Decimal("12.345")),
    ("05", "2B", Scaled.of("1.5"), Decimal("1.5")),
    ("02", "6C", Moment(2014, 8, 17), "2014-08-17"),
    ("04", "6D", Moment(2014, 8, 17, 23, 59), "2014-08-17T23:59"),
    ("0D", "FD 0E", "A1.12.0", "A1.12.0"),
    ("01", "FD 1B", 1, Decimal(1)),
]


@pytest.mark.parametrize("status", [None, 0], ids=["without status", "with status"])
def test_pymeterbus_reads_what_we_encode(status: int | None) -> None:
    records = [Declaration.parse(dib, vib, ABB).record(value, status) for dib, vib, value, _ in WRITTEN]
    address = SecondaryAddress("00217819", manufacturer_code("ABB"), 0x20, 2)
    telegram = Telegram.build(Identification(address, 11), records)
    frame = rsp_ud(5, telegram.ci, telegram.encode())
    loaded = meterbus.load(frame.encode())
    header = loaded.body.interpreted["header"]
    assert (header["identification"], header["manufacturer"], header["access_no"]) == (
        "0x00, 0x21, 0x78, 0x19",
        "ABB",
        11,
    )
    rows = records_of(frame.encode())
    for record, row, (_, _, _, expected) in zip(records, rows, WRITTEN, strict=True):
        assert same(record, row["value"])
        if isinstance(expected, Decimal):
            assert abs(Decimal(row["value"]) - expected) < Decimal("1e-6")
        else:
            assert row["value"] == expected
        assert row["storage_number"] == record.storage


def test_pymeterbus_reads_our_requests() -> None:
    for frame in (snd_nke(5), req_ud2(253, True), req_ud2(5, False)):
        loaded = meterbus.load(frame.encode())
        assert type(loaded).__name__ == "TelegramShort"
        assert (loaded.header.cField.parts[0], loaded.header.aField.parts[0]) == (frame.control, frame.address)
    control = meterbus.load(snd_ud(5, 0xBD).encode())
    assert type(control).__name__ == "TelegramControl"
    assert type(meterbus.load(b"\xe5")).__name__ == "TelegramACK"
