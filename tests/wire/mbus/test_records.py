"""Records: headers, tables, borders, and every way in which they can be wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidValue, WattproofError
from wattproof.model.values import Quality, Scaled
from wattproof.wire.mbus import headers
from wattproof.wire.mbus.abb import MAKER
from wattproof.wire.mbus.application_errors import ApplicationErrorCode, RecordError, text_of
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.dib import DataField, Dib, Function
from wattproof.wire.mbus.frames import Long, decode
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record, decode_records, encode_records
from wattproof.wire.mbus.telegrams import Telegram, decode_answer
from wattproof.wire.mbus.vib import STANDARD
from wattproof.wire.mbus.vif import FB, FD, PRIMARY, Vif, table
from wattproof.wire.mbus.vife import COMBINABLE, STATUS


def record(octets: str) -> Record:
    (found,) = decode_records(bytes.fromhex(octets)).records
    assert found.raw == bytes.fromhex(octets)
    return found


#: VIF and VIFE, what the number 1 with them is. One row at each end of every range of the standard's tables.
SCALES = [
    ("00", "energy", "0.001 Wh"),
    ("07", "energy", "10000 Wh"),
    ("08", "energy", "1 J"),
    ("0F", "energy", "10000000 J"),
    ("10", "volume", "0.000001 m³"),
    ("17", "volume", "10 m³"),
    ("18", "mass", "0.001 kg"),
    ("1F", "mass", "10000 kg"),
    ("20", "on_time", "1 s"),
    ("23", "on_time", "1 d"),
    ("25", "operating_time", "1 min"),
    ("28", "power", "0.001 W"),
    ("2F", "power", "10000 W"),
    ("30", "power", "1 J/h"),
    ("38", "volume_flow", "0.000001 m³/h"),
    ("40", "volume_flow", "0.0000001 m³/min"),
    ("4F", "volume_flow", "0.01 m³/s"),
    ("50", "mass_flow", "0.001 kg/h"),
    ("5A", "flow_temperature", "0.1 °C"),
    ("5F", "return_temperature", "1 °C"),
    ("60", "temperature_difference", "0.001 K"),
    ("65", "external_temperature", "0.01 °C"),
    ("6B", "pressure", "1 bar"),
    ("6E", "heat_cost_allocation", "1 HCA"),
    ("72", "averaging_duration", "1 h"),
    ("77", "actuality_duration", "1 d"),
    ("7A", "bus_address", "1"),
    ("FD 00", "credit", "0.001 currency"),
    ("FD 07", "debit", "1 currency"),
    ("FD 17", "error_flags", "1"),
    ("FD 1C", "baud_rate", "1 bit/s"),
    ("FD 25", "storage_interval", "1 min"),
    ("FD 28", "storage_interval", "1 mo"),
    ("FD 33", "duration_of_tariff", "1 d"),
    ("FD 39", "period_of_tariff", "1 a"),
    ("FD 40", "voltage", "0.000000001 V"),
    ("FD 48", "voltage", "0.1 V"),
    ("FD 4F", "voltage", "1000000 V"),
    ("FD 59", "current", "0.001 A"),
    ("FD 5A", "current", "0.01 A"),
    ("FD 5F", "current", "1000 A"),
    ("FD 61", "cumulation_counter", "1"),
    ("FD 68", "duration_since_cumulation", "1 h"),
    ("FD 6F", "battery_operating_time", "1 a"),
    ("FD 71", "radio_level", "1 dBm"),
    ("FD FD 02", "remaining_battery_life", "1 mo"),
    ("FB 00", "energy", "100000 Wh"),
    ("FB 03", "reactive_energy", "10000 varh"),
    ("FB 04", "apparent_energy", "1000 VAh"),
    ("FB 09", "energy", "1000000000 J"),
    ("FB 0D", "energy", "1000000 cal"),
    ("FB 10", "volume", "100 m³"),
    ("FB 14", "reactive_power", "1 var"),
    ("FB 19", "mass", "1000 t"),
    ("FB 1A", "relative_humidity", "0.1 %"),
    ("FB 21", "volume", "0.1 ft³"),
    ("FB 23", "volume", "1 gal"),
    ("FB 24", "volume_flow", "0.001 gal/min"),
    ("FB 29", "power", "1000000 W"),
    ("FB 2A", "phase_angle_voltage", "0.1 °"),
    ("FB 2B", "phase_angle_current", "0.1 °"),
    ("FB 2C", "frequency", "0.001 Hz"),
    ("FB 30", "power", "100000000 J/h"),
    ("FB 37", "apparent_power", "1000 VA"),
    ("FB 58", "flow_temperature", "0.001 °F"),
    ("FB 74", "temperature_limit", "0.001 °C"),
    ("FB 7F", "maximum_power", "10000 W"),
    ("93 70", "volume times 10^-6", "0.000000001 m³"),
    ("93 77", "volume times 10^1", "0.01 m³"),
    ("93 7D", "volume times 10^3", "1 m³"),
    ("93 F7 7D", "volume times 10^1 times 10^3", "10 m³"),
    ("AB 22", "power per hour", "1 W"),
    ("AB 2C", "power per litre", "1 W"),
    ("AB 30", "power per kilowatt hour", "1 W"),
    ("AB 38", "power times second per ampere", "1 W"),
    ("93 3B", "volume positive contributions", "0.001 m³"),
    ("AB 40", "power lower limit", "1 W"),
    ("AB 48", "power upper limit", "1 W"),
    ("AB 49", "power exceeds of upper limit", "1"),
    ("AB 5D", "power duration of last exceed of upper limit", "1 min"),
    ("AB 63", "power duration of first", "1 d"),
    ("AB 7A", "power additive constant 10^-1", "1 W"),
    ("AB 7E", "power future value", "1 W"),
    ("AB FC 01", "power L1", "1 W"),
    ("AB FC 07", "power L1-L3", "1 W"),
    ("FD C8 12", "voltage average", "0.1 V"),
]


@pytest.mark.proves("A-038")
@pytest.mark.parametrize(("vib", "name", "value"), SCALES, ids=[row[0] for row in SCALES])
def test_codes_scale_as_the_standard_has_them(vib: str, name: str, value: str) -> None:
    found = record(f"01 {vib} 01")
    assert str(found) == f"{name} = {value}"
    assert found.header.known
    assert found.quality is Quality.GOOD


@pytest.mark.proves("A-038")
def test_the_tables_have_every_code_of_the_standard() -> None:
    without = {0x7B, 0x7C, 0x7D}  # FB, FC, FD
    assert set(PRIMARY) == set(range(0x80)) - without
    reserved = set(range(0x77, 0x80))
    assert set(FD) == set(range(0x80)) - reserved
    gaps = [*range(0x06, 0x08), *range(0x0A, 0x0C), *range(0x12, 0x14), *range(0x1C, 0x20), 0x27, 0x32, 0x33]
    assert set(FB) == set(range(0x80)) - {*gaps, *range(0x38, 0x58), 0x6F}
    assert set(COMBINABLE) == set(range(0x20, 0x80)) - {0x44, 0x45, 0x4C, 0x4D, 0x7C, 0x7F}
    assert len(STATUS) == 18
    with pytest.raises(ValueError, match="stands twice"):
        table(iter([(1, Vif("a"))]), iter([(1, Vif("b"))]))


@pytest.mark.proves("A-038")
@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("04 93 39 22 10 8D 11", "volume start of = 2012-01-13 16:34"),
        ("02 AB 6A D1 18", "power begin of first = 2014-08-17"),
        ("44 AB 4E 22 10 8D 11", "power begin of last exceed of upper limit storage 1 = 2012-01-13 16:34"),
        ("03 6D 3B 3A 17", "date_time = 23:58:59"),
        ("02 6C D1 18", "date = 2014-08-17"),
        ("0B FD 72 01 02 03", "daylight_saving = 01 02 03"),
        ("01 FF 13 04", "manufacturer_specific manufacturer VIFE 19 = 4"),
        ("01 7F 04", "manufacturer_specific = 4"),
        ("01 FD 7A 04", "unknown unknown FD VIF 122 = 4"),
        ("01 FB 6F 04", "unknown unknown FB VIF 111 = 4"),
        ("01 93 FC 7E 04", "volume unknown FC VIFE 126 = 0.004 m³"),
        ("01 93 85 02 04", "volume unknown VIFE 5 = storage number not implemented"),
        ("01 93 11 04", "volume = reserved status 11"),
        ("08 13", "volume = "),
    ],
)
def test_other_values_and_unknown_codes_decode(octets: str, text: str) -> None:
    found = record(octets)
    assert str(found).startswith(text.strip())
    assert found.header.known is not ("unknown" in text or "manufacturer" in text)


@pytest.mark.proves("A-044")
@pytest.mark.parametrize(
    ("status", "quality"), [(0x00, Quality.GOOD), (0x15, Quality.MISSING), (0x18, Quality.INVALID)]
)
def test_the_record_status_is_no_part_of_the_key(status: int, quality: Quality) -> None:
    with_status, without = record(f"04 84 {status:02X} 01 00 00 00"), record("04 04 01 00 00 00")
    assert with_status.key == without.key
    assert (with_status.status, without.status) == (status, None)
    assert with_status.quality is quality
    assert with_status.value == (Scaled(1, 1) if quality is Quality.GOOD else None)
    assert with_status.content == 1
    assert with_status.status_text == STATUS[status]
    text, plain = record("01 FC 02 68 57 15 01"), record("01 7C 02 68 57 01")
    assert text.key == plain.key
    assert (plain.quantity, str(plain.unit), plain.value) == ("plain_text", "Wh", Scaled(1, 0))


@pytest.mark.proves("A-039", "A-034")
def test_a_plain_text_unit_is_read_backwards_and_stands_before_the_vife() -> None:
    found = record("02 FC 03 48 52 25 74 C8 11")
    assert (str(found.unit), str(found.qualifiers[0]), found.header.exponent) == ("%RH", "times 10^-2", -2)
    assert found.value == Scaled(0x11C8, -2)
    assert Declaration(found.header.dib, found.key.chain).record(0x11C8) == found
    two = decode_records(bytes.fromhex("01 7C 01 41 05 01 7C 01 42 06")).records
    assert [str(one.unit) for one in two] == ["A", "B"]


@pytest.mark.proves("A-033")
@pytest.mark.parametrize(
    ("octets", "storage", "tariff", "subunit", "shortest"),
    [
        ("8E B0 00", 0, 3, 0, "8E 30"),
        ("CE C0 80 80 00", 1, 0, 1, "CE 40"),
        ("CE 40", 1, 0, 1, "CE 40"),
        ("8E 80 80 80 40", 0, 0, 8, "8E 80 80 80 40"),
        ("84 8F 0F", 510, 0, 0, "84 8F 0F"),
        ("C4 8F 0F", 511, 0, 0, "C4 8F 0F"),
        ("8E 80 50", 0, 4, 2, "8E 80 50"),
        ("04", 0, 0, 0, "04"),
        ("C4" + " FF" * 9 + " 7F", (1 << 41) - 1, (1 << 20) - 1, 1023, "C4" + " FF" * 9 + " 7F"),
    ],
)
def test_numbers_are_assembled_from_dife_and_written_with_the_fewest(
    octets: str, storage: int, tariff: int, subunit: int, shortest: str
) -> None:
    data = bytes.fromhex(octets)
    block, end = Dib.decode(data)
    assert (block.storage, block.tariff, block.subunit, end) == (storage, tariff, subunit, len(data))
    assert block.encode().hex(" ").upper() == shortest


@pytest.mark.proves("A-040", "A-032")
@pytest.mark.parametrize(
    ("octets", "code", "reason"),
    [
        ("04 13 01 00 00", 4, "1 of its data bytes are missing"),
        ("84" + " 80" * 10 + " 00 13 01 00 00 00", 5, "more than 10 DIFE"),
        ("04 93" + " BB" * 10 + " 00 01 00 00 00", 6, "more than 10 VIFE"),
        ("04", 4, "its VIF and VIFE have no end"),
        ("84", 4, "its DIF and DIFE have no end"),
        ("04 93 FF", 4, "have no end"),
        ("04 7C", 4, "have no end"),
        ("04 FC 09 41", 4, "have no end"),
        ("0D 13", 4, "its LVAR byte is missing"),
        ("0D 13 05 41", 4, "4 of its data bytes are missing"),
        ("0D 13 F7", 0, "its LVAR F7 is reserved"),
        ("3F", 0, "its DIF 3F is reserved"),
        ("6F", 0, "its DIF 6F is reserved"),
        ("8F 01 13", 0, "its DIF 8F is reserved"),
    ],
)
def test_what_is_no_record_is_refused_with_the_code_that_a_meter_answers(octets: str, code: int, reason: str) -> None:
    good = bytes.fromhex("01 7A 05")
    with pytest.raises(RecordError, match=f"record at byte 3: .*{reason}") as caught:
        decode_records(good + bytes.fromhex(octets))
    assert (caught.value.code, caught.value.offset) == (code, 3)


@pytest.mark.proves("A-040")
def test_ten_dife_and_ten_vife_are_taken() -> None:
    found = record("84" + " 80" * 9 + " 00 93" + " BB" * 9 + " 3B 01 00 00 00")
    assert len(found.qualifiers) == 10
    assert found.value == Scaled(1, -3)


@pytest.mark.proves("A-034", "A-035")
def test_fillers_are_skipped_and_markers_end_the_records() -> None:
    data = bytes.fromhex("2F 2F 01 7A 05 2F 7F 01 7A 06 2F 1F DE AD")
    found = decode_records(data)
    assert [str(one) for one in found.records] == ["bus_address = 5", "everything = ", "bus_address = 6"]
    assert [one.filler for one in found.records] == [2, 1, 0]
    assert (found.more_follow, found.manufacturer_data) == (True, b"\xde\xad")
    assert found.encode() == data
    assert decode_records(b"").encode() == b""
    assert decode_records(b"\x2f\x2f").encode() == b"\x2f\x2f"
    assert decode_records(b"\x0f\x1f").more_follow is False
    assert encode_records(found.records[:1], more_follow=False) == bytes.fromhex("2F 2F 01 7A 05 0F")


@pytest.mark.proves("A-034")
def test_a_binary_of_variable_length_is_kept(good: dict[str, bytes]) -> None:
    frame = decode(good["example_binary16_lvar"])
    assert isinstance(frame, Long)
    answer = decode_answer(frame)
    assert isinstance(answer, Telegram)
    assert answer.records[0].value == bytes.fromhex("17 3E D1 DC B3 1A B5 3D 01 93 A6 27 2A 5B 07 96")


def test_most_significant_byte_first_is_turned_round_and_back() -> None:
    data = bytes.fromhex("04 13 00 00 10 92 0D FD 0E 02 41 42 0F")
    found = decode_records(data, msb=True)
    assert found.records[0].value == Scaled(0x1092, -3)
    assert found.encode(msb=True) == data
    assert found.encode() == bytes.fromhex("04 13 92 10 00 00 0D FD 0E 02 42 41 0F")


def test_declarations_refuse_what_they_cannot_say() -> None:
    for dib, vib in (("", "13"), ("04", ""), ("04 04", "13"), ("04", "13 13"), ("04", "7C 05")):
        with pytest.raises((InvalidValue, RecordError)):
            Declaration.parse(dib, vib)
    for block in (Dib(DataField.INT8, storage=-1), Dib(DataField.INT8, storage=1 << 41)):
        with pytest.raises(InvalidValue):
            block.encode()
    real = Declaration(Dib(DataField.REAL32), b"\x2b")
    assert real.record(Scaled.of("1.5")).value == Scaled(15, -1)
    assert Declaration(Dib(DataField.REAL32), b"\x2d").record(Scaled.of("1.5E2")).content == 1.5
    assert Declaration(Dib(DataField.NONE), b"\x7e").record().raw == b"\x00\x7e"


def test_errors_of_the_application_have_their_texts() -> None:
    assert text_of(8) == "application busy"
    assert text_of(None) == text_of(0) == "unspecified error"
    assert text_of(0x42) == "reserved code 66"
    assert all(text_of(code) for code in ApplicationErrorCode)


def test_what_is_remembered_is_bounded() -> None:
    for storage in range(3 * headers.HEADER_LIMIT // 2):
        decode_records(Dib(DataField.INT8, storage=storage).encode() + b"\x13\x05")
    assert len(STANDARD.headers) <= headers.HEADER_LIMIT


def test_a_guessed_header_is_only_taken_if_it_is_the_one_that_stands_there() -> None:
    usual, other = bytes.fromhex("01 7A 05 0C 13 01 00 00 00"), bytes.fromhex("01 7A 05 0C 93 3B 01 00 00 00")
    texts = bytes.fromhex("01 7A 05 01 FC 01 41 00 07"), bytes.fromhex("01 7A 05 01 FC 01 42 00 07")
    for data in (usual, usual, other, usual, *texts, *texts, other, other[:-1] + b"\x02"):
        found = decode_records(data)
        assert found.encode() == data
        assert [one.header.encoded for one in found.records][1] == data[3 : -4 if data[3] == 0x0C else -1]
    with pytest.raises(RecordError):
        decode_records(usual[:-1])


DIBS = st.builds(
    Dib,
    st.sampled_from([one for one in DataField if one is not DataField.SPECIAL]),
    st.sampled_from(Function),
    st.one_of(st.integers(0, 40), st.integers(0, (1 << 41) - 1)),
    st.one_of(st.integers(0, 4), st.integers(0, (1 << 20) - 1)),
    st.one_of(st.integers(0, 8), st.integers(0, 1023)),
)
CHAINS = st.lists(st.sampled_from(sorted(set(PRIMARY) - {0x7F})), min_size=1, max_size=1).flatmap(
    lambda first: st.lists(st.sampled_from(sorted(COMBINABLE)), max_size=9).map(
        lambda rest: bytes(code | 0x80 for code in (first + rest)[:-1]) + bytes((first + rest)[-1:])
    )
)


@given(DIBS, CHAINS, st.none() | st.sampled_from(sorted(STATUS)), st.sampled_from([STANDARD, MAKER]), st.data())
def test_any_declared_record_is_read_back(
    block: Dib, chain: bytes, status: int | None, maker: object, data: st.DataObject
) -> None:
    declared = Declaration(block, chain, MAKER if maker is MAKER else STANDARD)
    header = declared.header(status)
    if header.size < 0:
        body = data.draw(st.binary(max_size=20).map(lambda octets: bytes((len(octets),)) + octets))
    else:
        body = data.draw(st.binary(min_size=header.size, max_size=header.size))
    octets = header.encoded + body
    (found,) = decode_records(octets, declared.maker).records
    assert (found.raw, found.key, found.status, found.header.dib) == (octets, declared.key, status, block)
    assert (found.value is None) is (found.quality is not Quality.GOOD or found.content is None)
    assert str(found)


@settings(max_examples=200)
@given(st.binary(max_size=60), st.sampled_from([STANDARD, MAKER]), st.booleans())
def test_any_bytes_are_records_or_one_typed_error(octets: bytes, maker: object, msb: bool) -> None:
    try:
        found = decode_records(octets, MAKER if maker is MAKER else STANDARD, msb)
    except RecordError as error:
        assert 0 <= error.offset <= len(octets)
        return
    assert found.encode(msb) == octets
    for one in found.records:
        assert isinstance(str(one), str)
        assert one.quality in Quality


@pytest.mark.proves("A-045")
def test_no_cut_or_changed_telegram_raises_anything_but_our_errors(wired: dict[str, bytes]) -> None:
    for name in ("a41-readout-2", "metrona_ultraheat_xs", "siemens_rvd235", "manual_frame2", "elv_temp_humid"):
        frame = decode(wired[name])
        assert isinstance(frame, Long)
        changed = [frame.data[:cut] for cut in range(len(frame.data))]
        changed += [
            frame.data[:at] + bytes((frame.data[at] ^ 1 << bit,)) + frame.data[at + 1 :]
            for at in range(len(frame.data))
            for bit in (0, 4, 7)
        ]
        for data in changed:
            try:
                answer = decode_answer(Long(frame.control, frame.address, frame.ci, data))
            except WattproofError:
                continue
            if isinstance(answer, Telegram):
                assert all(isinstance(str(one), str) for one in answer)
                assert answer.encode() == data


def test_values_are_exact() -> None:
    assert record("05 2B 33 33 B3 3F").value == Scaled.of(Decimal("1.4"))
    moment = record("0E 6D 00 15 00 16 08 14").value
    assert isinstance(moment, Moment)
    assert str(moment) == "2014-08-16 00:15:00"
    assert record("01 7A FA").value == Scaled(250, 0)
    assert record("01 80 00 80").quality is Quality.INVALID
