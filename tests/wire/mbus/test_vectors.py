"""Telegrams of real meters: the numbers of an independent decoder, and the same bytes back."""
# ruff: noqa: DTZ001  (meters tell local time without a zone)

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import ProtocolError
from wattproof.model.values import Quality, Scaled
from wattproof.wire.mbus import abb as maker
from wattproof.wire.mbus.frames import SND_UD, Long, decode, service
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record, decode_records
from wattproof.wire.mbus.telegrams import (
    ApplicationError,
    FixedData,
    Identification,
    Telegram,
    decode_answer,
    encode_answer,
)

#: Seconds in a unit: libmbus gives all durations in seconds.
SECONDS = {"min": 60, "h": 3600, "d": 86_400}
#: Where we say more than libmbus, or it is wrong: the record, and what we say of it.
DIFFERENCES = {
    "42 6c 00 00": "2000-00-00 is no point of time",
    "32 6c 00 00": "2000-00-00 is no point of time",
    "04 6d a1 15 e9 17": "the meter says that its date and time are invalid",
    "3c 2b bd eb dd dd": "DDDDEBBD is not binary coded decimal",
    "3b 3b bd eb dd": "DDEBBD is not binary coded decimal",
    "3c 2a dd b4 eb dd": "DDEBB4DD is not binary coded decimal",
    "3b 3a dd b4 eb": "EBB4DD is not binary coded decimal",
    # the VIFE 6F says that the value is the end of the last one, which libmbus takes for the value itself
    "94 10 ad 6f 00 00 00 00": "2000-00-00 00:00 is no point of time",
    "94 10 bb 6f 00 00 00 00": "2000-00-00 00:00 is no point of time",
    "94 10 da 6f 32 14 7a 18": datetime(2011, 8, 26, 20, 50),
    "94 10 de 6f 2b 0b 69 18": datetime(2011, 8, 9, 11, 43),
    # year 127 is "every year"
    "84 8f 0f 6d 00 00 e1 f1": "2127-01-01 00:00 is no point of time",
}


def norm(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Header and records of a ``.norm.xml``, without those that stand for ``0F`` and ``1F``."""
    root = ET.fromstring(path.read_bytes())
    slave = {child.tag: child.text or "" for child in root.iterfind("SlaveInformation/*")}
    rows = [{child.tag: child.text or "" for child in row} for row in root.findall("DataRecord")]
    return slave, [row for row in rows if row["Function"] not in ("Manufacturer specific", "More records follow")]


def float32(number: float) -> bytes:
    return struct.pack("<f", number)


def agrees(record: Record, expected: str) -> bool:
    """Whether a record has the value that libmbus prints."""
    value = record.value
    if isinstance(value, Scaled):
        number = value.decimal * SECONDS.get(record.unit.symbol, 1)
        if record.header.type.name == "H":
            return float32(float(number)) == float32(float(expected)) or abs(number - Decimal(expected)) < Decimal(
                "1e-6"
            )
        return abs(number - Decimal(expected)) <= Decimal("5e-7")
    if isinstance(value, Moment):
        return value.datetime == datetime.fromisoformat(expected.removesuffix("Z"))
    return (value.hex(" ").upper() if isinstance(value, bytes) else value) == expected


@pytest.mark.proves("A-030")
def test_every_good_frame_has_the_numbers_of_libmbus(good: dict[str, bytes], mbus: Path) -> None:
    compared, differing = 0, set()
    for name, octets in good.items():
        slave, rows = norm(mbus / "good" / f"{name}.norm.xml")
        frame = decode(octets)
        assert isinstance(frame, Long)
        answer = decode_answer(frame)
        if isinstance(answer, FixedData):
            continue
        assert isinstance(answer, Telegram)
        assert isinstance(answer.header, Identification)
        address = answer.header.address
        assert address.number.lstrip("0") == slave["Id"].lstrip("0"), name
        assert (address.letters, address.version) == (slave["Manufacturer"], int(slave["Version"])), name
        assert answer.header.access == int(slave["AccessNumber"])
        assert answer.header.status == int(slave["Status"], 16)
        assert len(answer.records) == len(rows), name
        for record, row in zip(answer.records, rows, strict=True):
            numbers = (record.storage, record.tariff, record.subunit)
            assert numbers == (int(row["StorageNumber"]), int(row.get("Tariff", 0)), int(row.get("Device", 0)))
            assert row["Function"].lower().startswith(record.function.name.lower().replace("error", "value during"))
            raw = record.raw.hex(" ")
            if raw in DIFFERENCES:
                differing.add(raw)
                value = record.value
                assert (value.datetime if isinstance(value, Moment) else record.problem) == DIFFERENCES[raw]
                assert (record.quality is Quality.GOOD) is isinstance(value, Moment)
            else:
                assert agrees(record, row["Value"]), (name, repr(record), row["Value"])
            compared += 1
    assert compared == 481
    assert differing == set(DIFFERENCES)


@pytest.mark.proves("A-031", "A-035")
def test_every_frame_encodes_to_the_same_bytes(wired: dict[str, bytes]) -> None:
    answers = 0
    for name, octets in wired.items():
        frame = decode(octets)
        if not isinstance(frame, Long):
            continue
        if service(frame.control) is SND_UD:
            assert decode_records(frame.data, maker.MAKER).encode() == frame.data
            continue
        ci, data = encode_answer(decode_answer(frame))
        assert Long(frame.control, frame.address, ci, data).encode() == octets, name
        answers += 1
    assert answers == 56


@pytest.mark.proves("A-031", "A-034", "A-035")
def test_pad_bytes_fillers_and_superfluous_dife_are_kept(wired: dict[str, bytes]) -> None:
    def telegram(name: str) -> Telegram:
        frame = decode(wired[name])
        assert isinstance(frame, Long)
        answer = decode_answer(frame)
        assert isinstance(answer, Telegram)
        return answer

    padded, plain = telegram("a43-previous-last-padded"), telegram("a43-previous-last")
    assert padded.records == plain.records
    assert (padded.body.manufacturer_data, plain.body.manufacturer_data) == (bytes(13), b"")
    assert not padded.more_follow
    assert telegram("berg_dz_plus").body.manufacturer_data == bytes(16)
    filler = telegram("filler")
    assert [record.filler for record in filler.records] == [2]
    assert filler.body.tail == b"\x2f" * 7
    assert not filler.more_follow


@pytest.mark.proves("A-033")
def test_a_superfluous_dife_changes_no_number(good: dict[str, bytes]) -> None:
    frame = decode(good["abb_delta"])
    assert isinstance(frame, Long)
    answer = decode_answer(frame)
    assert isinstance(answer, Telegram)
    (third,) = [record for record in answer.records if record.raw.startswith(bytes.fromhex("8E B0 00"))]
    assert (third.storage, third.tariff, third.subunit) == (0, 3, 0)


@pytest.mark.proves("A-032")
def test_malformed_frames_are_refused_and_application_errors_tell_their_text(errors: dict[str, bytes]) -> None:
    texts, refused = {}, {}
    for name, octets in errors.items():
        frame = decode(octets)
        assert isinstance(frame, Long)
        try:
            answer = decode_answer(frame)
        except ProtocolError as error:
            refused[name] = str(error)
            continue
        assert isinstance(answer, ApplicationError)
        assert encode_answer(answer) == (frame.ci, frame.data)
        texts[name] = str(answer)
    assert texts == {
        "application_busy": "application busy",
        "error": "unspecified error",
        "too_many_readouts": "too many readouts",
        "too_many_vifes": "more than 10 VIFE",
        "unspecified_error": "unspecified error",
    }
    assert refused == {
        "premature_end_of_data1": "record at byte 10: 3 of its data bytes are missing",
        "premature_end_of_dif1": "record at byte 10: its DIF and DIFE have no end",
        "premature_end_of_var_vif1": "record at byte 22: its VIF and VIFE have no end",
        "too_long_var_vif": "record at byte 22: its VIF and VIFE have no end",
        "too_short_header": "the header of a telegram has 12 bytes, not 5",
    }


@pytest.mark.proves("A-031", "A-042")
def test_every_abb_frame_has_the_records_written_beside_it(abb: dict[str, dict[str, Any]]) -> None:
    """Borders, numbers and raw values as noted in the vectors: BCD as its digits, binary as little endian."""
    compared = 0
    for name, row in abb.items():
        if "records" not in row:
            continue
        telegram = telegram_of(row)
        header = row["header"]
        if isinstance(telegram.header, Identification):
            address = telegram.header.address
            assert (address.number, address.letters) == (header["id"], header["manufacturer"])
            assert address.encode()[4:6].hex() == header["manufacturer_bytes"]
            assert (address.version, address.medium) == (header["version"], header["medium"])
        assert telegram.header is not None
        assert (telegram.header.access, telegram.header.status) == (header["access"], header["status"])
        assert [record.raw.hex().upper() for record in telegram.records] == [one["raw"] for one in row["records"]], name
        for record, one in zip(telegram.records, row["records"], strict=True):
            assert (record.function, record.storage, record.tariff, record.subunit) == (
                *(one["function"], one["storage"], one["tariff"], one["unit"]),
            )
            vib = record.header.encoded[len(record.header.dib.encode()) :]
            assert vib.hex(" ").upper() == one["vif"], name
            assert plain(record) == one["raw_value"], (name, repr(record))
            compared += 1
    assert compared == 187


def telegram_of(row: dict[str, Any]) -> Telegram:
    """The telegram of an entry; that of the wireless one behind its link header."""
    octets: bytes = row["frame"]
    if octets[0] != 0x68:
        return Telegram.decode(octets[10], octets[11:], maker.MAKER)
    frame = decode(octets)
    assert isinstance(frame, Long)
    answer = decode_answer(frame)
    assert isinstance(answer, Telegram)
    return answer


def plain(record: Record) -> int | str | None:
    """The raw value as the vectors write it."""
    content = record.content
    if isinstance(content, str):
        return content
    if record.header.dib.field.decimal:
        return int(record.data[::-1].hex())
    return int.from_bytes(record.data, "little", signed=True)
