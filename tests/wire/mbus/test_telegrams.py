"""Telegrams: headers, fixed data, alarms, and what is none of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue, ProtocolError
from wattproof.model.units import CUBIC_METRE, LITRE, NONE, WATT_HOUR
from wattproof.model.values import Scaled
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.fixed import BINARY, UNITS, FixedData
from wattproof.wire.mbus.frames import Long, decode
from wattproof.wire.mbus.media import FIXED_MEDIA, medium_name
from wattproof.wire.mbus.records import decode_records
from wattproof.wire.mbus.telegrams import (
    AlarmStatus,
    ApplicationError,
    Identification,
    ShortHeader,
    Telegram,
    decode_answer,
    encode_answer,
    maker_of,
    status_texts,
)

A41 = SecondaryAddress("00217819", 0x0442, 0x20, 2)


@pytest.mark.proves("A-041")
def test_fixed_data_have_two_counters(good: dict[str, bytes]) -> None:
    frame = decode(good["manual_frame2"])
    assert isinstance(frame, Long)
    fixed = decode_answer(frame)
    assert isinstance(fixed, FixedData)
    assert (fixed.number, fixed.access, fixed.status, fixed.medium_name) == ("12345678", 10, 0, "water")
    assert fixed.counters == ((Scaled(1, 0), LITRE), (Scaled(135, 0), LITRE))
    assert fixed.historic
    assert encode_answer(fixed) == (0x73, frame.data)
    assert FixedData.build("12345678", 10, 0, 7, (0x29, 0x3E), (1, 135)) == fixed


@pytest.mark.proves("A-041")
@pytest.mark.parametrize(
    ("code", "unit", "exponent"),
    [
        *[(0x02, "Wh", 0), (0x05, "Wh", 3), (0x0A, "Wh", 8), (0x0B, "J", 3), (0x13, "J", 11), (0x14, "W", 0)],
        *[(0x1C, "W", 8), (0x1D, "J/h", 3), (0x25, "J/h", 11), (0x26, "l", -3), (0x2B, "l", 2), (0x2C, "m³", 0)],
        *[(0x2E, "m³", 2), (0x2F, "l/h", -3), (0x34, "l/h", 2), (0x35, "m³/h", 0), (0x37, "m³/h", 2)],
        *[(0x38, "°C", -3), (0x39, "HCA", 0), (0x3F, "", 0)],
    ],
)
def test_units_of_fixed_data(code: int, unit: str, exponent: int) -> None:
    fixed = FixedData.build("00000001", 0, BINARY, 2, (code, code), (0x01020304, 0xFFFFFFFF))
    assert fixed.data == (b"\x04\x03\x02\x01", b"\xff\xff\xff\xff")
    assert [(value, str(known)) for value, known in fixed.counters] == [
        *((Scaled(number, exponent), unit) for number in (0x01020304, 0xFFFFFFFF)),
    ]


def test_what_is_no_fixed_data() -> None:
    assert set(range(0x40)) - set(UNITS) == {0x3A, 0x3B, 0x3C, 0x3D, 0x3E}
    reserved = FixedData.build("00000001", 0, 0, 15, (0x3A, 0x02), (1, 2))
    assert reserved.counters == ((None, NONE), (Scaled(2, 0), WATT_HOUR))
    spoilt = FixedData.decode(bytes.fromhex("01000000 00 00 EC 3E 0A000000 01000000"))
    assert spoilt.counters == ((None, CUBIC_METRE), (Scaled(1, 0), CUBIC_METRE))
    for data in (b"", bytes(15), bytes(17)):
        with pytest.raises(FrameError, match="16 bytes"):
            FixedData.decode(data)
    for arguments in (("1", 0, 0, 2, (0, 0), (0, 0)), ("00000001", 0, 0, 16, (0, 0), (0, 0))):
        with pytest.raises(InvalidValue):
            FixedData.build(*arguments)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        FixedData.build("00000001", 0, 0, 2, (0, 0), (10**8, 0))
    assert len(FIXED_MEDIA) == 16


@given(st.binary(min_size=16, max_size=16), st.booleans())
def test_any_sixteen_bytes_are_fixed_data(data: bytes, msb: bool) -> None:
    fixed = FixedData.decode(data, msb)
    assert encode_answer(fixed) == (0x77 if msb else 0x73, data)
    assert fixed.medium_name in FIXED_MEDIA
    assert len(fixed.counters) == 2


@pytest.mark.proves("A-041")
def test_ci_76_and_77_are_turned_round() -> None:
    energy = Declaration.parse("0C", "04").record(4711)
    lsb = Telegram.build(Identification(A41, 7, 0x10, 0x1234), [energy])
    data = bytes.fromhex("00217819 0442 20 02 07 10 1234 0C04 00004711 0F")
    msb = Telegram.decode(0x76, data)
    assert (msb.header, msb.records) == (lsb.header, lsb.records)
    assert encode_answer(msb) == (0x76, data)
    fixed = FixedData.build("12345678", 1, 0, 7, (0x29, 0x29), (1, 2))
    assert fixed.encode()[:4].hex() == "78563412"
    assert (
        FixedData.decode(bytes.fromhex("12345678 01 00 E9 69 00000001 00000002"), msb=True).counters == fixed.counters
    )


def test_headers_of_every_ci_field() -> None:
    short = Telegram.decode(0x7A, bytes.fromhex("3E 00 00 20 01 7A 05"))
    assert short.header == ShortHeader(0x3E, 0, 0x2000)
    assert encode_answer(short) == (0x7A, bytes.fromhex("3E 00 00 20 01 7A 05"))
    bare = Telegram.decode(0x78, bytes.fromhex("01 7A 05"))
    assert (bare.header, [str(record) for record in bare]) == (None, ["bus_address = 5"])
    assert encode_answer(bare) == (0x78, bytes.fromhex("01 7A 05"))
    alarm = decode_answer(Long(8, 1, 0x71, b"\x81"))
    assert alarm == AlarmStatus(0x81)
    assert encode_answer(alarm) == (0x71, b"\x81")
    assert decode_answer(Long(8, 1, 0x70, b"\x2a")) == ApplicationError(0x2A)
    assert short.with_access(300).header == ShortHeader(44, 0, 0x2000)


def test_what_is_no_answer_is_refused() -> None:
    for ci, data, kind in (
        (0x72, bytes(11), FrameError),
        (0x7A, bytes(3), FrameError),
        (0x71, b"", FrameError),
        (0x51, b"", ProtocolError),
        (0x79, b"", ProtocolError),
    ):
        with pytest.raises(kind):
            decode_answer(Long(8, 1, ci, data))


def test_a_maker_is_known_by_its_code_and_its_records_are_found_by_key() -> None:
    assert maker_of(0x0442).name == maker_of(0x8442).name == "ABB"
    assert maker_of(0x2C2D).name == ""
    data = bytes.fromhex("8E 80 40 84 00 01 00 00 00 00 00")
    telegram = Telegram.build(Identification(A41), decode_records(data, maker_of(0x0442)).records, more_follow=True)
    declared = Declaration.parse("8E 80 40", "04")
    found = telegram.find(declared.key)
    assert found is not None
    assert found.quantity == "reactive_energy_import"
    assert telegram.find(Declaration.parse("8E 40", "04").key) is None
    assert telegram.more_follow
    assert telegram.encode().endswith(b"\x1f")
    assert decode_records(data).records[0].quantity == "energy"


def test_status_bytes_and_media_have_words() -> None:
    assert status_texts(0) == []
    assert status_texts(0x2A) == ["application error", "permanent error", "manufacturer status 1"]
    assert status_texts(0x15) == ["application busy", "low power", "temporary error"]
    assert (medium_name(2), medium_name(0x0D), medium_name(0x7F)) == ("electricity", "heat and cooling", "reserved 7F")
